//! PostgreSQL: the acceptance suite, the tables made by many at once, and a server that pauses, dies and comes back.
#![cfg(feature = "postgres")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::error::Error as _;
use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use mfa_core::fault::Fault;
use mfa_core::id::{EventId, TenantId};
use mfa_core::port::store::{
    Collection, Committed, EventQuery, PageQuery, RecordKey, Store, StoredEvent, Version, Write,
};
use mfa_core::time::Timestamp;
use mfa_sqlx::error::StoreError;
use mfa_sqlx::postgres::error::OpenError;
use mfa_sqlx::postgres::{PostgresOptions, PostgresStore};
use mfa_testing::store::conformance::check;
use mfa_testing::store::fixture::Fixture;
use mfa_testing::store::report::Outcome;
use sqlx::{Connection, Executor, PgConnection};
use test_tools::pgbouncer::PgBouncer;
use test_tools::postgres::{Postgres, hand_over};
use test_tools::{Server, tls, tools};
use tokio::task::JoinSet;

const PATIENCE: Duration = Duration::from_millis(400);
/// What a busy machine may add to it.
const GRACE: Duration = Duration::from_secs(3);

/// A schema nobody has used.
fn fresh_schema() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("mfa_test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// A schema of its own; every handle has a pool of its own, as another process would.
struct Data {
    url: String,
    /// The server's own address, for what a test does to it.
    direct: String,
    schema: String,
    proxied: bool,
}

impl Data {
    fn new(url: &str, proxied: bool) -> Self {
        Self { url: url.to_owned(), direct: url.to_owned(), schema: fresh_schema(), proxied }
    }

    fn options(&self) -> PostgresOptions {
        // The machine of a test run is busier than a server should be.
        PostgresOptions::new()
            .schema(&self.schema)
            .connections(4)
            .patience(Duration::from_secs(20))
            .behind_pooling_proxy(self.proxied)
    }

    async fn run(&self, statement: &str) {
        let mut plain = PgConnection::connect(&self.direct).await.unwrap();
        let statement = statement.replace("$schema", &self.schema);
        plain.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(statement))).await.unwrap();
    }
}

impl Fixture for Data {
    type Store = PostgresStore;

    async fn open(&self) -> PostgresStore {
        self.options().open(&self.url).await.unwrap()
    }

    async fn take_down(&self) -> bool {
        self.run("DROP TABLE $schema.mfa_record; DROP TABLE $schema.mfa_event").await;
        true
    }
}

