//! Setting up a method: by app and by e-mail, once confirmed and not before, and never by the password alone.

use mfa_core::event::EventKind;
use mfa_core::policy::Policy;
use mfa_core::port::sender::{Failure, Notice};
use mfa_core::settings::Confirm;
use mfa_testing::app::AuthenticatorApp;
use mfa_testing::store::faulty::Moment;
use serde_json::json;

use crate::adapter::Adapter;
use crate::browser::Browser;
use crate::journey::scan;
use crate::page;
use crate::world::{World, at};

async fn factors(browser: &mut Browser) -> usize {
    let answer = browser.get_json(&at("settings")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["overview"]["factors"].as_array().unwrap().len()
}

/// The QR page, the code, the backup codes once, "I have saved them"; and the confirming code is used up.
pub async fn an_app_is_set_up_by_form(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let mut browser = world.browser();
    browser.password("ann", "").await;
    let app = scan(&mut browser).await;
    assert!(browser.page().body.contains("<svg") && browser.page().header("cache-control") == "no-store");
    let wrong = browser.submit(&at("enrol/confirm"), &[("code", &world.wrong(&app))]).await;
    assert_eq!(wrong.status, 422);
    assert_eq!(
        AuthenticatorApp::scan(&page::otpauth(&wrong.body).unwrap()).unwrap().code_at(world.clock.time()),
        world.code(&app),
        "the same key is still on the page"
    );
    let code = world.code(&app);
    let shown = browser.submit(&at("enrol/confirm"), &[("code", &code)]).await;
    assert_eq!((shown.status, shown.header("cache-control")), (200, "no-store"));
    let codes = page::backup_codes(&shown.body);
    assert_eq!(codes.len(), 10);
    for path in ["enrol/confirm", "backup-codes/new", "settings", "backup-codes/low", "enrol"] {
        let later = browser.clone().open(&at(path)).await;
        assert!(codes.iter().all(|code| !later.body.contains(code)), "{path} shows the codes again");
        assert!(page::otpauth(&later.body).is_none(), "{path} shows the key again");
    }
    let told = world.sender.notices();
    assert!(told.iter().any(|(to, notice)| {
        to == &crate::world::address("ann") && matches!(notice, Notice::FactorAdded { .. })
    }));
    let mut again = world.pending("ann", "").await;
    assert_eq!(world.answer(&mut again, &code).await.status, 422, "the code that confirmed opens the sign-in");
    world.pass(30);
    assert_eq!(world.answer(&mut again, &world.code(&app)).await.location(), "/");
}

/// The same in JSON.
pub async fn an_app_is_set_up_with_json(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let mut program = world.browser();
    program.password("ann", "").await;
    let choice = program.get_json(&at("enrol")).await;
    assert_eq!((choice.json()["app"].as_bool(), choice.json()["required"].as_bool()), (Some(true), Some(false)));
    let begun = program.post_json(&at("enrol/app"), &json!({})).await;
    assert_eq!(begun.json()["next"], at("enrol/confirm"));
    let shown = program.get_json(&at("enrol/confirm")).await;
    assert_eq!((shown.json()["codes"].as_u64(), shown.header("cache-control")), (Some(1), "no-store"));
    let app = AuthenticatorApp::scan(shown.json()["uri"].as_str().unwrap()).unwrap();
    let wrong = program.post_json(&at("enrol/confirm"), &json!({ "code": world.wrong(&app) })).await;
    assert_eq!((wrong.status, wrong.json()["code"].as_str()), (422, Some("wrong_code")));
    let done = program.post_json(&at("enrol/confirm"), &json!({ "code": world.code(&app) })).await;
    assert_eq!((done.status, done.header("cache-control")), (200, "no-store"));
    assert_eq!(done.json()["backup_codes"].as_array().unwrap().len(), 10);
    let saved = program.post_json(&at("backup-codes/saved"), &json!({})).await;
    assert_eq!(saved.json()["next"], at("settings"));
    assert_eq!(factors(&mut program).await, 1);
}

/// Where the host asks for two codes, one after the other.
pub async fn two_consecutive_codes_confirm_where_the_host_asks_for_them(adapter: &dyn Adapter) {
    let world = World::with(adapter, |builder| builder.confirm(Confirm::TwoConsecutive)).await;
    let mut browser = world.browser();
    browser.password("ann", "").await;
    let app = scan(&mut browser).await;
    let at_drift = |drift| app.clone().with_drift(drift).code_at(world.clock.time());
    let (now, next, later) = (at_drift(0), at_drift(30), at_drift(60));
    for (first, second) in [(&now, &now), (&now, &later), (&next, &now), (&now, &world.wrong(&app))] {
        let refused = browser.submit(&at("enrol/confirm"), &[("code", first), ("code_2", second)]).await;
        assert_eq!(refused.status, 422, "{first} {second}");
        assert!(page::otpauth(&refused.body).is_some());
        if refused.body.contains("You have 1 try left") {
            break;
        }
    }
    let short = browser.submit(&at("enrol/confirm"), &[("code", &now), ("code_2", "12")]).await;
    assert!(short.body.contains("id=\"code_2-error\"") && !short.body.contains("id=\"code-error\""));
    let missing = browser.submit(&at("enrol/confirm"), &[("code", &now)]).await;
    assert_eq!(missing.status, 422, "one code is not two");
    let done = browser.submit(&at("enrol/confirm"), &[("code", &now), ("code_2", &next)]).await;
    assert_eq!(page::backup_codes(&done.body).len(), 10, "{}", done.body);
}

/// After ten minutes, or a closed tab, a secret was never there.
pub async fn what_was_not_confirmed_was_never_there(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let mut browser = world.browser();
    browser.password("ann", "").await;
    let app = scan(&mut browser).await;
    world.pass(600);
    let late = browser.submit(&at("enrol/confirm"), &[("code", &world.code(&app))]).await;
    assert_eq!(late.status, 409, "{}", late.body);
    assert_eq!(factors(&mut browser).await, 0);
    // A closed tab: the next sign-in asks for nothing.
    scan(&mut browser).await;
    assert_eq!(world.browser().password("ann", "").await.location(), "/");
    browser.open(&at("enrol")).await;
    let gone = browser.submit(&at("enrol/cancel"), &[]).await;
    assert_eq!(gone.location(), at("settings"));
    assert_eq!(browser.open(&at("enrol/confirm")).await.location(), at("enrol"));
    // Begun twice: the first key confirms nothing.
    let first = scan(&mut browser).await;
    let second = scan(&mut browser).await;
    let stale = browser.submit(&at("enrol/confirm"), &[("code", &world.code(&first))]).await;
    assert_eq!(stale.status, 422);
    let done = browser.submit(&at("enrol/confirm"), &[("code", &world.code(&second))]).await;
    assert_eq!(done.status, 200);
}

/// A second app that is begun but not finished leaves the first one working.
pub async fn a_new_set_up_breaks_nothing_before_it_is_confirmed(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let mut ann = world.with_app("ann").await;
    let begun = scan(&mut ann.browser).await;
    let mut elsewhere = world.pending("ann", "").await;
    assert_eq!(world.answer(&mut elsewhere, &world.code(&begun)).await.status, 422);
    assert_eq!(world.answer(&mut elsewhere, &world.code(&ann.app)).await.location(), "/");
    let done = ann.browser.submit(&at("enrol/confirm"), &[("code", &world.code(&begun))]).await;
    assert_eq!(done.location(), at("settings"), "backup codes are there already");
    assert_eq!(factors(&mut ann.browser).await, 2);
}

/// The password alone sets nothing up where a method exists, whatever is posted.
pub async fn a_pending_person_sets_nothing_up(adapter: &dyn Adapter) {
    let world = World::with(adapter, |builder| builder.policy(Policy::Required)).await;
    let mut browser = world.browser();
    // Two browsers in which setting up is forced; the second one is overtaken by the first.
    let mut overtaken = world.browser();
    overtaken.password("ann", "").await;
    let app_of_overtaken = scan(&mut overtaken).await;
    browser.password("ann", "").await;
    let app = scan(&mut browser).await;
    browser.submit(&at("enrol/confirm"), &[("code", &world.code(&app))]).await;
    assert!(browser.is_in().await);
    world.pass(30);

    let code = world.code(&app_of_overtaken);
    let late = overtaken.submit(&at("enrol/confirm"), &[("code", &code)]).await;
    assert!([401, 409].contains(&late.status), "{} {}", late.status, late.body);
    assert!(!overtaken.is_in().await);

    let mut pending = world.pending("ann", "").await;
    for path in ["enrol", "enrol/email", "enrol/confirm"] {
        assert_eq!(pending.clone().open(&at(path)).await.location(), at("challenge"), "{path}");
    }
    for path in ["enrol/app", "enrol/email", "enrol/confirm", "enrol/cancel", "backup-codes/new"] {
        let request = pending.form(
            &at(path),
            &[("csrf", &pending.token()), ("code", &code), ("email", "thief@evil.example")],
        );
        assert_eq!(pending.clone().send(request).await.location(), at("challenge"), "{path}");
    }
    assert!(!pending.is_in().await);
    assert_eq!(factors(&mut browser).await, 1);
    assert_eq!(world.count(|kind| matches!(kind, EventKind::FactorAdded { .. })).await, 1);
    assert!(world.sender.last_code().is_none());
    pending.open(&at("challenge")).await;
    assert_eq!(world.answer(&mut pending, &world.code(&app)).await.location(), "/");
}

/// Policy forces it, and the page the person asked for is where they end up.
pub async fn a_forced_set_up_keeps_where_the_person_was_going(adapter: &dyn Adapter) {
    let world = World::with(adapter, |builder| builder.policy(Policy::Required)).await;
    let deep = "/deep/reports?term=2&child=Ff%C3%B4n";
    let mut browser = world.browser();
    let sent = browser.open(deep).await.location().to_owned();
    let next = sent.strip_prefix("/sign-in?next=").unwrap();
    assert_eq!(next, "%2Fdeep%2Freports%3Fterm%3D2%26child%3DFf%25C3%25B4n");
    assert_eq!(browser.password("ann", deep).await.location(), at("enrol"));
    let app = scan(&mut browser).await;
    assert_eq!(browser.clone().open("/").await.location(), at("enrol"));
    let shown = browser.submit(&at("enrol/confirm"), &[("code", &world.code(&app))]).await;
    assert_eq!(page::backup_codes(&shown.body).len(), 10);
    assert_eq!(browser.submit(&at("backup-codes/saved"), &[]).await.location(), deep);
    // Giving up is signing out.
    let mut ben = world.browser();
    ben.password("ben", deep).await;
    ben.open(&at("enrol")).await;
    assert_eq!(ben.submit(&at("enrol/cancel"), &[]).await.location(), "/sign-in");
    assert_eq!(ben.open(&at("enrol")).await.location(), "/sign-in");
}

/// An address is confirmed by a code that was sent there.
pub async fn an_address_is_set_up_by_the_code_sent_to_it(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let mut browser = world.browser();
    browser.password("ann", "").await;
    browser.open(&at("enrol/email")).await;
    for bad in ["", "ann", "@x.example", "ann@x"] {
        let refused = browser.submit(&at("enrol/email"), &[("email", bad)]).await;
        assert_eq!(refused.status, 422, "{bad:?}");
    }
    assert!(world.sender.messages().is_empty());
    world.sender.fail_next(Failure::Permanent);
    let failed = browser.submit(&at("enrol/email"), &[("email", "ann@codes.example")]).await;
    assert_eq!(failed.status, 422);
    assert!(failed.body.contains("value=\"ann@codes.example\""), "what was typed stays");
    let sent = browser.submit(&at("enrol/email"), &[("email", "ann@codes.example")]).await;
    let page = browser.follow(&sent).await;
    assert!(page.body.contains("ann@codes.example"));
    assert_eq!(world.sender.messages().len(), 1);
    let early = browser.submit(&at("enrol/resend"), &[]).await;
    assert_eq!((early.status, early.header("retry-after")), (429, "60"));
    world.pass(60);
    let sent = browser.submit(&at("enrol/resend"), &[]).await;
    browser.follow(&sent).await;
    let code = world.sender.last_code().unwrap();
    let wrong = if code == "000000" { "111111" } else { "000000" };
    assert_eq!(browser.submit(&at("enrol/confirm"), &[("code", wrong)]).await.status, 422);
    let done = browser.submit(&at("enrol/confirm"), &[("code", &code)]).await;
    assert_eq!(page::backup_codes(&done.body).len(), 10, "{}", done.body);
    // The same address again is told so.
    world.pass(60);
    browser.open(&at("enrol/email")).await;
    let twice = browser.submit(&at("enrol/email"), &[("email", "ANN@codes.example")]).await;
    assert_eq!(twice.status, 422, "{}", twice.body);
    assert_eq!(factors(&mut browser).await, 1);
}

/// The proof grows too old between the page and its form.
pub async fn a_step_up_in_the_middle_of_it_loses_nothing(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let mut ann = world.with_app("ann").await;
    world.pass(800);
    let second = scan(&mut ann.browser).await;
    world.pass(200);
    let stopped = ann.browser.submit(&at("enrol/confirm"), &[("code", &world.code(&second))]).await;
    assert_eq!(stopped.location(), at("challenge"));
    ann.browser.follow(&stopped).await;
    let back = world.answer(&mut ann.browser, &world.code(&ann.app)).await;
    assert_eq!(back.location(), at("enrol/confirm"));
    let page = ann.browser.follow(&back).await;
    assert_eq!(page.status, 200);
    ann.browser.submit(&at("enrol/confirm"), &[("code", &world.code(&second))]).await;
    let settings = ann.browser.get_json(&at("settings")).await.json();
    assert_eq!(settings["overview"]["factors"].as_array().unwrap().len(), 2, "{settings}");
}

/// The first method is bound, and the store fails before its backup codes are made: the person isn't told that nothing
/// happened, and isn't shut out.
pub async fn without_backup_codes_it_is_still_set_up(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let mut browser = world.browser();
    browser.password("ann", "").await;
    let app = scan(&mut browser).await;
    let mut n = 0;
    let answer = loop {
        world.store.fail_nth(n, Moment::Before);
        let answer = browser.submit(&at("enrol/confirm"), &[("code", &world.code(&app))]).await;
        world.store.heal();
        if answer.status < 500 {
            break answer;
        }
        browser.open(&at("enrol/confirm")).await;
        n += 1;
    };
    assert_eq!(answer.location(), at("settings"), "call {n}");
    assert_eq!(browser.follow(&answer).await.status, 200);
    assert_eq!(factors(&mut browser).await, 1);
    assert!(browser.is_in().await);
    world.pass(30);
    let mut again = world.pending("ann", "").await;
    assert_eq!(world.answer(&mut again, &world.code(&app)).await.location(), "/");
}
