//! What is actix-web's own: error handlers, optional extractors, sessions that are missing or purged.
#![allow(clippy::unwrap_used)]

mod sessions;

use actix_session::{Session, SessionMiddleware};
use actix_web::cookie::Key;
use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT, CONTENT_TYPE, HeaderValue, LOCATION};
use actix_web::middleware::{ErrorHandlerResponse, ErrorHandlers};
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::web::Data;
use actix_web::{App, HttpResponse, web};
use http_suite::adapter::{SessionFaults, guarded};
use mfa_actix::{MaybeSignedIn, MfaLayer, RequireMfa, SignedIn};
use mfa_core::id::{AccountKey, UserId};
use mfa_core::policy::Policy;
use mfa_core::port::memory::MemoryStore;
use mfa_core::port::sealer::KeyRing;
use mfa_core::service::Mfa;
use mfa_web::message::MAX_BODY;
use mfa_web::web::Web;

use crate::sessions::Sessions;

/// A portal that asks nobody for a second factor: a right password is enough.
fn portal() -> Web {
    let keys = "8f1d0c2b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f001";
    let mfa = Mfa::builder("Hillside School", "portal.hillside.example")
        .store(MemoryStore::new())
        .sealer(KeyRing::from_hex(keys).unwrap())
        .policy(Policy::Off)
        .build()
        .unwrap();
    Web::builder(mfa).mount("/account/security").build().unwrap()
}

fn middleware() -> SessionMiddleware<Sessions> {
    SessionMiddleware::builder(Sessions::new(SessionFaults::default()), Key::generate())
        .cookie_secure(false)
        .build()
}

async fn secret(person: SignedIn) -> String {
    guarded(person.user().as_str())
}

async fn sign_in(web: Data<Web>, session: Session) -> HttpResponse {
    let ann = AccountKey::of_user(UserId::new("ann").unwrap());
    mfa_actix::sign_in(&web, &session, &ann, None, None).await
}

async fn purge_and_sign_in(web: Data<Web>, session: Session) -> HttpResponse {
    session.purge();
    sign_in(web, session).await
}

/// `yes` by the optional extractor of actix-web's own, and by ours.
async fn who(habit: Option<SignedIn>, MaybeSignedIn(ours): MaybeSignedIn) -> String {
    format!("{} {}", habit.is_some(), ours.is_some())
}

#[actix_web::test]
async fn error_handlers_see_what_the_gate_answers() {
    let web = portal();
    let dressed = ErrorHandlers::new().handler(StatusCode::UNAUTHORIZED, |mut answer| {
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/x-dressed"));
        Ok(ErrorHandlerResponse::Response(answer.map_into_left_body()))
    });
    let app = App::new()
        .service(web::resource("/").wrap(RequireMfa::new(&web)).to(secret))
        .wrap(dressed)
        .wrap(middleware());
    let app = init_service(app).await;
    let request = TestRequest::get().insert_header((ACCEPT, "application/json"));
    let answer = call_service(&app, request.to_request()).await;
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.headers().get(CONTENT_TYPE).unwrap(), "text/x-dressed");
    assert_eq!(answer.headers().get("cache-control").unwrap(), "no-store");
}

#[actix_web::test]
async fn without_sessions_everybody_is_a_stranger() {
    let web = portal();
    let guarded = || web::resource("/").wrap(RequireMfa::new(&web)).to(secret);
    let without = App::new().app_data(Data::new(web.clone())).route("/in", web::get().to(sign_in));
    let without = init_service(without.service(guarded())).await;
    // The session middleware inside of the gate: the wrong order.
    let inside = App::new().app_data(Data::new(web.clone())).route("/in", web::get().to(sign_in));
    let inside = inside.route("/", web::get().to(secret)).wrap(middleware()).wrap(RequireMfa::new(&web));
    let inside = init_service(inside).await;
    for path in ["/in", "/"] {
        let answer = call_service(&inside, TestRequest::get().uri(path).to_request()).await;
        assert_eq!(answer.status(), 303, "{path}");
        assert!(answer.headers().get(LOCATION).unwrap().to_str().unwrap().starts_with("/sign-in"), "{path}");
    }
    let signed_in = call_service(&without, TestRequest::get().uri("/in").to_request()).await;
    assert!(signed_in.response().cookies().next().is_none());
    let answer = call_service(&without, TestRequest::get().to_request()).await;
    assert_eq!(
        (answer.status(), answer.headers().get(LOCATION).unwrap().as_bytes()),
        (StatusCode::SEE_OTHER, &b"/sign-in"[..])
    );
}

