//! The whole service on one file: through two handles and through several processes, one code opens one door.
#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests; a failure is what they are for")]

mod common;

use std::path::PathBuf;
use std::time::Duration;

use common::Scratch;
use common::portal::{self, Other};
use mfa_core::fault::Fault;
use mfa_core::id::{AccountKey, UserId};
use mfa_core::port::sender::Locale;
use mfa_core::port::store::{
    Committed, EventPage, EventQuery, PageQuery, RecordKey, RecordPage, Store, Versioned, Write,
};
use mfa_core::proof::{Method, Standing};
use mfa_core::refusal::Refusal;
use mfa_core::service::{Granted, Mfa, SignIn};
use mfa_core::ticket::{Authority, Ticket};
use mfa_core::time::Timestamp;
use mfa_sqlx::sqlite::SqliteStore;
use mfa_testing::app::AuthenticatorApp;
use mfa_testing::clock::ManualClock;
use mfa_testing::sender::RecordingSender;
use mfa_testing::store::interleaved::{Gate, Interleaved};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const TASKS: usize = 64;
const ROUNDS: usize = 20;

type Answer = Result<Result<Granted, Refusal>, Fault>;

/// Somebody with an app, an address and backup codes, on a file.
struct World {
    scratch: Scratch,
    clock: ManualClock,
    sender: RecordingSender,
    mfa: Mfa,
    key: AccountKey,
    app: AuthenticatorApp,
    standing: Standing,
    codes: Vec<String>,
}

impl World {
    async fn new() -> Self {
        let (scratch, clock, sender) = (Scratch::new(), ManualClock::default(), RecordingSender::new());
        let mfa = portal::service(SqliteStore::open(scratch.file()).await.unwrap(), &clock, &sender);
        let key = AccountKey::of_user(UserId::new("ann").unwrap());
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
        Self { scratch, clock, sender, mfa, key, app, standing, codes }
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
            let store = SqliteStore::open(self.scratch.file()).await.unwrap();
            handles.push(portal::service(Interleaved::new(store, gate.clone()), &self.clock, &self.sender));
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
    let world = World::new().await;
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
    for (challenges, limit) in [(1, 5), (4, 10)] {
        let world = World::new().await;
        let tickets = world.tickets(Method::App, challenges).await;
        let answers = world.at_once(&tickets, &world.wrong(), 100).await;
        assert_eq!(won(&answers), 0);
        let evaluated = answers.iter().filter(|a| matches!(a, Ok(Err(Refusal::WrongCode { .. })))).count();
        assert_eq!(evaluated, limit, "{challenges} challenges");
    }
}

/// Notes every load, so that the parent is told when all have read.
struct Noted(SqliteStore);

static READ: Semaphore = Semaphore::const_new(0);

impl Store for Noted {
    async fn load(&self, key: &RecordKey) -> Result<Option<Versioned>, Fault> {
        let loaded = self.0.load(key).await;
        READ.add_permits(1);
        loaded
    }

    async fn commit(&self, write: &Write) -> Result<Committed, Fault> {
        self.0.commit(write).await
    }

    async fn events(&self, query: &EventQuery) -> Result<EventPage, Fault> {
        self.0.events(query).await
    }

    async fn page(&self, query: &PageQuery) -> Result<RecordPage, Fault> {
        self.0.page(query).await
    }

    async fn erase(&self, key: &RecordKey) -> Result<(), Fault> {
        self.0.erase(key).await
    }
}

const EACH: usize = 32;

/// Not a test when nobody sends it on an errand: then it has nothing to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answer_for_another_process() {
    let Some((file, ticket, typed, now)) = portal::errand::<(PathBuf, Ticket, String, u64)>() else { return };
    let clock = ManualClock::at(Timestamp::from_unix(now));
    let gate = Gate::new(EACH + 1);
    let store = Noted(SqliteStore::open(file).await.unwrap());
    let mfa = portal::service(Interleaved::new(store, gate.clone()), &clock, &RecordingSender::new());
    let mut running = JoinSet::new();
    for _ in 0..EACH {
        let (mfa, ticket, typed) = (mfa.clone(), ticket.clone(), typed.clone());
        running.spawn(async move { mfa.answer(&ticket, &typed).await });
    }
    READ.acquire_many(EACH as u32).await.unwrap().forget();
    portal::until_go().await;
    gate.pass().await;
    let answers = running.join_all().await;
    let wrong = answers.iter().filter(|a| matches!(a, Ok(Err(Refusal::WrongCode { .. })))).count();
    portal::say(&format!("won {} wrong {wrong}", won(&answers)));
}

fn other(world: &World, ticket: &Ticket, typed: &str) -> Other {
    let errand = (world.scratch.file(), ticket, typed, world.clock.time().as_unix());
    Other::start("answer_for_another_process", &errand)
}

/// How many of all processes' answers won, and how many were wrong.
fn in_processes(count: usize, world: &World, tickets: &[Ticket], typed: &str) -> (usize, usize) {
    let others = tickets.iter().cycle().take(count).map(|ticket| other(world, ticket, typed)).collect();
    let mut sum = (0, 0);
    for line in portal::together(others, "won ") {
        let numbers: Vec<usize> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
        let [won, wrong] = numbers[..] else { panic!("{line}") };
        sum = (sum.0 + won, sum.1 + wrong);
    }
    sum
}

#[tokio::test]
async fn once_through_several_processes_one_answer_wins() {
    let world = World::new().await;
    for round in 0..5 {
        let tickets = world.tickets(Method::App, 2).await;
        let (won, _) = in_processes(if round == 0 { 4 } else { 2 }, &world, &tickets, &world.right());
        assert_eq!(won, 1, "app, round {round}");
        world.clock.advance(Duration::from_secs(30));
    }
    for code in world.codes.iter().take(3) {
        let tickets = world.tickets(Method::BackupCode, 2).await;
        assert_eq!(in_processes(2, &world, &tickets, code).0, 1);
    }
    let tickets = world.tickets(Method::Email, 1).await;
    let code = world.sender.last_code().unwrap();
    assert_eq!(in_processes(2, &world, &tickets, &code).0, 1);
}

#[tokio::test]
async fn counted_through_several_processes_no_more_guesses_than_the_limit_are_evaluated() {
    let world = World::new().await;
    let tickets = world.tickets(Method::App, 4).await;
    assert_eq!(in_processes(4, &world, &tickets, &world.wrong()), (0, 10));
}
