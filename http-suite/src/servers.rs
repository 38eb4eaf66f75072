//! Stores on servers that all cases of a test program share, each case in a place of its own.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mfa_redis::options::RedisOptions;
use mfa_redis::store::RedisStore;
use mfa_sqlx::postgres::{PostgresOptions, PostgresStore};
use test_tools::shared;

/// The machine of a test run is busier than a server should be.
const PATIENCE: Duration = Duration::from_secs(20);

fn place() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("case_{}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

pub(crate) async fn postgres() -> PostgresStore {
    let options = PostgresOptions::new().schema(place()).connections(4).patience(PATIENCE);
    options.open(shared::postgres()).await.unwrap()
}

pub(crate) async fn redis() -> RedisStore {
    RedisOptions::new().prefix(place()).patience(PATIENCE).open(shared::redis()).await.unwrap()
}
