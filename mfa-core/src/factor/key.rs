//! What a one-time password is made with: the shared key, the hash, the number of digits and the period.

use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::config::ConfigError;
use crate::fault::Fault;
use crate::port::entropy::Entropy;
use crate::secret::{SecretBytes, SecretText};

/// The hash inside the HMAC (RFC 6238 §1.2).
///
/// SHA-1 is the default because it is the only one that every authenticator app accepts; some silently
/// compute with SHA-1 whatever they are told. HMAC does not need the collision resistance that SHA-1 lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// HMAC-SHA-1, as in RFC 4226.
    #[default]
    Sha1,
    /// HMAC-SHA-256. Not every app can do it.
    Sha256,
    /// HMAC-SHA-512. Not every app can do it.
    Sha512,
}

impl Algorithm {
    /// The name an otpauth URI uses: `SHA1`, `SHA256` or `SHA512`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }
}

/// How many digits a code has: 6, 7 or 8 (RFC 4226 §5.3). Six unless said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Digits(u8);

impl Digits {
    /// Six digits: what every authenticator app shows.
    pub const SIX: Self = Self(6);
    /// Seven digits.
    pub const SEVEN: Self = Self(7);
    /// Eight digits: not every app can show them.
    pub const EIGHT: Self = Self(8);
    /// The most digits a code can have.
    pub const MAX: usize = 8;

    /// That many digits.
    ///
    /// # Errors
    /// Unless it is 6, 7 or 8.
    pub fn new(digits: u8) -> Result<Self, ConfigError> {
        match digits {
            6..=8 => Ok(Self(digits)),
            _ => Err(ConfigError::new(
                "digits",
                format!("{digits} digits is not a length RFC 4226 allows"),
                "use 6, 7 or 8",
            )),
        }
    }

    /// The number of digits.
    pub const fn as_u8(self) -> u8 {
        self.0
    }
}

impl Default for Digits {
    fn default() -> Self {
        Self::SIX
    }
}

impl TryFrom<u8> for Digits {
    type Error = ConfigError;

    fn try_from(digits: u8) -> Result<Self, ConfigError> {
        Self::new(digits)
    }
}

impl From<Digits> for u8 {
    fn from(digits: Digits) -> Self {
        digits.0
    }
}

/// How long a time step is: 15 to 120 seconds, 30 unless said otherwise.
///
/// The upper bound is NIST SP 800-63B-4 §3.1.4.1, which wants a new code at least every two minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Period(u8);

impl Period {
    /// A step of that many seconds.
    ///
    /// # Errors
    /// Unless it is 15 to 120.
    pub fn from_seconds(seconds: u64) -> Result<Self, ConfigError> {
        u8::try_from(seconds).ok().filter(|seconds| (15..=120).contains(seconds)).map(Self).ok_or_else(|| {
            ConfigError::new(
                "period",
                format!("a step of {seconds} seconds is out of bounds"),
                "use 15 to 120 seconds; 30 is what apps expect",
            )
        })
    }

    /// The length of a step, in seconds. Never zero.
    pub const fn as_seconds(self) -> u64 {
        self.0 as u64
    }
}

impl Default for Period {
    fn default() -> Self {
        Self(30)
    }
}

impl TryFrom<u64> for Period {
    type Error = ConfigError;

    fn try_from(seconds: u64) -> Result<Self, ConfigError> {
        Self::from_seconds(seconds)
    }
}

impl From<Period> for u64 {
    fn from(period: Period) -> Self {
        period.as_seconds()
    }
}

/// Why a shared key was refused. Never says anything about its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// It is shorter than 128 bits, the least RFC 4226 §4 (R6) allows.
    #[error("the key has {bits} bits, the least is 128")]
    TooShort {
        /// How many it has.
        bits: u16,
    },
    /// It is longer than 1024 bits, more than any app or token uses.
    #[error("the key is longer than 128 bytes")]
    TooLong,
    /// It is not canonical base32 (RFC 4648 §6).
    #[error("the key is not base32")]
    NotBase32,
}

/// The key that the portal and the authenticator app share.
///
/// Made by [`SharedKey::generate`]; the other ways in are for importing keys that exist already, such as those
/// of hardware tokens or of the system that went before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedKey(SecretBytes);

