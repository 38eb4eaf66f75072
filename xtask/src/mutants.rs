//! Mutation testing: small breaks made one after the other, each of which a test has to notice or a list to argue away.

mod argued;
mod outcome;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::mutants::argued::Argued;
use crate::mutants::outcome::{Figures, Summary, Tried};

const VERSION: &str = "27.1.0";

/// Where survivors that change nothing anybody can see are argued away.
const LIST: &str = "docs/mutants.md";

/// The packages that are looked at, each with the packages whose tests guard it. Redis would need a server for each.
const PACKAGES: [(&str, &[&str]); 4] = [
    ("mfa-core", &["mfa-core"]),
    ("mfa-web", &["mfa-web", "mfa-axum"]),
    ("mfa-sqlx", &["mfa-sqlx"]),
    ("mfa-batch", &["mfa-batch"]),
];

/// Breaks every package, or one of them, or one file, and compares what no test noticed with the list.
///
/// # Errors
///
/// A survivor that isn't argued, an argument for what doesn't survive, or cargo-mutants can't work.
pub(crate) fn run(root: &Path, package: Option<&str>, file: Option<&str>) -> Result<(), String> {
    let list = root.join(LIST);
    let text =
        fs::read_to_string(&list).map_err(|error| format!("can't read {}: {error}", list.display()))?;
    let argued = Argued::read(&text)?;
    if let Some(package) = package.filter(|name| PACKAGES.iter().all(|(known, _)| known != name)) {
        let known = PACKAGES.map(|(name, _)| name).join(", ");
        return Err(format!("`{package}` isn't looked at; these are: {known}"));
    }
    let tool = install(root)?;
    let mut table = Figures::heading();
    let mut troubles = Vec::new();
    for (name, guards) in PACKAGES.iter().filter(|(name, _)| package.is_none_or(|wanted| wanted == *name)) {
        if file.is_some_and(|file| !file.starts_with(&format!("{name}/"))) {
            continue;
        }
        let tried = one(root, &tool, name, guards, file)?;
        troubles.extend(argued.compare(&tried, file.unwrap_or(&format!("{name}/"))));
        for module in modules(&tried) {
            let of_it: Vec<_> = tried.iter().filter(|one| one.file == module).collect();
            table.push_str(&Figures::of(&of_it, &argued).row(&module));
        }
        table.push_str(&Figures::of(&tried.iter().collect::<Vec<_>>(), &argued).row(&format!("**{name}**")));
    }
    println!("\n{table}");
    if troubles.is_empty() { Ok(()) } else { Err(format!("\n{}", troubles.join("\n"))) }
}

fn modules(tried: &[Tried]) -> Vec<String> {
    let mut modules: Vec<_> = tried.iter().map(|one| one.file.clone()).collect();
    modules.sort();
    modules.dedup();
    modules
}

fn install(root: &Path) -> Result<std::path::PathBuf, String> {
    let tool = root.join("target/tools/bin/cargo-mutants");
    let version = Command::new(&tool).args(["mutants", "--version"]).output();
    let said = version.map(|said| String::from_utf8_lossy(&said.stdout).into_owned()).unwrap_or_default();
    if said.trim().ends_with(VERSION) {
        return Ok(tool);
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

/// Runs one package. `.cargo/mutants.toml` says how.
fn one(
    root: &Path,
    tool: &Path,
    package: &str,
    guards: &[&str],
    file: Option<&str>,
) -> Result<Vec<Tried>, String> {
    let output = root.join("target/mutants-of").join(package);
    fs::create_dir_all(&output).map_err(|error| format!("can't make {}: {error}", output.display()))?;
    let mut command = Command::new(tool);
    command.args(["mutants", "--no-shuffle", "--colors", "never", "--package", package]).current_dir(root);
    for guard in guards {
        command.args(["--test-package", guard]);
    }
    if let Some(file) = file {
        command.args(["--file", file]);
    }
    let status = command.arg("--output").arg(&output).stdin(Stdio::null()).status();
    let status = status.map_err(|error| format!("can't run cargo-mutants: {error}"))?;
    // It ends with 2 where something survived and with 3 where a test took too long: both are weighed here.
    if !matches!(status.code(), Some(0 | 2 | 3)) {
        return Err(format!("cargo-mutants failed on {package}: {status}"));
    }
    let outcomes = output.join("mutants.out/outcomes.json");
    let text = fs::read_to_string(&outcomes)
        .map_err(|error| format!("can't read {}: {error}", outcomes.display()))?;
    let tried = outcome::read(&text)?;
    if tried.iter().all(|one| one.summary == Summary::Unviable) {
        return Err(format!("nothing of {package} was tried"));
    }
    Ok(tried)
}
