//! A store that forces the worst interleaving: everybody has read before anybody writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mfa_core::fault::Fault;
use mfa_core::port::store::{
    Committed, EventPage, EventQuery, PageQuery, RecordKey, RecordPage, Store, Versioned, Write,
};
use tokio::sync::Barrier;

/// Holds the first calls of any number of [`Interleaved`] stores until all contenders have made one.
#[derive(Clone, Debug)]
pub struct Gate {
    inner: Arc<GateInner>,
}

#[derive(Debug)]
struct GateInner {
    contenders: usize,
    arrived: AtomicUsize,
    barrier: Barrier,
}

impl Gate {
    /// A gate that opens when `contenders` have loaded a record, or are about to commit one without having loaded it,
    /// and stays open from then on.
    ///
    /// With fewer of them it never opens: give it exactly their number.
    pub fn new(contenders: usize) -> Self {
        Self {
            inner: Arc::new(GateInner {
                contenders,
                arrived: AtomicUsize::new(0),
                barrier: Barrier::new(contenders),
            }),
        }
    }

    /// Waits here if this is one of the first arrivals.
    pub async fn pass(&self) {
        if self.inner.arrived.fetch_add(1, Ordering::Relaxed) < self.inner.contenders {
            self.inner.barrier.wait().await;
        }
    }
}

/// Passes every call on, but nobody writes before all have read, or know what they want to write.
///
/// Two requests that spend one code at the same time rarely meet by chance in a test. Behind this wrapper
/// they always do: each of `n` contenders has read the record as it was before any of them can write. Wrap
/// each instance's store with a clone of the same [`Gate`].
///
/// ```
/// use std::sync::Arc;
/// use mfa_core::port::memory::MemoryStore;
/// use mfa_testing::store::interleaved::{Gate, Interleaved};
///
/// let data = Arc::new(MemoryStore::new());
/// let gate = Gate::new(64);
/// let one_instance = Interleaved::new(Arc::clone(&data), gate.clone());
/// let another = Interleaved::new(data, gate);
/// // … 64 sign-ins with one code through the two of them: exactly one may pass.
/// # let _ = (one_instance, another);
/// ```
#[derive(Debug)]
pub struct Interleaved<S> {
    store: S,
    gate: Gate,
}

impl<S: Store> Interleaved<S> {
    /// Wraps a store behind a gate.
    pub fn new(store: S, gate: Gate) -> Self {
        Self { store, gate }
    }
}

impl<S: Store> Store for Interleaved<S> {
    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>, Fault> {
        // Read first, then wait: the answer has to be from before all the writes.
        let loaded = self.store.load(key).await;
        self.gate.pass().await;
        loaded
    }

    async fn commit(&self, write: &Write) -> Result<Committed, Fault> {
        // A service that saw the record a moment ago doesn't read it, and comes here first.
        self.gate.pass().await;
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
