//! The portal's replies and failures as actix-web's responses.

use std::fmt;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT_LANGUAGE, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, ResponseError};
use mfa_core::fault::Fault;
use portal::error::PortalError;
use portal::pages::HEADERS;
use portal::site::{Reply, failed_page_for};

/// A reply of the portal.
pub(crate) fn answer(reply: Reply) -> HttpResponse {
    match reply {
        Reply::Page { status, html } => {
            page(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), html)
        }
        Reply::SeeOther(path) => see_other(&path),
    }
}

fn page(status: StatusCode, html: String) -> HttpResponse {
    HttpResponse::build(status).insert_header((CONTENT_TYPE, "text/html; charset=utf-8")).body(html)
}

/// Elsewhere, by 303.
pub(crate) fn see_other(path: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, path)).finish()
}

/// A failure: logged in full, shown as a 500 that says nothing.
#[derive(Debug)]
pub(crate) struct Failed(PortalError);

impl From<PortalError> for Failed {
    fn from(error: PortalError) -> Self {
        Self(error)
    }
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        Self(fault.into())
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ResponseError for Failed {
    fn error_response(&self) -> HttpResponse<BoxBody> {
        tracing::error!(error = %self.0, detail = self.0.detail(), "a request failed");
        HttpResponse::InternalServerError().finish()
    }
}

/// Turns the session layer's errors into the portal's.
pub(crate) trait SessionFailed<T> {
    /// The value, or [`PortalError::Session`].
    fn session_failed(self) -> Result<T, Failed>;
}

impl<T, E: fmt::Display> SessionFailed<T> for Result<T, E> {
    fn session_failed(self) -> Result<T, Failed> {
        self.map_err(|error| Failed(PortalError::Session(error.to_string())))
    }
}

/// Puts the portal's headers on every response that has not its own, and a page into an empty 500, whoever made it. It
/// needs no session: that may be what failed.
pub(crate) async fn finish(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let accepted = request.headers().get(ACCEPT_LANGUAGE).cloned();
    let accepted = accepted.as_ref().and_then(|value| value.to_str().ok());
    match next.call(request).await {
        Ok(response) => {
            let (request, response) = response.map_into_boxed_body().into_parts();
            Ok(ServiceResponse::new(request, finished(response, accepted)))
        }
        // A session store that fails, for one, ends the request with an error instead of a response.
        Err(error) => {
            let response = finished(error.error_response(), accepted);
            Err(InternalError::from_response(error, response).into())
        }
    }
}

fn finished(mut response: HttpResponse, accepted: Option<&str>) -> HttpResponse {
    let is_page = |kind: &HeaderValue| kind.as_bytes().starts_with(b"text/html");
    if response.status() == StatusCode::INTERNAL_SERVER_ERROR
        && !response.headers().get(CONTENT_TYPE).is_some_and(is_page)
    {
        response = page(StatusCode::INTERNAL_SERVER_ERROR, failed_page_for(accepted));
    }
    for (name, value) in HEADERS {
        let name = HeaderName::from_static(name);
        if !response.headers().contains_key(&name) {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
    }
    response
}
