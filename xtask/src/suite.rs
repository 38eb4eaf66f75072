//! Runs every test of the workspace with its tools at hand and sums up how it went.

use std::env;
use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use crate::bench::Bench;
use crate::cases::{self, Cases};
use crate::tally::Tally;
use crate::tools::Toolbox;

/// What Cargo tells a program it runs about that program's own package. Passed on, it would be told to the build
/// scripts of others, which then see a change and build again.
const OWN_PACKAGE: [&str; 5] =
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_NAME", "CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE"];

/// Runs `cargo test`, then checks that `mfa-core` builds with every feature off.
///
/// # Errors
///
/// A test failed, none ran, or something doesn't build.
pub(crate) fn run(root: &Path, toolbox: &Toolbox, cargo_args: &[String]) -> Result<(), String> {
    let bench = Bench::set_up()?;
    let mut tests = cargo(&bench, root);
    tests.args(test_arguments(cargo_args)).env("MFA_TEST_TOOLS", "1").envs(toolbox.variables());
    let notes = bench.folder().join("cases");
    fs::create_dir(&notes).map_err(|error| format!("can't make {}: {error}", notes.display()))?;
    tests.env(cases::VARIABLE, &notes);
    let (tally, tests_succeeded) = count(&bench, &mut tests, &mut io::stdout())?;

    println!("\nmfa-core with every feature off:");
    let mut check = cargo(&bench, root);
    check.args(["check", "--package", "mfa-core", "--no-default-features"]);
    let core_alone = check.status().map_err(|error| format!("can't run cargo: {error}"))?.success();
    let cases = Cases::read(&notes)?;
    drop(bench);

    let mut troubles = Vec::new();
    let table = root.join("target/cases.md");
    fs::write(&table, cases.tables()).map_err(|error| format!("can't write {}: {error}", table.display()))?;
    println!("\n{}\n(case by case: {})", cases.summary(), table.display());
    // Where somebody asked for a part, the rest is no gap.
    let gaps = if cargo_args.is_empty() { cases.gaps() } else { Vec::new() };
    if !gaps.is_empty() {
        gaps.iter().for_each(|gap| println!("  not passed: {gap}"));
        troubles.push("a suite was not the same everywhere (see above)");
    }
    if !tests_succeeded || tally.has_failures() {
        troubles.push("not every test passed, or one couldn't be built or died (see above)");
    } else if tally.is_empty() {
        troubles.push("no test ran");
    }
    if !core_alone {
        troubles.push("mfa-core doesn't build with every feature off");
    }
    if !tally.failures().is_empty() {
        println!("\nFailed:");
        tally.failures().iter().for_each(|name| println!("  {name}"));
    }
    println!("\n{tally}");
    if troubles.is_empty() { Ok(()) } else { Err(troubles.join("; ")) }
}

/// Runs the tests of several nodes on one store at length, with what they say.
///
/// # Errors
///
/// A test failed, or something doesn't build.
pub(crate) fn run_cluster(root: &Path, toolbox: &Toolbox, rounds: u32) -> Result<(), String> {
    let bench = Bench::set_up()?;
    let run = |arguments: &[&str]| {
        let mut command = cargo(&bench, root);
        command.args(arguments).env("MFA_TEST_TOOLS", "1").envs(toolbox.variables());
        command.env("MFA_ROUNDS", rounds.to_string());
        let status = command.status().map_err(|error| format!("can't run cargo: {error}"))?;
        if status.success() { Ok(()) } else { Err(format!("cargo {} failed", arguments.join(" "))) }
    };
    run(&["build", "--package", "portal-axum", "--package", "portal-actix"])?;
    run(&["test", "--package", "cluster-suite", "--no-fail-fast", "--", "--nocapture", "--test-threads=1"])
}

fn cargo(bench: &Bench, root: &Path) -> Command {
    let mut command = bench.command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| OWN_PACKAGE.iter().any(|own| name.starts_with(own))) {
            command.env_remove(name);
        }
    }
    command
}

