//! Ways in and out, the gate and where forms come from: the web side alone, without a framework or a socket.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests; a failure is what they are for")]

mod portal;

use std::time::Duration;

use mfa_core::port::sender::{Failure, Locale};
use mfa_core::refusal::Refusal;
use mfa_core::service::{Demand, SignIn};
use mfa_core::throttle::Limits;
use mfa_core::ticket::Ticket;
use mfa_web::brand::Brand;
use mfa_web::gate::{Asked, Passage};
use mfa_web::message::{Method, Request};
use mfa_web::paths;
use mfa_web::session::Session as _;
use mfa_web::web::{Web, WebBuilder};
use serde_json::Value;

use crate::portal::{Kept, key, plain, portal, text};

#[tokio::test]
async fn who_signs_out_is_nobody_and_keeps_only_the_language() {
    let portal = plain();
    let session = portal.enters("ann", Some(Locale::Welsh)).await;
    assert!(portal.web.signed_in(&session).await.unwrap().is_some());
    let (before, token) = (session.rotations(), session.csrf());
    portal.web.sign_out(&session).await.unwrap();
    assert!(portal.web.signed_in(&session).await.unwrap().is_none());
    assert_eq!(session.rotations(), before + 1);
    assert_ne!(session.csrf(), token);
    assert_eq!(portal.web.locale(&session).await.unwrap(), Some(Locale::Welsh));
    // Nobody had no session, and gets none by leaving.
    let nobody = Kept::default();
    portal.web.sign_out(&nobody).await.unwrap();
    assert_eq!((nobody.state(), nobody.rotations()), (Value::Null, 0));
}

#[tokio::test]
async fn who_signs_out_half_way_leaves_no_challenge_to_be_answered_from_behind() {
    let portal = plain();
    portal.with_app("ann").await;
    let session = portal.enters("ann", None).await;
    let ticket: Ticket = serde_json::from_value(session.state()["stage"]["pending"].clone()).unwrap();
    assert!(portal.mfa.challenge(&ticket).await.unwrap().is_ok());
    portal.web.sign_out(&session).await.unwrap();
    assert_eq!(portal.mfa.challenge(&ticket).await.unwrap(), Err(Refusal::ChallengeUnknown));
}

#[tokio::test]
async fn the_language_is_the_one_chosen_last() {
    let portal = plain();
    let nobody = Kept::default();
    portal.web.choose_locale(&nobody, Locale::Welsh).await.unwrap();
    assert_eq!(portal.web.locale(&nobody).await.unwrap(), None, "there is nothing to note it in yet");
    let session = portal.enters("ann", None).await;
    assert_eq!(portal.web.locale(&session).await.unwrap(), None);
    for locale in [Locale::Welsh, Locale::English] {
        portal.web.choose_locale(&session, locale).await.unwrap();
        assert_eq!(portal.web.locale(&session).await.unwrap(), Some(locale));
    }
}

#[tokio::test]
async fn who_has_only_a_mailbox_is_sent_a_code_at_once_and_told_only_if_it_went_out() {
    let portal = plain();
    let standing = portal.with_mailbox("ann").await;
    portal.mfa.make_backup_codes(&standing).await.unwrap().unwrap();
    portal.sender.clear();
    let session = portal.enters("ann", None).await;
    assert!(portal.sender.last_code().is_some());
    assert!(!session.state()["note"].is_null(), "{}", session.state());

    portal.pass(60);
    portal.sender.clear();
    portal.sender.fail_next(Failure::Permanent);
    let session = portal.enters("ann", None).await;
    assert_eq!(portal.sender.last_code(), None);
    assert!(session.state()["note"].is_null(), "{}", session.state());
}

#[tokio::test]
async fn the_gate_stops_whoever_has_no_method_left_as_a_page_and_as_a_problem() {
    let limits = Limits { disable_at: 2, ..Limits::default() };
    let portal = portal(|builder| builder.limits(limits), |builder| builder);
    let (app, _) = portal.with_app("ann").await;
    let session = portal.enters("ann", None).await;
    let ticket: Ticket = serde_json::from_value(session.state()["stage"]["pending"].clone()).unwrap();
    let code = app.code_at(portal.clock.time());
    let verified = portal.mfa.answer(&ticket, &code).await.unwrap().unwrap().verified;
    session.seat(&verified.into_standing()).await;
    let SignIn::Challenged(other) = portal.mfa.sign_in(&key("ann")).await.unwrap() else {
        panic!("no challenge")
    };
    for _ in 0..2 {
        // A used code is a wrong one.
        assert!(portal.mfa.answer(&other, &code).await.unwrap().is_err());
    }
    portal.pass(901);
    let demand = Demand { fresh_within: Some(Duration::from_secs(900)) };
    for (accept, kind) in [("text/html", "text/html"), ("application/json", "application/problem+json")] {
        let asked = Asked::new(Method::Get, "/marks", Some(accept));
        let Passage::Stopped(response) = portal.web.gate(&session, demand, &asked).await else {
            panic!("it let somebody through")
        };
        assert_eq!(response.status(), 403);
        assert!(response.header("content-type").unwrap().starts_with(kind), "{accept}");
    }
    // A fault is told in the form that was asked for.
    portal.clock.set_broken(true);
    for (accept, kind) in [(None, "text/html"), (Some("application/json"), "application/problem+json")] {
        let asked = Asked::new(Method::Get, "/marks", accept);
        let Passage::Stopped(response) = portal.web.gate(&session, demand, &asked).await else {
            panic!("it let somebody through")
        };
        assert_eq!(response.status(), 503);
        assert!(response.header("content-type").unwrap().starts_with(kind), "{accept:?}");
    }
}

