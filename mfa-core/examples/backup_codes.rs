//! Backup codes on their own: draw and show a set, keep it as JSON, use a code once.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use mfa_core::factor::backup::{self, BackupSet, HashCost, Salt, Taken};
use mfa_core::hashing::HashPool;
use mfa_core::port::clock::{Clock, SystemClock};
use mfa_core::port::entropy::SystemEntropy;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // Argon2id is slow on purpose: it runs on threads of its own, a few at once.
    let pool = HashPool::default();

    println!("Keep these somewhere safe. Each works once:");
    let codes = backup::draw(&SystemEntropy, 10)?;
    for code in codes.iter() {
        println!("  {}", code.expose());
    }
    let typed_later = codes.iter().map(|code| code.expose().to_lowercase()).next();

    let salt = Salt::draw(&SystemEntropy)?;
    let now = SystemClock.now()?;
    let set = pool.run(move || BackupSet::seal_up(&codes, salt, HashCost::default(), None, now)).await??;
    let kept = serde_json::to_string(&set)?;
    println!("\nThe account keeps {} bytes: {kept}\n", kept.len());

    // Later: someone types a code, in lower case.
    let mut set: BackupSet = serde_json::from_str(&kept)?;
    for attempt in 1..=2 {
        let typed = backup::read_backup_code(typed_later.as_deref().unwrap_or_default())?;
        let (salt, cost) = (set.salt(), set.cost());
        let hashed = pool.run(move || backup::hash(&typed, &salt, &cost, None)).await??;
        set = match set.take(&hashed) {
            Taken::Used(set) => {
                println!("attempt {attempt}: welcome; {} codes left", set.left());
                set
            }
            Taken::Wrong(set) | Taken::OtherSet(set) => {
                println!("attempt {attempt}: refused");
                set
            }
        };
        // A real portal writes the set back here, with a compare-and-swap, *before* it answers.
    }
    Ok(())
}
