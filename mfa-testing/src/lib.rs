//! Test kit for portals with a second factor: a suite for stores, stores that fail, and doubles for the rest.
//!
//! * Your own store: [`store::conformance`]. It is run against ours as well.
//! * Your own portal: [`clock`] to turn instead of waiting, [`sender`] to read the messages people would get,
//!   [`app`] as the phone in their hand, [`entropy`] that repeats itself, [`directory`] with people in it.
//! * Secrets where none belong: [`leak`] looks for them in a log or a page.
//! * Failures and races: [`store::faulty`] fails at the call you name, [`store::interleaved`] makes requests
//!   meet that would meet once in a year.
//!
//! All doubles are cheap to clone, and clones share their state: give one to the builder and keep the other.

pub mod app;
pub mod clock;
pub mod directory;
pub mod entropy;
pub mod leak;
pub mod sender;
pub mod store;
