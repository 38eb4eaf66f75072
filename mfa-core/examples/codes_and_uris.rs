//! Only the arithmetic: make a key, show it to an authenticator app, check the codes that are typed.
//!
//! `cargo run -p mfa-core --example codes_and_uris`, scan the URI or type the key, then type codes.
#![allow(clippy::print_stdout, reason = "it talks to the person who runs it")]

use std::error::Error;
use std::io::stdin;
use std::time::SystemTime;

use mfa_core::factor::hotp::PreparedKey;
use mfa_core::factor::key::SharedKey;
use mfa_core::factor::otpauth::OtpauthUri;
use mfa_core::factor::totp::{Outcome, Progress, TotpParams, Window, verify};
use mfa_core::factor::typed::read_code;
use mfa_core::port::entropy::SystemEntropy;
use mfa_core::time::Timestamp;

fn main() -> Result<(), Box<dyn Error>> {
    let params = TotpParams::default();
    let key = SharedKey::generate(&SystemEntropy)?;
    let uri = OtpauthUri::new("Hill School", "ann@example.org", &key, params)?.to_uri();
    println!("Add this to your authenticator app: {}", uri.expose());
    println!("or type this key: {}", key.to_base32_in_fours().expose());
    println!("Then type the codes it shows, one a line.");

    let prepared = PreparedKey::new(params.algorithm, &key);
    // In a real application this is stored with the key, and written before anyone is let in.
    let mut progress = Progress::default();
    for line in stdin().lines() {
        let typed = match read_code(&line?, params.digits) {
            Ok(typed) => typed,
            Err(refusal) => {
                println!("That can't be a code: {refusal}.");
                continue;
            }
        };
        let now = Timestamp::from_unix(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs());
        match verify(&prepared, &params, &Window::default(), &progress, now, &typed) {
            Outcome::Accepted(accepted) => {
                println!("Right, for step {}.", accepted.step().number());
                progress = accepted.into_progress();
            }
            Outcome::Replayed => println!("That code has been used. Wait for the next."),
            Outcome::Wrong => println!("Wrong."),
        }
    }
    Ok(())
}
