//! The store in Redis, for portals on any number of machines.

use std::fmt;
use std::sync::Arc;

use mfa_batch::Batch;
use mfa_core::fault::Fault;
use mfa_core::port::store::{
    Committed, Cursor, EventPage, EventQuery, PageQuery, RecordKey, RecordPage, Store, Versioned, Write,
};
use redis::Pipeline;
use tokio::time::timeout;

use crate::error::{OpenError, StoreError};
use crate::key::Prefix;
use crate::link::{Again, Link};
use crate::options::RedisOptions;
use crate::persistence::Persistence;
use crate::script;
use crate::together::{Commit, Commits, LANES};
use crate::value::{self, Held, Question};

/// How many records, or writes with events, a script hands over at the most: while it runs, nobody else is served.
const STRETCH: u32 = 500;

/// How many places of events a script looks at for those that were asked for.
const LOOK: u32 = 2_000;

/// Keeps records and events in Redis.
///
/// Cheap to clone; clones share one connection. Writes that come while others are under way go together behind them;
/// other calls don't wait for each other. A connection that has ended is made anew by the next call; every call ends
/// within [`RedisOptions::patience`].
#[derive(Clone)]
pub struct RedisStore {
    commits: Batch<Commits>,
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
        let link = Arc::new(link);
        let commits = Batch::with_lanes(Commits { link: Arc::clone(&link), prefix: prefix.clone() }, LANES);
        Self { commits, link, prefix, address }
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
        let keys = self.prefix.keys(&key.tenant).both();
        let [data, _] = &keys;
        let field = value::field(key.collection, &key.name)?;
        let mut read = Pipeline::with_capacity(2);
        // PERSIST changes nothing, but a replica refuses it: what it holds may be older than what was answered "done".
        // It goes first: whoever is a primary then has everything that was answered before.
        read.cmd("PERSIST").arg(data);
        read.cmd("HMGET").arg(data).arg(&field).arg(value::version_field(&field));
        let held: Held = self.link.read(&read).await?;
        let held: Held = match held {
            (Some(_), Some(_)) => held,
            // Never written, or lost.
            _ => self.link.run(&script::LOAD, &keys, &[&field], Again::Harmless).await?,
        };
        Ok(held.0.zip(held.1).map(|(record, beside)| value::versioned(record, &beside)).transpose()?)
    }

    async fn commit(&self, write: &Write) -> Result<Committed, Fault> {
        let commit = Commit::new(write)?;
        let answer = timeout(self.link.patience(), self.commits.ask(commit)).await;
        let answer = answer.map_err(|_| StoreError::TimedOut { after: self.link.patience() })?;
        Ok(answer.map_err(|_lost| StoreError::Abandoned)??)
    }

    async fn events(&self, query: &EventQuery) -> Result<EventPage, Fault> {
        let question = Question::new(query)?;
        let keys = self.prefix.keys(&query.tenant).both();
        let wanted = query.limit as usize;
        let mut from = query.after.map(value::place_of);
        let mut found = Vec::new();
        // One more than was asked for: whether there is more is seen from it.
        while found.len() <= wanted {
            let find = STRETCH.min(query.limit.saturating_sub(found.len() as u32).saturating_add(1));
            let arguments = question.arguments(from, LOOK, find);
            let arguments = arguments.each_ref().map(Vec::as_slice);
            let answer: Vec<Vec<u8>> =
                self.link.run(&script::EVENTS, &keys, &arguments, Again::Harmless).await?;
            let (go_on, places) = answer.split_first().ok_or(StoreError::Unreadable("answer"))?;
            for pair in places.chunks(2) {
                let [place, events] = pair else {
                    return Err(StoreError::Unreadable("answer").into());
                };
                let events = value::found(&query.tenant, value::place(place)?, events)?;
                found.extend(events.into_iter().rev().filter(|(place, event)| query.asks_for(*place, event)));
            }
            if go_on.is_empty() {
                break;
            }
            from = Some(value::place(go_on)?);
        }
        let more = found.len() > wanted;
        found.truncate(wanted);
        let next: Option<Cursor> = found.last().map(|(place, _)| *place).filter(|_| more);
        Ok(EventPage { events: found.into_iter().map(|(_, event)| event).collect(), next })
    }

    async fn page(&self, query: &PageQuery) -> Result<RecordPage, Fault> {
        let keys = self.prefix.keys(&query.tenant).both();
        let wanted = query.limit as usize;
        let [letter, beyond] = value::letters(query.collection)?;
        let mut page = RecordPage::default();
        let mut from = match &query.after {
            Some(after) => [&[b'(', letter], after.as_bytes()].concat(),
            None => vec![b'[', letter],
        };
        while page.records.len() <= wanted {
            let find = STRETCH.min(query.limit.saturating_sub(page.records.len() as u32).saturating_add(1));
            let (to, find_digits) = ([b'(', beyond], find.to_string());
            let arguments = [&*from, &to, find_digits.as_bytes()];
            let answer: Vec<Vec<u8>> =
                self.link.run(&script::PAGE, &keys, &arguments, Again::Harmless).await?;
            let last = answer.len() < 3 * find as usize;
            let mut answer = answer.into_iter();
            while let (Some(field), Some(record), Some(beside)) =
                (answer.next(), answer.next(), answer.next())
            {
                from = [b"(", field.as_slice()].concat();
                page.records.push((value::name(field)?, value::versioned(record, &beside)?));
            }
            if last {
                break;
            }
        }
        page.more = page.records.len() > wanted;
        page.records.truncate(wanted);
        Ok(page)
    }

    async fn erase(&self, key: &RecordKey) -> Result<(), Fault> {
        let keys = self.prefix.keys(&key.tenant).both();
        let field = value::field(key.collection, &key.name)?;
        // Once or twice, what is gone is gone; but a record that somebody wrote in between would go too.
        let _one: i64 = self.link.run(&script::ERASE, &keys, &[&field], Again::Never).await?;
        Ok(())
    }
}
