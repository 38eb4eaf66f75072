//! Delivered codes: how long, how often, how many at once, and what happens when they do not arrive.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests; a failure is what they are for")]

use crate::common::{KEY_A, World, key, secs, wrong};
use mfa_core::event::EventKind;
use mfa_core::factor::delivered::{Found, LiveCode, Request};
use mfa_core::id::{ChallengeId, FactorId};
use mfa_core::port::entropy::SystemEntropy;
use mfa_core::port::sealer::KeyRing;
use mfa_core::port::sender::{Channel, Failure, Locale, Message, Purpose, Receipt, SendError, Sender};
use mfa_core::port::store::{RecordKey, Store};
use mfa_core::proof::Method;
use mfa_core::refusal::Refusal;
use mfa_core::service::Mfa;
use mfa_core::ticket::Authority;

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

/// The sender of the tests takes nearly everything; the core still keeps a message to one line of address.
#[tokio::test]
async fn delivered_to_one_address_of_one_line() {
    let world = World::new();
    let ann = world.with_app("ann").await;
    let authority = Authority::Session(ann.standing);
    let long = format!("{}@b.example", "a".repeat(250));
    for address in ["a@b.example\r\nBcc: c@d.example", "a@b.example\0", &long] {
        let refused = world.mfa.enrol_email(&authority, "Post", address, Locale::English).await.unwrap();
        assert_eq!(refused.unwrap_err(), Refusal::BadAddress, "{address:?}");
    }
    assert!(world.sender.messages().iter().all(|message| !message.to.expose().contains("Bcc")));
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
    world.passes(&ticket, &codes[1]).await;
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
    world.passes(&ticket, &code).await;
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

/// Whichever of several codes it is: the last, an earlier one that still lives, one too old, one of another address.
#[test]
fn delivered_found_among_others_wherever_it_stands() {
    let (ann, challenge, ring) =
        (key("ann"), ChallengeId::from_bytes([1; 16]), KeyRing::from_hex(KEY_A).unwrap());
    let start = mfa_testing::clock::ManualClock::default().time();
    let to = |factor: u8| Request {
        account: &ann,
        challenge: &challenge,
        purpose: Purpose::SignIn,
        factor: FactorId::from_bytes([factor; 16]),
    };
    let draw = |factor: u8, life: u64| {
        let (live, code) = LiveCode::draw(to(factor), &SystemEntropy, &ring, start, secs(life)).unwrap();
        (live, code.expose().to_owned())
    };
    let drawn = || [draw(1, 60), draw(1, 600), draw(2, 600), draw(1, 600)];
    // Codes that are alike by chance say nothing.
    let distinct = |drawn: &[(LiveCode, String); 4]| {
        drawn.iter().all(|(_, code)| drawn.iter().filter(|(_, other)| other == code).count() == 1)
    };
    let drawn = std::iter::repeat_with(drawn).find(distinct).unwrap();
    let codes: Vec<LiveCode> = drawn.iter().map(|(live, _)| live.clone()).collect();
    let find = |factor: u8, seconds: u64, typed: &str| {
        LiveCode::find(&codes, to(factor), &ring, start.after(secs(seconds)), typed).unwrap()
    };
    let [old, second, elsewhere, last] = drawn.each_ref().map(|(_, code)| code.as_str());
    assert_eq!([old, second, last].map(|code| find(1, 60, code)), [Found::Live; 3]);
    assert_eq!([old, second, last].map(|code| find(1, 61, code)), [Found::Expired, Found::Live, Found::Live]);
    assert_eq!([old, second, last].map(|code| find(1, 601, code)), [Found::Expired; 3]);
    assert_eq!((find(1, 0, elsewhere), find(2, 0, elsewhere)), (Found::Wrong, Found::Live));
    assert_eq!((find(2, 0, last), find(3, 0, last)), (Found::Wrong, Found::NoneSent));
    // What was never sent there is wrong, and so a try, when all have passed too.
    assert_eq!([61, 601].map(|seconds| find(1, seconds, elsewhere)), [Found::Wrong; 2]);
}

/// While it delivers, the host deletes the account. It answers as it is told.
struct Erasing {
    elsewhere: Mfa,
    works: bool,
}

impl Sender for Erasing {
    fn channel(&self) -> Channel {
        Channel::Email
    }

    fn accepts(&self, _: &str) -> bool {
        true
    }

    async fn send(&self, _: &Message) -> Result<Receipt, SendError> {
        self.elsewhere.erase(&key("ann")).await.unwrap();
        if self.works { Ok(Receipt { id: None }) } else { Err(SendError::permanent(std::fmt::Error)) }
    }
}

#[tokio::test]
async fn an_account_erased_while_a_message_is_under_way_stays_erased() {
    for works in [true, false] {
        let world = World::new();
        let ann = world.with_everything("ann").await;
        let sending = Mfa::builder("Hillside School", "portal.hillside.example")
            .store(std::sync::Arc::clone(&world.store))
            .sealer(KeyRing::from_hex(KEY_A).unwrap())
            .clock(world.clock.clone())
            .directory(world.directory.clone())
            .sender(Erasing { elsewhere: world.mfa.clone(), works })
            .help("the school office")
            .build()
            .unwrap();
        let ticket = world.challenged(&ann.key).await;
        let choice = world.choice(&ticket, Method::Email).await;
        // A code, and then a notice.
        let sent = sending.choose(&ticket, choice, Locale::English).await.unwrap();
        assert_eq!(sent.is_ok(), works);
        assert!(world.store.load(&RecordKey::from(&ann.key)).await.unwrap().is_none(), "{works}");
        let bob = world.with_app("ann").await;
        let _ = sending.make_backup_codes(&bob.standing).await.unwrap().unwrap();
        assert!(world.store.load(&RecordKey::from(&ann.key)).await.unwrap().is_none(), "{works}");
        assert!(world.events().await.is_empty(), "{works}");
    }
}
