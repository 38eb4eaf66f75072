//! Looks for programs and runs them, with errors that say which.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The first of these programs that is in the path or, for a name with a slash, in its place.
pub(crate) fn find(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    find_in(&path, names)
}

fn find_in(path: &OsStr, names: &[&str]) -> Option<PathBuf> {
    names.iter().find_map(|name| {
        if name.contains('/') {
            return Some(PathBuf::from(name)).filter(|file| is_program(file));
        }
        std::env::split_paths(path)
            .map(|folder| folder.join(name))
            .find(|file| is_program(file))
    })
}

#[cfg(unix)]
fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata()
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(file: &Path) -> bool {
    file.is_file()
}

/// Runs a command to its end, with its output where ours goes and nothing to read.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    match command.stdin(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{name} failed ({status})")),
        Err(error) => Err(format!("{name} could not be started: {error}")),
    }
}

/// Runs a command in silence and says whether it went well.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// What a command prints, without the white space around it.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{name} could not be started: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    } else {
        Err(format!(
            "{name} failed ({}): {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_is_there_is_found() {
        let found = find_in(OsStr::new("/nowhere:/bin:/usr/bin"), &["no-such-program", "sh"]);
        assert_eq!(found, Some(PathBuf::from("/bin/sh")));
        assert_eq!(find_in(OsStr::new("/nowhere"), &["sh"]), None);
        assert_eq!(
            find_in(OsStr::new(""), &["/bin/sh"]),
            Some(PathBuf::from("/bin/sh"))
        );
        // There, but no program.
        assert_eq!(find_in(OsStr::new("/etc"), &["passwd", "/etc/passwd"]), None);
    }

    #[test]
    fn failures_name_the_program() {
        assert!(
            run(&mut Command::new("no-such-program"))
                .unwrap_err()
                .starts_with("no-such-program could not be started")
        );
        assert!(
            run(&mut Command::new("false"))
                .unwrap_err()
                .starts_with("false failed")
        );
        assert_eq!(output(Command::new("echo").arg("a b")), Ok("a b".to_owned()));
        assert!(succeeds(&mut Command::new("true")) && !succeeds(&mut Command::new("false")));
    }
}
