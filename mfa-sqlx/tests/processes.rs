//! Several processes on one file: this test program starts itself again, with an errand in its environment.
#![cfg(feature = "sqlite")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests, which may panic, and which tell the parent by stdout that they are ready"
)]

mod common;

use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use common::{Scratch, integrity};
use mfa_core::id::{EventId, TenantId};
use mfa_core::port::store::{
    Collection, Committed, EventQuery, RecordKey, Store, StoredEvent, Version, Versioned, Write,
};
use mfa_core::time::Timestamp;
use mfa_sqlx::error::OpenError;
use mfa_sqlx::sqlite::SqliteStore;
use mfa_testing::store::interleaved::{Gate, Interleaved};
use tokio::task::JoinSet;

const ERRAND: &str = "MFA_SQLX_TEST_ERRAND";
const FILE: &str = "MFA_SQLX_TEST_FILE";
const TASKS: u64 = 16;
const ROUNDS: u64 = 8;

fn key() -> RecordKey {
    RecordKey { tenant: TenantId::default(), collection: Collection::Account, name: "ann".to_owned() }
}

/// The record counts; each count has an event.
fn plus_one(loaded: Option<Versioned>, who: u8) -> Write {
    let count = loaded.as_ref().map_or(0, |held| u64::from_le_bytes(held.record.clone().try_into().unwrap()));
    let mut id = [who; 16];
    for (byte, part) in id.iter_mut().zip(count.to_le_bytes()) {
        *byte = part;
    }
    Write {
        key: key(),
        expected: loaded.as_ref().map(|held| held.version),
        next: loaded.map_or(Version::new(0), |held| held.version.next()),
        record: (count + 1).to_le_bytes().to_vec(),
        events: vec![StoredEvent {
            id: EventId::from_bytes(id),
            at: Timestamp::from_unix(count),
            kind: "code_accepted".to_owned(),
            body: vec![who],
        }],
    }
}

async fn add_one<S: Store>(store: &S, who: u8) {
    while store.commit(&plus_one(store.load(&key()).await.unwrap(), who)).await.unwrap()
        == Committed::Conflict
    {}
}

fn wait_for_go() {
    println!("\nready");
    std::io::stdout().flush().unwrap();
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    assert_eq!(line, "go\n");
}

fn errand(name: &str, file: &Path) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["run_an_errand", "--exact", "--nocapture", "--test-threads=1"])
        .env(ERRAND, name)
        .env(FILE, file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    (child, out)
}

fn until_line(out: &mut BufReader<ChildStdout>, wanted: &str) {
    let mut line = String::new();
    while line.trim_end() != wanted {
        line.clear();
        assert!(out.read_line(&mut line).unwrap() > 0, "the other process ended before {wanted:?}");
    }
}

fn go(child: &mut Child) {
    child.stdin.take().unwrap().write_all(b"go\n").unwrap();
}

/// Not a test when nobody sends it on an errand: then it has nothing to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn run_an_errand() {
    let (Ok(name), Ok(file)) = (std::env::var(ERRAND), std::env::var(FILE)) else {
        return;
    };
    match name.as_str() {
        "race" => {
            let store = SqliteStore::open(file).await.unwrap();
            let who = (std::process::id() & 0xff) as u8;
            // All tasks of all processes have read before any of them writes.
            let gate = Gate::new(TASKS as usize + 1);
            let mut tasks = JoinSet::new();
            for _ in 0..TASKS {
                let store = Interleaved::new(ReadThenReady(store.clone()), gate.clone());
                tasks.spawn(async move {
                    for _ in 0..ROUNDS {
                        add_one(&store, who).await;
                    }
                });
            }
            wait_until_all_have_read().await;
            tokio::task::spawn_blocking(wait_for_go).await.unwrap();
            gate.pass().await;
            while let Some(ended) = tasks.join_next().await {
                ended.unwrap();
            }
        }
        "open" => {
            tokio::task::spawn_blocking(wait_for_go).await.unwrap();
            add_one(&SqliteStore::open(file).await.unwrap(), 1).await;
        }
        "write for ever" => {
            let store = SqliteStore::open(file).await.unwrap();
            println!("\nready");
            loop {
                let mut tasks = JoinSet::new();
                for who in 0..8 {
                    let store = store.clone();
                    tasks.spawn(async move { add_one(&store, who).await });
                }
                while let Some(ended) = tasks.join_next().await {
                    ended.unwrap();
                }
                println!("\nwritten");
            }
        }
        "read-only" => {
            let error = SqliteStore::open(&file).await.unwrap_err();
            assert!(matches!(error, OpenError::ReadOnly { .. }), "{error:?}");
        }
        other => unreachable!("{other}"),
    }
}

