//! Ways round the second factor: passes, tickets, older sessions, weak sessions, other accounts.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests; a failure is what they are for"
)]

use crate::common::{World, key, secs, user, wrong};
use mfa_core::challenge::Choice;
use mfa_core::event::EventKind;
use mfa_core::policy::Policy;
use mfa_core::port::directory::Person;
use mfa_core::port::sender::Locale;
use mfa_core::proof::{Level, Method, Standing};
use mfa_core::refusal::Refusal;
use mfa_core::service::{Demand, Gate, SignIn};
use mfa_core::throttle::Limits;
use mfa_core::ticket::{Authority, EnrolPass};

fn required() -> World {
    World::with(|builder| builder.email_codes(true).policy(Policy::Required))
}

async fn pass_for(world: &World, name: &str) -> EnrolPass {
    match world.mfa.sign_in(&key(name)).await.unwrap() {
        SignIn::MustEnrol(pass) => pass,
        other => panic!("{other:?}"),
    }
}

async fn gate(world: &World, standing: &Standing) -> Gate {
    world.mfa.check(standing, Demand::default()).await.unwrap()
}

#[tokio::test]
async fn whole_a_pass_to_enrol_is_worthless_once_a_factor_exists() {
    let world = required();
    let (pass, thief) = (pass_for(&world, "ann").await, pass_for(&world, "ann").await);
    let authority = Authority::Pass(pass);
    let (ticket, shown) = world.mfa.enrol_app(&authority, "Phone").await.unwrap().unwrap();
    let app = mfa_testing::app::AuthenticatorApp::scan(shown.uri.expose()).unwrap();
    let code = app.code_at(world.clock.time());
    let confirmed = world.mfa.confirm(&authority, &ticket, &code, None).await.unwrap().unwrap();
    assert!(confirmed.needs_backup_codes);
    for pass in [authority, Authority::Pass(thief)] {
        assert_eq!(world.mfa.enrol_app(&pass, "Mine").await.unwrap().unwrap_err(), Refusal::SignInAgain);
        let email = world.mfa.enrol_email(&pass, "Mine", "x@evil.example", Locale::English).await.unwrap();
        assert_eq!(email.unwrap_err(), Refusal::SignInAgain);
        assert_eq!(world.mfa.enrolment(&pass, &ticket).await.unwrap().unwrap_err(), Refusal::SignInAgain);
        let confirm = world.mfa.confirm(&pass, &ticket, &code, None).await.unwrap();
        assert_eq!(confirm.unwrap_err(), Refusal::SignInAgain);
    }
}

#[tokio::test]
async fn whole_a_pass_to_enrol_is_worthless_after_an_hour() {
    let world = required();
    let authority = Authority::Pass(pass_for(&world, "ann").await);
    world.pass(3_599);
    let (ticket, shown) = world.mfa.enrol_app(&authority, "Phone").await.unwrap().unwrap();
    let app = mfa_testing::app::AuthenticatorApp::scan(shown.uri.expose()).unwrap();
    world.pass(1);
    assert_eq!(world.mfa.enrol_app(&authority, "Phone").await.unwrap().unwrap_err(), Refusal::SignInAgain);
    let code = app.code_at(world.clock.time());
    let late = world.mfa.confirm(&authority, &ticket, &code, None).await.unwrap();
    assert_eq!(late.unwrap_err(), Refusal::SignInAgain);
}

