//! Coverage of `mfa-core` and `mfa-web` by their own tests and by the cases over HTTP: lines, regions and branches.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::covered::{Measured, page};
use crate::install;

const VERSION: &str = "0.9.1";
/// What is measured.
const MEASURED: [&str; 2] = ["mfa-core", "mfa-web"];
/// What is run: `mfa-axum` brings the cases over HTTP, on the store in memory.
const RUN: [&str; 3] = ["mfa-core", "mfa-web", "mfa-axum"];

/// What there is to measure with.
struct Tools {
    /// `nightly`, where branches can be counted; nothing for the toolchain that builds everything else.
    toolchain: Option<&'static str>,
    cov: PathBuf,
    profdata: PathBuf,
}

/// Runs the tests with counters, prints the tables and writes `target/coverage.md`.
///
/// # Errors
///
/// A tool can't be had, a test fails, or what was counted can't be read.
pub(crate) fn run(root: &Path, install: bool) -> Result<(), String> {
    let cargo_llvm_cov = cargo_llvm_cov(root, install)?;
    let mut shortcomings = Vec::new();
    let tools = tools(install, &mut shortcomings)?;
    let command = |arguments: &[&str]| {
        let mut command = Command::new(&cargo_llvm_cov);
        command.current_dir(root).arg("llvm-cov").args(arguments).stdin(Stdio::null());
        command.env("CARGO_LLVM_COV_SETUP", "no");
        command.env("LLVM_COV", &tools.cov).env("LLVM_PROFDATA", &tools.profdata);
        // The cargo that runs this program is of another toolchain.
        command.env_remove("CARGO").envs(tools.toolchain.map(|toolchain| ("RUSTUP_TOOLCHAIN", toolchain)));
        command
    };
    // What an earlier run counted would be added.
    succeed(&mut command(&["clean", "--profraw-only"]), "what was counted before can't be removed")?;
    let mut tests = vec!["--no-report", "--locked"];
    tests.extend(tools.toolchain.map(|_| "--branch"));
    tests.extend(RUN.iter().flat_map(|package| ["--package", package]));
    // The cases on servers belong to `cargo xtask test`; they reach no line that the store in memory doesn't.
    succeed(command(&tests).env_remove("MFA_TEST_TOOLS"), "the tests didn't pass")?;

    let mut measured = Measured::default();
    for kind in ["lcov", "json"] {
        let report = root.join("target").join(format!("coverage.{kind}"));
        let mut arguments = vec!["report".to_owned(), format!("--{kind}")];
        arguments.extend(tools.toolchain.map(|_| "--branch".to_owned()));
        arguments.extend(["--output-path".to_owned(), report.display().to_string()]);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        succeed(&mut command(&arguments), "what was counted can't be read")?;
        let text = read(&report)?;
        match kind {
            "lcov" => measured.read_lines(&text),
            _ => measured.read_regions(&text)?,
        }
    }
    measured.keep(root, &MEASURED)?;
    let page = page(&measured, &MEASURED, &shortcomings);
    let written = root.join("target/coverage.md");
    fs::write(&written, &page.whole)
        .map_err(|error| format!("can't write {}: {error}", written.display()))?;
    println!("\n{}\n(with the uncovered lines: {})", page.short, written.display());
    Ok(())
}

fn cargo_llvm_cov(root: &Path, install: bool) -> Result<PathBuf, String> {
    let tool = root.join("target/tools/bin/cargo-llvm-cov");
    let wanted = format!("cargo-llvm-cov {VERSION}");
    if said_by(Command::new(&tool).args(["llvm-cov", "--version"])).as_deref() == Some(&wanted) {
        return Ok(tool);
    }
    if !install {
        return Err(format!("there is no {wanted}, and nothing was installed because of --no-install"));
    }
    let mut cargo = Command::new("cargo");
    cargo
        .args(["install", "--quiet", "--locked", "--force", &format!("cargo-llvm-cov@{VERSION}"), "--root"])
        .arg(root.join("target/tools"))
        .env("CARGO_TARGET_DIR", root.join("target/tools/build"));
    succeed(&mut cargo, "cargo-llvm-cov can't be installed")?;
    Ok(tool)
}

