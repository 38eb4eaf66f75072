//! The gate: requests a second on a guarded page beside the same page with the session layer alone.
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

/// Rounds of each page; the two pages take turns.
const ROUNDS: usize = 31;
/// Requests in a round.
const REQUESTS: usize = 8_000;
/// Requests whose instructions are counted, at some fifty times the usual pace.
const COUNTED: usize = 500;

const FRAMEWORKS: [&str; 2] = ["axum", "actix-web"];
const STORES: [&str; 2] = ["memory", "SQLite"];

const INTRO: &str = "## The gate

One page, once with the session layer alone, which reads whose session it is, and once behind `RequireMfa`, which
hands out `SignedIn`. Sessions are in memory; the store is the one behind the gate, which is asked for the account's
epoch on every request. One thread serves over loopback, another asks on 8 kept connections. Medians of 31 rounds of
8000 requests that take turns; the ratio is the median of the rounds' ratios, with its quartiles. Processor time is
that of the whole serving process with the kernel's for it; instructions are without the kernel's.

| framework | store | alone, req/s | guarded, req/s | ratio | alone, µs of processor | guarded | ratio | alone, instructions | guarded |
|---|---|---|---|---|---|---|---|---|---|";

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
    let (mut alone, mut guarded) = (Vec::new(), Vec::new());
    sitting.round(Page::Alone, REQUESTS);
    sitting.round(Page::Guarded, REQUESTS);
    for _ in 0..ROUNDS {
        alone.push(sitting.round(Page::Alone, REQUESTS));
        guarded.push(sitting.round(Page::Guarded, REQUESTS));
    }
    sitting.reset_ends_it();
    drop(served);
    let rates = alone.iter().zip(&guarded).map(|(alone, guarded)| alone.took / guarded.took).collect();
    let work = alone.iter().zip(&guarded).map(|(alone, guarded)| alone.worked / guarded.worked).collect();
    let [low, ratio, high] = quartiles(rates);
    let [_, worked, _] = quartiles(work);
    let middle = |values: Vec<f64>| quartiles(values)[1];
    let per_second =
        |rounds: &[load::Round]| REQUESTS as f64 / middle(rounds.iter().map(|r| r.took).collect());
    let microseconds =
        |rounds: &[load::Round]| middle(rounds.iter().map(|r| r.worked * 1e6 / REQUESTS as f64).collect());
    let instructions = if valgrind {
        let begun = load::instructions(framework, store, Page::Alone, 0);
        let each = |page| (load::instructions(framework, store, page, COUNTED) - begun) / COUNTED as f64;
        format!("{:.0} | {:.0}", each(Page::Alone), each(Page::Guarded))
    } else {
        "not counted | not counted".to_owned()
    };
    println!(
        "| {framework} | {store} | {:.0} | {:.0} | {ratio:.3} ({low:.3} to {high:.3}) | {:.2} | {:.2} | {worked:.3} | {instructions} |",
        per_second(&alone),
        per_second(&guarded),
        microseconds(&alone),
        microseconds(&guarded),
    );
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
