//! The ways in: signing in and out, the gate before guarded routes, and the pages.

use mfa_core::challenge::Choice;
use mfa_core::fault::Fault;
use mfa_core::id::AccountKey;
use mfa_core::port::sender::Locale;
use mfa_core::proof::Method as Proved;
use mfa_core::refusal::Refusal;
use mfa_core::service::{Demand, Gate, SignIn};
use mfa_core::ticket::Ticket;

use crate::destination::Destination;
use crate::gate::{self, Asked, Passage};
use crate::handler::trouble;
use crate::handler::visit::Visit;
use crate::message::{Request, Response};
use crate::paths;
use crate::session::{Session, SignedIn, Stage, State};
use crate::text::Text;
use crate::text::vocabulary::Note;
use crate::token::Token;
use crate::web::Web;

impl Web {
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
        let mfa = self.mfa();
        // One that can't be read, written by another release perhaps, is replaced like any other.
        let before = session.load().await?.and_then(|text| State::decode(&text).ok());
        let locale = locale.or(before.and_then(|state| state.locale));
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
        let Ok(view) = self.mfa().challenge(ticket).await? else { return Ok(()) };
        let mut sending = view.methods.iter().filter(|method| method.method != Proved::BackupCode);
        if let (None, Some(only), None) = (&view.chosen, sending.next(), sending.next()) {
            let locale = state.locale.unwrap_or_default();
            if self.mfa().choose(ticket, only.choice, locale).await?.is_ok()
                && only.choice != Choice::BackupCode
            {
                state.note = Some(Note::CodeSent);
            }
        }
        Ok(())
    }

    /// Forgets who is signed in. The host should also end its own session.
    ///
    /// # Errors
    /// If the session fails.
    pub async fn sign_out(&self, session: &impl Session) -> Result<(), Fault> {
        let Some(text) = session.load().await? else { return Ok(()) };
        // One that can't be read ends too.
        let state = State::decode(&text).ok();
        let mut fresh = State::new(Token::new(self.mfa())?);
        fresh.locale = state.as_ref().and_then(|state| state.locale);
        session.rotate().await?;
        session.save(fresh.encode()?).await?;
        // Afterwards: whatever the store says, the session has ended.
        if let Some(ticket) = state.as_ref().and_then(State::challenge) {
            self.give_up(ticket).await;
        }
        Ok(())
    }

    /// Gives a challenge up whose session is over anyway.
    pub(crate) async fn give_up(&self, ticket: &Ticket) {
        if let Err(fault) = self.mfa().abandon(ticket).await {
            tracing::warn!(kind = ?fault.kind(), "a challenge could not be given up, and ends by itself");
        }
    }

    /// Who is signed in, for pages that also others may see. `None` for everybody half way.
    ///
    /// # Errors
    /// On any fault.
    pub async fn signed_in(&self, session: &impl Session) -> Result<Option<SignedIn>, Fault> {
        let Some(text) = session.load().await? else { return Ok(None) };
        let Some(standing) = State::standing_in(&text)? else { return Ok(None) };
        match self.mfa().check(&standing, Demand::default()).await? {
            Gate::Open => Ok(Some(SignedIn::new(standing))),
            _ => Ok(None),
        }
    }

    /// The language that was chosen on the pages, or that the host said at sign-in or by [`Web::choose_locale`].
    /// A host with pages in several languages speaks it too.
    ///
    /// # Errors
    /// If the session fails.
    pub async fn locale(&self, session: &impl Session) -> Result<Option<Locale>, Fault> {
        Ok(self.state(session).await?.and_then(|state| state.locale))
    }

    /// Says that another language was chosen on the host's own pages. Before a sign-in there is nothing to note
    /// it in: say it to [`Web::sign_in`] then.
    ///
    /// # Errors
    /// If the session fails.
    pub async fn choose_locale(&self, session: &impl Session, locale: Locale) -> Result<(), Fault> {
        if let Some(mut state) = self.state(session).await?
            && state.locale != Some(locale)
        {
            state.locale = Some(locale);
            session.save(state.encode()?).await?;
        }
        Ok(())
    }

    /// Lets a request for a guarded route through, or says what to answer instead. Never fails open: a fault
    /// is an answer too.
    pub async fn gate(&self, session: &impl Session, demand: Demand, asked: &Asked<'_>) -> Passage {
        match gate::pass(self, session, demand, asked).await {
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
        trouble::failed(self, fault, json, Text::of(Locale::default()))
    }
}
