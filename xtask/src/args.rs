//! What was asked for on the command line, and what that means for cargo.

/// One errand.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Help,
    Tools {
        install: bool,
    },
    Test {
        install: bool,
        packages: Vec<String>,
        filters: Vec<String>,
    },
}

/// Reads the command line, without the program's name.
pub(crate) fn parse(args: impl IntoIterator<Item = String>) -> Result<Task, String> {
    let mut args = args.into_iter();
    let verb = args.next().unwrap_or_default();
    let (mut install, mut packages, mut filters) = (true, Vec::new(), Vec::new());
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--no-install" => install = false,
            "-h" | "--help" => return Ok(Task::Help),
            "-p" | "--package" => {
                packages.push(args.next().ok_or("-p needs the name of a crate")?);
            }
            option if option.starts_with('-') => return Err(format!("unknown option {option}")),
            _ => filters.push(arg),
        }
    }
    match verb.as_str() {
        "test" => Ok(Task::Test {
            install,
            packages,
            filters,
        }),
        "tools" if packages.is_empty() && filters.is_empty() => Ok(Task::Tools { install }),
        "tools" => Err("tools takes no crate and no filter".to_owned()),
        "" | "help" | "-h" | "--help" => Ok(Task::Help),
        other => Err(format!("unknown task {other}")),
    }
}

/// Cargo's arguments: everything, and no stop at the first failure, so that one run shows all of them.
pub(crate) fn cargo_test(packages: &[String], filters: &[String]) -> Vec<String> {
    let mut args: Vec<String> = ["test", "--locked", "--all-features", "--no-fail-fast"]
        .map(str::to_owned)
        .into();
    if packages.is_empty() {
        args.push("--workspace".to_owned());
    }
    for package in packages {
        args.extend(["--package".to_owned(), package.clone()]);
    }
    if !filters.is_empty() {
        args.push("--".to_owned());
        args.extend_from_slice(filters);
    }
    args
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Task, String> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn tasks_are_read() {
        assert_eq!(
            parsed("test"),
            Ok(Task::Test {
                install: true,
                packages: vec![],
                filters: vec![]
            })
        );
        assert_eq!(
            parsed("test once --no-install -p mfa-core counted"),
            Ok(Task::Test {
                install: false,
                packages: vec!["mfa-core".to_owned()],
                filters: vec!["once".to_owned(), "counted".to_owned()]
            })
        );
        assert_eq!(parsed("tools --no-install"), Ok(Task::Tools { install: false }));
        for help in ["", "help", "--help", "test --help"] {
            assert_eq!(parsed(help), Ok(Task::Help));
        }
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(parsed("tset"), Err("unknown task tset".to_owned()));
        assert_eq!(
            parsed("test --noinstall"),
            Err("unknown option --noinstall".to_owned())
        );
        assert_eq!(parsed("test -p"), Err("-p needs the name of a crate".to_owned()));
        assert!(parsed("tools once").is_err());
    }

    #[test]
    fn cargo_is_asked_for_everything_unless_told_otherwise() {
        assert_eq!(
            cargo_test(&[], &[]).join(" "),
            "test --locked --all-features --no-fail-fast --workspace"
        );
        assert_eq!(
            cargo_test(&["mfa-core".to_owned()], &["a".to_owned(), "b".to_owned()]).join(" "),
            "test --locked --all-features --no-fail-fast --package mfa-core -- a b"
        );
    }
}
