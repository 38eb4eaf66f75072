//! The second factor on actix-web: signing in, signing out, who is signed in, and the guards of routes.

use std::time::Duration;

use actix_session::Session;
use actix_web::HttpResponse;
use mfa_actix::RequireMfa;
use mfa_core::fault::Fault;
use mfa_core::id::{AccountKey, UserId};
use mfa_core::port::sender::Locale;
use portal::site::Portal;
use portal::users::User;

/// How recently a code must have been given before bank details are shown.
const FRESH: Duration = Duration::from_secs(5 * 60);

/// After the host has checked the password: on to the second factor, or to `next` where none is asked for.
pub(crate) async fn sign_in(
    portal: &Portal,
    session: &Session,
    user: &User,
    next: &str,
    locale: Locale,
) -> HttpResponse {
    let key = AccountKey::of_user(user.id.clone());
    mfa_actix::sign_in(portal.second_factor().web(), session, &key, Some(next), Some(locale)).await
}

/// The language that was chosen on the second-factor pages.
pub(crate) async fn locale(portal: &Portal, session: &Session) -> Result<Option<Locale>, Fault> {
    mfa_actix::locale(portal.second_factor().web(), session).await
}

/// Lets the second-factor pages speak the language chosen on the portal's.
pub(crate) async fn choose_locale(portal: &Portal, session: &Session, locale: Locale) -> Result<(), Fault> {
    mfa_actix::choose_locale(portal.second_factor().web(), session, locale).await
}

/// Ends the session, with all it holds.
pub(crate) async fn sign_out(portal: &Portal, session: &Session) -> Result<(), Fault> {
    mfa_actix::sign_out(portal.second_factor().web(), session).await
}

/// The id of whoever has passed both factors, for pages that also others may see.
pub(crate) async fn signed_in(portal: &Portal, session: &Session) -> Result<Option<UserId>, Fault> {
    let signed_in = mfa_actix::signed_in(portal.second_factor().web(), session).await?;
    Ok(signed_in.map(|person| person.user().clone()))
}

/// Only for those who have passed both factors; others are sent to sign in and come back.
pub(crate) fn guard(portal: &Portal) -> RequireMfa {
    RequireMfa::new(portal.second_factor().web())
}

/// As [`guard`], and the second factor must be at most five minutes old.
pub(crate) fn guard_fresh(portal: &Portal) -> RequireMfa {
    guard(portal).fresh_within(FRESH)
}
