//! Promises seen in one account's life: once, reset means reset, told, and what policy asks.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests; a failure is what they are for")]

use std::sync::atomic::Ordering;

use crate::common::{KEY_A, World, key, secs, user, wrong};
use mfa_core::challenge::Choice;
use mfa_core::event::EventKind;
use mfa_core::policy::Policy;
use mfa_core::port::directory::Person;
use mfa_core::port::sender::{Failure, Locale, Notice};
use mfa_core::proof::{Method, Standing};
use mfa_core::refusal::Refusal;
use mfa_core::secret::SecretText;
use mfa_core::service::{Demand, Gate, SignIn};
use mfa_core::settings::Preset;
use mfa_core::throttle::Limits;
use mfa_core::ticket::Authority;

async fn gate(world: &World, standing: &Standing) -> Gate {
    world.mfa.check(standing, Demand::default()).await.unwrap()
}

#[tokio::test]
async fn once_an_app_code_opens_one_challenge_however_it_is_spelt() {
    let world = World::new();
    let ann = world.with_app("ann").await;
    let code = ann.app.code_at(world.clock.time());
    let first = world.challenged(&ann.key).await;
    assert_eq!(world.answer(&first, &code).await.unwrap().verified.methods(), [Method::App]);
    // The passed challenge is gone, too.
    assert_eq!(world.answer(&first, &code).await.unwrap_err(), Refusal::ChallengeUnknown);

    let (a, b) = code.split_at(3);
    let wide: String =
        code.bytes().map(|digit| char::from_u32(0xff10 + u32::from(digit - b'0')).unwrap()).collect();
    let spellings = [code.clone(), format!(" {code}"), format!("{a} {b}"), format!("{a}-{b}"), wide];
    let second = world.challenged(&ann.key).await;
    for (n, spelling) in spellings.iter().enumerate() {
        let left = 4 - u8::try_from(n).unwrap();
        let refused = world.answer(&second, spelling).await.unwrap_err();
        assert_eq!(refused, Refusal::UsedCode { tries_left: left }, "{spelling}");
    }
    let third = world.challenged(&ann.key).await;
    let underscored = format!("{}_{}", &code[..2], &code[2..]);
    assert_eq!(world.answer(&third, &underscored).await.unwrap_err(), Refusal::CodeCharacters);
    let reused = world.count(|kind| matches!(kind, EventKind::WrongCode { reused: true, .. })).await;
    assert_eq!(reused, spellings.len());
}

#[tokio::test]
async fn once_the_code_that_confirmed_an_app_does_not_open_the_first_sign_in() {
    let world = World::new();
    let ann = world.with_app("ann").await;
    let confirming = ann.app.code_at(world.clock.time().before(secs(30)));
    // Still within the window of one step.
    let ticket = world.challenged(&ann.key).await;
    assert_eq!(world.answer(&ticket, &confirming).await.unwrap_err(), Refusal::UsedCode { tries_left: 4 });
    world.passes(&ticket, &ann.app.code_at(world.clock.time())).await;
}

#[tokio::test]
async fn once_accepted_steps_rise_whatever_the_order_the_codes_come_in() {
    let world = World::new();
    let ann = world.with_app("ann").await;
    world.pass(30);
    let now = world.clock.time();
    let (earlier, current, next) =
        (ann.app.code_at(now.before(secs(30))), ann.app.code_at(now), ann.app.code_at(now.after(secs(30))));
    let ticket = world.challenged(&ann.key).await;
    world.passes(&ticket, &next).await;
    let ticket = world.challenged(&ann.key).await;
    for used_up in [&current, &next] {
        assert!(matches!(world.answer(&ticket, used_up).await.unwrap_err(), Refusal::UsedCode { .. }));
    }
    // Outside the window of a clock that was found to be fast.
    assert!(matches!(world.answer(&ticket, &earlier).await.unwrap_err(), Refusal::WrongCode { .. }));
    // Nor later, when the learned drift has moved the window.
    world.pass(30);
    let ticket = world.challenged(&ann.key).await;
    assert!(matches!(world.answer(&ticket, &next).await.unwrap_err(), Refusal::UsedCode { .. }));
}

#[tokio::test]
async fn once_a_backup_code_works_once_and_each_of_ten_works() {
    let world = World::new();
    let ann = world.with_everything("ann").await;
    for (n, code) in ann.codes.iter().enumerate() {
        let ticket = world.challenged(&ann.key).await;
        world.choose(&ticket, Method::BackupCode).await;
        let typed = code.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l");
        let granted = world.answer(&ticket, &typed).await.unwrap();
        assert_eq!(granted.backup_codes_left, Some(9 - u8::try_from(n).unwrap()));
        if n < 9 {
            let ticket = world.challenged(&ann.key).await;
            world.choose(&ticket, Method::BackupCode).await;
            assert_eq!(world.answer(&ticket, code).await.unwrap_err(), Refusal::WrongCode { tries_left: 4 });
        }
    }
    // None left: the method isn't offered and can't be forced.
    let ticket = world.challenged(&ann.key).await;
    let forced = world.mfa.choose(&ticket, Choice::BackupCode, Locale::English).await.unwrap();
    assert_eq!(forced, Err(Refusal::MethodUnavailable));
}

