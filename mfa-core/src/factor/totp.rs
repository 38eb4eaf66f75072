//! Time-based one-time passwords (RFC 6238): which steps are tried, which one matched, and what to remember.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::config::ConfigError;
use crate::factor::hotp::{Code, PreparedKey};
use crate::factor::key::{Algorithm, Digits, Period};
use crate::factor::typed::TypedCode;
use crate::time::Timestamp;

/// The number of a time step since 1970 (RFC 6238 §4.2): a count of periods, not of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Step(u64);

impl Step {
    /// That step.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Its number.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// How far it is from another one that is at most a window away.
    fn offset_from(self, other: Self) -> i8 {
        i8::try_from(self.0.wrapping_sub(other.0).cast_signed()).unwrap_or_default()
    }

    fn offset_by(self, offset: i8) -> Option<Self> {
        self.0.checked_add_signed(i64::from(offset)).map(Self)
    }
}

/// What one credential's codes are made with, beside its key. By default SHA-1, six digits, 30 seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TotpParams {
    /// The hash.
    pub algorithm: Algorithm,
    /// The number of digits.
    pub digits: Digits,
    /// The length of a step.
    pub period: Period,
}

impl TotpParams {
    /// The step that `now` falls in.
    pub const fn step_at(&self, now: Timestamp) -> Step {
        Step(now.as_unix() / self.period.as_seconds())
    }
}

/// The code an authenticator app with a right clock shows at `now`.
///
/// The key must have been prepared with the algorithm of `params`.
pub fn code_at(key: &PreparedKey, params: &TotpParams, now: Timestamp) -> Code {
    key.code(params.step_at(now).0, params.digits)
}

/// The furthest a token's clock may be brought back by [`resync`], in steps; no drift is greater.
pub const MAX_DRIFT: u8 = 10;

/// How many steps around the token's learned drift are tried, and how much drift may be learned.
///
/// By default one step each way and a drift of two (RFC 6238 §5.2, §6). Every further step is one more code
/// that a guess can hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    past: i8,
    future: i8,
    max_drift: i8,
}

impl Window {
    /// The current step only, and no drift: ASVS 6.5.5 at its strictest.
    pub const STRICT: Self = Self { past: 0, future: 0, max_drift: 0 };

    /// A window of `past` and `future` steps around the drift, which is learned up to `max_drift` steps.
    ///
    /// # Errors
    /// For more than 5 steps either way, or a drift of more than 10.
    pub fn new(past: u8, future: u8, max_drift: u8) -> Result<Self, ConfigError> {
        let bounded = |setting, steps: u8, most: u8| {
            i8::try_from(steps).ok().filter(|_| steps <= most).ok_or_else(|| {
                ConfigError::new(
                    setting,
                    format!("{steps} time steps make guessing too easy"),
                    format!("use {most} or fewer; the default suits phones"),
                )
            })
        };
        Ok(Self {
            past: bounded("window.past", past, 5)?,
            future: bounded("window.future", future, 5)?,
            max_drift: bounded("window.max_drift", max_drift, MAX_DRIFT)?,
        })
    }

    /// The offsets from the current step that are tried for a token of that drift, within the least range
    /// that holds them. The current step is always among them: a clock that was put right works at once.
    fn offsets(self, drift: i8) -> impl Iterator<Item = i8> {
        let around = self.around(drift);
        let learnable = -self.max_drift..=self.max_drift;
        let limit = if learnable.contains(&drift) {
            self.max_drift.max(self.past).max(self.future)
        } else {
            // Set by `resync`: no clipping, or typing slowly on a slow clock would fail.
            i8::MAX
        };
        let between = drift.min(0)..=drift.max(0);
        let range: RangeInclusive<i8> = (*around.start()).min(0)..=(*around.end()).max(0);
        range.filter(move |offset| {
            let near = around.contains(offset) && (-limit..=limit).contains(offset);
            // The way back to the current step is tried too, but for a resynchronised token no further than a
            // drift can be learned: a drift of ten must not mean a dozen live codes.
            let on_the_way = between.contains(offset) && learnable.contains(offset);
            near || on_the_way
        })
    }

