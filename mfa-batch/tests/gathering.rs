//! Calls that gather, on a real runtime; `model-suite` runs them under every schedule.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic, and one has to")]

use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use mfa_batch::{Batch, Lanes, Lost, Work};
use tokio::sync::Semaphore;

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
    scene_with(Lanes { count: lanes, slow: SLOW, ..Lanes::default() })
}

fn scene_with(lanes: Lanes) -> Scene {
    let (gate, batches, begun) = (Arc::new(Semaphore::new(0)), Arc::default(), Arc::default());
    let held = Held { gate: Arc::clone(&gate), batches: Arc::clone(&batches), begun: Arc::clone(&begun) };
    Scene { batch: Batch::with_lanes(held, lanes), gate, batches, begun }
}

impl Scene {
    fn ask(&self, item: u32) -> tokio::task::JoinHandle<Result<u32, Lost>> {
        let batch = self.batch.clone();
        tokio::spawn(async move { batch.ask(item).await })
    }

    /// Waits until so many batches have begun and so many calls wait behind them.
    async fn until(&self, begun: usize, waiting: usize) {
        // Counted, not timed: under a clock that stands still a test would never end.
        for _ in 0..100_000 {
            if self.begun.load(Ordering::SeqCst) >= begun && self.batch.waiting() >= waiting {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("{begun} batches never began with {waiting} calls behind them");
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

/// Else one who is a moment early would go alone for ever, and the others after it.
#[tokio::test]
async fn who_asks_again_as_soon_as_it_is_answered_goes_with_those_who_waited() {
    let scene = scene(1);
    let batch = scene.batch.clone();
    let again = tokio::spawn(async move { [batch.ask(0).await, batch.ask(9).await] });
    scene.until(1, 0).await;
    let others: Vec<_> = (1..=3).map(|item| scene.ask(item)).collect();
    scene.until(1, 3).await;
    scene.gate.add_permits(3);
    assert_eq!(again.await.unwrap(), [Ok(0), Ok(9)]);
    for (item, other) in (1..).zip(others) {
        assert_eq!(other.await.unwrap(), Ok(item));
    }
    assert_eq!(scene.batches(), [vec![0], vec![1, 2, 3, 9]]);
}

#[tokio::test]
async fn a_batch_that_is_full_does_not_wait_for_the_one_under_way() {
    let scene = scene_with(Lanes { count: 2, slow: Duration::MAX, most: 3 });
    let mut asked = vec![scene.ask(0)];
    scene.until(1, 0).await;
    asked.extend([scene.ask(1), scene.ask(2)]);
    scene.until(1, 2).await;
    assert_eq!(scene.batches(), [vec![0]]);
    asked.push(scene.ask(3));
    scene.until(2, 0).await;
    assert_eq!(scene.batches(), [vec![0], vec![1, 2, 3]]);
    // There are two lanes.
    asked.extend((4..=6).map(|item| scene.ask(item)));
    scene.until(2, 3).await;
    scene.gate.add_permits(3);
    for (item, one) in (0..).zip(asked) {
        assert_eq!(one.await.unwrap(), Ok(item));
    }
    assert_eq!(scene.batches(), [vec![0], vec![1, 2, 3], vec![4, 5, 6]]);
}

#[tokio::test]
async fn lanes_of_nothing_are_of_one() {
    let scene = scene_with(Lanes { count: 0, slow: SLOW, most: 0 });
    scene.gate.add_permits(2);
    let both = async { [scene.ask(1).await.unwrap(), scene.ask(2).await.unwrap()] };
    assert_eq!(tokio::time::timeout(Duration::from_secs(10), both).await, Ok([Ok(1), Ok(2)]));
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

/// Answers as many as it was told to, whatever it is asked.
struct Miscounts(usize);

impl Work for Miscounts {
    type Item = u32;
    type Answer = u32;

    async fn run(&self, items: Vec<u32>) -> Vec<u32> {
        items.into_iter().chain(90..).take(self.0).collect()
    }
}

#[tokio::test]
async fn an_item_without_an_answer_is_lost_and_an_answer_without_an_item_is_nobodys() {
    for (answers, told) in [
        (0, [Err(Lost), Err(Lost), Err(Lost)]),
        (1, [Ok(1), Err(Lost), Err(Lost)]),
        (2, [Ok(1), Ok(2), Err(Lost)]),
        (5, [Ok(1), Ok(2), Ok(3)]),
    ] {
        let batch = Batch::new(Miscounts(answers));
        // All three before the lane sets off.
        let asked = tokio::join!(batch.ask(1), batch.ask(2), batch.ask(3));
        assert_eq!(<[_; 3]>::from(asked), told, "{answers}");
    }
}

/// Never answers a batch with 0 in it, and any other at once.
struct Stuck;

impl Work for Stuck {
    type Item = u32;
    type Answer = u32;

    async fn run(&self, items: Vec<u32>) -> Vec<u32> {
        if items.contains(&0) {
            std::future::pending::<()>().await;
        }
        items
    }
}

/// Also when the batch before theirs was quick: the one that is stuck is still what they wait behind.
#[tokio::test(start_paused = true)]
async fn behind_a_batch_that_is_stuck_everybody_goes_in_another_one() {
    let batch = Batch::with_lanes(Stuck, Lanes { count: 2, slow: SLOW, ..Lanes::default() });
    let behind = batch.clone();
    let _stuck = tokio::spawn(async move { batch.ask(0).await });
    tokio::task::yield_now().await;
    for item in 1..=5 {
        let answer = tokio::time::timeout(3 * SLOW, behind.ask(item)).await;
        assert_eq!(answer, Ok(Ok(item)));
        // Until the other lane has ended, too.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }
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

/// Those who are told tell others; the others don't depend on it.
#[tokio::test]
async fn who_is_told_and_then_does_not_run_holds_nobody_up() {
    let scene = scene(1);
    let _first = scene.ask(0);
    scene.until(1, 0).await;
    let batch = scene.batch.clone();
    // Two ask, and are never looked at again.
    let mut idle: Vec<Asking> = [1, 2].into_iter().map(|item| asking(&batch, item)).collect();
    for one in &mut idle {
        assert!(one.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    let others: Vec<_> = (3..9).map(|item| scene.ask(item)).collect();
    scene.until(1, 8).await;
    scene.gate.add_permits(2);
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert!(others.iter().all(tokio::task::JoinHandle::is_finished), "they are told all the same");
    for (item, other) in (3..).zip(others) {
        assert_eq!(other.await.unwrap(), Ok(item));
    }
    assert_eq!(scene.batches(), [vec![0], (1..9).collect()]);
    for (item, one) in (1..).zip(idle) {
        assert_eq!(one.await, Ok(item), "whenever it runs");
    }
}

/// Writes down that it was woken, and lets a task of the runtime write down when it has its turn.
struct Woken {
    item: u32,
    log: Arc<Mutex<Vec<String>>>,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.log.lock().unwrap().push(format!("told {}", self.item));
        if self.item == 1 {
            tokio::spawn(async move { self.log.lock().unwrap().push("a turn".to_owned()) });
        }
    }
}

/// A runtime wakes another of its threads for nearly everybody who is told by one task.
#[tokio::test]
async fn the_task_tells_one_and_the_others_only_after_a_turn() {
    let scene = scene(1);
    let _first = scene.ask(0);
    scene.until(1, 0).await;
    let log = Arc::default();
    let mut asked: Vec<_> = (1..=4).map(|item| asking(&scene.batch, item)).collect();
    for (item, one) in (1..).zip(&mut asked) {
        let waker = Arc::new(Woken { item, log: Arc::clone(&log) }).into();
        assert!(one.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    scene.gate.add_permits(2);
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(*log.lock().unwrap(), ["told 1", "a turn", "told 2", "told 3", "told 4"]);
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

/// Asks again in the moment in which it is woken.
struct AsksAgain {
    batch: Batch<Held>,
    asked: Mutex<Option<Asking>>,
}

type Asking = Pin<Box<dyn Future<Output = Result<u32, Lost>> + Send>>;

fn asking(batch: &Batch<Held>, item: u32) -> Asking {
    let batch = batch.clone();
    Box::pin(async move { batch.ask(item).await })
}

impl Wake for AsksAgain {
    fn wake(self: Arc<Self>) {
        let mut again = asking(&self.batch, 7);
        assert!(again.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        *self.asked.lock().unwrap() = Some(again);
    }
}

#[tokio::test]
async fn who_is_told_that_a_call_was_lost_finds_the_lane_free() {
    let scene = scene(1);
    let asks_again = Arc::new(AsksAgain { batch: scene.batch.clone(), asked: Mutex::default() });
    let waker = Waker::from(Arc::clone(&asks_again));
    let mut bad = pin!(scene.batch.ask(13));
    assert!(bad.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    scene.gate.add_permits(9);
    while asks_again.asked.lock().unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(bad.await, Err(Lost));
    let again = asks_again.asked.lock().unwrap().take().unwrap();
    assert_eq!(again.await, Ok(7));
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
    assert_eq!(
        format!("{:?}", scene(2).batch),
        "Batch { lanes: Lanes { count: 2, slow: 10ms, most: 64 }, .. }"
    );
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
