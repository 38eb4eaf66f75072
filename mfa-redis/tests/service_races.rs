//! The whole service on one Redis: through two handles with connections of their own, one code opens one door.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, which may panic")]

mod common;

use std::time::Duration;

use common::{RedisData, server};
use mfa_core::factor::backup::HashCost;
use mfa_core::fault::Fault;
use mfa_core::hashing::HashPool;
use mfa_core::id::{AccountKey, UserId};
use mfa_core::port::sealer::KeyRing;
use mfa_core::port::sender::Locale;
use mfa_core::port::store::Store;
use mfa_core::proof::{Method, Standing};
use mfa_core::refusal::Refusal;
use mfa_core::service::{Granted, Mfa, SignIn};
use mfa_core::ticket::{Authority, Ticket};
use mfa_testing::app::AuthenticatorApp;
use mfa_testing::clock::ManualClock;
use mfa_testing::sender::RecordingSender;
use mfa_testing::store::fixture::Fixture as _;
use mfa_testing::store::interleaved::{Gate, Interleaved};
use test_tools::Server as _;
use tokio::task::JoinSet;

const KEYS: &str = "8f1d0c2b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f001";
const TASKS: usize = 64;
const ROUNDS: usize = 20;
/// Whatever has a meaning in a key, a pattern, a script or a range.
const HOSTILE: &str = "ann}:records:account{x} *?[(+- \"'\\%00\u{1f600} 00000003ann EVAL";

type Answer = Result<Result<Granted, Refusal>, Fault>;

fn service(store: impl Store, clock: &ManualClock, sender: &RecordingSender) -> Mfa {
    Mfa::builder("Hillside School", "portal.hillside.example")
        .store(store)
        .sealer(KeyRing::from_hex(KEYS).unwrap())
        .clock(clock.clone())
        .sender(sender.clone())
        .help("the school office")
        .email_codes(true)
        .hash_cost(HashCost::danger_for_tests())
        .hash_pool(HashPool::new(256.try_into().unwrap()))
        .build()
        .unwrap()
}

/// Somebody with an app, an address and backup codes, on a server.
struct World {
    data: RedisData,
    clock: ManualClock,
    sender: RecordingSender,
    mfa: Mfa,
    key: AccountKey,
    app: AuthenticatorApp,
    standing: Standing,
    codes: Vec<String>,
}

impl World {
    async fn new(url: &str) -> Self {
        let (data, clock, sender) = (RedisData::new(url), ManualClock::default(), RecordingSender::new());
        let mfa = service(data.open().await, &clock, &sender);
        let key = AccountKey::of_user(UserId::new(HOSTILE).unwrap());
        let SignIn::Admitted { verified, .. } = mfa.sign_in(&key).await.unwrap() else {
            panic!("not admitted")
        };
        let authority = Authority::Session(verified.into_standing());
        let (ticket, shown) = mfa.enrol_app(&authority, "Phone").await.unwrap().unwrap();
        let app = AuthenticatorApp::scan(shown.uri.expose()).unwrap();
        let code = app.code_at(clock.time());
        let confirmed = mfa.confirm(&authority, &ticket, &code, None).await.unwrap().unwrap();
        let authority = Authority::Session(confirmed.verified.into_standing());
        let ticket = mfa.enrol_email(&authority, "Post", "ann@codes.example", Locale::English).await;
        let ticket = ticket.unwrap().unwrap();
        let code = sender.last_code().unwrap();
        let confirmed = mfa.confirm(&authority, &ticket, &code, None).await.unwrap().unwrap();
        let standing = confirmed.verified.into_standing();
        let made = mfa.make_backup_codes(&standing).await.unwrap().unwrap();
        let codes = made.iter().map(|code| code.expose().to_owned()).collect();
        clock.advance(Duration::from_secs(90));
        Self { data, clock, sender, mfa, key, app, standing, codes }
    }

    /// Challenges, each waiting for this method.
    async fn tickets(&self, method: Method, count: usize) -> Vec<Ticket> {
        let mut tickets = Vec::new();
        for _ in 0..count {
            let SignIn::Challenged(ticket) = self.mfa.sign_in(&self.key).await.unwrap() else {
                panic!("no challenge")
            };
            self.choose(&ticket, method).await;
            tickets.push(ticket);
        }
        tickets
    }

