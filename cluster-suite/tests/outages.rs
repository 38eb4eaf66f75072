//! The store stopped, killed, paused, locked or cut off: everybody is refused in time and told so, and all recovers.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::time::{Duration, Instant};

use cluster_suite::cluster::Cluster;
use cluster_suite::home::{Engine, Home};
use cluster_suite::load::{Outcome, Regular};
use cluster_suite::person::{ACCOUNTS, Means, Person};
use cluster_suite::volley::{Hit, Shot, fire};
use http_suite::world::at;

/// The portal waits four seconds for its own records and two for the second factor's; the rest is a busy machine.
const IN_TIME: Duration = Duration::from_secs(9);
const RECOVERED: Duration = Duration::from_secs(30);

/// What happens to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    Paused,
    Killed,
    Stopped,
    Cut,
}

struct World {
    cluster: Cluster,
    person: Person,
    regular: Regular,
}

impl World {
    async fn new(engine: Engine) -> Self {
        let cluster = Cluster::start(engine).await;
        let person = Person::enrol(&cluster, ACCOUNTS[0]).await;
        let regular = Regular::new(cluster.base(), person.clone(), cluster.now());
        Self { cluster, person, regular }
    }

    /// People at every door: with the right code, with their password, and signed in.
    async fn at_every_door(&mut self) -> (Vec<Shot>, Vec<Shot>) {
        self.cluster.turn(60).await;
        let code = self.person.code_at(self.cluster.now());
        let mut doors = Vec::new();
        for _ in 0..4 {
            let session = self.person.pending(&self.cluster, Means::App).await;
            doors.push(Shot::form(&session, &at("challenge"), &[("code", &code)]));
            let mut stranger = self.cluster.browser();
            stranger.open("/sign-in").await;
            let fields = [("name", ACCOUNTS[1].name), ("password", ACCOUNTS[1].password)];
            doors.push(Shot::form(&stranger, "/sign-in", &fields));
        }
        let inside = (0..4).map(|_| Shot::page(&self.person.browser, "/")).collect();
        (doors, inside)
    }

    /// Signs in until it works, without anybody having done anything.
    async fn recovers(&mut self, after: &str) {
        let began = Instant::now();
        loop {
            self.cluster.turn(30).await;
            match self.regular.sign_in(self.cluster.now()).await {
                Ok(Outcome::Accepted) => return,
                other => assert!(began.elapsed() < RECOVERED, "{after}: {other:?}"),
            }
        }
    }
}

/// Nobody waits too long, and whoever is refused is told in words, and nothing else.
fn check(hits: &[Hit], what: &str) {
    for hit in hits {
        assert!(hit.took < IN_TIME, "{what}: it took {:?}", hit.took);
        if hit.status >= 500 {
            assert!(hit.body.contains("<h1"), "{what}: no page: {hit:?}");
            for secret in ["redis", "postgres", "sqlite", "127.0.0.1", "refused", "pool"] {
                assert!(!hit.body.to_lowercase().contains(secret), "{what}: {secret} in {}", hit.body);
            }
        }
    }
}

async fn server_troubles(engine: Engine) {
    let mut world = World::new(engine).await;
    for trouble in [Trouble::Paused, Trouble::Killed, Trouble::Stopped, Trouble::Cut, Trouble::Paused] {
        let what = format!("{engine} {trouble:?}");
        let (doors, inside) = world.at_every_door().await;
        let server = world.cluster.home.server();
        match trouble {
            Trouble::Paused => server.pause(),
            Trouble::Killed => server.kill(),
            Trouble::Stopped => server.stop(),
            Trouble::Cut => server.cut_connections(),
        }
        let all: Vec<_> = doors.iter().chain(&inside).cloned().collect();
        let hits = fire(&all).await;
        check(&hits, &what);
        if trouble != Trouble::Cut {
            assert!(hits.iter().all(|hit| hit.status >= 500), "{what}: {hits:?}");
        }
        // Each second door is a code, all of them the same one.
        let accepted = hits.iter().take(doors.len()).step_by(2).filter(|hit| hit.is_in()).count();
        assert!(accepted <= usize::from(trouble == Trouble::Cut), "{what}: {hits:?}");
        let server = world.cluster.home.server();
        match trouble {
            Trouble::Paused => server.go_on(),
            Trouble::Killed | Trouble::Stopped => server.start_again(),
            Trouble::Cut => {}
        }
        // A write that went unanswered may have been made: then the code is used up. A later one works all the same,
        // and after it the earlier one does not, whatever became of it.
        world.recovers(&what).await;
        let codes: Vec<_> = doors.iter().step_by(2).cloned().collect();
        let again = fire(&codes).await;
        check(&again, &what);
        assert!(again.iter().all(|hit| !hit.is_in()), "{what}: {again:?}");
    }
}

async fn file_locked(engine: Engine) {
    let mut world = World::new(engine).await;
    let (doors, inside) = world.at_every_door().await;
    let Home::File(folder) = &world.cluster.home else { panic!("no file") };
    let file = folder.path().join("portal.sqlite");
    let mut hold = std::process::Command::new(std::env::var("MFA_PYTHON").unwrap())
        .args(["-c", HOLD])
        .arg(&file)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(hold.stdout.as_mut().unwrap()), &mut said)
        .unwrap();
    let hits = fire(&doors).await;
    check(&hits, "locked");
    assert!(hits.iter().all(|hit| hit.status >= 500), "{hits:?}");
    // Reading goes on: who is in stays in.
    let hits = fire(&inside).await;
    check(&hits, "locked");
    assert!(hits.iter().all(|hit| hit.status == 200), "{hits:?}");
    drop(hold.stdin.take());
    hold.wait().unwrap();
    world.recovers("locked").await;
}

/// Another program that holds the lock for writing until its input ends.
const HOLD: &str = "
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute('BEGIN IMMEDIATE')
print('locked', flush=True)
sys.stdin.read()
";

cluster_suite::on_each_store! {
    server_troubles on Postgres Redis;
    file_locked on Sqlite;
}
