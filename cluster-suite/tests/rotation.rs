//! Keys rotated, node by node, while people sign in: nobody notices.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says what it has done")]

use cluster_suite::cluster::{Cluster, TICK};
use cluster_suite::home::{Engine, KEYS};
use cluster_suite::load::{Now, Regular};
use cluster_suite::person::{ACCOUNTS, Person};
use mfa_core::time::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinSet;

const NEW: &str = "1122334455667788990011223344556677889900112233445566778899001122";

/// Waits until everybody has finished what they began by this time: a code that is typed while the clocks are turned
/// twice is an old one, and refused.
async fn everybody(done: &mut [watch::Receiver<Timestamp>], time: Timestamp) {
    for person in done {
        person.wait_for(|done| *done >= time).await.unwrap();
    }
}

async fn keys_and_programs(engine: Engine) {
    let mut cluster = Cluster::start(engine).await;
    let mut people = Vec::new();
    for account in ACCOUNTS.into_iter().take(3) {
        people.push(Person::enrol(&cluster, account).await);
    }
    let mut told_last = cluster.now();
    let (tell, told) = watch::channel(Now { time: told_last, over: false });
    let (mut running, mut done) = (JoinSet::new(), Vec::new());
    for person in people {
        let regular = Regular::new(cluster.base(), person, told_last);
        done.push(regular.done());
        running.spawn(regular.go_on(told.clone()));
    }
    // Known to all before anybody seals with it; in front; and, once everybody has signed in since, alone.
    for keys in [format!("{KEYS} {NEW}"), format!("{NEW} {KEYS}"), NEW.to_owned()] {
        for number in 0..cluster.nodes.len() {
            // People are signing in with the time they were told of last.
            cluster.restart(number, &keys).await;
            everybody(&mut done, told_last).await;
            cluster.turn(TICK.as_secs()).await;
            told_last = cluster.now();
            tell.send(Now { time: told_last, over: false }).unwrap();
        }
        // Everybody signs in with the keys as they are now.
        for _ in 0..3 {
            everybody(&mut done, told_last).await;
            cluster.turn(TICK.as_secs()).await;
            cluster.turn(2).await;
            told_last = cluster.now();
            tell.send(Now { time: told_last, over: false }).unwrap();
        }
        everybody(&mut done, told_last).await;
    }
    tell.send(Now { time: cluster.now(), over: true }).unwrap();
    let mut accepted = 0;
    while let Some(done) = running.join_next().await {
        let (account, book) = done.unwrap();
        assert!(
            book.lost.is_empty() && book.broken.is_empty() && book.unknown == 0,
            "{}: {book:?}",
            account.name
        );
        assert!(book.accepted >= 6, "{}: {book:?}", account.name);
        accepted += book.accepted + book.backup_accepted;
    }
    println!("{engine}: nine restarts with two rotations; {accepted} sign-ins, none refused");
}

cluster_suite::on_each_store! {
    keys_and_programs on Sqlite Postgres Redis;
}
