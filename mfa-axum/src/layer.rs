//! Layers: the gate before guarded routes, and the one that lets any route ask who is signed in.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response};
use mfa_core::service::Demand;
use mfa_web::gate::Passage;
use mfa_web::web::Web;
use tower::{Layer, Service};

use crate::convert;
use crate::extract::SignedIn;
use crate::session::TowerSession;

/// Lets only those through who have passed what policy asks of them. Wraps routes, nested routers, fallbacks and
/// upgrades alike: whatever stands inside of it is guarded.
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

impl<S> Layer<S> for RequireMfa {
    type Service = Gate<S>;

    fn layer(&self, inner: S) -> Gate<S> {
        Gate { inner, web: self.web.clone(), demand: Some(self.demand) }
    }
}

/// Lets everybody through, and lets routes ask who is signed in with `Option<SignedIn>`.
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

impl<S> Layer<S> for MfaLayer {
    type Service = Gate<S>;

    fn layer(&self, inner: S) -> Gate<S> {
        Gate { inner, web: self.web.clone(), demand: None }
    }
}

/// The service that [`RequireMfa`] and [`MfaLayer`] make.
#[derive(Clone, Debug)]
pub struct Gate<S> {
    inner: S,
    web: Web,
    demand: Option<Demand>,
}

impl<S> Service<Request<Body>> for Gate<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // The service that was polled ready is the one to call.
        let ready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, ready);
        let (web, demand) = (self.web.clone(), self.demand);
        let (mut parts, body) = convert::split(request);
        // Whatever an outer layer or an earlier gate put there says nothing about this demand.
        parts.extensions.remove::<SignedIn>();
        Box::pin(async move {
            match demand {
                // Who is signed in is known from here on, so that nobody asks `web`.
                Some(demand) => {
                    // By a name of its own: within the `match`, its room would be kept beside the page's.
                    let passage = match TowerSession::of(&parts) {
                        Ok(session) => {
                            let asked = convert::asked(&parts);
                            web.gate(&session, demand, &asked).await
                        }
                        Err(fault) => Passage::Stopped(web.failed(&fault, false)),
                    };
                    match passage {
                        Passage::Open(signed_in) => {
                            parts.extensions.insert(SignedIn::new(signed_in));
                        }
                        Passage::Stopped(answer) => return Ok(convert::response(answer)),
                    }
                }
                None => {
                    parts.extensions.insert(web);
                }
            }
            let answer = inner.call(Request::from_parts(parts, body));
            answer.await
        })
    }
}
