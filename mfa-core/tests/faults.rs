//! Closed: every port made to fail at every call in turn. Nobody is let in, nothing is lost, afterwards all works.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests; a failure is what they are for"
)]

use crate::common::{Fuse, Somebody, WRONG_BACKUP, World, key, secs, user, wrong};
use mfa_core::challenge::Choice;
use mfa_core::fault::{Fault, FaultKind};
use mfa_core::port::sender::Locale;
use mfa_core::proof::Method;
use mfa_core::refusal::Refusal;
use mfa_core::service::{Demand, Gate, SignIn};
use mfa_core::throttle::Limits;
use mfa_core::ticket::{Authority, Ticket};
use mfa_core::time::Timestamp;

/// What is done while something fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    SignIn,
    AnswerApp,
    AnswerBackup,
    AnswerEmail,
    AnswerWrong,
    ChooseEmail,
    StepUp,
    Check,
    EnrolApp,
    EnrolEmail,
    ConfirmApp,
    Remove,
    MakeCodes,
    Rename,
    EndOthers,
    PasswordChanged,
    Overview,
    Activity,
    Roster,
    Reset,
    Abandon,
}

const OPS: [Op; 21] = [
    Op::SignIn,
    Op::AnswerApp,
    Op::AnswerBackup,
    Op::AnswerEmail,
    Op::AnswerWrong,
    Op::ChooseEmail,
    Op::StepUp,
    Op::Check,
    Op::EnrolApp,
    Op::EnrolEmail,
    Op::ConfirmApp,
    Op::Remove,
    Op::MakeCodes,
    Op::Rename,
    Op::EndOthers,
    Op::PasswordChanged,
    Op::Overview,
    Op::Activity,
    Op::Roster,
    Op::Reset,
    Op::Abandon,
];

/// Everything an operation needs, made before anything fails.
struct Stage {
    world: World,
    ann: Somebody,
    app: Ticket,
    backup: Ticket,
    email: Ticket,
    code: String,
    enrolling: Ticket,
    new_code: String,
}

async fn stage() -> Stage {
    stage_with(100).await
}

async fn stage_with(recent: usize) -> Stage {
    let limits = Limits { per_challenge: 5, ..Limits::default() };
    let world = World::with(|builder| builder.email_codes(true).limits(limits).recent_records(recent));
    let ann = world.with_everything("ann").await;
    let authority = Authority::Session(ann.standing.clone());
    let (enrolling, shown) = world.mfa.enrol_app(&authority, "New").await.unwrap().unwrap();
    let new = mfa_testing::app::AuthenticatorApp::scan(shown.uri.expose()).unwrap();
    let (app, backup, email) = (
        world.challenged(&ann.key).await,
        world.challenged(&ann.key).await,
        world.challenged(&ann.key).await,
    );
    world.choose(&app, Method::App).await;
    world.choose(&backup, Method::BackupCode).await;
    world.choose(&email, Method::Email).await;
    let code = world.sender.last_code().unwrap();
    world.pass(60);
    let new_code = new.code_at(world.clock.time());
    Stage { world, ann, app, backup, email, code, enrolling, new_code }
}

/// Does it; the answer says whether anybody was let through.
async fn perform(stage: &Stage, op: Op) -> Result<bool, Fault> {
    let Stage { world, ann, .. } = stage;
    let mfa = &world.mfa;
    let authority = Authority::Session(ann.standing.clone());
    let right = ann.app.code_at(world.clock.time());
    Ok(match op {
        Op::SignIn => matches!(mfa.sign_in(&ann.key).await?, SignIn::Admitted { .. }),
        Op::AnswerApp => mfa.answer(&stage.app, &right).await?.is_ok(),
        Op::AnswerBackup => mfa.answer(&stage.backup, &ann.codes[0]).await?.is_ok(),
        Op::AnswerEmail => mfa.answer(&stage.email, &stage.code).await?.is_ok(),
        Op::AnswerWrong => {
            let wrong = wrong(ann, world);
            for _ in 0..5 {
                assert!(mfa.answer(&stage.app, &wrong).await?.is_err());
            }
            assert!(mfa.answer(&stage.backup, WRONG_BACKUP).await?.is_err());
            false
        }
        Op::ChooseEmail => {
            let choice = world.choice_of_email(&stage.app).await?;
            let _ = mfa.choose(&stage.app, choice, Locale::English).await?;
            false
        }
        Op::StepUp => {
            let _ = mfa.step_up(&ann.standing).await?;
            false
        }
        Op::Check => mfa.check(&ann.standing, Demand { fresh_within: Some(secs(900)) }).await? == Gate::Open,
        Op::EnrolApp => mfa.enrol_app(&authority, "Third").await?.is_err(),
        Op::EnrolEmail => {
            mfa.enrol_email(&authority, "Third", "ann@third.example", Locale::English).await?.is_err()
        }
        Op::ConfirmApp => mfa.confirm(&authority, &stage.enrolling, &stage.new_code, None).await?.is_ok(),
        Op::Remove => mfa.remove(&ann.standing, ann.app_id).await?.is_ok(),
        Op::MakeCodes => mfa.make_backup_codes(&ann.standing).await?.is_ok(),
        Op::Rename => mfa.rename(&ann.standing, ann.app_id, "Old").await?.is_ok(),
        Op::EndOthers => mfa.end_other_sessions(&ann.standing).await?.is_ok(),
        Op::PasswordChanged => mfa.password_changed(&ann.key).await.map(|()| false)?,
        Op::Overview => mfa.overview(&ann.standing).await?.is_ok(),
        Op::Activity => mfa.activity(&ann.standing, 10).await?.is_ok(),
        Op::Roster => !mfa.roster(ann.key.tenant(), None, 10).await?.entries.is_empty(),
        Op::Reset => mfa.reset(&ann.key, &user("admin"), "lost").await?.is_ok(),
        Op::Abandon => mfa.abandon(&stage.app).await.map(|()| false)?,
    })
}

