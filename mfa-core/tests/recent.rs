//! Records that a process saw last: they save a read, and decide nothing that another process has overtaken.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests; a failure is what they are for")]

use std::sync::atomic::Ordering;

use crate::common::{KEY_A, Somebody, World, key, user, wrong};
use mfa_core::id::AccountKey;
use mfa_core::policy::Policy;
use mfa_core::port::store::{Committed, RecordKey, Store, Version, Versioned, Write};
use mfa_core::proof::Method;
use mfa_core::refusal::Refusal;
use mfa_core::service::{Mfa, SignIn};
use mfa_core::ticket::{Authority, Ticket};

/// Somebody with an app; this process has just begun a challenge for her, and another has written nothing yet.
async fn overtaking() -> (World, Somebody, Ticket, Mfa) {
    let world = World::new();
    let ann = world.with_app("ann").await;
    let other = world.twin(KEY_A, |builder| builder);
    let ticket = world.challenged(&ann.key).await;
    (world, ann, ticket, other)
}

/// How many loads and commits there have been, those in vain too.
fn calls(world: &World) -> (usize, usize) {
    (world.store.loads.load(Ordering::SeqCst), world.store.commits.load(Ordering::SeqCst))
}

async fn begins(mfa: &Mfa, key: &AccountKey) -> Ticket {
    match mfa.sign_in(key).await.unwrap() {
        SignIn::Challenged(ticket) => ticket,
        other => panic!("no challenge: {other:?}"),
    }
}

#[tokio::test]
async fn a_sign_in_reads_once() {
    for (recent, loads) in [(100, 1), (1, 1), (0, 2)] {
        let world = World::with(|builder| builder.recent_records(recent));
        let ann = world.with_app("ann").await;
        world.pass(700);
        let before = calls(&world);
        let ticket = world.challenged(&ann.key).await;
        world.passes(&ticket, &ann.app.code_at(world.clock.time())).await;
        assert_eq!(calls(&world), (before.0 + loads, before.1 + 2), "with room for {recent}");
    }
}

/// So does whoever looks at the page of the challenge first.
#[tokio::test]
async fn an_answer_to_a_page_reads_nothing() {
    let (world, ann, ticket, other) = overtaking().await;
    let _ = begins(&other, &ann.key).await;
    let _ = world.mfa.challenge(&ticket).await.unwrap().unwrap();
    // Nothing to be written: the app is chosen already.
    world.choose(&ticket, Method::App).await;
    let before = calls(&world);
    world.passes(&ticket, &ann.app.code_at(world.clock.time())).await;
    assert_eq!(calls(&world), (before.0, before.1 + 1));
}

#[tokio::test]
async fn a_wrong_guess_about_the_record_costs_one_call() {
    let (world, ann, ticket, other) = overtaking().await;
    let _ = begins(&other, &ann.key).await;
    let before = calls(&world);
    world.passes(&ticket, &ann.app.code_at(world.clock.time())).await;
    // A commit in vain, and then a load and another one.
    assert_eq!(calls(&world), (before.0 + 1, before.1 + 2));
}

#[tokio::test]
async fn once_a_code_that_another_process_took_is_used() {
    let (world, ann, ticket, other) = overtaking().await;
    let code = ann.app.code_at(world.clock.time());
    let elsewhere = begins(&other, &ann.key).await;
    assert!(other.answer(&elsewhere, &code).await.unwrap().is_ok());
    assert_eq!(world.answer(&ticket, &code).await.unwrap_err(), Refusal::UsedCode { tries_left: 4 });
}

#[tokio::test]
async fn counted_wrong_answers_given_to_another_process_count() {
    let (world, ann, ticket, other) = overtaking().await;
    for _ in 0..2 {
        let elsewhere = begins(&other, &ann.key).await;
        for _ in 0..5 {
            let refused = other.answer(&elsewhere, &wrong(&ann, &world)).await.unwrap().unwrap_err();
            assert!(matches!(refused, Refusal::WrongCode { .. } | Refusal::ChallengeFailed), "{refused:?}");
        }
    }
    let right = ann.app.code_at(world.clock.time());
    assert!(matches!(world.answer(&ticket, &right).await.unwrap_err(), Refusal::Throttled { .. }));
}

/// The other way round: what this process last wrote would refuse, and no longer holds.
#[tokio::test]
async fn a_wait_that_another_process_ended_is_over() {
    let (world, ann, first, other) = overtaking().await;
    for ticket in [first, world.challenged(&ann.key).await] {
        for _ in 0..5 {
            let _ = world.answer(&ticket, &wrong(&ann, &world)).await.unwrap_err();
        }
    }
    let elsewhere = begins(&other, &ann.key).await;
    let right = ann.app.code_at(world.clock.time());
    let waits = Refusal::Throttled { seconds: 30 };
    assert_eq!(world.answer(&elsewhere, &right).await.unwrap_err(), waits);
    let _ = begins(&world.mfa, &ann.key).await;
    other.reset(&ann.key, &user("admin"), "lost").await.unwrap().unwrap();
    assert_eq!(world.answer(&elsewhere, &right).await.unwrap_err(), Refusal::ChallengeUnknown);
}

