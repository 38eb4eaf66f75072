//! Whether times tell codes apart: pairs of inputs that differ in a secret alone, measured in one run and compared.
//!
//! The method is dudect's (Reparaz, Balasch and Verbauwhede, "Dude, is my code constant time?", 2017): inputs of two classes
//! are drawn beforehand and measured in random order; the slowest readings, which belong to the machine, are cut off at
//! several percentiles; Welch's t-test says whether the rest can come from one distribution. Beside the clock there is a
//! count of instructions, for Valgrind to make, which has to be equal to the last one.
//!
//! `cargo xtask timing` runs both. `cargo test` tries only the [`statistics`], on samples that are made up: what a busy
//! machine's clock says is true only with the care that `xtask` takes, and must not decide whether a change may go in.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "measurements stop at the first surprise: none of this runs in anybody's portal"
)]

pub mod arithmetic;
pub mod control;
pub mod dice;
pub mod kept;
pub mod measure;
pub mod people;
pub mod service;
pub mod statistics;

use crate::arithmetic::{Hotp, Standing, Totp, Tried};
use crate::control::{ByText, FirstMatch};
use crate::kept::{Backup, Delivered, Sent};
use crate::measure::Pair;
use crate::service::{Answer, Door, Visit};
use mfa_core::factor::key::Algorithm;

/// Every pair that is compared, in the order they are printed.
pub fn pairs() -> Vec<Box<dyn Pair>> {
    let mut pairs: Vec<Box<dyn Pair>> =
        vec![Box::new(ByText), Box::new(FirstMatch::bare()), Box::new(FirstMatch::before_the_service())];
    for algorithm in [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512] {
        for tried in [
            [Tried::Near, Tried::Wrong],
            [Tried::Right, Tried::Wrong],
            [Tried::Earliest, Tried::Latest],
            [Tried::Used, Tried::Right],
        ] {
            pairs.push(Box::new(Totp { algorithm, tried }));
        }
    }
    for standing in [
        [Standing::Near, Standing::Wrong],
        [Standing::Next, Standing::Wrong],
        [Standing::Next, Standing::Furthest],
    ] {
        pairs.push(Box::new(Hotp(standing)));
    }
    pairs.push(Box::new(Backup::Typed));
    pairs.push(Box::new(Backup::Digest));
    pairs.push(Box::new(Backup::Place));
    for sent in [[Sent::Near, Sent::Wrong], [Sent::First, Sent::Wrong], [Sent::First, Sent::Last]] {
        pairs.push(Box::new(Delivered::new(sent)));
    }
    for answer in [Answer::App, Answer::Email, Answer::Backup, Answer::Ticket] {
        pairs.push(Box::new(Visit::new(answer)));
    }
    for door in [Door::RightCode, Door::SignIn, Door::Ticket] {
        pairs.push(Box::new(Visit::new(Answer::Told(door))));
    }
    pairs
}
