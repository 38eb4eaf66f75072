//! Disks that are full, for real: on a file system of a few pages, at every moment at which room can run out.
#![cfg(feature = "sqlite")]
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests; a failure is what they are for, and who skips a test says so"
)]

mod common;

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{Scratch, integrity, portal};
use mfa_core::fault::Fault;
use mfa_core::id::{EventId, TenantId};
use mfa_core::port::store::{Collection, Committed, RecordKey, Store, StoredEvent, Version, Write};
use mfa_core::time::Timestamp;
use mfa_sqlx::error::{OpenError, StoreError};
use mfa_sqlx::sqlite::SqliteStore;

/// A page of a small file system, and of SQLite.
const PAGE: u64 = 4_096;

/// Runs `test` again in a name space of its own, in which `folder` is a file system of that size. Every user may
/// do that where the system lets users have name spaces; where it doesn't, the tests inside the crate remain.
fn on_a_small_disk(test: &str, options: &str) {
    let scratch = Scratch::new();
    let unshare = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-ec", script, "sh"]).args([options]);
        command.arg(scratch.path());
        command
    };
    let mount = "mount -t tmpfs -o \"$1\" tmpfs \"$2\"";
    let able = unshare(mount).stderr(Stdio::null()).status();
    if !able.is_ok_and(|status| status.success()) {
        eprintln!("skipped: this system lets nobody mount a file system of his own");
        return;
    }
    let output = unshare(&format!("{mount}; shift 2; exec \"$@\""))
        .arg(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(portal::ERRAND, serde_json::to_string(scratch.path()).unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("\ndone\n"), "nothing was run");
}

/// What takes up the room: all of the disk but so many pages.
struct Ballast(PathBuf);

impl Ballast {
    fn leaving(pages: u64, folder: &Path) -> Self {
        let path = folder.join("ballast");
        let mut file = File::create_new(&path).unwrap();
        let error = loop {
            if let Err(error) = file.write_all(&[0; PAGE as usize]) {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        let length = file.metadata().unwrap().len();
        file.set_len(length.checked_sub(pages * PAGE).unwrap()).unwrap();
        Self(path)
    }
}

impl Drop for Ballast {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn key(name: &str) -> RecordKey {
    RecordKey { tenant: TenantId::default(), collection: Collection::Account, name: name.to_owned() }
}

fn insert(name: &str) -> Write {
    Write {
        key: key(name),
        expected: None,
        next: Version::new(1),
        record: vec![7; 3_000],
        events: vec![StoredEvent {
            id: EventId::from_bytes([1; 16]),
            at: Timestamp::from_unix(1),
            kind: "code_accepted".to_owned(),
            body: vec![],
        }],
    }
}

fn store_error(fault: &Fault) -> &StoreError {
    std::error::Error::source(fault).unwrap().downcast_ref().unwrap()
}

/// Whatever room there is when the database is made: it is opened or the error says that the disk is full, and
/// when there is room again it is opened.
#[tokio::test]
async fn a_disk_too_full_to_open_on() {
    let Some(folder) = portal::errand::<PathBuf>() else {
        return on_a_small_disk("a_disk_too_full_to_open_on", "size=512k");
    };
    let (mut refused, mut opened) = (0, 0);
    for room in 0..40 {
        let place = folder.join(format!("with {room}"));
        fs::create_dir(&place).unwrap();
        let file = place.join("second-factor.db");
        let ballast = Ballast::leaving(room, &folder);
        match SqliteStore::open(&file).await {
            Ok(store) => {
                opened += 1;
                store.close().await;
            }
            Err(OpenError::Full { path }) => {
                refused += 1;
                assert_eq!(path, file);
            }
            Err(other) => panic!("with room for {room} pages: {other:?}"),
        }
        drop(ballast);
        let store = SqliteStore::open(&file).await.unwrap();
        assert_eq!(store.commit(&insert("ann")).await.unwrap(), Committed::Done);
        store.close().await;
        fs::remove_dir_all(&place).unwrap();
    }
    assert!(refused > 0 && opened > 0, "{refused} refused, {opened} opened");
    portal::say("done");
}

/// Whatever room there is when a commit begins: it is made, or it is a fault that says why and leaves no trace.
#[tokio::test]
async fn a_disk_that_fills_up_in_the_middle_of_a_commit() {
    let Some(folder) = portal::errand::<PathBuf>() else {
        return on_a_small_disk("a_disk_that_fills_up_in_the_middle_of_a_commit", "size=4m");
    };
    let file = folder.join("second-factor.db");
    let store = SqliteStore::open(&file).await.unwrap();
    let (mut kept, mut faults) = (Vec::new(), 0);
    for room in 0..20 {
        let ballast = Ballast::leaving(room, &folder);
        for number in 0.. {
            let write = insert(&format!("{room}, {number}"));
            match store.commit(&write).await {
                Ok(committed) => {
                    assert_eq!(committed, Committed::Done);
                    kept.push(write.key);
                }
                Err(fault) => {
                    assert!(matches!(store_error(&fault), StoreError::Full), "room for {room}: {fault:?}");
                    faults += 1;
                    assert!(store.load(&write.key).await.unwrap().is_none(), "half of a commit");
                    break;
                }
            }
        }
        for key in &kept {
            assert!(store.load(key).await.unwrap().is_some(), "{key:?} is lost");
        }
        drop(ballast);
        let write = insert(&format!("{room}, after"));
        assert_eq!(store.commit(&write).await.unwrap(), Committed::Done, "without a restart");
        kept.push(write.key);
    }
    assert_eq!(faults, 20);
    store.close().await;
    let store = SqliteStore::open(&file).await.unwrap();
    for key in &kept {
        assert!(store.load(key).await.unwrap().is_some(), "{key:?} is lost");
    }
    assert_eq!(integrity(&file).await, "ok");
    portal::say("done");
}

/// No room for one file more.
#[tokio::test]
async fn a_disk_with_too_many_files() {
    let Some(folder) = portal::errand::<PathBuf>() else {
        return on_a_small_disk("a_disk_with_too_many_files", "size=1m,nr_inodes=16");
    };
    let others = || (0..).map(|number| folder.join(format!("other {number}")));
    let full = others().find_map(|path| File::create_new(path).err()).unwrap();
    assert_eq!(full.kind(), ErrorKind::StorageFull);
    let file = folder.join("second-factor.db");
    // The database, its log and the log's index: each of them can be the one too many.
    for (room, path) in others().take(4).enumerate() {
        match SqliteStore::open(&file).await {
            Err(OpenError::Full { .. }) if room < 3 => {}
            Ok(store) if room == 3 => store.close().await,
            other => panic!("room for {room} files: {other:?}"),
        }
        let _ = fs::remove_file(&file);
        fs::remove_file(path).unwrap();
    }
    portal::say("done");
}
