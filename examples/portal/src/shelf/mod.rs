//! The portal's own records, in whichever database was named: each is found by a drawer and a name, and changed on a condition.

mod redis;
mod sql;

use std::fmt;
use std::future::Future;
use std::time::Duration;

use mfa_core::time::Timestamp;

use crate::error::{PortalError, StartError};
use crate::place::Place;
use crate::shelf::redis::RedisShelf;
use crate::shelf::sql::SqlShelf;

/// How long anything may take: whoever waits for a page should not look at a blank one for longer.
const PATIENCE: Duration = Duration::from_secs(4);

/// A kind of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawer(&'static str);

impl Drawer {
    /// People, by id.
    pub const USERS: Self = Self("users");
    /// The ids of people, by sign-in name.
    pub const NAMES: Self = Self("names");
    /// Sessions, by the hash of their id.
    pub const SESSIONS: Self = Self("sessions");
    /// Wrong passwords, by the hash of the name that was typed.
    pub const FAILURES: Self = Self("failures");
    /// What shows that a node has the sealing keys of the others.
    pub const KEYS: Self = Self("keys");

    fn as_str(self) -> &'static str {
        self.0
    }
}

/// A record as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// What it says.
    pub value: String,
    /// Counts its changes.
    pub version: i64,
    /// When it ends.
    pub ends: Ends,
}

/// When a record ends. One that has ended is as good as gone, and somebody will tidy it away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// At this time.
    At(Timestamp),
    /// Not by itself.
    Never,
}

/// No time that a record has: what no engine counts further than exactly.
const NEVER: i64 = (1 << 53) - 1;

impl Ends {
    fn to_seconds(self) -> i64 {
        match self {
            Self::At(time) => seconds(time),
            Self::Never => NEVER,
        }
    }

    fn from_seconds(seconds: i64) -> Self {
        if seconds == NEVER {
            Self::Never
        } else {
            Self::At(Timestamp::from_unix(u64::try_from(seconds).unwrap_or(0)))
        }
    }
}

fn seconds(time: Timestamp) -> i64 {
    i64::try_from(time.as_unix()).unwrap_or(NEVER).min(NEVER - 1)
}

#[derive(Clone)]
enum Engine {
    Sql(SqlShelf),
    Redis(RedisShelf),
}

/// A cheap handle. Every call ends within a few seconds; one that got no answer is an error, and may have been
/// carried out.
#[derive(Clone)]
pub struct Shelf {
    engine: Engine,
}

/// Runs the same call on whichever engine there is, for no longer than [`PATIENCE`].
macro_rules! on_engine {
    ($self:ident, $call:ident ( $($argument:expr),* )) => {
        in_time(async {
            match &$self.engine {
                Engine::Sql(shelf) => shelf.$call($($argument),*).await,
                Engine::Redis(shelf) => shelf.$call($($argument),*).await,
            }
        }).await
    };
}

async fn in_time<T>(call: impl Future<Output = Result<T, PortalError>>) -> Result<T, PortalError> {
    tokio::time::timeout(PATIENCE, call).await.map_err(|_| PortalError::Slow)?
}

impl Shelf {
    /// Opens the shelf at `place`, and makes the file or the table when it is not there yet.
    ///
    /// # Errors
    /// If it can't be; the message says what was tried.
    pub async fn open(place: &Place) -> Result<Self, StartError> {
        let engine = match place {
            Place::Sqlite(path) => Engine::Sql(SqlShelf::in_file(path).await?),
            Place::Postgres(address) => Engine::Sql(SqlShelf::on_server(address).await?),
            Place::Redis(address) => Engine::Redis(RedisShelf::connect(address).await?),
        };
        Ok(Self { engine })
    }

    #[cfg(test)]
    pub(crate) async fn in_memory() -> Self {
        Self { engine: Engine::Sql(SqlShelf::in_memory().await) }
    }

