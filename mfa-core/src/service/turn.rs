//! One turn of the commit loop: what was loaded goes in, what is to be written comes out. Nothing here awaits.

use crate::account::Account;
use crate::account::draft::{Context, Draft};
use crate::fault::{Fault, FaultKind};
use crate::id::AccountKey;
use crate::port::clock::Clock;
use crate::port::entropy::{Entropy, random_bytes};
use crate::port::sealer::Sealer;
use crate::port::sender::Notice;
use crate::port::store::{RecordKey, Version, Versioned, Write};
use crate::secret::SecretText;
use crate::settings::Settings;
use crate::time::Timestamp;

/// What the clock is held to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ClockRule {
    /// A clock that went back refuses everything: codes might live again.
    NeverBack,
    /// A reset mends an account whose time was written by a clock that ran ahead.
    Any,
}

/// Where the record of a turn comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// It was read just now.
    Store,
    /// This process wrote or read it a while ago, and somebody may have written since.
    Recent,
}

impl Origin {
    /// Whether what came of a turn counts. Of an old record what is to be written does, because its commit finds out; and a
    /// fault does, but for one of the clock, because a reset may have put the account's time right.
    pub(super) fn vouches_for<T>(self, turn: &Result<Turn<T>, Fault>) -> bool {
        match (self, turn) {
            (Self::Store, _) => true,
            (Self::Recent, Ok(turn)) => turn.write.is_some(),
            (Self::Recent, Err(fault)) => fault.kind() != FaultKind::Clock,
        }
    }
}

/// What a turn works with beside the record.
#[derive(Clone, Copy)]
pub(super) struct Ports<'a> {
    pub(super) key: &'a AccountKey,
    pub(super) settings: &'a Settings,
    pub(super) clock: &'a dyn Clock,
    pub(super) entropy: &'a dyn Entropy,
    pub(super) sealer: &'a dyn Sealer,
}

/// What came of one.
pub(super) struct Turn<T> {
    /// For the caller, but not before `write` has been committed.
    pub(super) outcome: T,
    /// What is to be written; `None` if nothing changed.
    pub(super) write: Option<Write>,
    /// What the owner is to be told once it is.
    pub(super) notices: Vec<Notice>,
    /// Where to, beside the addresses the host knows.
    pub(super) addresses: Vec<Result<SecretText, Fault>>,
}

impl<'a> Ports<'a> {
    /// Runs an operation on what was loaded.
    pub(super) fn turn<T>(
        self,
        rule: ClockRule,
        loaded: Option<&Versioned>,
        op: impl FnOnce(&mut Draft<'_>) -> Result<T, Fault>,
    ) -> Result<Turn<T>, Fault> {
        let before = read(loaded)?;
        let cx = self.context(self.time_for(before.seen, rule)?);
        let mut draft = Draft::new(cx, before.clone());
        let outcome = op(&mut draft)?;
        let notices: Vec<_> = draft.notices().collect();
        let addresses = if notices.is_empty() { Vec::new() } else { draft.confirmed_addresses(&before) };
        if draft.is_unchanged_from(&before) {
            return Ok(Turn { outcome, write: None, notices, addresses });
        }
        let (after, events) = draft.finish()?;
        let (expected, next) = match loaded {
            Some(held) => {
                let mark = u32::from_le_bytes(random_bytes(self.entropy)?);
                (Some(held.version), held.version.next().marked(mark))
            }
            None => (None, Version::new(u64::from_le_bytes(random_bytes(self.entropy)?))),
        };
        let events = events.iter().map(|event| event.to_stored()).collect::<Result<_, _>>()?;
        let write = Write { key: RecordKey::from(self.key), expected, next, record: after.encode()?, events };
        Ok(Turn { outcome, write: Some(write), notices, addresses })
    }

    /// Looks at what was loaded without changing anything.
    pub(super) fn look<T>(
        self,
        loaded: Option<&Versioned>,
        op: impl FnOnce(&Draft<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let account = read(loaded)?;
        let cx = self.context(self.time_for(account.seen, ClockRule::NeverBack)?);
        op(&Draft::new(cx, account))
    }

    fn context(self, now: Timestamp) -> Context<'a> {
        let Self { key, settings, entropy, sealer, .. } = self;
        Context { key, now, settings, entropy, sealer }
    }

    /// The time for one account: nodes may differ by the tolerance, time on the account never runs back.
    pub(super) fn time_for(self, seen: Timestamp, rule: ClockRule) -> Result<Timestamp, Fault> {
        let now = self.clock.now()?;
        if rule == ClockRule::Any || now >= seen {
            return Ok(now);
        }
        if now.after(self.settings.clock_tolerance) < seen {
            return Err(Fault::caused_by(
                FaultKind::Clock,
                format!("the clock says {now}; the account was written at {seen}"),
            ));
        }
        Ok(seen)
    }
}

fn read(loaded: Option<&Versioned>) -> Result<Account, Fault> {
    match loaded {
        Some(held) => Account::decode(&held.record),
        None => Ok(Account::default()),
    }
}
