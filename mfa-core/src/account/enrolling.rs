//! Setting up a factor: staged in a challenge, nothing to anybody before it is confirmed.

use crate::account::delivering::Outgoing;
use crate::account::draft::{ADDRESS, Draft, TOTP_KEY};
use crate::challenge::{Challenge, Choice, Passed};
use crate::event::EventKind;
use crate::factor::bound::{Factor, FactorName, Kind};
use crate::factor::delivered::Found;
use crate::factor::key::SharedKey;
use crate::factor::totp::{self, Accepted, Progress};
use crate::factor::typed::read_code;
use crate::fault::{Fault, FaultKind};
use crate::id::FactorId;
use crate::port::entropy::random_bytes;
use crate::port::sender::{Channel, Purpose};
use crate::proof::{Method, Verified};
use crate::refusal::Refusal;
use crate::secret::SecretText;
use crate::settings::{Confirm, MAX_FACTORS};
use crate::ticket::{Authority, Ticket};
use crate::time::Timestamp;

/// An app that waits to be confirmed.
pub(crate) struct StagedApp {
    pub(crate) ticket: Ticket,
    pub(crate) key: SharedKey,
    pub(crate) expires: Timestamp,
}

/// What is being set up, in the clear for the session that sets it up.
pub(crate) enum Staged {
    App(SharedKey),
    Address(SecretText),
}

/// A factor that was confirmed.
pub(crate) struct Bound {
    pub(crate) verified: Verified,
    pub(crate) factor: FactorId,
    pub(crate) name: String,
    /// Whether the account has backup codes that work.
    pub(crate) has_backup_codes: bool,
}

