//! What only shows from inside: calls that are made together.

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
    let store = PostgresStore::open(&server.url()).await.unwrap();
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
    let server = Postgres::start(&[]);
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
    let server = Postgres::start(&[]);
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
    let server = Postgres::start(&[]);
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
    while !sqlx::query_scalar::<_, bool>(waits).fetch_one(&mut *holding).await.unwrap() {}
    assert_eq!(store.commit(&write("ben", Some(1), 1)).await.unwrap(), Committed::Done);
    assert!(!held.is_finished());
    holding.rollback().await.unwrap();
    assert_eq!(held.await.unwrap().unwrap(), Committed::Done);
}
