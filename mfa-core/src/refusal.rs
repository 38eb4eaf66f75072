//! Refusals: what a person signing in is told, and what they can do next.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why something was not granted, for the person at the keyboard.
///
/// A refusal is an outcome, not an error of the machinery: it is returned beside success, never through `?`.
/// Waits are in whole seconds, rounded up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Refusal {
    /// The code is not right. It was counted.
    #[error("the code is not correct")]
    WrongCode {
        /// How many tries this challenge has left.
        tries_left: u8,
    },
    /// The code was right once and has been used. It was counted.
    #[error("the code has been used already")]
    UsedCode {
        /// How many tries this challenge has left.
        tries_left: u8,
    },
    /// The delivered code was right but is too old. It was not counted.
    #[error("the code has expired")]
    ExpiredCode,
    /// What was typed can't be a code: it was not counted.
    #[error("the code must be {expected} characters")]
    CodeLength {
        /// How many characters (digits, but for backup codes) a code has.
        expected: u8,
        /// How many were typed, once spaces and punctuation are gone.
        typed: u8,
    },
    /// What was typed has characters that no code has: it was not counted.
    #[error("the code has characters that no code has")]
    CodeCharacters,
    /// The two codes given were not one after the other.
    #[error("the two codes do not follow each other")]
    NotConsecutive {
        /// How many tries this challenge has left.
        tries_left: u8,
    },
    /// No code is out: ask for one first.
    #[error("no code has been sent")]
    NoCodeSent,
    /// Too many wrong codes on the account: wait.
    #[error("too many wrong codes: wait {seconds} seconds")]
    Throttled {
        /// How long, in seconds.
        seconds: u64,
    },
    /// Too many wrong codes in this challenge: begin again.
    #[error("too many wrong codes in this attempt")]
    ChallengeFailed,
    /// The challenge took too long: begin again.
    #[error("the attempt took too long")]
    ChallengeExpired,
    /// There is no such challenge for this session: begin again.
    #[error("there is no such attempt")]
    ChallengeUnknown,
    /// The method can't be used here: choose another.
    #[error("that method can't be used")]
    MethodUnavailable,
    /// The method was disabled after too many wrong codes and must be set up again.
    #[error("that method is disabled and must be set up again")]
    MethodDisabled,
    /// The account has methods, but none that works: an administrator must reset it.
    #[error("no method can be used; an administrator must reset the account")]
    NoMethodLeft,
    /// The last message was sent a moment ago: wait before asking for another.
    #[error("wait {seconds} seconds before another message")]
    Cooldown {
        /// How long, in seconds.
        seconds: u64,
    },
    /// The message could not be delivered: try another method.
    #[error("the message could not be delivered")]
    NotDelivered,
    /// The address is not one a message can be sent to.
    #[error("the address can't be used")]
    BadAddress,
    /// The session is too old or too weak for this: prove a second factor again.
    #[error("a recent second factor is needed")]
    StepUpRequired,
    /// The session has been ended: sign in again.
    #[error("sign in again")]
    SignInAgain,
    /// Policy does not let this be removed.
    #[error("a second factor is required and this is the last one")]
    LastFactor,
    /// The account has as many methods as it may have.
    #[error("no more methods can be added")]
    TooManyFactors,
    /// The same address or key is bound already.
    #[error("that method is set up already")]
    AlreadyBound,
    /// There is no such method on this account.
    #[error("there is no such method")]
    FactorUnknown,
    /// A name for a method is empty, too long or has control characters.
    #[error("the name can't be used")]
    BadName,
    /// Backup codes need a working method beside them.
    #[error("backup codes need another method")]
    NeedsFactor,
    /// Administrators can't do this to themselves.
    #[error("not for one's own account")]
    OwnAccount,
    /// Too much is being checked at once: try again in a moment.
    #[error("busy: try again in a moment")]
    Busy,
}

impl Refusal {
    /// How long the person has to wait before trying again, where waiting helps.
    pub fn wait(&self) -> Option<Duration> {
        match self {
            Self::Throttled { seconds } | Self::Cooldown { seconds } => Some(Duration::from_secs(*seconds)),
            Self::Busy => Some(Duration::from_secs(1)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_passes_by_itself_says_how_long_to_wait() {
        let secs = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(Refusal::Throttled { seconds: 30 }.wait(), secs(30));
        assert_eq!(Refusal::Cooldown { seconds: 60 }.wait(), secs(60));
        assert_eq!(Refusal::Busy.wait(), secs(1));
        for refusal in [Refusal::WrongCode { tries_left: 4 }, Refusal::SignInAgain, Refusal::NoMethodLeft] {
            assert_eq!(refusal.wait(), None, "{refusal:?}");
        }
    }
}
