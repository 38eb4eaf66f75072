//! Every way in which a file can be the wrong one: a clear error, and nothing lost.
#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, which may panic")]

mod common;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use common::{Scratch, plain, run};
use mfa_core::fault::Fault;
use mfa_core::id::TenantId;
use mfa_core::port::store::{Collection, Committed, RecordKey, Store, Version, Write};
use mfa_sqlx::error::{OpenError, StoreError};
use mfa_sqlx::sqlite::SqliteStore;
use sqlx::{Connection, Executor};
use tokio::task::JoinSet;

fn key(name: &str) -> RecordKey {
    RecordKey { tenant: TenantId::default(), collection: Collection::Account, name: name.to_owned() }
}

fn insert(name: &str, record: Vec<u8>) -> Write {
    Write { key: key(name), expected: None, next: Version::new(1), record, events: vec![] }
}

async fn refusal(path: &Path) -> OpenError {
    SqliteStore::open(path).await.unwrap_err()
}

fn store_error(fault: &Fault) -> &StoreError {
    std::error::Error::source(fault).unwrap().downcast_ref().unwrap()
}

#[tokio::test]
async fn what_is_written_is_there_after_a_restart() {
    let scratch = Scratch::new();
    let store = SqliteStore::open(scratch.file()).await.unwrap();
    assert_eq!(store.commit(&insert("ann", b"a".to_vec())).await.unwrap(), Committed::Done);
    store.close().await;
    assert!(store.load(&key("ann")).await.is_err(), "a closed store answers");
    let again = SqliteStore::open(scratch.file()).await.unwrap();
    assert_eq!(again.load(&key("ann")).await.unwrap().unwrap().record, b"a");
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_are_for_this_user_alone() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new();
    let store = SqliteStore::open(scratch.file()).await.unwrap();
    let _ = store.commit(&insert("ann", vec![])).await.unwrap();
    let mut files = 0;
    for entry in fs::read_dir(scratch.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{entry:?}");
        files += 1;
    }
    assert_eq!(files, 3, "the database, its log and the log's index");
}

#[tokio::test]
async fn durable_by_default() {
    let scratch = Scratch::new();
    let _store = SqliteStore::open(scratch.file()).await.unwrap();
    let mut connection = plain(&scratch.file()).await;
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut connection).await.unwrap();
    assert_eq!(mode, "wal");
    let id: i32 = sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut connection).await.unwrap();
    assert_eq!(&id.to_be_bytes(), b"mfa2");
}

#[tokio::test]
async fn addresses_and_special_names_are_not_paths() {
    for given in
        ["sqlite:portal.db", "sqlite://portal.db", "file:portal.db", ":memory:", "sqlite::memory:", ""]
    {
        let error = refusal(Path::new(given)).await;
        assert!(matches!(error, OpenError::NotAPath { .. }), "{given}: {error}");
    }
}

