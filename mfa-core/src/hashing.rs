//! The hash pool: slow hashes on threads of their own, a bounded number at once, without a runtime.

use std::fmt;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use futures_channel::oneshot;

use crate::fault::{Fault, FaultKind};
use crate::refusal::Refusal;

/// Runs slow work off the threads that serve requests, a bounded number at once. Cheap to clone.
#[derive(Clone)]
pub struct HashPool {
    free: Arc<AtomicUsize>,
}

/// Why work did not run.
#[derive(Debug)]
pub enum PoolError {
    /// As much is running as may: try again in a moment. Waiting in line would let anybody build one up.
    Busy,
    /// A thread could not be started, or the work panicked.
    Fault(Fault),
}

impl PoolError {
    /// What the person is told, or the fault.
    ///
    /// # Errors
    /// If it is a fault.
    pub fn into_refusal(self) -> Result<Refusal, Fault> {
        match self {
            Self::Busy => Ok(Refusal::Busy),
            Self::Fault(fault) => Err(fault),
        }
    }
}

/// One per core.
impl Default for HashPool {
    fn default() -> Self {
        Self::new(thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
    }
}

/// The right to run; given back when dropped, whatever happened.
struct Permit(Arc<AtomicUsize>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

impl HashPool {
    /// A pool that runs `at_once` pieces of work at the same time at the most.
    pub fn new(at_once: NonZeroUsize) -> Self {
        Self { free: Arc::new(AtomicUsize::new(at_once.get())) }
    }

    fn permit(&self) -> Option<Permit> {
        let taken = self.free.fetch_update(Ordering::AcqRel, Ordering::Acquire, |free| free.checked_sub(1));
        taken.ok().map(|_| Permit(Arc::clone(&self.free)))
    }

    /// Runs `work` on a thread of its own. If the future is dropped the work still ends, and only then its
    /// place is free again.
    ///
    /// # Errors
    /// If too much is running, or the thread fails.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PoolError> {
        let permit = self.permit().ok_or(PoolError::Busy)?;
        let (done, result) = oneshot::channel();
        let run = move || {
            let outcome = catch_unwind(AssertUnwindSafe(work));
            drop(permit);
            if let Ok(value) = outcome {
                // Nobody may be waiting any more.
                let _ = done.send(value);
            }
        };
        let fault = |cause: Box<dyn std::error::Error + Send + Sync>| {
            PoolError::Fault(Fault::caused_by(FaultKind::Internal, cause))
        };
        thread::Builder::new().name("mfa-hash".to_owned()).spawn(run).map_err(|cause| fault(cause.into()))?;
        result.await.map_err(|_| fault("the work on a hash thread panicked".into()))
    }
}

impl fmt::Debug for HashPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashPool").field("free", &self.free.load(Ordering::Relaxed)).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::sync::mpsc;

    use super::*;

    fn wait<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    #[test]
    fn no_more_run_at_once_than_may() {
        let pool = HashPool::new(NonZeroUsize::MIN);
        let (release, held) = mpsc::channel::<()>();
        let (started, running) = mpsc::channel::<()>();
        wait(async {
            let other = pool.clone();
            let first = tokio::spawn(async move {
                other
                    .run(move || {
                        started.send(()).unwrap();
                        held.recv().unwrap();
                        1
                    })
                    .await
            });
            tokio::task::yield_now().await;
            running.recv().unwrap();
            assert!(matches!(pool.run(|| 2).await, Err(PoolError::Busy)));
            release.send(()).unwrap();
            assert_eq!(first.await.unwrap().unwrap(), 1);
            assert_eq!(pool.run(|| 3).await.unwrap(), 3);
        });
    }

    #[test]
    fn a_panic_is_a_fault_and_gives_its_place_back() {
        let pool = HashPool::new(NonZeroUsize::MIN);
        let outcome = wait(pool.run(|| -> u8 { panic!("on purpose") }));
        assert!(matches!(outcome, Err(PoolError::Fault(_))));
        assert_eq!(wait(pool.run(|| 3)).unwrap(), 3);
    }

    #[test]
    fn a_dropped_future_gives_its_place_back_when_the_work_ends() {
        let pool = HashPool::new(NonZeroUsize::MIN);
        let (release, held) = mpsc::channel::<()>();
        let (ended, over) = mpsc::channel::<()>();
        wait(async {
            let work = pool.run(move || {
                held.recv().unwrap();
                ended.send(()).unwrap();
            });
            let mut work = Box::pin(work);
            let polled =
                std::future::poll_fn(|cx| std::task::Poll::Ready(work.as_mut().poll(cx).is_pending())).await;
            assert!(polled);
            drop(work);
            assert!(matches!(pool.run(|| 1).await, Err(PoolError::Busy)));
            release.send(()).unwrap();
            over.recv().unwrap();
        });
        while pool.free.load(Ordering::Acquire) == 0 {
            thread::yield_now();
        }
        assert_eq!(wait(pool.run(|| 3)).unwrap(), 3);
    }
}
