//! Verifying a code takes nothing from the heap: no secret is left there, and guessing costs the portal no memory.
#![allow(clippy::unwrap_used, reason = "a test helper fails by panicking")]

use allocation_counter::measure;
use mfa_core::factor::hotp::PreparedKey;
use mfa_core::factor::key::{Algorithm, Digits, SharedKey};
use mfa_core::factor::totp::{Outcome, Progress, TotpParams, Window, code_at, verify};
use mfa_core::factor::typed::read_code;
use mfa_core::secret::SecretBytes;
use mfa_core::time::Timestamp;

fn key(algorithm: Algorithm) -> PreparedKey {
    let bytes = SecretBytes::new(b"1234567890123456789012345678901234567890".to_vec());
    PreparedKey::new(algorithm, &SharedKey::from_bytes(bytes).unwrap())
}

#[test]
fn neither_a_right_nor_a_wrong_code_allocates() {
    let (params, window) = (TotpParams::default(), Window::new(5, 5, 10).unwrap());
    let now = Timestamp::from_unix(1_700_000_000);
    for algorithm in [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512] {
        let key = key(algorithm);
        let right = code_at(&key, &params, now).expose().to_owned();
        let wrong = if right == "000000" { "000001" } else { "000000" };
        for (code, accepted) in [(right.as_str(), true), (wrong, false)] {
            let mut outcome = None;
            let taken = measure(|| {
                let typed = read_code(code, Digits::SIX).unwrap();
                outcome = Some(verify(&key, &params, &window, &Progress::default(), now, &typed));
            });
            assert_eq!(matches!(outcome, Some(Outcome::Accepted(_))), accepted, "{algorithm:?}");
            assert_eq!(taken.count_total, 0, "{algorithm:?}");
        }
    }
    // The counter does count.
    assert_eq!(measure(|| drop(std::hint::black_box(Box::new(7)))).count_total, 1);
}
