//! How often a call goes to the server, and over which connection.
#![allow(clippy::unwrap_used, reason = "helpers of tests, which may panic")]

mod common;

use std::error::Error as _;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use common::{RedisData, plain, server};
use mfa_core::fault::Fault;
use mfa_core::id::{EventId, TenantId};
use mfa_core::port::store::{
    Collection, Committed, PageQuery, RecordKey, Store as _, StoredEvent, Version, Write,
};
use mfa_core::time::Timestamp;
use mfa_redis::error::StoreError;
use mfa_testing::store::fixture::Fixture as _;
use redis::aio::MultiplexedConnection;
use test_tools::Server as _;

fn write(name: &str, expected: Option<u64>, next: u64) -> Write {
    let key =
        RecordKey { tenant: TenantId::default(), collection: Collection::Account, name: name.to_owned() };
    Write {
        key,
        expected: expected.map(Version::new),
        next: Version::new(next),
        record: next.to_string().into_bytes(),
        events: Vec::new(),
    }
}

fn page(limit: u32) -> PageQuery {
    PageQuery { tenant: TenantId::default(), collection: Collection::Account, after: None, limit }
}

fn cause(fault: &Fault) -> &StoreError {
    fault.source().unwrap().downcast_ref().unwrap()
}

/// A number of the server's own account of itself, 0 where it has nothing to say.
async fn told(connection: &mut MultiplexedConnection, section: &str, name: &str) -> u64 {
    let info: String = redis::cmd("INFO").arg(section).query_async(connection).await.unwrap();
    let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let number = line.unwrap_or("0").trim_start_matches("calls=");
    number.split(',').next().unwrap().trim().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_clones_share_one_connection_and_the_store_says_where_it_leads() {
    let Some(server) = server() else { return };
    let url = server.url().replace("redis://", "redis://default:hunter2@");
    let mut connection = plain(&server.url()).await;
    let mut password = redis::cmd("CONFIG");
    password.arg("SET").arg("requirepass").arg("hunter2");
    let () = password.query_async(&mut connection).await.unwrap();
    let store = RedisData::new(&url).open().await;
    let before = told(&mut connection, "stats", "total_connections_received").await;
    for number in 0..10 {
        let name = format!("user-{number}");
        assert_eq!(store.clone().commit(&write(&name, None, 1)).await.unwrap(), Committed::Done);
    }
    assert_eq!(told(&mut connection, "stats", "total_connections_received").await, before);
    let shown = format!("{store:?}");
    assert!(shown.contains(server.url().trim_start_matches("redis://")), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
}

/// Only a script that the server doesn't know has not run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_inside_a_script_is_not_asked_again_and_has_changed_nothing() {
    let Some(server) = server() else { return };
    let data = RedisData::new(&server.url());
    let store = data.open().await;
    let mut connection = plain(&server.url()).await;
    let ann = write("ann", None, 1);
    assert_eq!(store.commit(&ann).await.unwrap(), Committed::Done);
    // The server learns the script.
    store.erase(&write("bob", None, 1).key).await.unwrap();
    let before = told(&mut connection, "commandstats", "cmdstat_eval").await;
    for count in [":place", ":count"] {
        let mut spoil = redis::cmd("HSET");
        spoil.arg(data.key("data")).arg(count).arg("no number");
        let () = spoil.query_async(&mut connection).await.unwrap();
    }
    let mut with_event = write("ann", Some(1), 2);
    with_event.events.push(StoredEvent {
        id: EventId::from_bytes([7; 16]),
        at: Timestamp::from_unix(1),
        kind: "code_accepted".to_owned(),
        body: b"{}".to_vec(),
    });
    let fault = store.commit(&with_event).await.unwrap_err();
    assert!(matches!(cause(&fault), StoreError::Server(_)), "{fault:?}");
    let fault = store.erase(&ann.key).await.unwrap_err();
    assert!(matches!(cause(&fault), StoreError::Unreadable(_)), "{fault:?}");
    assert_eq!(told(&mut connection, "commandstats", "cmdstat_eval").await, before);
    assert_eq!(store.load(&ann.key).await.unwrap().unwrap().version, Version::new(1));
}

/// It is what every guarded page asks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_is_there_is_read_without_a_script() {
    let Some(server) = server() else { return };
    let store = RedisData::new(&server.url()).open().await;
    let mut connection = plain(&server.url()).await;
    let ann = write("ann", None, 1);
    assert_eq!(store.commit(&ann).await.unwrap(), Committed::Done);
    // The server learns the script of those that aren't there.
    assert!(store.load(&write("ben", None, 1).key).await.unwrap().is_none());
    let before = told(&mut connection, "commandstats", "cmdstat_evalsha").await;
    for _ in 0..3 {
        assert!(store.load(&ann.key).await.unwrap().is_some());
    }
    assert_eq!(told(&mut connection, "commandstats", "cmdstat_evalsha").await, before);
}

