//! What can be wrong with a database: when an SQLite file is opened, and later behind a `Fault`.

use std::path::PathBuf;
use std::time::Duration;

use mfa_core::fault::{Fault, FaultKind};
use thiserror::Error;

/// Why an SQLite database was not opened. Nothing in it was changed.
///
/// Each message says what to do about it. Made for the operator who reads it when the portal doesn't start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The name is an address or a special name, not a path.
    #[error("{given:?} is not the path of a file; {fix}")]
    NotAPath {
        /// What was given.
        given: PathBuf,
        /// What to give instead.
        fix: &'static str,
    },
    /// The folder the file should be in does not exist.
    #[error("there is no folder {folder:?} to keep the database in; make it, or correct the path")]
    NoFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// There is something at the path that is not a file.
    #[error("{path:?} is not a file; give the path of a file in that folder")]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The file has something else in it.
    #[error(
        "{path:?} is not an SQLite database, and was left as it is; choose another path, or move the file away"
    )]
    NotSqlite {
        /// The file.
        path: PathBuf,
    },
    /// The database belongs to another application.
    #[error(
        "{path:?} is the database of another application, and was left as it is; choose another path, or call \
         `in_host_database` if the tables with `mfa_` in front are meant to live in it"
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// There are tables with our names that are not ours, or ours are not whole.
    #[error(
        "{path:?} has `mfa_` tables this library doesn't know ({found}); restore the file, or choose another path"
    )]
    ForeignTables {
        /// The file.
        path: PathBuf,
        /// What is wrong with them.
        found: String,
    },
    /// A newer release has been at the database.
    #[error(
        "{path:?} was written by a newer release (tables of version {found}, this one knows {known}), and was \
         left as it is; install that release again"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version of its tables.
        found: i64,
        /// The newest version this release knows.
        known: i64,
    },
    /// The database keeps text in UTF-16, where names have another order.
    #[error("{path:?} keeps text as {found}; only UTF-8 databases can be used: choose another path")]
    Encoding {
        /// The file.
        path: PathBuf,
        /// The encoding.
        found: String,
    },
    /// The file can't be written, or no file can be made beside it.
    #[error(
        "{path:?} can't be written; give the user this program runs as the right to write the file and to make \
         files in its folder (SQLite keeps a log beside the file)"
    )]
    ReadOnly {
        /// The file.
        path: PathBuf,
        /// What the system or the database said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Another program held the database all the time.
    #[error("{path:?} was locked by another program all the time this one waited; end what holds it")]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// There was no room.
    #[error("there is no room for {path:?}; free space on its disk")]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// The database is damaged.
    #[error("{path:?} is damaged; restore it from a backup")]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The file system does not carry a write-ahead log.
    #[error(
        "{path:?} can't have a write-ahead log (it stays in mode {mode:?}); use a local disk, not a network share"
    )]
    NoLog {
        /// The file.
        path: PathBuf,
        /// The journal mode it has.
        mode: String,
    },
    /// The file could not be looked at.
    #[error("{path:?} could not be looked at")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Something else went wrong.
    #[error("{path:?} could not be opened")]
    Database {
        /// The file.
        path: PathBuf,
        /// What the database said.
        source: sqlx::Error,
    },
}

/// What went wrong in a database in use: the [`source`](std::error::Error::source) of a store's `Fault`.
///
/// Nothing is lost by any of them: a write that failed was not made, or was made whole.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Somebody else held the lock for writing all the time.
    #[error("the database was locked by another program for {waited:?}; look for one that writes for long")]
    Busy {
        /// About how long was waited.
        waited: Duration,
    },
    /// There was no room.
    #[error("the disk is full, or the database has reached its limit; free space, then all goes on")]
    Full,
    /// The file or its folder has become read-only, or the server a replica.
    #[error(
        "the database can't be written any more; mend the rights of the file and its folder, or point the address to \
         the primary server"
    )]
    ReadOnly,
    /// The database is damaged.
    #[error("the database is damaged; restore it from a backup")]
    Damaged,
    /// What is stored can't have been written by this library.
    #[error("the database holds a {0} that this library doesn't write")]
    Unreadable(&'static str),
    /// A time that a column can't hold: later than 2⁶³ − 1 seconds after 1970.
    #[error("the time of an event is beyond what the database can hold; mend the clock")]
    Time,
    /// The server did not answer in time.
    #[error(
        "the server did not answer within {after:?}; look whether it is overloaded, stopped or cut off, and whether \
         the pool has connections enough"
    )]
    TimedOut {
        /// How long was waited.
        after: Duration,
    },
    /// The connection ended before the answer came, or none could be made.
    #[error("the connection ended before the answer came; it is made anew with the next call")]
    Cut(#[source] sqlx::Error),
    /// The user has not the rights it needs.
    #[error("the server refuses this user; mend its name, password or rights on the schema's tables")]
    Rights(#[source] sqlx::Error),
    /// The tables are no longer there.
    #[error("the tables are gone; restore a backup, or open the store again to make new ones")]
    Gone(#[source] sqlx::Error),
    /// Something else went wrong.
    #[error("the database failed")]
    Database(#[source] sqlx::Error),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Fault::caused_by(FaultKind::Store, error)
    }
}
