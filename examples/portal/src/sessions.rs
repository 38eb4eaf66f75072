//! The sessions: what a session store of any web framework needs, with the id kept only as a hash.

use base64ct::{Base64UrlUnpadded, Encoding};
use mfa_core::time::Timestamp;
use sha2::{Digest, Sha256};

use crate::error::PortalError;
use crate::shelf::{Drawer, Ends, Shelf};

/// What the session cookie is called. With the prefix, browsers take it only over TLS and never from a neighbouring
/// subdomain.
pub fn cookie_name(secure: bool) -> &'static str {
    if secure { "__Host-portal" } else { "portal" }
}

/// Sessions on the shelf; they survive a restart, and any node finds them.
///
/// Stored is the SHA-256 of the id: whoever reads the database can't take a session over. (The id has 128 random
/// bits, so a plain hash is enough.) Expiry is by the machine's clock, as `now` is the caller's.
#[derive(Clone, Debug)]
pub struct Sessions {
    shelf: Shelf,
}

impl Sessions {
    /// The sessions on `shelf`.
    pub fn new(shelf: Shelf) -> Self {
        Self { shelf }
    }

    /// Keeps a new session. `false` if the id is taken: then nothing is overwritten, and another is needed.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn create(&self, id: &str, data: &str, expires: Timestamp) -> Result<bool, PortalError> {
        // Not even an ended one is overwritten: an id that was once somebody's is no new one.
        let ever = Timestamp::from_unix(0);
        self.shelf.put_new(Drawer::SESSIONS, &hash(id), data, Ends::At(expires), ever).await
    }

    /// Changes a session that is there. `false` if it isn't: it was ended while a request was under way, and
    /// that request must not bring it back to life.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn save(&self, id: &str, data: &str, expires: Timestamp) -> Result<bool, PortalError> {
        self.shelf.replace(Drawer::SESSIONS, &hash(id), data, Ends::At(expires), None).await
    }

    /// What the session holds and when it ends, unless it has ended by `now`.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn load(&self, id: &str, now: Timestamp) -> Result<Option<(String, Timestamp)>, PortalError> {
        let held = self.shelf.get(Drawer::SESSIONS, &hash(id), now).await?;
        Ok(held.and_then(|held| match held.ends {
            Ends::At(ends) => Some((held.value, ends)),
            Ends::Never => None,
        }))
    }

    /// Ends a session.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn delete(&self, id: &str) -> Result<(), PortalError> {
        self.shelf.take_out(Drawer::SESSIONS, &hash(id)).await
    }

    /// Deletes the sessions that have ended by `now`, where the database does not do so by itself, and says how
    /// many there were.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn purge(&self, now: Timestamp) -> Result<u64, PortalError> {
        self.shelf.tidy(Drawer::SESSIONS, now).await
    }
}

fn hash(id: &str) -> String {
    Base64UrlUnpadded::encode_string(&Sha256::digest(id.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Place;

    const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);
    const LATER: Timestamp = Timestamp::from_unix(1_800_000_060);

    #[tokio::test]
    async fn what_is_kept_is_found_until_it_ends() {
        let sessions = Sessions::new(Shelf::in_memory().await);
        assert!(sessions.create("a", "1", LATER).await.unwrap());
        assert_eq!(sessions.load("a", NOW).await.unwrap(), Some(("1".to_owned(), LATER)));
        assert_eq!(sessions.load("a", LATER).await.unwrap(), None);
        assert_eq!(sessions.load("b", NOW).await.unwrap(), None);
    }

    #[tokio::test]
    async fn creating_never_overwrites() {
        let sessions = Sessions::new(Shelf::in_memory().await);
        assert!(sessions.create("a", "1", LATER).await.unwrap());
        assert!(!sessions.create("a", "2", LATER).await.unwrap());
        assert_eq!(sessions.load("a", NOW).await.unwrap().unwrap().0, "1");
    }

    #[tokio::test]
    async fn a_late_save_does_not_revive_a_session_that_was_ended() {
        let sessions = Sessions::new(Shelf::in_memory().await);
        sessions.create("a", "1", LATER).await.unwrap();
        assert!(sessions.save("a", "2", LATER).await.unwrap());
        sessions.delete("a").await.unwrap();
        assert!(!sessions.save("a", "3", LATER).await.unwrap());
        assert_eq!(sessions.load("a", NOW).await.unwrap(), None);
    }

    #[tokio::test]
    async fn purging_takes_only_what_has_ended() {
        let sessions = Sessions::new(Shelf::in_memory().await);
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
        let shelf = Shelf::open(&Place::Sqlite(path.clone())).await.unwrap();
        let id = "c2Vzc2lvbi1pZC1pbi1jbGVhcg";
        Sessions::new(shelf.clone()).create(id, "kept", LATER).await.unwrap();
        shelf.close().await;

        let bytes = std::fs::read(&path).unwrap();
        assert!(bytes.windows(4).any(|part| part == b"kept"));
        assert!(!bytes.windows(id.len()).any(|part| part == id.as_bytes()));
        let shelf = Shelf::open(&Place::Sqlite(path.clone())).await.unwrap();
        assert_eq!(Sessions::new(shelf).load(id, NOW).await.unwrap().unwrap().0, "kept");
    }
}
