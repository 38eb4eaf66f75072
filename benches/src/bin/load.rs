//! Sign-ins by app code while backup codes are sent without pause: what the slow hash costs those who don't need it.
//!
//! `cargo run --release -p benches --bin load`
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "measurements stop at the first surprise, and are printed"
)]

use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use benches::{median, microseconds, percentile};
use mfa_core::challenge::Choice;
use mfa_core::factor::backup::HashCost;
use mfa_core::hashing::HashPool;
use mfa_core::id::{AccountKey, UserId};
use mfa_core::port::memory::MemoryStore;
use mfa_core::port::sealer::KeyRing;
use mfa_core::port::sender::Locale;
use mfa_core::refusal::Refusal;
use mfa_core::service::{Mfa, SignIn};
use mfa_core::ticket::{Authority, Ticket};
use mfa_testing::app::AuthenticatorApp;
use mfa_testing::clock::ManualClock;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

const WORKERS: usize = 2;
const PEOPLE: usize = 200;
const ROUNDS: usize = 15;
/// How many send backup codes: fewer than are hashed at once, and far more.
const SENDERS: [usize; 3] = [1, 4, 32];
/// How many hashes may run at once.
const BOUNDS: [usize; 2] = [1, 2];
/// What a request is on the way, as it were: between an answer and the next question of the same person.
const ON_THE_WAY: Duration = Duration::from_millis(1);
const WRONG: &str = "0000-0000-0000-0000";

fn main() {
    println!("## Sign-ins by app code while backup codes are hashed\n");
    println!(
        "Microseconds of one sign-in by app code, seen by a client outside of a runtime with {WORKERS} workers on the memory store,"
    );
    println!(
        "alone and while others send backup codes, the next {} ms after each answer. Every hash is at the default cost.",
        ON_THE_WAY.as_millis()
    );
    println!(
        "Whoever is beyond the bound is told to try again in a second, and doesn't wait. Rounds alternate; {} sign-ins each.",
        PEOPLE * ROUNDS
    );
    println!(
        "The floor: as many threads as there may be hashes only count meanwhile, at the lowest priority, and nobody sends"
    );
    println!("anything. It is what a core costs that isn't idle, whatever is done on it.\n");
    println!(
        "| hashes | at once | senders | alone: median | p99 | floor: median | p99 | beside: median | p99 | × median of the floor | × p99 | seen at once | hashed a second | told to try again |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    for bound in BOUNDS {
        for senders in SENDERS {
            run(bound, senders, true);
        }
    }
    for bound in BOUNDS {
        run(bound, 4, false);
    }
    println!();
}

/// What the senders were told, and how many hashes were seen under way.
#[derive(Default)]
struct Seen {
    on: AtomicBool,
    over: AtomicBool,
    wrong: AtomicUsize,
    busy: AtomicUsize,
    most: AtomicUsize,
}

fn run(bound: usize, senders: usize, gives_way: bool) {
    let runtime = Builder::new_multi_thread().worker_threads(WORKERS).build().unwrap();
    let portal = Arc::new(Portal::open(runtime.handle().clone(), bound, gives_way));
    let people: Vec<_> = (0..PEOPLE).map(|number| portal.enrol(&format!("user-{number}"), false)).collect();
    let seen = Arc::new(Seen::default());
    let mut threads = Vec::new();
    for number in 0..senders {
        let (portal, seen) = (Arc::clone(&portal), Arc::clone(&seen));
        let key = portal.enrol(&format!("sender-{number}"), true).0;
        threads.push(thread::spawn(move || portal.send_codes(&key, &seen)));
    }
    let (pool, watch) = (portal.pool.clone(), Arc::clone(&seen));
    threads.push(thread::spawn(move || count_hashes(&pool, &watch)));

    let (mut alone, mut floor, mut beside, mut under_load) =
        (Vec::new(), Vec::new(), Vec::new(), Duration::ZERO);
    for _ in 0..ROUNDS {
        alone.append(&mut portal.everybody_signs_in(&people));
        let counting = Counting::begin(&runtime, bound);
        floor.append(&mut portal.everybody_signs_in(&people));
        counting.end();
        seen.on.store(true, Ordering::SeqCst);
        let began = Instant::now();
        beside.append(&mut portal.everybody_signs_in(&people));
        under_load += began.elapsed();
        seen.on.store(false, Ordering::SeqCst);
        // What was begun is finished, so that it doesn't fall into the time alone.
        while portal.pool.running() > 0 {
            thread::sleep(ON_THE_WAY);
        }
    }
    seen.over.store(true, Ordering::SeqCst);
    threads.into_iter().for_each(|thread| thread.join().unwrap());

    let of = |times: &Vec<Duration>| (median(times.clone()), percentile(times.clone(), 99));
    let ((alone, alone_99), (floor, floor_99), (beside, beside_99)) = (of(&alone), of(&floor), of(&beside));
    let hashed = seen.wrong.load(Ordering::SeqCst) as f64 / under_load.as_secs_f64();
    println!(
        "| {} | {bound} | {senders} | {} | {} | {} | {} | {} | {} | {:.2} | {:.2} | {} | {hashed:.0} | {} |",
        if gives_way { "give way" } else { "keep their priority" },
        microseconds(alone),
        microseconds(alone_99),
        microseconds(floor),
        microseconds(floor_99),
        microseconds(beside),
        microseconds(beside_99),
        beside.as_secs_f64() / floor.as_secs_f64(),
        beside_99.as_secs_f64() / floor_99.as_secs_f64(),
        seen.most.load(Ordering::SeqCst),
        seen.busy.load(Ordering::SeqCst),
    );
}

/// Threads that keep cores busy without touching memory, at the priority that hashes have.
struct Counting {
    over: Arc<AtomicBool>,
    running: Vec<JoinHandle<()>>,
}

