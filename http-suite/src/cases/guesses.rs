//! Guesses that meet: delivered codes have tries of their own, and a wait holds for the right code too.
//!
//! The class: "parallel guesses outrun the counter" (CVE-2023-33170), beside what `races` shows of apps.

use mfa_core::event::EventKind;

use crate::adapter::Adapter;
use crate::browser::Browser;
use crate::journey::USE_EMAIL;
use crate::world::{World, at};

/// Posts all guesses at the same time: all have read the account before any of them is counted.
async fn at_once(world: &World, guesses: Vec<(Browser, String)>) -> Vec<(Browser, u16)> {
    // Each request looks at its challenge, then answers it.
    world.crowd.gather(guesses.len(), 2);
    let mut tasks = tokio::task::JoinSet::new();
    for (mut browser, code) in guesses {
        let request = browser.form(&at("challenge"), &[("csrf", &browser.token()), ("code", &code)]);
        tasks.spawn(async move {
            let status = browser.send(request).await.status;
            (browser, status)
        });
    }
    tasks.join_all().await
}

async fn evaluated(world: &World) -> usize {
    world.count(|kind| matches!(kind, EventKind::WrongCode { .. })).await
}

async fn opens(mut browser: Browser, code: &str) -> bool {
    let request = browser.form(&at("challenge"), &[("csrf", &browser.token()), ("code", code)]);
    browser.send(request).await;
    browser.is_in().await
}

/// 63 guesses at one code: three are looked at, and then the right one is worth nothing.
pub async fn a_delivered_code_bears_three(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    world.with_both("ann").await;
    let mut pending = world.pending("ann", "").await;
    world.choose(&mut pending, USE_EMAIL).await;
    let code = world.sender.last_code().unwrap();
    let guesses = (0..64).map(|n| format!("{n:06}")).filter(|guess| *guess != code).take(63);
    let answers = at_once(&world, guesses.map(|guess| (pending.clone(), guess)).collect()).await;
    assert_eq!(evaluated(&world).await, 3);
    for (browser, status) in answers {
        assert!(status < 500 && !browser.is_in().await, "{status}");
    }
    assert!(!opens(pending, &code).await);
}

/// 96 guesses in eight sessions: ten are looked at, and the right code has to wait as well.
pub async fn the_wait_that_follows_holds_for_the_right_code(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let ann = world.with_app("ann").await;
    let mut guesses = Vec::new();
    for _ in 0..8 {
        let pending = world.pending("ann", "").await;
        guesses.extend(vec![(pending, world.wrong(&ann.app)); 12]);
    }
    let answers = at_once(&world, guesses).await;
    assert_eq!(evaluated(&world).await, 10);
    let told = answers.iter().filter(|(_, status)| *status == 422).count();
    assert!(told <= 10, "{told} were told that their guess was wrong");
    let (late, _) = answers.into_iter().find(|(_, status)| *status == 429).unwrap();
    assert!(!opens(late.clone(), &world.code(&ann.app)).await);
    world.pass(30);
    assert!(opens(late, &world.code(&ann.app)).await);
}
