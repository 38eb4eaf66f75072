//! What can be wrong with a server when it is first reached, and what its error codes mean later.

use std::time::Duration;

use mfa_core::config::ConfigError;
use thiserror::Error;

use crate::error::StoreError;

/// Why a store on a PostgreSQL server was not opened.
///
/// Each message says what to do about it. Made for the operator who reads it when the portal doesn't start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The address is not one. It is not repeated here, because it may have a password in it.
    #[error(
        "the address of the PostgreSQL server can't be used; give one like \
         postgres://user:password@host:5432/database?sslmode=verify-full"
    )]
    Address(#[source] sqlx::Error),
    /// A setting can't work.
    #[error(transparent)]
    Setting(#[from] ConfigError),
    /// No server answered as it should.
    #[error("the PostgreSQL server at {address} can't be used")]
    Server {
        /// Host and port.
        address: String,
        /// What went wrong.
        source: StoreError,
    },
    /// A proxy answers there that pools connections, and the store wasn't told.
    #[error(
        "a proxy that pools connections answers at {address}; open the store with behind_pooling_proxy(true), or give \
         the server's own address"
    )]
    Proxy {
        /// Host and port.
        address: String,
        /// What the proxy said.
        source: sqlx::Error,
    },
    /// The server is a copy of another one.
    #[error(
        "the PostgreSQL server at {address} is a replica, which can't be written; give the address of its primary"
    )]
    Replica {
        /// Host and port.
        address: String,
    },
    /// The database keeps text in an encoding that not every name fits.
    #[error("the database keeps text as {found}; make one with the encoding UTF8")]
    Encoding {
        /// The encoding.
        found: String,
    },
    /// The user may not make the schema or its tables.
    #[error(
        "this user may not make the schema {schema:?} or use the tables in it; run as the database's owner: CREATE SCHEMA \
         {schema} AUTHORIZATION the_user, or where the tables are there: GRANT USAGE ON SCHEMA {schema} TO the_user; \
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO the_user"
    )]
    Rights {
        /// The schema.
        schema: String,
        /// What the server said.
        source: sqlx::Error,
    },
    /// There are tables with our names that are not ours, or ours are not whole.
    #[error(
        "the schema {schema:?} has `mfa_` tables this library doesn't know ({found}); choose another schema, or \
         restore a backup"
    )]
    ForeignTables {
        /// The schema.
        schema: String,
        /// What is wrong with them.
        found: String,
    },
    /// A newer release has been at the database.
    #[error(
        "the schema {schema:?} was written by a newer release (tables of version {found}, this one knows {known}), and \
         was left as it is; install that release again"
    )]
    Newer {
        /// The schema.
        schema: String,
        /// The version of its tables.
        found: i64,
        /// The newest version this release knows.
        known: i64,
    },
}

/// The code of an error that the server itself reported: https://www.postgresql.org/docs/current/errcodes-appendix.html
pub(crate) fn code(error: &sqlx::Error) -> Option<String> {
    Some(error.as_database_error()?.code()?.into_owned())
}

/// Two transactions at a stricter isolation than ours, or that waited for each other: this one was undone.
pub(crate) fn is_conflict(error: &sqlx::Error) -> bool {
    matches!(code(error).as_deref(), Some("40001" | "40P01"))
}

/// Whether ours or the server's time was up.
pub(crate) fn is_timeout(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::PoolTimedOut)
        || matches!(code(error).as_deref(), Some("57014" | "55P03" | "25P03" | "25P04"))
}

/// Whether the server itself has said no, on a connection that goes on: nothing of the statement was done.
pub(crate) fn is_answer(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(_)) && !is_cut(error) && !is_read_only(error)
}

/// A server that takes no writes: a primary that has become a standby. Nothing more is asked on that connection.
pub(crate) fn is_read_only(error: &sqlx::Error) -> bool {
    code(error).as_deref() == Some("25006")
}

/// Whether the connection is at its end: nothing can be asked on it any more.
pub(crate) fn is_cut(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) => true,
        error => code(error).is_some_and(|code| code.starts_with("57P") || code.starts_with("08")),
    }
}

