//! The promises that can be seen in one account's life: once, counted, whole, fresh, reset, told.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests; a failure is what they are for")]

mod common;

use common::{WRONG_BACKUP, World, key, secs, user, wrong};
use mfa_core::challenge::Choice;
use mfa_core::event::EventKind;
use mfa_core::policy::Policy;
use mfa_core::port::directory::Person;
use mfa_core::port::sender::{Failure, Locale, Notice};
use mfa_core::proof::{Level, Method, Standing};
use mfa_core::refusal::Refusal;
use mfa_core::secret::SecretText;
use mfa_core::service::{Demand, Gate, SignIn};
use mfa_core::settings::Preset;
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

// ---- Once ----

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
    world.answer(&ticket, &ann.app.code_at(world.clock.time())).await.unwrap();
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
    world.answer(&ticket, &next).await.unwrap();
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
    world.answer(&a, &code_of_a).await.unwrap();
    assert_eq!(world.answer(&a, &code_of_a).await.unwrap_err(), Refusal::ChallengeUnknown);
}

// ---- Counted ----

/// Every kind of method feeds the challenge's, the factor's and the account's count.
#[tokio::test]
async fn counted_every_method_costs_tries_of_the_challenge_and_of_the_account() {
    for (method, tries) in [(Method::App, 5), (Method::Email, 3), (Method::BackupCode, 5)] {
        let world = World::new();
        let ann = world.with_everything("ann").await;
        let mut wrongs = 0u32;
        let mut refused = None;
        for _ in 0..5 {
            let ticket = world.challenged(&ann.key).await;
            world.choose(&ticket, method).await;
            for n in 0..tries {
                let typed =
                    if method == Method::BackupCode { WRONG_BACKUP.to_owned() } else { wrong(&ann, &world) };
                match world.answer(&ticket, &typed).await.unwrap_err() {
                    Refusal::WrongCode { tries_left } => {
                        wrongs += 1;
                        assert_eq!(tries_left, tries - 1 - n, "{method:?}");
                    }
                    other => refused = Some(other),
                }
                if refused.is_some() {
                    break;
                }
            }
            if refused.is_some() {
                break;
            }
            let after = world.answer(&ticket, &wrong(&ann, &world)).await.unwrap_err();
            let over = if method == Method::Email { Refusal::NoCodeSent } else { Refusal::ChallengeFailed };
            if wrongs < 10 {
                assert_eq!(after, over, "{method:?}");
            }
            // Only the cooldown of messages passes, no wait of the account.
            if wrongs < 10 {
                world.pass(60);
            }
            if wrongs >= 10 {
                break;
            }
        }
        assert_eq!(wrongs, 10, "{method:?}");
        // The right code of *any* method has to wait now.
        let ticket = world.challenged(&ann.key).await;
        for other in [Method::App, Method::BackupCode] {
            world.choose(&ticket, other).await;
            let right =
                if other == Method::App { ann.app.code_at(world.clock.time()) } else { ann.codes[0].clone() };
            assert_eq!(world.answer(&ticket, &right).await.unwrap_err(), Refusal::Throttled { seconds: 30 });
        }
        let locked = world.count(|kind| matches!(kind, EventKind::AccountLocked { first: true, .. })).await;
        assert_eq!(locked, 1, "{method:?}");
        world.pass(30);
        world.choose(&ticket, Method::App).await;
        world.answer(&ticket, &ann.app.code_at(world.clock.time())).await.unwrap();
    }
}

