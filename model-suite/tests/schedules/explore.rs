//! How schedules are walked through.

use std::sync::atomic::{AtomicBool, Ordering};

use shuttle::scheduler::{DfsScheduler, PctScheduler, RandomScheduler};
use shuttle::{Config, Runner};

/// Of a kind of scheduler, unless `SCHEDULES` says otherwise.
const FEW: usize = 200;
/// The same ones in each run.
const SEED: u64 = 7;
/// How often a schedule of the third kind takes the turn away from a task that could go on.
const PREEMPTIONS: usize = 3;

fn config() -> Config {
    let mut config = Config::new();
    // A service in a debug build needs more than the 60 KiB of a thread that does little.
    config.stack_size = 0x8_0000;
    config.max_steps = shuttle::MaxSteps::FailAfter(20_000);
    config
}

fn few() -> usize {
    std::env::var("SCHEDULES").map_or(FEW, |text| text.parse().expect("SCHEDULES is a number"))
}

/// Every schedule there is.
///
/// # Panics
/// If there are more than `most`: then it is not every one.
pub(crate) fn every(what: &str, most: usize, case: impl Fn() + Send + Sync + 'static) {
    let ran = Runner::new(DfsScheduler::new(Some(most), false), config()).run(case);
    println!("{what}: every schedule, {ran}");
    assert!(ran < most, "{what}: there are more than {most} schedules");
}

/// Random schedules, and others with few changes of turn, which find what random ones seldom do.
pub(crate) fn many(what: &str, case: impl Fn() + Send + Sync + Clone + 'static) {
    let few = few();
    let random = Runner::new(RandomScheduler::new_from_seed(SEED, few), config()).run(case.clone());
    let preempted = Runner::new(PctScheduler::new_from_seed(SEED, PREEMPTIONS, few), config()).run(case);
    println!("{what}: {random} random schedules, {preempted} with {PREEMPTIONS} changes of turn");
}

/// Lets another task go first, inside an await or not.
pub(crate) fn pause() {
    let _ = shuttle::sync::atomic::AtomicBool::new(false).load(Ordering::SeqCst);
}

/// Whether some schedule made it true: that a case happens at all.
pub(crate) struct Seen(AtomicBool);

impl Seen {
    pub(crate) const fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    pub(crate) fn note(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub(crate) fn check(&self, what: &str) {
        assert!(self.0.load(Ordering::SeqCst), "no schedule had {what}: the case shows nothing of it");
    }
}
