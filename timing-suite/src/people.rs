//! People with every method, half way into signing in, on a store that stands still: the same state before each answer.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use mfa_core::factor::backup::HashCost;
use mfa_core::fault::Fault;
use mfa_core::id::{AccountKey, UserId};
use mfa_core::port::memory::MemoryStore;
use mfa_core::port::sealer::KeyRing;
use mfa_core::port::sender::Locale;
use mfa_core::port::store::{
    Committed, EventPage, EventQuery, PageQuery, RecordKey, RecordPage, Store, Versioned, Write,
};
use mfa_core::proof::{Method, Standing};
use mfa_core::service::{Mfa, SignIn};
use mfa_core::ticket::{Authority, Ticket};
use mfa_testing::app::AuthenticatorApp;
use mfa_testing::clock::ManualClock;
use mfa_testing::entropy::SeededEntropy;
use mfa_testing::sender::RecordingSender;

/// The sealing key of every measurement.
pub(crate) const RING: &str = "8f1d0c2b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f001";
/// Few enough to stay in the processor's caches.
const PEOPLE: usize = 8;

/// Records that are read and never change: whatever is written was written and is forgotten.
#[derive(Debug, Default)]
struct Frozen(BTreeMap<RecordKey, Versioned>);

impl Store for Frozen {
    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>, Fault> {
        Ok(self.0.get(key).cloned())
    }
    async fn commit(&self, _: &Write) -> Result<Committed, Fault> {
        Ok(Committed::Done)
    }
    async fn events(&self, _: &EventQuery) -> Result<EventPage, Fault> {
        Ok(EventPage { events: Vec::new(), next: None })
    }
    async fn page(&self, _: &PageQuery) -> Result<RecordPage, Fault> {
        Ok(RecordPage::default())
    }
    async fn erase(&self, _: &RecordKey) -> Result<(), Fault> {
        Ok(())
    }
}

/// Somebody with an app, an address and backup codes, and a challenge waiting for each.
#[derive(Debug)]
pub struct Someone {
    key: AccountKey,
    standing: Option<Standing>,
    app: Option<AuthenticatorApp>,
    /// What to answer, and with what.
    pub(crate) by_app: Option<(Ticket, String)>,
    pub(crate) by_email: Option<(Ticket, String)>,
    pub(crate) by_backup: Option<(Ticket, String)>,
}

/// All of them, and the service.
#[derive(Debug)]
pub struct People {
    /// On the store that stands still.
    pub(crate) mfa: Mfa,
    /// With every method.
    pub(crate) people: Vec<Someone>,
    /// Without a second factor, but with a record.
    pub(crate) bare: AccountKey,
    /// Without a record.
    pub(crate) unknown: AccountKey,
}

/// Somebody by a name that is as long as everybody's.
pub(crate) fn account(name: &str) -> AccountKey {
    AccountKey::of_user(UserId::new(name).unwrap())
}

impl People {
    /// Sets everybody up, step by step, because a code works once and a message has to wait for the one before.
    pub fn new() -> Self {
        run(Self::set_up())
    }

