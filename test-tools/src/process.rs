//! A child process and what the operating system can do to it and its children.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A port that nobody has now. Somebody may take it before the server does; then the server doesn't come up.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A program that is killed when the thread ends that starts it, and so whatever becomes of the test program.
pub(crate) fn bound(program: &Path, user: Option<&str>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if let Some(user) = user {
        command.args(["--reuid", user, "--regid", user, "--clear-groups"]).current_dir("/");
    }
    command.arg("--").arg(program);
    command
}

/// Sends a signal to the process and, after it, to its children. Processes that have gone are no trouble.
pub(crate) fn signal(process: &Child, signal: &str) {
    let parent = process.id().to_string();
    for processes in [vec![parent.clone()], children(&parent)] {
        if !processes.is_empty() {
            let _ = Command::new("kill").arg(signal).args(processes).stderr(Stdio::null()).status();
        }
    }
}

fn children(parent: &str) -> Vec<String> {
    let numbers = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
        let number = entry.file_name().into_string().ok()?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        // The name in brackets may hold anything; what follows it doesn't.
        let mut fields = stat.rsplit_once(") ")?.1.split(' ');
        (fields.nth(1)? == parent).then_some(number)
    });
    numbers.collect()
}

/// The first line that a program says of itself; nothing if it isn't there.
pub(crate) fn version_of(program: &Path) -> Option<String> {
    let output = Command::new(program).arg("--version").stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().next().filter(|_| output.status.success()).map(str::to_owned)
}
