//! Verifications a second on each store beside bare updates, and a million accounts beside a thousand.
//!
//! `cargo run --release -p benches --bin stores`, with `-- redis rates` for a part of it,
//! after `cargo xtask tools` has brought the servers.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::unreachable,
    reason = "measurements stop at the first surprise, and are printed"
)]

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use benches::cores::Cores;
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
const PEOPLE: usize = 1920;
/// How often rates are measured, and how often a million is compared.
const RATES: usize = 21;
const ROUNDS: usize = 9;
const MANY: usize = 1_000_000;
const FEW: usize = 1_000;
const SAMPLES: usize = 200;
const PATIENCE: Duration = Duration::from_secs(20);
const USAGE: &str = "name what to measure: memory, sqlite, postgresql, redis (all unless named), `rates` to leave the \
                     million out, and `shared` to let the scheduler share the cores out between a server and this process";

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let stores = ["memory", "sqlite", "postgresql", "redis"];
    let is_store = |what: &String| stores.contains(&what.as_str());
    assert!(
        asked.iter().all(|what| is_store(what) || ["rates", "shared"].contains(&what.as_str())),
        "{USAGE}"
    );
    let has = |what: &str| asked.iter().any(|asked| asked == what);
    let wants = |store: &str| has(store) || !asked.iter().any(is_store);
    let million = !has("rates");
    let shared = has("shared");

    println!("# Stores\n\n## Verifications a second\n");
    println!(
        "Each verification checks a code and commits the record with its events, on the record in hand; the floor is a bare"
    );
    println!(
        "conditional update of as many bytes, and beside it a plain read and such an update, which is what it"
    );
    println!("takes of necessity in another process. Rounds alternate; medians of {RATES}.\n");
    println!(
        "| store | at once | verifications/s | bare updates/s | ratio | bare read + update/s | ratio | record, bytes | \
         memory of this process |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    if wants("memory") {
        wait(async {
            let people = People::enrol(Arc::new(MemoryStore::new()), PEOPLE).await;
            for at_once in AT_ONCE {
                println!("| memory | {at_once} | {:.0} | | | | | | |", rate_of(&people, at_once).await);
            }
        });
    }
    let folder = tempfile::tempdir().unwrap();
    if wants("sqlite") {
        wait(async {
            let floor = Floor::sqlite(&folder.path().join("floor.db")).await;
            let store = SqliteStore::open(folder.path().join("rate.db")).await.unwrap();
            rate("SQLite", store, floor).await;
        });
    }
    if wants("postgresql") {
        let (server, _cores) = start(shared, || Postgres::start(&[]));
        wait(async {
            let store = PostgresOptions::new().patience(PATIENCE).open(&server.url()).await.unwrap();
            rate("PostgreSQL", store, Floor::postgres(&server.url()).await).await;
        });
    }
    if wants("redis") {
        let (server, _cores) = start(shared, || Redis::start(&[]));
        wait(async {
            let store = RedisOptions::new().patience(PATIENCE).open(&server.url()).await.unwrap();
            rate("Redis", store, Floor::redis(&server.url()).await).await;
        });
    }
    if !million {
        return;
    }

    println!("\n## A million accounts beside a thousand\n");
    println!(
        "Both stores are there at once, and take turns: {ROUNDS} times {SAMPLES} of each, one after the other. The times are"
    );
    println!(
        "medians; the ratio is the median of those of the {ROUNDS} turns, between the smallest and the largest."
    );
    println!("All but {SAMPLES} are copies of one record under other names, with an event each.\n");
    println!("| store | what | with {FEW} | with {MANY} | ratio | from | to |");
    println!("|---|---|---|---|---|---|---|");
    let mut plans = Vec::new();
    if wants("sqlite") {
        plans.push(wait(million_in_sqlite(folder.path())));
    }
    if wants("postgresql") {
        let (server, _cores) = start(shared, || Postgres::start(&[]));
        plans.push(wait(million_in_postgres(&server)));
    }
    if wants("redis") {
        let (server, _cores) = start(shared, || Redis::start(&[]));
        wait(million_in_redis(&server));
    }
    println!("\n## Query plans with a million\n\n```text\n{}\n```", plans.join("\n\n"));
}

/// A server, with cores of its own for as long as the second value lives, unless they are shared.
fn start<T>(shared: bool, server: impl FnOnce() -> T) -> (T, Option<Cores>) {
    if shared {
        return (server(), None);
    }
    let cores = Cores::of_this_process();
    (cores.apart(server), Some(cores))
}

/// Runs on threads that have the cores this one has.
fn wait<F: Future>(work: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(work)
}

