//! Which cores the two sides of a measurement have.
//!
//! A server of its own machine has its own cores. Where both sides share a machine, a scheduler may put whoever was woken on
//! the core of whoever woke it, and leave the other one idle for milliseconds: then both sides take turns, and what one of them
//! spends is paid twice.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The cores this process may use.
pub struct Cores(Vec<usize>);

impl Cores {
    /// Those it has now.
    pub fn of_this_process() -> Self {
        let set = sched_getaffinity(None).unwrap();
        Self((0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect())
    }

    /// Starts a server on the first half of them, and leaves the other half to this thread and those that it begins
    /// later. With a single core there is nothing to share out.
    pub fn apart<T>(&self, start: impl FnOnce() -> T) -> T {
        if self.0.len() < 2 {
            return start();
        }
        let (servers, ours) = self.0.split_at(self.0.len() / 2);
        keep_to(servers);
        let server = start();
        keep_to(ours);
        server
    }
}

impl Drop for Cores {
    fn drop(&mut self) {
        keep_to(&self.0);
    }
}

fn keep_to(cores: &[usize]) {
    let mut set = CpuSet::new();
    cores.iter().for_each(|core| set.set(*core));
    sched_setaffinity(None, &set).unwrap();
}
