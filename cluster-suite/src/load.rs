//! People who sign in, one time step after the other, whatever happens to the nodes and the store; and what they saw.

use std::time::Duration;

use http_suite::browser::{Answer, Browser};
use http_suite::journey::USE_BACKUP;
use http_suite::page;
use http_suite::world::at;
use mfa_core::time::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::person::{Account, Person};
use crate::volley::leads_in;

/// Why a request came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The connection ended before a whole answer came.
    Connection,
    /// The portal said that it can't: the status.
    Trouble(u16),
    /// A page other than the one that was to come; the status and its heading.
    Elsewhere(u16, String),
}

/// What came of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It let somebody in.
    Accepted,
    /// It did not.
    Refused,
    /// Nobody knows: the answer got lost, or was a fault.
    Unknown,
}

/// What somebody counted.
#[derive(Clone, Debug, Default)]
pub struct Book {
    /// Codes of the app that let in.
    pub accepted: usize,
    /// Backup codes that let in.
    pub backup_accepted: usize,
    /// Codes of which nobody knows.
    pub unknown: usize,
    /// Backup codes of which nobody knows.
    pub backup_unknown: usize,
    /// Codes tried again after they had let in, and refused.
    pub again_refused: usize,
    /// Sign-ins that came to nothing, with why.
    pub lost: Vec<Lost>,
    /// What must never be.
    pub broken: Vec<String>,
    /// The longest that a request took.
    pub slowest: Duration,
}

const BUSY: &str = "Many people are signing in";
const BUSY_TRIES: usize = 50;

/// Somebody who signs in all the time.
#[derive(Debug)]
pub struct Regular {
    base: String,
    person: Person,
    last_step: u64,
    turns: usize,
    book: Book,
    done: watch::Sender<Timestamp>,
}

/// The time of the nodes, and whether to go on.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// The time.
    pub time: Timestamp,
    /// Whether the load is to end.
    pub over: bool,
}

/// What came of a request.
pub type Step<T> = Result<T, Lost>;

impl Regular {
    /// Somebody with an app, who has just used a code of it.
    pub fn new(base: String, person: Person, now: Timestamp) -> Self {
        Self {
            base,
            person,
            last_step: now.as_unix() / 30,
            turns: 0,
            book: Book::default(),
            done: watch::Sender::new(now),
        }
    }

    /// Tells for which time a sign-in was last finished, well or badly.
    pub fn done(&self) -> watch::Receiver<Timestamp> {
        self.done.subscribe()
    }

    /// Signs in again and again until it is over; what was seen.
    pub async fn go_on(mut self, mut now: watch::Receiver<Now>) -> (Account, Book) {
        loop {
            let Now { time, over } = *now.borrow_and_update();
            if over {
                return (self.person.account, self.book);
            }
            if time.as_unix() / 30 > self.last_step {
                self.last_step = time.as_unix() / 30;
                self.turns += 1;
                let done = if self.turns.is_multiple_of(5) && self.person.codes.len() > 1 {
                    self.by_backup_code().await
                } else {
                    self.by_app(&now).await
                };
                if let Err(lost) = done {
                    self.book.lost.push(lost);
                }
            }
            self.done.send_replace(time);
            if now.changed().await.is_err() {
                return (self.person.account, self.book);
            }
        }
    }

    /// One sign-in with the app's code of a time.
    ///
    /// # Errors
    /// What was lost before the code could be typed.
    pub async fn sign_in(&mut self, time: Timestamp) -> Step<Outcome> {
        let code = self.person.code_at(time);
        let session = self.half_signed_in(false).await?;
        Ok(self.answer(session, &code).await)
    }

    async fn by_app(&mut self, now: &watch::Receiver<Now>) -> Step<()> {
        let session = self.half_signed_in(false).await?;
        // The code that is shown when it is typed: the time of the nodes may have gone on in between.
        let time = now.borrow().time;
        self.last_step = time.as_unix() / 30;
        let code = self.person.code_at(time);
        let first = self.answer(session, &code).await;
        match first {
            Outcome::Accepted => self.book.accepted += 1,
            Outcome::Unknown => self.book.unknown += 1,
            Outcome::Refused => self.book.lost.push(Lost::Elsewhere(422, format!("{code} refused"))),
        }
        let session = self.half_signed_in(false).await?;
        match (first, self.answer(session, &code).await) {
            (Outcome::Accepted, Outcome::Accepted) => {
                self.book.broken.push(format!("{code} let in twice"));
            }
            (Outcome::Accepted, Outcome::Refused) => self.book.again_refused += 1,
            // It was not: now it is.
            (_, Outcome::Accepted) => self.book.accepted += 1,
            (_, Outcome::Unknown) => self.book.unknown += 1,
            (_, Outcome::Refused) => {}
        }
        Ok(())
    }

