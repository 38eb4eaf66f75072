//! The web side of one portal: signing in, the gate before guarded routes, and the pages.

use std::fmt;
use std::sync::Arc;

use mfa_core::challenge::Choice;
use mfa_core::config::ConfigError;
use mfa_core::fault::Fault;
use mfa_core::id::AccountKey;
use mfa_core::port::sender::Locale;
use mfa_core::proof::Method as Proved;
use mfa_core::refusal::Refusal;
use mfa_core::service::{Demand, Gate, Mfa, SignIn};
use mfa_core::ticket::Ticket;

use crate::brand::Brand;
use crate::destination::Destination;
use crate::gate::{Asked, Passage};
use crate::handler::visit::Visit;
use crate::message::{Request, Response};
use crate::paths;
use crate::session::{Session, SignedIn, Stage, State};
use crate::text::Text;
use crate::text::vocabulary::Note;
use crate::token::Token;

/// The pages, the JSON API and the gate of one portal. Cheap to clone.
#[derive(Clone)]
pub struct Web {
    inner: Arc<Inner>,
}

struct Inner {
    mfa: Mfa,
    brand: Brand,
    mount: String,
    sign_in_page: String,
    origins: Vec<String>,
}

/// Puts a [`Web`] together.
#[derive(Debug)]
#[must_use = "a builder does nothing before it is built"]
pub struct WebBuilder {
    mfa: Mfa,
    mount: String,
    sign_in_page: String,
    brand: Option<Brand>,
    origins: Vec<String>,
}

impl fmt::Debug for Web {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Web").field("mount", &self.inner.mount).finish_non_exhaustive()
    }
}

impl WebBuilder {
    /// The path the pages are mounted at. Default: `/mfa`.
    pub fn mount(mut self, path: impl Into<String>) -> Self {
        self.mount = path.into();
        self
    }

    /// The path of the host's own sign-in page. Default: `/sign-in`. It is given `?next=` with the way back.
    pub fn sign_in_page(mut self, path: impl Into<String>) -> Self {
        self.sign_in_page = path.into();
        self
    }

    /// The host's face on the pages. Default: its name.
    pub fn brand(mut self, brand: Brand) -> Self {
        self.brand = Some(brand);
        self
    }

    /// An origin the pages are reached at, such as `https://portal.school.example`, where a proxy changes the
    /// `Host` header. Without any, forms must come from the origin that `Host` names.
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.origins.push(origin.into());
        self
    }

    /// Puts it together.
    ///
    /// # Errors
    /// If a path is not on this site, or an origin is none.
    pub fn build(self) -> Result<Web, ConfigError> {
        for (setting, path) in [("mount", &self.mount), ("sign_in_page", &self.sign_in_page)] {
            if Destination::new(path).is_none() || path.contains(['?', '#']) {
                return Err(ConfigError::new(
                    setting,
                    "it is not a path on this site",
                    "give a path such as /account/security",
                ));
            }
        }
        if self.mount.ends_with('/') {
            return Err(ConfigError::new("mount", "it ends with a slash", "leave the slash out"));
        }
        for origin in &self.origins {
            let authority = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
            if authority
                .is_none_or(|authority| authority.is_empty() || authority.contains(['/', '?', '#', '@', ' ']))
            {
                return Err(ConfigError::new(
                    "origin",
                    "it is not an origin",
                    "give scheme and host alone, such as https://portal.school.example",
                ));
            }
        }
        let help = self.mfa.settings().help().to_owned();
        let brand = self.brand.unwrap_or_else(|| Brand::new(self.mfa.settings().service()).help(help));
        let Self { mfa, mount, sign_in_page, origins, .. } = self;
        Ok(Web { inner: Arc::new(Inner { mfa, brand, mount, sign_in_page, origins }) })
    }
}

impl Web {
    /// Begins to build the web side of a portal.
    pub fn builder(mfa: Mfa) -> WebBuilder {
        WebBuilder {
            mfa,
            mount: "/mfa".to_owned(),
            sign_in_page: "/sign-in".to_owned(),
            brand: None,
            origins: Vec::new(),
        }
    }

    /// The service behind it.
    pub fn mfa(&self) -> &Mfa {
        &self.inner.mfa
    }

    /// Where the pages are mounted.
    pub fn mount(&self) -> &str {
        &self.inner.mount
    }

    pub(crate) fn brand(&self) -> &Brand {
        &self.inner.brand
    }

    pub(crate) fn sign_in_page(&self) -> &str {
        &self.inner.sign_in_page
    }

    pub(crate) fn origins(&self) -> &[String] {
        &self.inner.origins
    }

    pub(crate) fn to(&self, path: &str) -> String {
        format!("{}/{path}", self.inner.mount)
    }

    pub(crate) async fn state(&self, session: &impl Session) -> Result<Option<State>, Fault> {
        session.load().await?.as_deref().map(State::decode).transpose()
    }

