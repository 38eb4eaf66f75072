//! The store in an SQLite file, for one machine and any number of processes on it.

mod code;
mod open;
mod options;
mod schema;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mfa_core::fault::Fault;
use mfa_core::port::store::{
    Committed, EventPage, EventQuery, PageQuery, RecordKey, RecordPage, Store, Versioned, Write,
};
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use sqlx::{Connection, Sqlite};

use crate::error::{OpenError, StoreError};
use crate::row::{self, EventRow, PageRow, Question, RecordRow};
use crate::sql;

pub use crate::sqlite::options::{Durability, SqliteOptions};

/// How often a call is tried when another program holds the lock. SQLite waits its busy time-out each time.
pub(crate) const TRIES: u32 = 3;

/// Keeps records and events in an SQLite file.
///
/// Cheap to clone; clones share their connections: one that writes, so that writers of this process queue in
/// turn instead of racing for SQLite's lock, and several that read beside it.
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
    writer: SqlitePool,
    readers: SqlitePool,
    patience: Duration,
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
        readers: SqlitePool,
        patience: Duration,
        path: PathBuf,
    ) -> Self {
        Self { writer, readers, patience, path }
    }

    /// Ends all connections, when the calls under way are done. Later calls are faults.
    ///
    /// Not needed for safety: what is committed is safe without. It leaves the file without its log.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// Runs one job as one transaction, all or nothing.
    async fn write(&self, job: Job<'_>) -> Result<Committed, Fault> {
        let mut connection = self.writer.acquire().await.map_err(|error| self.store_error(error))?;
        let mut tries = 1;
        loop {
            match job.run(&mut connection).await {
                // Busy means: nothing was written, not even by a COMMIT that says so.
                Err(error) if tries < TRIES && code::primary_code(&error) == Some(code::BUSY) => tries += 1,
                Err(error) => {
                    // SQLite may have rolled back by itself (disk full does that), and sqlx would go on
                    // counting an open transaction: this connection is done.
                    connection.close_on_drop();
                    return Err(self.store_error(error).into());
                }
                Ok(committed) => return Ok(committed),
            }
        }
    }

    fn store_error(&self, error: sqlx::Error) -> StoreError {
        match code::primary_code(&error) {
            Some(code::BUSY) => StoreError::Busy { waited: self.patience },
            Some(code::FULL) => StoreError::Full,
            Some(code::READ_ONLY) => StoreError::ReadOnly,
            Some(code::CORRUPT | code::NOT_A_DATABASE) => StoreError::Damaged,
            _ if matches!(error, sqlx::Error::PoolTimedOut) => StoreError::Busy { waited: open::TURN },
            _ => StoreError::Database(error),
        }
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.path).finish_non_exhaustive()
    }
}

#[derive(Clone, Copy)]
enum Job<'a> {
    Commit { write: &'a Write, times: &'a [i64] },
    Erase(&'a RecordKey),
}

impl Job<'_> {
    async fn run(&self, connection: &mut SqliteConnection) -> Result<Committed, sqlx::Error> {
        // A transaction that begins by reading fails with SQLITE_BUSY_SNAPSHOT, without any waiting, when it
        // comes to write after somebody else has. IMMEDIATE takes the lock first, and waits for it.
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        match self {
            Self::Commit { write, times } => {
                if !put(&mut transaction, write).await? {
                    transaction.rollback().await?;
                    return Ok(Committed::Conflict);
                }
                add_events(&mut transaction, write, times).await?;
            }
            Self::Erase(key) => {
                for statement in [sql::ERASE_EVENTS, sql::ERASE_RECORD] {
                    of_key(sqlx::query(statement), key).execute(&mut *transaction).await?;
                }
            }
        }
        transaction.commit().await?;
        Ok(Committed::Done)
    }
}

type Query<'q> = sqlx::query::Query<'q, Sqlite, sqlx::sqlite::SqliteArguments>;

fn of_key<'q>(query: Query<'q>, key: &'q RecordKey) -> Query<'q> {
    query.bind(key.tenant.as_str()).bind(key.collection.as_str()).bind(key.name.as_str())
}

/// Whether the stored version was the expected one and the record is written.
async fn put(connection: &mut SqliteConnection, write: &Write) -> Result<bool, sqlx::Error> {
    let statement = if write.expected.is_some() { sql::UPDATE } else { sql::INSERT };
    let mut query = of_key(sqlx::query(statement), &write.key)
        .bind(write.next.as_u64().cast_signed())
        .bind(write.record.as_slice());
    if let Some(expected) = write.expected {
        query = query.bind(expected.as_u64().cast_signed());
    }
    Ok(query.execute(connection).await?.rows_affected() == 1)
}

async fn add_events(
    connection: &mut SqliteConnection,
    write: &Write,
    times: &[i64],
) -> Result<(), sqlx::Error> {
    for (event, at) in write.events.iter().zip(times) {
        of_key(sqlx::query(sql::ADD_EVENT), &write.key)
            .bind(event.id.to_string())
            .bind(at)
            .bind(event.kind.as_str())
            .bind(event.body.as_slice())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

impl Store for SqliteStore {
    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>, Fault> {
        let row: Option<RecordRow> = sqlx::query_as(sql::LOAD)
            .bind(key.tenant.as_str())
            .bind(key.collection.as_str())
            .bind(key.name.as_str())
            .fetch_optional(&self.readers)
            .await
            .map_err(|error| self.store_error(error))?;
        Ok(row.map(row::versioned).transpose()?)
    }

    async fn commit(&self, write: &Write) -> Result<Committed, Fault> {
        let times = row::column_times(&write.events)?;
        self.write(Job::Commit { write, times: &times }).await
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
        match self.write(Job::Erase(key)).await? {
            Committed::Done | Committed::Conflict => Ok(()),
        }
    }
}
