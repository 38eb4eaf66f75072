//! What only shows from inside: calls that are made together. Only answers are looked at, so that no server waits for its disk.

use std::time::Duration;

use mfa_batch::Work as _;
use mfa_core::id::{EventId, TenantId};
use mfa_core::port::store::{
    Collection, Committed, EventQuery, RecordKey, Store as _, StoredEvent, Version, Write,
};
use mfa_core::time::Timestamp;
use sqlx::{Connection as _, PgConnection};
use test_tools::Server as _;
use test_tools::postgres::Postgres;

use crate::postgres::PostgresStore;
use crate::postgres::together::TRIES;

fn key(name: &str) -> RecordKey {
    RecordKey { tenant: TenantId::default(), collection: Collection::Account, name: name.to_owned() }
}

fn write(name: &str, expected: Option<u64>, number: u8) -> Write {
    Write {
        key: key(name),
        expected: expected.map(Version::new),
        next: Version::new(expected.unwrap_or(0) + 1),
        record: vec![number],
        events: [1, 2]
            .map(|turn| StoredEvent {
                id: EventId::from_bytes([16 * number + turn; 16]),
                at: Timestamp::from_unix(u64::from(number)),
                kind: "code_accepted".to_owned(),
                body: vec![number, turn],
            })
            .to_vec(),
    }
}

/// A store with three people of version 1 in it, and no events.
async fn three(server: &Postgres) -> PostgresStore {
    // The machine of a test run is busier than a server should be.
    let options = PostgresStore::options().patience(Duration::from_secs(20));
    let store = options.open(&server.url()).await.unwrap();
    for name in ["ann", "ben", "cat"] {
        let mut new = write(name, None, 0);
        new.events.clear();
        assert_eq!(store.commit(&new).await.unwrap(), Committed::Done);
    }
    store
}

async fn told(store: &PostgresStore, name: &str) -> Vec<Vec<u8>> {
    let query = EventQuery {
        tenant: TenantId::default(),
        record: Some((Collection::Account, name.to_owned())),
        kind: None,
        since: None,
        until: None,
        after: None,
        limit: 50,
    };
    let page = store.events(&query).await.unwrap();
    page.events.into_iter().rev().map(|found| found.event.body).collect()
}

#[tokio::test]
async fn what_is_made_together_is_told_apart() {
    if !test_tools::tools() {
        return;
    }
    let server = Postgres::start(&["fsync=off"]);
    let store = three(&server).await;

    // A new one, one of an old version, one for a record that isn't there, and a second one for the first record.
    let updates = ["cat", "ben", "nobody", "ann", "cat"];
    let versions = [1, 7, 1, 1, 1];
    let updates = (1..).zip(updates).zip(versions).map(|((number, name), version)| {
        let write = write(name, Some(version), number);
        let times = write.events.iter().map(|event| event.at.as_unix().cast_signed()).collect();
        (write, times)
    });
    let answers = store.updates.work().run(updates.collect()).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    let [done, conflict] = [Committed::Done, Committed::Conflict];
    assert_eq!(answers, [done, conflict, conflict, done, conflict]);

    let keys = ["nobody", "cat", "ann", "ben", "cat"].map(key);
    let found = store.loads.work().run(keys.to_vec()).await;
    let found: Vec<_> = found.into_iter().map(Result::unwrap).collect();
    let cat = Some((2, vec![1]));
    assert_eq!(found, [None, cat.clone(), Some((2, vec![4])), Some((1, vec![0])), cat]);

    assert_eq!(told(&store, "ann").await, [[4, 1], [4, 2]], "each its own, in their order");
    assert_eq!(told(&store, "cat").await, [[1, 1], [1, 2]]);
    assert!(told(&store, "ben").await.is_empty(), "no event without its change");
}

#[tokio::test]
async fn one_that_can_not_be_made_does_not_take_the_others_with_it() {
    if !test_tools::tools() {
        return;
    }
    let server = Postgres::start(&["fsync=off"]);
    let store = three(&server).await;
    server.execute(
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$; \
         CREATE TRIGGER not_ben BEFORE INSERT ON mfa.mfa_event FOR EACH ROW WHEN (NEW.name = 'ben') EXECUTE FUNCTION no()",
    );
    let updates = ["cat", "ben", "ann"].map(|name| (write(name, Some(1), 1), vec![1, 1]));
    let answers = store.updates.work().run(updates.to_vec()).await;
    assert!(matches!(answers.as_slice(), [Ok(Committed::Done), Err(_), Ok(Committed::Done)]), "{answers:?}");
    assert_eq!(told(&store, "ann").await.len(), 2, "once");
    assert!(told(&store, "ben").await.is_empty());
    assert_eq!(store.load(&key("ben")).await.unwrap().unwrap().record, [0]);
}

