//! Second-factor storage in SQL, through sqlx: SQLite with the feature `sqlite`, which is on by default, and
//! PostgreSQL with the feature `postgres`.
//!
//! ```no_run
//! # #[cfg(feature = "sqlite")]
//! # async fn open() -> Result<(), Box<dyn std::error::Error>> {
//! use mfa_sqlx::sqlite::SqliteStore;
//!
//! // Made on first use, readable by this user alone, with write-ahead log and full durability.
//! let store = SqliteStore::open("second-factor.db").await?;
//! # let _ = store;
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `sqlite`, on by default | `sqlite`: SQLite, bundled, with nothing to install |
//! | `postgres` | `postgres`: a PostgreSQL server, with TLS, for portals on any number of machines |
//!
//! Without any database this crate has nothing to offer, and doesn't compile.
//!
//! # Several processes
//!
//! Any number of processes on one machine may open one SQLite file. Don't put it on a network share: SQLite's
//! write-ahead log needs memory that all its users share. Processes on several machines share a PostgreSQL server.

#[cfg(not(any(feature = "sqlite", feature = "postgres")))]
compile_error!(
    "mfa-sqlx needs a database to store in: enable its feature `sqlite`, which is on by default, or `postgres`"
);

pub mod error;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod row;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod sql;
#[cfg(feature = "sqlite")]
pub mod sqlite;
