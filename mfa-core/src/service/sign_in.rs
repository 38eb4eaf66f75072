//! Signing in, answering challenges, stepping up, and the check on every request.

use std::time::Duration;

use crate::account::Glance;
use crate::account::answering::Answered;
use crate::account::draft::Draft;
use crate::factor::backup::{HashCost, HashedCode, Salt, hash, read_backup_code};
use crate::fault::{Fault, FaultKind};
use crate::id::AccountKey;
use crate::policy::{Action, Policy, Reason};
use crate::port::sender::Purpose;
use crate::port::store::{RecordKey, Versioned};
use crate::proof::{Standing, Verified};
use crate::refusal::Refusal;
use crate::service::Mfa;
use crate::service::turn::{ClockRule, Known, Ports};
use crate::service::view::ChallengeView;
use crate::ticket::{EnrolPass, Ticket};

/// What follows a right password.
#[derive(Debug)]
#[must_use = "nobody is signed in before this is acted on"]
#[non_exhaustive]
pub enum SignIn {
    /// Come in: policy asks for no second factor.
    Admitted {
        /// The proof, to be spent on a session.
        verified: Verified,
        /// Whether to show the reminder to set one up.
        remind: bool,
        /// Why no second factor was asked for.
        reason: Reason,
    },
    /// Answer a challenge first.
    Challenged(Ticket),
    /// Set up a second factor first.
    MustEnrol(EnrolPass),
    /// Not now.
    Refused(Refusal),
}

/// A passed challenge.
#[derive(Debug)]
#[must_use = "a session is upgraded by spending what is in this"]
pub struct Granted {
    /// The proof.
    pub verified: Verified,
    /// If a backup code was used: how many are left.
    pub backup_codes_left: Option<u8>,
}

/// What a guarded route asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// How recently a second factor must have been proved; `None` if any time in this session will do.
    pub fresh_within: Option<Duration>,
}

/// What a guarded route answers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "only Gate::Open lets anybody through"]
#[non_exhaustive]
pub enum Gate {
    /// Come through.
    Open,
    /// Prove a second factor (again) first.
    StepUp,
    /// Set up a second factor first.
    MustEnrol(EnrolPass),
    /// The session was ended: sign in again.
    SignInAgain,
    /// No method works any more: an administrator has to help.
    NoMethodLeft,
}

/// How often a backup code is hashed again because its set was replaced meanwhile.
const MAX_HASHES: usize = 3;

impl Mfa {
    /// Decides about somebody whose first factor the host has checked, and begins what follows.
    ///
    /// Call it for *every* way of signing in (password, social, link, remembered); a way that doesn't pass
    /// here is a way round the second factor.
    ///
    /// # Errors
    /// On any fault. Nobody is admitted then.
    pub async fn sign_in(&self, key: &AccountKey) -> Result<SignIn, Fault> {
        let policy = self.policy_for(key).await?;
        self.run(key, |draft| begin_sign_in(draft, policy)).await
    }

    /// What the session's challenge looks like now.
    ///
    /// # Errors
    /// On any fault.
    pub async fn challenge(&self, ticket: &Ticket) -> Result<Result<ChallengeView, Refusal>, Fault> {
        self.look(ticket.account(), |draft| {
            let challenge = draft.challenge(ticket);
            Ok(challenge.map(|open| ChallengeView::of(&draft.account, &open, draft.cx.settings)))
        })
        .await
    }

    /// Answers a challenge with what the person typed.
    ///
    /// # Errors
    /// On any fault. Nothing is granted then; a right code may be spent all the same.
    pub async fn answer(&self, ticket: &Ticket, typed: &str) -> Result<Result<Granted, Refusal>, Fault> {
        let key = ticket.account();
        let mut hashed: Option<HashedCode> = None;
        for _ in 0..=MAX_HASHES {
            let answered = self.run(key, |draft| draft.answer(ticket, typed, hashed.as_ref())).await?;
            match answered {
                Err(refusal) => return Ok(Err(refusal)),
                Ok(Answered::Passed { verified, backup_left }) => {
                    return Ok(Ok(Granted { verified, backup_codes_left: backup_left }));
                }
                Ok(Answered::NeedsHash { salt, cost }) => {
                    match self.hash_backup_code(typed, salt, cost).await? {
                        Ok(code) => hashed = Some(code),
                        Err(refusal) => return Ok(Err(refusal)),
                    }
                }
            }
        }
        Err(Fault::new(FaultKind::Contention))
    }