#[tokio::test]
async fn whole_a_ticket_is_good_for_its_own_account_session_and_purpose() {
    let world = World::new();
    let ann = world.with_app("ann").await;
    let bob = world.with_app("bob").await;
    let ticket = world.challenged(&ann.key).await;
    let code = ann.app.code_at(world.clock.time());
    // Another session's hold on the same challenge, another account's name on it.
    let json = serde_json::to_value(&ticket).unwrap();
    let mut stolen = json.clone();
    stolen["binding"] = serde_json::to_value(world.challenged(&ann.key).await).unwrap()["binding"].clone();
    let mut renamed = json;
    renamed["account"] = serde_json::to_value(&bob.key).unwrap();
    for forged in [stolen, renamed] {
        let forged = serde_json::from_value(forged).unwrap();
        for code in [&code, &bob.app.code_at(world.clock.time())] {
            assert_eq!(world.answer(&forged, code).await.unwrap_err(), Refusal::ChallengeUnknown);
        }
        assert_eq!(world.mfa.challenge(&forged).await.unwrap().unwrap_err(), Refusal::ChallengeUnknown);
        world.mfa.abandon(&forged).await.unwrap();
    }
    // A's code on B fails and isn't spent.
    let bobs = world.challenged(&bob.key).await;
    assert_eq!(world.answer(&bobs, &code).await.unwrap_err(), Refusal::WrongCode { tries_left: 4 });
    // A sign-in can't confirm, a set-up can't sign in.
    let authority = Authority::Session(ann.standing.clone());
    let confirm = world.mfa.confirm(&authority, &ticket, &code, None).await.unwrap();
    assert_eq!(confirm.unwrap_err(), Refusal::ChallengeUnknown);
    let (enrolling, _) = world.mfa.enrol_app(&authority, "Second").await.unwrap().unwrap();
    assert_eq!(world.answer(&enrolling, &code).await.unwrap_err(), Refusal::ChallengeUnknown);
    let backup = world.mfa.choose(&enrolling, Choice::BackupCode, Locale::English).await.unwrap();
    assert_eq!(backup, Err(Refusal::MethodUnavailable));
    // Bob's set-up by Ann's right, and the other way about.
    let (bobs_setup, _) =
        world.mfa.enrol_app(&Authority::Session(bob.standing.clone()), "B").await.unwrap().unwrap();
    let crossed = world.mfa.confirm(&authority, &bobs_setup, &code, None).await.unwrap();
    assert_eq!(crossed.unwrap_err(), Refusal::ChallengeUnknown);
    world.passes(&ticket, &code).await;
}

#[tokio::test]
async fn whole_every_change_that_matters_ends_older_sessions() {
    let world = World::new();
    let ann = world.with_app("ann").await;
    let other = world.signs_in(&ann).await;
    assert_eq!(gate(&world, &other).await, Gate::Open);

    let standing = world.add_email(&ann.standing, "ann@codes.example").await;
    assert_eq!(gate(&world, &other).await, Gate::SignInAgain, "enrolling");
    assert_eq!(gate(&world, &standing).await, Gate::Open);

    let other = world.signs_in(&ann).await;
    let email = world.mfa.overview(&standing).await.unwrap().unwrap().factors[1].id;
    let standing = world.mfa.remove(&standing, email).await.unwrap().unwrap();
    assert_eq!(gate(&world, &other).await, Gate::SignInAgain, "removing");

    let other = world.signs_in(&ann).await;
    let pending = world.challenged(&ann.key).await;
    let standing = world.mfa.end_other_sessions(&standing).await.unwrap().unwrap();
    assert_eq!(gate(&world, &other).await, Gate::SignInAgain, "ending others");
    assert_eq!(gate(&world, &standing).await, Gate::Open);
    world.pass(30);
    let late = world.answer(&pending, &ann.app.code_at(world.clock.time())).await.unwrap_err();
    assert_eq!(late, Refusal::ChallengeUnknown);

    let pending = world.challenged(&ann.key).await;
    world.mfa.password_changed(&ann.key).await.unwrap();
    assert_eq!(gate(&world, &standing).await, Gate::SignInAgain, "password");
    let late = world.answer(&pending, &ann.app.code_at(world.clock.time())).await.unwrap_err();
    assert_eq!(late, Refusal::ChallengeUnknown);

    let standing = world.signs_in(&ann).await;
    world.mfa.reset(&ann.key, &user("admin"), "lost\nphone").await.unwrap().unwrap();
    assert_eq!(gate(&world, &standing).await, Gate::SignInAgain, "reset");
    for refused in [
        world.mfa.step_up(&standing).await.unwrap().unwrap_err(),
        world.mfa.overview(&standing).await.unwrap().unwrap_err(),
        world.mfa.skip_reminder(&standing).await.unwrap().unwrap_err(),
    ] {
        assert_eq!(refused, Refusal::SignInAgain);
    }
    let reset = EventKind::Reset { reason: "lost phone".to_owned() };
    assert_eq!(world.count(|kind| *kind == reset).await, 1);
}

