//! What SQLite's result codes mean, and what they mean while a database is opened.

use std::path::Path;

use crate::error::OpenError;

// https://sqlite.org/rescode.html: the low byte is the primary code.
pub(crate) const BUSY: i32 = 5;
pub(crate) const READ_ONLY: i32 = 8;
pub(crate) const CORRUPT: i32 = 11;
pub(crate) const FULL: i32 = 13;
pub(crate) const CAN_NOT_OPEN: i32 = 14;
pub(crate) const NOT_A_DATABASE: i32 = 26;

/// SQLite's own number for what went wrong, without the detail.
pub(crate) fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let code = error.as_database_error()?.code()?;
    code.parse::<i32>().ok().map(|code| code & 0xff)
}

/// What a database error means while a database is opened.
pub(crate) fn opening(path: &Path, error: sqlx::Error) -> OpenError {
    let path = path.to_owned();
    match primary_code(&error) {
        Some(BUSY) => OpenError::Busy { path },
        Some(NOT_A_DATABASE) => OpenError::NotSqlite { path },
        Some(CORRUPT) => OpenError::Damaged { path },
        Some(FULL) => OpenError::Full { path },
        // The file is there by now, so that it is the right to write it, or a log beside it, that is missing.
        Some(READ_ONLY | CAN_NOT_OPEN) => OpenError::ReadOnly { path, source: error.into() },
        _ => OpenError::Database { path, source: error },
    }
}
