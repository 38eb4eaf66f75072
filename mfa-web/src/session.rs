//! The session: the port that adapters implement, and the state that is kept in it.

use std::future::Future;
use std::sync::Arc;

use mfa_core::fault::{Fault, FaultKind};
use mfa_core::id::{AccountKey, UserId};
use mfa_core::port::sender::Locale;
use mfa_core::proof::{Level, Standing};
use mfa_core::refusal::Refusal;
use mfa_core::ticket::{Authority, EnrolPass, Ticket};
use serde::{Deserialize, Serialize};

use crate::destination::Destination;
use crate::text::vocabulary::Note;
use crate::token::Token;

/// A server-side session of the host's framework, for one request.
///
/// What it keeps never reaches the browser; the browser has an opaque id, which [`Session::rotate`] replaces.
pub trait Session: Send + Sync {
    /// What [`Session::save`] kept last, if anything.
    fn load(&self) -> impl Future<Output = Result<Option<String>, Fault>> + Send;

    /// Keeps the state, a text of two lines, under one name of our own among what the host keeps.
    fn save(&self, state: String) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Gives the session a new id; the old one is worthless from then on (session fixation).
    fn rotate(&self) -> impl Future<Output = Result<(), Fault>> + Send;
}

/// How far a session has come. Only one of these is an identity.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stage {
    /// Nobody, or nobody yet.
    #[default]
    Anonymous,
    /// The password was right; a challenge is open.
    Pending(Ticket),
    /// The password was right; a second factor has to be set up.
    Enrolling {
        /// The right to do that.
        pass: EnrolPass,
        /// What is being set up.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ticket: Option<Ticket>,
    },
    /// The password was right and that is as far as it goes.
    Refused(Refusal),
    /// In.
    SignedIn {
        /// What was proved. It stands on the state's first line alone, and here once that is read.
        #[serde(skip)]
        standing: Option<Standing>,
        /// A step-up under way.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step_up: Option<Ticket>,
        /// What is being set up.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        enrolment: Option<Ticket>,
    },
}

/// What one session keeps for us.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) stage: Stage,
    pub(crate) csrf: Token,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) locale: Option<Locale>,
    /// Where the person was going when they were stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) going: Option<Destination>,
    /// Said once on the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<Note>,
}

impl State {
    pub(crate) fn new(csrf: Token) -> Self {
        Self { stage: Stage::Anonymous, csrf, locale: None, going: None, note: None }
    }

    /// Who is in, of a state that [`State::encode`] wrote: its first line, which is all that the gate has to read.
    pub(crate) fn standing_in(text: &str) -> Result<Option<Standing>, Fault> {
        match text.split_once('\n') {
            Some(("", _)) => Ok(None),
            Some((line, _)) => Standing::from_line(line).map(Some).map_err(|_| unreadable()),
            None => Err(unreadable()),
        }
    }

    pub(crate) fn decode(text: &str) -> Result<Self, Fault> {
        let (line, rest) = text.split_once('\n').ok_or_else(unreadable)?;
        // The parser's words may quote what is in the session.
        let mut state: Self = serde_json::from_str(rest).map_err(|_| unreadable())?;
        // Whom the gate takes for signed in the pages do too, and nobody else.
        match &mut state.stage {
            Stage::SignedIn { standing, .. } => {
                *standing = Some(Standing::from_line(line).map_err(|_| unreadable())?);
            }
            _ if line.is_empty() => {}
            _ => return Err(unreadable()),
        }
        Ok(state)
    }

    pub(crate) fn encode(&self) -> Result<String, Fault> {
        let rest = serde_json::to_string(self)
            .map_err(|_| Fault::caused_by(FaultKind::Session, "the state can't be written"))?;
        let line = self.standing().map(Standing::to_line).unwrap_or_default();
        Ok(format!("{line}\n{rest}"))
    }

    pub(crate) fn is_signed_in(&self) -> bool {
        matches!(self.stage, Stage::SignedIn { .. })
    }

