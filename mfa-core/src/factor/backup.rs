//! Backup codes: drawn, shown once, kept as slow hashes under one salt, each good for one sign-in.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use unicode_normalization::UnicodeNormalization;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::config::ConfigError;
use crate::fault::{Fault, FaultKind};
use crate::port::entropy::{Entropy, random_bytes};
use crate::refusal::Refusal;
use crate::secret::{SecretBytes, SecretText};
use crate::time::Timestamp;

/// How many characters a backup code has: 16 of 5 bits are 80 bits (NIST SP 800-63B-4 §4.2.1.1 asks for 64).
pub const CODE_CHARACTERS: usize = 16;

/// The most codes a set may have.
pub const MAX_CODES: usize = 50;

/// Crockford's alphabet: no I, L, O or U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// More than a code takes in any spelling; what is longer is not read at all.
const MAX_INPUT: usize = 256;

/// 128 bits of digest: a code has 80, so a longer digest would only make every record larger.
const DIGEST_BYTES: usize = 16;

/// What hashing one backup code costs: Argon2id's memory, passes and lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "(u32, u32, u32)", into = "(u32, u32, u32)")]
pub struct HashCost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// 19 MiB, two passes, one lane: the smallest of the equivalent pairings in the OWASP Password Storage Cheat
/// Sheet, which ASVS 5.0 appendix C also names.
impl Default for HashCost {
    fn default() -> Self {
        Self { memory_kib: 19_456, passes: 2, lanes: 1 }
    }
}

impl HashCost {
    /// Memory in KiB, passes over it, and lanes.
    ///
    /// # Errors
    /// If it is cheaper than 7 MiB with five passes (the least memory OWASP allows) or than the default in
    /// memory times passes, or dearer than 1 GiB, 16 passes or 16 lanes.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, ConfigError> {
        let cost = Self::bounded(memory_kib, passes, lanes).ok_or_else(|| {
            ConfigError::new("hash_cost", "it is out of all bounds", "use HashCost::default()")
        })?;
        let work = u64::from(memory_kib) * u64::from(passes);
        if memory_kib < 7_168 || work < 7_168 * 5 {
            return Err(ConfigError::new(
                "hash_cost",
                "it is too cheap to slow anybody down",
                "use at least 19456 KiB with 2 passes, or 7168 KiB with 5",
            ));
        }
        Ok(cost)
    }

    /// So cheap that it protects nothing: for tests that hash a great deal.
    pub const fn danger_for_tests() -> Self {
        Self { memory_kib: 8, passes: 1, lanes: 1 }
    }

    // A stored cost is bounded too: a forged record must not ask for a terabyte.
    fn bounded(memory_kib: u32, passes: u32, lanes: u32) -> Option<Self> {
        let sane = (1..=16).contains(&lanes)
            && (1..=16).contains(&passes)
            && (8 * lanes..=1_048_576).contains(&memory_kib);
        sane.then_some(Self { memory_kib, passes, lanes })
    }
}

impl TryFrom<(u32, u32, u32)> for HashCost {
    type Error = &'static str;
    fn try_from((memory_kib, passes, lanes): (u32, u32, u32)) -> Result<Self, Self::Error> {
        Self::bounded(memory_kib, passes, lanes).ok_or("a hash cost out of bounds")
    }
}

impl From<HashCost> for (u32, u32, u32) {
    fn from(cost: HashCost) -> Self {
        (cost.memory_kib, cost.passes, cost.lanes)
    }
}

/// A backup code as it was typed, after [`read_backup_code`] has forgiven the spelling. Redacted and wiped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct TypedBackupCode([u8; CODE_CHARACTERS]);

impl fmt::Debug for TypedBackupCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Reads a backup code from what a person typed or pasted: case, spaces and dashes don't matter, the letter O
/// counts as zero, I and L as one, and compatibility forms such as full-width letters are folded (NFKC).
///
/// # Errors
/// [`Refusal::CodeLength`] or [`Refusal::CodeCharacters`]. Neither is a guess, so neither is counted.
pub fn read_backup_code(typed: &str) -> Result<TypedBackupCode, Refusal> {
    let wrong_length = |typed: usize| Refusal::CodeLength {
        expected: CODE_CHARACTERS as u8,
        typed: u8::try_from(typed).unwrap_or(u8::MAX),
    };
    if typed.len() > MAX_INPUT {
        return Err(wrong_length(usize::MAX));
    }
    let mut code = TypedBackupCode([0; CODE_CHARACTERS]);
    let mut count = 0;
    for character in typed.nfkc() {
        let folded = match character.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        };
        match u8::try_from(folded) {
            Ok(symbol) if ALPHABET.contains(&symbol) => {
                if let Some(place) = code.0.get_mut(count) {
                    *place = symbol;
                }
                count += 1;
            }
            _ if is_forgiven(folded) => {}
            _ => return Err(Refusal::CodeCharacters),
        }
    }
    if count == CODE_CHARACTERS { Ok(code) } else { Err(wrong_length(count)) }
}

