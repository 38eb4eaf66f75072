//! The rules of the house that no lint knows: how long a file may be and how it opens.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const LONGEST: usize = 600;

/// Every Rust file of the workspace, wherever it lies, but nothing that was built or fetched.
fn rust_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() {
            if !name.starts_with('.') && name != "target" && name != "node_modules" {
                found.extend(rust_files(&entry.path())?);
            }
        } else if name.ends_with(".rs") {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// What is wrong with a file, if anything.
fn fault(text: &str) -> Option<String> {
    let lines = text.lines().count();
    if lines > LONGEST {
        return Some(format!("{lines} lines, and {LONGEST} is the most"));
    }
    let opening = text.lines().next().unwrap_or_default();
    (!opening.starts_with("//! "))
        .then(|| "doesn't open with a `//!` sentence saying what it is for".to_owned())
}

#[test]
fn every_file_is_short_and_says_what_it_is_for() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let files = rust_files(root).unwrap();
    assert!(files.len() > 20, "only {} files were found", files.len());
    let faults: Vec<_> = files
        .iter()
        .filter_map(|file| Some((file, fault(&fs::read_to_string(file).unwrap())?)))
        .map(|(file, fault)| format!("{}: {fault}", file.strip_prefix(root).unwrap().display()))
        .collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn a_bad_file_is_told() {
    assert_eq!(fault("//! Codes.\nfn main() {}\n"), None);
    assert!(fault("fn main() {}\n").is_some());
    assert!(fault("").is_some());
    assert_eq!(fault(&format!("//! Codes.\n{}", "\n".repeat(LONGEST - 1))), None);
    assert!(fault(&format!("//! Codes.\n{}", "\n".repeat(LONGEST))).is_some());
}

/// The core stays light: what comes with it is what a team has to trust and to build.
#[test]
fn the_core_alone_stays_under_45_crates() {
    let tree = std::process::Command::new(env!("CARGO"))
        .args(["tree", "--package", "mfa-core", "--no-default-features", "--edges", "normal,build"])
        .args(["--prefix", "none", "--no-dedupe", "--format", "{p}", "--offline"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap())
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let list = String::from_utf8(tree.stdout).unwrap();
    let crates: std::collections::BTreeSet<_> = list.lines().filter(|line| !line.is_empty()).collect();
    assert!(crates.iter().any(|name| name.starts_with("subtle ")), "{list}");
    assert!(crates.len() < 45, "{} crates:\n{crates:#?}", crates.len());
}
