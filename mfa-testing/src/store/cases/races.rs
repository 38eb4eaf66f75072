//! Races: forced, never left to chance. A record is the list of the events that were written with it, so that
//! a lost update, a doubled event and a torn write all show as a difference between the two.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use mfa_core::id::EventId;
use mfa_core::port::store::{Committed, RecordKey, Store, Version, Versioned, Write};
use tokio::task::JoinSet;

use crate::store::cases::material::{
    Verdict, accepted, account, event, event_id, events_of, holds, ids, insert, numbered, same,
};
use crate::store::fixture::Fixture;
use crate::store::interleaved::{Gate, Interleaved};
use crate::store::report::Mismatch;

/// Two sign-ins meet rarely, a class of pupils at nine o'clock does.
const CONTENDERS: u64 = 32;

/// The record with one more event at its end.
fn appended(key: &RecordKey, loaded: Option<Versioned>, number: u64) -> Write {
    let (expected, next, mut record) = match loaded {
        // Another for each writer, as services choose one at random: over a record that was erased and written anew
        // meanwhile, the version loaded before must not fit by chance.
        None => (None, Version::new(number << 32), Vec::new()),
        Some(held) => (Some(held.version), held.version.next(), held.record),
    };
    record.extend_from_slice(event_id(number).as_bytes());
    Write { key: key.clone(), expected, next, record, events: vec![event(number)] }
}

/// What the record says was written, in the order of writing.
fn listed(record: &[u8]) -> Vec<EventId> {
    let (chunks, _) = record.as_chunks::<16>();
    chunks.iter().map(|bytes| EventId::from_bytes(*bytes)).collect()
}

/// Load, append, commit, again on conflict: what every service does with a store.
async fn append<S: Store>(store: &S, key: &RecordKey, number: u64, tries: u64) -> Verdict {
    for _ in 0..tries {
        let write = appended(key, store.load(key).await?, number);
        if store.commit(&write).await? == Committed::Done {
            return Ok(());
        }
    }
    // Each conflict means that somebody else got through, and there are no more others than this.
    Err(Mismatch::new(format!("a write within {tries} tries"), "conflicts only"))
}

/// The record and its events tell the same story.
async fn agrees<S: Store>(store: &S, what: &str, key: &RecordKey) -> Result<Vec<EventId>, Mismatch> {
    let record = store.load(key).await?.map(|held| held.record).unwrap_or_default();
    let mut written = ids(store, &events_of(key)).await?;
    written.reverse();
    same(&format!("{what}: events as the record lists them"), listed(&record), written.clone())?;
    Ok(written)
}

async fn all(mut tasks: JoinSet<Verdict>) -> Verdict {
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}

/// Everybody has read the record before anybody writes it; every update is in it at the end.
pub(crate) async fn racing_updates_are_all_kept<F: Fixture>(data: &F) -> Verdict {
    let (one, other) = (Arc::new(data.open().await), Arc::new(data.open().await));
    let key = account("ann");
    accepted(one.as_ref(), "a first write", &appended(&key, None, 0)).await?;
    let gate = Gate::new(CONTENDERS as usize);
    let mut tasks = JoinSet::new();
    for number in 1..=CONTENDERS {
        let handle = if number % 2 == 0 { &one } else { &other };
        let store = Interleaved::new(Arc::clone(handle), gate.clone());
        let key = key.clone();
        tasks.spawn(async move { append(&store, &key, number, CONTENDERS).await });
    }
    all(tasks).await?;
    for store in [&one, &other] {
        let mut written = agrees(store.as_ref(), "after the race", &key).await?;
        written.sort_unstable();
        same("every update, once", numbered(0..=CONTENDERS), written)?;
        let version = store.load(&key).await?.map(|held| held.version.as_u64());
        same("one version for each update", Some(CONTENDERS), version)?;
    }
    Ok(())
}

/// One code, many requests: one wins.
pub(crate) async fn racing_writes_over_one_version_have_one_winner<F: Fixture>(data: &F) -> Verdict {
    let (one, other) = (Arc::new(data.open().await), Arc::new(data.open().await));
    let (there, absent) = (account("ann"), account("bob"));
    accepted(one.as_ref(), "a first write", &insert(&there, 0, b"", vec![])).await?;
    for key in [there, absent] {
        let gate = Gate::new(CONTENDERS as usize);
        let mut tasks = JoinSet::new();
        for number in 1..=CONTENDERS {
            let handle = if number % 2 == 0 { &one } else { &other };
            let store = Interleaved::new(Arc::clone(handle), gate.clone());
            let key = key.clone();
            tasks.spawn(async move {
                let write = appended(&key, store.load(&key).await?, number);
                Ok::<_, Mismatch>((number, store.commit(&write).await?))
            });
        }
        let mut winners = Vec::new();
        while let Some(ended) = tasks.join_next().await {
            if let (number, Committed::Done) = ended?? {
                winners.push(number);
            }
        }
        same("the number of winners", 1, winners.len())?;
        let written = agrees(other.as_ref(), "after the race", &key).await?;
        same("the winner's write and no other", numbered(winners), written)?;
    }
    Ok(())
}

