//! Waits after wrong passwords, per name typed, kept in the database so that a restart forgives nothing.

use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use mfa_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::PortalError;
use crate::shelf::{Drawer, Ends, Shelf};

/// Failures after which nothing more is counted against a name.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// Counts attempts before their result is known: five in a row are free, then each is followed by a wait of
/// 30 s, doubling to 16 min. Only a right password clears the count.
///
/// Names nobody has are counted like any other, so that a wait tells nothing. The longest wait is short,
/// since anybody who knows a name can bring it about.
#[derive(Clone, Debug)]
pub struct Throttle {
    shelf: Shelf,
}

/// The answer to an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// It may go on, and has been counted.
    Counted,
    /// Not before this wait is over; it was not counted and the password must not be looked at.
    Wait(Duration),
}

/// The failures counted against one name.
#[derive(Serialize, Deserialize)]
struct Failures {
    count: u32,
    wait_until: Timestamp,
}

/// Requests that may count against one name at the same moment; each of them but one counts again.
const TRIES: usize = 200;

impl Throttle {
    /// A throttle that keeps its counts on `shelf`.
    pub fn new(shelf: Shelf) -> Self {
        Self { shelf }
    }

    /// Counts an attempt for `name`, or says how long to wait.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn attempt(&self, name: &str, now: Timestamp) -> Result<Attempt, PortalError> {
        let name = fingerprint(name);
        let ends = Ends::At(now.after(FORGOTTEN_AFTER));
        // Counted on condition that nobody else has: two requests at once are two failures, never one.
        for _ in 0..TRIES {
            let held = self.shelf.get(Drawer::FAILURES, &name, now).await?;
            let counted = match held {
                None => {
                    let first = Failures { count: 1, wait_until: Timestamp::from_unix(0) }.to_json()?;
                    self.shelf.put_new(Drawer::FAILURES, &name, &first, ends, now).await?
                }
                Some(held) => {
                    let failures = Failures::from_json(&held.value)?;
                    if failures.wait_until > now {
                        return Ok(Attempt::Wait(failures.wait_until.since(now)));
                    }
                    let next = failures.and_another(now).to_json()?;
                    self.shelf.replace(Drawer::FAILURES, &name, &next, ends, Some(held.version)).await?
                }
            };
            if counted {
                return Ok(Attempt::Counted);
            }
        }
        Err(PortalError::Crowd)
    }

    /// Forgets the failures of `name`: its password was right.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn clear(&self, name: &str) -> Result<(), PortalError> {
        self.shelf.take_out(Drawer::FAILURES, &fingerprint(name)).await
    }

    /// Deletes the counts that are forgotten by `now`, where the database does not do so by itself.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn purge(&self, now: Timestamp) -> Result<u64, PortalError> {
        self.shelf.tidy(Drawer::FAILURES, now).await
    }
}

impl Failures {
    fn and_another(&self, now: Timestamp) -> Self {
        let wait_until = match self.count.checked_sub(4) {
            None => Timestamp::from_unix(0),
            Some(beyond) => now.after(Duration::from_secs(30 << beyond.min(5))),
        };
        Self { count: self.count.saturating_add(1), wait_until }
    }

    fn to_json(&self) -> Result<String, PortalError> {
        serde_json::to_string(self).map_err(|_| PortalError::Row("failures"))
    }

    fn from_json(text: &str) -> Result<Self, PortalError> {
        serde_json::from_str(text).map_err(|_| PortalError::Row("failures"))
    }
}

/// What is typed into a name field is now and then a password: it is not stored as it is.
fn fingerprint(name: &str) -> String {
    Base64UrlUnpadded::encode_string(&Sha256::digest(name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_unix(1_800_000_000);

    async fn waits(throttle: &Throttle, name: &str, now: Timestamp) -> u64 {
        match throttle.attempt(name, now).await.unwrap() {
            Attempt::Counted => 0,
            Attempt::Wait(wait) => wait.as_secs(),
        }
    }

    #[tokio::test]
    async fn five_are_free_then_waits_double_to_sixteen_minutes() {
        let throttle = Throttle::new(Shelf::in_memory().await);
        let mut now = START;
        for _ in 0..5 {
            assert_eq!(waits(&throttle, "parent", now).await, 0);
        }
        for wait in [30, 60, 120, 240, 480, 960, 960] {
            assert_eq!(waits(&throttle, "parent", now).await, wait);
            now = now.after(Duration::from_secs(wait - 1));
            assert_eq!(waits(&throttle, "parent", now).await, 1);
            now = now.after(Duration::from_secs(1));
            assert_eq!(waits(&throttle, "parent", now).await, 0);
        }
        assert_eq!(waits(&throttle, "teacher", now).await, 0);
    }

    #[tokio::test]
    async fn only_a_right_password_or_a_day_clears_the_count() {
        let throttle = Throttle::new(Shelf::in_memory().await);
        for _ in 0..5 {
            waits(&throttle, "parent", START).await;
        }
        assert_eq!(waits(&throttle, "parent", START).await, 30);
        throttle.clear("parent").await.unwrap();
        for _ in 0..5 {
            assert_eq!(waits(&throttle, "parent", START).await, 0);
        }
        let next_day = START.after(FORGOTTEN_AFTER).after(Duration::from_secs(1));
        for _ in 0..5 {
            assert_eq!(waits(&throttle, "parent", next_day).await, 0);
        }
        assert_eq!(waits(&throttle, "parent", next_day).await, 30);
    }

    #[tokio::test]
    async fn parallel_guesses_buy_nothing() {
        let throttle = Throttle::new(Shelf::in_memory().await);
        let tasks: Vec<_> = (0..50)
            .map(|_| {
                let throttle = throttle.clone();
                tokio::spawn(async move { throttle.attempt("parent", START).await.unwrap() })
            })
            .collect();
        let mut counted = 0;
        for task in tasks {
            counted += usize::from(task.await.unwrap() == Attempt::Counted);
        }
        assert_eq!(counted, 5);
    }
}
