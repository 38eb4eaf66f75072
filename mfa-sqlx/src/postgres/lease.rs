//! Connections on loan: no call takes longer than the patience, and none is handed on whose answer is outstanding.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgConnection, PgPool};
use sqlx::query::QueryAs;
use sqlx::{Connection, FromRow, Postgres};
use tokio::time::{Instant, timeout_at};

use crate::error::StoreError;
use crate::postgres::error::{is_answer, is_conflict, is_cut, store_error};

/// A pool, and how long anything on it may take.
#[derive(Clone, Debug)]
pub(crate) struct Lender {
    pool: PgPool,
    patience: Duration,
    behind_proxy: bool,
}

/// Whether a call may be made twice.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// It changes nothing.
    Harmless,
    /// The first one may have been carried out though its answer was lost.
    Never,
}

/// A statement with its parameters, whose rows are read as `Row`.
pub(crate) type Asked<'q, Row> = QueryAs<'q, Postgres, Row, PgArguments>;

impl Lender {
    pub(crate) fn new(pool: PgPool, patience: Duration, behind_proxy: bool) -> Self {
        Self { pool, patience, behind_proxy }
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }

    /// Runs one statement, which is made anew where it has to be sent a second time.
    pub(crate) async fn ask<'q, Row>(
        &self,
        again: Again,
        make: impl Fn() -> Asked<'q, Row>,
    ) -> Result<Vec<Row>, sqlx::Error>
    where
        Row: for<'r> FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin + 'q,
    {
        let deadline = self.deadline();
        let mut others = self.pool.options().get_max_connections();
        loop {
            match self.once(deadline, make()).await {
                // Restarted since the last call, or cut by a proxy: nobody has to see that who only reads. The other
                // connections of the pool will mostly have gone the same way.
                Err(error) if again == Again::Harmless && others > 0 && is_cut(&error) => others -= 1,
                // Undone, at an isolation stricter than ours. No try outlasts the deadline.
                Err(error) if again == Again::Harmless && is_conflict(&error) => {}
                answer => return answer,
            }
        }
    }

    async fn once<'q, Row>(&self, deadline: Instant, asked: Asked<'q, Row>) -> Result<Vec<Row>, sqlx::Error>
    where
        Row: for<'r> FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin + 'q,
    {
        let mut lease = self.lease(deadline).await?;
        let connection = lease.connection()?;
        let answer = timeout_at(deadline, async {
            if !self.behind_proxy {
                return asked.fetch_all(connection).await;
            }
            // The proxy may hand the connection to somebody else between two messages unless a transaction is open,
            // and knows nothing of statements that were prepared on it.
            // A standby that the proxy leads to refuses this, and reads are no older than writes.
            let mut transaction = connection.begin_with("BEGIN READ WRITE").await?;
            let rows = asked.persistent(false).fetch_all(&mut *transaction).await?;
            transaction.commit().await?;
            Ok(rows)
        });
        let answer = answer.await.unwrap_or(Err(sqlx::Error::PoolTimedOut));
        lease.settle(answer)
    }

    /// A connection for a transaction of several statements. What isn't [settled](Lease::settle) is hung up on.
    pub(crate) async fn lease(&self, deadline: Instant) -> Result<Lease, sqlx::Error> {
        let acquired = timeout_at(deadline, self.pool.acquire()).await;
        let connection = acquired.map_err(|_| sqlx::Error::PoolTimedOut)??;
        Ok(Lease { connection: Some(connection) })
    }

    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.patience
    }

    pub(crate) fn fault(&self, error: sqlx::Error) -> StoreError {
        store_error(error, self.patience)
    }
}

/// A connection that goes back to the pool only when what was asked on it has been answered.
///
/// A caller may drop the future that holds this at any moment. The answer would then be taken for the next caller's, or
/// the pool would wait for it: for a server that is gone without a word that takes a quarter of an hour.
pub(crate) struct Lease {
    connection: Option<PoolConnection<Postgres>>,
}

