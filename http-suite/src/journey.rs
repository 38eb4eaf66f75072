//! What people do in most cases: set up an app or an e-mail address, sign in with it, confirm it is them.

use mfa_testing::app::AuthenticatorApp;

use crate::browser::{Answer, Browser};
use crate::page;
use crate::world::{World, at};

/// Somebody with a phone in their hand.
#[derive(Clone, Debug)]
pub struct Person {
    /// Their user id.
    pub user: String,
    /// The app on their phone.
    pub app: AuthenticatorApp,
    /// The codes they saved.
    pub codes: Vec<String>,
    /// Where they are signed in.
    pub browser: Browser,
}

/// The words on the buttons that choose a method.
pub const USE_APP: &str = "Use my authenticator app";
/// See [`USE_APP`].
pub const USE_EMAIL: &str = "Send a code to my email address";
/// See [`USE_APP`].
pub const USE_BACKUP: &str = "Use a backup code";

/// Chooses an app on the page shown, and gives the app that scanned it and the page that asks for its code.
pub async fn scan(browser: &mut Browser) -> AuthenticatorApp {
    browser.open(&at("enrol")).await;
    let begun = browser.submit(&at("enrol/app"), &[]).await;
    assert_eq!(begun.location(), at("enrol/confirm"));
    let page = browser.follow(&begun).await;
    assert_eq!(page.status, 200, "{}", page.body);
    AuthenticatorApp::scan(&page::otpauth(&page.body).unwrap()).unwrap()
}

impl World {
    /// Somebody new who signs in with their password and sets up an app; their next code is fresh.
    pub async fn with_app(&self, user: &str) -> Person {
        let mut browser = self.browser();
        assert_eq!(browser.password(user, "").await.location(), "/");
        let app = scan(&mut browser).await;
        let shown = browser.submit(&at("enrol/confirm"), &[("code", &self.code(&app))]).await;
        assert_eq!(shown.status, 200, "{}", shown.body);
        let codes = page::backup_codes(&shown.body);
        assert_eq!(codes.len(), 10, "{}", shown.body);
        let saved = browser.submit(&at("backup-codes/saved"), &[]).await;
        assert_eq!(saved.location(), at("settings"));
        browser.follow(&saved).await;
        self.pass(30);
        Person { user: user.to_owned(), app, codes, browser }
    }

    /// Somebody with an app and an e-mail address for codes.
    pub async fn with_both(&self, user: &str) -> Person {
        let mut person = self.with_app(user).await;
        self.add_email(&mut person.browser, &format!("{user}@codes.example")).await;
        self.pass(60);
        person
    }

    /// Adds an address to a signed-in person's methods.
    pub async fn add_email(&self, browser: &mut Browser, address: &str) {
        browser.open(&at("enrol/email")).await;
        let sent = browser.submit(&at("enrol/email"), &[("email", address)]).await;
        assert_eq!(sent.location(), at("enrol/confirm"));
        browser.follow(&sent).await;
        let code = self.sender.last_code().unwrap();
        let added = browser.submit(&at("enrol/confirm"), &[("code", &code)]).await;
        browser.follow(&added).await;
    }

    /// The code that an app shows now.
    pub fn code(&self, app: &AuthenticatorApp) -> String {
        app.code_at(self.clock.time())
    }

    /// A code that no app shows now or around now.
    pub fn wrong(&self, app: &AuthenticatorApp) -> String {
        let near: Vec<_> = [-60, -30, 0, 30, 60]
            .map(|drift| app.clone().with_drift(drift).code_at(self.clock.time()))
            .to_vec();
        (0..10).map(|n| format!("{n}00000")).find(|code| !near.contains(code)).unwrap()
    }

    /// A browser in which the password was right, with the challenge on the page.
    pub async fn pending(&self, user: &str, next: &str) -> Browser {
        let mut browser = self.browser();
        let sent = browser.password(user, next).await;
        assert_eq!(sent.location(), at("challenge"));
        browser.follow(&sent).await;
        browser
    }

    /// Signs in again with the app, in a browser of its own.
    pub async fn signs_in(&self, person: &Person) -> Browser {
        let mut browser = self.pending(&person.user, "").await;
        let passed = self.answer(&mut browser, &self.code(&person.app)).await;
        assert_eq!(passed.location(), "/");
        browser.follow(&passed).await;
        self.pass(30);
        browser
    }

    /// Answers the challenge on the page.
    pub async fn answer(&self, browser: &mut Browser, code: &str) -> Answer {
        browser.submit(&at("challenge"), &[("code", code)]).await
    }

    /// Chooses another method by the words on its button.
    pub async fn choose(&self, browser: &mut Browser, words: &str) -> Answer {
        let page = browser.open(&at("challenge/choose")).await;
        let value = page::choice(&page.body, words).unwrap_or_else(|| panic!("no {words}: {}", page.body));
        let chosen = browser.submit(&at("challenge/choose"), &[("method", &value)]).await;
        browser.follow(&chosen).await
    }
}