#[actix_web::test]
async fn a_purged_session_signs_nobody_in_and_says_so() {
    let web = portal();
    let app = App::new()
        .app_data(Data::new(web.clone()))
        .route("/in", web::get().to(sign_in))
        .route("/purged", web::get().to(purge_and_sign_in))
        .service(web::resource("/").wrap(RequireMfa::new(&web)).to(secret))
        .wrap(middleware());
    let app = init_service(app).await;
    let signed_in = call_service(&app, TestRequest::get().uri("/in").to_request()).await;
    let cookie = signed_in.response().cookies().next().unwrap().into_owned();
    let home = call_service(&app, TestRequest::get().cookie(cookie.clone()).to_request()).await;
    assert_eq!(read_body(home).await, guarded("ann"));
    let purged = TestRequest::get().uri("/purged").cookie(cookie.clone()).to_request();
    assert_eq!(call_service(&app, purged).await.status(), 503);
    let home = call_service(&app, TestRequest::get().cookie(cookie).to_request()).await;
    assert_eq!(home.status(), 303);
}

#[actix_web::test]
async fn the_optional_extractor_of_actix_is_nobody_outside_of_the_gate() {
    let web = portal();
    let app = App::new()
        .app_data(Data::new(web.clone()))
        .route("/in", web::get().to(sign_in))
        .service(web::resource("/open").wrap(MfaLayer::new(&web)).get(who))
        .service(web::resource("/shut").wrap(RequireMfa::new(&web)).get(who))
        // The outer gate's person is none that the inner layer has looked at.
        .service(
            web::scope("/both")
                .wrap(RequireMfa::new(&web))
                .service(web::resource("/open").wrap(MfaLayer::new(&web)).get(who)),
        )
        .wrap(middleware());
    let app = init_service(app).await;
    let signed_in = call_service(&app, TestRequest::get().uri("/in").to_request()).await;
    let cookie = signed_in.response().cookies().next().unwrap().into_owned();
    for (path, expected) in [("/open", "false true"), ("/shut", "true true"), ("/both/open", "false true")] {
        let request = TestRequest::get().uri(path).cookie(cookie.clone()).to_request();
        assert_eq!(read_body(call_service(&app, request).await).await, expected, "{path}");
    }
    let stranger = call_service(&app, TestRequest::get().uri("/open").to_request()).await;
    assert_eq!(read_body(stranger).await, "false false");
}

#[actix_web::test]
async fn pages_stand_in_a_scope_and_only_below_their_mount() {
    let web = portal();
    let app = App::new()
        .configure(mfa_actix::pages(&web))
        .default_service(web::to(async || HttpResponse::ImATeapot()))
        .wrap(middleware());
    let app = init_service(app).await;
    for (path, status) in [
        ("/account/security/challenge", 303),
        ("/account/security", 303),
        ("/account/security/nope", 404),
        // The path counts as it was sent, with nothing decoded.
        ("/account/security/%63hallenge", 404),
        ("/account/securityx/challenge", 418),
        ("/account", 418),
    ] {
        let answer = call_service(&app, TestRequest::get().uri(path).to_request()).await;
        assert_eq!(answer.status(), status, "{path}");
    }
}

#[actix_web::test]
async fn signing_out_takes_all_that_the_session_held() {
    let web = portal();
    let keep = async |session: Session| session.insert("basket", "shoes").map(|()| "kept");
    let basket = async |session: Session| session.contains_key("basket").to_string();
    let out = async |web: Data<Web>, session: Session| {
        mfa_actix::sign_out(&web, &session).await.unwrap();
        "out"
    };
    let app = App::new()
        .app_data(Data::new(web.clone()))
        .route("/keep", web::get().to(keep))
        .route("/basket", web::get().to(basket))
        .route("/out", web::get().to(out))
        .wrap(middleware());
    let app = init_service(app).await;
    let kept = call_service(&app, TestRequest::get().uri("/keep").to_request()).await;
    let cookie = kept.response().cookies().next().unwrap().into_owned();
    let ask = |path| TestRequest::get().uri(path).cookie(cookie.clone()).to_request();
    assert_eq!(read_body(call_service(&app, ask("/basket")).await).await, "true");
    let left = call_service(&app, ask("/out")).await;
    assert_eq!(left.response().cookies().next().unwrap().value(), "", "the cookie is taken back");
    assert_eq!(read_body(call_service(&app, ask("/basket")).await).await, "false");
}

#[actix_web::test]
async fn a_long_body_is_not_read_to_its_end() {
    let web = portal();
    let app = init_service(App::new().configure(mfa_actix::pages(&web)).wrap(middleware())).await;
    // It is no form either, which only somebody finds who has it whole.
    for (length, status) in [(MAX_BODY, 415), (MAX_BODY + 1, 413)] {
        let request = TestRequest::post().uri("/account/security/challenge").set_payload("x".repeat(length));
        assert_eq!(call_service(&app, request.to_request()).await.status(), status, "{length}");
    }
}
