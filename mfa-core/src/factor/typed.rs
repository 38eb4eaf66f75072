//! Codes as people type them: spaces, dashes and full-width digits are forgiven, nothing else is.

use std::fmt;

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use crate::factor::key::Digits;
use crate::refusal::Refusal;

/// More than a code takes in any spelling; what is longer is not read at all.
const MAX_INPUT: usize = 256;

/// The digits a person typed, after [`read_code`] has forgiven the spelling.
///
/// Text, never a number, so that leading zeros count. No heap; prints as `[redacted]`; wiped on drop.
#[derive(Clone)]
pub struct TypedCode {
    ascii: Zeroizing<[u8; Digits::MAX]>,
    digits: Digits,
}

impl TypedCode {
    /// The digits in the clear, for computing a keyed hash of a delivered code.
    pub fn expose(&self) -> &str {
        as_text(&self.ascii, self.digits)
    }

    /// How many digits there are.
    pub fn digits(&self) -> Digits {
        self.digits
    }

    /// The number the digits make, to be compared with a code of `digits` digits in constant time. Typed codes of another
    /// length give a number that no code has.
    pub(crate) fn number(&self, digits: Digits) -> u32 {
        if self.digits != digits {
            return u32::MAX;
        }
        let used = self.ascii.iter().take(usize::from(digits.as_u8()));
        used.fold(0, |number, digit| number * 10 + u32::from(digit & 0x0f))
    }
}

impl fmt::Debug for TypedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

pub(crate) fn as_text(ascii: &[u8; Digits::MAX], digits: Digits) -> &str {
    ascii.get(..usize::from(digits.as_u8())).and_then(|used| str::from_utf8(used).ok()).unwrap_or_default()
}

/// Reads a code of `digits` digits from what a person typed or pasted.
///
/// Spaces, dashes, invisible characters and common punctuation are dropped, and compatibility forms such as
/// full-width digits are folded (NFKC). Exactly `digits` ASCII digits must be left. An underscore, a sign or
/// the digits of another script are not digits of a code: `12_3456` is refused, never read as a number.
///
/// ```
/// use mfa_core::factor::key::Digits;
/// use mfa_core::factor::typed::read_code;
///
/// assert_eq!(read_code(" 012-345 ", Digits::SIX)?.expose(), "012345");
/// # Ok::<(), mfa_core::refusal::Refusal>(())
/// ```
///
/// # Errors
/// [`Refusal::CodeLength`] for too few or too many digits, [`Refusal::CodeCharacters`] for anything else. Neither
/// is a guess, so neither should be counted as one.
pub fn read_code(typed: &str, digits: Digits) -> Result<TypedCode, Refusal> {
    let expected = digits.as_u8();
    if typed.len() > MAX_INPUT {
        return Err(Refusal::CodeLength { expected, typed: u8::MAX });
    }
    let mut code = TypedCode { ascii: Zeroizing::new([0; Digits::MAX]), digits };
    let mut count = 0_u8;
    for character in meaningful(typed) {
        if !character.is_ascii_digit() {
            return Err(Refusal::CodeCharacters);
        }
        if let Some(place) = code.ascii.get_mut(usize::from(count)) {
            *place = character as u8;
        }
        count = count.saturating_add(1);
    }
    if count == expected { Ok(code) } else { Err(Refusal::CodeLength { expected, typed: count }) }
}

/// What is left of a typed code of any kind: compatibility forms such as full-width characters made plain (NFKC),
/// and without what is forgiven.
pub(crate) fn meaningful(typed: &str) -> impl Iterator<Item = char> + '_ {
    typed.nfkc().filter(|&character| !is_forgiven(character))
}

/// What people and the programs they copy from put between or around the characters of a code. The underscore is left out on
/// purpose (number parsers skip it), and so are `+` and `%`, which are signs or encodings elsewhere.
fn is_forgiven(character: char) -> bool {
    character.is_whitespace()
        || matches!(character,
            // Hyphens, dashes and the minus sign.
            '-' | '\u{2010}'..='\u{2015}' | '\u{2043}' | '\u{2212}'
            // Invisible: soft hyphen, joiners, direction marks and isolates, byte order mark, variation selectors.
            | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fe00}'..='\u{fe0f}'
            // Punctuation, and the quotation marks that word processors make.
            | '.' | ',' | ':' | ';' | '\'' | '"' | '(' | ')' | '[' | ']' | '/' | '#' | '\u{b7}' | '\u{2022}'
            | '\u{2018}'..='\u{201f}' | '\u{2039}' | '\u{203a}' | '\u{ab}' | '\u{bb}' | '\u{3001}' | '\u{3002}')
}
