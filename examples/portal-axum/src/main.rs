//! Runs the school portal: `cargo run -p portal-axum`.
#![allow(clippy::print_stdout, clippy::print_stderr)] // A program at a terminal speaks through both.

use std::process::ExitCode;

use portal::config::{Command, Config, HELP};
use portal::demo;
use portal::error::StartError;
use portal_axum::App;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), StartError> {
    let command = Config::parse(std::env::args().skip(1), |name| std::env::var(name).ok())?;
    let Command::Serve(config) = command else {
        print!("{HELP}");
        return Ok(());
    };
    if config.test_clock() {
        eprintln!(
            "\n*** DANGER: --danger-test-clock is on. Anybody on this machine can turn the clock and so \
             make old codes expire and locks end. For tests only. ***\n"
        );
    }
    let store = config.store().to_string();
    let app = App::start(*config).await?;
    println!("The school portal is at  {}", app.address());
    println!("It keeps everything in   {store}\n\nDemo accounts:\n{}", demo::table());
    println!("Stop it with Ctrl-C.");
    app.serve(stopped()).await.map_err(|source| StartError::File {
        what: "cannot serve from",
        path: store.into(),
        source,
    })
}

/// Ctrl-C, or the signal a service manager sends.
async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};

    let interrupted = tokio::signal::ctrl_c();
    match signal(SignalKind::terminate()) {
        Ok(mut terminated) => {
            tokio::select! {
                _ = interrupted => {}
                _ = terminated.recv() => {}
            }
        }
        Err(_) => {
            let _ = interrupted.await;
        }
    }
}
