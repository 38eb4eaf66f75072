//! The programs that tests need: found, or got from Debian, PyPI and npm; what is missing is named.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell::{find, output, run, succeeds};

/// A program of Debian's.
struct Program {
    /// The variable that tells tests where it is.
    variable: &'static str,
    /// Where it may be, in this order.
    names: &'static [&'static str],
    packages: &'static [&'static str],
    purpose: &'static str,
}

const PROGRAMS: [Program; 4] = [
    Program {
        variable: "MFA_CHROMIUM",
        names: &["chromium", "chromium-browser", "google-chrome"],
        // Without any font, text has no width, and pages can't be judged.
        packages: &["chromium", "fonts-dejavu-core"],
        purpose: "walking through the pages in a real browser",
    },
    Program {
        variable: "MFA_CHROMEDRIVER",
        names: &["chromedriver", "/usr/lib/chromium/chromedriver"],
        packages: &["chromium-driver"],
        purpose: "steering that browser",
    },
    Program {
        variable: "MFA_ZBARIMG",
        names: &["zbarimg"],
        packages: &["zbar-tools"],
        purpose: "reading the QR code as a phone would",
    },
    Program {
        variable: "MFA_OATHTOOL",
        names: &["oathtool"],
        packages: &["oathtool"],
        purpose: "codes from somebody else's hand",
    },
];

const PYTHON_PACKAGES: [&str; 2] = ["pyotp==2.12.0", "aiosmtpd==1.4.6"];
const PYTHON_PURPOSE: &str = "codes from another library (pyotp), a real SMTP server (aiosmtpd)";
const AXE: &str = "axe-core@4.14.1";
const AXE_PURPOSE: &str = "checking the pages' accessibility";

