//! Calls that gather: each caller gets its own answer or none, nobody waits for ever, and every lane comes back.

use std::future::Future;
use std::panic::resume_unwind;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use shuttle::future::{block_on, spawn, yield_now};
use shuttle::sync::atomic::{AtomicUsize, Ordering};

use crate::explore::{Seen, every, many};
use crate::gathering::{Batch, Lanes, Lost, Work};
use crate::runtime::{advance, end_all_tasks, settle};

const SLOW: Duration = Duration::from_secs(1);
/// An item that panics.
const BAD: u32 = 13;
/// From here on, items that wait for one another: as many as there are lanes have to be under way at once.
const MEETS: u32 = 100;

/// Ten times each item; counts who works at once, and keeps what it was asked.
struct Tenfold {
    lanes: usize,
    working: AtomicUsize,
    met: AtomicUsize,
    asked: Mutex<Vec<u32>>,
}

impl Tenfold {
    fn asked(&self) -> MutexGuard<'_, Vec<u32>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who works, also if it ends in a panic or is dropped.
struct Working<'a>(&'a AtomicUsize);

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Work for Tenfold {
    type Item = u32;
    type Answer = u32;

    async fn run(&self, items: Vec<u32>) -> Vec<u32> {
        assert!(!items.is_empty(), "work for nobody");
        assert!(
            self.working.fetch_add(1, Ordering::SeqCst) < self.lanes,
            "more at once than there are lanes"
        );
        let working = Working(&self.working);
        if items.len() > 1 {
            TOGETHER.note();
        }
        self.asked().extend(&items);
        yield_now().await;
        if items.contains(&BAD) {
            // Without the hook, which would print each of them.
            resume_unwind(Box::new("on purpose"));
        }
        if items.iter().any(|item| *item >= MEETS) {
            self.met.fetch_add(1, Ordering::SeqCst);
            while self.met.load(Ordering::SeqCst) < self.lanes {
                yield_now().await;
            }
        }
        drop(working);
        items.into_iter().map(|item| 10 * item).collect()
    }
}

static TOGETHER: Seen = Seen::new();

fn batch(lanes: usize) -> Batch<Tenfold> {
    crate::runtime::begin();
    let work =
        Tenfold { lanes, working: AtomicUsize::new(0), met: AtomicUsize::new(0), asked: Mutex::default() };
    // Not even two fill a batch: only time opens another lane.
    Batch::with_lanes(work, Lanes { count: lanes, slow: SLOW, most: 64 })
}

type Asking = shuttle::future::JoinHandle<Result<u32, Lost>>;

fn ask(batch: &Batch<Tenfold>, item: u32) -> Asking {
    let batch = batch.clone();
    spawn(async move { batch.ask(item).await })
}

/// A call is answered, every lane can be had, nobody waits any more, and nothing was done twice.
fn is_as_new(batch: &Batch<Tenfold>) {
    assert_eq!(block_on(batch.ask(7)), Ok(70), "told that it was lost, and again");
    every_lane_opens(batch);
    settle();
    assert_eq!(batch.waiting(), 0, "somebody still waits");
    let mut asked = batch.work().asked().clone();
    asked.sort_unstable();
    assert!(asked.windows(2).all(|pair| pair[0] != pair[1]), "done twice: {asked:?}");
}

fn each_gets_its_own(callers: u32, lanes: usize, time_passes: bool) {
    let batch = batch(lanes);
    let asking: Vec<_> = (1..=callers).map(|item| ask(&batch, item)).collect();
    if time_passes {
        advance(SLOW);
    }
    for (item, one) in (1..).zip(asking) {
        assert_eq!(block_on(one).unwrap(), Ok(10 * item));
    }
    is_as_new(&batch);
}

#[test]
fn each_caller_gets_its_own_answer_in_many_schedules() {
    many("gathering, three callers, one lane", || each_gets_its_own(3, 1, false));
    many("gathering, three callers, two lanes", || each_gets_its_own(3, 2, true));
    TOGETHER.check("calls that went together");
}

/// With a caller at once or after it, there are more schedules than can be walked through.
fn one_caller() {
    assert_eq!(block_on(batch(1).ask(2)), Ok(20));
    settle();
}