/// Blanks, dashes and what can't be seen.
fn is_forgiven(character: char) -> bool {
    character.is_whitespace()
        || matches!(character, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

/// A set of codes in the clear, to be shown once and dropped. No serde, no `Display`.
#[derive(Debug)]
pub struct BackupCodes(Vec<SecretText>);

impl BackupCodes {
    /// The codes as `XXXX-XXXX-XXXX-XXXX`.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &SecretText> {
        self.0.iter()
    }
}

/// Draws `count` codes, 80 random bits each, all different.
///
/// # Errors
/// If randomness fails, or `count` is not between 1 and [`MAX_CODES`].
pub fn draw(entropy: &dyn Entropy, count: u8) -> Result<BackupCodes, Fault> {
    if count == 0 || usize::from(count) > MAX_CODES {
        return Err(Fault::new(FaultKind::Internal));
    }
    let mut codes: Vec<SecretText> = Vec::with_capacity(usize::from(count));
    let mut draws = 0u16;
    while codes.len() < usize::from(count) {
        draws += 1;
        if draws > 4 * u16::from(count) {
            // Codes that keep repeating come from a broken source.
            return Err(Fault::new(FaultKind::Entropy));
        }
        let bytes = Zeroizing::new(random_bytes::<CODE_CHARACTERS>(entropy)?);
        let mut text = String::with_capacity(CODE_CHARACTERS + 3);
        for (at, byte) in bytes.iter().enumerate() {
            if at > 0 && at % 4 == 0 {
                text.push('-');
            }
            // 256 is a multiple of 32: the low five bits of a random byte favour no character.
            text.push(ALPHABET.get(usize::from(byte & 31)).map_or('0', |symbol| char::from(*symbol)));
        }
        let code = SecretText::new(text);
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    Ok(BackupCodes(codes))
}

/// The salt of one set of codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Salt([u8; 16]);

impl Salt {
    /// From 16 random bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

#[derive(Clone, PartialEq, Eq)]
struct Digest([u8; DIGEST_BYTES]);

macro_rules! sixteen_bytes_as_text {
    ($name:ident) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&Base64UrlUnpadded::encode_string(&self.0))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                let mut bytes = [0; 16];
                match Base64UrlUnpadded::decode(&text, &mut bytes) {
                    Ok(decoded) if decoded.len() == 16 => Ok(Self(bytes)),
                    _ => Err(de::Error::custom("not 16 bytes of base64url")),
                }
            }
        }
    };
}

sixteen_bytes_as_text!(Salt);
sixteen_bytes_as_text!(Digest);

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[digest]")
    }
}

/// A typed code after its slow hash, fit to be looked for in the set whose salt it was made with.
#[derive(Debug)]
pub struct HashedCode {
    digest: Digest,
    salt: Salt,
    cost: HashCost,
}

/// Hashes a typed code. Slow on purpose: keep it off the threads that serve requests.
///
/// # Errors
/// If the hash can't be computed with this cost.
pub fn hash(
    code: &TypedBackupCode,
    salt: &Salt,
    cost: &HashCost,
    pepper: Option<&SecretBytes>,
) -> Result<HashedCode, Fault> {
    let digest = argon2id(&code.0, salt, cost, pepper)?;
    Ok(HashedCode { digest, salt: salt.clone(), cost: *cost })
}

fn argon2id(
    code: &[u8; CODE_CHARACTERS],
    salt: &Salt,
    cost: &HashCost,
    pepper: Option<&SecretBytes>,
) -> Result<Digest, Fault> {
    let fault = |cause: argon2::Error| Fault::caused_by(FaultKind::Internal, cause.to_string());
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(DIGEST_BYTES)).map_err(fault)?;
    let argon = match pepper {
        None => Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
        Some(pepper) => Argon2::new_with_secret(pepper.expose(), Algorithm::Argon2id, Version::V0x13, params)
            .map_err(fault)?,
    };
    let mut digest = [0; DIGEST_BYTES];
    argon.hash_password_into(code, &salt.0, &mut digest).map_err(fault)?;
    Ok(Digest(digest))
}

/// The codes of an account that still work, as they are stored: one salt for all, so that an attempt costs one
/// hash however many are left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BackupSet {
    #[serde(rename = "s")]
    salt: Salt,
    #[serde(rename = "c")]
    cost: HashCost,
    #[serde(rename = "m")]
    made: Timestamp,
    #[serde(rename = "d")]
    digests: Vec<Digest>,
}

