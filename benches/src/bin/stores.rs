//! Verifications a second on each store beside bare updates, and a million accounts beside a thousand.
//!
//! `cargo run --release -p benches --bin stores`, after `cargo xtask tools` has brought the servers.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "measurements stop at the first surprise, and are printed"
)]

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use benches::floor::Floor;
use benches::median;
use benches::people::{People, record_key};
use mfa_core::port::memory::MemoryStore;
use mfa_core::port::store::Store;
use mfa_redis::options::RedisOptions;
use mfa_sqlx::postgres::PostgresOptions;
use mfa_sqlx::sqlite::SqliteStore;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use test_tools::Server;
use test_tools::postgres::Postgres;
use test_tools::redis::Redis;

/// How many requests are under way at once: a portal's usual hour, and its busiest.
const AT_ONCE: [usize; 2] = [16, 64];
const PEOPLE: usize = 480;
const ROUNDS: usize = 9;
const MANY: u32 = 1_000_000;
const FEW: usize = 1_000;
const SAMPLES: usize = 200;

#[tokio::main]
async fn main() {
    println!("# Stores\n\n## Verifications a second\n");
    println!(
        "Each verification loads the record, checks a code and commits the record with its events; the floor is a bare"
    );
    println!("conditional update of as many bytes. Rounds alternate; medians of {ROUNDS}.\n");
    println!(
        "| store | at once | verifications/s | bare updates/s | ratio | record, bytes | memory of this process |"
    );
    println!("|---|---|---|---|---|---|---|");

    let people = People::enrol(Arc::new(MemoryStore::new()), PEOPLE).await;
    for at_once in AT_ONCE {
        println!("| memory | {at_once} | {:.0} | | | | |", rate_of(&people, at_once).await);
    }

    let folder = tempfile::tempdir().unwrap();
    let floor = Floor::sqlite(&folder.path().join("floor.db")).await;
    let store = SqliteStore::open(folder.path().join("rate.db")).await.unwrap();
    rate("SQLite", store, floor).await;

    let server = Postgres::start(&[]);
    let store = PostgresOptions::new().patience(Duration::from_secs(20)).open(&server.url()).await.unwrap();
    rate("PostgreSQL", store, Floor::postgres(&server.url()).await).await;

    let redis = Redis::start(&[]);
    let store = RedisOptions::new().patience(Duration::from_secs(20)).open(&redis.url()).await.unwrap();
    rate("Redis", store, Floor::redis(&redis.url()).await).await;
    drop(redis);

    println!("\n## A million accounts beside a thousand\n");
    println!(
        "Medians of {SAMPLES}, one after the other. The bulk are copies of a record under other names, with an event each.\n"
    );
    println!("| store | what | with {FEW} | with {MANY} | ratio |");
    println!("|---|---|---|---|---|");
    let plans = [million_in_sqlite(folder.path()).await, million_in_postgres(&server).await];
    println!("\n## Query plans with a million\n\n```text\n{}\n```", plans.join("\n\n"));
}

/// Without a server or a file: what everything but the store costs.
async fn rate_of<S: Store + Clone>(people: &People<S>, at_once: usize) -> f64 {
    let mut answered = Vec::new();
    for _ in 0..ROUNDS {
        answered.push(people.everybody_answers(at_once).await);
    }
    PEOPLE as f64 / median(answered).as_secs_f64()
}

async fn rate<S: Store + Clone>(name: &str, store: S, floor: Floor) {
    let people = People::enrol(store, PEOPLE).await;
    let bytes = people.record_bytes().await;
    floor.fill(PEOPLE, bytes).await;
    let mut version = 0;
    for at_once in AT_ONCE {
        let (mut answered, mut updated) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            updated.push(floor.everybody(at_once, PEOPLE, version, bytes).await);
            answered.push(people.everybody_answers(at_once).await);
            version += 1;
        }
        let per_second = |times| PEOPLE as f64 / median(times).as_secs_f64();
        let (answered, updated) = (per_second(answered), per_second(updated));
        println!(
            "| {name} | {at_once} | {answered:.0} | {updated:.0} | {:.2} | {bytes} | {} |",
            answered / updated,
            memory()
        );
    }
}

/// What this process holds in memory.
fn memory() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.map_or_else(|| "unknown".to_owned(), |size| size.trim().to_owned())
}

/// A verification and an administrator's first page.
async fn times<S: Store + Clone>(people: &People<S>) -> [Duration; 2] {
    people.one_by_one(SAMPLES / 4).await; // warm
    [median(people.one_by_one(SAMPLES).await), median(people.first_pages(SAMPLES).await)]
}