#[tokio::test]
async fn fresh_every_change_and_every_view_needs_a_recent_second_factor() {
    let world = World::new();
    let ann = world.with_everything("ann").await;
    let mfa = &world.mfa;
    let signed_in = world.signs_in(&ann).await;
    world.pass(900);
    assert!(mfa.overview(&signed_in).await.unwrap().is_ok(), "fifteen minutes are recent");
    world.pass(1);
    // From the future, by a clock that ran ahead: not fresh either.
    let mut future = serde_json::to_value(&signed_in).unwrap();
    future["proved"]["at"] = (world.clock.time().as_unix() + 1).into();
    let future: Standing = serde_json::from_value(future).unwrap();
    for standing in [signed_in, future] {
        let authority = Authority::Session(standing.clone());
        let now = world.clock.time();
        let (one, two) = (ann.app.code_at(now), ann.app.code_at(now.after(secs(30))));
        let refusals = [
            mfa.overview(&standing).await.unwrap().map(drop),
            mfa.activity(&standing, 10).await.unwrap().map(drop),
            mfa.rename(&standing, ann.app_id, "Mine").await.unwrap(),
            mfa.remove(&standing, ann.app_id).await.unwrap().map(drop),
            mfa.make_backup_codes(&standing).await.unwrap().map(drop),
            mfa.enrol_app(&authority, "Mine").await.unwrap().map(drop),
            mfa.enrol_email(&authority, "Mine", "x@evil.example", Locale::English).await.unwrap().map(drop),
            mfa.end_other_sessions(&standing).await.unwrap().map(drop),
            mfa.resynchronise(&standing, ann.app_id, &one, &two).await.unwrap(),
        ];
        for (n, refused) in refusals.into_iter().enumerate() {
            assert_eq!(refused, Err(Refusal::StepUpRequired), "{n}");
        }
        let fresh = Demand { fresh_within: Some(secs(900)) };
        assert_eq!(mfa.check(&standing, fresh).await.unwrap(), Gate::StepUp);
    }
}

#[tokio::test]
async fn fresh_a_password_session_from_before_the_factor_can_change_nothing() {
    let world = World::new();
    let old = world.admitted(&key("ann")).await;
    let _ann = world.with_app("ann").await;
    let authority = Authority::Session(old.clone());
    assert_eq!(world.mfa.enrol_app(&authority, "Mine").await.unwrap().unwrap_err(), Refusal::SignInAgain);
    assert_eq!(gate(&world, &old).await, Gate::SignInAgain);
}

