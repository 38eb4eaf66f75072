//! The session port on tower-sessions.

use axum::http::request::Parts;
use mfa_core::fault::{Fault, FaultKind};
use mfa_web::session::Session as Port;
use tower_sessions::Session;

/// What our state is called among what the host keeps in the same session.
const KEY: &str = "mfa";

/// A session of tower-sessions as the pages and the gate want it.
#[derive(Clone, Debug)]
pub(crate) struct TowerSession(pub(crate) Session);

impl TowerSession {
    /// The session that the layer put there. Without one nobody can be signed in, which is the operator's to mend.
    pub(crate) fn of(parts: &Parts) -> Result<Self, Fault> {
        parts.extensions.get::<Session>().cloned().map(Self).ok_or_else(|| {
            Fault::caused_by(
                FaultKind::Session,
                "there is no session: put tower_sessions::SessionManagerLayer outside of the mfa layers and routes",
            )
        })
    }
}

fn fault(error: tower_sessions::session::Error) -> Fault {
    Fault::caused_by(FaultKind::Session, error)
}

impl Port for TowerSession {
    async fn load(&self) -> Result<Option<String>, Fault> {
        self.0.get(KEY).await.map_err(fault)
    }

    async fn save(&self, state: String) -> Result<(), Fault> {
        self.0.insert(KEY, state).await.map_err(fault)
    }

    async fn rotate(&self) -> Result<(), Fault> {
        self.0.cycle_id().await.map_err(fault)
    }
}
