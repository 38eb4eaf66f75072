//! A clock that a test turns by hand, so that no test waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use mfa_core::fault::{Fault, FaultKind};
use mfa_core::port::clock::Clock;
use mfa_core::time::Timestamp;

/// A clock that stands still until it is turned. Clones are the same clock.
///
/// ```
/// use std::time::Duration;
/// use mfa_core::port::clock::Clock;
/// use mfa_testing::clock::ManualClock;
///
/// let clock = ManualClock::default();
/// let before = clock.now()?;
/// clock.advance(Duration::from_secs(30));
/// assert_eq!(clock.now()?.since(before), Duration::from_secs(30));
/// # Ok::<(), mfa_core::fault::Fault>(())
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock {
    seconds: Arc<AtomicU64>,
    broken: Arc<AtomicBool>,
}

/// 2026-11-23T09:00:00Z, a Monday morning.
impl Default for ManualClock {
    fn default() -> Self {
        Self::at(Timestamp::from_unix(1_795_424_400))
    }
}

impl ManualClock {
    /// A clock that says `time`.
    pub fn at(time: Timestamp) -> Self {
        Self { seconds: Arc::new(AtomicU64::new(time.as_unix())), broken: Arc::default() }
    }

    /// Turns it to `time`, forwards or back.
    pub fn set(&self, time: Timestamp) {
        self.seconds.store(time.as_unix(), Ordering::SeqCst);
    }

    /// Turns it forwards.
    pub fn advance(&self, span: Duration) {
        self.set(self.time().after(span));
    }

    /// Turns it back.
    pub fn step_back(&self, span: Duration) {
        self.set(self.time().before(span));
    }

    /// What it says, broken or not.
    pub fn time(&self) -> Timestamp {
        Timestamp::from_unix(self.seconds.load(Ordering::SeqCst))
    }

    /// Makes it fail, or work again.
    pub fn set_broken(&self, broken: bool) {
        self.broken.store(broken, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Result<Timestamp, Fault> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(Fault::caused_by(FaultKind::Clock, "the test broke the clock"));
        }
        Ok(self.time())
    }
}
