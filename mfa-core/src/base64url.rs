//! Base64url without padding (RFC 4648 §5), for what stands in every record: ids, digests, sealed values.
//!
//! A record is read and written at every request, and a quarter of that went into this spelling one character at a time. Here
//! a piece of 24 is turned at once, still without a branch or a table: how long it takes depends on the length alone.

use std::fmt;

use serde::de::{Deserializer, Error, Visitor};
use serde::ser::Serializer;

/// How many characters are turned at once, and how many bytes they stand for.
const LETTERS: usize = 24;
const BYTES: usize = LETTERS / 4 * 3;

/// Sealed values and everything shorter are written by way of the stack.
const ON_STACK: usize = 256;

/// The bytes as text.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = vec![0; letters_of(bytes.len())];
    write(bytes, &mut text);
    // Letters only, so that this can't fail.
    String::from_utf8(text).unwrap_or_default()
}

/// The bytes of a text that has the length of so many; nothing if it has another or isn't base64url.
pub(crate) fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    (text.len() == letters_of(N) && read(text.as_bytes(), &mut bytes)).then_some(bytes)
}

/// The bytes of a text of any length; nothing if it isn't base64url.
pub(crate) fn decode_all(text: &str) -> Option<Vec<u8>> {
    let whole = text.len() / 4 * 3;
    let rest = match text.len() % 4 {
        0 => 0,
        1 => return None,
        letters => letters - 1,
    };
    let mut bytes = vec![0; whole + rest];
    read(text.as_bytes(), &mut bytes).then_some(bytes)
}

pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    let mut room = [0; ON_STACK];
    match room.get_mut(..letters_of(bytes.len())) {
        Some(text) => {
            write(bytes, text);
            serializer.serialize_str(std::str::from_utf8(text).unwrap_or_default())
        }
        None => serializer.serialize_str(&encode(bytes)),
    }
}

/// Reads a text by `read`; `wrong` says what it is not. The text is looked at where it stands, not copied first.
pub(crate) fn deserialize<'de, T, D: Deserializer<'de>>(
    deserializer: D,
    read: fn(&str) -> Option<T>,
    wrong: &'static str,
) -> Result<T, D::Error> {
    struct Text<T> {
        read: fn(&str) -> Option<T>,
        wrong: &'static str,
    }

    impl<T> Visitor<'_> for Text<T> {
        type Value = T;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("base64url")
        }
        fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
            (self.read)(text).ok_or_else(|| E::custom(self.wrong))
        }
    }

    deserializer.deserialize_str(Text { read, wrong })
}

const fn letters_of(bytes: usize) -> usize {
    (bytes * 4).div_ceil(3)
}

/// `text` has room for exactly what is written.
fn write(bytes: &[u8], text: &mut [u8]) {
    for (bytes, text) in bytes.chunks(BYTES).zip(text.chunks_mut(LETTERS)) {
        let mut padded = [0; BYTES];
        if let Some(front) = padded.get_mut(..bytes.len()) {
            front.copy_from_slice(bytes);
        }
        let mut letters = [0; LETTERS];
        let (threes, fours) = (padded.as_chunks::<3>().0, letters.as_chunks_mut::<4>().0);
        for ([a, b, c], four) in threes.iter().zip(fours) {
            *four = [a >> 2, (a << 4 | b >> 4) & 63, (b << 2 | c >> 6) & 63, c & 63];
        }
        letters.iter_mut().for_each(|letter| *letter = letter_for(*letter));
        if let Some(front) = letters.get(..text.len()) {
            text.copy_from_slice(front);
        }
    }
}

