//! The security settings: every change needs a recent second factor, and does what it says.
//!
//! The class: "factor removed or added with a weak session" (CVE-2026-3429, CVE-2019-16766).

use mfa_core::policy::Policy;
use mfa_core::port::sender::Notice;
use serde_json::json;

use crate::adapter::Adapter;
use crate::browser::Browser;
use crate::journey::USE_BACKUP;
use crate::page;
use crate::world::{World, at};

async fn ids(browser: &mut Browser) -> Vec<String> {
    let settings = browser.get_json(&at("settings")).await;
    assert_eq!(settings.status, 200, "{}", settings.body);
    let factors = settings.json()["overview"]["factors"].as_array().unwrap().clone();
    factors.iter().map(|factor| factor["id"].as_str().unwrap().to_owned()).collect()
}

/// After a quarter of an hour each page and each form asks for the second factor first.
pub async fn every_change_needs_a_fresh_second_factor(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let mut ann = world.with_both("ann").await;
    let id = ids(&mut ann.browser).await[0].clone();
    let token = ann.browser.token();
    world.pass(900);
    let before = world.events().await.len();
    let query = format!("?factor={id}");
    for (path, query) in [
        ("settings", ""),
        ("settings/rename", query.as_str()),
        ("settings/remove", &query),
        ("settings/resync", &query),
        ("backup-codes/new", ""),
        ("backup-codes/low", ""),
        ("enrol", ""),
        ("enrol/email", ""),
    ] {
        let mut browser = ann.browser.clone();
        let sent = browser.open(&at(&format!("{path}{query}"))).await;
        assert_eq!(sent.location(), at("challenge"), "{path}");
        let program = browser.get_json(&at(&format!("{path}{query}"))).await;
        assert_eq!((program.status, program.json()["code"].as_str()), (401, Some("step_up_required")), "{path}");
        assert!(program.header("www-authenticate").contains("insufficient_user_authentication"), "{path}");
    }
    for path in [
        "settings/rename",
        "settings/remove",
        "settings/resync",
        "settings/sign-out-others",
        "backup-codes/new",
        "enrol/app",
        "enrol/email",
    ] {
        let fields = [
            ("csrf", token.as_str()),
            ("factor", &id),
            ("name", "Mine"),
            ("code", "123456"),
            ("code_2", "123457"),
            ("email", "thief@evil.example"),
        ];
        let request = ann.browser.form(&at(path), &fields);
        assert_eq!(ann.browser.clone().send(request).await.location(), at("challenge"), "{path}");
        let request = ann.browser.form(&at(path), &fields).header("accept", "application/json");
        assert!([303, 401].contains(&ann.browser.clone().send(request).await.status), "{path}");
    }
    // Only the beginning of one challenge was written down.
    let new: Vec<_> = world.events().await.iter().take(world.events().await.len() - before).cloned().collect();
    assert!(
        new.iter().all(|event| matches!(event.kind, mfa_core::event::EventKind::ChallengeBegan { .. })),
        "{new:?}"
    );
    // With the factor proved again, the page that was asked for.
    let sent = ann.browser.open(&at(&format!("settings/rename?factor={id}"))).await;
    ann.browser.follow(&sent).await;
    let passed = world.answer(&mut ann.browser, &world.code(&ann.app)).await;
    assert_eq!(passed.location(), at(&format!("settings/rename?factor={id}")));
    ann.browser.follow(&passed).await;
    assert_eq!(ann.browser.submit(&at("settings/rename"), &[("name", "Mine")]).await.location(), at("settings"));
}

