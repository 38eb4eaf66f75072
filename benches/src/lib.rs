//! What the measurements share: people with second factors on a store, and how times are summed up.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "measurements stop at the first surprise"
)]

pub mod cores;
pub mod floor;
pub mod people;
pub mod portal;

use std::time::Duration;

/// The one that so many of a hundred don't exceed.
pub fn percentile(mut times: Vec<Duration>, of_a_hundred: usize) -> Duration {
    times.sort();
    times[(times.len() * of_a_hundred / 100).min(times.len() - 1)]
}

/// As it stands in tables.
pub fn microseconds(time: Duration) -> String {
    let microseconds = time.as_secs_f64() * 1e6;
    if microseconds < 100.0 { format!("{microseconds:.1}") } else { format!("{microseconds:.0}") }
}

/// The one in the middle.
pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
