//! Where a cluster keeps everything: a file or a server of its own; and a reader that looks at it without any portal.

use std::fmt;

use mfa_core::fault::Fault;
use mfa_core::id::{AccountKey, TenantId, UserId};
use mfa_core::port::sealer::KeyRing;
use mfa_core::port::store::{Collection, EventQuery, Store, StoredEvent};
use mfa_core::service::Mfa;
use mfa_redis::store::RedisStore;
use mfa_sqlx::postgres::PostgresStore;
use mfa_sqlx::sqlite::SqliteStore;
use mfa_testing::clock::ManualClock;
use tempfile::TempDir;
use test_tools::Server;
use test_tools::postgres::Postgres;
use test_tools::redis::Redis;

/// Keys for tests.
pub const KEYS: &str = "8f1d0c2b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f001";

/// The kinds of store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// A file, which processes on one machine share.
    Sqlite,
    /// A PostgreSQL server.
    Postgres,
    /// A Redis server.
    Redis,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Redis => "redis",
        })
    }
}

/// A place of its own for one cluster, gone with this value.
pub enum Home {
    /// A folder with the file.
    File(TempDir),
    /// A server.
    Server(Engine, Box<dyn Server>),
}

impl Home {
    /// A fresh one.
    pub fn new(engine: Engine) -> Self {
        match engine {
            Engine::Sqlite => Self::File(tempfile::tempdir().unwrap()),
            Engine::Postgres => Self::Server(engine, Box::new(Postgres::start(&[]))),
            Engine::Redis => Self::Server(engine, Box::new(Redis::start(&[]))),
        }
    }

    /// What `--store` is told.
    pub fn store(&self) -> String {
        match self {
            Self::File(folder) => format!("sqlite:{}", folder.path().join("portal.sqlite").display()),
            Self::Server(_, server) => server.url(),
        }
    }

    /// The server, where it is one.
    pub fn server(&mut self) -> &mut dyn Server {
        match self {
            Self::File(_) => panic!("a file has no server"),
            Self::Server(_, server) => server.as_mut(),
        }
    }

    /// Opens the store as a process of this release does when it starts, and closes it again.
    ///
    /// # Errors
    /// What the process says and ends with.
    pub async fn open(&self) -> Result<(), String> {
        let url = self.store();
        match self {
            Self::File(_) => {
                SqliteStore::open(url.strip_prefix("sqlite:").unwrap()).await.map(drop).map_err(said)
            }
            Self::Server(Engine::Redis, _) => RedisStore::open(&url).await.map(drop).map_err(said),
            Self::Server(..) => PostgresStore::open(&url).await.map(drop).map_err(said),
        }
    }

    /// Looks at what is stored, with connections of its own.
    pub async fn reader(&self, clock: &ManualClock) -> Reader {
        let builder = Mfa::builder("Reader", "portal.example")
            .sealer(KeyRing::from_hex(KEYS).unwrap())
            .clock(clock.clone());
        match self {
            Self::File(_) => {
                let path = self.store();
                let store = SqliteStore::open(path.strip_prefix("sqlite:").unwrap()).await.unwrap();
                Reader { mfa: builder.store(store.clone()).build().unwrap(), kept: Kept::Sqlite(store) }
            }
            Self::Server(Engine::Redis, server) => {
                let store = RedisStore::open(&server.url()).await.unwrap();
                Reader { mfa: builder.store(store.clone()).build().unwrap(), kept: Kept::Redis(store) }
            }
            Self::Server(_, server) => {
                let store = PostgresStore::open(&server.url()).await.unwrap();
                Reader { mfa: builder.store(store.clone()).build().unwrap(), kept: Kept::Postgres(store) }
            }
        }
    }
}

fn said(error: impl fmt::Display) -> String {
    error.to_string()
}

enum Kept {
    Sqlite(SqliteStore),
    Postgres(PostgresStore),
    Redis(RedisStore),
}

/// What is stored, whatever the portals say.
pub struct Reader {
    /// The service on it.
    pub mfa: Mfa,
    kept: Kept,
}

/// A user's account.
pub fn key(user: &str) -> AccountKey {
    AccountKey::of_user(UserId::new(user).unwrap())
}

impl Reader {
    /// The events of a user, the oldest first.
    pub async fn events(&self, user: &str) -> Vec<StoredEvent> {
        let mut query = EventQuery {
            tenant: TenantId::default(),
            record: Some((Collection::Account, user.to_owned())),
            kind: None,
            since: None,
            until: None,
            after: None,
            limit: 1000,
        };
        let mut found = Vec::new();
        loop {
            let page = match &self.kept {
                Kept::Sqlite(store) => store.events(&query).await,
                Kept::Postgres(store) => store.events(&query).await,
                Kept::Redis(store) => store.events(&query).await,
            };
            let page = page.unwrap();
            found.extend(page.events.into_iter().map(|found| found.event));
            query.after = page.next;
            if query.after.is_none() {
                found.reverse();
                return found;
            }
        }
    }

    /// How many events of a kind a user has.
    pub async fn count(&self, user: &str, kind: &str) -> usize {
        self.events(user).await.iter().filter(|event| event.kind == kind).count()
    }

    /// Resets a user's second factor, as an administrator does.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn reset(&self, user: &str) -> Result<(), Fault> {
        let administrator = UserId::new("u-3001").unwrap();
        self.mfa.reset(&key(user), &administrator, "a new phone").await?.unwrap();
        Ok(())
    }
}
