//! Second factors for Rust portals: the rules, without a framework, a runtime or a clock of their own.
//!
//! [`service::Mfa`] is the handle; [`port`] is what it needs from outside; [`factor`] has the parts for those who
//! want only these. Features, all on by default: `keyring` (the ready-made sealer, [`port::sealer`]), `qr`
//! (QR codes as SVG) and `priority` (slow hashes give way to requests, on Linux; [`hashing`]).

pub mod account;
mod base64url;
pub mod challenge;
pub mod config;
pub mod event;
pub mod factor;
pub mod fault;
mod giving_way;
pub mod hashing;
pub mod id;
pub mod policy;
pub mod port;
pub mod proof;
pub mod refusal;
pub mod secret;
pub mod service;
pub mod settings;
mod sync;
pub mod throttle;
pub mod ticket;
pub mod time;
