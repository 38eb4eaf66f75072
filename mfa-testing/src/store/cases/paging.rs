//! Paging through records for the administrator's roster.

use mfa_core::id::TenantId;
use mfa_core::port::store::{Collection, PageQuery, Store};

use crate::store::cases::material::{Verdict, accepted, account, elsewhere, insert, roster, same};
use crate::store::fixture::Fixture;

fn accounts(limit: u32) -> PageQuery {
    PageQuery { tenant: TenantId::default(), collection: Collection::Account, after: None, limit }
}

pub(crate) async fn records_are_paged_in_the_order_of_their_bytes<F: Fixture>(data: &F) -> Verdict {
    let store = data.open().await;
    same("pages of an empty store", 0, roster(&store, &accounts(10)).await?.len())?;
    let mut names = vec![
        "b",
        "a",
        "B",
        "A",
        "ab",
        "a b",
        "a\u{301}",
        "\u{e1}",
        "z",
        "10",
        "9",
        "_",
        "%",
        "~",
        "\u{ffee}",
        "\u{1f600}",
    ];
    for (version, name) in (0..).zip(&names) {
        let write = insert(&account(name), version, name.as_bytes(), vec![]);
        accepted(&store, "a first write", &write).await?;
    }
    let mut expected: Vec<_> = (0..).zip(&names).map(|(version, name)| (*name, version)).collect();
    // `str` is ordered by its bytes.
    expected.sort_unstable();
    for limit in [1, 2, 5, 8, 15, 16, 17, 1_000] {
        let found = roster(&store, &accounts(limit)).await?;
        let seen: Vec<_> = found.iter().map(|(name, held)| (name.as_str(), held.version.as_u64())).collect();
        same(&format!("records, {limit} to a page"), expected.clone(), seen)?;
        let whole = found.iter().all(|(name, held)| held.record == name.as_bytes());
        same("each with the bytes that were written", true, whole)?;
    }
    // A page that is just full is the last one.
    for (limit, more) in [(15, true), (16, false), (17, false)] {
        same(&format!("more than {limit} of 16"), more, store.page(&accounts(limit)).await?.more)?;
    }
    names.sort_unstable();
    for after in ["A", "AA", "", "z", "\u{10ffff}"] {
        let query = PageQuery { after: Some(after.to_owned()), ..accounts(1_000) };
        let page = store.page(&query).await?;
        let seen: Vec<_> = page.records.iter().map(|(name, _)| name.as_str()).collect();
        let expected: Vec<_> = names.iter().copied().filter(|name| *name > after).collect();
        same(&format!("records after {after:?}"), expected, seen)?;
        same("more after the last one", false, page.more)?;
    }
    Ok(())
}

pub(crate) async fn tenants_and_collections_are_paged_apart<F: Fixture>(data: &F) -> Verdict {
    let store = data.open().await;
    let places = [
        ("default", Collection::Account, "ann"),
        ("default", Collection::Budget, "bob"),
        ("default", Collection::Policy, "cy"),
        ("north", Collection::Account, "dee"),
        ("North", Collection::Account, "eve"),
    ];
    for (tenant, collection, name) in places {
        let key = elsewhere(tenant, collection, name)?;
        accepted(&store, "a first write", &insert(&key, 1, b"", vec![])).await?;
    }
    for (tenant, collection, name) in places {
        let query = PageQuery { tenant: TenantId::new(tenant)?, collection, after: None, limit: 10 };
        let found = roster(&store, &query).await?;
        let seen: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
        same(&format!("the only record of {tenant}, {collection:?}"), vec![name], seen)?;
    }
    Ok(())
}
