//! The challenge: one pure state machine for sign-in, step-up and confirming a new factor.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::factor::bound::Factor;
use crate::factor::delivered::LiveCode;
use crate::id::{BindingDigest, ChallengeId, FactorId, IdError};
use crate::port::sender::Purpose;
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// What answers a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// A bound factor.
    Factor(FactorId),
    /// A backup code.
    BackupCode,
}

/// `backup_code`, or the factor's id: what a form posts to choose it.
impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Factor(id) => id.fmt(f),
            Self::BackupCode => f.write_str(BACKUP_CODE),
        }
    }
}

impl FromStr for Choice {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        if text == BACKUP_CODE { Ok(Self::BackupCode) } else { text.parse().map(Self::Factor) }
    }
}

const BACKUP_CODE: &str = "backup_code";

/// One challenge of an account, of one session. Moved by value: a used state can't be used again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Challenge {
    #[serde(rename = "i")]
    id: ChallengeId,
    #[serde(rename = "p")]
    purpose: Purpose,
    #[serde(rename = "b")]
    binding: BindingDigest,
    #[serde(rename = "x")]
    expires: Timestamp,
    #[serde(rename = "l")]
    tries_left: u8,
    /// Wrong answers to delivered codes: they outlive the codes, so that sending again buys nothing.
    #[serde(rename = "d")]
    delivered_left: u8,
    #[serde(rename = "s")]
    state: State,
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    codes: Vec<LiveCode>,
    /// The factor being set up, which is nothing to anybody before it is confirmed.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    staged: Option<Box<Factor>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Open,
    Waiting(Choice),
    Failed,
}

/// What a challenge is begun with.
#[derive(Clone, Debug)]
pub struct Beginning {
    /// Its id.
    pub id: ChallengeId,
    /// What it is for.
    pub purpose: Purpose,
    /// The session it belongs to.
    pub binding: BindingDigest,
    /// When its time is up: at this time it is.
    pub expires: Timestamp,
    /// How many wrong answers it bears.
    pub tries: u8,
    /// How many wrong answers to delivered codes it bears.
    pub delivered_tries: u8,
}

impl Challenge {
    /// A challenge that nothing has been chosen for.
    pub fn begin(beginning: Beginning) -> Self {
        let Beginning { id, purpose, binding, expires, tries, delivered_tries } = beginning;
        Self {
            id,
            purpose,
            binding,
            expires,
            tries_left: tries,
            delivered_left: delivered_tries,
            state: State::Open,
            codes: Vec::new(),
            staged: None,
        }
    }

    /// A challenge that confirms `factor`, which nobody can choose away.
    pub fn begin_enrolment(beginning: Beginning, factor: Factor) -> Self {
        let mut challenge = Self::begin(beginning);
        challenge.state = State::Waiting(Choice::Factor(factor.id()));
        challenge.staged = Some(Box::new(factor));
        challenge
    }

    /// Its id.
    pub fn id(&self) -> ChallengeId {
        self.id
    }

    /// What it is for.
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// When its time is up.
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// What was chosen to answer it.
    pub fn choice(&self) -> Option<Choice> {
        match self.state {
            State::Waiting(choice) => Some(choice),
            State::Open | State::Failed => None,
        }
    }

    /// How many wrong answers it bears still.
    pub fn tries_left(&self) -> u8 {
        self.tries_left
    }

    /// The codes that were sent for it.
    pub fn codes(&self) -> &[LiveCode] {
        &self.codes
    }

    /// The factor it confirms.
    pub fn staged(&self) -> Option<&Factor> {
        self.staged.as_deref()
    }

    pub(crate) fn staged_mut(&mut self) -> Option<&mut Factor> {
        self.staged.as_deref_mut()
    }

    /// Whether it belongs to the session with this binding.
    pub fn belongs_to(&self, binding: &BindingDigest) -> bool {
        self.binding == *binding
    }

