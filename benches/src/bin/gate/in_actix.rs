//! The three pages in actix-web, with the memory sessions of the quickstart.

#[path = "../../../../examples/quickstart-actix/src/sessions.rs"]
mod sessions;

use actix_session::{Session, SessionExt as _, SessionMiddleware};
use actix_web::body::MessageBody;
use actix_web::cookie::Key;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{self, Data, Html, ReqData};
use actix_web::{App, Error, HttpMessage as _, HttpResponse, HttpServer};
use mfa_actix::{RequireMfa, SignedIn};
use mfa_core::id::UserId;

use crate::load;
use benches::portal::{KEY, Portal, USER, page};

/// Serves on one thread until whoever asked for it is gone.
pub(crate) fn serve(store: &str) {
    actix_web::rt::System::new().block_on(async {
        let portal = Data::new(Portal::open(store).await);
        let (sessions, cookie_key) = (sessions::MemorySessions::default(), Key::generate());
        let server = HttpServer::new(move || {
            let guard = RequireMfa::new(&portal.web);
            let sessions = SessionMiddleware::builder(sessions.clone(), cookie_key.clone());
            App::new()
                .app_data(portal.clone())
                .service(web::resource("/guarded").wrap(guard).route(web::get().to(guarded)))
                .service(web::resource("/alone").route(web::get().to(alone)))
                .service(web::resource("/floor").wrap(from_fn(least)).route(web::get().to(floor)))
                .route("/enter/guarded", web::get().to(enter_guarded))
                .route("/enter/alone", web::get().to(enter_alone))
                .route("/enter/floor", web::get().to(enter_guarded))
                .route("/end", web::get().to(end))
                .wrap(sessions.cookie_secure(false).build())
        });
        let server = server.workers(1).bind("127.0.0.1:0").unwrap();
        load::announce(server.addrs()[0]);
        server.run().await.unwrap();
    });
}

async fn guarded(person: SignedIn) -> Html {
    Html::new(page(person.user().as_str()))
}

async fn alone(session: Session) -> Html {
    let user: String = session.get(USER).unwrap().unwrap();
    Html::new(page(&user))
}

async fn floor(user: ReqData<UserId>) -> Html {
    Html::new(page(user.as_str()))
}

/// The least that a middleware can do which asks who is in and whether that still holds: it looks at neither answer.
async fn least(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let kept: String = request.get_session().get(KEY).unwrap().unwrap();
    let portal: &Data<Portal> = request.app_data().unwrap();
    assert!(!kept.is_empty() && portal.ask().await > 0);
    request.extensions_mut().insert(portal.key.user().clone());
    next.call(request).await
}

async fn enter_guarded(portal: Data<Portal>, session: Session) -> HttpResponse {
    session.insert(KEY, &portal.state).unwrap();
    HttpResponse::Ok().finish()
}

async fn enter_alone(portal: Data<Portal>, session: Session) -> HttpResponse {
    session.insert(USER, portal.key.user()).unwrap();
    HttpResponse::Ok().finish()
}

async fn end(portal: Data<Portal>) -> HttpResponse {
    portal.web.mfa().password_changed(&portal.key).await.unwrap();
    HttpResponse::Ok().finish()
}
