//! What only shows from inside: a full disk, the plans of queries, durability of the store's own connections.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use mfa_core::fault::Fault;
use mfa_core::id::{EventId, TenantId};
use mfa_core::port::store::{
    Collection, Committed, EventQuery, PageQuery, RecordKey, Store, StoredEvent, Version, Write,
};
use mfa_core::time::Timestamp;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use sqlx::{ConnectOptions, Connection};

use crate::error::{OpenError, StoreError};
use crate::sql;
use crate::sqlite::code::{file_error, opening};
use crate::sqlite::open::use_log;
use crate::sqlite::{Durability, SqliteStore};

/// A net, not a measure: what hangs would never end.
const HUNG: Duration = Duration::from_secs(30);

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("mfa-sqlx-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    fn file(&self) -> PathBuf {
        self.0.join("second-factor.db")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn key(name: &str) -> RecordKey {
    RecordKey { tenant: TenantId::default(), collection: Collection::Account, name: name.to_owned() }
}

fn insert(name: &str, record: Vec<u8>) -> Write {
    Write {
        key: key(name),
        expected: None,
        next: Version::new(1),
        record,
        events: vec![StoredEvent {
            id: EventId::from_bytes([1; 16]),
            at: Timestamp::from_unix(1),
            kind: "code_accepted".to_owned(),
            body: vec![],
        }],
    }
}

fn is_full(fault: &Fault) -> bool {
    let source = std::error::Error::source(fault).unwrap();
    matches!(source.downcast_ref(), Some(StoreError::Full))
}

/// SQLite keeps the limit by connection; the pool that writes has only one.
async fn limit_pages(store: &SqliteStore, pages: u32) {
    let sql = format!("PRAGMA max_page_count = {pages}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(store.writer.work().pool()).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_is_a_fault_and_nothing_is_lost() {
    let scratch = Scratch::new("full");
    let store = SqliteStore::open(scratch.file()).await.unwrap();
    assert!(format!("{store:?}").contains("second-factor.db"), "which one is full can be told");
    limit_pages(&store, 20).await;
    let mut kept = 0;
    let fault = loop {
        match store.commit(&insert(&format!("user {kept}"), vec![7; 3_000])).await {
            Ok(committed) => assert_eq!(committed, Committed::Done),
            Err(fault) => break fault,
        }
        kept += 1;
        assert!(kept < 100, "there was no limit");
    };
    assert!(is_full(&fault), "{fault:?}");
    assert!(kept > 0);
    for number in 0..kept {
        let held = store.load(&key(&format!("user {number}"))).await.unwrap().unwrap();
        assert_eq!(held.record, vec![7; 3_000]);
    }
    // Full again and again: a connection that SQLite rolled back by itself must not stay in the pool.
    let lost = insert("last", vec![7; 300_000]);
    for _ in 0..3 {
        limit_pages(&store, 20).await;
        assert!(is_full(&store.commit(&lost).await.unwrap_err()));
        assert!(store.load(&lost.key).await.unwrap().is_none());
    }
    // Room again: all goes on, without a restart.
    assert_eq!(store.commit(&lost).await.unwrap(), Committed::Done);
    assert_eq!(store.load(&lost.key).await.unwrap().unwrap().record, lost.record);
    let check: String =
        sqlx::query_scalar("PRAGMA integrity_check").fetch_one(store.writer.work().pool()).await.unwrap();
    assert_eq!(check, "ok");
    let events: i64 = sqlx::query_scalar("SELECT count(*) FROM mfa_event")
        .fetch_one(store.writer.work().pool())
        .await
        .unwrap();
    assert_eq!(events, kept + 1);
}

async fn plan(pool: &SqlitePool, statement: &str) -> String {
    let sql = format!("EXPLAIN QUERY PLAN {statement}");
    let rows: Vec<(i64, i64, i64, String)> =
        sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_all(pool).await.unwrap();
    let lines: Vec<_> = rows.into_iter().map(|row| row.3).collect();
    lines.join("; ")
}

/// A portal's record of events grows for years; no question may read all of it, or sort it.
#[tokio::test]
async fn every_question_uses_an_index_and_sorts_nothing() {
    let scratch = Scratch::new("plan");
    let store = SqliteStore::open(scratch.file()).await.unwrap();
    for (statement, index) in [
        (sql::LOAD, "sqlite_autoindex_mfa_record_1 (tenant=? AND collection=? AND name=?)"),
        (sql::UPDATE, "sqlite_autoindex_mfa_record_1 (tenant=? AND collection=? AND name=?)"),
        (sql::ERASE_RECORD, "sqlite_autoindex_mfa_record_1 (tenant=? AND collection=? AND name=?)"),
        (sql::ERASE_EVENTS, "mfa_event_by_record (tenant=? AND collection=? AND name=?)"),
        (sql::FIRST_PAGE, "sqlite_autoindex_mfa_record_1 (tenant=? AND collection=?)"),
        (sql::NEXT_PAGE, "sqlite_autoindex_mfa_record_1 (tenant=? AND collection=? AND name>?)"),
        (sql::EVENTS, "mfa_event_by_tenant (tenant=? AND rowid<?)"),
        (sql::EVENTS_OF_KIND, "mfa_event_by_kind (tenant=? AND kind=? AND rowid<?)"),
        (sql::EVENTS_OF_RECORD, "mfa_event_by_record (tenant=? AND collection=? AND name=? AND rowid<?)"),
    ] {
        let plan = plan(&store.readers, statement).await;
        assert!(plan.contains(index), "{statement}\n{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{statement}\n{plan}");
    }
    // Either of two indexes is right for this one.
    let both = plan(&store.readers, sql::EVENTS_OF_RECORD_AND_KIND).await;
    assert!(both.contains("USING INDEX mfa_event_by_") && !both.contains("TEMP B-TREE"), "{both}");
}

#[tokio::test]
async fn the_connections_are_as_durable_as_was_asked() {
    let scratch = Scratch::new("durable");
    let pragma = async |pool: &SqlitePool, name: &'static str| -> i64 {
        sqlx::query_scalar(name).fetch_one(pool).await.unwrap()
    };
    for (durability, synchronous) in [(Durability::PowerCut, 2), (Durability::Crash, 1)] {
        let options = SqliteStore::options().durability(durability);
        let store = options.open(scratch.file()).await.unwrap();
        assert_eq!(pragma(store.writer.work().pool(), "PRAGMA synchronous").await, synchronous);
        assert_eq!(pragma(store.writer.work().pool(), "PRAGMA secure_delete").await, 1);
        assert_eq!(pragma(&store.readers, "PRAGMA query_only").await, 1);
        assert_eq!(pragma(store.writer.work().pool(), "PRAGMA query_only").await, 0);
    }
    assert_eq!(Durability::default(), Durability::PowerCut);
}

/// What can't be kept exactly is refused, before anything is written.
#[tokio::test]
async fn a_time_that_no_column_holds_is_a_fault() {
    let scratch = Scratch::new("time");
    let store = SqliteStore::open(scratch.file()).await.unwrap();
    let mut write = insert("ann", vec![]);
    for event in &mut write.events {
        event.at = Timestamp::from_unix(u64::MAX);
    }
    assert!(store.commit(&write).await.is_err());
    assert!(store.load(&write.key).await.unwrap().is_none());
}

/// Whoever pages through events by position must not meet a new event at the position of an erased one.
#[tokio::test]
async fn a_position_is_never_given_twice() {
    let scratch = Scratch::new("positions");
    let store = SqliteStore::open(scratch.file()).await.unwrap();
    let last = async || {
        let highest = sqlx::query_scalar::<_, Option<i64>>("SELECT MAX(position) FROM mfa_event");
        highest.fetch_one(store.writer.work().pool()).await.unwrap()
    };
    let _done = store.commit(&insert("ann", vec![1])).await.unwrap();
    let erased = last().await.unwrap();
    store.erase(&key("ann")).await.unwrap();
    assert_eq!(last().await, None);
    let _done = store.commit(&insert("ben", vec![1])).await.unwrap();
    assert!(last().await.unwrap() > erased);
}

/// Somebody else's bytes in our columns are a fault, never "no record", and never a list with something left out.
#[tokio::test]
async fn what_cant_be_read_is_a_fault() {
    let scratch = Scratch::new("unreadable");
    let store = SqliteStore::open(scratch.file()).await.unwrap();
    let _done = store.commit(&insert("ann", vec![1])).await.unwrap();
    let records =
        PageQuery { tenant: TenantId::default(), collection: Collection::Account, after: None, limit: 10 };
    let events = EventQuery {
        tenant: TenantId::default(),
        record: None,
        kind: None,
        since: None,
        until: None,
        after: None,
        limit: 10,
    };
    assert_eq!(store.page(&records).await.unwrap().records.len(), 1);
    assert_eq!(store.events(&events).await.unwrap().events.len(), 1);
    for spoilt in ["UPDATE mfa_record SET version = -1", "UPDATE mfa_record SET version = 'x'"] {
        sqlx::raw_sql(spoilt).execute(store.writer.work().pool()).await.unwrap();
        assert!(store.load(&key("ann")).await.is_err(), "{spoilt}");
        assert!(store.page(&records).await.is_err(), "{spoilt}");
    }
    for spoilt in ["UPDATE mfa_event SET id = '?'", "UPDATE mfa_event SET collection = 'pupils'"] {
        sqlx::raw_sql(spoilt).execute(store.writer.work().pool()).await.unwrap();
        assert!(store.events(&events).await.is_err(), "{spoilt}");
    }
}

/// Each mishap is told by its own name: what the operator has to do is another thing each time.
#[tokio::test]
async fn a_database_that_has_become_read_only_says_so() {
    let scratch = Scratch::new("read-only");
    let store = SqliteStore::open(scratch.file()).await.unwrap();
    sqlx::raw_sql("PRAGMA query_only = ON").execute(store.writer.work().pool()).await.unwrap();
    let fault = store.commit(&insert("ann", vec![1])).await.unwrap_err();
    let source = std::error::Error::source(&fault).unwrap();
    assert!(matches!(source.downcast_ref(), Some(StoreError::ReadOnly)), "{source:?}");
    // That connection is not used again: what was only its own trouble is over.
    assert_eq!(store.commit(&insert("ann", vec![1])).await.unwrap(), Committed::Done);
}

/// A table whose pages aren't there is damage, in use and when it is opened, and never an empty table.
#[tokio::test]
async fn a_damaged_database_says_so() {
    let scratch = Scratch::new("damaged");
    let store = SqliteStore::open(scratch.file()).await.unwrap();
    let _done = store.commit(&insert("ann", vec![1])).await.unwrap();
    sqlx::raw_sql(
        "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET rootpage = 9999 WHERE name LIKE '%mfa_record%'",
    )
    .execute(store.writer.work().pool())
    .await
    .unwrap();
    let fault = store.load(&key("ann")).await.unwrap_err();
    let source = std::error::Error::source(&fault).unwrap();
    assert!(matches!(source.downcast_ref(), Some(StoreError::Damaged)), "{source:?}");
    store.close().await;
    let error = SqliteStore::open(scratch.file()).await.unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
}

/// A commit and an erasure that fail at their second statement have not made their first.
#[tokio::test]
async fn what_fails_half_way_is_not_made_at_all() {
    let scratch = Scratch::new("half-way");
    let store = SqliteStore::open(scratch.file()).await.unwrap();
    let _done = store.commit(&insert("ann", vec![1])).await.unwrap();
    let counts = async || -> (i64, i64) {
        let both = "SELECT (SELECT count(*) FROM mfa_record), (SELECT count(*) FROM mfa_event)";
        sqlx::query_as(both).fetch_one(&store.readers).await.unwrap()
    };
    sqlx::raw_sql(
        "CREATE TRIGGER no_events BEFORE INSERT ON mfa_event BEGIN SELECT RAISE(ABORT, 'no'); END;
         CREATE TRIGGER no_erasure BEFORE DELETE ON mfa_record BEGIN SELECT RAISE(ABORT, 'no'); END;",
    )
    .execute(store.writer.work().pool())
    .await
    .unwrap();
    assert!(store.commit(&insert("ben", vec![1])).await.is_err());
    assert_eq!(counts().await, (1, 1));
    assert!(store.erase(&key("ann")).await.is_err());
    assert_eq!(counts().await, (1, 1));
    sqlx::raw_sql("DROP TRIGGER no_events; DROP TRIGGER no_erasure")
        .execute(store.writer.work().pool())
        .await
        .unwrap();
    assert_eq!(store.commit(&insert("ben", vec![1])).await.unwrap(), Committed::Done);
    store.erase(&key("ann")).await.unwrap();
    assert_eq!(counts().await, (1, 1));
}

/// Commits that are made together, because the connection was busy when they came, in the order in which they came.
async fn together(store: &SqliteStore, writes: Vec<Write>) -> Vec<Result<Committed, Fault>> {
    let connection = store.writer.work().pool().acquire().await.unwrap();
    // The first goes alone, and waits for the connection; the others gather behind it.
    let (other, key) = (store.clone(), writes[0].key.clone());
    let first = tokio::spawn(async move { other.erase(&key).await });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!first.is_finished(), "it didn't wait for the connection");
    let mut running = Vec::new();
    for write in writes {
        assert_eq!(store.writer.waiting(), running.len());
        let other = store.clone();
        running.push(tokio::spawn(async move { other.commit(&write).await }));
        while store.writer.waiting() < running.len() {
            tokio::task::yield_now().await;
        }
    }
    drop(connection);
    first.await.unwrap().unwrap();
    let mut answers = Vec::new();
    for commit in running {
        answers.push(commit.await.unwrap());
    }
    answers
}

