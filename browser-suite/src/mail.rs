//! A real mail server, PyPI's aiosmtpd, and what it was handed.

use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// A mail server in a process of its own, which ends with this value.
#[derive(Debug)]
pub struct MailServer {
    _process: Child,
    _stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    port: u16,
}

/// A message it took.
#[derive(Clone, Debug)]
pub struct Letter {
    /// To whom.
    pub to: String,
    /// Its subject.
    pub subject: String,
    /// What it says.
    pub body: String,
}

impl Letter {
    /// The code it brings, on a line of its own, if it brings one.
    pub fn code(&self) -> Option<String> {
        let is_code = |line: &&str| line.len() == 6 && line.chars().all(|c| c.is_ascii_digit());
        self.body.lines().map(str::trim).find(is_code).map(ToOwned::to_owned)
    }
}

impl MailServer {
    /// Starts one on a free port.
    pub async fn start() -> Self {
        Self::with(json!({ "tls": "none" })).await
    }

    /// Starts one that takes no message.
    pub async fn that_refuses() -> Self {
        Self::with(json!({ "tls": "none", "data": "550 5.7.1 not today" })).await
    }

    async fn with(settings: Value) -> Self {
        let python = std::env::var_os("MFA_PYTHON").unwrap_or_else(|| "python3".into());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../mfa-send/tests/smtp_server.py");
        let mut process = Command::new(python)
            .arg(script)
            .arg(settings.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("a Python interpreter to run");
        let stdin = process.stdin.take().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.next_line().await.unwrap().expect("aiosmtpd; run `cargo xtask test`");
        Self { _process: process, _stdin: stdin, lines, port: port.parse().unwrap() }
    }

    /// The option that lets a portal send through it.
    pub fn option(&self) -> String {
        format!("--smtp=smtp+danger-plain-text://127.0.0.1:{}", self.port)
    }

    /// The next message it took.
    pub async fn next(&mut self) -> Letter {
        let line = self.lines.next_line().await.unwrap().expect("a message");
        let taken: Value = serde_json::from_str(&line).unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Letter {
            to: text(&taken["to"][0]),
            subject: text(&taken["headers"]["subject"]),
            body: text(&taken["body"]),
        }
    }

    /// The next message with a code in it; news of changes is passed over.
    pub async fn next_code(&mut self) -> String {
        loop {
            let letter = self.next().await;
            if let Some(code) = letter.code() {
                return code;
            }
        }
    }
}
