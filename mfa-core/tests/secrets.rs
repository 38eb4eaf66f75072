//! Promise 6, *sealed*: one run through the whole service at TRACE, and none of what is secret shows anywhere.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests; a failure is what they are for"
)]

use std::fmt::Debug;
use std::io::Write;
use std::sync::{Arc, Mutex};

use crate::common::{KEY_A, KEY_B, WRONG_BACKUP, World, key, user, wrong};
use mfa_core::challenge::Choice;
use mfa_core::port::directory::Person;
use mfa_core::port::memory::MemoryStore;
use mfa_core::port::sender::{Content, Failure, Locale};
use mfa_core::port::store::{self, RecordKey, Store};
use mfa_core::proof::Method;
use mfa_core::secret::SecretText;
use mfa_core::service::{Demand, Enrolment};
use mfa_core::ticket::Authority;
use mfa_testing::app::AuthenticatorApp;
use mfa_testing::leak::shows;
use serde::Serialize;
use tracing_subscriber::fmt::MakeWriter;

const ADDRESS: &str = "ann.private@letters.example";
const HOSTS_ADDRESS: &str = "ann@home.example";
const PEPPER: &[u8] = b"a pepper of the house, quite hot";

/// Whatever an operator, a log or another program could read.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<u8>>>);

impl Seen {
    fn shown<T: Debug>(&self, value: T) -> T {
        writeln!(self.0.lock().unwrap(), "{value:?}\n{value:#?}").unwrap();
        value
    }

