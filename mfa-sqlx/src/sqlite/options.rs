//! How an SQLite database is opened: few settings, with defaults that lose nothing.

use std::time::Duration;

/// What a commit has survived when it returns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// A power cut. The default: a one-time code that was accepted, forgotten in a power cut and accepted
    /// again would be accepted twice.
    #[default]
    PowerCut,
    /// The end of the process, but not of the machine: after a power cut the last moments may be missing,
    /// never torn. About twice as fast; a code used just before the cut can be used again after it.
    Crash,
}

/// Settings for a [`SqliteStore`](crate::sqlite::SqliteStore).
///
/// ```no_run
/// use std::time::Duration;
/// use mfa_sqlx::sqlite::SqliteStore;
///
/// # async fn open() -> Result<(), mfa_sqlx::error::OpenError> {
/// let store = SqliteStore::options()
///     .busy_timeout(Duration::from_secs(10))
///     .open("second-factor.db")
///     .await?;
/// # let _ = store;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    pub(crate) durability: Durability,
    pub(crate) busy_timeout: Duration,
    pub(crate) readers: u32,
    pub(crate) in_host_database: bool,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            durability: Durability::default(),
            busy_timeout: Duration::from_secs(5),
            readers: 4,
            in_host_database: false,
        }
    }
}

impl SqliteOptions {
    /// The defaults: survives a power cut, waits 5 s for a lock (three times), four connections that read.
    pub fn new() -> Self {
        Self::default()
    }

    /// What a commit has survived when it returns: a power cut, unless set.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// How long SQLite waits for another process's lock before a try counts as failed: 5 s, unless set.
    /// A call makes three tries.
    #[must_use]
    pub fn busy_timeout(mut self, wait: Duration) -> Self {
        // SQLite counts milliseconds in 31 bits.
        self.busy_timeout = wait.min(Duration::from_millis(i32::MAX as u64));
        self
    }

    /// How many connections look records up beside the one that writes, and as many again read events and lists: 4, unless
    /// set; at least 1.
    #[must_use]
    pub fn readers(mut self, connections: u32) -> Self {
        self.readers = connections.max(1);
        self
    }

    /// Lets the tables live in a database of your own, beside your tables.
    ///
    /// Without this, a database that has other tables in it and none of ours is refused: a mistyped path must
    /// not change somebody else's file. All our tables begin with `mfa_`. The database is switched to
    /// write-ahead logging, which all its users have to be able to live with; its `application_id` and
    /// `user_version` are left alone.
    #[must_use]
    pub fn in_host_database(mut self) -> Self {
        self.in_host_database = true;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_not_work_is_brought_to_the_nearest_that_can() {
        for (asked, connections) in [(0, 1), (1, 1), (7, 7)] {
            assert_eq!(SqliteOptions::new().readers(asked).readers, connections);
        }
        let (longest, longer) = (Duration::from_millis(i32::MAX as u64), Duration::MAX);
        for (asked, wait) in [(Duration::ZERO, Duration::ZERO), (longest, longest), (longer, longest)] {
            assert_eq!(SqliteOptions::new().busy_timeout(asked).busy_timeout, wait);
        }
    }
}
