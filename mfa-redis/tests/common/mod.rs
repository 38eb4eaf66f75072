//! Servers for the tests, and the fixture that opens several connections on one of them.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "shared by several tests, each of which uses a part; a test may panic and say what it leaves out"
)]

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use mfa_redis::options::RedisOptions;
use mfa_redis::store::RedisStore;
use mfa_testing::store::fixture::Fixture;

/// Whether the tools are there. `cargo xtask test` gets them and says so; a plain `cargo test` goes without.
pub(crate) fn tools() -> bool {
    let there = std::env::var("MFA_TEST_TOOLS").is_ok_and(|value| value == "1");
    if !there {
        println!("left out: it needs a Redis server; run `cargo xtask test`");
    }
    there
}

/// The server of the run, if there are tools.
pub(crate) fn shared() -> Option<String> {
    tools().then(|| std::env::var("MFA_REDIS_URL").unwrap())
}

/// A prefix nobody has used.
pub(crate) fn fresh_prefix() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let time = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    format!("mfa-test-{}-{time}-{number}", std::process::id())
}

/// A connection as any other program would have.
pub(crate) async fn plain(url: &str) -> redis::aio::MultiplexedConnection {
    redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap()
}

/// Keys of a prefix of their own; every handle has a connection of its own, as another process would.
pub(crate) struct RedisData {
    pub(crate) url: String,
    pub(crate) prefix: String,
}

impl RedisData {
    pub(crate) fn new(url: &str) -> Self {
        Self { url: url.to_owned(), prefix: fresh_prefix() }
    }

    pub(crate) fn options(&self) -> RedisOptions {
        // The machine of a test run is busier than a server should be.
        RedisOptions::new().prefix(&self.prefix).patience(Duration::from_secs(20))
    }

    pub(crate) fn key(&self, name: &str) -> String {
        format!("{{{}:default}}:{name}", self.prefix)
    }
}

impl Fixture for RedisData {
    type Store = RedisStore;

    async fn open(&self) -> RedisStore {
        self.options().open(&self.url).await.unwrap()
    }

    /// Puts something else where the data was: no call can have an answer any more.
    async fn take_down(&self) -> bool {
        let mut connection = plain(&self.url).await;
        for name in ["records:account", "names:account", "position", "events", "index"] {
            let mut set = redis::cmd("SET");
            set.arg(self.key(name)).arg("something else");
            let () = set.query_async(&mut connection).await.unwrap();
        }
        true
    }
}

/// A server of a test's own, which it may stop, pause and start again; gone with this value.
pub(crate) struct Server {
    process: Child,
    folder: tempfile::TempDir,
    port: u16,
    settings: Vec<String>,
}

impl Server {
    pub(crate) async fn start(settings: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let settings: Vec<_> = settings.iter().map(|setting| (*setting).to_owned()).collect();
        let process = run(&folder, port, &settings);
        let server = Self { process, folder, port, settings };
        server.ready().await;
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Waits until it answers.
    async fn ready(&self) {
        let began = Instant::now();
        loop {
            if let Ok(client) = redis::Client::open(self.url())
                && let Ok(mut connection) = client.get_multiplexed_async_connection().await
                && redis::cmd("PING").query_async::<String>(&mut connection).await.is_ok()
            {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "the server doesn't come up");
            tokio::task::yield_now().await;
        }
    }

    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("kill").arg(signal).arg(self.process.id().to_string()).status().unwrap();
        assert!(status.success());
    }

    /// As if the plug were pulled.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    pub(crate) async fn start_again(&mut self) {
        self.process = run(&self.folder, self.port, &self.settings);
        self.ready().await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// On loopback alone; the log is on the disk before a write is answered, unless the settings say otherwise.
fn run(folder: &tempfile::TempDir, port: u16, settings: &[String]) -> Child {
    Command::new("redis-server")
        .current_dir(folder.path())
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
