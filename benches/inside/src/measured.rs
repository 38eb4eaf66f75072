//! The parts, in rounds that alternate, and the tables.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "measurements stop at the first surprise, and are printed"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::account::Account;
use crate::account::draft::{Context, Draft};
use crate::event::Event;
use crate::factor::bound::{Factor, Kind};
use crate::factor::totp;
use crate::factor::typed::read_code;
use crate::id::Binding;
use crate::person::{Portal, now};
use crate::policy::Policy;
use crate::port::entropy::SystemEntropy;
use crate::port::sender::Purpose;
use crate::port::store::{Committed, RecordKey, Store, StoredEvent, Version, Write};
use crate::proof::Method;
use crate::service::ChallengeView;
use crate::ticket::Ticket;
use crate::time::Timestamp;

/// Sign-ins in a round of each row.
const IN_A_ROUND: usize = 100;
const ROUNDS: usize = 101;

/// How long each stage took, one sign-in after the other: what interrupts one of them doesn't move the median.
#[derive(Default)]
struct Stages {
    begin: Vec<Duration>,
    view: Vec<Duration>,
    answer: Vec<Duration>,
}

impl Stages {
    fn append(&mut self, mut other: Self) {
        self.begin.append(&mut other.begin);
        self.view.append(&mut other.view);
        self.answer.append(&mut other.answer);
    }

    /// Microseconds: beginning, view, answer, and all three.
    fn medians(&self) -> [f64; 4] {
        let [begin, view, answer] = [&self.begin, &self.view, &self.answer].map(|times| {
            let mut times = times.clone();
            times.sort_unstable();
            times[times.len() / 2].as_secs_f64() * 1e6
        });
        [begin, view, answer, begin + view + answer]
    }
}

fn timed<T>(times: &mut Vec<Duration>, work: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let done = work();
    times.push(began.elapsed());
    done
}

/// A sign-in with the records it leaves, for the rows that do only a part of one.
struct Sample {
    resting: Account,
    begun: Account,
    records: [Vec<u8>; 2],
    events: [Vec<Event>; 2],
}

impl Sample {
    fn take(portal: &Portal) -> Self {
        let key = RecordKey::from(&portal.key);
        let held = || now(portal.store.load(&key)).unwrap().unwrap().record;
        let resting = held();
        let (at, code) = portal.next_code();
        let account = Account::decode(&resting).unwrap();
        let (begun, ticket, first) = begin(portal, account.clone(), at);
        let (_, second) = answer(portal, begun.clone(), at, &ticket, &code);
        let records = [begun.encode().unwrap(), resting];
        Self { resting: account, begun, records, events: [first, second] }
    }

    fn app(&self) -> &Factor {
        self.resting.factors().iter().find(|factor| factor.method() == Method::App).unwrap()
    }
}

fn context(portal: &Portal, at: Timestamp) -> Context<'_> {
    let (settings, entropy, sealer) = (portal.mfa.settings(), &SystemEntropy, &portal.ring);
    Context { key: &portal.key, now: at, settings, entropy, sealer }
}

fn begin(portal: &Portal, account: Account, at: Timestamp) -> (Account, Ticket, Vec<Event>) {
    let mut draft = Draft::new(context(portal, at), account);
    black_box(draft.decide(Policy::default()));
    let ticket = draft.begin(Purpose::SignIn).unwrap();
    let (account, events) = draft.finish().unwrap();
    (account, ticket, events)
}

fn view(portal: &Portal, account: Account, at: Timestamp, ticket: &Ticket) -> Account {
    let draft = Draft::new(context(portal, at), account);
    let open = draft.challenge(ticket).unwrap();
    black_box(ChallengeView::of(&draft.account, &open, draft.cx.settings));
    draft.account
}

fn answer(
    portal: &Portal,
    account: Account,
    at: Timestamp,
    ticket: &Ticket,
    code: &str,
) -> (Account, Vec<Event>) {
    let mut draft = Draft::new(context(portal, at), account);
    assert!(black_box(draft.answer(ticket, code, None)).unwrap().is_ok());
    draft.finish().unwrap()
}

/// What a sign-in can't do without: opening the key, the codes of the window, and three digests of the session's secret.
fn bare_arithmetic(portal: &Portal, sample: &Sample) -> Stages {
    let mut stages = Stages::default();
    let factor = sample.app();
    let Kind::Totp { params, .. } = factor.kind() else { panic!("not an app") };
    for _ in 0..IN_A_ROUND {
        let (at, code) = portal.next_code();
        let binding = Binding::from_bytes([7; 32]);
        timed(&mut stages.begin, || black_box(&binding).digest());
        timed(&mut stages.view, || black_box(&binding).digest());
        timed(&mut stages.answer, || {
            black_box(black_box(&binding).digest());
            let prepared = Draft::new(context(portal, at), Account::default()).prepare(factor).unwrap();
            let typed = read_code(&code, params.digits).unwrap();
            let window = totp::Window::default();
            let found = totp::verify(&prepared, params, &window, &totp::Progress::default(), at, &typed);
            assert!(matches!(found, totp::Outcome::Accepted(_)));
        });
    }
    stages
}

