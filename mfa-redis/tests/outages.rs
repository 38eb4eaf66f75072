//! A server that pauses, dies, comes back, forgets or changes its part: faults in time, never an answer, and recovery.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, which may panic")]

mod common;

use std::error::Error as _;
use std::time::{Duration, Instant};

use common::{RedisData, plain, server};
use mfa_core::fault::Fault;
use mfa_core::id::{EventId, TenantId};
use mfa_core::port::store::{
    Collection, Committed, Cursor, EventQuery, PageQuery, RecordKey, Store, StoredEvent, Version, Write,
};
use mfa_core::time::Timestamp;
use mfa_redis::error::{OpenError, StoreError};
use mfa_redis::options::RedisOptions;
use mfa_redis::persistence::Doubt;
use mfa_redis::store::RedisStore;
use mfa_testing::store::fixture::Fixture as _;
use test_tools::redis::Redis;
use test_tools::{Server as _, tools};
use tokio::task::JoinSet;

const PATIENCE: Duration = Duration::from_millis(400);
/// What a busy machine may add to it.
const GRACE: Duration = Duration::from_secs(3);

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

async fn patient_store(server: &Redis) -> RedisStore {
    RedisOptions::new().patience(PATIENCE).open(&server.url()).await.unwrap()
}

/// The fault of each of the five calls, and how long the slowest took.
async fn faults(store: &RedisStore) -> (Vec<Fault>, Duration) {
    let page =
        PageQuery { tenant: TenantId::default(), collection: Collection::Account, after: None, limit: 1 };
    let mut faults = Vec::new();
    let mut slowest = Duration::ZERO;
    for call in 0..5 {
        let began = Instant::now();
        faults.push(match call {
            0 => store.load(&key("ann")).await.unwrap_err(),
            1 => store.commit(&write("ann", Some(1), 2)).await.unwrap_err(),
            2 => store.events(&every_event()).await.unwrap_err(),
            3 => store.page(&page).await.unwrap_err(),
            _ => store.erase(&key("bob")).await.unwrap_err(),
        });
        slowest = slowest.max(began.elapsed());
    }
    (faults, slowest)
}

