//! The world of one case: a portal, and hands on everything around it that can be turned, read or broken.

use std::sync::Arc;
use std::time::Duration;

use mfa_core::event::Event;
use mfa_core::factor::backup::HashCost;
use mfa_core::hashing::HashPool;
use mfa_core::id::{AccountKey, TenantId, UserId};
use mfa_core::policy::Policy;
use mfa_core::port::directory::Person;
use mfa_core::port::memory::MemoryStore;
use mfa_core::port::sealer::KeyRing;
use mfa_core::port::store::{EventQuery, Store};
use mfa_core::secret::SecretText;
use mfa_core::service::{Builder, Mfa};
use mfa_testing::clock::ManualClock;
use mfa_testing::directory::FixedDirectory;
use mfa_testing::entropy::SeededEntropy;
use mfa_testing::sender::RecordingSender;
use mfa_testing::store::faulty::{Faults, Faulty};
use mfa_web::web::Web;

use crate::adapter::{Adapter, Kept, SessionFaults, TestApp};
use crate::browser::Browser;
use crate::crowd::Crowd;
use crate::post::Post;
use crate::servers;

/// Where the pages are.
pub const MOUNT: &str = "/account/security";

/// A page's path, from its path below the mount.
pub fn at(path: &str) -> String {
    format!("{MOUNT}/{path}")
}

/// Whose account.
pub fn key(user: &str) -> AccountKey {
    AccountKey::of_user(UserId::new(user).unwrap())
}

/// The address that the host knows of a person.
pub fn address(user: &str) -> String {
    format!("{user}@home.example")
}

/// A portal that is being served, with doubles for all that it needs.
#[derive(Debug)]
pub struct World {
    /// The service, for what an administrator or the host does.
    pub mfa: Mfa,
    /// The time.
    pub clock: ManualClock,
    /// The messages that went out.
    pub sender: RecordingSender,
    /// When they have to wait before they do.
    pub post: Post,
    /// What the host knows of people.
    pub directory: FixedDirectory,
    /// The randomness, to be broken.
    pub entropy: SeededEntropy,
    /// When the store fails.
    pub store: Faults,
    /// When requests wait for each other in the store.
    pub crowd: Crowd,
    /// When the session store fails.
    pub sessions: SessionFaults,
    /// The portal's origin.
    pub base: String,
}

impl World {
    /// A portal whose people may set up a second factor, also by e-mail, and are not reminded.
    pub async fn new(adapter: &dyn Adapter) -> Self {
        Self::with(adapter, |builder| builder).await
    }

    /// The same with other settings.
    pub async fn with(adapter: &dyn Adapter, change: impl FnOnce(Builder) -> Builder) -> Self {
        match adapter.store() {
            Kept::InMemory => Self::on(Arc::new(MemoryStore::new()), adapter, change).await,
            Kept::OnPostgres => Self::on(servers::postgres().await, adapter, change).await,
            Kept::OnRedis => Self::on(servers::redis().await, adapter, change).await,
        }
    }

    async fn on(store: impl Store, adapter: &dyn Adapter, change: impl FnOnce(Builder) -> Builder) -> Self {
        let crowd = Crowd::default();
        let store = Faulty::new(crowd.of(store));
        let (clock, sender) = (ManualClock::default(), RecordingSender::new());
        let post = Post::new(sender.clone());
        let (directory, entropy) = (FixedDirectory::default(), SeededEntropy::new(7));
        for user in ["ann", "ben"] {
            let person = Person {
                label: Some(SecretText::from(user)),
                addresses: vec![SecretText::new(address(user))],
                ..Person::default()
            };
            directory.put(key(user), person);
        }
        let (faults, sessions) = (store.faults(), SessionFaults::default());
        let builder = Mfa::builder("Hillside School", "portal.hillside.example")
            .store(store)
            .sealer(
                KeyRing::from_hex("8f1d0c2b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f001")
                    .unwrap(),
            )
            .clock(clock.clone())
            .sender(post.clone())
            .directory(directory.clone())
            .entropy(entropy.clone())
            .policy(Policy::Off)
            .email_codes(true)
            .help("the school office")
            .hash_cost(HashCost::danger_for_tests())
            .hash_pool(HashPool::new(128.try_into().unwrap()));
        let mfa = change(builder).build().unwrap();
        let web = Web::builder(mfa.clone()).mount(MOUNT).sign_in_page("/sign-in").build().unwrap();
        let base = adapter.serve(TestApp { web, sessions: sessions.clone() }).await;
        Self { mfa, clock, sender, post, directory, entropy, store: faults, crowd, sessions, base }
    }

    /// A browser without cookies.
    pub fn browser(&self) -> Browser {
        Browser::new(&self.base)
    }

    /// Turns the clock.
    pub fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// What an administrator does for somebody who lost their phone.
    pub async fn reset(&self, user: &str) {
        let administrator = UserId::new("administrator").unwrap();
        self.mfa.reset(&key(user), &administrator, "lost phone").await.unwrap().unwrap();
    }

    /// All that was written down, the newest first.
    pub async fn events(&self) -> Vec<Event> {
        let query = EventQuery {
            tenant: TenantId::default(),
            record: None,
            kind: None,
            since: None,
            until: None,
            after: None,
            limit: 10_000,
        };
        self.mfa.events(&query).await.unwrap().into_iter().map(|(_, event)| event).collect()
    }

    /// How often something happened.
    pub async fn count(&self, is: impl Fn(&mfa_core::event::EventKind) -> bool) -> usize {
        self.events().await.iter().filter(|event| is(&event.kind)).count()
    }
}
