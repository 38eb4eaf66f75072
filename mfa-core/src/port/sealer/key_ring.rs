//! The ready-made sealer: a ring of keys, XChaCha20-Poly1305 and HMAC-SHA-256.

use std::fmt;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use crate::config::ConfigError;
use crate::fault::{Fault, FaultKind};
use crate::port::entropy::{Entropy, random_bytes};
use crate::port::sealer::{Fingerprint, Place, Sealed, Sealer};
use crate::secret::SecretBytes;

const KEY_ID_BYTES: usize = 4;
const NONCE_BYTES: usize = 24;

struct RingKey {
    id: [u8; KEY_ID_BYTES],
    cipher: XChaCha20Poly1305,
    mac: Hmac<Sha256>,
}

/// A ring of 256-bit keys: the first seals, all of them open. XChaCha20-Poly1305 and HMAC-SHA-256.
///
/// To rotate, put a new key in front; once every account has been written since (or after the time you give
/// sleeping accounts), drop the oldest. With several processes put it *behind* the old one in all of them first, or
/// those that don't have it yet can't open what the others seal.
///
/// ```
/// use mfa_core::port::sealer::KeyRing;
///
/// let ring = KeyRing::from_hex("8f1d0c2b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f001")?;
/// # Ok::<(), mfa_core::config::ConfigError>(())
/// ```
pub struct KeyRing {
    keys: Vec<RingKey>,
}

impl KeyRing {
    /// A ring from keys in hexadecimal, 64 characters each, parted by commas, spaces or line ends, the one
    /// that seals first. Lines that begin with `#` are comments. This is the form of the environment
    /// variable and of the key file.
    ///
    /// # Errors
    /// If there is no key, one has not 64 hexadecimal characters, is trivially weak (all bytes alike), or stands twice.
    pub fn from_hex(text: &str) -> Result<Self, ConfigError> {
        let fix = "give 64 hexadecimal characters a key, for example from `openssl rand -hex 32`";
        let mut keys: Vec<RingKey> = Vec::new();
        let words = text
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'))
            .flat_map(|line| line.split(|c: char| c == ',' || c.is_whitespace()))
            .filter(|word| !word.is_empty());
        for word in words {
            let key = decode_hex(word).ok_or_else(|| {
                ConfigError::new("sealing keys", "a key is not 64 hexadecimal characters", fix)
            })?;
            if key.iter().all(|byte| Some(byte) == key.first()) {
                return Err(ConfigError::new("sealing keys", "a key has all its bytes alike", fix));
            }
            let key = RingKey::new(&key)?;
            if keys.iter().any(|other| other.id == key.id) {
                return Err(ConfigError::new(
                    "sealing keys",
                    "the same key stands twice",
                    "remove one of the two",
                ));
            }
            keys.push(key);
        }
        if keys.is_empty() {
            return Err(ConfigError::new("sealing keys", "there is no key", fix));
        }
        Ok(Self { keys })
    }

    /// A new random key in the form that [`KeyRing::from_hex`] reads.
    ///
    /// # Errors
    /// If the source of randomness fails.
    pub fn generate_hex(entropy: &dyn Entropy) -> Result<Zeroizing<String>, Fault> {
        let mut key = random_bytes::<32>(entropy)?;
        let mut text = Zeroizing::new(String::with_capacity(64));
        for byte in key {
            for nibble in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
            }
        }
        key.zeroize();
        Ok(text)
    }

    fn split<'a>(&self, bytes: &'a [u8]) -> Result<(&RingKey, &'a [u8]), Fault> {
        let (id, rest) = bytes.split_at_checked(KEY_ID_BYTES).ok_or_else(|| Fault::new(FaultKind::Seal))?;
        let key = self.keys.iter().find(|key| key.id == id).ok_or_else(|| {
            Fault::caused_by(FaultKind::Seal, "the key it was sealed with is not in the ring")
        })?;
        Ok((key, rest))
    }

    fn sealing_key(&self) -> Result<&RingKey, Fault> {
        self.keys.first().ok_or_else(|| Fault::new(FaultKind::Internal))
    }
}

