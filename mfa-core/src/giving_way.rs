//! When slow hashes give way to requests, and when they have given way for long enough.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A hash that gave way and took longer than this, ten times what it takes alone, was left waiting for the processor.
const LONG: Duration = Duration::from_millis(250);

/// How many hashes then keep their priority, before another one tries whether there is room again.
const KEPT: usize = 50;

/// Counts how many hashes still keep their priority. A hint alone: whoever reads it a moment too early or too late starts one
/// hash at the other priority.
#[derive(Debug, Default)]
pub(crate) struct GivingWay {
    keeping: AtomicUsize,
}

impl GivingWay {
    /// Whether the hash that starts now gives way.
    pub(crate) fn starts(&self) -> bool {
        self.keeping
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |keeping| keeping.checked_sub(1))
            .is_err()
    }

    /// How long one took that gave way.
    pub(crate) fn took(&self, time: Duration) {
        if time > LONG {
            self.keeping.store(KEPT, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_left_waiting_is_followed_by_some_that_keep_their_priority() {
        let giving_way = GivingWay::default();
        assert!(giving_way.starts() && giving_way.starts());
        giving_way.took(LONG);
        assert!(giving_way.starts(), "not longer than it may take");
        giving_way.took(LONG + Duration::from_nanos(1));
        for turn in 0..KEPT {
            assert!(!giving_way.starts(), "{turn}");
        }
        assert!(giving_way.starts() && giving_way.starts());
    }
}