    async fn choose(&self, ticket: &Ticket, method: Method) {
        let view = self.mfa.challenge(ticket).await.unwrap().unwrap();
        let choice = view.methods.iter().find(|offered| offered.method == method).unwrap().choice;
        self.mfa.choose(ticket, choice, Locale::English).await.unwrap().unwrap();
    }

    fn right(&self) -> String {
        self.app.code_at(self.clock.time())
    }

    fn wrong(&self) -> String {
        let now = self.clock.time();
        let near: Vec<_> =
            (-10i64..=10).map(|step| self.app.clone().with_drift(step * 30).code_at(now)).collect();
        let near = |code: &String| near.contains(code) || self.sender.last_code().as_ref() == Some(code);
        (0..).map(|n| format!("{n:06}")).find(|code| !near(code)).unwrap()
    }

    /// `tasks` answers through two handles with connections of their own, all of which have read before one writes.
    async fn at_once(&self, tickets: &[Ticket], typed: &str, tasks: usize) -> Vec<Answer> {
        let gate = Gate::new(tasks);
        let mut handles = Vec::new();
        for _ in 0..2 {
            let store = self.data.open().await;
            handles.push(service(Interleaved::new(store, gate.clone()), &self.clock, &self.sender));
        }
        let mut running = JoinSet::new();
        for (n, ticket) in (0..tasks).zip(tickets.iter().cycle()) {
            let (mfa, ticket, typed) =
                (handles.get(n % 2).unwrap().clone(), ticket.clone(), typed.to_owned());
            running.spawn(async move { mfa.answer(&ticket, &typed).await });
        }
        running.join_all().await
    }
}

fn won(answers: &[Answer]) -> usize {
    assert!(answers.iter().all(Result::is_ok), "a fault: {answers:?}");
    answers.iter().filter(|answer| matches!(answer, Ok(Ok(_)))).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn once_of_64_answers_through_two_handles_one_wins() {
    let Some(server) = server() else { return };
    let url = server.url();
    let world = World::new(&url).await;
    for round in 0..ROUNDS {
        // In one challenge, and in several: the challenge's end alone must not be what stops the second.
        let tickets = world.tickets(Method::App, if round % 2 == 0 { 1 } else { 4 }).await;
        assert_eq!(won(&world.at_once(&tickets, &world.right(), TASKS).await), 1, "app, round {round}");
        world.clock.advance(Duration::from_secs(30));
    }
    for (round, code) in world.codes.iter().enumerate() {
        // Used codes count as wrong answers, and make the account wait.
        world.clock.advance(Duration::from_secs(7200));
        let tickets = world.tickets(Method::BackupCode, 1 + round % 4).await;
        assert_eq!(won(&world.at_once(&tickets, code, TASKS).await), 1, "backup code, round {round}");
    }
    world.clock.advance(Duration::from_secs(7200));
    for round in 0..ROUNDS {
        world.clock.advance(Duration::from_secs(61));
        let tickets = world.tickets(Method::Email, 1).await;
        let code = world.sender.last_code().unwrap();
        assert_eq!(won(&world.at_once(&tickets, &code, TASKS).await), 1, "delivered code, round {round}");
    }
    for round in 0..ROUNDS {
        world.clock.advance(Duration::from_secs(30));
        let ticket = world.mfa.step_up(&world.standing).await.unwrap().unwrap();
        world.choose(&ticket, Method::App).await;
        assert_eq!(won(&world.at_once(&[ticket], &world.right(), TASKS).await), 1, "step-up, round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counted_of_100_guesses_through_two_handles_no_more_than_the_limit_are_evaluated() {
    let Some(server) = server() else { return };
    let url = server.url();
    for (challenges, limit) in [(1, 5), (4, 10)] {
        let world = World::new(&url).await;
        let tickets = world.tickets(Method::App, challenges).await;
        let answers = world.at_once(&tickets, &world.wrong(), 100).await;
        assert_eq!(won(&answers), 0);
        let evaluated = answers.iter().filter(|a| matches!(a, Ok(Err(Refusal::WrongCode { .. })))).count();
        assert_eq!(evaluated, limit, "{challenges} challenges");
    }
}
