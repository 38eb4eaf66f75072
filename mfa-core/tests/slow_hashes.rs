//! Slow hashes: they hold up nobody who doesn't need one, and beyond the bound a person is asked to try again and loses nothing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests; a failure is what they are for")]

use std::num::NonZeroUsize;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread;

use crate::common::{KEY_A, WRONG_BACKUP, World};
use mfa_core::event::EventKind;
use mfa_core::hashing::{HashPool, PoolError};
use mfa_core::proof::Method;
use mfa_core::refusal::Refusal;
use mfa_core::service::Mfa;
use tokio::task::JoinHandle;

/// Hashes under way that don't end before they are told to.
struct Held {
    gates: Vec<mpsc::Sender<()>>,
    running: Vec<JoinHandle<Result<(), PoolError>>>,
}

impl Held {
    /// Fills every place of the pool, and comes back once all of that work is under way.
    async fn fill(pool: &HashPool) -> Self {
        let here = thread::current().id();
        let (began, begun) = mpsc::channel();
        let (mut gates, mut running) = (Vec::new(), Vec::new());
        for _ in 0..pool.limit() {
            let (pool, began, (gate, opened)) = (pool.clone(), began.clone(), mpsc::channel::<()>());
            gates.push(gate);
            running.push(tokio::spawn(async move {
                let work = move || {
                    // On the runtime's own thread it would never end: better to fail than to hang.
                    assert_ne!(thread::current().id(), here, "a hash runs on the runtime's thread");
                    began.send(()).unwrap();
                    let _ = opened.recv();
                };
                pool.run(work).await
            }));
        }
        drop(began);
        // Each task gets to where it waits for its thread; the threads are others than this one.
        tokio::task::yield_now().await;
        for _ in 0..pool.limit() {
            begun.recv().unwrap();
        }
        Self { gates, running }
    }

    async fn let_go(self) {
        drop(self.gates);
        for one in self.running {
            one.await.unwrap().unwrap();
        }
    }
}

/// How the system schedules this thread: Linux' number for it (proc(5), the field `policy`).
#[cfg(all(target_os = "linux", feature = "priority"))]
fn policy() -> u32 {
    let line = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
    // The second field is a name in brackets, with blanks in it or not; the policy is the forty-first.
    let (_, fields) = line.rsplit_once(')').unwrap();
    fields.split_whitespace().nth(38).unwrap().parse().unwrap()
}

#[cfg(all(target_os = "linux", feature = "priority"))]
#[tokio::test]
async fn a_slow_hash_gives_way_unless_it_is_told_not_to() {
    const IDLE: u32 = 5;
    let pool = HashPool::new(NonZeroUsize::MIN);
    let ours = policy();
    assert_ne!(ours, IDLE);
    assert_eq!(pool.run(policy).await.unwrap(), IDLE);
    assert_eq!(policy(), ours, "who asks keeps their own");
    assert_eq!(pool.keeping_priority().run(policy).await.unwrap(), ours);
}

fn with_pool(world: &World, most: usize) -> (Mfa, HashPool) {
    let pool = HashPool::new(NonZeroUsize::new(most).unwrap());
    (world.twin(KEY_A, |builder| builder.hash_pool(pool.clone())), pool)
}

#[tokio::test(flavor = "current_thread")]
async fn a_sign_in_by_app_is_through_while_every_place_for_a_hash_is_taken() {
    let mut world = World::new();
    let ann = world.with_everything("ann").await;
    let pool;
    (world.mfa, pool) = with_pool(&world, 2);
    let held = Held::fill(&pool).await;
    // The only thread of this runtime, and the hashes don't end before it has been here.
    assert_eq!(world.signs_in(&ann).await.methods(), [Method::App]);
    held.let_go().await;
}

#[tokio::test(flavor = "current_thread")]
async fn beyond_the_bound_a_backup_code_is_answered_with_try_again_and_costs_no_try() {
    for typed in ["right", WRONG_BACKUP] {
        let mut world = World::new();
        let ann = world.with_everything("ann").await;
        let pool;
        (world.mfa, pool) = with_pool(&world, 1);
        let typed = if typed == "right" { ann.codes[0].as_str() } else { typed };
        let ticket = world.challenged(&ann.key).await;
        world.choose(&ticket, Method::BackupCode).await;
        let before = (world.record(&ann.key).await, world.events().await);
        let commits = world.store.commits.load(Ordering::SeqCst);

        let held = Held::fill(&pool).await;
        for _ in 0..20 {
            let refused = world.answer(&ticket, typed).await.unwrap_err();
            assert_eq!(refused, Refusal::Busy);
            assert!(refused.wait().is_some(), "it says when to try again");
        }
        held.let_go().await;

        // More of them than a challenge has tries: not one was written down, and the next counts as the first.
        assert_eq!(world.store.commits.load(Ordering::SeqCst), commits);
        assert_eq!((world.record(&ann.key).await, world.events().await), before);
        match world.answer(&ticket, typed).await {
            Ok(granted) => assert_eq!(granted.backup_codes_left, Some(9)),
            Err(refusal) => assert_eq!(refusal, Refusal::WrongCode { tries_left: 4 }),
        }
        let used = world.count(|kind| matches!(kind, EventKind::BackupCodeUsed { .. })).await;
        assert_eq!(used, usize::from(typed != WRONG_BACKUP));
    }
}

#[tokio::test(flavor = "current_thread")]
async fn beyond_the_bound_no_new_set_of_codes_is_made_and_the_old_one_still_works() {
    let mut world = World::new();
    let ann = world.with_everything("ann").await;
    let standing = world.signs_in(&ann).await;
    let pool;
    (world.mfa, pool) = with_pool(&world, 1);
    let before = world.record(&ann.key).await;
    let held = Held::fill(&pool).await;
    assert_eq!(world.mfa.make_backup_codes(&standing).await.unwrap().unwrap_err(), Refusal::Busy);
    held.let_go().await;
    assert_eq!(world.record(&ann.key).await, before);
    let ticket = world.challenged(&ann.key).await;
    world.choose(&ticket, Method::BackupCode).await;
    assert!(world.answer(&ticket, &ann.codes[0]).await.is_ok());
}
