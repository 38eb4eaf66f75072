//! The Redis server of a test run: on loopback and a free port, its files in the folder of the run.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::bench::Bench;

/// The variable that tells the tests where it is.
pub(crate) const VARIABLE: &str = "MFA_REDIS_URL";

const PROGRAM: &str = "redis-server";
const READY: Duration = Duration::from_secs(30);
/// Somebody else may take the port between our finding and the server's taking it.
const TRIES: usize = 3;

/// A server that runs, and ends with this value.
#[derive(Debug)]
pub(crate) struct Started {
    server: Child,
    address: SocketAddr,
}

impl Started {
    /// Its address, as the tests take it.
    pub(crate) fn url(&self) -> String {
        format!("redis://{}/0", self.address)
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Starts one and waits until it answers. Every write is on the disk before it is answered, as in the field.
///
/// # Errors
///
/// It can't be started, or doesn't answer; the message names its log.
pub(crate) fn start(bench: &Bench) -> Result<Started, String> {
    let folder = bench.folder().join("redis");
    fs::create_dir(&folder).map_err(|error| format!("can't make {}: {error}", folder.display()))?;
    let log = folder.join("redis.log");
    let mut trouble = String::new();
    for _ in 0..TRIES {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let address = free.map_err(|error| format!("no free port for {PROGRAM}: {error}"))?;
        let mut command = bench.command(PROGRAM);
        command
            .current_dir(&folder)
            .args(["--bind", &address.ip().to_string(), "--port", &address.port().to_string()])
            .args(["--save", "", "--appendonly", "yes", "--appendfsync", "always"])
            // A new title overwrites the environment, and with it the mark of the run.
            .args(["--set-proc-title", "no"])
            .arg("--logfile")
            .arg(&log)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let server = command.spawn().map_err(|error| format!("can't run {PROGRAM}: {error}"))?;
        let mut started = Started { server, address };
        if answers(&mut started) {
            return Ok(started);
        }
        let said = fs::read_to_string(&log).unwrap_or_default();
        trouble = format!("{PROGRAM} doesn't answer:\n{said}");
    }
    Err(trouble)
}

fn answers(started: &mut Started) -> bool {
    let began = Instant::now();
    while began.elapsed() < READY && matches!(started.server.try_wait(), Ok(None)) {
        if ping(started.address).is_ok_and(|pong| pong) {
            return true;
        }
        thread::sleep(Duration::from_millis(20));
    }
    false
}

fn ping(address: SocketAddr) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect_timeout(&address, READY)?;
    stream.set_read_timeout(Some(READY))?;
    stream.write_all(b"PING\r\n")?;
    let mut answer = [0; 7];
    stream.read_exact(&mut answer)?;
    Ok(&answer == b"+PONG\r\n")
}

#[cfg(test)]
mod tests {
    use super::{ping, start};
    use crate::bench::Bench;

    #[test]
    fn a_server_answers_and_is_gone_with_the_run() {
        if std::env::var("MFA_TEST_TOOLS").is_err() {
            return;
        }
        let bench =
            Bench::set_up_in(&std::env::temp_dir(), &format!("unit-redis-{}", std::process::id())).unwrap();
        let mut started = start(&bench).unwrap();
        assert!(ping(started.address).unwrap());
        bench.stop_processes();
        assert!(ping(started.address).is_err(), "not stopped with the run");
        assert!(!started.server.wait().unwrap().success(), "stopped, though nobody asked it to end");
    }
}
