//! The connections that look records up. A guarded page asks for one on every request, and handing a question to SQLite's
//! thread costs more than its answer: what comes while a question is under way goes together in the next.

use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mfa_batch::Work;
use mfa_core::port::store::RecordKey;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection};

use crate::error::StoreError;
use crate::row::RecordRow;
use crate::sql;
use crate::sqlite::code::store_error;

/// How slow a question is behind which the next one goes on a connection of its own.
pub(crate) const SLOW: Duration = Duration::from_millis(10);

/// Connections of its own: a pool would ask SQLite's thread twice more for each question, whether the connection is well.
pub(crate) struct Reader {
    options: SqliteConnectOptions,
    patience: Duration,
    /// Those that nobody uses now; `None` when it is closed.
    idle: Mutex<Option<Vec<SqliteConnection>>>,
}

impl Reader {
    pub(crate) fn new(options: SqliteConnectOptions, patience: Duration) -> Self {
        Self { options, patience, idle: Mutex::new(Some(Vec::new())) }
    }

    fn idle(&self) -> MutexGuard<'_, Option<Vec<SqliteConnection>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends all connections but those under way, which end with their questions. Later questions are errors.
    pub(crate) async fn close(&self) {
        let idle = self.idle().take();
        for connection in idle.into_iter().flatten() {
            // It is gone either way.
            let _ = connection.close().await;
        }
    }

    async fn take(&self) -> Result<SqliteConnection, sqlx::Error> {
        let idle = match &mut *self.idle() {
            Some(idle) => idle.pop(),
            None => return Err(sqlx::Error::PoolClosed),
        };
        match idle {
            Some(connection) => Ok(connection),
            None => SqliteConnection::connect_with(&self.options).await,
        }
    }

    async fn put_back(&self, connection: SqliteConnection) {
        let late = match &mut *self.idle() {
            Some(idle) => {
                idle.push(connection);
                None
            }
            None => Some(connection),
        };
        if let Some(connection) = late {
            let _ = connection.close().await;
        }
    }

    /// The records of these keys, in one question. A connection that fails is not used again.
    async fn ask(&self, keys: &[RecordKey]) -> Result<Vec<Option<RecordRow>>, sqlx::Error> {
        let mut connection = self.take().await?;
        let found = match keys {
            [key] => one(&mut connection, key).await.map(|found| vec![found]),
            keys => many(&mut connection, keys).await,
        }?;
        self.put_back(connection).await;
        Ok(found)
    }
}

async fn one(connection: &mut SqliteConnection, key: &RecordKey) -> Result<Option<RecordRow>, sqlx::Error> {
    sqlx::query_as(sql::LOAD)
        .bind(key.tenant.as_str())
        .bind(key.collection.as_str())
        .bind(key.name.as_str())
        .fetch_optional(connection)
        .await
}

async fn many(
    connection: &mut SqliteConnection,
    keys: &[RecordKey],
) -> Result<Vec<Option<RecordRow>>, sqlx::Error> {
    let mut query = sqlx::query_as(AssertSqlSafe(statement(keys.len())));
    for key in keys {
        query = query.bind(key.tenant.as_str()).bind(key.collection.as_str()).bind(key.name.as_str());
    }
    let rows: Vec<(i64, i64, Vec<u8>)> = query.fetch_all(connection).await?;
    let mut found: Vec<_> = keys.iter().map(|_| None).collect();
    for (place, version, record) in rows {
        let place = usize::try_from(place).ok().and_then(|place| found.get_mut(place));
        *place.ok_or_else(|| sqlx::Error::Decode("a record that nobody asked for".into()))? =
            Some((version, record));
    }
    Ok(found)
}

/// Looks so many keys up, each by the index: `CROSS JOIN` keeps SQLite from going the other way round.
pub(crate) fn statement(keys: usize) -> String {
    let mut text = String::from("WITH asked (place, tenant, collection, name) AS (VALUES ");
    for place in 0..keys {
        let comma = if place == 0 { "" } else { ", " };
        let _ = write!(text, "{comma}({place}, ?, ?, ?)");
    }
    text.push_str(
        ") SELECT place, version, record FROM asked CROSS JOIN mfa_record \
         ON mfa_record.tenant = asked.tenant AND mfa_record.collection = asked.collection \
         AND mfa_record.name = asked.name",
    );
    text
}

