//! Sealed: one run through every endpoint, listening at TRACE, with every secret known.
//!
//! The class: "secret shown where it shouldn't be" (CVE-2025-11794, CVE-2019-7929).

use std::io::{Result, Write};
use std::sync::{Arc, Mutex};

use mfa_core::port::sender::Failure;
use mfa_testing::store::faulty::{Call, Moment};
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use crate::adapter::{Adapter, SessionCall};
use crate::browser::{Answer, Browser};
use crate::journey::{USE_APP, USE_BACKUP, USE_EMAIL, scan};
use crate::page::{backup_codes, between, otpauth};
use crate::world::{World, address, at};

/// A log in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// What nobody may read, and what it is.
#[derive(Default)]
struct Secrets(Vec<(&'static str, String)>);

impl Secrets {
    fn add(&mut self, what: &'static str, secret: impl Into<String>) {
        let secret = secret.into();
        assert!(secret.len() > 5, "{what} is too short to be looked for: {secret}");
        self.0.push((what, secret));
    }

    fn add_key(&mut self, html: &str) {
        let uri = otpauth(html).unwrap();
        self.add("key", between(&uri, "secret=", "&").unwrap());
        self.add("key", uri);
    }

    fn add_codes(&mut self, codes: &[String]) {
        for code in codes {
            self.add("backup code", code.clone());
            self.add("backup code", code.replace('-', ""));
        }
    }

    /// The kinds found in a text.
    fn found_in(&self, text: &str) -> Vec<&'static str> {
        let mut found: Vec<_> = self.0.iter().filter(|(_, secret)| stands_in(text, secret)).map(|(what, _)| *what).collect();
        found.dedup();
        found
    }

    #[track_caller]
    fn assert_none_in(&self, text: &str, place: &str) {
        assert_eq!(self.found_in(text), Vec::<&str>::new(), "{place}: {text}");
    }
}

/// Six digits may stand within a longer number by chance; that is no code.
fn stands_in(text: &str, secret: &str) -> bool {
    text.match_indices(secret).any(|(at, _)| {
        let before = text[..at].chars().next_back().is_some_and(char::is_alphanumeric);
        let after = text[at + secret.len()..].chars().next().is_some_and(char::is_alphanumeric);
        !before && !after
    })
}

/// Goes through everything once, right and wrong, and notes every secret on its way.
async fn run(world: &World) -> Secrets {
    let mut secrets = Secrets::default();
    for user in ["ann", "ben"] {
        secrets.add("address", address(user));
    }
    // Setting up an app and an address, with mistakes.
    let mut browser = world.browser();
    browser.password("ann", "/deep/page?for=ann").await;
    secrets.add("cookie", browser.cookies().split_once('=').unwrap().1);
    let app = scan(&mut browser).await;
    secrets.add_key(&browser.page().body);
    browser.get_json(&at("enrol/confirm")).await;
    secrets.add("wrong code", world.wrong(&app));
    browser.submit(&at("enrol/confirm"), &[("code", &world.wrong(&app))]).await;
    secrets.add("code", world.code(&app));
    secrets.add("token", browser.token());
    let shown = browser.submit(&at("enrol/confirm"), &[("code", &world.code(&app))]).await;
    secrets.add_codes(&backup_codes(&shown.body));
    secrets.add("cookie", browser.cookies().split_once('=').unwrap().1);
    secrets.add("token", browser.token());
    browser.submit(&at("backup-codes/saved"), &[]).await;
    browser.open(&at("enrol/email")).await;
    secrets.add("address", "not-an-address@nowhere");
    browser.submit(&at("enrol/email"), &[("email", "not-an-address@nowhere")]).await;
    secrets.add("address", "ann@codes.example");
    world.sender.fail_next(Failure::Permanent);
    browser.submit(&at("enrol/email"), &[("email", "ann@codes.example")]).await;
    world.add_email(&mut browser, "ann@codes.example").await;
    secrets.add("delivered code", world.sender.last_code().unwrap());
    world.pass(60);

    // Signing in by every method, with mistakes, as a page and as JSON.
    let codes = backup_codes(&shown.body);
    for (words, code) in [(USE_BACKUP, Some(codes[0].clone())), (USE_EMAIL, None), (USE_APP, Some(String::new()))] {
        let mut pending = world.pending("ann", "/deep/page").await;
        secrets.add("cookie", pending.cookies().split_once('=').unwrap().1);
        secrets.add("token", pending.token());
        if words == USE_EMAIL {
            world.sender.fail_next(Failure::Transient);
            let page = pending.open(&at("challenge/choose")).await;
            let email = crate::page::choice(&page.body, USE_EMAIL).unwrap();
            pending.submit(&at("challenge/choose"), &[("method", &email)]).await;
        }
        world.choose(&mut pending, words).await;
        let code = match (words, code) {
            (USE_EMAIL, _) => world.sender.last_code().unwrap(),
            (USE_APP, _) => world.code(&app),
            (_, code) => code.unwrap(),
        };
        secrets.add(if words == USE_BACKUP { "backup code" } else { "code" }, code.clone());
        let wrong = if words == USE_BACKUP { "7777-7777-7777-7777".to_owned() } else { "918273".to_owned() };
        secrets.add("wrong code", wrong.clone());
        world.answer(&mut pending, &wrong).await;
        world.answer(&mut pending, &format!("{wrong}9")).await;
        pending.get_json(&at("challenge")).await;
        pending.post_json(&at("challenge"), &json!({ "code": wrong })).await;
        faults(world, &mut pending, &code).await;
        let passed = pending.post_json(&at("challenge"), &json!({ "code": code })).await;
        assert_eq!(passed.status, 200, "{words}: {}", passed.body);
        secrets.add("token", pending.token());
        secrets.add("cookie", pending.cookies().split_once('=').unwrap().1);
        let mut replay = world.pending("ann", "").await;
        secrets.add("cookie", replay.cookies().split_once('=').unwrap().1);
        world.choose(&mut replay, if words == USE_EMAIL { USE_APP } else { words }).await;
        world.answer(&mut replay, &code).await;
        world.pass(60);
        browser = pending;
    }

    // Everything in the settings.
    let settings = browser.get_json(&at("settings")).await.json();
    let ids: Vec<_> = settings["overview"]["factors"].as_array().unwrap().iter().map(|factor| factor["id"].clone()).collect();
    for page in ["rename", "remove", "resync"] {
        browser.open(&at(&format!("settings/{page}?factor={}", ids[0].as_str().unwrap()))).await;
        browser.get_json(&at(&format!("settings/{page}?factor={}", ids[0].as_str().unwrap()))).await;
    }
    let (first, second) = (app.clone().with_drift(90), app.clone().with_drift(120));
    let (first, second) = (world.code(&first), world.code(&second));
    secrets.add("code", first.clone());
    secrets.add("code", second.clone());
    for second in ["918273", &second] {
        let two = json!({ "factor": ids[0], "code": first, "code_2": second });
        browser.post_json(&at("settings/resync"), &two).await;
    }
    browser.post_json(&at("settings/rename"), &json!({ "factor": ids[0], "name": "Phone" })).await;
    browser.open(&at("backup-codes/new")).await;
    let shown = browser.submit(&at("backup-codes/new"), &[]).await;
    secrets.add_codes(&backup_codes(&shown.body));
    for path in ["settings", "backup-codes/low", "backup-codes/new", "enrol", "reminder", "nope", ""] {
        browser.open(&at(path)).await;
        browser.get_json(&at(path)).await;
    }
    let forged = browser.form(&at("settings"), &[("csrf", "x"), ("code", "918273")]);
    browser.send(forged).await;
    browser.post_json(&at("settings/sign-out-others"), &json!({})).await;
    secrets.add("cookie", browser.cookies().split_once('=').unwrap().1);
    browser.post_json(&at("settings/remove"), &json!({ "factor": ids[1] })).await;
    browser.open(&at("enrol")).await;
    browser.submit(&at("enrol/cancel"), &[]).await;
    let sign_out = browser.ask("POST", "/sign-out");
    browser.send(sign_out).await;
    let mut given_up = world.pending("ann", "").await;
    given_up.submit(&at("challenge/cancel"), &[]).await;
    world.reset("ann").await;
    secrets
}

/// Everything that fails writes to the log.
async fn faults(world: &World, browser: &mut Browser, code: &str) {
    let code = json!({ "code": code });
    for call in [Call::Load, Call::Commit] {
        world.store.fail_every(call, Moment::Before);
        browser.post_json(&at("challenge"), &code).await;
        browser.open(&at("challenge")).await;
        world.browser().password("ben", "").await;
        world.store.heal();
    }
    let sessions = [SessionCall::Load, SessionCall::Save];
    for call in sessions {
        world.sessions.fail(call);
        browser.clone().get_json(&at("challenge")).await;
        browser.clone().open("/").await;
        world.sessions.heal();
    }
    world.clock.set_broken(true);
    browser.post_json(&at("challenge"), &code).await;
    world.clock.set_broken(false);
}

/// Which secrets a page may show: only what it is there to show, and only to whom it belongs.
fn allowed(method: &str, path: &str, answer: &Answer) -> &'static [&'static str] {
    match (method, path.strip_prefix(crate::world::MOUNT).unwrap_or(path)) {
        (_, "/enrol/confirm") if answer.body.contains("otpauth:") => &["key", "token"],
        ("POST", "/enrol/confirm" | "/backup-codes/new") if answer.status == 200 => &["backup code", "token"],
        // What is being set up, to whoever typed it.
        (_, "/enrol/confirm" | "/enrol/email") => &["address", "token"],
        _ => &["token"],
    }
}

