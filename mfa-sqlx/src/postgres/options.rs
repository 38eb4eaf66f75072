//! How a store on a server is opened: the schema, the pool, the patience.

use std::time::Duration;

use mfa_core::config::ConfigError;

use crate::postgres::PostgresStore;
use crate::postgres::error::OpenError;
use crate::postgres::open;
use crate::postgres::statements::Schema;

const PATIENCE: Duration = Duration::from_secs(2);
const SHORTEST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_secs(60);

/// Settings for a [`PostgresStore`].
///
/// ```no_run
/// use std::time::Duration;
/// use mfa_sqlx::postgres::PostgresStore;
///
/// # async fn open() -> Result<(), mfa_sqlx::postgres::error::OpenError> {
/// let store = PostgresStore::options()
///     .schema("second_factor")
///     .connections(20)
///     .patience(Duration::from_secs(1))
///     .open("postgres://portal:password@db.internal/school?sslmode=verify-full")
///     .await?;
/// # let _ = store;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    pub(crate) schema: String,
    pub(crate) connections: u32,
    pub(crate) patience: Duration,
    pub(crate) behind_pooling_proxy: bool,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self { schema: "mfa".to_owned(), connections: 10, patience: PATIENCE, behind_pooling_proxy: false }
    }
}

impl PostgresOptions {
    /// The defaults: the schema `mfa`, ten connections, two seconds for a call.
    pub fn new() -> Self {
        Self::default()
    }

    /// The schema that the tables live in, `mfa` unless set. It is made if it isn't there. Up to 63 small letters,
    /// digits and underscores.
    #[must_use]
    pub fn schema(mut self, name: impl Into<String>) -> Self {
        self.schema = name.into();
        self
    }

    /// How many connections this process has at the most: 10 unless set, at least 1.
    ///
    /// Each is busy for the length of one round trip, so that ten carry some thousand sign-ins a second. All processes
    /// together must stay below the server's `max_connections`.
    #[must_use]
    pub fn connections(mut self, most: u32) -> Self {
        self.connections = most.max(1);
        self
    }

    /// How long a call may take in all, with waiting for a connection: from 10 milliseconds to a minute, 2 seconds unless
    /// set. After it the call is a fault, and whoever waited for it is turned away.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Whether a proxy stands before the server that lends its connections for one transaction at a time, as PgBouncer
    /// does with `pool_mode = transaction`. No statements are prepared then, and each call is a transaction of its own:
    /// three round trips to the proxy instead of one.
    ///
    /// A proxy that keeps track of prepared statements (PgBouncer from 1.21 on, `max_prepared_statements`) needs this not.
    #[must_use]
    pub fn behind_pooling_proxy(mut self, on: bool) -> Self {
        self.behind_pooling_proxy = on;
        self
    }

    /// Connects to `url`, and makes the schema and its tables or brings them up to date. Any number of processes may
    /// do so at once.
    ///
    /// The address is `postgres://user:password@host:5432/database`. Over a network put `?sslmode=verify-full` behind
    /// it, and `&sslrootcert=/path` for an authority of your own: whoever can alter what passes can make a factor
    /// disappear. Without `sslmode`, TLS is used where the server offers it and nobody's word is checked.
    ///
    /// # Errors
    /// See [`OpenError`]: each says what to do.
    pub async fn open(self, url: &str) -> Result<PostgresStore, OpenError> {
        let schema = Schema::new(self.schema.clone())?;
        if self.patience < SHORTEST || self.patience > LONGEST {
            let problem = format!("{:?} is too short or too long for a call", self.patience);
            let fix = "give from 10 milliseconds to 60 seconds";
            return Err(ConfigError::new("patience", problem, fix).into());
        }
        open::open(&self, schema, url).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nobody answers there, which is found out only where the settings can work.
    #[tokio::test]
    async fn the_shortest_and_the_longest_patience_are_patience() {
        for (patience, works) in [
            (SHORTEST - Duration::from_nanos(1), false),
            (SHORTEST, true),
            (LONGEST, true),
            (LONGEST + Duration::from_nanos(1), false),
        ] {
            let refused = PostgresOptions::new().patience(patience).open("postgres://u@127.0.0.1:1/d").await;
            let tried = matches!(refused, Err(OpenError::Server { .. }));
            assert_eq!(tried, works, "{patience:?}: {refused:?}");
        }
    }
}