/// What an error of a server in use means.
pub(crate) fn store_error(error: sqlx::Error, patience: Duration) -> StoreError {
    match code(&error).as_deref() {
        // Also what a proxy says when the server behind it is away.
        Some("57P01" | "57P02" | "57P03" | "57P05" | "53300") => StoreError::Cut(error),
        Some(code) if code.starts_with("08") => StoreError::Cut(error),
        _ if is_timeout(&error) => StoreError::TimedOut { after: patience },
        Some("53100" | "53200") => StoreError::Full,
        Some("25006") => StoreError::ReadOnly,
        Some("42501") => StoreError::Rights(error),
        Some(code) if code.starts_with("28") => StoreError::Rights(error),
        Some("42P01" | "3F000") => StoreError::Gone(error),
        Some("XX001" | "XX002") => StoreError::Damaged,
        Some(_) => StoreError::Database(error),
        None => match error {
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => StoreError::Cut(error),
            error => StoreError::Database(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::error::Error as StdError;
    use std::fmt;

    use sqlx::error::{DatabaseError, ErrorKind};

    use super::*;

    /// What a server says, of which only the code counts.
    #[derive(Debug)]
    struct Said(&'static str);

    impl fmt::Display for Said {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl StdError for Said {}

    impl DatabaseError for Said {
        fn message(&self) -> &str {
            self.0
        }

        fn code(&self) -> Option<Cow<'_, str>> {
            Some(self.0.into())
        }

        fn as_error(&self) -> &(dyn StdError + Send + Sync + 'static) {
            self
        }

        fn as_error_mut(&mut self) -> &mut (dyn StdError + Send + Sync + 'static) {
            self
        }

        fn into_error(self: Box<Self>) -> Box<dyn StdError + Send + Sync + 'static> {
            self
        }

        fn kind(&self) -> ErrorKind {
            ErrorKind::Other
        }
    }

    fn said(code: &'static str) -> sqlx::Error {
        sqlx::Error::Database(Box::new(Said(code)))
    }

    fn io() -> sqlx::Error {
        std::io::Error::from(std::io::ErrorKind::ConnectionReset).into()
    }

    /// The code of what was told, and of what a connection is good for afterwards.
    #[test]
    fn each_code_is_told_by_its_own_name() {
        type Is = fn(&StoreError) -> bool;
        let patience = Duration::from_secs(7);
        let told: [(&[&'static str], Is); 9] = [
            (&["57P01", "57P02", "57P03", "57P05", "53300", "08006", "08P01"], |e| {
                matches!(e, StoreError::Cut(_))
            }),
            (
                &["57014", "55P03", "25P03", "25P04"],
                |e| matches!(e, StoreError::TimedOut { after } if *after == Duration::from_secs(7)),
            ),
            (&["53100", "53200"], |e| matches!(e, StoreError::Full)),
            (&["25006"], |e| matches!(e, StoreError::ReadOnly)),
            (&["42501", "28000", "28P01"], |e| matches!(e, StoreError::Rights(_))),
            (&["42P01", "3F000"], |e| matches!(e, StoreError::Gone(_))),
            (&["XX001", "XX002"], |e| matches!(e, StoreError::Damaged)),
            (&["40001", "40P01"], |e| matches!(e, StoreError::Database(_))),
            (&["23505", "XX000"], |e| matches!(e, StoreError::Database(_))),
        ];
        for (code, is) in told.iter().flat_map(|(codes, is)| codes.iter().map(move |code| (*code, is))) {
            assert!(is(&store_error(said(code), patience)), "{code}");
            let (cut, answer) = (is_cut(&said(code)), is_answer(&said(code)));
            assert_eq!(cut, code.starts_with("57P") || code.starts_with("08"), "{code}");
            // Nothing more is asked of a server that takes no writes.
            assert_eq!(answer, !cut && code != "25006", "{code}");
            assert_eq!(is_conflict(&said(code)), code.starts_with("400") || code == "40P01", "{code}");
            let late = ["57014", "55P03", "25P03", "25P04"].contains(&code);
            assert_eq!(is_timeout(&said(code)), late, "{code}");
        }
    }

    #[test]
    fn what_the_connection_itself_says_is_no_answer() {
        let patience = Duration::from_secs(7);
        let protocol = || sqlx::Error::Protocol("not what a server says".to_owned());
        for error in [io(), protocol()] {
            assert!(is_cut(&error) && !is_answer(&error) && !is_timeout(&error), "{error:?}");
            assert!(matches!(store_error(error, patience), StoreError::Cut(_)));
        }
        let tls = sqlx::Error::Tls("nobody vouches for it".into());
        assert!(matches!(store_error(tls, patience), StoreError::Cut(_)));
        let late = sqlx::Error::PoolTimedOut;
        assert!(is_timeout(&late) && !is_cut(&late) && !is_answer(&late));
        assert!(matches!(store_error(late, patience), StoreError::TimedOut { after } if after == patience));
        let closed = sqlx::Error::PoolClosed;
        assert!(!is_timeout(&closed) && !is_cut(&closed) && !is_answer(&closed) && !is_conflict(&closed));
        assert!(matches!(store_error(closed, patience), StoreError::Database(_)));
    }
}