    /// Whether it can still be answered.
    pub fn standing(&self, now: Timestamp) -> Result<(), Refusal> {
        match self.state {
            _ if now >= self.expires => Err(Refusal::ChallengeExpired),
            State::Failed => Err(Refusal::ChallengeFailed),
            State::Open | State::Waiting(_) => Ok(()),
        }
    }

    /// Whether its parts belong together, as they do in every challenge that was begun and moved on here.
    pub(crate) fn is_sound(&self) -> bool {
        let over = self.state == State::Failed;
        let waits_for_staged = self
            .staged()
            .is_none_or(|staged| over || self.state == State::Waiting(Choice::Factor(staged.id())));
        self.staged.is_some() == (self.purpose == Purpose::Enrol)
            && waits_for_staged
            && (self.tries_left > 0 || over)
            && (self.delivered_left > 0 || self.codes.is_empty())
    }

    /// Waits for an answer by `choice` from here on.
    #[must_use]
    pub fn choose(mut self, choice: Choice) -> Self {
        self.state = State::Waiting(choice);
        self
    }

    /// Whether a delivered code may still be tried.
    pub fn takes_delivered(&self) -> bool {
        self.delivered_left > 0
    }

    /// Adds a code that is being sent; of one factor only the newest `keep` stay.
    #[must_use]
    pub fn with_code(mut self, code: LiveCode, keep: usize) -> Self {
        let factor = code.factor();
        self.codes.push(code);
        let mut of_factor = self.codes.iter().filter(|code| code.factor() == factor).count();
        self.codes.retain(|code| {
            let drop = code.factor() == factor && of_factor > keep;
            if drop {
                of_factor -= 1;
            }
            !drop
        });
        self
    }

    /// Takes back the code of a message that was not delivered, and the codes sent to other places stay.
    #[must_use]
    pub fn without_code(mut self, undelivered: &LiveCode) -> Self {
        self.codes.retain(|code| code != undelivered);
        self
    }

    /// Spends one try. Only what comes of it says whether the answer was right.
    pub fn attempt(mut self) -> Attempt {
        self.tries_left = self.tries_left.saturating_sub(1);
        Attempt(self)
    }
}

/// A challenge with one try spent, whose answer has not been looked at yet.
#[must_use = "an attempt ends right or wrong"]
pub struct Attempt(Challenge);

impl Attempt {
    /// The challenge, to compare with.
    pub fn challenge(&self) -> &Challenge {
        &self.0
    }

    /// The answer was right: the challenge is over.
    pub fn right(self) -> Passed {
        Passed { id: self.0.id, purpose: self.0.purpose }
    }

    /// The answer was wrong: the challenge waits for another, or has failed.
    pub fn wrong(mut self) -> Challenge {
        if self.0.tries_left == 0 {
            self.0.state = State::Failed;
            self.0.codes.clear();
        }
        self.0
    }

    /// A delivered code was wrong: that also costs one of its own tries, and where the host says so, the codes.
    pub fn wrong_delivered(mut self, spend: bool) -> Challenge {
        self.0.delivered_left = self.0.delivered_left.saturating_sub(1);
        if spend || self.0.delivered_left == 0 {
            self.0.codes.clear();
        }
        self.wrong()
    }

    /// How many tries are left if it was wrong.
    pub fn tries_left(&self) -> u8 {
        self.0.tries_left
    }

    /// How many tries are left for delivered codes if it was wrong.
    pub fn delivered_left(&self) -> u8 {
        self.0.tries_left.min(self.0.delivered_left.saturating_sub(1))
    }
}

/// A passed challenge.
#[derive(Debug)]
#[must_use = "what was passed must be granted or refused"]
pub struct Passed {
    id: ChallengeId,
    purpose: Purpose,
}

impl Passed {
    /// Which challenge it was.
    pub fn id(&self) -> ChallengeId {
        self.id
    }

    /// What it was for.
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }
}

/// The most challenges that live on one account; beginning another ends the oldest.
pub const MAX_CHALLENGES: usize = 8;

/// How long a challenge that is over stays, so that its person is told how it ended.
pub const REMEMBERED: Duration = Duration::from_secs(7200);
