//! Races over real sockets: requests that have all read the account before any of them writes.
//!
//! The classes: "two requests at once spend one code" (CVE-2026-20779) and "parallel guesses outrun the counter"
//! (CVE-2023-33170).

use mfa_core::event::EventKind;
use mfa_core::port::sender::Notice;

use crate::adapter::Adapter;
use crate::browser::Browser;
use crate::journey::{Person, USE_BACKUP, USE_EMAIL};
use crate::world::{World, at};

/// How many requests are made at once.
const REQUESTS: usize = 64;
/// How many challenges an account has open at once.
const CHALLENGES: usize = 8;

/// Sessions that wait for a code, after a method was chosen.
async fn waiting(world: &World, person: &Person, count: usize, words: Option<&str>) -> Vec<Browser> {
    let mut browsers = Vec::new();
    for _ in 0..count {
        let mut browser = world.pending(&person.user, "").await;
        if let Some(words) = words {
            world.choose(&mut browser, words).await;
        }
        browser.open(&at("challenge")).await;
        browsers.push(browser);
    }
    browsers
}

/// Posts one code from all sessions at once, several times from each; says how many requests came in.
async fn all_at_once(world: &World, sessions: &[Browser], code: &str, requests: usize) -> usize {
    // Each looks at its challenge, then answers it.
    world.crowd.gather(requests, 2);
    let mut running = tokio::task::JoinSet::new();
    for browser in sessions.iter().cycle().take(requests) {
        let (mut browser, code) = (browser.clone(), code.to_owned());
        running.spawn(async move {
            let answer = browser.submit(&at("challenge"), &[("code", &code)]).await;
            assert!(answer.status < 500, "{}", answer.body);
            browser
        });
    }
    let mut inside = 0;
    while let Some(browser) = running.join_next().await {
        inside += usize::from(browser.unwrap().is_in().await);
    }
    inside
}

/// One app code, in one challenge and in several.
pub async fn one_app_code_opens_one_session(adapter: &dyn Adapter) {
    for sessions in [1, CHALLENGES] {
        let world = World::new(adapter).await;
        let ann = world.with_app("ann").await;
        let waiting = waiting(&world, &ann, sessions, None).await;
        assert_eq!(all_at_once(&world, &waiting, &world.code(&ann.app), REQUESTS).await, 1, "{sessions}");
    }
}

/// One backup code, in one challenge and in several.
pub async fn one_backup_code_opens_one_session(adapter: &dyn Adapter) {
    for sessions in [1, CHALLENGES] {
        let world = World::new(adapter).await;
        let ann = world.with_app("ann").await;
        let waiting = waiting(&world, &ann, sessions, Some(USE_BACKUP)).await;
        assert_eq!(all_at_once(&world, &waiting, &ann.codes[0], REQUESTS).await, 1, "{sessions}");
    }
}

/// One code by e-mail.
pub async fn one_delivered_code_opens_one_session(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let ann = world.with_both("ann").await;
    let waiting = waiting(&world, &ann, 1, Some(USE_EMAIL)).await;
    let code = world.sender.last_code().unwrap();
    assert_eq!(all_at_once(&world, &waiting, &code, REQUESTS).await, 1);
}

/// A hundred guesses at once are no more than ten one after the other.
pub async fn parallel_guesses_buy_nothing(adapter: &dyn Adapter) {
    for (sessions, limit) in [(1, 5), (CHALLENGES, 10)] {
        let world = World::new(adapter).await;
        let ann = world.with_app("ann").await;
        let waiting = waiting(&world, &ann, sessions, None).await;
        assert_eq!(all_at_once(&world, &waiting, &world.wrong(&ann.app), 100).await, 0);
        let evaluated = world.count(|kind| matches!(kind, EventKind::WrongCode { .. })).await;
        assert_eq!(evaluated, limit, "{sessions} sessions");
    }
}

/// A change is committed, and the mail server takes its time to tell its owner. Whoever made it doesn't wait.
pub async fn who_hangs_up_suppresses_no_notice(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let mut ann = world.with_app("ann").await;
    ann.browser.open(&at("backup-codes/new")).await;
    world.sender.clear();
    let held = world.post.hold();
    let mut thief = ann.browser.clone();
    let mut posting = tokio::spawn(async move { thief.submit(&at("backup-codes/new"), &[]).await });
    tokio::select! {
        () = held.arrived() => {}
        answer = &mut posting => panic!("answered before anything was sent: {answer:?}"),
    }
    posting.abort();
    assert!(posting.await.unwrap_err().is_cancelled());
    // By then the server has seen that its line is cut.
    for _ in 0..50 {
        let _ = world.browser().open("/sign-in").await;
    }
    drop(held);
    let told = || world.sender.notices().iter().any(|(_, notice)| *notice == Notice::BackupCodesMade);
    for _ in 0..1_000 {
        if told() {
            return;
        }
        let _ = world.browser().open("/sign-in").await;
    }
    panic!("nobody told her");
}
