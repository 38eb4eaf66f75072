//! What tasks meet at, named in one place: `model-suite` builds what uses it over a scheduler's own.

pub(crate) use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use tokio::spawn;
pub(crate) use tokio::sync::oneshot;
pub(crate) use tokio::task::yield_now;
pub(crate) use tokio::time::{Instant, timeout};
