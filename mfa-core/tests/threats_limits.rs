//! Limits on guessing: per challenge, per account, per factor; whatever the method and however it is asked.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests; a failure is what they are for")]

use crate::common::{KEY_A, WRONG_BACKUP, World, secs, wrong};
use mfa_core::challenge::Choice;
use mfa_core::event::EventKind;
use mfa_core::policy::Policy;
use mfa_core::port::sender::{Locale, Notice};
use mfa_core::proof::Method;
use mfa_core::refusal::Refusal;
use mfa_core::service::{Demand, Gate, SignIn};
use mfa_core::throttle::Limits;
use mfa_core::ticket::Authority;

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
        world.passes(&ticket, &ann.app.code_at(world.clock.time())).await;
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
        let strict = world.twin(KEY_A, |builder| builder.policy(policy));
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
    world.passes(&ticket, &ann.app.code_at(world.clock.time())).await;
    let told = |event: &EventKind| event.notice() == Some(Notice::BackupCodesDisabled);
    assert_eq!(world.count(told).await, 1);
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
        world.passes(&ticket, &ann.codes[round]).await;
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
    assert!(!wrongs(world.twin(KEY_A, |builder| builder.danger_without_limits())).await);
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

#[tokio::test]
async fn counted_a_disabled_method_can_not_be_chosen() {
    let limits = Limits { disable_at: 2, ..Limits::default() };
    let world = World::with(|builder| builder.email_codes(true).limits(limits));
    let ann = world.with_everything("ann").await;
    let ticket = world.challenged(&ann.key).await;
    let app = world.choice(&ticket, Method::App).await;
    for _ in 0..2 {
        let _ = world.answer(&ticket, &wrong(&ann, &world)).await;
    }
    let chosen = world.mfa.choose(&ticket, app, Locale::English).await.unwrap();
    assert_eq!(chosen, Err(Refusal::MethodDisabled));
}

/// The key is on the screen already, so that there is nothing to guess; an address may be somebody else's.
#[tokio::test]
async fn counted_wrong_codes_while_setting_up_cost_a_wait_for_an_address_and_none_for_an_app() {
    let limits = Limits { free: 2, disable_at: 2, ..Limits::default() };
    for (by_email, waits) in [(false, false), (true, true)] {
        let world = World::with(|builder| builder.email_codes(true).limits(limits));
        let ann = world.with_everything("ann").await;
        let authority = Authority::Session(ann.standing.clone());
        let ticket = if by_email {
            let address = "ann@other.example";
            world.mfa.enrol_email(&authority, "Post", address, Locale::English).await.unwrap().unwrap()
        } else {
            world.mfa.enrol_app(&authority, "Second").await.unwrap().unwrap().0
        };
        for _ in 0..2 {
            let refused = world.mfa.confirm(&authority, &ticket, &wrong(&ann, &world), None).await.unwrap();
            assert!(matches!(refused.unwrap_err(), Refusal::WrongCode { .. }));
        }
        let entry = world.mfa.roster_entry(&ann.key).await.unwrap();
        assert_eq!(entry.waiting, waits, "by e-mail: {by_email}");
        // Nothing that is in use pays for it.
        assert_eq!((entry.methods.len(), entry.disabled), (2, 0));
        world.pass(3_600);
        let sign_in = world.challenged(&ann.key).await;
        let view = world.mfa.challenge(&sign_in).await.unwrap().unwrap();
        assert!(view.methods.iter().any(|offered| offered.method == Method::BackupCode), "{view:?}");
    }
}

