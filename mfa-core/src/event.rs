//! Events: what happened to an account, for the record and for its owner. Nothing in one is secret.

use serde::{Deserialize, Serialize};

use crate::fault::{Fault, FaultKind};
use crate::id::{EventId, FactorId, UserId};
use crate::port::sender::{Channel, Failure, Notice, Purpose};
use crate::port::store::StoredEvent;
use crate::proof::Method;
use crate::time::Timestamp;

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "actor", content = "actor_id", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Actor {
    /// The person who signs in with the account, or somebody with their password.
    Owner,
    /// An administrator of the portal.
    Administrator(UserId),
    /// The host application itself.
    Host,
}

/// What happened. The names are stable: they stand in stores and logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// A challenge began: the password was right, or a session wants to prove itself again.
    ChallengeBegan {
        /// What for.
        purpose: Purpose,
    },
    /// A code went out.
    CodeSent {
        /// Over which channel.
        channel: Channel,
        /// To which factor, unless it is one being set up.
        factor: FactorId,
    },
    /// A code could not be delivered.
    CodeNotSent {
        /// Over which channel.
        channel: Channel,
        /// To which factor.
        factor: FactorId,
        /// Whether trying again can help.
        failure: Failure,
    },
    /// A right answer: the challenge is passed.
    ChallengePassed {
        /// What for.
        purpose: Purpose,
        /// By which method.
        method: Method,
    },
    /// A wrong answer.
    WrongCode {
        /// What for.
        purpose: Purpose,
        /// By which method.
        method: Method,
        /// Whether it was a code that had been right before (OTP reuse).
        reused: bool,
    },
    /// A challenge ran out of tries.
    ChallengeFailed {
        /// What for.
        purpose: Purpose,
    },
    /// Too many wrong answers in a row on the account: it has to wait.
    AccountLocked {
        /// For how many seconds.
        seconds: u64,
        /// How many wrong answers in a row.
        failures: u16,
        /// Whether it is the first wait of the row: the owner is told once, not at each.
        first: bool,
    },
    /// A factor reached the limit of wrong answers and is disabled until it is set up again.
    FactorDisabled {
        /// Which one; `None` for the backup codes.
        factor: Option<FactorId>,
        /// Which kind.
        method: Method,
        /// What its owner called it.
        name: String,
    },
    /// A factor was confirmed and works from now on.
    FactorAdded {
        /// Which one.
        factor: FactorId,
        /// Which kind.
        method: Method,
        /// What its owner called it.
        name: String,
    },
    /// A factor was given another name.
    FactorRenamed {
        /// Which one.
        factor: FactorId,
        /// Its new name.
        name: String,
    },
    /// A factor was removed.
    FactorRemoved {
        /// Which one.
        factor: FactorId,
        /// Which kind.
        method: Method,
        /// What its owner called it.
        name: String,
    },
    /// An app whose clock is off was brought back in step.
    FactorResynchronised {
        /// Which one.
        factor: FactorId,
    },
    /// A new set of backup codes was made; an older one no longer works.
    BackupCodesMade {
        /// How many codes.
        count: u8,
    },
    /// A backup code was used.
    BackupCodeUsed {
        /// How many are left.
        left: u8,
    },
    /// The backup codes went with the last factor.
    BackupCodesRemoved,
    /// The reminder to set up a second factor was put off.
    ReminderSkipped,
    /// Every session but the one that asked was ended.
    SessionsEnded,
    /// The host said that the password changed: every session was ended.
    PasswordChanged,
    /// An administrator removed every factor and ended every session.
    Reset {
        /// The reason given.
        reason: String,
    },
    /// The owner could not be told of a change.
    NoticeFailed {
        /// How many messages failed.
        count: u8,
    },
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its own id.
    pub id: EventId,
    /// When it happened.
    pub at: Timestamp,
    /// Who did it.
    #[serde(flatten)]
    pub actor: Actor,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What is stored of an event beside its id and its time, which a store keeps for itself.
#[derive(Serialize, Deserialize)]
struct Body<A, K> {
    #[serde(flatten)]
    actor: A,
    #[serde(flatten)]
    kind: K,
}

