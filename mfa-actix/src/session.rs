//! The session port on actix-session.

use std::sync::{Mutex, MutexGuard, PoisonError};

use actix_session::Session;
use mfa_core::fault::{Fault, FaultKind};
use mfa_web::session::Session as Port;

/// What our state is called among what the host keeps in the same session.
const KEY: &str = "mfa";

/// Our part of a session, for one call. The session itself can't leave its thread, as the port wants it.
#[derive(Debug)]
pub(crate) struct Snapshot(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    state: Option<String>,
    saved: bool,
    rotated: bool,
}

/// Runs a call of mfa-web on our part of the session, and then puts there what the call kept.
///
/// The store is written to when the middleware has the response, so a store that fails takes the response with it.
pub(crate) async fn on<T>(session: &Session, call: impl AsyncFnOnce(&Snapshot) -> T) -> Result<T, Fault> {
    let state = session.get(KEY).map_err(|error| Fault::caused_by(FaultKind::Session, error))?;
    let snapshot = Snapshot(Mutex::new(Held { state, ..Held::default() }));
    let outcome = call(&snapshot).await;
    snapshot.keep(session)?;
    Ok(outcome)
}

impl Snapshot {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(self, session: &Session) -> Result<(), Fault> {
        let Held { state, saved, rotated } = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        if rotated {
            session.renew();
        }
        if let Some(state) = state.filter(|_| saved) {
            session.insert(KEY, state).map_err(|error| Fault::caused_by(FaultKind::Session, error))?;
            // A purged session takes nothing in, without a word.
            if !session.contains_key(KEY) {
                return Err(Fault::caused_by(
                    FaultKind::Session,
                    "the session was purged earlier in this request: renew it instead, or leave that to sign_in",
                ));
            }
        }
        Ok(())
    }
}

impl Port for Snapshot {
    async fn load(&self) -> Result<Option<String>, Fault> {
        Ok(self.held().state.clone())
    }

    async fn save(&self, state: String) -> Result<(), Fault> {
        let mut held = self.held();
        held.state = Some(state);
        held.saved = true;
        Ok(())
    }

    async fn rotate(&self) -> Result<(), Fault> {
        self.held().rotated = true;
        Ok(())
    }
}
