//! The shelf in Redis: a hash for each record, and a set of names for each drawer whose records don't end.

use std::sync::LazyLock;
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{AsyncCommands, Client, FromRedisValue, Script};

use crate::error::{PortalError, StartError};
use crate::shelf::{Drawer, Ends, Held, NEVER};

/// `KEYS`: record, names. `ARGV`: value, end, now, name, the end that stands for never.
static PUT_NEW: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local ends = redis.call('HGET', KEYS[1], 'ends')
         if ends and tonumber(ends) > tonumber(ARGV[3]) then return 0 end
         redis.call('HSET', KEYS[1], 'value', ARGV[1], 'ends', ARGV[2])
         redis.call('HINCRBY', KEYS[1], 'version', 1)
         if ARGV[2] == ARGV[5] then redis.call('SADD', KEYS[2], ARGV[4])
         else redis.call('EXPIREAT', KEYS[1], ARGV[2]) end
         return 1",
    )
});

/// `KEYS`: record. `ARGV`: value, end, version or -1, the end that stands for never.
static REPLACE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local version = redis.call('HGET', KEYS[1], 'version')
         if not version or (ARGV[3] ~= '-1' and version ~= ARGV[3]) then return 0 end
         redis.call('HSET', KEYS[1], 'value', ARGV[1], 'ends', ARGV[2])
         redis.call('HINCRBY', KEYS[1], 'version', 1)
         if ARGV[2] ~= ARGV[4] then redis.call('EXPIREAT', KEYS[1], ARGV[2]) end
         return 1",
    )
});

/// One connection that all calls share and that is made anew when it has ended.
#[derive(Clone)]
pub(crate) struct RedisShelf {
    connection: ConnectionManager,
}

impl RedisShelf {
    pub(crate) async fn connect(address: &str) -> Result<Self, StartError> {
        let client = Client::open(address).map_err(PortalError::from)?;
        let settings = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_connection_timeout(Some(Duration::from_secs(1)))
            .set_response_timeout(Some(Duration::from_secs(2)));
        let connection =
            ConnectionManager::new_with_config(client, settings).await.map_err(PortalError::from)?;
        Ok(Self { connection })
    }

    pub(crate) async fn get(&self, drawer: Drawer, name: &str) -> Result<Option<Held>, PortalError> {
        let fields = self.connection.clone().hmget(record(drawer, name), FIELDS).await?;
        Ok(held(fields))
    }

    pub(crate) async fn put_new(
        &self,
        drawer: Drawer,
        name: &str,
        value: &str,
        ends: i64,
        now: i64,
    ) -> Result<bool, PortalError> {
        let mut call = PUT_NEW.key(record(drawer, name));
        call.key(names(drawer)).arg(value).arg(ends).arg(now).arg(name).arg(NEVER);
        run(&mut self.connection.clone(), &call).await
    }

    pub(crate) async fn replace(
        &self,
        drawer: Drawer,
        name: &str,
        value: &str,
        ends: i64,
        version: Option<i64>,
    ) -> Result<bool, PortalError> {
        let mut call = REPLACE.key(record(drawer, name));
        call.arg(value).arg(ends).arg(version.unwrap_or(-1)).arg(NEVER);
        run(&mut self.connection.clone(), &call).await
    }

    pub(crate) async fn take_out(&self, drawer: Drawer, name: &str) -> Result<(), PortalError> {
        let mut both = redis::pipe();
        both.atomic().del(record(drawer, name)).ignore().srem(names(drawer), name).ignore();
        let () = both.query_async(&mut self.connection.clone()).await?;
        Ok(())
    }

    pub(crate) async fn all(&self, drawer: Drawer) -> Result<Vec<(String, Held)>, PortalError> {
        let mut connection = self.connection.clone();
        let mut found: Vec<String> = connection.smembers(names(drawer)).await?;
        found.sort();
        let mut all = redis::pipe();
        for name in &found {
            all.hmget(record(drawer, name), FIELDS);
        }
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let records: Vec<Fields> = all.query_async(&mut connection).await?;
        let pairs = found.into_iter().zip(records);
        Ok(pairs.filter_map(|(name, fields)| held(fields).map(|held| (name, held))).collect())
    }

    /// Redis tidies by itself.
    pub(crate) async fn tidy(&self, _drawer: Drawer, _now: i64) -> Result<u64, PortalError> {
        Ok(0)
    }
}

const FIELDS: &[&str] = &["value", "version", "ends"];

type Fields = (Option<String>, Option<i64>, Option<i64>);

fn held(fields: Fields) -> Option<Held> {
    let (Some(value), Some(version), Some(ends)) = fields else { return None };
    Some(Held { value, version, ends: Ends::from_seconds(ends) })
}

async fn run<T: FromRedisValue>(
    connection: &mut ConnectionManager,
    call: &redis::ScriptInvocation<'_>,
) -> Result<T, PortalError> {
    Ok(call.invoke_async(connection).await?)
}

// One tag for all: a cluster keeps them on one node, where a script can have two at once.
fn record(drawer: Drawer, name: &str) -> String {
    format!("{{portal}}:{}:{name}", drawer.as_str())
}

fn names(drawer: Drawer) -> String {
    format!("{{portal}}:{}", drawer.as_str())
}
