//! A clock to turn by hand, so that no test waits.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mfa_core::fault::{Fault, FaultKind};
use mfa_core::port::clock::Clock;
use mfa_core::time::Timestamp;

/// Stands still until it is turned, and fails when it is told to.
///
/// ```
/// use std::time::Duration;
/// use mfa_core::port::clock::Clock;
/// use mfa_core::time::Timestamp;
/// use mfa_testing::clock::ManualClock;
///
/// let clock = ManualClock::at(Timestamp::from_unix(1_800_000_000));
/// let given_away = clock.clone();
/// clock.advance(Duration::from_secs(30));
/// assert_eq!(given_away.now()?, Timestamp::from_unix(1_800_000_030));
/// # Ok::<(), mfa_core::fault::Fault>(())
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    now: Timestamp,
    failing: bool,
}

impl ManualClock {
    /// A clock that shows `now`.
    pub fn at(now: Timestamp) -> Self {
        Self {
            state: Arc::new(Mutex::new(State { now, failing: false })),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it shows, also while it fails for others.
    pub fn shows(&self) -> Timestamp {
        self.lock().now
    }

    /// Turns it forward and answers what it shows then.
    pub fn advance(&self, by: Duration) -> Timestamp {
        let mut state = self.lock();
        state.now = state.now.after(by);
        state.now
    }

    /// Turns it back, as a mistaken operator or a virtual machine restored from a snapshot does.
    pub fn step_back(&self, by: Duration) -> Timestamp {
        let mut state = self.lock();
        state.now = state.now.before(by);
        state.now
    }

    /// Sets it to a time, earlier or later.
    pub fn set(&self, now: Timestamp) {
        self.lock().now = now;
    }

    /// From here on every reading fails, until this is called with `false`.
    pub fn fail(&self, failing: bool) {
        self.lock().failing = failing;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Result<Timestamp, Fault> {
        let state = self.lock();
        if state.failing {
            return Err(Fault::caused_by(FaultKind::Clock, "the clock fails on purpose"));
        }
        Ok(state.now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_turns_both_ways_and_fails_when_told() {
        let clock = ManualClock::at(Timestamp::from_unix(100));
        let other = clock.clone();
        assert_eq!(clock.advance(Duration::from_secs(5)), Timestamp::from_unix(105));
        assert_eq!(clock.step_back(Duration::from_secs(50)), Timestamp::from_unix(55));
        clock.fail(true);
        assert_eq!(other.now().unwrap_err().kind(), FaultKind::Clock);
        assert_eq!(other.shows(), Timestamp::from_unix(55));
        clock.fail(false);
        clock.set(Timestamp::from_unix(7));
        assert_eq!(other.now().unwrap(), Timestamp::from_unix(7));
    }
}