/// NIST SP 800-63B-4 §4.1.2.1: a mailbox alone must not get to replace the authenticator app.
#[tokio::test]
async fn fresh_a_code_by_email_does_not_change_an_account_that_has_an_app() {
    let world = World::new();
    let ann = world.with_everything("ann").await;
    let ticket = world.challenged(&ann.key).await;
    world.choose(&ticket, Method::Email).await;
    let code = world.sender.last_code().unwrap();
    let thief = world.answer(&ticket, &code).await.unwrap().verified.into_standing();
    assert_eq!(thief.level(), Level::One);
    assert_eq!(gate(&world, &thief).await, Gate::Open);
    let fresh = Demand { fresh_within: Some(secs(900)) };
    assert_eq!(world.mfa.check(&thief, fresh).await.unwrap(), Gate::StepUp);
    assert_eq!(world.mfa.remove(&thief, ann.app_id).await.unwrap().unwrap_err(), Refusal::StepUpRequired);
    let authority = Authority::Session(thief.clone());
    assert_eq!(world.mfa.enrol_app(&authority, "Mine").await.unwrap().unwrap_err(), Refusal::StepUpRequired);
    // Nor by stepping up with the mailbox again.
    world.pass(60);
    let step_up = world.mfa.step_up(&thief).await.unwrap().unwrap();
    let view = world.mfa.challenge(&step_up).await.unwrap().unwrap();
    assert!(view.methods.iter().all(|offered| offered.method != Method::Email), "{view:?}");
    let email = world.mfa.overview(&ann.standing).await.unwrap().unwrap().factors[1].id;
    let forced = world.mfa.choose(&step_up, Choice::Factor(email), Locale::English).await.unwrap();
    assert_eq!(forced, Err(Refusal::MethodUnavailable));
    // The app lifts the session.
    world.choose(&step_up, Method::App).await;
    let granted = world.answer(&step_up, &ann.app.code_at(world.clock.time())).await.unwrap();
    let lifted = thief.stepped_up(granted.verified).unwrap();
    assert!(world.mfa.overview(&lifted).await.unwrap().is_ok());
}

#[tokio::test]
async fn fresh_a_step_up_by_email_from_before_the_app_is_not_answered_beside_it() {
    let world = World::with(|builder| builder.email_codes(true).fresh(secs(60)));
    let standing = world.add_email(&world.admitted(&key("ann")).await, "ann@codes.example").await;
    let step_up = world.mfa.step_up(&standing).await.unwrap().unwrap();
    world.choose(&step_up, Method::Email).await;
    let code = world.sender.last_code().unwrap();
    let authority = Authority::Session(standing);
    let (ticket, shown) = world.mfa.enrol_app(&authority, "Phone").await.unwrap().unwrap();
    let app = mfa_testing::app::AuthenticatorApp::scan(shown.uri.expose()).unwrap();
    let typed = app.code_at(world.clock.time());
    let confirmed = world.mfa.confirm(&authority, &ticket, &typed, None).await.unwrap().unwrap();
    let standing = confirmed.verified.into_standing();
    world.pass(61);
    assert_eq!(world.answer(&step_up, &code).await.unwrap_err(), Refusal::MethodUnavailable);
    assert_eq!(world.mfa.overview(&standing).await.unwrap().unwrap_err(), Refusal::StepUpRequired);
}

#[tokio::test]
async fn fresh_a_code_by_email_does_not_make_an_older_code_of_the_app_recent() {
    let world = World::with(|builder| builder.email_codes(true).fresh(secs(60)));
    let ann = world.with_app("ann").await;
    world.pass(20);
    let standing = world.add_email(&ann.standing, "ann@codes.example").await;
    assert_eq!((standing.level(), standing.methods()), (Level::Two, &[Method::App, Method::Email][..]));
    world.pass(10);
    assert!(world.mfa.overview(&standing).await.unwrap().is_ok());
    world.pass(1);
    let fresh = Demand { fresh_within: Some(secs(60)) };
    assert_eq!(world.mfa.check(&standing, fresh).await.unwrap(), Gate::StepUp);
    assert_eq!(world.mfa.overview(&standing).await.unwrap().unwrap_err(), Refusal::StepUpRequired);
    // Where e-mail is all that is left, its codes are as good as the account gets.
    let standing = world.signs_in(&ann).await;
    let standing = world.mfa.remove(&standing, ann.app_id).await.unwrap().unwrap();
    world.pass(61);
    let step_up = world.mfa.step_up(&standing).await.unwrap().unwrap();
    world.choose(&step_up, Method::Email).await;
    let granted = world.answer(&step_up, &world.sender.last_code().unwrap()).await.unwrap();
    let standing = standing.stepped_up(granted.verified).unwrap();
    assert_eq!(world.mfa.check(&standing, fresh).await.unwrap(), Gate::Open);
}

