//! Waits after wrong passwords, per name typed, kept in the database so that a restart forgives nothing.

use std::time::Duration;

use mfa_core::time::Timestamp;
use sha2::{Digest, Sha256};
use sqlx::SqlitePool;

use crate::error::PortalError;

/// Failures after which nothing more is counted against a name.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// Counts attempts before their result is known: five in a row are free, then each is followed by a wait of
/// 30 s, doubling to 16 min. Only a right password clears the count.
///
/// Names nobody has are counted like any other, so that a wait tells nothing. The longest wait is short,
/// since anybody who knows a name can bring it about.
#[derive(Clone, Debug)]
pub struct Throttle {
    pool: SqlitePool,
}

/// The answer to an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// It may go on, and has been counted.
    Counted,
    /// Not before this wait is over; it was not counted and the password must not be looked at.
    Wait(Duration),
}

impl Throttle {
    /// A throttle that keeps its counts in `pool`.
    pub fn new(pool: SqlitePool) -> Self {
        Self { pool }
    }

    /// Counts an attempt for `name`, or says how long to wait.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn attempt(&self, name: &str, now: Timestamp) -> Result<Attempt, PortalError> {
        let at = seconds(now);
        sqlx::query("DELETE FROM portal_sign_in_failures WHERE last_at < $1")
            .bind(seconds(now.before(FORGOTTEN_AFTER)))
            .execute(&self.pool)
            .await?;
        // One statement: two requests at once are two failures, never one.
        let counted = sqlx::query(
            "INSERT INTO portal_sign_in_failures (name_hash, failures, wait_until, last_at)
             VALUES ($1, 1, 0, $2)
             ON CONFLICT (name_hash) DO UPDATE SET
               failures = failures + 1,
               wait_until = CASE WHEN failures < 4 THEN 0 ELSE $2 + (30 << min(failures - 4, 5)) END,
               last_at = $2
             WHERE wait_until <= $2",
        )
        .bind(fingerprint(name))
        .bind(at)
        .execute(&self.pool)
        .await?;
        if counted.rows_affected() == 1 {
            return Ok(Attempt::Counted);
        }
        let until: Option<i64> =
            sqlx::query_scalar("SELECT wait_until FROM portal_sign_in_failures WHERE name_hash = $1")
                .bind(fingerprint(name))
                .fetch_optional(&self.pool)
                .await?;
        let left = until.unwrap_or(at).saturating_sub(at).max(1);
        Ok(Attempt::Wait(Duration::from_secs(left.unsigned_abs())))
    }

    /// Forgets the failures of `name`: its password was right.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn clear(&self, name: &str) -> Result<(), PortalError> {
        sqlx::query("DELETE FROM portal_sign_in_failures WHERE name_hash = $1")
            .bind(fingerprint(name))
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

/// What is typed into a name field is now and then a password: it is not stored as it is.
fn fingerprint(name: &str) -> Vec<u8> {
    Sha256::digest(name.as_bytes()).to_vec()
}

fn seconds(time: Timestamp) -> i64 {
    i64::try_from(time.as_unix()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::in_memory;

    const START: Timestamp = Timestamp::from_unix(1_800_000_000);

    async fn waits(throttle: &Throttle, name: &str, now: Timestamp) -> u64 {
        match throttle.attempt(name, now).await.unwrap() {
            Attempt::Counted => 0,
            Attempt::Wait(wait) => wait.as_secs(),
        }
    }

    #[tokio::test]
    async fn five_are_free_then_waits_double_to_sixteen_minutes() {
        let throttle = Throttle::new(in_memory().await);
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
        let throttle = Throttle::new(in_memory().await);
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
        let throttle = Throttle::new(in_memory().await);
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
