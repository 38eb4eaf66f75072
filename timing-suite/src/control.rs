//! Leaks made on purpose: a run in which these aren't told apart has shown nothing.

use mfa_core::factor::hotp::PreparedKey;
use mfa_core::factor::key::Digits;

use crate::arithmetic::{NOW, key};
use crate::dice::Dice;
use crate::measure::{Expected, Names, Subject};
use crate::service::{Answer, Ask, Visit};

/// Text compared digit by digit, up to the first that differs.
#[derive(Clone, Copy, Debug)]
pub struct ByText;

impl Subject for ByText {
    type Input = (String, String);

    fn names(&self) -> Names {
        Names {
            subject: "leaky: codes compared digit by digit".to_owned(),
            classes: ["five digits right", "none right"],
            expected: Expected::Apart,
        }
    }

    fn draw(&self, first: bool, dice: &Dice) -> Self::Input {
        let code = format!("{:06}", dice.below(1_000_000));
        (dice.spoil(&code, if first { 5 } else { 0 }), code)
    }

    fn run(&self, (typed, code): &Self::Input) -> bool {
        typed.chars().zip(code.chars()).all(|(one, other)| one == other)
    }

    fn batch(&self) -> u32 {
        64
    }
}

/// Steps tried one after the other, up to the first that matches, as in RUSTSEC-2022-0018; by itself, or before the
/// service does all that it does, to show that a difference of two codes is seen there too.
#[derive(Debug)]
pub struct FirstMatch(Option<Visit>);

/// A key, the code typed, and who types it.
#[derive(Debug)]
pub struct Leaky {
    key: PreparedKey,
    typed: String,
    ask: Option<Ask>,
}

impl FirstMatch {
    /// By itself.
    pub fn bare() -> Self {
        Self(None)
    }

    /// Before the service is asked.
    pub fn before_the_service() -> Self {
        Self(Some(Visit::new(Answer::App)))
    }
}

impl Subject for FirstMatch {
    type Input = Leaky;

    fn names(&self) -> Names {
        let subject = match self.0 {
            None => "leaky: steps tried up to the first match",
            Some(_) => "leaky: the same, and then the service is asked",
        };
        Names {
            subject: subject.to_owned(),
            classes: ["first step", "third step"],
            expected: Expected::Apart,
        }
    }

    fn draw(&self, first: bool, dice: &Dice) -> Leaky {
        let key = key(dice);
        let typed = key.code(if first { NOW } else { NOW + 2 }, Digits::SIX).expose().to_owned();
        let ask = self.0.as_ref().map(|visit| visit.draw(dice.toss(), dice));
        Leaky { key, typed, ask }
    }

    fn run(&self, leaky: &Leaky) -> bool {
        let found =
            (NOW..NOW + 3).any(|step| leaky.key.code(step, Digits::SIX).expose() == leaky.typed.as_str());
        match (&self.0, &leaky.ask) {
            (Some(visit), Some(ask)) => visit.run(ask) || found,
            _ => found,
        }
    }

    fn batch(&self) -> u32 {
        if self.0.is_some() { 1 } else { 8 }
    }

    fn round(&self) -> usize {
        if self.0.is_some() { 200 } else { 2_000 }
    }
}