/// Somebody outside holds one row for long: only who wants that one waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_somebody_holds_does_not_hold_up_the_others() {
    if !test_tools::tools() {
        return;
    }
    let server = Postgres::start(&["fsync=off"]);
    let store = three(&server).await;
    let mut outside = PgConnection::connect(&server.url()).await.unwrap();
    let mut holding = outside.begin().await.unwrap();
    sqlx::query("SELECT FROM mfa.mfa_record WHERE name = 'ann' FOR UPDATE")
        .execute(&mut *holding)
        .await
        .unwrap();
    let held = tokio::spawn({
        let store = store.clone();
        async move { store.commit(&write("ann", Some(1), 1)).await }
    });
    // Until the server says that it waits for the lock.
    let waits = "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock')";
    while !sqlx::query_scalar::<_, bool>(waits).fetch_one(&mut *holding).await.unwrap() {
        assert!(!held.is_finished(), "nobody waits");
    }
    assert_eq!(store.commit(&write("ben", Some(1), 1)).await.unwrap(), Committed::Done);
    assert!(!held.is_finished());
    holding.rollback().await.unwrap();
    assert_eq!(held.await.unwrap().unwrap(), Committed::Done);
}

/// The server undoes or gives up what is ben's, with the code that the test has chosen.
const TROUBLE: &str = "CREATE TABLE trouble (code text); INSERT INTO trouble VALUES ('40001'); CREATE SEQUENCE tries; \
     CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM nextval('tries'); \
     RAISE EXCEPTION 'no' USING ERRCODE = (SELECT code FROM trouble); END $$; \
     CREATE TRIGGER not_ben BEFORE INSERT ON mfa.mfa_event FOR EACH ROW WHEN (NEW.name = 'ben') EXECUTE FUNCTION no()";

#[tokio::test]
async fn what_the_server_undoes_is_made_again_so_often_and_then_a_conflict() {
    if !test_tools::tools() {
        return;
    }
    let server = Postgres::start(&["fsync=off"]);
    let store = three(&server).await;
    assert!(format!("{store:?}").contains(server.url().split(['@', '/']).nth(3).unwrap()), "{store:?}");
    server.execute(TROUBLE);
    let update = |name: &str| (write(name, Some(1), 1), vec![1, 1]);
    for code in ["40001", "40P01"] {
        server.execute(&format!("UPDATE trouble SET code = '{code}'; SELECT setval('tries', 1, false)"));
        assert_eq!(store.commit(&update("ben").0).await.unwrap(), Committed::Conflict, "{code}");
        server.execute(&format!("DO $$ BEGIN ASSERT nextval('tries') = {TRIES} + 1; END $$"));
    }
    let answers = store.updates.work().run(["cat", "ben", "ann"].map(update).to_vec()).await;
    assert!(matches!(answers.as_slice(), [Ok(Committed::Done), Err(_), Ok(Committed::Done)]), "{answers:?}");

    // Whoever's time is up is not asked again, each by themselves, for as long again.
    server.execute("UPDATE trouble SET code = '57014'");
    let update = |name: &str| (write(name, Some(if name == "ben" { 1 } else { 2 }), 2), vec![1, 1]);
    let answers = store.updates.work().run(["cat", "ben", "ann"].map(update).to_vec()).await;
    assert!(answers.len() == 3 && answers.iter().all(Result::is_err), "{answers:?}");
    assert_eq!(told(&store, "cat").await.len(), 2, "what was made before");

    // Nor is an erasure made again for what isn't undone.
    server.execute(
        "CREATE TRIGGER keep_cat BEFORE DELETE ON mfa.mfa_event FOR EACH ROW WHEN (OLD.name = 'cat') EXECUTE FUNCTION no(); \
         UPDATE trouble SET code = '22000'; SELECT setval('tries', 1, false)",
    );
    assert!(store.erase(&key("cat")).await.is_err());
    server.execute("DO $$ BEGIN ASSERT nextval('tries') = 2; END $$");

    store.close().await;
    assert!(store.load(&key("ann")).await.is_err());
}

/// A record that can't be read is the trouble of whoever asks for it, and a server that takes too long that of all.
#[tokio::test]
async fn what_one_record_has_is_not_the_trouble_of_those_who_asked_with_it() {
    if !test_tools::tools() {
        return;
    }
    let server = Postgres::start(&["fsync=off"]);
    let store = three(&server).await;
    server.execute(
        "CREATE TABLE trouble (code text); INSERT INTO trouble VALUES ('22000'); \
         CREATE FUNCTION no() RETURNS bytea LANGUAGE plpgsql AS $$ BEGIN \
         RAISE EXCEPTION 'no' USING ERRCODE = (SELECT code FROM trouble); END $$; \
         ALTER TABLE mfa.mfa_record RENAME TO kept; CREATE VIEW mfa.mfa_record AS SELECT tenant, collection, name, \
         version, CASE WHEN name = 'ben' THEN no() ELSE record END AS record FROM mfa.kept",
    );
    let ask = async || {
        let found = store.loads.work().run(["ann", "ben", "cat"].map(key).to_vec()).await;
        found.iter().map(Result::is_ok).collect::<Vec<_>>()
    };
    assert_eq!(ask().await, [true, false, true]);
    server.execute("UPDATE trouble SET code = '57014'");
    assert_eq!(ask().await, [false, false, false]);
}