#[tokio::test]
async fn a_missing_folder_is_named() {
    let scratch = Scratch::new();
    let error = refusal(&scratch.path().join("none/of.db")).await;
    assert!(matches!(&error, OpenError::NoFolder { folder } if folder.ends_with("none")), "{error}");
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_folder_is_not_a_file() {
    let scratch = Scratch::new();
    assert!(matches!(refusal(scratch.path()).await, OpenError::NotAFile { .. }));
    // Where no folder is named, it is the one that the program runs in.
    assert!(matches!(refusal(Path::new(".")).await, OpenError::NotAFile { .. }));
}

/// What a process leaves that was killed before it had made the tables.
#[tokio::test]
async fn an_empty_file_is_made_use_of() {
    let scratch = Scratch::new();
    fs::write(scratch.file(), "").unwrap();
    SqliteStore::open(scratch.file()).await.unwrap().close().await;
    fs::remove_file(scratch.file()).unwrap();
    run(&scratch.file(), "PRAGMA journal_mode = WAL").await;
    assert!(fs::metadata(scratch.file()).unwrap().len() > 0);
    let store = SqliteStore::open(scratch.file()).await.unwrap();
    assert_eq!(store.commit(&insert("ann", vec![1])).await.unwrap(), Committed::Done);
}

/// Names that the system itself won't have: its own words are in the source.
#[tokio::test]
async fn a_path_that_cant_be_looked_at_is_an_error_of_the_system() {
    let scratch = Scratch::new();
    let long = scratch.path().join("x".repeat(300));
    let nothing = scratch.path().join("second\0factor.db");
    let mut paths = vec![long, nothing];
    if cfg!(unix) {
        let circle = scratch.path().join("circle.db");
        #[cfg(unix)]
        std::os::unix::fs::symlink(&circle, &circle).unwrap();
        paths.push(circle);
    }
    for path in paths {
        let error = refusal(&path).await;
        assert!(matches!(error, OpenError::Io { .. }), "{error:?}");
        assert!(std::error::Error::source(&error).is_some_and(|source| source.is::<std::io::Error>()));
    }
}

/// A name that is taken by something which is neither a table nor a view: the tables are made whole or not at all.
#[tokio::test]
async fn tables_that_cant_be_made_leave_nothing_behind() {
    let scratch = Scratch::new();
    run(&scratch.file(), "CREATE TABLE pupils (name TEXT); CREATE INDEX mfa_event_by_kind ON pupils (name)")
        .await;
    let options = SqliteStore::options().in_host_database();
    let error = options.open(scratch.file()).await.unwrap_err();
    assert!(matches!(error, OpenError::Database { .. }), "{error:?}");
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("mfa_event_by_kind"), "{source}");
    let mut connection = plain(&scratch.file()).await;
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE tbl_name LIKE 'mfa_%'")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(left, 0);
    connection.execute("DROP INDEX mfa_event_by_kind").await.unwrap();
    connection.close().await.unwrap();
    let store = options.open(scratch.file()).await.unwrap();
    assert_eq!(store.commit(&insert("ann", vec![1])).await.unwrap(), Committed::Done);
}

#[tokio::test]
async fn a_file_of_something_else_is_left_as_it_is() {
    let scratch = Scratch::new();
    for text in ["x".to_owned(), "a letter\n".repeat(3), "a long letter\n".repeat(1_000)] {
        fs::write(scratch.file(), &text).unwrap();
        let error = refusal(&scratch.file()).await;
        assert!(matches!(error, OpenError::NotSqlite { .. }), "{} bytes: {error}", text.len());
        assert_eq!(fs::read_to_string(scratch.file()).unwrap(), text);
    }
}

#[tokio::test]
async fn another_applications_database_is_left_as_it_is() {
    let scratch = Scratch::new();
    for sql in [
        "CREATE TABLE pupils (name TEXT); INSERT INTO pupils VALUES ('Ann');",
        "PRAGMA application_id = 252006673; VACUUM;",
    ] {
        let _ = fs::remove_file(scratch.file());
        run(&scratch.file(), sql).await;
        let before = fs::read(scratch.file()).unwrap();
        let error = refusal(&scratch.file()).await;
        assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
        assert_eq!(fs::read(scratch.file()).unwrap(), before);
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1, "a log was left behind");
    }
}

