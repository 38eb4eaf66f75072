//! A double of an authenticator app: reads an otpauth URI and shows codes, by arithmetic of its own.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use mfa_core::time::Timestamp;
use sha1::Sha1;
use sha2::{Sha256, Sha512};

/// An authenticator app that holds one key. It shares no code with `mfa-core`, so that each checks the other.
#[derive(Clone)]
pub struct AuthenticatorApp {
    key: Vec<u8>,
    algorithm: String,
    digits: u32,
    period: u64,
    drift: i64,
}

impl fmt::Debug for AuthenticatorApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticatorApp").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

impl AuthenticatorApp {
    /// Scans a QR code, as it were. `None` if the URI is not one an app would take.
    pub fn scan(uri: &str) -> Option<Self> {
        let (_, query) = uri.strip_prefix("otpauth://totp/")?.split_once('?')?;
        let mut app = Self { key: Vec::new(), algorithm: "SHA1".to_owned(), digits: 6, period: 30, drift: 0 };
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=')?;
            match name {
                "secret" => app.key = unbase32(value)?,
                "algorithm" => app.algorithm = value.to_owned(),
                "digits" => app.digits = value.parse().ok().filter(|digits| (6..=8).contains(digits))?,
                "period" => app.period = value.parse().ok().filter(|period| *period > 0)?,
                _ => {}
            }
        }
        (!app.key.is_empty()).then_some(app)
    }

    /// The same app with its clock off by so many seconds.
    #[must_use]
    pub fn with_drift(mut self, seconds: i64) -> Self {
        self.drift = seconds;
        self
    }

    /// The code it shows at `time`.
    pub fn code_at(&self, time: Timestamp) -> String {
        let counter = (time.as_unix().saturating_add_signed(self.drift) / self.period).to_be_bytes();
        let tag = match self.algorithm.as_str() {
            "SHA256" => tag::<Hmac<Sha256>>(&self.key, &counter),
            "SHA512" => tag::<Hmac<Sha512>>(&self.key, &counter),
            _ => tag::<Hmac<Sha1>>(&self.key, &counter),
        };
        let offset = usize::from(tag.last().copied().unwrap_or_default() & 0x0f);
        let taken = tag.iter().skip(offset).take(4);
        let number = taken.fold(0u32, |number, byte| number << 8 | u32::from(*byte)) & 0x7fff_ffff;
        let width = self.digits as usize;
        format!("{:0width$}", number % 10u32.pow(self.digits))
    }

    /// How long one code is shown, in seconds.
    pub fn period(&self) -> u64 {
        self.period
    }
}

fn tag<M: Mac + KeyInit>(key: &[u8], message: &[u8]) -> Vec<u8> {
    match <M as KeyInit>::new_from_slice(key) {
        Ok(mut mac) => {
            mac.update(message);
            mac.finalize().into_bytes().to_vec()
        }
        // HMAC takes keys of any length.
        Err(_) => Vec::new(),
    }
}

fn unbase32(text: &str) -> Option<Vec<u8>> {
    let (mut bits, mut held, mut bytes) = (0u32, 0u32, Vec::new());
    for symbol in text.bytes() {
        let value = match symbol {
            b'A'..=b'Z' => symbol - b'A',
            b'2'..=b'7' => symbol - b'2' + 26,
            _ => return None,
        };
        bits = bits << 5 | u32::from(value);
        held += 5;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).ok()?);
        }
        bits &= (1 << held) - 1;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238 appendix B, with the last six of the eight digits.
    #[test]
    fn it_shows_the_codes_of_the_rfc() {
        let app = AuthenticatorApp::scan("otpauth://totp/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap();
        for (time, code) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
            assert_eq!(app.code_at(Timestamp::from_unix(time)), code);
        }
        assert_eq!(app.with_drift(-30).code_at(Timestamp::from_unix(89)), "287082");
    }
}
