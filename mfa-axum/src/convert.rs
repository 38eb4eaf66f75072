//! Between axum's requests and responses and those of mfa-web.

use axum::body::{Body, to_bytes};
use axum::extract::OriginalUri;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use mfa_web::gate::Asked;
use mfa_web::message::{self, MAX_BODY, Method};

/// A request for one of the pages; `Err` is the answer to a body that is too long or broke off.
pub(crate) async fn request(parts: &Parts, body: Body) -> Result<message::Request, message::Response> {
    let too_long = |_| message::Response::text(413, "The request is too long.");
    let body = to_bytes(body, MAX_BODY).await.map_err(too_long)?;
    let mut request = message::Request::new(Method::named(parts.method.as_str()), parts.uri.path())
        .with_query(parts.uri.query())
        .with_body(body.to_vec());
    for (name, value) in &parts.headers {
        if let Ok(value) = value.to_str() {
            request = request.with_header(name.as_str(), value);
        }
    }
    // HTTP/2 has the host in the target instead of a header.
    if !parts.headers.contains_key(header::HOST)
        && let Some(authority) = parts.uri.authority()
    {
        request = request.with_header("host", authority.as_str());
    }
    Ok(request)
}

/// What was asked for at a guarded route, by its full path even within nested routers.
pub(crate) fn asked(parts: &Parts) -> Asked<'_> {
    let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let accept = parts.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    Asked::new(Method::named(parts.method.as_str()), path, accept)
}

pub(crate) fn response(answer: message::Response) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() =
        StatusCode::from_u16(answer.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in answer.headers() {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    *response.body_mut() = Body::from(answer.into_body().into_owned());
    response
}

/// Splits a request so that its session can be looked at while its body waits.
pub(crate) fn split(request: Request<Body>) -> (Parts, Body) {
    request.into_parts()
}
