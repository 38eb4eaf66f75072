//! Test kit for portals with a second factor: a suite for stores, stores that fail, and doubles for the rest.

pub mod app;
pub mod clock;
pub mod directory;
pub mod entropy;
pub mod sender;
pub mod store;