/// Where the tools are, as the tests are told.
pub(crate) struct Toolbox(Vec<(&'static str, OsString)>);

impl Toolbox {
    /// Finds every tool, or gets it. What is not Debian's goes into `folder`.
    ///
    /// # Errors
    /// Names what is missing, with what it is for.
    pub(crate) fn gather(folder: &Path, install: bool) -> Result<Self, String> {
        let mut env = vec![("MFA_TEST_TOOLS", OsString::from("1"))];
        let mut missing = Vec::new();
        if install {
            let wanted: Vec<&str> = PROGRAMS
                .iter()
                .filter(|program| find(program.names).is_none())
                .flat_map(|program| program.packages.iter().copied())
                .collect();
            if let Err(problem) = apt_install(&wanted) {
                println!("Debian packages: {problem}");
            }
        }
        for program in &PROGRAMS {
            match find(program.names) {
                Some(path) => note(&mut env, program.variable, path),
                None => missing.push(lacking(
                    &program.packages.join(", "),
                    program.purpose,
                    "it is not installed",
                )),
            }
        }
        match python(&folder.join("python"), install) {
            Ok(path) => note(&mut env, "MFA_PYTHON", path),
            Err(problem) => {
                missing.push(lacking(&PYTHON_PACKAGES.join(", "), PYTHON_PURPOSE, &problem));
            }
        }
        match axe(folder, install) {
            Ok(path) => note(&mut env, "MFA_AXE", path),
            Err(problem) => missing.push(lacking(AXE, AXE_PURPOSE, &problem)),
        }
        if missing.is_empty() {
            Ok(Self(env))
        } else {
            Err(format!("tools are missing:\n{}", missing.join("\n")))
        }
    }

    /// The variables for the tests.
    pub(crate) fn env(&self) -> impl Iterator<Item = (&'static str, &OsString)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }
}

fn note(env: &mut Vec<(&'static str, OsString)>, variable: &'static str, path: PathBuf) {
    println!("{variable}={}", path.display());
    env.push((variable, path.into_os_string()));
}

fn lacking(what: &str, purpose: &str, problem: &str) -> String {
    format!("  {what}\n    needed for {purpose}\n    {problem}")
}

/// Debian packages, as root or through sudo. The lists are fetched only if it doesn't work without.
fn apt_install(packages: &[&str]) -> Result<(), String> {
    if packages.is_empty() {
        return Ok(());
    }
    let apt = find(&["apt-get"]).ok_or("apt-get is not here: install the packages by hand")?;
    let apt_get = |arguments: &[&str]| {
        let mut command = as_root(&apt)?;
        command.env("DEBIAN_FRONTEND", "noninteractive").args(arguments);
        Ok::<_, String>(command)
    };
    println!("Installing Debian packages: {}", packages.join(" "));
    let mut install = vec!["install", "--yes", "--no-install-recommends", "--quiet"];
    install.extend_from_slice(packages);
    run(&mut apt_get(&install)?).or_else(|_| {
        println!("Fetching Debian's package lists, then trying again.");
        run(&mut apt_get(&["update", "--quiet"])?)?;
        run(&mut apt_get(&install)?)
    })
}

fn as_root(program: &Path) -> Result<Command, String> {
    if output(Command::new("id").arg("-u"))? == "0" {
        return Ok(Command::new(program));
    }
    let sudo = find(&["sudo"]).ok_or("needs root, and sudo is not here: install the packages by hand")?;
    let mut command = Command::new(sudo);
    if !std::io::stdin().is_terminal() {
        // Nobody could type a password.
        command.arg("--non-interactive");
    }
    command.arg("DEBIAN_FRONTEND=noninteractive").arg(program);
    Ok(command)
}

/// A Python of our own with the packages in it: the machine's stays as it is.
fn python(folder: &Path, install: bool) -> Result<PathBuf, String> {
    let interpreter = folder.join("bin/python");
    let marker = folder.join("packages");
    let wanted = PYTHON_PACKAGES.join("\n");
    let ready = || {
        std::fs::read_to_string(&marker).is_ok_and(|found| found == wanted)
            && succeeds(Command::new(&interpreter).args(["-c", "import pyotp, aiosmtpd.smtp"]))
    };
    if ready() {
        return Ok(interpreter);
    }
    if !install {
        return Err(format!("not in {}", folder.display()));
    }
    println!(
        "Installing from PyPI into {}: {}",
        folder.display(),
        PYTHON_PACKAGES.join(" ")
    );
    let make = |python: &Path| run(Command::new(python).args(["-m", "venv", "--clear"]).arg(folder));
    let has_venv = |python: &PathBuf| succeeds(Command::new(python).args(["-c", "import venv, ensurepip"]));
    match find(&["python3"]).filter(has_venv) {
        Some(python) => make(&python)?,
        None => {
            apt_install(&["python3", "python3-venv"])?;
            make(&find(&["/usr/bin/python3"]).ok_or("there is no python3")?)?;
        }
    }
    run(Command::new(&interpreter)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .args(PYTHON_PACKAGES))?;
    std::fs::write(&marker, &wanted).map_err(|error| format!("{}: {error}", marker.display()))?;
    if ready() {
        Ok(interpreter)
    } else {
        Err(format!("the packages in {} do not work", folder.display()))
    }
}

/// One script from an npm package, unpacked and not installed: nothing of it is run here.
fn axe(folder: &Path, install: bool) -> Result<PathBuf, String> {
    let unpacked = folder.join(AXE.replace('@', "-"));
    let script = unpacked.join("package/axe.min.js");
    if script.is_file() {
        return Ok(script);
    }
    if !install {
        return Err(format!("not in {}", unpacked.display()));
    }
    println!("Getting from npm into {}: {AXE}", unpacked.display());
    if find(&["npm"]).is_none() {
        apt_install(&["npm"])?;
    }
    std::fs::create_dir_all(&unpacked).map_err(|error| format!("{}: {error}", unpacked.display()))?;
    let archive = output(
        Command::new("npm")
            .args(["pack", "--silent", "--ignore-scripts", AXE])
            .current_dir(&unpacked),
    )?;
    let archive = archive.lines().last().unwrap_or_default();
    run(Command::new("tar").args(["-xzf", archive]).current_dir(&unpacked))?;
    if script.is_file() {
        Ok(script)
    } else {
        Err(format!("{AXE} has no axe.min.js"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_its_purpose() {
        let nowhere = Path::new("/nowhere");
        let problem = Toolbox::gather(nowhere, false).map(drop).unwrap_err();
        for words in [
            "tools are missing",
            "aiosmtpd",
            "a real SMTP server",
            "axe-core",
            "accessibility",
            "not in /nowhere",
        ] {
            assert!(problem.contains(words), "{words} in {problem}");
        }
    }

    #[test]
    fn versions_are_pinned() {
        assert!(PYTHON_PACKAGES.iter().all(|package| package.contains("==")));
        assert!(AXE.contains('@'));
    }
}
