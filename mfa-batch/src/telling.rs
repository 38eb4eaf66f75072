//! How those of a batch are told their answers: one is told first, and whoever is told tells two more.
//!
//! A runtime wakes another of its threads for nearly every task that one thread wakes. Where the scheduler puts that thread on
//! the waker's own core, it goes first, finds one task, and sleeps again, once for each who is told. Who hears of it from
//! somebody who is running already costs nobody a thread.

use crate::runtime::{Arc, Mutex, PoisonError, oneshot};

/// How many others everybody tells who has been told.
const EACH: usize = 2;

/// What one caller waits for.
pub(crate) type Asker<A> = oneshot::Sender<Told<A>>;

/// An answer, and those who have not been told theirs.
pub(crate) struct Told<A> {
    pub(crate) answer: A,
    others: Arc<Others<A>>,
}

impl<A> Told<A> {
    /// The answer, after some others have been told theirs.
    pub(crate) fn pass_on(self) -> A {
        self.others.tell(EACH);
        self.answer
    }
}

/// Those of a batch who have not been told their answer.
pub(crate) struct Others<A>(Mutex<Vec<(Asker<A>, A)>>);

impl<A> Others<A> {
    /// The first of them is told first.
    pub(crate) fn new(answers: impl DoubleEndedIterator<Item = (Asker<A>, A)>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(answers.rev().collect())))
    }

    /// Tells so many of them, or all there are.
    pub(crate) fn tell(self: &Arc<Self>, mut many: usize) {
        while many > 0 {
            // Not under the lock: whoever is woken may do anything.
            let next = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some((asker, answer)) = next else { return };
            // Who has stopped waiting misses nothing, and tells nobody.
            if asker.send(Told { answer, others: Arc::clone(self) }).is_ok() {
                many -= 1;
            }
        }
    }
}
