//! The `otpauth:` URI that carries a key to an authenticator app: written for every app, read strictly.

use thiserror::Error;

use crate::factor::hotp::Counter;
use crate::factor::key::{Algorithm, Digits, KeyError, Period, SharedKey};
use crate::factor::totp::TotpParams;
use crate::secret::SecretText;

/// The longest URI written, in bytes: what fits a version 10 QR code at error correction M, which the
/// cameras of old phones still read from a small screen.
pub const MAX_WRITTEN: usize = 213;
/// The longest URI read, in bytes.
const MAX_READ: usize = 2048;
/// The most parameters a URI may have.
const MAX_PARAMETERS: usize = 16;
/// The account name is not shortened below this, in bytes as written, before the issuer is.
const ACCOUNT_FLOOR: usize = 20;
/// The most bytes one character takes as written; with a long imported key one is all that fits.
const WIDEST: usize = 12;

/// Why an otpauth URI can't be written or was refused. It never quotes the URI, which holds the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UriError {
    /// It is not an `otpauth://totp/` or `otpauth://hotp/` URI, or not a URI at all.
    #[error("it is not an otpauth URI")]
    NotOtpauth,
    /// It is longer than 2048 bytes; or, in writing, the key alone takes too much room.
    #[error("it is too long")]
    TooLong,
    /// The issuer or the account name has a colon, which separates the two. Replace it first.
    #[error("the {0} has a colon")]
    Colon(&'static str),
    /// The issuer or the account name is empty.
    #[error("the {0} is empty")]
    Empty(&'static str),
    /// A name is not UTF-8 or has control characters.
    #[error("the {0} is not plain text")]
    NotText(&'static str),
    /// The issuer before the account name and the one among the parameters differ.
    #[error("the two issuers differ")]
    IssuerMismatch,
    /// A parameter occurs twice, so that two apps could read two different things.
    #[error("a parameter occurs twice")]
    Repeated,
    /// A parameter is missing, misplaced or out of bounds.
    #[error("the parameter {0} is missing, misplaced or out of bounds")]
    Parameter(&'static str),
    /// The key was refused.
    #[error("the secret was refused: {0}")]
    Key(#[from] KeyError),
}

const ISSUER: &str = "issuer";
const ACCOUNT: &str = "account";

/// A URI that enrols an authenticator app for TOTP.
///
/// Every parameter is written though it be the default, and the issuer stands both before the account name and
/// among the parameters, because some apps read only the one or the other. Spaces are `%20`, never `+`.
///
/// ```
/// use mfa_core::factor::key::SharedKey;
/// use mfa_core::factor::otpauth::{OtpauthUri, parse};
/// use mfa_core::factor::totp::TotpParams;
/// use mfa_core::port::entropy::SystemEntropy;
///
/// let key = SharedKey::generate(&SystemEntropy)?;
/// let uri = OtpauthUri::new("Hill School", "ann@example.org", &key, TotpParams::default())?.to_uri();
/// assert!(uri.expose().starts_with("otpauth://totp/Hill%20School:ann@example.org?secret="));
/// assert_eq!(parse(uri.expose())?.key, key);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct OtpauthUri(SecretText);

impl OtpauthUri {
    /// Writes the URI. `issuer` is the site's name, `account` the name its person knows the account by.
    ///
    /// A URI of more than [`MAX_WRITTEN`] bytes is shortened to that: first the account name to no less than
    /// 20 bytes, then the issuer. A key of up to 64 bytes always leaves room for some of both.
    ///
    /// # Errors
    /// If either name is empty, or has a colon or control characters; or if an imported key is so long that no
    /// room is left for names.
    pub fn new(issuer: &str, account: &str, key: &SharedKey, params: TotpParams) -> Result<Self, UriError> {
        let issuer = check_name(issuer.trim(), ISSUER)?;
        let account = check_name(account.trim(), ACCOUNT)?;
        let secret = key.to_base32();
        let tail = format!(
            "&algorithm={}&digits={}&period={}",
            params.algorithm.name(),
            params.digits.as_u8(),
            params.period.as_seconds()
        );
        let fixed = "otpauth://totp/:?secret=&issuer=".len() + secret.len() + tail.len();
        let room = MAX_WRITTEN.checked_sub(fixed).ok_or(UriError::TooLong)?;

        let least_account = encode(account, ACCOUNT_FLOOR).len();
        let issuer = encode(issuer, (room.saturating_sub(least_account) / 2).max(WIDEST));
        let account = encode(account, room.saturating_sub(2 * issuer.len()));
        if issuer.is_empty() || account.is_empty() {
            return Err(UriError::TooLong);
        }

        let mut uri = String::with_capacity(MAX_WRITTEN);
        for part in [
            "otpauth://totp/",
            &issuer,
            ":",
            &account,
            "?secret=",
            secret.expose(),
            "&issuer=",
            &issuer,
            &tail,
        ] {
            uri.push_str(part);
        }
        Ok(Self(SecretText::new(uri)))
    }

    /// The URI, for a link or a QR code.
    pub fn to_uri(&self) -> SecretText {
        self.0.clone()
    }
}

/// Names are free of what would change where the URI's parts end once an app has decoded them.
fn check_name<'a>(name: &'a str, part: &'static str) -> Result<&'a str, UriError> {
    if name.is_empty() {
        Err(UriError::Empty(part))
    } else if name.contains(':') {
        Err(UriError::Colon(part))
    } else if name.contains(char::is_control) {
        Err(UriError::NotText(part))
    } else {
        Ok(name)
    }
}

/// Percent-encodes as much of a name as fits into `room` bytes, in whole characters (RFC 3986 §2) and not ending in a
/// space.
fn encode(name: &str, room: usize) -> String {
    let mut encoded = String::new();
    let mut end = 0;
    for character in name.chars() {
        let piece = match character {
            'A'..='Z' | 'a'..='z' | '0'..='9' | '-' | '.' | '_' | '~' | '@' => character.to_string(),
            _ => character.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("%{byte:02X}")).collect(),
        };
        if encoded.len() + piece.len() > room {
            break;
        }
        encoded.push_str(&piece);
        if !character.is_whitespace() {
            end = encoded.len();
        }
    }
    encoded.truncate(end);
    encoded
}

/// What an otpauth URI says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Parsed {
    /// Who the account is with, if it says so.
    pub issuer: Option<String>,
    /// The account's name: often an address, hence kept secret.
    pub account: SecretText,
    /// The key.
    pub key: SharedKey,
    /// How codes are made with it.
    pub kind: Kind,
}

/// How codes are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// By time.
    Totp(TotpParams),
    /// By counter.
    Hotp {
        /// The hash.
        algorithm: Algorithm,
        /// The number of digits.
        digits: Digits,
        /// The first counter value.
        counter: Counter,
    },
}

/// Reads an otpauth URI, to import a key that exists already.
///
/// Strict, because the URI may come from anyone: each parameter at most once, every number within the bounds
/// its type has, one issuer only, a key of 128 bits at the least. Parameters it doesn't know are ignored.
///
/// # Errors
/// [`UriError`] says which rule was broken, without quoting the URI.
pub fn parse(uri: &str) -> Result<Parsed, UriError> {
    if uri.len() > MAX_READ {
        return Err(UriError::TooLong);
    }
    if !uri.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        return Err(UriError::NotOtpauth);
    }
    let (scheme, rest) = uri.split_once("://").ok_or(UriError::NotOtpauth)?;
    let (kind, rest) = rest.split_once('/').ok_or(UriError::NotOtpauth)?;
    let (label, query) = rest.split_once('?').ok_or(UriError::NotOtpauth)?;
    let by_time = kind.eq_ignore_ascii_case("totp");
    let known = by_time || kind.eq_ignore_ascii_case("hotp");
    if !scheme.eq_ignore_ascii_case("otpauth") || !known {
        return Err(UriError::NotOtpauth);
    }

    let mut parameters = Parameters::read(query)?;
    // The separator may be written `:` or `%3A`; neither part may hold one, so decoding first loses nothing.
    let label = decode(label, ACCOUNT)?;
    let (prefix, account) = match label.expose().split_once(':') {
        Some((issuer, account)) => (Some(check_name(issuer, ISSUER)?), account),
        None => (None, label.expose()),
    };
    let account = check_name(account.trim_start_matches(' '), ACCOUNT)?;
    let named = parameters.take("issuer").map(|value| decode(value, ISSUER)).transpose()?;
    let named = named.as_ref().map(|name| check_name(name.expose(), ISSUER)).transpose()?;
    if let (Some(prefix), Some(named)) = (prefix, named)
        && prefix != named
    {
        return Err(UriError::IssuerMismatch);
    }

    let secret = parameters.take("secret").ok_or(UriError::Parameter("secret"))?;
    let key = SharedKey::from_base32(decode(secret, "secret")?.expose())?;
    let algorithm = match parameters.take("algorithm") {
        None => Algorithm::default(),
        Some(name) => [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512]
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
            .ok_or(UriError::Parameter("algorithm"))?,
    };
    let digits = match parameters.number("digits")? {
        None => Digits::default(),
        Some(digits) => u8::try_from(digits)
            .ok()
            .and_then(|digits| Digits::new(digits).ok())
            .ok_or(UriError::Parameter("digits"))?,
    };
    let period = match parameters.number("period")? {
        None => None,
        Some(seconds) => Some(Period::from_seconds(seconds).map_err(|_| UriError::Parameter("period"))?),
    };
    let counter = parameters.number("counter")?;
    let kind = match (by_time, period, counter) {
        (true, period, None) => {
            Kind::Totp(TotpParams { algorithm, digits, period: period.unwrap_or_default() })
        }
        (false, None, Some(counter)) => Kind::Hotp { algorithm, digits, counter: Counter::new(counter) },
        (false, Some(_), _) => return Err(UriError::Parameter("period")),
        _ => return Err(UriError::Parameter("counter")),
    };
    Ok(Parsed { issuer: prefix.or(named).map(str::to_owned), account: SecretText::from(account), key, kind })
}