/// A record and its version are written together; one without the other is a loss, not "this person has no second factor".
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_record_is_a_fault() {
    let Some(server) = server() else { return };
    for half in ["aann", "vaann"] {
        let data = RedisData::new(&server.url());
        let store = data.open().await;
        let ann = write("ann", None, 1);
        assert_eq!(store.commit(&ann).await.unwrap(), Committed::Done);
        let mut lose = redis::cmd("HDEL");
        let lost: u8 =
            lose.arg(data.key("data")).arg(half).query_async(&mut plain(&server.url()).await).await.unwrap();
        assert_eq!(lost, 1);
        let page = PageQuery {
            tenant: ann.key.tenant.clone(),
            collection: ann.key.collection,
            after: None,
            limit: 10,
        };
        for fault in [store.load(&ann.key).await.unwrap_err(), store.page(&page).await.unwrap_err()] {
            assert!(matches!(cause(&fault), StoreError::Lost), "{half}: {fault:?}");
        }
        let again = store.commit(&ann).await;
        assert!(!matches!(again, Ok(Committed::Done)), "{half}: {again:?}");
        // Without the place of its events they can't be found, and would stay.
        let erased = store.erase(&ann.key).await;
        assert_eq!(erased.is_err(), half == "vaann", "{erased:?}");
    }
}

/// A stretch is what one script hands over; a page may be longer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_is_one_call_and_a_long_one_few() {
    let Some(server) = server() else { return };
    let store = RedisData::new(&server.url()).open().await;
    let mut connection = plain(&server.url()).await;
    let mut asked = async |limit: u32| {
        let before = told(&mut connection, "commandstats", "cmdstat_evalsha").await;
        let page = store.page(&page(limit)).await.unwrap();
        let calls = told(&mut connection, "commandstats", "cmdstat_evalsha").await - before;
        (page.records.len(), page.more, calls)
    };
    for number in 0..7 {
        let name = format!("user-{number:04}");
        assert_eq!(store.commit(&write(&name, None, 1)).await.unwrap(), Committed::Done);
    }
    // The first one teaches the server the script.
    let _first = asked(9).await;
    assert_eq!(asked(9).await, (7, false, 1));
    assert_eq!(asked(7).await, (7, false, 1));
    assert_eq!(asked(6).await, (6, true, 1));
    for number in 7..1_003 {
        let name = format!("user-{number:04}");
        assert_eq!(store.commit(&write(&name, None, 1)).await.unwrap(), Committed::Done);
    }
    assert_eq!(asked(1_002).await, (1_002, true, 3));
    assert_eq!(asked(5_000).await, (1_003, false, 3));
}

/// Passes everything on, and hangs up instead of passing the next answer on once it is told to.
struct Proxy {
    url: String,
    hang_up: Arc<AtomicBool>,
}

impl Proxy {
    fn before(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (url, hang_up) =
            (format!("redis://{}", listener.local_addr().unwrap()), Arc::new(AtomicBool::new(false)));
        let (server, told) = (server.trim_start_matches("redis://").to_owned(), Arc::clone(&hang_up));
        // It ends with the program: nobody comes any more when the test is over.
        thread::spawn(move || {
            for caller in listener.incoming() {
                let (caller, server) = (caller.unwrap(), TcpStream::connect(&server).unwrap());
                pass(caller.try_clone().unwrap(), server.try_clone().unwrap(), None);
                pass(server, caller, Some(Arc::clone(&told)));
            }
        });
        Self { url, hang_up }
    }

    fn hang_up(&self) {
        self.hang_up.store(true, Ordering::SeqCst);
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, hang_up: Option<Arc<AtomicBool>>) {
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(length @ 1..) = from.read(&mut bytes) {
            let told = hang_up.as_ref().is_some_and(|told| told.swap(false, Ordering::SeqCst));
            if told || to.write_all(bytes.get(..length).unwrap()).is_err() {
                break;
            }
        }
        for side in [from, to] {
            let _ = side.shutdown(Shutdown::Both);
        }
    });
}

/// A write made twice would find its own version, and call what it has done a conflict.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_whose_answer_is_lost_is_a_fault_and_not_made_twice_and_a_read_is_made_again() {
    let Some(server) = server() else { return };
    let proxy = Proxy::before(&server.url());
    let store = RedisData::new(&proxy.url).open().await;
    let ann = write("ann", None, 1);
    assert_eq!(store.commit(&ann).await.unwrap(), Committed::Done);

    proxy.hang_up();
    let fault = store.commit(&write("ann", Some(1), 2)).await.unwrap_err();
    assert!(matches!(cause(&fault), StoreError::Cut(_)), "{fault:?}");
    assert_eq!(store.load(&ann.key).await.unwrap().unwrap().version, Version::new(2));

    proxy.hang_up();
    assert_eq!(store.load(&ann.key).await.unwrap().unwrap().version, Version::new(2));
    proxy.hang_up();
    assert_eq!(store.page(&page(9)).await.unwrap().records.len(), 1);

    // The server learns the script.
    store.erase(&write("bob", None, 1).key).await.unwrap();
    proxy.hang_up();
    let fault = store.erase(&ann.key).await.unwrap_err();
    assert!(matches!(cause(&fault), StoreError::Cut(_)), "{fault:?}");
    assert!(store.load(&ann.key).await.unwrap().is_none());
}
