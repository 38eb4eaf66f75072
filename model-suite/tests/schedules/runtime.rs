//! What `mfa-batch` has of Tokio, under the scheduler: tasks, answers, and a time that passes when a test says so.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

pub(crate) use shuttle::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use shuttle::future::yield_now;
use shuttle::future::{JoinHandle, block_on};

shuttle::lazy_static! {
    static ref CLOCK: std::sync::Mutex<Clock> = std::sync::Mutex::new(Clock::default());
    static ref SPAWNED: std::sync::Mutex<Vec<JoinHandle<()>>> = std::sync::Mutex::new(Vec::new());
}

/// No turn for anybody in here. A panic elsewhere on the scheduler's one thread doesn't spoil what it guards.
fn held<T>(lock: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Default)]
struct Clock {
    now: Duration,
    sleepers: Vec<Waker>,
}

/// To be called first: what is made during a panic elsewhere would count as spoilt.
pub(crate) fn begin() {
    drop((held(&CLOCK), held(&SPAWNED)));
}

/// Lets time pass.
pub(crate) fn advance(span: Duration) {
    let mut clock = held(&CLOCK);
    clock.now += span;
    let sleepers = std::mem::take(&mut clock.sleepers);
    drop(clock);
    for sleeper in sleepers {
        sleeper.wake();
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Instant(Duration);

impl Instant {
    pub(crate) fn now() -> Self {
        Self(held(&CLOCK).now)
    }

    pub(crate) fn elapsed(&self) -> Duration {
        held(&CLOCK).now - self.0
    }
}

pub(crate) struct Elapsed;

/// Like Tokio's: the future is asked first, then the clock.
pub(crate) async fn timeout<F: Future>(span: Duration, future: F) -> Result<F::Output, Elapsed> {
    let until = Instant::now().0.saturating_add(span);
    let mut future = pin!(future);
    poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Ok(output));
        }
        let mut clock = held(&CLOCK);
        if clock.now >= until {
            return Poll::Ready(Err(Elapsed));
        }
        clock.sleepers.push(cx.waker().clone());
        Poll::Pending
    })
    .await
}

/// A task that dies alone if it panics, as Tokio's do.
pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    let mut task = Some(Box::pin(task));
    let spawned = shuttle::future::spawn(poll_fn(move |cx| {
        let Some(running) = &mut task else { return Poll::Ready(()) };
        let polled = catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(cx)));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(())) | Err(_) => {
                task = None;
                Poll::Ready(())
            }
        }
    }));
    held(&SPAWNED).push(spawned);
}

/// Ends every task that was spawned so far, where it stands: a runtime that is shut down.
pub(crate) fn end_all_tasks() {
    let spawned = held(&SPAWNED);
    let aborts: Vec<_> = spawned.iter().map(JoinHandle::abort_handle).collect();
    drop(spawned);
    for task in aborts {
        task.abort();
    }
}

/// Waits for every task that was spawned: each comes to its end.
pub(crate) fn settle() {
    loop {
        let spawned = std::mem::take(&mut *held(&SPAWNED));
        if spawned.is_empty() {
            return;
        }
        for task in spawned {
            // One that was ended has ended.
            let _ = block_on(task);
        }
    }
}

pub(crate) mod oneshot {
    //! Tokio's own, which needs no runtime, with a turn for others before each step.

    use super::{Context, Future, Pin, Poll};
    use crate::explore::pause;

    pub(crate) struct Sender<T>(tokio::sync::oneshot::Sender<T>);
    pub(crate) struct Receiver<T>(tokio::sync::oneshot::Receiver<T>);

    pub(crate) fn channel<T>() -> (Sender<T>, Receiver<T>) {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        (Sender(sender), Receiver(receiver))
    }

    impl<T> Sender<T> {
        pub(crate) fn send(self, value: T) -> Result<(), T> {
            pause();
            self.0.send(value)
        }

        pub(crate) fn is_closed(&self) -> bool {
            pause();
            self.0.is_closed()
        }
    }

    impl<T> Future for Receiver<T> {
        type Output = Result<T, tokio::sync::oneshot::error::RecvError>;

        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
            pause();
            Pin::new(&mut self.0).poll(cx)
        }
    }
}
