//! One turn of the commit loop: what was loaded goes in, what is to be written comes out. Nothing here awaits.

use crate::account::Account;
use crate::account::draft::{Context, Draft};
use crate::fault::{Fault, FaultKind};
use crate::id::AccountKey;
use crate::port::clock::Clock;
use crate::port::entropy::{Ahead, Entropy, random_bytes};
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

/// An account as it is stored, or was a while ago.
pub(super) struct Known {
    pub(super) version: Version,
    pub(super) account: Account,
}

impl Known {
    /// Reads what was loaded; `None` if nothing was there.
    pub(super) fn read(loaded: Option<&Versioned>) -> Result<Option<Self>, Fault> {
        let read =
            |held: &Versioned| Ok(Self { version: held.version, account: Account::decode(&held.record)? });
        loaded.map(read).transpose()
    }
}

/// What a turn works with beside the account.
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
    /// What the account is once that is committed.
    pub(super) known: Option<Known>,
    /// What the owner is to be told once it is.
    pub(super) notices: Vec<Notice>,
    /// Where to, beside the addresses the host knows.
    pub(super) addresses: Vec<Result<SecretText, Fault>>,
}

impl<'a> Ports<'a> {
    /// Runs an operation on what is known.
    pub(super) fn turn<T>(
        self,
        rule: ClockRule,
        known: Option<Known>,
        op: impl FnOnce(&mut Draft<'_>) -> Result<T, Fault>,
    ) -> Result<Turn<T>, Fault> {
        let (expected, before) = match known {
            Some(Known { version, account }) => (Some(version), account),
            None => (None, Account::default()),
        };
        let entropy = Ahead::new(self.entropy);
        let cx = self.context(self.time_for(before.seen, rule)?, &entropy);
        let mut draft = Draft::new(cx, before.clone());
        let outcome = op(&mut draft)?;
        let notices: Vec<_> = draft.notices().collect();
        let addresses = if notices.is_empty() { Vec::new() } else { draft.confirmed_addresses(&before) };
        if draft.is_unchanged_from(&before) {
            let known = expected.map(|version| Known { version, account: before });
            return Ok(Turn { outcome, write: None, known, notices, addresses });
        }
        let (after, events) = draft.finish()?;
        let next = match expected {
            Some(version) => version.next().marked(u32::from_le_bytes(random_bytes(&entropy)?)),
            None => Version::new(u64::from_le_bytes(random_bytes(&entropy)?)),
        };
        let events = events.iter().map(|event| event.to_stored()).collect::<Result<_, _>>()?;
        let write = Write { key: RecordKey::from(self.key), expected, next, record: after.encode()?, events };
        let known = Some(Known { version: next, account: after });
        Ok(Turn { outcome, write: Some(write), known, notices, addresses })
    }

    /// Looks at what is known without changing anything, and gives it back.
    pub(super) fn look<T>(
        self,
        known: Option<Known>,
        op: impl FnOnce(&Draft<'_>) -> Result<T, Fault>,
    ) -> Result<(T, Option<Known>), Fault> {
        let (version, account) = known.map(|Known { version, account }| (version, account)).unzip();
        let account = account.unwrap_or_default();
        let cx = self.context(self.time_for(account.seen, ClockRule::NeverBack)?, self.entropy);
        let draft = Draft::new(cx, account);
        let seen = op(&draft)?;
        Ok((seen, version.map(|version| Known { version, account: draft.account })))
    }

    fn context<'c>(self, now: Timestamp, entropy: &'c dyn Entropy) -> Context<'c>
    where
        'a: 'c,
    {
        let Self { key, settings, sealer, .. } = self;
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
