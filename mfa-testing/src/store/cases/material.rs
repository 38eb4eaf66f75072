//! Keys, writes and questions that the cases share.

use std::fmt::Debug;

use mfa_core::id::{EventId, TenantId};
use mfa_core::port::store::{
    Collection, Committed, Cursor, EventQuery, FoundEvent, PageQuery, RecordKey, Store, StoredEvent, Version,
    Versioned, Write,
};
use mfa_core::time::Timestamp;

use crate::store::report::Mismatch;

pub(crate) type Verdict = Result<(), Mismatch>;

/// The largest version a store has to keep.
pub(crate) const LAST_VERSION: Version = Version::new(u64::MAX);

/// Far more pages than any case has: a cursor that goes in circles ends here.
const MOST_PAGES: usize = 10_000;

pub(crate) fn same<T: Debug + PartialEq>(what: &str, expected: T, seen: T) -> Verdict {
    if expected == seen {
        Ok(())
    } else {
        Err(Mismatch::new(format!("{what}: {expected:?}"), format!("{seen:?}")))
    }
}

pub(crate) fn account(name: &str) -> RecordKey {
    RecordKey { tenant: TenantId::default(), collection: Collection::Account, name: name.to_owned() }
}

pub(crate) fn elsewhere(tenant: &str, collection: Collection, name: &str) -> Result<RecordKey, Mismatch> {
    Ok(RecordKey { tenant: TenantId::new(tenant)?, collection, name: name.to_owned() })
}

pub(crate) fn event_id(number: u64) -> EventId {
    let mut bytes = [0xa5; 16];
    for (byte, digit) in bytes.iter_mut().zip(number.to_be_bytes()) {
        *byte = digit;
    }
    EventId::from_bytes(bytes)
}

pub(crate) fn event(number: u64) -> StoredEvent {
    event_of(number, "code_accepted", 1_700_000_000 + number)
}

pub(crate) fn event_of(number: u64, kind: &str, at: u64) -> StoredEvent {
    StoredEvent {
        id: event_id(number),
        at: Timestamp::from_unix(at),
        kind: kind.to_owned(),
        body: format!("{{\"number\":{number}}}").into_bytes(),
    }
}

/// A first write.
pub(crate) fn insert(key: &RecordKey, version: u64, record: &[u8], events: Vec<StoredEvent>) -> Write {
    Write { key: key.clone(), expected: None, next: Version::new(version), record: record.to_vec(), events }
}

/// A write over version `expected`.
pub(crate) fn update(
    key: &RecordKey,
    expected: u64,
    next: u64,
    record: &[u8],
    events: Vec<StoredEvent>,
) -> Write {
    Write { expected: Some(Version::new(expected)), ..insert(key, next, record, events) }
}

/// The write has to be accepted.
pub(crate) async fn accepted<S: Store>(store: &S, what: &str, write: &Write) -> Verdict {
    same(what, Committed::Done, store.commit(write).await?)
}

/// The write has to be refused.
pub(crate) async fn refused<S: Store>(store: &S, what: &str, write: &Write) -> Verdict {
    same(what, Committed::Conflict, store.commit(write).await?)
}

/// The record has to be there just so.
pub(crate) async fn holds<S: Store>(
    store: &S,
    what: &str,
    key: &RecordKey,
    version: u64,
    record: &[u8],
) -> Verdict {
    let loaded = store.load(key).await?;
    same(what, Some(Version::new(version)), loaded.as_ref().map(|held| held.version))?;
    let seen = loaded.map(|held| held.record).unwrap_or_default();
    if seen == record {
        return Ok(());
    }
    Err(Mismatch::new(
        format!("{what}: the {} bytes that were written", record.len()),
        format!("{} other bytes", seen.len()),
    ))
}

/// There has to be no record.
pub(crate) async fn lacks<S: Store>(store: &S, what: &str, key: &RecordKey) -> Verdict {
    same::<Option<Versioned>>(what, None, store.load(key).await?)
}

pub(crate) fn every_event(tenant: &TenantId) -> EventQuery {
    EventQuery {
        tenant: tenant.clone(),
        record: None,
        kind: None,
        since: None,
        until: None,
        after: None,
        limit: 1_000,
    }
}

pub(crate) fn events_of(key: &RecordKey) -> EventQuery {
    EventQuery { record: Some((key.collection, key.name.clone())), ..every_event(&key.tenant) }
}

/// All events of an answer, page by page.
pub(crate) async fn ask<S: Store>(store: &S, query: &EventQuery) -> Result<Vec<FoundEvent>, Mismatch> {
    let mut query = query.clone();
    let mut found = Vec::new();
    for _ in 0..MOST_PAGES {
        let page = store.events(&query).await?;
        let length = page.events.len();
        if length > query.limit as usize {
            return Err(Mismatch::new(format!("at most {} events", query.limit), length.to_string()));
        }
        found.extend(page.events);
        match page.next {
            None => return Ok(found),
            Some(next) => {
                // A page cut short with more to come is a page of an answer that a caller takes for its end.
                same("the length of a page that has a next one", query.limit as usize, length)?;
                same::<bool>("a cursor that moves", true, query.after != Some(next))?;
                query.after = Some(Cursor(next.0));
            }
        }
    }
    Err(Mismatch::new("an end of the pages", "pages without end"))
}

/// The ids of all events of an answer, newest first.
pub(crate) async fn ids<S: Store>(store: &S, query: &EventQuery) -> Result<Vec<EventId>, Mismatch> {
    let found = ask(store, query).await?;
    Ok(found.into_iter().map(|found| found.event.id).collect())
}

pub(crate) fn numbered(numbers: impl IntoIterator<Item = u64>) -> Vec<EventId> {
    numbers.into_iter().map(event_id).collect()
}

/// All names of a collection, page by page, with their records.
pub(crate) async fn roster<S: Store>(
    store: &S,
    query: &PageQuery,
) -> Result<Vec<(String, Versioned)>, Mismatch> {
    let mut query = query.clone();
    let mut found: Vec<(String, Versioned)> = Vec::new();
    for _ in 0..MOST_PAGES {
        let page = store.page(&query).await?;
        let length = page.records.len();
        found.extend(page.records);
        if !page.more {
            return Ok(found);
        }
        same("the length of a page with more after it", query.limit as usize, length)?;
        query.after = found.last().map(|(name, _)| name.clone());
    }
    Err(Mismatch::new("an end of the pages", "pages without end"))
}