impl SharedKey {
    /// The least length of an imported key, in bytes: the 128 bits of RFC 4226 §4 (R6).
    pub const MIN_BYTES: usize = 16;
    /// The greatest length of an imported key, in bytes.
    pub const MAX_BYTES: usize = 128;
    /// The length of a generated key, in bytes: the 160 bits that RFC 4226 §4 (R6) recommends. It fills
    /// 32 base32 characters exactly, so that no padding arises that an app might stumble over.
    pub const GENERATED_BYTES: usize = 20;

    /// A new random key of 160 bits.
    ///
    /// # Errors
    /// If there is no randomness to be had: there is no weaker key to fall back to.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, Fault> {
        let mut bytes = vec![0; Self::GENERATED_BYTES];
        entropy.fill(&mut bytes)?;
        Ok(Self(SecretBytes::new(bytes)))
    }

    /// Imports a key that exists already.
    ///
    /// # Errors
    /// If it is shorter than 16 bytes or longer than 128.
    pub fn from_bytes(bytes: SecretBytes) -> Result<Self, KeyError> {
        match bytes.len() {
            0..Self::MIN_BYTES => Err(KeyError::TooShort { bits: bytes.len() as u16 * 8 }),
            Self::MIN_BYTES..=Self::MAX_BYTES => Ok(Self(bytes)),
            _ => Err(KeyError::TooLong),
        }
    }

    /// Imports a key written in base32, as people copy it: see [`decode_base32`].
    ///
    /// ```
    /// use mfa_core::factor::key::SharedKey;
    ///
    /// let key = SharedKey::from_base32("gezd gnbv gy3t qojq gezd gnbv gy3t qojq")?;
    /// assert_eq!(key.to_base32().expose(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    /// # Ok::<(), mfa_core::factor::key::KeyError>(())
    /// ```
    ///
    /// # Errors
    /// If it is not base32, or as for [`SharedKey::from_bytes`].
    pub fn from_base32(text: &str) -> Result<Self, KeyError> {
        Self::from_bytes(decode_base32(text)?)
    }

    /// The key in base32: upper case, without padding.
    pub fn to_base32(&self) -> SecretText {
        SecretText::new(encode_base32(self.0.expose()))
    }

    /// The key in base32 with a space after every fourth character, for a person to copy from a page.
    pub fn to_base32_in_fours(&self) -> SecretText {
        let plain = self.to_base32();
        let mut grouped = String::with_capacity(plain.len() + plain.len() / 4);
        for (position, character) in plain.expose().chars().enumerate() {
            if position > 0 && position % 4 == 0 {
                grouped.push(' ');
            }
            grouped.push(character);
        }
        SecretText::new(grouped)
    }

    /// The key itself, for sealing it.
    pub fn as_secret(&self) -> &SecretBytes {
        &self.0
    }
}

/// Far more than the longest key takes, written in groups of four and padded.
const MAX_BASE32_INPUT: usize = 512;

/// Reads base32 (RFC 4648 §6) as people copy it: spaces and hyphens are dropped, case is folded, padding may be
/// there if it is right.
///
/// Only the canonical spelling of some bytes passes, so that two keys that look different are different.
/// `0`, `1`, `8` and `9` are outside the alphabet and are not guessed at.
///
/// # Errors
/// [`KeyError::NotBase32`], or [`KeyError::TooLong`] for more text than any key takes.
pub fn decode_base32(text: &str) -> Result<SecretBytes, KeyError> {
    if text.len() > MAX_BASE32_INPUT {
        return Err(KeyError::TooLong);
    }
    let mut folded = Zeroizing::new(String::with_capacity(MAX_BASE32_INPUT));
    folded.extend(text.chars().filter(|c| !c.is_whitespace() && *c != '-').map(|c| c.to_ascii_uppercase()));
    let body = folded.trim_end_matches('=');
    let padded = body.len() < folded.len();
    if padded && folded.len() != body.len().next_multiple_of(8) {
        return Err(KeyError::NotBase32);
    }
    let decoded = base32::decode(base32::Alphabet::Rfc4648 { padding: false }, body)
        .map(SecretBytes::new)
        .ok_or(KeyError::NotBase32)?;
    // The decoder takes impossible lengths and stray trailing bits; the encoder never writes them.
    let canonical = Zeroizing::new(encode_base32(decoded.expose()));
    if canonical.as_str() == body { Ok(decoded) } else { Err(KeyError::NotBase32) }
}

/// In pieces of five bytes into room made beforehand: a string that grows leaves copies of the key behind.
fn encode_base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    for piece in bytes.chunks(5) {
        let piece = Zeroizing::new(base32::encode(base32::Alphabet::Rfc4648 { padding: false }, piece));
        text.push_str(&piece);
    }
    text
}
