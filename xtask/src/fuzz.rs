//! Fuzzing: every target for a while, and what came of it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::bench::Bench;

const VERSION: &str = "0.13.2";

/// What one target did.
#[derive(Debug, PartialEq, Eq)]
struct Done {
    target: String,
    executions: u64,
    coverage: u64,
    crashed: bool,
}

/// Runs each target for so many seconds, from its seeds and its corpus.
///
/// # Errors
///
/// A target crashed or doesn't build, or there is no nightly Rust.
pub(crate) fn run(root: &Path, seconds: u64, wanted: Option<&str>) -> Result<(), String> {
    if !succeeds(Command::new("rustc").arg("+nightly").arg("--version")) {
        return Err("fuzzing needs nightly Rust: rustup toolchain install nightly".to_owned());
    }
    let tool = root.join("target/tools/bin/cargo-fuzz");
    if !succeeds(Command::new(&tool).args(["fuzz", "--version"])) {
        let install = Command::new("cargo")
            .args(["install", "--quiet", "--locked", "--force", &format!("cargo-fuzz@{VERSION}"), "--root"])
            .arg(root.join("target/tools"))
            .env("CARGO_TARGET_DIR", root.join("target/tools/build"))
            .status();
        if !install.is_ok_and(|status| status.success()) {
            return Err(format!("cargo-fuzz {VERSION} can't be installed"));
        }
    }
    let bench = Bench::set_up()?;
    let fuzz = root.join("fuzz");
    let mut table = String::from("| target | executions | coverage, edges | crashed |\n|---|---|---|---|\n");
    let mut crashed = Vec::new();
    for target in targets(&fuzz)? {
        if wanted.is_some_and(|wanted| wanted != target) {
            continue;
        }
        let done = one(&bench, &tool, &fuzz, &target, seconds)?;
        let _ = writeln!(
            table,
            "| `{target}` | {} | {} | {} |",
            done.executions,
            done.coverage,
            if done.crashed { "**yes**" } else { "no" }
        );
        if done.crashed {
            crashed.push(target);
        }
    }
    println!("\n{table}");
    if crashed.is_empty() { Ok(()) } else { Err(format!("crashed: {}", crashed.join(", "))) }
}

/// The targets, by their files.
fn targets(fuzz: &Path) -> Result<Vec<String>, String> {
    let folder = fuzz.join("targets");
    let files = fs::read_dir(&folder).map_err(|error| format!("can't read {}: {error}", folder.display()))?;
    let names = files.flatten().map(|file| file.file_name().to_string_lossy().into_owned());
    let mut targets: Vec<_> = names.filter_map(|name| name.strip_suffix(".rs").map(str::to_owned)).collect();
    targets.sort();
    Ok(targets)
}

fn one(bench: &Bench, tool: &Path, fuzz: &Path, target: &str, seconds: u64) -> Result<Done, String> {
    println!("{target}: {seconds} seconds");
    let (corpus, seeds) = (fuzz.join("corpus").join(target), fuzz.join("seeds").join(target));
    fs::create_dir_all(&corpus).map_err(|error| format!("can't make {}: {error}", corpus.display()))?;
    let mut command = bench.command(tool);
    command
        .current_dir(fuzz)
        .env("RUSTUP_TOOLCHAIN", "nightly")
        // All of our code is safe Rust, and so without the sanitizer, which makes it several times slower.
        .args(["fuzz", "run", "--sanitizer", "none", target])
        .args([&corpus, &seeds])
        .args(["--", &format!("-max_total_time={seconds}"), "-print_final_stats=1", "-timeout=20"]);
    let dictionary = fuzz.join("dictionaries").join(format!("{target}.dict"));
    if dictionary.exists() {
        command.arg(format!("-dict={}", dictionary.display()));
    }
    let log = bench.folder().join(format!("{target}.log"));
    let file = fs::File::create(&log).map_err(|error| format!("can't write {}: {error}", log.display()))?;
    let status = command.stdout(Stdio::null()).stderr(file).status();
    let status = status.map_err(|error| format!("can't run cargo-fuzz: {error}"))?;
    let said = fs::read_to_string(&log).unwrap_or_default();
    let done = read(target, &said);
    if !status.success() && done.executions == 0 && !done.crashed {
        return Err(format!("{target} doesn't run:\n{said}"));
    }
    if done.crashed {
        println!(
            "{}",
            said.lines().rev().take(60).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n")
        );
    }
    Ok(done)
}

/// Reads what libFuzzer said.
fn read(target: &str, said: &str) -> Done {
    let after = |line: &str, mark: &str| {
        let rest = line.split_once(mark)?.1;
        rest.split_whitespace().next()?.parse::<u64>().ok()
    };
    let last = |mark: &str| said.lines().rev().find_map(|line| after(line, mark)).unwrap_or(0);
    Done {
        target: target.to_owned(),
        executions: last("stat::number_of_executed_units:"),
        coverage: last(" cov: "),
        crashed: said.contains("SUMMARY: libFuzzer:") || said.contains("Test unit written to"),
    }
}

fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Done, read, targets};

    #[test]
    fn what_libfuzzer_says_is_understood() {
        let said = "#2\tINITED cov: 17 ft: 18 corp: 1/1b exec/s: 0 rss: 40Mb\n\
                    #500\tDONE   cov: 81 ft: 200 corp: 9/70b lim: 4 exec/s: 0 rss: 41Mb\n\
                    stat::number_of_executed_units: 500\nstat::average_exec_per_sec:     0\n";
        let done = Done { target: "x".to_owned(), executions: 500, coverage: 81, crashed: false };
        assert_eq!(read("x", said), done);
        let crashed =
            "#7 NEW cov: 3 ft: 3\nSUMMARY: libFuzzer: deadly signal\nTest unit written to ./crash-1\n";
        assert!(read("x", crashed).crashed);
    }

    #[test]
    fn every_target_has_its_seeds_and_its_place_in_the_manifest() {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("fuzz");
        let manifest = std::fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
        let targets = targets(&fuzz).unwrap();
        assert_eq!(targets.len(), 7);
        for target in targets {
            assert!(manifest.contains(&format!("name = \"{target}\"")), "{target}");
            assert!(fuzz.join("seeds").join(&target).read_dir().unwrap().next().is_some(), "{target}");
        }
    }
}
