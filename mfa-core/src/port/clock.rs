//! The clock port: the only place time comes from.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::fault::{Fault, FaultKind};
use crate::time::Timestamp;

/// Tells the time. The server's own, never the client's (ASVS 5.0 V6.5.8).
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    ///
    /// # Errors
    /// If the time can't be had; whoever asked is then refused.
    fn now(&self) -> Result<Timestamp, Fault>;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Result<Timestamp, Fault> {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map(|since| Timestamp::from_unix(since.as_secs()))
            .map_err(|before_1970| Fault::caused_by(FaultKind::Clock, before_1970))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_clock_is_what_is_read() {
        let seconds = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let before = seconds();
        let now = SystemClock.now().unwrap().as_unix();
        assert!((before..=seconds()).contains(&now), "{before} {now}");
    }
}
