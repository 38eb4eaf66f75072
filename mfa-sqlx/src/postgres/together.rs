//! What comes while a round trip is under way goes together in the next: one statement, and one write to the disk, for all.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use mfa_batch::{Lanes, Work};
use mfa_core::port::store::{Committed, RecordKey, Write};
use sqlx::AssertSqlSafe;

use crate::postgres::error::{is_answer, is_conflict, is_timeout};
use crate::postgres::lease::{Again, Asked, Lender};
use crate::postgres::statements::Statements;
use crate::row::RecordRow;

/// Round trips of a kind: a row that somebody holds must not hold up those who don't want it, and far away there is time
/// for more than one.
pub(crate) const LANES: Lanes = Lanes { count: 4, slow: Duration::from_millis(10), most: 64 };

/// How often a write is made that the server has undone.
pub(crate) const TRIES: u32 = 10;

/// Where the statements go.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) lender: Lender,
    pub(crate) statements: Arc<Statements>,
}

/// Reads records.
pub(crate) struct Loads(pub(crate) Server);

/// Writes records that are there, with their events.
pub(crate) struct Updates(pub(crate) Server);

/// A write and the times of its events.
pub(crate) type Update = (Write, Vec<i64>);

fn asked<'q, Row>(statement: &Arc<str>) -> Asked<'q, Row>
where
    Row: for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow>,
{
    sqlx::query_as(AssertSqlSafe(Arc::clone(statement)))
}

/// The three columns of keys, each as an array.
fn columns<'k>(keys: impl Iterator<Item = &'k RecordKey> + Clone) -> [Vec<&'k str>; 3] {
    [
        keys.clone().map(|key| key.tenant.as_str()).collect(),
        keys.clone().map(|key| key.collection.as_str()).collect(),
        keys.map(|key| key.name.as_str()).collect(),
    ]
}

impl Loads {
    async fn one(&self, key: &RecordKey) -> Result<Option<RecordRow>, sqlx::Error> {
        let Server { lender, statements } = &self.0;
        let ask = || -> Asked<'_, RecordRow> {
            asked(&statements.load)
                .bind(key.tenant.as_str())
                .bind(key.collection.as_str())
                .bind(key.name.as_str())
        };
        Ok(lender.ask(Again::Harmless, ask).await?.pop())
    }

    async fn many(&self, keys: &[RecordKey]) -> Result<Vec<Option<RecordRow>>, sqlx::Error> {
        let Server { lender, statements } = &self.0;
        let [tenants, collections, names] = columns(keys.iter());
        let ask = || -> Asked<'_, (i64, i64, Vec<u8>)> {
            asked(&statements.load_many).bind(&tenants).bind(&collections).bind(&names)
        };
        let mut found: Vec<_> = keys.iter().map(|_| None).collect();
        for (place, version, record) in lender.ask(Again::Harmless, ask).await? {
            *at(&mut found, place)? = Some((version, record));
        }
        Ok(found)
    }
}

impl Work for Loads {
    type Item = RecordKey;
    type Answer = Result<Option<RecordRow>, sqlx::Error>;

    async fn run(&self, keys: Vec<RecordKey>) -> Vec<Self::Answer> {
        if let [key] = keys.as_slice() {
            return vec![self.one(key).await];
        }
        match self.many(&keys).await {
            Ok(found) => found.into_iter().map(Ok).collect(),
            Err(error) if is_answer(&error) && !is_timeout(&error) => {
                let mut answers = Vec::new();
                for key in &keys {
                    answers.push(self.one(key).await);
                }
                answers
            }
            Err(error) => for_each(error, keys.len()),
        }
    }
}

impl Updates {
    async fn one(&self, (write, times): &Update) -> Result<Committed, sqlx::Error> {
        self.0.put(write, times).await
    }

    /// `updates` are for one record each.
    async fn many(&self, updates: &[&Update]) -> Result<Vec<Committed>, sqlx::Error> {
        let Server { lender, statements } = &self.0;
        let writes = || updates.iter().map(|(write, _)| write);
        let [tenants, collections, names] = columns(writes().map(|write| &write.key));
        let versions: Vec<_> = writes().map(|write| write.next.as_u64().cast_signed()).collect();
        let records: Vec<_> = writes().map(|write| write.record.as_slice()).collect();
        let expected: Vec<_> =
            writes().map(|write| write.expected.map(|version| version.as_u64().cast_signed())).collect();
        let events = || {
            (1_i64..)
                .zip(writes())
                .flat_map(|(place, write)| write.events.iter().map(move |event| (place, event)))
        };
        let places: Vec<_> = events().map(|(place, _)| place).collect();
        let ids: Vec<_> = events().map(|(_, event)| event.id.to_string()).collect();
        let times: Vec<_> = updates.iter().flat_map(|(_, times)| times.iter().copied()).collect();
        let kinds: Vec<_> = events().map(|(_, event)| event.kind.as_str()).collect();
        let bodies: Vec<_> = events().map(|(_, event)| event.body.as_slice()).collect();
        let ask = || -> Asked<'_, (i64,)> {
            asked(&statements.update_many)
                .bind(&tenants)
                .bind(&collections)
                .bind(&names)
                .bind(&versions)
                .bind(&records)
                .bind(&expected)
                .bind(&places)
                .bind(&ids)
                .bind(&times)
                .bind(&kinds)
                .bind(&bodies)
        };
        let mut committed = vec![Committed::Conflict; updates.len()];
        for (place,) in lender.ask(Again::Never, ask).await? {
            *at(&mut committed, place)? = Committed::Done;
        }
        Ok(committed)
    }
}

