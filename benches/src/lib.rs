//! What the measurements share: people with second factors on a store, and how times are summed up.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "measurements stop at the first surprise"
)]

pub mod floor;
pub mod people;

use std::time::Duration;

/// The one in the middle.
pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
