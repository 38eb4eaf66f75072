//! A portal at one moment, to be played again in every schedule, and the ways it may end.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use mfa_core::event::EventKind;
use mfa_core::factor::backup::HashCost;
use mfa_core::fault::Fault;
use mfa_core::id::{AccountKey, TenantId, UserId};
use mfa_core::port::memory::MemoryStore;
use mfa_core::port::sealer::KeyRing;
use mfa_core::port::sender::{Channel, Content, Message, Receipt, SendError, Sender};
use mfa_core::port::store::{
    Committed, EventPage, EventQuery, PageQuery, RecordKey, RecordPage, Store, Versioned, Write,
};
use mfa_core::proof::Standing;
use mfa_core::service::{Demand, Gate, Mfa};
use mfa_core::throttle::Limits;
use mfa_testing::clock::ManualClock;
use mfa_testing::entropy::SeededEntropy;
use mfa_testing::sender::RecordingSender;

use crate::explore::{every, many};

const KEYS: &str = "8f1d0c2b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f001";

pub(crate) fn ann() -> AccountKey {
    AccountKey::of_user(UserId::new("ann").unwrap())
}

/// What somebody is told, and the session they have afterwards.
pub(crate) type Told = (String, Option<Standing>);
type Doing = Pin<Box<dyn Future<Output = Told> + Send>>;

/// Something that somebody does through a handle of theirs.
#[derive(Clone)]
pub(crate) struct Deed {
    act: Arc<dyn Fn(Mfa) -> Doing + Send + Sync>,
    /// After so many turns they go away.
    patience: Option<usize>,
}

impl Deed {
    pub(crate) fn new<F: Future<Output = Told> + Send + 'static>(
        act: impl Fn(Mfa) -> F + Send + Sync + 'static,
    ) -> Self {
        Self { act: Arc::new(move |mfa| Box::pin(act(mfa))), patience: None }
    }

    pub(crate) fn given_up_after(mut self, turns: usize) -> Self {
        self.patience = Some(turns);
        self
    }
}

/// Comes back once: a turn for others.
struct Turn(bool);

impl Future for Turn {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        IS_TURN.set(true);
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

thread_local! {
    /// Whether the last wait was for a turn, not for a thread: every task of the scheduler is on one thread.
    static IS_TURN: Cell<bool> = const { Cell::new(false) };
}

/// How a store meets those who use it at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// A turn for others before each call: enough for every order there is, since what lies between two calls is
    /// nobody else's business.
    Before,
    /// Another one after it; and all are requests to one process, which has in hand what any of them wrote.
    BeforeAndAfter,
    /// As the first, and the version is not looked at: what these tests must find out.
    Careless,
}

struct Stepwise {
    inner: MemoryStore,
    manner: Manner,
}

impl Stepwise {
    async fn around<T>(&self, call: impl Future<Output = T>) -> T {
        Turn(false).await;
        let answer = call.await;
        if self.manner == Manner::BeforeAndAfter {
            Turn(false).await;
        }
        answer
    }
}

impl Store for Stepwise {
    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>, Fault> {
        self.around(self.inner.load(key)).await
    }

    async fn commit(&self, write: &Write) -> Result<Committed, Fault> {
        let commit = async {
            if self.manner != Manner::Careless {
                return self.inner.commit(write).await;
            }
            let expected = self.inner.load(&write.key).await?.map(|held| held.version);
            self.inner.commit(&Write { expected, ..write.clone() }).await
        };
        self.around(commit).await
    }

    async fn events(&self, query: &EventQuery) -> Result<EventPage, Fault> {
        self.inner.events(query).await
    }

    async fn page(&self, query: &PageQuery) -> Result<RecordPage, Fault> {
        self.inner.page(query).await
    }

    async fn erase(&self, key: &RecordKey) -> Result<(), Fault> {
        self.around(self.inner.erase(key)).await
    }
}

/// A sender that gives others a turn before each message.
#[derive(Clone)]
struct Slow(RecordingSender);

impl Sender for Slow {
    fn channel(&self) -> Channel {
        self.0.channel()
    }

    fn accepts(&self, destination: &str) -> bool {
        self.0.accepts(destination)
    }

    async fn send(&self, message: &Message) -> Result<Receipt, SendError> {
        if matches!(message.content, Content::Code { .. }) {
            Turn(false).await;
        }
        self.0.send(message).await
    }
}

/// The outside of a portal.
pub(crate) struct Portal {
    store: Arc<Stepwise>,
    pub(crate) clock: ManualClock,
    pub(crate) sender: RecordingSender,
    entropy: SeededEntropy,
    limits: Limits,
}

