//! A portal in memory and one person on it, with an app, an address and ten backup codes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "measurements stop at the first surprise")]

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::factor::backup::HashCost;
use crate::factor::hotp::PreparedKey;
use crate::factor::key::SharedKey;
use crate::factor::totp::{TotpParams, code_at};
use crate::fault::Fault;
use crate::id::{AccountKey, UserId};
use crate::port::clock::Clock;
use crate::port::memory::MemoryStore;
use crate::port::sealer::KeyRing;
use crate::port::sender::{Channel, Content, Locale, Message, Receipt, SendError, Sender};
use crate::service::{Mfa, SignIn};
use crate::ticket::{Authority, Ticket};
use crate::time::Timestamp;

const RING: &str = "8f1d0c2b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f001";

/// A clock turned by hand.
#[derive(Clone)]
pub(crate) struct Turned(Arc<AtomicU64>);

impl Clock for Turned {
    fn now(&self) -> Result<Timestamp, Fault> {
        Ok(Timestamp::from_unix(self.0.load(Ordering::Relaxed)))
    }
}

/// Keeps the last code.
#[derive(Clone, Default)]
struct Post(Arc<Mutex<String>>);

impl Sender for Post {
    fn channel(&self) -> Channel {
        Channel::Email
    }
    fn accepts(&self, _: &str) -> bool {
        true
    }
    async fn send(&self, message: &Message) -> Result<Receipt, SendError> {
        if let Content::Code { code, .. } = &message.content {
            *self.0.lock().unwrap() = code.expose().to_owned();
        }
        Ok(Receipt::default())
    }
}

/// What nothing here has to wait for.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("memory never waits"),
    }
}

/// A portal in memory with one person on it.
pub(crate) struct Portal {
    pub(crate) mfa: Mfa,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) ring: KeyRing,
    pub(crate) key: AccountKey,
    clock: Turned,
    app: PreparedKey,
}

impl Portal {
    pub(crate) fn open() -> Self {
        let clock = Turned(Arc::new(AtomicU64::new(1_795_424_400)));
        let (store, post) = (Arc::new(MemoryStore::new()), Post::default());
        let mfa = Mfa::builder("Hillside School", "portal.hillside.example")
            .store(Arc::clone(&store))
            .sealer(KeyRing::from_hex(RING).unwrap())
            .clock(clock.clone())
            .sender(post.clone())
            .help("the school office")
            .email_codes(true)
            .hash_cost(HashCost::danger_for_tests())
            .build()
            .unwrap();
        let key = AccountKey::of_user(UserId::new("user-0000000").unwrap());
        let SignIn::Admitted { verified, .. } = now(mfa.sign_in(&key)).unwrap() else {
            panic!("not admitted")
        };
        let authority = Authority::Session(verified.into_standing());
        let (ticket, shown) = now(mfa.enrol_app(&authority, "Phone")).unwrap().unwrap();
        let shared = SharedKey::from_base32(shown.key.expose()).unwrap();
        let params = TotpParams::default();
        let app = PreparedKey::new(params.algorithm, &shared);
        let code = code_at(&app, &params, clock.now().unwrap());
        let confirmed = now(mfa.confirm(&authority, &ticket, code.expose(), None)).unwrap().unwrap();
        let authority = Authority::Session(confirmed.verified.into_standing());
        let address = "user-0@codes.example";
        let ticket = now(mfa.enrol_email(&authority, "Post", address, Locale::English)).unwrap().unwrap();
        let code = post.0.lock().unwrap().clone();
        let confirmed = now(mfa.confirm(&authority, &ticket, &code, None)).unwrap().unwrap();
        let standing = confirmed.verified.into_standing();
        pollster(mfa.make_backup_codes(&standing)).unwrap().unwrap();
        Self { mfa, store, ring: KeyRing::from_hex(RING).unwrap(), key, clock, app }
    }

    /// A quarter of an hour later, when no record is in hand any more, and the code of then.
    pub(crate) fn next_code(&self) -> (Timestamp, String) {
        let now = self.clock.now().unwrap().after(Duration::from_secs(900));
        self.clock.0.store(now.as_unix(), Ordering::Relaxed);
        (now, code_at(&self.app, &TotpParams::default(), now).expose().to_owned())
    }

    pub(crate) fn begin(&self) -> Ticket {
        let SignIn::Challenged(ticket) = now(self.mfa.sign_in(&self.key)).unwrap() else {
            panic!("no challenge")
        };
        ticket
    }

    /// A whole sign-in, as the pages make it.
    pub(crate) fn sign_in(&self) {
        let (_, code) = self.next_code();
        let ticket = self.begin();
        now(self.mfa.challenge(&ticket)).unwrap().unwrap();
        let _granted = now(self.mfa.answer(&ticket, &code)).unwrap().unwrap();
    }
}

/// What has to wait for a thread.
fn pollster<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => return done,
            Poll::Pending => std::thread::yield_now(),
        }
    }
}
