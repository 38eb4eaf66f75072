//! Reads backup codes as people type them, into the one spelling that is hashed.

use std::fmt;

use zeroize::Zeroizing;

use crate::factor::typed::meaningful;
use crate::refusal::Refusal;

/// How many characters a code has, without its hyphens: 16 of 32 kinds are 80 bits, more than the 64 that
/// NIST SP 800-63B-4 §4.2.1.1 asks of a saved recovery code.
pub const CODE_CHARACTERS: u8 = 16;

pub(super) const CODE_LEN: usize = CODE_CHARACTERS as usize;

/// Crockford's base 32: no I, L, O or U, which are misread or make words.
pub(super) const ALPHABET: [u8; 32] = *b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// More than a page of codes pasted by mistake; enough to say how long it was, too little to keep us busy.
const MAX_TYPED_BYTES: usize = 1024;

/// A backup code as a person typed it, in the one spelling that is hashed. Redacted, wiped on drop.
pub struct TypedBackupCode(Zeroizing<[u8; CODE_LEN]>);

impl TypedBackupCode {
    /// What is hashed.
    pub(super) fn spelling(&self) -> &[u8] {
        self.0.as_slice()
    }
}

impl fmt::Debug for TypedBackupCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TypedBackupCode([redacted])")
    }
}

/// Reads a backup code as a person typed or pasted it.
///
/// Case, spaces, hyphens and dashes of any kind, punctuation and invisible characters don't matter; O is read as 0, I and
/// L as 1; full-width characters are taken for plain ones. Every spelling of a code is the same code, so
/// that a used one can't come back spelt otherwise (CVE-2025-6014).
///
/// # Errors
/// [`Refusal::CodeCharacters`] or [`Refusal::CodeLength`]: what was typed can't be a code. Tell the person
/// and don't count it.
///
/// ```
/// use mfa_core::factor::backup::read_backup_code;
///
/// assert!(read_backup_code(" 7kq3-9wme 2t0p-xv4i ").is_ok());
/// assert!(read_backup_code("123456").is_err());
/// ```
pub fn read_backup_code(typed: &str) -> Result<TypedBackupCode, Refusal> {
    let wrong_length = |typed: usize| Refusal::CodeLength {
        expected: CODE_CHARACTERS,
        typed: u8::try_from(typed).unwrap_or(u8::MAX),
    };
    if typed.len() > MAX_TYPED_BYTES {
        return Err(wrong_length(usize::MAX));
    }
    let mut code = TypedBackupCode(Zeroizing::new([0; CODE_LEN]));
    let mut count = 0;
    for character in meaningful(typed) {
        let folded = match character.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        };
        let symbol = u8::try_from(folded)
            .ok()
            .filter(|symbol| ALPHABET.contains(symbol))
            .ok_or(Refusal::CodeCharacters)?;
        if let Some(place) = code.0.get_mut(count) {
            *place = symbol;
        }
        count += 1;
    }
    if count == CODE_LEN { Ok(code) } else { Err(wrong_length(count)) }
}
