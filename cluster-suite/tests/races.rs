//! One code submitted 64 times at once to three processes on one store: it lets one in.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says what it has done")]

use cluster_suite::cluster::Cluster;
use cluster_suite::home::Engine;
use cluster_suite::person::{ACCOUNTS, Means, Person, Post};
use cluster_suite::rounds;
use cluster_suite::volley::{Shot, fire};
use http_suite::browser::Browser;
use http_suite::world::at;

const REQUESTS: usize = 64;
/// Longer than the longest wait after wrong answers.
const WAITS: u64 = 7200;

/// Fires one code from these half-signed-in sessions; how many were let in, by what their new cookies open.
async fn let_in(cluster: &Cluster, sessions: &[Browser], code: &str) -> Vec<Browser> {
    let shots: Vec<_> = sessions
        .iter()
        .cycle()
        .take(REQUESTS)
        .map(|session| Shot::form(session, &at("challenge"), &[("code", code)]))
        .collect();
    let hits = fire(&shots).await;
    assert!(hits.iter().all(|hit| hit.status < 500), "{hits:?}");
    let mut inside = Vec::new();
    for hit in hits.iter().filter(|hit| !hit.cookie.is_empty()) {
        let request = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let home = request.get(cluster.base()).header("cookie", &hit.cookie).send().await.unwrap();
        if home.status() == 200 {
            inside.push(hit);
        }
    }
    assert_eq!(inside.len(), hits.iter().filter(|hit| hit.is_in()).count());
    inside
        .into_iter()
        .map(|hit| {
            let mut browser = cluster.browser();
            browser.plant_cookie(&hit.cookie);
            browser
        })
        .collect()
}

async fn sessions(cluster: &Cluster, person: &Person, means: Means, count: usize) -> Vec<Browser> {
    let mut sessions = Vec::new();
    for _ in 0..count {
        sessions.push(person.pending(cluster, means).await);
    }
    sessions
}

async fn app_codes(engine: Engine) {
    let mut cluster = Cluster::start(engine).await;
    let person = Person::enrol(&cluster, ACCOUNTS[0]).await;
    let reader = cluster.reader().await;
    for round in 0..rounds(6) {
        // In one session, and in several: then the others are wrong answers, after which the account waits.
        let several = round % 4 == 3;
        cluster.turn(if several { WAITS } else { 30 }).await;
        let before = reader.count(person.account.id, "challenge_passed").await;
        let sessions = sessions(&cluster, &person, Means::App, if several { 4 } else { 1 }).await;
        let inside = let_in(&cluster, &sessions, &person.code_at(cluster.now())).await;
        assert_eq!(inside.len(), 1, "round {round}");
        assert_eq!(reader.count(person.account.id, "challenge_passed").await, before + 1, "round {round}");
        if several {
            cluster.turn(WAITS).await;
        }
    }
}

async fn backup_codes(engine: Engine) {
    let mut cluster = Cluster::start(engine).await;
    let mut person = Person::enrol(&cluster, ACCOUNTS[1]).await;
    let reader = cluster.reader().await;
    for round in 0..rounds(6) {
        cluster.turn(WAITS).await;
        let code = person.codes.pop().unwrap();
        let sessions = sessions(&cluster, &person, Means::Backup, 1 + round % 2 * 3).await;
        let mut inside = let_in(&cluster, &sessions, &code).await;
        assert_eq!(inside.len(), 1, "round {round}");
        assert_eq!(reader.count(person.account.id, "backup_code_used").await, round + 1);
        if person.codes.is_empty() {
            person.browser = inside.remove(0);
            person.renew_codes().await;
        }
    }
}

async fn delivered_codes(engine: Engine) {
    let mut cluster = Cluster::start(engine).await;
    let mut person = Person::enrol(&cluster, ACCOUNTS[0]).await;
    let (mut post, reader) = (Post::default(), cluster.reader().await);
    person.add_email(&cluster, &mut post).await;
    for round in 0..rounds(6) {
        cluster.turn(61).await;
        let before = reader.count(person.account.id, "challenge_passed").await;
        let session = person.pending(&cluster, Means::Email).await;
        let code = post.new_code(&cluster).await;
        assert_eq!(let_in(&cluster, &[session], &code).await.len(), 1, "round {round}");
        assert_eq!(reader.count(person.account.id, "challenge_passed").await, before + 1, "round {round}");
    }
}

async fn guesses(engine: Engine) {
    let mut cluster = Cluster::start(engine).await;
    let person = Person::enrol(&cluster, ACCOUNTS[0]).await;
    let reader = cluster.reader().await;
    for (round, (count, limit)) in [(1, 5), (4, 10)].into_iter().cycle().take(rounds(2)).enumerate() {
        cluster.turn(WAITS).await;
        // A right answer begins a new row of wrong ones.
        let session = person.pending(&cluster, Means::App).await;
        assert_eq!(let_in(&cluster, &[session], &person.code_at(cluster.now())).await.len(), 1);
        let before = reader.count(person.account.id, "wrong_code").await;
        let sessions = sessions(&cluster, &person, Means::App, count).await;
        let wrong = person.wrong_at(cluster.now());
        let shots: Vec<_> = sessions
            .iter()
            .cycle()
            .take(100)
            .map(|session| Shot::form(session, &at("challenge"), &[("code", &wrong)]))
            .collect();
        let hits = fire(&shots).await;
        assert!(hits.iter().all(|hit| hit.status < 500 && !hit.is_in()), "{hits:?}");
        let evaluated = reader.count(person.account.id, "wrong_code").await - before;
        assert_eq!(evaluated, limit, "round {round}, {count} sessions");
    }
}

cluster_suite::on_each_store! {
    app_codes on Sqlite Postgres Redis;
    backup_codes on Sqlite Postgres Redis;
    delivered_codes on Sqlite Postgres Redis;
    guesses on Sqlite Postgres Redis;
}
