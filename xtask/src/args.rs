//! What was typed after `cargo xtask`, read into one chore.

/// How the command is used, printed for `--help` and after a mistake.
pub(crate) const USAGE: &str = "\
Usage:
  cargo xtask test [--no-install] [-- <arguments of cargo test>]
      Gets the tools the tests need, then runs every test of the workspace.
  cargo xtask cluster [--no-install] [--rounds N]
      Runs only the tests of several nodes on one store, each race N times and with N kills: 200 unless told
      otherwise, which takes about half an hour. `test` runs each of them a few times.
  cargo xtask bench [PART…]
      Measures everything, or only the parts named (verification, sign-in, backup-codes, load, gate, pages, build),
      prints the tables and writes them to benches/RESULTS.md, where the other parts stay as they were.
  cargo xtask fuzz [--seconds N] [TARGET]
      Fuzzes each target for N seconds (60 unless told otherwise), or only the one named. Needs nightly Rust.
  cargo xtask timing [--no-install] [--seconds N]
      Measures whether right, nearly right and wrong codes can be told apart, N seconds a pair (10 unless told
      otherwise), and counts their instructions.
  cargo xtask coverage [--no-install]
      Measures how much of mfa-core and mfa-web the tests reach, and writes target/coverage.md.
  cargo xtask mutants [--package P] [--file F] [--shard K/N] [--no-install]
      Breaks the code in many small ways, one after the other, and names the breaks that neither a test notices nor
      docs/mutants.md argues away: everywhere (hours), in one package, in one file, or the K-th of N parts of them (K
      from 0 on). Stores are tried on real servers.
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
    /// Run the tests of several nodes at length.
    Cluster { install: bool, rounds: u32 },
    /// Measure all parts, or those named.
    Bench { parts: Vec<String> },
    /// Fuzz all targets, or one, for so many seconds each.
    Fuzz { seconds: u64, target: Option<String> },
    /// Measure whether times tell codes apart, for so many seconds a pair.
    Timing { install: bool, seconds: u64 },
    /// Measure how much the tests reach.
    Coverage { install: bool },
    /// Break the code on purpose: everywhere, in one package, in one file, or in the K-th of N parts.
    Mutants { package: Option<String>, file: Option<String>, shard: Option<String>, install: bool },
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
        match name.as_str() {
            "fuzz" => return Self::parse_fuzz(arguments),
            "bench" => return Self::parse_bench(arguments),
            "mutants" => return Self::parse_mutants(arguments),
            _ => {}
        }
        let mut install = true;
        let mut cargo_args = None;
        let (mut rounds, mut seconds) = (None, None);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--no-install" => install = false,
                "--rounds" => {
                    let number = arguments.next().and_then(|text| text.parse().ok());
                    rounds = Some(number.filter(|n| *n > 0).ok_or("`--rounds` needs a number from 1 on")?);
                }
                "--seconds" if name == "timing" => {
                    let number = arguments.next().and_then(|text| text.parse().ok());
                    seconds = Some(number.filter(|n| *n > 0).ok_or("`--seconds` needs a number from 1 on")?);
                }
                "-h" | "--help" => return Ok(Self::Help),
                "--" => cargo_args = Some(arguments.by_ref().collect::<Vec<_>>()),
                other => {
                    return Err(format!(
                        "`{other}` isn't an option here; arguments of cargo test follow `--`"
                    ));
                }
            }
        }
        if rounds.is_some() && name != "cluster" {
            return Err("only `cluster` takes `--rounds`".to_owned());
        }
        match (name.as_str(), cargo_args) {
            ("cluster", None) => Ok(Self::Cluster { install, rounds: rounds.unwrap_or(200) }),
            ("cluster", Some(_)) => Err("`cluster` takes no arguments of cargo test".to_owned()),
            ("test", cargo_args) => Ok(Self::Test { install, cargo_args: cargo_args.unwrap_or_default() }),
            ("timing", None) => Ok(Self::Timing { install, seconds: seconds.unwrap_or(10) }),
            ("coverage", None) => Ok(Self::Coverage { install }),
            ("timing" | "coverage", Some(_)) => Err(format!("`{name}` takes no arguments of cargo test")),
            ("tools", None) => Ok(Self::Tools { install }),
            ("tools", Some(_)) => Err("`tools` runs no tests, so nothing may follow `--`".to_owned()),
            ("help" | "-h" | "--help", _) => Ok(Self::Help),
            (other, _) => Err(format!("there is no chore `{other}`")),
        }
    }

    fn parse_bench(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut parts = Vec::new();
        for argument in arguments {
            match argument.as_str() {
                "-h" | "--help" => return Ok(Self::Help),
                option if option.starts_with('-') => {
                    return Err(format!("`{option}` isn't an option of `bench`"));
                }
                _ => parts.push(argument),
            }
        }
        Ok(Self::Bench { parts })
    }

    fn parse_fuzz(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut seconds, mut target) = (60, None);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "-h" | "--help" => return Ok(Self::Help),
                "--seconds" => {
                    let number = arguments.next().and_then(|text| text.parse().ok());
                    seconds = number.filter(|n| *n > 0).ok_or("`--seconds` needs a number from 1 on")?;
                }
                option if option.starts_with('-') => {
                    return Err(format!("`{option}` isn't an option of `fuzz`"));
                }
                _ if target.is_some() => return Err("`fuzz` takes one target, or none for all".to_owned()),
                _ => target = Some(argument),
            }
        }
        Ok(Self::Fuzz { seconds, target })
    }

    fn parse_mutants(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut package, mut file, mut shard, mut install) = (None, None, None, true);
        while let Some(argument) = arguments.next() {
            let wanted = match argument.as_str() {
                "-h" | "--help" => return Ok(Self::Help),
                "--no-install" => {
                    install = false;
                    continue;
                }
                "--package" => &mut package,
                "--file" => &mut file,
                "--shard" => &mut shard,
                other => return Err(format!("`{other}` isn't an option of `mutants`")),
            };
            *wanted = Some(arguments.next().ok_or_else(|| format!("`{argument}` needs a value"))?);
        }
        if shard.as_deref().is_some_and(|shard| !is_part(shard)) {
            return Err("`--shard` needs a part such as 0/8".to_owned());
        }
        Ok(Self::Mutants { package, file, shard, install })
    }
}

