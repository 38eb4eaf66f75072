//! Tables as a newer release leaves them, brought up to date under processes that know only the older ones.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

use crate::home::Home;

/// What a release does to tables that the one before it goes on using: it adds, and takes nothing away.
const STATEMENTS: &str = "
ALTER TABLE {}mfa_record ADD COLUMN changes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE {}mfa_event ADD COLUMN origin TEXT;
CREATE INDEX record_by_changes ON {}mfa_record (tenant, changes);
UPDATE {}mfa_schema SET version = version + 1;
";

/// A process of the newer release, as far as its tables go.
pub struct Newer {
    connection: Connection,
    events: i64,
}

enum Connection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Newer {
    /// Brings the tables up to date in one transaction, as a store does when it is opened.
    pub async fn bring_up_to_date(home: &Home) -> Self {
        let url = home.store();
        let connection = if url.starts_with("sqlite:") {
            let mut connection = SqliteConnection::connect(&url).await.unwrap();
            let all = format!("BEGIN IMMEDIATE; {} COMMIT", STATEMENTS.replace("{}", ""));
            sqlx::raw_sql(AssertSqlSafe(all)).execute(&mut connection).await.unwrap();
            Connection::Sqlite(connection)
        } else {
            let mut connection = PgConnection::connect(&url).await.unwrap();
            let all = format!("BEGIN; {} COMMIT", STATEMENTS.replace("{}", "mfa."));
            sqlx::raw_sql(AssertSqlSafe(all)).execute(&mut connection).await.unwrap();
            Connection::Postgres(connection)
        };
        let mut newer = Self { connection, events: 0 };
        newer.events = newer.count().await;
        newer
    }

    /// How many events there are by the newer release's own query.
    async fn count(&mut self) -> i64 {
        match &mut self.connection {
            Connection::Sqlite(connection) => {
                let all = sqlx::query_scalar("SELECT count(*) FROM mfa_event WHERE origin IS NULL");
                all.fetch_one(connection).await.unwrap()
            }
            Connection::Postgres(connection) => {
                let all = sqlx::query_scalar("SELECT count(*) FROM mfa.mfa_event WHERE origin IS NULL");
                all.fetch_one(connection).await.unwrap()
            }
        }
    }

    /// How many events the older processes have written since.
    pub async fn written_since(&mut self) -> i64 {
        self.count().await - self.events
    }
}
