//! The settings of the SMTP sender: from a URL or one by one, checked before anything is sent.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use lettre::transport::smtp::client::{Certificate, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use mfa_core::config::ConfigError;
use mfa_core::secret::SecretText;
use percent_encoding::percent_decode_str;
use url::Url;

use crate::address::is_domain;
use crate::smtp::Security;

/// How long a delivery may take from first to last, unless set: a person is waiting for it.
pub const DEFAULT_TIME_OUT: Duration = Duration::from_secs(10);
/// The longest time-out that may be set.
pub const MAX_TIME_OUT: Duration = Duration::from_secs(120);

const URL_FIX: &str = "write smtps://user:password@host:465, or smtp://user:password@host:587 for STARTTLS";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Implicit,
    StartTls,
    DangerPlainText,
}

/// Where the mail server is and how to speak to it. `Debug` shows neither user nor password.
///
/// ```
/// use std::time::Duration;
///
/// use mfa_core::secret::SecretText;
/// use mfa_send::smtp::config::SmtpConfig;
///
/// let config = SmtpConfig::tls("mail.school.example")
///     .credentials("portal", SecretText::from("secret"))
///     .time_out(Duration::from_secs(5));
/// ```
#[derive(Clone)]
pub struct SmtpConfig {
    mode: Mode,
    host: String,
    port: u16,
    credentials: Option<(String, SecretText)>,
    roots: Vec<Vec<u8>>,
    time_out: Duration,
    hello: Option<String>,
}

/// The settings once they are known to work together.
pub(super) struct Checked {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) security: Security,
    pub(super) credentials: Option<(String, SecretText)>,
    pub(super) time_out: Duration,
    pub(super) hello: ClientId,
}

impl SmtpConfig {
    /// TLS from the first byte, on port 465 unless set otherwise. The one to prefer (RFC 8314 §3).
    pub fn tls(host: impl Into<String>) -> Self {
        Self::new(Mode::Implicit, host.into(), 465)
    }

    /// Starts in the clear and turns on TLS by STARTTLS before anything of worth is said, on port 587 unless
    /// set otherwise. A server that doesn't offer it gets no message.
    pub fn starttls(host: impl Into<String>) -> Self {
        Self::new(Mode::StartTls, host.into(), 587)
    }

    /// No encryption, on port 25 unless set otherwise: codes can be read by everybody on the way.
    ///
    /// For a mail catcher or a relay on the same machine. Credentials can't be used with it.
    pub fn danger_plain_text(host: impl Into<String>) -> Self {
        Self::new(Mode::DangerPlainText, host.into(), 25)
    }

    fn new(mode: Mode, host: String, port: u16) -> Self {
        Self {
            mode,
            host,
            port,
            credentials: None,
            roots: Vec::new(),
            time_out: DEFAULT_TIME_OUT,
            hello: None,
        }
    }

