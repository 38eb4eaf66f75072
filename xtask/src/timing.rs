//! Whether times tell codes apart: the pairs of `timing-suite` under the clock, and their instructions counted by Valgrind.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bench::Bench;
use crate::install;

/// How many inputs of each class are counted.
const EACH: usize = 32;
/// The first calls of a process find out what the processor can do and where libraries are.
const WARM_UP: usize = 4;
/// The function whose instructions are counted.
const COUNTED: &str = "*measured_once*";
/// The same in other words: of two options with one pattern Valgrind 3.19 forgets the second.
const DUMPED: &str = "timing_suite::measure::measured_once*";

/// How many processes have to agree that different answers are too far apart. A branch on the answer is predicted by what came
/// before it and by addresses, which each process has others of: in one in three a verification took a mispredicted branch
/// (5 to 10 ns) longer for one answer, now for the right one and now for the wrong one. What the code does it does in all.
const PROCESSES: usize = 5;
/// What a measuring process exits with then.
const FIRST_SLOWER: i32 = 3;
const FIRST_QUICKER: i32 = 4;

const CLOCK_HEAD: &str = "\
| what | one | other | readings | by | \\|t\\| | difference, ns | visible from, ns | |
|---|---|---|---|---|---|---|---|---|";

const HEAD: &str = "\
| what | one | other | instructions of one | of the other | difference | visible from | |
|---|---|---|---|---|---|---|---|";

/// Measures every pair for so many seconds, then counts every pair's instructions.
///
/// # Errors
///
/// Something can be told apart, a leak made on purpose can't, or a tool is missing.
pub(crate) fn run(root: &Path, seconds: u64, install: bool) -> Result<(), String> {
    let valgrind = valgrind(install)?;
    let built = root.join("target");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root).args(["build", "--locked", "--release", "--package", "timing-suite"]);
    cargo.env("CARGO_TARGET_DIR", &built);
    succeed(&mut cargo, "the pairs don't build")?;
    let timing = built.join("release/timing");

    let pairs = listed(&timing)?;
    println!("Under the clock, {seconds} s a pair:\n\n{CLOCK_HEAD}");
    let clock = clock(&timing, seconds, &pairs);
    println!("\nInstructions, counted by Valgrind for {EACH} inputs of each class:\n\n{HEAD}");
    let count = count(&timing, &valgrind, pairs.len());
    match (clock, count) {
        (Ok(()), Ok(())) => Ok(()),
        (clock, count) => {
            let troubles: Vec<_> = [clock.err(), count.err()].into_iter().flatten().collect();
            Err(troubles.join("\n"))
        }
    }
}

/// What the pairs are, in their order.
fn listed(timing: &Path) -> Result<Vec<String>, String> {
    let list = Command::new(timing).arg("list").output();
    let list = list.map_err(|error| format!("can't run {}: {error}", timing.display()))?;
    let lines = String::from_utf8_lossy(&list.stdout);
    Ok(lines.lines().map(|line| line.replace('\t', ", ")).collect())
}

/// Each pair in a process of its own.
fn clock(timing: &Path, seconds: u64, pairs: &[String]) -> Result<(), String> {
    let mut troubles = Vec::new();
    for (number, pair) in pairs.iter().enumerate() {
        let measure = |seed: usize| {
            let mut run = Command::new(timing);
            run.arg("clock").args([number.to_string(), seconds.to_string(), seed.to_string()]);
            let status = run.status().map_err(|error| format!("can't run {}: {error}", timing.display()))?;
            Ok(status.code())
        };
        match verdict(measure)? {
            Verdict::AsExpected => {}
            Verdict::Placed => println!("(not in each process, and so by where its memory lies: {pair})"),
            Verdict::Unexpected => troubles.push(format!("not as it should be by time: {pair}")),
        }
    }
    if troubles.is_empty() { Ok(()) } else { Err(troubles.join("\n")) }
}

/// What came of a pair under the clock.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    AsExpected,
    /// Different answers were further apart than they may be, but not in every process, or not in the same direction.
    Placed,
    Unexpected,
}

/// Measures in up to [`PROCESSES`] processes: until one of them says something else than the first. `measure` is given the
/// seed, and answers with the process's exit code.
fn verdict(mut measure: impl FnMut(usize) -> Result<Option<i32>, String>) -> Result<Verdict, String> {
    let first = match measure(1)? {
        Some(0) => return Ok(Verdict::AsExpected),
        code @ Some(FIRST_SLOWER | FIRST_QUICKER) => code,
        _ => return Ok(Verdict::Unexpected),
    };
    for seed in 2..=PROCESSES {
        match measure(seed)? {
            code if code == first => {}
            Some(0 | FIRST_SLOWER | FIRST_QUICKER) => return Ok(Verdict::Placed),
            _ => break,
        }
    }
    Ok(Verdict::Unexpected)
}

