//! Backup codes: single-use codes on paper, for the day the phone is lost.
//!
//! They are look-up secrets in the sense of NIST SP 800-63B-4 §3.1.2 and OWASP ASVS 5.0 §6.5. The slow
//! part is apart from the rule: [`hash`] costs one Argon2id and knows nothing of the account,
//! [`BackupSet::take`] is quick and decides. So an attempt costs one hash however many codes are left, the
//! hash stays outside the commit loop, and deciding again after a conflict costs nothing.
//!
//! ```
//! use mfa_core::factor::backup::{self, BackupSet, HashCost, Salt, Taken};
//! use mfa_core::port::entropy::SystemEntropy;
//! use mfa_core::time::Timestamp;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let cost = HashCost::danger_for_tests();
//! # let now = Timestamp::from_unix(1_795_425_000);
//! let codes = backup::draw(&SystemEntropy, 10)?;
//! let set = BackupSet::seal_up(&codes, Salt::draw(&SystemEntropy)?, cost, None, now)?;
//!
//! let shown = codes.iter().next().ok_or("ten codes")?;
//! let typed = backup::read_backup_code(shown.expose())?;
//! let hashed = backup::hash(&typed, &set.salt(), &set.cost(), None)?;
//! let Taken::Used(set) = set.take(&hashed) else { return Err("refused".into()) };
//! assert_eq!(set.left(), 9);
//! assert!(matches!(set.take(&hashed), Taken::Wrong(_)));
//! # Ok(())
//! # }
//! ```

mod cost;
mod typed;

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use subtle::{ConditionallySelectable, ConstantTimeEq, ConstantTimeLess};
use zeroize::Zeroizing;

pub use self::cost::HashCost;
use self::typed::{ALPHABET, CODE_LEN};
pub use self::typed::{CODE_CHARACTERS, TypedBackupCode, read_backup_code};
use crate::base64url;
use crate::fault::{Fault, FaultKind};
use crate::port::entropy::{self, Entropy};
use crate::secret::{SecretBytes, SecretText};
use crate::time::Timestamp;

/// The most codes a set may have.
pub const MAX_CODES: u8 = 50;

/// 128 bits. A code has 80, so a longer digest would make nothing harder to guess or to find again, and it
/// keeps a set of ten well under half a kilobyte in the account's record.
const DIGEST_LEN: usize = 16;

macro_rules! sixteen_bytes_as_text {
    ($name:ident, $what:literal) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                base64url::serialize(&self.0, serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                base64url::deserialize(deserializer, base64url::decode, concat!("not ", $what)).map(Self)
            }
        }
    };
}

/// What makes the digests of one set unlike those of every other: 128 random bits, not secret.
///
/// One for the whole set, so that one hash is compared with every code of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Salt([u8; 16]);

impl Salt {
    /// A fresh salt. Every set needs its own.
    ///
    /// # Errors
    /// If the source of randomness fails.
    pub fn draw(entropy: &dyn Entropy) -> Result<Self, Fault> {
        entropy::random_bytes(entropy).map(Self)
    }

    /// From 16 random bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

sixteen_bytes_as_text!(Salt, "a salt");

/// The plain codes of a new set, to be shown once.
///
/// They are redacted in `Debug`, wiped on drop, and can't be serialised: only a [`BackupSet`] is kept.
///
/// ```compile_fail,E0277
/// # use mfa_core::factor::backup::BackupCodes;
/// fn keep(codes: &BackupCodes) -> serde_json::Result<String> {
///     serde_json::to_string(codes)
/// }
/// ```
pub struct BackupCodes(Vec<SecretText>);

impl BackupCodes {
    /// The codes, each as `XXXX-XXXX-XXXX-XXXX`.
    ///
    /// Show them in a session with a fresh second factor, over a page that is not cached, and never send
    /// them by e-mail (NIST SP 800-63B-4 §3.1.2.1, OWASP ASVS 5.0 §14.3.2).
    pub fn iter(&self) -> impl Iterator<Item = &SecretText> {
        self.0.iter()
    }

    /// How many codes there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none. There always are.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for BackupCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BackupCodes({} [redacted])", self.0.len())
    }
}

