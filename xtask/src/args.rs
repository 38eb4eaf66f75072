//! What was typed after `cargo xtask`, read into one chore.

/// How the command is used, printed for `--help` and after a mistake.
pub(crate) const USAGE: &str = "\
Usage:
  cargo xtask test [--no-install] [-- <arguments of cargo test>]
      Gets the tools the tests need, then runs every test of the workspace.
  cargo xtask tools [--no-install]
      Only gets the tools and says what was found where.

  --no-install   Installs nothing: names what is missing and fails.

Examples:
  cargo xtask test
  cargo xtask test -- -p portal-axum keyboard";

/// One thing to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Chore {
    /// Run the tests; `cargo_args` go to `cargo test` as they are.
    Test { install: bool, cargo_args: Vec<String> },
    /// Get the tools and report on them.
    Tools { install: bool },
    /// Print the usage.
    Help,
}

impl Chore {
    /// Reads the arguments, without the program's own name.
    ///
    /// # Errors
    ///
    /// A sentence naming the argument that makes no sense.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut arguments = arguments.into_iter();
        let Some(name) = arguments.next() else {
            return Err("which chore?".to_owned());
        };
        let mut install = true;
        let mut cargo_args = None;
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--no-install" => install = false,
                "-h" | "--help" => return Ok(Self::Help),
                "--" => cargo_args = Some(arguments.by_ref().collect::<Vec<_>>()),
                other => {
                    return Err(format!(
                        "`{other}` isn't an option here; arguments of cargo test follow `--`"
                    ));
                }
            }
        }
        match (name.as_str(), cargo_args) {
            ("test", cargo_args) => Ok(Self::Test { install, cargo_args: cargo_args.unwrap_or_default() }),
            ("tools", None) => Ok(Self::Tools { install }),
            ("tools", Some(_)) => Err("`tools` runs no tests, so nothing may follow `--`".to_owned()),
            ("help" | "-h" | "--help", _) => Ok(Self::Help),
            (other, _) => Err(format!("there is no chore `{other}`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Chore;

    fn parse(line: &str) -> Result<Chore, String> {
        Chore::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn tests_install_what_they_need_unless_told_otherwise() {
        assert_eq!(parse("test"), Ok(Chore::Test { install: true, cargo_args: vec![] }));
        assert_eq!(parse("test --no-install"), Ok(Chore::Test { install: false, cargo_args: vec![] }));
        assert_eq!(parse("tools"), Ok(Chore::Tools { install: true }));
        assert_eq!(parse("tools --no-install"), Ok(Chore::Tools { install: false }));
    }

    #[test]
    fn everything_after_the_dashes_is_cargos_even_what_looks_like_ours() {
        let cargo_args = ["-p", "mfa-core", "--no-install", "--", "--ignored"].map(str::to_owned).to_vec();
        assert_eq!(
            parse("test -- -p mfa-core --no-install -- --ignored"),
            Ok(Chore::Test { install: true, cargo_args })
        );
    }

    #[test]
    fn help_is_found_anywhere_before_the_dashes() {
        for line in ["help", "--help", "-h", "test --help", "tools -h"] {
            assert_eq!(parse(line), Ok(Chore::Help), "{line}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        assert!(parse("").unwrap_err().contains("which"));
        assert!(parse("tset").unwrap_err().contains("`tset`"));
        assert!(parse("test mfa-core").unwrap_err().contains("`mfa-core`"));
        assert!(parse("tools -- -p mfa-core").unwrap_err().contains("`tools`"));
    }
}
