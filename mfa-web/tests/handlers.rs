//! What the pages do in the rarer states: one method left, two alike, nothing chosen, no place for a slow hash.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests; a failure is what they are for")]

mod portal;

use std::num::NonZeroUsize;
use std::sync::mpsc;

use mfa_core::hashing::HashPool;
use mfa_core::policy::Policy;
use mfa_core::port::sender::{Failure, Locale};
use mfa_core::service::SignIn;
use mfa_core::settings::Confirm;
use mfa_core::throttle::Limits;
use mfa_core::ticket::Authority;
use mfa_testing::app::AuthenticatorApp;
use mfa_testing::entropy::SeededEntropy;
use mfa_web::message::{MAX_BODY, Method, Request, Response};
use mfa_web::paths;

use crate::portal::{Kept, Portal, key, plain, portal, text};

const SEND: &str = "/mfa/challenge/resend\"";
const CHOOSE: &str = "/mfa/challenge/choose\"";
const CODE_FIELD: &str = "name=\"code\"";

fn leads_to(response: &Response) -> &str {
    assert_eq!(response.status(), 303);
    response.header("location").unwrap()
}

/// Begins to set up an app on the pages.
async fn scans(portal: &Portal, session: &Kept) -> AuthenticatorApp {
    let begun = portal.send(session, paths::ENROL_APP, &[]).await;
    assert_eq!(leads_to(&begun), "/mfa/enrol/confirm");
    let shown = portal.read(session, paths::ENROL_CONFIRM).await;
    AuthenticatorApp::scan(shown.get("uri").and_then(serde_json::Value::as_str).unwrap()).unwrap()
}

#[tokio::test]
async fn who_has_only_a_mailbox_steps_up_by_asking_for_a_code() {
    let portal = plain();
    let standing = portal.with_mailbox("ann").await;
    let session = portal.enters("ann", None).await;
    session.seat(&standing).await;
    portal.pass(3600);
    portal.sender.clear();
    let stopped = portal.web.handle(&session, Request::new(Method::Get, paths::SETTINGS)).await;
    assert_eq!(leads_to(&stopped), "/mfa/challenge");

    let page = portal.get(&session, paths::CHALLENGE).await;
    assert!(page.contains(SEND) && !page.contains(CHOOSE) && !page.contains(CODE_FIELD), "{page}");
    assert_eq!(portal.sender.last_code(), None, "looking sends nothing");
    let sent = portal.send(&session, paths::CHALLENGE_RESEND, &[]).await;
    assert_eq!(leads_to(&sent), "/mfa/challenge");
    assert!(portal.sender.last_code().is_some());
    let page = portal.get(&session, paths::CHALLENGE).await;
    assert!(page.contains("role=\"status\"") && page.contains(CODE_FIELD), "{page}");
}

#[tokio::test]
async fn who_chooses_an_app_is_not_told_that_a_code_was_sent() {
    let portal = plain();
    portal.with_app("ann").await;
    let session = portal.enters("ann", None).await;
    let view = portal.read(&session, paths::CHALLENGE).await;
    let app = view["chosen"]["choice"].as_str().unwrap();
    let chosen = portal.send(&session, paths::CHALLENGE_CHOOSE, &[("method", app)]).await;
    assert_eq!(leads_to(&chosen), "/mfa/challenge");
    assert!(!portal.get(&session, paths::CHALLENGE).await.contains("role=\"status\""));
}

#[tokio::test]
async fn who_has_only_backup_codes_left_is_asked_to_choose_them() {
    let limits = Limits { disable_at: 2, free: 2, ..Limits::default() };
    let portal = portal(|builder| builder.limits(limits), |builder| builder);
    let (app, standing) = portal.with_app("ann").await;
    portal.mfa.make_backup_codes(&standing).await.unwrap().unwrap();
    let SignIn::Challenged(ticket) = portal.mfa.sign_in(&key("ann")).await.unwrap() else {
        panic!("no challenge")
    };
    let old = app.code_at(portal.clock.time());
    portal.pass(300);
    for _ in 0..2 {
        assert!(portal.mfa.answer(&ticket, &old).await.unwrap().is_err());
    }
    let session = portal.enters("ann", None).await;
    let page = portal.get(&session, paths::CHALLENGE).await;
    assert!(
        page.contains(CHOOSE) && page.contains("value=\"backup_code\"") && !page.contains(SEND),
        "{page}"
    );
}

#[tokio::test]
async fn where_a_message_did_not_go_out_the_page_offers_to_send_one_and_asks_for_no_code() {
    let portal = plain();
    portal.with_mailbox("ann").await;
    portal.pass(60);
    portal.sender.fail_next(Failure::Permanent);
    let session = portal.enters("ann", None).await;
    let page = portal.get(&session, paths::CHALLENGE).await;
    assert!(page.contains(SEND) && !page.contains(CODE_FIELD), "{page}");
}

