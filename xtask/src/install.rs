//! Finds the tools and fetches them: programs from Debian, packages from PyPI and npm into `target/tools`.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::catalogue::{Origin, Tool};

const REQUIREMENTS: &str = "requirements.txt";
const NPM_FILES: [&str; 2] = ["package.json", "package-lock.json"];

/// The folder that holds what was fetched for this workspace, and the lists of what that is.
///
/// A copied list stands beside what was fetched by it. It is written last, so a fetch that was cut off or that
/// followed an older list doesn't count.
#[derive(Debug)]
pub(crate) struct Shelf {
    lists: PathBuf,
    venv: PathBuf,
    npm: PathBuf,
}

impl Shelf {
    /// The shelf of the workspace at `root`.
    pub(crate) fn of(root: &Path) -> Self {
        let folder = root.join("target/tools");
        Self { lists: root.join("xtask/tools"), venv: folder.join("venv"), npm: folder.join("npm") }
    }

    /// Where a tool is, if it is there and complete.
    pub(crate) fn locate(&self, tool: &Tool) -> Option<PathBuf> {
        match tool.origin {
            Origin::Debian => find(tool.name),
            Origin::PyPi => {
                let python = self.venv.join("bin/python");
                let complete = self.is_current(&self.venv, REQUIREMENTS)
                    && succeeds(Command::new(&python).args(["-c", "import pyotp, aiosmtpd.smtp"]));
                complete.then_some(python)
            }
            Origin::Npm => {
                let axe = self.npm.join("node_modules/axe-core/axe.min.js");
                let complete = NPM_FILES.iter().all(|list| self.is_current(&self.npm, list)) && axe.is_file();
                complete.then_some(axe)
            }
        }
    }

    /// Whether the program that fetches from there is at hand.
    pub(crate) fn can_fetch(&self, origin: Origin) -> bool {
        match origin {
            Origin::Debian => false,
            Origin::PyPi => python().is_some(),
            Origin::Npm => find("npm").is_some(),
        }
    }

    /// Makes the virtual environment afresh and installs the Python packages in it.
    ///
    /// # Errors
    ///
    /// What was run and how it ended.
    pub(crate) fn install_python(&self) -> Result<(), String> {
        let python = python().ok_or("There is no python3 that has the modules venv and ensurepip.")?;
        empty(&self.venv)?;
        run(Command::new(python).args(["-m", "venv"]).arg(&self.venv))?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"];
        let list = self.lists.join(REQUIREMENTS);
        run(Command::new(self.venv.join("bin/python"))
            .args(pip)
            .args(["--only-binary", ":all:", "--requirement"])
            .arg(list))?;
        self.copy_list(&self.venv, REQUIREMENTS)
    }

    /// Installs the packages of the npm lock file afresh, without running any script of theirs.
    ///
    /// # Errors
    ///
    /// What was run and how it ended.
    pub(crate) fn install_npm(&self) -> Result<(), String> {
        let npm = find("npm").ok_or("There is no npm.")?;
        empty(&self.npm)?;
        // npm works on the lists where they lie, so here they come first; axe.min.js itself shows a finished fetch.
        for list in NPM_FILES {
            self.copy_list(&self.npm, list)?;
        }
        run(Command::new(npm)
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"])
            .current_dir(&self.npm))
    }

    fn is_current(&self, folder: &Path, list: &str) -> bool {
        match (fs::read(folder.join(list)), fs::read(self.lists.join(list))) {
            (Ok(copy), Ok(original)) => copy == original,
            _ => false,
        }
    }

    fn copy_list(&self, folder: &Path, list: &str) -> Result<(), String> {
        let copied = fs::copy(self.lists.join(list), folder.join(list));
        copied.map(|_| ()).map_err(|error| format!("Can't copy {list} to {}: {error}.", folder.display()))
    }
}

/// Installs Debian packages, as root or through sudo.
///
/// # Errors
///
/// What was run and how it ended. Some packages may have been installed nevertheless.
pub(crate) fn from_debian(packages: &[&str]) -> Result<(), String> {
    if find("apt-get").is_none() {
        return Err("There is no apt-get: install the packages by hand.".to_owned());
    }
    println!("Installing from Debian: {}", packages.join(" "));
    // An outdated mirror list may still do: what counts is whether the packages come.
    let updated = run(apt_get()?.args(["--quiet=2", "update"]));
    let install = ["--quiet=2", "install", "--yes", "--no-install-recommends"];
    if run(apt_get()?.args(install).args(packages)).is_ok() {
        return Ok(());
    }
    // One package apt-get can't have keeps it from installing the rest.
    let mut troubles: Vec<String> = updated.err().into_iter().collect();
    for package in packages {
        troubles.extend(run(apt_get()?.args(install).arg(package)).err());
    }
    if troubles.is_empty() { Ok(()) } else { Err(troubles.join("\n")) }
}

