//! Middleware: the gate before guarded routes, and the one that lets any route ask who is signed in.

use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_session::SessionExt;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::{Error, HttpMessage};
use mfa_core::service::Demand;
use mfa_web::gate::Passage;
use mfa_web::web::Web;

use crate::convert;
use crate::extract::SignedIn;
use crate::session::on;

/// Lets only those through who have passed what policy asks of them. Wraps an app, scopes, resources, default
/// services and upgrades alike: whatever stands inside of it is guarded.
///
/// Everybody else is answered: a person is sent to sign in, to the challenge or to set one up, and comes back;
/// a program (`Accept: application/json`) gets a 401 with a problem document.
#[derive(Clone, Debug)]
pub struct RequireMfa {
    web: Web,
    demand: Demand,
}

impl RequireMfa {
    /// Asks for what policy asks for.
    pub fn new(web: &Web) -> Self {
        Self { web: web.clone(), demand: Demand::default() }
    }

    /// Asks also for a second factor proved within `span`, as for changing bank details. Whoever has none must
    /// set one up.
    #[must_use]
    pub fn fresh_within(mut self, span: Duration) -> Self {
        self.demand.fresh_within = Some(span);
        self
    }
}

/// Lets everybody through, and lets routes ask who is signed in with [`MaybeSignedIn`](crate::MaybeSignedIn).
#[derive(Clone, Debug)]
pub struct MfaLayer {
    web: Web,
}

impl MfaLayer {
    /// For the pages of this portal.
    pub fn new(web: &Web) -> Self {
        Self { web: web.clone() }
    }
}

/// The service that [`RequireMfa`] and [`MfaLayer`] make.
#[derive(Debug)]
pub struct Gate<S> {
    inner: Rc<S>,
    web: Web,
    demand: Option<Demand>,
}

impl<S, B> Transform<S, ServiceRequest> for RequireMfa
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = Gate<S>;
    type InitError = ();
    type Future = Ready<Result<Gate<S>, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(Gate { inner: Rc::new(inner), web: self.web.clone(), demand: Some(self.demand) }))
    }
}

impl<S, B> Transform<S, ServiceRequest> for MfaLayer
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = Gate<S>;
    type InitError = ();
    type Future = Ready<Result<Gate<S>, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(Gate { inner: Rc::new(inner), web: self.web.clone(), demand: None }))
    }
}

impl<S, B> Service<ServiceRequest> for Gate<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>>>>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let (inner, web, demand) = (Rc::clone(&self.inner), self.web.clone(), self.demand);
        Box::pin(async move {
            // Whatever an outer middleware or an earlier gate put there says nothing about this demand.
            request.extensions_mut().remove::<SignedIn>();
            match demand {
                // Who is signed in is known from here on, so that nobody asks `web`.
                Some(demand) => {
                    // By a name of its own: within the `match`, its room would be kept beside the page's.
                    let passage = pass(&web, &request, demand).await;
                    match passage {
                        Passage::Open(signed_in) => {
                            request.extensions_mut().insert(SignedIn::new(signed_in));
                        }
                        Passage::Stopped(answer) => {
                            return Ok(request.into_response(convert::response(answer).map_into_right_body()));
                        }
                    }
                }
                None => {
                    request.extensions_mut().insert(web);
                }
            }
            let answer = inner.call(request);
            answer.await.map(ServiceResponse::map_into_left_body)
        })
    }
}

async fn pass(web: &Web, request: &ServiceRequest, demand: Demand) -> Passage {
    let asked = convert::asked(request.request());
    on(&request.get_session(), async |session| web.gate(session, demand, &asked).await)
        .await
        .unwrap_or_else(|fault| Passage::Stopped(web.failed(&fault, false)))
}
