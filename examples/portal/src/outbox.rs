//! The messages of the development outbox, as its page shows them.

use mfa_core::port::sender::Locale;
use mfa_core::time::Timestamp;
use mfa_send::outbox::{Kept, Outbox as Keeper};

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

impl From<&Kept> for Letter {
    fn from(kept: &Kept) -> Self {
        Self {
            to: kept.to.expose().to_owned(),
            subject: kept.subject.clone(),
            body: kept.body.expose().to_owned(),
            at: kept.at,
            locale: kept.locale,
        }
    }
}

/// Where the outbox page gets its messages: nowhere, when they go to a mail server.
#[derive(Clone, Default)]
pub struct Outbox {
    keeper: Option<Keeper>,
}

impl Outbox {
    /// An outbox that keeps messages.
    pub fn keeping() -> Self {
        Self { keeper: Some(Keeper::new()) }
    }

    /// None: messages leave through a mail server.
    pub fn sending() -> Self {
        Self { keeper: None }
    }

    /// The sender that fills it, if there is one.
    pub fn keeper(&self) -> Option<&Keeper> {
        self.keeper.as_ref()
    }

    /// The messages, the newest first; `None` when there is no outbox.
    pub fn letters(&self) -> Option<Vec<Letter>> {
        self.keeper.as_ref().map(|keeper| keeper.messages().iter().rev().map(Letter::from).collect())
    }
}
