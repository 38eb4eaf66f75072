//! One user's whole second-factor state, and its stored form.

pub(crate) mod answering;
pub(crate) mod delivering;
pub(crate) mod draft;
pub(crate) mod enrolling;
pub(crate) mod managing;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::challenge::{Challenge, MAX_CHALLENGES};
use crate::factor::backup::BackupSet;
use crate::factor::bound::Factor;
use crate::fault::{Fault, FaultKind};
use crate::id::{Epoch, FactorId};
use crate::port::sender::Purpose;
use crate::proof::Method;
use crate::settings::MAX_FACTORS;
use crate::throttle::{Tally, Throttle};
use crate::time::Timestamp;

/// The stored format this version writes, and the newest it reads.
const FORMAT: u8 = 1;

/// Room for a record with an app, an address, ten backup codes and a challenge: most never need more.
const USUAL_BYTES: usize = 1024;

/// Everything that is known of one user's second factors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    #[serde(rename = "v")]
    format: u8,
    #[serde(rename = "e")]
    pub(crate) epoch: Epoch,
    /// The latest time at which anything was written: time never goes back before it.
    #[serde(rename = "t")]
    pub(crate) seen: Timestamp,
    #[serde(rename = "f", default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) factors: Vec<Factor>,
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub(crate) backup: Option<Backup>,
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) challenges: Vec<Challenge>,
    #[serde(rename = "l", default, skip_serializing_if = "Throttle::is_idle")]
    pub(crate) throttle: Throttle,
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub(crate) reminded: Option<Timestamp>,
    /// When a message to confirm an address was last sent: such addresses are anybody's.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub(crate) enrol_sent: Option<Timestamp>,
}

/// The backup codes with their own count of wrong answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Backup {
    #[serde(rename = "s")]
    pub(crate) set: BackupSet,
    #[serde(rename = "t", default, skip_serializing_if = "Tally::is_idle")]
    pub(crate) tally: Tally,
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub(crate) used: Option<Timestamp>,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            format: FORMAT,
            epoch: Epoch::NONE,
            seen: Timestamp::default(),
            factors: Vec::new(),
            backup: None,
            challenges: Vec::new(),
            throttle: Throttle::default(),
            reminded: None,
            enrol_sent: None,
        }
    }
}

#[derive(Deserialize)]
struct Probe {
    v: u8,
}

/// What the gate asks on every request.
#[derive(Clone, Copy)]
pub(crate) struct Glance {
    pub(crate) epoch: Epoch,
    pub(crate) seen: Timestamp,
    pub(crate) has_factors: bool,
}

/// The record as it is read for that. The rest is read past: it must be JSON with the fields of an account, and what is in
/// them is left to whoever asks for it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Passed {
    v: u8,
    #[serde(rename = "e")]
    epoch: Epoch,
    #[serde(rename = "t")]
    seen: Timestamp,
    #[serde(rename = "f", default)]
    factors: Vec<IgnoredAny>,
    #[serde(rename = "b", default)]
    _backup: IgnoredAny,
    #[serde(rename = "c", default)]
    _challenges: IgnoredAny,
    #[serde(rename = "l", default)]
    _throttle: IgnoredAny,
    #[serde(rename = "r", default)]
    _reminded: IgnoredAny,
    #[serde(rename = "m", default)]
    _enrol_sent: IgnoredAny,
}

impl Glance {
    /// `None` if that takes the whole record: because it is broken, or of another version.
    pub(crate) fn at(record: &[u8]) -> Option<Self> {
        let Passed { v, epoch, seen, factors, .. } = serde_json::from_slice(record).ok()?;
        (v == FORMAT).then_some(Self { epoch, seen, has_factors: !factors.is_empty() })
    }
}

impl Account {
    /// Reads a stored record.
    ///
    /// # Errors
    /// If it isn't one, breaks a rule, or comes from a newer version: a fault, never an empty account.
    pub fn decode(record: &[u8]) -> Result<Self, Fault> {
        let other_format = |v: u8| {
            let words = format!("the record has format {v}; this version reads format {FORMAT}");
            Err(Fault::caused_by(FaultKind::Record, words))
        };
        // Once for the whole record, or the parser does it for every string.
        let text = std::str::from_utf8(record).map_err(|cause| Fault::caused_by(FaultKind::Record, cause))?;
        match serde_json::from_str::<Self>(text) {
            Ok(account) if account.format != FORMAT => other_format(account.format),
            Ok(account) => {
                account.check().map_err(|broken| Fault::caused_by(FaultKind::Record, broken))?;
                Ok(account)
            }
            // A newer version may well write what this one can't read: the operator is told which of the two it is.
            Err(cause) => match serde_json::from_str(text) {
                Ok(Probe { v }) if v != FORMAT => other_format(v),
                _ => Err(Fault::caused_by(FaultKind::Record, redact(&cause))),
            },
        }
    }

