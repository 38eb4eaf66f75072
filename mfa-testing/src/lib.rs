//! Test kit for portals with a second factor: a suite for stores, stores that fail, and doubles for the rest.

pub mod store;
