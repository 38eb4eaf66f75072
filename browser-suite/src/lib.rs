//! Walks through an example portal in a real Chromium: what a person sees, types and presses, page after page.
//!
//! A walk gets the path of a portal's program and knows nothing of the framework behind it, so that every adapter's
//! portal walks the same way. Every page a walk comes to is checked with axe, at the width it is looked at.
//! `cargo xtask test` brings what is needed: Chromium, its driver, axe, oathtool, zbarimg and a mail server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a library of tests: a failure is a panic, with the page that was there"
)]

pub mod browser;
pub mod every_walk;
pub mod mail;
pub mod person;
pub mod phone;
pub mod site;
pub mod walks;

#[doc(hidden)]
pub use mfa_core::port::sender::Locale;
