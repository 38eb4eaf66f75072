//! Opening: what is checked of the server, and the tables made by one process while others wait.

use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, Connection};
use tokio::time::timeout;

use crate::error::StoreError;
use crate::postgres::PostgresStore;
use crate::postgres::error::{OpenError, code, store_error};
use crate::postgres::lease::Lender;
use crate::postgres::options::PostgresOptions;
use crate::postgres::pool;
use crate::postgres::statements::{Schema, Statements};

/// What stands in `mfa_schema`, so that a table of that name which isn't ours is noticed.
const OWNER: &str = "mfa-sqlx";

/// Each brings the tables from the version of its index to the next. Never change one that was released.
const MIGRATIONS: &[&str] = &[include_str!("migration_1.sql")];

/// The newest version this release knows.
const KNOWN: i64 = MIGRATIONS.len() as i64;

/// How many times the patience the making of tables may take, waiting for other processes included.
const PATIENCES_TO_MIGRATE: u32 = 30;

pub(crate) async fn open(
    options: &PostgresOptions,
    schema: Schema,
    url: &str,
) -> Result<PostgresStore, OpenError> {
    let mut connect: PgConnectOptions = url.parse().map_err(OpenError::Address)?;
    let address = match connect.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", connect.get_host(), connect.get_port()),
    };
    if nobody_checks(&connect) {
        tracing::warn!(
            %address,
            "nobody checks who answers as the PostgreSQL server: put ?sslmode=verify-full behind its address"
        );
    }
    if connect.get_application_name().is_none() {
        connect = connect.application_name("mfa");
    }
    if options.behind_pooling_proxy {
        // Proxies refuse start-up parameters that they can't keep track of.
        connect = connect.extra_float_digits(None).statement_cache_capacity(0);
    }
    let server = |source: StoreError| OpenError::Server { address: address.clone(), source };
    let whole = options.patience.saturating_mul(PATIENCES_TO_MIGRATE);
    let prepared = timeout(whole, async {
        let connecting = timeout(options.patience, PgConnection::connect_with(&connect)).await;
        let mut connection = connecting
            .map_err(|_| server(StoreError::TimedOut { after: options.patience }))?
            .map_err(|error| match code(&error).as_deref() {
                Some("08P01") if !options.behind_pooling_proxy => {
                    OpenError::Proxy { address: address.clone(), source: error }
                }
                _ => server(store_error(error, options.patience)),
            })?;
        let ready = prepare(&mut connection, &schema, &address, options).await;
        // Whatever was wrong, this connection has done its work.
        let _ = connection.close().await;
        ready
    });
    prepared.await.map_err(|_| server(StoreError::TimedOut { after: whole }))??;

    let pool = pool::lazy(options, connect, pool::TRUSTED);
    let lender = Lender::new(pool, options.patience, options.behind_pooling_proxy);
    Ok(PostgresStore::on(lender, Statements::new(schema), address))
}

/// Whether somebody between here and the server could answer in its place.
fn nobody_checks(connect: &PgConnectOptions) -> bool {
    let is_local = connect.get_socket().is_some()
        || matches!(connect.get_host(), "localhost" | "127.0.0.1" | "::1" | "[::1]")
        || connect.get_host().starts_with('/');
    !is_local && !matches!(connect.get_ssl_mode(), PgSslMode::VerifyCa | PgSslMode::VerifyFull)
}

/// Whether a server with these settings answers before a write is on its disk.
fn answers_early(fsync: &str, synchronous_commit: &str) -> bool {
    fsync == "off" || synchronous_commit == "off"
}

async fn prepare(
    connection: &mut PgConnection,
    schema: &Schema,
    address: &str,
    options: &PostgresOptions,
) -> Result<(), OpenError> {
    let failed = |error: sqlx::Error| match code(&error).as_deref() {
        Some("42501") => OpenError::Rights { schema: schema.as_str().to_owned(), source: error },
        _ => OpenError::Server { address: address.to_owned(), source: store_error(error, options.patience) },
    };
    // One transaction for all, also where it only reads: behind a proxy it stays with one server.
    // Whatever the database's default is: who waited for the lock has to see what the one before made.
    let begin = "BEGIN ISOLATION LEVEL READ COMMITTED";
    let mut transaction = connection.begin_with(begin).await.map_err(failed)?;
    let told: (bool, String, String, String) = sqlx::query_as(
        "SELECT pg_is_in_recovery(), current_setting('server_encoding'), current_setting('fsync'), \
         current_setting('synchronous_commit')",
    )
    .persistent(false)
    .fetch_one(&mut *transaction)
    .await
    .map_err(failed)?;
    let (is_replica, encoding, fsync, synchronous) = told;
    if is_replica {
        return Err(OpenError::Replica { address: address.to_owned() });
    }
    if encoding != "UTF8" {
        return Err(OpenError::Encoding { found: encoding });
    }
    if answers_early(&fsync, &synchronous) {
        tracing::warn!(
            address,
            fsync,
            synchronous_commit = synchronous,
            "PostgreSQL answers before a write is on the disk: after a crash of its machine, codes used in the last \
             moments are accepted again"
        );
    }
    if inspect(&mut transaction, schema).await?.map_err(failed)? == KNOWN {
        return transaction.commit().await.map_err(failed);
    }
    // Others that start now wait here, and find the tables made. The lock goes with the transaction, as a proxy needs it.
    sqlx::query("SELECT pg_advisory_xact_lock(hashtext('mfa-sqlx'), hashtext($1))")
        .bind(schema.as_str())
        .persistent(false)
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
    let version = inspect(&mut transaction, schema).await?.map_err(failed)?;
    migrate(&mut transaction, schema, version).await.map_err(failed)?;
    transaction.commit().await.map_err(failed)
}

