//! What messages say: the trait to say it otherwise, and the built-in words in English and Welsh.

use std::fmt;

use mfa_core::port::sender::{Content, Locale, Message};
use mfa_core::secret::SecretText;
use thiserror::Error;

mod english;
pub(crate) mod plain;
mod welsh;

/// A message in words. `Debug` shows none of them.
#[derive(Clone)]
pub struct Rendered {
    /// One line. It shows on locked screens and in mail servers' logs: no code, no name of a person.
    pub subject: String,
    /// Plain text, lines ended by `\n`.
    pub body: SecretText,
}

impl fmt::Debug for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rendered").finish_non_exhaustive()
    }
}

/// Why a message could not be put into words. The message is then not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WordingError {
    /// This wording does not know this kind of message.
    #[error("there are no words for this kind of message")]
    NoWords,
    /// `Message::help` is empty, so the person could not repudiate the change (NIST SP 800-63B-4 §4.6).
    #[error("a message needs a way to reach somebody who helps")]
    NoHelp,
    /// `Message::host` is empty, so the person would not know where to type the code.
    #[error("a message needs the host name of the site")]
    NoHost,
}

/// Puts messages into words. Implement it to say things your own way, or in other languages.
///
/// What the words owe to the person: a notice says what changed and when, what to do if it wasn't them, and
/// whom to reach; a code's message says what it is for, where to type it, and when it ends. None has a link
/// that signs in (NIST SP 800-63B-4 §4.6): people who are used to such links follow a forger's too.
///
/// ```
/// use mfa_core::port::sender::{Content, Message};
/// use mfa_core::secret::SecretText;
/// use mfa_send::wording::{Rendered, StandardWording, Wording, WordingError};
///
/// struct Ours;
///
/// impl Wording for Ours {
///     fn render(&self, message: &Message) -> Result<Rendered, WordingError> {
///         match &message.content {
///             Content::Code { code, .. } => Ok(Rendered {
///                 subject: "Your school code".to_owned(),
///                 body: SecretText::new(format!("Type {} at {}.\n", code.expose(), message.host)),
///             }),
///             _ => StandardWording.render(message),
///         }
///     }
/// }
/// ```
pub trait Wording: Send + Sync + 'static {
    /// The words for a message, in its language.
    ///
    /// # Errors
    /// If there are none, or the message lacks what they need.
    fn render(&self, message: &Message) -> Result<Rendered, WordingError>;
}

/// The built-in words, in English and Welsh. A language that isn't known is answered in English.
#[derive(Clone, Copy, Debug, Default)]
pub struct StandardWording;

impl Wording for StandardWording {
    fn render(&self, message: &Message) -> Result<Rendered, WordingError> {
        let known = Known::of(message)?;
        let welsh = message.locale == Locale::Welsh;
        let (subject, body) = match &message.content {
            Content::Code { purpose, code, expires } => {
                let seconds = expires.since(message.at).as_secs();
                if welsh {
                    welsh::code(&known, *purpose, code.expose(), seconds)
                } else {
                    english::code(&known, *purpose, code.expose(), seconds)
                }
            }
            Content::Notice(notice) if welsh => welsh::notice(&known, notice, message.at.to_utc()),
            Content::Notice(notice) => english::notice(&known, notice, message.at.to_utc()),
            _ => return Err(WordingError::NoWords),
        };
        Ok(Rendered { subject, body: SecretText::new(body) })
    }
}

/// What every message names, made fit for a line of text.
struct Known {
    service: String,
    host: String,
    help: String,
}

impl Known {
    fn of(message: &Message) -> Result<Self, WordingError> {
        let host = plain::one_line(&message.host);
        let known = Self {
            // A service without a name goes by its host's.
            service: Some(plain::one_line(&message.service))
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| host.clone()),
            help: plain::one_line(&message.help),
            host,
        };
        if known.help.is_empty() {
            Err(WordingError::NoHelp)
        } else if known.host.is_empty() {
            Err(WordingError::NoHost)
        } else {
            Ok(known)
        }
    }
}
