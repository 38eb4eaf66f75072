//! Erasing: a record and its events, and nothing else.

use mfa_core::port::store::{Collection, EventQuery, Store};

use crate::store::cases::material::{
    Verdict, accepted, account, elsewhere, event, events_of, every_event, holds, ids, insert, lacks,
    numbered, refused, same, update,
};
use crate::store::fixture::Fixture;

pub(crate) async fn erasing_removes_a_record_and_its_events<F: Fixture>(data: &F) -> Verdict {
    let (store, other) = (data.open().await, data.open().await);
    let key = account("ann");
    accepted(&store, "a first write", &insert(&key, 1, b"1", vec![event(1)])).await?;
    accepted(&store, "a second write", &update(&key, 1, 2, b"2", vec![event(2)])).await?;
    accepted(&store, "somebody else's write", &insert(&account("ben"), 1, b"b", vec![event(3)])).await?;
    holds(&other, "before it is erased", &key, 2, b"2").await?;
    store.erase(&key).await?;
    let of_all = every_event(&key.tenant);
    let of_a_kind = EventQuery { kind: Some(event(1).kind), ..of_all.clone() };
    for handle in [&store, &other] {
        lacks(handle, "an erased record", &key).await?;
        same("events of an erased record", numbered([]), ids(handle, &events_of(&key)).await?)?;
        // Where an administrator sees them who asks for nobody in particular.
        same("the tenant's events without them", numbered([3]), ids(handle, &of_all).await?)?;
        same("the kind's events without them", numbered([3]), ids(handle, &of_a_kind).await?)?;
    }
    Ok(())
}

pub(crate) async fn erasing_leaves_everything_else<F: Fixture>(data: &F) -> Verdict {
    let store = data.open().await;
    let gone = account("a%");
    let mut kept = Vec::new();
    for name in ["A%", "a_", "ab", "a", "a% ", "%", "b"] {
        kept.push(account(name));
    }
    kept.push(elsewhere("default", Collection::Budget, "a%")?);
    kept.push(elsewhere("north", Collection::Account, "a%")?);
    for (number, key) in (1..).zip(kept.iter().chain([&gone])) {
        accepted(&store, "a first write", &insert(key, number, b"r", vec![event(number)])).await?;
    }
    store.erase(&gone).await?;
    lacks(&store, "the erased record", &gone).await?;
    for (number, key) in (1..).zip(&kept) {
        holds(&store, &format!("{key:?}, which was not erased"), key, number, b"r").await?;
        let what = format!("the events of {key:?}, which was not erased");
        same(&what, numbered([number]), ids(&store, &events_of(key)).await?)?;
    }
    Ok(())
}

pub(crate) async fn erasing_nothing_is_fine<F: Fixture>(data: &F) -> Verdict {
    let store = data.open().await;
    let key = account("ann");
    store.erase(&key).await?;
    accepted(&store, "a first write", &insert(&key, 1, b"1", vec![])).await?;
    store.erase(&key).await?;
    store.erase(&key).await?;
    lacks(&store, "a record erased twice", &key).await
}

/// A request that loaded the account before it was erased must not bring it back.
pub(crate) async fn an_erased_record_stays_gone_until_written_anew<F: Fixture>(data: &F) -> Verdict {
    let store = data.open().await;
    let key = account("ann");
    accepted(&store, "a first write", &insert(&key, 1, b"old", vec![event(1)])).await?;
    store.erase(&key).await?;
    let late = update(&key, 1, 2, b"old", vec![event(2)]);
    refused(&store, "a write over the erased version", &late).await?;
    lacks(&store, "after the refused write", &key).await?;
    accepted(&store, "a new first write", &insert(&key, 50, b"new", vec![event(3)])).await?;
    refused(&store, "a write over the erased version", &late).await?;
    holds(&store, "the new record", &key, 50, b"new").await?;
    same("only the new events", numbered([3]), ids(&store, &events_of(&key)).await?)
}
