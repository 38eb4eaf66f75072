//! The SMTP sender: hands one e-mail at a time to your mail server, through lettre.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lettre::Address;
use lettre::address::Envelope;
use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message as Email};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use mfa_core::config::ConfigError;
use mfa_core::port::sender::{Channel, Failure, Message, Receipt, SendError, Sender};
use mfa_core::secret::SecretText;
use mfa_core::time::Timestamp;
use tokio::time::timeout;
use tracing::Dispatch;
use tracing::instrument::WithSubscriber;
use tracing::subscriber::NoSubscriber;

use crate::address::is_address;
use crate::smtp::config::SmtpConfig;
use crate::smtp::failure::{SmtpFailure, Stage};
use crate::wording::plain::one_line;
use crate::wording::{StandardWording, Wording};

pub mod config;
pub mod failure;

/// The last second of the year 9999: a `Date` header can say no more.
const LAST_DATE: u64 = 253_402_300_799;

/// How long we wait for a polite goodbye once the server has taken the message.
const GOODBYE: Duration = Duration::from_secs(1);

/// A subscriber that takes nothing. It is a registered one, unlike `Dispatch::none`: else what is first met
/// under it stays out of the host's log for good.
static SILENCE: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));

/// Sends e-mails through an SMTP server.
///
/// Every message has a connection of its own, closed after it. A kept connection would save some tens of
/// milliseconds, but one that was left in the middle (by a time-out, or because the browser went away) gives
/// the next message the answer meant for the last, so that a lost code would be reported as delivered.
///
/// It needs a Tokio runtime with time and I/O enabled.
///
/// ```
/// use mfa_send::smtp::SmtpSender;
/// use mfa_send::smtp::config::SmtpConfig;
///
/// # fn main() -> Result<(), mfa_core::config::ConfigError> {
/// let config = SmtpConfig::from_url("smtps://portal:secret@mail.school.example")?;
/// let sender = SmtpSender::new(config, "no-reply@school.example")?;
/// # Ok(()) }
/// ```
///
/// # Security
///
/// Neither addresses nor codes nor the server's words reach a log or an error. That holds even if somebody
/// in the build turns on lettre's `tracing` feature, which writes whole conversations to the log: while a
/// message is on its way, nothing on that path is recorded.
pub struct SmtpSender {
    host: String,
    port: u16,
    security: Security,
    credentials: Option<(String, SecretText)>,
    time_out: Duration,
    hello: ClientId,
    from: Address,
    wording: Box<dyn Wording>,
    ids: MessageIds,
}

/// How the connection is protected, ready to use.
enum Security {
    Implicit(TlsParameters),
    StartTls(TlsParameters),
    DangerPlainText,
}

impl SmtpSender {
    /// A sender with these settings, whose messages come from `from` (an address without a name: the name
    /// shown is that of the service).
    ///
    /// # Errors
    /// Names the setting that can't work. Nothing is asked of the network.
    pub fn new(config: SmtpConfig, from: &str) -> Result<Self, ConfigError> {
        let from = from.parse::<Address>().ok().filter(|_| is_address(from)).ok_or_else(|| {
            ConfigError::new(
                "smtp.from",
                "not an e-mail address",
                "give the address alone, such as no-reply@school.example",
            )
        })?;
        let checked = config.check()?;
        Ok(Self {
            host: checked.host,
            port: checked.port,
            security: checked.security,
            credentials: checked.credentials,
            time_out: checked.time_out,
            hello: checked.hello,
            from,
            wording: Box::new(StandardWording),
            ids: MessageIds::default(),
        })
    }

    /// Says things in your own words instead of the built-in ones.
    #[must_use]
    pub fn with_wording(mut self, wording: impl Wording) -> Self {
        self.wording = Box::new(wording);
        self
    }