/// Names are text, whatever is in them.
pub async fn a_method_is_renamed(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let mut ann = world.with_app("ann").await;
    let id = ids(&mut ann.browser).await[0].clone();
    let path = at(&format!("settings/rename?factor={id}"));
    ann.browser.open(&path).await;
    for bad in ["", "   ", "\u{7}", "a\nb", &"x".repeat(200)] {
        let refused = ann.browser.submit(&at("settings/rename"), &[("name", bad)]).await;
        assert_eq!(refused.status, 422, "{bad:?}");
    }
    let name = "<script>alert(1)</script> \"Ffôn\" & co";
    let done = ann.browser.submit(&at("settings/rename"), &[("name", name)]).await;
    let page = ann.browser.follow(&done).await;
    assert!(!page.body.contains("<script>alert") && !page.body.contains("Ffôn\" & co"), "{}", page.body);
    assert!(page.body.contains("alert(1)") && page.body.contains("Ffôn"));
    let settings = ann.browser.get_json(&at("settings")).await.json();
    assert_eq!(settings["overview"]["factors"][0]["name"], name);
    // A program sees its new name in its own words too.
    let renamed = ann.browser.post_json(&at("settings/rename"), &json!({ "factor": id, "name": "Phone" })).await;
    assert_eq!(renamed.json()["next"], at("settings"));
}

/// What was removed is gone: the method, the codes that go with the last one, and every other session.
pub async fn a_method_is_removed(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let mut ann = world.with_both("ann").await;
    let elsewhere = world.signs_in(&ann).await;
    for (n, id) in ids(&mut ann.browser).await.iter().enumerate() {
        ann.browser.open(&at(&format!("settings/remove?factor={id}"))).await;
        assert_eq!(ann.browser.page().body.contains("your password alone"), n == 1, "the warning of the last one");
        let done = ann.browser.submit(&at("settings/remove"), &[]).await;
        assert_eq!(done.location(), at("settings"));
        ann.browser.follow(&done).await;
        assert!(!elsewhere.is_in().await && ann.browser.is_in().await);
    }
    assert_eq!(ids(&mut ann.browser).await.len(), 0);
    let told = world.sender.notices();
    let removed = told.iter().filter(|(_, notice)| matches!(notice, Notice::FactorRemoved { .. }));
    assert!(removed.count() >= 2, "{told:?}");
    assert_eq!(world.browser().password("ann", "").await.location(), "/", "nothing is left to ask for");
    assert_eq!(ann.browser.open(&at("backup-codes/new")).await.location(), at("settings"));
    let request = ann.browser.form(&at("backup-codes/new"), &[("csrf", &ann.browser.token())]);
    let made = ann.browser.send(request).await;
    assert!(made.status != 200 && page::backup_codes(&made.body).is_empty(), "codes without a method");
}

/// Where policy asks for one, the last one stays.
pub async fn the_last_method_stays_where_policy_asks_for_one(adapter: &dyn Adapter) {
    let world = World::with(adapter, |builder| builder.policy(Policy::Required)).await;
    let mut ann = world.browser();
    ann.password("ann", "").await;
    let app = crate::journey::scan(&mut ann).await;
    ann.submit(&at("enrol/confirm"), &[("code", &world.code(&app))]).await;
    let id = ids(&mut ann).await[0].clone();
    ann.open(&at(&format!("settings/remove?factor={id}"))).await;
    assert_eq!(ann.submit(&at("settings/remove"), &[]).await.status, 422);
    let program = ann.post_json(&at("settings/remove"), &json!({ "factor": id })).await;
    assert_eq!(program.json()["code"], "last_factor");
    assert_eq!(ids(&mut ann).await, [id]);
}

/// Somebody else's method, or none at all, is not found and not touched.
pub async fn only_ones_own_methods_are_found(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let (mut ann, mut ben) = (world.with_app("ann").await, world.with_app("ben").await);
    let theirs = ids(&mut ben.browser).await[0].clone();
    ann.browser.open(&at("settings")).await;
    for id in [theirs.as_str(), "", "0", "../../x", "' or 1=1"] {
        for page in ["settings/rename", "settings/remove", "settings/resync"] {
            let query: String = id.bytes().map(|byte| format!("%{byte:02x}")).collect();
            let asked = ann.browser.clone().open(&at(&format!("{page}?factor={query}"))).await;
            assert_eq!(asked.status, 404, "{page} {id}");
            let fields = [
                ("csrf", ann.browser.token()),
                ("factor", id.to_owned()),
                ("name", "Mine".to_owned()),
                ("code", world.code(&ben.app)),
                ("code_2", ben.app.clone().with_drift(30).code_at(world.clock.time())),
            ];
            let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let request = ann.browser.form(&at(page), &fields);
            assert_eq!(ann.browser.clone().send(request).await.status, 404, "{page} {id}");
        }
    }
    let settings = ben.browser.get_json(&at("settings")).await.json();
    assert_eq!(settings["overview"]["factors"][0]["id"].as_str(), Some(theirs.as_str()));
    assert_ne!(settings["overview"]["factors"][0]["name"], "Mine");
    world.signs_in(&ben).await;
}

