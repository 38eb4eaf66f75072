//! One portal process.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// The programs of a cluster's nodes: both frameworks, side by side.
pub const MIXED: [&str; 3] = ["portal-axum", "portal-actix", "portal-axum"];

/// What a process is told.
#[derive(Clone, Debug)]
pub struct Orders {
    /// Its program's name.
    pub program: &'static str,
    /// Where everything is kept.
    pub store: String,
    /// The address people use: the proxy's.
    pub host_url: String,
    /// The sealing keys.
    pub keys: String,
}

/// A process that runs, and is killed with this value.
#[derive(Debug)]
pub struct Node {
    process: Child,
    port: u16,
    // Kept open: a portal whose output nobody takes would end.
    _output: Lines<BufReader<ChildStdout>>,
}

impl Node {
    /// Starts it, and waits until it serves.
    pub async fn start(orders: &Orders) -> Self {
        // Between our finding a free port and the process's taking it, somebody else may.
        for _ in 0..5 {
            if let Some(node) = Self::try_start(orders).await {
                return node;
            }
        }
        panic!("{} doesn't start", orders.program);
    }

    async fn try_start(orders: &Orders) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut process = Command::new(program(orders.program))
            .args(["--danger-test-clock", "--policy=off", "--store"])
            .arg(&orders.store)
            .env("PORT", port.to_string())
            .env("HOST_URL", &orders.host_url)
            .env("PORTAL_KEYS", &orders.keys)
            .env("RUST_LOG", std::env::var("MFA_NODE_LOG").unwrap_or_else(|_| "off".to_owned()))
            .stdout(Stdio::piped())
            .stderr(if std::env::var("MFA_NODE_LOG").is_ok() { Stdio::inherit() } else { Stdio::null() })
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap()).lines();
        while let Ok(Some(line)) = output.next_line().await {
            if line.contains("portal is at") {
                return Some(Self { process, port, _output: output });
            }
        }
        None
    }

    /// Where it listens itself, without the proxy.
    pub fn address(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    /// Its port on this machine.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Turns its clock ahead.
    pub async fn turn_clock(&self, seconds: u64) {
        let form = [("seconds", seconds.to_string())];
        let sent = reqwest::Client::new().post(format!("{}/test/clock", self.address())).form(&form).send();
        assert_eq!(sent.await.unwrap().status(), 200);
    }

    /// Ends it without a warning, whatever it is doing.
    pub async fn kill(&mut self) {
        self.process.kill().await.unwrap();
    }

    /// Ends it as a service manager does, and waits for it.
    pub async fn stop(&mut self) {
        let number = self.process.id().unwrap().to_string();
        assert!(Command::new("kill").arg(number).status().await.unwrap().success());
        assert!(self.process.wait().await.unwrap().success(), "it didn't stop in good order");
    }
}

/// Beside the test program, where Cargo puts the programs of a workspace.
fn program(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let path = tests.parent().and_then(|deps| deps.parent()).unwrap().join(name);
    assert!(path.exists(), "{} isn't built: cargo build -p {name}", path.display());
    path
}
