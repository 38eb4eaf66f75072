//! The tables: whose they are, of which version, and how they come up to date.

use std::path::Path;

use sqlx::SqliteConnection;

use crate::error::OpenError;
use crate::sqlite::code::opening;

/// `mfa2` in ASCII, in the header of a file that is all ours: `file` and `sqlite3` tell it.
const APPLICATION_ID: i32 = 0x6d66_6132;

/// What stands in `mfa_schema`, so that a table of that name which isn't ours is noticed.
const OWNER: &str = "mfa-sqlx";

/// Each brings the tables from the version of its index to the next. Never change one that was released.
const MIGRATIONS: &[&str] = &[include_str!("migration_1.sql")];

/// The newest version this release knows.
pub(crate) const KNOWN: i64 = MIGRATIONS.len() as i64;

/// What a database has in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing at all.
    Empty,
    /// Other tables, none of ours.
    Others,
    /// Our tables, of a version we know.
    Ours(i64),
}

/// Looks, and changes nothing.
pub(crate) async fn inspect(connection: &mut SqliteConnection, path: &Path) -> Result<Found, OpenError> {
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')")
            .fetch_all(&mut *connection)
            .await
            .map_err(|error| opening(path, error))?;
    let encoding: String = sqlx::query_scalar("PRAGMA encoding")
        .fetch_one(&mut *connection)
        .await
        .map_err(|error| opening(path, error))?;
    if encoding != "UTF-8" {
        return Err(OpenError::Encoding { path: path.to_owned(), found: encoding });
    }
    let has = |name: &str| tables.iter().any(|table| table.eq_ignore_ascii_case(name));
    let strange = |found: &str| OpenError::ForeignTables { path: path.to_owned(), found: found.to_owned() };
    if !has("mfa_schema") {
        if has("mfa_record") || has("mfa_event") {
            return Err(strange("there is no `mfa_schema` beside them"));
        }
        let id: i32 = sqlx::query_scalar("PRAGMA application_id")
            .fetch_one(&mut *connection)
            .await
            .map_err(|error| opening(path, error))?;
        let empty = tables.is_empty() && (id == 0 || id == APPLICATION_ID);
        return Ok(if empty { Found::Empty } else { Found::Others });
    }
    let rows: Vec<(String, i64)> = sqlx::query_as("SELECT owner, version FROM mfa_schema")
        .fetch_all(&mut *connection)
        .await
        .map_err(|_| strange("`mfa_schema` can't be read"))?;
    let version = match rows.as_slice() {
        [(owner, version)] if owner == OWNER => *version,
        _ => return Err(strange("`mfa_schema` says something else")),
    };
    if version > KNOWN {
        return Err(OpenError::Newer { path: path.to_owned(), found: version, known: KNOWN });
    }
    if version < 1 || !has("mfa_record") || !has("mfa_event") {
        return Err(strange("a table is missing"));
    }
    Ok(Found::Ours(version))
}

/// Brings the tables up to date, inside a transaction that holds the lock.
pub(crate) async fn migrate(connection: &mut SqliteConnection, found: Found) -> Result<(), sqlx::Error> {
    let from = match found {
        Found::Ours(version) => version,
        Found::Empty | Found::Others => 0,
    };
    for (version, migration) in (1_i64..).zip(MIGRATIONS) {
        if version > from {
            sqlx::raw_sql(*migration).execute(&mut *connection).await?;
        }
    }
    if from == 0 {
        sqlx::query("INSERT INTO mfa_schema (owner, version) VALUES ($1, $2)")
            .bind(OWNER)
            .bind(KNOWN)
            .execute(&mut *connection)
            .await?;
    } else {
        // Also where it changes nothing: BEGIN IMMEDIATE succeeds on a database that can't be written, and the
        // first sign-in would be what finds out.
        sqlx::query("UPDATE mfa_schema SET version = $1 WHERE version <> $1")
            .bind(KNOWN)
            .execute(&mut *connection)
            .await?;
    }
    if found == Found::Empty {
        // The number is APPLICATION_ID: a PRAGMA takes no parameters. A test compares the two.
        sqlx::raw_sql("PRAGMA application_id = 1835426098").execute(&mut *connection).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_application_id_is_written_as_it_is_read() {
        assert_eq!(APPLICATION_ID, 1_835_426_098);
        assert_eq!(&APPLICATION_ID.to_be_bytes(), b"mfa2");
    }
}