/// Draws `count` new codes of 80 bits each, no two alike.
///
/// # Errors
/// If the source of randomness fails or keeps giving the same, or `count` is 0 or above [`MAX_CODES`].
pub fn draw(entropy: &dyn Entropy, count: u8) -> Result<BackupCodes, Fault> {
    if !(1..=MAX_CODES).contains(&count) {
        return Err(Fault::caused_by(FaultKind::Internal, "a set of backup codes has 1 to 50"));
    }
    let mut codes = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        let code = draw_one(entropy)?;
        // A sound source repeats itself once in 2^80 draws: this one is not sound.
        if codes.contains(&code) {
            return Err(Fault::caused_by(FaultKind::Entropy, "the source of randomness repeats itself"));
        }
        codes.push(code);
    }
    Ok(BackupCodes(codes))
}

/// 10 bytes are exactly 16 groups of 5 bits: every code is as likely as any other.
fn draw_one(entropy: &dyn Entropy) -> Result<SecretText, Fault> {
    let drawn = Zeroizing::new(entropy::random_bytes::<10>(entropy)?);
    // Room for all of it from the start: a string that grows leaves copies behind.
    let mut text = String::with_capacity(CODE_LEN + 3);
    let mut characters = 0;
    for five_bytes in drawn.chunks_exact(5) {
        let bits = five_bytes.iter().fold(0_u64, |bits, &byte| bits << 8 | u64::from(byte));
        for place in (0..8).rev() {
            if characters > 0 && characters % 4 == 0 {
                text.push('-');
            }
            // Every group of five bits has its symbol, so that no character is ever left out.
            if let Some(&symbol) = ALPHABET.get((bits >> (5 * place) & 31) as usize) {
                text.push(char::from(symbol));
            }
            characters += 1;
        }
    }
    Ok(SecretText::new(text))
}

/// What is kept of one code.
#[derive(Clone, Copy)]
struct CodeDigest([u8; DIGEST_LEN]);

sixteen_bytes_as_text!(CodeDigest, "a digest");

impl PartialEq for CodeDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for CodeDigest {}

/// A typed code after its one slow hash, with the salt and cost it was hashed with.
///
/// Only [`hash`] makes one: what the store holds can't be turned into it.
pub struct HashedCode {
    digest: CodeDigest,
    salt: Salt,
    cost: HashCost,
}

impl fmt::Debug for HashedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashedCode([redacted])")
    }
}

/// The one slow hash of an attempt: Argon2id over the code, salted, and keyed by the pepper if there is one.
///
/// Takes some 20 ms and 19 MiB at the default cost: run it on a [`HashPool`](crate::hashing::HashPool), with
/// the salt and cost of the account's [`BackupSet`]. The pepper is a key kept apart from the store, without
/// which a copy of the store can't be guessed against at all (NIST SP 800-63B-4 §3.1.1.2). A set is tied to
/// the pepper it was made with: losing or changing it makes every code of the set wrong.
///
/// # Errors
/// If the memory can't be had, or the pepper is empty, which would be none without anyone noticing.
pub fn hash(
    code: &TypedBackupCode,
    salt: &Salt,
    cost: &HashCost,
    pepper: Option<&SecretBytes>,
) -> Result<HashedCode, Fault> {
    let fault = |cause: argon2::Error| Fault::caused_by(FaultKind::Internal, cause);
    let params =
        Params::new(cost.memory_kib(), cost.passes(), cost.lanes(), Some(DIGEST_LEN)).map_err(fault)?;
    let argon2 = match pepper {
        None => Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
        Some(empty) if empty.is_empty() => {
            return Err(Fault::caused_by(FaultKind::Internal, "the pepper of the backup codes is empty"));
        }
        Some(pepper) => Argon2::new_with_secret(pepper.expose(), Algorithm::Argon2id, Version::V0x13, params)
            .map_err(fault)?,
    };
    let mut digest = [0; DIGEST_LEN];
    argon2.hash_password_into(code.spelling(), &salt.0, &mut digest).map_err(fault)?;
    Ok(HashedCode { digest: CodeDigest(digest), salt: *salt, cost: *cost })
}

/// What an account keeps of its backup codes: digests of those not used yet.
///
/// A new set replaces the old one whole; nothing of the old works any more. How often wrong codes were tried
/// is kept by the account, not here. In JSON a set of ten takes less than 400 bytes.
///
/// The names it is stored by are short: the record is loaded and written at every sign-in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StoredSet")]
pub struct BackupSet {
    #[serde(rename = "s")]
    salt: Salt,
    #[serde(rename = "c")]
    cost: HashCost,
    #[serde(rename = "m")]
    made: Timestamp,
    #[serde(rename = "d")]
    digests: Vec<CodeDigest>,
}