    /// The drift to remember after a match at `offset`. What is learned in passing never exceeds `max_drift`.
    ///
    /// A greater drift comes from `resync` alone. It stays as it is while codes match around it: pulled along by
    /// a code typed slowly, it would lose the token. A match elsewhere means that the clock was put right.
    fn learn(self, previous: i8, offset: i8) -> i8 {
        let was_learned = (-self.max_drift..=self.max_drift).contains(&previous);
        if !was_learned && self.around(previous).contains(&offset) {
            previous
        } else {
            offset.clamp(-self.max_drift, self.max_drift)
        }
    }

    fn around(self, drift: i8) -> RangeInclusive<i8> {
        drift - self.past..=drift + self.future
    }
}

impl Default for Window {
    fn default() -> Self {
        Self { past: 1, future: 1, max_drift: 2 }
    }
}

/// What is remembered of one credential between sign-ins: the last step accepted, and the drift of its clock.
///
/// The default is a credential never used. Store the new value in the same write that lets the person in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StoredProgress")]
pub struct Progress {
    last: Option<Step>,
    drift: i8,
}

impl Progress {
    /// The last step accepted. No step up to it will be accepted again.
    pub fn last(&self) -> Option<Step> {
        self.last
    }

    /// How far the token's clock is off, in steps; positive if it is fast. At most 10 either way.
    pub fn drift_in_steps(&self) -> i8 {
        self.drift
    }

    fn allows(&self, step: Step) -> bool {
        self.last.is_none_or(|last| step > last)
    }
}

/// A record read back passes the same check as a new one.
#[derive(Deserialize)]
struct StoredProgress {
    // Must be there, if only as null: a record that lost it would let used codes in again.
    #[serde(deserialize_with = "Option::deserialize")]
    last: Option<Step>,
    drift: i8,
}

impl TryFrom<StoredProgress> for Progress {
    type Error = ConfigError;

    fn try_from(stored: StoredProgress) -> Result<Self, ConfigError> {
        if stored.drift.unsigned_abs() > MAX_DRIFT {
            return Err(ConfigError::new(
                "drift",
                format!("a drift of {} steps is out of bounds", stored.drift),
                "it is at most 10 either way",
            ));
        }
        Ok(Self { last: stored.last, drift: stored.drift })
    }
}

/// A right code, with what must be stored so that it is never right again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a code whose step is not stored can be used again"]
pub struct Accepted {
    step: Step,
    drift: i8,
}

impl Accepted {
    /// The step whose code was typed. It is later than every one accepted before for this credential.
    pub fn step(&self) -> Step {
        self.step
    }

    /// What to remember of the credential from here on.
    pub fn progress(&self) -> Progress {
        Progress { last: Some(self.step), drift: self.drift }
    }

    /// As [`progress`](Self::progress), using the acceptance up.
    pub fn into_progress(self) -> Progress {
        self.progress()
    }
}

/// What a typed code turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "only `Accepted` lets anyone in, and its progress must be stored"]
pub enum Outcome {
    /// Right, and not used before.
    Accepted(Accepted),
    /// Right, but for a step that is used up. Tell the account's owner if it was not they who typed twice.
    Replayed,
    /// Not right.
    Wrong,
}

/// The latest match so far, gathered without a branch on what was typed.
struct Search {
    matched: Choice,
    latest: u64,
}

impl Search {
    fn new() -> Self {
        Self { matched: Choice::from(0), latest: 0 }
    }

    /// Candidates come in rising order. Where two share one code the later is taken, so that the same digits
    /// don't pass twice.
    fn consider(&mut self, right: Choice, step: Step) {
        self.matched |= right;
        self.latest.conditional_assign(&step.0, right);
    }

    /// `is_new` says whether a match at a step is not used up; steps are used up in rising order, so that none is new if the
    /// latest isn't. `drift_for` says what to remember of a match so far from the current step.
    fn outcome(
        self,
        current: Step,
        is_new: impl FnOnce(Step) -> bool,
        drift_for: impl FnOnce(i8) -> i8,
    ) -> Outcome {
        let step = Step(self.latest);
        if !bool::from(self.matched) {
            Outcome::Wrong
        } else if is_new(step) {
            Outcome::Accepted(Accepted { step, drift: drift_for(step.offset_from(current)) })
        } else {
            Outcome::Replayed
        }
    }
}

