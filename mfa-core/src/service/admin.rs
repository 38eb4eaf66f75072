//! What administrators and the host do: who uses a second factor, reset, password changes, erasure, the record.

use serde::Serialize;

use crate::account::Account;
use crate::event::{Actor, Event};
use crate::fault::{Fault, FaultKind};
use crate::id::{AccountKey, TenantId, UserId};
use crate::port::store::{Collection, EventQuery, PageQuery, RecordKey};
use crate::proof::Method;
use crate::refusal::Refusal;
use crate::service::Mfa;
use crate::service::turn::ClockRule;
use crate::time::Timestamp;

/// What an administrator may know of one account. Not its names, addresses or keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RosterEntry {
    /// Whose.
    pub user: UserId,
    /// The kinds of method that work.
    pub methods: Vec<Method>,
    /// How many methods were disabled after too many wrong codes.
    pub disabled: usize,
    /// How many backup codes are left.
    pub backup_codes_left: Option<u8>,
    /// When a method was last used.
    pub used: Option<Timestamp>,
    /// Until when the account has to wait, if it does.
    pub waiting: bool,
}

impl RosterEntry {
    fn of(user: UserId, account: &Account, now: Timestamp) -> Self {
        Self {
            user,
            methods: account.working_factors().map(|factor| factor.method()).collect(),
            disabled: account.factors.iter().filter(|factor| factor.is_disabled()).count(),
            backup_codes_left: account.backup_left(),
            used: account.factors.iter().filter_map(|factor| factor.used()).max(),
            waiting: account.throttle.wait(now).is_some(),
        }
    }

    /// Whether the person has a second factor, working or not.
    pub fn is_enrolled(&self) -> bool {
        !self.methods.is_empty() || self.disabled > 0
    }
}

/// A page of accounts, in the order of the user ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Roster {
    /// Those who have a record. Whoever has none has no second factor.
    pub entries: Vec<RosterEntry>,
    /// Whether there are more after these.
    pub more: bool,
}

/// The longest reason that is kept with a reset, in characters.
pub const MAX_REASON: usize = 500;

impl Mfa {
    /// A page of accounts after `after`, `limit` at the most. The host decides who may ask.
    ///
    /// # Errors
    /// On any fault.
    pub async fn roster(
        &self,
        tenant: &TenantId,
        after: Option<&UserId>,
        limit: u32,
    ) -> Result<Roster, Fault> {
        let query = PageQuery {
            tenant: tenant.clone(),
            collection: Collection::Account,
            after: after.map(|user| user.as_str().to_owned()),
            limit,
        };
        let now = self.inner.clock.now()?;
        let page = self.inner.store.page(&query).await?;
        let mut entries = Vec::with_capacity(page.records.len());
        for (name, held) in page.records {
            let user = UserId::new(name).map_err(|cause| Fault::caused_by(FaultKind::Record, cause))?;
            entries.push(RosterEntry::of(user, &Account::decode(&held.record)?, now));
        }
        Ok(Roster { entries, more: page.more })
    }

    /// What an administrator may know of one account.
    ///
    /// # Errors
    /// On any fault.
    pub async fn roster_entry(&self, key: &AccountKey) -> Result<RosterEntry, Fault> {
        self.look(key, |draft| Ok(RosterEntry::of(key.user().clone(), &draft.account, draft.cx.now))).await
    }

    /// Removes every method, code and challenge of an account and ends all its sessions. `reason` goes on
    /// record (control characters become blanks, 500 characters at the most). The owner is told.
    ///
    /// The host decides who is an administrator; it should ask for a recent second factor first.
    ///
    /// # Errors
    /// On any fault.
    pub async fn reset(
        &self,
        key: &AccountKey,
        administrator: &UserId,
        reason: &str,
    ) -> Result<Result<(), Refusal>, Fault> {
        if key.user() == administrator {
            return Ok(Err(Refusal::OwnAccount));
        }
        let clean = |c: char| if c.is_control() { ' ' } else { c };
        let reason: String = reason.trim().chars().take(MAX_REASON).map(clean).collect();
        let by = Actor::Administrator(administrator.clone());
        self.run_by(ClockRule::Any, key, |draft| draft.reset(by.clone(), &reason)).await.map(Ok)
    }

    /// To be called when a password was changed: every session and every challenge begun with the old one ends.
    ///
    /// # Errors
    /// On any fault.
    pub async fn password_changed(&self, key: &AccountKey) -> Result<(), Fault> {
        self.run(key, |draft| draft.password_changed()).await
    }

    /// Deletes an account and its events. Sessions that proved a second factor are over with it.
    ///
    /// A process may still have the sealed record in memory, until the first request that it gets ten minutes later
    /// ([`Builder::recent_records`](crate::service::Builder::recent_records)). It can't be written back.
    ///
    /// # Errors
    /// On any fault.
    pub async fn erase(&self, key: &AccountKey) -> Result<(), Fault> {
        let record_key = RecordKey::from(key);
        let erased = self.inner.store.erase(&record_key).await;
        self.inner.recent.forget(&record_key);
        self.inner.glanced.forget(&record_key);
        erased
    }

    /// Reads the record of events, the newest first, with the user each belongs to. The host decides who may ask.
    ///
    /// # Errors
    /// On any fault.
    pub async fn events(&self, query: &EventQuery) -> Result<Vec<(String, Event)>, Fault> {
        let page = self.inner.store.events(query).await?;
        let read = |found: &crate::port::store::FoundEvent| {
            Event::from_stored(&found.event).map(|event| (found.key.name.clone(), event))
        };
        page.events.iter().map(read).collect()
    }
}
