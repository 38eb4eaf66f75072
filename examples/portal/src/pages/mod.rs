//! The portal's pages: what each shows, rendered from the templates; and the headers and files that go with them.

mod render;

pub use self::render::{
    Account, BankDetails, HomeAdministrator, HomeParent, HomeStaff, Message, OutboxPage, Report, ResetUser,
    RosterLine, Shell, SignIn, UserList,
};

/// Headers of every page. No script runs at all; styles and pictures come from here only.
pub const HEADERS: [(&str, &str); 5] = [
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    // Not `no-referrer`: browsers would then send `Origin: null` with forms.
    ("referrer-policy", "same-origin"),
    ("cache-control", "no-store"),
    ("permissions-policy", "camera=(), microphone=(), geolocation=()"),
];

/// The files the pages use, by path: media type and content.
pub fn asset(path: &str) -> Option<(&'static str, &'static str)> {
    match path {
        "/assets/portal.css" => Some(("text/css; charset=utf-8", include_str!("../../assets/portal.css"))),
        "/assets/second-factor.css" => {
            Some(("text/css; charset=utf-8", include_str!("../../assets/second-factor.css")))
        }
        "/assets/crest.svg" => Some(("image/svg+xml", include_str!("../../assets/crest.svg"))),
        _ => None,
    }
}