    /// Reads `scheme://user:password@host:port`, as it may stand in an environment variable.
    ///
    /// | scheme | meaning | port if left out |
    /// |---|---|---|
    /// | `smtps` | [`SmtpConfig::tls`] | 465 |
    /// | `smtp` | [`SmtpConfig::starttls`]: encryption is required, unlike with some other programs | 587 |
    /// | `smtp+danger-plain-text` | [`SmtpConfig::danger_plain_text`] | 25 |
    ///
    /// User and password are percent-encoded and go together. Nothing may follow the port.
    ///
    /// # Errors
    /// If it can't be read. The error never repeats any of it, for a password may be in it.
    pub fn from_url(url: &str) -> Result<Self, ConfigError> {
        let wrong = |problem: &'static str| ConfigError::new("smtp.url", problem, URL_FIX);
        let url = Url::parse(url).map_err(|_| wrong("not a URL"))?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| wrong("no host in it"))?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let mut config = match url.scheme() {
            "smtps" => Self::tls(host),
            "smtp" => Self::starttls(host),
            "smtp+danger-plain-text" => Self::danger_plain_text(host),
            _ => return Err(wrong("unknown scheme")),
        };
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("something follows the host and port"));
        }
        if let Some(port) = url.port() {
            config = config.port(port);
        }
        let decoded = |text| {
            percent_decode_str(text)
                .decode_utf8()
                .map(|text| text.into_owned())
                .map_err(|_| wrong("user or password is not UTF-8 once decoded"))
        };
        match (url.username(), url.password()) {
            ("", None) => Ok(config),
            ("", Some(_)) => Err(wrong("a password without a user")),
            (_, None) => Err(wrong("a user without a password")),
            (user, Some(password)) => {
                Ok(config.credentials(decoded(user)?, SecretText::new(decoded(password)?)))
            }
        }
    }

    /// The port, if it isn't the usual one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Signs in before sending. Only over TLS.
    #[must_use]
    pub fn credentials(mut self, user: impl Into<String>, password: SecretText) -> Self {
        self.credentials = Some((user.into(), password));
        self
    }

    /// Trusts one more authority, or several, given as PEM: for a mail server with a certificate of your own.
    /// Mozilla's list stays trusted beside it.
    #[must_use]
    pub fn root_certificate_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots.push(pem.into());
        self
    }

    /// How long a delivery may take from first to last; [`DEFAULT_TIME_OUT`] unless set, at most
    /// [`MAX_TIME_OUT`].
    #[must_use]
    pub fn time_out(mut self, time_out: Duration) -> Self {
        self.time_out = time_out;
        self
    }

    /// The domain name by which this machine greets the server; its host name unless set. Some servers
    /// refuse a greeting without a full domain name.
    #[must_use]
    pub fn hello_name(mut self, name: impl Into<String>) -> Self {
        self.hello = Some(name.into());
        self
    }

    pub(super) fn check(self) -> Result<Checked, ConfigError> {
        if !is_host(&self.host) {
            return Err(ConfigError::new(
                "smtp.host",
                "not a host name or an IP address",
                "give the name alone, such as mail.school.example",
            ));
        }
        if self.port == 0 {
            return Err(ConfigError::new(
                "smtp.port",
                "0 is not a port",
                "use 465 for TLS or 587 for STARTTLS",
            ));
        }
        if self.time_out.is_zero() || self.time_out > MAX_TIME_OUT {
            return Err(ConfigError::new(
                "smtp.time_out",
                "out of range",
                "choose more than nothing and at most 2 minutes; 10 seconds suit most",
            ));
        }
        if let Some((user, password)) = &self.credentials {
            if self.mode == Mode::DangerPlainText {
                return Err(ConfigError::new(
                    "smtp.credentials",
                    "a password would be sent in the clear",
                    "use TLS or STARTTLS, or leave the credentials out",
                ));
            }
            // NUL separates user and password in AUTH PLAIN (RFC 4616 §2).
            if user.is_empty() || user.contains('\0') || password.expose().contains('\0') {
                return Err(ConfigError::new(
                    "smtp.credentials",
                    "the user is empty, or there is a NUL in it or in the password",
                    "give them as the mail server knows them",
                ));
            }
        }
        let security = match self.mode {
            Mode::Implicit => Security::Implicit(self.tls_parameters()?),
            Mode::StartTls => Security::StartTls(self.tls_parameters()?),
            Mode::DangerPlainText if self.roots.is_empty() => Security::DangerPlainText,
            Mode::DangerPlainText => {
                return Err(ConfigError::new(
                    "smtp.root_certificate_pem",
                    "a certificate is of no use without encryption",
                    "use TLS or STARTTLS, or leave the certificate out",
                ));
            }
        };
        let hello = match self.hello {
            None => ClientId::default(),
            Some(name) if is_domain(&name) => ClientId::Domain(name),
            Some(_) => {
                return Err(ConfigError::new(
                    "smtp.hello_name",
                    "not a full domain name",
                    "give the name of this machine, such as portal.school.example",
                ));
            }
        };
        Ok(Checked {
            host: self.host,
            port: self.port,
            security,
            credentials: self.credentials,
            time_out: self.time_out,
            hello,
        })
    }

    fn tls_parameters(&self) -> Result<TlsParameters, ConfigError> {
        let bad = || {
            ConfigError::new(
                "smtp.root_certificate_pem",
                "no certificate can be read from it",
                "give the authority's certificate: PEM text with a line BEGIN CERTIFICATE",
            )
        };
        let mut builder = TlsParameters::builder(self.host.clone());
        for pem in &self.roots {
            // Without this line a file without any certificate passes as an empty list.
            if !pem.windows(BEGIN.len()).any(|window| window == BEGIN.as_bytes()) {
                return Err(bad());
            }
            builder = builder.add_root_certificate(Certificate::from_pem(pem).map_err(|_| bad())?);
        }
        builder.build_rustls().map_err(|_| bad())
    }
}

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";

impl fmt::Debug for SmtpConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpConfig")
            .field("mode", &self.mode)
            .field("host", &self.host)
            .field("port", &self.port)
            .field("time_out", &self.time_out)
            .finish_non_exhaustive()
    }
}

fn is_host(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok()
        || is_domain(host)
        || (!host.is_empty()
            && host.len() <= 63
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'))
}
