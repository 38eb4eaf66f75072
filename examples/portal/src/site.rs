//! The portal as a whole: opened once, then asked for each page. A framework's routes only translate.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use mfa_core::id::UserId;
use mfa_core::port::clock::{Clock, SystemClock};
use mfa_core::port::entropy::SystemEntropy;
use mfa_core::port::sealer::KeyRing;
use mfa_core::port::sender::Locale;
use mfa_core::refusal::Refusal;
use mfa_core::secret::{SecretBytes, SecretText};
use serde::Deserialize;

use crate::clock::PortalClock;
use crate::config::{Config, Mail};
use crate::error::{PortalError, StartError};
use crate::outbox::Outbox;
use crate::pages::{
    Account, BankDetails, HomeAdministrator, HomeParent, HomeStaff, Message, OutboxPage, Report, ResetUser,
    RosterLine, Shell, SignIn, UserList,
};
use crate::password::Passwords;
use crate::returning::{encode_query_value, local_path};
use crate::second_factor::{Parts, SecondFactor};
use crate::sessions::Sessions;
use crate::shelf::Shelf;
use crate::text::{self, Text};
use crate::users::{PasswordCheck, Role, User, Users};
use crate::visitor::Visitor;
use crate::{demo, keys, school};

/// What a route answers.
#[derive(Debug)]
pub enum Reply {
    /// A page.
    Page {
        /// The HTTP status.
        status: u16,
        /// The document.
        html: String,
    },
    /// Elsewhere, by 303.
    SeeOther(String),
}

/// Who asks for a page, and how.
#[derive(Clone)]
pub struct Visit {
    /// The language of the page.
    pub locale: Locale,
    /// The token the page's forms carry.
    pub form_token: String,
    /// The path asked for, with its query.
    pub path: String,
    /// Who is signed in, both factors done.
    pub user: Option<User>,
}

/// The sign-in form.
#[derive(Deserialize)]
pub struct SignInForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    next: String,
    /// The form token.
    #[serde(default)]
    pub token: String,
}

/// The administrator's reset form.
#[derive(Deserialize)]
pub struct ResetForm {
    #[serde(default)]
    reason: String,
    /// The form token.
    #[serde(default)]
    pub token: String,
}

/// The query of the sign-in page.
#[derive(Deserialize)]
pub struct SignInQuery {
    /// Where to go afterwards.
    #[serde(default)]
    pub next: String,
    /// There after signing out.
    pub out: Option<String>,
}

/// The sign-out form.
#[derive(Deserialize)]
pub struct SignOutForm {
    /// The form token.
    #[serde(default)]
    pub token: String,
}

/// The query that chooses a language.
#[derive(Deserialize)]
pub struct LanguageQuery {
    /// Its tag.
    #[serde(default)]
    pub to: String,
    /// Where to go then.
    #[serde(default)]
    pub next: String,
}

/// The query of the administrator's list.
#[derive(Deserialize)]
pub struct UsersQuery {
    /// Who has just been reset.
    pub reset: Option<String>,
}

/// The form that turns the clock of a test.
#[derive(Deserialize)]
pub struct ClockForm {
    /// By how much.
    pub seconds: u64,
}

/// Where somebody goes who has signed out: the language, which went with the session, is chosen again on the way.
pub fn after_sign_out(visit: &Visit) -> String {
    format!("/language?to={}&next=/sign-in%3Fout%3D1", visit.locale.tag())
}

/// What a sign-in form leads to.
pub enum SignInStep {
    /// The password is right: now the second factor, then on to the path.
    Password(Box<User>, String),
    /// The form once more.
    Again(Reply),
}

struct Inner {
    config: Config,
    shelf: Shelf,
    cookie_key: SecretBytes,
    users: Users,
    sessions: Sessions,
    clock: PortalClock,
    outbox: Outbox,
    second_factor: SecondFactor,
}

/// The portal; a cheap handle.
#[derive(Clone)]
pub struct Portal {
    inner: Arc<Inner>,
}

type Answer = Result<Reply, PortalError>;

