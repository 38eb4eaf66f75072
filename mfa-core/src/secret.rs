//! Secret bytes and text: redacted in `Debug`, no `Display`, no serde, wiped when dropped.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Secret bytes, such as the shared key of an authenticator app.
///
/// They are wiped from memory on drop and print as `[redacted]`. Comparison takes the same time whatever
/// the contents; only the length can be learned from it.
#[derive(Clone)]
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// Takes ownership of bytes that are to be kept secret from here on.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes in the clear. Name the reason at the call: every use of this is worth a reviewer's look.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Vec<u8>> for SecretBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(bytes)
    }
}

impl PartialEq for SecretBytes {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for SecretBytes {}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Secret text, such as a code, a backup code, an e-mail address or an otpauth URI.
///
/// Wiped from memory on drop; prints as `[redacted]`; compared in constant time.
///
/// ```
/// use mfa_core::secret::SecretText;
///
/// let code = SecretText::new("492039".to_owned());
/// assert_eq!(format!("{code:?}"), "[redacted]");
/// assert_eq!(code.expose(), "492039");
/// ```
#[derive(Clone)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Takes ownership of text that is to be kept secret from here on.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text in the clear. Name the reason at the call: every use of this is worth a reviewer's look.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// How many bytes the text has.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the text is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for SecretText {
    fn from(text: &str) -> Self {
        Self::new(text.to_owned())
    }
}

impl PartialEq for SecretText {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for SecretText {}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_is_redacted() {
        assert_eq!(format!("{:?}", SecretBytes::new(vec![1, 2, 3])), "[redacted]");
        assert_eq!(format!("{:?}", SecretText::from("hunter2")), "[redacted]");
    }

    #[test]
    fn equality_is_by_content() {
        assert_eq!(SecretText::from("a"), SecretText::from("a"));
        assert_ne!(SecretText::from("a"), SecretText::from("b"));
        assert_ne!(SecretBytes::new(vec![1]), SecretBytes::new(vec![1, 2]));
    }

    #[test]
    fn length_and_emptiness_are_told() {
        assert!(SecretText::from("").is_empty() && !SecretText::from("a").is_empty());
        assert_eq!(SecretText::from("é").len(), 2);
        assert!(SecretBytes::new(vec![]).is_empty() && !SecretBytes::new(vec![0]).is_empty());
    }
}