/// The account by itself, handed from one operation to the next.
fn pure_account(portal: &Portal, sample: &Sample) -> Stages {
    let mut stages = Stages::default();
    for _ in 0..IN_A_ROUND {
        let (at, code) = portal.next_code();
        let account = sample.resting.clone();
        let (account, ticket, _) = timed(&mut stages.begin, || begin(portal, account, at));
        let account = timed(&mut stages.view, || view(portal, account, at, &ticket));
        black_box(timed(&mut stages.answer, || answer(portal, account, at, &ticket, &code)));
    }
    stages
}

fn stored(events: &[Event]) -> Vec<StoredEvent> {
    events.iter().map(|event| event.to_stored().unwrap()).collect()
}

/// Reading and writing the record, and the events.
fn record(sample: &Sample) -> Stages {
    let mut stages = Stages::default();
    let [begun, resting] = &sample.records;
    for _ in 0..IN_A_ROUND {
        timed(&mut stages.begin, || {
            black_box(Account::decode(black_box(resting)).unwrap());
            black_box(black_box(&sample.begun).encode().unwrap());
            stored(black_box(&sample.events[0]))
        });
        timed(&mut stages.view, || Account::decode(black_box(begun)).unwrap());
        timed(&mut stages.answer, || {
            black_box(Account::decode(black_box(begun)).unwrap());
            black_box(black_box(&sample.resting).encode().unwrap());
            stored(black_box(&sample.events[1]))
        });
    }
    stages
}

/// The same loads and commits of records of the same size with the same events, and no service.
fn bare_store(portal: &Portal, sample: &Sample) -> Stages {
    let mut stages = Stages::default();
    let key = RecordKey { name: "floor".to_owned(), ..RecordKey::from(&portal.key) };
    let load = || now(portal.store.load(&key)).unwrap();
    let write = |expected: Option<Version>, which: usize| Write {
        key: key.clone(),
        expected,
        next: expected.map_or(Version::new(1), Version::next),
        record: sample.records[which].clone(),
        events: stored(&sample.events[which]),
    };
    let mut version = load().map(|held| held.version);
    for _ in 0..IN_A_ROUND {
        let first = write(version, 0);
        timed(&mut stages.begin, || {
            black_box(load());
            assert_eq!(now(portal.store.commit(&first)).unwrap(), Committed::Done);
        });
        timed(&mut stages.view, load);
        let second = write(Some(first.next), 1);
        timed(&mut stages.answer, || {
            assert_eq!(now(portal.store.commit(&second)).unwrap(), Committed::Done);
        });
        version = Some(second.next);
    }
    stages
}

/// The service over all of it.
fn service(portal: &Portal) -> Stages {
    let mut stages = Stages::default();
    for _ in 0..IN_A_ROUND {
        let (_, code) = portal.next_code();
        let ticket = timed(&mut stages.begin, || portal.begin());
        timed(&mut stages.view, || now(portal.mfa.challenge(&ticket)).unwrap().unwrap());
        let _granted = timed(&mut stages.answer, || now(portal.mfa.answer(&ticket, &code)).unwrap().unwrap());
    }
    stages
}

/// Measures every part and prints the table.
pub(crate) fn print(portal: &Portal) {
    let sample = Sample::take(portal);
    let mut rows: [(&str, Stages); 5] = [
        ("arithmetic and cipher alone", Stages::default()),
        ("the pure account", Stages::default()),
        ("its record and events, read and written", Stages::default()),
        ("bare loads and commits of the memory store", Stages::default()),
        ("the service on the memory store", Stages::default()),
    ];
    for round in 0..=ROUNDS {
        let times = [
            bare_arithmetic(portal, &sample),
            pure_account(portal, &sample),
            record(&sample),
            bare_store(portal, &sample),
            service(portal),
        ];
        // The first round warms up.
        for ((_, row), time) in rows.iter_mut().zip(times).filter(|_| round > 0) {
            row.append(time);
        }
    }
    let [begun, resting] = &sample.records;
    println!("## A whole sign-in in memory\n");
    println!(
        "Microseconds of one sign-in by app code: `sign_in`, one look at the challenge, `answer`. Somebody with an app, an"
    );
    println!(
        "address and ten backup codes: a record of {} bytes, {} while the challenge is open. The pure account has the",
        resting.len(),
        begun.len()
    );
    println!(
        "arithmetic in it, the service has all others. Rounds of {IN_A_ROUND} alternate; medians of {ROUNDS}.\n"
    );
    println!("| | sign_in | challenge | answer | together | of the service |\n|---|---|---|---|---|---|");
    let all = rows[4].1.medians()[3];
    for (name, stages) in &rows {
        let [begin, view, answer, together] = stages.medians();
        println!("| {name} | {begin:.2} | {view:.2} | {answer:.2} | {together:.2} | {:.2} |", together / all);
    }
    println!();
}