impl World {
    async fn choice_of_email(&self, ticket: &Ticket) -> Result<Choice, Fault> {
        let Ok(view) = self.mfa.challenge(ticket).await? else { return Ok(Choice::BackupCode) };
        Ok(view.methods.iter().find(|m| m.method == Method::Email).unwrap().choice)
    }
}

/// A guess at once in the world afterwards still meets the whole account; whoever has the right code comes in.
async fn works_afterwards(stage: &Stage, op: Op, note: &str) {
    let Stage { world, ann, .. } = stage;
    if op == Op::Reset && !world.mfa.roster_entry(&ann.key).await.unwrap().is_enrolled() {
        return;
    }
    world.pass(90);
    let ticket = match world.mfa.sign_in(&ann.key).await.unwrap() {
        SignIn::Challenged(ticket) => ticket,
        other => panic!("{op:?} {note}: {other:?}"),
    };
    let removed =
        op == Op::Remove && !world.mfa.roster_entry(&ann.key).await.unwrap().methods.contains(&Method::App);
    if removed {
        return;
    }
    world.choose(&ticket, Method::App).await;
    let answered = world.mfa.answer(&ticket, &ann.app.code_at(world.clock.time())).await.unwrap();
    let standing =
        answered.unwrap_or_else(|refused| panic!("{op:?} {note}: {refused:?}")).verified.into_standing();
    assert!(world.mfa.overview(&standing).await.unwrap().is_ok());
}