static READ: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(0);

async fn wait_until_all_have_read() {
    READ.acquire_many(TASKS as u32).await.unwrap().forget();
}

/// Says when a load has been made.
struct ReadThenReady(SqliteStore);

impl Store for ReadThenReady {
    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>, mfa_core::fault::Fault> {
        let loaded = self.0.load(key).await;
        READ.add_permits(1);
        loaded
    }
    async fn commit(&self, write: &Write) -> Result<Committed, mfa_core::fault::Fault> {
        self.0.commit(write).await
    }
    async fn events(
        &self,
        query: &EventQuery,
    ) -> Result<mfa_core::port::store::EventPage, mfa_core::fault::Fault> {
        self.0.events(query).await
    }
    async fn page(
        &self,
        query: &mfa_core::port::store::PageQuery,
    ) -> Result<mfa_core::port::store::RecordPage, mfa_core::fault::Fault> {
        self.0.page(query).await
    }
    async fn erase(&self, key: &RecordKey) -> Result<(), mfa_core::fault::Fault> {
        self.0.erase(key).await
    }
}

/// What the record counts and how many events there are, each count with its own.
async fn counts(file: &Path) -> (u64, u64) {
    let store = SqliteStore::open(file).await.unwrap();
    let count = store
        .load(&key())
        .await
        .unwrap()
        .map_or(0, |held| u64::from_le_bytes(held.record.try_into().unwrap()));
    let query = EventQuery {
        tenant: TenantId::default(),
        record: None,
        kind: None,
        since: None,
        until: None,
        after: None,
        limit: 1_000_000,
    };
    let events = store.events(&query).await.unwrap().events;
    let times: Vec<_> = events.iter().map(|found| found.event.at.as_unix()).collect();
    let expected: Vec<_> = (0..times.len() as u64).rev().collect();
    assert_eq!(times, expected, "an event is missing or double");
    store.close().await;
    (count, events.len() as u64)
}

/// 32 writers in two processes, all with the same version in hand when the race begins.
#[tokio::test]
async fn two_processes_lose_no_update() {
    let scratch = Scratch::new();
    add_one(&SqliteStore::open(scratch.file()).await.unwrap(), 0).await;
    let mut processes: Vec<_> = (0..2).map(|_| errand("race", &scratch.file())).collect();
    for (_, out) in &mut processes {
        until_line(out, "ready");
    }
    for (child, _) in &mut processes {
        go(child);
    }
    for (child, out) in &mut processes {
        std::io::copy(out, &mut std::io::sink()).unwrap();
        assert!(child.wait().unwrap().success());
    }
    let expected = 1 + 2 * TASKS * ROUNDS;
    assert_eq!(counts(&scratch.file()).await, (expected, expected));
    assert_eq!(integrity(&scratch.file()).await, "ok");
}

#[tokio::test]
async fn four_processes_make_the_tables_at_once() {
    for _ in 0..3 {
        let scratch = Scratch::new();
        let mut processes: Vec<_> = (0..4).map(|_| errand("open", &scratch.file())).collect();
        for (_, out) in &mut processes {
            until_line(out, "ready");
        }
        for (child, _) in &mut processes {
            go(child);
        }
        for (child, out) in &mut processes {
            std::io::copy(out, &mut std::io::sink()).unwrap();
            assert!(child.wait().unwrap().success());
        }
        assert_eq!(counts(&scratch.file()).await, (4, 4));
    }
}