#[tokio::test]
async fn once_a_delivered_code_works_once_and_only_for_its_challenge_purpose_and_factor() {
    let world = World::new();
    let ann = world.with_everything("ann").await;
    let mut standing = world.signs_in(&ann).await;
    standing = world.add_email(&standing, "ann@second.example").await;
    world.pass(60);
    let a = world.challenged(&ann.key).await;
    world.choose(&a, Method::Email).await;
    let code_of_a = world.sender.last_code().unwrap();
    // Another challenge of the same account and factor.
    world.pass(60);
    let b = world.challenged(&ann.key).await;
    world.choose(&b, Method::Email).await;
    assert_eq!(world.answer(&b, &code_of_a).await.unwrap_err(), Refusal::WrongCode { tries_left: 2 });
    // Another factor of the same challenge.
    let view = world.mfa.challenge(&a).await.unwrap().unwrap();
    let chosen = view.chosen.unwrap().choice;
    let other = view.methods.iter().find(|m| m.method == Method::Email && m.choice != chosen).unwrap().choice;
    world.mfa.choose(&a, other, Locale::English).await.unwrap().unwrap();
    assert_eq!(world.answer(&a, &code_of_a).await.unwrap_err(), Refusal::WrongCode { tries_left: 2 });
    // Another purpose.
    let step_up = world.mfa.step_up(&standing).await.unwrap().unwrap();
    let typed = world.answer(&step_up, &code_of_a).await.unwrap_err();
    assert!(matches!(typed, Refusal::WrongCode { .. }), "{typed:?}");
    // None of that spent it.
    world.pass(60);
    world.mfa.choose(&a, chosen, Locale::English).await.unwrap().unwrap();
    world.passes(&a, &code_of_a).await;
    assert_eq!(world.answer(&a, &code_of_a).await.unwrap_err(), Refusal::ChallengeUnknown);
}

#[tokio::test]
async fn reset_means_reset() {
    let world = World::new();
    let ann = world.with_everything("ann").await;
    let pending = world.challenged(&ann.key).await;
    let wrongs = world.challenged(&ann.key).await;
    let _ = world.answer(&wrongs, &wrong(&ann, &world)).await;
    assert_eq!(world.mfa.reset(&ann.key, &user("ann"), "me").await.unwrap(), Err(Refusal::OwnAccount));
    world.mfa.reset(&ann.key, &user("admin"), "lost phone").await.unwrap().unwrap();
    let late = world.answer(&pending, &ann.app.code_at(world.clock.time())).await.unwrap_err();
    assert_eq!(late, Refusal::ChallengeUnknown);
    let entry = world.mfa.roster_entry(&ann.key).await.unwrap();
    assert!(!entry.is_enrolled() && entry.backup_codes_left.is_none());
    assert_eq!(gate(&world, &world.admitted(&ann.key).await).await, Gate::Open);
}

fn told(world: &World, name: &str, is: impl Fn(&Notice) -> bool, addresses: &[&str]) {
    let mut got: Vec<String> =
        world.sender.notices().into_iter().filter(|(_, notice)| is(notice)).map(|(to, _)| to).collect();
    got.sort();
    let mut expected: Vec<&str> = addresses.to_vec();
    expected.sort_unstable();
    assert_eq!(got, expected, "{name}");
    world.sender.clear();
}