    async fn by_backup_code(&mut self) -> Step<()> {
        let session = self.half_signed_in(true).await?;
        let code = self.person.codes.pop().unwrap();
        let first = self.answer(session, &code).await;
        match first {
            Outcome::Accepted => self.book.backup_accepted += 1,
            Outcome::Unknown => self.book.backup_unknown += 1,
            Outcome::Refused => self.book.lost.push(Lost::Elsewhere(422, "backup code refused".to_owned())),
        }
        let session = self.half_signed_in(true).await?;
        match (first, self.answer(session, &code).await) {
            (Outcome::Accepted, Outcome::Accepted) => {
                self.book.broken.push("a backup code let in twice".to_owned());
            }
            (Outcome::Accepted, Outcome::Refused) => self.book.again_refused += 1,
            (_, Outcome::Accepted) => self.book.backup_accepted += 1,
            (_, Outcome::Unknown) => self.book.backup_unknown += 1,
            (_, Outcome::Refused) => {}
        }
        Ok(())
    }

    /// Types the password, and has the question for a code of the app or for a backup code before them.
    async fn half_signed_in(&mut self, backup: bool) -> Step<(Browser, Answer)> {
        let mut browser = Browser::without_keep_alive(&self.base);
        let account = self.person.account;
        let page = self.open(&mut browser, "/sign-in").await?;
        let fields = [("name", account.name), ("password", account.password)];
        let sent = self.post(&mut browser, &page, "/sign-in", &fields).await?;
        if sent.header("location") != at("challenge") {
            return Err(elsewhere(&sent));
        }
        let mut page = self.open(&mut browser, &at("challenge")).await?;
        if backup {
            page = self.open(&mut browser, &at("challenge/choose")).await?;
            let value = page::choice(&page.body, USE_BACKUP).ok_or_else(|| elsewhere(&page))?;
            self.post(&mut browser, &page, &at("challenge/choose"), &[("method", &value)]).await?;
            page = self.open(&mut browser, &at("challenge")).await?;
        }
        Ok((browser, page))
    }

    async fn answer(&mut self, (mut browser, page): (Browser, Answer), code: &str) -> Outcome {
        for _ in 0..BUSY_TRIES {
            match self.post(&mut browser, &page, &at("challenge"), &[("code", code)]).await {
                Ok(answer) if leads_in(answer.status, answer.header("location")) => {
                    // Let in is who sees the page behind the gate. Whoever can't be shown it now was let in all the same.
                    match self.open(&mut browser, "/").await {
                        Ok(home) if home.status != 200 => {
                            self.book.broken.push(format!("told to come in, and then {}", home.status));
                        }
                        _ => {}
                    }
                    return Outcome::Accepted;
                }
                // Too many backup codes at once: nothing was looked at, and the page asks to try again.
                Ok(answer) if answer.body.contains(BUSY) => {}
                Ok(_) | Err(Lost::Elsewhere(..)) => return Outcome::Refused,
                Err(_) => return Outcome::Unknown,
            }
        }
        Outcome::Refused
    }

    async fn open(&mut self, browser: &mut Browser, path: &str) -> Step<Answer> {
        let began = Instant::now();
        let answer = open(browser, path).await;
        self.book.slowest = self.book.slowest.max(began.elapsed());
        answer
    }

    async fn post(
        &mut self,
        browser: &mut Browser,
        page: &Answer,
        action: &str,
        fields: &[(&str, &str)],
    ) -> Step<Answer> {
        let began = Instant::now();
        let answer = post(browser, page, action, fields).await;
        self.book.slowest = self.book.slowest.max(began.elapsed());
        answer
    }
}

pub(crate) async fn open(browser: &mut Browser, path: &str) -> Step<Answer> {
    let request = browser.ask("GET", path).header("accept", "text/html").header("sec-fetch-site", "none");
    send(browser, request).await
}

pub(crate) async fn post(
    browser: &mut Browser,
    page: &Answer,
    action: &str,
    fields: &[(&str, &str)],
) -> Step<Answer> {
    let forms = page.forms();
    let form = forms.iter().find(|form| form.action == action).ok_or_else(|| elsewhere(page))?;
    let hidden = form.hidden.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let all: Vec<_> = hidden.chain(fields.iter().copied()).collect();
    let request = browser.form(action, &all);
    send(browser, request).await
}

async fn send(browser: &mut Browser, request: reqwest::RequestBuilder) -> Step<Answer> {
    match browser.try_send(request).await {
        Ok(answer) if answer.status >= 500 && !answer.body.contains(BUSY) => {
            Err(Lost::Trouble(answer.status))
        }
        Ok(answer) => Ok(answer),
        Err(_) => Err(Lost::Connection),
    }
}

pub(crate) fn elsewhere(page: &Answer) -> Lost {
    let heading = page::between(&page.body, "<h1", "</h1>").unwrap_or(page.header("location"));
    Lost::Elsewhere(page.status, heading.to_owned())
}