    fn written<T: Debug + Serialize>(&self, value: T) -> T {
        let json = serde_json::to_string(&value).unwrap();
        writeln!(self.0.lock().unwrap(), "{json}").unwrap();
        self.shown(value)
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl Write for Seen {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Seen {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// What must not be seen, with a name for the message.
#[derive(Default)]
struct Secrets(Vec<(String, String)>);

impl Secrets {
    fn text(&mut self, name: &str, secret: &str) {
        self.0.push((name.to_owned(), secret.to_owned()));
    }

    /// Bytes, as `Debug` and the usual encodings write them.
    fn bytes(&mut self, name: &str, secret: &[u8]) {
        let list = format!("{secret:?}");
        self.text(name, list.trim_matches(['[', ']']));
        let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        self.text(name, &hex);
        self.text(name, &hex.to_uppercase());
        self.text(name, &base32::encode(base32::Alphabet::Rfc4648 { padding: false }, secret));
        if let Ok(text) = std::str::from_utf8(secret) {
            self.text(name, text);
        }
    }

    fn assert_unseen(&self, place: &str, text: &str) {
        for (name, secret) in &self.0 {
            assert!(!shows(text, secret), "{place} shows {name}: {secret}");
        }
    }
}

#[tokio::test]
#[allow(clippy::too_many_lines, reason = "one run through everything, in the order a person goes")]
async fn sealed_nothing_secret_is_seen_on_the_way_through_everything() {
    let seen = Seen::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .without_time()
        .with_writer(seen.clone())
        .finish();
    let _listening = tracing::subscriber::set_default(subscriber);
    // With one subscriber alone, tracing asks whichever thread comes to a place first, which may be another test's
    // that listens to nothing, and remembers "nobody". With two it asks each time.
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
    let mut secrets = Secrets::default();
    secrets.text("the sealing key", KEY_A);
    secrets.bytes("the pepper", PEPPER);
    secrets.text("an address the host knows", HOSTS_ADDRESS);
    secrets.text("a confirmed address", ADDRESS);

    let world = World::with(|builder| builder.email_codes(true).pepper(PEPPER.to_vec().into()));
    let person = Person { addresses: vec![SecretText::from(HOSTS_ADDRESS)], ..Person::default() };
    let ann = key("ann");
    world.directory.put(ann.clone(), seen.shown(person));
    let mfa = seen.shown(world.mfa.clone());
    let now = || world.clock.time();

    // Enrolment: by app, wrong and right.
    let standing = seen.written(world.admitted(&ann).await);
    let authority = seen.written(Authority::Session(standing));
    let (ticket, shown) = seen.shown(mfa.enrol_app(&authority, "Phone").await.unwrap().unwrap());
    let uri = shown.uri.expose().to_owned();
    let app = AuthenticatorApp::scan(&uri).unwrap();
    let base32_key = shown.key.expose().replace(' ', "");
    secrets.text("the key of the app", &base32_key);
    let raw = base32::decode(base32::Alphabet::Rfc4648 { padding: false }, &base32_key).unwrap();
    secrets.bytes("the key of the app", &raw);
    let written = [seen.written(ticket)];
    let [ticket] = written;
    assert!(matches!(
        seen.shown(mfa.enrolment(&authority, &ticket).await.unwrap().unwrap()),
        Enrolment::App(_)
    ));
    let code = app.code_at(now());
    secrets.text("the code that confirmed the app", &code);
    let _ = seen.shown(mfa.confirm(&authority, &ticket, "999999", None).await.unwrap());
    secrets.text("a wrong code", "999999");
    let confirmed = seen.shown(mfa.confirm(&authority, &ticket, &code, None).await.unwrap().unwrap());
    let app_id = seen.written(confirmed.factor);
    let standing = seen.written(confirmed.verified.into_standing());

    // Enrolment: by e-mail, with a delivery that fails first.
    let authority = Authority::Session(standing);
    world.sender.fail_next(Failure::Transient);
    let _ = seen.shown(mfa.enrol_email(&authority, "Post", ADDRESS, Locale::English).await.unwrap());
    let _ = seen.shown(mfa.enrol_email(&authority, "Post", "not an address", Locale::English).await.unwrap());
    let ticket =
        seen.shown(mfa.enrol_email(&authority, "Post", ADDRESS, Locale::Welsh).await.unwrap().unwrap());
    let code = world.sender.last_code().unwrap();
    secrets.text("the code that confirmed the address", &code);
    let _ = seen.shown(mfa.enrolment(&authority, &ticket).await.unwrap().unwrap());
    let confirmed = seen.shown(mfa.confirm(&authority, &ticket, &code, None).await.unwrap().unwrap());
    let standing = confirmed.verified.into_standing();

    // Backup codes.
    let codes = seen.shown(mfa.make_backup_codes(&standing).await.unwrap().unwrap());
    let codes: Vec<String> = codes.iter().map(|code| code.expose().to_owned()).collect();
    for code in &codes {
        secrets.text("a backup code", code);
        secrets.text("a backup code", &code.replace('-', ""));
    }

    // Sign-ins: wrong, replayed, right, by each method.
    world.pass(60);
    let ticket = seen.shown(world.challenged(&ann).await);
    for method in [Method::App, Method::BackupCode, Method::Email] {
        let _ = seen.written(mfa.challenge(&ticket).await.unwrap().unwrap());
        let choice = seen.written(world.choice(&ticket, method).await);
        let _ = seen.shown(mfa.choose(&ticket, choice, Locale::English).await.unwrap());
        let typed = match method {
            Method::BackupCode => WRONG_BACKUP.to_owned(),
            _ => "888888".to_owned(),
        };
        secrets.text("a wrong code", &typed);
        let _ = seen.shown(mfa.answer(&ticket, &typed).await.unwrap());
    }
    let code = world.sender.last_code().unwrap();
    secrets.text("a delivered code", &code);
    let standing = seen.shown(mfa.answer(&ticket, &code).await.unwrap().unwrap()).verified.into_standing();
    let _ = seen.shown(mfa.answer(&ticket, &code).await.unwrap());
    let step_up = seen.shown(mfa.step_up(&standing).await.unwrap().unwrap());
    let code = app.code_at(now());
    secrets.text("an app code", &code);
    world.choose(&step_up, Method::App).await;
    let standing = seen.shown(mfa.answer(&step_up, &code).await.unwrap().unwrap()).verified.into_standing();
    let ticket = world.challenged(&ann).await;
    mfa.choose(&ticket, Choice::BackupCode, Locale::English).await.unwrap().unwrap();
    let _ = seen.shown(mfa.answer(&ticket, &codes[3]).await.unwrap().unwrap());
    mfa.abandon(&ticket).await.unwrap();

    // Everything that can be looked at or changed.
    let _ = seen.shown(mfa.check(&standing, Demand::default()).await.unwrap());
    let _ = seen.written(mfa.overview(&standing).await.unwrap().unwrap());
    let _ = seen.written(mfa.activity(&standing, 100).await.unwrap().unwrap());
    let _ = seen.shown(mfa.rename(&standing, app_id, "Old phone").await.unwrap());
    let _ = seen.shown(mfa.resynchronise(&standing, app_id, "123456", "654321").await.unwrap());
    let _ = seen.shown(mfa.skip_reminder(&standing).await.unwrap());
    let standing = seen.shown(mfa.end_other_sessions(&standing).await.unwrap().unwrap());
    let _ = seen.written(mfa.roster(ann.tenant(), None, 10).await.unwrap());
    let _ = seen.written(mfa.roster_entry(&ann).await.unwrap());

    // Faults on the way: of the store, of the directory, of the sealer.
    let record = world.record(&ann).await;
    secrets.assert_unseen("the record at rest", &record);
    world.store.before.arm(0);
    seen.shown(mfa.sign_in(&ann).await.unwrap_err());
    world.store.before.disarm();
    world.directory.set_broken(true);
    let _ = seen.shown(mfa.remove(&standing, app_id).await.unwrap_err());
    world.directory.set_broken(false);
    let other_key = world.twin(KEY_B, |builder| builder.email_codes(true));
    let ticket = world.challenged(&ann).await;
    world.choose(&ticket, Method::App).await;
    seen.shown(other_key.answer(&ticket, &app.code_at(now())).await.unwrap_err());

    // Removal, a changed password, a reset, and the news of it all.
    world.sender.fail_next(Failure::Permanent);
    let _ = seen.shown(mfa.remove(&standing, app_id).await.unwrap().unwrap());
    mfa.password_changed(&ann).await.unwrap();
    world.directory.set_broken(true);
    let _ = seen.shown(mfa.reset(&ann, &user("admin"), "lost phone").await.unwrap());
    for event in world.events().await {
        seen.written(event);
    }
    for message in seen.shown(world.sender.messages()) {
        // The message itself carries the address and the code to the sender: neither shows by `Debug`.
        if let Content::Code { code, .. } = &message.content {
            secrets.text("a delivered code", code.expose());
        }
    }

    let text = seen.text();
    for loud in ["ChallengeBegan", "CodeNotSent", "FactorRemoved", "WARN", "ERROR"] {
        assert!(text.contains(loud), "the run was to show {loud}");
    }
    secrets.assert_unseen("what was seen", &text);
    // Were something shown after all, this would have found it.
    for code in [&codes[0], &code] {
        let result = std::panic::catch_unwind(|| secrets.assert_unseen("a slip", &format!("code={code}")));
        assert!(result.is_err());
    }
}

/// What is stored can't be typed in place of what it was made from (simple-login#2132).
#[tokio::test]
async fn sealed_what_is_stored_is_no_answer() {
    let world = World::new();
    let ann = world.with_everything("ann").await;
    let record: serde_json::Value = serde_json::from_str(&world.record(&ann.key).await).unwrap();
    let mut texts = Vec::new();
    let mut rest = vec![&record];
    while let Some(value) = rest.pop() {
        match value {
            serde_json::Value::String(text) => texts.push(text.clone()),
            serde_json::Value::Array(list) => rest.extend(list),
            serde_json::Value::Object(map) => rest.extend(map.values()),
            _ => {}
        }
    }
    assert!(texts.len() > 10, "{texts:?}");
    for text in texts {
        let ticket = world.challenged(&ann.key).await;
        world.choose(&ticket, Method::BackupCode).await;
        assert!(world.answer(&ticket, &text).await.is_err(), "{text}");
        world.pass(7_200);
    }
    assert_ne!(wrong(&ann, &world), "");
}

#[tokio::test]
async fn sealed_a_set_up_under_way_outlives_a_change_of_keys() {
    let world = World::new();
    let ann = world.with_app("ann").await;
    let authority = Authority::Session(ann.standing.clone());
    let (ticket, shown) = world.mfa.enrol_app(&authority, "Second").await.unwrap().unwrap();
    let second = AuthenticatorApp::scan(shown.uri.expose()).unwrap();
    // Any commit under the new ring seals everything with its first key, what isn't confirmed yet included.
    let rotated = world.twin(&format!("{KEY_B} {KEY_A}"), |builder| builder.email_codes(true));
    let _ = rotated.sign_in(&ann.key).await.unwrap();
    let new_alone = world.twin(KEY_B, |builder| builder.email_codes(true));
    let code = second.code_at(world.clock.time());
    let _ = new_alone.confirm(&authority, &ticket, &code, None).await.unwrap().unwrap();
}

#[tokio::test]
async fn sealed_what_is_written_shows_its_size_in_debug_and_not_its_bytes() {
    let world = World::new();
    let ann = world.with_app("ann").await;
    let key = RecordKey::from(&ann.key);
    let held = world.store.load(&key).await.unwrap().unwrap();
    let write = store::Write {
        key,
        expected: Some(held.version),
        next: held.version.next(),
        record: held.record.clone(),
        events: Vec::new(),
    };
    let size = format!("bytes: {}", held.record.len());
    for shown in [format!("{held:?}"), format!("{write:?}")] {
        assert!(shown.contains(&size), "{shown}");
        assert!(!shown.contains("118, 34") && !shown.contains("totp"), "{shown}");
    }
    assert_eq!(write.next.as_u64(), held.version.as_u64() + 1);
    assert!(format!("{:?}", MemoryStore::new()).contains("MemoryStore"));
}