#[tokio::test]
async fn the_hosts_own_database_is_used_when_that_is_meant() {
    let scratch = Scratch::new();
    run(
        &scratch.file(),
        "PRAGMA application_id = 7; PRAGMA user_version = 3;
         CREATE TABLE pupils (name TEXT); INSERT INTO pupils VALUES ('Ann');",
    )
    .await;
    let options = SqliteStore::options().in_host_database();
    for _ in 0..2 {
        let store = options.open(scratch.file()).await.unwrap();
        assert!(store.load(&key("ann")).await.unwrap().is_none());
        store.close().await;
    }
    let mut connection = plain(&scratch.file()).await;
    let kept: (i32, i32, String) = sqlx::query_as(
        "SELECT a.application_id, u.user_version, name
         FROM pragma_application_id a, pragma_user_version u, pupils",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    assert_eq!(kept, (7, 3, "Ann".to_owned()));
    // Once our tables are in it, there is no doubt any more that it is meant.
    assert!(SqliteStore::open(scratch.file()).await.is_ok());
}

#[tokio::test]
async fn tables_with_our_names_that_are_not_ours_are_refused() {
    for sql in [
        "CREATE TABLE mfa_schema (anything TEXT)",
        "CREATE TABLE mfa_schema (owner TEXT, version BIGINT)",
        "CREATE TABLE mfa_schema (owner TEXT, version BIGINT); INSERT INTO mfa_schema VALUES ('you', 1)",
        "CREATE TABLE mfa_schema (owner TEXT, version BIGINT); INSERT INTO mfa_schema VALUES ('mfa-sqlx', 1)",
        "CREATE TABLE mfa_schema (owner TEXT, version BIGINT); INSERT INTO mfa_schema VALUES ('mfa-sqlx', 'x')",
        "CREATE TABLE mfa_schema (owner TEXT, version BIGINT); INSERT INTO mfa_schema VALUES ('mfa-sqlx', 1); CREATE TABLE mfa_record (anything TEXT)",
        "CREATE TABLE mfa_schema (owner TEXT, version BIGINT); INSERT INTO mfa_schema VALUES ('mfa-sqlx', 1); CREATE TABLE mfa_event (anything TEXT)",
        "CREATE TABLE mfa_schema (owner TEXT, version BIGINT); INSERT INTO mfa_schema VALUES ('mfa-sqlx', 0); CREATE TABLE mfa_record (anything TEXT); CREATE TABLE mfa_event (anything TEXT)",
        "CREATE TABLE mfa_record (anything TEXT)",
        "CREATE TABLE MFA_EVENT (anything TEXT)",
    ] {
        let scratch = Scratch::new();
        run(&scratch.file(), sql).await;
        let before = fs::read(scratch.file()).unwrap();
        for options in [SqliteStore::options(), SqliteStore::options().in_host_database()] {
            let error = options.open(scratch.file()).await.unwrap_err();
            assert!(matches!(error, OpenError::ForeignTables { .. }), "{sql}: {error}");
        }
        assert_eq!(fs::read(scratch.file()).unwrap(), before);
    }
}

/// Whole tables with our names, made by somebody else.
#[tokio::test]
async fn tables_of_another_owner_are_refused() {
    let scratch = Scratch::new();
    SqliteStore::open(scratch.file()).await.unwrap().close().await;
    for sql in ["INSERT INTO mfa_schema VALUES ('mfa-sqlx', 1)", "UPDATE mfa_schema SET owner = 'you'"] {
        run(&scratch.file(), sql).await;
        let error = refusal(&scratch.file()).await;
        assert!(matches!(error, OpenError::ForeignTables { .. }), "{sql}: {error}");
        run(&scratch.file(), "DELETE FROM mfa_schema; INSERT INTO mfa_schema VALUES ('mfa-sqlx', 1)").await;
        assert!(SqliteStore::open(scratch.file()).await.is_ok());
    }
}

#[tokio::test]
async fn a_newer_schema_is_left_as_it_is() {
    let scratch = Scratch::new();
    SqliteStore::open(scratch.file()).await.unwrap().close().await;
    run(&scratch.file(), "UPDATE mfa_schema SET version = 99").await;
    let before = fs::read(scratch.file()).unwrap();
    let error = refusal(&scratch.file()).await;
    assert!(matches!(error, OpenError::Newer { found: 99, known: 1, .. }), "{error}");
    assert_eq!(fs::read(scratch.file()).unwrap(), before);
}

#[tokio::test]
async fn another_encoding_is_refused() {
    let scratch = Scratch::new();
    run(&scratch.file(), "PRAGMA encoding = 'UTF-16le'; CREATE TABLE pupils (name TEXT)").await;
    let options = SqliteStore::options().in_host_database();
    let error = options.open(scratch.file()).await.unwrap_err();
    assert!(matches!(error, OpenError::Encoding { .. }), "{error}");
}

#[tokio::test]
async fn a_damaged_file_is_an_error_and_never_an_empty_store() {
    let scratch = Scratch::new();
    let store = SqliteStore::open(scratch.file()).await.unwrap();
    for number in 0..50 {
        let _ = store.commit(&insert(&format!("user {number}"), vec![7; 3_000])).await.unwrap();
    }
    store.close().await;
    let mut bytes = fs::read(scratch.file()).unwrap();
    for byte in bytes.iter_mut().skip(4_096) {
        *byte = 0xee;
    }
    fs::write(scratch.file(), bytes).unwrap();
    match SqliteStore::open(scratch.file()).await {
        Err(OpenError::Damaged { .. } | OpenError::ForeignTables { .. }) => {}
        Err(other) => panic!("{other:?}"),
        Ok(store) => {
            let fault = store.load(&key("user 1")).await.unwrap_err();
            assert!(matches!(store_error(&fault), StoreError::Damaged), "{fault:?}");
        }
    }
}

#[tokio::test]
async fn a_lock_that_is_never_given_back_is_a_fault_and_then_over() {
    let scratch = Scratch::new();
    let store =
        SqliteStore::options().busy_timeout(Duration::from_millis(10)).open(scratch.file()).await.unwrap();
    let mut other = plain(&scratch.file()).await;
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let fault = store.commit(&insert("ann", vec![1])).await.unwrap_err();
    assert!(matches!(store_error(&fault), StoreError::Busy { .. }), "{fault:?}");
    assert!(store.erase(&key("ann")).await.is_err());
    assert!(store.load(&key("ann")).await.unwrap().is_none(), "reading waits for nobody");
    other.execute("ROLLBACK").await.unwrap();
    assert_eq!(store.commit(&insert("ann", vec![1])).await.unwrap(), Committed::Done);

    store.close().await;
    other.execute("PRAGMA journal_mode = DELETE").await.unwrap();
    other.execute("BEGIN EXCLUSIVE").await.unwrap();
    let options = SqliteStore::options().busy_timeout(Duration::from_millis(10));
    let error = options.open(scratch.file()).await.unwrap_err();
    assert!(matches!(error, OpenError::Busy { .. }), "{error}");
}

/// Where SQLite waits, it is asked three times; where it doesn't wait, which is when the log is switched on, we do.
#[tokio::test]
async fn opening_waits_for_a_lock_as_long_as_was_asked() {
    let wait = Duration::from_millis(30);
    for lock in ["BEGIN EXCLUSIVE", "BEGIN IMMEDIATE"] {
        let scratch = Scratch::new();
        let mut other = plain(&scratch.file()).await;
        other.execute("VACUUM").await.unwrap();
        other.execute(lock).await.unwrap();
        let begun = Instant::now();
        let error = SqliteStore::options().busy_timeout(wait).open(scratch.file()).await.unwrap_err();
        assert!(matches!(error, OpenError::Busy { .. }), "{lock}: {error}");
        assert!(begun.elapsed() >= wait * 3, "{lock}: {:?}", begun.elapsed());
        other.execute("ROLLBACK").await.unwrap();
        assert!(SqliteStore::open(scratch.file()).await.is_ok());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_may_make_the_tables_at_once() {
    for _ in 0..5 {
        let scratch = Scratch::new();
        let mut tasks = JoinSet::new();
        for number in 0..12 {
            let path = scratch.file();
            tasks.spawn(async move {
                let store = SqliteStore::open(path).await?;
                let _ = store.commit(&insert(&format!("user {number}"), vec![])).await.unwrap();
                Ok::<_, OpenError>(())
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap().unwrap();
        }
        let mut connection = plain(&scratch.file()).await;
        let rows: (i64, i64) =
            sqlx::query_as("SELECT (SELECT count(*) FROM mfa_schema), (SELECT count(*) FROM mfa_record)")
                .fetch_one(&mut connection)
                .await
                .unwrap();
        assert_eq!(rows, (1, 12));
        connection.close().await.unwrap();
    }
}
