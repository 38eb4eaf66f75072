//! A Redis server whose log is on the disk before a write is answered, unless the settings say otherwise.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::{READY, Server, process};

/// A server that ends with this value.
#[derive(Debug)]
pub struct Redis {
    process: Child,
    folder: TempDir,
    port: u16,
    settings: Vec<String>,
}

impl Redis {
    /// Starts one, with further settings as on its command line.
    pub fn start(settings: &[&str]) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), process::free_port());
        let settings: Vec<_> = settings.iter().map(|setting| (*setting).to_owned()).collect();
        let process = run(folder.path(), port, &settings);
        let mut server = Self { process, folder, port, settings };
        server.ready();
        server
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    fn ready(&mut self) {
        let began = Instant::now();
        while !self.ask("PING").is_ok_and(|answer| answer.starts_with("+PONG")) {
            assert!(began.elapsed() < READY, "redis-server doesn't come up");
            assert!(matches!(self.process.try_wait(), Ok(None)), "redis-server ended");
            thread::sleep(Duration::from_millis(10)); // waits for a program, proves nothing
        }
    }

    fn ask(&self, command: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(READY))?;
        stream.write_all(format!("{command}\r\n").as_bytes())?;
        let mut answer = [0; 64];
        let length = stream.read(&mut answer)?;
        Ok(String::from_utf8_lossy(answer.get(..length).unwrap_or_default()).into_owned())
    }
}

impl Server for Redis {
    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    fn stop(&mut self) {
        process::signal(&self.process, "-TERM");
        self.process.wait().unwrap();
    }

    fn start_again(&mut self) {
        self.process = run(self.folder.path(), self.port, &self.settings);
        self.ready();
    }

    fn pause(&self) {
        process::signal(&self.process, "-STOP");
    }

    fn go_on(&self) {
        process::signal(&self.process, "-CONT");
    }

    fn cut_connections(&self) {
        let answer = self.ask("CLIENT KILL TYPE normal SKIPME yes").unwrap();
        assert!(answer.starts_with(':'), "{answer}");
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What the server calls itself; nothing if there is none on this machine.
pub fn version() -> Option<String> {
    process::version_of("redis-server".as_ref())
}

fn run(folder: &Path, port: u16, settings: &[String]) -> Child {
    process::bound("redis-server".as_ref(), None)
        .current_dir(folder)
        .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", ""])
        .args(["--appendonly", "yes", "--appendfsync", "always"])
        // A new title overwrites the environment, by which a run finds what it started.
        .args(["--set-proc-title", "no"])
        .args(settings)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}
