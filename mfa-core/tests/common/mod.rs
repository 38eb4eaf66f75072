//! A small world to break in: one portal on a store, a clock, a source of randomness and a sender that fail when told.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "a module of several test crates, each of which uses a part of it"
)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests; a failure is what they are for")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mfa_core::challenge::Choice;
use mfa_core::event::{Event, EventKind};
use mfa_core::factor::backup::HashCost;
use mfa_core::fault::{Fault, FaultKind};
use mfa_core::hashing::HashPool;
use mfa_core::id::{AccountKey, FactorId, TenantId, UserId};
use mfa_core::port::directory::Person;
use mfa_core::port::entropy::Entropy;
use mfa_core::port::memory::MemoryStore;
use mfa_core::port::sealer::KeyRing;
use mfa_core::port::sender::Locale;
use mfa_core::port::store::{
    Committed, EventPage, EventQuery, PageQuery, RecordKey, RecordPage, Store, Version, Versioned, Write,
};
use mfa_core::proof::{Method, Standing};
use mfa_core::refusal::Refusal;
use mfa_core::secret::SecretText;
use mfa_core::service::{Builder, Granted, Mfa, SignIn};
use mfa_core::ticket::{Authority, Ticket};
use mfa_testing::app::AuthenticatorApp;
use mfa_testing::clock::ManualClock;
use mfa_testing::directory::FixedDirectory;
use mfa_testing::entropy::SeededEntropy;
use mfa_testing::sender::RecordingSender;
use tokio::sync::Barrier;

pub const KEY_A: &str = "8f1d0c2b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f001";
pub const KEY_B: &str = "0a1d0c2b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0ff";

/// Fails at the n-th call from when it was armed; counts calls either way.
#[derive(Debug, Default)]
pub struct Fuse {
    calls: AtomicUsize,
    at: Mutex<Option<usize>>,
}

impl Fuse {
    pub fn arm(&self, at: usize) {
        self.calls.store(0, Ordering::SeqCst);
        *self.at.lock().unwrap() = Some(at);
    }

    /// Disarms it and says whether it blew.
    pub fn disarm(&self) -> bool {
        let at = self.at.lock().unwrap().take();
        at.is_some_and(|at| self.calls.load(Ordering::SeqCst) > at)
    }

    fn blows(&self) -> bool {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        *self.at.lock().unwrap() == Some(call)
    }
}

/// A memory store that fails when told, before or after the write, and can hold requests at a barrier.
#[derive(Default)]
pub struct Probe {
    inner: MemoryStore,
    pub before: Fuse,
    pub after: Fuse,
    held: Mutex<Option<(Arc<Barrier>, usize)>>,
    pub loads: AtomicUsize,
    pub commits: AtomicUsize,
}

impl Probe {
    /// Holds the next `count` requests until all of them have read, or are about to write without.
    pub fn hold(&self, count: usize) {
        *self.held.lock().unwrap() = Some((Arc::new(Barrier::new(count)), count));
    }

    async fn meet(&self) {
        if let Some(barrier) = self.barrier() {
            barrier.wait().await;
        }
    }

    fn barrier(&self) -> Option<Arc<Barrier>> {
        let mut held = self.held.lock().unwrap();
        let (barrier, left) = held.as_mut()?;
        let barrier = Arc::clone(barrier);
        *left -= 1;
        if *left == 0 {
            *held = None;
        }
        Some(barrier)
    }

    fn fails(fuse: &Fuse) -> Result<(), Fault> {
        if fuse.blows() {
            return Err(Fault::caused_by(FaultKind::Store, "the test broke the store"));
        }
        Ok(())
    }
}

impl Store for Probe {
    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>, Fault> {
        Self::fails(&self.before)?;
        let found = self.inner.load(key).await?;
        self.loads.fetch_add(1, Ordering::SeqCst);
        self.meet().await;
        Self::fails(&self.after)?;
        Ok(found)
    }

    async fn commit(&self, write: &Write) -> Result<Committed, Fault> {
        Self::fails(&self.before)?;
        self.meet().await;
        let done = self.inner.commit(write).await?;
        self.commits.fetch_add(1, Ordering::SeqCst);
        Self::fails(&self.after)?;
        Ok(done)
    }

    async fn events(&self, query: &EventQuery) -> Result<EventPage, Fault> {
        Self::fails(&self.before)?;
        self.inner.events(query).await
    }

