//! The routes: each takes the visitor and a form, asks the portal, and hands its reply on.

use std::time::Duration;

use axum::Router;
use axum::extract::{Form, Path, Query, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use mfa_core::port::clock::Clock;
use portal::config::HostUrl;
use portal::error::PortalError;
use portal::pages;
use portal::returning::local_path;
use portal::site::{
    ClockForm, LanguageQuery, Portal, ResetForm, SignInForm, SignInQuery, SignInStep, SignOutForm,
    UsersQuery, after_sign_out,
};
use portal::users::Role;
use portal::visitor::locale_from_tag;

use crate::answer::{Answer, Failed, finish};
use crate::second_factor;
use crate::sessions;
use crate::visit::{Member, Visiting, age};

type Outcome = Result<Response, Failed>;

/// All routes of the portal.
pub(crate) fn router(portal: Portal, host_url: &HostUrl) -> Router {
    let members = Router::new()
        .route("/", get(home))
        .route("/account", get(account))
        .route("/reports/autumn", get(report))
        .route("/users", get(users));
    // The role is asked before the code: nobody looks for their phone to be told that the page isn't theirs.
    let fresh =
        second_factor::guard_fresh(&portal, Router::new().route("/pay/bank-details", get(bank_details)))
            .layer(middleware::from_fn_with_state(portal.clone(), only_with_bank_details));
    // Taking somebody's second factor away takes a recent one.
    let resets = Router::new().route("/users/{id}/reset", get(reset_page).post(reset));
    let resets = second_factor::guard_fresh(&portal, resets)
        .layer(middleware::from_fn_with_state(portal.clone(), only_administrators));
    let mut open = Router::new()
        .route("/sign-in", get(sign_in_page).post(sign_in))
        .route("/sign-out", post(sign_out))
        .route("/language", get(language))
        .route("/outbox", get(outbox))
        .fallback(not_found);
    if portal.config().test_clock() {
        open = open.route("/test/clock", post(danger_turn_clock));
    }
    open.merge(second_factor::guard(&portal, members.merge(fresh).merge(resets)))
        .merge(second_factor::pages(&portal))
        .layer(middleware::from_fn_with_state(portal.clone(), age))
        .layer(sessions::layer(&portal, host_url))
        .route("/assets/{file}", get(asset)) // outside the session layer: files need none
        .layer(middleware::from_fn(finish))
        .with_state(portal)
}

async fn sign_in_page(
    State(portal): State<Portal>,
    Query(query): Query<SignInQuery>,
    visiting: Visiting,
) -> Outcome {
    if visiting.visit.user.is_some() {
        return Ok(Redirect::to(local_path(&query.next)).into_response());
    }
    Ok(Answer(portal.sign_in(&visiting.visit, &query.next, query.out.is_some())?).into_response())
}

async fn sign_in(
    State(portal): State<Portal>,
    mut visiting: Visiting,
    Form(form): Form<SignInForm>,
) -> Outcome {
    if !visiting.visitor.accepts(&form.token) {
        return Ok(Answer(portal.stale_form(&visiting.visit)?).into_response());
    }
    match portal.check_password(&visiting.visit, form).await? {
        SignInStep::Again(reply) => Ok(Answer(reply).into_response()),
        SignInStep::Password(user, next) => {
            visiting.visitor = portal.renewed(&visiting.visitor)?;
            visiting.keep().await?;
            let locale = visiting.visitor.chosen_locale().unwrap_or(user.locale);
            Ok(second_factor::sign_in(&portal, &visiting.session, &user, &next, locale).await)
        }
    }
}

async fn sign_out(
    State(portal): State<Portal>,
    visiting: Visiting,
    Form(form): Form<SignOutForm>,
) -> Outcome {
    if !visiting.visitor.accepts(&form.token) {
        return Ok(Answer(portal.stale_form(&visiting.visit)?).into_response());
    }
    second_factor::sign_out(&portal, &visiting.session).await?;
    Ok(Redirect::to(&after_sign_out(&visiting.visit)).into_response())
}

async fn language(
    State(portal): State<Portal>,
    Query(query): Query<LanguageQuery>,
    mut visiting: Visiting,
) -> Outcome {
    if let Some(locale) = locale_from_tag(&query.to) {
        visiting.visitor.choose(locale);
        visiting.keep().await?;
        second_factor::choose_locale(&portal, &visiting.session, locale).await?;
        if let Some(user) = &visiting.visit.user {
            portal.users().set_locale(&user.id, locale).await?;
        }
    }
    Ok(Redirect::to(local_path(&query.next)).into_response())
}

async fn home(State(portal): State<Portal>, member: Member) -> Outcome {
    Ok(Answer(portal.home(&member.visiting.visit, &member.user).await?).into_response())
}

async fn account(State(portal): State<Portal>, member: Member) -> Outcome {
    Ok(Answer(portal.account(&member.visiting.visit, &member.user).await?).into_response())
}

async fn report(State(portal): State<Portal>, member: Member) -> Outcome {
    Ok(Answer(portal.report(&member.visiting.visit, &member.user)?).into_response())
}

async fn only_with_bank_details(
    State(portal): State<Portal>,
    member: Member,
    request: Request,
    next: Next,
) -> Outcome {
    if member.user.role.has_bank_details() {
        return Ok(next.run(request).await);
    }
    Ok(Answer(portal.bank_details(&member.visiting.visit, &member.user)?).into_response())
}

async fn only_administrators(
    State(portal): State<Portal>,
    member: Member,
    request: Request,
    next: Next,
) -> Outcome {
    if member.user.role == Role::Administrator {
        return Ok(next.run(request).await);
    }
    Ok(Answer(portal.reset_page(&member.visiting.visit, &member.user, "").await?).into_response())
}

async fn bank_details(State(portal): State<Portal>, member: Member) -> Outcome {
    Ok(Answer(portal.bank_details(&member.visiting.visit, &member.user)?).into_response())
}

async fn outbox(State(portal): State<Portal>, visiting: Visiting) -> Outcome {
    Ok(Answer(portal.outbox(&visiting.visit)?).into_response())
}

async fn users(State(portal): State<Portal>, Query(query): Query<UsersQuery>, member: Member) -> Outcome {
    let reply = portal.user_list(&member.visiting.visit, &member.user, query.reset.as_deref()).await?;
    Ok(Answer(reply).into_response())
}

async fn reset_page(State(portal): State<Portal>, Path(id): Path<String>, member: Member) -> Outcome {
    Ok(Answer(portal.reset_page(&member.visiting.visit, &member.user, &id).await?).into_response())
}

async fn reset(
    State(portal): State<Portal>,
    Path(id): Path<String>,
    member: Member,
    Form(form): Form<ResetForm>,
) -> Outcome {
    let visiting = &member.visiting;
    if !visiting.visitor.accepts(&form.token) {
        return Ok(Answer(portal.stale_form(&visiting.visit)?).into_response());
    }
    Ok(Answer(portal.reset(&visiting.visit, &member.user, &id, form).await?).into_response())
}

async fn not_found(State(portal): State<Portal>, visiting: Visiting) -> Outcome {
    Ok(Answer(portal.not_found(&visiting.visit)?).into_response())
}

async fn asset(uri: Uri) -> Response {
    match pages::asset(uri.path()) {
        Some((kind, content)) => {
            ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "public, max-age=300")], content).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// FOR TESTS: there only with `--danger-test-clock`, which listens on this machine only.
async fn danger_turn_clock(State(portal): State<Portal>, Form(form): Form<ClockForm>) -> Outcome {
    portal.clock().danger_turn_ahead(Duration::from_secs(form.seconds));
    let now = portal.clock().now().map_err(PortalError::from)?;
    tracing::warn!(%now, "a test turned the clock");
    Ok(now.to_string().into_response())
}
