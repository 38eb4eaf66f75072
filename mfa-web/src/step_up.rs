//! Stepping up: a session that is signed in proves its second factor again.

use mfa_core::fault::Fault;

use crate::session::{Stage, State};
use crate::web::Web;

/// Makes sure that a step-up challenge of this session can be answered. False if the session is over.
pub(crate) async fn begin_step_up(web: &Web, state: &mut State) -> Result<bool, Fault> {
    let Stage::SignedIn { standing: Some(standing), step_up, .. } = &mut state.stage else {
        return Ok(false);
    };
    if let Some(ticket) = step_up
        && web.mfa().challenge(ticket).await?.is_ok()
    {
        return Ok(true);
    }
    match web.mfa().step_up(standing).await? {
        Ok(ticket) => {
            *step_up = Some(ticket);
            Ok(true)
        }
        Err(_) => Ok(false),
    }
}