    async fn set_up() -> Self {
        let (store, clock) = (Arc::new(MemoryStore::new()), ManualClock::default());
        let (sender, entropy) = (RecordingSender::new(), SeededEntropy::new(3));
        let build = |store: Option<Frozen>, shared: &Arc<MemoryStore>| {
            let builder = Mfa::builder("Hillside School", "portal.hillside.example")
                .sealer(KeyRing::from_hex(RING).unwrap())
                .clock(clock.clone())
                .entropy(entropy.clone())
                .sender(sender.clone())
                .hash_cost(HashCost::danger_for_tests())
                .help("the school office")
                .email_codes(true);
            match store {
                // What it has in hand would move on while the store stands still.
                Some(frozen) => builder.store(frozen).recent_records(0).build().unwrap(),
                None => builder.store(Arc::clone(shared)).build().unwrap(),
            }
        };
        let mfa = build(None, &store);
        let mut people: Vec<_> =
            (0..PEOPLE).map(|number| Someone::new(&format!("person-{number}"))).collect();
        for person in &mut people {
            person.bind_app(&mfa, &clock).await;
        }
        for person in &mut people {
            person.bind_email(&mfa, &sender).await;
        }
        clock.advance(Duration::from_secs(60));
        for person in &mut people {
            person.begin(&mfa, &clock, &sender).await;
        }
        let (bare, unknown) = (account("person-b"), account("person-u"));
        let SignIn::Admitted { verified, .. } = mfa.sign_in(&bare).await.unwrap() else {
            panic!("asked for what isn't there")
        };
        mfa.skip_reminder(&verified.into_standing()).await.unwrap().unwrap();
        let mut frozen = Frozen::default();
        for key in people.iter().map(|person| &person.key).chain([&bare]) {
            let key = RecordKey::from(key);
            let held = Store::load(&store, &key).await.unwrap().unwrap();
            frozen.0.insert(key, held);
        }
        Self { mfa: build(Some(frozen), &store), people, bare, unknown }
    }
}

impl Default for People {
    fn default() -> Self {
        Self::new()
    }
}

impl Someone {
    fn new(name: &str) -> Self {
        let key = account(name);
        Self { key, standing: None, app: None, by_app: None, by_email: None, by_backup: None }
    }

    fn authority(&self) -> Authority {
        Authority::Session(self.standing.clone().unwrap())
    }

    async fn bind_app(&mut self, mfa: &Mfa, clock: &ManualClock) {
        let SignIn::Admitted { verified, .. } = mfa.sign_in(&self.key).await.unwrap() else {
            panic!("asked for what isn't there")
        };
        self.standing = Some(verified.into_standing());
        let (ticket, shown) = mfa.enrol_app(&self.authority(), "Phone").await.unwrap().unwrap();
        let app = AuthenticatorApp::scan(shown.uri.expose()).unwrap();
        let code = app.code_at(clock.time());
        let confirmed = mfa.confirm(&self.authority(), &ticket, &code, None).await.unwrap().unwrap();
        self.standing = Some(confirmed.verified.into_standing());
        self.app = Some(app);
    }

    async fn bind_email(&mut self, mfa: &Mfa, sender: &RecordingSender) {
        let address = format!("{}@codes.example", self.key.user().as_str());
        let authority = self.authority();
        let ticket = mfa.enrol_email(&authority, "Post", &address, Locale::English).await.unwrap().unwrap();
        let code = sender.last_code().unwrap();
        let confirmed = mfa.confirm(&authority, &ticket, &code, None).await.unwrap().unwrap();
        self.standing = Some(confirmed.verified.into_standing());
    }

    async fn begin(&mut self, mfa: &Mfa, clock: &ManualClock, sender: &RecordingSender) {
        let codes = mfa.make_backup_codes(self.standing.as_ref().unwrap()).await.unwrap().unwrap();
        let backup = codes.iter().next().unwrap().expose().to_owned();
        let app = self.app.as_ref().unwrap().code_at(clock.time());
        self.by_app = Some((self.choose(mfa, Method::App).await, app));
        let ticket = self.choose(mfa, Method::Email).await;
        self.by_email = Some((ticket, sender.last_code().unwrap()));
        self.by_backup = Some((self.choose(mfa, Method::BackupCode).await, backup));
    }

    async fn choose(&self, mfa: &Mfa, method: Method) -> Ticket {
        let SignIn::Challenged(ticket) = mfa.sign_in(&self.key).await.unwrap() else {
            panic!("not asked for a second factor")
        };
        let view = mfa.challenge(&ticket).await.unwrap().unwrap();
        let choice = view.methods.iter().find(|offered| offered.method == method).unwrap().choice;
        mfa.choose(&ticket, choice, Locale::English).await.unwrap().unwrap();
        ticket
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future to its end on this thread: a runtime would be measured with it.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(done) => return done,
            Poll::Pending => thread::park(),
        }
    }
}
