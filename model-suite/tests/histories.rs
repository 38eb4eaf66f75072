//! Long random histories beside the reference, and proof that they get anywhere.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may panic, and says what it has done"
)]

use std::cell::Cell;

use mfa_core::policy::Policy;
use model_suite::{Deed, History, Model, Portal, Tally};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};
use tokio::runtime::{Builder, Runtime};

/// Deeds of a history, and histories of a run unless `HISTORIES` says otherwise.
const DEEDS: usize = 800;
const HISTORIES: u32 = 32;

/// What a failure is narrowed down with, at the most: a deed left out is a history run again.
const LEFT_OUT: u32 = 20_000;

/// The reference, where a second factor is required or a choice.
struct Reference<const REQUIRED: bool>;

impl<const REQUIRED: bool> ReferenceStateMachine for Reference<REQUIRED> {
    type State = Model;
    type Transition = Deed;

    fn init_state() -> BoxedStrategy<Model> {
        let policy = if REQUIRED { Policy::Required } else { Policy::Off };
        Just(Model::new(Portal { policy, two_codes: REQUIRED })).boxed()
    }

    fn transitions(_: &Model) -> BoxedStrategy<Deed> {
        // The same three bytes as in the fuzzer. A failure shrinks by leaving deeds out; other bytes tell nothing more.
        any::<[u8; 3]>().prop_map(Deed::from_bytes).no_shrink().boxed()
    }

    fn preconditions(model: &Model, deed: &Deed) -> bool {
        model.allows(*deed)
    }

    fn apply(model: Model, deed: &Deed) -> Model {
        model.after(*deed)
    }
}

/// The service, one deed after the other.
struct Service<const REQUIRED: bool> {
    history: History,
    runtime: Runtime,
}

thread_local! {
    /// What was done in all histories of a test, which has a thread to itself.
    static TOTAL: Cell<Tally> = Cell::default();
}

impl<const REQUIRED: bool> StateMachineTest for Service<REQUIRED> {
    type SystemUnderTest = Self;
    type Reference = Reference<REQUIRED>;

    fn init_test(model: &Model) -> Self {
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        Self { history: History::new(model.portal()), runtime }
    }

    fn apply(mut service: Self, model: &Model, deed: Deed) -> Self {
        service.runtime.block_on(service.history.run(deed, model));
        service
    }

    fn teardown(service: Self, _: Model) {
        let done = service.runtime.block_on(service.history.end());
        TOTAL.set(TOTAL.get() + done);
    }
}

fn histories<const REQUIRED: bool>() {
    let config = Config {
        rng_seed: RngSeed::Fixed(7),
        failure_persistence: None,
        max_shrink_iters: LEFT_OUT,
        max_local_rejects: u32::MAX,
        ..Config::with_cases(std::env::var("HISTORIES").map_or(HISTORIES, |text| text.parse().unwrap()))
    };
    let deeds = Reference::<REQUIRED>::sequential_strategy(DEEDS);
    TestRunner::new(config.clone())
        .run(&deeds, |(model, deeds, seen)| {
            Service::<REQUIRED>::test_sequential(config.clone(), model, deeds, seen);
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    let total = TOTAL.get();
    println!("required: {REQUIRED}: {total:?}");
    for (what, count) in [
        ("passed", total.passed),
        ("wrong", total.wrong),
        ("added", total.added),
        ("removed", total.removed),
        ("resets", total.resets),
        ("sets", total.sets),
        ("resynced", total.resynced),
        ("waits before that", total.resync_waits),
        ("erased", total.erased),
        ("faults", total.faults),
    ] {
        assert!(count >= 5, "hardly any {what}: the histories show nothing of it");
    }
}

#[test]
fn promises_hold_in_every_history_where_a_second_factor_is_a_choice() {
    histories::<false>();
}

#[test]
fn promises_hold_in_every_history_where_a_second_factor_is_required() {
    histories::<true>();
}
