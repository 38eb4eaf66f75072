//! The session: a new id at every step up, nothing left behind under the old one, one challenge for each.
//!
//! The class: "session fixation across the step" (CVE-2024-28197).

use mfa_testing::store::faulty::Moment;

use crate::adapter::{Adapter, guarded};
use crate::browser::Browser;
use crate::journey::{USE_APP, USE_EMAIL};
use crate::world::{World, at};

/// Asserts that the browser has another id than before, and that the old one is nobody's.
async fn assert_rotated(before: &Browser, after: &Browser, step: &str) {
    assert_ne!(before.cookies(), after.cookies(), "{step}");
    let mut old = before.clone();
    if old.cookies().is_empty() {
        return;
    }
    assert!(!old.is_in().await, "{step}");
    for page in ["challenge", "enrol", "enrol/confirm", "settings"] {
        assert_eq!(old.open(&at(page)).await.location(), "/sign-in", "{step}: {page}");
    }
}

/// Sign-in, set-up, second factor, step-up, ending other sessions, removal, signing out.
pub async fn its_id_changes_at_every_level(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let mut browser = world.browser();
    let request = browser.ask("POST", "/visit");
    browser.send(request).await;

    let visitor = browser.clone();
    browser.password("ann", "").await;
    assert_rotated(&visitor, &browser, "password").await;

    let admitted = browser.clone();
    let app = crate::journey::scan(&mut browser).await;
    browser.submit(&at("enrol/confirm"), &[("code", &world.code(&app))]).await;
    assert_rotated(&admitted, &browser, "set-up").await;
    world.pass(30);

    let before = browser.clone();
    browser.password("ann", "").await;
    assert_rotated(&before, &browser, "password again").await;

    let pending = browser.clone();
    browser.open(&at("challenge")).await;
    world.answer(&mut browser, &world.code(&app)).await;
    assert_rotated(&pending, &browser, "second factor").await;
    world.pass(3600);

    let stale = browser.clone();
    let sent = browser.open("/fresh").await;
    browser.follow(&sent).await;
    world.answer(&mut browser, &world.code(&app)).await;
    assert_rotated(&stale, &browser, "step-up").await;

    let before = browser.clone();
    browser.open(&at("settings")).await;
    browser.submit(&at("settings/sign-out-others"), &[]).await;
    assert_rotated(&before, &browser, "ending the others").await;

    let before = browser.clone();
    let settings = browser.get_json(&at("settings")).await.json();
    let factor = settings["overview"]["factors"][0]["id"].as_str().unwrap().to_owned();
    browser.open(&at(&format!("settings/remove?factor={factor}"))).await;
    browser.submit(&at("settings/remove"), &[]).await;
    assert_rotated(&before, &browser, "removal").await;
    assert!(browser.is_in().await);

    let before = browser.clone();
    let request = browser.ask("POST", "/sign-out");
    browser.send(request).await;
    assert_rotated(&before, &browser, "signing out").await;
}

/// Somebody plants their session's cookie in the victim's browser and waits for the victim to sign in.
pub async fn a_planted_id_is_worthless(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let ann = world.with_app("ann").await;
    let mut attacker = world.browser();
    let request = attacker.ask("POST", "/visit");
    attacker.send(request).await;
    let mut victim = world.browser();
    victim.take_cookies(&attacker);
    victim.password("ann", "").await;
    assert_eq!(attacker.open(&at("challenge")).await.location(), "/sign-in", "after the password");
    victim.open(&at("challenge")).await;
    // The attacker may also have read the id of the half-way session.
    let mut closer = world.browser();
    closer.take_cookies(&victim);
    world.answer(&mut victim, &world.code(&ann.app)).await;
    assert!(victim.is_in().await);
    assert!(!attacker.is_in().await);
    assert!(!closer.is_in().await);
    assert_eq!(closer.open(&at("settings")).await.location(), "/sign-in");
    // An id that the server never gave out isn't taken up.
    let mut invented = world.browser();
    let planted = invented.ask("POST", "/password").header("cookie", "id=aW52ZW50ZWRpbnZlbnRlZA");
    invented.send(planted.form(&[("user", "ben")])).await;
    assert!(!invented.cookies().contains("aW52ZW50ZWRpbnZlbnRlZA") && invented.is_in().await);
}

/// Two browsers of one person: what is sent for one challenge doesn't answer the other.
pub async fn a_challenge_is_answered_in_its_own_session_only(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let ann = world.with_both("ann").await;
    let (mut one, mut other) = (world.pending("ann", "").await, world.pending("ann", "").await);
    world.choose(&mut one, USE_EMAIL).await;
    let for_one = world.sender.last_code().unwrap();
    world.pass(60);
    world.choose(&mut other, USE_EMAIL).await;
    let for_other = world.sender.last_code().unwrap();
    assert_ne!(for_one, for_other);
    assert_eq!(world.answer(&mut other, &for_one).await.status, 422);
    assert!(!other.is_in().await);
    assert_eq!(world.answer(&mut one, &for_one).await.location(), "/");
    assert!(one.is_in().await && !other.is_in().await);
    // One session's token doesn't post another's form.
    let theft = other.form(&at("challenge"), &[("csrf", &one.token()), ("code", &for_other)]);
    assert_eq!(other.send(theft).await.status, 403);
    assert_eq!(one.open("/").await.body, guarded(&ann.user));
}

