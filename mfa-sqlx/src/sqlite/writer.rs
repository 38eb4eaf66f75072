//! The one connection that writes. What comes while a transaction is under way goes together in the next: a write to the
//! disk costs the same for one as for many.

use std::slice;
use std::time::Duration;

use mfa_batch::Work;
use mfa_core::port::store::{Committed, RecordKey, Write};
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqlitePool};
use sqlx::{Connection, Sqlite};

use crate::error::StoreError;
use crate::sql;
use crate::sqlite::code::{self, store_error};
use crate::sqlite::open::TRIES;

/// What changes the database, all or nothing.
pub(crate) enum Job {
    /// A record with its events, whose times are those.
    Commit(Write, Vec<i64>),
    /// A record and its events are removed.
    Erase(RecordKey),
}

/// A pool of one.
pub(crate) struct Writer {
    pool: SqlitePool,
    patience: Duration,
}

impl Writer {
    pub(crate) fn new(pool: SqlitePool, patience: Duration) -> Self {
        Self { pool, patience }
    }

    /// How long a call waits for another program's lock, in all.
    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    pub(crate) fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// All jobs in one transaction: each is carried out or in conflict, and all that is stays, or none on an error.
    async fn together(&self, jobs: &[Job]) -> Result<Vec<Committed>, sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        let mut committed = transaction(&mut connection, jobs).await;
        for _ in 1..TRIES {
            // Busy means: nothing was written, not even by a COMMIT that says so.
            if matches!(&committed, Err(error) if code::primary_code(error) == Some(code::BUSY)) {
                committed = transaction(&mut connection, jobs).await;
            }
        }
        if committed.is_err() {
            // SQLite may have rolled back by itself (disk full does that), and sqlx would go on
            // counting an open transaction: this connection is done.
            connection.close_on_drop();
        }
        committed
    }
}

impl Work for Writer {
    type Item = Job;
    type Answer = Result<Committed, StoreError>;

    async fn run(&self, jobs: Vec<Job>) -> Vec<Self::Answer> {
        let error = match self.together(&jobs).await {
            Ok(committed) => return committed.into_iter().map(Ok).collect(),
            Err(error) => store_error(error, self.patience),
        };
        if let ([_], error) | (_, error @ StoreError::Busy { .. }) = (jobs.as_slice(), error) {
            // Who holds the lock would make each of them wait as long again.
            let again = || StoreError::Busy { waited: self.patience };
            return jobs.iter().skip(1).map(|_| Err(again())).chain([Err(error)]).collect();
        }
        // One of them may be at fault, and the others are not to suffer for it.
        let mut answers = Vec::new();
        for job in &jobs {
            let alone = self.together(slice::from_ref(job)).await;
            answers.push(match alone.as_deref() {
                Ok([committed]) => Ok(*committed),
                _ => Err(alone
                    .err()
                    .map_or(StoreError::Unreadable("answer"), |error| store_error(error, self.patience))),
            });
        }
        answers
    }
}

async fn transaction(connection: &mut SqliteConnection, jobs: &[Job]) -> Result<Vec<Committed>, sqlx::Error> {
    // A transaction that begins by reading fails with SQLITE_BUSY_SNAPSHOT, without any waiting, when it
    // comes to write after somebody else has. IMMEDIATE takes the lock first, and waits for it.
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let mut committed = Vec::new();
    for job in jobs {
        committed.push(job.run(&mut transaction).await?);
    }
    transaction.commit().await?;
    Ok(committed)
}

type Query<'q> = sqlx::query::Query<'q, Sqlite, SqliteArguments>;

fn of_key<'q>(query: Query<'q>, key: &'q RecordKey) -> Query<'q> {
    query.bind(key.tenant.as_str()).bind(key.collection.as_str()).bind(key.name.as_str())
}

impl Job {
    async fn run(&self, connection: &mut SqliteConnection) -> Result<Committed, sqlx::Error> {
        match self {
            Self::Commit(write, times) => {
                if !put(connection, write).await? {
                    return Ok(Committed::Conflict);
                }
                add_events(connection, write, times).await?;
            }
            Self::Erase(key) => {
                for statement in [sql::ERASE_EVENTS, sql::ERASE_RECORD] {
                    of_key(sqlx::query(statement), key).execute(&mut *connection).await?;
                }
            }
        }
        Ok(Committed::Done)
    }
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