impl Work for Updates {
    type Item = Update;
    type Answer = Result<Committed, sqlx::Error>;

    async fn run(&self, updates: Vec<Update>) -> Vec<Self::Answer> {
        if let [update] = updates.as_slice() {
            return vec![self.one(update).await];
        }
        // One for each record: the second has lost to the first, or comes again. In the order of the keys, so that two
        // nodes don't wait for each other.
        let mut known = HashSet::new();
        let mut order: Vec<usize> = Vec::new();
        for (place, (write, _)) in updates.iter().enumerate() {
            if known.insert(&write.key) {
                order.push(place);
            }
        }
        let key = |place: &usize| {
            updates
                .get(*place)
                .map(|(write, _)| (&write.key.tenant, write.key.collection.as_str(), &write.key.name))
        };
        order.sort_by(|one, other| key(one).cmp(&key(other)));
        let chosen: Vec<_> = order.iter().filter_map(|place| updates.get(*place)).collect();
        let outcomes: Vec<_> = match self.many(&chosen).await {
            Ok(committed) => committed.into_iter().map(Ok).collect(),
            Err(error) if is_answer(&error) && !is_timeout(&error) => {
                // One of them may be at fault, and the others are not to suffer for it.
                let mut answers = Vec::new();
                for update in chosen {
                    answers.push(self.one(update).await);
                }
                answers
            }
            Err(error) => for_each(error, order.len()),
        };
        let mut answers: Vec<_> = updates.iter().map(|_| Ok(Committed::Conflict)).collect();
        for (place, outcome) in order.into_iter().zip(outcomes) {
            if let Some(answer) = answers.get_mut(place) {
                *answer = outcome;
            }
        }
        answers
    }
}

impl Server {
    /// One write by itself, of a record that is there or is not.
    pub(crate) async fn put(&self, write: &Write, times: &[i64]) -> Result<Committed, sqlx::Error> {
        let ids: Vec<_> = write.events.iter().map(|event| event.id.to_string()).collect();
        let kinds: Vec<_> = write.events.iter().map(|event| event.kind.as_str()).collect();
        let bodies: Vec<_> = write.events.iter().map(|event| event.body.as_slice()).collect();
        let ask = |statement| -> Asked<'_, (i64,)> {
            let put = asked(statement)
                .bind(write.key.tenant.as_str())
                .bind(write.key.collection.as_str())
                .bind(write.key.name.as_str())
                .bind(write.next.as_u64().cast_signed())
                .bind(write.record.as_slice());
            match write.expected {
                Some(expected) => put.bind(expected.as_u64().cast_signed()),
                None => put,
            }
            .bind(&ids)
            .bind(times)
            .bind(&kinds)
            .bind(&bodies)
        };
        let statement =
            if write.expected.is_some() { &self.statements.update } else { &self.statements.insert };
        let mut tries = 1;
        let rows = loop {
            match self.lender.ask(Again::Never, || ask(statement)).await {
                // Undone, at an isolation stricter than ours, perhaps for a neighbour's sake only: the version will say.
                Err(error) if is_conflict(&error) && tries < TRIES => tries += 1,
                rows => break rows?,
            }
        };
        match rows.as_slice() {
            [(1,)] => Ok(Committed::Done),
            [(0,)] => Ok(Committed::Conflict),
            _ => Err(unexpected()),
        }
    }
}

/// The place that the server named: it counts from 1.
fn at<T>(all: &mut [T], place: i64) -> Result<&mut T, sqlx::Error> {
    let index = usize::try_from(place).ok().and_then(|place| place.checked_sub(1));
    index.and_then(|index| all.get_mut(index)).ok_or_else(unexpected)
}

fn unexpected() -> sqlx::Error {
    sqlx::Error::Decode("an answer that this library didn't ask for".into())
}

/// The error of a call that many made, for each of them.
fn for_each<T>(error: sqlx::Error, count: usize) -> Vec<Result<T, sqlx::Error>> {
    let again = |error: &sqlx::Error| match error {
        error if is_timeout(error) => sqlx::Error::PoolTimedOut,
        sqlx::Error::PoolClosed => sqlx::Error::PoolClosed,
        // The connection was cut, and what more is known of it is in the first one.
        error => sqlx::Error::Io(io::Error::other(error.to_string())),
    };
    let mut errors: Vec<_> = (1..count).map(|_| Err(again(&error))).collect();
    errors.push(Err(error));
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_was_not_asked_for_is_an_error() {
        let mut all = ["ann", "ben"];
        assert_eq!((*at(&mut all, 1).unwrap(), *at(&mut all, 2).unwrap()), ("ann", "ben"));
        for place in [i64::MIN, -1, 0, 3, i64::MAX] {
            assert!(matches!(at(&mut all, place), Err(sqlx::Error::Decode(_))), "{place}");
        }
    }

    #[test]
    fn whoever_called_is_told_the_same() {
        let cut = || sqlx::Error::Io(io::Error::other("the cable"));
        for count in [1, 2, 5] {
            let late = for_each::<()>(sqlx::Error::PoolTimedOut, count);
            assert_eq!(late.len(), count);
            assert!(late.into_iter().all(|answer| matches!(answer, Err(sqlx::Error::PoolTimedOut))));
            let closed = for_each::<()>(sqlx::Error::PoolClosed, count);
            assert!(closed.into_iter().all(|answer| matches!(answer, Err(sqlx::Error::PoolClosed))));
            for answer in for_each::<()>(cut(), count) {
                assert!(
                    matches!(&answer, Err(sqlx::Error::Io(error)) if error.to_string().contains("cable"))
                );
            }
        }
    }
}