/// The arguments of Cargo: everything, or the packages somebody asked for.
fn test_arguments(wanted: &[String]) -> Vec<&str> {
    let before_dashes = wanted.iter().take_while(|argument| *argument != "--");
    let mut packages = before_dashes.filter(|argument| {
        argument.starts_with("-p") || *argument == "--package" || argument.starts_with("--package=")
    });
    let mut arguments = vec!["test", "--all-features", "--no-fail-fast"];
    if packages.next().is_none() {
        arguments.push("--workspace");
        // Programs that measure: they have no tests, and linking them takes a minute. The lints build them.
        arguments.extend(["--exclude", "benches", "--exclude", "inside"]);
    }
    arguments.extend(wanted.iter().map(String::as_str));
    arguments
}

/// Runs the command, passing its output on as it comes, and counts what it reports.
fn count(
    bench: &Bench,
    command: &mut Command,
    screen: &mut (impl io::Write + Send),
) -> Result<(Tally, bool), String> {
    let failed = |error: io::Error| format!("can't follow cargo test: {error}");
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(failed)?;
    let output = child.stdout.take().ok_or("cargo test has no output")?;
    thread::scope(|scope| {
        let reader = scope.spawn(|| follow(output, screen));
        let status = child.wait();
        // A browser that a test left behind holds the output open, and the reader would wait for it for ever.
        bench.stop_processes();
        let tally = reader.join().map_err(|_| "the reader of the output died")?.map_err(failed)?;
        Ok((tally, status.map_err(failed)?.success()))
    })
}

fn follow(mut output: impl io::Read, screen: &mut impl io::Write) -> io::Result<Tally> {
    let mut tally = Tally::default();
    let mut buffer = [0; 8192];
    loop {
        let bytes = match output.read(&mut buffer) {
            Ok(length) => buffer.get(..length).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if bytes.is_empty() {
            return Ok(tally);
        }
        tally.take(bytes);
        screen.write_all(bytes)?;
        screen.flush()?;
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{count, test_arguments};
    use crate::bench::Bench;

    const REPORT_SHOWN: &[u8] =
        b"test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n";
    const REPORT: &str = "echo 'test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out'";

    fn arguments(line: &str) -> String {
        let wanted: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        test_arguments(&wanted).join(" ")
    }

    #[test]
    fn the_whole_workspace_is_tested_unless_packages_are_named() {
        let all = "test --all-features --no-fail-fast --workspace --exclude benches --exclude inside";
        assert_eq!(arguments(""), all);
        assert_eq!(arguments("keyboard"), format!("{all} keyboard"));
        assert_eq!(arguments("-- -p"), format!("{all} -- -p"), "an argument of the test programs");
        for package in ["-p mfa-core", "-pmfa-core", "--package mfa-core", "--package=mfa-core"] {
            assert_eq!(arguments(package), format!("test --all-features --no-fail-fast {package}"));
        }
    }

    fn count_of(test: &str, script: &str) -> (String, bool) {
        let bench =
            Bench::set_up_in(&std::env::temp_dir(), &format!("{test}-{}", std::process::id())).unwrap();
        let mut screen = Vec::new();
        let (tally, succeeded) =
            count(&bench, bench.command("sh").args(["-c", script]), &mut screen).unwrap();
        assert_eq!(screen, REPORT_SHOWN, "passed on as it is");
        (tally.to_string(), succeeded)
    }

    #[test]
    fn counting_follows_the_output_and_the_exit() {
        assert_eq!(count_of("whole", REPORT), ("2 passed, 0 failed".to_owned(), true));
        let died = format!("{REPORT}; kill -SEGV $$");
        assert_eq!(count_of("died", &died), ("2 passed, 0 failed".to_owned(), false));
    }

    #[test]
    fn a_process_left_behind_does_not_keep_the_run_from_ending() {
        let started = Instant::now();
        let left = format!("sleep 60 & {REPORT}");
        assert_eq!(count_of("left", &left), ("2 passed, 0 failed".to_owned(), true));
        assert!(started.elapsed() < Duration::from_secs(30));
    }
}
