//! The security settings as their owner reads them: what happened, and what can be removed.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests; a failure is what they are for")]

mod portal;

use mfa_core::id::UserId;
use mfa_core::policy::Policy;
use mfa_core::port::sender::{Failure, Locale};
use mfa_core::proof::Method as Proved;
use mfa_core::refusal::Refusal;
use mfa_core::service::SignIn;
use mfa_core::throttle::Limits;
use mfa_core::ticket::{Authority, Ticket};
use mfa_web::paths;
use mfa_web::text::Text;
use mfa_web::text::vocabulary::{Activity, MethodKind};

use crate::portal::{Portal, key, plain, portal};

fn said(activity: &Activity) -> String {
    escape(&(Text::of(Locale::English).activity)(activity))
}

/// As the pages write it.
fn escape(text: &str) -> String {
    text.replace('&', "&#38;")
        .replace('<', "&#60;")
        .replace('>', "&#62;")
        .replace('"', "&#34;")
        .replace('\'', "&#39;")
}

async fn challenged(portal: &Portal) -> Ticket {
    match portal.mfa.sign_in(&key("ann")).await.unwrap() {
        SignIn::Challenged(ticket) => ticket,
        other => panic!("{other:?}"),
    }
}

async fn choose(portal: &Portal, ticket: &Ticket, method: Proved) -> Result<(), Refusal> {
    let view = portal.mfa.challenge(ticket).await.unwrap().unwrap();
    let choice = view.methods.iter().find(|offered| offered.method == method).unwrap().choice;
    portal.mfa.choose(ticket, choice, Locale::English).await.unwrap()
}

/// The page lists the last fifteen things, so that what is read is read in two halves.
#[tokio::test]
async fn whatever_happens_to_an_account_is_told_to_its_owner() {
    let limits = Limits { disable_at: 2, free: 2, ..Limits::default() };
    let portal = portal(|builder| builder.limits(limits), |builder| builder);
    let session = portal.enters("ann", None).await;
    let (app, standing) = portal.with_app("ann").await;
    let now = || portal.clock.time();

    let ticket = challenged(&portal).await;
    let used = app.code_at(now());
    let standing_now = portal.mfa.answer(&ticket, &used).await.unwrap().unwrap().verified.into_standing();
    let ticket = portal.mfa.step_up(&standing_now).await.unwrap().unwrap();
    assert!(portal.mfa.answer(&ticket, &used).await.unwrap().is_err());
    portal.pass(30);
    let _proof = portal.mfa.answer(&ticket, &app.code_at(now())).await.unwrap().unwrap();
    let app_id = portal.mfa.overview(&standing).await.unwrap().unwrap().factors.first().unwrap().id;
    portal.mfa.rename(&standing, app_id, "Old phone").await.unwrap().unwrap();
    portal.pass(30);
    let (one, two) = (app.code_at(now()), app.code_at(now().after(std::time::Duration::from_secs(30))));
    portal.mfa.resynchronise(&standing, app_id, &one, &two).await.unwrap().unwrap();
    portal.pass(60);
    let codes = portal.mfa.make_backup_codes(&standing).await.unwrap().unwrap();
    let ticket = challenged(&portal).await;
    choose(&portal, &ticket, Proved::BackupCode).await.unwrap();
    let backup = codes.iter().next().unwrap().expose();
    let _proof = portal.mfa.answer(&ticket, backup).await.unwrap().unwrap();
    let standing = portal.mfa.end_other_sessions(&standing).await.unwrap().unwrap();
    session.seat(&standing).await;
    let page = portal.get(&session, paths::SETTINGS).await;
    let app_kind = MethodKind::App;
    for told in [
        Activity::MethodAdded { name: "Phone".to_owned() },
        Activity::SignedIn { kind: app_kind },
        Activity::UsedCode,
        Activity::Confirmed { kind: app_kind },
        Activity::MethodRenamed { name: "Old phone".to_owned() },
        Activity::AppSynchronised,
        Activity::BackupCodesMade,
        Activity::BackupCodeUsed { left: 9 },
        Activity::SignedIn { kind: MethodKind::BackupCode },
        Activity::OthersSignedOut,
    ] {
        assert!(page.contains(&said(&told)), "{told:?} in {page}");
    }
    assert!(!page.contains(&said(&Activity::WrongCode)), "a used code was told as a wrong one");

    let authority = Authority::Session(standing.clone());
    portal.sender.fail_next(Failure::Permanent);
    let failed =
        portal.mfa.enrol_email(&authority, "Post", "ann@codes.example", Locale::English).await.unwrap();
    assert!(failed.is_err());
    let ticket = portal
        .mfa
        .enrol_email(&authority, "Post", "ann@codes.example", Locale::English)
        .await
        .unwrap()
        .unwrap();
    let code = portal.sender.last_code().unwrap();
    let bound = portal.mfa.confirm(&authority, &ticket, &code, None).await.unwrap().unwrap();
    let standing = portal.mfa.remove(&bound.verified.into_standing(), bound.factor).await.unwrap().unwrap();
    let ticket = challenged(&portal).await;
    choose(&portal, &ticket, Proved::App).await.unwrap();
    for _ in 0..2 {
        assert!(portal.mfa.answer(&ticket, &used).await.unwrap().is_err());
    }
    session.seat(&standing).await;
    let page = portal.get(&session, paths::SETTINGS).await;
    for told in [
        Activity::CodeNotDelivered,
        Activity::CodeSent,
        Activity::MethodAdded { name: "Post".to_owned() },
        Activity::MethodRemoved { name: "Post".to_owned() },
        Activity::MethodDisabled { name: "Old phone".to_owned() },
        Activity::Throttled,
    ] {
        assert!(page.contains(&said(&told)), "{told:?} in {page}");
    }

    portal.mfa.reset(&key("ann"), &UserId::new("admin").unwrap(), "lost").await.unwrap().unwrap();
    portal.pass(1);
    let session = portal.enters("ann", None).await;
    assert!(portal.get(&session, paths::SETTINGS).await.contains(&said(&Activity::Reset)));
}