async fn every_call(which: impl Fn(&World) -> &Fuse, kind: FaultKind) {
    let mut blown = 0;
    // With and without a record in hand that needs no reading.
    for (op, recent) in OPS.into_iter().flat_map(|op| [(op, 100), (op, 0)]) {
        for at in 0..100 {
            let stage = stage_with(recent).await;
            let before = stage.world.record(&stage.ann.key).await;
            which(&stage.world).arm(at);
            let outcome = perform(&stage, op).await;
            if !which(&stage.world).disarm() {
                assert!(outcome.is_ok(), "{op:?} without a failure");
                break;
            }
            blown += 1;
            match outcome {
                Err(fault) => assert_eq!(fault.kind(), kind, "{op:?} at {at}"),
                // What failed then was telling the owner, after the commit: that takes nothing back.
                Ok(granted) => {
                    let told = matches!(
                        op,
                        Op::AnswerBackup
                            | Op::ConfirmApp
                            | Op::Remove
                            | Op::MakeCodes
                            | Op::Reset
                            | Op::AnswerWrong
                    );
                    assert!(told, "{op:?} at {at} went on: {granted}");
                    assert_ne!(stage.world.record(&stage.ann.key).await, before, "{op:?} at {at}");
                }
            }
            works_afterwards(&stage, op, &format!("at {at}")).await;
        }
    }
    assert!(blown > 2 * OPS.len(), "only {blown} failures");
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_a_store_that_fails_before_it_does_anything() {
    every_call(|world| &world.store.before, FaultKind::Store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_a_store_that_fails_after_the_write() {
    every_call(|world| &world.store.after, FaultKind::Store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_a_source_of_randomness_that_fails() {
    every_call(|world| &world.entropy.fuse, FaultKind::Entropy).await;
}

/// A wrong answer that was counted stays counted though the caller was told of a fault.
#[tokio::test]
async fn closed_a_fault_after_the_write_does_not_uncount_a_wrong_answer() {
    let stage = stage_with(0).await;
    let Stage { world, ann, .. } = &stage;
    // The load, then the commit.
    world.store.after.arm(1);
    let fault = world.mfa.answer(&stage.app, &wrong(ann, world)).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Store);
    world.store.after.disarm();
    assert_eq!(world.mfa.challenge(&stage.app).await.unwrap().unwrap().tries_left, 4);
    assert_eq!(world.wrong_codes().await, 1);
    // A right one is spent, and not granted.
    world.store.after.arm(1);
    let right = ann.app.code_at(world.clock.time());
    assert!(world.mfa.answer(&stage.app, &right).await.is_err());
    world.store.after.disarm();
    let other = world.challenged(&ann.key).await;
    world.choose(&other, Method::App).await;
    assert_eq!(world.answer(&other, &right).await.unwrap_err(), Refusal::UsedCode { tries_left: 4 });
}

#[tokio::test]
async fn closed_a_clock_that_fails_or_goes_back() {
    for op in OPS {
        let stage = stage().await;
        let world = &stage.world;
        world.clock.set_broken(true);
        assert_eq!(perform(&stage, op).await.unwrap_err().kind(), FaultKind::Clock, "{op:?}");
        world.clock.set_broken(false);
        let time = world.clock.time();
        // The account was last written 60 seconds ago.
        world.clock.step_back(secs(91));
        let outcome = perform(&stage, op).await;
        if !matches!(op, Op::Roster | Op::Reset) {
            assert_eq!(outcome.unwrap_err().kind(), FaultKind::Clock, "{op:?} a clock that went back");
        }
        world.clock.set(time);
        works_afterwards(&stage, op, "after the clock").await;
    }
}

#[tokio::test]
async fn closed_within_the_tolerance_time_stands_still_and_codes_stay_used() {
    let world = World::new();
    let ann = world.with_app("ann").await;
    let ticket = world.challenged(&ann.key).await;
    let code = ann.app.code_at(world.clock.time());
    world.passes(&ticket, &code).await;
    world.clock.step_back(secs(30));
    let ticket = world.challenged(&ann.key).await;
    assert_eq!(world.answer(&ticket, &code).await.unwrap_err(), Refusal::UsedCode { tries_left: 4 });
    let before = ann.app.code_at(world.clock.time());
    assert!(world.answer(&ticket, &before).await.is_err());
    assert_eq!(world.mfa.check(&ann.standing, Demand::default()).await.unwrap(), Gate::Open);
    world.clock.step_back(secs(1));
    assert_eq!(world.mfa.sign_in(&ann.key).await.unwrap_err().kind(), FaultKind::Clock);
    let gate = world.mfa.check(&ann.standing, Demand::default()).await;
    assert_eq!(gate.unwrap_err().kind(), FaultKind::Clock);
}

/// The end of time gives values or faults, and an account written then is mended by a reset.
#[tokio::test]
async fn closed_the_end_of_time() {
    for end in [u64::MAX, u64::MAX - 1, 1 << 63] {
        for op in OPS {
            let stage = stage().await;
            stage.world.clock.set(Timestamp::from_unix(end));
            let let_in = perform(&stage, op).await;
            if matches!(op, Op::SignIn | Op::AnswerApp | Op::AnswerBackup | Op::AnswerEmail | Op::Check) {
                assert!(!matches!(let_in, Ok(true)), "{op:?}");
            }
        }
    }
    let world = World::new();
    let ann = world.with_app("ann").await;
    let time = world.clock.time();
    world.clock.set(Timestamp::from_unix(u64::MAX));
    world.challenged(&ann.key).await;
    world.clock.set(time);
    assert_eq!(world.mfa.sign_in(&ann.key).await.unwrap_err().kind(), FaultKind::Clock);
    world.mfa.reset(&ann.key, &user("admin"), "clock").await.unwrap().unwrap();
    let again = world.with_app("ann").await;
    world.signs_in(&again).await;
}

#[tokio::test]
async fn closed_a_directory_that_fails() {
    let world = World::new();
    let standing = world.admitted(&key("bob")).await;
    world.directory.set_broken(true);
    assert!(world.mfa.sign_in(&key("bob")).await.is_err());
    assert!(world.mfa.check(&standing, Demand::default()).await.is_err());
    world.directory.set_broken(false);
    assert_eq!(world.mfa.check(&standing, Demand::default()).await.unwrap(), Gate::Open);
}
