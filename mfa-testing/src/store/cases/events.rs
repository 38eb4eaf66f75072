//! Events: written with their record or not at all, and found again.

use mfa_core::id::TenantId;
use mfa_core::port::store::{Collection, Cursor, EventQuery, FoundEvent, Store};
use mfa_core::time::Timestamp;

use crate::store::cases::material::{
    Verdict, accepted, account, ask, elsewhere, event, event_of, events_of, every_event, ids, insert,
    numbered, refused, same, update,
};
use crate::store::fixture::Fixture;

pub(crate) async fn events_are_kept_with_their_record_newest_first<F: Fixture>(data: &F) -> Verdict {
    let store = data.open().await;
    let (ann, bob) = (account("ann"), account("bob"));
    let first = insert(&ann, 1, b"a", (1..=100).map(event).collect());
    accepted(&store, "a write with a hundred events", &first).await?;
    accepted(&store, "a write without events", &update(&ann, 1, 2, b"a", vec![])).await?;
    accepted(&store, "another record's", &insert(&bob, 1, b"b", vec![event(101)])).await?;
    let second = update(&ann, 2, 3, b"a", vec![event(102), event(103)]);
    accepted(&store, "a write with two events", &second).await?;

    let whose = |number| if number == 101 { &bob } else { &ann };
    let expected: Vec<_> = (1..=103)
        .rev()
        .map(|number| FoundEvent { key: whose(number).clone(), event: event(number) })
        .collect();
    let found = ask(&store, &every_event(&ann.tenant)).await?;
    same("all events, newest first", expected, found)
}

pub(crate) async fn a_conflict_writes_no_event<F: Fixture>(data: &F) -> Verdict {
    let store = data.open().await;
    let key = account("ann");
    let absent = update(&key, 1, 2, b"b", vec![event(9)]);
    refused(&store, "an update of a record that isn't there", &absent).await?;
    accepted(&store, "a first write", &insert(&key, 1, b"a", vec![event(1)])).await?;
    let twice = insert(&key, 2, b"b", vec![event(2)]);
    refused(&store, "a first write over a record", &twice).await?;
    let stale = update(&key, 7, 8, b"b", vec![event(3), event(4)]);
    refused(&store, "a write over another version", &stale).await?;
    let events = ids(&store, &every_event(&key.tenant)).await?;
    same("only the event of the accepted write", numbered([1]), events)
}

pub(crate) async fn events_are_found_by_what_was_asked<F: Fixture>(data: &F) -> Verdict {
    let store = data.open().await;
    let (ann, bob) = (account("ann"), account("bob"));
    let late = i64::MAX.unsigned_abs();
    let of_ann = vec![
        event_of(1, "added", 0),
        event_of(2, "removed", 100),
        event_of(3, "added", 200),
        event_of(4, "Added", 200),
        event_of(5, "add%", 200),
        event_of(6, "removed", late),
    ];
    accepted(&store, "ann's events", &insert(&ann, 1, b"", of_ann)).await?;
    let of_bob = vec![event_of(7, "added", 100), event_of(8, "removed", 150)];
    accepted(&store, "bob's events", &insert(&bob, 1, b"", of_bob)).await?;

    let all = every_event(&ann.tenant);
    let time = |seconds| Some(Timestamp::from_unix(seconds));
    let kind = |name: &str| Some(name.to_owned());
    let with = |change: &dyn Fn(&mut EventQuery)| {
        let mut query = all.clone();
        change(&mut query);
        query
    };
    let questions: Vec<(&str, EventQuery, Vec<u64>)> = vec![
        ("everything", all.clone(), vec![8, 7, 6, 5, 4, 3, 2, 1]),
        ("of ann", events_of(&ann), vec![6, 5, 4, 3, 2, 1]),
        ("of bob", events_of(&bob), vec![8, 7]),
        ("of nobody", events_of(&account("cy")), vec![]),
        ("of kind added", with(&|q| q.kind = kind("added")), vec![7, 3, 1]),
        ("of kind add%", with(&|q| q.kind = kind("add%")), vec![5]),
        ("of no kind", with(&|q| q.kind = kind("")), vec![]),
        ("since 150", with(&|q| q.since = time(150)), vec![8, 6, 5, 4, 3]),
        ("since 151", with(&|q| q.since = time(151)), vec![6, 5, 4, 3]),
        ("until 100", with(&|q| q.until = time(100)), vec![1]),
        ("until 0", with(&|q| q.until = time(0)), vec![]),
        ("until the end of time", with(&|q| q.until = time(u64::MAX)), vec![8, 7, 6, 5, 4, 3, 2, 1]),
        ("since the last time kept", with(&|q| q.since = time(late)), vec![6]),
        ("since the end of time", with(&|q| q.since = time(u64::MAX)), vec![]),
        ("from 100 until 200", with(&|q| (q.since, q.until) = (time(100), time(200))), vec![8, 7, 2]),
        (
            "ann's removed since 100",
            with(&|q| {
                q.record = Some((Collection::Account, "ann".to_owned()));
                q.kind = kind("removed");
                q.since = time(100);
            }),
            vec![6, 2],
        ),
        (
            "of a budget of that name",
            with(&|q| q.record = Some((Collection::Budget, "ann".to_owned()))),
            vec![],
        ),
    ];
    for (what, query, expected) in questions {
        same(what, numbered(expected.clone()), ids(&store, &query).await?)?;
        let in_pages = EventQuery { limit: 1, ..query };
        let what = format!("{what}, one to a page");
        same(&what, numbered(expected), ids(&store, &in_pages).await?)?;
    }
    Ok(())
}

