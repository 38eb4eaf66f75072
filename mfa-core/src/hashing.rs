//! Keeps slow hashes off the threads that serve requests, and few at once.

use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Poll, Waker};

use thiserror::Error;

use crate::fault::{Fault, FaultKind};
use crate::refusal::Refusal;
use crate::sync::{Arc, AtomicUsize, Mutex, MutexGuard, Ordering, PoisonError, thread};

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
/// On Linux, with the feature `priority` (a default one), its threads work only while no other thread of the process wants
/// their core, so that requests which need no hash keep their latency. A process that never has a moment to spare then
/// takes long over them; [`keeping_priority`](Self::keeping_priority) lets them have their share all the same.
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
    gives_way: bool,
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
        Self { slots: Arc::new(Slots { most: most.get(), taken: AtomicUsize::new(0) }), gives_way: true }
    }

    /// The same pool, whose threads are scheduled like any other: slow hashes then take their share of the processor from
    /// requests, however many there are.
    pub fn keeping_priority(self) -> Self {
        Self { gives_way: false, ..self }
    }

    /// How many pieces of work may run at once.
    pub fn limit(&self) -> usize {
        self.slots.most
    }

    /// How many pieces of work run now: for a gauge that says how near the bound is.
    pub fn running(&self) -> usize {
        self.slots.taken.load(Ordering::Acquire)
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
        let gives_way = self.gives_way;
        thread::Builder::new()
            .name("mfa-hash".to_owned())
            .spawn(move || {
                if gives_way {
                    thread::give_way();
                }
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