/// People who sign in at the same time don't disturb each other: a conflict is another version, nothing else.
pub(crate) async fn records_of_others_cause_no_conflict<F: Fixture>(data: &F) -> Verdict {
    let (one, other) = (Arc::new(data.open().await), Arc::new(data.open().await));
    let gate = Gate::new(CONTENDERS as usize);
    let mut tasks = JoinSet::new();
    for number in 1..=CONTENDERS {
        let handle = if number % 2 == 0 { &one } else { &other };
        let store = Interleaved::new(Arc::clone(handle), gate.clone());
        tasks.spawn(async move {
            let key = account(&format!("user {number}"));
            for round in 0..4 {
                append(&store, &key, number * 10 + round, 1).await?;
            }
            agrees(&store, "one's own record", &key).await.map(drop)
        });
    }
    all(tasks).await
}

/// Whoever can read a record can read its events.
pub(crate) async fn readers_see_record_and_events_together<F: Fixture>(data: &F) -> Verdict {
    const WRITES: u64 = 40;
    let (writer, reader) = (data.open().await, data.open().await);
    let key = account("ann");
    let written_by = key.clone();
    let mut tasks: JoinSet<Verdict> = JoinSet::new();
    tasks.spawn(async move {
        for number in 0..WRITES {
            append(&writer, &written_by, number, 1).await?;
        }
        Ok(())
    });
    loop {
        let record = reader.load(&key).await?.map(|held| held.record).unwrap_or_default();
        let mut events = ids(&reader, &events_of(&key)).await?;
        events.reverse();
        let told = listed(&record);
        events.truncate(told.len());
        same("the events of the record that was read before", told.clone(), events)?;
        if told.len() as u64 == WRITES {
            return all(tasks).await;
        }
        if let Some(ended) = tasks.try_join_next() {
            ended??;
        }
        tokio::task::yield_now().await;
    }
}

/// Drops a future after it has been polled a number of times, each time when it asked to be.
async fn abandon<T>(future: impl Future<Output = T>, polls: usize) -> Option<T> {
    let mut future: Pin<&mut _> = pin!(future);
    let mut made = 0;
    std::future::poll_fn(|context| {
        if made == polls {
            return Poll::Ready(None);
        }
        made += 1;
        match future.as_mut().poll(context) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            // The last poll has been made: nobody would wake us for the next one.
            Poll::Pending if made == polls => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// People close the tab half way. What they began is written whole or not at all, and the store goes on.
pub(crate) async fn an_abandoned_write_is_whole_or_not_at_all<F: Fixture>(data: &F) -> Verdict {
    let (one, other) = (data.open().await, data.open().await);
    let key = account("ann");
    accepted(&one, "a first write", &appended(&key, None, 0)).await?;
    let mut certain = vec![event_id(0)];
    for polls in 0..40 {
        let number = 1 + polls as u64 * 2;
        let mut write = appended(&key, one.load(&key).await?, number);
        // Several events, so that a write in several steps has somewhere to be torn.
        let more = event(1_000 + number);
        write.record.extend_from_slice(more.id.as_bytes());
        write.events.push(more);
        let done = abandon(one.commit(&write), polls).await;
        if let Some(Ok(Committed::Done)) = done {
            certain.push(event_id(number));
        }
        let _abandoned = abandon(one.load(&key), polls).await;
        // The write that was dropped may still be under way; this one comes after it, or conflicts.
        append(&other, &key, number + 1, 3).await?;
        certain.push(event_id(number + 1));
        let what = format!("after a write dropped at poll {polls}");
        let written = agrees(&one, &what, &key).await?;
        let kept = certain.iter().all(|id| written.contains(id));
        same(&format!("{what}: every write that was reported done"), true, kept)?;
    }
    Ok(())
}

/// Somebody erases the account while others sign in: no half of it stays.
pub(crate) async fn an_erasure_in_a_race_is_whole<F: Fixture>(data: &F) -> Verdict {
    let (one, other) = (Arc::new(data.open().await), Arc::new(data.open().await));
    for round in 0..8 {
        let key = account(&format!("user {round}"));
        accepted(one.as_ref(), "a first write", &appended(&key, None, 0)).await?;
        holds(other.as_ref(), "before the race", &key, 0, event_id(0).as_bytes()).await?;
        let mut tasks: JoinSet<Verdict> = JoinSet::new();
        for number in 1..=6 {
            let (store, key) = (Arc::clone(&one), key.clone());
            tasks.spawn(async move { append(&store, &key, number, 20).await });
        }
        let (store, erased) = (Arc::clone(&other), key.clone());
        tasks.spawn(async move { Ok(store.erase(&erased).await?) });
        all(tasks).await?;
        agrees(one.as_ref(), "after an erasure in between", &key).await?;
    }
    Ok(())
}
