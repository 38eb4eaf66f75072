//! Second-factor storage in SQL, through sqlx: SQLite with the feature `sqlite`, which is on by default.
//!
//! ```no_run
//! use mfa_sqlx::sqlite::SqliteStore;
//!
//! # async fn open() -> Result<(), Box<dyn std::error::Error>> {
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
//! | `sqlite`, on by default | [`sqlite`]: SQLite, bundled, with nothing to install |
//!
//! Without any database this crate has nothing to offer, and doesn't compile.
//!
//! # Several processes
//!
//! Any number of processes on one machine may open one file. Don't put it on a network share: SQLite's
//! write-ahead log needs memory that all its users share.

#[cfg(not(feature = "sqlite"))]
compile_error!("mfa-sqlx needs a database to store in: enable its feature `sqlite`, which is on by default");

pub mod error;
#[cfg(feature = "sqlite")]
mod row;
#[cfg(feature = "sqlite")]
mod sql;
#[cfg(feature = "sqlite")]
pub mod sqlite;