/// Nobody is admitted by a record from before the second factor.
#[tokio::test]
async fn whole_a_factor_set_up_at_another_process_is_asked_for() {
    let world = World::with(|builder| builder.policy(Policy::Encouraged));
    let key = key("ann");
    world.mfa.password_changed(&key).await.unwrap();
    let other = world.twin(KEY_A, |builder| builder.policy(Policy::Encouraged));
    let SignIn::Admitted { verified, .. } = other.sign_in(&key).await.unwrap() else {
        panic!("not admitted")
    };
    let authority = Authority::Session(verified.into_standing());
    let (ticket, shown) = other.enrol_app(&authority, "Phone").await.unwrap().unwrap();
    let app = mfa_testing::app::AuthenticatorApp::scan(shown.uri.expose()).unwrap();
    let code = app.code_at(world.clock.time());
    let _ = other.confirm(&authority, &ticket, &code, None).await.unwrap().unwrap();
    let _ = begins(&world.mfa, &key).await;
}

/// A clock that ran ahead wrote the record in hand; a reset elsewhere has put the account's time right.
#[tokio::test]
async fn a_fault_that_another_process_mended_is_none() {
    let (world, ann, _, other) = overtaking().await;
    let time = world.clock.time();
    world.pass(200);
    let _ = begins(&world.mfa, &ann.key).await;
    world.clock.set(time);
    other.reset(&ann.key, &user("admin"), "lost").await.unwrap().unwrap();
    assert!(matches!(world.mfa.sign_in(&ann.key).await.unwrap(), SignIn::Admitted { .. }));
}

#[tokio::test]
async fn reset_means_reset_for_a_process_that_wrote_before() {
    let (world, ann, ticket, other) = overtaking().await;
    other.reset(&ann.key, &user("admin"), "lost").await.unwrap().unwrap();
    let right = ann.app.code_at(world.clock.time());
    assert_eq!(world.answer(&ticket, &right).await.unwrap_err(), Refusal::ChallengeUnknown);
    assert_eq!(world.mfa.step_up(&ann.standing).await.unwrap().unwrap_err(), Refusal::SignInAgain);
}

/// An account that was erased stays erased, even if its owner begins anew.
#[tokio::test]
async fn an_erased_account_does_not_come_back() {
    let (world, ann, ticket, other) = overtaking().await;
    other.erase(&ann.key).await.unwrap();
    let right = ann.app.code_at(world.clock.time());
    assert_eq!(world.answer(&ticket, &right).await.unwrap_err(), Refusal::ChallengeUnknown);
    assert!(world.store.load(&RecordKey::from(&ann.key)).await.unwrap().is_none());

    let (world, ann, ticket, _) = overtaking().await;
    world.mfa.erase(&ann.key).await.unwrap();
    let (right, before) = (ann.app.code_at(world.clock.time()), calls(&world));
    assert_eq!(world.answer(&ticket, &right).await.unwrap_err(), Refusal::ChallengeUnknown);
    // Whoever erases has it in hand no longer.
    assert_eq!(calls(&world), (before.0 + 1, before.1));
}

/// A backup is put back while processes run, and as many writes follow as there were before: no version is met again.
#[tokio::test]
async fn once_writes_that_count_up_from_a_backup_are_others() {
    let (world, ann, _, other) = overtaking().await;
    let record_key = RecordKey::from(&ann.key);
    let backup = world.store.load(&record_key).await.unwrap().unwrap();
    let ticket = world.challenged(&ann.key).await;
    let lost = world.store.load(&record_key).await.unwrap().unwrap().version;
    restore(&world, &record_key, lost, backup.clone()).await;

    let elsewhere = begins(&other, &ann.key).await;
    let again = world.store.load(&record_key).await.unwrap().unwrap().version;
    assert_eq!(again.as_u64() & 0xffff_ffff, lost.as_u64() & 0xffff_ffff);
    // The challenge that this process began is one of those that were lost.
    let right = ann.app.code_at(world.clock.time());
    assert_eq!(world.answer(&ticket, &right).await.unwrap_err(), Refusal::ChallengeUnknown);
    assert!(other.answer(&elsewhere, &right).await.unwrap().is_ok());
}

async fn restore(world: &World, key: &RecordKey, expected: Version, backup: Versioned) {
    let Versioned { version: next, record } = backup;
    let write = Write { key: key.clone(), expected: Some(expected), next, record, events: Vec::new() };
    assert_eq!(world.store.commit(&write).await.unwrap(), Committed::Done);
}