/// What [`BackupSet::take`] found. The set comes back in every case: put it into the account.
#[derive(Debug)]
#[must_use = "a code is only used once the set that lost it has been committed"]
pub enum Taken {
    /// The code was one of the set; this is the set without it.
    Used(BackupSet),
    /// It was none of the set, or has been used.
    Wrong(BackupSet),
    /// The set was replaced after the code was hashed: hash again with this one's salt and cost.
    OtherSet(BackupSet),
}

impl BackupSet {
    /// Hashes new codes into the set the account keeps.
    ///
    /// As slow as one [`hash`] for each code: run it on a [`HashPool`](crate::hashing::HashPool). The salt
    /// must be fresh ([`Salt::draw`]); `made` is the time now.
    ///
    /// # Errors
    /// As [`hash`].
    pub fn seal_up(
        codes: &BackupCodes,
        salt: Salt,
        cost: HashCost,
        pepper: Option<&SecretBytes>,
        made: Timestamp,
    ) -> Result<Self, Fault> {
        let digests = codes
            .iter()
            .map(|shown| {
                // Through the reader, so that what is shown is certain to be readable.
                let code = read_backup_code(shown.expose())
                    .map_err(|refusal| Fault::caused_by(FaultKind::Internal, refusal))?;
                hash(&code, &salt, &cost, pepper).map(|hashed| hashed.digest)
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { salt, cost, made, digests })
    }

    /// What to hash a typed code with.
    pub const fn salt(&self) -> Salt {
        self.salt
    }

    /// What to hash a typed code at.
    pub const fn cost(&self) -> HashCost {
        self.cost
    }

    /// How many codes have not been used.
    pub fn left(&self) -> u8 {
        // At most MAX_CODES, by construction and on reading.
        u8::try_from(self.digests.len()).unwrap_or(u8::MAX)
    }

    /// When the set was made.
    pub const fn made(&self) -> Timestamp {
        self.made
    }

    /// Uses up a code, if it is one of this set.
    ///
    /// Every digest is compared, in constant time, whichever matches: the time tells neither whether the
    /// code was near nor where it stood. The set is taken by value, so that the one with the used code in it
    /// is gone:
    ///
    /// ```compile_fail,E0382
    /// # use mfa_core::factor::backup::{BackupSet, HashedCode};
    /// fn twice(set: BackupSet, code: &HashedCode) {
    ///     let _ = (set.take(code), set.take(code));
    /// }
    /// ```
    pub fn take(self, code: &HashedCode) -> Taken {
        if code.salt != self.salt || code.cost != self.cost {
            return Taken::OtherSet(self);
        }
        let none = u32::MAX;
        let mut found = none;
        for (place, digest) in (0_u32..).zip(&self.digests) {
            found = u32::conditional_select(&found, &place, digest.0.ct_eq(&code.digest.0));
        }
        if found == none {
            return Taken::Wrong(self);
        }
        // All but the last are written anew, each from its own place or from the next: leaving one out would tell which.
        let nexts = self.digests.iter().skip(1);
        let digests = (0_u32..)
            .zip(self.digests.iter().zip(nexts))
            .map(|(place, (own, next))| {
                let mut kept = *next;
                let before = place.ct_lt(&found);
                for (byte, own) in kept.0.iter_mut().zip(&own.0) {
                    byte.conditional_assign(own, before);
                }
                kept
            })
            .collect();
        Taken::Used(Self { digests, ..self })
    }
}

impl fmt::Debug for BackupSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackupSet")
            .field("left", &self.left())
            .field("made", &self.made)
            .field("cost", &self.cost)
            .finish_non_exhaustive()
    }
}

/// A set as it is read, before anything is known of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredSet {
    #[serde(rename = "s")]
    salt: Salt,
    #[serde(rename = "c")]
    cost: HashCost,
    #[serde(rename = "m")]
    made: Timestamp,
    #[serde(rename = "d")]
    digests: Vec<CodeDigest>,
}

impl TryFrom<StoredSet> for BackupSet {
    type Error = &'static str;
    fn try_from(stored: StoredSet) -> Result<Self, Self::Error> {
        let StoredSet { salt, cost, made, digests } = stored;
        if digests.len() > usize::from(MAX_CODES) {
            return Err("too many backup codes");
        }
        // A digest that stands there twice is a code that works twice.
        let stands_again =
            |(at, digest): (usize, &CodeDigest)| digests.iter().skip(at + 1).any(|other| other.0 == digest.0);
        if digests.iter().enumerate().any(stands_again) {
            return Err("a backup code stands there twice");
        }
        Ok(Self { salt, cost, made, digests })
    }
}