#[tokio::test]
async fn fresh_a_backup_code_lets_somebody_replace_a_lost_app_and_email_alone_suffices_where_it_is_all_there_is()
 {
    let world = World::new();
    let ann = world.with_everything("ann").await;
    let ticket = world.challenged(&ann.key).await;
    world.choose(&ticket, Method::BackupCode).await;
    let standing = world.answer(&ticket, &ann.codes[0]).await.unwrap().verified.into_standing();
    let standing = world.mfa.remove(&standing, ann.app_id).await.unwrap().unwrap();
    assert!(world.mfa.overview(&standing).await.unwrap().is_ok());
    world.pass(901);
    let ticket = world.mfa.step_up(&standing).await.unwrap().unwrap();
    world.choose(&ticket, Method::Email).await;
    let code = world.sender.last_code().unwrap();
    let standing = standing.stepped_up(world.answer(&ticket, &code).await.unwrap().verified).unwrap();
    assert!(world.mfa.overview(&standing).await.unwrap().is_ok());
}

#[tokio::test]
async fn fresh_the_last_working_method_stays_where_one_is_required() {
    let world = required();
    let pass = pass_for(&world, "ann").await;
    let authority = Authority::Pass(pass);
    let (ticket, shown) = world.mfa.enrol_app(&authority, "Phone").await.unwrap().unwrap();
    let app = mfa_testing::app::AuthenticatorApp::scan(shown.uri.expose()).unwrap();
    let code = app.code_at(world.clock.time());
    let confirmed = world.mfa.confirm(&authority, &ticket, &code, None).await.unwrap().unwrap();
    let (app_id, standing) = (confirmed.factor, confirmed.verified.into_standing());
    assert_eq!(world.mfa.remove(&standing, app_id).await.unwrap().unwrap_err(), Refusal::LastFactor);
    // A policy of her own counts as well as the portal's.
    world.directory.put(key("ann"), Person { policy: Some(Policy::Off), ..Person::default() });
    let standing = world.mfa.remove(&standing, app_id).await.unwrap().unwrap();
    assert_eq!(gate(&world, &standing).await, Gate::Open);
    world.directory.put(key("ann"), Person::default());
    assert!(matches!(gate(&world, &standing).await, Gate::MustEnrol(_)));
}

#[tokio::test]
async fn fresh_a_disabled_method_beside_it_does_not_let_the_last_working_one_go() {
    let limits = Limits { disable_at: 2, ..Limits::default() };
    let world = World::with(|builder| builder.email_codes(true).limits(limits));
    let ann = world.with_everything("ann").await;
    let ticket = world.challenged(&ann.key).await;
    world.choose(&ticket, Method::Email).await;
    for _ in 0..2 {
        let _ = world.answer(&ticket, &wrong(&ann, &world)).await;
    }
    let person = Person { policy: Some(Policy::Required), ..Person::default() };
    world.directory.put(ann.key.clone(), person);
    let standing = world.signs_in(&ann).await;
    let removed = world.mfa.remove(&standing, ann.app_id).await.unwrap();
    assert_eq!(removed.unwrap_err(), Refusal::LastFactor);
}

