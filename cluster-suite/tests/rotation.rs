//! Keys rotated and tables brought up to date while people sign in: nobody notices.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says what it has done")]

use cluster_suite::cluster::{Cluster, TICK};
use cluster_suite::home::{Engine, KEYS};
use cluster_suite::load::{Book, Now, Regular};
use cluster_suite::newer::Newer;
use cluster_suite::person::{ACCOUNTS, Account, Person};
use mfa_core::time::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinSet;

const NEW: &str = "1122334455667788990011223344556677889900112233445566778899001122";

/// Three people who sign in whenever the clocks are turned.
struct Crowd {
    told_last: Timestamp,
    tell: watch::Sender<Now>,
    done: Vec<watch::Receiver<Timestamp>>,
    running: JoinSet<(Account, Book)>,
}

impl Crowd {
    async fn gather(cluster: &Cluster) -> Self {
        let mut people = Vec::new();
        for account in ACCOUNTS.into_iter().take(3) {
            people.push(Person::enrol(cluster, account).await);
        }
        let told_last = cluster.now();
        let (tell, told) = watch::channel(Now { time: told_last, over: false });
        let (mut running, mut done) = (JoinSet::new(), Vec::new());
        for person in people {
            let regular = Regular::new(cluster.base(), person, told_last);
            done.push(regular.done());
            running.spawn(regular.go_on(told.clone()));
        }
        Self { told_last, tell, done, running }
    }

    /// Waits until everybody has finished what they began by the time they were told of: a code that is typed while the
    /// clocks are turned twice is an old one, and refused.
    async fn is_done(&mut self) {
        for person in &mut self.done {
            person.wait_for(|done| *done >= self.told_last).await.unwrap();
        }
    }

    /// Everybody begins to sign in with the code of the next step.
    async fn goes_on(&mut self, cluster: &mut Cluster) {
        self.is_done().await;
        cluster.turn(TICK.as_secs()).await;
        cluster.turn(2).await;
        self.told_last = cluster.now();
        self.tell.send(Now { time: self.told_last, over: false }).unwrap();
    }

    /// How many sign-ins there were: none of them refused or lost.
    async fn end(mut self, at_least: usize) -> usize {
        self.is_done().await;
        self.tell.send(Now { time: self.told_last, over: true }).unwrap();
        let mut accepted = 0;
        while let Some(done) = self.running.join_next().await {
            let (account, book) = done.unwrap();
            assert!(
                book.lost.is_empty() && book.broken.is_empty() && book.unknown == 0,
                "{}: {book:?}",
                account.name
            );
            assert!(book.accepted >= at_least, "{}: {book:?}", account.name);
            accepted += book.accepted + book.backup_accepted;
        }
        accepted
    }
}

async fn keys_and_programs(engine: Engine) {
    let mut cluster = Cluster::start(engine).await;
    let mut crowd = Crowd::gather(&cluster).await;
    // Known to all before anybody seals with it; in front; and, once everybody has signed in since, alone.
    for keys in [format!("{KEYS} {NEW}"), format!("{NEW} {KEYS}"), NEW.to_owned()] {
        for number in 0..cluster.nodes.len() {
            // People are signing in with the time they were told of last.
            cluster.restart(number, &keys).await;
            crowd.goes_on(&mut cluster).await;
        }
        // Everybody signs in with the keys as they are now.
        for _ in 0..3 {
            crowd.goes_on(&mut cluster).await;
        }
        crowd.is_done().await;
    }
    let accepted = crowd.end(6).await;
    println!("{engine}: nine restarts with two rotations; {accepted} sign-ins, none refused");
}

/// The first process of a newer release has brought the tables up to date; the others are still of this one.
async fn newer_tables(engine: Engine) {
    let mut cluster = Cluster::start(engine).await;
    let mut crowd = Crowd::gather(&cluster).await;
    crowd.goes_on(&mut cluster).await;
    crowd.goes_on(&mut cluster).await;
    // While they sign in.
    let mut newer = Newer::bring_up_to_date(&cluster.home).await;
    for _ in 0..4 {
        crowd.goes_on(&mut cluster).await;
    }
    crowd.is_done().await;
    // The newer release reads what the older ones have written meanwhile; and none of those starts any more.
    assert!(newer.written_since().await >= 3 * 4, "three people have signed in four times");
    let refused = cluster.home.open().await.unwrap_err();
    assert!(refused.contains("newer"), "{refused}");
    let accepted = crowd.end(5).await;
    println!(
        "{engine}: tables of the next version under running processes; {accepted} sign-ins, none refused"
    );
}

cluster_suite::on_each_store! {
    keys_and_programs on Sqlite Postgres Redis;
    newer_tables on Sqlite Postgres;
}