impl RingKey {
    fn new(key: &[u8; 32]) -> Result<Self, ConfigError> {
        // One master key, three independent uses: naming, encrypting, fingerprinting.
        let derived = |label: &str| {
            Zeroizing::new(<[u8; 32]>::from(
                Sha256::new().chain_update(b"mfa ring 1 ").chain_update(label).chain_update(key).finalize(),
            ))
        };
        let name = derived("id");
        let id = name
            .first_chunk::<KEY_ID_BYTES>()
            .copied()
            .ok_or_else(|| ConfigError::new("sealing keys", "no id", "report this"))?;
        let mac = Hmac::new_from_slice(derived("fingerprint").as_slice())
            .map_err(|_| ConfigError::new("sealing keys", "a key has the wrong length", "report this"))?;
        Ok(Self { id, cipher: XChaCha20Poly1305::new(&Key::from(*derived("seal"))), mac })
    }

    fn fingerprint(&self, place: Place<'_>, value: &[u8]) -> [u8; 32] {
        let mut mac = self.mac.clone();
        mac.update(&place.encode("mfa fingerprint 1"));
        mac.update(value);
        mac.finalize().into_bytes().into()
    }
}

fn decode_hex(word: &str) -> Option<Zeroizing<[u8; 32]>> {
    let digits = word.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut key = Zeroizing::new([0; 32]);
    for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|n| u8::try_from(n).ok());
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(key)
}

