//! A node whose clock is behind the others': up to the tolerance nobody notices, and beyond it nobody gets in there.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may panic, and says what it has measured"
)]

use cluster_suite::cluster::Cluster;
use cluster_suite::home::Engine;
use cluster_suite::load::{Lost, Outcome, Regular};
use cluster_suite::person::{ACCOUNTS, Person};

const SIGN_INS: usize = 6;

async fn one_behind(engine: Engine) {
    println!("seconds behind: sign-ins let in, codes refused, faults (each of {SIGN_INS}, over three nodes)");
    for behind in [0, 10, 20, 28, 45, 90] {
        let mut cluster = Cluster::start(engine).await;
        let person = Person::enrol(&cluster, ACCOUNTS[0]).await;
        // The phone goes with the two that are right.
        cluster.turn(60).await;
        cluster.turn_all_but(1, behind).await;
        let mut regular = Regular::new(cluster.base(), person, cluster.now());
        let (mut accepted, mut refused, mut faults) = (0, 0, 0);
        for _ in 0..SIGN_INS {
            cluster.turn(60).await;
            match regular.sign_in(cluster.now()).await {
                Ok(Outcome::Accepted) => accepted += 1,
                Ok(Outcome::Refused) => refused += 1,
                Ok(Outcome::Unknown) | Err(Lost::Trouble(_)) => faults += 1,
                Err(lost) => panic!("{behind} s behind: {lost:?}"),
            }
        }
        println!("{behind:>3}: {accepted} {refused} {faults}");
        if behind <= 28 {
            assert_eq!((accepted, refused, faults), (SIGN_INS, 0, 0), "{behind} s behind");
        } else {
            assert!(faults > 0 && refused == 0, "{behind} s behind: {accepted} {refused} {faults}");
        }
    }
}

cluster_suite::on_each_store! {
    one_behind on Sqlite;
}
