//! What holds of one-time passwords for every history of times, codes, drifts and windows.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test helper fails by panicking")]

use std::ops::RangeInclusive;

use mfa_core::factor::hotp::{self, Counter, LookAhead, PreparedKey};
use mfa_core::factor::key::{Algorithm, Digits, Period, SharedKey, decode_base32};
use mfa_core::factor::otpauth::{Kind, MAX_WRITTEN, OtpauthUri, parse};
use mfa_core::factor::totp::{
    self, MAX_DRIFT, Outcome, Progress, Step, TotpParams, Window, code_at, confirm_two, resync, verify,
};
use mfa_core::factor::typed::{TypedCode, read_code};
use mfa_core::secret::SecretBytes;
use mfa_core::time::Timestamp;
use proptest::prelude::*;

const STEP: u64 = 30;
const START: u64 = 59_847_500;

fn key() -> PreparedKey {
    let bytes = SecretBytes::new(b"12345678901234567890".to_vec());
    PreparedKey::new(Algorithm::Sha1, &SharedKey::from_bytes(bytes).unwrap())
}

fn at(step: u64) -> Timestamp {
    Timestamp::from_unix(step * STEP)
}

/// What a token shows whose clock is `drift` steps fast.
fn shown(key: &PreparedKey, step: u64, drift: i64) -> TypedCode {
    let code = code_at(key, &TotpParams::default(), at(step.saturating_add_signed(drift)));
    read_code(code.expose(), Digits::SIX).unwrap()
}

fn typing(key: &PreparedKey, window: &Window, progress: &Progress, step: u64, drift: i64) -> Outcome {
    verify(key, &TotpParams::default(), window, progress, at(step), &shown(key, step, drift))
}

fn accepted(outcome: Outcome) -> Option<Progress> {
    match outcome {
        Outcome::Accepted(accepted) => Some(accepted.into_progress()),
        Outcome::Replayed | Outcome::Wrong => None,
    }
}

fn resynced(key: &PreparedKey, progress: &Progress, step: u64, drift: i64, within: u8) -> Option<Progress> {
    let first = shown(key, step - 1, drift);
    let second = shown(key, step, drift);
    let params = TotpParams::default();
    accepted(resync(key, &params, progress, at(step), &first, &second, within))
}

