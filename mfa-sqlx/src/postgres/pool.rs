//! The connections of a process, and which of them are taken for alive.

use std::io;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Connection, Row};
use tokio::time::timeout;

use crate::postgres::options::PostgresOptions;

/// How long a connection may have been idle to be taken for alive without a question.
pub(crate) const TRUSTED: Duration = Duration::from_secs(1);

/// This part of a call's patience is for the question, the others for making a new connection and for the call.
const ASKING: u32 = 4;

const SILENT: &str = "a PostgreSQL connection that was idle does not answer, and is given up for a new one";

/// A pool that makes its connections when they are needed. One that was idle for less than `trusted` is used as it is.
pub(crate) fn lazy(options: &PostgresOptions, connect: PgConnectOptions, trusted: Duration) -> PgPool {
    let asking = options.patience / ASKING;
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
                match timeout(asking, connection.ping()).await {
                    Ok(answer) => Ok(answer.is_ok()),
                    // Its machine may be gone without a word, which the system hears of after a quarter of an hour. An
                    // error, so that nobody waits for it to take leave; the pool logs it and makes a new connection.
                    Err(_) => Err(sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, SILENT))),
                }
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
    use std::future::pending;

    use test_tools::Server as _;
    use test_tools::postgres::Postgres;
    use tokio::io::copy_bidirectional;
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::watch;

    use super::*;
    use crate::postgres::lease::{Again, Asked, Lender};

    #[test]
    fn a_connection_in_steady_use_is_not_asked_whether_it_is_alive() {
        assert!(is_trusted(Duration::ZERO, TRUSTED));
        assert!(is_trusted(TRUSTED - Duration::from_nanos(1), TRUSTED));
        assert!(!is_trusted(TRUSTED, TRUSTED));
        assert!(!is_trusted(Duration::MAX, TRUSTED));
    }

    /// The way to a server. What passes on connections made before the last `turn` is swallowed, and nobody is told: as
    /// when an address moves to another machine, or a firewall has forgotten a connection.
    struct Road {
        port: u16,
        turn: watch::Sender<u32>,
    }

    impl Road {
        async fn to(server: &Postgres) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let (turn, turns) = watch::channel(0);
            let options: PgConnectOptions = server.url().parse().unwrap();
            tokio::spawn(async move {
                loop {
                    let (mut client, _) = listener.accept().await.unwrap();
                    let mut server = TcpStream::connect(("127.0.0.1", options.get_port())).await.unwrap();
                    let mut turns = turns.clone();
                    let begun = *turns.borrow();
                    tokio::spawn(async move {
                        tokio::select! {
                            biased;
                            () = async { drop(turns.wait_for(|turn| *turn > begun).await) } => pending().await,
                            _ = copy_bidirectional(&mut client, &mut server) => {}
                        }
                    });
                }
            });
            Self { port, turn }
        }

        fn swallow(&self) {
            self.turn.send_modify(|turn| *turn += 1);
        }
    }

    /// Without a time-out of its own the question would last as long as the call's patience, one call for each connection of
    /// the pool: as many people would be refused after the server is there again.
    #[tokio::test]
    async fn whoever_meets_a_connection_that_is_gone_without_a_word_has_a_new_one() {
        if !test_tools::tools() {
            return;
        }
        let server = Postgres::start(&["fsync=off"]);
        let road = Road::to(&server).await;
        let options = PostgresOptions::new().patience(Duration::from_secs(8)).connections(1);
        let connect = server.url().parse::<PgConnectOptions>().unwrap().port(road.port);
        let pool = lazy(&options, connect, Duration::ZERO);
        let lender = Lender::new(pool.clone(), options.patience, false);
        let ask = async || -> Result<Vec<(i32,)>, sqlx::Error> {
            let make = || -> Asked<'_, (i32,)> { sqlx::query_as("SELECT pg_backend_pid()") };
            // A write: it is never sent twice.
            lender.ask(Again::Never, make).await
        };
        let first = ask().await.unwrap();
        assert_eq!(ask().await.unwrap(), first, "the connection is kept");
        // It is back only when the server has said that it is ready.
        while pool.num_idle() == 0 {
            tokio::task::yield_now().await;
        }
        road.swallow();
        let second = ask().await.unwrap();
        assert_ne!(second, first);
        assert_eq!(ask().await.unwrap(), second);
    }
}