#[tokio::test]
async fn what_is_made_together_is_told_apart() {
    let scratch = Scratch::new("together");
    let store = SqliteStore::open(scratch.file()).await.unwrap();
    sqlx::raw_sql(
        "CREATE TRIGGER not_bad BEFORE INSERT ON mfa_event WHEN NEW.name = 'bad'
         BEGIN SELECT RAISE(ABORT, 'no'); END;",
    )
    .execute(store.writer.work().pool())
    .await
    .unwrap();
    // Two for one record: the second comes too late.
    let twice = vec![insert("ann", vec![1]), insert("ann", vec![2]), insert("ben", vec![3])];
    let answers = together(&store, twice).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers, [Committed::Done, Committed::Conflict, Committed::Done]);
    assert_eq!(store.load(&key("ann")).await.unwrap().unwrap().record, [1]);

    // One that can't be made does not take the others with it, and nothing is made twice.
    let bad = vec![insert("bad", vec![1]), insert("cat", vec![2]), insert("dan", vec![3])];
    let answers = together(&store, bad).await;
    assert!(matches!(answers.as_slice(), [Err(_), Ok(Committed::Done), Ok(Committed::Done)]), "{answers:?}");
    assert!(store.load(&key("bad")).await.unwrap().is_none());
    let events: i64 =
        sqlx::query_scalar("SELECT count(*) FROM mfa_event").fetch_one(&store.readers).await.unwrap();
    assert_eq!(events, 4, "ann, ben, cat and dan");
}

