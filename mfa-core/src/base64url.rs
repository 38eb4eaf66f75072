//! Base64url without padding (RFC 4648 §5), for what stands in every record: ids, digests, sealed values.
//!
//! Read and written where it stands, without a text of its own: a record is read at every request.

use std::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::de::{Deserializer, Error, Visitor};
use serde::ser::Serializer;

/// Sealed values and everything shorter are written by way of the stack.
const ON_STACK: usize = 256;

/// The bytes as text.
pub(crate) fn encode(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

/// The bytes of a text that has the length of so many; nothing if it has another or isn't base64url.
pub(crate) fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let read = Base64UrlUnpadded::decode(text, &mut bytes).ok()?.len();
    (read == N).then_some(bytes)
}

/// The bytes of a text of any length; nothing if it isn't base64url.
pub(crate) fn decode_all(text: &str) -> Option<Vec<u8>> {
    Base64UrlUnpadded::decode_vec(text).ok()
}

pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    let mut room = [0; ON_STACK];
    match Base64UrlUnpadded::encode(bytes, &mut room) {
        Ok(text) => serializer.serialize_str(text),
        // Longer than that.
        Err(_) => serializer.serialize_str(&encode(bytes)),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_another_length_or_spelling_is_none() {
        assert_eq!(decode(&encode(&[7; 16])), Some([7; 16]));
        for text in ["", "A", "AAAA", &"A".repeat(21), &"A".repeat(23), &"A".repeat(400)] {
            assert_eq!(decode::<16>(text), None, "{text}");
        }
        // The last letter has bits to spare, which are nought in the one spelling there is.
        assert_eq!(decode::<16>(&format!("{}B", "A".repeat(21))), None);
        for text in ["AB", "AAB", "A+", "A/", "AA==", "Ä"] {
            assert_eq!(decode_all(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_text_is_told_what_belongs_there() {
        #[derive(Debug)]
        struct Read;
        impl<'de> serde::Deserialize<'de> for Read {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserialize(deserializer, |text| decode::<16>(text).map(|_| Self), "sixteen bytes")
            }
        }
        let told = |json: &str| serde_json::from_str::<Read>(json).unwrap_err().to_string();
        assert!(told("7").contains("expected base64url"), "{}", told("7"));
        assert!(told("\"AA\"").contains("sixteen bytes"), "{}", told("\"AA\""));
    }

    #[test]
    fn long_and_short_are_written_alike() {
        struct Spelt(Vec<u8>);
        impl serde::Serialize for Spelt {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serialize(&self.0, serializer)
            }
        }
        for length in [0, 1, 2, 191, 192, 193, 1000] {
            let bytes = vec![0xa5; length];
            let text = serde_json::to_string(&Spelt(bytes.clone())).unwrap();
            assert_eq!(text, format!("\"{}\"", encode(&bytes)), "{length}");
            assert_eq!(decode_all(text.trim_matches('"')), Some(bytes));
        }
    }
}