/// Wherever a second factor is a choice, the disabled one that stays behind would shut its owner out all the same.
#[tokio::test]
async fn fresh_nobody_removes_themselves_into_a_locked_account() {
    let limits = Limits { disable_at: 2, ..Limits::default() };
    for (codes, policy) in [(false, Policy::Off), (false, Policy::Encouraged), (true, Policy::Off)] {
        let world = World::with(|builder| builder.email_codes(true).limits(limits).policy(policy));
        let ann = if codes { world.with_everything("ann").await } else { world.with_app("ann").await };
        if !codes {
            world.add_email(&ann.standing, "ann@codes.example").await;
        }
        world.pass(60);
        let ticket = world.challenged(&ann.key).await;
        world.choose(&ticket, Method::Email).await;
        for _ in 0..2 {
            let _ = world.answer(&ticket, &wrong(&ann, &world)).await;
        }
        let standing = world.signs_in(&ann).await;
        let removed = world.mfa.remove(&standing, ann.app_id).await.unwrap();
        if codes {
            assert!(removed.is_ok(), "backup codes let her in");
            continue;
        }
        assert_eq!(removed.unwrap_err(), Refusal::LastFactor);
        // The disabled one first, and then the other.
        let overview = world.mfa.overview(&standing).await.unwrap().unwrap();
        let disabled = overview.factors.iter().find(|factor| factor.method == Method::Email).unwrap().id;
        let standing = world.mfa.remove(&standing, disabled).await.unwrap().unwrap();
        let standing = world.mfa.remove(&standing, ann.app_id).await.unwrap().unwrap();
        assert_eq!(gate(&world, &standing).await, Gate::Open);
    }
}

#[tokio::test]
async fn fresh_backup_codes_go_with_the_last_factor_and_die_with_a_new_set() {
    let world = World::new();
    let ann = world.with_everything("ann").await;
    let new = world.mfa.make_backup_codes(&ann.standing).await.unwrap().unwrap();
    let ticket = world.challenged(&ann.key).await;
    world.choose(&ticket, Method::BackupCode).await;
    assert!(matches!(world.answer(&ticket, &ann.codes[0]).await.unwrap_err(), Refusal::WrongCode { .. }));
    let first = new.iter().next().unwrap().expose().to_owned();
    world.passes(&ticket, &first).await;
    let ids: Vec<_> =
        world.mfa.overview(&ann.standing).await.unwrap().unwrap().factors.iter().map(|f| f.id).collect();
    // The app last: an app's owner can't be undone by a mailbox, but an app's holder can remove both.
    let mut standing = ann.standing.clone();
    for id in ids.into_iter().rev() {
        assert!(world.mfa.roster_entry(&ann.key).await.unwrap().backup_codes_left.is_some());
        standing = world.mfa.remove(&standing, id).await.unwrap().unwrap();
    }
    assert_eq!(world.mfa.roster_entry(&ann.key).await.unwrap().backup_codes_left, None);
    assert_eq!(world.count(|kind| *kind == EventKind::BackupCodesRemoved).await, 1);
    assert_eq!(world.mfa.make_backup_codes(&standing).await.unwrap().unwrap_err(), Refusal::NeedsFactor);
    let after = world.with_app("ann").await;
    let ticket = world.challenged(&after.key).await;
    let choice = world.mfa.choose(&ticket, Choice::BackupCode, Locale::English).await.unwrap();
    assert_eq!(choice, Err(Refusal::MethodUnavailable));
}

#[tokio::test]
async fn fresh_a_set_up_that_is_abandoned_changes_nothing_and_is_gone_after_ten_minutes() {
    let world = World::new();
    let ann = world.with_app("ann").await;
    let authority = Authority::Session(ann.standing.clone());
    let (ticket, shown) = world.mfa.enrol_app(&authority, "New phone").await.unwrap().unwrap();
    let new = mfa_testing::app::AuthenticatorApp::scan(shown.uri.expose()).unwrap();
    // The staged key opens nothing, the old one everything.
    let sign_in = world.challenged(&ann.key).await;
    let refused = world.answer(&sign_in, &new.code_at(world.clock.time())).await.unwrap_err();
    assert_eq!(refused, Refusal::WrongCode { tries_left: 4 });
    world.passes(&sign_in, &ann.app.code_at(world.clock.time())).await;
    world.pass(599);
    assert!(world.mfa.enrolment(&authority, &ticket).await.unwrap().is_ok());
    world.pass(1);
    let code = new.code_at(world.clock.time());
    let late = world.mfa.confirm(&authority, &ticket, &code, None).await.unwrap();
    assert_eq!(late.unwrap_err(), Refusal::ChallengeExpired);
    assert_eq!(gate(&world, &ann.standing).await, Gate::Open);
    world.signs_in(&ann).await;
}