#[tokio::test]
async fn counted_a_hundred_wrong_in_a_row_disable_the_factor_and_a_disabled_factor_is_not_no_factor() {
    for policy in [Policy::Off, Policy::Encouraged, Policy::Required] {
        let world = World::with(|builder| builder.policy(Policy::Encouraged));
        let ann = world.with_app("ann").await;
        let mut wrongs = 0;
        while wrongs < 100 {
            let ticket = world.challenged(&ann.key).await;
            for _ in 0..5 {
                world.pass(3600);
                let ticket = if world.mfa.challenge(&ticket).await.unwrap().is_ok() {
                    ticket.clone()
                } else {
                    world.challenged(&ann.key).await
                };
                let refused = world.answer(&ticket, &wrong(&ann, &world)).await.unwrap_err();
                assert!(matches!(refused, Refusal::WrongCode { .. }), "{refused:?} after {wrongs}");
                wrongs += 1;
            }
        }
        world.pass(3600);
        let strict = world.twin(common::KEY_A, |builder| builder.policy(policy));
        match strict.sign_in(&ann.key).await.unwrap() {
            SignIn::Refused(Refusal::NoMethodLeft) => {}
            other => panic!("{policy:?}: {other:?}"),
        }
        assert_eq!(world.count(|kind| matches!(kind, EventKind::FactorDisabled { .. })).await, 1);
        // A session that is still open gets no fresh proof and no way round by enrolling anew.
        let stale = strict.check(&ann.standing, Demand { fresh_within: Some(secs(900)) }).await.unwrap();
        assert_eq!(stale, Gate::NoMethodLeft);
        let authority = Authority::Session(ann.standing.clone());
        assert_eq!(strict.enrol_app(&authority, "New").await.unwrap().unwrap_err(), Refusal::NoMethodLeft);
    }
}

#[tokio::test]
async fn counted_a_disabled_set_of_backup_codes_is_not_offered_and_other_methods_still_work() {
    let limits = Limits { disable_at: 3, ..Limits::default() };
    let world = World::with(|builder| builder.email_codes(true).limits(limits));
    let ann = world.with_everything("ann").await;
    let ticket = world.challenged(&ann.key).await;
    world.choose(&ticket, Method::BackupCode).await;
    for _ in 0..3 {
        let refused = world.answer(&ticket, WRONG_BACKUP).await.unwrap_err();
        assert!(matches!(refused, Refusal::WrongCode { .. }));
    }
    assert_eq!(world.answer(&ticket, &ann.codes[0]).await.unwrap_err(), Refusal::MethodUnavailable);
    let view = world.mfa.challenge(&ticket).await.unwrap().unwrap();
    assert!(view.methods.iter().all(|offered| offered.method != Method::BackupCode));
    world.choose(&ticket, Method::App).await;
    world.answer(&ticket, &ann.app.code_at(world.clock.time())).await.unwrap();
    // The success of the app didn't bring them back.
    let ticket = world.challenged(&ann.key).await;
    let forced = world.mfa.choose(&ticket, Choice::BackupCode, Locale::English).await.unwrap();
    assert_eq!(forced, Err(Refusal::MethodUnavailable));
}

#[tokio::test]
async fn counted_success_ends_the_row_of_the_factor_used_and_of_no_other() {
    let limits = Limits { disable_at: 4, ..Limits::default() };
    let world = World::with(|builder| builder.email_codes(true).limits(limits));
    let ann = world.with_everything("ann").await;
    for round in 0..2 {
        world.pass(30);
        let ticket = world.challenged(&ann.key).await;
        world.choose(&ticket, Method::App).await;
        for _ in 0..2 {
            let refused = world.answer(&ticket, &wrong(&ann, &world)).await.unwrap_err();
            assert!(matches!(refused, Refusal::WrongCode { .. }), "{refused:?} in {round}");
        }
        world.choose(&ticket, Method::BackupCode).await;
        world.answer(&ticket, &ann.codes[round]).await.unwrap();
    }
    let ticket = world.challenged(&ann.key).await;
    let view = world.mfa.challenge(&ticket).await.unwrap().unwrap();
    assert!(view.methods.iter().all(|offered| offered.method != Method::App), "{view:?}");
}