    async fn page(&self, query: &PageQuery) -> Result<RecordPage, Fault> {
        Self::fails(&self.before)?;
        self.inner.page(query).await
    }

    async fn erase(&self, key: &RecordKey) -> Result<(), Fault> {
        Self::fails(&self.before)?;
        self.inner.erase(key).await
    }
}

/// Repeating randomness that fails when told.
#[derive(Clone, Default)]
pub struct FlakyEntropy {
    seeded: SeededEntropy,
    pub fuse: Arc<Fuse>,
}

impl Entropy for FlakyEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Fault> {
        if self.fuse.blows() {
            return Err(Fault::caused_by(FaultKind::Entropy, "the test broke the source"));
        }
        self.seeded.fill(bytes)
    }
}

/// One portal.
pub struct World {
    pub mfa: Mfa,
    pub store: Arc<Probe>,
    pub clock: ManualClock,
    pub entropy: FlakyEntropy,
    pub sender: RecordingSender,
    pub directory: FixedDirectory,
}

/// A person with methods, and the session that set them up.
pub struct Somebody {
    pub key: AccountKey,
    pub app: AuthenticatorApp,
    pub app_id: FactorId,
    pub standing: Standing,
    pub codes: Vec<String>,
}

pub fn key(user: &str) -> AccountKey {
    AccountKey::of_user(UserId::new(user).unwrap())
}

pub fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

pub fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

impl World {
    pub fn new() -> Self {
        Self::with(|builder| builder.email_codes(true))
    }

    pub fn with(change: impl FnOnce(Builder) -> Builder) -> Self {
        let mut world = Self {
            mfa: Mfa::builder("x", "x.example")
                .store(MemoryStore::new())
                .sealer(KeyRing::from_hex(KEY_A).unwrap())
                .build()
                .unwrap(),
            store: Arc::default(),
            clock: ManualClock::default(),
            entropy: FlakyEntropy::default(),
            sender: RecordingSender::new(),
            directory: FixedDirectory::default(),
        };
        world.mfa = world.twin(KEY_A, change);
        let person = Person {
            label: Some(SecretText::from("ann@hillside.example")),
            addresses: vec![SecretText::from("ann@home.example"), SecretText::from("ann@work.example")],
            ..Person::default()
        };
        world.directory.put(key("ann"), person);
        world
    }

    /// Another handle on the same store and the same outside.
    pub fn twin(&self, keys: &str, change: impl FnOnce(Builder) -> Builder) -> Mfa {
        let builder = Mfa::builder("Hillside School", "portal.hillside.example")
            .store(Arc::clone(&self.store))
            .sealer(KeyRing::from_hex(keys).unwrap())
            .clock(self.clock.clone())
            .entropy(self.entropy.clone())
            .sender(self.sender.clone())
            .directory(self.directory.clone())
            .hash_cost(HashCost::danger_for_tests())
            .hash_pool(HashPool::new(256.try_into().unwrap()))
            .help("the school office");
        change(builder).build().unwrap()
    }

    pub fn pass(&self, seconds: u64) {
        self.clock.advance(secs(seconds));
    }

    /// Signs in somebody without a second factor.
    pub async fn admitted(&self, key: &AccountKey) -> Standing {
        match self.mfa.sign_in(key).await.unwrap() {
            SignIn::Admitted { verified, .. } => verified.into_standing(),
            other => panic!("not admitted: {other:?}"),
        }
    }

    pub async fn challenged(&self, key: &AccountKey) -> Ticket {
        match self.mfa.sign_in(key).await.unwrap() {
            SignIn::Challenged(ticket) => ticket,
            other => panic!("not challenged: {other:?}"),
        }
    }

    /// Somebody with an app, whose next code is fresh.
    pub async fn with_app(&self, name: &str) -> Somebody {
        let key = key(name);
        let standing = self.admitted(&key).await;
        let authority = Authority::Session(standing);
        let (ticket, shown) = self.mfa.enrol_app(&authority, "Phone").await.unwrap().unwrap();
        let app = AuthenticatorApp::scan(shown.uri.expose()).unwrap();
        let code = app.code_at(self.clock.time());
        let confirmed = self.mfa.confirm(&authority, &ticket, &code, None).await.unwrap().unwrap();
        self.pass(30);
        let app_id = confirmed.factor;
        Somebody { key, app, app_id, standing: confirmed.verified.into_standing(), codes: Vec::new() }
    }

