//! Every schedule, where there are few enough, and many of the others.
//!
//! The service runs as it is, over a store that lets another task go first at every call. The pool of slow hashes and the
//! calls that gather are compiled a second time, from their own files, over `shuttle`'s threads, locks and atomics instead of
//! the standard library's: `sync` and `runtime` here stand where their crates have modules of those names.
//!
//! `SCHEDULES=n` runs n random schedules of each case instead of a few hundred. A failure prints its schedule, which
//! `shuttle::replay` takes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "the whole target is a test; a failure is what it is for, and it says how much it has done"
)]

mod calls_that_gather;
mod explore;
mod hash_pool;
mod runtime;
mod scene;
mod service;
mod sync;

#[path = "../../../mfa-batch/src/gathering.rs"]
#[allow(dead_code, unreachable_pub, reason = "the file of another crate, whose public items it has")]
mod gathering;
#[path = "../../../mfa-batch/src/telling.rs"]
mod telling;
// A hint that nothing waits for: over the standard library's atomics, or every case would have many more schedules.
#[path = "../../../mfa-core/src/giving_way.rs"]
mod giving_way;
#[path = "../../../mfa-core/src/hashing.rs"]
#[allow(dead_code, unreachable_pub, reason = "the file of another crate, whose public items it has")]
mod hashing;

// What `hashing.rs` imports of its crate.
use mfa_core::{fault, refusal};
