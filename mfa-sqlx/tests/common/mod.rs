//! Scratch folders, and the fixture that opens two pools on one file.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "shared by several tests, each of which uses a part; a test may panic"
)]

pub(crate) mod portal;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use mfa_sqlx::sqlite::SqliteStore;
use mfa_testing::store::fixture::Fixture;
use sqlx::{Connection, Executor, SqliteConnection};

/// A folder of its own, gone when dropped.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        Self::within(&std::env::temp_dir())
    }

    pub(crate) fn within(parent: &Path) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = parent.join(format!("mfa-sqlx-{}-{number}", std::process::id()));
        // A process that had this number before may have been killed.
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.join("second-factor.db")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A plain connection, as any other program would have.
pub(crate) async fn plain(path: &Path) -> SqliteConnection {
    let url = format!("sqlite:{}?mode=rwc", path.display());
    SqliteConnection::connect(&url).await.unwrap()
}

/// Runs statements on a plain connection.
pub(crate) async fn run(path: &Path, sql: &'static str) {
    let mut connection = plain(path).await;
    connection.execute(sqlx::raw_sql(sql)).await.unwrap();
    connection.close().await.unwrap();
}

/// What SQLite finds wrong in a file: "ok" if nothing.
pub(crate) async fn integrity(file: &Path) -> String {
    let mut connection = plain(file).await;
    sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut connection).await.unwrap()
}

/// One file; every handle has pools of its own, as another process would.
pub(crate) struct SqliteData(pub(crate) Scratch);

impl Fixture for SqliteData {
    type Store = SqliteStore;

    async fn open(&self) -> SqliteStore {
        SqliteStore::open(self.0.file()).await.unwrap()
    }

    async fn take_down(&self) -> bool {
        run(&self.0.file(), "DROP TABLE mfa_record; DROP TABLE mfa_event;").await;
        true
    }
}
