//! The portal's own tables, all named `portal_…`, in the SQLite file it shares with the second factor.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::time::Duration;

use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use crate::error::{PortalError, StartError};

const TABLES: [&str; 3] = [
    "CREATE TABLE IF NOT EXISTS portal_users (
        id TEXT PRIMARY KEY NOT NULL,
        sign_in_name TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        email TEXT NOT NULL,
        role TEXT NOT NULL,
        locale TEXT NOT NULL,
        password_hash TEXT NOT NULL
    ) STRICT",
    "CREATE TABLE IF NOT EXISTS portal_sessions (
        id_hash BLOB PRIMARY KEY NOT NULL,
        data TEXT NOT NULL,
        expires_at INTEGER NOT NULL
    ) STRICT",
    "CREATE TABLE IF NOT EXISTS portal_sign_in_failures (
        name_hash BLOB PRIMARY KEY NOT NULL,
        failures INTEGER NOT NULL,
        wait_until INTEGER NOT NULL,
        last_at INTEGER NOT NULL
    ) STRICT",
];

/// Opens the file, makes it and its folder when they are not there yet, and makes the portal's tables.
///
/// # Errors
/// If the folder can't be made, or the file can't be opened, read or written, or isn't a database.
pub async fn open(path: &Path) -> Result<SqlitePool, StartError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        // Addresses and password hashes: a folder of ours is for its owner only.
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|source| StartError::File {
            what: "cannot create the folder",
            path: folder.to_owned(),
            source,
        })?;
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(10));
    let pool =
        SqlitePoolOptions::new().max_connections(4).connect_with(options).await.map_err(PortalError::from)?;
    for table in TABLES {
        sqlx::query(table).execute(&pool).await.map_err(PortalError::from)?;
    }
    Ok(pool)
}

#[cfg(test)]
pub(crate) async fn in_memory() -> SqlitePool {
    let options = SqliteConnectOptions::new().in_memory(true);
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(options)
        .await
        .unwrap();
    for table in TABLES {
        sqlx::query(table).execute(&pool).await.unwrap();
    }
    pool
}
