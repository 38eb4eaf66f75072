//! The pool of slow hashes on real threads; `model-suite` runs it under every schedule.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic, and one has to")]

use std::future::Future;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::mpsc;
use std::sync::{Arc, Barrier};
use std::task::{Context, Waker};
use std::thread;

use mfa_core::fault::FaultKind;
use mfa_core::hashing::{HashPool, PoolError};

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
    assert_eq!(pool.running(), MOST);
    let late = started.clone();
    assert!(matches!(pool.clone().run(move || late.send(99)).await, Err(PoolError::Busy)));
    gate.wait();
    for (n, one) in running.into_iter().enumerate() {
        assert_eq!(one.await.unwrap().unwrap(), n);
    }
    assert!(starts.try_recv().is_err());
    // A place is given back before its answer is.
    assert_eq!(pool.running(), 0);
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
