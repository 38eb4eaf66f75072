//! What `mfa-core` has of threads, under the scheduler.

pub(crate) use shuttle::sync::atomic::{AtomicUsize, Ordering};
pub(crate) use shuttle::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) mod thread {
    //! Threads of the scheduler; how many cores there are is asked of the machine.

    pub(crate) use shuttle::thread::Builder;
    pub(crate) use std::thread::available_parallelism;

    /// The scheduler knows no priorities: it tries them all.
    pub(crate) fn give_way() {}
}
