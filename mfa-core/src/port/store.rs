//! The store port: versioned records, written only if nobody else wrote first, each with its events.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::fault::Fault;
use crate::id::{AccountKey, EventId, TenantId};
use crate::time::Timestamp;

/// Which kind of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Collection {
    /// One user's whole second-factor state.
    Account,
    /// A spending budget.
    Budget,
    /// A stored policy.
    Policy,
}

impl Collection {
    /// A stable name for a column or a key.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Budget => "budget",
            Self::Policy => "policy",
        }
    }
}

/// What a record is found by. Tenants never see each other's records.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey {
    /// Whose portal.
    pub tenant: TenantId,
    /// Which kind of record.
    pub collection: Collection,
    /// Its name within the kind: for an account, the user id. Compared byte for byte.
    pub name: String,
}

impl From<&AccountKey> for RecordKey {
    fn from(key: &AccountKey) -> Self {
        Self {
            tenant: key.tenant().clone(),
            collection: Collection::Account,
            name: key.user().as_str().to_owned(),
        }
    }
}

/// Which write a record is the result of. Chosen by the writer; a store only compares and keeps it.
///
/// At most 2⁶² − 1, so that it fits a signed 64-bit column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(u64);

impl Version {
    const MASK: u64 = (1 << 62) - 1;

    /// A version from a number read back from storage, or from random bits for a first write.
    pub const fn new(number: u64) -> Self {
        Self(number & Self::MASK)
    }

    /// The version of the next write.
    pub const fn next(self) -> Self {
        Self::new(self.0.wrapping_add(1))
    }

    /// This version, told apart by 30 random bits from others that count alike.
    ///
    /// Writes that count up from a backup come to numbers that there were before; with marks they don't meet. The
    /// lower 32 bits stay, so that versions differ from one write to the next even if randomness fails.
    #[must_use]
    pub const fn marked(self, mark: u32) -> Self {
        Self::new((mark as u64) << 32 | self.0 & 0xffff_ffff)
    }

    /// The number to store.
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

/// A record with its version.
#[derive(Clone, PartialEq, Eq)]
pub struct Versioned {
    /// Which write it is the result of.
    pub version: Version,
    /// The record, opaque to the store.
    pub record: Vec<u8>,
}

impl fmt::Debug for Versioned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Versioned")
            .field("version", &self.version)
            .field("bytes", &self.record.len())
            .finish()
    }
}

/// An event as a store keeps it. Nothing in it is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its own id.
    pub id: EventId,
    /// When it happened.
    pub at: Timestamp,
    /// Its stable name, such as `factor_added`.
    pub kind: String,
    /// Who did it and what exactly happened, as JSON.
    pub body: Vec<u8>,
}

/// One conditional write: a record and its events, all or nothing.
#[derive(Clone)]
pub struct Write {
    /// Which record.
    pub key: RecordKey,
    /// The version that was loaded; `None` if there was no record.
    pub expected: Option<Version>,
    /// The version to store with the new record.
    pub next: Version,
    /// The new record.
    pub record: Vec<u8>,
    /// The events, in the order in which they happened.
    pub events: Vec<StoredEvent>,
}

impl fmt::Debug for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Write")
            .field("key", &self.key)
            .field("expected", &self.expected)
            .field("next", &self.next)
            .field("bytes", &self.record.len())
            .field("events", &self.events)
            .finish()
    }
}

/// How a conditional write went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "an ignored conflict is a lost update"]
pub enum Committed {
    /// The record and all events are stored durably.
    Done,
    /// The stored version was not the expected one; nothing was written.
    Conflict,
}

/// A question for the record of events. Answers come newest first.
#[derive(Clone, Debug)]
pub struct EventQuery {
    /// Whose portal.
    pub tenant: TenantId,
    /// Only events of this record, if set.
    pub record: Option<(Collection, String)>,
    /// Only events of this kind, if set.
    pub kind: Option<String>,
    /// Only events at this time or later, if set.
    pub since: Option<Timestamp>,
    /// Only events before this time, if set.
    pub until: Option<Timestamp>,
    /// Only what comes after this place in the answer: the `next` of the page before.
    pub after: Option<Cursor>,
    /// How many at the most.
    pub limit: u32,
}

impl EventQuery {
    /// Whether an event at this place belongs to the answer: what a store does that has no query language.
    pub fn asks_for(&self, place: Cursor, found: &FoundEvent) -> bool {
        let FoundEvent { key, event } = found;
        key.tenant == self.tenant
            && self.after.is_none_or(|after| place < after)
            && self
                .record
                .as_ref()
                .is_none_or(|(collection, name)| key.collection == *collection && key.name == *name)
            && self.kind.as_ref().is_none_or(|kind| event.kind == *kind)
            && self.since.is_none_or(|since| event.at >= since)
            && self.until.is_none_or(|until| event.at < until)
    }
}

/// A place in the record of events. Opaque: stores number events as they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor(pub u64);

/// One event of an answer, with the record it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundEvent {
    /// The record it was written with.
    pub key: RecordKey,
    /// The event.
    pub event: StoredEvent,
}

/// A page of events.
#[derive(Clone, Debug, Default)]
pub struct EventPage {
    /// Newest first; of one write, the last event first.
    pub events: Vec<FoundEvent>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<Cursor>,
}

/// A question for records in the order of their names (by bytes).
#[derive(Clone, Debug)]
pub struct PageQuery {
    /// Whose portal.
    pub tenant: TenantId,
    /// Which kind of record.
    pub collection: Collection,
    /// Only names after this one, if set.
    pub after: Option<String>,
    /// How many at the most.
    pub limit: u32,
}

