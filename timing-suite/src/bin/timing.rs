//! Measures every pair: under the clock, or one by one for a counter outside.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command for the terminal: what it prints is what it is for"
)]

use std::env;
use std::process::ExitCode;
use std::time::Duration;

use timing_suite::dice::Dice;
use timing_suite::measure::{
    ANSWER_INSTRUCTIONS, ANSWER_NANOSECONDS, Expected, Found, counted_as_first, examine,
};
use timing_suite::pairs;
use timing_suite::statistics::{Compared, Crop, Samples, paired};

const USAGE: &str = "\
Usage:
  timing list
  timing clock <pair> <seconds> [seed]
  timing count <pair> <inputs a class>
  timing judge <pair> <instructions of each input, in the order counted>";

/// Different answers further apart than they may be: `xtask` asks another process whether that is the code's doing.
const FIRST_SLOWER: u8 = 3;
const FIRST_QUICKER: u8 = 4;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<u64>().ok();
    match words.as_slice() {
        ["clock", pair, seconds, seed @ ..] => {
            match (number(pair), number(seconds), seed.first().map_or(Some(1), |seed| number(seed))) {
                (Some(pair), Some(seconds), Some(seed)) => {
                    clock(pair as usize, Duration::from_secs(seconds), seed)
                }
                _ => usage(),
            }
        }
        ["list"] => {
            for pair in pairs() {
                let names = pair.names();
                let [one, other] = names.classes;
                println!("{}\t{one}\t{other}", names.subject);
            }
            ExitCode::SUCCESS
        }
        ["count", pair, each] => match (number(pair), number(each)) {
            (Some(pair), Some(each)) => count(pair as usize, each as u32),
            _ => usage(),
        },
        ["judge", pair, counts @ ..] => {
            let counts: Option<Vec<_>> = counts.iter().map(|count| number(count)).collect();
            match (number(pair), counts) {
                (Some(pair), Some(counts)) => judge(pair as usize, &counts),
                _ => usage(),
            }
        }
        _ => usage(),
    }
}

fn usage() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}

fn count(pair: usize, each: u32) -> ExitCode {
    let pairs = pairs();
    let Some(pair) = pairs.get(pair) else { return usage() };
    pair.count(each);
    ExitCode::SUCCESS
}

/// What Valgrind counted: no noise, and so nothing to crop.
fn judge(pair: usize, counts: &[u64]) -> ExitCode {
    let pairs = pairs();
    let Some(pair) = pairs.get(pair) else { return usage() };
    let mut samples = Samples::default();
    for (place, count) in (0..).zip(counts) {
        let [one, other] = &mut samples.classes;
        if counted_as_first(place) { one } else { other }.push(*count as f64);
    }
    let Some(worst) = paired(&samples) else { return usage() };
    let found = Found { names: pair.names(), worst, apart: worst.is_apart() };
    let range = |class: &Vec<f64>| {
        let least = class.iter().copied().fold(f64::INFINITY, f64::min);
        let most = class.iter().copied().fold(0.0, f64::max);
        if least == most { format!("{least}") } else { format!("{least}–{most}") }
    };
    let [one, other] = samples.classes.each_ref().map(range);
    let [first, second] = found.names.classes;
    let subject = &found.names.subject;
    let difference = match worst.difference {
        0.0 if worst.visible == 0.0 => "none in any".to_owned(),
        difference if worst.visible == 0.0 => format!("{difference} in each"),
        difference => format!("{difference:.1}"),
    };
    let (visible, verdict) = (worst.visible, verdict(&found, ANSWER_INSTRUCTIONS));
    println!(
        "| {subject} | {first} | {second} | {one} | {other} | {difference} | {visible:.1} | {verdict} |"
    );
    if found.is_as_expected(ANSWER_INSTRUCTIONS) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn clock(pair: usize, span: Duration, seed: u64) -> ExitCode {
    let pairs = pairs();
    let Some(pair) = pairs.get(pair) else { return usage() };
    let found = examine(pair.as_ref(), &Dice::new(seed), span);
    println!("{}", row(&found));
    if found.is_as_expected(ANSWER_NANOSECONDS) {
        return ExitCode::SUCCESS;
    }
    match found.names.expected {
        Expected::Answer if found.worst.difference > 0.0 => ExitCode::from(FIRST_SLOWER),
        Expected::Answer => ExitCode::from(FIRST_QUICKER),
        _ => ExitCode::FAILURE,
    }
}

fn row(found: &Found) -> String {
    let Compared { crop, order, t, difference, visible, readings } = found.worst;
    let [one, other] = found.names.classes;
    let by = match (crop, order) {
        (Crop::None, 1) => "all".to_owned(),
        (Crop::Slowest(n), 1) => format!("all but 1/{}", 1_u32 << n),
        (Crop::None, _) => "spread of all".to_owned(),
        (Crop::Slowest(n), _) => format!("spread of all but 1/{}", 1_u32 << n),
    };
    let unit = if order == 1 {
        [difference, visible].map(|ns| format!("{ns:.2}"))
    } else {
        ["–", "–"].map(str::to_owned)
    };
    let [difference, visible] = unit;
    format!(
        "| {} | {one} | {other} | {readings} | {by} | {:.1} | {difference} | {visible} | {} |",
        found.names.subject,
        t.abs(),
        verdict(found, ANSWER_NANOSECONDS)
    )
}

fn verdict(found: &Found, answer: f64) -> &'static str {
    match (found.names.expected, found.apart) {
        (Expected::Alike | Expected::Answer | Expected::Told, false) => "alike",
        (Expected::Alike, true) => "**told apart**",
        (Expected::Answer, true) if found.is_as_expected(answer) => "alike but for the answer",
        (Expected::Answer, true) => "**told apart by more than the answer**",
        (Expected::Apart, true) => "told apart, as meant",
        (Expected::Apart, false) => "**not seen**",
        (Expected::Told, true) => "told apart, to whom may know",
    }
}
