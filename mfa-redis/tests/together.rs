//! Writes that go together in one script: each is made or not by what it finds itself.
#![allow(clippy::unwrap_used, reason = "helpers of tests, which may panic")]

mod common;

use std::error::Error as _;
use std::future::{Future as _, poll_fn};
use std::task::Poll;

use common::{RedisData, plain, server};
use futures_util::future::join_all;
use mfa_core::fault::Fault;
use mfa_core::id::{EventId, TenantId};
use mfa_core::port::store::{
    Collection, Committed, EventQuery, PageQuery, RecordKey, Store as _, StoredEvent, Version, Write,
};
use mfa_core::time::Timestamp;
use mfa_redis::error::StoreError;
use mfa_redis::store::RedisStore;
use mfa_testing::store::fixture::Fixture as _;
use redis::aio::MultiplexedConnection;
use test_tools::Server as _;
use tokio::runtime::Builder;

fn write(tenant: &str, name: &str, expected: Option<u64>, next: u64) -> Write {
    let tenant = TenantId::new(tenant).unwrap();
    Write {
        key: RecordKey { tenant, collection: Collection::Account, name: name.to_owned() },
        expected: expected.map(Version::new),
        next: Version::new(next),
        record: format!("{name} {next}").into_bytes(),
        events: vec![StoredEvent {
            id: EventId::from_bytes([next as u8; 16]),
            at: Timestamp::from_unix(next),
            kind: "code_accepted".to_owned(),
            body: name.as_bytes().to_vec(),
        }],
    }
}

/// On a runtime of one thread all of them stand in line before the first sets off.
async fn together(store: &RedisStore, writes: &[Write]) -> Vec<Result<Committed, Fault>> {
    join_all(writes.iter().map(|write| store.commit(write))).await
}

fn told(answers: Vec<Result<Committed, Fault>>) -> Vec<Result<Committed, String>> {
    let cause = |fault: Fault| fault.source().unwrap().downcast_ref::<StoreError>().unwrap().to_string();
    answers.into_iter().map(|answer| answer.map_err(cause)).collect()
}

/// How many scripts there have been.
async fn scripts(connection: &mut MultiplexedConnection) -> u64 {
    let stats: String = redis::cmd("INFO").arg("commandstats").query_async(connection).await.unwrap();
    let line = stats.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:calls=")).unwrap_or("0");
    line.split(',').next().unwrap().parse().unwrap()
}

/// The newest first: who wrote at which version.
async fn history(store: &RedisStore, of: Option<&str>) -> Vec<(String, u64)> {
    let query = EventQuery {
        tenant: TenantId::default(),
        record: of.map(|name| (Collection::Account, name.to_owned())),
        kind: None,
        since: None,
        until: None,
        after: None,
        limit: 100,
    };
    let found = store.events(&query).await.unwrap().events;
    found.into_iter().map(|found| (found.key.name, found.event.at.as_unix())).collect()
}

async fn version(store: &RedisStore, write: &Write) -> Option<u64> {
    store.load(&write.key).await.unwrap().map(|held| held.version.as_u64())
}

const DONE: Result<Committed, String> = Ok(Committed::Done);
const CONFLICT: Result<Committed, String> = Ok(Committed::Conflict);

#[tokio::test]
async fn writes_that_meet_are_one_script_and_each_is_told_its_own_answer() {
    let Some(server) = server() else { return };
    let store = RedisData::new(&server.url()).open().await;
    let mut connection = plain(&server.url()).await;
    let d = "default";
    assert_eq!(
        told(together(&store, &[write(d, "ann", None, 1), write(d, "ben", None, 1)]).await),
        [DONE, DONE]
    );
    let before = scripts(&mut connection).await;
    let writes = [
        write(d, "ann", Some(1), 2),
        write(d, "ben", Some(9), 3),
        write(d, "cay", None, 4),
        write(d, "ann", None, 5),
        write(d, "dan", Some(1), 6),
    ];
    assert_eq!(told(together(&store, &writes).await), [DONE, CONFLICT, DONE, CONFLICT, CONFLICT]);
    assert_eq!(scripts(&mut connection).await, before + 1);
    let mut versions = Vec::new();
    for write in &writes {
        versions.push(version(&store, write).await);
    }
    assert_eq!(versions, [Some(2), Some(1), Some(4), Some(2), None]);
    let all = [("cay", 4), ("ann", 2), ("ben", 1), ("ann", 1)].map(|(name, at)| (name.to_owned(), at));
    assert_eq!(history(&store, None).await, all);
    assert_eq!(history(&store, Some("ann")).await, [all[1].clone(), all[3].clone()]);
    let query =
        PageQuery { tenant: TenantId::default(), collection: Collection::Account, after: None, limit: 9 };
    let names: Vec<_> = store.page(&query).await.unwrap().records.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["ann", "ben", "cay"]);
}

