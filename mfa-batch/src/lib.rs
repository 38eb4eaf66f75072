//! Calls that arrive while others are under way are made together.
//!
//! What a store can do in one round trip, or with one write to the disk, it can often do for many at the price of one.
//! Nobody waits for a batch to fill: a call that finds nothing under way is made at once, and what gathers meanwhile goes
//! next. A caller that goes away (its future is dropped) leaves the others alone: the work runs in a task of its own.
//!
//! ```
//! use mfa_batch::{Batch, Work};
//!
//! struct Double;
//!
//! impl Work for Double {
//!     type Item = u32;
//!     type Answer = u64;
//!
//!     async fn run(&self, items: Vec<u32>) -> Vec<u64> {
//!         items.into_iter().map(|item| 2 * u64::from(item)).collect()
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let batch = Batch::new(Double);
//! assert_eq!(batch.ask(21).await, Ok(42));
//! # }
//! ```

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

/// How many calls go together at the most, unless set.
const MOST: usize = 64;

/// What is done for many at once.
pub trait Work: Send + Sync + 'static {
    /// What one caller asks.
    type Item: Send + 'static;
    /// What that caller is told.
    type Answer: Send + 'static;

    /// Answers each item, in the order of the items. An item without an answer is [`Lost`] for its caller.
    fn run(&self, items: Vec<Self::Item>) -> impl Future<Output = Vec<Self::Answer>> + Send;
}

/// The work ended without an answer: it panicked, or its runtime was shut down. Whether it was done isn't known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost;

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the call ended without an answer")
    }
}

impl Error for Lost {}

/// Where calls gather. Cheap to clone; clones share what is under way.
pub struct Batch<W: Work> {
    inner: Arc<Inner<W>>,
}

struct Inner<W: Work> {
    work: W,
    lanes: usize,
    slow: Duration,
    most: usize,
    state: Mutex<State<W>>,
}

struct State<W: Work> {
    waiting: VecDeque<(W::Item, oneshot::Sender<W::Answer>)>,
    /// How many tasks are working now.
    running: usize,
    /// When the youngest batch began.
    begun: Instant,
}

impl<W: Work> Batch<W> {
    /// One batch under way at a time, of up to 64 calls.
    pub fn new(work: W) -> Self {
        Self::with_lanes(work, 1, Duration::MAX)
    }

    /// A further batch, up to so many at a time, begins while the last one has been under way for longer than `slow`: one
    /// call that is held up does not hold up those behind it, and a server far away gets more than one at a time.
    pub fn with_lanes(work: W, lanes: usize, slow: Duration) -> Self {
        let state = Mutex::new(State { waiting: VecDeque::new(), running: 0, begun: Instant::now() });
        Self { inner: Arc::new(Inner { work, lanes: lanes.max(1), slow, most: MOST, state }) }
    }

    /// The work behind it.
    pub fn work(&self) -> &W {
        &self.inner.work
    }

    /// How many calls wait now, without those under way.
    pub fn waiting(&self) -> usize {
        self.inner.state().waiting.len()
    }

    /// Asks, together with whoever else asks now. Needs a Tokio runtime.
    ///
    /// A caller who stops waiting is left out if the work has not begun; otherwise it is done all the same.
    ///
    /// # Errors
    /// [`Lost`], if there is no answer.
    pub async fn ask(&self, item: W::Item) -> Result<W::Answer, Lost> {
        let (sender, mut receiver) = oneshot::channel();
        self.inner.state().waiting.push_back((item, sender));
        self.open_lane();
        if self.inner.lanes > 1
            && let Ok(answer) = timeout(self.inner.slow, &mut receiver).await
        {
            return answer.map_err(|_| Lost);
        }
        self.open_lane();
        receiver.await.map_err(|_| Lost)
    }

    /// Begins a batch, if somebody waits and there may be another one.
    fn open_lane(&self) {
        let mut state = self.inner.state();
        let may = state.running == 0
            || (state.running < self.inner.lanes && state.begun.elapsed() >= self.inner.slow);
        if may && !state.waiting.is_empty() {
            state.running += 1;
            state.begun = Instant::now();
            let lane = Lane { inner: Arc::clone(&self.inner), ended: false };
            drop(state);
            tokio::spawn(lane.run());
        }
    }
}

impl<W: Work> Clone for Batch<W> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<W: Work> fmt::Debug for Batch<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("lanes", &self.inner.lanes).finish_non_exhaustive()
    }
}

