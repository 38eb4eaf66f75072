//! Extractors: who is signed in, and nobody who is half way.

use std::fmt;
use std::future::{Future, Ready, ready};
use std::ops::Deref;
use std::pin::Pin;

use actix_session::SessionExt;
use actix_web::dev::Payload;
use actix_web::error::InternalError;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, HttpResponse};
use mfa_core::fault::Fault;
use mfa_web::session;
use mfa_web::web::Web;

use crate::convert;
use crate::session::on;

/// Somebody who has passed what policy asks of them. Give it to handlers behind `RequireMfa`.
///
/// For pages that others may see too take [`MaybeSignedIn`], not `Option<SignedIn>`: actix-web makes `None` of
/// every failure, so that a store which is down would look like a stranger. Outside of `RequireMfa` it is always
/// `None`, with the fix in the log.
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

/// Perhaps somebody who has passed what policy asks of them, for pages behind `MfaLayer` or `RequireMfa` that
/// others may see too. `None` for everybody who has not passed, half signed-in people included.
///
/// ```
/// use mfa_actix::MaybeSignedIn;
///
/// async fn front_page(MaybeSignedIn(person): MaybeSignedIn) -> String {
///     match person {
///         Some(person) => format!("Hello, {}", person.user()),
///         None => "Hello. Sign in to see your reports.".to_owned(),
///     }
/// }
/// # drop(front_page(MaybeSignedIn(None)));
/// ```
#[derive(Clone, Debug)]
pub struct MaybeSignedIn(pub Option<SignedIn>);

/// Why there is no [`SignedIn`] to be had: an opaque 500 or 503, with the fix in the log.
#[derive(Debug)]
pub struct NoSignedIn(());

impl fmt::Display for NoSignedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody can be said to be signed in")
    }
}

fn refused(answer: HttpResponse) -> Error {
    InternalError::from_response(NoSignedIn(()), answer).into()
}

fn misplaced(fix: &'static str) -> Error {
    tracing::error!(fix, "an extractor of mfa-actix was used where it can't work");
    refused(HttpResponse::InternalServerError().finish())
}

impl FromRequest for SignedIn {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(request.extensions().get::<Self>().cloned().ok_or_else(|| {
            misplaced("put the route behind mfa_actix::RequireMfa, or take mfa_actix::MaybeSignedIn")
        }))
    }
}

impl FromRequest for MaybeSignedIn {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let (known, web) = {
                let extensions = request.extensions();
                (extensions.get::<SignedIn>().cloned(), extensions.get::<Web>().cloned())
            };
            if known.is_some() {
                return Ok(Self(known));
            }
            let Some(web) = web else {
                return Err(misplaced("put the route behind mfa_actix::MfaLayer or mfa_actix::RequireMfa"));
            };
            let failed = |fault: Fault| refused(convert::response(web.failed(&fault, false)));
            let signed_in = on(&request.get_session(), async |session| web.signed_in(session).await).await;
            Ok(Self(signed_in.flatten().map_err(failed)?.map(SignedIn)))
        })
    }
}
