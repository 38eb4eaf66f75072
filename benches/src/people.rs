//! People with an app, an address and ten backup codes, on whichever store.

use std::time::{Duration, Instant};

use mfa_core::factor::backup::HashCost;
use mfa_core::id::{AccountKey, UserId};
use mfa_core::port::sealer::KeyRing;
use mfa_core::port::sender::Locale;
use mfa_core::port::store::{EventQuery, RecordKey, Store, StoredEvent};
use mfa_core::proof::Method;
use mfa_core::service::{Mfa, SignIn};
use mfa_core::ticket::{Authority, Ticket};
use mfa_testing::app::AuthenticatorApp;
use mfa_testing::clock::ManualClock;
use mfa_testing::sender::RecordingSender;
use tokio::task::JoinSet;

/// People on a store.
pub struct People<S> {
    store: S,
    mfa: Mfa,
    clock: ManualClock,
    apps: Vec<AuthenticatorApp>,
}

fn key(number: usize) -> AccountKey {
    AccountKey::of_user(UserId::new(format!("user-{number:07}")).unwrap())
}

/// The record of somebody.
pub fn record_key(number: usize) -> RecordKey {
    let key = key(number);
    RecordKey {
        tenant: key.tenant().clone(),
        collection: mfa_core::port::store::Collection::Account,
        name: key.user().as_str().to_owned(),
    }
}

impl<S: Store + Clone> People<S> {
    /// So many, each with an app, an address and ten backup codes.
    pub async fn enrol(store: S, count: usize) -> Self {
        let (clock, sender) = (ManualClock::default(), RecordingSender::new());
        let mfa = Mfa::builder("Hillside School", "portal.hillside.example")
            .store(store.clone())
            .sealer(
                KeyRing::from_hex("8f1d0c2b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f001")
                    .unwrap(),
            )
            .clock(clock.clone())
            .sender(sender.clone())
            .help("the school office")
            .email_codes(true)
            .hash_cost(HashCost::danger_for_tests())
            .build()
            .unwrap();
        let mut apps = Vec::new();
        for number in 0..count {
            let SignIn::Admitted { verified, .. } = mfa.sign_in(&key(number)).await.unwrap() else {
                panic!("not admitted")
            };
            let authority = Authority::Session(verified.into_standing());
            let (ticket, shown) = mfa.enrol_app(&authority, "Phone").await.unwrap().unwrap();
            let app = AuthenticatorApp::scan(shown.uri.expose()).unwrap();
            let code = app.code_at(clock.time());
            let confirmed = mfa.confirm(&authority, &ticket, &code, None).await.unwrap().unwrap();
            let authority = Authority::Session(confirmed.verified.into_standing());
            let address = format!("user-{number}@codes.example");
            let ticket = mfa.enrol_email(&authority, "Post", &address, Locale::English).await;
            let ticket = ticket.unwrap().unwrap();
            let code = sender.last_code().unwrap();
            let confirmed = mfa.confirm(&authority, &ticket, &code, None).await.unwrap().unwrap();
            let _codes = mfa.make_backup_codes(&confirmed.verified.into_standing()).await.unwrap().unwrap();
            apps.push(app);
        }
        Self { store, mfa, clock, apps }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.apps.len()
    }

    /// How many bytes somebody's record has.
    pub async fn record_bytes(&self) -> usize {
        self.store.load(&record_key(0)).await.unwrap().unwrap().record.len()
    }

    /// Half-signed-in people, each of whom waits for a code of their app; the codes work.
    async fn waiting(&self, count: usize) -> Vec<(Ticket, String)> {
        // Two steps, so that a code which is the next step's too, and was used up as that, is not asked for again.
        self.clock.advance(Duration::from_secs(60));
        let mut waiting = Vec::new();
        for (number, app) in self.apps.iter().enumerate().take(count) {
            let SignIn::Challenged(ticket) = self.mfa.sign_in(&key(number)).await.unwrap() else {
                panic!("no challenge")
            };
            let view = self.mfa.challenge(&ticket).await.unwrap().unwrap();
            if let Some(app) = view.methods.iter().find(|offered| offered.method == Method::App) {
                self.mfa.choose(&ticket, app.choice, Locale::English).await.unwrap().unwrap();
            }
            waiting.push((ticket, app.code_at(self.clock.time())));
        }
        waiting
    }

