//! Sentences that depend on something: refusals, notes, activity, numbers, dates.

use mfa_core::time::UtcDateTime;

use crate::text::vocabulary::MethodKind;

pub(super) mod english;
pub(super) mod welsh;

/// Twelve-hour clock: hour, minute, and whether it is before noon.
fn twelve_hour(at: UtcDateTime) -> (u8, u8, bool) {
    let hour = match at.hour % 12 {
        0 => 12,
        hour => hour,
    };
    (hour, at.minute, at.hour < 12)
}

fn month(names: &[&'static str; 12], at: UtcDateTime) -> &'static str {
    names.get(usize::from(at.month.saturating_sub(1))).copied().unwrap_or_default()
}

/// Codes of this length or more are backup codes, which have letters too.
const LETTERS_FROM: u8 = 10;

fn has_letters(kind: Option<MethodKind>, expected: u8) -> bool {
    kind == Some(MethodKind::BackupCode) || (kind.is_none() && expected >= LETTERS_FROM)
}

/// A wait as a person counts it: up to 90 seconds in seconds, then in minutes rounded up, then in hours.
enum Span {
    Seconds(u64),
    Minutes(u64),
    Hours(u64),
}

fn span(seconds: u64) -> Span {
    match seconds {
        0..=90 => Span::Seconds(seconds.max(1)),
        91..=5_400 => Span::Minutes(seconds.div_ceil(60)),
        _ => Span::Hours(seconds.div_ceil(3_600)),
    }
}