fn valgrind(install: bool) -> Result<PathBuf, String> {
    let trouble = match install::find("valgrind") {
        Some(valgrind) => return Ok(valgrind),
        None if install => install::from_debian(&["valgrind"]).err(),
        None => None,
    };
    install::find("valgrind").ok_or_else(|| {
        format!(
            "there is no valgrind (Debian: valgrind), which counts instructions\n{}",
            trouble.unwrap_or_default()
        )
    })
}

fn count(timing: &Path, valgrind: &Path, pairs: usize) -> Result<(), String> {
    let bench = Bench::set_up()?;
    let mut unexpected = 0;
    for pair in 0..pairs {
        let folder = bench.folder().join(format!("pair-{pair}"));
        fs::create_dir(&folder).map_err(|error| format!("can't make {}: {error}", folder.display()))?;
        let mut run = bench.command(valgrind);
        run.args(["--tool=callgrind", "--quiet", &format!("--toggle-collect={COUNTED}")])
            .args([
                &format!("--dump-after={DUMPED}"),
                &format!("--callgrind-out-file={}/out", folder.display()),
            ])
            .arg(timing)
            .args(["count", &pair.to_string(), &(EACH + WARM_UP).to_string()]);
        succeed(&mut run, &format!("pair {pair} under Valgrind"))?;
        let counts = counts(&folder, 2 * (EACH + WARM_UP))?;
        let mut judge = Command::new(timing);
        judge.arg("judge").arg(pair.to_string());
        judge.args(counts.iter().skip(2 * WARM_UP).map(u64::to_string));
        unexpected += usize::from(succeed(&mut judge, "").is_err());
    }
    match unexpected {
        0 => Ok(()),
        pairs => Err(format!("by instructions: {pairs} pairs are not as they should be")),
    }
}

/// Callgrind writes a file each time the function is left, numbered from 1 on.
fn counts(folder: &Path, calls: usize) -> Result<Vec<u64>, String> {
    let total = |number: usize| {
        let path = folder.join(format!("out.{number}"));
        let text =
            fs::read_to_string(&path).map_err(|error| format!("can't read {}: {error}", path.display()))?;
        total_in(&text).ok_or_else(|| format!("no total in {}", path.display()))
    };
    (1..=calls).map(total).collect()
}

fn total_in(profile: &str) -> Option<u64> {
    profile.lines().find_map(|line| line.strip_prefix("totals: "))?.trim().parse().ok()
}

fn succeed(command: &mut Command, what: &str) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{what}: {status}")),
        Err(error) => Err(format!("{what}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::{FIRST_QUICKER, FIRST_SLOWER, PROCESSES, Verdict, counts, total_in, verdict};

    /// What comes of a pair whose processes exit so, and how many were asked.
    fn after(codes: &[Option<i32>]) -> (Verdict, usize) {
        let mut asked = 0;
        let found = verdict(|seed| {
            asked += 1;
            assert_eq!(seed, asked, "each throws its own dice");
            Ok(codes[asked - 1])
        });
        (found.unwrap(), asked)
    }

    #[test]
    fn what_not_every_process_says_is_no_leak() {
        let (slower, quicker) = (Some(FIRST_SLOWER), Some(FIRST_QUICKER));
        assert_eq!(after(&[Some(0)]), (Verdict::AsExpected, 1));
        assert_eq!(after(&[slower, slower, Some(0)]), (Verdict::Placed, 3));
        assert_eq!(after(&[slower, quicker]), (Verdict::Placed, 2));
        assert_eq!(after(&[quicker; PROCESSES]), (Verdict::Unexpected, PROCESSES));
        assert_eq!(after(&[slower; PROCESSES]), (Verdict::Unexpected, PROCESSES));
    }

    #[test]
    fn alike_or_seen_to_be_apart_is_asked_once_and_a_crash_is_no_answer() {
        for wrong in [Some(1), Some(2), None] {
            assert_eq!(after(&[wrong]), (Verdict::Unexpected, 1));
        }
        assert_eq!(after(&[Some(FIRST_SLOWER), None]), (Verdict::Unexpected, 2));
    }

    #[test]
    fn the_total_of_a_profile_is_read() {
        assert_eq!(total_in("events: Ir\nsummary: 3\n\nfn=(1) x\n0 8124\n\ntotals: 8124\n"), Some(8124));
        assert_eq!(total_in("events: Ir\n"), None);
    }

    #[test]
    fn every_call_must_have_been_counted() {
        let folder = std::env::temp_dir().join(format!("mfa-timing-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for number in [1, 2] {
            std::fs::write(folder.join(format!("out.{number}")), format!("totals: {}0\n", number)).unwrap();
        }
        let (two, three) = (counts(&folder, 2), counts(&folder, 3));
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(two, Ok(vec![10, 20]));
        assert!(three.unwrap_err().contains("out.3"));
    }
}
