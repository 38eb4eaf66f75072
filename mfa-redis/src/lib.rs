//! Second-factor storage in Redis, for portals on several machines.

pub mod error;
mod key;
mod link;
pub mod options;
pub mod persistence;
mod script;
pub mod store;
mod value;