#[tokio::test]
async fn methods_of_one_kind_are_told_apart_by_their_names() {
    let portal = plain();
    let (_, standing) = portal.with_app("ann").await;
    let session = portal.enters("ann", None).await;
    assert!(!portal.get(&session, paths::CHALLENGE_CHOOSE).await.contains("Phone"));

    let authority = Authority::Session(standing);
    let (ticket, shown) = portal.mfa.enrol_app(&authority, "Tablet").await.unwrap().unwrap();
    let code = AuthenticatorApp::scan(shown.uri.expose()).unwrap().code_at(portal.clock.time());
    let _proof = portal.mfa.confirm(&authority, &ticket, &code, None).await.unwrap().unwrap();
    let session = portal.enters("ann", None).await;
    let page = portal.get(&session, paths::CHALLENGE_CHOOSE).await;
    assert!(page.contains("Phone") && page.contains("Tablet"), "{page}");
}

#[tokio::test]
async fn only_who_has_to_set_something_up_is_told_that_it_is_required() {
    for (policy, required) in [(Policy::Required, true), (Policy::Encouraged, false)] {
        let portal = portal(|builder| builder.policy(policy), |builder| builder);
        let session = portal.enters("ann", None).await;
        assert_eq!(portal.read(&session, paths::ENROL).await["required"], required, "{policy:?}");
    }
}

#[tokio::test]
async fn what_took_too_long_to_set_up_is_forgotten_and_begun_again() {
    let portal = plain();
    let session = portal.enters("ann", None).await;
    scans(&portal, &session).await;
    assert!(!session.state()["stage"]["signed_in"]["enrolment"].is_null());
    portal.pass(3600);
    let page = portal.get(&session, paths::ENROL_CONFIRM).await;
    assert!(page.contains("href=\"/mfa/enrol\""), "{page}");
    assert!(session.state()["stage"]["signed_in"]["enrolment"].is_null());
}

#[tokio::test]
async fn who_was_going_somewhere_goes_there_once_another_method_is_set_up() {
    for (going, expected) in [(Some("/marks"), "/marks"), (None, "/mfa/settings")] {
        let portal = portal(|builder| builder.backup_codes(4), |builder| builder);
        let (_, standing) = portal.with_app("ann").await;
        let codes = portal.mfa.make_backup_codes(&standing).await.unwrap().unwrap();
        let session = Kept::default();
        portal.web.sign_in(&session, &key("ann"), going, None).await.unwrap();
        let fields = [("method", "backup_code")];
        portal.send(&session, paths::CHALLENGE_CHOOSE, &fields).await;
        let code = codes.iter().next().unwrap().expose();
        let answered = portal.send(&session, paths::CHALLENGE, &[("code", code)]).await;
        // One of the last codes: that is said first, and whoever sets something up instead is still going on.
        assert_eq!(leads_to(&answered), "/mfa/backup-codes/low");
        let app = scans(&portal, &session).await;
        let code = app.code_at(portal.clock.time());
        let confirmed = portal.send(&session, paths::ENROL_CONFIRM, &[("code", &code)]).await;
        assert_eq!(leads_to(&confirmed), expected);
    }
}

#[tokio::test]
async fn of_two_codes_the_one_that_can_be_none_is_pointed_at() {
    let portal = portal(|builder| builder.confirm(Confirm::TwoConsecutive), |builder| builder);
    let session = portal.enters("ann", None).await;
    let app = scans(&portal, &session).await;
    let right = app.code_at(portal.clock.time());
    for (first, second, at) in [
        (right.as_str(), "12", "#code_2\""),
        (right.as_str(), "letter", "#code_2\""),
        ("12", "34", "#code\""),
        ("12", right.as_str(), "#code\""),
        // Both can be codes, and they don't follow each other.
        (right.as_str(), right.as_str(), "#code\""),
    ] {
        let fields = [("code", first), ("code_2", second)];
        let response = portal.send(&session, paths::ENROL_CONFIRM, &fields).await;
        assert_eq!(response.status(), 422);
        let page = text(response);
        assert!(page.contains(&format!("href=\"{at}")), "{first} {second}: {page}");
    }
}

/// After a set-up the codes can wait; whoever asks for them and doesn't get them is told of the fault, not to try again.
#[tokio::test]
async fn backup_codes_that_can_not_be_made_are_a_fault_for_whoever_asked_for_them() {
    let entropy = SeededEntropy::default();
    let portal = portal(|builder| builder.entropy(entropy.clone()), |builder| builder);
    let (_, standing) = portal.with_app("ann").await;
    let session = portal.enters("ann", None).await;
    session.seat(&standing).await;
    entropy.set_broken(true);
    let response = portal.send(&session, paths::BACKUP_CODES_NEW, &[]).await;
    assert_eq!(response.status(), 503);
    let page = text(response);
    assert!(page.contains("Try again in a few minutes."), "{page}");
    entropy.set_broken(false);
    let made = portal.send(&session, paths::BACKUP_CODES_NEW, &[]).await;
    assert_eq!(made.status(), 200);
}

