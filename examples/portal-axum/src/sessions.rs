//! The portal's session table as a session store of tower-sessions.

use std::collections::HashMap;

use async_trait::async_trait;
use mfa_core::port::clock::{Clock, SystemClock};
use mfa_core::time::Timestamp;
use portal::config::HostUrl;
use portal::sessions::{Sessions, cookie_name};
use portal::site::Portal;
use portal::visitor::IDLE_LIMIT;
use tower_sessions::cookie::{Key, SameSite, time};
use tower_sessions::service::SignedCookie;
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::{Error, Result, SessionStore};
use tower_sessions::{Expiry, SessionManagerLayer};

/// A session store over the portal's table.
#[derive(Clone, Debug)]
pub(crate) struct TableStore {
    sessions: Sessions,
}

/// The session layer: cookie for this site only, unreadable to scripts, `Secure` unless on this machine.
///
/// Signed, though nobody can guess its 128 bits, because actix-session knows it only signed: a session that was begun on
/// one framework goes on on the other.
pub(crate) fn layer(portal: &Portal, host_url: &HostUrl) -> SessionManagerLayer<TableStore, SignedCookie> {
    let idle = i64::try_from(IDLE_LIMIT.as_secs()).unwrap_or(3600);
    SessionManagerLayer::new(TableStore { sessions: portal.sessions().clone() })
        .with_signed(Key::from(portal.cookie_key().expose()))
        .with_name(cookie_name(host_url.is_secure()))
        .with_secure(host_url.is_secure())
        .with_http_only(true)
        .with_same_site(SameSite::Lax)
        .with_path("/")
        .with_expiry(Expiry::OnInactivity(time::Duration::seconds(idle)))
}

#[async_trait]
impl SessionStore for TableStore {
    async fn create(&self, record: &mut Record) -> Result<()> {
        // 128 random bits meet themselves only when the randomness is broken: then fail, don't loop.
        for _ in 0..3 {
            let (data, expires) = encode(record)?;
            let created = self.sessions.create(&record.id.to_string(), &data, expires).await;
            if created.map_err(backend)? {
                return Ok(());
            }
            record.id = Id::default();
        }
        Err(Error::Backend("no free session id".to_owned()))
    }

    async fn save(&self, record: &Record) -> Result<()> {
        let (data, expires) = encode(record)?;
        // `false` means that it was ended meanwhile. It stays ended.
        self.sessions.save(&record.id.to_string(), &data, expires).await.map_err(backend)?;
        Ok(())
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let now = SystemClock.now().map_err(|fault| Error::Backend(fault.to_string()))?;
        let Some((data, expires)) = self.sessions.load(&id.to_string(), now).await.map_err(backend)? else {
            return Ok(None);
        };
        let data: HashMap<String, _> =
            serde_json::from_str(&data).map_err(|_| Error::Decode("a session's data".to_owned()))?;
        let expiry_date = i64::try_from(expires.as_unix())
            .ok()
            .and_then(|seconds| time::OffsetDateTime::from_unix_timestamp(seconds).ok())
            .ok_or_else(|| Error::Decode("a session's end".to_owned()))?;
        Ok(Some(Record { id: *id, data, expiry_date }))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        self.sessions.delete(&id.to_string()).await.map_err(backend)
    }
}

fn encode(record: &Record) -> Result<(String, Timestamp)> {
    let data =
        serde_json::to_string(&record.data).map_err(|_| Error::Encode("a session's data".to_owned()))?;
    let seconds = u64::try_from(record.expiry_date.unix_timestamp()).unwrap_or(0);
    Ok((data, Timestamp::from_unix(seconds)))
}

fn backend(error: portal::error::PortalError) -> Error {
    Error::Backend(format!("{error}: {}", error.detail()))
}