    /// The challenge under way, of a sign-in or of a step-up.
    pub(crate) fn challenge(&self) -> Option<&Ticket> {
        match &self.stage {
            Stage::Pending(ticket) => Some(ticket),
            Stage::SignedIn { step_up, .. } => step_up.as_ref(),
            _ => None,
        }
    }

    /// By what right a factor may be set up, and what is being set up.
    pub(crate) fn enrolment(&self) -> Option<(Authority, Option<Ticket>)> {
        match &self.stage {
            Stage::Enrolling { pass, ticket } => Some((Authority::Pass(pass.clone()), ticket.clone())),
            Stage::SignedIn { standing: Some(standing), enrolment, .. } => {
                Some((Authority::Session(standing.clone()), enrolment.clone()))
            }
            _ => None,
        }
    }

    pub(crate) fn set_enrolment(&mut self, now: Option<Ticket>) {
        match &mut self.stage {
            Stage::Enrolling { ticket, .. } => *ticket = now,
            Stage::SignedIn { enrolment, .. } => *enrolment = now,
            _ => {}
        }
    }

    pub(crate) fn standing(&self) -> Option<&Standing> {
        match &self.stage {
            Stage::SignedIn { standing, .. } => standing.as_ref(),
            _ => None,
        }
    }

    pub(crate) fn set_standing(&mut self, now: Standing) {
        self.stage = Stage::SignedIn { standing: Some(now), step_up: None, enrolment: None };
    }
}

fn unreadable() -> Fault {
    Fault::caused_by(FaultKind::Session, "the state can't be read")
}

/// Somebody who passed both factors, or whom policy asked for none. The only identity there is: it can't be
/// built, only received from the gate.
///
/// ```compile_fail,E0451
/// let forged = mfa_web::session::SignedIn { standing: todo!() };
/// ```
#[derive(Clone, Debug)]
pub struct SignedIn {
    // Frameworks clone what extractors hand out.
    standing: Arc<Standing>,
}

impl SignedIn {
    pub(crate) fn new(standing: Standing) -> Self {
        Self { standing: Arc::new(standing) }
    }

    /// Whose account.
    pub fn account(&self) -> &AccountKey {
        self.standing.account()
    }

    /// Which user.
    pub fn user(&self) -> &UserId {
        self.standing.account().user()
    }

    /// The assurance level reached.
    pub fn level(&self) -> Level {
        self.standing.level()
    }

    /// What was proved, for calls of the core.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "1\t7\t1795424400\tdefault\tann";

    fn signed_in() -> State {
        let mut state = State::decode("\n{\"stage\":\"anonymous\",\"csrf\":\"0123\"}").unwrap();
        state.set_standing(Standing::from_line(LINE).unwrap());
        state
    }

    #[test]
    fn the_first_line_says_who_is_in() {
        let mut state = signed_in();
        let text = state.encode().unwrap();
        assert_eq!(text, format!("{LINE}\n{{\"stage\":{{\"signed_in\":{{}}}},\"csrf\":\"0123\"}}"));
        assert_eq!(State::standing_in(&text).unwrap().as_ref(), state.standing());
        assert_eq!(State::decode(&text).unwrap().standing(), state.standing());
        state.stage = Stage::Refused(Refusal::NoMethodLeft);
        let text = state.encode().unwrap();
        assert!(text.starts_with("\n{"), "{text}");
        assert_eq!(State::standing_in(&text).unwrap(), None);
        assert!(!State::decode(&text).unwrap().is_signed_in());
    }

    #[test]
    fn what_cannot_be_read_is_a_fault_of_the_session() {
        let text = signed_in().encode().unwrap();
        let rest = text.split_once('\n').unwrap().1;
        for broken in ["", rest, "0\n{}", "1\t7\n{}"] {
            assert_eq!(State::standing_in(broken).unwrap_err().kind(), FaultKind::Session, "{broken}");
        }
        let nobody = State::new(signed_in().csrf).encode().unwrap();
        assert!(State::decode(&nobody).is_ok());
        for broken in ["", rest, &format!("\n{rest}"), &format!("{LINE}{nobody}"), &format!("{LINE}\n{{}}")] {
            assert_eq!(State::decode(broken).unwrap_err().kind(), FaultKind::Session, "{broken}");
        }
    }
}
