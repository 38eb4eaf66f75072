//! The acceptance suite on Redis: one server, every handle with a connection of its own.

mod common;

use std::error::Error as _;

use common::{RedisData, plain, server};
use mfa_core::id::{AccountKey, UserId};
use mfa_core::port::store::{RecordKey, Store as _};
use mfa_redis::error::StoreError;
use mfa_redis::store::RedisStore;
use mfa_testing::store::conformance::check;
use mfa_testing::store::fixture::Fixture;
use mfa_testing::store::report::Outcome;
use test_tools::redis::Redis;
use test_tools::{Server as _, tools};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_redis_store_conforms() {
    let Some(server) = server() else { return };
    let url = server.url();
    let report = check(async || RedisData::new(&url)).await;
    report.assert_conforms();
    assert!(report.cases().iter().all(|(_, outcome)| *outcome == Outcome::Passed));
    report.cases().iter().for_each(|(case, _)| test_tools::cases::passed("store", "redis", case));
}

/// A cluster refuses a script whose keys are in several slots, also when one node has them all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_redis_store_conforms_on_a_cluster_whose_slots_are_all_here() {
    if !tools() {
        return;
    }
    let server = Redis::start(&["--cluster-enabled", "yes"]);
    let mut connection = plain(&server.url()).await;
    let mut slots = redis::cmd("CLUSTER");
    slots.arg("ADDSLOTSRANGE").arg(0).arg(16383);
    let () = slots.query_async(&mut connection).await.unwrap();
    loop {
        let info: String = redis::cmd("CLUSTER").arg("INFO").query_async(&mut connection).await.unwrap();
        if info.contains("cluster_state:ok") {
            break;
        }
        tokio::task::yield_now().await;
    }
    let url = server.url();
    check(async || RedisData::new(&url)).await.assert_conforms();
}

/// The rights that the crate's documentation names are enough, and none of them reaches other keys.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_redis_store_conforms_with_the_rights_it_asks_for() {
    const RIGHTS: &str = "+eval +evalsha +hget +hmget +hset +hdel +zadd +zrem +zscore +zcard +zrangebylex +persist \
                          +info +config|get";
    if !tools() {
        return;
    }
    let server = Redis::start(&[]);
    let mut connection = plain(&server.url()).await;
    let mut user = redis::cmd("ACL");
    user.arg("SETUSER").arg("portal").arg("on").arg(">pass:word@").arg("~{mfa-test-*");
    for right in RIGHTS.split_whitespace() {
        user.arg(right);
    }
    let () = user.query_async(&mut connection).await.unwrap();
    let url = server.url().replace("redis://", "redis://portal:pass%3Aword%40@");
    let report = check(async || Restricted(RedisData::new(&url))).await;
    report.assert_conforms();
    let outside = RedisData::new(&url).options().prefix("other").open(&url).await.unwrap();
    let key = AccountKey::of_user(UserId::new("ann").unwrap());
    let fault = outside.load(&RecordKey::from(&key)).await.unwrap_err();
    let cause = fault.source().and_then(|cause| cause.downcast_ref()).unwrap();
    assert!(matches!(cause, StoreError::Rights(_)), "{cause:?}");
}

/// Opened as a user who may not even break the data.
struct Restricted(RedisData);

impl Fixture for Restricted {
    type Store = RedisStore;

    async fn open(&self) -> RedisStore {
        self.0.open().await
    }

    async fn take_down(&self) -> bool {
        false
    }
}