/// `bytes` has room for exactly what is read. Says whether it was base64url, and the only spelling of these bytes.
fn read(text: &[u8], bytes: &mut [u8]) -> bool {
    let (mut wrong, mut left_over) = (0, 0);
    for (text, bytes) in text.chunks(LETTERS).zip(bytes.chunks_mut(BYTES)) {
        let mut letters = [b'A'; LETTERS];
        if let Some(front) = letters.get_mut(..text.len()) {
            front.copy_from_slice(text);
        }
        for letter in &mut letters {
            let bits = bits_of(*letter);
            wrong |= bits;
            *letter = bits as u8;
        }
        let mut whole = [0; BYTES];
        let (threes, fours) = (whole.as_chunks_mut::<3>().0, letters.as_chunks::<4>().0);
        for (three, [a, b, c, d]) in threes.iter_mut().zip(fours) {
            *three = [a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d];
        }
        let (front, rest) = whole.split_at_checked(bytes.len()).unwrap_or((&[], &whole));
        left_over = rest.iter().fold(left_over, |seen, byte| seen | byte);
        if front.len() == bytes.len() {
            bytes.copy_from_slice(front);
        }
    }
    wrong >= 0 && left_over == 0
}

/// The letter for six bits.
fn letter_for(bits: u8) -> u8 {
    let bits = i16::from(bits);
    // All ones from `first` on, else none.
    let from = |first: i16| (first - 1 - bits) >> 8;
    let letter =
        bits + i16::from(b'A') + (from(26) & 6) - (from(52) & 75) - (from(62) & 13) + (from(63) & 49);
    letter as u8
}

/// The six bits of a letter; negative if it is none of ours.
fn bits_of(letter: u8) -> i16 {
    let letter = i16::from(letter);
    // All ones for what lies between, both included, else none.
    let within = |low: u8, high: u8| ((i16::from(low) - 1 - letter) & (letter - 1 - i16::from(high))) >> 8;
    (within(b'A', b'Z') & (letter - 64))
        + (within(b'a', b'z') & (letter - 70))
        + (within(b'0', b'9') & (letter + 5))
        + (within(b'-', b'-') & 63)
        + (within(b'_', b'_') & 64)
        - 1
}

#[cfg(test)]
mod tests {
    use base64ct::{Base64UrlUnpadded, Encoding};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_letter_is_the_one_of_the_standard() {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        for (bits, letter) in (0_u8..).zip(alphabet) {
            assert_eq!(letter_for(bits), *letter);
        }
        for letter in 0..=u8::MAX {
            let place = alphabet.iter().position(|one| *one == letter);
            assert_eq!(bits_of(letter), place.map_or(-1, |place| i16::try_from(place).unwrap()), "{letter}");
        }
    }

    #[test]
    fn a_text_of_another_length_or_spelling_is_none() {
        assert_eq!(decode(&encode(&[7; 16])), Some([7; 16]));
        for text in ["", "A", "AAAA", &"A".repeat(21), &"A".repeat(23), &"A".repeat(400)] {
            assert_eq!(decode::<16>(text), None, "{text}");
        }
        // The last letter has bits to spare, which are nought in the one spelling there is.
        assert_eq!(decode::<16>(&format!("{}B", "A".repeat(21))), None);
        assert_eq!(decode_all("AB"), None);
        assert_eq!(decode_all("AAB"), None);
    }

    fn theirs(text: &str) -> Option<Vec<u8>> {
        Base64UrlUnpadded::decode_vec(text).ok()
    }

    proptest! {
        #[test]
        fn bytes_are_spelt_as_the_crate_spells_them(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let text = Base64UrlUnpadded::encode_string(&bytes);
            prop_assert_eq!(&encode(&bytes), &text);
            prop_assert_eq!(serde_json::to_string(&Spelt(&bytes)).unwrap(), format!("\"{text}\""));
            prop_assert_eq!(decode_all(&text), Some(bytes));
        }

        #[test]
        fn texts_are_read_as_the_crate_reads_them(text in "[-_A-Za-z0-9]{0,100}") {
            prop_assert_eq!(decode_all(&text), theirs(&text));
        }

        #[test]
        fn one_letter_that_is_none_makes_it_none(text in "[-_A-Za-z0-9]{0,60}", at in 0..60usize, letter in any::<char>()) {
            let mut text = text;
            text.insert(at.min(text.len()), letter);
            prop_assert_eq!(decode_all(&text), theirs(&text));
        }
    }

    struct Spelt<'a>(&'a [u8]);
    impl serde::Serialize for Spelt<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serialize(self.0, serializer)
        }
    }
}
