//! What owners, pages and administrators are shown of an account, and that it is what happened.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests; a failure is what they are for"
)]

use mfa_core::account::Account;
use mfa_core::challenge::Choice;
use mfa_core::event::{Event, EventKind};
use mfa_core::factor::backup::CODE_CHARACTERS;
use mfa_core::factor::otpauth;
use mfa_core::fault::FaultKind;
use mfa_core::id::{AccountKey, Epoch, FactorId, TenantId};
use mfa_core::policy::Policy;
use mfa_core::port::directory::Person;
use mfa_core::port::sender::{Content, Locale};
use mfa_core::proof::Method;
use mfa_core::refusal::Refusal;
use mfa_core::secret::SecretText;
use mfa_core::service::{Demand, Gate, Overview};
use mfa_core::settings::MAX_FACTORS;
use mfa_core::throttle::Limits;
use mfa_core::ticket::Authority;
use mfa_testing::app::AuthenticatorApp;

use crate::common::{Somebody, World, key, secs, user, wrong};

async fn overview(world: &World, somebody: &Somebody) -> Overview {
    world.mfa.overview(&somebody.standing).await.unwrap().unwrap()
}

#[tokio::test]
async fn an_overview_says_what_each_method_is_called_and_when_it_was_confirmed_and_used() {
    let world = World::new();
    let ann = key("ann");
    let authority = Authority::Session(world.admitted(&ann).await);
    let (ticket, shown) = world.mfa.enrol_app(&authority, "Phone").await.unwrap().unwrap();
    let app = AuthenticatorApp::scan(shown.uri.expose()).unwrap();
    world.pass(45);
    let confirmed_at = world.clock.time();
    let code = app.code_at(confirmed_at);
    let confirmed = world.mfa.confirm(&authority, &ticket, &code, None).await.unwrap().unwrap();
    let standing = confirmed.verified.into_standing();
    let first = world.mfa.overview(&standing).await.unwrap().unwrap();
    assert_eq!((first.factors[0].added, first.factors[0].used), (confirmed_at, None));
    assert!(!first.required && first.email_codes && first.can_add && first.backup.is_none());

    world.pass(30);
    let ticket = world.challenged(&ann).await;
    let used_at = world.clock.time();
    let standing = world.passes(&ticket, &app.code_at(used_at)).await;
    world.pass(5);
    world.mfa.rename(&standing, confirmed.factor, " Old phone ").await.unwrap().unwrap();
    let made_at = world.clock.time();
    let codes = world.mfa.make_backup_codes(&standing).await.unwrap().unwrap();
    world.directory.put(ann.clone(), Person { policy: Some(Policy::Required), ..Person::default() });
    let then = world.mfa.overview(&standing).await.unwrap().unwrap();
    let phone = &then.factors[0];
    assert_eq!((phone.id, phone.name.as_str(), phone.method), (confirmed.factor, "Old phone", Method::App));
    assert_eq!((phone.added, phone.used, phone.code_length), (confirmed_at, Some(used_at), 6));
    assert!(then.required && !phone.disabled);
    let backup = then.backup.unwrap();
    assert_eq!((backup.left, backup.made, backup.used, backup.disabled), (10, made_at, None, false));

    world.pass(10);
    let ticket = world.challenged(&ann).await;
    world.choose(&ticket, Method::BackupCode).await;
    let standing = world.passes(&ticket, codes.iter().next().unwrap().expose()).await;
    let backup = world.mfa.overview(&standing).await.unwrap().unwrap().backup.unwrap();
    assert_eq!((backup.left, backup.made, backup.used), (9, made_at, Some(world.clock.time())));
}

#[tokio::test]
async fn an_account_holds_ten_methods_and_an_eleventh_in_a_record_is_a_fault() {
    let world = World::new();
    let ann = world.with_app("ann").await;
    let mut record: serde_json::Value = serde_json::from_str(&world.record(&ann.key).await).unwrap();
    let another = |n: u8, of: &serde_json::Value| {
        let mut factor = of.clone();
        factor["i"] = FactorId::from_bytes([n; 16]).to_string().into();
        factor
    };
    let phone = record["f"][0].clone();
    for n in 2..=10 {
        assert!(overview(&world, &ann).await.can_add, "before the {n}th");
        record["f"].as_array_mut().unwrap().push(another(n, &phone));
        world.plant(&ann.key, &record.to_string()).await;
    }
    let full = overview(&world, &ann).await;
    assert_eq!((full.factors.len(), full.can_add), (MAX_FACTORS, false));
    let authority = Authority::Session(ann.standing.clone());
    let more = world.mfa.enrol_app(&authority, "One more").await.unwrap();
    assert_eq!(more.unwrap_err(), Refusal::TooManyFactors);
    record["f"].as_array_mut().unwrap().push(another(11, &phone));
    world.plant(&ann.key, &record.to_string()).await;
    assert_eq!(world.mfa.overview(&ann.standing).await.unwrap_err().kind(), FaultKind::Record);
}