/// Whoever has any way left of proving a second factor is asked for it; whoever has none is told so.
#[tokio::test]
async fn fresh_a_stale_session_is_asked_for_what_its_owner_can_still_answer_with() {
    let limits = Limits { disable_at: 2, ..Limits::default() };
    let world = World::with(|builder| builder.limits(limits));
    let fresh = Demand { fresh_within: Some(secs(900)) };
    let disable = async |name: &str, codes: bool| {
        let mut somebody = world.with_app(name).await;
        if codes {
            let made = world.mfa.make_backup_codes(&somebody.standing).await.unwrap().unwrap();
            somebody.codes = made.iter().map(|code| code.expose().to_owned()).collect();
        }
        let ticket = world.challenged(&somebody.key).await;
        for _ in 0..2 {
            let _ = world.answer(&ticket, &wrong(&somebody, &world)).await;
        }
        somebody
    };
    let app = world.with_app("app").await;
    let codes = disable("codes", true).await;
    let nothing = disable("nothing", false).await;

    // A session that is fresh still may leave, but gets no codes that nothing stands beside.
    let made = world.mfa.make_backup_codes(&nothing.standing).await.unwrap();
    assert_eq!(made.unwrap_err(), Refusal::NeedsFactor);
    world.pass(901);
    for (who, asked, gate) in [
        (&app, Refusal::StepUpRequired, Gate::StepUp),
        (&codes, Refusal::StepUpRequired, Gate::StepUp),
        (&nothing, Refusal::NoMethodLeft, Gate::NoMethodLeft),
    ] {
        let renamed = world.mfa.rename(&who.standing, who.app_id, "Mine").await.unwrap();
        assert_eq!(renamed, Err(asked), "{:?}", who.key);
        assert_eq!(world.mfa.check(&who.standing, fresh).await.unwrap(), gate, "{:?}", who.key);
    }
    assert!(world.mfa.step_up(&app.standing).await.unwrap().is_ok());
    let none = world.mfa.step_up(&nothing.standing).await.unwrap();
    assert_eq!(none.unwrap_err(), Refusal::NoMethodLeft);

    // A backup code proves enough to make new ones.
    let ticket = world.mfa.step_up(&codes.standing).await.unwrap().unwrap();
    world.choose(&ticket, Method::BackupCode).await;
    let granted = world.answer(&ticket, &codes.codes[0]).await.unwrap();
    let lifted = codes.standing.stepped_up(granted.verified).unwrap();
    assert_eq!(world.mfa.make_backup_codes(&lifted).await.unwrap().unwrap().len(), 10);
}

#[tokio::test]
async fn whole_a_proof_lifts_only_the_session_of_its_account_and_epoch() {
    let world = World::new();
    let proof = async |name: &str| match world.mfa.sign_in(&key(name)).await.unwrap() {
        SignIn::Admitted { verified, .. } => verified,
        other => panic!("{other:?}"),
    };
    // Two accounts without a record are of one epoch.
    let (ann, bob) = (proof("ann").await.into_standing(), proof("bob").await);
    assert_eq!(ann.stepped_up(bob).unwrap_err(), Refusal::SignInAgain);

    let eve = world.with_app("eve").await;
    let ticket = world.mfa.step_up(&eve.standing).await.unwrap().unwrap();
    let granted = world.answer(&ticket, &eve.app.code_at(world.clock.time())).await.unwrap();
    let moved = world.mfa.end_other_sessions(&eve.standing).await.unwrap().unwrap();
    assert_eq!(moved.stepped_up(granted.verified).unwrap_err(), Refusal::SignInAgain);
}
