//! Mutation testing: small breaks made one after the other, each of which a test has to notice or a list to argue away.

mod argued;
mod outcome;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bench::Bench;
use crate::mutants::argued::Argued;
use crate::mutants::outcome::{Figures, Summary, Tried, exactly};
use crate::tools::Toolbox;

const VERSION: &str = "27.1.0";

/// Where survivors that change nothing anybody can see are argued away.
const LIST: &str = "docs/mutants.md";

/// The servers that stores are tested on. Nothing else of the tests' tools is needed here.
const SERVERS: [&str; 3] = ["redis-server", "postgres", "pgbouncer"];

/// What the tests of stores leave to `cargo xtask test`, by a part of the test's name. It takes most of their time, and guards
/// what is no store's own: the core's promises in races, the server's word that nothing is lost when it dies, one lock, and
/// TLS, which the client libraries do.
const LEFT_OUT: [&str; 9] = [
    "once_of_64",
    "once_through_several",
    "once_killed",
    "counted_of_100",
    "counted_through_several",
    "nothing_answered_is_lost",
    "many_nodes_that_start",
    "where_each_call_is_a",
    "only_a_server_that_somebody_trusted",
];

/// How long a store's tests may take at the least before a break counts as noticed because they hang, and how many times what
/// they take unbroken. One that hangs should not cost more than ten others.
const PATIENCE: [&str; 4] = ["--minimum-test-timeout", "60", "--timeout-multiplier", "3"];

/// Which of a package's breaks are made: all, unless something is given.
pub(crate) struct Part {
    pub(crate) file: Option<String>,
    /// `K/N`.
    pub(crate) shard: Option<String>,
}

/// A package that is looked at.
struct Looked {
    name: &'static str,
    /// The packages whose tests guard it.
    guards: &'static [&'static str],
    /// Tests that take most of the time and nearly always find only what another one finds too. They are asked about what the
    /// others didn't notice.
    slow: &'static [&'static str],
    /// Whether some need servers, which takes ten times as long: they too are asked about what the others didn't notice. Each
    /// test starts its own and ends it, so that no break reaches the next one's.
    servers: bool,
}

const PACKAGES: [Looked; 5] = [
    Looked { name: "mfa-core", guards: &["mfa-core"], slow: &["service::explored"], servers: false },
    Looked { name: "mfa-web", guards: &["mfa-web", "mfa-axum"], slow: &[], servers: false },
    Looked { name: "mfa-sqlx", guards: &["mfa-sqlx"], slow: &[], servers: true },
    Looked { name: "mfa-redis", guards: &["mfa-redis"], slow: &[], servers: true },
    Looked { name: "mfa-batch", guards: &["mfa-batch"], slow: &[], servers: false },
];

/// Breaks every package, or one of them, or one file, and compares what no test noticed with the list.
///
/// # Errors
///
/// A survivor that isn't argued, an argument for what doesn't survive, or cargo-mutants can't work.
pub(crate) fn run(root: &Path, package: Option<&str>, part: Part, install: bool) -> Result<(), String> {
    let file = part.file.as_deref();
    let list = root.join(LIST);
    let text =
        fs::read_to_string(&list).map_err(|error| format!("can't read {}: {error}", list.display()))?;
    let argued = Argued::read(&text)?;
    if let Some(package) = package.filter(|name| PACKAGES.iter().all(|known| known.name != *name)) {
        let known = PACKAGES.map(|known| known.name).join(", ");
        return Err(format!("`{package}` isn't looked at; these are: {known}"));
    }
    let wanted: Vec<_> = PACKAGES.iter().filter(|looked| looked.is_wanted(package, file)).collect();
    let toolbox = match wanted.iter().any(|looked| looked.servers) {
        true => Some(Toolbox::gather_only(root, install, &SERVERS)?),
        false => None,
    };
    let tool = install_tool(root, install)?;
    let workshop = Workshop { root, bench: Bench::set_up()?, toolbox, tool };
    let mut table = Figures::heading();
    let mut troubles = Vec::new();
    for looked in wanted {
        let name = looked.name;
        let tried = workshop.breaks(looked, &part)?;
        let folder = format!("{name}/");
        troubles.extend(argued.compare(&tried, part.shard.is_none().then_some(file.unwrap_or(&folder))));
        for module in modules(&tried) {
            let of_it: Vec<_> = tried.iter().filter(|one| one.file == module).collect();
            table.push_str(&Figures::of(&of_it, &argued).row(&module));
        }
        table.push_str(&Figures::of(&tried.iter().collect::<Vec<_>>(), &argued).row(&format!("**{name}**")));
    }
    println!("\n{table}");
    if troubles.is_empty() { Ok(()) } else { Err(format!("\n{}", troubles.join("\n"))) }
}

impl Looked {
    fn is_wanted(&self, package: Option<&str>, file: Option<&str>) -> bool {
        let holds = |file: &str| file.strip_prefix(self.name).is_some_and(|rest| rest.starts_with('/'));
        package.is_none_or(|wanted| wanted == self.name) && file.is_none_or(holds)
    }