#[tokio::test]
async fn a_challenge_offers_the_method_used_last_first_and_says_what_was_sent() {
    let world = World::new();
    let ann = world.with_everything("ann").await;
    let ticket = world.challenged(&ann.key).await;
    let view = world.mfa.challenge(&ticket).await.unwrap().unwrap();
    let offered: Vec<_> = view.methods.iter().map(|method| (method.method, method.code_length)).collect();
    assert_eq!(offered, [(Method::App, 6), (Method::Email, 6), (Method::BackupCode, CODE_CHARACTERS)]);
    assert_eq!(view.chosen, Some(view.methods[0].clone()));
    assert_eq!((view.code_sent, view.send_again), (false, None));

    world.choose(&ticket, Method::Email).await;
    let sent_at = world.clock.time();
    let view = world.mfa.challenge(&ticket).await.unwrap().unwrap();
    assert_eq!(view.chosen.as_ref().map(|chosen| chosen.method), Some(Method::Email));
    assert_eq!((view.code_sent, view.send_again), (true, Some(sent_at.after(secs(60)))));
    match world.sender.messages().last().map(|message| message.content.clone()) {
        Some(Content::Code { expires, .. }) => assert_eq!(expires, sent_at.after(secs(600))),
        other => panic!("{other:?}"),
    }

    // The code under way belongs to the mailbox, not to the app.
    world.choose(&ticket, Method::App).await;
    let view = world.mfa.challenge(&ticket).await.unwrap().unwrap();
    assert_eq!(view.chosen.as_ref().map(|chosen| chosen.method), Some(Method::App));
    assert_eq!((view.code_sent, view.send_again), (false, None));

    let email = world.choice(&ticket, Method::Email).await;
    let again = world.mfa.choose(&ticket, email, Locale::English).await.unwrap();
    assert_eq!(again, Err(Refusal::Cooldown { seconds: 60 }));
    world.passes(&ticket, &world.sender.last_code().unwrap()).await;
    let next = world.challenged(&ann.key).await;
    let view = world.mfa.challenge(&next).await.unwrap().unwrap();
    let offered: Vec<_> = view.methods.iter().map(|method| method.method).collect();
    assert_eq!(offered, [Method::Email, Method::App, Method::BackupCode]);
    assert_eq!(view.chosen, None);
}

#[tokio::test]
async fn the_roster_names_who_is_enrolled_who_is_locked_out_and_who_waits() {
    let limits = Limits { disable_at: 4, free: 4, ..Limits::default() };
    let world = World::with(|builder| builder.email_codes(true).limits(limits));
    let ann = world.with_everything("ann").await;
    world.signs_in(&ann).await;
    let ann_used = world.clock.time();
    let bob = world.admitted(&key("bob")).await;
    world.mfa.skip_reminder(&bob).await.unwrap().unwrap();
    let eve = world.with_app("eve").await;
    let ticket = world.challenged(&eve.key).await;
    for _ in 0..4 {
        let _ = world.answer(&ticket, &wrong(&eve, &world)).await;
    }
    let tenant = TenantId::default();
    let roster = world.mfa.roster(&tenant, None, 10).await.unwrap();
    let seen: Vec<_> =
        roster.entries.iter().map(|one| (one.user.as_str(), one.is_enrolled(), one.waiting)).collect();
    assert_eq!(seen, [("ann", true, false), ("bob", false, false), ("eve", true, true)]);
    assert!(!roster.more);
    let of_ann = &roster.entries[0];
    assert_eq!(of_ann.methods, [Method::App, Method::Email]);
    assert_eq!((of_ann.disabled, of_ann.backup_codes_left, of_ann.used), (0, Some(10), Some(ann_used)));
    let of_eve = world.mfa.roster_entry(&eve.key).await.unwrap();
    assert_eq!((of_eve.methods.len(), of_eve.disabled, of_eve.backup_codes_left), (0, 1, None));
    assert_eq!(of_eve, roster.entries[2]);
    let rest = world.mfa.roster(&tenant, Some(&user("ann")), 1).await.unwrap();
    assert_eq!((rest.entries[0].user.as_str(), rest.more), ("bob", true));
}