/// The part behind the `?`, still encoded.
struct Parameters<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Parameters<'a> {
    fn read(query: &'a str) -> Result<Self, UriError> {
        let mut seen: Vec<(&str, &str)> = Vec::new();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').ok_or(UriError::NotOtpauth)?;
            // A name spelt with escapes, or twice in different case, is how two readers are made to disagree.
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
            if name.is_empty() || !name.bytes().all(plain) || seen.len() == MAX_PARAMETERS {
                return Err(UriError::NotOtpauth);
            }
            if seen.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
                return Err(UriError::Repeated);
            }
            seen.push((name, value));
        }
        Ok(Self(seen))
    }

    fn take(&mut self, name: &str) -> Option<&'a str> {
        let at = self.0.iter().position(|(other, _)| *other == name)?;
        Some(self.0.swap_remove(at).1)
    }

    /// Digits only: the standard library's parser would take a sign.
    fn number(&mut self, name: &'static str) -> Result<Option<u64>, UriError> {
        self.take(name)
            .map(|value| {
                Some(value)
                    .filter(|value| value.bytes().all(|byte| byte.is_ascii_digit()))
                    .and_then(|value| value.parse().ok())
                    .ok_or(UriError::Parameter(name))
            })
            .transpose()
    }
}

/// Undoes percent-encoding. A `+` stays one: this is not a form.
fn decode(text: &str, part: &'static str) -> Result<SecretText, UriError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
            let (Some(high), Some(low)) = (digit(), digit()) else {
                return Err(UriError::NotText(part));
            };
            bytes.push((high * 16 + low) as u8);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).map(SecretText::new).map_err(|_| UriError::NotText(part))
}
