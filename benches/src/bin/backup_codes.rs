//! One attempt with a backup code beside one bare Argon2id, with sets of 1, 10 and 50 codes.
//!
//! `cargo run --release -p benches --bin backup_codes`
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "measurements stop at the first surprise, and are printed"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use benches::median;
use mfa_core::challenge::Choice;
use mfa_core::factor::backup::HashCost;
use mfa_core::id::{AccountKey, UserId};
use mfa_core::port::memory::MemoryStore;
use mfa_core::port::sealer::KeyRing;
use mfa_core::port::sender::Locale;
use mfa_core::port::store::{Committed, RecordKey, Store, Versioned, Write};
use mfa_core::refusal::Refusal;
use mfa_core::service::{Mfa, SignIn};
use mfa_core::ticket::{Authority, Ticket};
use mfa_testing::app::AuthenticatorApp;
use mfa_testing::clock::ManualClock;

const SETS: [u8; 3] = [1, 10, 50];
const ROUNDS: usize = 41;
/// 80 bits that are nobody's code, so to speak.
const WRONG: &str = "0000-0000-0000-0000";

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let cost = HashCost::default();
    let mut people = Vec::new();
    for count in SETS {
        people.push(Somebody::with(count).await);
    }
    let params = Params::new(cost.memory_kib(), cost.passes(), cost.lanes(), Some(16)).unwrap();
    let bare = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut kept = vec![Block::default(); bare.params().block_count()];

    let (mut fresh, mut reused) = (Vec::new(), Vec::new());
    let mut wrong = [const { Vec::new() }; SETS.len()];
    let mut right = [const { Vec::new() }; SETS.len()];
    for round in 0..=ROUNDS {
        let mut took = Vec::new();
        took.push(timed(|digest| bare.hash_password_into(b"0000000000000000", &[7; 16], digest).unwrap()));
        took.push(timed(|digest| {
            let (code, salt) = (b"0000000000000000", [7; 16]);
            bare.hash_password_into_with_memory(code, &salt, digest, kept.as_mut_slice()).unwrap();
        }));
        for somebody in &people {
            took.push(somebody.answers(WRONG).await);
            took.push(somebody.answers(&somebody.code).await);
        }
        // The first round warms up.
        if round == 0 {
            continue;
        }
        let mut took = took.into_iter();
        fresh.extend(took.next());
        reused.extend(took.next());
        for (wrong, right) in wrong.iter_mut().zip(&mut right) {
            wrong.extend(took.next());
            right.extend(took.next());
        }
    }

    println!("## Backup codes\n");
    println!(
        "One attempt at the service on the memory store, the hash on its own thread, beside one bare Argon2id of the same"
    );
    println!(
        "{} KiB, {} passes and {} lane by the `argon2` crate: as it is usually called, and in memory that was used before.",
        cost.memory_kib(),
        cost.passes(),
        cost.lanes()
    );
    println!("Rounds alternate; medians of {ROUNDS}, and the fastest. Aim: 1.05 × or less.\n");
    println!(
        "| | ms | × of the bare one | × in used memory | fastest, ms | × of the bare one | × in used memory |"
    );
    println!("|---|---|---|---|---|---|---|");
    let floors = [&fresh, &reused].map(|times| sum_up(times));
    let row = |name: String, times: &[Duration]| {
        let (middle, fastest) = sum_up(times);
        let middles = floors.map(|(floor, _)| middle / floor);
        let bests = floors.map(|(_, floor)| fastest / floor);
        println!(
            "| {name} | {middle:.2} | {:.3} | {:.3} | {fastest:.2} | {:.3} | {:.3} |",
            middles[0], middles[1], bests[0], bests[1]
        );
    };
    row("bare Argon2id".to_owned(), &fresh);
    row("bare Argon2id in used memory".to_owned(), &reused);
    for ((count, wrong), right) in SETS.iter().zip(wrong).zip(right) {
        row(format!("a wrong code, {count} in the set"), &wrong);
        row(format!("a right code, {count} in the set"), &right);
    }
    println!();
}

/// The one in the middle and the fastest, in milliseconds.
fn sum_up(times: &[Duration]) -> (f64, f64) {
    let fastest = times.iter().min().copied().unwrap_or_default();
    (median(times.to_vec()).as_secs_f64() * 1e3, fastest.as_secs_f64() * 1e3)
}

fn timed(hash: impl FnOnce(&mut [u8; 16])) -> Duration {
    let (began, mut digest) = (Instant::now(), [0; 16]);
    hash(&mut digest);
    std::hint::black_box(digest);
    began.elapsed()
}

/// Somebody who is asked for a backup code, over and over: what an attempt writes is taken back after it.
struct Somebody {
    mfa: Mfa,
    store: Arc<MemoryStore>,
    key: RecordKey,
    asked: Versioned,
    ticket: Ticket,
    code: String,
}

impl Somebody {
    async fn with(count: u8) -> Self {
        let (store, clock) = (Arc::new(MemoryStore::new()), ManualClock::default());
        let ring = "8f1d0c2b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f001";
        let mfa = Mfa::builder("Hillside School", "portal.hillside.example")
            .store(Arc::clone(&store))
            .sealer(KeyRing::from_hex(ring).unwrap())
            .clock(clock.clone())
            .backup_codes(count)
            .build()
            .unwrap();
        let key = AccountKey::of_user(UserId::new("ann").unwrap());
        let SignIn::Admitted { verified, .. } = mfa.sign_in(&key).await.unwrap() else {
            panic!("not admitted")
        };
        let authority = Authority::Session(verified.into_standing());
        let (ticket, shown) = mfa.enrol_app(&authority, "Phone").await.unwrap().unwrap();
        let app = AuthenticatorApp::scan(shown.uri.expose()).unwrap();
        let code = app.code_at(clock.time());
        let confirmed = mfa.confirm(&authority, &ticket, &code, None).await.unwrap().unwrap();
        let codes = mfa.make_backup_codes(&confirmed.verified.into_standing()).await.unwrap().unwrap();
        let code = codes.iter().last().unwrap().expose().to_owned();
        let SignIn::Challenged(ticket) = mfa.sign_in(&key).await.unwrap() else { panic!("not challenged") };
        mfa.choose(&ticket, Choice::BackupCode, Locale::English).await.unwrap().unwrap();
        let key = RecordKey::from(&key);
        let asked = store.load(&key).await.unwrap().unwrap();
        Self { mfa, store, key, asked, ticket, code }
    }

    async fn answers(&self, code: &str) -> Duration {
        let began = Instant::now();
        let answered = self.mfa.answer(&self.ticket, code).await.unwrap();
        let took = began.elapsed();
        match answered {
            Ok(granted) => assert!(granted.backup_codes_left.is_some()),
            Err(refusal) => assert!(matches!(refusal, Refusal::WrongCode { .. })),
        }
        self.take_back().await;
        took
    }

    async fn take_back(&self) {
        let now = self.store.load(&self.key).await.unwrap().unwrap().version;
        let write = Write {
            key: self.key.clone(),
            expected: Some(now),
            next: now.next(),
            record: self.asked.record.clone(),
            events: Vec::new(),
        };
        assert_eq!(self.store.commit(&write).await.unwrap(), Committed::Done);
    }
}
