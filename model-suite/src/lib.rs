//! Histories: two accounts, four browsers, and whatever people, thieves and administrators do in whichever order.
//!
//! A [`History`] runs each [`Deed`] on the real service, and keeps beside it a plain account of what has been done. Where the
//! service lets somebody in, or changes something, that it shouldn't have by that account, the history panics. Property
//! tests and the fuzzer bring the deeds.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "the whole crate is a test; a failure is what it is for"
)]

mod deed;
mod history;
mod known;

pub use deed::{Deed, Kind, Typed};
pub use history::{History, Tally};