/// Checks a typed code (RFC 6238 §5.2).
///
/// Tried are the steps of the [`Window`] around the credential's drift and the current step; all are computed
/// and compared in constant time, used ones too. The accepted steps of one credential strictly rise, whatever
/// the times, drifts and windows: a code is accepted once, ever.
///
/// ```
/// use mfa_core::factor::hotp::PreparedKey;
/// use mfa_core::factor::key::SharedKey;
/// use mfa_core::factor::totp::{Outcome, Progress, TotpParams, Window, code_at, verify};
/// use mfa_core::factor::typed::read_code;
/// use mfa_core::port::entropy::SystemEntropy;
/// use mfa_core::time::Timestamp;
///
/// let params = TotpParams::default();
/// let key = PreparedKey::new(params.algorithm, &SharedKey::generate(&SystemEntropy)?);
/// let now = Timestamp::from_unix(1_795_425_000);
/// let typed = read_code(code_at(&key, &params, now).expose(), params.digits)?;
///
/// let outcome = verify(&key, &params, &Window::default(), &Progress::default(), now, &typed);
/// let Outcome::Accepted(accepted) = outcome else { panic!("the code is right") };
/// let again = verify(&key, &params, &Window::default(), &accepted.progress(), now, &typed);
/// assert_eq!(again, Outcome::Replayed);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn verify(
    key: &PreparedKey,
    params: &TotpParams,
    window: &Window,
    progress: &Progress,
    now: Timestamp,
    typed: &TypedCode,
) -> Outcome {
    let current = params.step_at(now);
    let wanted = typed.number(params.digits);
    let steps = window.offsets(progress.drift).filter_map(|offset| current.offset_by(offset));
    let mut search = Search::new();
    key.each(steps.map(Step::number), params.digits, |step, number| {
        search.consider(number.ct_eq(&wanted), Step(step));
    });
    search.outcome(current, |step| progress.allows(step), |offset| window.learn(progress.drift, offset))
}

/// Checks two codes in a row, to confirm a new credential beyond luck.
///
/// The second one must lie in the window around the current step. It counts as accepted: the first sign-in
/// needs a later code.
pub fn confirm_two(
    key: &PreparedKey,
    params: &TotpParams,
    window: &Window,
    now: Timestamp,
    first: &TypedCode,
    second: &TypedCode,
) -> Option<Accepted> {
    let offsets = -window.past..=window.future;
    let search = search_pair(key, params, now, first, second, offsets);
    match search.outcome(params.step_at(now), |_| true, |offset| window.learn(0, offset)) {
        Outcome::Accepted(accepted) => Some(accepted),
        Outcome::Replayed | Outcome::Wrong => None,
    }
}

/// Brings back a credential whose clock is far off, by two codes in a row (RFC 6238 §6).
///
/// Both must lie within `within` steps of the current one, at most [`MAX_DRIFT`], and be later than every step
/// accepted before. The drift found is remembered though it may be greater than a [`Window`] lets be learned.
///
/// Security: ask for it only from somebody who has proved another factor, and count it as one try (OTP-09).
pub fn resync(
    key: &PreparedKey,
    params: &TotpParams,
    progress: &Progress,
    now: Timestamp,
    first: &TypedCode,
    second: &TypedCode,
    within: u8,
) -> Outcome {
    let within = within.min(MAX_DRIFT) as i8;
    let offsets = 1 - within..=within;
    let search = search_pair(key, params, now, first, second, offsets);
    let first_is_new = |second: Step| second.offset_by(-1).is_some_and(|first| progress.allows(first));
    search.outcome(params.step_at(now), first_is_new, |offset| offset)
}

/// Looks for `first` and `second` at neighbouring steps, the second at one of `offsets`.
fn search_pair(
    key: &PreparedKey,
    params: &TotpParams,
    now: Timestamp,
    first: &TypedCode,
    second: &TypedCode,
    offsets: RangeInclusive<i8>,
) -> Search {
    let current = params.step_at(now);
    let (first, second) = (first.number(params.digits), second.number(params.digits));
    let steps = (*offsets.start() - 1..=*offsets.end()).filter_map(|offset| current.offset_by(offset));
    let mut search = Search::new();
    let mut first_was_right = Choice::from(0);
    key.each(steps.map(Step::number), params.digits, |step, number| {
        search.consider(first_was_right & number.ct_eq(&second), Step(step));
        first_was_right = number.ct_eq(&first);
    });
    search
}
