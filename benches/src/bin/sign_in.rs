//! A whole sign-in on each store beside the bare loads and commits of it.
//!
//! `cargo run --release -p benches --bin sign_in`; servers that aren't on this machine are left out.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "measurements stop at the first surprise, and are printed"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use benches::people::{People, record_key};
use benches::{median, microseconds};
use mfa_core::id::EventId;
use mfa_core::port::entropy::{SystemEntropy, random_bytes};
use mfa_core::port::memory::MemoryStore;
use mfa_core::port::store::{Committed, RecordKey, Store, StoredEvent, Version, Write};
use mfa_redis::options::RedisOptions;
use mfa_sqlx::postgres::PostgresOptions;
use mfa_sqlx::sqlite::SqliteStore;
use test_tools::Server;
use test_tools::postgres::{self, Postgres};
use test_tools::redis::{self, Redis};

const PEOPLE: usize = 50;
const ROUNDS: usize = 31;
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::main]
async fn main() {
    println!("## A whole sign-in on each store\n");
    println!(
        "Microseconds of one sign-in by app code, one at a time: `sign_in`, one look at the challenge, `answer`: two loads and"
    );
    println!(
        "two commits, with their events. The floor makes these on the same store with records and events of the same size,"
    );
    println!(
        "and has no service over it. Sign-ins and floor take turns, person by person; medians of {}.\n",
        PEOPLE * ROUNDS
    );
    println!(
        "| store | sign_in | challenge | answer | together | floor | × of the floor | beyond the floor |"
    );
    println!("|---|---|---|---|---|---|---|---|");

    measure("memory", Arc::new(MemoryStore::new())).await;
    let folder = tempfile::tempdir().unwrap();
    measure("SQLite", SqliteStore::open(folder.path().join("portal.db")).await.unwrap()).await;
    let (postgres, redis) = (postgres::version(), redis::version());
    if postgres.is_some() {
        let server = Postgres::start(&[]);
        let store = PostgresOptions::new().patience(PATIENCE).open(&server.url()).await.unwrap();
        measure("PostgreSQL", store).await;
    }
    if redis.is_some() {
        let server = Redis::start(&[]);
        let store = RedisOptions::new().patience(PATIENCE).open(&server.url()).await.unwrap();
        measure("Redis", store).await;
    }
    let versions = [("PostgreSQL", postgres), ("Redis", redis)]
        .map(|(name, version)| version.unwrap_or_else(|| format!("no {name} on this machine")));
    println!("\nSQLite as sqlx brings it; {}.\n", versions.join("; "));
}

async fn measure<S: Store + Clone>(name: &str, store: S) {
    let people = People::enrol(store.clone(), PEOPLE).await;
    let mut floors = Vec::new();
    for number in 0..PEOPLE {
        floors.push(Floor::new(&people, store.clone(), number).await);
    }
    let (mut stages, mut bare) = ([const { Vec::new() }; 3], Vec::new());
    for round in 0..=ROUNDS {
        people.next_codes();
        for (number, floor) in floors.iter_mut().enumerate() {
            let (signed_in, floored) = (people.sign_in(number).await, floor.sign_in().await);
            // The first round warms up.
            if round > 0 {
                bare.push(floored);
                stages.iter_mut().zip(signed_in).for_each(|(stage, took)| stage.push(took));
            }
        }
    }
    let [begin, view, answer] = stages.map(median);
    let (together, bare) = (begin + view + answer, median(bare));
    println!(
        "| {name} | {} | {} | {} | {} | {} | {:.2} | {} |",
        microseconds(begin),
        microseconds(view),
        microseconds(answer),
        microseconds(together),
        microseconds(bare),
        together.as_secs_f64() / bare.as_secs_f64(),
        microseconds(together.saturating_sub(bare)),
    );
}

/// A record beside a person's, of the same size, that is loaded and committed as a sign-in does it.
struct Floor<S> {
    store: S,
    key: RecordKey,
    writes: [(Vec<u8>, Vec<StoredEvent>); 2],
    version: Option<Version>,
}

impl<S: Store + Clone> Floor<S> {
    async fn new(people: &People<S>, store: S, number: usize) -> Self {
        let name = format!("bare-{number:07}");
        let key = RecordKey { name, ..record_key(number) };
        let mut floor = Self { store, key, writes: people.writes(number).await, version: None };
        floor.sign_in().await;
        floor
    }

    async fn sign_in(&mut self) -> Duration {
        let [mut first, mut second] = [0, 1].map(|which| self.write(which));
        first.expected = self.version;
        first.next = self.version.map_or(Version::new(1), Version::next);
        second.expected = Some(first.next);
        second.next = first.next.next();
        self.version = Some(second.next);
        let began = Instant::now();
        self.store.load(&self.key).await.unwrap();
        assert_eq!(self.store.commit(&first).await.unwrap(), Committed::Done);
        self.store.load(&self.key).await.unwrap();
        assert_eq!(self.store.commit(&second).await.unwrap(), Committed::Done);
        began.elapsed()
    }

    /// The events have ids of their own each time, as events have.
    fn write(&self, which: usize) -> Write {
        let (record, events) = if which == 0 { &self.writes[0] } else { &self.writes[1] };
        let fresh = |event: &StoredEvent| {
            let id = EventId::from_bytes(random_bytes(&SystemEntropy).unwrap());
            StoredEvent { id, ..event.clone() }
        };
        Write {
            key: self.key.clone(),
            expected: None,
            next: Version::new(0),
            record: record.clone(),
            events: events.iter().map(fresh).collect(),
        }
    }
}
