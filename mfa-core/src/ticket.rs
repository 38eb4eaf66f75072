//! Tickets: what a server-side session keeps of a challenge or a permission to enrol. Trusted like the session.

use serde::{Deserialize, Serialize};

use crate::id::{AccountKey, Binding, ChallengeId, Epoch};
use crate::proof::Standing;

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

/// Permission to set up a *first* factor before coming in. Worth nothing once the account has one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolPass {
    account: AccountKey,
    epoch: Epoch,
}

impl EnrolPass {
    pub(crate) fn new(account: AccountKey, epoch: Epoch) -> Self {
        Self { account, epoch }
    }

    /// Who has to enrol.
    pub fn account(&self) -> &AccountKey {
        &self.account
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
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
