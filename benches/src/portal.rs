//! A portal with one person in it, who has an app, an address and ten backup codes and has passed the challenge.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mfa_core::factor::backup::HashCost;
use mfa_core::fault::Fault;
use mfa_core::id::{AccountKey, UserId};
use mfa_core::port::clock::{Clock, SystemClock};
use mfa_core::port::memory::MemoryStore;
use mfa_core::port::sealer::KeyRing;
use mfa_core::port::sender::Locale;
use mfa_core::port::store::{RecordKey, Store as _};
use mfa_core::service::{Demand, Mfa, SignIn};
use mfa_core::ticket::Authority;
use mfa_sqlx::sqlite::SqliteStore;
use mfa_testing::app::AuthenticatorApp;
use mfa_testing::sender::RecordingSender;
use mfa_web::gate::{Asked, Passage};
use mfa_web::message::{Method, Request};
use mfa_web::session::Session;
use mfa_web::web::Web;
use tempfile::TempDir;

/// What our state is called in the sessions of both adapters.
pub const KEY: &str = "mfa";
/// Under which name the page without a gate finds whose session it is.
pub const USER: &str = "user";

/// A portal with one person in it.
pub struct Portal {
    /// Its pages and its gate.
    pub web: Web,
    /// The person's account.
    pub key: AccountKey,
    /// What the session of the person keeps for us.
    pub state: String,
    store: Kind,
    _folder: TempDir,
}

enum Kind {
    Memory(Arc<MemoryStore>),
    Sqlite(SqliteStore),
}

/// What all pages say.
pub fn page(user: &str) -> String {
    format!("<h1>Hello, user {user}</h1><p><a href='/security'>Sign-in security</a></p>")
}

impl Portal {
    /// On the store of this name: `memory` or `SQLite`.
    pub async fn open(store: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let builder = Mfa::builder("Hillside School", "portal.hillside.example");
        let store = match store {
            "SQLite" => Kind::Sqlite(SqliteStore::open(folder.path().join("gate.db")).await.unwrap()),
            _ => Kind::Memory(Arc::new(MemoryStore::new())),
        };
        let builder = match &store {
            Kind::Sqlite(store) => builder.store(store.clone()),
            Kind::Memory(store) => builder.store(Arc::clone(store)),
        };
        let (key, sender) =
            (AccountKey::of_user(UserId::new("user-0000000").unwrap()), RecordingSender::new());
        let mfa = builder
            .sealer(
                KeyRing::from_hex("8f1d0c2b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f001")
                    .unwrap(),
            )
            .sender(sender.clone())
            .help("the school office")
            .email_codes(true)
            .hash_cost(HashCost::danger_for_tests())
            .build()
            .unwrap();
        let app = enrol(&mfa, &key, &sender).await;
        let web = Web::builder(mfa).mount("/security").build().unwrap();
        let state = sign_in(&web, &key, &app).await;
        Self { web, key, state, store, _folder: folder }
    }

    /// Reads the person's record and does nothing with it: how many bytes it has.
    pub async fn ask(&self) -> usize {
        let key = RecordKey::from(&self.key);
        let held = match &self.store {
            Kind::Memory(store) => store.load(&key).await,
            Kind::Sqlite(store) => store.load(&key).await,
        };
        held.unwrap().unwrap().record.len()
    }

    /// Asks the gate once, and is let through.
    pub async fn pass(&self, session: &Kept) {
        let asked = Asked::new(Method::Get, "/guarded", None);
        match self.web.gate(session, Demand::default(), &asked).await {
            Passage::Open(person) => assert_eq!(person.account(), &self.key),
            Passage::Stopped(_) => panic!("the gate is shut"),
        }
    }
}

async fn enrol(mfa: &Mfa, key: &AccountKey, sender: &RecordingSender) -> AuthenticatorApp {
    let SignIn::Admitted { verified, .. } = mfa.sign_in(key).await.unwrap() else { panic!("not admitted") };
    let authority = Authority::Session(verified.into_standing());
    let (ticket, shown) = mfa.enrol_app(&authority, "Phone").await.unwrap().unwrap();
    let app = AuthenticatorApp::scan(shown.uri.expose()).unwrap();
    // The code of before, so that the one of now is there to sign in with.
    let code = app.code_at(SystemClock.now().unwrap().before(Duration::from_secs(30)));
    let confirmed = mfa.confirm(&authority, &ticket, &code, None).await.unwrap().unwrap();
    let authority = Authority::Session(confirmed.verified.into_standing());
    let ticket = mfa.enrol_email(&authority, "Post", "user-0@codes.example", Locale::English).await;
    let (ticket, code) = (ticket.unwrap().unwrap(), sender.last_code().unwrap());
    let confirmed = mfa.confirm(&authority, &ticket, &code, None).await.unwrap().unwrap();
    let _codes = mfa.make_backup_codes(&confirmed.verified.into_standing()).await.unwrap().unwrap();
    app
}

/// Through the pages, as a program goes; what the session then keeps.
async fn sign_in(web: &Web, key: &AccountKey, app: &AuthenticatorApp) -> String {
    let session = Kept::default();
    web.sign_in(&session, key, None, None).await.unwrap();
    let ask = Request::new(Method::Get, "/challenge").with_header("accept", "application/json");
    let view = web.handle(&session, ask).await.into_body().into_owned();
    let view: serde_json::Value = serde_json::from_slice(&view).unwrap();
    let code = app.code_at(SystemClock.now().unwrap());
    let answer = serde_json::json!({ "code": code, "csrf": view["csrf"] });
    let answer = Request::new(Method::Post, "/challenge")
        .with_header("content-type", "application/json")
        .with_body(answer.to_string().into_bytes());
    assert_eq!(web.handle(&session, answer).await.status(), 200);
    session.load().await.unwrap().unwrap()
}

/// A session of no framework.
#[derive(Default)]
pub struct Kept(Mutex<Option<String>>);

impl Kept {
    /// With what is kept already.
    pub fn of(state: String) -> Self {
        Self(Mutex::new(Some(state)))
    }
}

impl Session for Kept {
    async fn load(&self) -> Result<Option<String>, Fault> {
        Ok(self.0.lock().unwrap().clone())
    }

    async fn save(&self, state: String) -> Result<(), Fault> {
        *self.0.lock().unwrap() = Some(state);
        Ok(())
    }

    async fn rotate(&self) -> Result<(), Fault> {
        Ok(())
    }
}