impl<W: Work> Inner<W> {
    fn state(&self) -> MutexGuard<'_, State<W>> {
        // Nothing is half done under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one batch asks, and who waits for the answers.
type Asked<W> = (Vec<<W as Work>::Item>, Vec<oneshot::Sender<<W as Work>::Answer>>);

/// A task that works until nobody waits.
struct Lane<W: Work> {
    inner: Arc<Inner<W>>,
    ended: bool,
}

impl<W: Work> Lane<W> {
    async fn run(mut self) {
        while let Some((items, senders)) = self.next() {
            let answers = self.inner.work.run(items).await;
            for (sender, answer) in senders.into_iter().zip(answers) {
                // Who has stopped waiting misses nothing.
                let _ = sender.send(answer);
            }
        }
    }

    /// Those who wait, up to the most there may be; gives the lane up if there are none.
    fn next(&mut self) -> Option<Asked<W>> {
        let mut state = self.inner.state();
        let mut asked: Asked<W> = (Vec::new(), Vec::new());
        while asked.0.len() < self.inner.most {
            let Some((item, sender)) = state.waiting.pop_front() else { break };
            if !sender.is_closed() {
                asked.0.push(item);
                asked.1.push(sender);
            }
        }
        if asked.0.is_empty() {
            state.running -= 1;
            self.ended = true;
            return None;
        }
        state.begun = Instant::now();
        Some(asked)
    }
}

impl<W: Work> Drop for Lane<W> {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        // The work panicked or the runtime is being shut down. Who waits for a lane that may never come is told so.
        let forsaken = {
            let mut state = self.inner.state();
            state.running -= 1;
            match state.running {
                0 => std::mem::take(&mut state.waiting),
                _ => VecDeque::new(),
            }
        };
        drop(forsaken);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::Semaphore;

    use super::*;

    /// Hands each item back, when it is let; counts what it is asked.
    struct Held {
        gate: Arc<Semaphore>,
        batches: Arc<Mutex<Vec<Vec<u32>>>>,
        begun: Arc<AtomicUsize>,
    }

    impl Work for Held {
        type Item = u32;
        type Answer = u32;

        async fn run(&self, items: Vec<u32>) -> Vec<u32> {
            self.begun.fetch_add(1, Ordering::SeqCst);
            self.batches.lock().unwrap().push(items.clone());
            self.gate.acquire().await.unwrap().forget();
            assert!(!items.contains(&13), "an item that panics");
            items
        }
    }

    const SLOW: Duration = Duration::from_millis(10);

    struct Scene {
        batch: Batch<Held>,
        gate: Arc<Semaphore>,
        batches: Arc<Mutex<Vec<Vec<u32>>>>,
        begun: Arc<AtomicUsize>,
    }

    fn scene(lanes: usize) -> Scene {
        let (gate, batches, begun) = (Arc::new(Semaphore::new(0)), Arc::default(), Arc::default());
        let held = Held { gate: Arc::clone(&gate), batches: Arc::clone(&batches), begun: Arc::clone(&begun) };
        Scene { batch: Batch::with_lanes(held, lanes, SLOW), gate, batches, begun }
    }

    impl Scene {
        fn ask(&self, item: u32) -> tokio::task::JoinHandle<Result<u32, Lost>> {
            let batch = self.batch.clone();
            tokio::spawn(async move { batch.ask(item).await })
        }

