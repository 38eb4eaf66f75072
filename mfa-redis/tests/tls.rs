//! TLS: a server nobody vouches for, or one under another name, is not talked to.
#![cfg(feature = "tls")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, which may panic")]

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use mfa_core::id::{AccountKey, UserId};
use mfa_core::port::store::{RecordKey, Store as _};
use mfa_redis::error::OpenError;
use mfa_redis::options::RedisOptions;
use mfa_redis::store::RedisStore;
use test_tools::{tls, tools};

async fn open(url: &str, root: Option<&str>) -> Result<RedisStore, OpenError> {
    let options = RedisOptions::new().patience(Duration::from_secs(10));
    match root {
        Some(root) => options.root_certificates(root).open(url).await,
        None => options.open(url).await,
    }
}

#[tokio::test]
async fn only_a_server_that_somebody_trusted_vouches_for_is_talked_to() {
    if !tools() {
        return;
    }
    for (name, trusted) in [("localhost", true), ("elsewhere.example", false)] {
        let folder = tempfile::tempdir().unwrap();
        let root = tls::certify(folder.path(), name);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let mut server = Command::new("redis-server")
            .current_dir(folder.path())
            .args(["--bind", "127.0.0.1", "--port", "0", "--tls-port", &port.to_string()])
            .args(["--tls-cert-file", "server.pem", "--tls-key-file", "server.key"])
            .args(["--tls-auth-clients", "no", "--save", "", "--set-proc-title", "no"])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(30));
            tokio::task::yield_now().await;
        }
        let url = format!("rediss://localhost:{port}");
        let vouched = open(&url, Some(&root)).await;
        let by_the_system = open(&url, None).await;
        let by_another = open(&url, Some(&tls::certify(folder.path(), name))).await;
        let in_the_clear = open(&format!("redis://localhost:{port}"), None).await;
        let held = match &vouched {
            Ok(store) => {
                let key = AccountKey::of_user(UserId::new("ann").unwrap());
                store.load(&RecordKey::from(&key)).await.is_ok()
            }
            Err(_) => false,
        };
        server.kill().unwrap();
        server.wait().unwrap();
        assert_eq!(vouched.is_ok() && held, trusted, "{vouched:?}");
        for refused in [by_the_system, by_another, in_the_clear] {
            assert!(matches!(refused, Err(OpenError::Server { .. })), "{refused:?}");
        }
    }
}

#[tokio::test]
async fn checking_the_certificate_cannot_be_switched_off_in_the_address() {
    let refused = open("rediss://localhost:1/#insecure", None).await.unwrap_err();
    assert!(matches!(refused, OpenError::Setting(_)), "{refused:?}");
}
