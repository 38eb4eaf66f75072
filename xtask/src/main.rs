//! `cargo xtask`: the chores of this workspace, first of all running every test with the programs it needs.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command for the terminal: what it prints is what it is for"
)]

mod args;
mod bench;
mod cases;
mod catalogue;
mod coverage;
mod covered;
mod criterion;
mod fuzz;
mod install;
mod measure;
mod mutants;
mod suite;
mod tally;
mod timing;
mod tools;

use std::path::Path;
use std::process::ExitCode;

use crate::args::{Chore, USAGE};
use crate::mutants::Part;
use crate::tools::Toolbox;

fn main() -> ExitCode {
    let chore = match Chore::parse(std::env::args().skip(1)) {
        Ok(chore) => chore,
        Err(mistake) => {
            eprintln!("error: {mistake}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match carry_out(chore) {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => {
            eprintln!("error: {trouble}");
            ExitCode::FAILURE
        }
    }
}

fn carry_out(chore: Chore) -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("the folder of xtask has no parent")?;
    match chore {
        Chore::Help => {
            println!("{USAGE}");
            Ok(())
        }
        Chore::Tools { install } => Toolbox::gather(root, install).map(|_| ()),
        Chore::Test { install, cargo_args } => {
            let toolbox = Toolbox::gather(root, install)?;
            suite::run(root, &toolbox, &cargo_args)
        }
        Chore::Bench { parts } => measure::run(root, &parts),
        Chore::Fuzz { seconds, target } => fuzz::run(root, seconds, target.as_deref()),
        Chore::Timing { install, seconds } => timing::run(root, seconds, install),
        Chore::Coverage { install } => coverage::run(root, install),
        Chore::Mutants { package, file, shard, install } => {
            mutants::run(root, package.as_deref(), Part { file, shard }, install)
        }
        Chore::Cluster { install, rounds } => {
            let toolbox = Toolbox::gather(root, install)?;
            suite::run_cluster(root, &toolbox, rounds)
        }
    }
}