    /// What `cargo test` and the test programs are given.
    fn test_arguments(&self, turn: &Turn<'_>) -> Vec<&'static str> {
        // No examples, neither of the documentation nor the programs that `--tests` would build: each is linked anew.
        let mut arguments = vec!["--lib", "--test", "*", "--"];
        if self.servers {
            arguments.extend(LEFT_OUT.iter().flat_map(|name| ["--skip", name]));
        }
        if matches!(turn, Turn::First(_)) {
            arguments.extend(self.slow.iter().flat_map(|name| ["--skip", name]));
        }
        arguments
    }
}

/// Which breaks are made, and which tests are asked.
enum Turn<'a> {
    /// The part that is wanted; quick tests.
    First(&'a Part),
    /// What these didn't notice, by name; all tests.
    Second(Vec<String>),
}

fn modules(tried: &[Tried]) -> Vec<String> {
    let mut modules: Vec<_> = tried.iter().map(|one| one.file.clone()).collect();
    modules.sort();
    modules.dedup();
    modules
}

fn install_tool(root: &Path, install: bool) -> Result<PathBuf, String> {
    let tool = root.join("target/tools/bin/cargo-mutants");
    let version = Command::new(&tool).args(["mutants", "--version"]).output();
    let said = version.map(|said| String::from_utf8_lossy(&said.stdout).into_owned()).unwrap_or_default();
    if said.trim().ends_with(VERSION) {
        return Ok(tool);
    }
    if !install {
        return Err(format!(
            "there is no cargo-mutants {VERSION}, and nothing was installed because of --no-install"
        ));
    }
    let install = Command::new("cargo")
        .args(["install", "--quiet", "--locked", "--force", &format!("cargo-mutants@{VERSION}"), "--root"])
        .arg(root.join("target/tools"))
        .env("CARGO_TARGET_DIR", root.join("target/tools/build"))
        .status();
    if install.is_ok_and(|status| status.success()) {
        Ok(tool)
    } else {
        Err(format!("cargo-mutants {VERSION} can't be installed"))
    }
}

/// What it takes to run cargo-mutants.
struct Workshop<'a> {
    root: &'a Path,
    bench: Bench,
    toolbox: Option<Toolbox>,
    tool: PathBuf,
}

impl Workshop<'_> {
    /// Breaks one package: the quick tests are asked about all of it, and all tests about what those didn't notice.
    fn breaks(&self, looked: &Looked, part: &Part) -> Result<Vec<Tried>, String> {
        let mut tried = self.run(looked, &Turn::First(part))?;
        let is_whole = part.file.is_none() && part.shard.is_none();
        if is_whole && tried.values().all(|one| one.summary == Summary::Unviable) {
            return Err(format!("nothing of {} was tried", looked.name));
        }
        let missed = tried.iter().filter(|(_, one)| one.summary == Summary::Missed);
        let missed: Vec<_> = missed.map(|(name, _)| name.clone()).collect();
        if !missed.is_empty() && (looked.servers || !looked.slow.is_empty()) {
            let number = missed.len();
            let mut again = self.run(looked, &Turn::Second(missed.clone()))?;
            // cargo-mutants makes breaks of one kind ("delete field") whatever names it is given.
            again.retain(|name, _| missed.contains(name));
            if again.len() != number {
                return Err(format!(
                    "{} of {number} breaks of {} were tried again",
                    again.len(),
                    looked.name
                ));
            }
            tried.extend(again);
        }
        Ok(tried.into_values().collect())
    }

    /// One run of cargo-mutants. `.cargo/mutants.toml` says how.
    fn run(&self, looked: &Looked, turn: &Turn<'_>) -> Result<BTreeMap<String, Tried>, String> {
        let Self { root, bench, toolbox, tool } = self;
        let package = looked.name;
        let of_turn = if matches!(turn, Turn::First(_)) { "first" } else { "again" };
        let output = root.join("target/mutants-of").join(package).join(of_turn);
        fs::create_dir_all(&output).map_err(|error| format!("can't make {}: {error}", output.display()))?;
        // Whatever a break leaves behind, servers first of all, ends with the run.
        let mut command = bench.command(tool);
        command
            .args(["mutants", "--no-shuffle", "--colors", "never", "--package", package])
            .current_dir(root);
        // It works on a copy of the tree. Without this the crates of others would be built there once more each time; in the
        // tree's own folder, what was built of a broken copy could be taken for what is in the tree.
        command.env("CARGO_TARGET_DIR", root.join("target/mutants-of/build"));
        for guard in looked.guards {
            command.args(["--test-package", guard]);
        }
        match turn {
            Turn::First(part) => {
                for (option, value) in [("--file", &part.file), ("--shard", &part.shard)] {
                    if let Some(value) = value {
                        command.args([option, value]);
                    }
                }
            }
            Turn::Second(names) => {
                command.args(names.iter().flat_map(|name| ["--re".to_owned(), exactly(name)]));
            }
        }
        if looked.servers {
            // PostgreSQL is a feature, and so is TLS.
            command.arg("--all-features").args(PATIENCE);
        }
        match (turn, toolbox) {
            (Turn::Second(_), Some(toolbox)) if looked.servers => {
                command.env("MFA_TEST_TOOLS", "1").envs(toolbox.variables());
            }
            _ => {
                command.env_remove("MFA_TEST_TOOLS");
            }
        }
        command.arg("--output").arg(&output).arg("--").args(looked.test_arguments(turn));
        let status = command.status();
        let status = status.map_err(|error| format!("can't run cargo-mutants: {error}"))?;
        // It ends with 2 where something survived and with 3 where a test took too long: both are weighed here.
        if !matches!(status.code(), Some(0 | 2 | 3)) {
            return Err(format!("cargo-mutants failed on {package}: {status}"));
        }
        let outcomes = output.join("mutants.out/outcomes.json");
        let text = fs::read_to_string(&outcomes)
            .map_err(|error| format!("can't read {}: {error}", outcomes.display()))?;
        outcome::read(&text)
    }
}
