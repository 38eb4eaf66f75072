//! The second factor on axum: signing in, signing out, who is signed in, and the guards of routes.

use std::time::Duration;

use axum::Router;
use axum::response::Response;
use mfa_axum::RequireMfa;
use mfa_core::id::{AccountKey, UserId};
use mfa_core::port::sender::Locale;
use portal::error::PortalError;
use portal::site::Portal;
use portal::users::User;
use tower_sessions::Session;

/// How recently a code must have been given before bank details are shown.
const FRESH: Duration = Duration::from_secs(5 * 60);

/// After the host has checked the password: on to the second factor, or to `next` where none is asked for.
pub(crate) async fn sign_in(
    portal: &Portal,
    session: &Session,
    user: &User,
    next: &str,
    locale: Locale,
) -> Response {
    let key = AccountKey::of_user(user.id.clone());
    mfa_axum::sign_in(portal.second_factor().web(), session, &key, Some(next), Some(locale)).await
}

/// The language that was chosen on the second-factor pages.
pub(crate) async fn locale(portal: &Portal, session: &Session) -> Result<Option<Locale>, PortalError> {
    Ok(mfa_axum::locale(portal.second_factor().web(), session).await?)
}

/// Lets the second-factor pages speak the language chosen on the portal's.
pub(crate) async fn choose_locale(
    portal: &Portal,
    session: &Session,
    locale: Locale,
) -> Result<(), PortalError> {
    Ok(mfa_axum::choose_locale(portal.second_factor().web(), session, locale).await?)
}

/// Ends the session, with all it holds.
pub(crate) async fn sign_out(portal: &Portal, session: &Session) -> Result<(), PortalError> {
    Ok(mfa_axum::sign_out(portal.second_factor().web(), session).await?)
}

/// The id of whoever has passed both factors, for pages that also others may see.
pub(crate) async fn signed_in(portal: &Portal, session: &Session) -> Result<Option<UserId>, PortalError> {
    let signed_in = mfa_axum::signed_in(portal.second_factor().web(), session).await?;
    Ok(signed_in.map(|person| person.user().clone()))
}

/// Only for those who have passed both factors; others are sent to sign in and come back.
pub(crate) fn guard<S: Clone + Send + Sync + 'static>(portal: &Portal, router: Router<S>) -> Router<S> {
    router.layer(RequireMfa::new(portal.second_factor().web()))
}

/// As [`guard`], and the second factor must be at most five minutes old.
pub(crate) fn guard_fresh<S: Clone + Send + Sync + 'static>(portal: &Portal, router: Router<S>) -> Router<S> {
    router.layer(RequireMfa::new(portal.second_factor().web()).fresh_within(FRESH))
}

/// The ready-made pages.
pub(crate) fn pages<S: Clone + Send + Sync + 'static>(portal: &Portal) -> Router<S> {
    mfa_axum::pages(portal.second_factor().web())
}
