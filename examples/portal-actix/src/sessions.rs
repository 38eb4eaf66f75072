//! The portal's session table as a session store of actix-session.

use std::collections::HashMap;

use actix_session::SessionMiddleware;
use actix_session::config::{CookieContentSecurity, PersistentSession, TtlExtensionPolicy};
use actix_session::storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError};
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Key, SameSite};
use base64ct::{Base64UrlUnpadded, Encoding};
use mfa_core::port::clock::{Clock, SystemClock};
use mfa_core::port::entropy::{SystemEntropy, random_bytes};
use mfa_core::time::Timestamp;
use portal::config::HostUrl;
use portal::error::PortalError;
use portal::sessions::{Sessions, cookie_name};
use portal::site::Portal;
use portal::visitor::IDLE_LIMIT;
use serde_json::Value;

/// What actix-session keeps: values as JSON, by their names.
type State = HashMap<String, String>;

/// A session store over the portal's table. Ids and values are as the portal on axum writes them, so that a session
/// begun there goes on here.
pub(crate) struct TableStore {
    sessions: Sessions,
}

/// The session layer: cookie for this site only, unreadable to scripts, `Secure` unless on this machine.
pub(crate) fn layer(portal: &Portal, host_url: &HostUrl) -> SessionMiddleware<TableStore> {
    let idle = Duration::seconds(i64::try_from(IDLE_LIMIT.as_secs()).unwrap_or(3600));
    // Prolonged when it is saved, which the portal does every few minutes: not every page writes.
    let lifecycle = PersistentSession::default()
        .session_ttl(idle)
        .session_ttl_extension_policy(TtlExtensionPolicy::OnStateChanges);
    let store = TableStore { sessions: portal.sessions().clone() };
    SessionMiddleware::builder(store, Key::from(portal.cookie_key().expose()))
        .cookie_content_security(CookieContentSecurity::Signed)
        .cookie_name(cookie_name(host_url.is_secure()).to_owned())
        .cookie_secure(host_url.is_secure())
        .cookie_http_only(true)
        .cookie_same_site(SameSite::Lax)
        .cookie_path("/".to_owned())
        .session_lifecycle(lifecycle)
        .build()
}

impl SessionStore for TableStore {
    async fn load(&self, id: &SessionKey) -> Result<Option<State>, LoadError> {
        let now = SystemClock.now().map_err(|fault| LoadError::Other(fault.into()))?;
        let found =
            self.sessions.load(id.as_ref(), now).await.map_err(|error| LoadError::Other(failed(&error)))?;
        found.map(|(data, _)| decode(&data)).transpose().map_err(LoadError::Deserialization)
    }

    async fn save(&self, state: State, ttl: &Duration) -> Result<SessionKey, SaveError> {
        let data = encode(&state).map_err(SaveError::Serialization)?;
        let expires = end(ttl).map_err(SaveError::Other)?;
        // 128 random bits meet themselves only when the randomness is broken: then fail, don't loop.
        for _ in 0..3 {
            let random =
                random_bytes::<16>(&SystemEntropy).map_err(|fault| SaveError::Other(fault.into()))?;
            let id = Base64UrlUnpadded::encode_string(&random);
            let created = self.sessions.create(&id, &data, expires).await;
            if created.map_err(|error| SaveError::Other(failed(&error)))? {
                return SessionKey::try_from(id).map_err(|error| SaveError::Other(error.into()));
            }
        }
        Err(SaveError::Other(anyhow::anyhow!("no free session id")))
    }

    async fn update(&self, id: SessionKey, state: State, ttl: &Duration) -> Result<SessionKey, UpdateError> {
        let data = encode(&state).map_err(UpdateError::Serialization)?;
        let expires = end(ttl).map_err(UpdateError::Other)?;
        // `false` means that it was ended meanwhile. It stays ended.
        self.sessions
            .save(id.as_ref(), &data, expires)
            .await
            .map_err(|error| UpdateError::Other(failed(&error)))?;
        Ok(id)
    }

    /// Never asked for: the time is extended with the state.
    async fn update_ttl(&self, _id: &SessionKey, _ttl: &Duration) -> anyhow::Result<()> {
        Ok(())
    }

    async fn delete(&self, id: &SessionKey) -> anyhow::Result<()> {
        self.sessions.delete(id.as_ref()).await.map_err(|error| failed(&error))
    }
}

fn decode(data: &str) -> anyhow::Result<State> {
    let values: HashMap<String, Value> = serde_json::from_str(data)?;
    Ok(values.into_iter().map(|(name, value)| (name, value.to_string())).collect())
}

fn encode(state: &State) -> anyhow::Result<String> {
    let values = state.iter().map(|(name, text)| Ok((name, serde_json::from_str(text)?)));
    let values: HashMap<&String, Value> = values.collect::<anyhow::Result<_>>()?;
    Ok(serde_json::to_string(&values)?)
}

fn end(ttl: &Duration) -> anyhow::Result<Timestamp> {
    Ok(SystemClock.now()?.after(ttl.unsigned_abs()))
}

fn failed(error: &PortalError) -> anyhow::Error {
    anyhow::anyhow!("{error}: {}", error.detail())
}
