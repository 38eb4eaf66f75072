//! Loading and committing one record.

use mfa_core::port::store::Store;

use crate::store::cases::material::{
    LAST_VERSION, Verdict, accepted, account, event, events_of, holds, ids, insert, lacks, numbered, refused,
    same, update,
};
use crate::store::fixture::Fixture;

pub(crate) async fn an_empty_store_has_no_record<F: Fixture>(data: &F) -> Verdict {
    let store = data.open().await;
    lacks(&store, "a load from an empty store", &account("ann")).await?;
    let stale = update(&account("ann"), 1, 2, b"a", vec![]);
    refused(&store, "an update of a record that isn't there", &stale).await?;
    lacks(&store, "a load after a refused update", &account("ann")).await
}

pub(crate) async fn a_record_is_loaded_as_it_was_written<F: Fixture>(data: &F) -> Verdict {
    let store = data.open().await;
    let key = account("ann");
    accepted(&store, "a first write", &insert(&key, 7, b"one", vec![])).await?;
    holds(&store, "after a first write", &key, 7, b"one").await?;
    accepted(&store, "a second write", &update(&key, 7, 8, b"two", vec![])).await?;
    holds(&store, "after a second write", &key, 8, b"two").await
}

pub(crate) async fn a_second_first_write_is_a_conflict<F: Fixture>(data: &F) -> Verdict {
    let store = data.open().await;
    let key = account("ann");
    accepted(&store, "a first write", &insert(&key, 1, b"one", vec![])).await?;
    for version in [0, 1, 2, 99] {
        let again = insert(&key, version, b"other", vec![]);
        refused(&store, "a first write over a record", &again).await?;
    }
    holds(&store, "after refused writes", &key, 1, b"one").await
}

pub(crate) async fn another_version_is_a_conflict<F: Fixture>(data: &F) -> Verdict {
    let store = data.open().await;
    let key = account("ann");
    accepted(&store, "a first write", &insert(&key, 5, b"one", vec![])).await?;
    accepted(&store, "a second write", &update(&key, 5, 6, b"two", vec![])).await?;
    for version in [5, 7, 4, 0, LAST_VERSION.as_u64()] {
        let what = format!("a write over version {version}, where 6 is stored");
        let other = update(&key, version, version.wrapping_add(1), b"three", vec![]);
        refused(&store, &what, &other).await?;
    }
    holds(&store, "after refused writes", &key, 6, b"two").await
}

/// The writer chooses versions; a store that counts by itself breaks readers of an erased and remade record.
pub(crate) async fn versions_are_kept_exactly<F: Fixture>(data: &F) -> Verdict {
    let store = data.open().await;
    let key = account("ann");
    let last = LAST_VERSION.as_u64();
    let mut expected = 1 << 53;
    accepted(&store, "a first write", &insert(&key, expected, b"x", vec![])).await?;
    for next in [(1 << 53) + 1, 3, last, 0, last - 1, 1 << 32, u64::from(u32::MAX), 1] {
        let what = format!("a write of version {next} over {expected}");
        accepted(&store, &what, &update(&key, expected, next, b"x", vec![])).await?;
        holds(&store, &what, &key, next, b"x").await?;
        expected = next;
    }
    Ok(())
}

pub(crate) async fn records_are_kept_byte_for_byte<F: Fixture>(data: &F) -> Verdict {
    let store = data.open().await;
    let every_byte: Vec<u8> = (0..=255).collect();
    let large: Vec<u8> = every_byte.iter().copied().cycle().take(1 << 20).collect();
    let records: [(&str, &[u8]); 6] = [
        ("nothing", b""),
        ("zero", b"\0"),
        ("zeros", b"\0a\0\0"),
        ("not text", b"\xff\xfe\x80"),
        ("every byte", &every_byte),
        ("a mebibyte", &large),
    ];
    for (name, record) in records {
        let key = account(name);
        let mut with = event(1);
        with.body = record.to_vec();
        accepted(&store, name, &insert(&key, 1, record, vec![with.clone()])).await?;
        holds(&store, name, &key, 1, record).await?;
        let page = store.events(&events_of(&key)).await?;
        let kept = page.events.iter().any(|found| found.event == with);
        same(&format!("the event with {name} is kept exactly"), true, kept)?;
    }
    Ok(())
}

/// Each handle has loaded the record before, so that a cache would answer from it.
pub(crate) async fn every_handle_sees_every_commit<F: Fixture>(data: &F) -> Verdict {
    let (one, other) = (data.open().await, data.open().await);
    let key = account("ann");
    lacks(&one, "before the first write", &key).await?;
    lacks(&other, "before the first write, by the other handle", &key).await?;
    accepted(&one, "a first write", &insert(&key, 0, b"0", vec![event(0)])).await?;
    for version in 1..=20 {
        let (writer, reader) = if version % 2 == 0 { (&one, &other) } else { (&other, &one) };
        for handle in [writer, reader] {
            holds(handle, "before the next write", &key, version - 1, b"0").await?;
        }
        let write = update(&key, version - 1, version, b"0", vec![event(version)]);
        accepted(writer, "a write over the other handle's", &write).await?;
        holds(reader, "what the other handle wrote just now", &key, version, b"0").await?;
        let events = ids(reader, &events_of(&key)).await?;
        same("the events", numbered((0..=version).rev()), events)?;
        refused(reader, "a write over what the other handle replaced", &write).await?;
    }
    Ok(())
}