/// Whoever has password and mailbox, but neither app nor backup codes: a guess, then a code by e-mail, and again.
#[tokio::test]
async fn counted_codes_by_email_buy_no_guesses_at_what_stands_above_them() {
    for method in [Method::App, Method::BackupCode] {
        let world = World::with(|builder| builder.email_codes(true));
        let ann = world.with_everything("ann").await;
        for guess in 1..=10 {
            world.pass(60);
            let ticket = world.challenged(&ann.key).await;
            world.choose(&ticket, method).await;
            let typed = match method {
                Method::BackupCode => WRONG_BACKUP.to_owned(),
                _ => wrong(&ann, &world),
            };
            let refused = world.answer(&ticket, &typed).await.unwrap_err();
            assert!(matches!(refused, Refusal::WrongCode { .. }), "{refused:?}");
            let email = world.choice(&ticket, Method::Email).await;
            let chosen = world.mfa.choose(&ticket, email, Locale::English).await.unwrap();
            if guess < 10 {
                world.passes(&ticket, &world.sender.last_code().unwrap()).await;
            } else {
                // It costs the wait that it would cost without the mailbox, and its owner is told.
                assert_eq!(chosen, Err(Refusal::Throttled { seconds: 30 }), "{method:?}");
            }
        }
        let told = |event: &EventKind| matches!(event, EventKind::AccountLocked { first: true, .. });
        assert_eq!(world.count(told).await, 1, "{method:?}");
    }
}

#[tokio::test]
async fn counted_codes_by_email_take_back_wrong_ones_of_their_own() {
    let world = World::with(|builder| builder.email_codes(true));
    let ann = world.with_app("ann").await;
    world.add_email(&ann.standing, "ann@codes.example").await;
    for _ in 0..6 {
        world.pass(60);
        let ticket = world.challenged(&ann.key).await;
        world.choose(&ticket, Method::Email).await;
        for _ in 0..2 {
            let refused = world.answer(&ticket, &wrong(&ann, &world)).await.unwrap_err();
            assert!(matches!(refused, Refusal::WrongCode { .. }), "{refused:?}");
        }
        world.passes(&ticket, &world.sender.last_code().unwrap()).await;
    }
    let entry = world.mfa.roster_entry(&ann.key).await.unwrap();
    assert!(!entry.waiting);
}

/// Guessing at an app until it is disabled must not hand the account to the mailbox (decisions 0003 and 0009).
#[tokio::test]
async fn counted_an_app_that_was_guessed_away_still_stands_before_the_mailbox() {
    let limits = Limits { disable_at: 2, ..Limits::default() };
    let fresh = Demand { fresh_within: Some(secs(900)) };
    for (codes, asked, gate) in
        [(false, Refusal::NoMethodLeft, Gate::NoMethodLeft), (true, Refusal::StepUpRequired, Gate::StepUp)]
    {
        let world = World::with(|builder| builder.email_codes(true).limits(limits));
        let ann = if codes {
            world.with_everything("ann").await
        } else {
            let ann = world.with_app("ann").await;
            world.add_email(&ann.standing, "ann@codes.example").await;
            ann
        };
        world.pass(60);
        let ticket = world.challenged(&ann.key).await;
        world.choose(&ticket, Method::App).await;
        for _ in 0..2 {
            let _ = world.answer(&ticket, &wrong(&ann, &world)).await;
        }
        world.choose(&ticket, Method::Email).await;
        let thief = world.passes(&ticket, &world.sender.last_code().unwrap()).await;
        // Signed in, and no more than that.
        assert_eq!(world.mfa.check(&thief, Demand::default()).await.unwrap(), Gate::Open);
        assert_eq!(world.mfa.check(&thief, fresh).await.unwrap(), gate);
        let authority = Authority::Session(thief.clone());
        assert_eq!(world.mfa.enrol_app(&authority, "Mine").await.unwrap().unwrap_err(), asked);
        assert_eq!(world.mfa.remove(&thief, ann.app_id).await.unwrap().unwrap_err(), asked);
        assert_eq!(world.mfa.make_backup_codes(&thief).await.unwrap().unwrap_err(), asked);
        let stepping_up = world.mfa.step_up(&thief).await.unwrap();
        if !codes {
            assert_eq!(stepping_up.unwrap_err(), Refusal::NoMethodLeft);
            continue;
        }
        let ticket = stepping_up.unwrap();
        let offered = world.mfa.challenge(&ticket).await.unwrap().unwrap().methods;
        assert_eq!(offered.iter().map(|offered| offered.method).collect::<Vec<_>>(), [Method::BackupCode]);
        // Whoever has the backup codes puts it right.
        world.choose(&ticket, Method::BackupCode).await;
        let owner = world.passes(&ticket, &ann.codes[0]).await;
        assert!(world.mfa.remove(&owner, ann.app_id).await.unwrap().is_ok());
    }
}
