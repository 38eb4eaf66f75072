//! The development outbox: keeps the last messages in memory, for the example's page and for tests.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mfa_core::port::sender::{Channel, Content, Failure, Locale, Message, Receipt, SendError, Sender};
use mfa_core::secret::SecretText;
use mfa_core::time::Timestamp;
use thiserror::Error;

use crate::address::is_address;
use crate::wording::{StandardWording, Wording};

/// How many messages an outbox keeps; the oldest gives way.
pub const MAX_MESSAGES: usize = 200;

/// One message as the person would have got it. `Debug` shows neither address nor words.
#[derive(Clone)]
#[non_exhaustive]
pub struct Kept {
    /// Counts up from 1 over the life of the outbox; the receipt's id is `outbox-` and this number.
    pub number: u64,
    /// Where to.
    pub to: SecretText,
    /// The subject line.
    pub subject: String,
    /// The text.
    pub body: SecretText,
    /// When it was written.
    pub at: Timestamp,
    /// In which language.
    pub locale: Locale,
    /// The code in it, if it brings one.
    pub code: Option<SecretText>,
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").field("number", &self.number).field("at", &self.at).finish_non_exhaustive()
    }
}

/// The outbox was told to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the outbox was told to fail")]
pub struct ToldToFail;

/// A sender that keeps the last [`MAX_MESSAGES`] e-mails in memory instead of sending them.
///
/// Clones share the messages. Codes stand in it in the clear: it is for development and tests, and has no
/// place in a portal that people use.
///
/// ```
/// use mfa_core::port::sender::Failure;
/// use mfa_send::outbox::Outbox;
///
/// let outbox = Outbox::new();
/// let for_the_page = outbox.clone();
/// outbox.fail_with(Some(Failure::Transient)); // from here on, as if the mail server were down
/// outbox.fail_with(None); // and up again
/// assert!(for_the_page.messages().is_empty());
/// ```
#[derive(Clone)]
pub struct Outbox {
    shared: Arc<Shared>,
}

struct Shared {
    wording: Box<dyn Wording>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    kept: VecDeque<Kept>,
    counted: u64,
    failure: Option<Failure>,
}

impl Outbox {
    /// An empty outbox with the built-in words.
    pub fn new() -> Self {
        Self::with_wording(StandardWording)
    }

    /// An empty outbox with words of your own.
    pub fn with_wording(wording: impl Wording) -> Self {
        Self { shared: Arc::new(Shared { wording: Box::new(wording), inner: Mutex::default() }) }
    }

    /// The messages kept, oldest first.
    pub fn messages(&self) -> Vec<Kept> {
        self.lock().kept.iter().cloned().collect()
    }

    /// Drops all messages. Numbers go on counting.
    pub fn clear(&self) {
        self.lock().kept.clear();
    }

    /// Makes every further delivery fail this way, or, with `None`, succeed again.
    pub fn fail_with(&self, failure: Option<Failure>) {
        self.lock().failure = failure;
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing below can panic half way through a change, so a poisoned lock guards whole data.
        self.shared.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Outbox {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").finish_non_exhaustive()
    }
}

impl Sender for Outbox {
    fn channel(&self) -> Channel {
        Channel::Email
    }

    fn accepts(&self, destination: &str) -> bool {
        is_address(destination)
    }

    async fn send(&self, message: &Message) -> Result<Receipt, SendError> {
        let words = self.shared.wording.render(message).map_err(SendError::permanent)?;
        let mut inner = self.lock();
        match inner.failure {
            Some(Failure::Transient) => return Err(SendError::transient(ToldToFail)),
            Some(Failure::Permanent) => return Err(SendError::permanent(ToldToFail)),
            None => {}
        }
        inner.counted += 1;
        let number = inner.counted;
        if inner.kept.len() == MAX_MESSAGES {
            inner.kept.pop_front();
        }
        inner.kept.push_back(Kept {
            number,
            to: message.to.clone(),
            subject: words.subject,
            body: words.body,
            at: message.at,
            locale: message.locale,
            code: match &message.content {
                Content::Code { code, .. } => Some(code.clone()),
                _ => None,
            },
        });
        Ok(Receipt { id: Some(format!("outbox-{number}")) })
    }
}
