//! Requests that meet: one code is spent once, and guessing in parallel buys nothing.
//!
//! The classes: "two requests at once spend one code" (CVE-2026-20779) and "parallel guesses outrun the counter"
//! (CVE-2023-33170). All requests have read the account before any of them writes.

use std::sync::Arc;

use mfa_core::event::EventKind;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::adapter::Adapter;
use crate::browser::{Answer, Browser};
use crate::journey::{USE_BACKUP, USE_EMAIL};
use crate::world::{World, at};

const TASKS: usize = 64;

/// Posts these codes at the same time, each from its own copy of a browser. Every request loads the account
/// `loads` times before it writes, and each time waits for the others.
async fn post_at_once(world: &World, senders: Vec<(Browser, String)>, loads: usize) -> Vec<(Browser, Answer)> {
    let start = Arc::new(Barrier::new(senders.len()));
    world.crowd.gather(senders.len(), loads);
    let mut tasks = JoinSet::new();
    for (mut browser, code) in senders {
        let start = Arc::clone(&start);
        tasks.spawn(async move {
            let request = browser.form(&at("challenge"), &[("csrf", &browser.token()), ("code", &code)]);
            start.wait().await;
            let answer = browser.send(request).await;
            (browser, answer)
        });
    }
    tasks.join_all().await
}

async fn assert_one_wins(answers: &[(Browser, Answer)]) {
    let mut inside = 0;
    for (browser, answer) in answers {
        let passed = answer.status == 303 && answer.location() == "/";
        assert_eq!(passed, browser.is_in().await, "{} {}", answer.status, answer.body);
        assert!(passed || answer.status < 500, "{} {}", answer.status, answer.body);
        inside += usize::from(passed);
    }
    assert_eq!(inside, 1, "{:?}", answers.iter().map(|(_, answer)| answer.status).collect::<Vec<_>>());
}

fn passes(kind: &EventKind) -> bool {
    matches!(kind, EventKind::ChallengePassed { .. })
}

/// 64 tabs of one browser.
pub async fn one_app_code_in_one_session_lets_one_in(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let ann = world.with_app("ann").await;
    let pending = world.pending("ann", "").await;
    let senders = vec![(pending, world.code(&ann.app)); TASKS];
    assert_one_wins(&post_at_once(&world, senders, 2).await).await;
    assert_eq!(world.count(passes).await, 1);
}

/// Eight browsers with eight tabs each.
pub async fn one_app_code_in_many_sessions_lets_one_in(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let ann = world.with_app("ann").await;
    let mut senders = Vec::new();
    for _ in 0..8 {
        let pending = world.pending("ann", "").await;
        senders.extend(vec![(pending, world.code(&ann.app)); TASKS / 8]);
    }
    assert_one_wins(&post_at_once(&world, senders, 2).await).await;
    assert_eq!(world.count(passes).await, 1);
}

/// The same for one backup code, which is hashed between reading and writing.
pub async fn one_backup_code_lets_one_in(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let ann = world.with_app("ann").await;
    let mut senders = Vec::new();
    for _ in 0..8 {
        let mut pending = world.pending("ann", "").await;
        world.choose(&mut pending, USE_BACKUP).await;
        senders.extend(vec![(pending, ann.codes[0].clone()); TASKS / 8]);
    }
    assert_one_wins(&post_at_once(&world, senders, 3).await).await;
    let used = |kind: &EventKind| matches!(kind, EventKind::BackupCodeUsed { .. });
    assert_eq!(world.count(used).await, 1);
}

/// And for one delivered code, which belongs to one challenge.
pub async fn one_delivered_code_lets_one_in(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    world.with_both("ann").await;
    let mut pending = world.pending("ann", "").await;
    world.choose(&mut pending, USE_EMAIL).await;
    let senders = vec![(pending, world.sender.last_code().unwrap()); TASKS];
    assert_one_wins(&post_at_once(&world, senders, 2).await).await;
    assert_eq!(world.count(passes).await, 1);
}

async fn evaluated(world: &World) -> usize {
    world.count(|kind| matches!(kind, EventKind::WrongCode { .. })).await
}

/// 100 guesses in one session: five are looked at.
pub async fn parallel_guesses_in_one_session_are_counted(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let ann = world.with_app("ann").await;
    let pending = world.pending("ann", "").await;
    let wrong = world.wrong(&ann.app);
    let answers = post_at_once(&world, vec![(pending, wrong); 100], 2).await;
    assert_eq!(evaluated(&world).await, 5);
    let told = answers.iter().filter(|(_, answer)| answer.status == 422).count();
    assert!(told <= 5, "{told} were told that their guess was wrong");
    for (browser, answer) in answers {
        assert!(answer.status < 500 && !browser.is_in().await, "{}", answer.status);
    }
}

/// 96 guesses in eight sessions: ten are looked at.
pub async fn parallel_guesses_in_many_sessions_are_counted(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let ann = world.with_app("ann").await;
    let mut senders = Vec::new();
    for _ in 0..8 {
        let pending = world.pending("ann", "").await;
        senders.extend(vec![(pending, world.wrong(&ann.app)); 12]);
    }
    let answers = post_at_once(&world, senders, 2).await;
    assert_eq!(evaluated(&world).await, 10);
    let mut late = answers.into_iter().find(|(_, answer)| answer.status == 429).unwrap().0;
    let request = late.form(&at("challenge"), &[("csrf", &late.token()), ("code", &world.code(&ann.app))]);
    late.send(request).await;
    assert!(!late.is_in().await, "the wait holds for the right code too");
}

/// The tries of delivered codes, which are fewer.
pub async fn parallel_guesses_at_a_delivered_code_are_counted(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    world.with_both("ann").await;
    let mut pending = world.pending("ann", "").await;
    world.choose(&mut pending, USE_EMAIL).await;
    let code = world.sender.last_code().unwrap();
    let guesses = (0..TASKS).map(|n| format!("{n:06}")).filter(|guess| *guess != code);
    let senders: Vec<_> = guesses.map(|guess| (pending.clone(), guess)).collect();
    post_at_once(&world, senders, 2).await;
    assert_eq!(evaluated(&world).await, 3);
    let request = pending.form(&at("challenge"), &[("csrf", &pending.token()), ("code", &code)]);
    pending.send(request).await;
    assert!(!pending.is_in().await);
}
