//! One portal's web side with a session in memory: no framework, no sockets.
#![allow(dead_code, reason = "a module of several test programs, each of which uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test helper fails by panicking"
)]

use std::sync::Mutex;
use std::time::Duration;

use mfa_core::factor::backup::HashCost;
use mfa_core::fault::Fault;
use mfa_core::id::{AccountKey, UserId};
use mfa_core::port::memory::MemoryStore;
use mfa_core::port::sealer::KeyRing;
use mfa_core::port::sender::Locale;
use mfa_core::proof::Standing;
use mfa_core::service::{Builder, Mfa, SignIn};
use mfa_core::ticket::Authority;
use mfa_testing::app::AuthenticatorApp;
use mfa_testing::clock::ManualClock;
use mfa_testing::directory::FixedDirectory;
use mfa_testing::sender::RecordingSender;
use mfa_web::message::{Method, Request, Response};
use mfa_web::session::Session;
use mfa_web::web::{Web, WebBuilder};
use serde_json::Value;

const KEY: &str = "8f1d0c2b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f001";

/// A session in memory that counts how often its id changed.
#[derive(Default)]
pub(crate) struct Kept(Mutex<(Option<String>, usize)>);

impl Session for Kept {
    async fn load(&self) -> Result<Option<String>, Fault> {
        Ok(self.0.lock().unwrap().0.clone())
    }
    async fn save(&self, state: String) -> Result<(), Fault> {
        self.0.lock().unwrap().0 = Some(state);
        Ok(())
    }
    async fn rotate(&self) -> Result<(), Fault> {
        self.0.lock().unwrap().1 += 1;
        Ok(())
    }
}

impl Kept {
    pub(crate) fn state(&self) -> Value {
        let kept = self.0.lock().unwrap();
        let state = kept.0.as_deref().map_or("null", |text| text.split_once('\n').unwrap().1);
        serde_json::from_str(state).unwrap()
    }

    /// Puts a standing into it, as a passed challenge does.
    pub(crate) async fn seat(&self, standing: &Standing) {
        let mut state = self.state();
        state["stage"] = serde_json::json!({ "signed_in": {} });
        self.save(format!("{}\n{state}", standing.to_line())).await.unwrap();
    }

    pub(crate) fn rotations(&self) -> usize {
        self.0.lock().unwrap().1
    }

    pub(crate) fn csrf(&self) -> String {
        self.state()["csrf"].as_str().unwrap().to_owned()
    }
}

pub(crate) struct Portal {
    pub(crate) mfa: Mfa,
    pub(crate) web: Web,
    pub(crate) clock: ManualClock,
    pub(crate) sender: RecordingSender,
    pub(crate) directory: FixedDirectory,
}

pub(crate) fn portal(
    core: impl FnOnce(Builder) -> Builder,
    web: impl FnOnce(WebBuilder) -> WebBuilder,
) -> Portal {
    let (clock, sender) = (ManualClock::default(), RecordingSender::new());
    let directory = FixedDirectory::default();
    let builder = Mfa::builder("Hillside School", "portal.hillside.example")
        .store(MemoryStore::new())
        .sealer(KeyRing::from_hex(KEY).unwrap())
        .clock(clock.clone())
        .sender(sender.clone())
        .directory(directory.clone())
        .help("Ask the office.")
        .email_codes(true)
        .hash_cost(HashCost::danger_for_tests());
    let mfa = core(builder).build().unwrap();
    let web = web(Web::builder(mfa.clone())).build().unwrap();
    Portal { mfa, web, clock, sender, directory }
}

pub(crate) fn plain() -> Portal {
    portal(|builder| builder, |builder| builder)
}

pub(crate) fn key(user: &str) -> AccountKey {
    AccountKey::of_user(UserId::new(user).unwrap())
}

pub(crate) fn text(response: Response) -> String {
    String::from_utf8(response.into_body().into_owned()).unwrap()
}

impl Portal {
    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub(crate) async fn admitted(&self, user: &str) -> Standing {
        match self.mfa.sign_in(&key(user)).await.unwrap() {
            SignIn::Admitted { verified, .. } => verified.into_standing(),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn with_app(&self, user: &str) -> (AuthenticatorApp, Standing) {
        let authority = Authority::Session(self.admitted(user).await);
        let (ticket, shown) = self.mfa.enrol_app(&authority, "Phone").await.unwrap().unwrap();
        let app = AuthenticatorApp::scan(shown.uri.expose()).unwrap();
        let code = app.code_at(self.clock.time());
        let confirmed = self.mfa.confirm(&authority, &ticket, &code, None).await.unwrap().unwrap();
        self.pass(30);
        (app, confirmed.verified.into_standing())
    }

    pub(crate) async fn with_mailbox(&self, user: &str) -> Standing {
        let authority = Authority::Session(self.admitted(user).await);
        let address = format!("{user}@codes.example");
        let ticket =
            self.mfa.enrol_email(&authority, "Post", &address, Locale::English).await.unwrap().unwrap();
        let code = self.sender.last_code().unwrap();
        let confirmed = self.mfa.confirm(&authority, &ticket, &code, None).await.unwrap().unwrap();
        self.sender.clear();
        confirmed.verified.into_standing()
    }

    pub(crate) async fn enters(&self, user: &str, locale: Option<Locale>) -> Kept {
        let session = Kept::default();
        self.web.sign_in(&session, &key(user), None, locale).await.unwrap();
        session
    }

    pub(crate) async fn post(&self, session: &Kept, path: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = Request::new(Method::Post, path)
            .with_header("content-type", "application/x-www-form-urlencoded")
            .with_body(format!("csrf={}", session.csrf()).into_bytes());
        for (name, value) in headers {
            request = request.with_header(name, value);
        }
        self.web.handle(session, request).await
    }

    /// Posts fields whose values need no escaping.
    pub(crate) async fn send(&self, session: &Kept, path: &str, fields: &[(&str, &str)]) -> Response {
        let mut body = format!("csrf={}", session.csrf());
        for (name, value) in fields {
            body.push_str(&format!("&{name}={value}"));
        }
        let request = Request::new(Method::Post, path)
            .with_header("content-type", "application/x-www-form-urlencoded")
            .with_body(body.into_bytes());
        self.web.handle(session, request).await
    }

    /// What a program reads of a page.
    pub(crate) async fn read(&self, session: &Kept, path: &str) -> Value {
        let request = Request::new(Method::Get, path).with_header("accept", "application/json");
        serde_json::from_str(&text(self.web.handle(session, request).await)).unwrap()
    }

    pub(crate) async fn get(&self, session: &Kept, path: &str) -> String {
        text(self.web.handle(session, Request::new(Method::Get, path)).await)
    }
}
