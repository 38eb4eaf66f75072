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
pub mod mail;
pub mod person;
pub mod phone;
pub mod site;
pub mod walks;

/// Whether the tools are there. `cargo xtask test` gets them and says so; a plain `cargo test` goes without.
#[must_use]
#[allow(clippy::print_stdout, reason = "said in the output of the test that was left out")]
pub fn has_tools() -> bool {
    let there = std::env::var("MFA_TEST_TOOLS").is_ok_and(|value| value == "1");
    if !there {
        println!("left out: it needs a browser; run `cargo xtask test`");
    }
    there
}