impl Lease {
    pub(crate) fn connection(&mut self) -> Result<&mut PgConnection, sqlx::Error> {
        self.connection.as_deref_mut().ok_or(sqlx::Error::PoolClosed)
    }

    /// Gives the connection back if the server has answered, with a row or with an error of its own.
    pub(crate) fn settle<T>(mut self, answer: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        match &answer {
            Ok(_) => drop(self.connection.take()),
            Err(error) if is_answer(error) => drop(self.connection.take()),
            Err(_) => {}
        }
        answer
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            drop(connection.detach());
        }
    }
}

#[cfg(test)]
mod tests {
    use sqlx::postgres::PgPoolOptions;
    use test_tools::Server as _;
    use test_tools::postgres::Postgres;

    use super::*;

    /// Raises an error with a code, and answers from some try on.
    const NO: &str = "CREATE SEQUENCE tries; CREATE FUNCTION no(code text, till int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN \
         IF nextval('tries') < till THEN RAISE EXCEPTION 'no' USING ERRCODE = code; END IF; RETURN 7; END $$";

    const CONNECTIONS: u32 = 3;

    /// How often it was asked, whether an answer came, and whether a connection is kept.
    async fn asked(server: &Postgres, code: &str, till: i32, again: Again) -> (i64, bool, bool) {
        server.execute("SELECT setval('tries', 1, false)");
        // The machine of a test run is busier than a server should be.
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS).connect_lazy(&server.url()).unwrap();
        let lender = Lender::new(pool.clone(), Duration::from_secs(20), false);
        let ask = || -> Asked<'_, (i32,)> { sqlx::query_as("SELECT no($1, $2)").bind(code).bind(till) };
        let answer = lender.ask(again, ask).await;
        let kept = pool.size() > 0;
        let tries: Vec<(i64,)> =
            lender.ask(Again::Never, || sqlx::query_as("SELECT last_value FROM tries")).await.unwrap();
        (tries.into_iter().map(|(tries,)| tries).sum(), answer.is_ok_and(|rows| rows == [(7,)]), kept)
    }

    #[tokio::test]
    async fn only_what_changes_nothing_is_asked_again_and_only_for_a_reason() {
        if !test_tools::tools() {
            return;
        }
        let server = Postgres::start(&["fsync=off"]);
        server.execute(NO);
        let never = i32::MAX;
        for again in [Again::Harmless, Again::Never] {
            assert_eq!(asked(&server, "22000", 1, again).await, (1, true, true));
            assert_eq!(
                asked(&server, "22000", never, again).await,
                (1, false, true),
                "an answer, if not a good one"
            );
        }
        // The connection is at its end: all others may be too, and a new one is not.
        let all = i64::from(CONNECTIONS) + 1;
        assert_eq!(asked(&server, "57P01", never, Again::Never).await, (1, false, false));
        assert_eq!(asked(&server, "57P01", never, Again::Harmless).await, (all, false, false));
        assert_eq!(
            asked(&server, "57P01", CONNECTIONS.cast_signed() + 1, Again::Harmless).await,
            (all, true, true)
        );
        // Undone: as often as it takes.
        assert_eq!(asked(&server, "40001", never, Again::Never).await, (1, false, true));
        assert_eq!(asked(&server, "40001", 9, Again::Harmless).await, (9, true, true));
    }

    /// Its answer could come to somebody else.
    #[tokio::test]
    async fn a_connection_that_was_not_settled_is_hung_up_on() {
        if !test_tools::tools() {
            return;
        }
        let server = Postgres::start(&["fsync=off"]);
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS).connect_lazy(&server.url()).unwrap();
        let lender = Lender::new(pool.clone(), Duration::from_secs(20), false);
        drop(lender.lease(lender.deadline()).await.unwrap());
        assert_eq!(pool.size(), 0);
        lender.lease(lender.deadline()).await.unwrap().settle(Ok(())).unwrap();
        assert_eq!(pool.size(), 1);
    }
}
