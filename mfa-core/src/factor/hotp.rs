//! Counter-based one-time passwords (RFC 4226), and the prepared key that time-based ones use too.

use std::fmt;

use serde::{Deserialize, Serialize};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroizing;

use crate::config::ConfigError;
use crate::factor::key::{Algorithm, Digits, SharedKey};
use crate::factor::pads::{Hash, Pads, Sha1, Sha256, Sha512};
use crate::factor::typed::{TypedCode, as_text};
use crate::secret::SecretText;

/// A shared key made ready for many codes: the two hash states of HMAC after its pads (RFC 2104 §4).
///
/// Each code then costs two compressions and no allocation. The states are as secret as the key: they are wiped
/// on drop, and `Debug` shows none of them.
#[derive(Clone)]
pub struct PreparedKey(States);

#[derive(Clone)]
enum States {
    Sha1(Pads<Sha1>),
    Sha256(Pads<Sha256>),
    Sha512(Pads<Sha512>),
}

impl PreparedKey {
    /// Prepares a key for use with one hash.
    pub fn new(algorithm: Algorithm, key: &SharedKey) -> Self {
        let key = key.as_secret().expose();
        Self(match algorithm {
            Algorithm::Sha1 => States::Sha1(Pads::new(key)),
            Algorithm::Sha256 => States::Sha256(Pads::new(key)),
            Algorithm::Sha512 => States::Sha512(Pads::new(key)),
        })
    }

    /// The code for a counter value (RFC 4226 §5.3).
    pub fn code(&self, counter: u64, digits: Digits) -> Code {
        let number = match &self.0 {
            States::Sha1(pads) => pads.number(counter),
            States::Sha256(pads) => pads.number(counter),
            States::Sha512(pads) => pads.number(counter),
        };
        Code::new(number, digits)
    }

    /// Shows the code of each counter as a number, in their order.
    pub(crate) fn each(
        &self,
        counters: impl Iterator<Item = u64>,
        digits: Digits,
        look: impl FnMut(u64, u32),
    ) {
        match &self.0 {
            States::Sha1(pads) => each(pads, counters, digits, look),
            States::Sha256(pads) => each(pads, counters, digits, look),
            States::Sha512(pads) => each(pads, counters, digits, look),
        }
    }
}

impl fmt::Debug for PreparedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

fn each<H: Hash>(
    pads: &Pads<H>,
    counters: impl Iterator<Item = u64>,
    digits: Digits,
    mut look: impl FnMut(u64, u32),
) {
    // The usual window at once.
    pads.work::<3>().each(counters, |counter, number| look(counter, last_digits(number, digits)));
}

/// By a constant each, which is a multiplication: a division takes longer for some numbers than for others.
fn last_digits(number: u32, digits: Digits) -> u32 {
    match digits.as_u8() {
        6 => number % 1_000_000,
        7 => number % 10_000_000,
        _ => number % 100_000_000,
    }
}

/// A code as the authenticator app shows it: digits, with leading zeros.
///
/// No heap; prints as `[redacted]`; wiped on drop. There is no `==`: check what was typed with [`verify`] or
/// [`totp::verify`](crate::factor::totp::verify), which compare in constant time and say what to store.
#[derive(Clone)]
pub struct Code {
    ascii: Zeroizing<[u8; Digits::MAX]>,
    digits: Digits,
}

