//! Where calls gather, and the lanes that take them.

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::pin::{Pin, pin};
use std::time::Duration;

use crate::runtime::{Arc, Instant, Mutex, MutexGuard, PoisonError, oneshot, spawn, timeout, yield_now};
use crate::telling::{Asker, Others, Told};

/// How often those who were just answered get a turn before the next batch sets off: whoever has more to ask comes along,
/// or they and those who waited would take turns for ever. Twice, because some have to be fetched by another thread first.
const TURNS: usize = 2;

/// What is slow at the least, as far as timers go.
const LEAST: Duration = Duration::from_millis(1);

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

/// How batches set off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lanes {
    /// How many are under way at a time, at the most.
    pub count: usize,
    /// A further one sets off when the last has been under way for longer than this: one call that is held up does not hold
    /// up those behind it, and a server far away gets more than one batch at a time.
    pub slow: Duration,
    /// How many calls go together, at the most. A call that comes when so many wait has a further batch set off at once.
    pub most: usize,
}

/// One at a time, of up to 64 calls.
impl Default for Lanes {
    fn default() -> Self {
        Self { count: 1, slow: Duration::MAX, most: 64 }
    }
}

/// Where calls gather. Cheap to clone; clones share what is under way.
pub struct Batch<W: Work> {
    inner: Arc<Inner<W>>,
}

struct Inner<W: Work> {
    work: W,
    lanes: Lanes,
    state: Mutex<State<W>>,
}

struct State<W: Work> {
    waiting: VecDeque<(W::Item, Asker<W::Answer>)>,
    /// How many tasks are working now.
    running: usize,
    /// When the youngest batch began.
    begun: Instant,
}

impl<W: Work> Batch<W> {
    /// One batch under way at a time: the default [`Lanes`].
    pub fn new(work: W) -> Self {
        Self::with_lanes(work, Lanes::default())
    }

    /// Batches that set off as `lanes` says; of nothing there is at least one.
    pub fn with_lanes(work: W, lanes: Lanes) -> Self {
        let lanes = Lanes { most: lanes.most.max(1), ..lanes };
        let state = Mutex::new(State { waiting: VecDeque::new(), running: 0, begun: Instant::now() });
        Self { inner: Arc::new(Inner { work, lanes, state }) }
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
        let (sender, receiver) = oneshot::channel();
        self.inner.state().waiting.push_back((item, sender));
        open_lane(&self.inner);
        receiver.await.map(Told::pass_on).map_err(|_| Lost)
    }
}

/// Begins a batch, if somebody waits and there may be another one.
fn open_lane<W: Work>(inner: &Arc<Inner<W>>) {
    let Lanes { count, slow, most } = inner.lanes;
    let mut state = inner.state();
    let (is_full, is_slow) = (state.waiting.len() >= most, state.begun.elapsed() >= slow);
    let may = state.running == 0 || (state.running < count && (is_slow || is_full));
    if may && !state.waiting.is_empty() {
        state.running += 1;
        state.begun = Instant::now();
        let lane = Lane { inner: Arc::clone(inner), ended: false, senders: Vec::new() };
        drop(state);
        // In a box: a lane that is slow opens another one.
        spawn(Box::pin(lane.run()) as Pin<Box<dyn Future<Output = ()> + Send>>);
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

/// A task that works until nobody waits.
struct Lane<W: Work> {
    inner: Arc<Inner<W>>,
    ended: bool,
    /// Who waits for the answers of this batch. With the lane, not the batch: when the work panics, the lane is given up
    /// before they hear of it, and whoever asks again then finds it free.
    senders: Vec<Asker<W::Answer>>,
}

impl<W: Work> Lane<W> {
    async fn run(mut self) {
        while let Some(items) = self.next() {
            let answers = self.answers(items).await;
            let others = Others::new(std::mem::take(&mut self.senders).into_iter().zip(answers));
            others.tell(1);
            for _ in 0..TURNS {
                yield_now().await;
                // Nobody waits for one who is told and then doesn't run.
                others.tell(usize::MAX);
            }
        }
    }

    /// The work itself. While it goes on too long, whoever waits behind it is given another lane, again and again: that lane may
    /// end before the next one comes. One timer is enough for all of them.
    async fn answers(&self, items: Vec<W::Item>) -> Vec<W::Answer> {
        let Lanes { count, slow, .. } = self.inner.lanes;
        let mut work = pin!(self.inner.work.run(items));
        if count <= 1 {
            return work.await;
        }
        loop {
            // Of no time at all it would ask without a pause.
            match timeout(slow.max(LEAST), &mut work).await {
                Ok(answers) => return answers,
                Err(_) => open_lane(&self.inner),
            }
        }
    }

    /// Those who wait, up to the most there may be; gives the lane up if there are none.
    fn next(&mut self) -> Option<Vec<W::Item>> {
        let mut state = self.inner.state();
        let mut items = Vec::new();
        while items.len() < self.inner.lanes.most {
            let Some((item, sender)) = state.waiting.pop_front() else { break };
            if !sender.is_closed() {
                items.push(item);
                self.senders.push(sender);
            }
        }
        if items.is_empty() {
            state.running -= 1;
            self.ended = true;
            return None;
        }
        state.begun = Instant::now();
        Some(items)
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