async fn conforms(settings: &[&str], proxied: bool) {
    if !tools() {
        return;
    }
    // Only answers are looked at: nobody pulls a plug.
    let server = Postgres::start(&[&["fsync=off"], settings].concat());
    let report = check(async || Data::new(&server.url(), proxied)).await;
    report.assert_conforms();
    assert!(report.cases().iter().all(|(_, outcome)| *outcome == Outcome::Passed));
    report.cases().iter().for_each(|(case, _)| test_tools::cases::passed("store", "postgres", case));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_postgres_store_conforms() {
    conforms(&[], false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_postgres_store_conforms_where_each_call_is_a_transaction() {
    conforms(&[], true).await;
}

/// The host may have made its database stricter.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_postgres_store_conforms_where_transactions_are_serializable() {
    conforms(&["default_transaction_isolation=serializable"], false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_postgres_store_conforms_where_each_call_is_a_serializable_transaction() {
    conforms(&["default_transaction_isolation=serializable"], true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_postgres_store_conforms_through_a_proxy_that_lends_connections_for_a_transaction() {
    if !tools() {
        return;
    }
    let server = Postgres::start(&[]);
    // Few connections, so that what a statement left behind would be found by somebody else's.
    let proxy = PgBouncer::start(&server, 2, "");
    let report = check(async || Data { direct: server.url(), ..Data::new(&proxy.url(), true) }).await;
    report.assert_conforms();
    assert!(report.cases().iter().all(|(_, outcome)| *outcome == Outcome::Passed));

    // A store that wasn't told of it says what to do; past that, its statements are not where it left them.
    let unaware = Data::new(&proxy.url(), false);
    let refused = unaware.options().open(&unaware.url).await.unwrap_err();
    assert!(matches!(refused, OpenError::Proxy { .. }), "{refused:?}");
    assert!(refused.to_string().contains("behind_pooling_proxy(true)"));
    // Who has done that already is not told to do it again.
    let strange = format!("{}?options[work_mem]=1MB", proxy.url());
    let refused = unaware.options().behind_pooling_proxy(true).open(&strange).await.unwrap_err();
    assert!(matches!(refused, OpenError::Server { .. }), "{refused:?}");
    let proxy = PgBouncer::start(&server, 2, "ignore_startup_parameters = extra_float_digits");
    let data = Data::new(&proxy.url(), false);
    data.options().behind_pooling_proxy(true).open(&data.url).await.unwrap();
    let mut running = JoinSet::new();
    for node in 0..8 {
        let (options, url) = (data.options(), data.url.clone());
        running.spawn(async move {
            let store = options.open(&url).await.ok()?;
            for number in 0..20 {
                store.load(&key(&format!("user-{node}-{number}"))).await.ok()?;
            }
            Some(())
        });
    }
    assert!(running.join_all().await.contains(&None));
}

#[tokio::test]
async fn only_a_server_that_somebody_trusted_vouches_for_is_talked_to() {
    if !tools() {
        return;
    }
    for (name, trusted) in [("localhost", true), ("elsewhere.example", false)] {
        let folder = tempfile::tempdir().unwrap();
        let path = |file: &str| folder.path().join(file).display().to_string();
        fs::write(path("root.pem"), tls::certify(folder.path(), name)).unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        fs::write(path("other.pem"), tls::certify(elsewhere.path(), name)).unwrap();
        for file in ["server.pem", "server.key", ""] {
            hand_over(&folder.path().join(file));
        }
        let (certificate, key_file) = (path("server.pem"), path("server.key"));
        let server = Postgres::start(&[
            "ssl=on",
            &format!("ssl_cert_file={certificate}"),
            &format!("ssl_key_file={key_file}"),
        ]);
        let url = server.url().replace("127.0.0.1", "localhost");
        let open = async |settings: String| {
            let options = PostgresOptions::new().schema(fresh_schema()).patience(Duration::from_secs(20));
            options.open(&format!("{url}?{settings}")).await
        };
        let vouched = open(format!("sslmode=verify-full&sslrootcert={}", path("root.pem"))).await;
        let by_another = open(format!("sslmode=verify-full&sslrootcert={}", path("other.pem"))).await;
        let by_the_system = open("sslmode=verify-full".to_owned()).await;
        let held = match &vouched {
            Ok(store) => store.load(&key("ann")).await.is_ok(),
            Err(_) => false,
        };
        assert_eq!(held, trusted, "{vouched:?}");
        for refused in [by_another, by_the_system] {
            assert!(matches!(refused, Err(OpenError::Server { .. })), "{refused:?}");
        }
    }

    // One without TLS isn't talked to in the clear instead.
    let server = Postgres::start(&[]);
    let refused = PostgresStore::open(&format!("{}?sslmode=verify-full", server.url())).await;
    assert!(matches!(refused, Err(OpenError::Server { .. })), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_nodes_that_start_at_once_make_the_tables_once() {
    if !tools() {
        return;
    }
    // At the strictest too, where whoever waits would see only what was there before.
    for isolation in ["read committed", "serializable"] {
        many_nodes_that_start_at(isolation).await;
    }
}

async fn many_nodes_that_start_at(isolation: &str) {
    let server = Postgres::start(&[&format!("default_transaction_isolation={isolation}")]);
    for _ in 0..5 {
        let data = Data::new(&server.url(), false);
        let mut opening = JoinSet::new();
        for _ in 0..16 {
            let (options, url) = (data.options(), server.url());
            opening.spawn(async move { options.open(&url).await });
        }
        let stores = opening.join_all().await;
        for (number, store) in stores.into_iter().enumerate() {
            let write = write(&format!("user-{number}"), None, 1);
            assert_eq!(store.unwrap().commit(&write).await.unwrap(), Committed::Done);
        }
    }
}

/// A failover: the address leads on to the server that was the primary and isn't any more. It knows less than it should, and
/// whoever has set up a second factor meanwhile would come in without.
#[tokio::test]
async fn nothing_is_read_from_a_server_that_has_become_a_standby() {
    if !tools() {
        return;
    }
    for proxied in [false, true] {
        let mut server = Postgres::start(&[]);
        let data = Data::new(&server.url(), proxied);
        let store = data.options().patience(PATIENCE).open(&data.url).await.unwrap();
        let ann = write("ann", None, 1);
        assert_eq!(store.commit(&ann).await.unwrap(), Committed::Done);
        server.stop();
        server.be_standby(true);
        server.start_again();
        for _ in 0..3 {
            assert!(store.load(&ann.key).await.is_err());
            assert!(store.load(&write("ben", None, 1).key).await.is_err());
            assert!(store.commit(&write("ben", None, 1)).await.is_err());
        }
        assert!(matches!(data.options().open(&data.url).await, Err(OpenError::Replica { .. })));
        server.stop();
        server.be_standby(false);
        server.start_again();
        assert_eq!(store.load(&ann.key).await.unwrap().unwrap().version, ann.next);
        assert_eq!(store.commit(&write("ben", None, 1)).await.unwrap(), Committed::Done);
    }
}

/// Events that come with a first write while somebody erases what wasn't there are not erased.
#[tokio::test]
async fn an_erasure_of_nothing_deletes_no_events() {
    if !tools() {
        return;
    }
    let server = Postgres::start(&[]);
    let data = Data::new(&server.url(), false);
    let store = data.options().open(&data.url).await.unwrap();
    let ann = write("ann", None, 1);
    assert_eq!(store.commit(&ann).await.unwrap(), Committed::Done);
    // As after the first of its two statements, if the record came between them.
    server.execute(&format!("DELETE FROM {}.mfa_record", data.schema));
    store.erase(&ann.key).await.unwrap();
    server
        .execute(&format!("DO $$ BEGIN ASSERT (SELECT count(*) FROM {}.mfa_event) > 0; END $$", data.schema));
}

/// Where transactions are stricter than ours, an erasure that waited for somebody's write is undone, and is made again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_that_waits_for_a_write_is_made_after_it_at_every_isolation() {
    if !tools() {
        return;
    }
    for isolation in ["read committed", "repeatable read", "serializable"] {
        let server = Postgres::start(&[&format!("default_transaction_isolation={isolation}")]);
        let data = Data::new(&server.url(), false);
        let store = data.options().open(&data.url).await.unwrap();
        let ann = write("ann", None, 1);
        assert_eq!(store.commit(&ann).await.unwrap(), Committed::Done);
        let mut plain = PgConnection::connect(&data.direct).await.unwrap();
        let mut writing = plain.begin().await.unwrap();
        let update = format!("UPDATE {}.mfa_record SET version = 7", data.schema);
        writing.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(update))).await.unwrap();
        let (eraser, key) = (store.clone(), ann.key.clone());
        let erasing = tokio::spawn(async move { eraser.erase(&key).await });
        let mut watch = PgConnection::connect(&data.direct).await.unwrap();
        let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted";
        while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut watch).await.unwrap() == 0 {
            assert!(!erasing.is_finished(), "{isolation}: it didn't wait");
        }
        writing.commit().await.unwrap();
        erasing.await.unwrap().unwrap();
        assert!(store.load(&ann.key).await.unwrap().is_none(), "{isolation}");
    }
}

#[tokio::test]
async fn what_is_not_ours_or_newer_or_forbidden_is_left_alone_and_said() {
    if !tools() {
        return;
    }
    let server = Postgres::start(&[]);
    let open = async |data: &Data| data.options().open(&data.url).await;
    let strange = async |spoilt: &str, said: &str| {
        let data = Data::new(&server.url(), false);
        if !spoilt.starts_with("CREATE SCHEMA") {
            open(&data).await.unwrap();
        }
        data.run(spoilt).await;
        let refused = open(&data).await.unwrap_err();
        let is_told = matches!(&refused, OpenError::ForeignTables { found, .. } if found.contains(said));
        assert!(is_told, "{spoilt}: {refused:?}");
    };
    strange("CREATE SCHEMA $schema; CREATE TABLE $schema.mfa_record (name text)", "no `mfa_schema`").await;
    strange("ALTER TABLE $schema.mfa_schema DROP COLUMN owner", "can't be read").await;
    strange("UPDATE $schema.mfa_schema SET owner = 'somebody'", "something else").await;
    strange("DELETE FROM $schema.mfa_schema", "something else").await;
    strange("UPDATE $schema.mfa_schema SET version = 0", "missing").await;
    strange("DROP TABLE $schema.mfa_record", "missing").await;
    strange("DROP TABLE $schema.mfa_event", "missing").await;

    let data = Data::new(&server.url(), false);
    open(&data).await.unwrap();
    data.run("UPDATE $schema.mfa_schema SET version = 99").await;
    assert!(matches!(open(&data).await, Err(OpenError::Newer { found: 99, .. })));

    data.run("CREATE ROLE guest LOGIN").await;
    let guest = Data::new(&server.url().replace("portal@", "guest@"), false);
    let refused = open(&guest).await.unwrap_err();
    assert!(matches!(refused, OpenError::Rights { .. }), "{refused:?}");
    assert!(refused.to_string().contains(&guest.schema));
    // With the tables made by somebody else, a guest needs the rights on them and nothing more.
    let data = Data::new(&server.url(), false);
    open(&data).await.unwrap();
    let without = Data { url: guest.url.clone(), schema: data.schema.clone(), ..Data::new("", false) };
    let refused = open(&without).await.unwrap_err();
    assert!(matches!(refused, OpenError::Rights { .. }), "{refused:?}");
    assert!(refused.to_string().contains("GRANT USAGE"), "{refused}");
    data.run(
        "GRANT USAGE ON SCHEMA $schema TO guest; \
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA $schema TO guest",
    )
    .await;
    let guest = Data { url: guest.url, ..data };
    let store = open(&guest).await.unwrap();
    assert_eq!(store.commit(&write("ann", None, 1)).await.unwrap(), Committed::Done);
    store.erase(&key("ann")).await.unwrap();

    for (url, secret) in
        [("postgres://u:hunter2@", "hunter2"), ("hunter2", "hunter2"), ("redis://x", "hunter2")]
    {
        let error = PostgresOptions::new().open(url).await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains(secret), "{error:?}");
    }
    assert!(matches!(
        PostgresOptions::new().schema("a\"b").open(&server.url()).await,
        Err(OpenError::Setting(_))
    ));
}

fn key(name: &str) -> RecordKey {
    RecordKey { tenant: TenantId::default(), collection: Collection::Account, name: name.to_owned() }
}

fn write(name: &str, expected: Option<u64>, next: u64) -> Write {
    let event = StoredEvent {
        id: EventId::from_bytes([7; 16]),
        at: Timestamp::from_unix(next),
        kind: "code_accepted".to_owned(),
        body: b"{}".to_vec(),
    };
    Write {
        key: key(name),
        expected: expected.map(Version::new),
        next: Version::new(next),
        record: next.to_string().into_bytes(),
        events: vec![event],
    }
}

fn every_event() -> EventQuery {
    EventQuery {
        tenant: TenantId::default(),
        record: None,
        kind: None,
        since: None,
        until: None,
        after: None,
        limit: 10_000,
    }
}

fn cause(fault: &Fault) -> &StoreError {
    fault.source().unwrap().downcast_ref().unwrap()
}

/// The fault of each of the five calls, none of which takes long.
async fn faults(store: &PostgresStore) -> Vec<Fault> {
    let page =
        PageQuery { tenant: TenantId::default(), collection: Collection::Account, after: None, limit: 1 };
    let mut faults = Vec::new();
    for call in 0..5 {
        let began = Instant::now();
        faults.push(match call {
            0 => store.load(&key("ann")).await.unwrap_err(),
            1 => store.commit(&write("ann", Some(1), 2)).await.unwrap_err(),
            2 => store.events(&every_event()).await.unwrap_err(),
            3 => store.page(&page).await.unwrap_err(),
            _ => store.erase(&key("bob")).await.unwrap_err(),
        });
        assert!(began.elapsed() < PATIENCE + GRACE, "call {call}: {:?}", began.elapsed());
    }
    faults
}

/// Calls until one succeeds: it has to, without anybody opening the store again.
async fn recovers(store: &PostgresStore) -> u64 {
    let began = Instant::now();
    loop {
        match store.load(&key("ann")).await {
            Ok(held) => return held.unwrap().version.as_u64(),
            Err(fault) => assert!(began.elapsed() < Duration::from_secs(30), "{fault:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_is_a_fault_in_time_and_all_goes_on_afterwards() {
    if !tools() {
        return;
    }
    let mut server = Postgres::start(&[]);
    let store = PostgresOptions::new().connections(3).patience(PATIENCE).open(&server.url()).await.unwrap();
    assert_eq!(store.commit(&write("ann", None, 1)).await.unwrap(), Committed::Done);

    server.pause();
    let seen = faults(&store).await;
    assert!(seen.iter().all(|fault| matches!(cause(fault), StoreError::TimedOut { .. })), "{seen:?}");
    // Many at once wait no longer than one, though there are but three connections.
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..50 {
        let store = store.clone();
        tasks.spawn(async move { store.load(&key("ann")).await.is_err() });
    }
    assert!(tasks.join_all().await.into_iter().all(|failed| failed));
    assert!(began.elapsed() < PATIENCE + GRACE, "{:?}", began.elapsed());
    server.go_on();
    // The paused server has the commit in its socket, and may make it now: once, and whole.
    let version = recovers(&store).await;
    assert!(version == 1 || version == 2);
    let events = store.events(&every_event()).await.unwrap().events.len() as u64;
    assert_eq!(events, version, "the record without its event, or the other way round");

    for stop in [Server::kill, Server::stop] {
        stop(&mut server as &mut Postgres);
        faults(&store).await;
        server.start_again();
        assert!(recovers(&store).await >= version, "what was done is gone");
    }
    // Who only reads never notices that a connection was cut; who writes may, and then it is written or not.
    for round in 0..10 {
        let held = store.load(&key("ann")).await.unwrap().unwrap().version.as_u64();
        server.cut_connections();
        assert_eq!(store.load(&key("ann")).await.unwrap().unwrap().version.as_u64(), held, "round {round}");
        server.cut_connections();
        let now = match store.commit(&write("ann", Some(held), held + 1)).await {
            Ok(done) => {
                assert_eq!(done, Committed::Done);
                held + 1
            }
            Err(fault) => {
                assert!(matches!(cause(&fault), StoreError::Cut(_)), "{fault:?}");
                store.load(&key("ann")).await.unwrap().unwrap().version.as_u64()
            }
        };
        assert_eq!(store.events(&every_event()).await.unwrap().events.len() as u64, now);
    }
}

/// A caller that goes away half way leaves a connection with an outstanding answer: nobody else may be handed it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_dropped_half_way_gives_its_answer_to_nobody() {
    if !tools() {
        return;
    }
    let server = Postgres::start(&[]);
    let store = PostgresOptions::new().connections(1).open(&server.url()).await.unwrap();
    for name in ["ann", "bob"] {
        assert_eq!(
            store.commit(&write(name, None, if name == "ann" { 1 } else { 2 })).await.unwrap(),
            Committed::Done
        );
    }
    for micros in 0..200 {
        let (ann, bob) = (key("ann"), key("bob"));
        let _ = tokio::time::timeout(Duration::from_micros(micros * 3), store.load(&ann)).await;
        let held = store.load(&bob).await.unwrap().unwrap();
        assert_eq!(held.version.as_u64(), 2, "somebody else's record after {micros}");
    }
}