    /// Somebody with an app, an e-mail address and backup codes.
    pub async fn with_everything(&self, name: &str) -> Somebody {
        let mut somebody = self.with_app(name).await;
        let address = format!("{name}@codes.example");
        somebody.standing = self.add_email(&somebody.standing, &address).await;
        let codes = self.mfa.make_backup_codes(&somebody.standing).await.unwrap().unwrap();
        somebody.codes = codes.iter().map(|code| code.expose().to_owned()).collect();
        self.pass(60);
        somebody
    }

    pub async fn add_email(&self, standing: &Standing, address: &str) -> Standing {
        let authority = Authority::Session(standing.clone());
        let ticket =
            self.mfa.enrol_email(&authority, "Post", address, Locale::English).await.unwrap().unwrap();
        let code = self.sender.last_code().unwrap();
        let confirmed = self.mfa.confirm(&authority, &ticket, &code, None).await.unwrap().unwrap();
        confirmed.verified.into_standing()
    }

    pub async fn choice(&self, ticket: &Ticket, method: Method) -> Choice {
        let view = self.mfa.challenge(ticket).await.unwrap().unwrap();
        view.methods.iter().find(|offered| offered.method == method).unwrap().choice
    }

    /// Chooses a method and asserts that this worked.
    pub async fn choose(&self, ticket: &Ticket, method: Method) {
        let choice = self.choice(ticket, method).await;
        self.mfa.choose(ticket, choice, Locale::English).await.unwrap().unwrap();
    }

    pub async fn answer(&self, ticket: &Ticket, typed: &str) -> Result<Granted, Refusal> {
        self.mfa.answer(ticket, typed).await.unwrap()
    }

    /// Answers right.
    pub async fn passes(&self, ticket: &Ticket, typed: &str) -> Standing {
        self.answer(ticket, typed).await.unwrap().verified.into_standing()
    }

    /// A whole sign-in by app, after letting the last code pass.
    pub async fn signs_in(&self, somebody: &Somebody) -> Standing {
        self.pass(30);
        let ticket = self.challenged(&somebody.key).await;
        self.choose(&ticket, Method::App).await;
        let granted = self.answer(&ticket, &somebody.app.code_at(self.clock.time())).await.unwrap();
        granted.verified.into_standing()
    }

    pub async fn events(&self) -> Vec<Event> {
        let query = EventQuery {
            tenant: TenantId::default(),
            record: None,
            kind: None,
            since: None,
            until: None,
            after: None,
            limit: 100_000,
        };
        let mut events: Vec<_> =
            self.mfa.events(&query).await.unwrap().into_iter().map(|(_, event)| event).collect();
        events.reverse();
        events
    }

    pub async fn count(&self, is: impl Fn(&EventKind) -> bool) -> usize {
        self.events().await.iter().filter(|event| is(&event.kind)).count()
    }

    pub async fn wrong_codes(&self) -> usize {
        self.count(|kind| matches!(kind, EventKind::WrongCode { .. })).await
    }

    /// The stored record, as text.
    pub async fn record(&self, key: &AccountKey) -> String {
        let held = self.store.load(&RecordKey::from(key)).await.unwrap().unwrap();
        String::from_utf8(held.record).unwrap()
    }

    /// Writes a record behind the library's back.
    pub async fn plant(&self, key: &AccountKey, record: &str) {
        let record_key = RecordKey::from(key);
        let held = self.store.load(&record_key).await.unwrap();
        let expected = held.map(|held| held.version);
        let write = Write {
            key: record_key,
            expected,
            next: expected.map_or(Version::new(1), Version::next),
            record: record.as_bytes().to_vec(),
            events: Vec::new(),
        };
        assert_eq!(self.store.commit(&write).await.unwrap(), Committed::Done);
    }
}

/// A code that is not one of the app's around now, nor any given one.
pub fn wrong(somebody: &Somebody, world: &World) -> String {
    let now = world.clock.time();
    let near: Vec<String> = (-12i64..=12)
        .map(|step| somebody.app.clone().with_drift(step * 30).code_at(now))
        .chain(world.sender.last_code())
        .collect();
    (0..).map(|n| format!("{n:06}")).find(|code| !near.contains(code)).unwrap()
}

/// Another backup code than any drawn.
pub const WRONG_BACKUP: &str = "0000-0000-0000-0000";
