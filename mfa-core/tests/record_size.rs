//! How much a store keeps of one person.
#![allow(clippy::unwrap_used, reason = "helpers of tests; a failure is what they are for")]

use crate::common::World;
use mfa_core::id::AccountKey;

async fn bytes(world: &World, key: &AccountKey) -> usize {
    world.record(key).await.len()
}

/// An app, an address and ten backup codes: a million such accounts are to stay in the memory of a small database.
#[tokio::test]
async fn a_typical_account_is_under_a_kibibyte() {
    let world = World::new();
    let ann = world.with_everything("ann").await;
    world.signs_in(&ann).await;
    world.pass(7_200);
    // What stays when no challenge is open; the next sign-in sweeps those that are over.
    let resting = bytes(&world, &ann.key).await;
    assert!(resting < 1024, "{resting} bytes");
}

/// Whoever never typed a wrong code pays for no counters.
#[tokio::test]
async fn what_never_happened_takes_no_room() {
    let world = World::new();
    let ann = world.with_everything("ann").await;
    let record: serde_json::Value = serde_json::from_str(&world.record(&ann.key).await).unwrap();
    for (place, counter) in [("", "l"), ("", "c"), ("/f/0", "t"), ("/f/0", "u"), ("/b", "t"), ("/b", "u")] {
        let held = record.pointer(place).unwrap();
        assert!(held.get(counter).is_none(), "{place}/{counter} in {record}");
    }
}
