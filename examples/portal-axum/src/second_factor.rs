//! The seam to `mfa-axum`: signing in, signing out, who is signed in, and the guards of routes.
//!
//! SEAM: until that crate is wired in, a right password signs in directly. Each function below then becomes
//! one call, and nothing outside this file changes.

use axum::Router;
use axum::extract::{FromRequestParts, OriginalUri, Request};
use axum::http::Method;
use axum::http::request::Parts;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use mfa_core::id::UserId;
use portal::error::PortalError;
use portal::returning::encode_query_value;
use portal::site::Portal;
use portal::users::User;
use tower_sessions::Session;

use crate::answer::{Failed, SessionFailed, session_of};

const SIGNED_IN: &str = "seam.signed_in";

/// After the host has checked the password: on to the second factor, or to `next` where none is asked for.
pub(crate) async fn sign_in(
    _portal: &Portal,
    session: &Session,
    user: &User,
    next: &str,
) -> Result<Response, PortalError> {
    session.cycle_id().await.session_failed()?; // session fixation
    session.insert(SIGNED_IN, user.id.as_str()).await.session_failed()?;
    Ok(Redirect::to(next).into_response())
}

/// Ends the session, with all it holds.
pub(crate) async fn sign_out(session: &Session) -> Result<(), PortalError> {
    session.flush().await.session_failed()
}

/// The id of whoever has passed both factors, for pages that also others may see.
pub(crate) async fn signed_in(session: &Session) -> Result<Option<UserId>, PortalError> {
    let id: Option<String> = session.get(SIGNED_IN).await.session_failed()?;
    Ok(id.and_then(|id| UserId::new(id).ok()))
}

/// Somebody who has passed both factors.
pub(crate) struct SignedIn(pub(crate) UserId);

impl<S: Send + Sync> FromRequestParts<S> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Response> {
        let found = match session_of(parts).await {
            Ok(session) => signed_in(&session).await,
            Err(error) => Err(error),
        };
        match found {
            Ok(Some(id)) => Ok(Self(id)),
            Ok(None) => Err(to_sign_in(parts)),
            Err(error) => Err(Failed(error).into_response()),
        }
    }
}

/// Only for those who have passed both factors; others are sent to sign in and come back.
pub(crate) fn guard<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router.layer(middleware::from_fn(ask))
}

/// As [`guard`], and the second factor must be at most five minutes old.
pub(crate) fn guard_fresh<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    guard(router)
}

/// The ready-made pages.
pub(crate) fn pages<S: Clone + Send + Sync + 'static>(_portal: &Portal) -> Router<S> {
    guard(
        Router::new()
            .route(portal::second_factor::MOUNT, get(|| async { "The two-factor pages are mounted here." })),
    )
}

async fn ask(request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    match SignedIn::from_request_parts(&mut parts, &()).await {
        Ok(_) => next.run(Request::from_parts(parts, body)).await,
        Err(answer) => answer,
    }
}

fn to_sign_in(parts: &Parts) -> Response {
    let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
    match uri.path_and_query().map(|path| path.as_str()) {
        // Only a page can be come back to; a form that was sent is gone.
        Some(path) if parts.method == Method::GET && path != "/" => {
            Redirect::to(&format!("/sign-in?next={}", encode_query_value(path))).into_response()
        }
        _ => Redirect::to("/sign-in").into_response(),
    }
}