fn apt_get() -> Result<Command, String> {
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
    let mut command = if is_root {
        Command::new("env")
    } else if find("sudo").is_some() {
        let mut sudo = Command::new("sudo");
        sudo.arg("env");
        sudo
    } else {
        return Err("Installing from Debian takes root or sudo.".to_owned());
    };
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=300"]);
    Ok(command)
}

/// A Python that can make virtual environments: the one on `PATH`, or else Debian's.
fn python() -> Option<PathBuf> {
    let candidates = find("python3").into_iter().chain([PathBuf::from("/usr/bin/python3")]);
    candidates
        .into_iter()
        .find(|python| succeeds(Command::new(python).args(["-c", "import venv, ensurepip"])))
}

/// The program of that name on `PATH`, or where Debian has servers that not everybody's `PATH` names.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    find_in(&env::var_os("PATH")?, name)
        .or_else(|| find_in("/usr/sbin".as_ref(), name))
        .or_else(|| find_of_postgresql(name))
}

/// Debian keeps the programs of each version of PostgreSQL in a folder of its own, off `PATH`.
fn find_of_postgresql(name: &str) -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    versions.filter_map(|version| find_in(version.path().join("bin").as_os_str(), name)).max()
}

fn find_in(path: &std::ffi::OsStr, name: &str) -> Option<PathBuf> {
    env::split_paths(path).filter(|folder| folder.is_absolute()).map(|folder| folder.join(name)).find(
        |file| {
            fs::metadata(file).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
        },
    )
}

fn empty(folder: &Path) -> Result<(), String> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|error| format!("Can't remove {}: {error}.", folder.display()))?;
    }
    fs::create_dir_all(folder).map_err(|error| format!("Can't make {}: {error}.", folder.display()))
}

fn run(command: &mut Command) -> Result<(), String> {
    match command.stdin(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{} ended with {status}.", line_of(command))),
        Err(error) => Err(format!("{} can't be run: {error}.", line_of(command))),
    }
}

fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn line_of(command: &Command) -> String {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    format!("`{}`", words.join(" "))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::process::Command;

    use super::{NPM_FILES, REQUIREMENTS, Shelf, empty, find_in, line_of, run};

    fn folder(name: &str) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("xtask-{name}-{}", std::process::id()));
        empty(&folder).unwrap();
        folder
    }

    #[test]
    fn only_an_executable_file_is_a_program() {
        let folder = folder("find");
        let path = std::env::join_paths([folder.join("absent"), folder.clone()]).unwrap();
        assert_eq!(find_in(&path, "tool"), None);
        fs::create_dir(folder.join("tool")).unwrap();
        assert_eq!(find_in(&path, "tool"), None, "a folder");
        fs::remove_dir(folder.join("tool")).unwrap();
        fs::write(folder.join("tool"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(folder.join("tool"), fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(find_in(&path, "tool"), None, "not executable");
        fs::set_permissions(folder.join("tool"), fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(find_in(&path, "tool"), Some(folder.join("tool")));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_was_fetched_by_another_list_does_not_count() {
        let root = folder("lists");
        let shelf = Shelf::of(&root);
        fs::create_dir_all(&shelf.lists).unwrap();
        fs::create_dir_all(&shelf.venv).unwrap();
        assert!(!shelf.is_current(&shelf.venv, REQUIREMENTS), "neither list");
        fs::write(shelf.lists.join(REQUIREMENTS), "pyotp==1\n").unwrap();
        assert!(!shelf.is_current(&shelf.venv, REQUIREMENTS), "no copy");
        shelf.copy_list(&shelf.venv, REQUIREMENTS).unwrap();
        assert!(shelf.is_current(&shelf.venv, REQUIREMENTS));
        fs::write(shelf.lists.join(REQUIREMENTS), "pyotp==2\n").unwrap();
        assert!(!shelf.is_current(&shelf.venv, REQUIREMENTS), "a newer list");
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn every_list_pins_its_packages_by_checksum() {
        let lists = Shelf::of(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()).lists;
        let requirements = fs::read_to_string(lists.join(REQUIREMENTS)).unwrap();
        for line in requirements.lines().filter(|line| !line.starts_with('#')) {
            assert!(line.contains("==") && line.contains("--hash=sha256:"), "{line}");
        }
        let [_, lock] = NPM_FILES;
        let lock = fs::read_to_string(lists.join(lock)).unwrap();
        assert_eq!(lock.matches("\"node_modules/").count(), lock.matches("\"integrity\": \"sha512-").count());
    }

    #[test]
    fn a_failure_says_what_was_run() {
        assert_eq!(line_of(Command::new("apt-get").args(["install", "npm"])), "`apt-get install npm`");
        assert!(run(&mut Command::new("true")).is_ok());
        assert!(run(&mut Command::new("false")).unwrap_err().starts_with("`false` ended with"));
        assert!(run(&mut Command::new("/absent/program")).unwrap_err().contains("can't be run"));
    }
}
