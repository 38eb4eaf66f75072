//! Tickets: what a server-side session keeps of a challenge or a permission to enrol. Trusted like the session.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::{AccountKey, Binding, ChallengeId, Epoch};
use crate::proof::Standing;
use crate::time::Timestamp;

/// How long somebody whose password was right may take to set up what policy asks for.
const PASS_LIFE: Duration = Duration::from_secs(3600);

/// A session's hold on one challenge. Nobody else's session can answer it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    account: AccountKey,
    challenge: ChallengeId,
    binding: Binding,
}

impl Ticket {
    pub(crate) fn new(account: AccountKey, challenge: ChallengeId, binding: Binding) -> Self {
        Self { account, challenge, binding }
    }

    /// Whose challenge it is. Not proof of anything: the person may still be a thief with a password.
    pub fn account(&self) -> &AccountKey {
        &self.account
    }

    pub(crate) fn challenge(&self) -> ChallengeId {
        self.challenge
    }

    pub(crate) fn binding(&self) -> &Binding {
        &self.binding
    }
}

/// Permission to set up a *first* factor before coming in, for an hour. Worth nothing once the account has one.
///
/// Long enough to fetch a phone and put an app on it; too short for whoever sits down at the same machine next day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolPass {
    account: AccountKey,
    epoch: Epoch,
    given: Timestamp,
}

impl EnrolPass {
    pub(crate) fn new(account: AccountKey, epoch: Epoch, given: Timestamp) -> Self {
        Self { account, epoch, given }
    }

    /// Who has to enrol.
    pub fn account(&self) -> &AccountKey {
        &self.account
    }

    /// Whether it is of this account's present epoch, and its hour not over.
    pub(crate) fn is_valid(&self, account: &AccountKey, epoch: Epoch, now: Timestamp) -> bool {
        self.account == *account && self.epoch == epoch && now < self.given.after(PASS_LIFE)
    }
}

/// By what right a factor is set up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authority {
    /// A signed-in session; it needs a recent second factor if the account has one, and not merely a code by
    /// e-mail if it has an app.
    Session(Standing),
    /// A sign-in that has to enrol first.
    Pass(EnrolPass),
}

impl Authority {
    /// Whose account it is about.
    pub fn account(&self) -> &AccountKey {
        match self {
            Self::Session(standing) => standing.account(),
            Self::Pass(pass) => pass.account(),
        }
    }
}