impl Portal {
    /// Opens the database, makes the keys and the demo accounts on the first run, and builds the second
    /// factor. `port` is the one really listened on.
    ///
    /// # Errors
    /// If any of it can't be; the message says what to do.
    pub async fn open(config: Config, port: u16) -> Result<Self, StartError> {
        let shelf = Shelf::open(config.store()).await?;
        let users = Users::new(shelf.clone(), Passwords::new().await?);
        let fresh = users.is_empty().await?;
        // The keys before the first user: a crash between the two leaves a first run, not a lost key.
        let ring: KeyRing = keys::ring(config.keys(), &config.store().key_file(), fresh)?;
        let cookie_key = keys::of_cookies(&ring, &shelf, config.store()).await?;
        demo::seed(&users).await?;
        let clock = PortalClock::new();
        let outbox = match config.mail() {
            Mail::Outbox => Outbox::keeping(),
            Mail::Smtp { .. } => Outbox::sending(),
        };
        let second_factor = SecondFactor::build(Parts {
            config: &config,
            port,
            keys: ring,
            clock: clock.clone(),
            users: users.clone(),
            outbox: outbox.clone(),
        })
        .await?;
        let sessions = Sessions::new(shelf.clone());
        Ok(Self {
            inner: Arc::new(Inner {
                config,
                shelf,
                cookie_key,
                users,
                sessions,
                clock,
                outbox,
                second_factor,
            }),
        })
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// The user table.
    pub fn users(&self) -> &Users {
        &self.inner.users
    }

    /// The session table.
    pub fn sessions(&self) -> &Sessions {
        &self.inner.sessions
    }

    /// The key that session cookies are signed with, the same on every node: 64 bytes.
    pub fn cookie_key(&self) -> &SecretBytes {
        &self.inner.cookie_key
    }

    /// Deletes what is no longer needed, now and then every hour. Runs until it is dropped.
    pub async fn tidy_hourly(self) {
        let mut hourly = tokio::time::interval(Duration::from_secs(60 * 60));
        loop {
            hourly.tick().await;
            if let Err(error) = self.tidy().await {
                tracing::error!(error = %error, detail = error.detail(), "ended sessions were not deleted");
            }
        }
    }

    async fn tidy(&self) -> Result<(), PortalError> {
        let now = SystemClock.now()?;
        self.inner.sessions.purge(now).await?;
        self.inner.users.purge(now).await?;
        Ok(())
    }

    /// A visitor's visit: which language, and who is signed in. `chosen` is the language chosen on the second-factor
    /// pages, `accepted` what the browser asks for.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn visit(
        &self,
        visitor: &Visitor,
        signed_in: Option<&UserId>,
        chosen: Option<Locale>,
        accepted: Option<&str>,
        path: &str,
    ) -> Result<Visit, PortalError> {
        let user = match signed_in {
            Some(id) => self.inner.users.find(id).await?,
            None => None,
        };
        // Whichever of the two kinds of page it was chosen on last: the portal's say so to the other ones.
        let locale = match (chosen.or(visitor.chosen_locale()), &user) {
            (Some(chosen), _) => chosen,
            (None, Some(user)) => user.locale,
            (None, None) => visitor.locale(accepted),
        };
        Ok(Visit { locale, form_token: visitor.form_token().to_owned(), path: path.to_owned(), user })
    }

    /// Somebody whom no session knows yet.
    ///
    /// # Errors
    /// If the clock or the randomness fails.
    pub fn new_visitor(&self) -> Result<Visitor, PortalError> {
        Ok(Visitor::new(&SystemEntropy, self.inner.clock.now()?)?)
    }

    /// The visitor once the password was right: a form token planted with an anonymous session must not outlive it.
    ///
    /// # Errors
    /// If the clock or the randomness fails.
    pub fn renewed(&self, visitor: &Visitor) -> Result<Visitor, PortalError> {
        Ok(visitor.renew(&SystemEntropy, self.inner.clock.now()?)?)
    }

    /// The clock.
    pub fn clock(&self) -> &PortalClock {
        &self.inner.clock
    }

    /// The second factor.
    pub fn second_factor(&self) -> &SecondFactor {
        &self.inner.second_factor
    }

    /// Closes the database once all has been written.
    pub async fn close(&self) {
        self.inner.second_factor.close().await;
        self.inner.shelf.close().await;
    }