/// Without a server or a file: what everything but the store costs.
async fn rate_of<S: Store + Clone>(people: &People<S>, at_once: usize) -> f64 {
    let mut answered = Vec::new();
    for _ in 0..RATES {
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
        let (mut answered, mut updated, mut both) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..RATES {
            updated.push(floor.everybody(at_once, PEOPLE, version, bytes, false).await);
            answered.push(people.everybody_answers(at_once).await);
            both.push(floor.everybody(at_once, PEOPLE, version + 1, bytes, true).await);
            version += 2;
        }
        let per_second = |times| PEOPLE as f64 / median(times).as_secs_f64();
        let [answered, updated, both] = [answered, updated, both].map(per_second);
        println!(
            "| {name} | {at_once} | {answered:.0} | {updated:.0} | {:.2} | {both:.0} | {:.2} | {bytes} | {} |",
            answered / updated,
            answered / both,
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

/// A verification and an administrator's first page, with few and with many.
async fn compare<S: Store + Clone>(store: &str, few: &People<S>, many: &People<S>) {
    let mut times = [[Vec::new(), Vec::new()], [Vec::new(), Vec::new()]];
    // The first turn only warms.
    for turn in 0..=ROUNDS {
        // Who goes first changes.
        for side in if turn % 2 == 0 { [0, 1] } else { [1, 0] } {
            let people = [few, many][side];
            let took = [median(people.one_by_one(SAMPLES).await), median(people.first_pages(SAMPLES).await)];
            if turn > 0 {
                times[0][side].push(took[0]);
                times[1][side].push(took[1]);
            }
        }
    }
    for (what, [few, many]) in ["a verification", "the administrator's first page"].iter().zip(times) {
        let mut ratios: Vec<f64> =
            few.iter().zip(&many).map(|(few, many)| many.as_secs_f64() / few.as_secs_f64()).collect();
        ratios.sort_by(f64::total_cmp);
        let (few, many) = (median(few), median(many));
        println!(
            "| {store} | {what} | {few:?} | {many:?} | {:.2} | {:.2} | {:.2} |",
            ratios[ROUNDS / 2],
            ratios[0],
            ratios[ROUNDS - 1]
        );
    }
}

async fn million_in_sqlite(folder: &std::path::Path) -> String {
    let mut sides = Vec::new();
    for count in [FEW, MANY] {
        let path = folder.join(format!("{count}.db"));
        let people = People::enrol(SqliteStore::open(&path).await.unwrap(), SAMPLES).await;
        let mut plain = SqliteConnection::connect(&format!("sqlite:{}", path.display())).await.unwrap();
        let numbers = format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) ",
            count - SAMPLES
        );
        for copy in copies("'copy-' || substr('0000000' || i, -7)", "n") {
            sqlx::raw_sql(AssertSqlSafe(format!("{numbers}{copy}"))).execute(&mut plain).await.unwrap();
        }
        sides.push((people, plain));
    }
    let [(few, _), (many, plain)] = &mut sides[..] else { unreachable!() };
    compare("SQLite", few, many).await;
    let mut plans = String::from("SQLite");
    for (what, statement) in STATEMENTS {
        let rows: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}")))
                .fetch_all(&mut *plain)
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
    let mut plain = PgConnection::connect(&url).await.unwrap();
    let mut sides = Vec::new();
    for (schema, count) in [("thousand", FEW), ("million", MANY)] {
        let options = PostgresOptions::new().schema(schema).patience(PATIENCE);
        sides.push(People::enrol(options.open(&url).await.unwrap(), SAMPLES).await);
        sqlx::raw_sql(AssertSqlSafe(format!("SET search_path = {schema}")))
            .execute(&mut plain)
            .await
            .unwrap();
        let source = format!("generate_series(1, {}) AS i", count - SAMPLES);
        for copy in copies("'copy-' || lpad(i::text, 7, '0')", &source) {
            sqlx::raw_sql(AssertSqlSafe(copy)).execute(&mut plain).await.unwrap();
        }
        sqlx::raw_sql("VACUUM ANALYZE mfa_record").execute(&mut plain).await.unwrap();
        sqlx::raw_sql("VACUUM ANALYZE mfa_event").execute(&mut plain).await.unwrap();
    }
    compare("PostgreSQL", &sides[0], &sides[1]).await;
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

/// Copies the first record under so many other names, each with events of its own.
const COPY: &str = "local data, names = KEYS[1], KEYS[2] \
    local record, beside = unpack(redis.call('HMGET', data, ARGV[1], 'v' .. ARGV[1])) \
    local version, place = string.match(beside, '^(%d+) (%d+)$') \
    local events = string.match(redis.call('HGET', data, 'e' .. place), '^%d+( .*)$') \
    local newest = tonumber(redis.call('HGET', data, ':place')) \
    for number = tonumber(ARGV[2]), tonumber(ARGV[3]) do \
      newest = newest + 1 \
      local at, field = string.format('%.0f', newest), string.format('acopy-%07d', number) \
      redis.call('HSET', data, field, record, 'v' .. field, version .. ' ' .. at, 'e' .. at, '0' .. events) \
      redis.call('ZADD', names, 0, field) \
    end \
    redis.call('HSET', data, ':place', string.format('%.0f', newest), ':count', redis.call('ZCARD', names)) \
    return 1";

async fn million_in_redis(server: &Redis) {
    let url = server.url();
    let client = redis::Client::open(url.as_str()).unwrap();
    let config = redis::AsyncConnectionConfig::new().set_response_timeout(None);
    let mut plain = client.get_multiplexed_async_connection_with_config(&config).await.unwrap();
    let mut sides = Vec::new();
    for (prefix, count) in [("thousand", FEW), ("million", MANY)] {
        let options = RedisOptions::new().prefix(prefix).patience(PATIENCE);
        sides.push(People::enrol(options.open(&url).await.unwrap(), SAMPLES).await);
        let key = |of: &str| format!("{{{prefix}:default}}:{of}");
        for from in (1..=count - SAMPLES).step_by(10_000) {
            let to = (from + 9_999).min(count - SAMPLES);
            let field = format!("a{}", record_key(0).name);
            let mut copy = redis::cmd("EVAL");
            copy.arg(COPY).arg(2).arg(key("data")).arg(key("names")).arg(field).arg(from).arg(to);
            let () = copy.query_async(&mut plain).await.unwrap();
        }
    }
    compare("Redis", &sides[0], &sides[1]).await;
    let memory: String = redis::cmd("INFO").arg("memory").query_async(&mut plain).await.unwrap();
    let used = memory.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap_or_default();
    println!("\nRedis then holds {} bytes for an account with what was written with it once.", {
        used.trim().parse::<usize>().unwrap() / MANY
    });
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
