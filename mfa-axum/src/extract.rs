//! Extractors: who is signed in, and nobody who is half way.

use std::ops::Deref;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use mfa_core::fault::Fault;
use mfa_web::session;
use mfa_web::web::Web;

use crate::convert;
use crate::session::TowerSession;

/// Somebody who has passed what policy asks of them. Give it to handlers behind `RequireMfa`.
///
/// `Option<SignedIn>` is for pages that others may see too, behind `MfaLayer` or `RequireMfa`; it is `None` for
/// everybody who has not passed, half signed-in people included.
#[derive(Clone, Debug)]
pub struct SignedIn(session::SignedIn);

impl SignedIn {
    pub(crate) fn new(signed_in: session::SignedIn) -> Self {
        Self(signed_in)
    }
}

impl Deref for SignedIn {
    type Target = session::SignedIn;
    fn deref(&self) -> &session::SignedIn {
        &self.0
    }
}

/// Why there is no [`SignedIn`] to be had: an opaque 500 or 503, with the fix in the log.
#[derive(Debug)]
pub struct NoSignedIn(Response);

impl IntoResponse for NoSignedIn {
    fn into_response(self) -> Response {
        self.0
    }
}

fn misplaced(fix: &'static str) -> NoSignedIn {
    tracing::error!(fix, "an extractor of mfa-axum was used where it can't work");
    NoSignedIn(StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

impl<S: Send + Sync> FromRequestParts<S> for SignedIn {
    type Rejection = NoSignedIn;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, NoSignedIn> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| misplaced("put the route behind mfa_axum::RequireMfa, or take Option<SignedIn>"))
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for SignedIn {
    type Rejection = NoSignedIn;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, NoSignedIn> {
        if let Some(signed_in) = parts.extensions.get::<Self>() {
            return Ok(Some(signed_in.clone()));
        }
        let Some(web) = parts.extensions.get::<Web>().cloned() else {
            return Err(misplaced("put the route behind mfa_axum::MfaLayer or mfa_axum::RequireMfa"));
        };
        let failed = |fault: Fault| NoSignedIn(convert::response(web.failed(&fault, false)));
        let session = TowerSession::of(parts).map_err(failed)?;
        Ok(web.signed_in(&session).await.map_err(failed)?.map(Self))
    }
}