#[tokio::test]
async fn told_of_every_change_at_every_address_once() {
    let limits = Limits { disable_at: 10, ..Limits::default() };
    let world = World::with(|builder| builder.email_codes(true).limits(limits));
    let home = ["ann@home.example", "ann@work.example"];
    let all = ["ann@home.example", "ann@work.example", "ann@codes.example"];
    let ann = world.with_app("ann").await;
    told(&world, "app added", |n| matches!(n, Notice::FactorAdded { name } if name == "Phone"), &home);
    let mut standing = world.add_email(&ann.standing, "ann@codes.example").await;
    told(&world, "address added", |n| matches!(n, Notice::FactorAdded { name } if name == "Post"), &all);
    world.pass(60);
    let codes = world.mfa.make_backup_codes(&standing).await.unwrap().unwrap();
    told(&world, "codes made", |n| *n == Notice::BackupCodesMade, &all);
    let ticket = world.challenged(&ann.key).await;
    world.choose(&ticket, Method::BackupCode).await;
    world.passes(&ticket, codes.iter().next().unwrap().expose()).await;
    told(&world, "code used", |n| *n == Notice::BackupCodeUsed { left: 9 }, &all);
    for _ in 0..2 {
        let ticket = world.challenged(&ann.key).await;
        world.choose(&ticket, Method::App).await;
        for _ in 0..5 {
            let _ = world.answer(&ticket, &wrong(&ann, &world)).await;
        }
    }
    let notices = world.sender.notices();
    assert_eq!(notices.iter().filter(|(_, n)| *n == Notice::ManyWrongCodes).count(), 3);
    told(&world, "disabled", |n| matches!(n, Notice::FactorDisabled { name } if name == "Phone"), &all);
    let email = world.mfa.overview(&standing).await.unwrap().unwrap().factors[1].id;
    standing = world.mfa.remove(&standing, email).await.unwrap().unwrap();
    told(&world, "removed", |n| matches!(n, Notice::FactorRemoved { name } if name == "Post"), &all);
    let _ = standing;
    world.mfa.reset(&ann.key, &user("admin"), "lost").await.unwrap().unwrap();
    told(&world, "reset", |n| *n == Notice::Reset, &home);
}

#[tokio::test]
async fn told_once_an_address_that_is_both_the_hosts_and_confirmed() {
    let world = World::new();
    let ann = world.with_everything("ann").await;
    let addresses = vec![SecretText::from("ANN@codes.example")];
    world.directory.put(ann.key.clone(), Person { addresses, ..Person::default() });
    let authority = Authority::Session(ann.standing.clone());
    let taken =
        world.mfa.enrol_email(&authority, "Post", "ANN@codes.example", Locale::English).await.unwrap();
    assert_eq!(taken.unwrap_err(), Refusal::AlreadyBound);
    world.sender.clear();
    let _ = world.mfa.make_backup_codes(&ann.standing).await.unwrap().unwrap();
    told(&world, "codes made", |n| *n == Notice::BackupCodesMade, &["ANN@codes.example"]);
}

#[tokio::test]
async fn told_a_notice_that_fails_is_on_record_and_takes_nothing_back() {
    let world = World::new();
    world.sender.fail_next(Failure::Transient);
    world.sender.fail_next(Failure::Permanent);
    let ann = world.with_app("ann").await;
    assert_eq!(world.count(|kind| *kind == EventKind::NoticeFailed { count: 2 }).await, 1);
    assert_eq!(gate(&world, &ann.standing).await, Gate::Open);
    world.directory.set_broken(true);
    // The directory is asked for the policy first: a removal then refuses as a whole.
    assert!(world.mfa.remove(&ann.standing, ann.app_id).await.is_err());
    world.mfa.reset(&ann.key, &user("admin"), "lost").await.unwrap().unwrap();
    world.directory.set_broken(false);
    let entry = world.mfa.roster_entry(&ann.key).await.unwrap();
    assert!(!entry.is_enrolled());
    assert!(world.count(|kind| matches!(kind, EventKind::NoticeFailed { .. })).await >= 2);
}

#[tokio::test]
async fn a_reminder_put_off_admits_and_nothing_else() {
    let world = World::new();
    let standing = world.admitted(&key("ann")).await;
    world.mfa.skip_reminder(&standing).await.unwrap().unwrap();
    let SignIn::Admitted { remind, .. } = world.mfa.sign_in(&key("ann")).await.unwrap() else { panic!("no") };
    assert!(!remind);
    let strict = world.twin(KEY_A, |builder| builder.policy(Policy::Required));
    assert!(matches!(strict.sign_in(&key("ann")).await.unwrap(), SignIn::MustEnrol(_)));
    assert!(matches!(strict.check(&standing, Demand::default()).await.unwrap(), Gate::MustEnrol(_)));
    let fresh = Demand { fresh_within: Some(secs(900)) };
    assert!(matches!(world.mfa.check(&standing, fresh).await.unwrap(), Gate::MustEnrol(_)));
}

#[tokio::test]
async fn strict_takes_the_current_step_alone() {
    let world = World::with(|builder| builder.preset(Preset::Strict));
    let ann = world.with_app("ann").await;
    world.pass(60);
    let now = world.clock.time();
    let ticket = world.challenged(&ann.key).await;
    for off in [now.before(secs(30)), now.after(secs(30))] {
        let refused = world.answer(&ticket, &ann.app.code_at(off)).await.unwrap_err();
        assert!(matches!(refused, Refusal::WrongCode { .. }), "{refused:?}");
    }
    world.passes(&ticket, &ann.app.code_at(now)).await;
}

