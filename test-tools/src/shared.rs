//! Servers that all tests of a program share. They end with the program, whichever way it ends.
//!
//! Their files stay behind in the folder for temporary files, which `cargo xtask test` makes and removes.

use std::sync::{OnceLock, mpsc};
use std::thread;

use crate::Server;
use crate::postgres::Postgres;
use crate::redis::Redis;

/// The address of a PostgreSQL server, with room for every pool of every test.
pub fn postgres() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| keep(|| Postgres::start(&["max_connections=1000"])))
}

/// The address of a Redis server.
pub fn redis() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| keep(|| Redis::start(&[])))
}

/// A server ends with the thread that started it: this one doesn't end before the program does.
fn keep<S: Server>(start: impl FnOnce() -> S + Send + 'static) -> String {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let server = start();
        let _ = tell.send(server.url());
        loop {
            thread::park();
        }
    });
    told.recv().unwrap()
}
