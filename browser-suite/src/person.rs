//! Somebody at a browser: what they do at the portal, in whole moves.

use mfa_core::port::sender::Locale;

use crate::browser::{Browser, Habits};
use crate::phone::Phone;
use crate::site::Site;

/// Where the pages of the second factor are mounted.
pub const MOUNT: &str = "/account/security";

/// Somebody at a browser.
#[derive(Debug)]
pub struct Person {
    /// Their browser.
    pub browser: Browser,
    name: &'static str,
}

impl Person {
    /// Somebody with a demo account.
    pub async fn new(name: &'static str, habits: Habits) -> Self {
        Self { browser: Browser::start(habits).await, name }
    }

    /// Goes to a path of the portal.
    pub async fn goto(&self, site: &Site, path: &str) {
        self.browser.goto(&format!("{}{path}", site.address())).await;
    }

    /// Asserts where they are, and looks at the page.
    pub async fn is_at(&self, path: &str) {
        let here = self.browser.path().await;
        assert_eq!(here, path, "{}", self.browser.text().await);
        let name = path.trim_matches('/').replace(['/', '?', '=', '%'], "-");
        self.browser.look(if name.is_empty() { "home" } else { &name }).await;
    }

    /// The same below the mount.
    pub async fn is_at_ours(&self, path: &str) {
        self.is_at(&format!("{MOUNT}/{path}")).await;
    }

    /// Asserts that the page says this, in English; on pages in another language it is not looked for.
    pub async fn reads(&self, words: &str) {
        if self.browser.habits().locale == Locale::English {
            let text = self.browser.text().await;
            assert!(text.contains(words), "{words:?} is not on the page:\n{text}");
        }
    }

    /// Asserts that the page says what is wrong: in its title, above everything, and at the field if it has one.
    pub async fn is_told_of_a_mistake(&self, words: &str) {
        assert!(self.browser.has(".mfa-error-summary[role=alert]").await, "{}", self.browser.text().await);
        self.reads(words).await;
        self.browser.look("mistake").await;
    }

    /// Types name and password and presses the button. Chooses the language first, as somebody does who wants another.
    pub async fn gives_password(&self, site: &Site) {
        self.goto(site, "/sign-in").await;
        self.gives_password_here().await;
    }

    /// The same on the sign-in page that is there.
    pub async fn gives_password_here(&self) {
        let locale = self.browser.habits().locale;
        if self.browser.one("html").await.attr("lang").await.unwrap().as_deref() != Some(locale.tag()) {
            self.browser.press("a.language").await;
        }
        self.browser.look("sign-in").await;
        self.browser.fill("name", self.name).await;
        self.browser.fill("password", &format!("{}-demo-2026", self.name)).await;
        self.browser.press("form[action='/sign-in'] button").await;
    }

    /// Signs out on the portal's own page.
    pub async fn signs_out(&self, site: &Site) {
        self.goto(site, "/account").await;
        self.browser.press("form[action='/sign-out'] button").await;
        self.is_at("/sign-in?out=1").await;
    }

    /// Presses the button of a form of ours.
    pub async fn presses(&self, action: &str) {
        self.browser.press(&format!("form[action='{MOUNT}/{action}'] button")).await;
    }

    /// Types a code and presses the button.
    pub async fn enters(&self, action: &str, code: &str) {
        self.browser.fill("code", code).await;
        self.presses(action).await;
    }

    /// Chooses a backup code on a challenge.
    pub async fn chooses_a_backup_code(&self) {
        self.browser
            .press(&format!("form[action='{MOUNT}/challenge/choose'] button[value='backup_code']"))
            .await;
    }

    /// Chooses the way whose button has these words in it, if there is one: what is chosen already has none.
    pub async fn chooses_by_words(&self, words: &str) {
        for button in self.browser.all(&format!("form[action='{MOUNT}/challenge/choose'] button")).await {
            if button.text().await.unwrap().contains(words) {
                let value = button.attr("value").await.unwrap().unwrap();
                self.browser.press(&format!("button[value='{value}']")).await;
                return;
            }
        }
    }

    /// Chooses the app on a challenge, unless it is chosen already.
    pub async fn chooses_the_app(&self) {
        let welsh = self.browser.habits().locale == Locale::Welsh;
        self.chooses_by_words(if welsh { "ap dilysu" } else { "authenticator app" }).await;
    }

    /// Follows the first link of the settings to one of their pages.
    pub async fn follows(&self, page: &str) {
        self.browser.press(&format!("a[href^='{MOUNT}/{page}']")).await;
    }

    /// From the settings to the page with the QR code.
    pub async fn begins_with_an_app(&self) {
        self.goto_enrol().await;
        self.presses("enrol/app").await;
        self.is_at_ours("enrol/confirm").await;
    }

    /// From wherever the settings are shown to the choice of what to set up.
    pub async fn goto_enrol(&self) {
        self.browser.press(&format!("a[href='{MOUNT}/enrol']")).await;
        self.is_at_ours("enrol").await;
    }

    /// The URI that the link on the page has.
    pub async fn link(&self) -> String {
        self.browser.one("a[href^='otpauth:']").await.attr("href").await.unwrap().unwrap()
    }

    /// The key that is there for copying.
    pub async fn key(&self) -> String {
        self.browser.open_details().await;
        self.browser.one("[id='key']").await.text().await.unwrap()
    }

    /// The backup codes on the page that shows them.
    pub async fn backup_codes(&self) -> Vec<String> {
        let mut codes = Vec::new();
        for line in self.browser.all("[id='codes'] li").await {
            codes.push(line.text().await.unwrap());
        }
        codes
    }

    /// Sets up an app from the settings page on: what the portal shows is scanned, confirmed and saved.
    pub async fn sets_up_an_app(&self, site: &Site) -> (Phone, Vec<String>) {
        self.begins_with_an_app().await;
        let phone = Phone::scans(&self.link().await);
        self.enters("enrol/confirm", &phone.code(site.now()).await).await;
        self.browser.look("backup-codes").await;
        let codes = self.backup_codes().await;
        assert_eq!(codes.len(), 10);
        self.presses("backup-codes/saved").await;
        (phone, codes)
    }
}
