//! Sessions in memory, for one process and until it ends. A real portal keeps them in Redis or in its database.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_session::storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError};
use actix_web::cookie::Key;
use actix_web::cookie::time::{Duration, OffsetDateTime};

type State = HashMap<String, String>;

/// Each session by its id, with its end. Clones share them, so that all of a server's threads do.
#[derive(Clone, Default)]
pub(crate) struct MemorySessions(Arc<Mutex<HashMap<String, (State, OffsetDateTime)>>>);

impl MemorySessions {
    fn kept(&self) -> MutexGuard<'_, HashMap<String, (State, OffsetDateTime)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn end(ttl: &Duration) -> OffsetDateTime {
    OffsetDateTime::now_utc() + *ttl
}

impl SessionStore for MemorySessions {
    async fn load(&self, id: &SessionKey) -> Result<Option<State>, LoadError> {
        let now = OffsetDateTime::now_utc();
        Ok(self.kept().get(id.as_ref()).filter(|(_, end)| *end > now).map(|(state, _)| state.clone()))
    }

    async fn save(&self, state: State, ttl: &Duration) -> Result<SessionKey, SaveError> {
        let now = OffsetDateTime::now_utc();
        let random = Key::try_generate().ok_or_else(|| SaveError::Other(anyhow::anyhow!("no randomness")))?;
        let id: String = random.master().iter().map(|byte| format!("{byte:02x}")).collect();
        let mut kept = self.kept();
        kept.retain(|_, (_, end)| *end > now);
        kept.insert(id.clone(), (state, end(ttl)));
        SessionKey::try_from(id).map_err(|error| SaveError::Other(error.into()))
    }

    async fn update(&self, id: SessionKey, state: State, ttl: &Duration) -> Result<SessionKey, UpdateError> {
        // A session that was ended while this request was under way stays ended.
        if let Some(kept) = self.kept().get_mut(id.as_ref()) {
            *kept = (state, end(ttl));
        }
        Ok(id)
    }

    async fn update_ttl(&self, id: &SessionKey, ttl: &Duration) -> anyhow::Result<()> {
        if let Some(kept) = self.kept().get_mut(id.as_ref()) {
            kept.1 = end(ttl);
        }
        Ok(())
    }

    async fn delete(&self, id: &SessionKey) -> anyhow::Result<()> {
        self.kept().remove(id.as_ref());
        Ok(())
    }
}
