//! The toolbox: everything of the catalogue, found on this machine or fetched, or named as missing.

use std::path::{Path, PathBuf};

use crate::catalogue::{Origin, TOOLS, Tool};
use crate::install::{self, Shelf};

/// Every tool, found: what the tests are told in their environment.
#[derive(Debug)]
pub(crate) struct Toolbox {
    variables: Vec<(&'static str, PathBuf)>,
}

impl Toolbox {
    /// Finds every tool, installs what is missing where `install` allows it, and prints what is where.
    ///
    /// # Errors
    ///
    /// Names each tool that couldn't be had, what it was for and why it couldn't be had.
    pub(crate) fn gather(root: &Path, install: bool) -> Result<Self, String> {
        Self::gather_those(root, install, |_| true)
    }

    /// The same for a chore that needs only some of them.
    ///
    /// # Errors
    ///
    /// See [`gather`](Self::gather).
    pub(crate) fn gather_only(root: &Path, install: bool, names: &[&str]) -> Result<Self, String> {
        Self::gather_those(root, install, |tool| names.contains(&tool.name))
    }

    fn gather_those(root: &Path, install: bool, needed: impl Fn(&Tool) -> bool) -> Result<Self, String> {
        let shelf = Shelf::of(root);
        let needed: Vec<&Tool> = TOOLS.iter().filter(|tool| needed(tool)).collect();
        let absent: Vec<&Tool> = needed.iter().copied().filter(|tool| shelf.locate(tool).is_none()).collect();
        let troubles = if install { fetch(&shelf, &absent) } else { Vec::new() };

        let mut variables = Vec::new();
        let mut missing = Vec::new();
        println!("Tools for the tests:");
        for tool in needed {
            match shelf.locate(tool) {
                Some(path) => {
                    println!("  {:<20} {}", tool.name, path.display());
                    variables.extend(tool.variable.map(|variable| (variable, path)));
                }
                None => {
                    println!("  {:<20} missing", tool.name);
                    missing.push(tool);
                }
            }
        }
        if missing.is_empty() {
            Ok(Self { variables })
        } else {
            Err(account_of(&missing, &troubles, install))
        }
    }

    /// The variables a test finds its tools by.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        self.variables.iter().map(|(name, path)| (*name, path.as_path()))
    }
}

/// Installs what is absent and says what went wrong on the way.
fn fetch(shelf: &Shelf, absent: &[&Tool]) -> Vec<String> {
    let mut troubles = Vec::new();
    let packages = packages_for(absent, |origin| shelf.can_fetch(origin));
    if !packages.is_empty() {
        troubles.extend(install::from_debian(&packages).err());
    }
    for tool in absent {
        let installed = match tool.origin {
            Origin::Debian => Ok(()),
            Origin::PyPi => shelf.install_python(),
            Origin::Npm => shelf.install_npm(),
        };
        troubles.extend(installed.err());
    }
    troubles
}

/// The Debian packages to install for what is absent: none for a tool that comes from elsewhere if its fetcher is
/// there already.
fn packages_for(absent: &[&Tool], can_fetch: impl Fn(Origin) -> bool) -> Vec<&'static str> {
    let lacking = absent.iter().filter(|tool| !can_fetch(tool.origin));
    lacking.flat_map(|tool| tool.packages).copied().collect()
}

fn account_of(missing: &[&Tool], troubles: &[String], install: bool) -> String {
    let mut account = "the tests can't run without these:".to_owned();
    for tool in missing {
        let packages = tool.packages.join(" ");
        account += &format!("\n  {}: {} (Debian: {packages})", tool.name, tool.purpose);
    }
    if !install {
        account += "\nNothing was installed because of --no-install.";
    }
    for trouble in troubles {
        account += &format!("\n{trouble}");
    }
    account
}

#[cfg(test)]
mod tests {
    use super::{Origin, TOOLS, Tool, account_of, packages_for};

    fn tool(name: &str) -> &'static Tool {
        TOOLS.iter().find(|tool| tool.name == name).unwrap()
    }

    #[test]
    fn a_bare_machine_gets_every_package() {
        let absent: Vec<_> = TOOLS.iter().collect();
        assert_eq!(
            packages_for(&absent, |_| false),
            [
                "chromium",
                "chromium-driver",
                "zbar-tools",
                "oathtool",
                "redis-server",
                "postgresql",
                "pgbouncer",
                "python3",
                "python3-venv",
                "npm"
            ]
        );
    }

    #[test]
    fn nothing_is_installed_for_what_is_there() {
        assert!(packages_for(&[], |_| false).is_empty());
        let absent = [tool("oathtool"), tool("axe-core"), tool("pyotp and aiosmtpd")];
        assert_eq!(packages_for(&absent, |origin| origin != Origin::Debian), ["oathtool"]);
        assert_eq!(packages_for(&absent, |origin| origin == Origin::PyPi), ["oathtool", "npm"]);
    }

    #[test]
    fn what_is_missing_is_named_with_its_purpose_and_the_reason() {
        let account = account_of(&[tool("zbarimg")], &["apt-get: no network".to_owned()], true);
        for part in ["zbarimg", "QR images", "zbar-tools", "apt-get: no network"] {
            assert!(account.contains(part), "{part} in {account}");
        }
        assert!(!account.contains("--no-install"));
        assert!(account_of(&[tool("zbarimg")], &[], false).contains("--no-install"));
    }
}
