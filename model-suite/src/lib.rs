//! Histories: two accounts, four browsers, and whatever people, thieves and administrators do in whichever order.
//!
//! A [`History`] runs each [`Deed`] on the real service, and is held to two things. Beside it goes a plain account of what has
//! been done: where the service lets somebody in, or changes something, that it shouldn't have by that account, the history
//! panics. And a [`Model`] says beforehand what each deed comes to, by plain rules: the history panics too where the service
//! refuses what it should grant, or tells another reason or another wait. Property tests and the fuzzer bring the deeds.
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
mod model;

pub use deed::{Deed, Kind, Typed};
pub use history::{History, Tally};
pub use model::{Came, Model, Portal, Stands};
