//! For people who write a store, and for people who test what a store's failures and races do.

mod cases;

pub mod broken;
pub mod conformance;
pub mod faulty;
pub mod fixture;
pub mod interleaved;
pub mod report;
