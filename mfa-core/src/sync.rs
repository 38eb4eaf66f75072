//! What threads meet at, named in one place: `model-suite` builds what uses it over a scheduler's own.

pub(crate) use std::sync::atomic::{AtomicUsize, Ordering};
pub(crate) use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
pub(crate) use std::thread;