#[tokio::test]
async fn beginning_many_challenges_evicts_those_that_are_over_first_and_no_other_purpose() {
    let world = World::new();
    let ann = world.with_app("ann").await;
    let step_up = world.mfa.step_up(&ann.standing).await.unwrap().unwrap();
    let authority = Authority::Session(ann.standing.clone());
    let (enrolling, _) = world.mfa.enrol_app(&authority, "Second").await.unwrap().unwrap();
    for _ in 0..20 {
        world.challenged(&ann.key).await;
    }
    assert!(world.mfa.challenge(&step_up).await.unwrap().is_ok());
    assert!(world.mfa.enrolment(&authority, &enrolling).await.unwrap().is_ok());
    world.passes(&step_up, &ann.app.code_at(world.clock.time())).await;
}

#[tokio::test]
async fn told_a_notice_that_arrived_leaves_no_trace_of_trouble() {
    let world = World::new();
    let ann = world.with_app("ann").await;
    assert!(!world.sender.notices().is_empty());
    assert_eq!(world.count(|kind| matches!(kind, EventKind::NoticeFailed { .. })).await, 0);
    drop(ann);
}

/// A record that isn't rewritten can't be fought over by requests that change nothing.
#[tokio::test]
async fn nothing_is_written_where_nothing_changed() {
    let world = World::new();
    let ann = world.with_app("ann").await;
    let ticket = world.challenged(&ann.key).await;
    world.mfa.abandon(&ticket).await.unwrap();
    let before = world.store.commits.load(Ordering::SeqCst);
    world.mfa.abandon(&ticket).await.unwrap();
    assert_eq!(world.answer(&ticket, "123456").await.unwrap_err(), Refusal::ChallengeUnknown);
    let _admitted = world.admitted(&key("bob")).await;
    assert_eq!(world.store.commits.load(Ordering::SeqCst), before);
}

#[tokio::test]
async fn a_challenge_that_is_over_is_remembered_for_two_hours_and_eight_are_kept() {
    let world = World::new();
    let ann = world.with_app("ann").await;
    let over = world.challenged(&ann.key).await;
    let expires = world.mfa.challenge(&over).await.unwrap().unwrap().expires;
    world.clock.set(expires.after(secs(7_199)));
    world.challenged(&ann.key).await;
    assert_eq!(world.mfa.challenge(&over).await.unwrap(), Err(Refusal::ChallengeExpired));
    world.pass(1);
    let first = world.challenged(&ann.key).await;
    assert_eq!(world.mfa.challenge(&over).await.unwrap(), Err(Refusal::ChallengeUnknown));
    for _ in 0..6 {
        world.challenged(&ann.key).await;
    }
    // One of before, which is open still, this one and six make eight.
    assert!(world.mfa.challenge(&first).await.unwrap().is_ok());
    for _ in 0..2 {
        world.challenged(&ann.key).await;
    }
    assert_eq!(world.mfa.challenge(&first).await.unwrap(), Err(Refusal::ChallengeUnknown));
}

/// RFC 8176: what a host puts into an `amr` claim.
#[tokio::test]
async fn a_standing_says_when_and_by_what_somebody_signed_in() {
    let world = World::new();
    let ann = world.with_everything("ann").await;
    let values: [(Method, &[&str]); 3] = [
        (Method::App, &["pwd", "otp", "mfa"]),
        (Method::Email, &["pwd"]),
        (Method::BackupCode, &["pwd", "lookup", "mfa"]),
    ];
    for (method, amr) in values {
        world.pass(60);
        let ticket = world.challenged(&ann.key).await;
        world.choose(&ticket, method).await;
        let now = world.clock.time();
        let typed = match method {
            Method::App => ann.app.code_at(now),
            Method::Email => world.sender.last_code().unwrap(),
            _ => ann.codes.first().unwrap().clone(),
        };
        let verified = world.answer(&ticket, &typed).await.unwrap().verified;
        assert_eq!((verified.at(), verified.account()), (now, &ann.key));
        let standing = verified.into_standing();
        assert_eq!(standing.amr(), amr);
        assert_eq!((standing.signed_in_at(), standing.proved_at()), (now, Some(now)));
        // Proving more later isn't signing in again.
        world.pass(60);
        let ticket = world.mfa.step_up(&standing).await.unwrap().unwrap();
        world.choose(&ticket, Method::App).await;
        let granted = world.answer(&ticket, &ann.app.code_at(world.clock.time())).await.unwrap();
        let lifted = standing.stepped_up(granted.verified).unwrap();
        assert_eq!((lifted.signed_in_at(), lifted.proved_at()), (now, Some(world.clock.time())));
    }
}
