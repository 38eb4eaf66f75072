//! The floor: bare conditional updates of records of the same size, through the same driver, with nothing around them.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use tokio::task::JoinSet;

static SCRIPT: LazyLock<redis::Script> = LazyLock::new(|| {
    redis::Script::new(
        "if redis.call('HGET', KEYS[1], 'version') ~= ARGV[1] then return 0 end \
         redis.call('HSET', KEYS[1], 'version', ARGV[1] + 1, 'record', ARGV[2]) return 1",
    )
});

/// A table of records on an engine, with the durability of the store.
#[derive(Clone)]
pub enum Floor {
    /// One connection that writes, as SQLite takes one writer at a time, and some that read.
    Sqlite(SqlitePool, SqlitePool),
    /// As many connections as the store has.
    Postgres(PgPool),
    /// One connection that all share.
    Redis(MultiplexedConnection),
}

impl Floor {
    /// In a file of its own.
    pub async fn sqlite(path: &std::path::Path) -> Self {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let readers = SqlitePoolOptions::new().max_connections(4).connect_lazy_with(options.clone());
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
        sqlx::query("CREATE TABLE floor (name TEXT PRIMARY KEY, version BIGINT, record BLOB)")
            .execute(&pool)
            .await
            .unwrap();
        Self::Sqlite(pool, readers)
    }

    /// In a table of its own.
    pub async fn postgres(url: &str) -> Self {
        let pool =
            PgPoolOptions::new().max_connections(10).test_before_acquire(false).connect(url).await.unwrap();
        sqlx::query(
            "CREATE TABLE floor (name TEXT PRIMARY KEY, version BIGINT, record BYTEA) WITH (fillfactor = 70)",
        )
        .execute(&pool)
        .await
        .unwrap();
        Self::Postgres(pool)
    }

    /// Under keys of its own.
    pub async fn redis(url: &str) -> Self {
        let client = redis::Client::open(url).unwrap();
        Self::Redis(client.get_multiplexed_async_connection().await.unwrap())
    }

    /// Makes so many records of so many bytes, of version 0.
    pub async fn fill(&self, count: usize, bytes: usize) {
        let record = vec![7_u8; bytes];
        for number in 0..count {
            match self {
                Self::Sqlite(pool, _) => {
                    sqlx::query("INSERT INTO floor VALUES ($1, 0, $2)")
                        .bind(name(number))
                        .bind(&record)
                        .execute(pool)
                        .await
                        .unwrap();
                }
                Self::Postgres(pool) => {
                    sqlx::query("INSERT INTO floor VALUES ($1, 0, $2)")
                        .bind(name(number))
                        .bind(&record)
                        .execute(pool)
                        .await
                        .unwrap();
                }
                Self::Redis(connection) => {
                    let mut set = redis::cmd("HSET");
                    set.arg(name(number)).arg("version").arg(0).arg("record").arg(&record);
                    let () = set.query_async(&mut connection.clone()).await.unwrap();
                }
            }
        }
    }

    async fn update(&self, number: usize, version: i64, record: &[u8]) {
        let updated = match self {
            Self::Sqlite(pool, _) => {
                sqlx::query("UPDATE floor SET version = $3 + 1, record = $2 WHERE name = $1 AND version = $3")
                    .bind(name(number))
                    .bind(record)
                    .bind(version)
                    .execute(pool)
                    .await
                    .unwrap()
                    .rows_affected()
            }
            Self::Postgres(pool) => {
                sqlx::query("UPDATE floor SET version = $3 + 1, record = $2 WHERE name = $1 AND version = $3")
                    .bind(name(number))
                    .bind(record)
                    .bind(version)
                    .execute(pool)
                    .await
                    .unwrap()
                    .rows_affected()
            }
            Self::Redis(connection) => SCRIPT
                .key(name(number))
                .arg(version)
                .arg(record)
                .invoke_async(&mut connection.clone())
                .await
                .unwrap(),
        };
        assert_eq!(updated, 1);
    }

    async fn read(&self, number: usize, version: i64, bytes: usize) {
        const READ: &str = "SELECT version, record FROM floor WHERE name = $1";
        let (found, record): (i64, Vec<u8>) = match self {
            Self::Sqlite(_, readers) => {
                sqlx::query_as(READ).bind(name(number)).fetch_one(readers).await.unwrap()
            }
            Self::Postgres(pool) => sqlx::query_as(READ).bind(name(number)).fetch_one(pool).await.unwrap(),
            Self::Redis(connection) => {
                let mut get = redis::cmd("HMGET");
                get.arg(name(number)).arg("version").arg("record");
                get.query_async(&mut connection.clone()).await.unwrap()
            }
        };
        assert_eq!((found, record.len()), (version, bytes));
    }

    /// Updates each of so many records once, so many at once; how long it took in all. With `read`, each is read
    /// before.
    pub async fn everybody(
        &self,
        at_once: usize,
        count: usize,
        version: i64,
        bytes: usize,
        read: bool,
    ) -> Duration {
        let began = Instant::now();
        let mut running = JoinSet::new();
        for share in 0..at_once {
            let floor = self.clone();
            running.spawn(async move {
                let record = vec![8_u8; bytes];
                for number in (share..count).step_by(at_once) {
                    if read {
                        floor.read(number, version, bytes).await;
                    }
                    floor.update(number, version, &record).await;
                }
            });
        }
        running.join_all().await;
        began.elapsed()
    }
}

fn name(number: usize) -> String {
    format!("floor-{number:07}")
}
