//! The portal: a process of its own, on a free port, with its database in a temporary folder.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{SystemTime, UNIX_EPOCH};

use mfa_core::time::Timestamp;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// A running portal, whose clock can be turned ahead. It ends with this value.
#[derive(Debug)]
pub struct Site {
    program: PathBuf,
    options: Vec<String>,
    folder: TempDir,
    process: Child,
    // Kept open: a portal whose output nobody takes would end.
    _output: Lines<BufReader<ChildStdout>>,
    address: String,
    ahead: u64,
}

impl Site {
    /// Starts `program` on a fresh database.
    pub async fn start(program: &str, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options: Vec<_> = options.iter().map(|option| (*option).to_owned()).collect();
        let (process, output, address) = run(Path::new(program), &options, folder.path()).await;
        Self { program: program.into(), options, folder, process, _output: output, address, ahead: 0 }
    }

    /// Ends the process, without a warning, and starts another one on the same database.
    pub async fn restart(&mut self) {
        self.process.kill().await.unwrap();
        let (process, output, address) = run(&self.program, &self.options, self.folder.path()).await;
        (self.process, self._output, self.address) = (process, output, address);
        let ahead = std::mem::take(&mut self.ahead);
        self.turn_clock(ahead).await;
    }

    /// The same with other options.
    pub async fn restart_with(&mut self, options: &[&str]) {
        self.options = options.iter().map(|option| (*option).to_owned()).collect();
        self.restart().await;
    }

    /// Where it is, as in `http://localhost:8080`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Turns the portal's clock ahead.
    pub async fn turn_clock(&mut self, seconds: u64) {
        self.ahead += seconds;
        let form = [("seconds", seconds.to_string())];
        let answer = reqwest::Client::new().post(format!("{}/test/clock", self.address)).form(&form).send();
        assert_eq!(answer.await.unwrap().status(), 200, "the portal has no clock to turn");
    }

    /// The time the portal goes by.
    pub fn now(&self) -> Timestamp {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        Timestamp::from_unix(now + self.ahead)
    }
}

async fn run(
    program: &Path,
    options: &[String],
    folder: &Path,
) -> (Child, Lines<BufReader<ChildStdout>>, String) {
    let mut process = Command::new(program)
        .arg(format!("--store=sqlite:{}", folder.join("portal.sqlite").display()))
        .arg("--danger-test-clock")
        .args(options)
        .env("PORT", "0")
        .env("RUST_LOG", "warn")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut output = BufReader::new(process.stdout.take().unwrap()).lines();
    let address = loop {
        let line = output.next_line().await.unwrap().expect("the portal to say its address");
        if let Some((_, address)) = line.split_once("portal is at") {
            break address.trim().trim_end_matches('/').to_owned();
        }
    };
    (process, output, address)
}
