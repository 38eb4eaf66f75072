//! Keeps slow hashes off the threads that serve requests, and few at once.

use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::thread;

use thiserror::Error;

use crate::fault::{Fault, FaultKind};
use crate::refusal::Refusal;

/// Why a piece of work gave no result.
#[derive(Debug, Error)]
pub enum PoolError {
    /// As much as may run at once is running. Nothing was started: it can be tried again in a moment.
    #[error("too many slow hashes are running")]
    Busy,
    /// The thread could not be started, or the work panicked.
    #[error(transparent)]
    Fault(Fault),
}

impl PoolError {
    /// What the person is told.
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

/// Runs blocking work on threads of its own, a bounded number at once, under any async runtime or none.
///
/// One Argon2id at the default cost holds 19 MiB and a core for some 20 ms. Without a bound, whoever sends
/// wrong codes decides how much memory and processor the portal has left; so work beyond the bound is turned
/// away at once instead of being queued, and the person is asked to try again.
///
/// Clones share the bound. A piece of work has a thread to itself: starting one costs a thousandth of the
/// hash it is for, and nothing stays behind when there is nothing to do.
///
/// ```
/// use mfa_core::hashing::HashPool;
///
/// # async fn slow_sum(pool: &HashPool) -> Result<u32, mfa_core::hashing::PoolError> {
/// pool.run(|| (1..=1_000).sum()).await
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct HashPool {
    slots: Arc<Slots>,
}

#[derive(Debug)]
struct Slots {
    most: usize,
    taken: AtomicUsize,
}

/// One unit of the bound, given back when dropped, however that comes about.
struct Permit(Arc<Slots>);

impl Permit {
    fn take(slots: &Arc<Slots>) -> Option<Self> {
        slots
            .taken
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |taken| {
                (taken < slots.most).then_some(taken + 1)
            })
            .ok()
            .map(|_| Self(Arc::clone(slots)))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Where the thread leaves its result for the future that waits.
struct Answer<T>(Mutex<Waiting<T>>);

struct Waiting<T> {
    done: Option<T>,
    ended: bool,
    waker: Option<Waker>,
}

impl<T> Default for Answer<T> {
    fn default() -> Self {
        Self(Mutex::new(Waiting { done: None, ended: false, waker: None }))
    }
}

impl<T> Answer<T> {
    fn lock(&self) -> MutexGuard<'_, Waiting<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Waiting<T> {
    /// The result, nothing if the thread ended without one, or word to come back.
    fn poll(&mut self, waker: &Waker) -> Poll<Option<T>> {
        if self.ended {
            return Poll::Ready(self.done.take());
        }
        self.waker = Some(waker.clone());
        Poll::Pending
    }
}

/// The thread's end of an answer: however the thread goes, whoever waits hears of it.
struct Reply<T>(Arc<Answer<T>>);

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        let mut waiting = self.0.lock();
        waiting.ended = true;
        let waker = waiting.waker.take();
        drop(waiting);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl HashPool {
    /// At most `most` pieces of work at once, and so at most that many times the memory of one.
    pub fn new(most: NonZeroUsize) -> Self {
        Self { slots: Arc::new(Slots { most: most.get(), taken: AtomicUsize::new(0) }) }
    }

    /// How many pieces of work may run at once.
    pub fn limit(&self) -> usize {
        self.slots.most
    }

    /// Runs `work` on a thread of its own and waits for it without blocking.
    ///
    /// Nothing happens before the future is first polled. If it is dropped afterwards the work still runs to
    /// its end, keeps its place until then, and its result is dropped.
    ///
    /// # Errors
    /// [`PoolError::Busy`] if the bound is reached; [`PoolError::Fault`] if no thread could be started or
    /// `work` panicked.
    pub async fn run<T, F>(&self, work: F) -> Result<T, PoolError>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let permit = Permit::take(&self.slots).ok_or(PoolError::Busy)?;
        let answer = Arc::new(Answer::default());
        let reply = Reply(Arc::clone(&answer));
        thread::Builder::new()
            .name("mfa-hash".to_owned())
            .spawn(move || {
                let done = catch_unwind(AssertUnwindSafe(work));
                // Before the reply, so that who has the result can start the next piece of work at once.
                drop(permit);
                if let Ok(done) = done {
                    reply.0.lock().done = Some(done);
                }
            })
            .map_err(|cause| PoolError::Fault(Fault::caused_by(FaultKind::Internal, cause)))?;
        poll_fn(|cx| answer.lock().poll(cx.waker()))
            .await
            .ok_or_else(|| PoolError::Fault(Fault::caused_by(FaultKind::Internal, "a slow hash panicked")))
    }
}

/// As many at once as the machine has cores for us, and one if that can't be told.
impl Default for HashPool {
    fn default() -> Self {
        Self::new(thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::sync::mpsc;
    use std::sync::{Arc, Barrier};
    use std::task::{Context, Waker};

    use super::*;

    fn pool(most: usize) -> HashPool {
        HashPool::new(NonZeroUsize::new(most).unwrap())
    }

    #[tokio::test]
    async fn work_is_done_elsewhere_and_answered() {
        let here = thread::current().id();
        let there = pool(1).run(|| thread::current().id()).await.unwrap();
        assert_ne!(here, there);
    }

    #[test]
    fn the_bound_is_told() {
        assert_eq!(pool(7).limit(), 7);
    }

    #[tokio::test]
    async fn one_after_the_other_is_never_busy() {
        let pool = pool(1);
        for n in 0..500 {
            assert_eq!(pool.run(move || n).await.unwrap(), n);
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn beyond_the_bound_is_turned_away_and_nothing_is_started() {
        const MOST: usize = 3;
        let pool = pool(MOST);
        let (started, starts) = mpsc::channel();
        let gate = Arc::new(Barrier::new(MOST + 1));
        let running: Vec<_> = (0..MOST)
            .map(|n| {
                let (pool, started, gate) = (pool.clone(), started.clone(), Arc::clone(&gate));
                tokio::spawn(async move {
                    pool.run(move || {
                        started.send(n).unwrap();
                        gate.wait();
                        n
                    })
                    .await
                })
            })
            .collect();
        for _ in 0..MOST {
            starts.recv().unwrap();
        }
        let late = started.clone();
        assert!(matches!(pool.clone().run(move || late.send(99)).await, Err(PoolError::Busy)));
        gate.wait();
        for (n, one) in running.into_iter().enumerate() {
            assert_eq!(one.await.unwrap().unwrap(), n);
        }
        assert!(starts.try_recv().is_err());
        assert_eq!(pool.run(|| 7).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn a_panic_is_a_fault_and_gives_its_place_back() {
        let pool = pool(1);
        for _ in 0..3 {
            match pool.run(|| panic!("on purpose")).await {
                Err(PoolError::Fault(fault)) => assert_eq!(fault.kind(), FaultKind::Internal),
                other => panic!("{:?}", other.map(|()| "a result")),
            }
        }
        assert_eq!(pool.run(|| 7).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn a_dropped_future_keeps_its_place_until_the_work_has_ended() {
        struct Ended(mpsc::Sender<()>);
        impl Drop for Ended {
            fn drop(&mut self) {
                let _ = self.0.send(());
            }
        }

        let pool = pool(1);
        let (open, gate) = mpsc::channel::<()>();
        let (ended, end) = mpsc::channel();
        {
            let mut future = pin!(pool.run(move || {
                gate.recv().unwrap();
                // Dropped after the place is given back, because nobody waits for it any more.
                Ended(ended)
            }));
            assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        assert!(matches!(pool.run(|| ()).await, Err(PoolError::Busy)));
        open.send(()).unwrap();
        end.recv().unwrap();
        assert_eq!(pool.run(|| 7).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn a_future_that_is_never_polled_takes_no_place() {
        let pool = pool(1);
        let _unpolled = pool.run(|| ());
        assert_eq!(pool.run(|| 7).await.unwrap(), 7);
    }
}