#[tokio::test]
async fn counted_step_up_and_resynchronising_count_too() {
    let world = World::new();
    let ann = world.with_app("ann").await;
    let ticket = world.mfa.step_up(&ann.standing).await.unwrap().unwrap();
    for _ in 0..5 {
        assert!(matches!(
            world.answer(&ticket, &wrong(&ann, &world)).await.unwrap_err(),
            Refusal::WrongCode { .. }
        ));
    }
    let bad = wrong(&ann, &world);
    for left in (0..5).rev() {
        let refused =
            world.mfa.resynchronise(&ann.standing, ann.app_id, &bad, &bad).await.unwrap().unwrap_err();
        assert_eq!(refused, Refusal::NotConsecutive { tries_left: left });
    }
    let now = world.clock.time();
    let (one, two) = (ann.app.code_at(now), ann.app.code_at(now.after(secs(30))));
    let waits = world.mfa.resynchronise(&ann.standing, ann.app_id, &one, &two).await.unwrap();
    assert_eq!(waits, Err(Refusal::Throttled { seconds: 30 }));
    world.pass(30);
    world.mfa.resynchronise(&ann.standing, ann.app_id, &one, &two).await.unwrap().unwrap();
    // Both are used up by it.
    let ticket = world.challenged(&ann.key).await;
    assert!(matches!(world.answer(&ticket, &two).await.unwrap_err(), Refusal::UsedCode { .. }));
    world.pass(60);
    let again = world.mfa.resynchronise(&ann.standing, ann.app_id, &one, &two).await.unwrap().unwrap_err();
    assert_eq!(again, Refusal::NotConsecutive { tries_left: 0 });
}

#[tokio::test]
async fn counted_what_is_no_code_costs_nothing() {
    let world = World::new();
    let ann = world.with_everything("ann").await;
    let ticket = world.challenged(&ann.key).await;
    for method in [Method::App, Method::Email, Method::BackupCode] {
        world.choose(&ticket, method).await;
        for typed in ["", "12345", "1234567", "12_3456", "abc", "١٢٣٤٥٦", "-1"] {
            let refused = world.answer(&ticket, typed).await.unwrap_err();
            let free = matches!(refused, Refusal::CodeLength { .. } | Refusal::CodeCharacters);
            assert!(free, "{method:?} {typed:?}: {refused:?}");
        }
    }
    assert_eq!(world.mfa.challenge(&ticket).await.unwrap().unwrap().tries_left, 5);
    assert_eq!(world.wrong_codes().await, 0);
}

#[tokio::test]
async fn counted_what_is_stored_is_not_a_code() {
    let world = World::new();
    let ann = world.with_everything("ann").await;
    let ticket = world.challenged(&ann.key).await;
    world.choose(&ticket, Method::BackupCode).await;
    let record: serde_json::Value = serde_json::from_str(&world.record(&ann.key).await).unwrap();
    let stored = record["b"]["s"]["d"][0].as_str().unwrap().to_owned();
    assert!(world.answer(&ticket, &stored).await.is_err());
}

#[tokio::test]
async fn counted_by_default_and_unlimited_only_through_a_call_that_says_danger() {
    let world = World::new();
    let ann = world.with_app("ann").await;
    let wrongs = |mfa: mfa_core::service::Mfa| {
        let (world, ann) = (&world, &ann);
        async move {
            for _ in 0..12 {
                let SignIn::Challenged(ticket) = mfa.sign_in(&ann.key).await.unwrap() else {
                    panic!("no challenge")
                };
                if let Refusal::Throttled { .. } =
                    mfa.answer(&ticket, &wrong(ann, world)).await.unwrap().unwrap_err()
                {
                    return true;
                }
            }
            false
        }
    };
    assert!(!wrongs(world.twin(common::KEY_A, |builder| builder.danger_without_limits())).await);
    assert!(wrongs(world.mfa.clone()).await);
}

#[tokio::test]
async fn counted_confirming_another_method_does_not_end_the_row_of_wrong_answers() {
    let world = World::new();
    let ann = world.with_app("ann").await;
    for _ in 0..2 {
        let ticket = world.challenged(&ann.key).await;
        for _ in 0..4 {
            let _ = world.answer(&ticket, &wrong(&ann, &world)).await;
        }
    }
    world.add_email(&ann.standing, "ann@codes.example").await;
    let ticket = world.challenged(&ann.key).await;
    for _ in 0..2 {
        let refused = world.answer(&ticket, &wrong(&ann, &world)).await.unwrap_err();
        assert!(matches!(refused, Refusal::WrongCode { .. }), "{refused:?}");
    }
    let refused = world.answer(&ticket, &wrong(&ann, &world)).await.unwrap_err();
    assert_eq!(refused, Refusal::Throttled { seconds: 30 });
}

