//! The measuring: inputs of two classes drawn beforehand, in random order, each run by itself under the clock or a counter.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::dice::Dice;
use crate::statistics::{Compared, Samples, farthest};

/// How far apart two answers that say different things may be: what writing them down takes, and less than a twentieth of what
/// one candidate code takes.
pub const ANSWER_NANOSECONDS: f64 = 5.0;
/// The same in instructions.
pub const ANSWER_INSTRUCTIONS: f64 = 50.0;

/// What is measured: something that may take as long as it likes, but not longer for one class than for the other.
pub trait Subject {
    /// One input, ready to be run.
    type Input;

    /// What it is, and the two classes, as they are printed.
    fn names(&self) -> Names;

    /// An input of the first class or of the other. Says by panicking if what was drawn isn't of its class.
    fn draw(&self, first: bool, dice: &Dice) -> Self::Input;

    /// What is measured. Run several times on each input, so it must leave everything as it was.
    fn run(&self, input: &Self::Input) -> bool;

    /// How often an input is run between two looks at the clock, because the clock counts no finer than some 20 ns.
    fn batch(&self) -> u32 {
        8
    }

    /// How many inputs are drawn before the clock runs.
    fn round(&self) -> usize {
        2_000
    }
}

/// How a pair is printed.
#[derive(Clone, Debug)]
pub struct Names {
    /// What is measured.
    pub subject: String,
    /// The two classes.
    pub classes: [&'static str; 2],
    /// What it should come to.
    pub expected: Expected,
}

/// What a comparison should come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Not to be told apart.
    Alike,
    /// What is returned differs, and is told to whoever asked: no further apart than writing it down takes.
    Answer,
    /// To be told apart: a leak made on purpose, without which a run shows nothing.
    Apart,
    /// Measured for the record: the answer itself says which it was, to somebody who may know.
    Told,
}

/// A subject whose kind of input nobody needs to know.
pub trait Pair {
    /// How it is printed.
    fn names(&self) -> Names;

    /// Measures for about that long, drawing included.
    fn clock(&self, dice: &Dice, span: Duration) -> Samples;

    /// Runs so many inputs of each class, each once, for a counter outside to count: two and two from one throw of
    /// the dice, so that they differ in nothing but their class.
    fn count(&self, each: u32);
}

impl<S: Subject> Pair for S {
    fn names(&self) -> Names {
        Subject::names(self)
    }

    fn clock(&self, dice: &Dice, span: Duration) -> Samples {
        let batch = self.batch();
        let mut samples = Samples::default();
        let mut began = None;
        while began.is_none_or(|began: Instant| began.elapsed() < span) {
            let draw = |_| {
                let first = dice.toss();
                (first, self.draw(first, dice))
            };
            let round: Vec<_> = (0..self.round()).map(draw).collect();
            for (first, input) in &round {
                let start = Instant::now();
                for _ in 0..batch {
                    measured_once(self, input);
                }
                let taken = start.elapsed().as_nanos() as f64 / f64::from(batch);
                let [one, other] = &mut samples.classes;
                if *first { one } else { other }.push(taken);
            }
            if began.is_none() {
                // The first round warms the caches and doesn't count.
                samples = Samples::default();
                began = Some(Instant::now());
            }
        }
        if samples.is_empty() { self.clock(dice, 2 * span) } else { samples }
    }

    fn count(&self, each: u32) {
        for seed in 0..each {
            for first in [counted_as_first(2 * seed), counted_as_first(2 * seed + 1)] {
                let input = self.draw(first, &Dice::new(seed.into()));
                measured_once(self, &input);
            }
        }
    }
}

/// Which class is counted at which place: now one goes before the other and now the other before the one, or the allocator,
/// which takes turns too, would be taken for a difference.
pub fn counted_as_first(place: u32) -> bool {
    matches!(place % 4, 0 | 3)
}

/// Valgrind finds it by its name.
#[inline(never)]
fn measured_once<S: Subject>(subject: &S, input: &S::Input) -> bool {
    black_box(subject.run(black_box(input)))
}

/// What was found about one pair.
#[derive(Clone, Debug)]
pub struct Found {
    /// How it is printed.
    pub names: Names,
    /// The test that told them apart best.
    pub worst: Compared,
    /// Whether they were told apart, and again when measured afresh by the same test in the same direction.
    pub apart: bool,
}

impl Found {
    /// Whether it came to what it should. `answer` is how far apart different answers may be.
    pub fn is_as_expected(&self, answer: f64) -> bool {
        match self.names.expected {
            Expected::Alike => !self.apart,
            Expected::Answer => !self.apart || self.worst.difference.abs() <= answer,
            Expected::Apart => self.apart,
            Expected::Told => true,
        }
    }
}

/// Measures a pair, and once more with other inputs if the first time tells it apart: chance doesn't strike twice.
pub fn examine(pair: &dyn Pair, dice: &Dice, span: Duration) -> Found {
    let names = pair.names();
    let tests = || {
        let mut tests = pair.clock(dice, span).tests();
        // Where the means may differ the spread does too.
        tests.retain(|test| test.order == 1 || names.expected == Expected::Alike);
        tests
    };
    let worst = farthest(&tests()).unwrap();
    if !worst.is_apart() {
        return Found { names, worst, apart: false };
    }
    let again = tests();
    let same = |test: &&Compared| test.crop == worst.crop && test.order == worst.order;
    let again = again.iter().find(same).copied().unwrap_or(worst);
    let apart = again.is_apart() && again.t.signum() == worst.t.signum();
    Found { names, worst: again, apart }
}
