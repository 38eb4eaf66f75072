//! Names of things: tenants, users, factors, challenges, and the session a challenge is bound to.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use thiserror::Error;

use crate::base64url;
use crate::secret::SecretBytes;

/// The most bytes a [`TenantId`] or [`UserId`] may have.
pub const MAX_NAME_BYTES: usize = 255;

/// A name that can't be used as an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IdError {
    /// The name is empty.
    #[error("an id must not be empty")]
    Empty,
    /// The name has more than [`MAX_NAME_BYTES`] bytes.
    #[error("an id must have at most {MAX_NAME_BYTES} bytes")]
    TooLong,
    /// The name has a control character in it.
    #[error("an id must not have control characters")]
    Control,
    /// Not the text form of an id of ours.
    #[error("not an id")]
    Malformed,
}

fn checked(name: &str) -> Result<Arc<str>, IdError> {
    if name.is_empty() {
        Err(IdError::Empty)
    } else if name.len() > MAX_NAME_BYTES {
        Err(IdError::TooLong)
    } else if name.chars().any(char::is_control) {
        Err(IdError::Control)
    } else {
        Ok(name.into())
    }
}

macro_rules! opaque_name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(
            // Whoever is signing in is named at every step of it.
            Arc<str>,
        );

        impl $name {
            /// Takes a name as it is: no trimming, no folding of case.
            ///
            /// # Errors
            /// If it is empty, longer than [`MAX_NAME_BYTES`] or has control characters.
            pub fn new(name: impl Into<String>) -> Result<Self, IdError> {
                checked(&name.into()).map(Self)
            }

            /// The name as it was given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(name: String) -> Result<Self, IdError> {
                Self::new(name)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(name: &str) -> Result<Self, IdError> {
                checked(name).map(Self)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0.as_ref().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Name;

                impl de::Visitor<'_> for Name {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("a name")
                    }
                    fn visit_str<E: de::Error>(self, name: &str) -> Result<$name, E> {
                        checked(name).map($name).map_err(E::custom)
                    }
                }

                deserializer.deserialize_str(Name)
            }
        }
    };
}

opaque_name! {
    /// One portal among several that share a store. Everything is kept apart by tenant.
    TenantId
}

opaque_name! {
    /// The host's *immutable* id of a user, compared byte for byte.
    ///
    /// Pass the primary key, never a login name or an e-mail address: names change, and two spellings of
    /// one name would be two accounts (CVE-2026-9091, CVE-2025-55001).
    UserId
}

impl Default for TenantId {
    fn default() -> Self {
        Self("default".into())
    }
}

/// Which account: a user of a tenant.
///
/// ```
/// use mfa_core::id::{AccountKey, UserId};
///
/// let key = AccountKey::of_user(UserId::new("42")?);
/// assert_eq!(key.user().as_str(), "42");
/// # Ok::<(), mfa_core::id::IdError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AccountKey {
    tenant: TenantId,
    user: UserId,
}

impl AccountKey {
    /// The account of `user` at `tenant`.
    pub fn new(tenant: TenantId, user: UserId) -> Self {
        Self { tenant, user }
    }

    /// The account of `user` where there is only one tenant.
    pub fn of_user(user: UserId) -> Self {
        Self::new(TenantId::default(), user)
    }

    /// The tenant.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The user.
    pub fn user(&self) -> &UserId {
        &self.user
    }
}

macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// From 16 random bytes.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The 16 bytes.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        /// 22 characters of unpadded base64url: fit for a path or a form field.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&base64url::encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                base64url::decode(text).map(Self).ok_or(IdError::Malformed)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                base64url::serialize(&self.0, serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                base64url::deserialize(deserializer, base64url::decode, "not an id").map(Self)
            }
        }
    };
}

random_id! {
    /// One bound factor of an account. Public: it may stand in pages and events.
    FactorId
}

random_id! {
    /// One challenge of an account. Not a secret: what opens a challenge is its [`Binding`].
    ChallengeId
}

random_id! {
    /// One event in the record.
    EventId
}

/// The secret that ties a challenge to the session that began it: 32 random bytes kept in that session.
///
/// The account stores only its SHA-256, so a copy of the store opens nobody's challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding(SecretBytes);

impl Binding {
    /// From 32 random bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(SecretBytes::new(bytes.to_vec()))
    }

    /// What the account keeps of it.
    pub fn digest(&self) -> BindingDigest {
        BindingDigest(Sha256::digest(self.0.expose()).into())
    }
}