#[tokio::test]
async fn forms_come_from_the_origins_that_were_named_or_else_from_the_host() {
    let ours = "https://portal.hillside.example";
    let behind_a_proxy = portal(|builder| builder, |builder| builder.origin(ours));
    let direct = plain();
    let host = ("host", "portal.hillside.example");
    for (portal, headers, taken) in [
        (&behind_a_proxy, vec![("origin", ours), ("host", "10.0.0.7:8080")], true),
        (&behind_a_proxy, vec![("origin", "https://10.0.0.7:8080"), ("host", "10.0.0.7:8080")], false),
        (&behind_a_proxy, vec![("origin", "null"), host], false),
        (&direct, vec![("origin", ours), host], true),
        (&direct, vec![("origin", "https://evil.example"), host], false),
        (&direct, vec![("origin", "null"), ("host", "null")], false),
        (&direct, vec![("origin", ours)], false),
        (&direct, vec![("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")], true),
        (&direct, vec![("sec-fetch-site", "same-site"), ("origin", ours), host], false),
        (&direct, vec![], true),
    ] {
        let session = portal.enters("ann", None).await;
        let response = portal.post(&session, paths::REMINDER_SKIP, &headers).await;
        assert_eq!(response.status() == 303, taken, "{headers:?}: {}", response.status());
    }
}

#[tokio::test]
async fn only_who_is_in_is_offered_the_way_out() {
    let brand = Brand::new("Hillside School").sign_out("/leave-now").unwrap();
    let portal = portal(|builder| builder, |builder| builder.brand(brand));
    let inside = portal.enters("bob", None).await;
    assert!(portal.get(&inside, paths::SETTINGS).await.contains("/leave-now"));
    portal.with_app("ann").await;
    let half_way = portal.enters("ann", None).await;
    assert!(!portal.get(&half_way, paths::CHALLENGE).await.contains("/leave-now"));
}

#[tokio::test]
async fn the_pages_say_whom_to_ask_in_the_words_they_were_given() {
    let asks = async |brand: Option<Brand>, locale: Locale| {
        let give = |builder: WebBuilder| match brand {
            Some(brand) => builder.brand(brand),
            None => builder,
        };
        let portal = portal(|builder| builder.help_in(Locale::Welsh, "Gofynnwch i'r swyddfa."), give);
        let session = portal.enters("ann", Some(locale)).await;
        portal.get(&session, paths::SETTINGS).await.replace("&#39;", "'")
    };
    let own = || Brand::new("School").help("Ask Bob.").help_in(Locale::Welsh, "Gofynnwch i Bob.");
    assert!(asks(None, Locale::English).await.contains("Ask the office."));
    assert!(asks(None, Locale::Welsh).await.contains("Gofynnwch i'r swyddfa."));
    let english = asks(Some(own()), Locale::English).await;
    assert!(
        english.contains("Ask Bob.") && !english.contains("office") && !english.contains("Gofynnwch i Bob.")
    );
    let welsh = asks(Some(own()), Locale::Welsh).await;
    assert!(welsh.contains("Gofynnwch i Bob.") && !welsh.contains("swyddfa"), "{welsh}");
}

#[tokio::test]
async fn pages_are_in_the_first_language_of_the_browser_that_there_are_words_for() {
    let portal = plain();
    for (accept, lang) in [("fr, cy-GB;q=0.8, en", "cy"), ("en-GB,en;q=0.9,cy;q=0.1", "en"), ("fr", "en")] {
        let session = portal.enters("ann", None).await;
        let request = Request::new(Method::Get, paths::SETTINGS).with_header("accept-language", accept);
        let page = text(portal.web.handle(&session, request).await);
        assert!(page.contains(&format!("<html lang=\"{lang}\"")), "{accept}: {page}");
    }
}

#[test]
fn paths_and_origins_that_are_none_are_refused_by_the_name_of_the_setting() {
    let mfa = || plain().mfa;
    let refused = |builder: WebBuilder| builder.build().map(|_| ()).unwrap_err().setting();
    for path in ["mfa", "https://evil.example", "//evil", "/mfa?x=1", "/mfa#x", "/mfa/"] {
        assert_eq!(refused(Web::builder(mfa()).mount(path)), "mount", "{path}");
    }
    assert_eq!(refused(Web::builder(mfa()).sign_in_page("sign-in")), "sign_in_page");
    assert_eq!(refused(Web::builder(mfa()).sign_in_page("/sign-in?next=")), "sign_in_page");
    for origin in ["portal.example", "https://", "https://portal.example/", "ftp://portal.example"] {
        assert_eq!(refused(Web::builder(mfa()).origin(origin)), "origin", "{origin}");
    }
    let web = Web::builder(mfa()).origin("http://localhost:8080").mount("/second").build().unwrap();
    assert!(format!("{web:?}").contains("/second"), "{web:?}");
}

/// Written by another release, or spoilt: the gate stays shut, and nobody is kept from signing in or out.
#[tokio::test]
async fn a_session_that_can_not_be_read_is_begun_anew() {
    let portal = plain();
    for spoilt in ["", "{}", "{\"stage\":\"flying\"}"] {
        let session = Kept::default();
        session.save(spoilt.to_owned()).await.unwrap();
        assert!(portal.web.signed_in(&session).await.is_err());
        portal.web.sign_out(&session).await.unwrap();
        assert!(portal.web.signed_in(&session).await.unwrap().is_none());
        assert_eq!(session.rotations(), 1);

        session.save(spoilt.to_owned()).await.unwrap();
        portal.web.sign_in(&session, &key("ann"), None, None).await.unwrap();
        assert_eq!(session.rotations(), 2);
        assert!(portal.web.signed_in(&session).await.unwrap().is_some());
    }
}
