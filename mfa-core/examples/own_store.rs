//! A store of one's own, here a map and a list behind a lock, passing the acceptance suite of `mfa-testing`.
use std::collections::BTreeMap;

use mfa_core::{fault::Fault, port::store::*};
use mfa_testing::store::{conformance::check, fixture::InProcess};
use tokio::sync::Mutex;

type Events = Vec<(Cursor, FoundEvent)>;
#[derive(Default)]
struct MyStore(Mutex<(BTreeMap<RecordKey, Versioned>, Events, u64)>);

impl Store for MyStore {
    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>, Fault> {
        Ok(self.0.lock().await.0.get(key).cloned())
    }
    // Compare and write in one step; in SQL: one transaction, `UPDATE … WHERE version = expected` and the events.
    async fn commit(&self, write: &Write) -> Result<Committed, Fault> {
        let (records, events, last) = &mut *self.0.lock().await;
        let (key, version, record) = (&write.key, write.next, write.record.clone());
        if records.get(key).map(|held| held.version) != write.expected {
            return Ok(Committed::Conflict);
        }
        records.insert(key.clone(), Versioned { version, record });
        for (event, key) in write.events.iter().cloned().zip(std::iter::repeat(key.clone())) {
            *last += 1;
            events.push((Cursor(*last), FoundEvent { key, event }));
        }
        Ok(Committed::Done)
    }
    async fn events(&self, query: &EventQuery) -> Result<EventPage, Fault> {
        let (_, events, _) = &*self.0.lock().await;
        let asked = |(place, found): &&(Cursor, FoundEvent)| query.asks_for(*place, found);
        let mut found = events.iter().rev().filter(asked).cloned();
        let (places, events): (Vec<_>, _) = found.by_ref().take(query.limit as usize).unzip();
        let next = found.next().and(places.last().copied());
        Ok(EventPage { events, next })
    }
    async fn page(&self, query: &PageQuery) -> Result<RecordPage, Fault> {
        let (all, ..) = &*self.0.lock().await;
        let mut found = all.iter().filter(|(key, _)| query.asks_for(key));
        let page = found.by_ref().take(query.limit as usize);
        let records = page.map(|(key, held)| (key.name.clone(), held.clone())).collect();
        let more = found.next().is_some();
        Ok(RecordPage { records, more })
    }
    async fn erase(&self, key: &RecordKey) -> Result<(), Fault> {
        let (records, events, _) = &mut *self.0.lock().await;
        records.remove(key);
        events.retain(|(_, found)| found.key != *key);
        Ok(())
    }
}

#[tokio::main]
async fn main() {
    check(async || InProcess::new(MyStore::default())).await.assert_conforms();
}