/// A question that takes long is not one that the next waits for: that goes on another connection.
#[tokio::test]
async fn behind_a_slow_question_the_next_goes_on_a_connection_of_its_own() {
    let scratch = Scratch::new("slow");
    let store = SqliteStore::open(scratch.file()).await.unwrap();
    for name in ["slow", "quick"] {
        let _ = store.commit(&insert(name, vec![1])).await.unwrap();
    }
    // Some seconds of counting, for one record alone.
    sqlx::raw_sql(
        "ALTER TABLE mfa_record RENAME TO kept;
         CREATE VIEW mfa_record AS SELECT tenant, collection, name, record, CASE name WHEN 'slow' THEN
             (WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 10000000) SELECT max(i) FROM n)
             ELSE version END AS version FROM kept",
    )
    .execute(store.writer.work().pool())
    .await
    .unwrap();
    let other = store.clone();
    let slow = tokio::spawn(async move { other.load(&key("slow")).await });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(store.load(&key("quick")).await.unwrap().unwrap().version, Version::new(1));
    assert!(!slow.is_finished(), "it was waited for");
    assert_eq!(slow.await.unwrap().unwrap().unwrap().version, Version::new(10_000_000));
}

/// The locks this process holds on a file, by the kernel's own list.
#[cfg(target_os = "linux")]
fn locks_on(file: &std::path::Path) -> usize {
    use std::os::unix::fs::MetadataExt;
    let inode = format!(":{}", std::fs::metadata(file).unwrap().ino());
    let process = std::process::id().to_string();
    let locks = std::fs::read_to_string("/proc/locks").unwrap();
    let ours = |line: &&str| {
        let words: Vec<_> = line.split_whitespace().collect();
        words.contains(&process.as_str()) && words.iter().any(|word| word.ends_with(&inode))
    };
    locks.lines().filter(ours).count()
}

