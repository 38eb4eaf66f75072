//! The suite that all adapters pass, against axum with tower-sessions.
// The workspace's exceptions for tests reach only functions marked as tests, not the portal beside them.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use axum::Router;
use axum::extract::{Form, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use http_suite::adapter::{
    Adapter, FRESH_SECONDS, Kept, On, SessionCall, SessionFaults, TestApp, guarded, open,
};
use mfa_axum::{MfaLayer, RequireMfa, SignedIn};
use mfa_core::id::{AccountKey, UserId};
use mfa_web::web::Web;
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::{Error, Result as StoreResult};
use tower_sessions::{MemoryStore, Session, SessionManagerLayer, SessionStore};

/// A session store that fails when it is told to.
#[derive(Clone, Debug)]
struct Sessions {
    store: MemoryStore,
    faults: SessionFaults,
}

impl Sessions {
    fn check(&self, call: SessionCall) -> StoreResult<()> {
        if self.faults.is_due(call) {
            return Err(Error::Backend("the test broke the session store".to_owned()));
        }
        Ok(())
    }
}

#[async_trait::async_trait]
impl SessionStore for Sessions {
    async fn create(&self, record: &mut Record) -> StoreResult<()> {
        self.check(SessionCall::Save)?;
        self.store.create(record).await
    }

    async fn save(&self, record: &Record) -> StoreResult<()> {
        self.check(SessionCall::Save)?;
        self.store.save(record).await
    }

    async fn load(&self, id: &Id) -> StoreResult<Option<Record>> {
        self.check(SessionCall::Load)?;
        self.store.load(id).await
    }

    async fn delete(&self, id: &Id) -> StoreResult<()> {
        self.check(SessionCall::Delete)?;
        self.store.delete(id).await
    }
}

async fn secret(person: SignedIn) -> String {
    guarded(person.user().as_str())
}

async fn upgrade(_person: SignedIn) -> impl IntoResponse {
    let headers = [(header::CONNECTION, "upgrade"), (header::UPGRADE, "websocket")];
    (StatusCode::SWITCHING_PROTOCOLS, headers)
}

async fn for_all(person: Option<SignedIn>) -> String {
    open(person.as_ref().map(|person| person.user().as_str()))
}

async fn visit(session: Session) -> StatusCode {
    session.insert("basket", "one pair of shoes").await.unwrap();
    StatusCode::NO_CONTENT
}

async fn password(
    State(web): State<Web>,
    session: Session,
    Form(given): Form<Vec<(String, String)>>,
) -> Response {
    let field = |name| given.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let user = UserId::new(field("user").unwrap()).unwrap();
    mfa_axum::sign_in(&web, &session, &AccountKey::of_user(user), field("next"), None).await
}

async fn sign_out(State(web): State<Web>, session: Session) -> StatusCode {
    match mfa_axum::sign_out(&web, &session).await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

struct Axum;

#[async_trait::async_trait]
impl Adapter for Axum {
    async fn serve(&self, TestApp { web, sessions }: TestApp) -> String {
        let fresh = RequireMfa::new(&web).fresh_within(Duration::from_secs(FRESH_SECONDS));
        let inside = Router::new()
            .route("/", any(secret))
            .route("/deep/{*path}", any(secret))
            .route("/upgrade", get(upgrade))
            .merge(Router::new().route("/merged", any(secret)))
            .nest("/nested", Router::new().route("/inner", any(secret)))
            .fallback(secret)
            .layer(RequireMfa::new(&web));
        let app = Router::new()
            .merge(inside)
            .merge(Router::new().route("/fresh", any(secret)).layer(fresh))
            .merge(Router::new().route("/open", get(for_all)).layer(MfaLayer::new(&web)))
            .route("/bare", get(secret))
            .route("/bare-option", get(for_all))
            .route("/sign-in", get(|| async { "Sign in here" }))
            .route("/visit", post(visit))
            .route("/password", post(password))
            .route("/sign-out", post(sign_out))
            .merge(mfa_axum::pages(&web))
            .with_state(web)
            .layer(
                SessionManagerLayer::new(Sessions { store: MemoryStore::default(), faults: sessions })
                    .with_secure(false),
            );
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        format!("http://{address}")
    }
}

http_suite::each_case!(#[tokio::test], Axum, "axum");

mod on_postgres {
    use super::*;

    http_suite::each_case!(#[tokio::test], On(Kept::OnPostgres, Axum), "axum, PostgreSQL");
}

mod on_redis {
    use super::*;

    http_suite::each_case!(#[tokio::test], On(Kept::OnRedis, Axum), "axum, Redis");
}