#[tokio::test]
async fn an_erased_account_leaves_no_record_no_events_and_no_session() {
    let world = World::new();
    let (ann, bob) = (world.with_app("ann").await, world.with_app("bob").await);
    world.mfa.erase(&ann.key).await.unwrap();
    let roster = world.mfa.roster(&TenantId::default(), None, 10).await.unwrap();
    let users: Vec<_> = roster.entries.iter().map(|one| one.user.as_str()).collect();
    assert_eq!(users, ["bob"]);
    assert_eq!(world.mfa.check(&ann.standing, Demand::default()).await.unwrap(), Gate::SignInAgain);
    assert_eq!(world.mfa.check(&bob.standing, Demand::default()).await.unwrap(), Gate::Open);
    let added = world.count(|kind| matches!(kind, EventKind::FactorAdded { .. })).await;
    assert_eq!(added, 1, "hers are gone and his are not");
}

#[tokio::test]
async fn the_same_name_at_another_tenant_is_another_account() {
    let world = World::new();
    let ann = world.with_app("ann").await;
    let other = AccountKey::new(TenantId::new("north").unwrap(), user("ann"));
    assert_eq!((other.tenant().as_str(), other.user()), ("north", ann.key.user()));
    assert!(world.admitted(&other).await.methods().is_empty());
    world.challenged(&ann.key).await;
}

#[tokio::test]
async fn a_record_read_back_says_what_the_account_has() {
    let world = World::new();
    let ann = world.with_everything("ann").await;
    world.challenged(&ann.key).await;
    let account = Account::decode(world.record(&ann.key).await.as_bytes()).unwrap();
    assert_ne!(account.epoch(), Epoch::NONE);
    assert_eq!((account.factors().len(), account.challenges().len()), (2, 1));
    assert_eq!(account.backup_left(), Some(10));
}

#[tokio::test]
async fn adapters_get_the_time_and_the_randomness_of_the_portal() {
    let world = World::new();
    world.pass(12_345);
    assert_eq!(world.mfa.now().unwrap(), world.clock.time());
    world.clock.set_broken(true);
    assert_eq!(world.mfa.now().unwrap_err().kind(), FaultKind::Clock);
    let mut bytes = [0; 32];
    world.mfa.fill_random(&mut bytes).unwrap();
    assert_ne!(bytes, [0; 32]);
    world.entropy.fuse.arm(0);
    assert_eq!(world.mfa.fill_random(&mut bytes).unwrap_err().kind(), FaultKind::Entropy);
}

#[test]
fn a_choice_reads_back_from_the_form_it_is_posted_in() {
    let factor = Choice::Factor(FactorId::from_bytes([7; 16]));
    for choice in [factor, Choice::BackupCode] {
        assert_eq!(choice.to_string().parse::<Choice>(), Ok(choice));
    }
    assert_eq!(Choice::BackupCode.to_string(), "backup_code");
    assert!("backup_codes".parse::<Choice>().is_err());
}

/// Stores look for events by the name beside them: it has to be the one that stands in them.
#[tokio::test]
async fn every_event_is_stored_under_the_name_in_its_body() {
    let world = World::new();
    let ann = world.with_everything("ann").await;
    world.signs_in(&ann).await;
    world.mfa.reset(&ann.key, &user("admin"), "lost").await.unwrap().unwrap();
    let events: Vec<Event> = world.events().await;
    assert!(events.len() > 5, "{events:?}");
    for event in events {
        let stored = event.to_stored().unwrap();
        let body: serde_json::Value = serde_json::from_slice(&stored.body).unwrap();
        assert_eq!(body["kind"], stored.kind, "{body}");
    }
}

#[tokio::test]
async fn a_login_name_that_no_app_could_show_is_replaced() {
    for (label, shown) in [
        ("ann@hillside.example", "ann@hillside.example"),
        ("", "ann"),
        (" \t", "ann"),
        ("an\u{7}n\n", "an n"),
        ("ann:1", "ann-1"),
    ] {
        let world = World::new();
        let label = Some(SecretText::from(label));
        world.directory.put(key("ann"), Person { label, ..Person::default() });
        let authority = Authority::Session(world.admitted(&key("ann")).await);
        let (_, app) = world.mfa.enrol_app(&authority, "Phone").await.unwrap().unwrap();
        assert_eq!(otpauth::parse(app.uri.expose()).unwrap().account.expose(), shown);
    }
}
