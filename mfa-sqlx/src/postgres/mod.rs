//! The store on a PostgreSQL server, for portals on any number of machines.
//!
//! ```no_run
//! use mfa_sqlx::postgres::PostgresStore;
//!
//! # async fn open() -> Result<(), Box<dyn std::error::Error>> {
//! let store =
//!     PostgresStore::open("postgres://portal:password@db.internal/school?sslmode=verify-full").await?;
//! # let _ = store;
//! # Ok(())
//! # }
//! ```
//!
//! PostgreSQL 12 or newer. A record and its events are one statement, which is correct at `READ COMMITTED` (and at the
//! stricter levels, should they be the database's default). The tables live in a schema of their own.
//!
//! # Rights
//!
//! The first start needs the right to make the schema (`CREATE` on the database), or a schema that was made for the
//! user before. From then on `USAGE` on the schema and `SELECT`, `INSERT`, `UPDATE`, `DELETE` on its tables are enough,
//! until a newer release brings new tables.
//!
//! # What the server has to be set to
//!
//! As it is out of the box: `fsync` and `synchronous_commit` on. With one of them off, a code that was accepted in the
//! moment before a crash is accepted again; a store that is opened on such a server says so in the log. With replicas,
//! `synchronous_commit = remote_write` or better with `synchronous_standby_names` keeps the promise over a failover too.
//! Reads never go to a replica: opening one is refused.
//!
//! # When the server is away
//!
//! Every call ends within [`PostgresOptions::patience`]. A write that went unanswered is a fault, never "done"; it
//! happened whole or not at all. Connections are made anew by the next call.

pub mod error;
mod lease;
mod open;
mod options;
mod pool;
mod statements;
#[cfg(test)]
mod tests;
mod together;

use std::fmt;
use std::sync::Arc;

use mfa_batch::{Batch, Work};
use mfa_core::fault::Fault;
use mfa_core::port::store::{
    Committed, EventPage, EventQuery, PageQuery, RecordKey, RecordPage, Store, Versioned, Write,
};
use sqlx::{AssertSqlSafe, Connection};
use tokio::time::{Instant, timeout_at};

use crate::postgres::error::{OpenError, is_conflict};
use crate::postgres::lease::{Again, Asked, Lender};
use crate::postgres::statements::Statements;
use crate::postgres::together::{LANES, Loads, Server, Updates};
use crate::row::{self, EventRow, PageRow, Question};

pub use crate::postgres::options::PostgresOptions;

/// Keeps records and events on a PostgreSQL server.
///
/// Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct PostgresStore {
    loads: Batch<Loads>,
    updates: Batch<Updates>,
    server: Server,
    address: String,
}

impl PostgresStore {
    /// Opens the store at `url` with the defaults of [`PostgresOptions`].
    ///
    /// # Errors
    /// See [`OpenError`]: each says what to do.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        PostgresOptions::new().open(url).await
    }

    /// Settings to open a store with.
    pub fn options() -> PostgresOptions {
        PostgresOptions::new()
    }

    pub(crate) fn on(lender: Lender, statements: Statements, address: String) -> Self {
        let server = Server { lender, statements: Arc::new(statements) };
        let loads = Batch::with_lanes(Loads(server.clone()), LANES);
        let updates = Batch::with_lanes(Updates(server.clone()), LANES);
        Self { loads, updates, server, address }
    }

    /// Ends all connections, when the calls under way are done. Later calls are faults. Not needed for safety.
    pub async fn close(&self) {
        self.server.lender.close().await;
    }

    async fn delete(&self, key: &RecordKey, deadline: Instant) -> Result<(), sqlx::Error> {
        let mut lease = self.server.lender.lease(deadline).await?;
        let connection = lease.connection()?;
        let done = timeout_at(deadline, async {
            let mut transaction = connection.begin().await?;
            // The record first: whoever is writing it has finished by then, and the events are seen that came with it.
            for statement in [&self.server.statements.erase_record, &self.server.statements.erase_events] {
                let done = sqlx::query(AssertSqlSafe(Arc::clone(statement)))
                    .bind(key.tenant.as_str())
                    .bind(key.collection.as_str())
                    .bind(key.name.as_str())
                    .persistent(false)
                    .execute(&mut *transaction)
                    .await?;
                if done.rows_affected() == 0 {
                    // There was none, and by now there may be one: its events are not for us to delete.
                    break;
                }
            }
            transaction.commit().await
        });
        let done = done.await.unwrap_or(Err(sqlx::Error::PoolTimedOut));
        lease.settle(done)
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("address", &self.address).finish_non_exhaustive()
    }
}

