//! An authenticator app, as the phone in a person's hand: it scans an address and shows codes.
//!
//! Its parser and its arithmetic are its own on purpose and share nothing with `mfa-core`: a mistake made
//! there must not be made here as well.

use std::fmt;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use mfa_core::time::Timestamp;
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use thiserror::Error;

/// Why an app doesn't take a QR code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ScanError {
    /// Not an `otpauth://totp/` or `otpauth://hotp/` address with a label.
    #[error("not the address of a one-time password")]
    Scheme,
    /// A part is not percent-encoded UTF-8.
    #[error("a part of the address can't be decoded")]
    Encoding,
    /// A parameter is there twice; apps differ in which they believe.
    #[error("a parameter is there twice")]
    Twice,
    /// The secret is missing or not plain base32, upper case and without padding.
    #[error("the secret is missing or not base32")]
    Secret,
    /// The hash, the digits, the period or the counter is not one that apps know.
    #[error("a parameter has a value no app knows")]
    Value,
    /// The issuer in front of the account and the one among the parameters differ.
    #[error("the two issuers differ")]
    Issuer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hash {
    Sha1,
    Sha256,
    Sha512,
}

/// One entry of an authenticator app.
///
/// ```
/// use mfa_core::time::Timestamp;
/// use mfa_testing::app::AuthenticatorApp;
///
/// let app = AuthenticatorApp::scan(
///     "otpauth://totp/School:ann?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=School",
/// )?;
/// assert_eq!(app.account(), "ann");
/// assert_eq!(app.code_at(Timestamp::from_unix(59)), "287082");
/// # Ok::<(), mfa_testing::app::ScanError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct AuthenticatorApp {
    issuer: Option<String>,
    account: String,
    secret: Vec<u8>,
    hash: Hash,
    digits: u32,
    period: u64,
    counter: Option<u64>,
    drift: i64,
}

impl AuthenticatorApp {
    /// Reads what a QR code says, as strictly as the strictest of the common apps.
    ///
    /// # Errors
    /// If some app would not take it, or would make other codes of it than another.
    pub fn scan(uri: &str) -> Result<Self, ScanError> {
        let rest = uri.strip_prefix("otpauth://").ok_or(ScanError::Scheme)?;
        let (kind, rest) = rest.split_once('/').ok_or(ScanError::Scheme)?;
        if kind != "totp" && kind != "hotp" {
            return Err(ScanError::Scheme);
        }
        let (label, query) = rest.split_once('?').ok_or(ScanError::Secret)?;
        let label = percent_decoded(label)?;
        let (prefix, account) = match label.split_once(':') {
            Some((issuer, account)) => (Some(issuer.to_owned()), account.trim_start().to_owned()),
            None => (None, label),
        };
        if account.is_empty() || account.contains(':') {
            return Err(ScanError::Scheme);
        }
        let parameters = Parameters::read(query)?;
        let issuer = parameters.text("issuer");
        if let (Some(one), Some(other)) = (&prefix, &issuer)
            && one != other
        {
            return Err(ScanError::Issuer);
        }
        let secret = parameters.text("secret").ok_or(ScanError::Secret)?;
        let hash = match parameters.text("algorithm").as_deref() {
            None | Some("SHA1") => Hash::Sha1,
            Some("SHA256") => Hash::Sha256,
            Some("SHA512") => Hash::Sha512,
            Some(_) => return Err(ScanError::Value),
        };
        let digits = parameters.number("digits")?.unwrap_or(6);
        let period = parameters.number("period")?.unwrap_or(30);
        let counter = parameters.number("counter")?;
        if !(6..=8).contains(&digits) || period == 0 || (kind == "hotp") != counter.is_some() {
            return Err(ScanError::Value);
        }
        Ok(Self {
            issuer: issuer.or(prefix),
            account,
            secret: base32_decoded(&secret)?,
            hash,
            digits: digits as u32,
            period,
            counter,
            drift: 0,
        })
    }

    /// The service's name, if the address had one.
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// The account's name.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// How many digits its codes have.
    pub fn digits(&self) -> u32 {
        self.digits
    }

    /// How long it shows a code.
    pub fn period(&self) -> Duration {
        Duration::from_secs(self.period)
    }

