//! Any text as a typed code: only digits come out, and the same again from what came out, however it is spelt.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mfa_core::factor::key::Digits;
use mfa_core::factor::typed::read_code;

fuzz_target!(|text: &str| {
    for digits in [Digits::SIX, Digits::SEVEN, Digits::EIGHT] {
        let Ok(code) = read_code(text, digits) else { continue };
        let plain = code.expose();
        assert_eq!(plain.len(), usize::from(digits.as_u8()));
        assert!(plain.bytes().all(|byte| byte.is_ascii_digit()));
        let (front, back) = plain.split_at(3);
        for spelling in [plain.to_owned(), format!(" {front} {back}\n"), format!("{front}\u{2011}{back}")] {
            assert_eq!(read_code(&spelling, digits).expect("a spelling of a code").expose(), plain);
        }
    }
});