/// Closing any descriptor of a file drops all locks the process has on it; another process would then delete
/// the log of a store that is still open, and with it commits that were acknowledged.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn looking_at_a_file_keeps_the_locks_on_it() {
    let scratch = Scratch::new("locks");
    let store = SqliteStore::open(scratch.file()).await.unwrap();
    assert_eq!(store.commit(&insert("ann", vec![1])).await.unwrap(), Committed::Done);
    let before = locks_on(&scratch.file());
    assert!(before > 0, "the store holds no lock that could be lost");
    crate::sqlite::open::look_at(&scratch.file()).unwrap();
    assert_eq!(locks_on(&scratch.file()), before);
    store.close().await;
}

/// A place that carries no write-ahead log: in memory, and under SQLite's locks of last resort.
#[tokio::test]
async fn without_a_log_the_error_says_so() {
    let scratch = Scratch::new("no-log");
    let mut places = vec![(SqliteConnectOptions::new().in_memory(true), "memory")];
    if cfg!(unix) {
        let file = SqliteConnectOptions::new().filename(scratch.file()).create_if_missing(true);
        places.push((file.vfs("unix-dotfile"), "delete"));
    }
    for (place, expected) in places {
        let mut connection = place.connect().await.unwrap();
        let error = use_log(&mut connection, &scratch.file(), Duration::ZERO).await.unwrap_err();
        assert!(matches!(&error, OpenError::NoLog { mode, .. } if mode == expected), "{error:?}");
        assert!(error.to_string().contains("network share"), "{error}");
        connection.close().await.unwrap();
    }
}