    /// The sign-in page.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn sign_in(&self, visit: &Visit, next: &str, signed_out: bool) -> Answer {
        sign_in_page(visit, next, "", (None, None), signed_out, 200)
    }

    /// The sign-in form: checks the password. The second factor comes after it.
    ///
    /// # Errors
    /// If the database or the hash fails.
    pub async fn check_password(&self, visit: &Visit, form: SignInForm) -> Result<SignInStep, PortalError> {
        let t = text::text(visit.locale);
        let next = local_path(&form.next);
        let missing = (
            form.name.trim().is_empty().then(|| t.enter_name.to_owned()),
            form.password.is_empty().then(|| t.enter_password.to_owned()),
        );
        if missing != (None, None) {
            return sign_in_page(visit, next, &form.name, missing, false, 422).map(SignInStep::Again);
        }
        let now = self.inner.clock.now()?;
        let password = SecretText::new(form.password);
        let error = match self.inner.users.check(&form.name, password, now).await? {
            PasswordCheck::Right(user) => {
                return Ok(SignInStep::Password(Box::new(user), next.to_owned()));
            }
            PasswordCheck::Wrong => (t.wrong_password.to_owned(), 422),
            PasswordCheck::Wait(wait) => (text::too_many(visit.locale, wait.as_secs()), 429),
        };
        let (error, status) = error;
        sign_in_page(visit, next, &form.name, (Some(error), None), false, status).map(SignInStep::Again)
    }

    /// The home page of the user's role.
    ///
    /// # Errors
    /// If the database fails or the page can't be written.
    pub async fn home(&self, visit: &Visit, user: &User) -> Answer {
        let now = self.inner.clock.now()?;
        let shell = Shell::new(visit, words(visit).home);
        match user.role {
            Role::Parent => page(
                200,
                &HomeParent {
                    shell,
                    user,
                    now,
                    children: &school::CHILDREN,
                    news: &school::NEWS,
                    occasions: &school::OCCASIONS,
                },
            ),
            Role::Staff => page(
                200,
                &HomeStaff { shell, user, now, lessons: &school::LESSONS, register: &school::REGISTER },
            ),
            Role::Administrator => {
                let lines = self.roster(user).await?;
                let with_second = lines.iter().filter(|line| line.standing.on).count();
                page(200, &HomeAdministrator { shell, user, people: lines.len(), with_second })
            }
        }
    }

    /// "My account".
    ///
    /// # Errors
    /// If the second factor's store fails or the page can't be written.
    pub async fn account(&self, visit: &Visit, user: &User) -> Answer {
        let standing = self.inner.second_factor.standing(&user.id).await?;
        let shell = Shell::new(visit, words(visit).my_account);
        page(200, &Account { shell, user, standing })
    }

    /// The autumn report, for parents: a page people reach by a link in a message.
    ///
    /// # Errors
    /// If the page can't be written.
    pub fn report(&self, visit: &Visit, user: &User) -> Answer {
        if user.role != Role::Parent {
            return not_yours(visit);
        }
        let shell = Shell::new(visit, words(visit).autumn_report);
        page(200, &Report { shell, children: &school::CHILDREN })
    }

    /// Bank details, for those who are paid: the adapter asks for a *recent* second factor before it.
    ///
    /// # Errors
    /// If the page can't be written.
    pub fn bank_details(&self, visit: &Visit, user: &User) -> Answer {
        if !user.role.has_bank_details() {
            return not_yours(visit);
        }
        let shell = Shell::new(visit, words(visit).pay);
        page(200, &BankDetails { shell, user })
    }

    /// The development outbox. Anybody may see it: without a mail server the portal is open to this machine
    /// only ([`Config::parse`] sees to that), and with one it is empty.
    ///
    /// # Errors
    /// If the page can't be written.
    pub fn outbox(&self, visit: &Visit) -> Answer {
        let shell = Shell::new(visit, words(visit).outbox);
        let letters = self.inner.outbox.letters();
        page(200, &OutboxPage { shell, letters })
    }

    /// The administrator's list. `done` is the id of a user who has just been reset.
    ///
    /// # Errors
    /// If the database fails or the page can't be written.
    pub async fn user_list(&self, visit: &Visit, user: &User, done: Option<&str>) -> Answer {
        if user.role != Role::Administrator {
            return not_yours(visit);
        }
        let lines = self.roster(user).await?;
        let done = done
            .and_then(|id| lines.iter().find(|line| line.user.id.as_str() == id))
            .map(|line| line.user.name.clone());
        let shell = Shell::new(visit, words(visit).users);
        page(200, &UserList { shell, lines: &lines, done })
    }

    /// Asks an administrator whether to reset a user's second factor, and why.
    ///
    /// # Errors
    /// If the database fails or the page can't be written.
    pub async fn reset_page(&self, visit: &Visit, user: &User, id: &str) -> Answer {
        match self.subject(id).await? {
            Some(subject) if user.role == Role::Administrator => reset_page(visit, &subject, "", None),
            None if user.role == Role::Administrator => self.not_found(visit),
            _ => not_yours(visit),
        }
    }

    /// Resets a user's second factor.
    ///
    /// # Errors
    /// If a store fails or the page can't be written.
    pub async fn reset(&self, visit: &Visit, user: &User, id: &str, form: ResetForm) -> Answer {
        if user.role != Role::Administrator {
            return not_yours(visit);
        }
        let Some(subject) = self.subject(id).await? else {
            return self.not_found(visit);
        };
        let t = words(visit);
        let reason = form.reason.trim();
        let error = match reason.chars().count() {
            0 => Some(t.enter_reason),
            1..=200 => None,
            _ => Some(t.long_reason),
        };
        if error.is_some() {
            return reset_page(visit, &subject, reason, error);
        }
        let done: Result<(), Refusal> = self.inner.second_factor.reset(&user.id, &subject.id, reason).await?;
        match done {
            Ok(()) => {
                Ok(Reply::SeeOther(format!("/users?reset={}", encode_query_value(subject.id.as_str()))))
            }
            Err(_) => reset_page(visit, &subject, reason, Some(t.reset_refused)),
        }
    }

    /// The page for an address that leads nowhere.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn not_found(&self, visit: &Visit) -> Answer {
        let t = words(visit);
        message(visit, 404, t.not_found, t.not_found_text)
    }

    /// The page for a form whose token isn't this session's.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn stale_form(&self, visit: &Visit) -> Answer {
        let t = words(visit);
        message(visit, 403, t.stale_form, t.stale_form_text)
    }

    async fn roster(&self, viewer: &User) -> Result<Vec<RosterLine>, PortalError> {
        let mut lines = Vec::new();
        for user in self.inner.users.all().await? {
            let standing = self.inner.second_factor.standing(&user.id).await?;
            let is_self = user.id == viewer.id;
            lines.push(RosterLine { user, standing, is_self });
        }
        Ok(lines)
    }

    async fn subject(&self, id: &str) -> Result<Option<User>, PortalError> {
        match UserId::new(id) {
            Ok(id) => self.inner.users.find(&id).await,
            Err(_) => Ok(None),
        }
    }
}

