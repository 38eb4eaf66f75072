//! How the conformance suite gets at a store: fresh data, and as many handles on it as it asks for.

use std::future::Future;
use std::sync::Arc;

use mfa_core::port::store::Store;

/// Data for one case of the suite: empty at first, and opened through several handles.
///
/// A handle stands for an instance of the portal. Where instances are processes, each [`open`](Fixture::open)
/// should give what a process of its own would have: another pool, another cache. Only then does the suite
/// see what two instances do to each other. Clean up in `Drop`.
pub trait Fixture: Send + Sync {
    /// The store under test.
    type Store: Store;

    /// Another handle on this fixture's data.
    ///
    /// May panic when it fails: it is part of a test.
    fn open(&self) -> impl Future<Output = Self::Store> + Send;

    /// Makes every later call on every open handle fail: drops the tables, stops the server, cuts the line.
    ///
    /// Answers whether it did. `false` leaves out the one case that sees whether the store passes errors on,
    /// and the report says so.
    fn take_down(&self) -> impl Future<Output = bool> + Send;
}

/// The fixture for a store that lives in one process and is shared by cloning an [`Arc`].
///
/// ```
/// use mfa_core::port::memory::MemoryStore;
/// use mfa_testing::store::{conformance, fixture::InProcess};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// conformance::check(async || InProcess::new(MemoryStore::new())).await.assert_conforms();
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct InProcess<S>(Arc<S>);

impl<S: Store> InProcess<S> {
    /// A fixture around an empty store.
    pub fn new(store: S) -> Self {
        Self(Arc::new(store))
    }
}

impl<S: Store> Fixture for InProcess<S> {
    type Store = Arc<S>;

    async fn open(&self) -> Arc<S> {
        Arc::clone(&self.0)
    }

    async fn take_down(&self) -> bool {
        false
    }
}
