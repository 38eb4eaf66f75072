//! Changing what an account has: names, removal, new backup codes, reset; each with the right it needs.

use crate::account::draft::Draft;
use crate::account::{Account, Backup};
use crate::event::{Actor, EventKind};
use crate::factor::backup::BackupSet;
use crate::factor::bound::{FactorName, Kind};
use crate::factor::totp;
use crate::factor::typed::read_code;
use crate::fault::{Fault, FaultKind};
use crate::id::FactorId;
use crate::policy::Policy;
use crate::port::sender::Purpose;
use crate::proof::{Method, Standing};
use crate::refusal::Refusal;
use crate::secret::SecretText;

/// The most time steps by which two codes in a row may bring an app back in step (RFC 6238 §6).
const RESYNC_WITHIN: u8 = 10;

impl Draft<'_> {
    pub(crate) fn rename(
        &mut self,
        standing: &Standing,
        id: FactorId,
        name: &FactorName,
    ) -> Result<Result<(), Refusal>, Fault> {
        if let Err(refusal) = self.may_change(standing) {
            return Ok(Err(refusal));
        }
        let Some(factor) = self.account.factor_mut(id) else {
            return Ok(Err(Refusal::FactorUnknown));
        };
        factor.rename(name.clone());
        let name = factor.name().to_owned();
        self.by_owner(EventKind::FactorRenamed { factor: id, name })?;
        Ok(Ok(()))
    }

    /// Removes a factor; with the last one go the backup codes. Other sessions end.
    pub(crate) fn remove(
        &mut self,
        standing: &Standing,
        id: FactorId,
        policy: Policy,
    ) -> Result<Result<Standing, Refusal>, Fault> {
        if let Err(refusal) = self.may_change(standing) {
            return Ok(Err(refusal));
        }
        let Some(factor) = self.account.factor(id) else {
            return Ok(Err(Refusal::FactorUnknown));
        };
        let is_last = self.account.working_factors().all(|other| other.id() == id);
        // A disabled one that stays behind would shut the person out at the next sign-in.
        let shuts_out =
            self.account.factors.iter().any(|other| other.id() != id) && !self.account.takes_backup_codes();
        if is_last && (policy == Policy::Required || shuts_out) {
            return Ok(Err(Refusal::LastFactor));
        }
        let (method, name) = (factor.method(), factor.name().to_owned());
        self.account.factors.retain(|factor| factor.id() != id);
        self.by_owner(EventKind::FactorRemoved { factor: id, method, name })?;
        if self.account.factors.is_empty() && self.account.backup.take().is_some() {
            self.by_owner(EventKind::BackupCodesRemoved)?;
        }
        // What was begun with the removed factor, a message under way included, is over.
        self.account.challenges.clear();
        let epoch = self.new_epoch()?;
        Ok(Ok(standing.clone().moved_to(epoch)))
    }

    /// Whether new backup codes may be made.
    pub(crate) fn may_make_backup_codes(&self, standing: &Standing) -> Result<(), Refusal> {
        self.may_change(standing)?;
        if self.account.working_factors().next().is_none() && !self.account.takes_backup_codes() {
            return Err(Refusal::NeedsFactor);
        }
        if self.account.factors.is_empty() {
            return Err(Refusal::NeedsFactor);
        }
        Ok(())
    }

    /// Puts a new set of backup codes in the place of the old one.
    pub(crate) fn install_backup_codes(
        &mut self,
        standing: &Standing,
        set: &BackupSet,
    ) -> Result<Result<(), Refusal>, Fault> {
        if let Err(refusal) = self.may_make_backup_codes(standing) {
            return Ok(Err(refusal));
        }
        let count = set.left();
        self.account.backup = Some(Backup { set: set.clone(), tally: Default::default(), used: None });
        self.by_owner(EventKind::BackupCodesMade { count })?;
        Ok(Ok(()))
    }

    /// Brings an app whose clock is off back in step, by two codes in a row. Wrong ones are counted.
    pub(crate) fn resynchronise(
        &mut self,
        standing: &Standing,
        id: FactorId,
        first: &str,
        second: &str,
    ) -> Result<Result<(), Refusal>, Fault> {
        if let Err(refusal) = self.may_change(standing).and_then(|()| self.not_throttled()) {
            return Ok(Err(refusal));
        }
        let Some(mut factor) = self.account.factor(id).cloned() else {
            return Ok(Err(Refusal::FactorUnknown));
        };
        if factor.is_disabled() {
            return Ok(Err(Refusal::MethodDisabled));
        }
        if factor.method() != Method::App {
            return Ok(Err(Refusal::MethodUnavailable));
        }
        let prepared = self.prepare(&factor)?;
        let Kind::Totp { params, progress, .. } = factor.kind_mut() else {
            return Err(Fault::new(FaultKind::Internal));
        };
        let digits = params.digits;
        let (first, second) = match (read_code(first, digits), read_code(second, digits)) {
            (Ok(first), Ok(second)) => (first, second),
            (Err(refusal), _) | (_, Err(refusal)) => return Ok(Err(refusal)),
        };
        match totp::resync(&prepared, params, progress, self.cx.now, &first, &second, RESYNC_WITHIN) {
            totp::Outcome::Accepted(accepted) => {
                *progress = accepted.into_progress();
                if let Some(place) = self.account.factor_mut(id) {
                    *place = factor;
                }
                self.by_owner(EventKind::FactorResynchronised { factor: id })?;
                Ok(Ok(()))
            }
            totp::Outcome::Replayed | totp::Outcome::Wrong => {
                self.count_wrong_outside(Purpose::StepUp, Method::App, id)?;
                Ok(Err(Refusal::NotConsecutive { tries_left: self.free_tries() }))
            }
        }
    }

    fn free_tries(&self) -> u8 {
        let left = self.cx.settings.limits.free.saturating_sub(self.account.throttle.failures());
        u8::try_from(left).unwrap_or(u8::MAX)
    }

    /// Ends every session but the one that asks.
    pub(crate) fn end_other_sessions(
        &mut self,
        standing: &Standing,
    ) -> Result<Result<Standing, Refusal>, Fault> {
        if let Err(refusal) = self.may_change(standing) {
            return Ok(Err(refusal));
        }
        self.leave_sealed();
        self.account.challenges.clear();
        let epoch = self.new_epoch()?;
        self.by_owner(EventKind::SessionsEnded)?;
        Ok(Ok(standing.clone().moved_to(epoch)))
    }

    pub(crate) fn skip_reminder(&mut self, standing: &Standing) -> Result<Result<(), Refusal>, Fault> {
        if let Err(refusal) = self.is_alive(standing) {
            return Ok(Err(refusal));
        }
        self.account.reminded = Some(self.cx.now);
        self.by_owner(EventKind::ReminderSkipped)?;
        Ok(Ok(()))
    }

    /// The host says that the password changed: sessions and what was begun with the old one end.
    pub(crate) fn password_changed(&mut self) -> Result<(), Fault> {
        self.leave_sealed();
        self.account.challenges.clear();
        self.new_epoch()?;
        self.record(Actor::Host, EventKind::PasswordChanged)
    }

    /// Everything ends: factors, codes, challenges, waits and, by the epoch, sessions.
    pub(crate) fn reset(&mut self, by: Actor, reason: &str) -> Result<(), Fault> {
        self.account = Account::default();
        self.new_epoch()?;
        self.record(by, EventKind::Reset { reason: reason.to_owned() })
    }

    /// The addresses that messages about this change can reach, beside those the host knows: those confirmed before
    /// it as well as after it (NIST SP 800-63B-4 §4.6). An address that can't be opened is a fault of its own: a
    /// reset must mend an account whose sealing key is lost.
    pub(crate) fn confirmed_addresses(&self, before: &Account) -> Vec<Result<SecretText, Fault>> {
        let added = self.account.factors.iter().filter(|factor| before.factor(factor.id()).is_none());
        let addresses = before.factors.iter().chain(added).map(|factor| self.address(factor));
        addresses.filter_map(Result::transpose).map(|address| address.map(SecretText::new)).collect()
    }
}
