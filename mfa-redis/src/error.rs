//! What can be wrong with a server: when it is first reached, and later behind a `Fault`.

use std::time::Duration;

use mfa_core::config::ConfigError;
use mfa_core::fault::{Fault, FaultKind};
use redis::RedisError;
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
/// After [`TimedOut`](Self::TimedOut), [`Cut`](Self::Cut) and [`Abandoned`](Self::Abandoned) a write may or may not have
/// been made, whole or not at all; after any other it was not made.
#[derive(Clone, Debug, Error)]
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
    /// The program's runtime was shut down during the call.
    #[error("the call was given up, because the program's runtime is shutting down")]
    Abandoned,
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
        Self::told(error).unwrap_or_else(Self::Server)
    }

    /// What the server says, by the code in front of its text. The scripts have codes of their own.
    fn told(error: RedisError) -> Result<Self, RedisError> {
        match error.code() {
            Some("LOADING") => Ok(Self::Loading),
            Some("READONLY" | "MASTERDOWN") => Ok(Self::Replica),
            Some("MOVED" | "ASK" | "TRYAGAIN" | "CLUSTERDOWN" | "CROSSSLOT") => Ok(Self::OtherNode),
            Some("OOM") => Ok(Self::Full),
            Some("MISCONF") => Ok(Self::Disk),
            Some("NOREPLICAS") => Ok(Self::Replicas),
            Some("NOAUTH" | "WRONGPASS" | "NOPERM") => Ok(Self::Rights(error)),
            Some("WRONGTYPE") => Ok(Self::Foreign),
            Some("MFALOST") => Ok(Self::Lost),
            Some("MFAUNREADABLE") => Ok(Self::Unreadable("version")),
            _ => Err(error),
        }
    }

    /// What it means that no connection could be made.
    pub(crate) fn of_connecting(error: RedisError, patience: Duration) -> Self {
        if error.is_timeout() {
            return Self::TimedOut { after: patience };
        }
        if error.kind() == redis::ErrorKind::AuthenticationFailed {
            return Self::Rights(error);
        }
        Self::told(error).unwrap_or_else(Self::Unreachable)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Fault::caused_by(FaultKind::Store, error)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use redis::{ErrorKind, RedisError, parse_redis_value};

    use super::StoreError;

    const PATIENCE: std::time::Duration = std::time::Duration::from_secs(7);

    /// As the server sends it.
    fn answer(text: &str) -> RedisError {
        parse_redis_value(format!("-{text}\r\n").as_bytes()).unwrap().extract_error().unwrap_err()
    }

    fn system(kind: io::ErrorKind) -> RedisError {
        io::Error::from(kind).into()
    }

    /// What the operator has to do is another thing each time, while connecting and later.
    #[test]
    fn each_answer_of_a_server_is_told_by_its_own_name() {
        type Is = fn(&StoreError) -> bool;
        let told: [(&[&str], Is); 10] = [
            (&["LOADING"], |error| matches!(error, StoreError::Loading)),
            (&["READONLY", "MASTERDOWN"], |error| matches!(error, StoreError::Replica)),
            (&["MOVED 1 a:1", "ASK 1 a:1", "TRYAGAIN", "CLUSTERDOWN", "CROSSSLOT"], |error| {
                matches!(error, StoreError::OtherNode)
            }),
            (&["OOM"], |error| matches!(error, StoreError::Full)),
            (&["MISCONF"], |error| matches!(error, StoreError::Disk)),
            (&["NOREPLICAS"], |error| matches!(error, StoreError::Replicas)),
            (&["NOAUTH", "WRONGPASS", "NOPERM"], |error| matches!(error, StoreError::Rights(_))),
            (&["WRONGTYPE"], |error| matches!(error, StoreError::Foreign)),
            (&["MFALOST"], |error| matches!(error, StoreError::Lost)),
            (&["MFAUNREADABLE"], |error| matches!(error, StoreError::Unreadable("version"))),
        ];
        for (code, is) in told.iter().flat_map(|(codes, is)| codes.iter().map(move |code| (code, is))) {
            let text = format!("{code} in words");
            assert!(is(&StoreError::of_call(answer(&text), PATIENCE)), "{text}");
            assert!(is(&StoreError::of_connecting(answer(&text), PATIENCE)), "{text}");
        }
        assert!(matches!(StoreError::of_call(answer("ERR no"), PATIENCE), StoreError::Server(_)));
        assert!(matches!(StoreError::of_connecting(answer("ERR no"), PATIENCE), StoreError::Unreachable(_)));
    }

    #[test]
    fn a_connection_that_cannot_go_on_is_cut_and_one_never_made_is_none() {
        let garbled = || RedisError::from((ErrorKind::Parse, "not what a server says"));
        let forbidden = || system(io::ErrorKind::PermissionDenied);
        for error in [garbled(), forbidden(), system(io::ErrorKind::ConnectionReset)] {
            assert!(matches!(StoreError::of_call(error, PATIENCE), StoreError::Cut(_)));
        }
        for error in [garbled(), forbidden(), system(io::ErrorKind::ConnectionRefused)] {
            assert!(matches!(StoreError::of_connecting(error, PATIENCE), StoreError::Unreachable(_)));
        }
        let late = || system(io::ErrorKind::TimedOut);
        for error in [StoreError::of_call(late(), PATIENCE), StoreError::of_connecting(late(), PATIENCE)] {
            assert!(matches!(error, StoreError::TimedOut { after } if after == PATIENCE));
        }
        let password = RedisError::from((ErrorKind::AuthenticationFailed, "no"));
        assert!(matches!(StoreError::of_connecting(password, PATIENCE), StoreError::Rights(_)));
    }
}