impl<'de> Deserialize<'de> for BackupSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Stored {
            s: Salt,
            c: HashCost,
            m: Timestamp,
            d: Vec<Digest>,
        }
        let Stored { s: salt, c: cost, m: made, d: digests } = Stored::deserialize(deserializer)?;
        if digests.len() > MAX_CODES {
            return Err(de::Error::custom("too many backup codes"));
        }
        Ok(Self { salt, cost, made, digests })
    }
}

/// What a hashed code was to a set, which is handed back.
#[derive(Debug)]
#[must_use = "the set that comes back is the one to keep"]
pub enum Taken {
    /// One of its codes: the set has one fewer.
    Used(BackupSet),
    /// None of its codes.
    Wrong(BackupSet),
    /// Hashed for another set: this one was made meanwhile. Hash again.
    OtherSet(BackupSet),
}

impl BackupSet {
    /// Hashes every code of a new set. As slow as there are codes: keep it off the threads that serve requests.
    ///
    /// # Errors
    /// If a hash can't be computed.
    pub fn seal_up(
        codes: &BackupCodes,
        salt: Salt,
        cost: HashCost,
        pepper: Option<&SecretBytes>,
        made: Timestamp,
    ) -> Result<Self, Fault> {
        let digest_of = |code: &SecretText| {
            let typed = read_backup_code(code.expose()).map_err(|_| Fault::new(FaultKind::Internal))?;
            argon2id(&typed.0, &salt, &cost, pepper)
        };
        let digests = codes.iter().map(digest_of).collect::<Result<_, _>>()?;
        Ok(Self { salt, cost, made, digests })
    }

    /// The salt a typed code has to be hashed with.
    pub fn salt(&self) -> &Salt {
        &self.salt
    }

    /// The cost a typed code has to be hashed with.
    pub fn cost(&self) -> &HashCost {
        &self.cost
    }

    /// When the set was made.
    pub fn made(&self) -> Timestamp {
        self.made
    }

    /// How many codes are left.
    pub fn left(&self) -> u8 {
        u8::try_from(self.digests.len()).unwrap_or(u8::MAX)
    }