/// The toolchain, and the tools of the LLVM it was built with: those of an older one may not read what it counts.
fn tools(install: bool, shortcomings: &mut Vec<String>) -> Result<Tools, String> {
    let nightly = llvm_of(Some("nightly"));
    if nightly.is_none() {
        shortcomings.push(
            "Branches are not measured: that needs nightly Rust (rustup toolchain install nightly)."
                .to_owned(),
        );
    }
    let toolchain = nightly.map(|_| "nightly");
    let version = nightly.or_else(|| llvm_of(None)).ok_or("rustc doesn't say which LLVM it has")?;
    let found = || {
        let [cov, profdata] = ["llvm-cov", "llvm-profdata"].map(|tool| beside_rustc(toolchain, tool));
        let of_debian = |tool: &str| install::find(&format!("{tool}-{version}"));
        let cov = cov.or_else(|| of_debian("llvm-cov"))?;
        let profdata = profdata.or_else(|| of_debian("llvm-profdata"))?;
        Some(Tools { toolchain, cov, profdata })
    };
    if let Some(tools) = found() {
        return Ok(tools);
    }
    let package = format!("llvm-{version}");
    let trouble = if install { install::from_debian(&[&package]).err() } else { None };
    found().ok_or_else(|| {
        let why = trouble.unwrap_or_default();
        format!(
            "there is no llvm-cov of LLVM {version}: install {package} from Debian, or the component \
             llvm-tools with rustup\n{why}"
        )
    })
}

/// The first number of the LLVM of a toolchain.
fn llvm_of(toolchain: Option<&str>) -> Option<u32> {
    let mut rustc = Command::new("rustc");
    rustc.args(toolchain.map(|toolchain| format!("+{toolchain}"))).arg("-vV");
    llvm_in(&said_by(&mut rustc)?)
}

fn llvm_in(said: &str) -> Option<u32> {
    let version = said.lines().find_map(|line| line.strip_prefix("LLVM version: "))?;
    version.split('.').next()?.parse().ok()
}

/// Where rustup's component `llvm-tools` puts a tool.
fn beside_rustc(toolchain: Option<&str>, tool: &str) -> Option<PathBuf> {
    let mut rustc = Command::new("rustc");
    rustc.args(toolchain.map(|toolchain| format!("+{toolchain}"))).args(["--print", "target-libdir"]);
    let tool = Path::new(&said_by(&mut rustc)?).parent()?.join("bin").join(tool);
    tool.is_file().then_some(tool)
}

fn said_by(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn succeed(command: &mut Command, otherwise: &str) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{otherwise}: {status}")),
        Err(error) => Err(format!("{otherwise}: {error}")),
    }
}

pub(crate) fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("can't read {}: {error}", path.display()))
}

/// Whether a file is a module of tests, or within one: `#[cfg(test)]` stands before the module in the file it belongs to.
pub(crate) fn is_of_tests(file: &Path) -> bool {
    file.ancestors().any(|place| {
        let (Some(name), Some(folder)) = (place.file_stem().and_then(|name| name.to_str()), place.parent())
        else {
            return false;
        };
        let declared = format!("#[cfg(test)]\nmod {name};\n");
        // `message/tests.rs` is a module of `message.rs`.
        [folder.join("mod.rs"), folder.join("lib.rs"), folder.with_extension("rs")]
            .iter()
            .any(|roof| fs::read_to_string(roof).is_ok_and(|roof| roof.contains(&declared)))
    })
}

/// The lines of a source file that belong to its tests: from `#[cfg(test)]` before a module in the same file on.
pub(crate) fn lines_of_tests(source: &str) -> BTreeSet<u32> {
    let lines: Vec<&str> = source.lines().collect();
    let starts = lines.windows(2).position(|pair| {
        matches!(pair, [attribute, module] if attribute.trim() == "#[cfg(test)]" && module.starts_with("mod ") && module.ends_with('{'))
    });
    (0_u32..).take(lines.len()).skip(starts.unwrap_or(lines.len())).map(|line| line + 1).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{is_of_tests, lines_of_tests, llvm_in};

    #[test]
    fn the_llvm_of_a_rustc_is_read() {
        assert_eq!(llvm_in("rustc 1.97.0-nightly\nhost: x\nLLVM version: 22.1.4"), Some(22));
        assert_eq!(llvm_in("rustc 1.97.0"), None);
    }

    #[test]
    fn tests_beside_the_code_are_no_code() {
        let source = "fn a() {}\n\n#[cfg(test)]\nmod tests {\n}\n";
        assert_eq!(lines_of_tests(source).into_iter().collect::<Vec<_>>(), [3, 4, 5]);
        assert!(lines_of_tests("#[cfg(test)]\nfn a() {}\n").is_empty());
    }

    #[test]
    fn tests_in_files_of_their_own_are_no_code_and_what_follows_their_name_is() {
        assert!(lines_of_tests("#[cfg(test)]\nmod explored;\nfn a() {}\n").is_empty());
        let service = Path::new(env!("CARGO_MANIFEST_DIR")).join("../mfa-core/src/service");
        assert!(
            is_of_tests(&service.join("explored/mod.rs")) && is_of_tests(&service.join("explored/plan.rs"))
        );
        assert!(!is_of_tests(&service.join("mod.rs")) && !is_of_tests(&service.join("turn.rs")));
        let web = service.join("../../../mfa-web/src");
        assert!(is_of_tests(&web.join("message/tests.rs")) && !is_of_tests(&web.join("message.rs")));
    }
}
