//! Names and keys: compared byte for byte, never folded, trimmed, parsed or joined.

use mfa_core::id::TenantId;
use mfa_core::port::store::Collection;

use crate::store::cases::material::{
    Verdict, accepted, account, elsewhere, event, events_of, holds, ids, insert, numbered, same, update,
};
use crate::store::fixture::Fixture;

/// Names that some database, somewhere, takes for one another.
const LOOKALIKES: &[&str] = &[
    // Case, also where folding changes the length or depends on the language.
    "ann",
    "Ann",
    "ANN",
    "straße",
    "strasse",
    "STRASSE",
    "i",
    "I",
    "ı",
    "İ",
    // Trailing blanks, which SQL's PAD SPACE comparison drops.
    "ann ",
    " ann",
    "ann  ",
    "ann\u{a0}",
    "ann\u{200b}",
    // Composed and decomposed, compatibility forms, look-alikes of other scripts.
    "caf\u{e9}",
    "cafe\u{301}",
    "cafe",
    "\u{fb01}n",
    "fin",
    "\u{212a}",
    "K",
    "k",
    "\u{ff11}",
    "а",
    "a",
    // What type affinity or a numeric comparison makes equal.
    "1",
    "01",
    "1.0",
    "1e0",
    "+1",
    "0x1",
    "9007199254740992",
    "9007199254740993",
    // Wildcards, quotes and comments.
    "%",
    "_",
    "a%",
    "a_n",
    "*",
    "?",
    "'",
    "''",
    "\"",
    "\\",
    "\\%",
    "x'; DROP TABLE mfa_record; --",
    "null",
    "NULL",
    // Beyond the Basic Multilingual Plane; where UTF-16 order differs from byte order.
    "\u{1f600}",
    "\u{1f601}",
    "\u{ffee}",
    "\u{10ffff}",
];

pub(crate) async fn names_are_compared_byte_for_byte<F: Fixture>(data: &F) -> Verdict {
    let store = data.open().await;
    let (long, longer) = ("x".repeat(254), "x".repeat(255));
    let names: Vec<&str> = LOOKALIKES.iter().copied().chain([long.as_str(), longer.as_str()]).collect();
    for (number, name) in (0..).zip(&names) {
        let what = format!("a first write for {name:?}");
        let write = insert(&account(name), number, name.as_bytes(), vec![event(number)]);
        accepted(&store, &what, &write).await?;
    }
    for (number, name) in (0..).zip(&names) {
        let (key, what) = (account(name), format!("the record of {name:?}"));
        holds(&store, &what, &key, number, name.as_bytes()).await?;
        let what = format!("the events of {name:?}");
        same(&what, numbered([number]), ids(&store, &events_of(&key)).await?)?;
    }
    for (number, name) in (0..).zip(&names) {
        let write = update(&account(name), number, number + 1_000, b"new", vec![]);
        accepted(&store, &format!("a second write for {name:?}"), &write).await?;
    }
    Ok(())
}

/// A store that joins the parts of a key with a separator must not find one key under another.
pub(crate) async fn every_part_of_a_key_counts<F: Fixture>(data: &F) -> Verdict {
    let store = data.open().await;
    let mut keys = Vec::new();
    for collection in [Collection::Account, Collection::Budget, Collection::Policy] {
        for tenant in ["default", "Default", "north", "north ", "nord%"] {
            keys.push(elsewhere(tenant, collection, "ann")?);
        }
    }
    for separator in ["/", ":", "|", ".", "-", "_", ",", " ", "\u{1f}"] {
        keys.push(elsewhere("a", Collection::Account, &format!("b{separator}account{separator}c"))?);
        if let Ok(tenant) = TenantId::new(format!("a{separator}account{separator}b")) {
            keys.push(elsewhere(tenant.as_str(), Collection::Account, "c")?);
        }
    }
    for (number, key) in (0..).zip(&keys) {
        let write = insert(key, number, format!("{key:?}").as_bytes(), vec![event(number)]);
        accepted(&store, &format!("a first write for {key:?}"), &write).await?;
    }
    for (number, key) in (0..).zip(&keys) {
        let record = format!("{key:?}");
        holds(&store, &format!("the record of {key:?}"), key, number, record.as_bytes()).await?;
        let what = format!("the events of {key:?}");
        same(&what, numbered([number]), ids(&store, &events_of(key)).await?)?;
    }
    Ok(())
}
