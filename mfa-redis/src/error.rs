//! What can be wrong with a server: when it is first reached, and later behind a `Fault`.

use std::time::Duration;

use mfa_core::config::ConfigError;
use mfa_core::fault::{Fault, FaultKind};
use redis::{RedisError, ServerErrorKind};
use thiserror::Error;

/// Why a store was not opened.
///
/// Each message says what to do about it. Made for the operator who reads it when the portal doesn't start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The address is not one. It is not repeated here, because it may have a password in it.
    #[error(
        "the address of the Redis server can't be used; give one like redis://user:password@host:6379/0, with \
         rediss:// for TLS (feature `tls`)"
    )]
    Address(#[source] RedisError),
    /// A setting can't work.
    #[error(transparent)]
    Setting(#[from] ConfigError),
    /// No server answered as it should.
    #[error("the Redis server at {address} can't be used")]
    Server {
        /// Host and port.
        address: String,
        /// What went wrong.
        source: StoreError,
    },
    /// The server is a copy of another one.
    #[error(
        "the Redis server at {address} is a replica, which may be behind; give the address of its primary"
    )]
    Replica {
        /// Host and port.
        address: String,
    },
}

/// What went wrong with a server in use: the [`source`](std::error::Error::source) of a store's `Fault`.
///
/// After [`TimedOut`](Self::TimedOut) and [`Cut`](Self::Cut) a write may or may not have been made, whole or not at
/// all; after any other it was not made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The server did not answer in time.
    #[error("the server did not answer within {after:?}; look whether it is overloaded, stopped or cut off")]
    TimedOut {
        /// How long was waited.
        after: Duration,
    },
    /// The server can't be reached.
    #[error("the server can't be reached; it is tried again with the next call")]
    Unreachable(#[source] RedisError),
    /// The connection ended before the answer came.
    #[error("the connection ended before the answer came; it is made anew with the next call")]
    Cut(#[source] RedisError),
    /// The server is still reading its data.
    #[error("the server is still loading its data; wait until it has")]
    Loading,
    /// The server has become a replica.
    #[error("the server is a replica, whose data may be behind; point the address to the primary")]
    Replica,
    /// There is no memory left.
    #[error("the server has reached its `maxmemory`; give it more")]
    Full,
    /// The server can't write to its disk.
    #[error("the server can't save to its disk and takes no writes; free space there, or mend the disk")]
    Disk,
    /// Too few replicas follow the server.
    #[error("too few replicas follow the server (`min-replicas-to-write`); bring them back")]
    Replicas,
    /// The user has not the rights it needs.
    #[error(
        "the server refuses this user; mend its name, password or rights (see the crate's documentation)"
    )]
    Rights(#[source] RedisError),
    /// The data of this tenant lives on another node of a cluster.
    #[error(
        "the data is on another node of the cluster; use a single primary or a proxy that knows the cluster"
    )]
    OtherNode,
    /// Another program uses keys of these names.
    #[error("another program has written keys under this prefix; choose another prefix")]
    Foreign,
    /// Data has gone that this library did not erase.
    #[error(
        "data is gone that was not erased; restore a backup, and set `maxmemory-policy` to `noeviction`: a server \
         that makes room in memory by dropping keys drops second factors"
    )]
    Lost,
    /// A write has more events than its place in the record of events can number: a million.
    #[error("a write has more events than can be numbered")]
    TooMany,
    /// What is stored can't have been written by this library.
    #[error("the server holds a {0} that this library doesn't write")]
    Unreadable(&'static str),
    /// Something else went wrong.
    #[error("the server failed")]
    Server(#[source] RedisError),
}

impl StoreError {
    /// What the error of a call on an open connection means.
    pub(crate) fn of_call(error: RedisError, patience: Duration) -> Self {
        if error.is_timeout() {
            return Self::TimedOut { after: patience };
        }
        if error.is_unrecoverable_error() || error.is_io_error() {
            return Self::Cut(error);
        }
        match error.kind() {
            redis::ErrorKind::Server(kind) => match kind {
                ServerErrorKind::BusyLoading => Self::Loading,
                ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown => Self::Replica,
                ServerErrorKind::NoPerm => Self::Rights(error),
                ServerErrorKind::Moved
                | ServerErrorKind::Ask
                | ServerErrorKind::TryAgain
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::CrossSlot => Self::OtherNode,
                _ => Self::by_code(error),
            },
            _ => Self::by_code(error),
        }
    }

    fn by_code(error: RedisError) -> Self {
        // Redis puts the code of an error inside a script at the front of its text.
        match error.code() {
            Some("OOM") => Self::Full,
            Some("MISCONF") => Self::Disk,
            Some("NOREPLICAS") => Self::Replicas,
            Some("NOAUTH" | "WRONGPASS" | "NOPERM") => Self::Rights(error),
            Some("WRONGTYPE") => Self::Foreign,
            Some("MFALOST") => Self::Lost,
            Some("MFAUNREADABLE") => Self::Unreadable("version"),
            _ => Self::Server(error),
        }
    }

    /// What it means that no connection could be made.
    pub(crate) fn of_connecting(error: RedisError, patience: Duration) -> Self {
        if error.is_timeout() {
            return Self::TimedOut { after: patience };
        }
        match error.kind() {
            redis::ErrorKind::AuthenticationFailed => Self::Rights(error),
            redis::ErrorKind::Server(ServerErrorKind::BusyLoading) => Self::Loading,
            _ => match error.code() {
                Some("NOAUTH" | "WRONGPASS" | "NOPERM") => Self::Rights(error),
                _ => Self::Unreachable(error),
            },
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Fault::caused_by(FaultKind::Store, error)
    }
}
