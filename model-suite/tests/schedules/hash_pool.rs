//! The pool of slow hashes: nobody waits for ever, and no place in it is lost or given twice.

use std::future::Future;
use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use shuttle::future::{block_on, spawn};
use shuttle::sync::atomic::{AtomicUsize, Ordering};
use shuttle::sync::mpsc;

use crate::explore::{Seen, every, many, pause};
use crate::hashing::{HashPool, PoolError};

fn pool(most: usize) -> HashPool {
    HashPool::new(NonZeroUsize::new(most).unwrap())
}

/// Counts who works at once.
#[derive(Clone, Default)]
struct Desk(Arc<AtomicUsize>);

impl Desk {
    fn sit_down(&self, most: usize) {
        assert!(self.0.fetch_add(1, Ordering::SeqCst) < most, "more at once than there are places");
        pause();
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// As many as there are places find one, and the next one doesn't.
fn all_places_are_free(pool: &HashPool) {
    let (ended, ends) = mpsc::channel();
    let mut gates = Vec::new();
    let mut running = Vec::new();
    for n in 0..pool.limit() {
        let (open, gate) = mpsc::channel::<()>();
        let (pool, ended) = (pool.clone(), ended.clone());
        running.push(spawn(async move {
            pool.run(move || {
                ended.send(()).unwrap();
                gate.recv().unwrap();
                n
            })
            .await
        }));
        gates.push(open);
    }
    for _ in 0..pool.limit() {
        ends.recv().unwrap();
    }
    assert!(matches!(block_on(pool.run(|| ())), Err(PoolError::Busy)), "a place too many");
    for gate in gates {
        gate.send(()).unwrap();
    }
    for (n, one) in running.into_iter().enumerate() {
        assert_eq!(block_on(one).unwrap().unwrap(), n);
    }
}

fn one_after_the_other() {
    let pool = pool(1);
    for n in 0..2 {
        assert_eq!(block_on(pool.run(move || n)).unwrap(), n);
    }
}

#[test]
fn who_has_an_answer_finds_the_place_free_in_every_schedule() {
    every("hash pool, one after the other", 20_000, one_after_the_other);
}

fn at_once(tasks: usize, most: usize) {
    let (pool, desk) = (pool(most), Desk::default());
    let running: Vec<_> = (0..tasks)
        .map(|n| {
            let (pool, desk) = (pool.clone(), desk.clone());
            spawn(async move {
                let work = move || {
                    desk.sit_down(most);
                    n
                };
                match pool.run(work).await {
                    Ok(answer) => assert_eq!(answer, n, "somebody else's answer"),
                    Err(PoolError::Busy) => {
                        assert!(most < tasks, "turned away with a place free");
                        TURNED_AWAY.note();
                    }
                    Err(PoolError::Fault(fault)) => panic!("{fault:?}"),
                }
            })
        })
        .collect();
    for one in running {
        block_on(one).unwrap();
    }
    all_places_are_free(&pool);
}

static TURNED_AWAY: Seen = Seen::new();

#[test]
fn everybody_is_answered_and_no_more_work_at_once_than_may() {
    many("hash pool, two at once on two places", || at_once(2, 2));
    many("hash pool, three at once on two places", || at_once(3, 2));
    TURNED_AWAY.check("anybody turned away");
}

fn goes_away() {
    let pool = pool(1);
    let (ended, end) = mpsc::channel();
    struct Ended(mpsc::Sender<()>);
    impl Drop for Ended {
        fn drop(&mut self) {
            // In the scene's end nobody listens any more.
            let _ = self.0.send(());
        }
    }
    {
        let mut future = pin!(pool.run(move || Ended(ended)));
        if future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            ANSWERED.note();
        } else {
            FORSAKEN.note();
        }
    }
    end.recv().unwrap();
    all_places_are_free(&pool);
}

static ANSWERED: Seen = Seen::new();
static FORSAKEN: Seen = Seen::new();

#[test]
fn who_goes_away_leaves_no_place_taken() {
    many("hash pool, a caller that goes away", goes_away);
    ANSWERED.check("an answer at the first poll");
    FORSAKEN.check("a caller that went away before the answer");
}

fn aborted() {
    let pool = pool(2);
    let caller = {
        let pool = pool.clone();
        spawn(async move { pool.run(|| 1).await.unwrap() })
    };
    let other = {
        let pool = pool.clone();
        spawn(async move { pool.run(|| 2).await.unwrap() })
    };
    caller.abort();
    assert_eq!(block_on(other).unwrap(), 2, "one who went away held up another");
}

#[test]
fn who_is_aborted_holds_up_nobody() {
    many("hash pool, a caller that is aborted", aborted);
}

fn panics_before_the_next() -> HashPool {
    let pool = pool(1);
    // Without the hook, which would print each of them.
    let work = || resume_unwind(Box::new("on purpose"));
    assert!(matches!(block_on(pool.run::<(), _>(work)), Err(PoolError::Fault(_))));
    assert_eq!(block_on(pool.run(|| 7)).unwrap(), 7);
    pool
}

#[test]
fn work_that_panics_is_a_fault_and_gives_its_place_back() {
    every("hash pool, work that panics before the next", 50_000, || drop(panics_before_the_next()));
    many("hash pool, work that panics", || all_places_are_free(&panics_before_the_next()));
}

fn polled_by_two() {
    let pool = pool(1);
    let mut future = Box::pin(pool.run(|| 7));
    let first = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    if first.is_pending() {
        assert_eq!(block_on(future).unwrap(), 7);
    }
}

#[test]
fn the_waker_of_the_last_poll_is_woken_in_every_schedule() {
    every("hash pool, polled by two", 20_000, polled_by_two);
}