#[test]
fn a_caller_is_answered_in_every_schedule() {
    every("gathering, one caller", 50_000, one_caller);
}

/// A caller that is gone before its turn is left out or not, and the others are answered.
fn goes_away(lanes: usize) {
    let batch = batch(lanes);
    let asking: Vec<_> = (1..=3).map(|item| ask(&batch, item)).collect();
    asking[1].abort();
    if lanes > 1 {
        advance(SLOW);
    }
    for (item, one) in (1..).zip(asking) {
        match block_on(one) {
            Ok(answer) => assert_eq!(answer, Ok(10 * item)),
            Err(_) => {
                assert_eq!(item, 2);
                GONE.note();
            }
        }
    }
    is_as_new(&batch);
}

/// As above, and it certainly stood in line.
fn goes_away_from_the_line() {
    let batch = batch(1);
    let other = ask(&batch, 1);
    let mut asking = Box::pin(batch.ask(2));
    let _ = asking.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    drop(asking);
    assert_eq!(block_on(other).unwrap(), Ok(10));
    is_as_new(&batch);
    if !batch.work().asked().contains(&2) {
        LEFT_OUT.note();
    }
}

static GONE: Seen = Seen::new();
static LEFT_OUT: Seen = Seen::new();

#[test]
fn who_goes_away_holds_up_nobody() {
    many("gathering, a caller that goes away, one lane", || goes_away(1));
    many("gathering, a caller that goes away, two lanes", || goes_away(2));
    many("gathering, a caller that goes away from the line", goes_away_from_the_line);
    GONE.check("a caller gone before the answer");
    LEFT_OUT.check("a caller left out of the work");
}

/// Those in the batch that panicked, and those behind it, may be lost; nobody hangs and nobody gets a wrong answer.
fn panics(lanes: usize) {
    let batch = batch(lanes);
    let asking: Vec<_> = [1, BAD, 3].into_iter().map(|item| (item, ask(&batch, item))).collect();
    if lanes > 1 {
        advance(SLOW);
    }
    for (item, one) in asking {
        match block_on(one).unwrap() {
            Ok(answer) => assert!(item != BAD && answer == 10 * item, "an answer to what has none"),
            Err(Lost) if item == BAD => {}
            Err(Lost) => LOST_WITH_IT.note(),
        }
    }
    is_as_new(&batch);
}

static LOST_WITH_IT: Seen = Seen::new();

/// As many batches get under way as there are lanes, each while the others are.
fn every_lane_opens(batch: &Batch<Tenfold>) {
    let met = &batch.work().met;
    let asking: Vec<_> = (0..batch.work().lanes)
        .map(|lane| {
            let asking = ask(batch, MEETS + u32::try_from(lane).unwrap());
            while met.load(Ordering::SeqCst) <= lane {
                advance(SLOW);
                shuttle::thread::yield_now();
            }
            asking
        })
        .collect();
    for (item, one) in (MEETS..).zip(asking) {
        assert_eq!(block_on(one).unwrap(), Ok(10 * item));
    }
}

#[test]
fn work_that_panics_is_lost_and_the_lane_comes_back() {
    many("gathering, work that panics, one lane", || panics(1));
    many("gathering, work that panics, two lanes", || panics(2));
    LOST_WITH_IT.check("a caller lost with another's panic");
}

fn the_runtime_ends(lanes: usize) {
    let batch = batch(lanes);
    let asking: Vec<_> = (1..=2).map(|item| (item, ask(&batch, item))).collect();
    end_all_tasks();
    if lanes > 1 {
        advance(SLOW);
    }
    for (item, one) in asking {
        match block_on(one).unwrap() {
            Ok(answer) => assert_eq!(answer, 10 * item),
            Err(Lost) => STRANDED.note(),
        }
    }
    // Behind a task that is about to be ended a call may be lost once more, but not for each time it is made.
    while block_on(batch.ask(7)).is_err() {}
    every_lane_opens(&batch);
    settle();
}

static STRANDED: Seen = Seen::new();

#[test]
fn a_runtime_that_ends_strands_nobody() {
    many("gathering, tasks that are ended, one lane", || the_runtime_ends(1));
    many("gathering, tasks that are ended, two lanes", || the_runtime_ends(2));
    STRANDED.check("a caller whose task was ended");
}
