//! A post whose messages can be made to wait: a mail server that takes its time.

use std::sync::Arc;

use mfa_core::port::sender::{Channel, Message, Receipt, SendError, Sender};
use mfa_testing::sender::RecordingSender;
use tokio::sync::Semaphore;

/// Passes messages on to the sender that keeps them. Clones are held together.
#[derive(Clone, Debug)]
pub struct Post {
    sender: RecordingSender,
    /// One permit while nothing is held.
    open: Arc<Semaphore>,
    /// One for each message that came.
    arrived: Arc<Semaphore>,
}

/// Messages wait until it is dropped.
#[derive(Debug)]
#[must_use = "messages wait as long as it lives"]
pub struct Held {
    post: Post,
}

impl Post {
    pub(crate) fn new(sender: RecordingSender) -> Self {
        Self { sender, open: Arc::new(Semaphore::new(1)), arrived: Arc::new(Semaphore::new(0)) }
    }

    /// From here on messages wait.
    pub fn hold(&self) -> Held {
        assert_eq!(self.open.forget_permits(1), 1, "held twice");
        self.arrived.forget_permits(Semaphore::MAX_PERMITS);
        Held { post: self.clone() }
    }
}

impl Held {
    /// Waits until a message has come.
    pub async fn arrived(&self) {
        self.post.arrived.acquire().await.unwrap().forget();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.post.open.add_permits(1);
    }
}

impl Sender for Post {
    fn channel(&self) -> Channel {
        Sender::channel(&self.sender)
    }

    fn accepts(&self, destination: &str) -> bool {
        Sender::accepts(&self.sender, destination)
    }

    async fn send(&self, message: &Message) -> Result<Receipt, SendError> {
        self.arrived.add_permits(1);
        let _open = self.open.acquire().await.unwrap();
        Sender::send(&self.sender, message).await
    }
}
