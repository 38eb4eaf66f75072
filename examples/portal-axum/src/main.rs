//! Runs the school portal on axum: `cargo run -p portal-axum`.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    portal::run::run::<portal_axum::App>().await
}