#[tokio::test]
async fn a_program_may_send_as_much_as_a_form_and_no_more() {
    let portal = plain();
    for (length, status) in [(MAX_BODY, 200), (MAX_BODY + 1, 413), (2 * MAX_BODY, 413)] {
        let session = portal.enters("ann", None).await;
        let around = serde_json::json!({ "csrf": session.csrf(), "more": "" }).to_string().len();
        let more = "x".repeat(length - around);
        let body = serde_json::json!({ "csrf": session.csrf(), "more": more }).to_string();
        assert_eq!(body.len(), length);
        let request = Request::new(Method::Post, paths::REMINDER_SKIP)
            .with_header("content-type", "application/json")
            .with_body(body.into_bytes());
        assert_eq!(portal.web.handle(&session, request).await.status(), status, "{length}");
    }
}

#[tokio::test]
async fn without_a_place_for_a_slow_hash_a_method_is_still_set_up_and_codes_have_to_wait() {
    let pool = HashPool::new(NonZeroUsize::MIN);
    let portal = portal(|builder| builder.hash_pool(pool.clone()), |builder| builder);
    let session = portal.enters("ann", None).await;
    let app = scans(&portal, &session).await;

    let (began, begun) = mpsc::channel();
    let (gate, opened) = mpsc::channel::<()>();
    let held = tokio::spawn(async move {
        let work = move || {
            began.send(()).unwrap();
            let _ = opened.recv();
        };
        pool.run(work).await
    });
    tokio::task::yield_now().await;
    begun.recv().unwrap();

    let code = app.code_at(portal.clock.time());
    let confirmed = portal.send(&session, paths::ENROL_CONFIRM, &[("code", &code)]).await;
    assert_eq!(leads_to(&confirmed), "/mfa/settings");
    assert!(portal.get(&session, paths::SETTINGS).await.contains("role=\"status\""));
    let refused = portal.send(&session, paths::BACKUP_CODES_NEW, &[]).await;
    assert_eq!((refused.status(), refused.header("retry-after")), (503, Some("1")));
    drop(gate);
    held.await.unwrap().unwrap();
    let made = portal.send(&session, paths::BACKUP_CODES_NEW, &[]).await;
    assert_eq!(made.status(), 200);
}

#[tokio::test]
async fn the_link_to_the_other_language_leads_to_a_page_that_can_be_looked_at() {
    let portal = plain();
    let session = portal.enters("ann", None).await;
    let link_on = |page: &str, to: &str| {
        let link = format!("href=\"/mfa/{to}?lang=cy\"");
        assert!(page.contains(&link), "{link}: {page}");
    };
    link_on(&portal.get(&session, paths::SETTINGS).await, "settings");
    let app = scans(&portal, &session).await;
    link_on(&portal.get(&session, paths::ENROL_CONFIRM).await, "enrol/confirm");
    let wrong = portal.send(&session, paths::ENROL_CONFIRM, &[("code", "12")]).await;
    link_on(&text(wrong), "enrol/confirm");
    // The codes are shown where they were made, and can't be looked at again.
    let code = app.code_at(portal.clock.time());
    let shown = portal.send(&session, paths::ENROL_CONFIRM, &[("code", &code)]).await;
    link_on(&text(shown), "settings");
    link_on(&portal.get(&session, paths::BACKUP_CODES_NEW).await, "backup-codes/new");
    link_on(&text(portal.send(&session, paths::BACKUP_CODES_NEW, &[]).await), "settings");
}

#[tokio::test]
async fn codes_are_sent_in_the_language_of_the_pages() {
    let portal = plain();
    for locale in [Locale::Welsh, Locale::English] {
        let session = portal.enters("ann", Some(locale)).await;
        let begun = portal.send(&session, paths::ENROL_EMAIL, &[("email", "ann@codes.example")]).await;
        assert_eq!(leads_to(&begun), "/mfa/enrol/confirm");
        assert_eq!(portal.sender.messages().last().unwrap().locale, locale);
        portal.pass(60);
    }
}

#[tokio::test]
async fn whom_nothing_is_known_of_is_sent_to_the_sign_in_page_and_a_program_is_told_so() {
    let portal = plain();
    let nobody = Kept::default();
    let looks = || Request::new(Method::Get, paths::SETTINGS);
    assert_eq!(leads_to(&portal.web.handle(&nobody, looks()).await), "/sign-in");
    let told = portal.web.handle(&nobody, looks().with_header("accept", "application/json")).await;
    assert_eq!(told.status(), 401);
    assert!(nobody.state().is_null(), "looking began a session");
}

#[tokio::test]
async fn a_session_that_was_ended_elsewhere_is_nobodys_from_then_on() {
    let portal = plain();
    let (_, standing) = portal.with_app("ann").await;
    let session = portal.enters("ann", None).await;
    session.seat(&standing).await;
    let _other = portal.mfa.end_other_sessions(&standing).await.unwrap().unwrap();
    let before = session.rotations();
    let told = portal.web.handle(&session, Request::new(Method::Get, paths::SETTINGS)).await;
    assert_eq!(told.status(), 401);
    assert!(text(told).contains("class=\"mfa-button\" href=\"/sign-in\""));
    assert_eq!((&session.state()["stage"], session.rotations()), (&"anonymous".into(), before + 1));
}