fn compare(store: &str, few: [Duration; 2], many: [Duration; 2]) {
    for (what, (few, many)) in
        ["a verification", "the administrator's first page"].iter().zip(few.iter().zip(&many))
    {
        println!("| {store} | {what} | {few:?} | {many:?} | {:.2} |", many.as_secs_f64() / few.as_secs_f64());
    }
}

async fn million_in_sqlite(folder: &std::path::Path) -> String {
    let path = folder.join("million.db");
    let people = People::enrol(SqliteStore::open(&path).await.unwrap(), FEW).await;
    let few = times(&people).await;
    let mut plain = SqliteConnection::connect(&format!("sqlite:{}", path.display())).await.unwrap();
    let numbers =
        format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY}) ");
    for copy in copies("'copy-' || substr('0000000' || i, -7)", "n") {
        sqlx::raw_sql(AssertSqlSafe(format!("{numbers}{copy}"))).execute(&mut plain).await.unwrap();
    }
    compare("SQLite", few, times(&people).await);
    let mut plans = String::from("SQLite");
    for (what, statement) in STATEMENTS {
        let rows: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}")))
                .fetch_all(&mut plain)
                .await
                .unwrap();
        plans.push_str(&format!(
            "\n  {what}: {}",
            rows.into_iter().map(|row| row.3).collect::<Vec<_>>().join("; ")
        ));
    }
    plans
}

async fn million_in_postgres(server: &Postgres) -> String {
    let url = server.url();
    let options = PostgresOptions::new().schema("million").patience(Duration::from_secs(20));
    let people = People::enrol(options.open(&url).await.unwrap(), FEW).await;
    let few = times(&people).await;
    let mut plain = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("SET search_path = million").execute(&mut plain).await.unwrap();
    let source = format!("generate_series(1, {MANY}) AS i");
    for copy in copies("'copy-' || lpad(i::text, 7, '0')", &source) {
        sqlx::raw_sql(AssertSqlSafe(copy)).execute(&mut plain).await.unwrap();
    }
    sqlx::raw_sql("VACUUM ANALYZE mfa_record").execute(&mut plain).await.unwrap();
    sqlx::raw_sql("VACUUM ANALYZE mfa_event").execute(&mut plain).await.unwrap();
    compare("PostgreSQL", few, times(&people).await);
    let mut plans = String::from("PostgreSQL");
    for (what, statement) in STATEMENTS {
        let rows: Vec<(String,)> = sqlx::query_as(AssertSqlSafe(format!("EXPLAIN (COSTS OFF) {statement}")))
            .fetch_all(&mut plain)
            .await
            .unwrap();
        let plan = rows.into_iter().map(|row| row.0.trim().to_owned()).collect::<Vec<_>>();
        plans.push_str(&format!("\n  {what}: {}", plan.join("; ")));
    }
    plans
}

/// Statements that copy one record, and one event, under each name that `source` gives.
fn copies(name: &str, source: &str) -> [String; 2] {
    let one = record_key(0).name;
    [
        format!(
            "INSERT INTO mfa_record (tenant, collection, name, version, record) \
             SELECT r.tenant, r.collection, {name}, r.version, r.record FROM {source} \
             CROSS JOIN (SELECT * FROM mfa_record WHERE name = '{one}') AS r"
        ),
        format!(
            "INSERT INTO mfa_event (tenant, collection, name, id, at, kind, body) \
             SELECT e.tenant, e.collection, {name}, e.id, e.at, e.kind, e.body FROM {source} \
             CROSS JOIN (SELECT * FROM mfa_event WHERE name = '{one}' LIMIT 1) AS e"
        ),
    ]
}

const STATEMENTS: [(&str, &str); 4] = [
    (
        "one record",
        "SELECT version, record FROM mfa_record WHERE tenant = 'default' AND collection = 'account' AND name = 'user-0000007'",
    ),
    (
        "the first page",
        "SELECT name, version, record FROM mfa_record WHERE tenant = 'default' AND collection = 'account' \
         ORDER BY name LIMIT 51",
    ),
    (
        "an update",
        "UPDATE mfa_record SET version = 2 WHERE tenant = 'default' AND collection = 'account' \
         AND name = 'user-0000007' AND version = 1",
    ),
    (
        "somebody's events",
        "SELECT position FROM mfa_event WHERE tenant = 'default' AND position < 9000000 AND at >= 0 AND at <= 9000000000 \
         AND collection = 'account' AND name = 'user-0000007' ORDER BY position DESC LIMIT 21",
    ),
];