impl EventKind {
    /// The stable name, as it stands in stores: `factor_added`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ChallengeBegan { .. } => "challenge_began",
            Self::CodeSent { .. } => "code_sent",
            Self::CodeNotSent { .. } => "code_not_sent",
            Self::ChallengePassed { .. } => "challenge_passed",
            Self::WrongCode { .. } => "wrong_code",
            Self::ChallengeFailed { .. } => "challenge_failed",
            Self::AccountLocked { .. } => "account_locked",
            Self::FactorDisabled { .. } => "factor_disabled",
            Self::FactorAdded { .. } => "factor_added",
            Self::FactorRenamed { .. } => "factor_renamed",
            Self::FactorRemoved { .. } => "factor_removed",
            Self::FactorResynchronised { .. } => "factor_resynchronised",
            Self::BackupCodesMade { .. } => "backup_codes_made",
            Self::BackupCodeUsed { .. } => "backup_code_used",
            Self::BackupCodesRemoved => "backup_codes_removed",
            Self::ReminderSkipped => "reminder_skipped",
            Self::SessionsEnded => "sessions_ended",
            Self::PasswordChanged => "password_changed",
            Self::Reset { .. } => "reset",
            Self::NoticeFailed { .. } => "notice_failed",
        }
    }

    /// What the owner is told about it, if anything (NIST SP 800-63B-4 §4.6).
    pub fn notice(&self) -> Option<Notice> {
        match self {
            Self::FactorAdded { name, .. } => Some(Notice::FactorAdded { name: name.clone() }),
            Self::FactorRemoved { name, .. } => Some(Notice::FactorRemoved { name: name.clone() }),
            Self::FactorDisabled { method: Method::BackupCode, .. } => Some(Notice::BackupCodesDisabled),
            Self::FactorDisabled { name, .. } => Some(Notice::FactorDisabled { name: name.clone() }),
            Self::BackupCodesMade { .. } => Some(Notice::BackupCodesMade),
            Self::BackupCodeUsed { left } => Some(Notice::BackupCodeUsed { left: *left }),
            Self::Reset { .. } => Some(Notice::Reset),
            Self::AccountLocked { first: true, .. } => Some(Notice::ManyWrongCodes),
            _ => None,
        }
    }
}

impl Event {
    /// The form a store keeps.
    ///
    /// # Errors
    /// If it can't be written as JSON, which would be a defect of ours.
    pub fn to_stored(&self) -> Result<StoredEvent, Fault> {
        let Self { actor, kind, .. } = self;
        let body = serde_json::to_vec(&Body { actor, kind });
        let body = body.map_err(|cause| Fault::caused_by(FaultKind::Record, cause))?;
        Ok(StoredEvent { id: self.id, at: self.at, kind: self.kind.name().to_owned(), body })
    }

    /// Reads an event back.
    ///
    /// # Errors
    /// If it isn't one that this version knows.
    pub fn from_stored(stored: &StoredEvent) -> Result<Self, Fault> {
        let Body { actor, kind } = serde_json::from_slice(&stored.body)
            .map_err(|cause| Fault::caused_by(FaultKind::Record, cause))?;
        Ok(Self { id: stored.id, at: stored.at, actor, kind })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_reads_back_and_its_name_is_the_one_in_its_body() {
        let event = Event {
            id: EventId::from_bytes([3; 16]),
            at: Timestamp::from_unix(7),
            actor: Actor::Administrator(UserId::new("u-1").unwrap()),
            kind: EventKind::Reset { reason: "lost phone".to_owned() },
        };
        let stored = event.to_stored().unwrap();
        assert_eq!(Event::from_stored(&stored).unwrap(), event);
        let body = String::from_utf8(stored.body.clone()).unwrap();
        let plain = r#"{"actor":"administrator","actor_id":"u-1","kind":"reset","reason":"lost phone"}"#;
        assert_eq!(body, plain, "its id and time are kept beside it");
        // Older bodies repeat them.
        let id = stored.id;
        let body = body.replacen('{', &format!("{{\"id\":\"{id}\",\"at\":7,"), 1).into_bytes();
        assert_eq!(Event::from_stored(&StoredEvent { body, ..stored }).unwrap(), event);
    }
}
