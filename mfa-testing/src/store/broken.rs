//! Stores that are broken on purpose, each in one way that real stores have been broken.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use mfa_core::fault::{Fault, FaultKind};
use mfa_core::id::TenantId;
use mfa_core::port::memory::MemoryStore;
use mfa_core::port::store::{
    Committed, Cursor, EventPage, EventQuery, FoundEvent, PageQuery, RecordKey, RecordPage, Store, Versioned,
    Write,
};

use crate::store::fixture::Fixture;

/// One way to break a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Defect {
    /// Compares the version, then writes, in two steps: only a forced race shows it.
    LostUpdate,
    /// Doesn't look at the version of a record that is there.
    VersionIgnored,
    /// A first write replaces a record that is there.
    InsertReplaces,
    /// Counts versions by itself instead of keeping the writer's.
    OwnVersions,
    /// Writes the record first and its events afterwards.
    EventsAfterwards,
    /// Writes the events of a write that it refuses.
    EventsOnConflict,
    /// Keeps only the last event of a write.
    EventsDropped,
    /// Answers loads from a cache of its own handle.
    StaleRead,
    /// Answers "no record" when it can't read.
    SwallowedReadError,
    /// Answers "done" when it can't write.
    SwallowedWriteError,
    /// Takes names that differ in case for one.
    FoldedNames,
    /// Takes names that differ in trailing blanks for one.
    TrimmedNames,
    /// Keeps all tenants' data in one.
    TenantLeak,
    /// Keeps records as text.
    RecordsAsText,
    /// Erases the record and leaves its events.
    EraseForgetsEvents,
    /// Erases the record and what its events are found by, and leaves the events where all are looked through.
    EraseLeavesEvents,
    /// Counts event pages from the newest one, which moves.
    CursorByOffset,
    /// Never says that there is more.
    PagesCutShort,
    /// Says that there is more after a page that is just full.
    FullPagesGoOn,
}

impl Defect {
    /// Every defect.
    pub const ALL: &[Self] = &[
        Self::LostUpdate,
        Self::VersionIgnored,
        Self::InsertReplaces,
        Self::OwnVersions,
        Self::EventsAfterwards,
        Self::EventsOnConflict,
        Self::EventsDropped,
        Self::StaleRead,
        Self::SwallowedReadError,
        Self::SwallowedWriteError,
        Self::FoldedNames,
        Self::TrimmedNames,
        Self::TenantLeak,
        Self::RecordsAsText,
        Self::EraseForgetsEvents,
        Self::EraseLeavesEvents,
        Self::CursorByOffset,
        Self::PagesCutShort,
        Self::FullPagesGoOn,
    ];
}

#[derive(Debug, Default)]
struct Data {
    records: MemoryStore,
    left_over: Mutex<Vec<FoundEvent>>,
    down: AtomicBool,
}

/// A fixture whose handles are all broken in one way: what a suite for stores is tested with.
///
/// ```
/// use mfa_testing::store::broken::{BrokenData, Defect};
/// use mfa_testing::store::conformance;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let report = conformance::check(async || BrokenData::new(Defect::VersionIgnored)).await;
/// assert!(report.failed().contains(&"another_version_is_a_conflict"));
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct BrokenData {
    data: Arc<Data>,
    defect: Option<Defect>,
}

impl BrokenData {
    /// Empty data behind stores with this defect.
    pub fn new(defect: Defect) -> Self {
        Self { data: Arc::default(), defect: Some(defect) }
    }

    /// The same without a defect: the suite has to accept it, or it rejects the others for the wrong reason.
    pub fn sound() -> Self {
        Self { data: Arc::default(), defect: None }
    }
}

impl Fixture for BrokenData {
    type Store = BrokenStore;

    async fn open(&self) -> BrokenStore {
        BrokenStore { data: Arc::clone(&self.data), defect: self.defect, cache: Mutex::default() }
    }

    async fn take_down(&self) -> bool {
        self.data.down.store(true, Ordering::SeqCst);
        true
    }
}

/// A store with a [`Defect`]. Never use one for anything but the test of a test.
#[derive(Debug)]
pub struct BrokenStore {
    data: Arc<Data>,
    defect: Option<Defect>,
    cache: Mutex<HashMap<RecordKey, Versioned>>,
}

impl BrokenStore {
    fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    fn up(&self) -> Result<(), Fault> {
        if self.data.down.load(Ordering::SeqCst) {
            return Err(Fault::caused_by(FaultKind::Store, "taken down on purpose"));
        }
        Ok(())
    }

    fn name(&self, name: &str) -> String {
        match self.defect {
            Some(Defect::FoldedNames) => name.to_lowercase(),
            Some(Defect::TrimmedNames) => name.trim_end().to_owned(),
            _ => name.to_owned(),
        }
    }

    fn tenant(&self, tenant: &TenantId) -> TenantId {
        if self.has(Defect::TenantLeak) { TenantId::default() } else { tenant.clone() }
    }

    fn key(&self, key: &RecordKey) -> RecordKey {
        RecordKey { tenant: self.tenant(&key.tenant), collection: key.collection, name: self.name(&key.name) }
    }

    /// Writes whatever is there by now.
    async fn overwrite(&self, write: &mut Write) -> Result<Committed, Fault> {
        loop {
            write.expected = self.data.records.load(&write.key).await?.map(|held| held.version);
            if self.data.records.commit(write).await? == Committed::Done {
                return Ok(Committed::Done);
            }
        }
    }

