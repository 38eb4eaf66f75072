//! Long random histories, and proof that they get anywhere.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says what it has done")]

use mfa_core::policy::Policy;
use model_suite::{Deed, History, Tally};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
}

fn run(policy: Policy, deeds: &[[u8; 3]]) -> Tally {
    runtime().block_on(async {
        let mut history = History::new(policy);
        for deed in deeds {
            history.run(Deed::from_bytes(*deed)).await;
        }
        history.end().await
    })
}

/// More with `PROPTEST_CASES`.
fn histories(policy: Policy) {
    let mut runner = TestRunner::new(Config {
        rng_seed: RngSeed::Fixed(7),
        failure_persistence: None,
        ..Config::with_cases(32)
    });
    let total = std::cell::RefCell::new(Tally::default());
    runner
        .run(&vec(any::<[u8; 3]>(), 800), |deeds| {
            let done = run(policy, &deeds);
            let mut total = total.borrow_mut();
            total.passed += done.passed;
            total.wrong += done.wrong;
            total.added += done.added;
            total.removed += done.removed;
            total.resets += done.resets;
            total.sets += done.sets;
            total.faults += done.faults;
            Ok(())
        })
        .unwrap();
    let total = total.into_inner();
    println!("{policy:?}: {total:?}");
    for (what, count) in [
        ("passed", total.passed),
        ("wrong", total.wrong),
        ("added", total.added),
        ("removed", total.removed),
        ("resets", total.resets),
        ("sets", total.sets),
        ("faults", total.faults),
    ] {
        assert!(count >= 5, "hardly any {what}: the histories show nothing of it");
    }
}

#[test]
fn promises_hold_in_every_history_where_a_second_factor_is_a_choice() {
    histories(Policy::Off);
}

#[test]
fn promises_hold_in_every_history_where_a_second_factor_is_required() {
    histories(Policy::Required);
}
