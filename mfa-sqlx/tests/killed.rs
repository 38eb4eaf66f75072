//! A process killed while it answers: before, during and after its commit, one code opens one door at most.
#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests; a failure is what they are for")]

mod common;

use std::fs;
use std::future::pending;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use common::portal::{self, Other};
use common::{Scratch, integrity};
use mfa_core::fault::Fault;
use mfa_core::port::store::{
    Committed, EventPage, EventQuery, PageQuery, RecordKey, RecordPage, Store, Versioned, Write,
};
use mfa_core::service::Mfa;
use mfa_core::ticket::Ticket;
use mfa_core::time::Timestamp;
use mfa_sqlx::sqlite::SqliteStore;
use mfa_testing::app::AuthenticatorApp;
use mfa_testing::clock::ManualClock;
use mfa_testing::sender::RecordingSender;

/// Where the killed process has got to with its commit.
#[derive(Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
enum Stage {
    /// It has checked the code, and not begun to write.
    Before,
    /// It is writing.
    During,
    /// It has written, and nobody has been told yet.
    After,
}

/// Says when a commit begins or has been made, and goes no further where it is to be killed.
struct Doomed(SqliteStore, Stage);

impl Store for Doomed {
    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>, Fault> {
        self.0.load(key).await
    }

    async fn commit(&self, write: &Write) -> Result<Committed, Fault> {
        if self.1 != Stage::After {
            portal::say("now");
        }
        if self.1 == Stage::Before {
            pending::<()>().await;
        }
        let committed = self.0.commit(write).await?;
        assert_eq!(committed, Committed::Done);
        if self.1 == Stage::After {
            portal::say("now");
        }
        pending().await
    }

    async fn events(&self, query: &EventQuery) -> Result<EventPage, Fault> {
        self.0.events(query).await
    }

    async fn page(&self, query: &PageQuery) -> Result<RecordPage, Fault> {
        self.0.page(query).await
    }

    async fn erase(&self, key: &RecordKey) -> Result<(), Fault> {
        self.0.erase(key).await
    }
}

/// Not a test when nobody sends it on an errand: then it has nothing to do.
#[tokio::test]
async fn answer_and_be_killed() {
    let Some((file, ticket, typed, now, stage)) = portal::errand::<(PathBuf, Ticket, String, u64, Stage)>()
    else {
        return;
    };
    let store = Doomed(SqliteStore::open(file).await.unwrap(), stage);
    let clock = ManualClock::at(Timestamp::from_unix(now));
    let mfa = portal::service(store, &clock, &RecordingSender::new());
    let answer = mfa.answer(&ticket, &typed).await;
    panic!("nobody killed it: {answer:?}");
}

struct World {
    scratch: Scratch,
    clock: ManualClock,
    mfa: Mfa,
    app: AuthenticatorApp,
}

impl World {
    async fn new() -> Self {
        let (scratch, clock) = (Scratch::new(), ManualClock::default());
        let store = SqliteStore::open(scratch.file()).await.unwrap();
        let mfa = portal::service(store, &clock, &RecordingSender::new());
        let app = AuthenticatorApp::scan(&portal::enrol(&mfa, &clock, "ann").await).unwrap();
        Self { scratch, clock, mfa, app }
    }

    /// How often a code is accepted here, after a process that answered with it was killed at `stage`, and when so many
    /// writes to SQLite's log had been seen.
    async fn passes_after_a_kill(&self, stage: Stage, writes: usize) -> usize {
        // Used codes count as wrong answers, and make the account wait.
        self.clock.advance(Duration::from_secs(7200));
        let (first, second) = (self.ticket().await, self.ticket().await);
        let typed = self.app.code_at(self.clock.time());
        let errand = (self.scratch.file(), &first, &typed, self.clock.time().as_unix(), stage);
        let mut doomed = Other::start("answer_and_be_killed", &errand);
        let mut log = self.log();
        doomed.hears("now");
        // Looks are counted, for the last writes may be behind us when we begin.
        let (mut seen, mut looks) = (0, 0);
        while seen < writes && looks < 8_000 {
            let now = self.log();
            seen += usize::from(now != log);
            looks += 1;
            log = now;
        }
        doomed.kill();
        // The dead process's challenge is passed exactly if the code is used up: its commit is there whole or not at all.
        let open = self.mfa.challenge(&first).await.unwrap().is_ok();
        let mut passed = 0;
        for ticket in [second, first] {
            passed += usize::from(self.mfa.answer(&ticket, &typed).await.unwrap().is_ok());
        }
        assert_eq!(passed, usize::from(open), "half of a commit");
        assert_eq!(integrity(&self.scratch.file()).await, "ok");
        passed
    }

    /// How long SQLite's log is, and when it was written to.
    fn log(&self) -> (u64, SystemTime) {
        let log = fs::metadata(self.scratch.file().with_extension("db-wal")).unwrap();
        (log.len(), log.modified().unwrap())
    }

    async fn ticket(&self) -> Ticket {
        portal::challenged(&self.mfa, "ann").await.unwrap()
    }
}

#[tokio::test]
async fn once_killed_before_the_commit_the_code_still_works_once() {
    let world = World::new().await;
    for _ in 0..3 {
        assert_eq!(world.passes_after_a_kill(Stage::Before, 0).await, 1);
    }
}

#[tokio::test]
async fn once_killed_after_the_commit_the_code_never_works_again() {
    let world = World::new().await;
    for _ in 0..3 {
        assert_eq!(world.passes_after_a_kill(Stage::After, 0).await, 0);
    }
}

#[tokio::test]
async fn once_killed_during_the_commit_the_code_works_once_at_most() {
    let world = World::new().await;
    for writes in 0..24 {
        assert!(world.passes_after_a_kill(Stage::During, writes % 4).await <= 1);
    }
}
