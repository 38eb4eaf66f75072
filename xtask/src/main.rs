//! Workspace chores: `cargo xtask test` gets the tools the tests need and runs all of them.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool speaks to whoever started it"
)]

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Instant;

use crate::args::Task;
use crate::session::Session;
use crate::tools::Toolbox;

mod args;
mod session;
mod shell;
mod tools;

const HELP: &str = "\
cargo xtask test [--no-install] [-p CRATE]... [FILTER]...
    Gets the tools that the tests need, then runs the tests of the workspace, all features on.
    FILTER runs only the tests with it in their names; -p only the tests of one crate.
cargo xtask tools [--no-install]
    Gets the tools and says where they are.

--no-install looks for the tools but installs nothing.";

fn main() -> ExitCode {
    let task = match args::parse(std::env::args().skip(1)) {
        Ok(task) => task,
        Err(problem) => {
            eprintln!("{problem}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    let done = match task {
        Task::Help => {
            println!("{HELP}");
            Ok(())
        }
        Task::Tools { install } => toolbox(install).map(drop),
        Task::Test {
            install,
            packages,
            filters,
        } => test(install, &packages, &filters),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("\nxtask: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// The workspace's folder: cargo says where this crate is, also when the whole tree has been moved.
fn root() -> Result<PathBuf, String> {
    let here = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.parent()
        .map(PathBuf::from)
        .ok_or_else(|| "the workspace's folder can't be found".to_owned())
}

fn toolbox(install: bool) -> Result<Toolbox, String> {
    let root = root()?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let target = std::path::absolute(target).map_err(|error| format!("the target folder: {error}"))?;
    Toolbox::gather(&target.join("tools"), install)
}

fn test(install: bool, packages: &[String], filters: &[String]) -> Result<(), String> {
    let started = Instant::now();
    let toolbox = toolbox(install)?;
    let mut session = Session::begin()?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(root()?)
        .args(args::cargo_test(packages, filters))
        .envs(toolbox.env())
        // Whatever a test or a browser leaves behind goes when the session does.
        .env("TMPDIR", session.folder());
    println!("\nRunning the tests.");
    let outcome = session.run("cargo", &mut cargo);
    session.end();
    let seconds = started.elapsed().as_secs();
    let took = format!("{} min {:02} s", seconds / 60, seconds % 60);
    if outcome? {
        println!("\nxtask: all tests passed in {took}.");
        Ok(())
    } else {
        Err(format!("tests failed, after {took}; see above which"))
    }
}
