//! From columns to the store's own types and back, checked: what can't be ours is an error.

use mfa_core::id::TenantId;
use mfa_core::port::store::{
    Collection, Cursor, EventPage, EventQuery, FoundEvent, PageQuery, RecordKey, RecordPage, StoredEvent,
    Version, Versioned,
};
use mfa_core::time::Timestamp;

use crate::error::StoreError;
use crate::sql;

pub(crate) type RecordRow = (i64, Vec<u8>);
pub(crate) type PageRow = (String, i64, Vec<u8>);
pub(crate) type EventRow = (i64, String, String, String, i64, String, Vec<u8>);

pub(crate) fn versioned((version, record): RecordRow) -> Result<Versioned, StoreError> {
    let number = u64::try_from(version).map_err(|_| StoreError::Unreadable("version"))?;
    let version = Version::new(number);
    if version.as_u64() != number {
        return Err(StoreError::Unreadable("version"));
    }
    Ok(Versioned { version, record })
}

fn collection(name: &str) -> Result<Collection, StoreError> {
    [Collection::Account, Collection::Budget, Collection::Policy]
        .into_iter()
        .find(|collection| collection.as_str() == name)
        .ok_or(StoreError::Unreadable("collection"))
}

fn found(tenant: &TenantId, row: EventRow) -> Result<(Cursor, FoundEvent), StoreError> {
    let (position, of, name, id, at, kind, body) = row;
    let unsigned = |number: i64, what| u64::try_from(number).map_err(|_| StoreError::Unreadable(what));
    let found = FoundEvent {
        key: RecordKey { tenant: tenant.clone(), collection: collection(&of)?, name },
        event: StoredEvent {
            id: id.parse().map_err(|_| StoreError::Unreadable("event id"))?,
            at: Timestamp::from_unix(unsigned(at, "time")?),
            kind,
            body,
        },
    };
    Ok((Cursor(unsigned(position, "position")?), found))
}

/// A page out of rows, of which one more was asked for: whether there is more is seen from it.
pub(crate) fn event_page(query: &EventQuery, mut rows: Vec<EventRow>) -> Result<EventPage, StoreError> {
    let more = rows.len() > query.limit as usize;
    rows.truncate(query.limit as usize);
    let mut page = EventPage::default();
    for row in rows {
        let (position, found) = found(&query.tenant, row)?;
        page.events.push(found);
        page.next = Some(position);
    }
    if !more {
        page.next = None;
    }
    Ok(page)
}

/// See [`event_page`].
pub(crate) fn record_page(query: &PageQuery, mut rows: Vec<PageRow>) -> Result<RecordPage, StoreError> {
    let more = rows.len() > query.limit as usize;
    rows.truncate(query.limit as usize);
    let records = rows
        .into_iter()
        .map(|(name, version, record)| Ok((name, versioned((version, record))?)))
        .collect::<Result<_, StoreError>>()?;
    Ok(RecordPage { records, more })
}

/// The times of a write's events, as a column keeps them.
pub(crate) fn column_times(events: &[StoredEvent]) -> Result<Vec<i64>, StoreError> {
    events.iter().map(|event| column_time(event.at)).collect()
}

/// A time as a column keeps it.
fn column_time(at: Timestamp) -> Result<i64, StoreError> {
    i64::try_from(at.as_unix()).map_err(|_| StoreError::Time)
}

/// The statement for a question, and the bounds for its numbered columns.
pub(crate) struct Question {
    pub(crate) sql: &'static str,
    pub(crate) before: i64,
    pub(crate) since: i64,
    pub(crate) until: i64,
    /// One more than was asked for: whether there is more is seen from the last one.
    pub(crate) limit: i64,
}

impl Question {
    /// `None` if nothing can match.
    pub(crate) fn new(query: &EventQuery) -> Option<Self> {
        let highest = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let since = match query.since {
            None => 0,
            Some(since) => column_time(since).ok()?,
        };
        let until = match query.until {
            None => i64::MAX,
            Some(until) => highest(until.as_unix().checked_sub(1)?),
        };
        let sql = match (&query.record, &query.kind) {
            (None, None) => sql::EVENTS,
            (None, Some(_)) => sql::EVENTS_OF_KIND,
            (Some(_), None) => sql::EVENTS_OF_RECORD,
            (Some(_), Some(_)) => sql::EVENTS_OF_RECORD_AND_KIND,
        };
        Some(Self {
            sql,
            before: query.after.map_or(i64::MAX, |Cursor(position)| highest(position)),
            since,
            until,
            limit: i64::from(query.limit) + 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_this_library_does_not_write_is_an_error() {
        assert!(versioned((-1, vec![])).is_err());
        assert!(versioned((1 << 62, vec![])).is_err());
        assert!(versioned(((1 << 62) - 1, vec![])).is_ok());
        let row =
            |of: &str, id: &str, at| (1, of.to_owned(), "a".into(), id.to_owned(), at, "k".into(), vec![]);
        let tenant = TenantId::default();
        let id = "A".repeat(22);
        assert!(found(&tenant, row("account", &id, 1)).is_ok());
        assert!(found(&tenant, row("Account", &id, 1)).is_err());
        assert!(found(&tenant, row("account", "?", 1)).is_err());
        assert!(found(&tenant, row("account", &id, -1)).is_err());
        assert!(column_time(Timestamp::from_unix(u64::MAX)).is_err());
    }

    /// One row more than asked for says that there is more; exactly as many say that there is not.
    #[test]
    fn a_page_that_is_just_full_is_the_last() {
        let tenant = TenantId::default();
        let row =
            |n: i64| (n, "account".to_owned(), "a".to_owned(), "A".repeat(22), 1, "k".to_owned(), vec![]);
        let events = |rows: i64| {
            let query = EventQuery {
                tenant: tenant.clone(),
                record: None,
                kind: None,
                since: None,
                until: None,
                after: None,
                limit: 2,
            };
            event_page(&query, (0..rows).map(|n| row(9 - n)).collect()).unwrap()
        };
        let of = |rows| (events(rows).events.len(), events(rows).next);
        assert_eq!([of(1), of(2), of(3)], [(1, None), (2, None), (2, Some(Cursor(8)))]);

        let records = |rows: i64| {
            let (collection, after) = (mfa_core::port::store::Collection::Account, None);
            let query = PageQuery { tenant: tenant.clone(), collection, after, limit: 2 };
            let page = record_page(&query, (0..rows).map(|n| (n.to_string(), 1, vec![])).collect()).unwrap();
            (page.records.len(), page.more)
        };
        assert_eq!([records(1), records(2), records(3)], [(1, false), (2, false), (2, true)]);
    }
}