    fn write(&self, message: &Message) -> Result<(Envelope, Vec<u8>, String), SendError> {
        let to = message.to.expose();
        let to = to
            .parse::<Address>()
            .ok()
            .filter(|_| is_address(to))
            .ok_or_else(|| SendError::permanent(SmtpFailure::BadAddress))?;
        let words = self.wording.render(message).map_err(SendError::permanent)?;
        let id = self.ids.next(self.from.domain());
        let unwritable = |_| SendError::permanent(SmtpFailure::Unwritable);
        let service = Some(one_line(&message.service)).filter(|name| !name.is_empty());
        let email = Email::builder()
            .from(Mailbox::new(service, self.from.clone()))
            .to(Mailbox::new(None, to.clone()))
            .date(date(message.at))
            .message_id(Some(id.clone()))
            // Header injection: whatever the host or a person named, a subject is one line.
            .subject(one_line(&words.subject))
            .header(AutoSubmitted)
            .header(ContentLanguage(message.locale.tag().to_owned()))
            .header(ContentType::TEXT_PLAIN)
            .body(words.body.expose().to_owned())
            .map_err(unwritable)?;
        let envelope = Envelope::new(Some(self.from.clone()), vec![to]).map_err(unwritable)?;
        Ok((envelope, email.formatted(), id))
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, SmtpFailure> {
        let (wrapped, upgrade) = match &self.security {
            Security::Implicit(tls) => (Some(tls.clone()), None),
            Security::StartTls(tls) => (None, Some(tls.clone())),
            Security::DangerPlainText => (None, None),
        };
        let server = (self.host.as_str(), self.port);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(server, Some(self.time_out), &self.hello, wrapped, None)
                .await
                .map_err(|error| SmtpFailure::of(Stage::Connect, &error))?;
        if let Some(tls) = upgrade {
            connection
                .starttls(tls, &self.hello)
                .await
                .map_err(|error| SmtpFailure::of(Stage::StartTls, &error))?;
        }
        if let Some((user, password)) = &self.credentials {
            let credentials = Credentials::new(user.clone(), password.expose().to_owned());
            connection
                .auth(&[Mechanism::Plain, Mechanism::Login], &credentials)
                .await
                .map_err(|error| SmtpFailure::of(Stage::Login, &error))?;
        }
        Ok(connection)
    }

    async fn deliver(&self, envelope: &Envelope, email: &[u8]) -> Result<(), SmtpFailure> {
        let handed_over = timeout(self.time_out, async {
            let mut connection = self.connect().await?;
            connection
                .send(envelope, email)
                .await
                .map_err(|error| SmtpFailure::of(Stage::Message, &error))?;
            Ok(connection)
        });
        let mut connection = handed_over.await.map_err(|_| SmtpFailure::TimeOut)??;
        // The message is the server's by now: a goodbye that fails changes nothing.
        let _ = timeout(GOODBYE, connection.quit()).await;
        Ok(())
    }
}

impl Sender for SmtpSender {
    fn channel(&self) -> Channel {
        Channel::Email
    }

    fn accepts(&self, destination: &str) -> bool {
        is_address(destination)
    }

    async fn send(&self, message: &Message) -> Result<Receipt, SendError> {
        let (envelope, email, id) = self.write(message)?;
        let delivered = self
            .deliver(&envelope, &email)
            // Address and code in the log: lettre records the conversation when built with `tracing`.
            .with_subscriber(SILENCE.clone())
            .await;
        match delivered {
            Ok(()) => Ok(Receipt { id: Some(id) }),
            Err(failure) => Err(match failure.failure() {
                Failure::Transient => SendError::transient(failure),
                Failure::Permanent => SendError::permanent(failure),
            }),
        }
    }
}

impl fmt::Debug for SmtpSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpSender")
            .field("host", &self.host)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

fn date(at: Timestamp) -> SystemTime {
    let seconds = at.as_unix().min(LAST_DATE);
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).unwrap_or(UNIX_EPOCH)
}

/// Makes Message-IDs. They have to differ, not to be unguessable, and they say nothing of this machine.
#[derive(Default)]
struct MessageIds {
    high: RandomState,
    low: RandomState,
    counted: AtomicU64,
}

impl MessageIds {
    fn next(&self, domain: &str) -> String {
        let count = self.counted.fetch_add(1, Ordering::Relaxed);
        let (high, low) = (self.high.hash_one(count), self.low.hash_one(count));
        format!("<{high:016x}{low:016x}@{domain}>")
    }
}

/// `Auto-Submitted: auto-generated` (RFC 3834 §5): keeps "out of office" replies away.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }
    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }
    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// `Content-Language` (RFC 3282): tells a screen reader how to pronounce the message.
#[derive(Clone)]
struct ContentLanguage(String);

impl Header for ContentLanguage {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Content-Language")
    }
    fn parse(tag: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self(tag.to_owned()))
    }
    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), self.0.clone())
    }
}

#[cfg(test)]
mod tests;
