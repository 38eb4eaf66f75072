//! Nobody's sign-in fails because others sign in: 32 tasks in each of two processes, all writing to one file.
#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests; a failure is what they are for")]

mod common;

use std::path::PathBuf;
use std::time::Duration;

use common::portal::{self, Other};
use common::{Scratch, integrity};
use mfa_core::time::Timestamp;
use mfa_sqlx::sqlite::SqliteStore;
use mfa_testing::app::AuthenticatorApp;
use mfa_testing::clock::ManualClock;
use mfa_testing::sender::RecordingSender;
use tokio::task::JoinSet;

const TASKS: usize = 32;
const ROUNDS: usize = 4;

/// The file, who signs in by which app, when, and how often, a step of the app's after another.
type Errand = (PathBuf, Vec<(String, String)>, u64, usize);

/// Not a test when nobody sends it on an errand: then it has nothing to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sign_in_for_another_process() {
    let Some((file, people, now, rounds)) = portal::errand::<Errand>() else { return };
    let store = SqliteStore::open(file).await.unwrap();
    portal::until_go().await;
    let mut running = JoinSet::new();
    for (user, uri) in people {
        // Each on a clock of its own: who is done with one code needn't wait for the others.
        let clock = ManualClock::at(Timestamp::from_unix(now));
        let mfa = portal::service(store.clone(), &clock, &RecordingSender::new());
        running.spawn(async move {
            let app = AuthenticatorApp::scan(&uri).unwrap();
            let (mut passed, mut faults) = (0, Vec::new());
            for _ in 0..rounds {
                clock.advance(Duration::from_secs(30));
                let answered = match portal::challenged(&mfa, &user).await {
                    Ok(ticket) => mfa.answer(&ticket, &app.code_at(clock.time())).await,
                    Err(fault) => Err(fault),
                };
                match answered {
                    Ok(answered) => passed += usize::from(answered.is_ok()),
                    Err(fault) => faults.push(fault),
                }
            }
            (passed, faults)
        });
    }
    let ended = running.join_all().await;
    let faults: Vec<_> = ended.iter().flat_map(|(_, faults)| faults).collect();
    assert!(faults.is_empty(), "{} faults, the first: {:?}", faults.len(), faults.first());
    portal::say(&format!("passed {}", ended.iter().map(|(passed, _)| passed).sum::<usize>()));
}

/// How many sign-ins passed in each of the processes. Each process fails if there was a fault.
fn processes(errands: impl Iterator<Item = Errand>) -> Vec<usize> {
    let others = errands.map(|errand| Other::start("sign_in_for_another_process", &errand)).collect();
    let said = portal::together(others, "passed ");
    said.iter().map(|line| line.trim_start_matches("passed ").parse().unwrap()).collect()
}

async fn people(scratch: &Scratch, clock: &ManualClock, count: usize) -> Vec<(String, String)> {
    let mfa =
        portal::service(SqliteStore::open(scratch.file()).await.unwrap(), clock, &RecordingSender::new());
    let mut people = Vec::new();
    for number in 0..count {
        let user = format!("pupil {number}");
        let uri = portal::enrol(&mfa, clock, &user).await;
        people.push((user, uri));
    }
    people
}

#[tokio::test]
async fn many_people_sign_in_at_once_and_all_get_in() {
    let (scratch, clock) = (Scratch::new(), ManualClock::default());
    let people = people(&scratch, &clock, 2 * TASKS).await;
    let errand = |half: &[_]| (scratch.file(), half.to_vec(), clock.time().as_unix(), ROUNDS);
    let passed = processes(people.chunks(TASKS).map(errand));
    assert_eq!(passed, [TASKS * ROUNDS; 2]);
    assert_eq!(integrity(&scratch.file()).await, "ok");
}

/// Contention on one account is a refusal for those who come too late, and a fault for nobody. One sign-in each: that
/// is fewer commits than the service makes tries, so that nobody runs out of them, whoever comes first.
#[tokio::test]
async fn many_sign_ins_to_one_account_are_refused_or_pass() {
    let (scratch, clock) = (Scratch::new(), ManualClock::default());
    let ann = people(&scratch, &clock, 1).await;
    let errand =
        || (scratch.file(), ann.iter().cycle().take(TASKS).cloned().collect(), clock.time().as_unix(), 1);
    let passed = processes([errand(), errand()].into_iter());
    assert!(passed.iter().sum::<usize>() <= 1, "one code passed twice: {passed:?}");
    assert_eq!(integrity(&scratch.file()).await, "ok");

    // Nothing of it stays: when the waiting is over, the next code opens the door.
    clock.advance(Duration::from_secs(7200));
    let mfa =
        portal::service(SqliteStore::open(scratch.file()).await.unwrap(), &clock, &RecordingSender::new());
    for (user, uri) in ann {
        let ticket = portal::challenged(&mfa, &user).await.unwrap();
        let code = AuthenticatorApp::scan(&uri).unwrap().code_at(clock.time());
        let _granted = mfa.answer(&ticket, &code).await.unwrap().unwrap();
    }
}