/// The version of the tables, 0 if there are none. Changes nothing.
async fn inspect(
    connection: &mut PgConnection,
    schema: &Schema,
) -> Result<Result<i64, sqlx::Error>, OpenError> {
    let tables: Vec<(String,)> = match sqlx::query_as(
        "SELECT c.relname::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = $1 AND c.relname IN ('mfa_schema', 'mfa_record', 'mfa_event')",
    )
    .bind(schema.as_str())
    .persistent(false)
    .fetch_all(&mut *connection)
    .await
    {
        Ok(tables) => tables,
        Err(error) => return Ok(Err(error)),
    };
    let strange = |found: &str| OpenError::ForeignTables {
        schema: schema.as_str().to_owned(),
        found: found.to_owned(),
    };
    let has = |name: &str| tables.iter().any(|(table,)| table == name);
    if tables.is_empty() {
        return Ok(Ok(0));
    }
    if !has("mfa_schema") {
        return Err(strange("there is no `mfa_schema` beside them"));
    }
    let statement = schema.qualify("SELECT owner, version FROM mfa_schema");
    let read = sqlx::query_as(AssertSqlSafe(statement)).persistent(false).fetch_all(&mut *connection).await;
    let rows: Vec<(String, i64)> = match read {
        Ok(rows) => rows,
        // Other columns than ours, or of other types. Anything else, no right to read first of all, says nothing about them.
        Err(error)
            if matches!(code(&error).as_deref(), Some("42703" | "42804"))
                || matches!(error, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)) =>
        {
            return Err(strange("`mfa_schema` can't be read"));
        }
        Err(error) => return Ok(Err(error)),
    };
    let version = match rows.as_slice() {
        [(owner, version)] if owner == OWNER => *version,
        _ => return Err(strange("`mfa_schema` says something else")),
    };
    if version > KNOWN {
        return Err(OpenError::Newer { schema: schema.as_str().to_owned(), found: version, known: KNOWN });
    }
    if version < 1 || !has("mfa_record") || !has("mfa_event") {
        return Err(strange("a table is missing"));
    }
    Ok(Ok(version))
}

/// Brings the tables up to date, inside a transaction that holds the lock.
async fn migrate(connection: &mut PgConnection, schema: &Schema, from: i64) -> Result<(), sqlx::Error> {
    if from == KNOWN {
        return Ok(());
    }
    let there: Option<(i32,)> = sqlx::query_as("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1")
        .bind(schema.as_str())
        .persistent(false)
        .fetch_optional(&mut *connection)
        .await?;
    if there.is_none() {
        // Asked for only where it is needed: making a schema that is there takes the right to make one.
        let statement = format!("CREATE SCHEMA \"{}\"", schema.as_str());
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *connection).await?;
    }
    for migration in MIGRATIONS.iter().skip(usize::try_from(from).unwrap_or(usize::MAX)) {
        sqlx::raw_sql(AssertSqlSafe(schema.qualify(migration))).execute(&mut *connection).await?;
    }
    let statement = if from == 0 {
        "INSERT INTO mfa_schema (owner, version) VALUES ($1, $2)"
    } else {
        "UPDATE mfa_schema SET version = $2 WHERE owner = $1"
    };
    sqlx::query(AssertSqlSafe(schema.qualify(statement)))
        .bind(OWNER)
        .bind(KNOWN)
        .persistent(false)
        .execute(&mut *connection)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_given_where_somebody_else_could_answer() {
        for (url, warned) in [
            ("postgres://u@db.internal/school", true),
            ("postgres://u@db.internal/school?sslmode=require", true),
            ("postgres://u@db.internal/school?sslmode=verify-ca", false),
            ("postgres://u@db.internal/school?sslmode=verify-full", false),
            ("postgres://u@localhost/school", false),
            ("postgres://u@127.0.0.1/school", false),
            ("postgres://u@[::1]/school", false),
            ("postgres://u@localhost/school?host=/run/postgresql", false),
            ("postgres://u@%2Frun%2Fpostgresql/school", false),
        ] {
            assert_eq!(nobody_checks(&url.parse().unwrap()), warned, "{url}");
        }
        assert!(!nobody_checks(&PgConnectOptions::new_without_pgpass().socket("/run/postgresql")));
        assert!(!nobody_checks(&PgConnectOptions::new_without_pgpass().host("/run/postgresql")));
    }

    #[test]
    fn a_server_is_forgetful_by_either_setting() {
        for (fsync, synchronous, early) in
            [("on", "on", false), ("on", "remote_write", false), ("off", "on", true), ("on", "off", true)]
        {
            assert_eq!(answers_early(fsync, synchronous), early, "{fsync} {synchronous}");
        }
    }
}
