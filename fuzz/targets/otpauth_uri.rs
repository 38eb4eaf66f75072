//! Any text as an otpauth URI: refused, or read; and what was read is written and read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mfa_core::factor::otpauth::{Kind, OtpauthUri, parse};

fuzz_target!(|text: &str| {
    let Ok(parsed) = parse(text) else { return };
    let Kind::Totp(params) = parsed.kind else { return };
    // Names that can't be written safely are refused; those that are too long are shortened, once.
    let issuer = parsed.issuer.as_deref().unwrap_or("Hillside School");
    let Ok(uri) = OtpauthUri::new(issuer, parsed.account.expose(), &parsed.key, params) else { return };
    let uri = uri.to_uri();
    let again = parse(uri.expose()).expect("we read what we write");
    assert_eq!(again.key, parsed.key);
    assert_eq!(again.kind, parsed.kind);
    let issuer = again.issuer.as_deref().expect("we write an issuer");
    let twice = OtpauthUri::new(issuer, again.account.expose(), &again.key, params).expect("written twice");
    assert_eq!(twice.to_uri().expose(), uri.expose());
});