/// Waiting is for locks alone.
#[tokio::test]
async fn what_is_no_lock_is_not_waited_for() {
    let scratch = Scratch::new("no-lock");
    std::fs::write(scratch.file(), [7; 4_096]).unwrap();
    let mut connection = SqliteConnectOptions::new().filename(scratch.file()).connect().await.unwrap();
    let file = scratch.file();
    let told = tokio::time::timeout(HUNG, use_log(&mut connection, &file, Duration::MAX)).await;
    assert!(matches!(told, Ok(Err(OpenError::NotSqlite { .. }))), "{told:?}");
}

/// What SQLite says when there is no room, as the one who opens is told.
#[tokio::test]
async fn a_full_disk_is_named_when_it_is_opened() {
    let scratch = Scratch::new("full-opening");
    let store = SqliteStore::open(scratch.file()).await.unwrap();
    limit_pages(&store, 1).await;
    let big =
        sqlx::query("CREATE TABLE big AS SELECT zeroblob(1000000)").execute(store.writer.work().pool()).await;
    let error = opening(&scratch.file(), big.unwrap_err());
    assert!(matches!(&error, OpenError::Full { path } if *path == scratch.file()), "{error:?}");
    let system = std::io::Error::from(std::io::ErrorKind::StorageFull);
    assert!(matches!(file_error(&scratch.file(), system), OpenError::Full { .. }));
}

/// A lock that is given back late costs three waits, each as long as was asked, and the fault tells their sum.
#[tokio::test]
async fn a_call_is_tried_three_times() {
    let scratch = Scratch::new("patience");
    let wait = Duration::from_millis(30);
    let store = SqliteStore::options().busy_timeout(wait).open(scratch.file()).await.unwrap();
    assert_eq!(store.writer.work().patience(), wait * 3, "which those who read are told of too");
    let mut other = SqliteConnectOptions::new().filename(scratch.file()).connect().await.unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let begun = Instant::now();
    let fault = store.commit(&insert("ann", vec![])).await.unwrap_err();
    assert!(begun.elapsed() >= wait * 3, "{:?}", begun.elapsed());
    let source = std::error::Error::source(&fault).unwrap();
    assert!(
        matches!(source.downcast_ref(), Some(StoreError::Busy { waited }) if *waited == wait * 3),
        "{source:?}"
    );
    other.close().await.unwrap();
}
