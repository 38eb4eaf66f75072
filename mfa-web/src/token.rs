//! The token against forged forms: 32 random bytes a session, compared in constant time.

use std::fmt::Write as _;

use mfa_core::fault::Fault;
use mfa_core::secret::SecretText;
use mfa_core::service::Mfa;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A session's token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token(SecretText);

impl Token {
    pub(crate) fn new(mfa: &Mfa) -> Result<Self, Fault> {
        let mut bytes = [0; 32];
        mfa.fill_random(&mut bytes)?;
        let mut text = String::with_capacity(64);
        for byte in bytes {
            let _ = write!(text, "{byte:02x}");
        }
        Ok(Self(SecretText::new(text)))
    }

    pub(crate) fn as_secret(&self) -> &SecretText {
        &self.0
    }

    /// `SecretText` compares in constant time.
    pub(crate) fn is(&self, sent: &SecretText) -> bool {
        self.0 == *sent
    }
}

impl Serialize for Token {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Into the server-side session.
        serializer.serialize_str(self.0.expose())
    }
}

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(SecretText::new(text)))
    }
}
