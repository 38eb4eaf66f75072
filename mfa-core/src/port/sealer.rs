//! The sealer port: encrypts secrets at rest, each bound to its place.

#[cfg(feature = "keyring")]
mod key_ring;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::base64url;
use crate::fault::Fault;
use crate::id::AccountKey;
use crate::port::entropy::Entropy;
use crate::secret::SecretBytes;

#[cfg(feature = "keyring")]
pub use self::key_ring::KeyRing;

/// Where a sealed value stands. A value opens only in the place it was sealed for.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The account.
    pub account: &'a AccountKey,
    /// The factor or challenge, by the bytes of its id.
    pub item: &'a [u8; 16],
    /// The field, such as `totp.key`.
    pub field: &'static str,
}

impl Place<'_> {
    /// One unambiguous byte string for the place: every part with its length before it.
    ///
    /// For sealers to authenticate (as associated data) or to derive keys from; `domain` keeps uses apart.
    pub fn encode(&self, domain: &str) -> Vec<u8> {
        let parts: [&[u8]; 5] = [
            domain.as_bytes(),
            self.account.tenant().as_str().as_bytes(),
            self.account.user().as_str().as_bytes(),
            self.item,
            self.field.as_bytes(),
        ];
        let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
        for part in parts {
            bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
            bytes.extend_from_slice(part);
        }
        bytes
    }
}

macro_rules! opaque_bytes {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name(Vec<u8>);

        impl $name {
            /// From the bytes a sealer made.
            pub fn from_bytes(bytes: Vec<u8>) -> Self {
                Self(bytes)
            }

            /// The bytes, for a sealer to read.
            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!("[", stringify!($name), "]"))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                base64url::serialize(&self.0, serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                base64url::deserialize(deserializer, base64url::decode_all, "not base64url").map(Self)
            }
        }
    };
}

opaque_bytes! {
    /// A value encrypted for one place.
    Sealed
}

opaque_bytes! {
    /// A keyed fingerprint of a value in one place.
    Fingerprint
}

/// Encrypts secrets and contact details at rest, and fingerprints short codes with a key.
///
/// Both are bound to their [`Place`]: moved to another account, factor or field, a value is a fault.
pub trait Sealer: Send + Sync + 'static {
    /// Encrypts `plain` for `place`.
    ///
    /// # Errors
    /// If randomness or the key service fails.
    fn seal(&self, entropy: &dyn Entropy, place: Place<'_>, plain: &[u8]) -> Result<Sealed, Fault>;

    /// Decrypts what was sealed for `place`.
    ///
    /// # Errors
    /// If no key of the ring opens it: altered, moved, or its key was dropped.
    fn open(&self, place: Place<'_>, sealed: &Sealed) -> Result<SecretBytes, Fault>;

    /// Whether it was sealed with the key that seals now; if not, it is sealed afresh on the next commit.
    fn is_current(&self, sealed: &Sealed) -> bool;

    /// A keyed fingerprint, for codes too short to be safe as a plain hash.
    ///
    /// # Errors
    /// If the key service fails.
    fn fingerprint(&self, place: Place<'_>, value: &[u8]) -> Result<Fingerprint, Fault>;

    /// Whether `value` has this fingerprint, in constant time, by the key it was made with.
    ///
    /// # Errors
    /// If that key is no longer in the ring.
    fn matches(&self, place: Place<'_>, value: &[u8], fingerprint: &Fingerprint) -> Result<bool, Fault>;
}
