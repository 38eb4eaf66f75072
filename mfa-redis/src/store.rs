//! The store in Redis, for portals on any number of machines.

use std::fmt;
use std::sync::Arc;

use mfa_core::fault::Fault;
use mfa_core::port::store::{
    Committed, Cursor, EventPage, EventQuery, PageQuery, RecordKey, RecordPage, Store, Versioned, Write,
};

use crate::error::{OpenError, StoreError};
use crate::key::Prefix;
use crate::link::{Again, Link};
use crate::options::RedisOptions;
use crate::persistence::Persistence;
use crate::script;
use crate::value::{self, Question};

/// How many records or events a script hands over at the most: while it runs, nobody else is served.
const STRETCH: u32 = 500;

/// How many events a script looks at for those that were asked for.
const LOOK: u32 = 2_000;

/// Keeps records and events in Redis.
///
/// Cheap to clone; clones share one connection, on which calls don't wait for each other. A connection that
/// has ended is made anew by the next call; every call ends within [`RedisOptions::patience`].
#[derive(Clone)]
pub struct RedisStore {
    link: Arc<Link>,
    prefix: Prefix,
    address: String,
}

impl RedisStore {
    /// Opens the store at `url` with the defaults of [`RedisOptions`].
    ///
    /// # Errors
    /// See [`OpenError`]: each says what to do.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        RedisOptions::new().open(url).await
    }

    /// Settings to open a store with.
    pub fn options() -> RedisOptions {
        RedisOptions::new()
    }

    pub(crate) fn on(link: Link, prefix: Prefix, address: String) -> Self {
        Self { link: Arc::new(link), prefix, address }
    }

    /// Which of the server's settings keep what it has answered "done" to, asked now.
    ///
    /// A portal that would rather not start than run on a forgetful server asks this after opening:
    ///
    /// ```no_run
    /// # async fn open() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = mfa_redis::store::RedisStore::open("redis://127.0.0.1").await?;
    /// if let Some(doubt) = store.persistence().await?.doubts().first() {
    ///     return Err(doubt.to_string().into());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the server can't be asked. A setting it doesn't tell is [unknown](crate::persistence::AppendLog::Unknown),
    /// not an error.
    pub async fn persistence(&self) -> Result<Persistence, Fault> {
        Ok(Persistence::ask(&self.link).await?)
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("address", &self.address)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

impl Store for RedisStore {
    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>, Fault> {
        let keys = self.prefix.keys(&key.tenant);
        let keys = [keys.records(key.collection), keys.names(key.collection)];
        let name = key.name.clone().into_bytes();
        let held: Option<Vec<u8>> = self.link.run(&script::LOAD, &keys, &[name], Again::Harmless).await?;
        Ok(held.map(value::versioned).transpose()?)
    }

    async fn commit(&self, write: &Write) -> Result<Committed, Fault> {
        let keys = self.prefix.keys(&write.key.tenant).all(write.key.collection);
        let arguments = value::commit(write)?;
        match self.link.run(&script::COMMIT, &keys, &arguments, Again::Never).await? {
            1 => Ok(Committed::Done),
            0 => Ok(Committed::Conflict),
            _ => Err(StoreError::Unreadable("answer").into()),
        }
    }

    async fn events(&self, query: &EventQuery) -> Result<EventPage, Fault> {
        let question = Question::new(query)?;
        let keys = self.prefix.keys(&query.tenant);
        let keys = [keys.events(), keys.index()];
        let wanted = query.limit as usize;
        let mut before = query.after;
        let mut found = Vec::new();
        // One more than was asked for: whether there is more is seen from it.
        while found.len() <= wanted {
            let find = STRETCH.min(query.limit.saturating_sub(found.len() as u32).saturating_add(1));
            let arguments = question.arguments(before, LOOK, find);
            let answer: Vec<Vec<u8>> =
                self.link.run(&script::EVENTS, &keys, &arguments, Again::Harmless).await?;
            let mut answer = answer.into_iter();
            let go_on = answer.next().ok_or(StoreError::Unreadable("answer"))?;
            while let (Some(place), Some(event)) = (answer.next(), answer.next()) {
                found.push(value::found(&query.tenant, place, event)?);
            }
            if go_on.is_empty() {
                break;
            }
            before = Some(value::place(go_on)?);
        }
        let more = found.len() > wanted;
        found.truncate(wanted);
        let next: Option<Cursor> = found.last().map(|(place, _)| *place).filter(|_| more);
        Ok(EventPage { events: found.into_iter().map(|(_, event)| event).collect(), next })
    }

    async fn page(&self, query: &PageQuery) -> Result<RecordPage, Fault> {
        let keys = self.prefix.keys(&query.tenant);
        let keys = [keys.records(query.collection), keys.names(query.collection)];
        let wanted = query.limit as usize;
        let mut page = RecordPage::default();
        let mut from = bound(query.after.as_deref());
        while page.records.len() <= wanted {
            let find = STRETCH.min(query.limit.saturating_sub(page.records.len() as u32).saturating_add(1));
            let arguments = [from, find.to_string().into_bytes()];
            let answer: Vec<Vec<u8>> =
                self.link.run(&script::PAGE, &keys, &arguments, Again::Harmless).await?;
            let last = answer.len() < 2 * find as usize;
            let mut answer = answer.into_iter();
            while let (Some(name), Some(record)) = (answer.next(), answer.next()) {
                page.records.push((value::name(name)?, value::versioned(record)?));
            }
            if last {
                break;
            }
            from = bound(page.records.last().map(|(name, _)| name.as_str()));
        }
        page.more = page.records.len() > wanted;
        page.records.truncate(wanted);
        Ok(page)
    }

    async fn erase(&self, key: &RecordKey) -> Result<(), Fault> {
        let keys = self.prefix.keys(&key.tenant).all(key.collection);
        let index = value::index_of_record(key.collection, &key.name)?;
        let arguments = [key.name.clone().into_bytes(), index];
        // Once or twice, what is gone is gone; but a record that somebody wrote in between would go too.
        let _one: i64 = self.link.run(&script::ERASE, &keys, &arguments, Again::Never).await?;
        Ok(())
    }
}

/// Where names begin: after the one given.
fn bound(after: Option<&str>) -> Vec<u8> {
    after.map_or_else(|| b"-".to_vec(), |after| [b"(", after.as_bytes()].concat())
}
