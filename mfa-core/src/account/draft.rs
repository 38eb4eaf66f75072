//! A draft: an account being changed by one operation, with the time, the randomness and the events of it.

use std::time::Duration;

use crate::account::Account;
use crate::event::{Actor, Event, EventKind};
use crate::factor::bound::{Factor, Kind};
use crate::fault::{Fault, FaultKind};
use crate::id::{AccountKey, Epoch, EventId, FactorId};
use crate::port::entropy::{Entropy, random_bytes};
use crate::port::sealer::{Place, Sealed, Sealer};
use crate::port::sender::{Notice, Purpose};
use crate::proof::Standing;
use crate::refusal::Refusal;
use crate::secret::SecretBytes;
use crate::settings::Settings;
use crate::time::Timestamp;

/// What an operation works with beside the account. Same context, same account, same input: same result.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) key: &'a AccountKey,
    pub(crate) now: Timestamp,
    pub(crate) settings: &'a Settings,
    pub(crate) entropy: &'a dyn Entropy,
    pub(crate) sealer: &'a dyn Sealer,
}

/// An account in the middle of an operation. Thrown away on a fault; otherwise committed whole.
pub(crate) struct Draft<'a> {
    pub(crate) cx: Context<'a>,
    pub(crate) account: Account,
    events: Vec<Event>,
    /// Whether nothing is sealed afresh: what only ends sessions must not fail on a key that was dropped.
    leaves_sealed: bool,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(cx: Context<'a>, account: Account) -> Self {
        Self { cx, account, events: Vec::new(), leaves_sealed: false }
    }

    /// Says that whatever is sealed stays as it is.
    pub(crate) fn leave_sealed(&mut self) {
        self.leaves_sealed = true;
    }

    pub(crate) fn record(&mut self, actor: Actor, kind: EventKind) -> Result<(), Fault> {
        let id = EventId::from_bytes(random_bytes(self.cx.entropy)?);
        self.events.push(Event { id, at: self.cx.now, actor, kind });
        Ok(())
    }

    pub(crate) fn by_owner(&mut self, kind: EventKind) -> Result<(), Fault> {
        self.record(Actor::Owner, kind)
    }

    /// What the owner is to be told once this is committed.
    pub(crate) fn notices(&self) -> impl Iterator<Item = Notice> {
        self.events.iter().filter_map(|event| event.kind.notice())
    }

    /// Whether anything is stored of this account.
    pub(crate) fn has_record(&self) -> bool {
        self.account != Account::default()
    }

    /// Whether nothing needs to be written.
    pub(crate) fn is_unchanged_from(&self, before: &Account) -> bool {
        self.events.is_empty() && self.account == *before
    }

    /// The account with its events, everything sealed with the current key unless it is to be left.
    pub(crate) fn finish(mut self) -> Result<(Account, Vec<Event>), Fault> {
        self.account.seen = self.account.seen.max(self.cx.now);
        if self.leaves_sealed {
            return Ok((self.account, self.events));
        }
        let cx = self.cx;
        let staged = self.account.challenges.iter_mut().filter_map(|challenge| challenge.staged_mut());
        for factor in self.account.factors.iter_mut().chain(staged) {
            reseal(&cx, factor)?;
        }
        Ok((self.account, self.events))
    }

    /// Ends every session: whoever is to stay gets a proof of the new epoch.
    pub(crate) fn new_epoch(&mut self) -> Result<Epoch, Fault> {
        self.account.epoch = Epoch::from_bytes(random_bytes(self.cx.entropy)?);
        Ok(self.account.epoch)
    }

    pub(crate) fn seal(&self, factor: FactorId, field: &'static str, plain: &[u8]) -> Result<Sealed, Fault> {
        self.cx.sealer.seal(self.cx.entropy, self.cx.place(&factor, field), plain)
    }

    pub(crate) fn open(
        &self,
        factor: FactorId,
        field: &'static str,
        sealed: &Sealed,
    ) -> Result<SecretBytes, Fault> {
        self.cx.sealer.open(self.cx.place(&factor, field), sealed)
    }

    /// The address of a factor that codes are sent to.
    pub(crate) fn address(&self, factor: &Factor) -> Result<Option<String>, Fault> {
        match factor.kind() {
            Kind::Totp { .. } => Ok(None),
            Kind::Delivered { to, .. } => {
                let plain = self.open(factor.id(), ADDRESS, to)?;
                let text = String::from_utf8(plain.expose().to_vec());
                text.map(Some).map_err(|_| Fault::new(FaultKind::Record))
            }
        }
    }

    /// Whether the session is of the living epoch.
    pub(crate) fn is_alive(&self, standing: &Standing) -> Result<(), Refusal> {
        if standing.account() == self.cx.key && standing.epoch() == self.account.epoch {
            Ok(())
        } else {
            Err(Refusal::SignInAgain)
        }
    }

    /// Whether a second factor was proved within `span`, of the best level that the account's factors reach.
    pub(crate) fn has_proved(&self, standing: &Standing, span: Duration) -> bool {
        let now = self.cx.now;
        if self.account.can_lift() { standing.is_lifted(now, span) } else { standing.is_fresh(now, span) }
    }

    /// Whether the session may change anything: alive, and with a recent second factor if there is any.
    pub(crate) fn may_change(&self, standing: &Standing) -> Result<(), Refusal> {
        self.is_alive(standing)?;
        if self.account.factors.is_empty() || self.has_proved(standing, self.cx.settings.fresh) {
            return Ok(());
        }
        if !self.account.can_answer(Purpose::StepUp) {
            return Err(Refusal::NoMethodLeft);
        }
        Err(Refusal::StepUpRequired)
    }
}

impl<'a> Context<'a> {
    fn place(&self, factor: &'a FactorId, field: &'static str) -> Place<'a> {
        Place { account: self.key, item: factor.as_bytes(), field }
    }
}

/// The field an app's shared key is sealed for.
pub(crate) const TOTP_KEY: &str = "totp.key";
/// The field an address is sealed for.
pub(crate) const ADDRESS: &str = "delivered.to";

fn reseal(cx: &Context<'_>, factor: &mut Factor) -> Result<(), Fault> {
    let id = factor.id();
    let (sealed, field) = match factor.kind_mut() {
        Kind::Totp { key, .. } => (key, TOTP_KEY),
        Kind::Delivered { to, .. } => (to, ADDRESS),
    };
    if !cx.sealer.is_current(sealed) {
        let place = Place { account: cx.key, item: id.as_bytes(), field };
        let plain = cx.sealer.open(place, sealed)?;
        *sealed = cx.sealer.seal(cx.entropy, place, plain.expose())?;
    }
    Ok(())
}