impl Draft<'_> {
    /// Whether a factor may be set up by this right.
    pub(crate) fn may_enrol(&self, authority: &Authority) -> Result<(), Refusal> {
        match authority {
            Authority::Session(standing) => self.may_change(standing)?,
            // A password alone may only ever set up the *first* factor.
            Authority::Pass(pass) => {
                let valid = pass.is_valid(self.cx.key, self.account.epoch, self.cx.now);
                if !valid || !self.account.factors.is_empty() {
                    return Err(Refusal::SignInAgain);
                }
            }
        }
        if self.account.factors.len() >= MAX_FACTORS {
            return Err(Refusal::TooManyFactors);
        }
        Ok(())
    }

    fn stage(&mut self, factor: Factor) -> Result<Ticket, Fault> {
        // One set-up at a time: the one before was never there.
        self.account.challenges.retain(|challenge| challenge.purpose() != Purpose::Enrol);
        let (beginning, binding) = self.beginning(Purpose::Enrol)?;
        let challenge = Challenge::begin_enrolment(beginning, factor);
        self.by_owner(EventKind::ChallengeBegan { purpose: Purpose::Enrol })?;
        Ok(self.keep_new(challenge, binding))
    }

    /// Stages a new authenticator app.
    pub(crate) fn stage_app(
        &mut self,
        authority: &Authority,
        name: &FactorName,
    ) -> Result<Result<StagedApp, Refusal>, Fault> {
        if let Err(refusal) = self.may_enrol(authority) {
            return Ok(Err(refusal));
        }
        let id = FactorId::from_bytes(random_bytes(self.cx.entropy)?);
        let key = SharedKey::generate(self.cx.entropy)?;
        let sealed = self.seal(id, TOTP_KEY, key.as_secret().expose())?;
        let kind = Kind::Totp { key: sealed, params: self.cx.settings.totp, progress: Progress::default() };
        let ticket = self.stage(Factor::new(id, name.clone(), self.cx.now, kind))?;
        let expires = self.cx.now.after(self.cx.settings.enrolment_life);
        Ok(Ok(StagedApp { ticket, key, expires }))
    }

    /// Stages an e-mail address and says what to send there.
    pub(crate) fn stage_email(
        &mut self,
        authority: &Authority,
        name: &FactorName,
        address: &str,
    ) -> Result<Result<(Ticket, Option<Outgoing>), Refusal>, Fault> {
        if let Err(refusal) = self.may_enrol(authority) {
            return Ok(Err(refusal));
        }
        for factor in &self.account.factors {
            if self.address(factor)?.is_some_and(|bound| bound.eq_ignore_ascii_case(address)) {
                return Ok(Err(Refusal::AlreadyBound));
            }
        }
        // Before anything is staged: a form posted twice must not kill the code that is under way.
        if let Err(refusal) = self.may_send(self.account.enrol_sent) {
            return Ok(Err(refusal));
        }
        let id = FactorId::from_bytes(random_bytes(self.cx.entropy)?);
        let to = self.seal(id, ADDRESS, address.as_bytes())?;
        let kind = Kind::Delivered { channel: Channel::Email, to, sent: None };
        let ticket = self.stage(Factor::new(id, name.clone(), self.cx.now, kind))?;
        let outgoing = self.choose(&ticket, Choice::Factor(id))?;
        Ok(outgoing.map(|outgoing| (ticket, outgoing)))
    }

    /// The staged factor of a session, to show its page again.
    pub(crate) fn staged(
        &self,
        authority: &Authority,
        ticket: &Ticket,
    ) -> Result<Result<(Challenge, Staged), Refusal>, Fault> {
        if let Err(refusal) = self.may_enrol(authority) {
            return Ok(Err(refusal));
        }
        let challenge = match self.challenge(ticket) {
            Ok(challenge) => challenge,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let Some(factor) = challenge.staged() else { return Ok(Err(Refusal::ChallengeUnknown)) };
        let staged = match (factor.kind(), self.address(factor)?) {
            (Kind::Totp { key, .. }, _) => {
                let plain = self.open(factor.id(), TOTP_KEY, key)?;
                let shared = SharedKey::from_bytes(plain);
                Staged::App(shared.map_err(|cause| Fault::caused_by(FaultKind::Record, cause))?)
            }
            (Kind::Delivered { .. }, Some(address)) => Staged::Address(SecretText::new(address)),
            (Kind::Delivered { .. }, None) => return Err(Fault::new(FaultKind::Internal)),
        };
        Ok(Ok((challenge, staged)))
    }

    /// Confirms a staged factor with the code, or two codes, that were typed.
    pub(crate) fn confirm(
        &mut self,
        authority: &Authority,
        ticket: &Ticket,
        first: &str,
        second: Option<&str>,
    ) -> Result<Result<Bound, Refusal>, Fault> {
        if let Err(refusal) = self.may_enrol(authority).and_then(|()| self.not_throttled()) {
            return Ok(Err(refusal));
        }
        let challenge = match self.challenge(ticket) {
            Ok(challenge) => challenge,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let Some(factor) = challenge.staged().cloned() else {
            return Ok(Err(Refusal::ChallengeUnknown));
        };
        match factor.kind() {
            Kind::Totp { .. } => self.confirm_app(authority, challenge, factor, first, second),
            Kind::Delivered { .. } => self.confirm_address(authority, challenge, factor, first),
        }
    }

    fn confirm_app(
        &mut self,
        authority: &Authority,
        challenge: Challenge,
        mut factor: Factor,
        first: &str,
        second: Option<&str>,
    ) -> Result<Result<Bound, Refusal>, Fault> {
        let prepared = self.prepare(&factor)?;
        let Kind::Totp { params, progress, .. } = factor.kind_mut() else {
            return Err(Fault::new(FaultKind::Internal));
        };
        let (now, window) = (self.cx.now, &self.cx.settings.window);
        let first = match read_code(first, params.digits) {
            Ok(code) => code,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let attempt = challenge.attempt();
        let tries_left = attempt.tries_left();
        let (accepted, refusal): (Option<Accepted>, Refusal) = match self.cx.settings.confirm {
            Confirm::OneCode => match totp::verify(&prepared, params, window, progress, now, &first) {
                totp::Outcome::Accepted(accepted) => (Some(accepted), Refusal::WrongCode { tries_left }),
                _ => (None, Refusal::WrongCode { tries_left }),
            },
            Confirm::TwoConsecutive => {
                let second = match read_code(second.unwrap_or_default(), params.digits) {
                    Ok(code) => code,
                    Err(refusal) => return Ok(Err(refusal)),
                };
                let accepted = totp::confirm_two(&prepared, params, window, now, &first, &second);
                (accepted, Refusal::NotConsecutive { tries_left })
            }
        };
        match accepted {
            Some(accepted) => {
                // The confirming code counts as used: it can't also open the first sign-in.
                *progress = accepted.into_progress();
                self.bind(authority, attempt.right(), factor).map(Ok)
            }
            None => {
                self.count_wrong(attempt.wrong(), Method::App, None, false)?;
                Ok(Err(refusal))
            }
        }
    }

    fn confirm_address(
        &mut self,
        authority: &Authority,
        challenge: Challenge,
        factor: Factor,
        typed: &str,
    ) -> Result<Result<Bound, Refusal>, Fault> {
        let method = factor.method();
        let found = match self.find_delivered(&challenge, factor.id(), typed)? {
            Ok(found) => found,
            Err(refusal) => return Ok(Err(refusal)),
        };
        match found {
            Found::NoneSent => Ok(Err(Refusal::NoCodeSent)),
            Found::Expired => Ok(Err(Refusal::ExpiredCode)),
            Found::Live => {
                let mut factor = factor;
                if let Kind::Delivered { sent, .. } = factor.kind_mut() {
                    // The first sign-in needn't wait for the message that confirmed the address.
                    *sent = None;
                }
                self.bind(authority, challenge.attempt().right(), factor).map(Ok)
            }
            Found::Wrong => {
                let tries_left = self.wrong_delivered(challenge.attempt(), method, None)?;
                Ok(Err(Refusal::WrongCode { tries_left }))
            }
        }
    }

    fn bind(&mut self, authority: &Authority, passed: Passed, mut factor: Factor) -> Result<Bound, Fault> {
        if passed.purpose() != Purpose::Enrol {
            return Err(Fault::new(FaultKind::Internal));
        }
        let method = factor.method();
        factor.mark_added(self.cx.now);
        self.account.challenges.retain(|challenge| challenge.purpose() != Purpose::Enrol);
        self.by_owner(EventKind::FactorAdded {
            factor: factor.id(),
            method,
            name: factor.name().to_owned(),
        })?;
        let (id, name) = (factor.id(), factor.name().to_owned());
        self.account.factors.push(factor);
        // An older session never proved this factor: it ends.
        let epoch = self.new_epoch()?;
        let verified = Verified::new(self.cx.key.clone(), vec![method], self.cx.now, epoch);
        let verified = match authority {
            Authority::Session(standing) => verified.beside(standing),
            Authority::Pass(_) => verified,
        };
        Ok(Bound { verified, factor: id, name, has_backup_codes: self.account.takes_backup_codes() })
    }
}