impl PostgresStore {
    /// Asks together with others, never longer than the patience.
    async fn together<W: Work<Answer = Result<T, sqlx::Error>>, T>(
        &self,
        batch: &Batch<W>,
        item: W::Item,
    ) -> Result<T, sqlx::Error> {
        let answer = timeout_at(self.server.lender.deadline(), batch.ask(item)).await;
        answer.map_err(|_| sqlx::Error::PoolTimedOut)?.map_err(|_lost| sqlx::Error::WorkerCrashed)?
    }
}

impl Store for PostgresStore {
    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>, Fault> {
        let row = self.together(&self.loads, key.clone()).await;
        let row = row.map_err(|error| self.server.lender.fault(error))?;
        Ok(row.map(row::versioned).transpose()?)
    }

    async fn commit(&self, write: &Write) -> Result<Committed, Fault> {
        let times = row::column_times(&write.events)?;
        let committed = match write.expected {
            Some(_) => self.together(&self.updates, (write.clone(), times)).await,
            None => self.server.put(write, &times).await,
        };
        match committed {
            Err(error) if is_conflict(&error) => Ok(Committed::Conflict),
            committed => Ok(committed.map_err(|error| self.server.lender.fault(error))?),
        }
    }

    async fn events(&self, query: &EventQuery) -> Result<EventPage, Fault> {
        let Some(question) = Question::new(query) else {
            return Ok(EventPage::default());
        };
        let statement = self.server.statements.events(question.sql);
        let ask = || -> Asked<'_, EventRow> {
            let mut ask = sqlx::query_as(AssertSqlSafe(Arc::clone(&statement)))
                .bind(query.tenant.as_str())
                .bind(question.before)
                .bind(question.since)
                .bind(question.until)
                .bind(question.limit);
            if let Some((collection, name)) = &query.record {
                ask = ask.bind(collection.as_str()).bind(name.as_str());
            }
            if let Some(kind) = &query.kind {
                ask = ask.bind(kind.as_str());
            }
            ask
        };
        let rows = self
            .server
            .lender
            .ask(Again::Harmless, ask)
            .await
            .map_err(|error| self.server.lender.fault(error))?;
        Ok(row::event_page(query, rows)?)
    }

    async fn page(&self, query: &PageQuery) -> Result<RecordPage, Fault> {
        let statement = if query.after.is_some() {
            &self.server.statements.next_page
        } else {
            &self.server.statements.first_page
        };
        let ask = || -> Asked<'_, PageRow> {
            let ask = sqlx::query_as(AssertSqlSafe(Arc::clone(statement)))
                .bind(query.tenant.as_str())
                .bind(query.collection.as_str())
                .bind(i64::from(query.limit) + 1);
            match &query.after {
                Some(after) => ask.bind(after.as_str()),
                None => ask,
            }
        };
        let rows = self
            .server
            .lender
            .ask(Again::Harmless, ask)
            .await
            .map_err(|error| self.server.lender.fault(error))?;
        Ok(row::record_page(query, rows)?)
    }

    async fn erase(&self, key: &RecordKey) -> Result<(), Fault> {
        let deadline = self.server.lender.deadline();
        loop {
            match self.delete(key, deadline).await {
                // Only where the database's isolation is stricter than ours: undone, and so made again until the deadline.
                Err(error) if is_conflict(&error) => {}
                done => return Ok(done.map_err(|error| self.server.lender.fault(error))?),
            }
        }
    }
}
