//! Signing in and stepping up: beginning a challenge, choosing a method, answering.

use zeroize::Zeroizing;

use crate::account::draft::{Draft, TOTP_KEY};
use crate::challenge::{Attempt, Beginning, Challenge, Choice, MAX_CHALLENGES, Passed, REMEMBERED};
use crate::event::EventKind;
use crate::factor::backup::{HashCost, HashedCode, Salt, Taken};
use crate::factor::bound::{Factor, Kind};
use crate::factor::delivered::Found;
use crate::factor::hotp::PreparedKey;
use crate::factor::key::SharedKey;
use crate::factor::totp;
use crate::factor::typed::read_code;
use crate::fault::{Fault, FaultKind};
use crate::id::{Binding, ChallengeId, FactorId};
use crate::policy::{Action, Decision, Facts, Policy, decide};
use crate::port::entropy::random_bytes;
use crate::port::sender::Purpose;
use crate::proof::{Method, Verified};
use crate::refusal::Refusal;
use crate::ticket::Ticket;

/// What came of an answer.
pub(crate) enum Answered {
    /// Right.
    Passed { verified: Verified, backup_left: Option<u8> },
    /// A backup code has to be hashed first, with this salt and cost.
    NeedsHash { salt: Salt, cost: HashCost },
}

impl Draft<'_> {
    /// The decision about somebody whose password was right.
    pub(crate) fn decide(&self, policy: Policy) -> Decision {
        let account = &self.account;
        decide(&Facts {
            policy,
            bound: account.factors.len(),
            usable: account.working_factors().count() + usize::from(account.takes_backup_codes()),
            reminded: account.reminded,
            remind_every: self.cx.settings.remind_every,
            now: self.cx.now,
        })
    }

    /// Proof without a second factor: only where the decision says so.
    pub(crate) fn admit(&self, decision: Decision) -> Option<Verified> {
        matches!(decision.action, Action::Admit | Action::Remind)
            .then(|| Verified::new(self.cx.key.clone(), Vec::new(), self.cx.now, self.account.epoch))
    }

    /// Begins a challenge. The app used last is chosen at once: it costs nothing and sends nothing.
    pub(crate) fn begin(&mut self, purpose: Purpose) -> Result<Ticket, Fault> {
        let (beginning, binding) = self.beginning(purpose)?;
        let mut challenge = Challenge::begin(beginning);
        if let Some(app) = self.preferred_app() {
            challenge = challenge.choose(Choice::Factor(app));
        }
        self.by_owner(EventKind::ChallengeBegan { purpose })?;
        Ok(self.keep_new(challenge, binding))
    }

    pub(crate) fn beginning(&self, purpose: Purpose) -> Result<(Beginning, Binding), Fault> {
        let settings = self.cx.settings;
        // Drawn together: every draw is a call into the system.
        let drawn = Zeroizing::new(random_bytes::<48>(self.cx.entropy)?);
        let (Some((binding, _)), Some((_, id))) = (drawn.split_first_chunk(), drawn.split_last_chunk())
        else {
            return Err(Fault::new(FaultKind::Internal));
        };
        let binding = Binding::from_bytes(*binding);
        let life = match purpose {
            Purpose::Enrol => settings.enrolment_life,
            Purpose::SignIn | Purpose::StepUp => settings.challenge_life,
        };
        let beginning = Beginning {
            id: ChallengeId::from_bytes(*id),
            purpose,
            binding: binding.digest(),
            expires: self.cx.now.after(life),
            tries: settings.limits.per_challenge,
            delivered_tries: settings.limits.delivered,
        };
        Ok((beginning, binding))
    }

    pub(crate) fn keep_new(&mut self, challenge: Challenge, binding: Binding) -> Ticket {
        let forget = self.cx.now.before(REMEMBERED);
        let challenges = &mut self.account.challenges;
        challenges.retain(|old| old.expires() > forget);
        while challenges.len() >= MAX_CHALLENGES {
            // What is over goes first, then the oldest of the same purpose: somebody with the password who begins
            // one sign-in after the other must not end the step-up or the set-up of a signed-in session.
            let over = challenges.iter().position(|old| old.standing(self.cx.now).is_err());
            let alike = || challenges.iter().position(|old| old.purpose() == challenge.purpose());
            challenges.remove(over.or_else(alike).unwrap_or(0));
        }
        let ticket = Ticket::new(self.cx.key.clone(), challenge.id(), binding);
        challenges.push(challenge);
        ticket
    }

    fn preferred_app(&self) -> Option<FactorId> {
        let working = || self.account.working_factors();
        let preferred = working().max_by_key(|factor| (factor.used(), factor.method() == Method::App))?;
        (preferred.method() == Method::App).then(|| preferred.id())
    }

    /// The session's challenge, if it can still be answered.
    pub(crate) fn challenge(&self, ticket: &Ticket) -> Result<Challenge, Refusal> {
        let challenge = self.remembered(ticket)?;
        challenge.standing(self.cx.now)?;
        Ok(challenge)
    }

    pub(crate) fn remembered(&self, ticket: &Ticket) -> Result<Challenge, Refusal> {
        let digest = ticket.binding().digest();
        self.account
            .challenges
            .iter()
            .find(|challenge| challenge.id() == ticket.challenge() && challenge.belongs_to(&digest))
            .filter(|_| ticket.account() == self.cx.key)
            .cloned()
            .ok_or(Refusal::ChallengeUnknown)
    }

    pub(crate) fn put(&mut self, challenge: Challenge) {
        if let Some(place) = self.account.challenges.iter_mut().find(|old| old.id() == challenge.id()) {
            *place = challenge;
        }
    }

    pub(crate) fn drop_challenge(&mut self, id: ChallengeId) {
        self.account.challenges.retain(|challenge| challenge.id() != id);
    }

    /// Gives up the session's challenge.
    pub(crate) fn abandon(&mut self, ticket: &Ticket) {
        if self.challenge(ticket).is_ok() {
            self.drop_challenge(ticket.challenge());
        }
    }

    /// Answers a sign-in or step-up challenge. Wrong answers are part of the same commit that says so.
    pub(crate) fn answer(
        &mut self,
        ticket: &Ticket,
        typed: &str,
        hashed: Option<&HashedCode>,
    ) -> Result<Result<Answered, Refusal>, Fault> {
        let challenge = match self.answerable(ticket) {
            Ok(challenge) => challenge,
            Err(refusal) => return Ok(Err(refusal)),
        };
        match challenge.choice() {
            None => Ok(Err(Refusal::NoCodeSent)),
            Some(Choice::BackupCode) => self.answer_backup(challenge, hashed),
            Some(Choice::Factor(id)) => {
                let Some(factor) = self.account.factor(id).cloned() else {
                    return Ok(Err(Refusal::MethodUnavailable));
                };
                if factor.is_disabled() {
                    return Ok(Err(Refusal::MethodDisabled));
                }
                // An app may have been added since the method was chosen.
                if !self.account.may_answer(challenge.purpose(), factor.method()) {
                    return Ok(Err(Refusal::MethodUnavailable));
                }
                match factor.kind() {
                    Kind::Totp { .. } => self.answer_app(challenge, factor, typed),
                    Kind::Delivered { .. } => self.answer_delivered(challenge, factor, typed),
                }
            }
        }
    }

    /// The challenge, unless the account has to wait. Enrolments are confirmed elsewhere.
    fn answerable(&self, ticket: &Ticket) -> Result<Challenge, Refusal> {
        let challenge = self.challenge(ticket)?;
        if challenge.purpose() == Purpose::Enrol {
            return Err(Refusal::ChallengeUnknown);
        }
        self.not_throttled()?;
        Ok(challenge)
    }

    pub(crate) fn not_throttled(&self) -> Result<(), Refusal> {
        match self.account.throttle.wait(self.cx.now) {
            Some(wait) => Err(Refusal::Throttled { seconds: wait.as_secs() }),
            None => Ok(()),
        }
    }

    pub(crate) fn prepare(&self, factor: &Factor) -> Result<PreparedKey, Fault> {
        let Kind::Totp { key, params, .. } = factor.kind() else {
            return Err(Fault::new(FaultKind::Internal));
        };
        let plain = self.open(factor.id(), TOTP_KEY, key)?;
        let shared =
            SharedKey::from_bytes(plain).map_err(|cause| Fault::caused_by(FaultKind::Record, cause))?;
        Ok(PreparedKey::new(params.algorithm, &shared))
    }

    fn answer_app(
        &mut self,
        challenge: Challenge,
        mut factor: Factor,
        typed: &str,
    ) -> Result<Result<Answered, Refusal>, Fault> {
        let prepared = self.prepare(&factor)?;
        let Kind::Totp { params, progress, .. } = factor.kind_mut() else {
            return Err(Fault::new(FaultKind::Internal));
        };
        let code = match read_code(typed, params.digits) {
            Ok(code) => code,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let attempt = challenge.attempt();
        let window = &self.cx.settings.window;
        let outcome = totp::verify(&prepared, params, window, progress, self.cx.now, &code);
        match outcome {
            totp::Outcome::Accepted(accepted) => {
                *progress = accepted.into_progress();
                self.pass_with(attempt, factor).map(Ok)
            }
            totp::Outcome::Replayed => {
                let tries_left = attempt.tries_left();
                self.count_wrong(attempt.wrong(), Method::App, Some(factor.id()), true)?;
                Ok(Err(Refusal::UsedCode { tries_left }))
            }
            totp::Outcome::Wrong => {
                let tries_left = attempt.tries_left();
                self.count_wrong(attempt.wrong(), Method::App, Some(factor.id()), false)?;
                Ok(Err(Refusal::WrongCode { tries_left }))
            }
        }
    }

    fn answer_delivered(
        &mut self,
        challenge: Challenge,
        factor: Factor,
        typed: &str,
    ) -> Result<Result<Answered, Refusal>, Fault> {
        let found = match self.find_delivered(&challenge, factor.id(), typed)? {
            Ok(found) => found,
            Err(refusal) => return Ok(Err(refusal)),
        };
        match found {
            Found::NoneSent => Ok(Err(Refusal::NoCodeSent)),
            Found::Expired => Ok(Err(Refusal::ExpiredCode)),
            Found::Live => self.pass_with(challenge.attempt(), factor).map(Ok),
            Found::Wrong => {
                let method = factor.method();
                let tries_left = self.wrong_delivered(challenge.attempt(), method, Some(factor.id()))?;
                Ok(Err(Refusal::WrongCode { tries_left }))
            }
        }
    }

    fn answer_backup(
        &mut self,
        challenge: Challenge,
        hashed: Option<&HashedCode>,
    ) -> Result<Result<Answered, Refusal>, Fault> {
        let Some(mut backup) = self.account.backup.clone().filter(|_| self.account.takes_backup_codes())
        else {
            return Ok(Err(Refusal::MethodUnavailable));
        };
        let needs_hash = Answered::NeedsHash { salt: backup.set.salt(), cost: backup.set.cost() };
        let Some(hashed) = hashed else {
            return Ok(Ok(needs_hash));
        };
        let attempt = challenge.attempt();
        match backup.set.take(hashed) {
            Taken::OtherSet(_) => Ok(Ok(needs_hash)),
            Taken::Wrong(_) => {
                let tries_left = attempt.tries_left();
                self.count_wrong(attempt.wrong(), Method::BackupCode, None, false)?;
                Ok(Err(Refusal::WrongCode { tries_left }))
            }
            Taken::Used(set) => {
                let left = set.left();
                backup.set = set;
                backup.tally = backup.tally.passed();
                backup.used = Some(self.cx.now);
                self.account.backup = Some(backup);
                self.by_owner(EventKind::BackupCodeUsed { left })?;
                let verified = self.pass(attempt.right(), Method::BackupCode)?;
                Ok(Ok(Answered::Passed { verified, backup_left: Some(left) }))
            }
        }
    }

    fn pass_with(&mut self, attempt: Attempt, mut factor: Factor) -> Result<Answered, Fault> {
        let method = factor.method();
        factor.set_tally(factor.tally().passed());
        factor.mark_used(self.cx.now);
        if let Some(place) = self.account.factor_mut(factor.id()) {
            *place = factor;
        }
        let verified = self.pass(attempt.right(), method)?;
        Ok(Answered::Passed { verified, backup_left: None })
    }

    fn pass(&mut self, passed: Passed, method: Method) -> Result<Verified, Fault> {
        let purpose = passed.purpose();
        self.drop_challenge(passed.id());
        self.account.end_row(method);
        self.by_owner(EventKind::ChallengePassed { purpose, method })?;
        Ok(Verified::new(self.cx.key.clone(), vec![method], self.cx.now, self.account.epoch))
    }

    /// Books a wrong answer everywhere it counts: the challenge, the factor and the account.
    pub(crate) fn count_wrong(
        &mut self,
        challenge: Challenge,
        method: Method,
        factor: Option<FactorId>,
        reused: bool,
    ) -> Result<(), Fault> {
        let purpose = challenge.purpose();
        let failed = challenge.standing(self.cx.now).is_err();
        self.put(challenge);
        self.by_owner(EventKind::WrongCode { purpose, method, reused })?;
        if failed {
            self.by_owner(EventKind::ChallengeFailed { purpose })?;
        }
        if purpose == Purpose::Enrol && method == Method::App {
            // The key is on the screen already: there is nothing to guess.
            return Ok(());
        }
        self.count_on_account(method, factor)
    }

    /// Books a wrong answer that belongs to no challenge.
    pub(crate) fn count_wrong_outside(
        &mut self,
        purpose: Purpose,
        method: Method,
        factor: FactorId,
    ) -> Result<(), Fault> {
        self.by_owner(EventKind::WrongCode { purpose, method, reused: false })?;
        self.count_on_account(method, Some(factor))
    }

    fn count_on_account(&mut self, method: Method, factor: Option<FactorId>) -> Result<(), Fault> {
        let (now, limits) = (self.cx.now, &self.cx.settings.limits);
        let disabled = match factor {
            Some(id) => self.account.factor_mut(id).and_then(|factor| {
                factor.set_tally(factor.tally().failed(limits));
                factor.is_disabled().then(|| factor.name().to_owned())
            }),
            None if method == Method::BackupCode => self.account.backup.as_mut().and_then(|backup| {
                backup.tally = backup.tally.failed(limits);
                backup.tally.is_disabled().then(String::new)
            }),
            None => None,
        };
        if let Some(name) = disabled {
            self.by_owner(EventKind::FactorDisabled { factor, method, name })?;
        }
        let wait;
        (self.account.throttle, wait) = self.account.throttle.failed(now, limits);
        if let Some(wait) = wait {
            let failures = self.account.throttle.failures();
            let first = failures == limits.free;
            self.by_owner(EventKind::AccountLocked { seconds: wait.as_secs(), failures, first })?;
        }
        Ok(())
    }
}
