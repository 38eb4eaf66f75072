//! A store in memory: for tests, examples and the first afternoon. It forgets everything on restart.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::fault::Fault;
use crate::port::store::{
    Committed, Cursor, EventPage, EventQuery, FoundEvent, PageQuery, RecordKey, RecordPage, Store, Versioned,
    Write,
};

/// Keeps records and events in memory, for one process.
#[derive(Default)]
pub struct MemoryStore {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    records: BTreeMap<RecordKey, Versioned>,
    events: Vec<(u64, FoundEvent)>,
    written: u64,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing below can panic half way through a change, so a poisoned lock guards whole data.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

impl Store for MemoryStore {
    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>, Fault> {
        Ok(self.lock().records.get(key).cloned())
    }

    async fn commit(&self, write: &Write) -> Result<Committed, Fault> {
        let mut inner = self.lock();
        if inner.records.get(&write.key).map(|held| held.version) != write.expected {
            return Ok(Committed::Conflict);
        }
        let held = Versioned { version: write.next, record: write.record.clone() };
        inner.records.insert(write.key.clone(), held);
        for event in &write.events {
            inner.written += 1;
            let position = inner.written;
            let found = FoundEvent { key: write.key.clone(), event: event.clone() };
            inner.events.push((position, found));
        }
        Ok(Committed::Done)
    }

    async fn events(&self, query: &EventQuery) -> Result<EventPage, Fault> {
        let inner = self.lock();
        let mut matching =
            inner.events.iter().rev().filter(|(position, found)| query.asks_for(Cursor(*position), found));
        let taken: Vec<_> = matching.by_ref().take(query.limit as usize).collect();
        let next = match (taken.last(), matching.next()) {
            (Some((position, _)), Some(_)) => Some(Cursor(*position)),
            _ => None,
        };
        Ok(EventPage { events: taken.into_iter().map(|(_, found)| found.clone()).collect(), next })
    }

    async fn page(&self, query: &PageQuery) -> Result<RecordPage, Fault> {
        let inner = self.lock();
        let mut matching = inner.records.iter().filter(|(key, _)| query.asks_for(key));
        let records = matching
            .by_ref()
            .take(query.limit as usize)
            .map(|(key, held)| (key.name.clone(), held.clone()))
            .collect();
        Ok(RecordPage { records, more: matching.next().is_some() })
    }

    async fn erase(&self, key: &RecordKey) -> Result<(), Fault> {
        let mut inner = self.lock();
        inner.records.remove(key);
        inner.events.retain(|(_, found)| found.key != *key);
        Ok(())
    }
}
