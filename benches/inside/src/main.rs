//! A whole sign-in part by part: arithmetic and cipher, the pure account, its record, the store, and the service over all.
//!
//! What an account does to itself is private to the core, and stays so: this program is the core's own sources with
//! measurements beside them, so that nothing is made public, or behind a feature, for being measured.
//!
//! `cargo run --release -p inside` prints the tables; `cargo run --release -p inside -- profile 2000` makes so many sign-ins
//! and nothing else, for `valgrind --tool=callgrind`.
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "the library's sources in a program that uses a part of them"
)]

#[path = "../../../mfa-core/src/account/mod.rs"]
mod account;
#[path = "../../../mfa-core/src/base64url.rs"]
mod base64url;
#[path = "../../../mfa-core/src/challenge.rs"]
mod challenge;
#[path = "../../../mfa-core/src/config.rs"]
mod config;
#[path = "../../../mfa-core/src/event.rs"]
mod event;
#[path = "../../../mfa-core/src/factor/mod.rs"]
mod factor;
#[path = "../../../mfa-core/src/fault.rs"]
mod fault;
#[path = "../../../mfa-core/src/giving_way.rs"]
mod giving_way;
#[path = "../../../mfa-core/src/hashing.rs"]
mod hashing;
#[path = "../../../mfa-core/src/id.rs"]
mod id;
mod measured;
mod person;
#[path = "../../../mfa-core/src/policy.rs"]
mod policy;
#[path = "../../../mfa-core/src/port/mod.rs"]
mod port;
#[path = "../../../mfa-core/src/proof.rs"]
mod proof;
#[path = "../../../mfa-core/src/refusal.rs"]
mod refusal;
#[path = "../../../mfa-core/src/secret.rs"]
mod secret;
#[path = "../../../mfa-core/src/service/mod.rs"]
mod service;
#[path = "../../../mfa-core/src/settings.rs"]
mod settings;
#[path = "../../../mfa-core/src/sync.rs"]
mod sync;
#[path = "../../../mfa-core/src/throttle.rs"]
mod throttle;
#[path = "../../../mfa-core/src/ticket.rs"]
mod ticket;
#[path = "../../../mfa-core/src/time.rs"]
mod time;

use crate::person::Portal;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let portal = Portal::open();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["profile", count] => {
            let count: u32 = count.parse().unwrap_or_default();
            for _ in 0..count {
                portal.sign_in();
            }
        }
        _ => measured::print(&portal),
    }
}