/// New backup codes end the old ones.
pub async fn new_backup_codes_end_the_old_ones(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let mut ann = world.with_app("ann").await;
    ann.browser.open(&at("backup-codes/new")).await;
    assert_eq!(page::backup_codes(&ann.browser.page().body).len(), 0, "a look makes none");
    let shown = ann.browser.submit(&at("backup-codes/new"), &[]).await;
    assert_eq!((shown.status, shown.header("cache-control")), (200, "no-store"));
    let new = page::backup_codes(&shown.body);
    assert_eq!(new.len(), 10);
    assert!(new.iter().all(|code| !ann.codes.contains(code)));
    let mut browser = world.pending("ann", "").await;
    world.choose(&mut browser, USE_BACKUP).await;
    assert_eq!(world.answer(&mut browser, &ann.codes[0]).await.status, 422);
    assert_eq!(world.answer(&mut browser, &new[0]).await.location(), "/");
}

/// An app whose clock is off is brought back in step by two codes in a row.
pub async fn an_app_is_brought_back_in_step(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let mut ann = world.with_app("ann").await;
    let drifted = |seconds| ann.app.clone().with_drift(seconds).code_at(world.clock.time());
    let id = ids(&mut ann.browser).await[0].clone();
    let (first, second, wrong) = (drifted(150), drifted(180), drifted(240));
    let path = at(&format!("settings/resync?factor={id}"));
    ann.browser.open(&path).await;
    let refused = ann.browser.submit(&at("settings/resync"), &[("code", &first), ("code_2", &wrong)]).await;
    assert_eq!(refused.status, 422);
    let done = ann.browser.submit(&at("settings/resync"), &[("code", &first), ("code_2", &second)]).await;
    assert_eq!(done.location(), at("settings"));
    world.pass(60);
    let mut browser = world.pending("ann", "").await;
    let code = ann.app.clone().with_drift(150).code_at(world.clock.time());
    assert_eq!(world.answer(&mut browser, &code).await.location(), "/");
}

/// The reminder: once, put off for thirty days, and the way on is kept.
pub async fn the_reminder_can_be_put_off(adapter: &dyn Adapter) {
    let world = World::with(adapter, |builder| builder.policy(Policy::Encouraged)).await;
    let mut browser = world.browser();
    let sent = browser.password("ann", "/deep/page").await;
    assert_eq!(sent.location(), at("reminder"));
    browser.follow(&sent).await;
    assert!(browser.is_in().await, "a reminder keeps nobody out");
    assert_eq!(browser.submit(&at("reminder/skip"), &[]).await.location(), "/deep/page");
    assert_eq!(world.browser().password("ann", "/deep/page").await.location(), "/deep/page");
    world.pass(30 * 24 * 3600 - 1);
    assert_eq!(world.browser().password("ann", "").await.location(), "/");
    world.pass(1);
    assert_eq!(world.browser().password("ann", "").await.location(), at("reminder"));
}

/// What was known of a session is known of all: the activity list says who was where.
pub async fn what_happened_is_told_on_the_page(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let mut ann = world.with_app("ann").await;
    let mut stranger = world.pending("ann", "").await;
    world.answer(&mut stranger, &world.wrong(&ann.app)).await;
    let page = ann.browser.open(&at("settings")).await;
    assert!(page.body.contains("Incorrect code entered"), "{}", page.body);
    let json = ann.browser.get_json(&at("settings")).await.json();
    assert!(!json["activity"].as_array().unwrap().is_empty());
    // Nobody else's.
    let mut ben = world.with_app("ben").await;
    assert!(!ben.browser.open(&at("settings")).await.body.contains("Incorrect code entered"));
}
