//! Races: many tasks on two handles of one store, all of whose first loads are held until every one has read.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests; a failure is what they are for"
)]

use crate::common::{KEY_A, Somebody, WRONG_BACKUP, World, key, secs, wrong};
use mfa_core::event::EventKind;
use mfa_core::fault::Fault;
use mfa_core::port::sender::Locale;
use mfa_core::proof::Method;
use mfa_core::refusal::Refusal;
use mfa_core::service::{Granted, Mfa};
use mfa_core::throttle::Limits;
use mfa_core::ticket::{Authority, Ticket};

type Answer = Result<Result<Granted, Refusal>, Fault>;

/// `tasks` answers at once, every second one through another handle on the same store.
async fn at_once(world: &World, tickets: &[Ticket], typed: &[String], tasks: usize) -> Vec<Answer> {
    let twin = world.twin(KEY_A, |builder| builder.email_codes(true));
    world.store.hold(tasks);
    let running: Vec<_> = (0..tasks)
        .map(|n| {
            let mfa: Mfa = if n % 2 == 0 { world.mfa.clone() } else { twin.clone() };
            let (ticket, typed) = (tickets[n % tickets.len()].clone(), typed[n % typed.len()].clone());
            tokio::spawn(async move { mfa.answer(&ticket, &typed).await })
        })
        .collect();
    let mut answers = Vec::new();
    for one in running {
        answers.push(one.await.unwrap());
    }
    answers
}

fn won(answers: &[Answer]) -> usize {
    answers.iter().filter(|answer| matches!(answer, Ok(Ok(_)))).count()
}

async fn tickets(world: &World, ann: &Somebody, method: Method, count: usize) -> Vec<Ticket> {
    let mut tickets = Vec::new();
    for _ in 0..count {
        let ticket = world.challenged(&ann.key).await;
        world.choose(&ticket, method).await;
        tickets.push(ticket);
    }
    tickets
}