impl PageQuery {
    /// Whether the record of this key belongs to the answer: what a store does that has no query language.
    pub fn asks_for(&self, key: &RecordKey) -> bool {
        key.tenant == self.tenant
            && key.collection == self.collection
            && self.after.as_ref().is_none_or(|after| key.name > *after)
    }
}

/// A page of records.
#[derive(Clone, Debug, Default)]
pub struct RecordPage {
    /// Names with their records, in the order of the names' bytes.
    pub records: Vec<(String, Versioned)>,
    /// Whether there are more after these.
    pub more: bool,
}

/// Keeps records and events. Dumb on purpose: it has no rule in it.
///
/// # What a store promises
///
/// * [`commit`](Store::commit) writes the record *and* all its events only if the stored version is the
///   expected one, in one atomic step that also holds against other processes and after a crash.
/// * [`load`](Store::load) sees every commit that has returned [`Committed::Done`] before it began, from
///   whichever process. No stale replicas.
/// * An error is returned as one, never as "no record" and never as success. After an error the write may or
///   may not have happened; the caller loads again.
/// * A caller may drop a future half way; the write then happens whole or not at all.
///
/// Implement it with plain `async fn`s, and run the conformance suite of `mfa-testing` against it.
pub trait Store: Send + Sync + 'static {
    /// The record with its version, or `None` if there is none.
    fn load(&self, key: &RecordKey) -> impl Future<Output = Result<Option<Versioned>, Fault>> + Send;

    /// Writes record and events if the version is still the expected one.
    fn commit(&self, write: &Write) -> impl Future<Output = Result<Committed, Fault>> + Send;

    /// A page of events, newest first.
    fn events(&self, query: &EventQuery) -> impl Future<Output = Result<EventPage, Fault>> + Send;

    /// A page of records in the order of their names.
    fn page(&self, query: &PageQuery) -> impl Future<Output = Result<RecordPage, Fault>> + Send;

    /// Deletes a record and all events written with it. Nothing to delete is success.
    fn erase(&self, key: &RecordKey) -> impl Future<Output = Result<(), Fault>> + Send;
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send + 'a>>;

/// The object-safe twin of [`Store`], which keeps a type parameter out of every signature.
pub(crate) trait DynStore: Send + Sync + 'static {
    fn load<'a>(&'a self, key: &'a RecordKey) -> Boxed<'a, Option<Versioned>>;
    fn commit<'a>(&'a self, write: &'a Write) -> Boxed<'a, Committed>;
    fn events<'a>(&'a self, query: &'a EventQuery) -> Boxed<'a, EventPage>;
    fn page<'a>(&'a self, query: &'a PageQuery) -> Boxed<'a, RecordPage>;
    fn erase<'a>(&'a self, key: &'a RecordKey) -> Boxed<'a, ()>;
}

impl<S: Store> DynStore for S {
    fn load<'a>(&'a self, key: &'a RecordKey) -> Boxed<'a, Option<Versioned>> {
        Box::pin(Store::load(self, key))
    }
    fn commit<'a>(&'a self, write: &'a Write) -> Boxed<'a, Committed> {
        Box::pin(Store::commit(self, write))
    }
    fn events<'a>(&'a self, query: &'a EventQuery) -> Boxed<'a, EventPage> {
        Box::pin(Store::events(self, query))
    }
    fn page<'a>(&'a self, query: &'a PageQuery) -> Boxed<'a, RecordPage> {
        Box::pin(Store::page(self, query))
    }
    fn erase<'a>(&'a self, key: &'a RecordKey) -> Boxed<'a, ()> {
        Box::pin(Store::erase(self, key))
    }
}

impl<S: Store> Store for std::sync::Arc<S> {
    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>, Fault> {
        Store::load(&**self, key).await
    }
    async fn commit(&self, write: &Write) -> Result<Committed, Fault> {
        Store::commit(&**self, write).await
    }
    async fn events(&self, query: &EventQuery) -> Result<EventPage, Fault> {
        Store::events(&**self, query).await
    }
    async fn page(&self, query: &PageQuery) -> Result<RecordPage, Fault> {
        Store::page(&**self, query).await
    }
    async fn erase(&self, key: &RecordKey) -> Result<(), Fault> {
        Store::erase(&**self, key).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// They stand in databases: another name is another collection.
    #[test]
    fn collections_keep_their_names() {
        let names = [Collection::Account, Collection::Budget, Collection::Policy].map(Collection::as_str);
        assert_eq!(names, ["account", "budget", "policy"]);
    }

    /// They have to fit a signed column of 64 bits, and a counter that wraps must not come to stand still.
    #[test]
    fn versions_have_62_bits_and_wrap() {
        let last = Version::new(u64::MAX);
        assert_eq!(last.as_u64(), 4_611_686_018_427_387_903);
        assert_eq!(last.next().as_u64(), 0);
        assert_eq!(Version::new(7).next(), Version::new(8));
    }

    /// Whatever is drawn, the next version is another one.
    #[test]
    fn a_marked_version_still_counts() {
        let one = Version::new(7).marked(5);
        assert_eq!(one.as_u64(), (5 << 32) + 7);
        assert_eq!(one.next().marked(5).as_u64(), (5 << 32) + 8);
        assert_eq!(Version::new(0xffff_ffff).next().marked(u32::MAX).as_u64(), 0x3fff_ffff << 32);
    }
}