/// `K/N`, with K less than N.
fn is_part(shard: &str) -> bool {
    let number = |text: &str| text.parse::<u32>().ok();
    let parts = shard.split_once('/').and_then(|(part, of)| number(part).zip(number(of)));
    parts.is_some_and(|(part, of)| part < of)
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
    fn the_cluster_is_run_at_length_unless_told_otherwise() {
        assert_eq!(parse("cluster"), Ok(Chore::Cluster { install: true, rounds: 200 }));
        let short = Chore::Cluster { install: false, rounds: 3 };
        assert_eq!(parse("cluster --rounds 3 --no-install"), Ok(short));
        for wrong in ["cluster --rounds", "cluster --rounds 0", "cluster --rounds many", "test --rounds 3"] {
            assert!(parse(wrong).unwrap_err().contains("--rounds"), "{wrong}");
        }
    }

    #[test]
    fn measuring_takes_the_parts_or_none_for_all() {
        assert_eq!(parse("bench"), Ok(Chore::Bench { parts: vec![] }));
        let two = ["sign-in", "load"].map(str::to_owned).to_vec();
        assert_eq!(parse("bench sign-in load"), Ok(Chore::Bench { parts: two }));
        assert_eq!(parse("bench load --help"), Ok(Chore::Help));
        for wrong in ["bench -- x", "bench --no-install"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn fuzzing_takes_a_time_and_a_target() {
        assert_eq!(parse("fuzz"), Ok(Chore::Fuzz { seconds: 60, target: None }));
        let one = Chore::Fuzz { seconds: 5, target: Some("typed_code".to_owned()) };
        assert_eq!(parse("fuzz typed_code --seconds 5"), Ok(one));
        for wrong in ["fuzz --seconds", "fuzz --seconds 0", "fuzz --no-install", "fuzz one two"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_are_measured_for_some_seconds_a_pair() {
        assert_eq!(parse("timing"), Ok(Chore::Timing { install: true, seconds: 10 }));
        let short = Chore::Timing { install: false, seconds: 2 };
        assert_eq!(parse("timing --seconds 2 --no-install"), Ok(short));
        assert_eq!(parse("coverage --no-install"), Ok(Chore::Coverage { install: false }));
        for wrong in [
            "timing --seconds",
            "timing --seconds 0",
            "timing --rounds 3",
            "coverage --seconds 2",
            "coverage -- x",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn mutants_are_made_everywhere_or_in_one_place() {
        let all = Chore::Mutants { package: None, file: None, shard: None, install: true };
        assert_eq!(parse("mutants"), Ok(all));
        let (package, file) = (Some("mfa-core".to_owned()), Some("mfa-core/src/proof.rs".to_owned()));
        let one = Chore::Mutants { package, file, shard: None, install: false };
        assert_eq!(parse("mutants --file mfa-core/src/proof.rs --no-install --package mfa-core"), Ok(one));
        let part = Chore::Mutants { package: None, file: None, shard: Some("7/8".to_owned()), install: true };
        assert_eq!(parse("mutants --shard 7/8"), Ok(part));
        for wrong in [
            "mutants --package",
            "mutants --file",
            "mutants mfa-core",
            "mutants --shard",
            "mutants --shard 8/8",
            "mutants --shard 1",
            "mutants --shard -1/2",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
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