// ---- Delivered ----

#[tokio::test]
async fn delivered_ten_minutes_to_the_second() {
    for (seconds, works) in [(600, true), (601, false)] {
        let world = World::new();
        let ann = world.with_everything("ann").await;
        let ticket = world.challenged(&ann.key).await;
        world.choose(&ticket, Method::Email).await;
        let code = world.sender.last_code().unwrap();
        world.pass(seconds);
        match world.answer(&ticket, &code).await {
            Ok(_) => assert!(works),
            Err(refused) => {
                assert!(!works);
                assert_eq!(refused, Refusal::ExpiredCode);
                assert_eq!(world.wrong_codes().await, 0);
            }
        }
    }
}

#[tokio::test]
async fn delivered_sending_again_buys_no_tries() {
    let world = World::new();
    let ann = world.with_everything("ann").await;
    let ticket = world.challenged(&ann.key).await;
    for left in (0..3).rev() {
        world.choose(&ticket, Method::Email).await;
        let refused = world.answer(&ticket, &wrong(&ann, &world)).await.unwrap_err();
        assert_eq!(refused, Refusal::WrongCode { tries_left: left });
        world.pass(60);
    }
    let code = world.sender.last_code().unwrap();
    assert_eq!(world.answer(&ticket, &code).await.unwrap_err(), Refusal::NoCodeSent);
    let choice = world.choice(&ticket, Method::Email).await;
    let again = world.mfa.choose(&ticket, choice, Locale::English).await.unwrap();
    assert_eq!(again, Err(Refusal::MethodUnavailable));
}

#[tokio::test]
async fn delivered_a_wrong_answer_spends_the_code_where_the_host_says_so() {
    let world = World::with(|builder| builder.email_codes(true).spend_code_on_wrong_answer(true));
    let ann = world.with_everything("ann").await;
    let ticket = world.challenged(&ann.key).await;
    world.choose(&ticket, Method::Email).await;
    let code = world.sender.last_code().unwrap();
    let refused = world.answer(&ticket, &wrong(&ann, &world)).await.unwrap_err();
    assert_eq!(refused, Refusal::WrongCode { tries_left: 0 });
    assert_eq!(world.answer(&ticket, &code).await.unwrap_err(), Refusal::NoCodeSent);
}

#[tokio::test]
async fn delivered_the_cooldown_holds_across_challenges_and_is_given_back_when_delivery_failed() {
    let world = World::new();
    let ann = world.with_everything("ann").await;
    for failure in [Failure::Transient, Failure::Permanent] {
        let ticket = world.challenged(&ann.key).await;
        let choice = world.choice(&ticket, Method::Email).await;
        world.sender.fail_next(failure);
        let sent = world.mfa.choose(&ticket, choice, Locale::English).await.unwrap();
        assert_eq!(sent, Err(Refusal::NotDelivered));
        let view = world.mfa.challenge(&ticket).await.unwrap().unwrap();
        assert!(!view.code_sent);
        assert_eq!(view.send_again, None);
    }
    let failed = world.count(|kind| matches!(kind, EventKind::CodeNotSent { .. })).await;
    assert_eq!(failed, 2);
    let ticket = world.challenged(&ann.key).await;
    let choice = world.choice(&ticket, Method::Email).await;
    world.mfa.choose(&ticket, choice, Locale::English).await.unwrap().unwrap();
    world.pass(59);
    let other = world.challenged(&ann.key).await;
    for ticket in [&ticket, &other] {
        let again = world.mfa.choose(ticket, choice, Locale::English).await.unwrap();
        assert_eq!(again, Err(Refusal::Cooldown { seconds: 1 }));
    }
    world.pass(1);
    world.mfa.choose(&other, choice, Locale::English).await.unwrap().unwrap();
}

#[tokio::test]
async fn delivered_two_codes_live_at_once() {
    let world = World::new();
    let ann = world.with_everything("ann").await;
    let ticket = world.challenged(&ann.key).await;
    let mut codes = Vec::new();
    for _ in 0..3 {
        world.choose(&ticket, Method::Email).await;
        codes.push(world.sender.last_code().unwrap());
        world.pass(60);
    }
    assert_eq!(world.answer(&ticket, &codes[0]).await.unwrap_err(), Refusal::WrongCode { tries_left: 2 });
    world.answer(&ticket, &codes[1]).await.unwrap();
}

