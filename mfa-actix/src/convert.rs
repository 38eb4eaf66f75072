//! Between actix-web's requests and responses and those of mfa-web.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use mfa_web::gate::Asked;
use mfa_web::message::{self, MAX_BODY, Method};

/// A request for one of the pages below `mount`; `Err` is the answer to a body that is too long or broke off.
pub(crate) async fn request(
    mount: &str,
    asked: &HttpRequest,
    body: Payload,
) -> Result<message::Request, message::Response> {
    let Ok(Ok(body)) = body.to_bytes_limited(MAX_BODY).await else {
        return Err(message::Response::text(413, "The request is too long."));
    };
    // The path as it was sent; the router's has been decoded in part.
    let path = asked.uri().path();
    let mut request = message::Request::new(
        Method::named(asked.method().as_str()),
        path.strip_prefix(mount).unwrap_or(path),
    )
    .with_query(asked.uri().query())
    .with_body(body.to_vec());
    for (name, value) in asked.headers() {
        if let Ok(value) = value.to_str() {
            request = request.with_header(name.as_str(), value);
        }
    }
    // HTTP/2 has the host in the target instead of a header.
    if !asked.headers().contains_key(header::HOST)
        && let Some(authority) = asked.uri().authority()
    {
        request = request.with_header("host", authority.as_str());
    }
    Ok(request)
}

/// What was asked for at a guarded route.
pub(crate) fn asked(request: &HttpRequest) -> Asked<'_> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    Asked::new(Method::named(request.method().as_str()), path, accept)
}

pub(crate) fn response(answer: message::Response) -> HttpResponse {
    let status = StatusCode::from_u16(answer.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::new(status);
    for (name, value) in answer.headers() {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response.set_body(answer.into_body().into_owned()).map_into_boxed_body()
}