impl Sealer for KeyRing {
    fn seal(&self, entropy: &dyn Entropy, place: Place<'_>, plain: &[u8]) -> Result<Sealed, Fault> {
        let key = self.sealing_key()?;
        let nonce = random_bytes::<NONCE_BYTES>(entropy)?;
        let aad = place.encode("mfa seal 1");
        let boxed = key
            .cipher
            .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: &aad })
            .map_err(|_| Fault::new(FaultKind::Seal))?;
        let mut bytes = Vec::with_capacity(KEY_ID_BYTES + NONCE_BYTES + boxed.len());
        bytes.extend_from_slice(&key.id);
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&boxed);
        Ok(Sealed::from_bytes(bytes))
    }

    fn open(&self, place: Place<'_>, sealed: &Sealed) -> Result<SecretBytes, Fault> {
        let (key, rest) = self.split(sealed.as_bytes())?;
        let (nonce, boxed) =
            rest.split_first_chunk::<NONCE_BYTES>().ok_or_else(|| Fault::new(FaultKind::Seal))?;
        key.cipher
            .decrypt(&XNonce::from(*nonce), Payload { msg: boxed, aad: &place.encode("mfa seal 1") })
            .map(SecretBytes::new)
            .map_err(|_| Fault::caused_by(FaultKind::Seal, "altered, or moved from where it was sealed"))
    }

    fn is_current(&self, sealed: &Sealed) -> bool {
        self.keys.first().is_some_and(|key| sealed.as_bytes().starts_with(&key.id))
    }

    fn fingerprint(&self, place: Place<'_>, value: &[u8]) -> Result<Fingerprint, Fault> {
        let key = self.sealing_key()?;
        let mut bytes = key.id.to_vec();
        bytes.extend_from_slice(&key.fingerprint(place, value));
        Ok(Fingerprint::from_bytes(bytes))
    }

    fn matches(&self, place: Place<'_>, value: &[u8], fingerprint: &Fingerprint) -> Result<bool, Fault> {
        let (key, stored) = self.split(fingerprint.as_bytes())?;
        Ok(key.fingerprint(place, value).as_slice().ct_eq(stored).into())
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").field("keys", &self.keys.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{AccountKey, UserId};
    use crate::port::entropy::SystemEntropy;

    const A: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    const B: &str = "f00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    fn key(user: &str) -> AccountKey {
        AccountKey::of_user(UserId::new(user).unwrap())
    }

    fn place<'a>(account: &'a AccountKey, item: &'a [u8; 16]) -> Place<'a> {
        Place { account, item, field: "totp.key" }
    }

    #[test]
    fn opens_only_where_it_was_sealed() {
        let ring = KeyRing::from_hex(A).unwrap();
        let (ann, bob) = (key("ann"), key("bob"));
        let sealed = ring.seal(&SystemEntropy, place(&ann, &[1; 16]), b"secret").unwrap();
        assert_eq!(ring.open(place(&ann, &[1; 16]), &sealed).unwrap().expose(), b"secret");
        assert!(!sealed.as_bytes().windows(6).any(|window| window == b"secret"));
        for elsewhere in [place(&bob, &[1; 16]), place(&ann, &[2; 16])] {
            assert_eq!(ring.open(elsewhere, &sealed).unwrap_err().kind(), FaultKind::Seal);
        }
        let other_field = Place { account: &ann, item: &[1; 16], field: "email" };
        assert!(ring.open(other_field, &sealed).is_err());
        for position in 0..sealed.as_bytes().len() {
            let mut bytes = sealed.as_bytes().to_vec();
            bytes[position] ^= 1;
            assert!(ring.open(place(&ann, &[1; 16]), &Sealed::from_bytes(bytes)).is_err(), "byte {position}");
        }
        assert!(ring.open(place(&ann, &[1; 16]), &Sealed::from_bytes(vec![])).is_err());
    }

    #[test]
    fn a_new_key_in_front_seals_and_the_old_one_still_opens() {
        let ann = key("ann");
        let old = KeyRing::from_hex(A).unwrap();
        let rotated = KeyRing::from_hex(&format!("# newest first\n{B}\n{A}\n")).unwrap();
        let sealed = old.seal(&SystemEntropy, place(&ann, &[1; 16]), b"secret").unwrap();
        assert!(!rotated.is_current(&sealed));
        assert_eq!(rotated.open(place(&ann, &[1; 16]), &sealed).unwrap().expose(), b"secret");
        let print = old.fingerprint(place(&ann, &[1; 16]), b"123456").unwrap();
        assert!(rotated.matches(place(&ann, &[1; 16]), b"123456", &print).unwrap());
        assert!(!rotated.matches(place(&ann, &[1; 16]), b"123457", &print).unwrap());
        assert!(!rotated.matches(place(&ann, &[2; 16]), b"123456", &print).unwrap());
        let resealed = rotated.seal(&SystemEntropy, place(&ann, &[1; 16]), b"secret").unwrap();
        assert!(rotated.is_current(&resealed));
        assert!(old.open(place(&ann, &[1; 16]), &resealed).is_err());
    }

    #[test]
    fn bad_rings_are_refused_and_say_the_fix() {
        for bad in
            ["", "# only a comment", "abcd", &A[1..], &"0".repeat(64), &format!("{A} {A}"), &"é".repeat(32)]
        {
            let error = KeyRing::from_hex(bad).unwrap_err();
            assert!(!error.fix().is_empty());
            assert!(!error.to_string().contains("0102030405"), "{error}");
        }
    }

    #[test]
    fn generated_keys_are_read_back_and_debug_shows_none() {
        let text = KeyRing::generate_hex(&SystemEntropy).unwrap();
        let ring = KeyRing::from_hex(&text).unwrap();
        assert_eq!(format!("{ring:?}"), "KeyRing { keys: 1 }");
    }

    /// Gives 0, 1, 2 and so on, so that every nibble of a key is another.
    struct Counting;
    impl Entropy for Counting {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), Fault> {
            bytes.iter_mut().zip(0..).for_each(|(byte, n)| *byte = n);
            Ok(())
        }
    }

    #[test]
    fn a_generated_key_is_what_was_drawn_in_hexadecimal() {
        assert_eq!(KeyRing::generate_hex(&Counting).unwrap().as_str(), A);
    }

    #[test]
    fn keys_may_be_parted_by_commas_blanks_and_line_ends() {
        for text in [format!("{A},{B}"), format!("{A} {B}"), format!("{A}\n{B}"), format!(" {A} ,\t{B},\n")] {
            assert_eq!(KeyRing::from_hex(&text).unwrap().keys.len(), 2, "{text:?}");
        }
    }
}
