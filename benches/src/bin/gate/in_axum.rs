//! The three pages in axum.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::{Request, State};
use axum::response::{Html, Response};
use axum::routing::get;
use axum::{Extension, Router};
use mfa_axum::{RequireMfa, SignedIn};
use mfa_core::id::UserId;
use tower::{Service, layer::layer_fn};
use tower_sessions::{MemoryStore, Session, SessionManagerLayer};

use crate::load;
use benches::portal::{KEY, Portal, USER, page};

/// Serves on one thread until whoever asked for it is gone.
pub(crate) fn serve(store: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let portal = Arc::new(Portal::open(store).await);
        let behind = Arc::clone(&portal);
        let app = Router::new()
            .route("/guarded", get(guarded))
            .layer(RequireMfa::new(&portal.web))
            .route("/alone", get(alone))
            .merge(
                Router::new()
                    .route("/floor", get(floor))
                    .layer(layer_fn(move |inner| Least { inner, portal: Arc::clone(&behind) })),
            )
            .route("/enter/guarded", get(enter_guarded))
            .route("/enter/alone", get(enter_alone))
            .route("/enter/floor", get(enter_guarded))
            .route("/end", get(end))
            .with_state(portal)
            .layer(SessionManagerLayer::new(MemoryStore::default()).with_secure(false));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        load::announce(listener.local_addr().unwrap());
        axum::serve(listener, app).await.unwrap();
    });
}

async fn guarded(person: SignedIn) -> Html<String> {
    Html(page(person.user().as_str()))
}

async fn alone(session: Session) -> Html<String> {
    let user: String = session.get(USER).await.unwrap().unwrap();
    Html(page(&user))
}

async fn floor(Extension(user): Extension<UserId>) -> Html<String> {
    Html(page(user.as_str()))
}

/// The least that a layer can do which asks who is in and whether that still holds: it looks at neither answer.
#[derive(Clone)]
struct Least<S> {
    inner: S,
    portal: Arc<Portal>,
}

impl<S> Service<Request> for Least<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let ready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, ready);
        let portal = Arc::clone(&self.portal);
        Box::pin(async move {
            let session = request.extensions().get::<Session>().cloned().unwrap();
            let kept: String = session.get(KEY).await.unwrap().unwrap();
            assert!(!kept.is_empty() && portal.ask().await > 0);
            request.extensions_mut().insert(portal.key.user().clone());
            let answer = inner.call(request);
            answer.await
        })
    }
}

async fn enter_guarded(State(portal): State<Arc<Portal>>, session: Session) {
    session.insert(KEY, &portal.state).await.unwrap();
}

async fn enter_alone(State(portal): State<Arc<Portal>>, session: Session) {
    session.insert(USER, portal.key.user()).await.unwrap();
}

async fn end(State(portal): State<Arc<Portal>>) {
    portal.web.mfa().password_changed(&portal.key).await.unwrap();
}
