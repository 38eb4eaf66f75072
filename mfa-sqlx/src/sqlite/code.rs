//! What SQLite's result codes mean, and what they and the system's errors mean while a database is opened.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use crate::error::{OpenError, StoreError};
use crate::sqlite::open::TURN;

// https://sqlite.org/rescode.html: the low byte is the primary code.
pub(crate) const BUSY: i32 = 5;
pub(crate) const READ_ONLY: i32 = 8;
pub(crate) const CORRUPT: i32 = 11;
pub(crate) const FULL: i32 = 13;
pub(crate) const CAN_NOT_OPEN: i32 = 14;
pub(crate) const NOT_A_DATABASE: i32 = 26;

/// The index of the write-ahead log can't grow. SQLite counts it among the failures of a disk.
const NO_ROOM_FOR_INDEX: i32 = 10 | 19 << 8;

/// SQLite's own number for what went wrong, without the detail.
pub(crate) fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let code = error.as_database_error()?.code()?;
    match code.parse().ok()? {
        NO_ROOM_FOR_INDEX => Some(FULL),
        code => Some(code & 0xff),
    }
}

/// What an error of a database in use means.
pub(crate) fn store_error(error: sqlx::Error, patience: Duration) -> StoreError {
    match primary_code(&error) {
        Some(BUSY) => StoreError::Busy { waited: patience },
        Some(FULL) => StoreError::Full,
        Some(READ_ONLY) => StoreError::ReadOnly,
        Some(CORRUPT | NOT_A_DATABASE) => StoreError::Damaged,
        _ if matches!(error, sqlx::Error::PoolTimedOut) => StoreError::Busy { waited: TURN },
        _ => StoreError::Database(error),
    }
}

/// What a database error means while a database is opened.
pub(crate) fn opening(path: &Path, error: sqlx::Error) -> OpenError {
    let path = path.to_owned();
    match primary_code(&error) {
        Some(BUSY) => OpenError::Busy { path },
        Some(NOT_A_DATABASE) => OpenError::NotSqlite { path },
        Some(CORRUPT) => OpenError::Damaged { path },
        Some(FULL) => OpenError::Full { path },
        Some(READ_ONLY) => OpenError::ReadOnly { path, source: error.into() },
        Some(CAN_NOT_OPEN) => match make_another(&path) {
            Ok(()) => OpenError::ReadOnly { path, source: error.into() },
            Err(reason) => file_error(&path, reason),
        },
        _ => OpenError::Database { path, source: error },
    }
}

/// Makes a file beside the database, and takes it away again.
///
/// SQLite doesn't say why it could open no file. The database itself is there by now, so that it is the log beside it
/// that can't be made: for want of a right, of room for one file more, or of another open file in this process.
fn make_another(path: &Path) -> std::io::Result<()> {
    let mut name = OsString::from(fs::canonicalize(path)?);
    name.push(format!("-try-{}", std::process::id()));
    OpenOptions::new().write(true).create_new(true).open(&name)?;
    fs::remove_file(&name)
}

/// What an error of the system means while a database is opened.
pub(crate) fn file_error(path: &Path, error: std::io::Error) -> OpenError {
    let path = path.to_owned();
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            OpenError::ReadOnly { path, source: error.into() }
        }
        ErrorKind::StorageFull => OpenError::Full { path },
        _ => OpenError::Io { path, source: error },
    }
}

#[cfg(test)]
mod tests {
    use sqlx::{Connection as _, SqliteConnection};

    use super::*;

    #[test]
    fn a_turn_that_never_comes_is_told_as_the_wait_that_it_was() {
        let error = store_error(sqlx::Error::PoolTimedOut, Duration::from_secs(1));
        assert!(matches!(error, StoreError::Busy { waited } if waited == TURN), "{error:?}");
    }

    #[tokio::test]
    async fn a_database_that_can_not_be_written_is_named_when_it_is_opened() {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let written =
            sqlx::raw_sql("PRAGMA query_only = ON; CREATE TABLE t (c)").execute(&mut connection).await;
        let error = opening(Path::new("second-factor.db"), written.unwrap_err());
        assert!(matches!(error, OpenError::ReadOnly { .. }), "{error:?}");
    }
}
