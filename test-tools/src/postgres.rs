//! A PostgreSQL server with the durability it has in the field.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::{READY, Server, process};

/// A server that ends with this value.
#[derive(Debug)]
pub struct Postgres {
    process: Child,
    folder: TempDir,
    port: u16,
    settings: Vec<String>,
}

impl Postgres {
    /// Makes a cluster and starts it, with further settings as in `fsync=on`.
    pub fn start(settings: &[&str]) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), process::free_port());
        let settings: Vec<_> = settings.iter().map(|setting| (*setting).to_owned()).collect();
        hand_over(folder.path());
        let made = command("initdb")
            .args(["--username=portal", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "-D"])
            .arg(folder.path().join("data"))
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(made.success(), "no PostgreSQL cluster could be made");
        let process = run(folder.path(), port, &settings);
        let mut server = Self { process, folder, port, settings };
        server.ready();
        server
    }

    fn ready(&mut self) {
        wait_for(&mut self.process, self.port);
    }

    /// From its next start on it is a standby that nobody feeds, or a server of its own again.
    pub fn be_standby(&self, standby: bool) {
        let sign = self.folder.path().join("data").join("standby.signal");
        if standby {
            fs::write(&sign, "").unwrap();
            hand_over(&sign);
        } else {
            fs::remove_file(&sign).unwrap();
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Runs statements as anybody with the password would.
    pub fn execute(&self, statements: &str) {
        let done = command("psql")
            .args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--command", statements])
            .arg(self.url())
            .stdout(Stdio::null())
            .status();
        assert!(done.unwrap().success(), "{statements}");
    }

    /// Signals the server and, unless it is to end, every process that works for a connection.
    fn signal(&self, signal: &str) {
        process::signal(&self.process, signal);
    }
}

impl Server for Postgres {
    fn url(&self) -> String {
        format!("postgres://portal@127.0.0.1:{}/postgres", self.port)
    }

    fn kill(&mut self) {
        self.signal("-KILL");
        self.process.wait().unwrap();
    }

    fn stop(&mut self) {
        // SIGINT: ends the connections in an orderly way, without waiting for them.
        let number = self.process.id().to_string();
        let _ = Command::new("kill").args(["-INT", &number]).status();
        self.process.wait().unwrap();
    }

    fn start_again(&mut self) {
        // After a kill the file of the dead server may still name a process.
        let _ = fs::remove_file(self.folder.path().join("data").join("postmaster.pid"));
        self.process = run(self.folder.path(), self.port, &self.settings);
        self.ready();
    }

    fn pause(&self) {
        self.signal("-STOP");
    }

    fn go_on(&self) {
        self.signal("-CONT");
    }

    fn cut_connections(&self) {
        self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND \
             pid <> pg_backend_pid()",
        );
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.signal("-KILL");
        let _ = self.process.wait();
    }
}

/// Waits until somebody who speaks PostgreSQL's protocol answers at the port.
pub(crate) fn wait_for(process: &mut Child, port: u16) {
    let began = Instant::now();
    loop {
        let asked = command("pg_isready")
            .args(["--host=127.0.0.1", "--quiet", "--username=portal"])
            .arg(format!("--port={port}"))
            .status();
        if asked.unwrap().success() {
            return;
        }
        assert!(began.elapsed() < READY, "nobody answers at PostgreSQL's port");
        assert!(matches!(process.try_wait(), Ok(None)), "the server ended");
        thread::sleep(Duration::from_millis(10)); // waits for a program, proves nothing
    }
}

fn run(folder: &Path, port: u16, settings: &[String]) -> Child {
    let mut postgres = command("postgres");
    postgres.arg("-D").arg(folder.join("data"));
    postgres.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-c", "unix_socket_directories="]);
    postgres.args([
        "-c",
        "max_connections=200",
        "-c",
        "logging_collector=off",
        "-c",
        "log_min_messages=fatal",
    ]);
    for setting in settings {
        postgres.args(["-c", setting]);
    }
    postgres.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    postgres.spawn().unwrap()
}

/// What the server calls itself; nothing if there is none on this machine.
pub fn version() -> Option<String> {
    process::version_of(&programs().join("postgres"))
}

/// Gives a file or folder to the user that the server runs as, and closes it to others.
pub fn hand_over(path: &Path) {
    let folder = fs::metadata(path).unwrap().is_dir();
    fs::set_permissions(path, Permissions::from_mode(if folder { 0o700 } else { 0o600 })).unwrap();
    if let Some(user) = user() {
        let given = Command::new("chown").arg(format!("{user}:")).arg(path).status().unwrap();
        assert!(given.success());
    }
}

/// The server refuses to run as root: then it runs as the user that its package made.
fn user() -> Option<&'static str> {
    (fs::metadata("/proc/self").unwrap().uid() == 0).then_some("postgres")
}

fn command(program: &str) -> Command {
    as_user(&programs().join(program))
}

/// A program as the user that the server runs as.
pub(crate) fn as_user(program: &Path) -> Command {
    process::bound(program, user())
}

/// Debian keeps the server's programs off `PATH`, in a folder of its version; the newest is taken.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).max();
    newest.map_or_else(PathBuf::new, |version| format!("/usr/lib/postgresql/{version}/bin").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_survives_a_kill_and_a_stop() {
        if !crate::tools() {
            return;
        }
        let mut server = Postgres::start(&[]);
        server.execute("CREATE TABLE kept (value int); INSERT INTO kept VALUES (1)");
        server.kill();
        server.start_again();
        server.execute("INSERT INTO kept VALUES (2)");
        server.stop();
        server.start_again();
        server.execute("DO $$ BEGIN ASSERT (SELECT sum(value) FROM kept) = 3; END $$");
    }
}
