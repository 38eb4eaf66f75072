//! The sender port: delivers one structured message over one channel. Wording lives with the senders.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::secret::SecretText;
use crate::time::Timestamp;

/// How a message travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Channel {
    /// E-mail.
    Email,
}

/// The language of a message or a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Locale {
    /// English.
    #[default]
    #[serde(rename = "en")]
    English,
    /// Welsh, Cymraeg.
    #[serde(rename = "cy")]
    Welsh,
}

impl Locale {
    /// Every language there are words for.
    pub const ALL: &'static [Self] = &[Self::English, Self::Welsh];

    /// The BCP 47 tag: `en`, `cy`.
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Welsh => "cy",
        }
    }
}

/// What a code is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Purpose {
    /// To sign in.
    SignIn,
    /// To prove a second factor again within a session.
    StepUp,
    /// To confirm a new factor.
    Enrol,
}

/// What the owner of an account is told after a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "notice", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Notice {
    /// A method was added.
    FactorAdded {
        /// What the person called it.
        name: String,
    },
    /// A method was removed.
    FactorRemoved {
        /// What the person called it.
        name: String,
    },
    /// A method was disabled after too many wrong codes.
    FactorDisabled {
        /// What the person called it.
        name: String,
    },
    /// The backup codes were disabled after too many wrong ones.
    BackupCodesDisabled,
    /// A new set of backup codes was made; the old one no longer works.
    BackupCodesMade,
    /// A backup code was used to sign in.
    BackupCodeUsed {
        /// How many are left.
        left: u8,
    },
    /// An administrator removed all methods.
    Reset,
    /// The right password was followed by too many wrong codes.
    ManyWrongCodes,
}

/// What a message says, without its wording.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content {
    /// A code.
    Code {
        /// What it is for.
        purpose: Purpose,
        /// The code.
        code: SecretText,
        /// When it stops working.
        expires: Timestamp,
    },
    /// News of a change.
    Notice(Notice),
}

/// One message to deliver.
#[derive(Clone, Debug)]
pub struct Message {
    /// Where to, in the channel's own form (an e-mail address, a phone number).
    pub to: SecretText,
    /// What it says.
    pub content: Content,
    /// When it was written.
    pub at: Timestamp,
    /// In which language.
    pub locale: Locale,
    /// The name of the service, for people.
    pub service: String,
    /// The host name of the site, such as `portal.school.example`: for origin-bound messages, and so that
    /// people see where to type a code.
    pub host: String,
    /// How to reach somebody who helps, in words (NIST SP 800-63B-4 §4.6).
    pub help: String,
}

/// What a provider said when it took a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The provider's own id for the message, if it gave one. Not secret.
    pub id: Option<String>,
}

/// Whether trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// It may work later: a time-out, a refused connection, a full mailbox.
    Transient,
    /// It won't: an address that doesn't exist, a message that was refused.
    Permanent,
}

/// A message that was not delivered.
///
/// `Display` never has the address or the provider's words in it (they often repeat the address); the cause
/// is behind `source` for the operator.
#[derive(Debug, Error)]
#[error("the message was not delivered ({failure:?})")]
pub struct SendError {
    failure: Failure,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl SendError {
    /// A failure that may pass.
    pub fn transient(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { failure: Failure::Transient, source: Some(source.into()) }
    }

    /// A failure that stays.
    pub fn permanent(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { failure: Failure::Permanent, source: Some(source.into()) }
    }

    /// Whether trying again can help.
    pub fn failure(&self) -> Failure {
        self.failure
    }
}

/// Delivers messages over one channel.
///
/// A sender returns when the provider has taken the message or refused it, within a time-out of its own. It
/// must not log the address, the code or the provider's words in the clear.
pub trait Sender: Send + Sync + 'static {
    /// The channel it delivers over.
    fn channel(&self) -> Channel;

    /// Whether a destination has the form the channel needs. No network.
    fn accepts(&self, destination: &str) -> bool;

    /// Delivers one message.
    fn send(&self, message: &Message) -> impl Future<Output = Result<Receipt, SendError>> + Send;
}

/// The object-safe twin of [`Sender`].
pub(crate) trait DynSender: Send + Sync + 'static {
    fn channel(&self) -> Channel;
    fn accepts(&self, destination: &str) -> bool;
    fn send<'a>(
        &'a self,
        message: &'a Message,
    ) -> Pin<Box<dyn Future<Output = Result<Receipt, SendError>> + Send + 'a>>;
}

impl<S: Sender> DynSender for S {
    fn channel(&self) -> Channel {
        Sender::channel(self)
    }
    fn accepts(&self, destination: &str) -> bool {
        Sender::accepts(self, destination)
    }
    fn send<'a>(
        &'a self,
        message: &'a Message,
    ) -> Pin<Box<dyn Future<Output = Result<Receipt, SendError>> + Send + 'a>> {
        Box::pin(Sender::send(self, message))
    }
}

impl<S: Sender> Sender for std::sync::Arc<S> {
    fn channel(&self) -> Channel {
        Sender::channel(&**self)
    }
    fn accepts(&self, destination: &str) -> bool {
        Sender::accepts(&**self, destination)
    }
    async fn send(&self, message: &Message) -> Result<Receipt, SendError> {
        Sender::send(&**self, message).await
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Email => "email",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    struct Kept(Mutex<Vec<String>>);
    impl Sender for Kept {
        fn channel(&self) -> Channel {
            Channel::Email
        }
        fn accepts(&self, destination: &str) -> bool {
            destination.contains('@')
        }
        async fn send(&self, message: &Message) -> Result<Receipt, SendError> {
            self.0.lock().unwrap().push(message.to.expose().to_owned());
            Ok(Receipt { id: Some("1".to_owned()) })
        }
    }

    #[tokio::test]
    async fn a_shared_sender_sends_and_refuses_as_the_one_it_shares() {
        let shared = Arc::new(Kept(Mutex::default()));
        assert!(Sender::accepts(&shared, "ann@school.example") && !Sender::accepts(&shared, "ann"));
        let message = Message {
            to: "ann@school.example".into(),
            content: Content::Notice(Notice::Reset),
            at: Timestamp::from_unix(7),
            service: "School".to_owned(),
            host: "school.example".to_owned(),
            help: "the office".to_owned(),
            locale: Locale::English,
        };
        assert_eq!(Sender::send(&shared, &message).await.unwrap().id.as_deref(), Some("1"));
        assert_eq!(*shared.0.lock().unwrap(), ["ann@school.example"]);
        assert_eq!(Sender::channel(&shared).to_string(), "email");
    }

    #[test]
    fn languages_have_the_tags_that_pages_put_into_lang() {
        assert_eq!(Locale::ALL.iter().map(|locale| locale.tag()).collect::<Vec<_>>(), ["en", "cy"]);
    }
}