/// Killed in the middle of its writing: what it said was written is there, and nothing is torn.
#[tokio::test]
async fn a_killed_writer_leaves_nothing_torn() {
    let scratch = Scratch::new();
    for rounds in [1, 3, 7, 12] {
        let (before, _) = if scratch.file().exists() { counts(&scratch.file()).await } else { (0, 0) };
        let (mut child, mut out) = errand("write for ever", &scratch.file());
        until_line(&mut out, "ready");
        for _ in 0..rounds {
            until_line(&mut out, "written");
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(integrity(&scratch.file()).await, "ok");
        let (count, events) = counts(&scratch.file()).await;
        assert_eq!(count, events);
        assert!(count >= before + rounds * 8, "{count} after {before} and {rounds} rounds of 8");
    }
}

/// A folder that every user can pass through: `TMPDIR` may lie in somebody's private one.
#[cfg(unix)]
fn parent_for_everybody() -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let open = |folder: &Path| {
        let real = folder.canonicalize();
        real.is_ok_and(|real| {
            real.ancestors()
                .all(|part| part.metadata().is_ok_and(|there| there.permissions().mode() & 0o001 != 0))
        })
    };
    let candidates = [std::env::temp_dir(), "/var/tmp".into(), "/tmp".into()];
    let found = candidates.into_iter().find(|folder| open(folder));
    found.unwrap_or_else(|| {
        panic!("user `nobody` can't get into TMPDIR, /var/tmp or /tmp; point TMPDIR elsewhere")
    })
}

/// Rights mean nothing to the administrator of the machine: as root, the errand is done by `nobody`.
#[cfg(unix)]
#[tokio::test]
async fn without_the_right_to_write_the_error_says_so() {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
    use std::os::unix::process::CommandExt;

    const NOBODY: u32 = 65_534;
    let root = fs::metadata(Scratch::new().path()).unwrap().uid() == 0;
    let parent = if root { parent_for_everybody() } else { std::env::temp_dir() };
    let program = Scratch::within(&parent);
    let copy = program.path().join("errand");
    fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    // Whatever mask of modes this user has.
    for part in [program.path(), &copy] {
        fs::set_permissions(part, Permissions::from_mode(0o755)).unwrap();
    }
    for (folder_mode, file_mode) in
        [(0o555, None), (0o555, Some(0o644)), (0o555, Some(0o444)), (0o755, Some(0o444))]
    {
        let scratch = Scratch::within(&parent);
        let file = scratch.file();
        if file_mode.is_some() {
            add_one(&SqliteStore::open(&file).await.unwrap(), 0).await;
            SqliteStore::open(&file).await.unwrap().close().await;
        }
        let before = fs::read(&file).ok();
        let mut command = Command::new(&copy);
        if root {
            chown(scratch.path(), Some(NOBODY), Some(NOBODY)).unwrap();
            if before.is_some() {
                chown(&file, Some(NOBODY), Some(NOBODY)).unwrap();
            }
            command.uid(NOBODY).gid(NOBODY);
        }
        if let Some(mode) = file_mode {
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        }
        fs::set_permissions(scratch.path(), Permissions::from_mode(folder_mode)).unwrap();
        let output = command
            .args(["run_an_errand", "--exact", "--nocapture", "--test-threads=1"])
            .env(ERRAND, "read-only")
            .env(FILE, &file)
            .output()
            .unwrap();
        fs::set_permissions(scratch.path(), Permissions::from_mode(0o755)).unwrap();
        assert!(
            output.status.success(),
            "folder {folder_mode:o}, file {file_mode:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert_eq!(fs::read(&file).ok(), before);
    }
}
