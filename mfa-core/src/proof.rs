//! Proof: what a passed challenge yields, and what a session has proved. There is no other way in.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::{AccountKey, Epoch};
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// A kind of second factor, as it is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Method {
    /// A code from an authenticator app.
    App,
    /// A code sent by e-mail. Adds no assurance level (NIST SP 800-63B-4 §3.1.3.1).
    Email,
    /// A backup code.
    BackupCode,
}

impl Method {
    /// The value of RFC 8176 §2 for it; `lookup` is ours, as none is registered. E-mail has none.
    pub fn amr(self) -> Option<&'static str> {
        match self {
            Self::App => Some("otp"),
            Self::BackupCode => Some("lookup"),
            Self::Email => None,
        }
    }

    /// Whether, beside a password, it reaches authenticator assurance level 2.
    pub fn lifts_level(self) -> bool {
        !matches!(self, Self::Email)
    }
}

/// How sure the portal may be of the person, computed honestly (NIST SP 800-63B-4 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Level {
    /// A password alone, or with something that adds no assurance.
    One,
    /// A password and a real second factor.
    Two,
}

/// Proof that a person may come in: private, made only by a passed challenge or by a policy that asks for none.
///
/// It can't be built, only received from the service and spent on a [`Standing`]:
///
/// ```compile_fail,E0451
/// use mfa_core::proof::Verified;
/// let forged = Verified { account: todo!(), methods: vec![], at: todo!(), lifted: todo!(), epoch: todo!() };
/// ```
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a session is upgraded by spending this"]
pub struct Verified {
    account: AccountKey,
    methods: Vec<Method>,
    at: Timestamp,
    lifted: Option<Timestamp>,
    epoch: Epoch,
}

impl Verified {
    pub(crate) fn new(account: AccountKey, methods: Vec<Method>, at: Timestamp, epoch: Epoch) -> Self {
        let lifted = methods.iter().any(|method| method.lifts_level()).then_some(at);
        Self { account, methods, at, lifted, epoch }
    }

    /// With what a session had proved before.
    pub(crate) fn beside(mut self, standing: &Standing) -> Self {
        self.methods.extend(standing.methods());
        self.methods.sort_unstable();
        self.methods.dedup();
        self.lifted = self.lifted.or(standing.lifted_at());
        self
    }

    /// Whose it is.
    pub fn account(&self) -> &AccountKey {
        &self.account
    }

    /// The second factors proved; empty where policy asked for none.
    pub fn methods(&self) -> &[Method] {
        &self.methods
    }

    /// When.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Spends the proof on what the session keeps.
    pub fn into_standing(self) -> Standing {
        let Self { at, methods, lifted, .. } = self;
        let proved = (!methods.is_empty()).then_some(Proved { at, methods, lifted });
        Standing { account: self.account, epoch: self.epoch, signed_in: at, proved }
    }
}

/// What a session has proved. Kept in the *server-side* session, which is trusted; checked against the account
/// on every use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    account: AccountKey,
    epoch: Epoch,
    signed_in: Timestamp,
    proved: Option<Proved>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Proved {
    at: Timestamp,
    methods: Vec<Method>,
    /// When one of them was last proved that lifts the level: a later code by e-mail must not make that recent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lifted: Option<Timestamp>,
}

impl Standing {
    /// Whose session it is.
    pub fn account(&self) -> &AccountKey {
        &self.account
    }

    /// When the person signed in.
    pub fn signed_in_at(&self) -> Timestamp {
        self.signed_in
    }

    /// When a second factor was last proved; `None` if never.
    pub fn proved_at(&self) -> Option<Timestamp> {
        self.proved.as_ref().map(|proved| proved.at)
    }

    /// When a second factor was last proved that lifts the level.
    fn lifted_at(&self) -> Option<Timestamp> {
        self.proved.as_ref().and_then(|proved| proved.lifted)
    }

    /// The second factors proved in this session.
    pub fn methods(&self) -> &[Method] {
        self.proved.as_ref().map_or(&[], |proved| &proved.methods)
    }

    /// The level reached, beside the host's password check.
    pub fn level(&self) -> Level {
        if self.methods().iter().any(|method| method.lifts_level()) { Level::Two } else { Level::One }
    }

    /// The authentication methods, for an `amr` claim (RFC 8176), the password first.
    pub fn amr(&self) -> Vec<&'static str> {
        let mut values = vec!["pwd"];
        values.extend(self.methods().iter().filter_map(|method| method.amr()));
        if self.level() >= Level::Two {
            values.push("mfa");
        }
        values
    }

    /// Takes over what a step-up proved.
    ///
    /// # Errors
    /// If the proof is another account's, or of another epoch: somebody else signed in meanwhile.
    pub fn stepped_up(self, verified: Verified) -> Result<Self, Refusal> {
        if verified.account != self.account || verified.epoch != self.epoch {
            return Err(Refusal::SignInAgain);
        }
        Ok(self.with(verified))
    }

    /// Takes over a proof that came with a new epoch, keeping what was proved before.
    pub(crate) fn with(self, verified: Verified) -> Self {
        let Verified { at, methods, lifted, epoch, .. } = verified.beside(&self);
        let proved = (!methods.is_empty()).then_some(Proved { at, methods, lifted });
        Self { account: self.account, epoch, signed_in: self.signed_in, proved }
    }

    /// The same session in a new epoch: the one that asked for the others to end.
    pub(crate) fn moved_to(self, epoch: Epoch) -> Self {
        Self { epoch, ..self }
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Whether a second factor was proved within `span` before `now`. A proof from the future is none.
    pub fn is_fresh(&self, now: Timestamp, span: Duration) -> bool {
        is_recent(self.proved_at(), now, span)
    }

    /// The same of one that lifts the level.
    pub(crate) fn is_lifted(&self, now: Timestamp, span: Duration) -> bool {
        is_recent(self.lifted_at(), now, span)
    }
}

fn is_recent(at: Option<Timestamp>, now: Timestamp, span: Duration) -> bool {
    at.is_some_and(|at| at <= now && now.since(at) <= span)
}
