//! The suite that all adapters pass, against actix-web with actix-session.
// The workspace's exceptions for tests reach only functions marked as tests, not the portal beside them.
#![allow(clippy::unwrap_used)]

mod sessions;

use std::time::Duration;

use actix_http::HttpService;
use actix_service::map_config;
use actix_session::{Session, SessionMiddleware};
use actix_web::cookie::Key;
use actix_web::dev::{AppConfig, Service, ServiceFactory};
use actix_web::middleware::Logger;
use actix_web::web::{Data, Form, ServiceConfig};
use actix_web::{App, HttpResponse, web};
use http_suite::adapter::{Adapter, FRESH_SECONDS, Kept, On, TestApp, guarded, open};
use mfa_actix::{MaybeSignedIn, MfaLayer, RequireMfa, SignedIn};
use mfa_core::id::{AccountKey, UserId};
use mfa_web::web::Web;

use crate::sessions::Sessions;

async fn secret(person: SignedIn) -> String {
    guarded(person.user().as_str())
}

async fn upgrade(_person: SignedIn) -> HttpResponse {
    HttpResponse::SwitchingProtocols().upgrade("websocket").finish()
}

async fn for_all(MaybeSignedIn(person): MaybeSignedIn) -> String {
    open(person.as_ref().map(|person| person.user().as_str()))
}

async fn visit(session: Session) -> HttpResponse {
    session.insert("basket", "one pair of shoes").unwrap();
    HttpResponse::NoContent().finish()
}

async fn password(web: Data<Web>, session: Session, given: Form<Vec<(String, String)>>) -> HttpResponse {
    let field = |name| given.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let user = UserId::new(field("user").unwrap()).unwrap();
    mfa_actix::sign_in(&web, &session, &AccountKey::of_user(user), field("next"), None).await
}

async fn sign_out(web: Data<Web>, session: Session) -> HttpResponse {
    match mfa_actix::sign_out(&web, &session).await {
        Ok(()) => HttpResponse::NoContent().finish(),
        Err(_) => HttpResponse::ServiceUnavailable().finish(),
    }
}

fn merged(config: &mut ServiceConfig) {
    config.route("/merged", web::route().to(secret));
}

fn routes(web: &Web) -> impl FnOnce(&mut ServiceConfig) {
    let web = web.clone();
    move |config| {
        let fresh = RequireMfa::new(&web).fresh_within(Duration::from_secs(FRESH_SECONDS));
        // A nested scope doesn't take over the default service of the one around it.
        let nested =
            web::scope("/nested").route("/inner", web::route().to(secret)).default_service(web::to(secret));
        let inside = web::scope("")
            .wrap(RequireMfa::new(&web))
            .route("/", web::route().to(secret))
            .route("/deep/{path:.*}", web::route().to(secret))
            .route("/upgrade", web::get().to(upgrade))
            .configure(merged)
            .service(nested)
            .default_service(web::to(secret));
        config
            .app_data(Data::new(web.clone()))
            .configure(mfa_actix::pages(&web))
            .service(web::resource("/fresh").wrap(fresh).to(secret))
            .service(web::resource("/open").wrap(MfaLayer::new(&web)).get(for_all))
            .route("/bare", web::get().to(secret))
            .route("/bare-option", web::get().to(for_all))
            .route("/sign-in", web::get().to(async || "Sign in here"))
            .route("/visit", web::post().to(visit))
            .route("/password", web::post().to(password))
            .route("/sign-out", web::post().to(sign_out))
            .service(inside);
    }
}

struct Actix;

#[async_trait::async_trait]
impl Adapter for Actix {
    /// `HttpServer` works on threads of its own, where a case that listens to the log hears nothing; this serves on
    /// the thread of the test.
    async fn serve(&self, TestApp { web, sessions }: TestApp) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        actix_web::rt::spawn(async move {
            let middleware = SessionMiddleware::builder(Sessions::new(sessions), Key::generate());
            let app = App::new()
                .configure(routes(&web))
                .wrap(middleware.cookie_secure(false).build())
                .wrap(Logger::default());
            let app = map_config(app, |_| AppConfig::default());
            let service = HttpService::build().h1(app).tcp().new_service(()).await.unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                actix_web::rt::spawn(service.call(stream));
            }
        });
        format!("http://{address}")
    }

    fn sessions_are_read_before_pages(&self) -> bool {
        true
    }
}

http_suite::each_case!(#[actix_web::test], Actix, "actix");

mod on_postgres {
    use super::*;

    http_suite::each_case!(#[actix_web::test], On(Kept::OnPostgres, Actix), "actix, PostgreSQL");
}

mod on_redis {
    use super::*;

    http_suite::each_case!(#[actix_web::test], On(Kept::OnRedis, Actix), "actix, Redis");
}