    /// Everybody gives their code, so many at once; how long it took in all.
    pub async fn everybody_answers(&self, at_once: usize) -> Duration {
        let mut shares = vec![Vec::new(); at_once];
        for (number, waiting) in self.waiting(self.count()).await.into_iter().enumerate() {
            shares[number % at_once].push(waiting);
        }
        let began = Instant::now();
        let mut running = JoinSet::new();
        for share in shares {
            let mfa = self.mfa.clone();
            running.spawn(async move {
                for (ticket, code) in share {
                    let answered = mfa.answer(&ticket, &code).await.unwrap();
                    assert!(answered.is_ok(), "{:?}", answered.err());
                }
            });
        }
        running.join_all().await;
        began.elapsed()
    }

    /// Some give their code, one after the other: how long each took.
    pub async fn one_by_one(&self, count: usize) -> Vec<Duration> {
        let mut times = Vec::new();
        for (ticket, code) in self.waiting(count).await {
            let began = Instant::now();
            assert!(self.mfa.answer(&ticket, &code).await.unwrap().is_ok());
            times.push(began.elapsed());
        }
        times
    }

    /// A quarter of an hour later: everybody's last code has passed, and no record is in hand any more.
    pub fn next_codes(&self) {
        self.clock.advance(Duration::from_secs(900));
    }

    /// A whole sign-in: how long `sign_in`, one look at the challenge and `answer` took.
    pub async fn sign_in(&self, number: usize) -> [Duration; 3] {
        let (began, key, code) = (Instant::now(), key(number), self.apps[number].code_at(self.clock.time()));
        let SignIn::Challenged(ticket) = self.mfa.sign_in(&key).await.unwrap() else {
            panic!("no challenge")
        };
        let challenged = Instant::now();
        let view = self.mfa.challenge(&ticket).await.unwrap().unwrap();
        let looked = Instant::now();
        assert_eq!(view.chosen.map(|chosen| chosen.method), Some(Method::App));
        let answering = Instant::now();
        assert!(self.mfa.answer(&ticket, &code).await.unwrap().is_ok());
        [challenged - began, looked - challenged, answering.elapsed()]
    }

    /// What a sign-in of this person writes: the record with the open challenge and the one after it, each with its events.
    pub async fn writes(&self, number: usize) -> [(Vec<u8>, Vec<StoredEvent>); 2] {
        self.next_codes();
        let SignIn::Challenged(ticket) = self.mfa.sign_in(&key(number)).await.unwrap() else {
            panic!("no challenge")
        };
        let first = self.last_write(number).await;
        let code = self.apps[number].code_at(self.clock.time());
        assert!(self.mfa.answer(&ticket, &code).await.unwrap().is_ok());
        [first, self.last_write(number).await]
    }

    async fn last_write(&self, number: usize) -> (Vec<u8>, Vec<StoredEvent>) {
        let key = record_key(number);
        let record = self.store.load(&key).await.unwrap().unwrap().record;
        let query = EventQuery {
            tenant: key.tenant.clone(),
            record: Some((key.collection, key.name)),
            kind: None,
            since: None,
            until: None,
            after: None,
            limit: 1,
        };
        let events = self.store.events(&query).await.unwrap().events;
        (record, events.into_iter().map(|found| found.event).collect())
    }

    /// How long the administrator's first page of fifty takes, several times.
    pub async fn first_pages(&self, count: usize) -> Vec<Duration> {
        let mut times = Vec::new();
        for _ in 0..count {
            let began = Instant::now();
            let roster = self.mfa.roster(key(0).tenant(), None, 50).await.unwrap();
            assert_eq!(roster.entries.len(), 50);
            times.push(began.elapsed());
        }
        times
    }
}
