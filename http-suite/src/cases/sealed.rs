//! One run through every page and every answer at TRACE: what is secret shows where it must and nowhere else.
//!
//! The class: "secret shown where it shouldn't be" (CVE-2025-11794, CVE-2019-7929).

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use mfa_core::port::sender::Failure;
use mfa_testing::leak::shows;
use mfa_web::paths;
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use crate::adapter::{Adapter, SessionCall};
use crate::browser::{Answer, Browser};
use crate::journey::{USE_APP, USE_BACKUP, USE_EMAIL};
use crate::page;
use crate::world::{World, address, at};

const CODES_ADDRESS: &str = "ann.secret@codes.example";

/// Every page that is opened.
const OPENED: &[&str] = &[
    paths::CHALLENGE,
    paths::CHALLENGE_CHOOSE,
    paths::ENROL,
    paths::ENROL_EMAIL,
    paths::ENROL_CONFIRM,
    paths::BACKUP_CODES_NEW,
    paths::BACKUP_CODES_LOW,
    paths::SETTINGS,
    paths::SETTINGS_RENAME,
    paths::SETTINGS_REMOVE,
    paths::SETTINGS_RESYNC,
    paths::REMINDER,
];

/// Every form that is sent.
const SENT: &[&str] = &[
    paths::CHALLENGE,
    paths::CHALLENGE_CHOOSE,
    paths::CHALLENGE_RESEND,
    paths::CHALLENGE_CANCEL,
    paths::ENROL_APP,
    paths::ENROL_EMAIL,
    paths::ENROL_CONFIRM,
    paths::ENROL_RESEND,
    paths::ENROL_CANCEL,
    paths::BACKUP_CODES_NEW,
    paths::BACKUP_CODES_SAVED,
    paths::SETTINGS_RENAME,
    paths::SETTINGS_REMOVE,
    paths::SETTINGS_RESYNC,
    paths::SETTINGS_SIGN_OUT_OTHERS,
    paths::REMINDER_SKIP,
];

/// Everything that the log says.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// What is secret, and where else than in its own answer it turned up.
#[derive(Default)]
struct Watch {
    secrets: Vec<(&'static str, String)>,
    tokens: BTreeSet<String>,
    opened: BTreeSet<&'static str>,
    sent: BTreeSet<&'static str>,
}

impl Watch {
    fn secret(&mut self, name: &'static str, secret: &str) {
        self.secrets.push((name, secret.to_owned()));
    }

    /// Looks an answer over. `but` are the kinds of secret that this page is there to show.
    fn look(&mut self, answer: &Answer, but: &[&str], note: &str) {
        let headers = format!("{:?}", answer.headers);
        for (name, secret) in &self.secrets {
            assert!(!shows(&headers, secret), "{note}: {name} in the headers");
            assert!(but.contains(name) || !shows(&answer.body, secret), "{note}: {name} in {}", answer.body);
        }
        self.tokens.extend(answer.token());
    }

    /// Opens a page, as a person and as a program.
    async fn open(&mut self, browser: &mut Browser, path: &'static str, query: &str, but: &[&str]) -> Answer {
        self.opened.insert(path);
        let path = format!("{}{query}", at(path));
        let program = browser.get_json(&path).await;
        self.look(&program, but, &format!("GET {path} by a program"));
        let answer = browser.open(&path).await;
        self.look(&answer, but, &format!("GET {path}"));
        answer
    }

