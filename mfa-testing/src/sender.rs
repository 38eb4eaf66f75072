//! A sender that keeps what it is given, so that a test reads the message a person would get.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mfa_core::port::sender::{Channel, Content, Failure, Message, Notice, Receipt, SendError, Sender};
use mfa_core::secret::SecretText;

/// Records messages instead of delivering them, and fails when it is told to.
///
/// ```
/// use mfa_testing::sender::RecordingSender;
///
/// let sender = RecordingSender::new();
/// let given_away = sender.clone();
/// // … build the portal with `given_away`, ask it for a code …
/// assert!(sender.last_code().is_none(), "nothing was sent in this example");
/// # let _ = given_away;
/// ```
#[derive(Clone, Debug, Default)]
pub struct RecordingSender {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    delivered: Vec<Message>,
    refused: Vec<Message>,
    failures: u32,
    failure: Option<Failure>,
}

impl RecordingSender {
    /// A sender of e-mail that has sent nothing.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All messages that were delivered, oldest first.
    pub fn messages(&self) -> Vec<Message> {
        self.lock().delivered.clone()
    }

    /// All messages that failed on purpose, oldest first.
    pub fn refused(&self) -> Vec<Message> {
        self.lock().refused.clone()
    }

    /// The code of the newest delivered message that has one.
    pub fn last_code(&self) -> Option<SecretText> {
        self.lock().delivered.iter().rev().find_map(code)
    }

    /// The code of the newest message with one that was delivered to this address.
    pub fn last_code_to(&self, address: &str) -> Option<SecretText> {
        let state = self.lock();
        let mut to_them = state
            .delivered
            .iter()
            .rev()
            .filter(|message| message.to.expose() == address);
        to_them.find_map(code)
    }

    /// All notices that were delivered, with whom they went to, oldest first.
    pub fn notices(&self) -> Vec<(SecretText, Notice)> {
        let notice = |message: &Message| match &message.content {
            Content::Notice(notice) => Some((message.to.clone(), notice.clone())),
            _ => None,
        };
        self.lock().delivered.iter().filter_map(notice).collect()
    }

    /// Forgets all messages.
    pub fn clear(&self) {
        let mut state = self.lock();
        state.delivered.clear();
        state.refused.clear();
    }

    /// The next `times` messages fail in this way; then all is well again. `0` ends failing now.
    pub fn fail_next(&self, times: u32, failure: Failure) {
        let mut state = self.lock();
        state.failures = times;
        state.failure = Some(failure);
    }
}

fn code(message: &Message) -> Option<SecretText> {
    match &message.content {
        Content::Code { code, .. } => Some(code.clone()),
        _ => None,
    }
}

impl Sender for RecordingSender {
    fn channel(&self) -> Channel {
        Channel::Email
    }

    /// One `@` with something on either side, and no blanks: enough for a double.
    fn accepts(&self, destination: &str) -> bool {
        let plain = !destination.chars().any(|c| c.is_whitespace() || c.is_control());
        let halves = destination.split_once('@');
        plain
            && halves.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'))
    }

    async fn send(&self, message: &Message) -> Result<Receipt, SendError> {
        let mut state = self.lock();
        if let (1.., Some(failure)) = (state.failures, state.failure) {
            state.failures -= 1;
            state.refused.push(message.clone());
            return Err(match failure {
                Failure::Transient => SendError::transient("a transient failure on purpose"),
                Failure::Permanent => SendError::permanent("a permanent failure on purpose"),
            });
        }
        state.delivered.push(message.clone());
        let id = format!("recorded-{}", state.delivered.len());
        Ok(Receipt { id: Some(id) })
    }
}

#[cfg(test)]
mod tests {
    use mfa_core::port::sender::{Locale, Purpose};
    use mfa_core::time::Timestamp;

    use super::*;

    fn message(to: &str, content: Content) -> Message {
        Message {
            to: SecretText::from(to),
            content,
            at: Timestamp::from_unix(0),
            locale: Locale::English,
            service: "School".to_owned(),
            host: "school.example".to_owned(),
            help: "the office".to_owned(),
        }
    }

    fn with_code(to: &str, code: &str) -> Message {
        let content = Content::Code {
            purpose: Purpose::SignIn,
            code: SecretText::from(code),
            expires: Timestamp::from_unix(600),
        };
        message(to, content)
    }

    #[tokio::test]
    async fn it_keeps_what_was_sent_and_fails_as_often_as_told() {
        let sender = RecordingSender::new();
        assert_eq!(sender.last_code(), None);
        sender.send(&with_code("a@x.example", "111111")).await.unwrap();
        sender.send(&with_code("b@x.example", "222222")).await.unwrap();
        let notice = message("a@x.example", Content::Notice(Notice::Reset));
        sender.clone().send(&notice).await.unwrap();
        assert_eq!(sender.last_code(), Some(SecretText::from("222222")));
        assert_eq!(
            sender.last_code_to("a@x.example"),
            Some(SecretText::from("111111"))
        );
        assert_eq!(
            sender.notices(),
            [(SecretText::from("a@x.example"), Notice::Reset)]
        );

        sender.fail_next(1, Failure::Permanent);
        let error = sender
            .send(&with_code("a@x.example", "333333"))
            .await
            .unwrap_err();
        assert_eq!(error.failure(), Failure::Permanent);
        assert_eq!(sender.last_code(), Some(SecretText::from("222222")));
        assert!(sender.send(&with_code("a@x.example", "444444")).await.is_ok());
        assert_eq!((sender.messages().len(), sender.refused().len()), (4, 1));
        assert!(!format!("{sender:?}").contains("444444"));
        sender.clear();
        assert!(sender.messages().is_empty());
    }

    #[test]
    fn it_accepts_what_looks_like_an_address() {
        let sender = RecordingSender::new();
        assert!(sender.accepts("ann@school.example"));
        for wrong in ["", "ann", "@x", "a@", "a@b@c", "a b@c", "a@b\n"] {
            assert!(!sender.accepts(wrong), "{wrong:?}");
        }
    }
}