#[tokio::test]
async fn backup_codes_that_were_guessed_at_are_told_as_turned_off() {
    let limits = Limits { disable_at: 2, free: 9, ..Limits::default() };
    let portal = portal(|builder| builder.limits(limits), |builder| builder);
    let (_, standing) = portal.with_app("ann").await;
    portal.mfa.make_backup_codes(&standing).await.unwrap().unwrap();
    let ticket = challenged(&portal).await;
    choose(&portal, &ticket, Proved::BackupCode).await.unwrap();
    for _ in 0..2 {
        assert!(portal.mfa.answer(&ticket, "0000-0000-0000-0000").await.unwrap().is_err());
    }
    let session = portal.enters("ann", None).await;
    session.seat(&standing).await;
    let page = portal.get(&session, paths::SETTINGS).await;
    assert!(page.contains(&said(&Activity::BackupCodesDisabled)), "{page}");
}

#[tokio::test]
async fn the_last_method_can_be_removed_only_where_none_is_required() {
    for (policy, methods, removable) in
        [(Policy::Encouraged, 1, true), (Policy::Required, 1, false), (Policy::Required, 2, true)]
    {
        let portal = plain();
        let session = portal.enters("ann", None).await;
        let (_, mut standing) = portal.with_app("ann").await;
        if methods == 2 {
            let authority = Authority::Session(standing.clone());
            let (ticket, shown) = portal.mfa.enrol_app(&authority, "Second").await.unwrap().unwrap();
            let app = mfa_testing::app::AuthenticatorApp::scan(shown.uri.expose()).unwrap();
            let code = app.code_at(portal.clock.time());
            let bound = portal.mfa.confirm(&authority, &ticket, &code, None).await.unwrap().unwrap();
            standing = bound.verified.into_standing();
        }
        session.seat(&standing).await;
        portal.directory.put(
            key("ann"),
            mfa_core::port::directory::Person { policy: Some(policy), ..Default::default() },
        );
        let page = portal.get(&session, paths::SETTINGS).await;
        assert_eq!(page.contains(paths::SETTINGS_REMOVE), removable, "{policy:?} with {methods}: {page}");
    }
}

/// A form tells one kind of code from the other by the method that was chosen, or else by the length.
#[test]
fn a_code_of_the_wrong_length_or_kind_is_told_in_the_words_for_its_kind() {
    let say = |refusal: Refusal, kind| (Text::of(Locale::English).refusal)(&refusal, kind);
    let cymraeg = |refusal: Refusal, kind| (Text::of(Locale::Welsh).refusal)(&refusal, kind);
    let short = |expected| Refusal::CodeLength { expected, typed: 4 };
    let (app, backup) = (Some(MethodKind::App), Some(MethodKind::BackupCode));
    for (kind, expected, letters) in [
        (app, 6, false),
        (app, 16, false),
        (backup, 6, true),
        (None, 6, false),
        (None, 10, true),
        (None, 9, false),
    ] {
        assert_eq!(
            say(short(expected), kind).contains("letters and numbers"),
            letters,
            "{kind:?} {expected}"
        );
        assert_eq!(cymraeg(short(expected), kind).contains("lythrennau"), letters, "{kind:?} {expected}");
    }
    let empty = Refusal::CodeLength { expected: 6, typed: 0 };
    assert_eq!(cymraeg(empty, app), "Rhowch god diogelwch");
    assert_eq!(cymraeg(empty, backup), "Rhowch god wrth gefn");
    for speak in [say as fn(Refusal, Option<MethodKind>) -> String, cymraeg] {
        for refusal in [Refusal::UsedCode { tries_left: 4 }, Refusal::CodeCharacters] {
            assert_ne!(speak(refusal, app), speak(refusal, backup), "{refusal:?}");
        }
    }
    assert!(
        say(Refusal::CodeCharacters, backup).contains("letters")
            && !say(Refusal::CodeCharacters, app).contains("letters")
    );
    assert!(say(Refusal::UsedCode { tries_left: 4 }, backup).starts_with("This backup code"));
    assert!(cymraeg(Refusal::CodeCharacters, backup).contains("llythrennau"));
    assert!(!cymraeg(Refusal::CodeCharacters, app).contains("llythrennau"));
    assert!(cymraeg(Refusal::UsedCode { tries_left: 4 }, app).contains("Arhoswch am un newydd"));
}