        /// Waits until so many batches have begun and so many calls wait behind them.
        async fn until(&self, begun: usize, waiting: usize) {
            let there = async {
                while self.begun.load(Ordering::SeqCst) < begun || self.batch.waiting() < waiting {
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(Duration::from_secs(10), there).await.unwrap();
        }

        fn batches(&self) -> Vec<Vec<u32>> {
            self.batches.lock().unwrap().clone()
        }
    }

    #[tokio::test]
    async fn what_gathers_behind_a_batch_goes_together_and_each_gets_its_own_answer() {
        let scene = scene(1);
        let first = scene.ask(0);
        scene.until(1, 0).await;
        let others: Vec<_> = (1..=5).map(|item| scene.ask(item)).collect();
        scene.until(1, 5).await;
        scene.gate.add_permits(2);
        assert_eq!(first.await.unwrap(), Ok(0));
        for (item, other) in (1..).zip(others) {
            assert_eq!(other.await.unwrap(), Ok(item));
        }
        assert_eq!(scene.batches(), [vec![0], vec![1, 2, 3, 4, 5]]);
    }

    #[tokio::test]
    async fn a_batch_has_a_most() {
        let scene = scene(1);
        let _first = scene.ask(0);
        scene.until(1, 0).await;
        let others: Vec<_> = (0..70).map(|item| scene.ask(100 + item)).collect();
        scene.until(1, 70).await;
        scene.gate.add_permits(10);
        for (item, other) in (100..).zip(others) {
            assert_eq!(other.await.unwrap(), Ok(item));
        }
        let sizes: Vec<_> = scene.batches().iter().map(Vec::len).collect();
        assert_eq!(sizes, [1, 64, 6]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_behind_a_slow_batch_goes_in_another_one() {
        let scene = scene(2);
        let _slow = scene.ask(0);
        scene.until(1, 0).await;
        let behind = [scene.ask(1), scene.ask(2)];
        scene.until(1, 2).await;
        tokio::time::advance(SLOW / 2).await;
        scene.until(1, 2).await;
        assert_eq!(scene.batches().len(), 1, "it isn't slow yet");
        tokio::time::advance(SLOW).await;
        scene.until(2, 0).await;
        assert_eq!(scene.batches(), [vec![0], vec![1, 2]]);
        // There are two lanes, and both are taken.
        let third = scene.ask(3);
        scene.until(2, 1).await;
        tokio::time::advance(5 * SLOW).await;
        // Whoever would begin a third has had its turn.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!((scene.batches().len(), scene.batch.waiting()), (2, 1));
        scene.gate.add_permits(3);
        for (item, one) in (1..).zip(behind) {
            assert_eq!(one.await.unwrap(), Ok(item));
        }
        assert_eq!(third.await.unwrap(), Ok(3));
    }

    #[tokio::test]
    async fn who_stops_waiting_before_the_work_begins_is_left_out_and_after_that_it_is_done() {
        let scene = scene(1);
        let first = scene.ask(0);
        scene.until(1, 0).await;
        let (gone, stays) = (scene.ask(1), scene.ask(2));
        scene.until(1, 2).await;
        for one in [&first, &gone] {
            one.abort();
        }
        assert!(first.await.is_err() && gone.await.is_err());
        scene.gate.add_permits(2);
        assert_eq!(stays.await.unwrap(), Ok(2), "the batch of one who left didn't hold the others up");
        assert_eq!(scene.batches(), [vec![0], vec![2]]);
    }

    #[tokio::test]
    async fn work_that_panics_is_lost_for_those_in_it_and_behind_it_and_the_next_call_works() {
        let scene = scene(1);
        let bad = scene.ask(13);
        scene.until(1, 0).await;
        let behind = scene.ask(1);
        scene.until(1, 1).await;
        scene.gate.add_permits(9);
        assert_eq!(bad.await.unwrap(), Err(Lost));
        assert_eq!(behind.await.unwrap(), Err(Lost));
        assert_eq!(scene.ask(7).await.unwrap(), Ok(7));
    }

    #[tokio::test]
    async fn a_call_that_comes_when_all_was_done_begins_by_itself() {
        let scene = scene(1);
        scene.gate.add_permits(3);
        for item in 0..3 {
            let asked = tokio::time::timeout(Duration::from_secs(10), scene.ask(item));
            assert_eq!(asked.await.unwrap().unwrap(), Ok(item));
            // The lane sees that nobody waits, and ends.
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
        }
        assert_eq!(scene.batches(), [[0], [1], [2]]);
    }

    #[test]
    fn one_lane_needs_no_timer_of_the_runtime() {
        let scene = scene(1);
        scene.gate.add_permits(1);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(runtime.block_on(scene.batch.ask(7)), Ok(7));
    }

    #[test]
    fn what_is_printed_says_what_it_is() {
        assert_eq!(Lost.to_string(), "the call ended without an answer");
        assert_eq!(format!("{:?}", scene(2).batch), "Batch { lanes: 2, .. }");
    }

    #[test]
    fn the_end_of_a_runtime_strands_nobody() {
        let scene = scene(1);
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (ends, stays) = (runtime(), runtime());
        ends.block_on(async {
            let _asked = scene.ask(1);
            scene.until(1, 0).await;
        });
        let behind = {
            let _inside = stays.enter();
            scene.ask(2)
        };
        stays.block_on(scene.until(1, 1));
        drop(ends);
        stays.block_on(async {
            assert_eq!(behind.await.unwrap(), Err(Lost));
            scene.gate.add_permits(9);
            assert_eq!(scene.ask(3).await.unwrap(), Ok(3));
        });
    }
}
