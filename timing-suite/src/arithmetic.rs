//! Pairs of the arithmetic: codes of apps and of tokens that count.

use mfa_core::factor::hotp::{self, Counter, LookAhead, PreparedKey};
use mfa_core::factor::key::{Algorithm, Digits, SharedKey};
use mfa_core::factor::totp::{self, Outcome, Progress, TotpParams, Window};
use mfa_core::factor::typed::{TypedCode, read_code};
use mfa_core::secret::SecretBytes;
use mfa_core::time::Timestamp;
use serde_json::json;

use crate::dice::Dice;
use crate::measure::{Expected, Names, Subject};

/// The step, and the counter, at which codes are tried.
pub(crate) const NOW: u64 = 59_847_480;
const SECONDS: u64 = 30;

pub(crate) fn key(dice: &Dice) -> PreparedKey {
    key_for(Algorithm::Sha1, dice)
}

fn key_for(algorithm: Algorithm, dice: &Dice) -> PreparedKey {
    let bytes = SecretBytes::new(dice.bytes::<20>().to_vec());
    PreparedKey::new(algorithm, &SharedKey::from_bytes(bytes).unwrap())
}

fn read(code: &str) -> TypedCode {
    read_code(code, Digits::SIX).unwrap()
}

pub(crate) fn alike(subject: impl Into<String>, classes: [&'static str; 2]) -> Names {
    Names { subject: subject.into(), classes, expected: Expected::Alike }
}

/// Alike where both are right or both are wrong; otherwise what comes back says which.
pub(crate) fn by_answers(subject: impl Into<String>, classes: [&'static str; 2], same: bool) -> Names {
    let expected = if same { Expected::Alike } else { Expected::Answer };
    Names { expected, ..alike(subject, classes) }
}

/// What is typed for an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tried {
    /// The code of this step.
    Right,
    /// Its first five digits.
    Near,
    /// None of its digits.
    Wrong,
    /// The code of the first step of the window.
    Earliest,
    /// The code of the last.
    Latest,
    /// The code of this step, which is used up.
    Used,
}

impl Tried {
    fn name(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Near => "five digits right",
            Self::Wrong => "wrong",
            Self::Earliest => "right, first step",
            Self::Latest => "right, last step",
            Self::Used => "used",
        }
    }
}

/// Codes of an app.
#[derive(Clone, Copy, Debug)]
pub struct Totp {
    /// The hash.
    pub algorithm: Algorithm,
    /// The two classes.
    pub tried: [Tried; 2],
}

/// All that verifying one code takes.
#[derive(Debug)]
pub struct AppCode {
    key: PreparedKey,
    params: TotpParams,
    progress: Progress,
    typed: TypedCode,
}

impl AppCode {
    fn verify(&self) -> Outcome {
        let now = Timestamp::from_unix(NOW * SECONDS);
        totp::verify(&self.key, &self.params, &Window::default(), &self.progress, now, &self.typed)
    }
}

impl Subject for Totp {
    type Input = AppCode;

    fn names(&self) -> Names {
        let accepted = |tried| matches!(tried, Tried::Right | Tried::Earliest | Tried::Latest);
        let [one, other] = self.tried.map(accepted);
        let same = one == other && !self.tried.contains(&Tried::Used);
        by_answers(format!("totp::verify, {}", self.algorithm.name()), self.tried.map(Tried::name), same)
    }

    fn draw(&self, first: bool, dice: &Dice) -> AppCode {
        let [one, other] = self.tried;
        let tried = if first { one } else { other };
        let params = TotpParams { algorithm: self.algorithm, ..TotpParams::default() };
        let last = if tried == Tried::Used { NOW } else { NOW - 2 };
        let progress: Progress = serde_json::from_value(json!({ "last": last, "drift": 0 })).unwrap();
        // Once in some hundred thousand draws two steps share a code.
        loop {
            let key = key_for(self.algorithm, dice);
            let step = match tried {
                Tried::Earliest => NOW - 1,
                Tried::Latest => NOW + 1,
                _ => NOW,
            };
            let code = key.code(step, Digits::SIX);
            let typed = match tried {
                Tried::Near => read(&dice.spoil(code.expose(), 5)),
                Tried::Wrong => read(&dice.spoil(code.expose(), 0)),
                _ => read(code.expose()),
            };
            let drawn = AppCode { key, params, progress, typed };
            let as_meant = match drawn.verify() {
                Outcome::Accepted(accepted) => {
                    accepted.step().number() == step
                        && !matches!(tried, Tried::Near | Tried::Wrong | Tried::Used)
                }
                Outcome::Replayed => tried == Tried::Used,
                Outcome::Wrong => matches!(tried, Tried::Near | Tried::Wrong),
            };
            if as_meant {
                return drawn;
            }
        }
    }

    fn run(&self, input: &AppCode) -> bool {
        matches!(input.verify(), Outcome::Accepted(_))
    }
}

/// What is typed for a token that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The next code.
    Next,
    /// The last one that is looked at.
    Furthest,
    /// Five digits of the next.
    Near,
    /// None of its digits.
    Wrong,
}

impl Standing {
    fn name(self) -> &'static str {
        match self {
            Self::Next => "right, next",
            Self::Furthest => "right, furthest ahead",
            Self::Near => "five digits right",
            Self::Wrong => "wrong",
        }
    }
}

/// Codes of a token that counts.
#[derive(Clone, Copy, Debug)]
pub struct Hotp(
    /// The two classes.
    pub [Standing; 2],
);

impl Hotp {
    fn verify(key: &PreparedKey, typed: &TypedCode) -> Option<u64> {
        let found = hotp::verify(key, Digits::SIX, Counter::new(NOW), LookAhead::default(), typed);
        found.map(|matched| matched.counter().value())
    }
}

impl Subject for Hotp {
    type Input = (PreparedKey, TypedCode);

    fn names(&self) -> Names {
        // An answer of one word here, and so not even that differs.
        alike("hotp::verify", self.0.map(Standing::name))
    }

    fn draw(&self, first: bool, dice: &Dice) -> Self::Input {
        let [one, other] = self.0;
        let standing = if first { one } else { other };
        loop {
            let key = key(dice);
            let at = if standing == Standing::Furthest { NOW + 5 } else { NOW };
            let code = key.code(at, Digits::SIX);
            let (typed, meant) = match standing {
                Standing::Near => (read(&dice.spoil(code.expose(), 5)), None),
                Standing::Wrong => (read(&dice.spoil(code.expose(), 0)), None),
                Standing::Next | Standing::Furthest => (read(code.expose()), Some(at)),
            };
            if Self::verify(&key, &typed) == meant {
                return (key, typed);
            }
        }
    }

    fn run(&self, (key, typed): &Self::Input) -> bool {
        Self::verify(key, typed).is_some()
    }
}
