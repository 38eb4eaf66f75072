//! The routes: each takes the visitor and a form, asks the portal, and hands its reply on.

use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{self, Data, Form, Path, Query, ServiceConfig};
use actix_web::{Error, HttpRequest, HttpResponse};
use mfa_core::port::clock::Clock;
use portal::config::HostUrl;
use portal::pages;
use portal::returning::local_path;
use portal::site::{
    ClockForm, LanguageQuery, Portal, ResetForm, SignInForm, SignInQuery, SignInStep, SignOutForm,
    UsersQuery, after_sign_out,
};
use portal::users::Role;
use portal::visitor::locale_from_tag;

use crate::answer::{Failed, answer, finish, see_other};
use crate::visit::{Member, Visiting, age};
use crate::{second_factor, sessions};

type Outcome = Result<HttpResponse, Failed>;

/// All routes of the portal.
pub(crate) fn routes(portal: &Portal, host_url: &HostUrl) -> impl FnOnce(&mut ServiceConfig) + 'static {
    let (portal, host_url) = (portal.clone(), host_url.clone());
    move |config: &mut ServiceConfig| {
        // Two scopes, because files need no session.
        let files = web::scope("/assets")
            .service(web::resource("/{file}").route(web::get().to(asset)))
            .wrap(from_fn(finish));
        let everything = web::scope("")
            .configure(|config| with_session(&portal, config))
            .default_service(web::to(not_found))
            .wrap(from_fn(age))
            .wrap(sessions::layer(&portal, &host_url))
            .wrap(from_fn(finish));
        config.app_data(Data::new(portal)).service(files).service(everything);
    }
}

fn with_session(portal: &Portal, config: &mut ServiceConfig) {
    let guard = || second_factor::guard(portal);
    config
        .configure(mfa_actix::pages(portal.second_factor().web()))
        .service(web::resource("/sign-in").route(web::get().to(sign_in_page)).route(web::post().to(sign_in)))
        .service(web::resource("/sign-out").route(web::post().to(sign_out)))
        .service(web::resource("/language").route(web::get().to(language)))
        .service(web::resource("/outbox").route(web::get().to(outbox)));
    if portal.config().test_clock() {
        config.service(web::resource("/test/clock").route(web::post().to(danger_turn_clock)));
    }
    config
        .service(web::resource("/").route(web::get().to(home)).wrap(guard()))
        .service(web::resource("/account").route(web::get().to(account)).wrap(guard()))
        .service(web::resource("/reports/autumn").route(web::get().to(report)).wrap(guard()))
        .service(web::resource("/users").route(web::get().to(users)).wrap(guard()))
        .service(
            web::resource("/users/{id}/reset")
                .route(web::get().to(reset_page))
                .route(web::post().to(reset))
                // Taking somebody's second factor away takes a recent one.
                .wrap(second_factor::guard_fresh(portal))
                .wrap(from_fn(only_administrators))
                .wrap(guard()),
        )
        .service(
            // The role is asked before the code: nobody looks for their phone to be told that the page isn't theirs.
            web::resource("/pay/bank-details")
                .route(web::get().to(bank_details))
                .wrap(second_factor::guard_fresh(portal))
                .wrap(from_fn(only_with_bank_details))
                .wrap(guard()),
        );
}

async fn sign_in_page(portal: Data<Portal>, query: Query<SignInQuery>, visiting: Visiting) -> Outcome {
    if visiting.visit.user.is_some() {
        return Ok(see_other(local_path(&query.next)));
    }
    Ok(answer(portal.sign_in(&visiting.visit, &query.next, query.out.is_some())?))
}

async fn sign_in(portal: Data<Portal>, mut visiting: Visiting, Form(form): Form<SignInForm>) -> Outcome {
    if !visiting.visitor.accepts(&form.token) {
        return Ok(answer(portal.stale_form(&visiting.visit)?));
    }
    match portal.check_password(&visiting.visit, form).await? {
        SignInStep::Again(reply) => Ok(answer(reply)),
        SignInStep::Password(user, next) => {
            visiting.visitor = portal.renewed(&visiting.visitor)?;
            visiting.keep()?;
            let locale = visiting.visitor.chosen_locale().unwrap_or(user.locale);
            Ok(second_factor::sign_in(&portal, &visiting.session, &user, &next, locale).await)
        }
    }
}