    /// Lets the phone's clock go wrong by this many seconds: forward, or back if negative.
    pub fn set_drift(&mut self, seconds: i64) {
        self.drift = seconds;
    }

    /// The code on the phone's screen when the right time is `now`.
    pub fn code_at(&self, now: Timestamp) -> String {
        let shown = now.as_unix().saturating_add_signed(self.drift);
        self.code_of(shown / self.period)
    }

    /// The code of a counter or a time step.
    pub fn code_of(&self, counter: u64) -> String {
        let mac = match self.hash {
            Hash::Sha1 => mac::<Hmac<Sha1>>(&self.secret, counter),
            Hash::Sha256 => mac::<Hmac<Sha256>>(&self.secret, counter),
            Hash::Sha512 => mac::<Hmac<Sha512>>(&self.secret, counter),
        };
        // RFC 4226 §5.3: the last four bits say where the 31 bits begin.
        let offset = usize::from(mac.last().copied().unwrap_or(0) & 0x0f);
        let four = mac.iter().skip(offset).take(4);
        let number = four.fold(0_u32, |number, &byte| (number << 8) | u32::from(byte)) & 0x7fff_ffff;
        let code = number % 10_u32.pow(self.digits);
        format!("{code:0width$}", width = self.digits as usize)
    }

    /// The next code of a counter-based entry, or `None` if it counts time. Each press of the button is another.
    pub fn press(&mut self) -> Option<String> {
        let counter = self.counter?;
        self.counter = counter.checked_add(1);
        Some(self.code_of(counter))
    }
}

/// Without the secret.
impl fmt::Debug for AuthenticatorApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticatorApp")
            .field("issuer", &self.issuer)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

fn mac<M: Mac + KeyInit>(secret: &[u8], counter: u64) -> Vec<u8> {
    // HMAC takes keys of any length; were that to change, no code would be right, and tests would show it.
    <M as KeyInit>::new_from_slice(secret)
        .map(|mac| {
            mac.chain_update(counter.to_be_bytes())
                .finalize()
                .into_bytes()
                .to_vec()
        })
        .unwrap_or_default()
}

struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn read(query: &str) -> Result<Self, ScanError> {
        let mut read: Vec<(String, String)> = Vec::new();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').ok_or(ScanError::Encoding)?;
            let name = percent_decoded(name)?;
            if read.iter().any(|(known, _)| *known == name) {
                return Err(ScanError::Twice);
            }
            read.push((name, percent_decoded(value)?));
        }
        Ok(Self(read))
    }

    fn text(&self, name: &str) -> Option<String> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone())
    }

    fn number(&self, name: &str) -> Result<Option<u64>, ScanError> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ScanError::Value);
        }
        text.parse().map(Some).map_err(|_| ScanError::Value)
    }
}

/// RFC 3986 §2.1. A `+` is a plus: apps that read it as a blank and apps that don't show different names, so
/// that an address which means a blank has to say `%20`.
fn percent_decoded(text: &str) -> Result<String, ScanError> {
    let mut decoded = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                let high = digit().ok_or(ScanError::Encoding)?;
                let low = digit().ok_or(ScanError::Encoding)?;
                decoded.push((high * 16 + low) as u8);
            }
            0x21..=0x7e => decoded.push(byte),
            _ => return Err(ScanError::Encoding),
        }
    }
    String::from_utf8(decoded).map_err(|_| ScanError::Encoding)
}

