//! The throttle: wrong answers in a row, the waits they cost, and when a factor is disabled for good.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// How many wrong answers are borne (NIST SP 800-63B-4 §3.2.2, RFC 4226 §7.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Tries a challenge has.
    pub per_challenge: u8,
    /// The wrong answer in a row from which on an account has to wait: with 10, nine cost nothing.
    pub free: u16,
    /// The first wait; each further wrong answer doubles it.
    pub first_wait: Duration,
    /// The longest wait.
    pub longest_wait: Duration,
    /// Wrong answers in a row that disable a factor: at most 100.
    pub disable_at: u16,
    /// Tries that delivered codes have in one challenge, however many are sent.
    pub delivered: u8,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            per_challenge: 5,
            free: 10,
            first_wait: Duration::from_secs(30),
            longest_wait: Duration::from_secs(3600),
            disable_at: Self::MOST,
            delivered: 3,
        }
    }
}

impl Limits {
    /// The most wrong answers in a row that may disable a factor.
    pub(crate) const MOST: u16 = 100;

    /// No limits that matter: for load tests only.
    pub(crate) const UNLIMITED: Self = Self {
        per_challenge: u8::MAX,
        free: u16::MAX,
        first_wait: Duration::ZERO,
        longest_wait: Duration::ZERO,
        disable_at: u16::MAX,
        delivered: u8::MAX,
    };

    /// The wait after `failures` wrong answers in a row; `None` while they are free.
    fn wait_after(&self, failures: u16) -> Option<Duration> {
        let over = failures.checked_sub(self.free)?;
        let doubled = 1u32.checked_shl(u32::from(over)).unwrap_or(u32::MAX);
        Some(self.first_wait.saturating_mul(doubled).min(self.longest_wait))
    }
}

/// Wrong answers in a row on one account, whatever the method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Throttle {
    #[serde(rename = "n", default)]
    failures: u16,
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
}

impl Throttle {
    /// How long to wait still; `None` if an answer may be given now.
    pub fn wait(&self, now: Timestamp) -> Option<Duration> {
        self.until.filter(|until| *until > now).map(|until| until.since(now))
    }

    /// How many wrong answers in a row there were.
    pub fn failures(&self) -> u16 {
        self.failures
    }

    /// Counts a wrong answer; says how long the account has to wait from now on.
    #[must_use]
    pub fn failed(self, now: Timestamp, limits: &Limits) -> (Self, Option<Duration>) {
        let failures = self.failures.saturating_add(1);
        let wait = limits.wait_after(failures);
        (Self { failures, until: wait.map(|wait| now.after(wait)) }, wait)
    }

    /// A right answer ends the row, but for `kept` of it that it has nothing to do with.
    #[must_use]
    pub fn passed(self, kept: u16) -> Self {
        Self { failures: self.failures.min(kept), until: None }
    }

    pub(crate) fn is_idle(&self) -> bool {
        *self == Self::default()
    }
}

/// Wrong answers in a row on one factor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tally {
    failures: u16,
}

impl Tally {
    /// The value that says: disabled. Never reached by counting up to a limit below it.
    const DISABLED: u16 = u16::MAX;

    /// Whether the factor has been disabled. There is no way back but setting it up anew.
    pub fn is_disabled(&self) -> bool {
        self.failures == Self::DISABLED
    }

    /// How many wrong answers in a row there were.
    pub(crate) fn failures(self) -> u16 {
        self.failures
    }

    /// Counts a wrong answer; at the limit the factor is disabled.
    #[must_use]
    pub fn failed(self, limits: &Limits) -> Self {
        let failures = self.failures.saturating_add(1);
        Self { failures: if failures >= limits.disable_at { Self::DISABLED } else { failures } }
    }

    /// A right answer ends the row; it doesn't bring a disabled factor back.
    #[must_use]
    pub fn passed(self) -> Self {
        if self.is_disabled() { self } else { Self::default() }
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.failures == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_are_free_then_waits_double_to_an_hour() {
        let limits = Limits::default();
        let now = Timestamp::from_unix(1_000);
        let mut throttle = Throttle::default();
        let mut waits = Vec::new();
        for _ in 0..20 {
            let wait;
            (throttle, wait) = throttle.failed(now, &limits);
            waits.push(wait.map_or(0, |wait| wait.as_secs()));
        }
        assert_eq!(waits[..9], [0; 9]);
        assert_eq!(waits[9..], [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600]);
        assert_eq!(throttle.wait(now), Some(Duration::from_secs(3600)));
        assert_eq!(throttle.wait(now.after(Duration::from_secs(3600))), None);
        assert_eq!([0, 7, 99].map(|kept| throttle.passed(kept).failures()), [0, 7, 20]);
        assert_eq!(throttle.passed(20).wait(now), None);
    }

    #[test]
    fn the_count_never_wraps() {
        let limits = Limits::default();
        let mut throttle = Throttle::default();
        let mut tally = Tally::default();
        for n in 1..=70_000u32 {
            throttle = throttle.failed(Timestamp::from_unix(0), &limits).0;
            tally = tally.failed(&limits);
            assert_eq!(tally.is_disabled(), n >= 100, "{n}");
        }
        assert_eq!(throttle.failures(), u16::MAX);
        assert!(tally.passed().is_disabled());
    }
}