impl Portal {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            store: Arc::new(Stepwise { inner: MemoryStore::new(), manner: Manner::Before }),
            clock: ManualClock::default(),
            sender: RecordingSender::new(),
            entropy: SeededEntropy::new(11),
            limits,
        }
    }

    /// A process's handle.
    pub(crate) fn handle(&self) -> Mfa {
        Mfa::builder("Hillside School", "portal.hillside.example")
            .store(Arc::clone(&self.store))
            .sealer(KeyRing::from_hex(KEYS).unwrap())
            .clock(self.clock.clone())
            .sender(Slow(self.sender.clone()))
            .entropy(self.entropy.clone())
            .help("the school office")
            .email_codes(true)
            .limits(self.limits)
            .hash_cost(HashCost::danger_for_tests())
            .build()
            .unwrap()
    }

    /// Another one in the same state, with nothing sent and no events yet.
    fn again(&self, manner: Manner) -> Self {
        let clock = ManualClock::default();
        clock.advance(self.clock.time().since(clock.time()));
        let inner = MemoryStore::new();
        let key = RecordKey::from(&ann());
        if let Some(held) = finish(self.store.inner.load(&key)).unwrap() {
            let write =
                Write { key, expected: None, next: held.version, record: held.record, events: Vec::new() };
            assert_eq!(finish(inner.commit(&write)).unwrap(), Committed::Done);
        }
        Self {
            store: Arc::new(Stepwise { inner, manner }),
            clock,
            sender: RecordingSender::new(),
            entropy: SeededEntropy::new(12),
            limits: self.limits,
        }
    }

    /// What can be seen once everybody is done.
    fn seen(&self, told: Vec<Told>) -> Ending {
        let mfa = self.handle();
        let query = EventQuery {
            tenant: TenantId::default(),
            record: None,
            kind: None,
            since: None,
            until: None,
            after: None,
            limit: 1_000,
        };
        let mut events: Vec<_> =
            finish(mfa.events(&query)).unwrap().into_iter().map(|(_, event)| in_short(&event.kind)).collect();
        events.sort_unstable();
        let told = told.into_iter().map(|(told, standing)| {
            let gate = standing.map(|standing| match finish(mfa.check(&standing, Demand::default())) {
                Ok(Gate::Open) => "in",
                Ok(Gate::SignInAgain) => "out",
                Ok(_) => "half in",
                Err(_) => "a fault",
            });
            (told, gate)
        });
        let account = format!("{:?}", finish(mfa.roster_entry(&ann())).unwrap());
        let is_code = |message: &&Message| matches!(message.content, Content::Code { .. });
        let messages = self.sender.messages();
        Ending { told: told.collect(), account, events, sent: messages.iter().filter(is_code).count() }
    }
}

fn in_short(kind: &EventKind) -> String {
    let text = format!("{kind:?}");
    // Ids are drawn, in whichever order; the rest is the same in every order.
    text.split_once("factor: ").map_or(text.clone(), |(before, _)| before.to_owned())
}

/// How everything stands when everybody is done.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ending {
    pub(crate) told: Vec<(String, Option<&'static str>)>,
    account: String,
    events: Vec<String>,
    pub(crate) sent: usize,
}

impl Ending {
    /// How many were told something that begins so.
    pub(crate) fn told(&self, beginning: &str) -> usize {
        self.told.iter().filter(|(told, _)| told.starts_with(beginning)).count()
    }

    pub(crate) fn events(&self, beginning: &str) -> usize {
        self.events.iter().filter(|event| event.starts_with(beginning)).count()
    }

    pub(crate) fn account_has(&self, what: &str) -> bool {
        self.account.contains(what)
    }
}

/// Deeds that several people do at once in one portal.
#[derive(Clone)]
pub(crate) struct Scene {
    what: &'static str,
    portal: Arc<Portal>,
    deeds: Vec<Deed>,
    holds: fn(&Ending) -> bool,
    /// Every way it may end: each order of the deeds, one after the other.
    allowed: Arc<BTreeSet<Ending>>,
}

