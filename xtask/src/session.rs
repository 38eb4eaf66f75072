//! One run's temporary folder and processes, gone when the run is: also after a failure, Ctrl-C or a kill.

use std::io::Error;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Waits until the pipe to us breaks, for whatever reason, then stops what we started and clears up. It is a
/// process of its own and takes no notice of Ctrl-C, so it outlives us however we end.
const CARETAKER: &str = r#"
trap '' INT TERM HUP
cat > /dev/null
for file in "$1"/*.pid; do
    [ -e "$file" ] || continue
    pid=$(cat "$file")
    kill "$pid" 2> /dev/null
    tries=0
    while kill -0 "$pid" 2> /dev/null; do
        tries=$((tries + 1))
        [ "$tries" -eq 100 ] && kill -9 "$pid" 2> /dev/null
        [ "$tries" -eq 120 ] && break
        sleep 0.1
    done
done
rm -rf "$1"
"#;

/// A temporary folder, and the processes that live in it.
///
/// A service that tests need (a database, say) is started with [`Session::start`]: on a free port of the
/// loopback interface, with its data under [`Session::folder`], and its address handed to the tests in the
/// environment.
pub(crate) struct Session {
    folder: PathBuf,
    caretaker: Child,
    children: Vec<Child>,
}

impl Session {
    /// Makes the folder and sets the caretaker to work.
    pub(crate) fn begin() -> Result<Self, String> {
        let trouble = |error: Error| format!("no temporary folder could be made: {error}");
        // mktemp makes it for our eyes only, under a name nobody can foresee.
        let folder = crate::shell::output(Command::new("mktemp").args(["-d", "-t", "mfa-xtask-XXXXXX"]))?;
        let folder = PathBuf::from(folder);
        let caretaker = Command::new("sh")
            .args(["-c", CARETAKER, "caretaker"])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .map_err(trouble)?;
        Ok(Self {
            folder,
            caretaker,
            children: Vec::new(),
        })
    }

    /// The folder everything temporary goes into.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts a process that is stopped when the session ends.
    pub(crate) fn start(&mut self, name: &str, command: &mut Command) -> Result<&mut Child, String> {
        let child = command
            .spawn()
            .map_err(|error| format!("{name} could not be started: {error}"))?;
        let noted = std::fs::write(self.note(name), child.id().to_string());
        self.children.push(child);
        noted.map_err(|error| format!("{name} could not be noted down: {error}"))?;
        self.children
            .last_mut()
            .ok_or_else(|| format!("{name} was not kept"))
    }

    /// Runs a process to its end and says whether it went well.
    pub(crate) fn run(&mut self, name: &str, command: &mut Command) -> Result<bool, String> {
        let status = self
            .start(name, command)?
            .wait()
            .map_err(|error| format!("{name} could not be waited for: {error}"))?;
        self.children.pop();
        // Its number may be somebody else's by the time the caretaker looks.
        let _ = std::fs::remove_file(self.note(name));
        Ok(status.success())
    }

    fn note(&self, name: &str) -> PathBuf {
        self.folder.join(name).with_extension("pid")
    }

    /// Ends the session: the same as dropping it, with a name.
    pub(crate) fn end(self) {}
}

impl Drop for Session {
    fn drop(&mut self) {
        drop(self.caretaker.stdin.take());
        for child in &mut self.children {
            let _ = child.wait();
        }
        let _ = self.caretaker.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read};

    use super::*;

    /// Runs until it is stopped.
    fn service() -> Command {
        let mut command = Command::new("tail");
        command.args(["-f", "/dev/null"]);
        command
    }

    #[test]
    fn what_was_started_ends_with_the_session() {
        let mut session = Session::begin().unwrap();
        let folder = session.folder().to_owned();
        std::fs::write(folder.join("data"), "x").unwrap();
        let child = session
            .start("service", service().stdout(Stdio::piped()))
            .unwrap();
        let mut pipe = child.stdout.take().unwrap();
        session.end();
        assert!(!folder.exists());
        // The pipe's other end is closed: nobody is there any more.
        assert_eq!(pipe.read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn a_process_that_ran_to_its_end_is_told_by_its_success() {
        let mut session = Session::begin().unwrap();
        assert_eq!(session.run("true", &mut Command::new("true")), Ok(true));
        assert_eq!(session.run("false", &mut Command::new("false")), Ok(false));
        assert!(session.run("none", &mut Command::new("no-such-program")).is_err());
        assert!(!session.note("true").exists());
    }

    #[test]
    fn the_caretaker_works_when_we_are_killed() {
        // A stand-in for ourselves, killed without a chance to clear up: it holds the only end of the pipe.
        let folder = std::env::temp_dir().join(format!("mfa-xtask-killed-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        let mut service = service().spawn().unwrap();
        std::fs::write(folder.join("service.pid"), service.id().to_string()).unwrap();
        let mut us = Command::new("sh")
            .args(["-c", r#"mkfifo "$1/pipe"; sh -c "$0" caretaker "$1" < "$1/pipe" & exec 3> "$1/pipe"; echo $!; exec cat"#])
            .arg(CARETAKER)
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(us.stdout.take().unwrap());
        lines.read_line(&mut String::new()).unwrap();
        us.kill().unwrap();
        us.wait().unwrap();
        // The service is stopped; the caretaker holds this pipe until it has cleared up.
        assert!(!service.wait().unwrap().success());
        lines.read_to_string(&mut String::new()).unwrap();
        assert!(!folder.exists());
    }
}