    /// Looks for a code and uses it up. Every digest is compared, in constant time.
    pub fn take(mut self, hashed: &HashedCode) -> Taken {
        if hashed.salt != self.salt || hashed.cost != self.cost {
            return Taken::OtherSet(self);
        }
        let mut found = Choice::from(0);
        let mut place = 0u32;
        for (at, digest) in (0u32..).zip(&self.digests) {
            let same = digest.0.ct_eq(&hashed.digest.0);
            place = u32::conditional_select(&place, &at, same);
            found |= same;
        }
        if bool::from(found) {
            let mut at = 0u32;
            self.digests.retain(|_| {
                at += 1;
                at - 1 != place
            });
            Taken::Used(self)
        } else {
            Taken::Wrong(self)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::entropy::SystemEntropy;

    const CHEAP: HashCost = HashCost::danger_for_tests();

    fn set(salt: u8) -> (BackupCodes, BackupSet) {
        let codes = draw(&SystemEntropy, 10).unwrap();
        let set = BackupSet::seal_up(&codes, Salt([salt; 16]), CHEAP, None, Timestamp::from_unix(1)).unwrap();
        (codes, set)
    }

    fn hashed(code: &str, set: &BackupSet) -> HashedCode {
        hash(&read_backup_code(code).unwrap(), set.salt(), set.cost(), None).unwrap()
    }

    #[test]
    fn codes_are_crockford_in_fours_and_all_different() {
        let codes = draw(&SystemEntropy, 50).unwrap();
        let texts: std::collections::BTreeSet<_> =
            codes.iter().map(|code| code.expose().to_owned()).collect();
        assert_eq!(texts.len(), 50);
        for text in &texts {
            assert_eq!(text.len(), 19);
            let groups: Vec<_> = text.split('-').collect();
            assert!(groups.len() == 4 && groups.iter().all(|group| group.len() == 4));
            assert!(text.bytes().all(|b| b == b'-' || ALPHABET.contains(&b)), "{text}");
        }
        // Every character turns up among 800 unless something is badly skewed (odds of a miss: 3e-10).
        let seen: std::collections::BTreeSet<_> = texts.iter().flat_map(|text| text.bytes()).collect();
        assert_eq!(seen.len(), 33);
    }

    #[test]
    fn a_stuck_source_makes_no_codes() {
        struct Stuck;
        impl Entropy for Stuck {
            fn fill(&self, bytes: &mut [u8]) -> Result<(), Fault> {
                bytes.fill(7);
                Ok(())
            }
        }
        assert_eq!(draw(&Stuck, 10).unwrap_err().kind(), FaultKind::Entropy);
    }

    #[test]
    fn spellings_are_forgiven_and_nothing_else_is() {
        for spelt in [
            "0123456789ABCDEF",
            "0123-4567-89ab-cdef",
            " o l23 4567 89AB CDEF ",
            "OI23\u{2013}4567\u{200b}89AB\u{a0}CDEF",
            "\u{ff10}123456789\u{ff21}BCDEF",
        ] {
            assert_eq!(&read_backup_code(spelt).unwrap().0, b"0123456789ABCDEF", "{spelt}");
        }
        assert_eq!(read_backup_code("0123"), Err(Refusal::CodeLength { expected: 16, typed: 4 }));
        assert_eq!(read_backup_code(""), Err(Refusal::CodeLength { expected: 16, typed: 0 }));
        assert_eq!(read_backup_code("0123456789ABCDE\u{661}"), Err(Refusal::CodeCharacters));
        assert_eq!(read_backup_code("U123456789ABCDEF"), Err(Refusal::CodeCharacters));
        assert!(read_backup_code(&"0".repeat(1_000_000)).is_err());
    }

    impl PartialEq for TypedBackupCode {
        fn eq(&self, other: &Self) -> bool {
            self.0 == other.0
        }
    }

    #[test]
    fn each_code_works_once() {
        let (codes, mut set) = set(1);
        for (used, code) in codes.iter().enumerate() {
            let attempt = hashed(code.expose(), &set);
            let Taken::Used(fewer) = set.take(&attempt) else { panic!("refused") };
            assert_eq!(usize::from(fewer.left()), 9 - used);
            let Taken::Wrong(same) = fewer.take(&attempt) else { panic!("accepted twice") };
            set = same;
        }
        assert_eq!(set.left(), 0);
    }

    #[test]
    fn a_code_of_an_older_set_or_another_account_is_worth_nothing() {
        let (old, old_set) = set(1);
        let (_, new_set) = set(2);
        let code = old.iter().next().unwrap().expose();
        assert!(matches!(new_set.clone().take(&hashed(code, &old_set)), Taken::OtherSet(_)));
        assert!(matches!(new_set.clone().take(&hashed(code, &new_set)), Taken::Wrong(_)));
        assert_ne!(hashed(code, &old_set).digest, hashed(code, &new_set).digest);
    }

    #[test]
    fn what_is_stored_is_not_a_code() {
        let (_, set) = set(1);
        let stored = serde_json::to_value(&set).unwrap();
        for digest in stored["d"].as_array().unwrap() {
            let text = digest.as_str().unwrap();
            for tried in [text.to_owned(), text[..16].to_owned(), text.to_uppercase()] {
                if let Ok(code) = read_backup_code(&tried) {
                    let attempt = hash(&code, set.salt(), set.cost(), None).unwrap();
                    assert!(matches!(set.clone().take(&attempt), Taken::Wrong(_)));
                }
            }
        }
    }

    #[test]
    fn without_the_pepper_the_right_code_is_wrong() {
        let codes = draw(&SystemEntropy, 1).unwrap();
        let pepper = SecretBytes::new(vec![5; 32]);
        let salt = Salt([3; 16]);
        let set = BackupSet::seal_up(&codes, salt, CHEAP, Some(&pepper), Timestamp::from_unix(1)).unwrap();
        let typed = read_backup_code(codes.iter().next().unwrap().expose()).unwrap();
        let plain = hash(&typed, set.salt(), set.cost(), None).unwrap();
        assert!(matches!(set.clone().take(&plain), Taken::Wrong(_)));
        let peppered = hash(&typed, set.salt(), set.cost(), Some(&pepper)).unwrap();
        assert!(matches!(set.take(&peppered), Taken::Used(_)));
    }

    #[test]
    fn stored_values_are_checked_like_new_ones() {
        let (_, set) = set(1);
        let text = serde_json::to_string(&set).unwrap();
        assert_eq!(serde_json::from_str::<BackupSet>(&text).unwrap(), set);
        for hostile in ["[4294967295,2,1]", "[8,0,1]", "[8,1,0]", "[0,1,1]", "[8,1,16]"] {
            assert!(serde_json::from_str::<HashCost>(hostile).is_err(), "{hostile}");
        }
        let many = text.replace("\"d\":[", &format!("\"d\":[{}", "\"AAAAAAAAAAAAAAAAAAAAAA\",".repeat(50)));
        assert!(serde_json::from_str::<BackupSet>(&many).is_err());
        assert!(HashCost::new(4_096, 16, 1).is_err());
        assert!(HashCost::new(7_168, 5, 1).is_ok() && HashCost::new(19_456, 2, 1).is_ok());
    }

    #[test]
    fn debug_shows_nothing() {
        let (codes, set) = set(1);
        let shown = format!("{codes:?} {set:?} {:?}", hashed(codes.iter().next().unwrap().expose(), &set));
        for code in codes.iter() {
            assert!(!shown.contains(code.expose()));
        }
        assert!(shown.contains("[redacted]") && shown.contains("[digest]"));
    }
}