pub(crate) async fn event_pages_have_no_gap_and_no_repetition<F: Fixture>(data: &F) -> Verdict {
    let store = data.open().await;
    let names = ["ann", "bob", "cy"];
    for number in 0..60_u64 {
        let name = names.iter().cycle().nth(number as usize).copied().unwrap_or("ann");
        let (key, version) = (account(name), number / 3);
        let write = match version.checked_sub(1) {
            None => insert(&key, version, b"", vec![event(number)]),
            Some(before) => update(&key, before, version, b"", vec![event(number)]),
        };
        accepted(&store, "a write with an event", &write).await?;
    }
    let tenant = TenantId::default();
    for limit in [1, 7, 20, 59, 60, 61] {
        let query = EventQuery { limit, ..every_event(&tenant) };
        let what = format!("all events, {limit} to a page");
        same(&what, numbered((0..60).rev()), ids(&store, &query).await?)?;
        let of_bob = EventQuery { limit, ..events_of(&account("bob")) };
        let what = format!("bob's events, {limit} to a page");
        let expected = numbered((0..60).rev().filter(|number| number % 3 == 1));
        same(&what, expected, ids(&store, &of_bob).await?)?;
    }
    Ok(())
}

/// The administrator turns a page while people sign in: nothing moves.
pub(crate) async fn event_pages_stand_still_while_events_are_written<F: Fixture>(data: &F) -> Verdict {
    let store = data.open().await;
    let key = account("ann");
    accepted(&store, "ten events", &insert(&key, 0, b"", (0..10).map(event).collect())).await?;
    let mut query = EventQuery { limit: 3, ..every_event(&key.tenant) };
    let mut seen = Vec::new();
    for version in 0..20 {
        let page = store.events(&query).await?;
        seen.extend(page.events.into_iter().map(|found| found.event.id));
        let Some(Cursor(next)) = page.next else { break };
        query.after = Some(Cursor(next));
        let write = update(&key, version, version + 1, b"", vec![event(100 + version)]);
        accepted(&store, "an event between two pages", &write).await?;
    }
    same("the ten events there were at first", numbered((0..10).rev()), seen)
}

pub(crate) async fn tenants_never_see_each_others_events<F: Fixture>(data: &F) -> Verdict {
    let store = data.open().await;
    let north = elsewhere("north", Collection::Account, "ann")?;
    let south = elsewhere("south", Collection::Account, "ann")?;
    accepted(&store, "at north", &insert(&north, 1, b"n", vec![event(1)])).await?;
    accepted(&store, "at south", &insert(&south, 1, b"s", vec![event(2)])).await?;
    for (key, number) in [(&north, 1), (&south, 2)] {
        same("by tenant", numbered([number]), ids(&store, &every_event(&key.tenant)).await?)?;
        same("by record", numbered([number]), ids(&store, &events_of(key)).await?)?;
        let mut of_kind = every_event(&key.tenant);
        of_kind.kind = Some("code_accepted".to_owned());
        same("by kind", numbered([number]), ids(&store, &of_kind).await?)?;
    }
    let nobody = every_event(&TenantId::default());
    same("of a third tenant", numbered([]), ids(&store, &nobody).await?)
}
