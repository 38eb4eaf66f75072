//! The connections of a process, and which of them are taken for alive.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Connection, Row};

use crate::postgres::options::PostgresOptions;

/// How long a connection may have been idle to be taken for alive without a question.
pub(crate) const TRUSTED: Duration = Duration::from_secs(1);

/// A pool that makes its connections when they are needed. One that was idle for less than `trusted` is used as it is.
pub(crate) fn lazy(options: &PostgresOptions, connect: PgConnectOptions, trusted: Duration) -> PgPool {
    PgPoolOptions::new()
        .max_connections(options.connections)
        .acquire_timeout(options.patience)
        // A question before every use would double the round trips; a connection in steady use answers for itself.
        .test_before_acquire(false)
        // After a failover the address may lead to the old primary, which has become a standby: it would answer from an
        // older truth. In the simple protocol, because behind a proxy no two messages need reach one server.
        .after_connect(|connection, _| {
            Box::pin(async move {
                let told = sqlx::raw_sql("SELECT pg_is_in_recovery()").fetch_one(connection).await?;
                match told.try_get(0)? {
                    false => Ok(()),
                    true => {
                        // Callers are told that nobody answered in time, because others are tried until then.
                        tracing::error!("the address leads to a PostgreSQL replica, which is refused");
                        Err(sqlx::Error::Protocol("this server is a replica".to_owned()))
                    }
                }
            })
        })
        .before_acquire(move |connection, meta| {
            Box::pin(async move {
                if is_trusted(meta.idle_for, trusted) {
                    return Ok(true);
                }
                Ok(connection.ping().await.is_ok())
            })
        })
        .connect_lazy_with(connect)
}

/// Whether a connection that was idle for so long is taken for alive.
fn is_trusted(idle: Duration, trusted: Duration) -> bool {
    idle < trusted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_in_steady_use_is_not_asked_whether_it_is_alive() {
        assert!(
            is_trusted(Duration::ZERO, TRUSTED) && is_trusted(TRUSTED - Duration::from_nanos(1), TRUSTED)
        );
        assert!(!is_trusted(TRUSTED, TRUSTED) && !is_trusted(Duration::MAX, TRUSTED));
    }
}
