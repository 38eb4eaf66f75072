//! The session table: what a session store of any web framework needs, with the id kept only as a hash.

use mfa_core::time::Timestamp;
use sha2::{Digest, Sha256};
use sqlx::SqlitePool;

use crate::error::PortalError;

/// Sessions in SQLite; they survive a restart.
///
/// Stored is the SHA-256 of the id: whoever reads the file can't take a session over. (The id has 128 random
/// bits, so a plain hash is enough.) Expiry is by the machine's clock, as `now` is the caller's.
#[derive(Clone, Debug)]
pub struct Sessions {
    pool: SqlitePool,
}

impl Sessions {
    /// The sessions in `pool`.
    pub fn new(pool: SqlitePool) -> Self {
        Self { pool }
    }

    /// Keeps a new session. `false` if the id is taken: then nothing is overwritten, and another is needed.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn create(&self, id: &str, data: &str, expires: Timestamp) -> Result<bool, PortalError> {
        let done = sqlx::query(
            "INSERT INTO portal_sessions (id_hash, data, expires_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        )
        .bind(hash(id))
        .bind(data)
        .bind(seconds(expires))
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Changes a session that is there. `false` if it isn't: it was ended while a request was under way, and
    /// that request must not bring it back to life.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn save(&self, id: &str, data: &str, expires: Timestamp) -> Result<bool, PortalError> {
        let done = sqlx::query("UPDATE portal_sessions SET data = $2, expires_at = $3 WHERE id_hash = $1")
            .bind(hash(id))
            .bind(data)
            .bind(seconds(expires))
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// What the session holds and when it ends, unless it has ended by `now`.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn load(&self, id: &str, now: Timestamp) -> Result<Option<(String, Timestamp)>, PortalError> {
        let row: Option<(String, i64)> = sqlx::query_as(
            "SELECT data, expires_at FROM portal_sessions WHERE id_hash = $1 AND expires_at > $2",
        )
        .bind(hash(id))
        .bind(seconds(now))
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|(data, expires)| (data, Timestamp::from_unix(u64::try_from(expires).unwrap_or(0)))))
    }

    /// Moves a session to a new id in one step; the old id is worthless from then on. `false` if there was
    /// no such session or the new id is taken.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn cycle(&self, old: &str, new: &str) -> Result<bool, PortalError> {
        let done = sqlx::query("UPDATE OR IGNORE portal_sessions SET id_hash = $2 WHERE id_hash = $1")
            .bind(hash(old))
            .bind(hash(new))
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Ends a session.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn delete(&self, id: &str) -> Result<(), PortalError> {
        sqlx::query("DELETE FROM portal_sessions WHERE id_hash = $1")
            .bind(hash(id))
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Deletes the sessions that have ended by `now`, and says how many there were.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn purge(&self, now: Timestamp) -> Result<u64, PortalError> {
        let done = sqlx::query("DELETE FROM portal_sessions WHERE expires_at <= $1")
            .bind(seconds(now))
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected())
    }
}

fn hash(id: &str) -> Vec<u8> {
    Sha256::digest(id.as_bytes()).to_vec()
}

fn seconds(time: Timestamp) -> i64 {
    i64::try_from(time.as_unix()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::{in_memory, open};

    const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);
    const LATER: Timestamp = Timestamp::from_unix(1_800_000_060);

    #[tokio::test]
    async fn what_is_kept_is_found_until_it_ends() {
        let sessions = Sessions::new(in_memory().await);
        assert!(sessions.create("a", "1", LATER).await.unwrap());
        assert_eq!(sessions.load("a", NOW).await.unwrap(), Some(("1".to_owned(), LATER)));
        assert_eq!(sessions.load("a", LATER).await.unwrap(), None);
        assert_eq!(sessions.load("b", NOW).await.unwrap(), None);
    }

    #[tokio::test]
    async fn creating_never_overwrites() {
        let sessions = Sessions::new(in_memory().await);
        assert!(sessions.create("a", "1", LATER).await.unwrap());
        assert!(!sessions.create("a", "2", LATER).await.unwrap());
        assert_eq!(sessions.load("a", NOW).await.unwrap().unwrap().0, "1");
    }

    #[tokio::test]
    async fn a_late_save_does_not_revive_a_session_that_was_ended() {
        let sessions = Sessions::new(in_memory().await);
        sessions.create("a", "1", LATER).await.unwrap();
        assert!(sessions.save("a", "2", LATER).await.unwrap());
        sessions.delete("a").await.unwrap();
        assert!(!sessions.save("a", "3", LATER).await.unwrap());
        assert_eq!(sessions.load("a", NOW).await.unwrap(), None);
    }

    #[tokio::test]
    async fn after_a_cycle_only_the_new_id_works() {
        let sessions = Sessions::new(in_memory().await);
        sessions.create("a", "1", LATER).await.unwrap();
        sessions.create("taken", "2", LATER).await.unwrap();
        assert!(!sessions.cycle("a", "taken").await.unwrap());
        assert!(sessions.cycle("a", "b").await.unwrap());
        assert_eq!(sessions.load("a", NOW).await.unwrap(), None);
        assert_eq!(sessions.load("b", NOW).await.unwrap().unwrap().0, "1");
        assert!(!sessions.cycle("a", "c").await.unwrap());
    }

    #[tokio::test]
    async fn purging_takes_only_what_has_ended() {
        let sessions = Sessions::new(in_memory().await);
        sessions.create("old", "1", NOW).await.unwrap();
        sessions.create("new", "2", LATER).await.unwrap();
        assert_eq!(sessions.purge(NOW).await.unwrap(), 1);
        assert!(sessions.load("new", NOW).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn sessions_survive_a_restart_and_the_file_never_has_the_id() {
        let folder = std::env::temp_dir().join(format!("portal-sessions-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let path = folder.join("deep").join("portal.sqlite");
        let pool = open(&path).await.unwrap();
        let id = "c2Vzc2lvbi1pZC1pbi1jbGVhcg";
        Sessions::new(pool.clone()).create(id, "kept", LATER).await.unwrap();
        pool.close().await;

        let bytes = std::fs::read(&path).unwrap();
        assert!(bytes.windows(4).any(|part| part == b"kept"));
        assert!(!bytes.windows(id.len()).any(|part| part == id.as_bytes()));
        let pool = open(&path).await.unwrap();
        assert_eq!(Sessions::new(pool).load(id, NOW).await.unwrap().unwrap().0, "kept");
    }
}
