//! Runs the school portal on actix-web: `cargo run -p portal-actix`.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    portal::run::run::<portal_actix::App>().await
}
