//! The visitor of a request: language, form token and who is signed in, out of the session.

use axum::extract::{FromRequestParts, OriginalUri, Request, State};
use axum::http::header::ACCEPT_LANGUAGE;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use mfa_axum::SignedIn;
use mfa_core::port::clock::Clock;
use portal::error::PortalError;
use portal::site::{Portal, Visit};
use portal::users::User;
use portal::visitor::{SESSION_KEY, Touch, Visitor};
use tower_sessions::Session;

use crate::answer::{Failed, SessionFailed, session_of};
use crate::second_factor;

/// A visit with the session it belongs to.
pub(crate) struct Visiting {
    pub(crate) visit: Visit,
    pub(crate) visitor: Visitor,
    pub(crate) session: Session,
}

impl Visiting {
    /// Keeps what was changed of the visitor.
    pub(crate) async fn keep(&self) -> Result<(), PortalError> {
        self.session.insert(SESSION_KEY, &self.visitor).await.session_failed()
    }
}

impl FromRequestParts<Portal> for Visiting {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, portal: &Portal) -> Result<Self, Failed> {
        let session = session_of(parts).await?;
        let visitor = match session.get::<Visitor>(SESSION_KEY).await.session_failed()? {
            Some(visitor) => visitor,
            None => {
                let visitor = portal.new_visitor()?;
                session.insert(SESSION_KEY, &visitor).await.session_failed()?;
                visitor
            }
        };
        let accepted = parts.headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let signed_in = second_factor::signed_in(portal, &session).await?;
        let chosen = second_factor::locale(portal, &session).await?;
        let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let visit = portal.visit(&visitor, signed_in.as_ref(), chosen, accepted, path).await?;
        Ok(Self { visit, visitor, session })
    }
}

/// Somebody signed in whom the user table still knows; anybody else is sent to sign in.
pub(crate) struct Member {
    pub(crate) visiting: Visiting,
    pub(crate) user: User,
}

impl FromRequestParts<Portal> for Member {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, portal: &Portal) -> Result<Self, Response> {
        let person =
            SignedIn::from_request_parts(parts, portal).await.map_err(IntoResponse::into_response)?;
        let visiting =
            Visiting::from_request_parts(parts, portal).await.map_err(IntoResponse::into_response)?;
        match visiting.visit.user.clone() {
            Some(user) if user.id == *person.user() => Ok(Self { visiting, user }),
            _ => {
                // Signed in, and since deleted from the user table.
                second_factor::sign_out(portal, &visiting.session)
                    .await
                    .map_err(|error| Failed(error).into_response())?;
                Err(axum::response::Redirect::to("/sign-in").into_response())
            }
        }
    }
}

/// Notes the use of a session, and ends one that is too old before any route sees it.
pub(crate) async fn age(
    State(portal): State<Portal>,
    session: Session,
    request: Request,
    next: Next,
) -> Response {
    match touch(&portal, &session).await {
        Ok(()) => next.run(request).await,
        Err(error) => Failed(error).into_response(),
    }
}

async fn touch(portal: &Portal, session: &Session) -> Result<(), PortalError> {
    let Some(mut visitor) = session.get::<Visitor>(SESSION_KEY).await.session_failed()? else {
        return Ok(());
    };
    match visitor.touch(portal.clock().now()?) {
        Touch::Keep => Ok(()),
        Touch::Save => session.insert(SESSION_KEY, &visitor).await.session_failed(),
        Touch::End => session.flush().await.session_failed(),
    }
}
