//! What can go wrong: at the start, for the person at the terminal; at run time, for the log and a plain 500 page.

use std::net::SocketAddr;
use std::path::PathBuf;

use mfa_core::config::ConfigError;
use mfa_core::fault::Fault;
use thiserror::Error;

/// Why the portal does not start. Each says what to do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// The command line or the environment makes no sense.
    #[error("{0}\nTry --help.")]
    Usage(String),
    /// A folder or file could not be made, read or written.
    #[error("{what} {}: {source}", path.display())]
    File {
        /// What was tried, such as "cannot create".
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Others than the owner can read the key file.
    #[error(
        "{} can be read by others (mode {mode:03o}); run `chmod 600 {}` and, if they may have read it, \
         put a new key in front of the old one", path.display(), path.display()
    )]
    KeyFileOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The database has users but the file with its sealing keys is gone.
    #[error(
        "{} is missing, but the database is in use: put the file back from your backup, or give its \
         keys in PORTAL_KEYS. A new key would lock everybody with a second factor out", path.display()
    )]
    KeyFileGone {
        /// The file.
        path: PathBuf,
    },
    /// The keys are not those of the other nodes.
    #[error(
        "the sealing keys don't open what is kept in {place}: give this node the keys of the others in \
         PORTAL_KEYS, the newest first (a new key goes to every node, behind the old one, before it goes in front)"
    )]
    OtherKeys {
        /// Where.
        place: String,
    },
    /// A setting of the library can't work.
    #[error("{0}")]
    Setting(#[from] ConfigError),
    /// The second factor's store can't be opened.
    #[error("{0}")]
    Store(#[from] mfa_sqlx::error::OpenError),
    /// The second factor's store can't be opened.
    #[error("{}", with_causes(.0))]
    PostgresStore(#[from] mfa_sqlx::postgres::error::OpenError),
    /// The second factor's store can't be opened.
    #[error("{}", with_causes(.0))]
    RedisStore(#[from] mfa_redis::error::OpenError),
    /// The portal itself failed.
    #[error("{error}: {}", error.detail())]
    Portal {
        /// How.
        error: PortalError,
    },
}

impl StartError {
    /// The address can't be listened on.
    pub fn listening(on: SocketAddr, source: std::io::Error) -> Self {
        Self::File { what: "cannot listen on", path: on.to_string().into(), source }
    }
}

impl From<PortalError> for StartError {
    fn from(error: PortalError) -> Self {
        Self::Portal { error }
    }
}

/// A failure at run time. `Display` is fit for any log; a person sees only the 500 page.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PortalError {
    /// The SQL database.
    #[error("the portal's database failed")]
    Database(#[from] sqlx::Error),
    /// Redis.
    #[error("the portal's database failed")]
    Redis(#[from] redis::RedisError),
    /// The database gave no answer in time.
    #[error("the portal's database did not answer in time")]
    Slow,
    /// Others changed the same record every time.
    #[error("too many requests changed the same record at once")]
    Crowd,
    /// Password hashing.
    #[error("a password hash could not be made or read")]
    Password(#[source] argon2::password_hash::Error),
    /// The second factor, clock, or randomness.
    #[error("the second factor failed: {0}")]
    Fault(#[from] Fault),
    /// A page could not be written.
    #[error("a page could not be written")]
    Page(#[from] askama::Error),
    /// A record holds what we never wrote.
    #[error("a record of the {0} makes no sense")]
    Row(&'static str),
    /// A background task was lost.
    #[error("a task was lost")]
    Task,
    /// The session store behind the framework failed.
    #[error("the session failed: {0}")]
    Session(String),
}

impl PortalError {
    /// The chain of causes in one line, for the operator.
    pub fn detail(&self) -> String {
        causes(self)
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    match causes(error) {
        causes if causes.is_empty() => error.to_string(),
        causes => format!("{error}: {causes}"),
    }
}

fn causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
