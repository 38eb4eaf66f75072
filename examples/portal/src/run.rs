//! The program around a portal, whichever framework serves it: what it is told, what it says, and when it stops.
#![allow(clippy::print_stdout, clippy::print_stderr)] // A program at a terminal speaks through both.

use std::future::Future;
use std::net::SocketAddr;
use std::process::ExitCode;

use tracing_subscriber::EnvFilter;

use crate::config::{Command, Config, HELP};
use crate::demo;
use crate::error::StartError;

/// A portal that listens but does not serve yet.
pub trait App: Sized + Send + 'static {
    /// Binds the port, opens the portal and builds its routes.
    fn start(config: Config) -> impl Future<Output = Result<Self, StartError>> + Send;

    /// The address people open.
    fn address(&self) -> &str;

    /// The address really listened on.
    ///
    /// # Errors
    /// If the operating system does not say.
    fn local_address(&self) -> std::io::Result<SocketAddr>;

    /// Serves until `stop`, finishes the requests under way, and closes the database.
    fn serve(
        self,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> impl Future<Output = std::io::Result<()>> + Send;
}

/// Runs a portal as its command line says, until it is told to stop.
pub async fn run<A: App>() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match serve::<A>().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve<A: App>() -> Result<(), StartError> {
    let mut arguments = std::env::args();
    let program = arguments.next().unwrap_or_default();
    let command = Config::parse(arguments, |name| std::env::var(name).ok())?;
    let Command::Serve(config) = command else {
        let name = program.rsplit('/').next().unwrap_or_default();
        print!("{}", HELP.replace("PROGRAM", name));
        return Ok(());
    };
    if config.test_clock() {
        eprintln!(
            "\n*** DANGER: --danger-test-clock is on. Anybody on this machine can turn the clock and so \
             make old codes expire and locks end. For tests only. ***\n"
        );
    }
    let store = config.store().to_string();
    let app = A::start(*config).await?;
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
