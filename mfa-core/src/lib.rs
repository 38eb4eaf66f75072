//! Second factors for Rust portals: the rules, without a framework, a runtime or a clock of their own.

pub mod config;
pub mod factor;
pub mod fault;
pub mod hashing;
pub mod id;
pub mod port;
pub mod refusal;
pub mod secret;
pub mod time;