/// Not in the log of any crate, not in events, not in headers, problems or `Debug`; on its own page only.
pub async fn no_secret_is_anywhere_but_on_its_page(adapter: &dyn Adapter) {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .without_time()
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_writer(log.clone())
        .finish();
    let listening = tracing::subscriber::set_default(subscriber);
    // With a single subscriber, tracing asks the thread that comes to a place first, which may be another test's and
    // listens to nothing, and remembers "nobody". With two it asks both.
    let second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
    let world = World::new(adapter).await;
    tracing::info!("the suite listens");
    let secrets = run(&world).await;
    drop((listening, second));

    // What is looked for can be found, and the log is one.
    let seen = world.seen.lock().unwrap().clone();
    let pages: String = seen.iter().map(|(_, _, answer)| answer.body.as_str()).collect();
    for kind in ["key", "backup code", "address", "token"] {
        assert!(secrets.found_in(&pages).contains(&kind), "no page has shown the {kind}");
    }
    let text = log.text();
    for line in ["the suite listens", "failed on purpose", "the test broke", "without the session's token", "mfa_core"] {
        assert!(text.contains(line), "the log has no {line:?}: {text}");
    }

    let ours: String = text.lines().filter(|line| line.contains("mfa_")).map(|line| format!("{line}\n")).collect();
    secrets.assert_none_in(&ours, "our log");
    // A session layer may write what it likes of its ids; the rest is nobody's to write.
    let sealed = Secrets(secrets.0.iter().filter(|(what, _)| *what != "cookie").cloned().collect());
    sealed.assert_none_in(&text, "the log");

    for event in world.events().await {
        secrets.assert_none_in(&format!("{event:?}"), "an event");
        secrets.assert_none_in(&serde_json::to_string(&event).unwrap(), "an event");
    }
    for (method, path, answer) in &seen {
        let place = format!("{method} {path}");
        for (name, value) in &answer.headers {
            if name != "set-cookie" {
                secrets.assert_none_in(value.to_str().unwrap(), &format!("{name} of {place}"));
            }
        }
        if answer.header("content-type") == "application/problem+json" {
            secrets.assert_none_in(&answer.body, &place);
        }
        let found = secrets.found_in(&answer.body);
        let allowed = allowed(method, path, answer);
        assert!(found.iter().all(|kind| allowed.contains(kind)), "{place} shows {found:?}: {}", answer.body);
        secrets.assert_none_in(path, "an address");
    }
    let messages = world.sender.messages();
    assert!(messages.len() > 3);
    let web = mfa_web::web::Web::builder(world.mfa.clone()).build().unwrap();
    let debug = format!("{:?} {:?} {:?} {:?} {web:?}", world.mfa, messages, world.sender, world.directory);
    secrets.assert_none_in(&debug, "Debug");
}
