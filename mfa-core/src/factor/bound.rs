//! A bound factor: one way of answering that belongs to an account, as it is stored.

use serde::{Deserialize, Serialize};

use crate::factor::totp::{Progress, TotpParams};
use crate::id::FactorId;
use crate::port::sealer::Sealed;
use crate::port::sender::Channel;
use crate::proof::Method;
use crate::refusal::Refusal;
use crate::throttle::Tally;
use crate::time::Timestamp;

/// The most characters a name may have.
pub const MAX_FACTOR_NAME: usize = 50;

/// One factor of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Factor {
    #[serde(rename = "i")]
    id: FactorId,
    #[serde(rename = "n")]
    name: FactorName,
    #[serde(rename = "a")]
    added: Timestamp,
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    used: Option<Timestamp>,
    #[serde(rename = "t", default, skip_serializing_if = "Tally::is_idle")]
    tally: Tally,
    #[serde(rename = "k")]
    kind: Kind,
}

/// What is kept of each kind of factor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Kind {
    /// An authenticator app.
    Totp {
        /// The shared key, sealed.
        #[serde(rename = "k")]
        key: Sealed,
        /// How it makes codes.
        #[serde(rename = "p")]
        params: TotpParams,
        /// Which codes it has used up, and how far its clock is off.
        #[serde(rename = "s")]
        progress: Progress,
    },
    /// A place that codes are sent to.
    Delivered {
        /// Over which channel.
        #[serde(rename = "c")]
        channel: Channel,
        /// The address, sealed.
        #[serde(rename = "d")]
        to: Sealed,
        /// When a code was last sent there, unless that failed.
        #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
        sent: Option<Timestamp>,
    },
}

impl Factor {
    pub(crate) fn new(id: FactorId, name: FactorName, added: Timestamp, kind: Kind) -> Self {
        Self { id, name, added, used: None, tally: Tally::default(), kind }
    }

    /// Its id.
    pub fn id(&self) -> FactorId {
        self.id
    }

    /// What its owner calls it.
    pub fn name(&self) -> &str {
        &self.name.0
    }

    /// When it was added.
    pub fn added(&self) -> Timestamp {
        self.added
    }

    /// When it was last used.
    pub fn used(&self) -> Option<Timestamp> {
        self.used
    }

    /// Whether it was disabled after too many wrong answers.
    pub fn is_disabled(&self) -> bool {
        self.tally.is_disabled()
    }

    /// Which kind of method it is.
    pub fn method(&self) -> Method {
        match self.kind {
            Kind::Totp { .. } => Method::App,
            Kind::Delivered { channel: Channel::Email, .. } => Method::Email,
        }
    }

    pub(crate) fn kind(&self) -> &Kind {
        &self.kind
    }

    pub(crate) fn kind_mut(&mut self) -> &mut Kind {
        &mut self.kind
    }

    pub(crate) fn rename(&mut self, name: FactorName) {
        self.name = name;
    }

    pub(crate) fn tally(&self) -> Tally {
        self.tally
    }

    pub(crate) fn set_tally(&mut self, tally: Tally) {
        self.tally = tally;
    }

    pub(crate) fn mark_used(&mut self, now: Timestamp) {
        self.used = Some(now);
    }

    pub(crate) fn mark_added(&mut self, now: Timestamp) {
        self.added = now;
    }
}

/// What an owner calls a factor: 1 to 50 characters on one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct FactorName(String);

impl FactorName {
    /// Takes a name; blanks around it go.
    ///
    /// # Errors
    /// [`Refusal::BadName`] if it is empty, too long or has control characters.
    pub fn new(name: &str) -> Result<Self, Refusal> {
        let name = name.trim();
        // Direction overrides could make one name look like another in the list.
        let bad = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if name.is_empty() || name.chars().count() > MAX_FACTOR_NAME || name.chars().any(bad) {
            return Err(Refusal::BadName);
        }
        Ok(Self(name.to_owned()))
    }
}

impl TryFrom<String> for FactorName {
    type Error = Refusal;
    fn try_from(name: String) -> Result<Self, Refusal> {
        Self::new(&name)
    }
}
