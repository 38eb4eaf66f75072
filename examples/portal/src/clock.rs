//! The portal's clock: the machine's, which a browser test may turn ahead when the portal was started for that.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mfa_core::fault::Fault;
use mfa_core::port::clock::{Clock, SystemClock};
use mfa_core::time::Timestamp;

/// The machine's time plus what a test has added to it. Clones share that offset.
#[derive(Clone, Debug, Default)]
pub struct PortalClock {
    ahead: Arc<AtomicU64>,
}

impl PortalClock {
    /// A clock that tells the machine's time.
    pub fn new() -> Self {
        Self::default()
    }

    /// Turns the clock ahead, for good. Called by nothing but the route that `--danger-test-clock` opens.
    pub fn danger_turn_ahead(&self, by: Duration) {
        self.ahead.fetch_add(by.as_secs(), Ordering::SeqCst);
    }
}

impl Clock for PortalClock {
    fn now(&self) -> Result<Timestamp, Fault> {
        let ahead = Duration::from_secs(self.ahead.load(Ordering::SeqCst));
        SystemClock.now().map(|now| now.after(ahead))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turning_one_clone_turns_all() {
        let clock = PortalClock::new();
        let before = clock.now().unwrap();
        clock.clone().danger_turn_ahead(Duration::from_secs(600));
        assert!(clock.now().unwrap() >= before.after(Duration::from_secs(600)));
    }
}
