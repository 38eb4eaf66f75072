//! A person of the demo school with a phone, at a browser of the cluster.

use std::collections::HashSet;

use http_suite::browser::{Answer, Browser};
use http_suite::journey::{USE_APP, USE_BACKUP, USE_EMAIL, scan};
use http_suite::page;
use http_suite::world::at;
use mfa_core::time::Timestamp;
use mfa_testing::app::AuthenticatorApp;

use crate::cluster::Cluster;

/// A demo account: id, user name, password.
#[derive(Clone, Copy, Debug)]
pub struct Account {
    /// The immutable id.
    pub id: &'static str,
    /// What is typed to sign in.
    pub name: &'static str,
    /// The password.
    pub password: &'static str,
}

/// The demo accounts whose language is English.
pub const ACCOUNTS: [Account; 5] = [
    Account { id: "u-1001", name: "parent", password: "parent-demo-2026" },
    Account { id: "u-2001", name: "teacher", password: "teacher-demo-2026" },
    Account { id: "u-2002", name: "teacher2", password: "teacher2-demo-2026" },
    Account { id: "u-3001", name: "admin", password: "admin-demo-2026" },
    Account { id: "u-3002", name: "admin2", password: "admin2-demo-2026" },
];

/// How somebody proves that it is them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// The app on the phone.
    App,
    /// A backup code.
    Backup,
    /// A code by e-mail.
    Email,
}

/// Somebody with an app and backup codes.
#[derive(Clone, Debug)]
pub struct Person {
    /// Who it is.
    pub account: Account,
    /// The app.
    pub app: AuthenticatorApp,
    /// The backup codes not used yet.
    pub codes: Vec<String>,
    /// Where they are signed in.
    pub browser: Browser,
}

impl Person {
    /// Signs in for the first time and sets up an app.
    pub async fn enrol(cluster: &Cluster, account: Account) -> Self {
        let mut browser = cluster.browser();
        let inside = password(&mut browser, account).await;
        assert_eq!(inside.location(), "/", "{} has a second factor already", account.name);
        browser.follow(&inside).await;
        let app = scan(&mut browser).await;
        let code = app.code_at(cluster.now());
        let shown = browser.submit(&at("enrol/confirm"), &[("code", &code)]).await;
        let codes = page::backup_codes(&shown.body);
        assert_eq!(codes.len(), 10, "{}", shown.body);
        let saved = browser.submit(&at("backup-codes/saved"), &[]).await;
        browser.follow(&saved).await;
        Self { account, app, codes, browser }
    }

    /// Adds an address for codes by e-mail.
    pub async fn add_email(&mut self, cluster: &Cluster, post: &mut Post) {
        self.browser.open(&at("enrol/email")).await;
        let address = format!("{}@codes.example", self.account.name);
        let sent = self.browser.submit(&at("enrol/email"), &[("email", &address)]).await;
        assert_eq!(sent.location(), at("enrol/confirm"));
        self.browser.follow(&sent).await;
        let code = post.new_code(cluster).await;
        let added = self.browser.submit(&at("enrol/confirm"), &[("code", &code)]).await;
        self.browser.follow(&added).await;
    }

    /// Makes a new set of backup codes; the second factor was given a moment ago.
    pub async fn renew_codes(&mut self) {
        self.browser.open(&at("backup-codes/new")).await;
        let shown = self.browser.submit(&at("backup-codes/new"), &[]).await;
        self.codes = page::backup_codes(&shown.body);
        assert_eq!(self.codes.len(), 10, "{} {}", shown.status, shown.body);
        let saved = self.browser.submit(&at("backup-codes/saved"), &[]).await;
        self.browser.follow(&saved).await;
    }

    /// A browser in which the password was right, with the challenge for this means on the page.
    pub async fn pending(&self, cluster: &Cluster, means: Means) -> Browser {
        let mut browser = cluster.browser();
        let sent = password(&mut browser, self.account).await;
        assert_eq!(sent.location(), at("challenge"));
        let page = browser.follow(&sent).await;
        let words = match means {
            Means::App => USE_APP,
            Means::Backup => USE_BACKUP,
            Means::Email => USE_EMAIL,
        };
        if means == Means::App && page.forms().iter().any(|form| form.has("code")) {
            return browser;
        }
        let page = browser.open(&at("challenge/choose")).await;
        let value = page::choice(&page.body, words).unwrap_or_else(|| panic!("no {words}: {}", page.body));
        let chosen = browser.submit(&at("challenge/choose"), &[("method", &value)]).await;
        browser.follow(&chosen).await;
        browser
    }

    /// The code that the app shows at a time.
    pub fn code_at(&self, time: Timestamp) -> String {
        self.app.code_at(time)
    }

    /// A code that the app doesn't show around a time.
    pub fn wrong_at(&self, time: Timestamp) -> String {
        let near: Vec<_> =
            (-4..=4).map(|steps| self.app.clone().with_drift(steps * 30).code_at(time)).collect();
        (0..).map(|number| format!("{number:06}")).find(|code| !near.contains(code)).unwrap()
    }
}

/// Types the name and the password.
pub async fn password(browser: &mut Browser, account: Account) -> Answer {
    browser.open("/sign-in").await;
    browser.submit("/sign-in", &[("name", account.name), ("password", account.password)]).await
}

/// The letters of all nodes: each shows those that it sent itself.
#[derive(Debug, Default)]
pub struct Post {
    seen: HashSet<String>,
}

impl Post {
    /// The code of the letter that has come since the last look.
    pub async fn new_code(&mut self, cluster: &Cluster) -> String {
        let mut new = Vec::new();
        for node in &cluster.nodes {
            let shown =
                reqwest::get(format!("{}/outbox", node.address())).await.unwrap().text().await.unwrap();
            for letter in shown.split("<div class=\"letter-body\">").skip(1) {
                let letter = letter.split("</div>").next().unwrap();
                let Some(code) = code_in(letter) else { continue };
                if self.seen.insert(format!("{} {letter}", node.port())) {
                    new.push(code);
                }
            }
        }
        assert_eq!(new.len(), 1, "letters with codes: {new:?}");
        new.remove(0)
    }
}

fn code_in(letter: &str) -> Option<String> {
    letter.split(|c: char| !c.is_ascii_digit()).find(|digits| digits.len() == 6).map(str::to_owned)
}