    /// Signs a person in whose first factor (password, social sign-in, link) the host has just checked, and
    /// says where to send them: to the challenge, to set one up, or to where they were going.
    ///
    /// Until the person has passed what follows, no guarded route opens. `locale` is the language for messages
    /// and pages, if the host knows it.
    ///
    /// # Errors
    /// On any fault; nobody is signed in then.
    pub async fn sign_in(
        &self,
        session: &impl Session,
        key: &AccountKey,
        going: Option<&str>,
        locale: Option<Locale>,
    ) -> Result<String, Fault> {
        let mfa = &self.inner.mfa;
        let locale = match self.state(session).await? {
            Some(state) => locale.or(state.locale),
            None => locale,
        };
        let mut state = State::new(Token::new(mfa)?);
        state.locale = locale;
        state.going = going.and_then(Destination::new);
        let path = match mfa.sign_in(key).await? {
            SignIn::Admitted { verified, remind, .. } => {
                state.set_standing(verified.into_standing());
                if remind { Some(paths::REMINDER) } else { None }
            }
            SignIn::Challenged(ticket) => {
                self.send_if_only_one(&mut state, &ticket).await?;
                state.stage = Stage::Pending(ticket);
                Some(paths::CHALLENGE)
            }
            SignIn::MustEnrol(pass) => {
                state.stage = Stage::Enrolling { pass, ticket: None };
                Some(paths::ENROL)
            }
            SignIn::Refused(refusal) => {
                state.stage = Stage::Refused(refusal);
                Some(paths::CHALLENGE)
            }
            // A kind of answer we don't know lets nobody in.
            _ => {
                state.stage = Stage::Refused(Refusal::SignInAgain);
                Some(paths::CHALLENGE)
            }
        };
        let location = match path {
            Some(path) => self.to(path),
            None => self.onwards(&mut state),
        };
        session.rotate().await?;
        session.save(state.encode()?).await?;
        Ok(location)
    }

    /// A person with one method, which sends a message, needn't ask for it.
    async fn send_if_only_one(&self, state: &mut State, ticket: &Ticket) -> Result<(), Fault> {
        let Ok(view) = self.inner.mfa.challenge(ticket).await? else { return Ok(()) };
        let mut sending = view.methods.iter().filter(|method| method.method != Proved::BackupCode);
        if let (None, Some(only), None) = (&view.chosen, sending.next(), sending.next()) {
            let locale = state.locale.unwrap_or_default();
            if self.inner.mfa.choose(ticket, only.choice, locale).await?.is_ok()
                && only.choice != Choice::BackupCode
            {
                state.note = Some(Note::CodeSent);
            }
        }
        Ok(())
    }

    /// Where the person was going, or home.
    pub(crate) fn onwards(&self, state: &mut State) -> String {
        match state.going.take() {
            Some(destination) => destination.as_str().to_owned(),
            None => self.brand().home_path().to_owned(),
        }
    }

    /// Forgets who is signed in. The host should also end its own session.
    ///
    /// # Errors
    /// If the session fails.
    pub async fn sign_out(&self, session: &impl Session) -> Result<(), Fault> {
        if let Some(state) = self.state(session).await? {
            if let Some(ticket) = state.challenge() {
                self.inner.mfa.abandon(ticket).await?;
            }
            let mut fresh = State::new(Token::new(&self.inner.mfa)?);
            fresh.locale = state.locale;
            session.rotate().await?;
            session.save(fresh.encode()?).await?;
        }
        Ok(())
    }

    /// Who is signed in, for pages that also others may see. `None` for everybody half way.
    ///
    /// # Errors
    /// On any fault.
    pub async fn signed_in(&self, session: &impl Session) -> Result<Option<SignedIn>, Fault> {
        let Some(state) = self.state(session).await? else { return Ok(None) };
        let Some(standing) = state.standing() else { return Ok(None) };
        match self.inner.mfa.check(standing, Demand::default()).await? {
            Gate::Open => Ok(Some(SignedIn::new(standing.clone()))),
            _ => Ok(None),
        }
    }

    /// Lets a request for a guarded route through, or says what to answer instead. Never fails open: a fault
    /// is an answer too.
    pub async fn gate(&self, session: &impl Session, demand: Demand, asked: &Asked) -> Passage {
        match crate::gate::pass(self, session, demand, asked).await {
            Ok(passage) => passage,
            Err(fault) => Passage::Stopped(self.failed(&fault, asked.wants_json())),
        }
    }

    /// Answers a request for one of the pages, below the mount.
    pub async fn handle(&self, session: &impl Session, request: Request) -> Response {
        let json = request.wants_json();
        match Visit::answer(self, session, &request).await {
            Ok(response) => response,
            Err(fault) => self.failed(&fault, json),
        }
    }

    /// The answer to a fault: opaque outside, the cause in the log.
    pub fn failed(&self, fault: &Fault, json: bool) -> Response {
        crate::handler::visit::failed(self, fault, json, Text::of(Locale::default()))
    }
}