    /// The form that is stored.
    ///
    /// # Errors
    /// Only through a defect of ours.
    pub fn encode(&self) -> Result<Vec<u8>, Fault> {
        let mut record = Vec::with_capacity(USUAL_BYTES);
        serde_json::to_writer(&mut record, self)
            .map_err(|cause| Fault::caused_by(FaultKind::Record, redact(&cause)))?;
        Ok(record)
    }

    fn check(&self) -> Result<(), &'static str> {
        if self.factors.len() > MAX_FACTORS {
            return Err("too many factors");
        }
        if self.challenges.len() > MAX_CHALLENGES {
            return Err("too many challenges");
        }
        let repeated = |(at, factor): (usize, &Factor)| {
            self.factors.iter().skip(at + 1).any(|other| other.id() == factor.id())
        };
        if self.factors.iter().enumerate().any(repeated) {
            return Err("a factor stands twice");
        }
        if self.backup.is_some() && self.factors.is_empty() {
            return Err("backup codes without a factor");
        }
        if !self.factors.is_empty() && self.epoch == Epoch::NONE {
            return Err("a factor that sessions from before it outlived");
        }
        let repeated = |(at, challenge): (usize, &Challenge)| {
            self.challenges.iter().skip(at + 1).any(|other| other.id() == challenge.id())
        };
        if self.challenges.iter().enumerate().any(repeated) {
            return Err("a challenge stands twice");
        }
        if !self.challenges.iter().all(Challenge::is_sound) {
            return Err("a challenge that can't be");
        }
        Ok(())
    }

    /// Which generation of sessions is alive.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The bound factors, working or disabled.
    pub fn factors(&self) -> &[Factor] {
        &self.factors
    }

    /// The challenges that are remembered.
    pub fn challenges(&self) -> &[Challenge] {
        &self.challenges
    }

    /// How many backup codes are left; `None` without a set.
    pub fn backup_left(&self) -> Option<u8> {
        self.backup.as_ref().map(|backup| backup.set.left())
    }

    /// Whether a backup code could be answered with.
    pub(crate) fn takes_backup_codes(&self) -> bool {
        self.backup.as_ref().is_some_and(|backup| backup.set.left() > 0 && !backup.tally.is_disabled())
    }

    pub(crate) fn working_factors(&self) -> impl Iterator<Item = &Factor> {
        self.factors.iter().filter(|factor| !factor.is_disabled())
    }

    /// Whether a method may answer a challenge of this purpose. To step up it takes the best the account can do: a
    /// mailbox alone must not get to replace an authenticator app (NIST SP 800-63B-4 §4.1.2.1).
    pub(crate) fn may_answer(&self, purpose: Purpose, method: Method) -> bool {
        purpose != Purpose::StepUp || method.lifts_level() || !self.can_lift()
    }

    /// Whether a bound factor reaches level two. Backup codes are left out: they are for the day it is lost. A disabled
    /// factor counts, or whoever guesses at an app until it is disabled could go on with a mailbox alone.
    pub(crate) fn can_lift(&self) -> bool {
        self.factors.iter().any(|factor| factor.method().lifts_level())
    }

    /// Whether there is anything left to answer a challenge of this purpose with.
    pub(crate) fn can_answer(&self, purpose: Purpose) -> bool {
        let mut working = self.working_factors();
        working.any(|factor| self.may_answer(purpose, factor.method())) || self.takes_backup_codes()
    }

    /// A right answer by `method` ends the row of wrong ones, but one by e-mail leaves those at an app and at backup
    /// codes: whoever has the mailbox too must not buy guesses at them.
    pub(crate) fn end_row(&mut self, method: Method) {
        let apps = self.working_factors().filter(|factor| factor.method().lifts_level());
        let codes = self.backup.as_ref().map(|backup| backup.tally).filter(|tally| !tally.is_disabled());
        let tallies = apps.map(|app| app.tally()).chain(codes);
        let above = tallies.fold(0, |sum: u16, tally| sum.saturating_add(tally.failures()));
        let kept = if method.lifts_level() { 0 } else { above };
        self.throttle = self.throttle.passed(kept);
    }

    pub(crate) fn factor(&self, id: FactorId) -> Option<&Factor> {
        self.factors.iter().find(|factor| factor.id() == id)
    }

    pub(crate) fn factor_mut(&mut self, id: FactorId) -> Option<&mut Factor> {
        self.factors.iter_mut().find(|factor| factor.id() == id)
    }
}

/// Where the reading stopped, without the words of the parser: those may quote the record.
fn redact(cause: &serde_json::Error) -> String {
    format!("{:?} error at line {} column {}", cause.classify(), cause.line(), cause.column())
}
