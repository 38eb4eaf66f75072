//! The visitor of a request: language, form token and who is signed in, out of the session.

use std::future::Future;
use std::pin::Pin;

use actix_session::{Session, SessionExt};
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::ACCEPT_LANGUAGE;
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, FromRequest, HttpRequest, ResponseError};
use mfa_actix::SignedIn;
use mfa_core::port::clock::Clock;
use portal::error::PortalError;
use portal::site::{Portal, Visit};
use portal::users::User;
use portal::visitor::{SESSION_KEY, Touch, Visitor};

use crate::answer::{Failed, SessionFailed, see_other};
use crate::second_factor;

/// A visit with the session it belongs to.
pub(crate) struct Visiting {
    pub(crate) visit: Visit,
    pub(crate) visitor: Visitor,
    pub(crate) session: Session,
}

impl Visiting {
    /// Keeps what was changed of the visitor.
    pub(crate) fn keep(&self) -> Result<(), Failed> {
        self.session.insert(SESSION_KEY, &self.visitor).session_failed()
    }

    async fn of(request: &HttpRequest) -> Result<Self, Failed> {
        let portal = portal(request)?;
        let session = request.get_session();
        let visitor = match session.get::<Visitor>(SESSION_KEY).session_failed()? {
            Some(visitor) => visitor,
            None => {
                let visitor = portal.new_visitor()?;
                session.insert(SESSION_KEY, &visitor).session_failed()?;
                visitor
            }
        };
        let accepted = request.headers().get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let signed_in = second_factor::signed_in(portal, &session).await?;
        let chosen = second_factor::locale(portal, &session).await?;
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let visit = portal.visit(&visitor, signed_in.as_ref(), chosen, accepted, path).await?;
        Ok(Self { visit, visitor, session })
    }
}

fn portal(request: &HttpRequest) -> Result<&Data<Portal>, Failed> {
    request
        .app_data::<Data<Portal>>()
        .ok_or_else(|| PortalError::Session("there is no portal".to_owned()).into())
}

impl FromRequest for Visiting {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { Ok(Self::of(&request).await?) })
    }
}

/// Somebody signed in whom the user table still knows; anybody else is sent to sign in.
pub(crate) struct Member {
    pub(crate) visiting: Visiting,
    pub(crate) user: User,
}

impl FromRequest for Member {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let person = SignedIn::from_request(request, payload);
        let request = request.clone();
        Box::pin(async move {
            let person = person.await?;
            let visiting = Visiting::of(&request).await?;
            match visiting.visit.user.clone() {
                Some(user) if user.id == *person.user() => Ok(Self { visiting, user }),
                _ => {
                    // Signed in, and since deleted from the user table.
                    second_factor::sign_out(portal(&request)?, &visiting.session)
                        .await
                        .map_err(Failed::from)?;
                    Err(InternalError::from_response("no such user", see_other("/sign-in")).into())
                }
            }
        })
    }
}

/// Notes the use of a session, and ends one that is too old before any route sees it.
pub(crate) async fn age<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    match touch(request.request()) {
        Ok(()) => Ok(next.call(request).await?.map_into_left_body()),
        Err(error) => Ok(request.into_response(error.error_response().map_into_right_body())),
    }
}

fn touch(request: &HttpRequest) -> Result<(), Failed> {
    let session = request.get_session();
    let Some(mut visitor) = session.get::<Visitor>(SESSION_KEY).session_failed()? else {
        return Ok(());
    };
    match visitor.touch(portal(request)?.clock().now()?) {
        Touch::Keep => Ok(()),
        Touch::Save => session.insert(SESSION_KEY, &visitor).session_failed(),
        Touch::End => {
            // Everything in it goes, and what this request puts there gets an id of its own: a session that is purged
            // would take in nothing more.
            session.clear();
            session.renew();
            Ok(())
        }
    }
}
