//! The ready-made pages as a piece of configuration, and signing in and out.

use actix_session::Session;
use actix_web::web::{self, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use mfa_core::fault::{Fault, FaultKind};
use mfa_core::id::AccountKey;
use mfa_core::port::sender::Locale;
use mfa_web::message;
use mfa_web::web::Web;
use tracing::Instrument;

use crate::convert;
use crate::session::on;

/// The pages and the JSON API, for `App::configure`: they are at [`Web::mount`].
///
/// actix-web takes the first scope that fits. Put the pages before scopes that fit everything, such as
/// `web::scope("")`, and outside of every other scope.
pub fn pages(web: &Web) -> impl FnOnce(&mut ServiceConfig) + Clone + 'static {
    let web = web.clone();
    move |config: &mut ServiceConfig| {
        let scope = web::scope(web.mount());
        let below = move |request: HttpRequest, body: Payload, session: Session| {
            answer(web.clone(), request, body, session)
        };
        config.service(scope.default_service(web::to(below)));
    }
}

async fn answer(web: Web, request: HttpRequest, body: Payload, session: Session) -> HttpResponse {
    let request = match convert::request(web.mount(), &request, body).await {
        Ok(request) => request,
        Err(answer) => return convert::response(answer),
    };
    let json = request.wants_json();
    // In a task of its own: whoever hangs up must not end it between a change and its notice to the owner.
    let handling = {
        let web = web.clone();
        async move { on(&session, async |session| web.handle(session, request).await).await }
    };
    let answer = actix_web::rt::spawn(handling.in_current_span()).await;
    let answer = answer.unwrap_or_else(|error| Err(Fault::caused_by(FaultKind::Internal, error)));
    convert::response(answer.unwrap_or_else(|fault| web.failed(&fault, json)))
}

/// Signs a person in whose first factor the host has just checked: answers with a redirect to the challenge,
/// to setting one up, or to `going`, which leads only into this site.
///
/// Call it for every way of signing in. A fault signs nobody in; its answer is an opaque 503. If the session store
/// fails, its middleware answers 500 in the place of what this returns.
pub async fn sign_in(
    web: &Web,
    session: &Session,
    key: &AccountKey,
    going: Option<&str>,
    locale: Option<Locale>,
) -> HttpResponse {
    let location = on(session, async |session| web.sign_in(session, key, going, locale).await).await;
    convert::response(match location.flatten() {
        Ok(location) => message::Response::see_other(&location),
        Err(fault) => web.failed(&fault, false),
    })
}

/// Ends a session, with all it holds.
///
/// # Errors
/// On any fault of ours. If the session store fails, its middleware answers 500 later.
pub async fn sign_out(web: &Web, session: &Session) -> Result<(), Fault> {
    on(session, async |session| web.sign_out(session).await).await.flatten()?;
    session.purge();
    Ok(())
}

/// Who is signed in with this session, where there is no request to extract it from.
///
/// # Errors
/// On any fault.
pub async fn signed_in(web: &Web, session: &Session) -> Result<Option<mfa_web::session::SignedIn>, Fault> {
    on(session, async |session| web.signed_in(session).await).await.flatten()
}

/// The language that was chosen on the pages, for the host's own.
///
/// # Errors
/// If our state in the session can't be read.
pub async fn locale(web: &Web, session: &Session) -> Result<Option<Locale>, Fault> {
    on(session, async |session| web.locale(session).await).await.flatten()
}

/// Says that another language was chosen on the host's own pages.
///
/// # Errors
/// If our state in the session can't be read.
pub async fn choose_locale(web: &Web, session: &Session, locale: Locale) -> Result<(), Fault> {
    on(session, async |session| web.choose_locale(session, locale).await).await.flatten()
}
