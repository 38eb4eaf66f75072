//! The ready-made pages as a router, and signing in and out.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Response;
use mfa_core::fault::{Fault, FaultKind};
use mfa_core::id::AccountKey;
use mfa_core::port::sender::Locale;
use mfa_web::message;
use mfa_web::web::Web;
use tower_sessions::Session;
use tracing::Instrument;

use crate::convert;
use crate::session::TowerSession;

/// The pages and the JSON API, to be merged into the host's router: they are at [`Web::mount`].
pub fn pages<S: Clone + Send + Sync + 'static>(web: &Web) -> Router<S> {
    let below = Router::new().fallback(answer).with_state(web.clone());
    Router::new().nest_service(web.mount(), below)
}

async fn answer(State(web): State<Web>, request: Request) -> Response<Body> {
    let (parts, body) = convert::split(request);
    let session = match TowerSession::of(&parts) {
        Ok(session) => session,
        Err(fault) => return convert::response(web.failed(&fault, false)),
    };
    let request = match convert::request(&parts, body).await {
        Ok(request) => request,
        Err(answer) => return convert::response(answer),
    };
    let json = request.wants_json();
    // In a task of its own: whoever hangs up must not end it between a change and its notice to the owner.
    let handling = {
        let web = web.clone();
        async move { web.handle(&session, request).await }
    };
    let answer = tokio::spawn(handling.in_current_span()).await;
    convert::response(
        answer.unwrap_or_else(|error| web.failed(&Fault::caused_by(FaultKind::Internal, error), json)),
    )
}

/// Signs a person in whose first factor the host has just checked: answers with a redirect to the challenge,
/// to setting one up, or to `going`, which leads only into this site.
///
/// Call it for every way of signing in. A fault signs nobody in; its answer is an opaque 503.
pub async fn sign_in(
    web: &Web,
    session: &Session,
    key: &AccountKey,
    going: Option<&str>,
    locale: Option<Locale>,
) -> Response<Body> {
    let answer = match web.sign_in(&TowerSession(session.clone()), key, going, locale).await {
        Ok(location) => message::Response::see_other(&location),
        Err(fault) => web.failed(&fault, false),
    };
    convert::response(answer)
}

/// Ends a session, with all it holds.
///
/// # Errors
/// If the session store fails.
pub async fn sign_out(web: &Web, session: &Session) -> Result<(), Fault> {
    web.sign_out(&TowerSession(session.clone())).await?;
    if session.id().is_none() {
        // The record went with its id; what is left is in memory, and an empty session takes its cookie back.
        session.clear().await;
        return Ok(());
    }
    session.flush().await.map_err(|error| Fault::caused_by(FaultKind::Session, error))
}

/// Who is signed in with this session, where there is no request to extract it from.
///
/// # Errors
/// On any fault.
pub async fn signed_in(web: &Web, session: &Session) -> Result<Option<mfa_web::session::SignedIn>, Fault> {
    web.signed_in(&TowerSession(session.clone())).await
}

/// The language that was chosen on the pages, for the host's own.
///
/// # Errors
/// If the session store fails.
pub async fn locale(web: &Web, session: &Session) -> Result<Option<Locale>, Fault> {
    web.locale(&TowerSession(session.clone())).await
}

/// Says that another language was chosen on the host's own pages.
///
/// # Errors
/// If the session store fails.
pub async fn choose_locale(web: &Web, session: &Session, locale: Locale) -> Result<(), Fault> {
    web.choose_locale(&TowerSession(session.clone()), locale).await
}