/// As they would be one after the other.
#[tokio::test]
async fn of_writes_of_one_record_that_meet_the_later_find_what_the_earlier_wrote() {
    let Some(server) = server() else { return };
    let store = RedisData::new(&server.url()).open().await;
    let ann = |expected, next| write("default", "ann", expected, next);
    let writes = [ann(None, 1), ann(None, 2), ann(Some(1), 3), ann(Some(1), 4), ann(Some(3), 5)];
    assert_eq!(told(together(&store, &writes).await), [DONE, CONFLICT, DONE, CONFLICT, DONE]);
    assert_eq!(store.load(&writes[0].key).await.unwrap().unwrap().record, b"ann 5");
    let history = history(&store, Some("ann")).await;
    assert_eq!(history.into_iter().map(|(_, at)| at).collect::<Vec<_>>(), [5, 3, 1]);
    // One, and not one for each write: the next would be told that a record is gone.
    assert_eq!(store.commit(&write("default", "ben", None, 1)).await.unwrap(), Committed::Done);
}

#[tokio::test]
async fn tenants_whose_writes_meet_have_each_their_own() {
    let Some(server) = server() else { return };
    let store = RedisData::new(&server.url()).open().await;
    let made = [write("a", "ann", None, 1), write("b", "ann", None, 2), write("a", "ben", None, 3)];
    assert_eq!(told(together(&store, &made).await), [DONE, DONE, DONE]);
    let writes =
        [write("b", "ann", Some(1), 4), write("a", "ann", Some(1), 5), write("b", "ann", Some(2), 6)];
    assert_eq!(told(together(&store, &writes).await), [CONFLICT, DONE, DONE]);
    let mut versions = Vec::new();
    for write in &made {
        versions.push(version(&store, write).await);
    }
    assert_eq!(versions, [Some(5), Some(6), Some(3)]);
}

/// The others are none the worse for it, and are not written down as gone or there.
#[tokio::test]
async fn a_write_that_finds_its_record_spoilt_or_gone_is_the_only_one_that_fails() {
    let Some(server) = server() else { return };
    let data = RedisData::new(&server.url());
    let store = data.open().await;
    let mut connection = plain(&server.url()).await;
    let d = "default";
    let made = ["ann", "ben", "cay"].map(|name| write(d, name, None, 1));
    assert_eq!(told(together(&store, &made).await), [DONE, DONE, DONE]);
    let mut spoil = redis::cmd("HSET");
    spoil.arg(data.key("data")).arg("vaann").arg("no version");
    let () = spoil.query_async(&mut connection).await.unwrap();
    let mut lose = redis::cmd("HDEL");
    let () = lose.arg(data.key("data")).arg("aben").arg("vaben").query_async(&mut connection).await.unwrap();
    let mut writes = ["ann", "ben", "cay"].map(|name| write(d, name, Some(1), 2)).to_vec();
    writes.push(write(d, "ben", None, 3));
    let unreadable = Err(StoreError::Unreadable("version").to_string());
    let lost = Err(StoreError::Lost.to_string());
    assert_eq!(told(together(&store, &writes).await), [unreadable, lost.clone(), DONE, lost]);
    assert_eq!(version(&store, &writes[2]).await, Some(2));
}

/// What can't be done for any is told to all.
#[tokio::test]
async fn a_server_that_fails_them_all_tells_them_all() {
    let Some(server) = server() else { return };
    let data = RedisData::new(&server.url());
    let store = data.open().await;
    assert!(data.take_down().await);
    let writes = ["ann", "ben", "cay"].map(|name| write("default", name, None, 1));
    let foreign: Result<Committed, String> = Err(StoreError::Foreign.to_string());
    assert_eq!(told(together(&store, &writes).await), [foreign.clone(), foreign.clone(), foreign]);
}

/// More than go together at the most.
#[tokio::test]
async fn a_crowd_goes_in_several_scripts() {
    let Some(server) = server() else { return };
    let store = RedisData::new(&server.url()).open().await;
    let mut connection = plain(&server.url()).await;
    let crowd = |expected, next| -> Vec<_> {
        (0..200).map(|number| write("default", &format!("user-{number}"), expected, next)).collect()
    };
    assert!(told(together(&store, &crowd(None, 1)).await).iter().all(|answer| *answer == DONE));
    let before = scripts(&mut connection).await;
    assert!(told(together(&store, &crowd(Some(1), 2)).await).iter().all(|answer| *answer == DONE));
    let scripts = scripts(&mut connection).await - before;
    assert_eq!(scripts, 7, "32 in each");
    assert_eq!(history(&store, None).await.len(), 100);
}

/// Whether it was made isn't known, so that it is no conflict, after which it would be made again.
#[test]
fn who_waits_behind_a_runtime_that_ends_is_told_so() {
    let Some(server) = server() else { return };
    let [here, elsewhere] = [(); 2].map(|()| Builder::new_current_thread().enable_all().build().unwrap());
    let store = here.block_on(RedisData::new(&server.url()).open());
    let [ann, ben] = ["ann", "ben"].map(|name| write("default", name, None, 1));
    let [mut first, mut behind] = [&ann, &ben].map(|write| Box::pin(store.commit(write)));
    let waits = elsewhere.block_on(poll_fn(|cx| Poll::Ready(first.as_mut().poll(cx).is_pending())));
    assert!(waits, "nobody has had time to do it");
    let waits = here.block_on(poll_fn(|cx| Poll::Ready(behind.as_mut().poll(cx).is_pending())));
    assert!(waits, "it is the other runtime's turn");
    drop(elsewhere);
    assert_eq!(told(vec![here.block_on(behind)]), [Err(StoreError::Abandoned.to_string())]);
    assert_eq!(here.block_on(store.commit(&ben)).unwrap(), Committed::Done);
}