fn base32_decoded(text: &str) -> Result<Vec<u8>, ScanError> {
    let mut decoded = Vec::new();
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in text.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'2'..=b'7' => byte - b'2' + 26,
            _ => return Err(ScanError::Secret),
        };
        held = (held << 5) | u32::from(value);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            decoded.push((held >> bits) as u8);
            held &= (1 << bits) - 1;
        }
    }
    // RFC 4648 §6: what is left over are fewer than five bits, all zero.
    if decoded.is_empty() || bits >= 5 || held != 0 {
        return Err(ScanError::Secret);
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238 Appendix B, with the seeds of its reference code (erratum 2866).
    #[test]
    fn it_shows_the_codes_of_rfc_6238() {
        let seeds = [
            ("SHA1", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ".to_owned()),
            ("SHA256", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZA".to_owned()),
            (
                "SHA512",
                "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNA"
                    .to_owned(),
            ),
        ];
        for (time, codes) in [
            (59, ["94287082", "46119246", "90693936"]),
            (1_111_111_109, ["07081804", "68084774", "25091201"]),
            (1_111_111_111, ["14050471", "67062674", "99943326"]),
            (1_234_567_890, ["89005924", "91819424", "93441116"]),
            (2_000_000_000, ["69279037", "90698825", "38618901"]),
            (20_000_000_000, ["65353130", "77737706", "47863826"]),
        ] {
            for ((algorithm, seed), code) in seeds.iter().zip(codes) {
                let uri = format!("otpauth://totp/x?secret={seed}&algorithm={algorithm}&digits=8");
                let app = AuthenticatorApp::scan(&uri).unwrap();
                assert_eq!(
                    app.code_at(Timestamp::from_unix(time)),
                    code,
                    "{algorithm} at {time}"
                );
            }
        }
    }

    /// RFC 4226 Appendix D.
    #[test]
    fn it_counts_presses_as_rfc_4226_does() {
        let uri = "otpauth://hotp/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&counter=0";
        let mut app = AuthenticatorApp::scan(uri).unwrap();
        for code in ["755224", "287082", "359152", "969429", "338314"] {
            assert_eq!(app.press().as_deref(), Some(code));
        }
    }

    #[test]
    fn it_reads_names_and_drifts() {
        let uri = "otpauth://totp/Ysgol%20T%C5%B7:%20ann%2Bx@y?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
                   &issuer=Ysgol%20T%C5%B7&period=60&digits=8";
        let mut app = AuthenticatorApp::scan(uri).unwrap();
        assert_eq!(app.issuer(), Some("Ysgol Tŷ"));
        assert_eq!(app.account(), "ann+x@y");
        assert_eq!((app.digits(), app.period()), (8, Duration::from_secs(60)));
        let now = Timestamp::from_unix(1_000_000);
        let right = app.code_at(now);
        app.set_drift(-600);
        assert_eq!(app.code_at(Timestamp::from_unix(1_000_600)), right);
        app.set_drift(600);
        assert_eq!(app.code_at(Timestamp::from_unix(999_400)), right);
        assert_ne!(app.code_at(now), right);
        assert!(!format!("{app:?}").contains("49"), "the secret's bytes");
        assert_eq!(app.press(), None);
    }

    #[test]
    fn it_refuses_what_some_app_refuses() {
        let secret = "secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        for (uri, error) in [
            (format!("https://totp/x?{secret}"), ScanError::Scheme),
            (format!("otpauth://totp/?{secret}"), ScanError::Scheme),
            (format!("otpauth://motp/x?{secret}"), ScanError::Scheme),
            (format!("otpauth://totp/a:b:c?{secret}"), ScanError::Scheme),
            ("otpauth://totp/x".to_owned(), ScanError::Secret),
            ("otpauth://totp/x?issuer=y".to_owned(), ScanError::Secret),
            ("otpauth://totp/x?secret=gezdgnbv".to_owned(), ScanError::Secret),
            ("otpauth://totp/x?secret=MY======".to_owned(), ScanError::Secret),
            ("otpauth://totp/x?secret=MZ".to_owned(), ScanError::Secret),
            ("otpauth://totp/x?secret=A".to_owned(), ScanError::Secret),
            (format!("otpauth://totp/x?{secret}&{secret}"), ScanError::Twice),
            (format!("otpauth://totp/x?{secret}&digits=5"), ScanError::Value),
            (format!("otpauth://totp/x?{secret}&digits=%2B6"), ScanError::Value),
            (format!("otpauth://totp/x?{secret}&period=0"), ScanError::Value),
            (
                format!("otpauth://totp/x?{secret}&algorithm=MD5"),
                ScanError::Value,
            ),
            (format!("otpauth://hotp/x?{secret}"), ScanError::Value),
            (format!("otpauth://totp/y:x?{secret}&issuer=z"), ScanError::Issuer),
            (format!("otpauth://totp/a b?{secret}"), ScanError::Encoding),
            (format!("otpauth://totp/%f?{secret}"), ScanError::Encoding),
            (format!("otpauth://totp/%ff?{secret}"), ScanError::Encoding),
        ] {
            assert_eq!(AuthenticatorApp::scan(&uri).err(), Some(error), "{uri}");
        }
    }
}