impl Code {
    /// The last digits of a number.
    fn new(number: u32, digits: Digits) -> Self {
        let mut ascii = Zeroizing::new([0; Digits::MAX]);
        let mut rest = number;
        for place in ascii.iter_mut().take(usize::from(digits.as_u8())).rev() {
            *place = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        Self { ascii, digits }
    }

    /// The code in the clear.
    pub fn expose(&self) -> &str {
        as_text(&self.ascii, self.digits)
    }
}

impl From<Code> for SecretText {
    fn from(code: Code) -> Self {
        Self::from(code.expose())
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The counter of an HOTP token: the first value that has not been used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Counter(u64);

impl Counter {
    /// That counter value.
    pub const fn new(value: u64) -> Self {
        Self(value)
    }

    /// The counter value.
    pub const fn value(self) -> u64 {
        self.0
    }
}

/// How many codes an HOTP token may have shown without our seeing them: 5 unless said otherwise.
///
/// RFC 4226 §7.4 wants it as low as can be borne, because each one is a further code that a guess can hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LookAhead(u8);

impl LookAhead {
    const MAX: u8 = 20;

    /// That many codes beyond the next one.
    ///
    /// # Errors
    /// For more than 20; a token further off is brought back with [`resync`].
    pub fn new(codes: u8) -> Result<Self, ConfigError> {
        if codes <= Self::MAX {
            Ok(Self(codes))
        } else {
            Err(ConfigError::new(
                "look_ahead",
                format!("{codes} codes ahead make guessing too easy"),
                "use 20 or fewer, and two codes in a row for a token further off",
            ))
        }
    }
}

impl Default for LookAhead {
    fn default() -> Self {
        Self(5)
    }
}

/// A right HOTP code. Store [`next`](Matched::next) in the same write that lets the person in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a code whose counter is not stored can be used again"]
pub struct Matched(u64);

impl Matched {
    /// The counter value that matched.
    pub fn counter(self) -> Counter {
        Counter(self.0)
    }

    /// The counter to store: one beyond the value that matched.
    pub fn next(self) -> Counter {
        // Never saturates in fact: `candidates` ends one short of the last value.
        Counter(self.0.saturating_add(1))
    }
}

/// How far ahead two codes in a row may bring a token back (RFC 4226 §7.4).
const RESYNC_WINDOW: u64 = 50;

/// From `next`, `beyond` further. The last `u64` is never a candidate: nothing could be stored after it, and so
/// it would stay usable for ever.
fn candidates(next: Counter, beyond: u64) -> impl Iterator<Item = u64> {
    next.0..next.0.saturating_add(beyond).saturating_add(1)
}

/// Checks a typed HOTP code against the next counter and those after it (RFC 4226 §7.2, §7.4).
///
/// All candidates are computed and compared in constant time. The counter never goes back: values before
/// `next` are not looked at. Where two candidates share one code the later is taken, so that the same digits
/// don't pass twice.
pub fn verify(
    key: &PreparedKey,
    digits: Digits,
    next: Counter,
    look_ahead: LookAhead,
    typed: &TypedCode,
) -> Option<Matched> {
    let wanted = typed.number(digits);
    let mut found = Choice::from(0);
    let mut at = 0;
    key.each(candidates(next, u64::from(look_ahead.0)), digits, |counter, number| {
        let right = number.ct_eq(&wanted);
        at.conditional_assign(&counter, right);
        found |= right;
    });
    bool::from(found).then_some(Matched(at))
}

/// Brings back a token that is up to 50 codes ahead, by two codes in a row (RFC 4226 §7.4).
pub fn resync(
    key: &PreparedKey,
    digits: Digits,
    next: Counter,
    first: &TypedCode,
    second: &TypedCode,
) -> Option<Matched> {
    let (first, second) = (first.number(digits), second.number(digits));
    let mut found = Choice::from(0);
    let mut at = 0;
    let mut first_was_right = Choice::from(0);
    key.each(candidates(next, RESYNC_WINDOW + 1), digits, |counter, number| {
        let right = first_was_right & number.ct_eq(&second);
        at.conditional_assign(&counter, right);
        found |= right;
        first_was_right = number.ct_eq(&first);
    });
    bool::from(found).then_some(Matched(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4226 §5.4: the worked example.
    #[test]
    fn a_code_is_the_last_digits_of_a_number() {
        assert_eq!(Code::new(0x50ef_7f19, Digits::SIX).expose(), "872921");
        assert_eq!(Code::new(7, Digits::EIGHT).expose(), "00000007");
    }

    #[test]
    fn codes_are_wiped() {
        fn wipes_itself<T: zeroize::ZeroizeOnDrop>(_: &T) {}
        wipes_itself(&Code::new(7, Digits::SIX).ascii);
    }
}