/// The page for a failure, in the language that the browser asks for first.
pub fn failed_page_for(accepted: Option<&str>) -> String {
    let is_welsh = accepted.is_some_and(|tags| tags.trim_start().starts_with("cy"));
    failed_page(if is_welsh { Locale::Welsh } else { Locale::English })
}

/// The page for a failure; says nothing of what failed, and needs nothing that may have failed.
fn failed_page(locale: Locale) -> String {
    let visit = Visit { locale, form_token: String::new(), path: "/".to_owned(), user: None };
    let t = words(&visit);
    match message(&visit, 500, t.failed, t.failed_text) {
        Ok(Reply::Page { html, .. }) => html,
        _ => t.failed.to_owned(),
    }
}

fn words(visit: &Visit) -> &'static Text {
    text::text(visit.locale)
}

fn page(status: u16, template: &impl Template) -> Answer {
    Ok(Reply::Page { status, html: template.render()? })
}

fn message(visit: &Visit, status: u16, title: &str, text: &str) -> Answer {
    let shell = Shell::new(visit, title);
    page(status, &Message { shell, text })
}

fn not_yours(visit: &Visit) -> Answer {
    let t = words(visit);
    message(visit, 403, t.not_yours, t.not_yours_text)
}

fn sign_in_page(
    visit: &Visit,
    next: &str,
    name: &str,
    (name_error, password_error): (Option<String>, Option<String>),
    signed_out: bool,
    status: u16,
) -> Answer {
    let is_error = name_error.is_some() || password_error.is_some();
    let shell = Shell::new(visit, words(visit).sign_in).with_error(is_error);
    page(status, &SignIn { shell, next: local_path(next), name, name_error, password_error, signed_out })
}

fn reset_page(visit: &Visit, subject: &User, reason: &str, error: Option<&'static str>) -> Answer {
    let shell = Shell::new(visit, words(visit).reset_title).with_error(error.is_some());
    let status = if error.is_some() { 422 } else { 200 };
    page(status, &ResetUser { shell, subject, reason, error })
}
