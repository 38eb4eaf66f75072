//! The three pages in axum.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Html;
use axum::routing::get;
use mfa_axum::{RequireMfa, SignedIn};
use tower_sessions::{MemoryStore, Session, SessionManagerLayer};

use crate::load;
use benches::portal::{KEY, Portal, USER, page};

/// Serves on one thread until whoever asked for it is gone.
pub(crate) fn serve(store: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let portal = Portal::open(store).await;
        let app = Router::new()
            .route("/guarded", get(guarded))
            .layer(RequireMfa::new(&portal.web))
            .route("/alone", get(alone))
            .route("/floor", get(floor))
            .route("/enter/guarded", get(enter_guarded))
            .route("/enter/alone", get(enter_alone))
            .route("/enter/floor", get(enter_guarded))
            .route("/end", get(end))
            .with_state(Arc::new(portal))
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

async fn floor(State(portal): State<Arc<Portal>>, session: Session) -> Html<String> {
    let kept: String = session.get(KEY).await.unwrap().unwrap();
    assert!(!kept.is_empty() && portal.ask().await > 0);
    Html(page(portal.key.user().as_str()))
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
