//! What threads meet at, named in one place: `model-suite` builds what uses it over a scheduler's own.

pub(crate) use std::sync::atomic::{AtomicUsize, Ordering};
pub(crate) use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) mod thread {
    //! The system's threads.

    pub(crate) use std::thread::{Builder, available_parallelism};

    /// From now on the calling thread works only while no other of the process wants its core, where that can be had.
    pub(crate) fn give_way() {
        // Linux' idle class, and not a high nice value: since 6.6 a thread that wakes up waits for the slice of a nicer one to
        // end, which takes up to 4 ms, but not for that of an idle one. Where a sandbox forbids it, it works as before.
        #[cfg(all(target_os = "linux", feature = "priority"))]
        {
            use thread_priority::{NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy};
            let _ = thread_priority::set_thread_priority_and_policy(
                thread_priority::thread_native_id(),
                ThreadPriority::Min,
                ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle),
            );
            // Who waits for this core already is only looked at when a slice ends, or now.
            std::thread::yield_now();
        }
    }
}