/// Choosing the app and coming back must not lock a code away that is in the mailbox.
#[tokio::test]
async fn delivered_going_back_to_a_code_under_way_works_within_the_cooldown() {
    let world = World::new();
    let ann = world.with_everything("ann").await;
    let ticket = world.challenged(&ann.key).await;
    let choice = world.choice(&ticket, Method::Email).await;
    world.mfa.choose(&ticket, choice, Locale::English).await.unwrap().unwrap();
    let code = world.sender.last_code().unwrap();
    world.choose(&ticket, Method::App).await;
    let back = world.mfa.choose(&ticket, choice, Locale::English).await.unwrap();
    assert_eq!(back, Err(Refusal::Cooldown { seconds: 60 }));
    world.answer(&ticket, &code).await.unwrap();
}

/// Posting the address twice must not kill the code that the first post sent.
#[tokio::test]
async fn delivered_a_set_up_that_is_refused_leaves_the_one_before_as_it_was() {
    let world = World::new();
    let ann = world.with_app("ann").await;
    let authority = Authority::Session(ann.standing.clone());
    let enrol = || world.mfa.enrol_email(&authority, "Post", "ann@codes.example", Locale::English);
    let ticket = enrol().await.unwrap().unwrap();
    let code = world.sender.last_code().unwrap();
    let events = world.events().await.len();
    assert_eq!(enrol().await.unwrap().unwrap_err(), Refusal::Cooldown { seconds: 60 });
    assert_eq!(world.events().await.len(), events, "a refused set-up is no event");
    let _ = world.mfa.confirm(&authority, &ticket, &code, None).await.unwrap().unwrap();
}

// ---- Whole and fresh ----

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
    world.answer(&ticket, &code).await.unwrap();
}

async fn gate(world: &World, standing: &Standing) -> Gate {
    world.mfa.check(standing, Demand::default()).await.unwrap()
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

#[tokio::test]
async fn fresh_backup_codes_go_with_the_last_factor_and_die_with_a_new_set() {
    let world = World::new();
    let ann = world.with_everything("ann").await;
    let new = world.mfa.make_backup_codes(&ann.standing).await.unwrap().unwrap();
    let ticket = world.challenged(&ann.key).await;
    world.choose(&ticket, Method::BackupCode).await;
    assert!(matches!(world.answer(&ticket, &ann.codes[0]).await.unwrap_err(), Refusal::WrongCode { .. }));
    let first = new.iter().next().unwrap().expose().to_owned();
    world.answer(&ticket, &first).await.unwrap();
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
    world.answer(&sign_in, &ann.app.code_at(world.clock.time())).await.unwrap();
    world.pass(599);
    assert!(world.mfa.enrolment(&authority, &ticket).await.unwrap().is_ok());
    world.pass(1);
    let code = new.code_at(world.clock.time());
    let late = world.mfa.confirm(&authority, &ticket, &code, None).await.unwrap();
    assert_eq!(late.unwrap_err(), Refusal::ChallengeExpired);
    assert_eq!(gate(&world, &ann.standing).await, Gate::Open);
    world.signs_in(&ann).await;
}

// ---- Told ----

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
    world.answer(&ticket, codes.iter().next().unwrap().expose()).await.unwrap();
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

// ---- Policy and presets in a life ----

#[tokio::test]
async fn a_reminder_put_off_admits_and_nothing_else() {
    let world = World::new();
    let standing = world.admitted(&key("ann")).await;
    world.mfa.skip_reminder(&standing).await.unwrap().unwrap();
    let SignIn::Admitted { remind, .. } = world.mfa.sign_in(&key("ann")).await.unwrap() else { panic!("no") };
    assert!(!remind);
    let strict = world.twin(common::KEY_A, |builder| builder.policy(Policy::Required));
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
    world.answer(&ticket, &ann.app.code_at(now)).await.unwrap();
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
    world.answer(&step_up, &ann.app.code_at(world.clock.time())).await.unwrap();
}
