//! Portal processes killed at random moments while people sign in: no code works twice, and nothing accepted is lost.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says what it has done")]

use std::time::Duration;

use cluster_suite::cluster::{Cluster, TICK};
use cluster_suite::home::{Engine, Reader};
use cluster_suite::load::{Book, Now, Regular};
use cluster_suite::person::{ACCOUNTS, Person};
use cluster_suite::{newcomer, rounds};
use mfa_core::port::entropy::{SystemEntropy, random_bytes};
use mfa_core::port::store::StoredEvent;
use tokio::sync::watch;
use tokio::task::JoinSet;

async fn killed(engine: Engine) {
    let mut cluster = Cluster::start(engine).await;
    let mut people = Vec::new();
    for account in ACCOUNTS.into_iter().take(4) {
        people.push(Person::enrol(&cluster, account).await);
    }
    let (tell, told) = watch::channel(Now { time: cluster.now(), over: false });
    let mut running = JoinSet::new();
    for person in people {
        running.spawn(Regular::new(cluster.base(), person, cluster.now()).go_on(told.clone()));
    }
    let account = ACCOUNTS[4];
    let newcomer = newcomer::go_on(cluster.base(), account, cluster.reader().await, told.clone());
    let newcomer = tokio::spawn(newcomer);
    let kills = rounds(8);
    for kill in 0..kills {
        cluster.turn(TICK.as_secs()).await;
        tell.send(Now { time: cluster.now(), over: false }).unwrap();
        let [moment, extra] = random_bytes::<2>(&SystemEntropy).unwrap();
        // The moment is chance itself: anywhere into a sign-in or a set-up, which take a few hundred milliseconds.
        tokio::time::sleep(Duration::from_millis(4 * u64::from(moment) + u64::from(extra) / 4)).await;
        cluster.replace(kill % 3).await;
    }
    tell.send(Now { time: cluster.now(), over: true }).unwrap();
    let reader = cluster.reader().await;
    let mut sum = Book::default();
    while let Some(done) = running.join_next().await {
        let (account, book) = done.unwrap();
        let events = reader.events(account.id).await;
        check(account.id, &book, &events, &reader).await;
        sum.accepted += book.accepted;
        sum.backup_accepted += book.backup_accepted;
        sum.unknown += book.unknown + book.backup_unknown;
        sum.again_refused += book.again_refused;
        sum.lost.extend(book.lost);
    }
    let (account, enrolments) = newcomer.await.unwrap();
    assert!(enrolments.broken.is_empty(), "{:?}", enrolments.broken);
    let added = reader.count(account.id, "factor_added").await;
    assert!(
        (enrolments.accepted..=enrolments.accepted + enrolments.unknown).contains(&added),
        "{enrolments:?}, {added} events"
    );
    assert!(enrolments.accepted > 0, "{enrolments:?}");
    println!(
        "{engine}: {kills} kills; {} app codes and {} backup codes let in, {} apps set up, {} codes tried again and refused, {} whose answer \
         was lost, {} sign-ins cut off",
        sum.accepted,
        sum.backup_accepted,
        enrolments.accepted,
        sum.again_refused,
        sum.unknown,
        sum.lost.len()
    );
    assert!(sum.accepted > kills, "hardly anybody signed in: {:?}", sum.lost);
    assert!(sum.lost.len() < sum.accepted, "{:?}", sum.lost);
}

/// What somebody saw, what is written down and what is kept have to agree.
async fn check(user: &str, book: &Book, events: &[StoredEvent], reader: &Reader) {
    assert!(book.broken.is_empty(), "{user}: {:?}", book.broken);
    let count = |kind: &str| events.iter().filter(|event| event.kind == kind).count();
    let passed = count("challenge_passed");
    // One more, with which the app was set up, is no sign-in.
    let enrolled = count("factor_added");
    assert_eq!(enrolled, 1, "{user}: an enrolment that was accepted");
    let seen = book.accepted + book.backup_accepted;
    let sign_ins = passed.checked_sub(passed_at_enrolment(events)).unwrap();
    assert!(
        (seen..=seen + book.unknown + book.backup_unknown).contains(&sign_ins),
        "{user}: let in {seen} times, {} answers lost, {sign_ins} events",
        book.unknown + book.backup_unknown
    );
    let used = count("backup_code_used");
    assert!(
        (book.backup_accepted..=book.backup_accepted + book.backup_unknown).contains(&used),
        "{user}: {book:?}, {used} events"
    );
    let left = reader.mfa.roster_entry(&cluster_suite::home::key(user)).await.unwrap().backup_codes_left;
    assert_eq!(usize::from(left.unwrap()), 10 - used, "{user}: the record and its events");
}

fn passed_at_enrolment(events: &[StoredEvent]) -> usize {
    let added = events.iter().position(|event| event.kind == "factor_added").unwrap();
    events.iter().take(added + 1).filter(|event| event.kind == "challenge_passed").count()
}

cluster_suite::on_each_store! {
    killed on Sqlite Postgres Redis;
}
