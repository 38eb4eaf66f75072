//! What every web adapter has to do, as cases that speak HTTP over a socket to a test portal.
//!
//! An adapter builds [`adapter::TestApp`] in its framework and lists the cases as tests of its own:
//!
//! ```text
//! http_suite::each_case!(#[tokio::test], Axum, "axum");
//! ```
//!
//! Nothing in here knows a framework: what passes with one and fails with another is the adapter's defect.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "the whole crate is tests; a failure is what they are for"
)]

pub mod adapter;
pub mod browser;
pub mod cases;
pub mod crowd;
pub mod journey;
pub mod page;
pub mod post;
mod servers;
pub mod world;

/// Notes a case that has passed, for the table of the run.
#[doc(hidden)]
pub fn passed(adapter: &str, module: &str, case: &str) {
    test_tools::cases::passed("http", adapter, &format!("{module}: {case}"));
}