impl Counting {
    fn begin(runtime: &Runtime, threads: usize) -> Self {
        let (pool, over) =
            (HashPool::new(NonZeroUsize::new(threads).unwrap()), Arc::new(AtomicBool::new(false)));
        let running = (0..threads).map(|_| {
            let (pool, over) = (pool.clone(), Arc::clone(&over));
            runtime.spawn(async move {
                let count = move || {
                    while !over.load(Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                };
                pool.run(count).await.unwrap();
            })
        });
        Self { running: running.collect(), over }
    }

    fn end(self) {
        self.over.store(true, Ordering::Relaxed);
        // What they waited for is there at once, and they don't count for the next round.
        for running in self.running {
            while !running.is_finished() {
                thread::yield_now();
            }
        }
    }
}

fn count_hashes(pool: &HashPool, seen: &Seen) {
    while !seen.over.load(Ordering::SeqCst) {
        seen.most.fetch_max(pool.running(), Ordering::SeqCst);
        thread::sleep(ON_THE_WAY);
    }
}

/// A portal whose requests run on a runtime, and whose clients don't.
struct Portal {
    mfa: Mfa,
    clock: ManualClock,
    pool: HashPool,
    runtime: Handle,
}

type Person = (AccountKey, AuthenticatorApp);

impl Portal {
    fn open(runtime: Handle, bound: usize, gives_way: bool) -> Self {
        let (clock, pool) = (ManualClock::default(), HashPool::new(NonZeroUsize::new(bound).unwrap()));
        let pool = if gives_way { pool } else { pool.keeping_priority() };
        let ring = "8f1d0c2b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f001";
        let mfa = Mfa::builder("Hillside School", "portal.hillside.example")
            .store(MemoryStore::new())
            .sealer(KeyRing::from_hex(ring).unwrap())
            .clock(clock.clone())
            .hash_cost(HashCost::default())
            .hash_pool(pool.clone())
            .backup_codes(1)
            .danger_without_limits()
            .build()
            .unwrap();
        Self { mfa, clock, pool, runtime }
    }

    /// A request: it is handed over to the runtime, and its answer waited for outside.
    fn ask<T: Send + 'static>(&self, request: impl Future<Output = T> + Send + 'static) -> T {
        let (answer, answered) = mpsc::channel();
        self.runtime.spawn(async move { answer.send(request.await).unwrap() });
        answered.recv().unwrap()
    }

    fn enrol(&self, name: &str, with_codes: bool) -> Person {
        let (mfa, key) = (self.mfa.clone(), AccountKey::of_user(UserId::new(name).unwrap()));
        let now = self.clock.time();
        self.ask(async move {
            let SignIn::Admitted { verified, .. } = mfa.sign_in(&key).await.unwrap() else {
                panic!("not admitted")
            };
            let authority = Authority::Session(verified.into_standing());
            let (ticket, shown) = mfa.enrol_app(&authority, "Phone").await.unwrap().unwrap();
            let app = AuthenticatorApp::scan(shown.uri.expose()).unwrap();
            let confirmed = mfa.confirm(&authority, &ticket, &app.code_at(now), None).await.unwrap().unwrap();
            if with_codes {
                let standing = confirmed.verified.into_standing();
                let _codes = mfa.make_backup_codes(&standing).await.unwrap().unwrap();
            }
            (key, app)
        })
    }

    /// One after the other, each a moment after the one before; how long each took.
    fn everybody_signs_in(&self, people: &[Person]) -> Vec<Duration> {
        self.clock.advance(Duration::from_secs(30));
        let mut times = Vec::with_capacity(people.len());
        for (key, app) in people {
            let (mfa, key, code) = (self.mfa.clone(), key.clone(), app.code_at(self.clock.time()));
            let began = Instant::now();
            self.ask(async move {
                let ticket = begin(&mfa, &key).await;
                mfa.challenge(&ticket).await.unwrap().unwrap();
                assert!(mfa.answer(&ticket, &code).await.unwrap().is_ok());
            });
            times.push(began.elapsed());
            thread::sleep(ON_THE_WAY);
        }
        times
    }

    /// Sends backup codes that are wrong for as long as it is on, until it is over.
    fn send_codes(&self, key: &AccountKey, seen: &Seen) {
        let mut asked: Option<Ticket> = None;
        while !seen.over.load(Ordering::SeqCst) {
            thread::sleep(ON_THE_WAY);
            if !seen.on.load(Ordering::SeqCst) {
                continue;
            }
            let mfa = self.mfa.clone();
            let ticket = match asked.take() {
                Some(ticket) => ticket,
                None => {
                    let key = key.clone();
                    let begin = async move {
                        let ticket = begin(&mfa, &key).await;
                        mfa.choose(&ticket, Choice::BackupCode, Locale::English).await.unwrap().unwrap();
                        ticket
                    };
                    asked = Some(self.ask(begin));
                    continue;
                }
            };
            let answer = ticket.clone();
            match self.ask(async move { mfa.answer(&answer, WRONG).await.unwrap() }) {
                Ok(_) => panic!("nobody's code was right"),
                Err(Refusal::WrongCode { .. }) => seen.wrong.fetch_add(1, Ordering::SeqCst),
                Err(Refusal::Busy) => seen.busy.fetch_add(1, Ordering::SeqCst),
                // The challenge is over: another is begun.
                Err(_) => continue,
            };
            asked = Some(ticket);
        }
    }
}

async fn begin(mfa: &Mfa, key: &AccountKey) -> Ticket {
    match mfa.sign_in(key).await.unwrap() {
        SignIn::Challenged(ticket) => ticket,
        other => panic!("not challenged: {other:?}"),
    }
}