    /// Sends a form that needn't be on the page shown, and follows where it leads.
    async fn send(
        &mut self,
        browser: &mut Browser,
        path: &'static str,
        fields: &[(&str, &str)],
        but: &[&str],
    ) -> Answer {
        self.sent.insert(path);
        let token = browser.token();
        let mut all = vec![("csrf", token.as_str())];
        all.extend_from_slice(fields);
        let request = browser.form(&at(path), &all);
        let answer = browser.send(request).await;
        self.look(&answer, but, &format!("POST {path} {fields:?}"));
        let next = browser.follow(&answer).await;
        self.look(&next, but, &format!("after POST {path}"));
        next
    }
}

/// Every endpoint, right and wrong and with faults; then everything that was written anywhere.
#[allow(clippy::too_many_lines, reason = "one run through everything, in the order a person goes")]
pub async fn nothing_secret_is_in_answers_logs_or_events(adapter: &dyn Adapter) {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .without_time()
        .with_writer(log.clone())
        .finish();
    let _listening = tracing::subscriber::set_default(subscriber);
    // With one subscriber alone, tracing asks whichever thread comes to a place first, which may be another test's
    // that listens to nothing, and remembers "nobody". With two it asks each time.
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
    let world = World::with(adapter, |builder| builder.policy(mfa_core::policy::Policy::Encouraged)).await;
    let mut watch = Watch::default();
    watch.secret("an address the host knows", &address("ann"));
    let mut browser = world.browser();
    let mut cookies = BTreeSet::new();

    // In with the password; an app set up, wrong and right.
    let sent = browser.password("ann", "/deep/reports").await;
    watch.look(&sent, &[], "password");
    watch.open(&mut browser, paths::REMINDER, "", &[]).await;
    watch.send(&mut browser, paths::REMINDER_SKIP, &[], &[]).await;
    watch.open(&mut browser, paths::ENROL, "", &[]).await;
    watch.send(&mut browser, paths::ENROL_APP, &[], &[]).await;
    let shown = watch.open(&mut browser, paths::ENROL_CONFIRM, "", &[]).await;
    let uri = page::otpauth(&shown.body).unwrap();
    let app = mfa_testing::app::AuthenticatorApp::scan(&uri).unwrap();
    watch.secret("the key", page::between(&uri, "secret=", "&").unwrap());
    watch.secret("a wrong code", "937164");
    watch.send(&mut browser, paths::ENROL_CONFIRM, &[("code", "937164")], &["the key"]).await;
    let first = world.code(&app);
    watch.secret("a code", &first);
    let shown = watch.send(&mut browser, paths::ENROL_CONFIRM, &[("code", &first)], &[]).await;
    cookies.insert(browser.cookies());
    let codes = page::backup_codes(&shown.body);
    for code in &codes {
        watch.secret("a backup code", code);
        watch.secret("a backup code", &code.replace('-', ""));
    }
    watch.send(&mut browser, paths::BACKUP_CODES_SAVED, &[], &[]).await;

    // An address, that of a set-up given up and that of one gone through with.
    watch.secret("an address", CODES_ADDRESS);
    watch.open(&mut browser, paths::ENROL_EMAIL, "", &[]).await;
    world.sender.fail_next(Failure::Transient);
    watch.send(&mut browser, paths::ENROL_EMAIL, &[("email", CODES_ADDRESS)], &["an address"]).await;
    watch.send(&mut browser, paths::ENROL_EMAIL, &[("email", CODES_ADDRESS)], &["an address"]).await;
    watch.secret("a delivered code", &world.sender.last_code().unwrap());
    watch.send(&mut browser, paths::ENROL_CANCEL, &[], &[]).await;
    world.pass(61);
    watch.send(&mut browser, paths::ENROL_EMAIL, &[("email", CODES_ADDRESS)], &["an address"]).await;
    watch.open(&mut browser, paths::ENROL_CONFIRM, "", &["an address"]).await;
    watch.send(&mut browser, paths::ENROL_RESEND, &[], &["an address"]).await;
    let code = world.sender.last_code().unwrap();
    watch.secret("a delivered code", &code);
    watch.send(&mut browser, paths::ENROL_CONFIRM, &[("code", &code)], &[]).await;
    cookies.insert(browser.cookies());

    // A challenge with each method, right, wrong and used; given up once.
    world.pass(61);
    let mut pending = world.browser();
    let sent = pending.password("ann", "").await;
    watch.look(&sent, &[], "password");
    watch.open(&mut pending, paths::CHALLENGE, "", &[]).await;
    let choice = watch.open(&mut pending, paths::CHALLENGE_CHOOSE, "", &[]).await;
    let method = |words| page::choice(&choice.body, words).unwrap();
    watch.send(&mut pending, paths::CHALLENGE_CHOOSE, &[("method", &method(USE_EMAIL))], &[]).await;
    watch.send(&mut pending, paths::CHALLENGE_RESEND, &[], &[]).await;
    watch.secret("a delivered code", &world.sender.last_code().unwrap());
    watch.send(&mut pending, paths::CHALLENGE_CHOOSE, &[("method", &method(USE_APP))], &[]).await;
    watch.send(&mut pending, paths::CHALLENGE, &[("code", &first)], &[]).await;
    watch.send(&mut pending, paths::CHALLENGE_CANCEL, &[], &[]).await;
    let sent = pending.password("ann", "").await;
    pending.follow(&sent).await;
    watch.send(&mut pending, paths::CHALLENGE_CHOOSE, &[("method", &method(USE_BACKUP))], &[]).await;
    watch.send(&mut pending, paths::CHALLENGE, &[("code", &codes[0])], &[]).await;
    cookies.insert(pending.cookies());
    let json = json!({ "code": codes[0], "csrf": "no such token", "factor": CODES_ADDRESS });
    let refused = pending.post_json(&at(paths::CHALLENGE), &json).await;
    watch.look(&refused, &[], "JSON");

    // The settings, each page and form.
    let mut browser = pending;
    watch.open(&mut browser, paths::BACKUP_CODES_LOW, "", &[]).await;
    let settings = watch.open(&mut browser, paths::SETTINGS, "", &[]).await;
    let factor = page::between(&settings.body, "settings/rename?factor=", "\"").unwrap().to_owned();
    let query = format!("?factor={factor}");
    watch.open(&mut browser, paths::SETTINGS_RENAME, &query, &[]).await;
    let named = [("factor", factor.as_str()), ("name", "Old phone")];
    watch.send(&mut browser, paths::SETTINGS_RENAME, &named, &[]).await;
    watch.open(&mut browser, paths::SETTINGS_RESYNC, &query, &[]).await;
    let two = [("factor", factor.as_str()), ("code", first.as_str()), ("code_2", "937164")];
    watch.send(&mut browser, paths::SETTINGS_RESYNC, &two, &[]).await;
    watch.open(&mut browser, paths::BACKUP_CODES_NEW, "", &[]).await;
    let shown = watch.send(&mut browser, paths::BACKUP_CODES_NEW, &[], &[]).await;
    for code in page::backup_codes(&shown.body) {
        watch.secret("a new backup code", &code);
    }
    watch.send(&mut browser, paths::SETTINGS_SIGN_OUT_OTHERS, &[], &[]).await;
    watch.open(&mut browser, paths::SETTINGS_REMOVE, &query, &[]).await;

    // Faults on the way.
    world.store.fail_all(mfa_testing::store::faulty::Moment::Before);
    watch.open(&mut browser, paths::SETTINGS, "", &[]).await;
    let code = world.code(&app);
    watch.secret("a code", &code);
    watch.send(&mut browser, paths::SETTINGS_RESYNC, &[("factor", &factor), ("code", &code)], &[]).await;
    world.store.heal();
    world.sessions.fail(SessionCall::Load);
    watch.open(&mut browser, paths::SETTINGS, "", &[]).await;
    world.sessions.heal();

    // The end of it.
    watch.send(&mut browser, paths::SETTINGS_REMOVE, &[("factor", &factor)], &[]).await;
    cookies.insert(browser.cookies());
    world.reset("ann").await;
    watch.open(&mut browser, paths::SETTINGS, "", &[]).await;

    let all = |list: &[&'static str]| list.iter().copied().collect::<BTreeSet<_>>();
    assert_eq!(watch.opened, all(OPENED));
    assert_eq!(watch.sent, all(SENT));
    let events = world.events().await;
    let events = format!("{}{events:?}", serde_json::to_string(&events).unwrap());
    let log = log.text();
    assert!(log.contains("ERROR") && log.contains("TRACE"), "the log is not listened to");
    let ours: String =
        log.lines().filter(|line| line.contains(" mfa_")).flat_map(|line| [line, "\n"]).collect();
    for (name, secret) in &watch.secrets {
        assert!(!shows(&log, secret), "{name} in the log");
        assert!(!shows(&events, secret), "{name} in the events");
    }
    for token in &watch.tokens {
        assert!(!ours.contains(token), "a token of a form in the log");
    }
    for cookie in cookies.iter().filter_map(|cookie| cookie.split_once('=')) {
        assert!(!ours.contains(cookie.1), "a session's id in the log");
    }
}