/// Calls until one succeeds: it has to, without anybody opening the store again.
async fn recovers(store: &RedisStore) -> Option<u64> {
    let began = Instant::now();
    loop {
        match store.load(&key("ann")).await {
            Ok(held) => return held.map(|held| held.version.as_u64()),
            Err(fault) => assert!(began.elapsed() < Duration::from_secs(30), "{fault:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_server_is_a_fault_in_time_and_goes_on_afterwards() {
    if !tools() {
        return;
    }
    let server = Redis::start(&[]);
    let store = patient_store(&server).await;
    assert_eq!(store.commit(&write("ann", None, 1)).await.unwrap(), Committed::Done);
    server.pause();
    let (seen, slowest) = faults(&store).await;
    assert!(seen.iter().all(|fault| matches!(cause(fault), StoreError::TimedOut { .. })), "{seen:?}");
    assert!(slowest < PATIENCE + GRACE, "{slowest:?}");
    // Many at once wait no longer than one: they don't queue for a connection.
    let mut tasks = JoinSet::new();
    let began = Instant::now();
    for _ in 0..50 {
        let store = store.clone();
        tasks.spawn(async move { store.load(&key("ann")).await.is_err() });
    }
    assert!(tasks.join_all().await.into_iter().all(|failed| failed));
    assert!(began.elapsed() < PATIENCE + GRACE, "{:?}", began.elapsed());
    server.go_on();
    // The paused server has the commit in its socket, and may make it now: once, and whole.
    let version = recovers(&store).await.unwrap();
    assert!(version == 1 || version == 2);
    let events = store.events(&every_event()).await.unwrap().events;
    assert_eq!(events.len() as u64, version);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_is_a_fault_and_has_everything_when_it_is_back() {
    if !tools() {
        return;
    }
    let mut server = Redis::start(&[]);
    let store = patient_store(&server).await;
    assert_eq!(store.commit(&write("ann", None, 1)).await.unwrap(), Committed::Done);
    for round in 1..=5 {
        server.kill();
        let (_, slowest) = faults(&store).await;
        assert!(slowest < PATIENCE + GRACE, "{slowest:?}");
        server.start_again();
        assert_eq!(recovers(&store).await, Some(round));
        // The scripts are unknown to the new process.
        let next = store.commit(&write("ann", Some(round), round + 1)).await.unwrap();
        assert_eq!(next, Committed::Done);
    }
}

/// Nobody has to see a restart who came after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_load_after_a_restart_is_answered() {
    if !tools() {
        return;
    }
    let mut server = Redis::start(&[]);
    let store = RedisOptions::new().open(&server.url()).await.unwrap();
    assert_eq!(store.commit(&write("ann", None, 1)).await.unwrap(), Committed::Done);
    server.kill();
    server.start_again();
    assert!(store.load(&key("ann")).await.unwrap().is_some());
}

/// `appendfsync always`: the crash may come at any moment, what was answered "done" is there afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_answered_is_lost_when_the_server_dies_under_load() {
    if !tools() {
        return;
    }
    let mut server = Redis::start(&[]);
    let store = RedisOptions::new().open(&server.url()).await.unwrap();
    for round in 0..8 {
        let mut tasks = JoinSet::new();
        for writer in 0..8 {
            let store = store.clone();
            let name = format!("{round}-{writer}");
            tasks.spawn(async move {
                let mut done = None;
                loop {
                    let next = done.map_or(1, |version| version + 1);
                    match store.commit(&write(&name, done, next)).await {
                        Ok(Committed::Done) => done = Some(next),
                        Ok(Committed::Conflict) => panic!("nobody else writes {name}"),
                        Err(_) => return (name, done),
                    }
                }
            });
        }
        while store.events(&every_event()).await.unwrap().events.len() < 200 * (round + 1) {}
        server.kill();
        let ended = tasks.join_all().await;
        server.start_again();
        for (name, done) in ended {
            let held = store.load(&key(&name)).await.unwrap().map(|held| held.version.as_u64());
            let unanswered = done.map_or(1, |version| version + 1);
            assert!(held == done || held == Some(unanswered), "{name}: {done:?} answered, {held:?} held");
            let of_record = EventQuery { record: Some((Collection::Account, name)), ..every_event() };
            let events = store.events(&of_record).await.unwrap().events;
            assert_eq!(events.len() as u64, held.unwrap_or(0), "events as there were writes");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_forgot_the_scripts_is_told_them_again() {
    if !tools() {
        return;
    }
    let server = Redis::start(&[]);
    let store = RedisOptions::new().open(&server.url()).await.unwrap();
    let mut connection = plain(&server.url()).await;
    assert_eq!(store.commit(&write("ann", None, 0)).await.unwrap(), Committed::Done);
    for round in 0..5 {
        let () = redis::cmd("SCRIPT").arg("FLUSH").query_async(&mut connection).await.unwrap();
        let written = store.commit(&write("ann", Some(round), round + 1)).await.unwrap();
        assert_eq!(written, Committed::Done);
        let () = redis::cmd("SCRIPT").arg("FLUSH").query_async(&mut connection).await.unwrap();
        assert_eq!(recovers(&store).await, Some(round + 1));
    }
    assert_eq!(store.events(&every_event()).await.unwrap().events.len(), 6, "none twice");
}

/// "No record" would mean: this person has no second factor.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_was_dropped_and_not_erased_is_a_fault() {
    let Some(server) = server() else { return };
    let url = server.url();
    let data = RedisData::new(&url);
    let store = data.open().await;
    assert_eq!(store.commit(&write("ann", None, 1)).await.unwrap(), Committed::Done);
    let mut connection = plain(&url).await;
    let mut drop_records = redis::cmd("DEL");
    drop_records.arg(data.key("data"));
    let () = drop_records.query_async(&mut connection).await.unwrap();
    let lost = |fault: Fault| assert!(matches!(cause(&fault), StoreError::Lost), "{fault:?}");
    lost(store.load(&key("ann")).await.unwrap_err());
    lost(store.commit(&write("ann", None, 9)).await.unwrap_err());
    lost(store.commit(&write("ann", Some(1), 2)).await.unwrap_err());
    assert!(store.load(&key("bob")).await.unwrap().is_none());
}

/// A script that fails half way keeps what it wrote: so it must find out before it begins.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_cannot_be_whole_is_not_begun() {
    let Some(server) = server() else { return };
    let url = server.url();
    for name in ["data", "names"] {
        let data = RedisData::new(&url);
        let store = data.open().await;
        assert_eq!(store.commit(&write("ann", None, 1)).await.unwrap(), Committed::Done);
        let connection = plain(&url).await;
        let rename = async |from: String, to: String| {
            let mut rename = redis::cmd("RENAME");
            let () = rename.arg(from).arg(to).query_async(&mut connection.clone()).await.unwrap();
        };
        rename(data.key(name), data.key("aside")).await;
        let mut foreign = redis::cmd("RPUSH");
        let () = foreign.arg(data.key(name)).arg("x").query_async(&mut connection.clone()).await.unwrap();
        let foreign =
            |fault: Fault| assert!(matches!(cause(&fault), StoreError::Foreign), "{name}: {fault:?}");
        foreign(store.commit(&write("bob", None, 1)).await.unwrap_err());
        foreign(store.erase(&key("ann")).await.unwrap_err());
        // The names are not touched by a write over a record: it is whole without them.
        let update = store.commit(&write("ann", Some(1), 2)).await;
        let version = if name == "names" {
            assert_eq!(update.unwrap(), Committed::Done);
            2
        } else {
            foreign(update.unwrap_err());
            1
        };
        let () = redis::cmd("DEL").arg(data.key(name)).query_async(&mut connection.clone()).await.unwrap();
        rename(data.key("aside"), data.key(name)).await;
        assert_eq!(recovers(&store).await, Some(version), "{name}");
        let found = store.events(&every_event()).await.unwrap().events;
        assert_eq!(found.len() as u64, version, "{name}");
        assert!(store.load(&key("bob")).await.unwrap().is_none(), "{name}");
        assert_eq!(store.commit(&write("bob", None, 1)).await.unwrap(), Committed::Done, "{name}");
    }
}

/// Somebody who is not in the roster is not seen by who administers it, and nobody new can be told from somebody lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_was_dropped_is_a_fault_wherever_all_of_it_is_needed() {
    let Some(server) = server() else { return };
    let url = server.url();
    for name in ["data", "names"] {
        let data = RedisData::new(&url);
        let store = data.open().await;
        assert_eq!(store.commit(&write("ann", None, 1)).await.unwrap(), Committed::Done);
        let mut connection = plain(&url).await;
        let () = redis::cmd("DEL").arg(data.key(name)).query_async(&mut connection).await.unwrap();
        let lost = |fault: Fault| assert!(matches!(cause(&fault), StoreError::Lost), "{name}: {fault:?}");
        let page = PageQuery {
            tenant: TenantId::default(),
            collection: Collection::Account,
            after: None,
            limit: 10,
        };
        lost(store.page(&page).await.unwrap_err());
        lost(store.events(&every_event()).await.unwrap_err());
        lost(store.commit(&write("bob", None, 1)).await.unwrap_err());
        if name == "data" {
            let of_ann =
                EventQuery { record: Some((Collection::Account, "ann".to_owned())), ..every_event() };
            lost(store.events(&of_ann).await.unwrap_err());
        }
        // Erasing everybody who was there is a way out that loses nothing more.
        store.erase(&key("ann")).await.unwrap();
        assert_eq!(store.commit(&write("bob", None, 1)).await.unwrap(), Committed::Done);
        assert_eq!(store.page(&page).await.unwrap().records.len(), 1);
    }
}

/// Events of one record are a chain through those of all others, which a question may enter anywhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_goes_on_from_any_place_and_over_gaps() {
    let Some(server) = server() else { return };
    let data = RedisData::new(&server.url());
    let store = data.open().await;
    let names = ["ann", "bob", "cy"];
    for version in 1..=30 {
        for name in names {
            let mut next = write(name, (version > 1).then(|| version - 1), version);
            if version % 5 == 0 {
                next.events.clear();
            } else {
                next.events.push(next.events[0].clone());
            }
            assert_eq!(store.commit(&next).await.unwrap(), Committed::Done);
        }
    }
    let of =
        |name: &str| EventQuery { record: Some((Collection::Account, name.to_owned())), ..every_event() };
    let places = async |query: &EventQuery| {
        let (mut query, mut places) = (EventQuery { limit: 1, ..query.clone() }, Vec::new());
        loop {
            let page = store.events(&query).await.unwrap();
            assert_eq!(page.events.len(), 1);
            let Some(next) = page.next else { return places };
            places.push(next);
            query.after = Some(next);
        }
    };
    let mut of_bob = places(&of("bob")).await;
    // That of his first event, behind which there is no page.
    of_bob.push(Cursor(2 << 20));
    for after in places(&of("ann")).await {
        let query = EventQuery { after: Some(after), ..of("bob") };
        let expected = of_bob.iter().filter(|place| **place < after).count();
        assert_eq!(store.events(&query).await.unwrap().events.len(), expected, "after {after:?}");
    }
    store.erase(&key("bob")).await.unwrap();
    let left = store.events(&every_event()).await.unwrap().events;
    assert_eq!(left.len(), 2 * 24 * 2);
    assert!(left.iter().all(|found| found.key.name != "bob"));
    let after_the_erased = EventQuery { after: of_bob.last().copied(), ..every_event() };
    assert_eq!(store.events(&after_the_erased).await.unwrap().events.len(), 2, "ann's first");
    for query in [of("ann"), of("bob"), every_event()] {
        let beyond = EventQuery { after: Some(Cursor(u64::MAX)), ..query.clone() };
        let all = store.events(&query).await.unwrap().events;
        assert_eq!(store.events(&beyond).await.unwrap().events, all);
        let before_all = EventQuery { after: Some(Cursor(0)), ..query };
        assert!(store.events(&before_all).await.unwrap().events.is_empty());
    }
    assert_eq!(store.commit(&write("bob", None, 1)).await.unwrap(), Committed::Done);
    let anew = EventQuery { after: of_bob.first().copied(), ..of("bob") };
    assert!(store.events(&anew).await.unwrap().events.is_empty(), "places are never given twice");
}

/// More than one script looks at: the call asks on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rare_is_found_behind_thousands_of_the_common() {
    if !tools() {
        return;
    }
    // Only what is found is looked at here.
    let server = Redis::start(&["--appendfsync", "no"]);
    let data = RedisData::new(&server.url());
    let store = data.open().await;
    let mut rare = write("ann", None, 1);
    rare.events[0].kind = "factor_added".to_owned();
    rare.events[0].at = Timestamp::from_unix(7);
    assert_eq!(store.commit(&rare).await.unwrap(), Committed::Done);
    for version in 2..=4_500 {
        assert_eq!(store.commit(&write("ann", Some(version - 1), version)).await.unwrap(), Committed::Done);
    }
    let of_ann = EventQuery { record: Some((Collection::Account, "ann".to_owned())), ..every_event() };
    for query in [every_event(), of_ann] {
        let of_kind = EventQuery { kind: Some("factor_added".to_owned()), limit: 1, ..query.clone() };
        let of_time = EventQuery { until: Some(Timestamp::from_unix(8)), limit: 9, ..query.clone() };
        let in_time = EventQuery { since: Some(Timestamp::from_unix(7)), ..of_time.clone() };
        for (question, count) in [(of_kind, 1), (of_time.clone(), 7), (in_time, 2)] {
            let page = store.events(&question).await.unwrap();
            assert_eq!((page.events.len(), page.next), (count, None), "{question:?}");
        }
        assert_eq!(store.events(&query).await.unwrap().events.len(), 4_500);
    }
    store.erase(&key("ann")).await.unwrap();
    assert!(store.events(&every_event()).await.unwrap().events.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erased_record_leaves_nothing_in_any_list() {
    let Some(server) = server() else { return };
    let url = server.url();
    let data = RedisData::new(&url);
    let store = data.open().await;
    for name in ["ann", "bob"] {
        assert_eq!(store.commit(&write(name, None, 1)).await.unwrap(), Committed::Done);
    }
    store.erase(&key("ann")).await.unwrap();
    let of_kind = EventQuery { kind: Some("code_accepted".to_owned()), ..every_event() };
    assert_eq!(store.events(&of_kind).await.unwrap().events.len(), 1);
    store.erase(&key("bob")).await.unwrap();
    let mut connection = plain(&url).await;
    let mut keys = redis::cmd("KEYS");
    let left: Vec<String> = keys.arg(data.key("*")).query_async(&mut connection).await.unwrap();
    assert_eq!(left, [data.key("data")]);
    let mut fields = redis::cmd("HGETALL");
    let mut left: Vec<(String, u64)> =
        fields.arg(data.key("data")).query_async(&mut connection).await.unwrap();
    left.sort();
    let counts = [(":count".to_owned(), 0), (":place".to_owned(), 2)];
    assert_eq!(left, counts, "a place is never given twice");
}

/// Its data may be older than what was answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_is_not_opened_and_a_primary_that_becomes_one_gives_no_answer() {
    if !tools() {
        return;
    }
    let (primary, other) = (Redis::start(&[]), Redis::start(&[]));
    let store = patient_store(&other).await;
    assert_eq!(store.commit(&write("ann", None, 1)).await.unwrap(), Committed::Done);
    let port = primary.url().rsplit(':').next().unwrap().to_owned();
    let mut connection = plain(&other.url()).await;
    let mut follow = redis::cmd("REPLICAOF");
    follow.arg("127.0.0.1").arg(port);
    let () = follow.query_async(&mut connection).await.unwrap();
    let refused = RedisOptions::new().open(&other.url()).await.unwrap_err();
    assert!(matches!(refused, OpenError::Replica { .. }), "{refused:?}");
    let (seen, _) = faults(&store).await;
    let refusing = |fault: &Fault| matches!(cause(fault), StoreError::Replica | StoreError::Loading);
    assert!(seen.iter().all(refusing), "{seen:?}");
    let mut follow_nobody = redis::cmd("REPLICAOF");
    let () = follow_nobody.arg("NO").arg("ONE").query_async(&mut connection).await.unwrap();
    recovers(&store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_memory_takes_no_half_write() {
    if !tools() {
        return;
    }
    let server = Redis::start(&["--maxmemory-policy", "noeviction"]);
    let store = RedisOptions::new().open(&server.url()).await.unwrap();
    assert_eq!(store.commit(&write("ann", None, 1)).await.unwrap(), Committed::Done);
    let mut connection = plain(&server.url()).await;
    let mut limit = redis::cmd("CONFIG");
    limit.arg("SET").arg("maxmemory").arg("1");
    let () = limit.query_async(&mut connection).await.unwrap();
    let fault = store.commit(&write("ann", Some(1), 2)).await.unwrap_err();
    assert!(matches!(cause(&fault), StoreError::Full), "{fault:?}");
    assert_eq!(recovers(&store).await, Some(1), "what is there can still be read");
    assert_eq!(store.events(&every_event()).await.unwrap().events.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forgetful_settings_are_doubts_and_safe_ones_none() {
    if !tools() {
        return;
    }
    let safe = Redis::start(&[]);
    let store = RedisOptions::new().open(&safe.url()).await.unwrap();
    assert_eq!(store.persistence().await.unwrap().doubts(), []);
    let settings = ["--appendfsync", "everysec", "--maxmemory-policy", "allkeys-lru"];
    let late = Redis::start(&settings);
    let store = RedisOptions::new().open(&late.url()).await.unwrap();
    assert_eq!(store.persistence().await.unwrap().doubts(), [Doubt::LogLate, Doubt::Evicts]);
    let off = Redis::start(&["--appendonly", "no"]);
    let store = RedisOptions::new().open(&off.url()).await.unwrap();
    assert_eq!(store.persistence().await.unwrap().doubts(), [Doubt::NoLog]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_work_is_refused_when_the_store_is_opened() {
    let secret = "redis://ann:hunter2@[nonsense";
    let refused = RedisOptions::new().open(secret).await.unwrap_err();
    assert!(matches!(refused, OpenError::Address(_)), "{refused:?}");
    assert!(!format!("{refused} {refused:?}").contains("hunter2"));
    let setting = |options: RedisOptions| async move {
        let refused = options.open("redis://127.0.0.1:1").await.unwrap_err();
        assert!(matches!(refused, OpenError::Setting(_)), "{refused:?}");
    };
    setting(RedisOptions::new().prefix("a}b")).await;
    setting(RedisOptions::new().patience(Duration::ZERO)).await;
    setting(RedisOptions::new().patience(Duration::MAX)).await;
    let began = Instant::now();
    // A listener that never says a word.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://:hunter2@{}", silent.local_addr().unwrap());
    let refused = RedisOptions::new().patience(PATIENCE).open(&url).await.unwrap_err();
    assert!(began.elapsed() < PATIENCE + GRACE);
    assert!(matches!(refused, OpenError::Server { .. }), "{refused:?}");
    assert!(!format!("{refused} {refused:?}").contains("hunter2"));
}