fn remembered(last: Option<u64>, drift: i8) -> Progress {
    let last = last.map_or("null".to_owned(), |last| last.to_string());
    serde_json::from_str(&format!(r#"{{"last":{last},"drift":{drift}}}"#)).unwrap()
}

fn any_window() -> impl Strategy<Value = Window> {
    (0..=5_u8, 0..=5_u8, 0..=MAX_DRIFT)
        .prop_map(|(past, future, max_drift)| Window::new(past, future, max_drift).unwrap())
}

fn drifts() -> RangeInclusive<i8> {
    -(MAX_DRIFT as i8)..=MAX_DRIFT as i8
}

#[derive(Clone, Debug)]
enum Try {
    /// Time goes by (or back), then the code of a token that is so many steps off is typed.
    Code { passes: i64, off: i64, window: Window },
    /// Two codes in a row.
    Resync { passes: i64, off: i64, within: u8 },
}

fn any_try() -> impl Strategy<Value = Try> {
    // Short jumps, so that windows overlap and steps come round again.
    let passes = prop_oneof![8 => -3..=3_i64, 1 => -50..=50_i64];
    prop_oneof![
        6 => (passes.clone(), -12..=12_i64, any_window())
            .prop_map(|(passes, off, window)| Try::Code { passes, off, window }),
        1 => (passes, -12..=12_i64, any::<u8>())
            .prop_map(|(passes, off, within)| Try::Resync { passes, off, within }),
    ]
}

proptest! {
    #[test]
    fn accepted_steps_strictly_rise(tries in prop::collection::vec(any_try(), 1..60)) {
        let key = key();
        let mut progress = Progress::default();
        let mut step = START;
        let mut last = None;
        for attempt in tries {
            let next = match attempt {
                Try::Code { passes, off, window } => {
                    step = step.saturating_add_signed(passes);
                    accepted(typing(&key, &window, &progress, step, off))
                }
                Try::Resync { passes, off, within } => {
                    step = step.saturating_add_signed(passes);
                    resynced(&key, &progress, step, off, within)
                }
            };
            if let Some(next) = next {
                prop_assert!(next.last() > last, "{:?} after {:?}", next.last(), last);
                prop_assert!(drifts().contains(&next.drift_in_steps()));
                // The state survives being stored.
                progress = serde_json::from_str(&serde_json::to_string(&next).unwrap()).unwrap();
                prop_assert_eq!(progress, next);
                last = next.last();
            }
        }
    }

    #[test]
    fn an_accepted_code_is_a_replay_at_once_and_through_every_window(
        drift in drifts(), off in -12..=12_i64, window in any_window(), other in any_window(),
    ) {
        let key = key();
        if let Some(progress) = accepted(typing(&key, &window, &remembered(None, drift), START, off)) {
            prop_assert_eq!(typing(&key, &window, &progress, START, off), Outcome::Replayed);
            prop_assert_eq!(accepted(typing(&key, &other, &progress, START, off)), None);
        }
    }

    #[test]
    fn the_current_code_passes_for_each_drift(drift in drifts(), window in any_window(), last in any::<bool>()) {
        let progress = remembered(last.then_some(START - 1), drift);
        let next = accepted(typing(&key(), &window, &progress, START, 0)).unwrap();
        prop_assert_eq!(next.last(), Some(Step::new(START)));
        prop_assert!(accepted(typing(&key(), &window, &next, START + 1, 0)).is_some());
    }

    #[test]
    fn the_code_of_a_token_that_kept_its_drift_passes(drift in drifts(), window in any_window()) {
        let next = accepted(typing(&key(), &window, &remembered(None, drift), START, drift.into())).unwrap();
        prop_assert_eq!(next.drift_in_steps(), drift);
    }

    #[test]
    fn a_clock_on_its_way_back_passes(max in 0..=MAX_DRIFT, drift in drifts(), off in drifts()) {
        let window = Window::new(0, 0, max).unwrap();
        let outcome = typing(&key(), &window, &remembered(None, drift), START, off.into());
        let on_the_way = (drift.min(0)..=drift.max(0)).contains(&off) && off.unsigned_abs() <= max;
        prop_assert_eq!(accepted(outcome).is_some(), on_the_way || off == drift);
    }

    #[test]
    fn drift_is_learned_within_bounds(drift in drifts(), off in -16..=16_i64, max in 0..=MAX_DRIFT) {
        let window = Window::new(5, 5, max).unwrap();
        if let Some(next) = accepted(typing(&key(), &window, &remembered(None, drift), START, off)) {
            let bound = max.max(drift.unsigned_abs());
            prop_assert!(next.drift_in_steps().unsigned_abs() <= bound);
            // Beyond what may be learned, drift stays as `resync` set it or goes.
            if next.drift_in_steps().unsigned_abs() > max {
                prop_assert_eq!(next.drift_in_steps(), drift);
            }
        }
    }

    #[test]
    fn a_default_token_never_learns_a_drift_beyond_two(offs in prop::collection::vec(-4..=4_i64, 1..40)) {
        let key = key();
        let mut progress = Progress::default();
        for (turn, off) in (0..).zip(offs) {
            let step = START + 20 * turn;
            if let Some(next) = accepted(typing(&key, &Window::default(), &progress, step, off)) {
                prop_assert!(off.abs() <= 2);
                prop_assert_eq!(i64::from(next.drift_in_steps()), off);
                progress = next;
            }
        }
    }

    #[test]
    fn few_codes_are_live_at_once(drift in drifts(), window in any_window()) {
        let key = key();
        let live = (-20..=20_i64)
            .filter(|off| accepted(typing(&key, &window, &remembered(None, drift), START, *off)).is_some())
            .count();
        // The window (11 at most), the current step, and the way between them within a learnable drift.
        prop_assert!(live <= 11 + 1 + usize::from(MAX_DRIFT));
        if window == Window::default() {
            prop_assert!(live <= 6);
        }
    }

    #[test]
    fn a_resynchronised_token_signs_in_again_and_again(
        off in -9..=9_i64, delays in prop::collection::vec(0..=1_i64, 1..20),
    ) {
        let key = key();
        let mut progress = resynced(&key, &Progress::default(), START, off, MAX_DRIFT).unwrap();
        prop_assert_eq!(i64::from(progress.drift_in_steps()), off);
        let mut step = START;
        for delay in delays {
            step += 3;
            // Within the drift that can be learned the clip at two steps comes first (see `slow_typing_costs_one_step_by_default`).
            let delay = if off.abs() > 2 { delay } else { 0 };
            let next = accepted(typing(&key, &Window::default(), &progress, step, off - delay));
            prop_assert!(next.is_some(), "drift {} off {off} delay {delay}", progress.drift_in_steps());
            progress = next.unwrap();
        }
    }

    #[test]
    fn resync_takes_only_two_in_a_row_within_its_bounds(
        first in -12..=12_i64, gap in prop_oneof![3 => Just(1), 1 => -4..=4_i64],
        within in 0..=14_u8, lag in prop_oneof![3 => -2..=2_i64, 1 => -30..=30_i64],
    ) {
        let key = key();
        let (second, last) = (first + gap, first + lag);
        let progress = remembered(Some(START.saturating_add_signed(last)), 0);
        let outcome = resync(
            &key, &TotpParams::default(), &progress, at(START),
            &shown(&key, START, first), &shown(&key, START, second), within,
        );
        let bound = i64::from(within.min(MAX_DRIFT));
        let in_reach = second == first + 1 && first.abs() <= bound && second.abs() <= bound;
        let expected = in_reach && first > last;
        prop_assert_eq!(accepted(outcome).is_some(), expected);
        prop_assert_eq!(outcome == Outcome::Replayed, in_reach && !expected);
        if let Some(next) = accepted(outcome) {
            prop_assert_eq!(next.last(), Some(Step::new(START.saturating_add_signed(second))));
        }
    }

    #[test]
    fn every_time_and_every_record_gives_a_value(
        now in prop_oneof![0..200_u64, any::<u64>(), Just(u64::MAX)],
        last in any::<Option<u64>>(), drift in drifts(), window in any_window(), period in 15..=120_u64,
    ) {
        let key = key();
        let params = TotpParams { period: Period::from_seconds(period).unwrap(), ..TotpParams::default() };
        let now = Timestamp::from_unix(now);
        let code = read_code(code_at(&key, &params, now).expose(), Digits::SIX).unwrap();
        let current = verify(&key, &params, &window, &remembered(None, drift), now, &code);
        prop_assert!(accepted(current).is_some());
        let _ = verify(&key, &params, &window, &remembered(last, drift), now, &code);
        let _ = confirm_two(&key, &params, &window, now, &code, &code);
        let _ = resync(&key, &params, &remembered(last, drift), now, &code, &code, u8::MAX);
    }

    #[test]
    fn hotp_counters_strictly_rise(codes in prop::collection::vec(0..40_u64, 1..60), ahead in 0..=20_u8) {
        let key = key();
        let mut next = Counter::default();
        for code in codes {
            let typed = read_code(key.code(code, Digits::SIX).expose(), Digits::SIX).unwrap();
            let matched = hotp::verify(&key, Digits::SIX, next, LookAhead::new(ahead).unwrap(), &typed);
            let in_reach = (next.value()..=next.value() + u64::from(ahead)).contains(&code);
            prop_assert_eq!(matched.is_some(), in_reach);
            if let Some(matched) = matched {
                prop_assert!(matched.next() > next);
                next = matched.next();
            }
        }
    }

    #[test]
    fn base32_is_read_in_one_spelling_only(text in "[A-Za-z2-9=]{0,40}") {
        if let Ok(bytes) = decode_base32(&text) {
            let body = text.trim_end_matches('=').to_ascii_uppercase();
            // The bits beyond the last whole byte are zero, so the length says the rest.
            prop_assert_eq!(bytes.len() * 8, body.len() * 5 - body.len() * 5 % 8);
            prop_assert!([0, 2, 4, 5, 7].contains(&(body.len() % 8)));
        }
    }

    #[test]
    fn whatever_is_typed_gives_a_code_or_a_refusal(text in "\\PC{0,80}", bytes in any::<Vec<u8>>()) {
        for text in [text, String::from_utf8_lossy(&bytes).into_owned()] {
            if let Ok(code) = read_code(&text, Digits::SIX) {
                prop_assert_eq!(code.expose().len(), 6);
                prop_assert!(code.expose().bytes().all(|byte| byte.is_ascii_digit()));
            }
        }
    }

    #[test]
    fn what_is_written_is_read(
        issuer in "[^\\p{C}:]{1,80}", account in "[^\\p{C}:]{1,80}", bytes in prop::collection::vec(any::<u8>(), 16..=64),
        algorithm in prop::sample::select(vec![Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512]),
        digits in 6..=8_u8, period in 15..=120_u64,
    ) {
        prop_assume!(!issuer.trim().is_empty() && !account.trim().is_empty());
        let key = SharedKey::from_bytes(SecretBytes::new(bytes)).unwrap();
        let params = TotpParams {
            algorithm,
            digits: Digits::new(digits).unwrap(),
            period: Period::from_seconds(period).unwrap(),
        };
        let uri = OtpauthUri::new(&issuer, &account, &key, params).unwrap().to_uri();
        prop_assert!(uri.len() <= MAX_WRITTEN);
        prop_assert!(!uri.expose().contains('+') && uri.expose().is_ascii());
        let parsed = parse(uri.expose()).unwrap();
        prop_assert_eq!(parsed.key, key);
        prop_assert_eq!(parsed.kind, Kind::Totp(params));
        prop_assert!(issuer.trim().starts_with(&parsed.issuer.unwrap()));
        prop_assert!(account.trim().starts_with(parsed.account.expose()));
    }

    #[test]
    fn whatever_is_parsed_gives_a_value_or_an_error(
        tail in "[a-z=&%0-9:/?]{0,60}", text in "\\PC{0,60}", label in "[ -~]{0,20}",
    ) {
        let _ = parse(&text);
        let _ = parse(&format!("otpauth://totp/{label}?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&{tail}"));
    }
}

/// RFC 6238 §6 and OTP-08: drift is learned from sign-in to sign-in, and three steps are too many.
#[test]
fn a_clock_that_runs_fast_or_slow_is_followed_for_two_steps() {
    let key = key();
    let window = Window::default();
    for sign in [1, -1] {
        assert_eq!(typing(&key, &window, &Progress::default(), START, 2 * sign), Outcome::Wrong);
        let first = accepted(typing(&key, &window, &Progress::default(), START, sign)).unwrap();
        assert_eq!(i64::from(first.drift_in_steps()), sign);
        let second = accepted(typing(&key, &window, &first, START + 100, 2 * sign)).unwrap();
        assert_eq!(i64::from(second.drift_in_steps()), 2 * sign);
        assert_eq!(typing(&key, &window, &second, START + 200, 3 * sign), Outcome::Wrong);
        // Two codes in a row bring it back, and from then on one is enough.
        let back = resynced(&key, &second, START + 300, 3 * sign, MAX_DRIFT).unwrap();
        assert!(accepted(typing(&key, &window, &back, START + 400, 3 * sign)).is_some());
        // Once its clock is put right the greater drift is forgotten.
        let right = accepted(typing(&key, &window, &back, START + 500, 0)).unwrap();
        assert_eq!(typing(&key, &window, &right, START + 600, 3 * sign), Outcome::Wrong);
    }
}

#[test]
fn the_strict_window_takes_the_current_step_only() {
    let key = key();
    for off in -5..=5 {
        let outcome = typing(&key, &Window::STRICT, &Progress::default(), START, off);
        assert_eq!(accepted(outcome).is_some(), off == 0, "{off}");
    }
}

#[test]
fn slow_typing_costs_one_step_by_default() {
    let key = key();
    for (off, passes) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
        let outcome = typing(&key, &Window::default(), &Progress::default(), START, off);
        assert_eq!(accepted(outcome).is_some(), passes, "{off}");
    }
}

#[test]
fn two_codes_confirm_and_count_as_used() {
    let key = key();
    let params = TotpParams::default();
    let confirm = |window: &Window, first, second| {
        let (first, second) = (shown(&key, START, first), shown(&key, START, second));
        confirm_two(&key, &params, window, at(START), &first, &second)
    };
    let window = Window::default();
    for second in -1..=1 {
        let done = confirm(&window, second - 1, second).unwrap();
        assert_eq!(done.step(), Step::new(START.saturating_add_signed(second)));
        let first_sign_in = typing(&key, &window, &done.into_progress(), START, second);
        assert_eq!(first_sign_in, Outcome::Replayed);
    }
    for (first, second) in [(-3, -2), (1, 2), (0, 0), (-1, 1), (1, 0)] {
        assert!(confirm(&window, first, second).is_none(), "{first} {second}");
    }
    assert!(confirm(&Window::STRICT, -1, 0).is_some());
    assert!(confirm(&Window::STRICT, 0, 1).is_none());
}

/// Two steps of one window may share a code, once in a million. Then the later is taken, or the same digits
/// would pass twice.
#[test]
fn where_two_steps_share_a_code_it_passes_once() {
    let key = key();
    let params = TotpParams::default();
    let wide = Window::new(5, 5, 10).unwrap();
    let code = |step| code_at(&key, &params, at(step));
    let (early, late) = (1..)
        .step_by(11)
        .find_map(|base: u64| {
            let codes: Vec<_> = (base..base + 11).map(code).collect();
            (0..10).find_map(|one| {
                let twin = (one + 1..11).find(|other| codes[one].expose() == codes[*other].expose())?;
                Some((base + one as u64, base + twin as u64))
            })
        })
        .unwrap();
    let typed = shown(&key, early, 0);
    let now = at((early + late) / 2);
    let outcome = verify(&key, &params, &wide, &Progress::default(), now, &typed);
    let progress = accepted(outcome).unwrap();
    assert_eq!(progress.last(), Some(Step::new(late)));
    assert_eq!(verify(&key, &params, &wide, &progress, now, &typed), Outcome::Replayed);
    // With the earlier one used, the digits are right still, but only as the later.
    let between = remembered(Some(early), 0);
    let outcome = totp::verify(&key, &params, &wide, &between, now, &typed);
    assert_eq!(accepted(outcome).unwrap().last(), Some(Step::new(late)));
}