    /// The record, unless it has ended by `now`.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn get(&self, drawer: Drawer, name: &str, now: Timestamp) -> Result<Option<Held>, PortalError> {
        let held = on_engine!(self, get(drawer, name))?;
        Ok(held.filter(|held| held.ends.to_seconds() > seconds(now)))
    }

    /// Keeps a record where there is none, or only one that has ended by `now`. `false` if there is.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn put_new(
        &self,
        drawer: Drawer,
        name: &str,
        value: &str,
        ends: Ends,
        now: Timestamp,
    ) -> Result<bool, PortalError> {
        on_engine!(self, put_new(drawer, name, value, ends.to_seconds(), seconds(now)))
    }

    /// Changes a record that is there, of that version if one is given. `false` if it isn't: somebody else has
    /// changed it, or taken it out.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn replace(
        &self,
        drawer: Drawer,
        name: &str,
        value: &str,
        ends: Ends,
        version: Option<i64>,
    ) -> Result<bool, PortalError> {
        on_engine!(self, replace(drawer, name, value, ends.to_seconds(), version))
    }

    /// Takes a record out, if it is there.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn take_out(&self, drawer: Drawer, name: &str) -> Result<(), PortalError> {
        on_engine!(self, take_out(drawer, name))
    }

    /// All records of a drawer whose records don't end by themselves.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn all(&self, drawer: Drawer) -> Result<Vec<(String, Held)>, PortalError> {
        on_engine!(self, all(drawer))
    }

    /// Takes out what has ended by `now`, where the engine does not do so by itself; how many there were.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn tidy(&self, drawer: Drawer, now: Timestamp) -> Result<u64, PortalError> {
        on_engine!(self, tidy(drawer, seconds(now)))
    }

    /// Writes back and closes.
    pub async fn close(&self) {
        if let Engine::Sql(shelf) = &self.engine {
            shelf.close().await;
        }
    }
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The pools below have addresses with passwords in them.
        f.debug_struct("Shelf").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use test_tools::postgres::Postgres;
    use test_tools::redis::Redis;
    use test_tools::{Server, tools};

    const NAME: &str = "ann";
    const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);
    const LATER: Timestamp = Timestamp::from_unix(1_800_000_060);

    /// A shelf on each engine that is at hand, and what has to live as long.
    struct Each {
        shelves: Vec<(&'static str, Shelf)>,
        _servers: Vec<Box<dyn Server>>,
    }

    async fn each() -> Each {
        let mut each = Each { shelves: vec![("sqlite", Shelf::in_memory().await)], _servers: Vec::new() };
        if tools() {
            let servers: [(_, Box<dyn Server>); 2] =
                [("postgres", Box::new(Postgres::start(&[]))), ("redis", Box::new(Redis::start(&[])))];
            for (engine, server) in servers {
                let place = Place::parse(&server.url()).unwrap();
                each.shelves.push((engine, Shelf::open(&place).await.unwrap()));
                each._servers.push(server);
            }
        }
        each
    }

    #[tokio::test]
    async fn what_is_put_is_found_until_it_ends_and_never_overwritten() {
        let each = each().await;
        for (engine, shelf) in &each.shelves {
            let put =
                |value: &'static str, now| shelf.put_new(Drawer::SESSIONS, NAME, value, Ends::At(LATER), now);
            assert!(put("1", NOW).await.unwrap(), "{engine}");
            assert!(!put("2", NOW).await.unwrap(), "{engine}");
            let held = shelf.get(Drawer::SESSIONS, NAME, NOW).await.unwrap().unwrap();
            assert_eq!((held.value.as_str(), held.ends), ("1", Ends::At(LATER)), "{engine}");
            assert!(shelf.get(Drawer::NAMES, NAME, NOW).await.unwrap().is_none(), "{engine}");
            assert!(shelf.get(Drawer::SESSIONS, NAME, LATER).await.unwrap().is_none(), "{engine}");
            assert!(put("3", LATER).await.unwrap(), "{engine}: what has ended is no obstacle");
            let again = shelf.get(Drawer::SESSIONS, NAME, NOW).await.unwrap().unwrap();
            assert!(again.value == "3" && again.version > held.version, "{engine}");
            shelf.take_out(Drawer::SESSIONS, NAME).await.unwrap();
            assert!(shelf.get(Drawer::SESSIONS, NAME, NOW).await.unwrap().is_none(), "{engine}");
        }
    }

    #[tokio::test]
    async fn a_change_needs_the_record_and_its_version() {
        let each = each().await;
        for (engine, shelf) in &each.shelves {
            let replace = |version| shelf.replace(Drawer::USERS, NAME, "new", Ends::Never, version);
            assert!(!replace(None).await.unwrap(), "{engine}: there is nothing");
            shelf.put_new(Drawer::USERS, NAME, "old", Ends::Never, NOW).await.unwrap();
            let held = shelf.get(Drawer::USERS, NAME, NOW).await.unwrap().unwrap();
            assert!(!replace(Some(held.version + 1)).await.unwrap(), "{engine}");
            assert!(replace(Some(held.version)).await.unwrap(), "{engine}");
            assert!(!replace(Some(held.version)).await.unwrap(), "{engine}: twice");
            assert!(replace(None).await.unwrap(), "{engine}");
            let all = shelf.all(Drawer::USERS).await.unwrap();
            let found = all.iter().find(|(found, _)| found == NAME).unwrap();
            assert_eq!((found.1.value.as_str(), found.1.ends), ("new", Ends::Never), "{engine}");
            shelf.take_out(Drawer::USERS, NAME).await.unwrap();
            let all = shelf.all(Drawer::USERS).await.unwrap();
            assert!(all.iter().all(|(found, _)| found != NAME), "{engine}");
        }
    }

    #[tokio::test]
    async fn tidying_leaves_what_has_not_ended() {
        let each = each().await;
        for (engine, shelf) in &each.shelves {
            shelf.put_new(Drawer::FAILURES, NAME, "1", Ends::At(LATER), NOW).await.unwrap();
            shelf.tidy(Drawer::FAILURES, NOW).await.unwrap();
            assert!(shelf.get(Drawer::FAILURES, NAME, NOW).await.unwrap().is_some(), "{engine}");
            shelf.take_out(Drawer::FAILURES, NAME).await.unwrap();
        }
        let shelf = Shelf::in_memory().await;
        shelf.put_new(Drawer::FAILURES, "old", "1", Ends::At(NOW), Timestamp::from_unix(0)).await.unwrap();
        assert_eq!(shelf.tidy(Drawer::FAILURES, NOW).await.unwrap(), 1);
    }
}
