//! A session store in memory that fails when it is told to.

use std::cell::RefCell;
use std::collections::HashMap;

use actix_session::storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError};
use actix_web::cookie::Key;
use actix_web::cookie::time::Duration;
use http_suite::adapter::{SessionCall, SessionFaults};

type State = HashMap<String, String>;

/// The sessions of one portal, by their ids.
pub(crate) struct Sessions {
    kept: RefCell<HashMap<String, State>>,
    faults: SessionFaults,
}

impl Sessions {
    pub(crate) fn new(faults: SessionFaults) -> Self {
        Self { kept: RefCell::default(), faults }
    }

    fn check(&self, call: SessionCall) -> anyhow::Result<()> {
        anyhow::ensure!(!self.faults.is_due(call), "the test broke the session store");
        Ok(())
    }

    fn keep_new(&self, state: State) -> SessionKey {
        let id: String = Key::generate().master().iter().map(|byte| format!("{byte:02x}")).collect();
        self.kept.borrow_mut().insert(id.clone(), state);
        id.try_into().unwrap()
    }
}

impl SessionStore for Sessions {
    async fn load(&self, id: &SessionKey) -> Result<Option<State>, LoadError> {
        self.check(SessionCall::Load).map_err(LoadError::Other)?;
        Ok(self.kept.borrow().get(id.as_ref()).cloned())
    }

    async fn save(&self, state: State, _ttl: &Duration) -> Result<SessionKey, SaveError> {
        self.check(SessionCall::Save).map_err(SaveError::Other)?;
        Ok(self.keep_new(state))
    }

    /// A session that was ended meanwhile begins anew, as it does with actix-session's own store on Redis.
    async fn update(&self, id: SessionKey, state: State, _ttl: &Duration) -> Result<SessionKey, UpdateError> {
        self.check(SessionCall::Save).map_err(UpdateError::Other)?;
        if let Some(kept) = self.kept.borrow_mut().get_mut(id.as_ref()) {
            *kept = state;
            return Ok(id);
        }
        Ok(self.keep_new(state))
    }

    async fn update_ttl(&self, _id: &SessionKey, _ttl: &Duration) -> anyhow::Result<()> {
        self.check(SessionCall::Save)
    }

    async fn delete(&self, id: &SessionKey) -> anyhow::Result<()> {
        self.check(SessionCall::Delete)?;
        self.kept.borrow_mut().remove(id.as_ref());
        Ok(())
    }
}