/// Serialised for the server-side session only.
impl Serialize for Binding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Base64UrlUnpadded::encode_string(self.0.expose()))
    }
}

impl<'de> Deserialize<'de> for Binding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes =
            Base64UrlUnpadded::decode_vec(&text).map_err(|_| de::Error::custom(IdError::Malformed))?;
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| de::Error::custom(IdError::Malformed))?;
        Ok(Self::from_bytes(bytes))
    }
}

/// The SHA-256 of a [`Binding`].
#[derive(Clone, Copy, Debug)]
pub struct BindingDigest([u8; 32]);

impl PartialEq for BindingDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for BindingDigest {}

impl Serialize for BindingDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        base64url::serialize(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for BindingDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        base64url::deserialize(deserializer, base64url::decode, "not an id").map(Self)
    }
}

/// Which generation of an account's sessions is alive. A new one ends every session of the old.
///
/// `Epoch::NONE` belongs to accounts that have no record yet; every other is random, so that an account
/// erased and made again never revives an old session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(u64);

impl Epoch {
    /// The epoch of an account without a record.
    pub const NONE: Self = Self(0);

    /// A fresh epoch from random bytes; never [`Epoch::NONE`]. 53 bits, so that JSON readers keep it whole.
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self((u64::from_le_bytes(bytes) >> 11) | 1)
    }

    pub(crate) const fn from_number(number: u64) -> Self {
        Self(number)
    }

    pub(crate) const fn number(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_exactly_or_not_at_all() {
        assert_eq!(UserId::new(""), Err(IdError::Empty));
        assert_eq!(UserId::new("a\nb"), Err(IdError::Control));
        assert_eq!(UserId::new("x".repeat(256)), Err(IdError::TooLong));
        assert_ne!(UserId::new("Ann").unwrap(), UserId::new("ann").unwrap());
    }

    #[test]
    fn a_name_is_kept_as_it_is_and_checked_when_it_comes_back() {
        let name = UserId::new("a\"b é").unwrap();
        let json = serde_json::to_string(&name).unwrap();
        assert_eq!(json, "\"a\\\"b é\"");
        assert_eq!(serde_json::from_str::<UserId>(&json).unwrap(), name);
        assert_eq!(String::from(name), "a\"b é");
        let told = |json: &str| serde_json::from_str::<UserId>(json).unwrap_err().to_string();
        assert!(told("\"\"").contains("must not be empty"), "{}", told("\"\""));
        assert!(told("\"a\\n\"").contains("control"), "{}", told("\"a\\n\""));
        assert!(told("7").contains("expected a name"), "{}", told("7"));
    }

    #[test]
    fn random_ids_round_trip_and_reject_other_spellings() {
        let id = FactorId::from_bytes([7; 16]);
        assert_eq!(id.to_string().parse::<FactorId>(), Ok(id));
        assert_eq!("".parse::<FactorId>(), Err(IdError::Malformed));
        assert_eq!(format!("{id}=").parse::<FactorId>(), Err(IdError::Malformed));
        assert_eq!("A".repeat(400).parse::<FactorId>(), Err(IdError::Malformed));
    }

    #[test]
    fn a_binding_is_redacted_and_only_its_digest_is_compared() {
        let binding = Binding::from_bytes([9; 32]);
        assert!(!format!("{binding:?}").contains('9'));
        assert_eq!(binding.digest(), Binding::from_bytes([9; 32]).digest());
        assert_ne!(binding.digest(), Binding::from_bytes([8; 32]).digest());
    }

    #[test]
    fn an_epoch_is_never_none() {
        assert_ne!(Epoch::from_bytes([0; 8]), Epoch::NONE);
    }

    #[test]
    fn a_name_of_255_bytes_is_taken() {
        assert_eq!(UserId::new("x".repeat(255)).unwrap().as_str().len(), 255);
    }

    #[test]
    fn an_epoch_has_53_bits_and_none_of_them_undoes_another() {
        assert_eq!(
            serde_json::to_string(&Epoch::from_bytes([0xff; 8])).unwrap(),
            ((1u64 << 53) - 1).to_string()
        );
        // The lowest bit that counts is set already here: it must not be cleared.
        assert_eq!(serde_json::to_string(&Epoch::from_bytes([0, 8, 0, 0, 0, 0, 0, 0])).unwrap(), "1");
    }
}
