//! The messages of the development outbox, as its page shows them.

use mfa_core::port::sender::Locale;
use mfa_core::time::Timestamp;

/// One message as a person would have got it.
#[derive(Clone)]
pub struct Letter {
    /// The address.
    pub to: String,
    /// The subject line.
    pub subject: String,
    /// The text.
    pub body: String,
    /// When it was written.
    pub at: Timestamp,
    /// Its language.
    pub locale: Locale,
}

/// Where the outbox page gets its messages: `None` when they go to a mail server.
///
/// SEAM: hold the outbox of `mfa-send` here and turn what it keeps into [`Letter`]s, the newest first.
#[derive(Clone, Default)]
pub struct Outbox {
    smtp: bool,
}

impl Outbox {
    /// An outbox that keeps messages.
    pub fn keeping() -> Self {
        Self { smtp: false }
    }

    /// None: messages leave through a mail server.
    pub fn sending() -> Self {
        Self { smtp: true }
    }

    /// The messages, the newest first; `None` when there is no outbox.
    pub fn letters(&self) -> Option<Vec<Letter>> {
        (!self.smtp).then(Vec::new)
    }
}
