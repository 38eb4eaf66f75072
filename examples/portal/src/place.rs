//! Where everything is kept: a file, a PostgreSQL server or a Redis server, as `--store` names it.

use std::fmt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// What `--store` names.
#[derive(Clone, PartialEq, Eq)]
pub enum Place {
    /// An SQLite file, with nothing to install; for one machine.
    Sqlite(PathBuf),
    /// A PostgreSQL server, for any number of machines. The address may hold a password.
    Postgres(Zeroizing<String>),
    /// A Redis server, for any number of machines. The address may hold a password.
    Redis(Zeroizing<String>),
}

impl Place {
    /// Reads `sqlite:PATH`, `postgres://…` or `redis://…`. `None` for anything else; the text may hold a
    /// password, so don't repeat it.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(rest) = text.strip_prefix("sqlite:") {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            let is_path = !path.is_empty() && !path.contains([':', '?']);
            return is_path.then(|| Self::Sqlite(path.into()));
        }
        let (scheme, rest) = text.split_once("://")?;
        let address = || Zeroizing::new(text.to_owned());
        match scheme {
            _ if rest.is_empty() => None,
            "postgres" | "postgresql" => Some(Self::Postgres(address())),
            "redis" | "rediss" => Some(Self::Redis(address())),
            _ => None,
        }
    }

    /// Where the file of sealing keys is looked for: beside the database, or in `data` when that is a server.
    pub fn key_file(&self) -> PathBuf {
        match self {
            Self::Sqlite(path) => path.with_extension("key"),
            Self::Postgres(_) | Self::Redis(_) => PathBuf::from("data/portal.key"),
        }
    }

    /// The database file, if it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => Some(path),
            Self::Postgres(_) | Self::Redis(_) => None,
        }
    }
}

/// Fit for a screen or a log: no user, no password, no parameters.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "{}", path.display()),
            Self::Postgres(address) | Self::Redis(address) => {
                let (scheme, rest) = address.split_once("://").unwrap_or(("", ""));
                let rest = rest.split(['?', '#']).next().unwrap_or_default();
                let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
                write!(f, "{scheme}://{rest}")
            }
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_kinds_of_place_are_known_and_shown_without_their_password() {
        for (text, shown) in [
            ("sqlite:data/portal.sqlite", "data/portal.sqlite"),
            ("sqlite:///var/lib/portal.sqlite", "/var/lib/portal.sqlite"),
            (
                "postgres://portal:hun%40ter@db.internal:5432/school?sslmode=verify-full",
                "postgres://db.internal:5432/school",
            ),
            ("postgresql://db/school", "postgresql://db/school"),
            ("rediss://u:hunter2@cache:6379/0#x", "rediss://cache:6379/0"),
            ("redis://:a@b@cache/1", "redis://cache/1"),
        ] {
            let place = Place::parse(text).unwrap();
            assert_eq!(place.to_string(), shown);
            assert_eq!(format!("{place:?}"), format!("Place({shown})"));
        }
        for text in ["", "sqlite:", "sqlite:a?mode=ro", "postgres://", "mysql://db/x", "redis:", "/tmp/a"] {
            assert!(Place::parse(text).is_none(), "{text}");
        }
    }
}
