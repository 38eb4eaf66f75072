//! A store that fails when it is told to, before or after the call has taken effect.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mfa_core::fault::{Fault, FaultKind};
use mfa_core::port::store::{
    Committed, EventPage, EventQuery, PageQuery, RecordKey, RecordPage, Store, Versioned, Write,
};

/// A method of [`Store`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// [`Store::load`].
    Load,
    /// [`Store::commit`].
    Commit,
    /// [`Store::events`].
    Events,
    /// [`Store::page`].
    Page,
    /// [`Store::erase`].
    Erase,
}

/// When a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Moment {
    /// Before the store is reached: nothing happens.
    Before,
    /// After the store has done its work: it is written, but the caller hears of an error. This is what a
    /// connection lost during `COMMIT` looks like.
    After,
}

#[derive(Clone, Copy, Debug)]
enum Plan {
    Nth(usize),
    NthOf(Call, usize),
    Every(Call),
    All,
}

#[derive(Debug, Default)]
struct State {
    calls: Vec<Call>,
    failed: usize,
    plan: Option<(Plan, Moment)>,
}

/// The handle that tells a [`Faulty`] store when to fail. Clones tell the same store.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    state: Arc<Mutex<State>>,
}

impl Faults {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn plan(&self, plan: Plan, moment: Moment) {
        let mut state = self.lock();
        *state = State { plan: Some((plan, moment)), ..State::default() };
    }

    /// From here on call number `n` fails, counted from 0 over all methods. One call fails, then all is well.
    pub fn fail_nth(&self, n: usize, moment: Moment) {
        self.plan(Plan::Nth(n), moment);
    }

    /// From here on call number `n` of one method fails, counted from 0.
    pub fn fail_nth_of(&self, call: Call, n: usize, moment: Moment) {
        self.plan(Plan::NthOf(call, n), moment);
    }

    /// Every call of one method fails until [`heal`](Faults::heal).
    pub fn fail_every(&self, call: Call, moment: Moment) {
        self.plan(Plan::Every(call), moment);
    }

    /// Every call fails until [`heal`](Faults::heal).
    pub fn fail_all(&self, moment: Moment) {
        self.plan(Plan::All, moment);
    }

    /// Nothing fails any more; counting begins again at 0.
    pub fn heal(&self) {
        *self.lock() = State::default();
    }

    /// The calls since the last change of plan, in order, with those that failed.
    pub fn calls(&self) -> Vec<Call> {
        self.lock().calls.clone()
    }

    /// How many calls have failed on purpose since the last change of plan. Zero means that the plan's call
    /// was never made: the end of a loop over all possible places.
    pub fn failed(&self) -> usize {
        self.lock().failed
    }

    fn due(&self, call: Call) -> Option<Moment> {
        let mut state = self.lock();
        let n = state.calls.len();
        let n_of = state.calls.iter().filter(|&&made| made == call).count();
        state.calls.push(call);
        let (plan, moment) = state.plan?;
        let hit = match plan {
            Plan::Nth(planned) => planned == n,
            Plan::NthOf(of, planned) => of == call && planned == n_of,
            Plan::Every(of) => of == call,
            Plan::All => true,
        };
        if hit {
            state.failed += 1;
        }
        hit.then_some(moment)
    }
}

/// Passes every call on, except those that its [`Faults`] are told to fail.
///
/// ```
/// use mfa_core::port::memory::MemoryStore;
/// use mfa_testing::store::faulty::{Faulty, Moment};
///
/// let store = Faulty::new(MemoryStore::new());
/// let faults = store.faults();
/// // Run the same operation again and again, with the failure one call later each time.
/// for n in 0.. {
///     faults.fail_nth(n, Moment::Before);
///     // … sign in; expect a fault, never a `Verified` …
///     if faults.failed() == 0 {
///         break;
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Faulty<S> {
    store: S,
    faults: Faults,
}

impl<S: Store> Faulty<S> {
    /// Wraps a store. Nothing fails until [`faults`](Faulty::faults) say so.
    pub fn new(store: S) -> Self {
        Self { store, faults: Faults::default() }
    }

    /// The handle that tells it when to fail.
    pub fn faults(&self) -> Faults {
        self.faults.clone()
    }

    async fn pass<T>(
        &self,
        call: Call,
        work: impl Future<Output = Result<T, Fault>> + Send,
    ) -> Result<T, Fault> {
        match self.faults.due(call) {
            None => work.await,
            Some(Moment::Before) => Err(on_purpose(call)),
            Some(Moment::After) => {
                work.await?;
                Err(on_purpose(call))
            }
        }
    }
}

fn on_purpose(call: Call) -> Fault {
    Fault::caused_by(FaultKind::Store, format!("{call:?} failed on purpose"))
}

impl<S: Store> Store for Faulty<S> {
    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>, Fault> {
        self.pass(Call::Load, self.store.load(key)).await
    }

    async fn commit(&self, write: &Write) -> Result<Committed, Fault> {
        self.pass(Call::Commit, self.store.commit(write)).await
    }

    async fn events(&self, query: &EventQuery) -> Result<EventPage, Fault> {
        self.pass(Call::Events, self.store.events(query)).await
    }

    async fn page(&self, query: &PageQuery) -> Result<RecordPage, Fault> {
        self.pass(Call::Page, self.store.page(query)).await
    }

    async fn erase(&self, key: &RecordKey) -> Result<(), Fault> {
        self.pass(Call::Erase, self.store.erase(key)).await
    }
}