    async fn commit_broken(&self, write: &Write) -> Result<Committed, Fault> {
        self.up()?;
        let mut write = write.clone();
        write.key = self.key(&write.key);
        let records = &self.data.records;
        let held = records.load(&write.key).await?.map(|held| held.version);
        match self.defect {
            Some(Defect::LostUpdate) => {
                if held != write.expected {
                    return Ok(Committed::Conflict);
                }
                tokio::task::yield_now().await;
                return self.overwrite(&mut write).await;
            }
            Some(Defect::VersionIgnored) if write.expected.is_some() && held.is_some() => {
                return self.overwrite(&mut write).await;
            }
            Some(Defect::InsertReplaces) if write.expected.is_none() => {
                return self.overwrite(&mut write).await;
            }
            Some(Defect::OwnVersions) => {
                write.next = write.expected.map_or(write.next, |version| version.next());
            }
            Some(Defect::RecordsAsText) => {
                write.record = String::from_utf8_lossy(&write.record).into_owned().into_bytes();
            }
            Some(Defect::EventsDropped) => {
                write.events = write.events.pop().into_iter().collect();
            }
            Some(Defect::EventsOnConflict) if held != write.expected => {
                if let Some(held) = records.load(&write.key).await? {
                    let mut only_events = write.clone();
                    only_events.next = held.version;
                    only_events.record = held.record;
                    let _done = self.overwrite(&mut only_events).await?;
                }
                return Ok(Committed::Conflict);
            }
            Some(Defect::EventsAfterwards) => {
                let events = std::mem::take(&mut write.events);
                let committed = records.commit(&write).await?;
                if committed == Committed::Done {
                    tokio::task::yield_now().await;
                    write.expected = Some(write.next);
                    write.events = events;
                    let _torn = records.commit(&write).await?;
                }
                return Ok(committed);
            }
            _ => {}
        }
        records.commit(&write).await
    }
}

impl Store for BrokenStore {
    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>, Fault> {
        if self.has(Defect::SwallowedReadError) && self.up().is_err() {
            return Ok(None);
        }
        self.up()?;
        let key = self.key(key);
        if !self.has(Defect::StaleRead) {
            return self.data.records.load(&key).await;
        }
        let known = |cache: &Mutex<HashMap<RecordKey, Versioned>>| {
            cache.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()
        };
        if let Some(cached) = known(&self.cache) {
            return Ok(Some(cached));
        }
        let loaded = self.data.records.load(&key).await?;
        if let Some(held) = &loaded {
            let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
            cache.insert(key, held.clone());
        }
        Ok(loaded)
    }

    async fn commit(&self, write: &Write) -> Result<Committed, Fault> {
        if self.has(Defect::SwallowedWriteError) && self.up().is_err() {
            return Ok(Committed::Done);
        }
        let committed = self.commit_broken(write).await?;
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.remove(&self.key(&write.key));
        Ok(committed)
    }

    async fn events(&self, query: &EventQuery) -> Result<EventPage, Fault> {
        self.up()?;
        let mut asked = query.clone();
        asked.tenant = self.tenant(&query.tenant);
        asked.record = asked.record.map(|(collection, name)| (collection, self.name(&name)));
        let mut skipped = 0;
        if self.has(Defect::CursorByOffset) {
            skipped = query.after.map_or(0, |cursor| cursor.0);
            asked.after = None;
            asked.limit = u32::MAX;
        }
        let mut page = self.data.records.events(&asked).await?;
        if self.has(Defect::CursorByOffset) {
            let rest = page.events.split_off(page.events.len().min(skipped as usize));
            let more = rest.len() > query.limit as usize;
            page.events = rest.into_iter().take(query.limit as usize).collect();
            page.next = more.then_some(Cursor(skipped + u64::from(query.limit)));
        }
        let left_over = self.data.left_over.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.has(Defect::EraseLeavesEvents) || query.record.is_none() {
            page.events.extend(left_over.iter().cloned());
        }
        for found in &mut page.events {
            found.key.tenant = query.tenant.clone();
        }
        Ok(page)
    }

    async fn page(&self, query: &PageQuery) -> Result<RecordPage, Fault> {
        self.up()?;
        let mut asked = query.clone();
        asked.tenant = self.tenant(&query.tenant);
        let mut page = self.data.records.page(&asked).await?;
        page.more &= !self.has(Defect::PagesCutShort);
        page.more |= self.has(Defect::FullPagesGoOn) && page.records.len() == query.limit as usize;
        Ok(page)
    }

    async fn erase(&self, key: &RecordKey) -> Result<(), Fault> {
        self.up()?;
        let key = self.key(key);
        if self.has(Defect::EraseForgetsEvents) || self.has(Defect::EraseLeavesEvents) {
            let every = EventQuery {
                tenant: key.tenant.clone(),
                record: Some((key.collection, key.name.clone())),
                kind: None,
                since: None,
                until: None,
                after: None,
                limit: u32::MAX,
            };
            let events = self.data.records.events(&every).await?.events;
            let mut left_over = self.data.left_over.lock().unwrap_or_else(PoisonError::into_inner);
            left_over.extend(events);
        }
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        self.data.records.erase(&key).await
    }
}
