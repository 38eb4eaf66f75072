//! The headers of every answer: pages, JSON, problems, redirects and assets.

use mfa_core::policy::Policy;

use crate::adapter::{Adapter, SessionCall};
use crate::browser::{Answer, Browser};
use crate::page::between;
use crate::world::{World, at};

/// Every path that answers GET somewhere.
const PAGES: [&str; 15] = [
    "challenge",
    "challenge/choose",
    "enrol",
    "enrol/email",
    "enrol/confirm",
    "backup-codes/new",
    "backup-codes/low",
    "settings",
    "settings/rename",
    "settings/remove",
    "settings/resync",
    "reminder",
    "",
    "nope",
    "assets/mfa.css",
];

const ANSWERED_BY_POST_ALONE: [&str; 9] = [
    "challenge/resend",
    "challenge/cancel",
    "enrol/app",
    "enrol/resend",
    "enrol/cancel",
    "backup-codes/saved",
    "settings/sign-out-others",
    "reminder/skip",
    "nope/nope",
];

fn assert_guarded_by_headers(answer: &Answer, what: &str) {
    let policy = answer.header("content-security-policy");
    for needed in ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"] {
        assert!(policy.contains(needed), "{what}: {policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("data:"), "{what}: {policy}");
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{what}");
    assert_eq!(answer.header("x-frame-options"), "DENY", "{what}");
    let referrer = answer.header("referrer-policy");
    assert!(["same-origin", "no-referrer", "strict-origin"].contains(&referrer), "{what}: {referrer}");
    assert!(answer.header("server").is_empty() && answer.header("x-powered-by").is_empty(), "{what}");
    for header in ["access-control-allow-origin", "access-control-allow-credentials"] {
        assert!(answer.header(header).is_empty(), "{what}");
    }
}

fn assert_not_kept(answer: &Answer, what: &str) {
    assert_guarded_by_headers(answer, what);
    assert_eq!(answer.header("cache-control"), "no-store", "{what}");
}

/// What the policy would stop a browser from running can't be on the page.
fn assert_a_clean_page(answer: &Answer, what: &str) {
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8", "{what}");
    let body = &answer.body;
    assert!(body.starts_with("<!DOCTYPE html>") && body.contains("<html lang=\""), "{what}: {body}");
    for inline in ["<style", " style=\"", " onclick=", " onload=", " onsubmit=", "javascript:", "<iframe"] {
        assert!(!body.contains(inline), "{what} has {inline}");
    }
    for script in body.split("<script").skip(1) {
        assert!(script.starts_with(" src=\"/"), "{what} has a script of its own");
    }
    for elsewhere in ["src=\"http", "src=\"//", "href=\"http", "href=\"//", "action=\"http", "action=\"//"] {
        assert!(!body.contains(elsewhere), "{what} has {elsewhere}");
    }
}

async fn assert_all(browser: &Browser, stage: &str) {
    for path in PAGES {
        let what = format!("{stage} {path}");
        let page = browser.clone().open(&at(path)).await;
        assert_not_kept(&page, &what);
        if page.status != 303 {
            assert_a_clean_page(&page, &what);
        }
        let head = browser.clone().send(browser.ask("HEAD", &at(path)).header("accept", "text/html")).await;
        assert_not_kept(&head, &what);
        assert_eq!(head.body, "", "{what}");
        // A session that is told of its end isn't told twice.
        assert!(head.status == page.status || stage == "ended elsewhere", "{what}");
        let json = browser.clone().get_json(&at(path)).await;
        assert_not_kept(&json, &what);
        let media = json.header("content-type");
        assert_eq!(media == "application/json", json.status == 200, "{what}: {media}");
        assert!(json.status == 200 || media == "application/problem+json", "{what}: {media}");
        assert!(json.json().is_object());
        if json.status != 200 {
            assert_eq!(json.json()["status"], json.status, "{what}");
            assert!(json.json()["title"].as_str().is_some_and(|title| !title.is_empty()), "{what}");
        }
    }
}

/// In each state a session can be in.
pub async fn every_page_has_the_headers(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    assert_all(&world.browser(), "stranger").await;
    let mut ann = world.with_both("ann").await;
    assert_all(&ann.browser, "signed in").await;
    let id = ann.browser.get_json(&at("settings")).await.json()["overview"]["factors"][0]["id"].clone();
    for path in ["settings/rename", "settings/remove", "settings/resync"] {
        let page = ann.browser.open(&at(&format!("{path}?factor={}", id.as_str().unwrap()))).await;
        assert_eq!(page.status, 200);
        assert_not_kept(&page, path);
        assert_a_clean_page(&page, path);
    }
    crate::journey::scan(&mut ann.browser).await;
    assert_all(&ann.browser, "setting up").await;
    assert_all(&world.pending("ann", "").await, "pending").await;
    world.pass(3600);
    assert_all(&ann.browser, "stale").await;
    world.mfa.password_changed(&crate::world::key("ann")).await.unwrap();
    assert_all(&ann.browser, "ended elsewhere").await;
    let required = World::with(adapter, |builder| builder.policy(Policy::Required)).await;
    let mut enrolling = required.browser();
    enrolling.password("ann", "").await;
    assert_all(&enrolling, "enrolling").await;
}

/// Refusals, forged forms, unknown pages and faults.
pub async fn every_refusal_has_the_headers(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let ann = world.with_both("ann").await;
    let mut pending = world.pending("ann", "").await;
    let wrong = world.answer(&mut pending, &world.wrong(&ann.app)).await;
    assert_eq!(wrong.status, 422);
    assert_not_kept(&wrong, "wrong code");
    assert_a_clean_page(&wrong, "wrong code");
    assert!(wrong.body.contains("<title>Error: "), "the title says that there is a problem");
    for path in PAGES.iter().chain(&ANSWERED_BY_POST_ALONE) {
        let forged = pending.clone().send(pending.ask("POST", &at(path)).form(&[("code", "1")])).await;
        assert_eq!(forged.status, 403, "{path}");
        assert_not_kept(&forged, path);
    }
    for path in ANSWERED_BY_POST_ALONE {
        let looked = pending.clone().open(&at(path)).await;
        assert_eq!(looked.status, 404, "{path}");
        assert_not_kept(&looked, path);
        assert_a_clean_page(&looked, path);
    }
    for method in ["PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "X"] {
        for path in ["challenge", "settings", ""] {
            let answer = pending.clone().send(pending.ask(method, &at(path))).await;
            assert!([404, 405, 501].contains(&answer.status), "{method} {path}: {}", answer.status);
            assert_not_kept(&answer, method);
        }
    }
    for call in [SessionCall::Load, SessionCall::Save] {
        world.sessions.fail(call);
        for path in ["challenge", "settings"] {
            let failed = pending.clone().send(pending.ask("GET", &at(path)).header("accept", "text/html")).await;
            if call == SessionCall::Load && adapter.sessions_are_read_before_pages() {
                assert_eq!((failed.status, failed.body.as_str()), (500, ""), "{path}");
            } else if call == SessionCall::Load {
                assert_eq!(failed.status, 503, "{path}");
                assert_not_kept(&failed, path);
                assert_a_clean_page(&failed, path);
            }
        }
        world.sessions.heal();
    }
}

/// Style sheet and script: kept for good, under a name that changes with them.
pub async fn assets_are_kept_and_nothing_else(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    world.with_app("ann").await;
    let pending = world.pending("ann", "").await;
    let style = between(&pending.page().body, "<link rel=\"stylesheet\" href=\"", "\"").unwrap().to_owned();
    let script = between(&pending.page().body, "<script src=\"", "\"").unwrap().to_owned();
    for (path, media) in [(&style, "text/css; charset=utf-8"), (&script, "text/javascript; charset=utf-8")] {
        let mut stranger = world.browser();
        let asset = stranger.open(path).await;
        assert_eq!((asset.status, asset.header("content-type")), (200, media));
        assert_eq!(asset.header("cache-control"), "private, max-age=31536000, immutable");
        assert_guarded_by_headers(&asset, path);
        assert!(asset.header("set-cookie").is_empty());
        let head = stranger.send(stranger.ask("HEAD", path)).await;
        assert_eq!((head.status, head.body.as_str()), (200, ""));
        for method in ["POST", "PUT", "DELETE"] {
            let refused = stranger.send(stranger.ask(method, path)).await;
            assert_eq!((refused.status, refused.header("allow")), (405, "GET, HEAD"), "{method}");
            assert_not_kept(&refused, method);
        }
        let old = path.replace("assets/mfa-", "assets/mfa-0");
        let gone = stranger.open(&old).await;
        assert_eq!(gone.status, 404);
        assert_not_kept(&gone, &old);
    }
    for path in ["assets/", "assets/../settings", "assets/%2e%2e/settings", "assets/..%2f..%2fetc/passwd"] {
        let answer = world.browser().open(&at(path)).await;
        assert!([303, 404].contains(&answer.status), "{path}");
        assert_not_kept(&answer, path);
    }
}

/// What the gate answers in the place of the host's pages.
pub async fn what_the_gate_answers_has_the_headers(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    world.with_app("ann").await;
    let pending = world.pending("ann", "").await;
    for browser in [&world.browser(), &pending] {
        for accept in ["text/html", "application/json", "*/*", "application/problem+json", ""] {
            let answer = browser.clone().send(browser.ask("GET", "/deep/page").header("accept", accept)).await;
            assert_not_kept(&answer, accept);
            let program = accept.contains("json");
            assert_eq!(answer.status, if program { 401 } else { 303 }, "{accept}");
        }
    }
    // The host's own answers are the host's.
    let mut signed_in = world.browser();
    signed_in.password("ben", "").await;
    assert!(signed_in.open("/").await.header("content-security-policy").is_empty());
}
