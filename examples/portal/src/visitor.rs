//! What the portal itself keeps in a session: the language, the form token, and when it was begun and last used.

use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use mfa_core::fault::Fault;
use mfa_core::port::entropy::{Entropy, random_bytes};
use mfa_core::port::sender::Locale;
use mfa_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

/// The key of the session's value that holds a [`Visitor`].
pub const SESSION_KEY: &str = "portal";

/// A session ends after this long without a request (NIST SP 800-63B-4 §2.2.3: at AAL2 at most an hour).
pub const IDLE_LIMIT: Duration = Duration::from_secs(60 * 60);

/// A session ends after this long, used or not: a school day.
pub const WHOLE_LIMIT: Duration = Duration::from_secs(12 * 60 * 60);

/// How old the last noted use may be before it is noted again, so that not every page writes.
const NOTED_EVERY: Duration = Duration::from_secs(5 * 60);

/// What the portal keeps in the session of anybody, signed in or not.
#[derive(Clone, Serialize, Deserialize)]
pub struct Visitor {
    locale: Option<Locale>,
    form_token: String,
    begun: Timestamp,
    used: Timestamp,
}

/// What to do with a session at a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// Nothing.
    Keep,
    /// Save it: the use was noted.
    Save,
    /// End it: it is too old.
    End,
}

impl Visitor {
    /// Somebody new.
    ///
    /// # Errors
    /// If randomness fails.
    pub fn new(entropy: &dyn Entropy, now: Timestamp) -> Result<Self, Fault> {
        Ok(Self {
            locale: None,
            form_token: Base64UrlUnpadded::encode_string(&random_bytes::<32>(entropy)?),
            begun: now,
            used: now,
        })
    }

    /// The visitor after a sign-in: a new form token and a new beginning, the language kept.
    ///
    /// # Errors
    /// If randomness fails.
    pub fn renew(&self, entropy: &dyn Entropy, now: Timestamp) -> Result<Self, Fault> {
        Ok(Self { locale: self.locale, ..Self::new(entropy, now)? })
    }

    /// Notes a use, or says that the session has lived too long.
    pub fn touch(&mut self, now: Timestamp) -> Touch {
        if now.since(self.begun) >= WHOLE_LIMIT || now.since(self.used) >= IDLE_LIMIT {
            Touch::End
        } else if now.since(self.used) >= NOTED_EVERY {
            self.used = now;
            Touch::Save
        } else {
            Touch::Keep
        }
    }

    /// The language chosen in this session, or the first that the browser asks for and the portal speaks.
    pub fn locale(&self, accept_language: Option<&str>) -> Locale {
        self.locale.unwrap_or_else(|| from_browser(accept_language.unwrap_or_default()))
    }

    /// The language chosen in this session.
    pub fn chosen_locale(&self) -> Option<Locale> {
        self.locale
    }

    /// Chooses a language for this session.
    pub fn choose(&mut self, locale: Locale) {
        self.locale = Some(locale);
    }

    /// The token every form carries.
    pub fn form_token(&self) -> &str {
        &self.form_token
    }

    /// Whether a form came from a page of this session (cross-site request forgery).
    pub fn accepts(&self, token: &str) -> bool {
        self.form_token.as_bytes().ct_eq(token.as_bytes()).into()
    }
}

/// The language of a query: `en`, `cy`.
pub fn locale_from_tag(tag: &str) -> Option<Locale> {
    Locale::ALL.iter().copied().find(|locale| locale.tag() == tag)
}

fn from_browser(accept_language: &str) -> Locale {
    // In the order written: browsers send it sorted by preference.
    accept_language
        .split(',')
        .filter_map(|entry| entry.trim().split([';', '-']).next())
        .find_map(locale_from_tag)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mfa_core::port::entropy::SystemEntropy;

    const START: Timestamp = Timestamp::from_unix(1_800_000_000);

    fn visitor() -> Visitor {
        Visitor::new(&SystemEntropy, START).unwrap()
    }

    #[test]
    fn only_this_sessions_token_is_accepted() {
        let (one, other) = (visitor(), visitor());
        assert!(one.accepts(one.form_token()));
        assert!(!one.accepts(other.form_token()));
        assert!(!one.accepts(""));
        assert!(!one.renew(&SystemEntropy, START).unwrap().accepts(one.form_token()));
    }

    #[test]
    fn a_session_ends_after_an_idle_hour_or_a_school_day() {
        let minutes = |n: u64| START.after(Duration::from_secs(60 * n));
        let mut used = visitor();
        assert_eq!(used.touch(minutes(4)), Touch::Keep);
        assert_eq!(visitor().touch(minutes(60)), Touch::End);
        for n in (5..12 * 60).step_by(50) {
            assert_eq!(used.touch(minutes(n)), Touch::Save);
        }
        assert_eq!(used.touch(minutes(12 * 60)), Touch::End);
    }

    #[test]
    fn the_language_is_the_chosen_one_then_the_browsers() {
        let mut visitor = visitor();
        for (header, expected) in [
            (None, Locale::English),
            (Some("cy-GB,cy;q=0.9,en;q=0.8"), Locale::Welsh),
            (Some("fr, cy;q=0.5"), Locale::Welsh),
            (Some("en-GB,cy"), Locale::English),
        ] {
            assert_eq!(visitor.locale(header), expected);
        }
        visitor.choose(Locale::English);
        assert_eq!(visitor.locale(Some("cy")), Locale::English);
    }
}