    async fn hash_backup_code(
        &self,
        typed: &str,
        salt: Salt,
        cost: HashCost,
    ) -> Result<Result<HashedCode, Refusal>, Fault> {
        let code = match read_backup_code(typed) {
            Ok(code) => code,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let pepper = self.inner.pepper.clone();
        match self.inner.pool.run(move || hash(&code, &salt, &cost, pepper.as_ref())).await {
            Ok(hashed) => hashed.map(Ok),
            Err(error) => error.into_refusal().map(Err),
        }
    }

    /// Begins a challenge within a session, to prove a second factor again.
    ///
    /// # Errors
    /// On any fault.
    pub async fn step_up(&self, standing: &Standing) -> Result<Result<Ticket, Refusal>, Fault> {
        self.run(standing.account(), |draft| begin_step_up(draft, standing)).await
    }

    /// Gives up a challenge, so that its page can't be answered from behind.
    ///
    /// # Errors
    /// On any fault.
    pub async fn abandon(&self, ticket: &Ticket) -> Result<(), Fault> {
        self.run(ticket.account(), |draft| {
            draft.abandon(ticket);
            Ok(())
        })
        .await
    }

    /// Whether a session may pass a guarded route. To be asked on every request: it reads the account's epoch,
    /// so that a reset elsewhere ends this session at once.
    ///
    /// # Errors
    /// On any fault; the request must then be refused.
    pub async fn check(&self, standing: &Standing, demand: Demand) -> Result<Gate, Fault> {
        let key = standing.account();
        let record_key = RecordKey::from(key);
        let loaded = self.inner.store.load(&record_key).await?;
        let glance = |held: &Versioned| self.inner.glanced.at(&record_key, held);
        match at_the_gate(self.ports(key), loaded.as_ref(), glance, standing, demand)? {
            Seen::Decided(gate) => Ok(gate),
            Seen::Unproved => match self.policy_for(key).await? {
                Policy::Required => {
                    Ok(Gate::MustEnrol(EnrolPass::new(key.clone(), standing.epoch(), self.now()?)))
                }
                _ => Ok(Gate::Open),
            },
        }
    }
}

/// What follows a right password, on the account.
pub(super) fn begin_sign_in(draft: &mut Draft<'_>, policy: Policy) -> Result<SignIn, Fault> {
    let decision = draft.decide(policy);
    Ok(match decision.action {
        Action::Challenge => SignIn::Challenged(draft.begin(Purpose::SignIn)?),
        Action::Enrol => {
            SignIn::MustEnrol(EnrolPass::new(draft.cx.key.clone(), draft.account.epoch, draft.cx.now))
        }
        Action::Refuse => SignIn::Refused(Refusal::NoMethodLeft),
        Action::Admit | Action::Remind => match draft.admit(decision) {
            Some(verified) => SignIn::Admitted {
                verified,
                remind: decision.action == Action::Remind,
                reason: decision.reason,
            },
            None => return Err(Fault::new(FaultKind::Internal)),
        },
    })
}

/// A step-up, on the account.
pub(super) fn begin_step_up(
    draft: &mut Draft<'_>,
    standing: &Standing,
) -> Result<Result<Ticket, Refusal>, Fault> {
    if let Err(refusal) = draft.is_alive(standing) {
        return Ok(Err(refusal));
    }
    if draft.account.factors.is_empty() {
        return Ok(Err(Refusal::NeedsFactor));
    }
    if !draft.account.can_answer(Purpose::StepUp) {
        return Ok(Err(Refusal::NoMethodLeft));
    }
    draft.begin(Purpose::StepUp).map(Ok)
}

/// What the account says of a session at a guarded route.
pub(super) enum Seen {
    Decided(Gate),
    /// There is nothing to prove a second factor with: policy decides.
    Unproved,
}

/// Looks at a session that stands before a guarded route, and at no more of the record than that takes: `glance`.
pub(super) fn at_the_gate(
    ports: Ports<'_>,
    loaded: Option<&Versioned>,
    glance: impl FnOnce(&Versioned) -> Option<Glance>,
    standing: &Standing,
    demand: Demand,
) -> Result<Seen, Fault> {
    // Nearly every request is this one.
    if demand.fresh_within.is_none()
        && standing.account() == ports.key
        && standing.proved_at().is_some()
        && let Some(glance) = loaded.and_then(glance)
        && glance.epoch == standing.epoch()
        && glance.has_factors
    {
        ports.time_for(glance.seen, ClockRule::NeverBack)?;
        return Ok(Seen::Decided(Gate::Open));
    }
    let (seen, _) = ports.look(Known::read(loaded)?, |draft| Ok(see(draft, standing, demand)))?;
    Ok(seen)
}

fn see(draft: &Draft<'_>, standing: &Standing, demand: Demand) -> Seen {
    let account = &draft.account;
    if draft.is_alive(standing).is_err() {
        return Seen::Decided(Gate::SignInAgain);
    }
    let fresh = match demand.fresh_within {
        Some(span) => draft.has_proved(standing, span),
        None => standing.proved_at().is_some(),
    };
    if fresh && !account.factors.is_empty() {
        return Seen::Decided(Gate::Open);
    }
    if account.factors.is_empty() {
        return match demand.fresh_within {
            // A route that asks for a recent second factor asks for one to be set up.
            Some(_) => {
                let pass = EnrolPass::new(draft.cx.key.clone(), account.epoch, draft.cx.now);
                Seen::Decided(Gate::MustEnrol(pass))
            }
            None => Seen::Unproved,
        };
    }
    Seen::Decided(if account.can_answer(Purpose::StepUp) { Gate::StepUp } else { Gate::NoMethodLeft })
}