impl Scene {
    /// `holds` has to be true of every ending, to begin with in those of one deed after the other.
    pub(crate) fn new(
        what: &'static str,
        portal: &Portal,
        deeds: Vec<Deed>,
        holds: fn(&Ending) -> bool,
    ) -> Self {
        let mut allowed = BTreeSet::new();
        for order in orders(deeds.len()) {
            // Who gives up has done it or not.
            let unsteady: Vec<_> = (0..deeds.len()).filter(|n| deeds[*n].patience.is_some()).collect();
            for done in 0..1u32 << unsteady.len() {
                let portal = portal.again(Manner::Before);
                let mut told = vec![(GONE.to_owned(), None); deeds.len()];
                for n in &order {
                    match unsteady.iter().position(|one| one == n) {
                        None => told[*n] = finish((deeds[*n].act)(portal.handle())),
                        Some(at) if done & 1 << at != 0 => {
                            finish((deeds[*n].act)(portal.handle()));
                        }
                        Some(_) => {}
                    }
                }
                let ending = portal.seen(told);
                assert!(holds(&ending), "{what}, one after the other: {ending:#?}");
                allowed.insert(ending);
            }
        }
        let portal = Arc::new(portal.again(Manner::Before));
        Self { what, portal, deeds, holds, allowed: Arc::new(allowed) }
    }

    /// Plays it once, in the schedule that there is, and compares how it ends.
    fn play(&self, manner: Manner) {
        let portal = self.portal.again(manner);
        let shared = (manner == Manner::BeforeAndAfter).then(|| portal.handle());
        let doing: Vec<_> = self
            .deeds
            .iter()
            .map(|deed| {
                let handle = shared.clone().unwrap_or_else(|| portal.handle());
                let (act, patience) = ((deed.act)(handle), deed.patience);
                shuttle::future::spawn(by_turns(act, patience))
            })
            .collect();
        let told = doing.into_iter().map(|one| shuttle::future::block_on(one).unwrap()).collect();
        let ending = portal.seen(told);
        assert!((self.holds)(&ending), "{}: {ending:#?}", self.what);
        assert!(self.allowed.contains(&ending), "{}: in no order of the deeds: {ending:#?}", self.what);
    }

    /// In every schedule, if there are fewer than `most`.
    pub(crate) fn in_every_schedule(&self, most: usize) -> &Self {
        let scene = self.clone();
        every(self.what, most, move || scene.play(Manner::Before));
        self
    }

    pub(crate) fn in_many_schedules(&self) -> &Self {
        let scene = self.clone();
        many(self.what, move || scene.play(Manner::BeforeAndAfter));
        self
    }

    /// Whether a store that doesn't compare versions is found out.
    pub(crate) fn finds_a_careless_store(&self) -> bool {
        let scene = self.clone();
        let played = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            every(scene.what, usize::MAX, move || scene.play(Manner::Careless));
        }));
        played.is_err()
    }
}

/// What somebody who gave up was told.
const GONE: &str = "nothing any more";

fn orders(count: usize) -> Vec<Vec<usize>> {
    let mut orders = vec![Vec::new()];
    for n in 0..count {
        let longer = |order: &Vec<usize>| {
            let order = order.clone();
            (0..=n).map(move |at| {
                let mut order = order.clone();
                order.insert(at, n);
                order
            })
        };
        orders = orders.iter().flat_map(longer).collect();
    }
    orders
}

/// Woken by whatever thread.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    heard: Condvar,
}

impl Bell {
    fn wait(&self) {
        let mut rung = self.rung.lock().unwrap();
        while !std::mem::replace(&mut *rung, false) {
            rung = self.heard.wait(rung).unwrap();
        }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        *self.rung.lock().unwrap() = true;
        self.heard.notify_one();
    }
}

/// Runs to the end on this thread, with no turn for anybody.
pub(crate) fn finish<T>(doing: impl Future<Output = T>) -> T {
    let (bell, mut doing) = (Arc::new(Bell::default()), pin!(doing));
    let waker = Waker::from(Arc::clone(&bell));
    loop {
        match doing.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(done) => return done,
            Poll::Pending => bell.wait(),
        }
    }
}

/// Gives others their turns. A hash, on its real thread, is waited for at once: it meets nobody.
async fn by_turns(mut doing: Doing, patience: Option<usize>) -> Told {
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(Arc::clone(&bell));
    let mut turns = 0;
    loop {
        let polled = doing.as_mut().poll(&mut Context::from_waker(&waker));
        match polled {
            Poll::Ready(done) => {
                // Who gives up hears nothing, done or not.
                return if patience.is_some() { (GONE.to_owned(), None) } else { done };
            }
            Poll::Pending if IS_TURN.take() => {
                if patience == Some(turns) {
                    return (GONE.to_owned(), None);
                }
                turns += 1;
                shuttle::future::yield_now().await;
            }
            Poll::Pending => bell.wait(),
        }
    }
}