#[tokio::test(flavor = "multi_thread")]
async fn once_of_64_tasks_with_one_app_code_one_wins() {
    // In one challenge, and in several: the challenge's end alone must not be what stops the second.
    for challenges in [1, 8] {
        let world = World::new();
        let ann = world.with_app("ann").await;
        let tickets = tickets(&world, &ann, Method::App, challenges).await;
        let code = ann.app.code_at(world.clock.time());
        let answers = at_once(&world, &tickets, &[code], 64).await;
        assert_eq!(won(&answers), 1, "{challenges}");
        let passed = world.count(|kind| matches!(kind, EventKind::ChallengePassed { .. })).await;
        assert_eq!(passed, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn once_of_64_tasks_with_one_backup_code_one_wins() {
    for challenges in [1, 8] {
        let world = World::new();
        let ann = world.with_everything("ann").await;
        let tickets = tickets(&world, &ann, Method::BackupCode, challenges).await;
        let answers = at_once(&world, &tickets, &ann.codes[..1], 64).await;
        assert_eq!(won(&answers), 1, "{challenges}");
        assert_eq!(world.mfa.roster_entry(&ann.key).await.unwrap().backup_codes_left, Some(9));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn once_ten_backup_codes_at_once_are_ten_and_none_is_lost() {
    let world = World::new();
    let ann = world.with_everything("ann").await;
    let tickets = tickets(&world, &ann, Method::BackupCode, 5).await;
    let answers = at_once(&world, &tickets, &ann.codes[..5], 5).await;
    assert_eq!(won(&answers), 5);
    assert_eq!(world.mfa.roster_entry(&ann.key).await.unwrap().backup_codes_left, Some(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn once_of_64_tasks_with_one_delivered_code_one_wins() {
    let world = World::new();
    let ann = world.with_everything("ann").await;
    let tickets = tickets(&world, &ann, Method::Email, 1).await;
    let code = world.sender.last_code().unwrap();
    let answers = at_once(&world, &tickets, &[code], 64).await;
    assert_eq!(won(&answers), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn counted_of_100_parallel_guesses_no_more_than_the_limit_are_evaluated() {
    for (method, challenges, limit) in [
        (Method::App, 1, 5),
        (Method::App, 8, 10),
        (Method::Email, 1, 3),
        (Method::BackupCode, 1, 5),
        (Method::BackupCode, 8, 10),
    ] {
        let world = World::new();
        let ann = world.with_everything("ann").await;
        let tickets = tickets(&world, &ann, method, challenges).await;
        let typed = match method {
            Method::BackupCode => WRONG_BACKUP.to_owned(),
            _ => wrong(&ann, &world),
        };
        let answers = at_once(&world, &tickets, &[typed], 100).await;
        assert_eq!(won(&answers), 0);
        let evaluated = answers.iter().filter(|a| matches!(a, Ok(Err(Refusal::WrongCode { .. })))).count();
        assert_eq!(evaluated, limit, "{method:?} on {challenges}");
        assert_eq!(world.wrong_codes().await, limit, "{method:?} on {challenges}");
        assert!(answers.iter().all(Result::is_ok), "{method:?}: contention is a refusal for nobody");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn counted_two_handles_share_one_limit() {
    let world = World::new();
    let ann = world.with_app("ann").await;
    let twin = world.twin(KEY_A, |builder| builder);
    for n in 0..10 {
        let mfa = if n % 2 == 0 { &world.mfa } else { &twin };
        let ticket = world.challenged(&ann.key).await;
        let refused = mfa.answer(&ticket, &wrong(&ann, &world)).await.unwrap().unwrap_err();
        assert!(matches!(refused, Refusal::WrongCode { .. }));
    }
    let ticket = world.challenged(&ann.key).await;
    for mfa in [&world.mfa, &twin] {
        let refused = mfa.answer(&ticket, &ann.app.code_at(world.clock.time())).await.unwrap().unwrap_err();
        assert_eq!(refused, Refusal::Throttled { seconds: 30 });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn counted_the_limit_that_disables_holds_in_parallel() {
    let limits = Limits { disable_at: 7, ..Limits::default() };
    let world = World::with(|builder| builder.limits(limits));
    let ann = world.with_app("ann").await;
    let tickets = tickets(&world, &ann, Method::App, 8).await;
    let mfa = &world.mfa;
    world.store.hold(32);
    let typed = wrong(&ann, &world);
    let running: Vec<_> = (0..32)
        .map(|n| {
            let (mfa, ticket, typed) = (mfa.clone(), tickets[n % 8].clone(), typed.clone());
            tokio::spawn(async move { mfa.answer(&ticket, &typed).await })
        })
        .collect();
    for one in running {
        let _ = one.await.unwrap();
    }
    assert_eq!(world.wrong_codes().await, 7);
    assert_eq!(world.count(|kind| matches!(kind, EventKind::FactorDisabled { .. })).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn once_of_many_sends_at_once_one_message_goes_out() {
    let world = World::new();
    let ann = world.with_everything("ann").await;
    let tickets = tickets(&world, &ann, Method::App, 8).await;
    let choice = world.choice(&tickets[0], Method::Email).await;
    world.sender.clear();
    world.store.hold(32);
    let running: Vec<_> = (0..32)
        .map(|n| {
            let (mfa, ticket) = (world.mfa.clone(), tickets[n % 8].clone());
            tokio::spawn(async move { mfa.choose(&ticket, choice, Locale::English).await })
        })
        .collect();
    let mut sent = 0;
    for one in running {
        sent += usize::from(one.await.unwrap().unwrap().is_ok());
    }
    assert_eq!((sent, world.sender.messages().len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn whole_of_two_first_set_ups_at_once_one_is_bound() {
    let world = World::new();
    let ann = key("ann");
    let authority = Authority::Session(world.admitted(&ann).await);
    let (ticket, shown) = world.mfa.enrol_app(&authority, "Phone").await.unwrap().unwrap();
    let app = mfa_testing::app::AuthenticatorApp::scan(shown.uri.expose()).unwrap();
    let code = app.code_at(world.clock.time());
    world.store.hold(16);
    let running: Vec<_> = (0..16)
        .map(|_| {
            let (mfa, authority, ticket, code) =
                (world.mfa.clone(), authority.clone(), ticket.clone(), code.clone());
            tokio::spawn(async move { mfa.confirm(&authority, &ticket, &code, None).await })
        })
        .collect();
    let mut bound = 0;
    for one in running {
        bound += usize::from(one.await.unwrap().unwrap().is_ok());
    }
    assert_eq!(bound, 1);
    assert_eq!(world.mfa.roster_entry(&ann).await.unwrap().methods, [Method::App]);
    world.pass(30);
    assert!(world.mfa.now().unwrap().since(world.clock.time()) < secs(1));
}

/// A backup code that is hashed while the set is replaced belongs to the old set, and is refused.
#[tokio::test(flavor = "multi_thread")]
async fn once_a_backup_code_of_a_set_replaced_meanwhile_is_refused() {
    let world = World::new();
    let ann = world.with_everything("ann").await;
    let tickets = tickets(&world, &ann, Method::BackupCode, 1).await;
    // Both read before either writes: the answer hashes with the old salt, the new set is installed.
    world.store.hold(2);
    let (mfa, standing) = (world.mfa.clone(), ann.standing.clone());
    let making = tokio::spawn(async move { mfa.make_backup_codes(&standing).await });
    let (mfa, ticket, code) = (world.mfa.clone(), tickets[0].clone(), ann.codes[0].clone());
    let answering = tokio::spawn(async move { mfa.answer(&ticket, &code).await });
    let new = making.await.unwrap().unwrap();
    let answered = answering.await.unwrap().unwrap();
    // Whichever came first: a code used before left no trace in the new set, one used after was refused.
    let left = world.mfa.roster_entry(&ann.key).await.unwrap().backup_codes_left;
    assert!(new.is_ok());
    match answered {
        Ok(granted) => assert_eq!(granted.backup_codes_left, Some(9)),
        Err(refused) => assert!(matches!(refused, Refusal::WrongCode { .. }), "{refused:?}"),
    }
    assert_eq!(left, Some(10));
}
