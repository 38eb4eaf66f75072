//! The service as a portal builds it, and other processes that run this test program on an errand.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "shared by several tests, each of which uses a part; a test may panic, and a process on an errand \
              tells its parent by stdout how it fares"
)]

use std::io::{BufRead, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use mfa_core::factor::backup::HashCost;
use mfa_core::fault::Fault;
use mfa_core::hashing::HashPool;
use mfa_core::id::{AccountKey, UserId};
use mfa_core::port::sealer::KeyRing;
use mfa_core::port::store::Store;
use mfa_core::service::{Mfa, SignIn};
use mfa_core::ticket::{Authority, Ticket};
use mfa_testing::app::AuthenticatorApp;
use mfa_testing::clock::ManualClock;
use mfa_testing::sender::RecordingSender;

const KEYS: &str = "8f1d0c2b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f001";

/// The service, with hashes that cost nothing.
pub(crate) fn service(store: impl Store, clock: &ManualClock, sender: &RecordingSender) -> Mfa {
    Mfa::builder("Hillside School", "portal.hillside.example")
        .store(store)
        .sealer(KeyRing::from_hex(KEYS).unwrap())
        .clock(clock.clone())
        .sender(sender.clone())
        .help("the school office")
        .email_codes(true)
        .hash_cost(HashCost::danger_for_tests())
        .hash_pool(HashPool::new(256.try_into().unwrap()))
        .build()
        .unwrap()
}

/// Gives a user a first factor, and its `otpauth` address. The next code is fresh a step later.
pub(crate) async fn enrol(mfa: &Mfa, clock: &ManualClock, user: &str) -> String {
    let SignIn::Admitted { verified, .. } = mfa.sign_in(&key(user)).await.unwrap() else {
        panic!("{user} has a second factor already")
    };
    let authority = Authority::Session(verified.into_standing());
    let (ticket, shown) = mfa.enrol_app(&authority, "Phone").await.unwrap().unwrap();
    let uri = shown.uri.expose().to_owned();
    let code = AuthenticatorApp::scan(&uri).unwrap().code_at(clock.time());
    let _confirmed = mfa.confirm(&authority, &ticket, &code, None).await.unwrap().unwrap();
    uri
}

/// The account of a user.
pub(crate) fn key(user: &str) -> AccountKey {
    AccountKey::of_user(UserId::new(user).unwrap())
}

/// A challenge that waits for an app's code.
pub(crate) async fn challenged(mfa: &Mfa, user: &str) -> Result<Ticket, Fault> {
    let SignIn::Challenged(ticket) = mfa.sign_in(&key(user)).await? else {
        panic!("{user} has no second factor")
    };
    Ok(ticket)
}

/// Where a process on an errand finds it.
pub(crate) const ERRAND: &str = "MFA_SQLX_TEST_ERRAND";

/// The errand this process is on, if it is.
pub(crate) fn errand<T: serde::de::DeserializeOwned>() -> Option<T> {
    Some(serde_json::from_str(&std::env::var(ERRAND).ok()?).unwrap())
}

/// Tells the parent.
pub(crate) fn say(words: &str) {
    println!("\n{words}");
    std::io::stdout().flush().unwrap();
}

/// Waits until the parent fires the starting gun.
pub(crate) async fn until_go() {
    say("ready");
    let wait = || {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).unwrap();
        assert_eq!(line, "go\n");
    };
    tokio::task::spawn_blocking(wait).await.unwrap();
}

/// Another process, killed when dropped.
pub(crate) struct Other {
    child: Child,
    stdin: ChildStdin,
    out: BufReader<ChildStdout>,
}

impl Other {
    /// Starts this test program again, with the one test that runs the errand.
    pub(crate) fn start(test: &str, errand: &impl serde::Serialize) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([test, "--exact", "--nocapture", "--test-threads=1"])
            .env(ERRAND, serde_json::to_string(errand).unwrap())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdin, out }
    }

    /// Waits for a line that begins so, and gives it.
    pub(crate) fn hears(&mut self, word: &str) -> String {
        let mut line = String::new();
        while !line.starts_with(word) {
            line.clear();
            assert!(self.out.read_line(&mut line).unwrap() > 0, "it ended before {word:?}");
        }
        line.trim_end().to_owned()
    }

    /// Fires the starting gun.
    pub(crate) fn go(&mut self) {
        self.stdin.write_all(b"go\n").unwrap();
    }

    /// Kills it, with a signal that it can't catch.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its good end.
    pub(crate) fn ends(mut self) {
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        // A test that fails leaves nobody waiting for a gun that is never fired.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// All at once: each says it is ready, then all are let go, then each says how it fared.
pub(crate) fn together(mut others: Vec<Other>, word: &str) -> Vec<String> {
    for other in &mut others {
        other.hears("ready");
    }
    for other in &mut others {
        other.go();
    }
    let said = others.iter_mut().map(|other| other.hears(word)).collect();
    others.into_iter().for_each(Other::ends);
    said
}