impl Work for Reader {
    type Item = RecordKey;
    type Answer = Result<Option<RecordRow>, StoreError>;

    async fn run(&self, keys: Vec<RecordKey>) -> Vec<Self::Answer> {
        let error = match self.ask(&keys).await {
            Ok(found) => return found.into_iter().map(Ok).collect(),
            Err(error) => store_error(error, self.patience),
        };
        if let ([_], error) | (_, error @ StoreError::Busy { .. }) = (keys.as_slice(), error) {
            // Who holds the lock would make each of them wait as long again.
            let again = || StoreError::Busy { waited: self.patience };
            return keys.iter().skip(1).map(|_| Err(again())).chain([Err(error)]).collect();
        }
        // One of them may be at fault, and the others are not to suffer for it.
        let mut answers = Vec::new();
        for key in &keys {
            let alone = self.ask(std::slice::from_ref(key)).await;
            answers.push(match alone {
                Ok(mut found) => Ok(found.pop().flatten()),
                Err(error) => Err(store_error(error, self.patience)),
            });
        }
        answers
    }
}

#[cfg(test)]
mod tests {
    use mfa_core::id::TenantId;
    use mfa_core::port::store::{Collection, Store, Version, Write};
    use tempfile::TempDir;

    use super::*;
    use crate::sqlite::SqliteStore;

    fn key(number: usize) -> RecordKey {
        let (tenant, name) = (TenantId::default(), format!("user-{number}"));
        RecordKey { tenant, collection: Collection::Account, name }
    }

    /// A store with so many records, each of which says whose it is.
    async fn store(count: usize) -> (SqliteStore, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("second-factor.db")).await.unwrap();
        for number in 0..count {
            let record = number.to_string().into_bytes();
            let write =
                Write { key: key(number), expected: None, next: Version::new(1), record, events: Vec::new() };
            let _done = store.commit(&write).await.unwrap();
        }
        (store, folder)
    }

    #[tokio::test]
    async fn whoever_asks_together_gets_their_own_record_or_none() {
        let (store, _folder) = store(40).await;
        // Some twice, some that aren't there, and one of another tenant.
        let mut asked: Vec<_> = (0..64).map(|number| key(number * 7 % 50)).collect();
        asked[20].tenant = TenantId::new("other").unwrap();
        for count in [1, 2, 63, 64] {
            let keys = asked[..count].to_vec();
            let found = store.reader.work().run(keys.clone()).await;
            assert_eq!(found.len(), count);
            for (key, found) in keys.iter().zip(found) {
                let there =
                    key.tenant == TenantId::default() && (0..40).any(|number| *key == self::key(number));
                let record = key.name.strip_prefix("user-").unwrap().as_bytes().to_vec();
                assert_eq!(found.unwrap(), there.then_some((1, record)), "{key:?}");
            }
        }
    }

    #[tokio::test]
    async fn what_one_record_has_is_not_the_trouble_of_those_who_asked_with_it() {
        let (store, _folder) = store(3).await;
        sqlx::raw_sql("UPDATE mfa_record SET version = 'x' WHERE name = 'user-1'")
            .execute(store.writer.work().pool())
            .await
            .unwrap();
        let found = store.reader.work().run(vec![key(0), key(1), key(2)]).await;
        assert_eq!(found.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    }

    #[tokio::test]
    async fn many_are_looked_up_by_the_index() {
        let (store, _folder) = store(0).await;
        let sql = format!("EXPLAIN QUERY PLAN {}", statement(64));
        let rows: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&store.readers).await.unwrap();
        let plan: Vec<_> = rows.into_iter().map(|row| row.3).collect();
        let index =
            "mfa_record USING INDEX sqlite_autoindex_mfa_record_1 (tenant=? AND collection=? AND name=?)";
        assert!(plan.iter().any(|line| line.contains(index)), "{plan:?}");
        assert!(!plan.iter().any(|line| line.contains("SCAN mfa_record")), "{plan:?}");
    }

    #[tokio::test]
    async fn a_question_after_the_end_is_a_fault_and_all_connections_are_gone() {
        let (store, folder) = store(1).await;
        assert!(store.load(&key(0)).await.unwrap().is_some());
        store.close().await;
        assert!(store.load(&key(0)).await.is_err());
        assert!(
            !folder.path().join("second-factor.db-wal").exists(),
            "the last connection takes the log away"
        );
    }
}
