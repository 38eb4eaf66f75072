//! Points in time and counted steps, with the unit in the type.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A point in time: whole seconds since 1970-01-01T00:00:00Z. Any `u64` is a valid one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The point `seconds` after 1970-01-01T00:00:00Z.
    pub const fn from_unix(seconds: u64) -> Self {
        Self(seconds)
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    pub const fn as_unix(self) -> u64 {
        self.0
    }

    /// This time plus `wait`, at most the end of time. Fractions of a second count as a whole one.
    pub const fn after(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(whole_seconds(wait)))
    }

    /// This time less `span`, at least 1970.
    pub const fn before(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(whole_seconds(span)))
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_secs(self.0.saturating_sub(earlier.0))
    }

    /// The calendar date and time of day in UTC (proleptic Gregorian calendar).
    ///
    /// The arithmetic is the usual one on 400-year eras of 146 097 days, counted from 1 March.
    pub const fn to_utc(self) -> UtcDateTime {
        let days = self.0 / 86_400;
        let second_of_day = self.0 % 86_400;
        let shifted = days + 719_468;
        let era = shifted / 146_097;
        let day_of_era = shifted % 146_097;
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + (month <= 2) as u64;
        UtcDateTime {
            year,
            month: month as u8,
            day: day as u8,
            hour: (second_of_day / 3_600) as u8,
            minute: (second_of_day / 60 % 60) as u8,
            second: (second_of_day % 60) as u8,
        }
    }
}

const fn whole_seconds(span: Duration) -> u64 {
    span.as_secs().saturating_add((span.subsec_nanos() > 0) as u64)
}

/// RFC 3339, in UTC: `2026-11-23T09:30:00Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let UtcDateTime { year, month, day, hour, minute, second } = self.to_utc();
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// A calendar date and time of day in UTC, for pages and messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UtcDateTime {
    /// The year, such as 2026.
    pub year: u64,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right() {
        for (unix, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"),
            (1_795_425_000, "2026-11-23T09:10:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(Timestamp::from_unix(unix).to_string(), text);
        }
    }

    #[test]
    fn every_second_count_has_a_date() {
        let _ = Timestamp::from_unix(u64::MAX).to_string();
    }

    #[test]
    fn fractions_round_up_and_ends_hold() {
        let t = Timestamp::from_unix(10);
        assert_eq!(t.after(Duration::from_millis(1)), Timestamp::from_unix(11));
        assert_eq!(Timestamp::from_unix(u64::MAX).after(Duration::MAX), Timestamp::from_unix(u64::MAX));
        assert_eq!(t.before(Duration::from_secs(11)), Timestamp::from_unix(0));
        assert_eq!(t.since(Timestamp::from_unix(20)), Duration::ZERO);
    }
}