async fn sign_out(portal: Data<Portal>, visiting: Visiting, form: Form<SignOutForm>) -> Outcome {
    if !visiting.visitor.accepts(&form.token) {
        return Ok(answer(portal.stale_form(&visiting.visit)?));
    }
    second_factor::sign_out(&portal, &visiting.session).await?;
    Ok(see_other(&after_sign_out(&visiting.visit)))
}

async fn language(portal: Data<Portal>, query: Query<LanguageQuery>, mut visiting: Visiting) -> Outcome {
    if let Some(locale) = locale_from_tag(&query.to) {
        visiting.visitor.choose(locale);
        visiting.keep()?;
        second_factor::choose_locale(&portal, &visiting.session, locale).await?;
        if let Some(user) = &visiting.visit.user {
            portal.users().set_locale(&user.id, locale).await?;
        }
    }
    Ok(see_other(local_path(&query.next)))
}

async fn home(portal: Data<Portal>, member: Member) -> Outcome {
    Ok(answer(portal.home(&member.visiting.visit, &member.user).await?))
}

async fn account(portal: Data<Portal>, member: Member) -> Outcome {
    Ok(answer(portal.account(&member.visiting.visit, &member.user).await?))
}

async fn report(portal: Data<Portal>, member: Member) -> Outcome {
    Ok(answer(portal.report(&member.visiting.visit, &member.user)?))
}

async fn only_with_bank_details(
    portal: Data<Portal>,
    member: Member,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if member.user.role.has_bank_details() {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    let refused = portal.bank_details(&member.visiting.visit, &member.user).map_err(Failed::from)?;
    Ok(request.into_response(answer(refused)))
}

async fn only_administrators(
    portal: Data<Portal>,
    member: Member,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if member.user.role == Role::Administrator {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    let refused = portal.reset_page(&member.visiting.visit, &member.user, "").await.map_err(Failed::from)?;
    Ok(request.into_response(answer(refused)))
}

async fn bank_details(portal: Data<Portal>, member: Member) -> Outcome {
    Ok(answer(portal.bank_details(&member.visiting.visit, &member.user)?))
}

async fn outbox(portal: Data<Portal>, visiting: Visiting) -> Outcome {
    Ok(answer(portal.outbox(&visiting.visit)?))
}

async fn users(portal: Data<Portal>, query: Query<UsersQuery>, member: Member) -> Outcome {
    Ok(answer(portal.user_list(&member.visiting.visit, &member.user, query.reset.as_deref()).await?))
}

async fn reset_page(portal: Data<Portal>, id: Path<String>, member: Member) -> Outcome {
    Ok(answer(portal.reset_page(&member.visiting.visit, &member.user, &id).await?))
}

async fn reset(
    portal: Data<Portal>,
    id: Path<String>,
    member: Member,
    Form(form): Form<ResetForm>,
) -> Outcome {
    let visiting = &member.visiting;
    if !visiting.visitor.accepts(&form.token) {
        return Ok(answer(portal.stale_form(&visiting.visit)?));
    }
    Ok(answer(portal.reset(&visiting.visit, &member.user, &id, form).await?))
}

async fn not_found(portal: Data<Portal>, visiting: Visiting) -> Outcome {
    Ok(answer(portal.not_found(&visiting.visit)?))
}

async fn asset(request: HttpRequest) -> HttpResponse {
    match pages::asset(request.uri().path()) {
        Some((kind, content)) => HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, kind))
            .insert_header((CACHE_CONTROL, "public, max-age=300"))
            .body(content),
        None => HttpResponse::NotFound().finish(),
    }
}

/// FOR TESTS: there only with `--danger-test-clock`, which listens on this machine only.
async fn danger_turn_clock(portal: Data<Portal>, form: Form<ClockForm>) -> Outcome {
    portal.clock().danger_turn_ahead(Duration::from_secs(form.seconds));
    let now = portal.clock().now()?;
    tracing::warn!(%now, "a test turned the clock");
    Ok(HttpResponse::Ok().body(now.to_string()))
}