/// "Someone else's factor or code" (CVE-2020-5240, CVE-2025-64175): it fails, and is not spent for its owner.
pub async fn one_persons_code_is_nothing_to_another(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let (ann, ben) = (world.with_both("ann").await, world.with_both("ben").await);
    let mut as_ann = world.pending("ann", "").await;
    assert_eq!(world.answer(&mut as_ann, &world.code(&ben.app)).await.status, 422);
    let chosen = world.choose(&mut as_ann, crate::journey::USE_BACKUP).await;
    assert_eq!(chosen.status, 200);
    assert_eq!(world.answer(&mut as_ann, &ben.codes[0]).await.status, 422);
    // A method of somebody else's can't be chosen either.
    let mut as_ben = world.pending("ben", "").await;
    let theirs = as_ben.get_json(&at("challenge")).await.json();
    for method in theirs["methods"].as_array().unwrap() {
        if method["method"] == "backup_code" {
            continue;
        }
        let choice = method["choice"].as_str().unwrap();
        let taken = as_ann.form(&at("challenge/choose"), &[("csrf", &as_ann.token()), ("method", choice)]);
        assert_eq!(as_ann.clone().send(taken).await.status, 422, "{method}");
    }
    assert!(!as_ann.is_in().await);
    as_ben.open(&at("challenge")).await;
    assert_eq!(world.answer(&mut as_ben, &world.code(&ben.app)).await.location(), "/");
    let mut again = world.pending("ben", "").await;
    world.choose(&mut again, crate::journey::USE_BACKUP).await;
    assert_eq!(world.answer(&mut again, &ben.codes[0]).await.location(), "/");
    assert!(ann.browser.is_in().await);
}

/// A second person signs in at the same computer.
pub async fn a_sign_in_over_a_session_leaves_nothing_of_it(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let mut ann = world.with_app("ann").await;
    let ben = world.with_app("ben").await;
    // Ann is in the middle of something, with somewhere to go.
    world.pass(3600);
    let sent = ann.browser.open("/fresh?account=ann").await;
    ann.browser.follow(&sent).await;
    let (mut browser, token) = (ann.browser.clone(), ann.browser.token());
    assert_eq!(browser.password("ben", "").await.location(), at("challenge"));
    assert!(!browser.is_in().await, "as Ben nor as Ann");
    assert_eq!(browser.open(&at("settings")).await.location(), at("challenge"));
    browser.open(&at("challenge")).await;
    assert_ne!(browser.token(), token);
    let old = browser.form(&at("challenge"), &[("csrf", &token), ("code", &world.code(&ben.app))]);
    assert_eq!(browser.clone().send(old).await.status, 403, "the token of before");
    let passed = world.answer(&mut browser, &world.code(&ben.app)).await;
    assert_eq!(passed.location(), "/", "where Ann was going is not where Ben goes");
    assert_eq!(browser.open("/").await.body, guarded("ben"));
    assert!(!ann.browser.is_in().await);
}

/// Parallel sign-ins of one person don't disturb each other.
pub async fn two_browsers_of_one_person_stand_beside_each_other(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let ann = world.with_both("ann").await;
    let mut second = world.signs_in(&ann).await;
    assert!(ann.browser.is_in().await && second.is_in().await);
    let mut third = world.pending("ann", "/deep/third").await;
    let mut fourth = world.pending("ann", "/deep/fourth").await;
    world.choose(&mut third, USE_EMAIL).await;
    world.choose(&mut third, USE_APP).await;
    let code = world.code(&ann.app);
    assert_eq!(world.answer(&mut fourth, &code).await.location(), "/deep/fourth");
    world.pass(30);
    assert_eq!(world.answer(&mut third, &world.code(&ann.app)).await.location(), "/deep/third");
    let request = second.ask("POST", "/sign-out");
    second.send(request).await;
    assert!(!second.is_in().await);
    assert!(ann.browser.is_in().await && third.is_in().await && fourth.is_in().await);
}

/// Somebody leaves at a shared computer while the second factor's store is away, and nobody goes on there when it is back.
pub async fn leaving_needs_no_store(adapter: &dyn Adapter) {
    for leaving in ["/sign-out", "challenge/cancel"] {
        for n in 0..2 {
            let world = World::new(adapter).await;
            let _ann = world.with_app("ann").await;
            let mut browser = world.pending("ann", "").await;
            browser.open(&at("challenge")).await;
            world.store.fail_nth(n, Moment::Before);
            let answer = match leaving {
                "/sign-out" => {
                    let request = browser.ask("POST", leaving);
                    browser.send(request).await
                }
                _ => browser.submit(&at(leaving), &[]).await,
            };
            assert!(answer.status < 500, "{leaving}, call {n}: {}", answer.body);
            assert!(world.store.failed() > 0 || n > 0, "{leaving}: the store is not asked");
            world.store.heal();
            assert_eq!(browser.open(&at("challenge")).await.location(), "/sign-in", "{leaving}, call {n}");
        }
    }
}
