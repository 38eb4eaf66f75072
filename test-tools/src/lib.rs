//! What tests of several crates need: real servers that can be killed, paused and started again, and a note of each case that passed.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests, which may panic"
)]

pub mod cases;
pub mod pgbouncer;
pub mod postgres;
mod process;
pub mod redis;
pub mod shared;
pub mod tls;

use std::time::Duration;

/// How long a server may take to come up on a busy machine.
const READY: Duration = Duration::from_secs(60);

/// Whether the tools are there. `cargo xtask test` gets them and says so; a plain `cargo test` goes without.
pub fn tools() -> bool {
    let there = std::env::var("MFA_TEST_TOOLS").is_ok_and(|value| value == "1");
    if !there {
        println!("left out: it needs servers; run `cargo xtask test`");
    }
    there
}

/// What can be done to a server, whatever it is. It ends with this value.
pub trait Server: Send {
    /// Its address, as stores take it.
    fn url(&self) -> String;

    /// As if the plug were pulled.
    fn kill(&mut self);

    /// As a service manager stops it: what it has said is done stays done.
    fn stop(&mut self);

    /// Starts it on what it had, and waits until it answers.
    fn start_again(&mut self);

    /// Takes the processor from it: connections stay, nothing answers.
    fn pause(&self);

    /// Gives it back.
    fn go_on(&self);

    /// Cuts the connections that it has, as a proxy that restarts would.
    fn cut_connections(&self);
}
