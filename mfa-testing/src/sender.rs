//! A sender that keeps what it is given, and fails when it is told to.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mfa_core::port::sender::{Channel, Content, Failure, Message, Notice, Receipt, SendError, Sender};

/// Keeps every message. Clones share what they keep.
#[derive(Clone, Default)]
pub struct RecordingSender {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    messages: Vec<Message>,
    failures: VecDeque<Failure>,
}

impl fmt::Debug for RecordingSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordingSender")
            .field("messages", &self.lock().messages.len())
            .finish_non_exhaustive()
    }
}

impl RecordingSender {
    /// A sender that has kept nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything that was sent, the newest last.
    pub fn messages(&self) -> Vec<Message> {
        self.lock().messages.clone()
    }

    /// The code sent last, in the clear: a test types it.
    pub fn last_code(&self) -> Option<String> {
        self.lock().messages.iter().rev().find_map(|message| match &message.content {
            Content::Code { code, .. } => Some(code.expose().to_owned()),
            _ => None,
        })
    }

    /// The news of changes that were sent, with the addresses they went to.
    pub fn notices(&self) -> Vec<(String, Notice)> {
        let notice = |message: &Message| match &message.content {
            Content::Notice(notice) => Some((message.to.expose().to_owned(), notice.clone())),
            _ => None,
        };
        self.lock().messages.iter().filter_map(notice).collect()
    }

    /// Forgets what was sent.
    pub fn clear(&self) {
        self.lock().messages.clear();
    }

    /// Makes the next message fail; called again, the one after it.
    pub fn fail_next(&self, failure: Failure) {
        self.lock().failures.push_back(failure);
    }
}

impl Sender for RecordingSender {
    fn channel(&self) -> Channel {
        Channel::Email
    }

    fn accepts(&self, destination: &str) -> bool {
        destination.split_once('@').is_some_and(|(local, host)| !local.is_empty() && host.contains('.'))
    }

    async fn send(&self, message: &Message) -> Result<Receipt, SendError> {
        let mut inner = self.lock();
        match inner.failures.pop_front() {
            Some(Failure::Transient) => Err(SendError::transient("the test made it fail for now")),
            Some(Failure::Permanent) => Err(SendError::permanent("the test made it fail for good")),
            None => {
                inner.messages.push(message.clone());
                Ok(Receipt { id: Some(format!("recorded-{}", inner.messages.len())) })
            }
        }
    }
}
