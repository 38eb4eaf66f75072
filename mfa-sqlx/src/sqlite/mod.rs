//! The store in an SQLite file, for one machine and any number of processes on it.

mod code;
mod open;
mod options;
mod reader;
mod schema;
#[cfg(test)]
mod tests;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mfa_batch::Batch;
use mfa_core::fault::Fault;
use mfa_core::port::store::{
    Committed, EventPage, EventQuery, PageQuery, RecordKey, RecordPage, Store, Versioned, Write,
};
use sqlx::sqlite::SqlitePool;
use tokio::time::timeout;

use crate::error::{OpenError, StoreError};
use crate::row::{self, EventRow, PageRow, Question};
use crate::sql;
use crate::sqlite::code::store_error;
use crate::sqlite::reader::Reader;
use crate::sqlite::writer::{Job, Writer};

pub use crate::sqlite::options::{Durability, SqliteOptions};

/// Keeps records and events in an SQLite file.
///
/// Cheap to clone; clones share their connections: one that writes, and several that read beside it. Writers of this
/// process don't race for SQLite's lock: those that come while one is at it go together in the next transaction, and
/// so do those who look records up.
///
/// # Several processes
///
/// Any number of processes on one machine may have the file open, also while they start at the same time and
/// make its tables. A writer waits for the writers of other processes: up to the busy time-out, three times,
/// then the call ends in a fault that says so.
///
/// # Backups
///
/// Copy it with `sqlite3 second-factor.db ".backup copy.db"` or `VACUUM INTO`, which are safe while it is in
/// use. A plain copy of the file alone misses what is still in the log beside it.
#[derive(Clone)]
pub struct SqliteStore {
    writer: Batch<Writer>,
    reader: Batch<Reader>,
    readers: SqlitePool,
    path: PathBuf,
}

impl SqliteStore {
    /// Opens the database at `path` with the defaults of [`SqliteOptions`]; makes it if there is none.
    ///
    /// # Errors
    /// See [`OpenError`]: each says what to do.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        SqliteOptions::new().open(path).await
    }

    /// Settings to open a database with.
    pub fn options() -> SqliteOptions {
        SqliteOptions::new()
    }

    pub(crate) fn from_pools(
        writer: SqlitePool,
        reader: Batch<Reader>,
        readers: SqlitePool,
        patience: Duration,
        path: PathBuf,
    ) -> Self {
        Self { writer: Batch::new(Writer::new(writer, patience)), reader, readers, path }
    }

    /// Ends all connections, when the calls under way are done. Later calls are faults.
    ///
    /// Not needed for safety: what is committed is safe without. It leaves the file without its log.
    pub async fn close(&self) {
        self.readers.close().await;
        self.reader.work().close().await;
        self.writer.work().pool().close().await;
    }

    /// Runs one job, all or nothing, together with those that come at the same time.
    async fn write(&self, job: Job) -> Result<Committed, Fault> {
        let answer = match timeout(open::TURN, self.writer.ask(job)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_lost)) => Err(StoreError::Database(sqlx::Error::WorkerCrashed)),
            Err(_) => Err(StoreError::Busy { waited: open::TURN }),
        };
        Ok(answer?)
    }

    fn store_error(&self, error: sqlx::Error) -> StoreError {
        store_error(error, self.writer.work().patience())
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Store for SqliteStore {
    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>, Fault> {
        let row = match timeout(open::TURN, self.reader.ask(key.clone())).await {
            Ok(Ok(row)) => row?,
            Ok(Err(_lost)) => return Err(StoreError::Database(sqlx::Error::WorkerCrashed).into()),
            Err(_) => return Err(StoreError::Busy { waited: open::TURN }.into()),
        };
        Ok(row.map(row::versioned).transpose()?)
    }

    async fn commit(&self, write: &Write) -> Result<Committed, Fault> {
        let times = row::column_times(&write.events)?;
        self.write(Job::Commit(write.clone(), times)).await
    }

    async fn events(&self, query: &EventQuery) -> Result<EventPage, Fault> {
        let Some(question) = Question::new(query) else {
            return Ok(EventPage::default());
        };
        let mut statement = sqlx::query_as(question.sql)
            .bind(query.tenant.as_str())
            .bind(question.before)
            .bind(question.since)
            .bind(question.until)
            .bind(question.limit);
        if let Some((collection, name)) = &query.record {
            statement = statement.bind(collection.as_str()).bind(name.as_str());
        }
        if let Some(kind) = &query.kind {
            statement = statement.bind(kind.as_str());
        }
        let rows: Vec<EventRow> =
            statement.fetch_all(&self.readers).await.map_err(|error| self.store_error(error))?;
        Ok(row::event_page(query, rows)?)
    }

    async fn page(&self, query: &PageQuery) -> Result<RecordPage, Fault> {
        let statement = if query.after.is_some() { sql::NEXT_PAGE } else { sql::FIRST_PAGE };
        let mut statement = sqlx::query_as(statement)
            .bind(query.tenant.as_str())
            .bind(query.collection.as_str())
            .bind(i64::from(query.limit) + 1);
        if let Some(after) = &query.after {
            statement = statement.bind(after.as_str());
        }
        let rows: Vec<PageRow> =
            statement.fetch_all(&self.readers).await.map_err(|error| self.store_error(error))?;
        Ok(row::record_page(query, rows)?)
    }

    async fn erase(&self, key: &RecordKey) -> Result<(), Fault> {
        match self.write(Job::Erase(key.clone())).await? {
            Committed::Done | Committed::Conflict => Ok(()),
        }
    }
}
