//! A store at which requests can be made to meet: all have read before any goes on.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use mfa_core::fault::Fault;
use mfa_core::port::store::{
    Committed, EventPage, EventQuery, PageQuery, RecordKey, RecordPage, Store, Versioned, Write,
};
use tokio::sync::Barrier;

/// Says who has to wait for whom. Clones say the same.
#[derive(Clone, Default)]
pub struct Crowd {
    held: Arc<Mutex<Option<Held>>>,
}

struct Held {
    barrier: Arc<Barrier>,
    calls_left: usize,
}

impl fmt::Debug for Crowd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crowd").finish_non_exhaustive()
    }
}

impl Crowd {
    /// From here on `requests` requests read at the same time, `rounds` times over: each load is held until
    /// as many have been made, or commits that need none are about to be. Then calls are free again.
    ///
    /// With fewer requests, or fewer calls in each, they are never let go.
    pub fn gather(&self, requests: usize, rounds: usize) {
        let held = Held { barrier: Arc::new(Barrier::new(requests)), calls_left: requests * rounds };
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(held);
    }

    async fn wait(&self) {
        if let Some(barrier) = self.barrier() {
            barrier.wait().await;
        }
    }

    fn barrier(&self) -> Option<Arc<Barrier>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let group = held.as_mut()?;
        let barrier = Arc::clone(&group.barrier);
        group.calls_left -= 1;
        if group.calls_left == 0 {
            *held = None;
        }
        Some(barrier)
    }

    pub(crate) fn of<S: Store>(&self, store: S) -> Crowded<S> {
        Crowded { store, crowd: self.clone() }
    }
}

/// A store behind a crowd.
#[derive(Debug)]
pub(crate) struct Crowded<S> {
    store: S,
    crowd: Crowd,
}

impl<S: Store> Store for Crowded<S> {
    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>, Fault> {
        let found = self.store.load(key).await;
        self.crowd.wait().await;
        found
    }

    async fn commit(&self, write: &Write) -> Result<Committed, Fault> {
        self.crowd.wait().await;
        self.store.commit(write).await
    }

    async fn events(&self, query: &EventQuery) -> Result<EventPage, Fault> {
        self.store.events(query).await
    }

    async fn page(&self, query: &PageQuery) -> Result<RecordPage, Fault> {
        self.store.page(query).await
    }

    async fn erase(&self, key: &RecordKey) -> Result<(), Fault> {
        self.store.erase(key).await
    }
}
