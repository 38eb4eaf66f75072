//! The portal's replies and failures as axum's responses.

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::header::{ACCEPT_LANGUAGE, CONTENT_TYPE, HeaderName};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Request, StatusCode};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Redirect, Response};
use portal::error::PortalError;
use portal::pages::HEADERS;
use portal::site::{Reply, failed_page_for};
use tower_sessions::Session;

/// A reply of the portal.
pub(crate) struct Answer(pub(crate) Reply);

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        match self.0 {
            Reply::Page { status, html } => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                (status, Html(html)).into_response()
            }
            Reply::SeeOther(path) => Redirect::to(&path).into_response(),
        }
    }
}

/// A failure: logged in full, shown as a 500 that says nothing.
pub(crate) struct Failed(pub(crate) PortalError);

impl From<PortalError> for Failed {
    fn from(error: PortalError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        tracing::error!(error = %self.0, detail = self.0.detail(), "a request failed");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}

/// Turns the session layer's errors into the portal's.
pub(crate) trait SessionFailed<T> {
    /// The value, or [`PortalError::Session`].
    fn session_failed(self) -> Result<T, PortalError>;
}

impl<T> SessionFailed<T> for Result<T, tower_sessions::session::Error> {
    fn session_failed(self) -> Result<T, PortalError> {
        self.map_err(|error| PortalError::Session(error.to_string()))
    }
}

/// Puts the portal's headers on every response that has not its own, and a page into an empty 500, whoever
/// made it. It needs no session: that may be what failed.
pub(crate) async fn finish(request: Request<Body>, next: Next) -> Response {
    let accepted = request.headers().get(ACCEPT_LANGUAGE).cloned();
    let mut response = next.run(request).await;
    if response.status() == StatusCode::INTERNAL_SERVER_ERROR
        && !response.headers().contains_key(CONTENT_TYPE)
    {
        let accepted = accepted.as_ref().and_then(|value| value.to_str().ok());
        response = (StatusCode::INTERNAL_SERVER_ERROR, Html(failed_page_for(accepted))).into_response();
    }
    for (name, value) in HEADERS {
        let name = HeaderName::from_static(name);
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// The session of a request.
pub(crate) async fn session_of(parts: &mut Parts) -> Result<Session, PortalError> {
    Session::from_request_parts(parts, &())
        .await
        .map_err(|_| PortalError::Session("the route lies outside the session layer".to_owned()))
}
