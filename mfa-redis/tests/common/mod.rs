//! The fixture that opens several connections on a server.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "shared by several tests, each of which uses a part; a test may panic"
)]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mfa_redis::options::RedisOptions;
use mfa_redis::store::RedisStore;
use mfa_testing::store::fixture::Fixture;
use test_tools::redis::Redis;
use test_tools::tools;

/// A server with nothing special about it, if there are tools.
pub(crate) fn server() -> Option<Redis> {
    tools().then(|| Redis::start(&[]))
}

/// A prefix nobody has used.
pub(crate) fn fresh_prefix() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let time = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    format!("mfa-test-{}-{time}-{number}", std::process::id())
}

/// A connection as any other program would have.
pub(crate) async fn plain(url: &str) -> redis::aio::MultiplexedConnection {
    redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap()
}

/// Keys of a prefix of their own; every handle has a connection of its own, as another process would.
pub(crate) struct RedisData {
    pub(crate) url: String,
    pub(crate) prefix: String,
}

impl RedisData {
    pub(crate) fn new(url: &str) -> Self {
        Self { url: url.to_owned(), prefix: fresh_prefix() }
    }

    pub(crate) fn options(&self) -> RedisOptions {
        // The machine of a test run is busier than a server should be.
        RedisOptions::new().prefix(&self.prefix).patience(Duration::from_secs(20))
    }

    pub(crate) fn key(&self, name: &str) -> String {
        format!("{{{}:default}}:{name}", self.prefix)
    }
}

impl Fixture for RedisData {
    type Store = RedisStore;

    async fn open(&self) -> RedisStore {
        self.options().open(&self.url).await.unwrap()
    }

    /// Puts something else where the data was: no call can have an answer any more.
    async fn take_down(&self) -> bool {
        let mut connection = plain(&self.url).await;
        for name in ["data", "names"] {
            let mut set = redis::cmd("SET");
            set.arg(self.key(name)).arg("something else");
            let () = set.query_async(&mut connection).await.unwrap();
        }
        true
    }
}
