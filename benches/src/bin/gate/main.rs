//! The gate: requests a second on a guarded page beside the same page with the session layer alone, and beside the least that
//! a gate can do.
//!
//! `cargo run --release -p benches --bin gate`; instructions are counted where `valgrind` is installed.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "measurements stop at the first surprise, and are printed"
)]

mod in_actix;
mod in_axum;
mod load;

use std::process::Command;

use crate::load::{Page, Served, Sitting};
use benches::portal::{Kept, Portal};

/// Rounds of each page; the pages take turns.
const ROUNDS: usize = 31;
/// Requests in a round.
const REQUESTS: usize = 8_000;
/// Requests whose instructions are counted, at some fifty times the usual pace.
const COUNTED: usize = 500;

const FRAMEWORKS: [&str; 2] = ["axum", "actix-web"];
const STORES: [&str; 2] = ["memory", "SQLite"];

const INTRO: &str = "## The gate

One page, with the session layer alone, which reads whose session it is; behind a middleware that takes the gate's text
out of the session and the account's record out of the store, and looks at neither, as the floor; and behind
`RequireMfa`, which hands out `SignedIn`. Sessions are in memory; the store is the one behind the gate, which is asked
on every request whether the session still holds. One thread serves over loopback, another asks on 8 kept connections.
Medians of 31 rounds of 8000 requests that take turns; ratios are the medians of the rounds' ratios, with their
quartiles. Processor time is that of the whole serving process with the kernel's for it; instructions are without the
kernel's.

| framework | store | alone, req/s | floor | guarded | floor / alone | guarded / alone | guarded / floor | alone, µs of processor | floor | guarded | alone, instructions | floor | guarded |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["serve", "axum", store] => in_axum::serve(store),
        ["serve", "actix-web", store] => in_actix::serve(store),
        ["inside", store, count] => inside(store, count.parse().unwrap()),
        [] => measure(),
        _ => panic!("gate, or gate serve <framework> <store>, or gate inside <store> <count>"),
    }
}

fn measure() {
    println!("{INTRO}");
    let valgrind = Command::new("valgrind").arg("--version").output().is_ok();
    for framework in FRAMEWORKS {
        for store in STORES {
            eprintln!("{framework} on {store}");
            row(framework, store, valgrind);
        }
    }
}

fn row(framework: &str, store: &str, valgrind: bool) {
    let served = Served::start(&[], framework, store);
    let mut sitting = Sitting::begin(&served);
    let mut rounds = Page::ALL.map(|page| (page, Vec::new()));
    for (page, _) in &rounds {
        sitting.round(*page, REQUESTS);
    }
    for _ in 0..ROUNDS {
        for (page, rounds) in &mut rounds {
            rounds.push(sitting.round(*page, REQUESTS));
        }
    }
    sitting.reset_ends_it();
    drop(served);
    let rounds = rounds.map(|(_, rounds)| rounds);
    let rates = rounds.each_ref().map(|rounds| {
        let [_, took, _] = quartiles(rounds.iter().map(|round| round.took).collect());
        format!("{:.0}", REQUESTS as f64 / took)
    });
    let ratio = |page: Page, beside: Page| {
        let pairs = rounds[page as usize].iter().zip(&rounds[beside as usize]);
        let [low, ratio, high] = quartiles(pairs.map(|(page, beside)| beside.took / page.took).collect());
        format!("{ratio:.3} ({low:.3} to {high:.3})")
    };
    let ratios = [(Page::Floor, Page::Alone), (Page::Guarded, Page::Alone), (Page::Guarded, Page::Floor)]
        .map(|(page, beside)| ratio(page, beside));
    let work = rounds.each_ref().map(|rounds| {
        let [_, worked, _] = quartiles(rounds.iter().map(|round| round.worked).collect());
        format!("{:.2}", worked * 1e6 / REQUESTS as f64)
    });
    let instructions = if valgrind {
        let begun = load::instructions(framework, store, Page::Alone, 0);
        Page::ALL.map(|page| {
            let all = load::instructions(framework, store, page, COUNTED);
            format!("{:.0}", (all - begun) / COUNTED as f64)
        })
    } else {
        Page::ALL.map(|_| "not counted".to_owned())
    };
    let columns = [rates, ratios, work, instructions].map(|columns| columns.join(" | "));
    println!("| {framework} | {store} | {} |", columns.join(" | "));
}

/// Calls of the gate alone, without a framework or a socket: for a profiler.
fn inside(store: &str, count: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let portal = Portal::open(store).await;
        let session = Kept::of(portal.state.clone());
        let began = std::time::Instant::now();
        for _ in 0..count {
            portal.pass(&session).await;
        }
        println!("{:?} each", began.elapsed() / u32::try_from(count).unwrap());
    });
}

/// The value below which a quarter lies, the one in the middle, and the one above which a quarter lies.
fn quartiles(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    let last = values.len() - 1;
    [values[last / 4], values[last / 2], values[last * 3 / 4]]
}
