//! What browsers, the administrator and the host ask for, and the real functions that answer on a node.

use std::sync::Arc;

use super::plan::Plan;
use super::ports::{Held, Open, Seeded, Told};
use super::world::{Hold, Tied};
use crate::account::Account;
use crate::account::answering::Answered;
use crate::account::delivering::Outgoing;
use crate::account::draft::Draft;
use crate::challenge::Choice;
use crate::event::Actor;
use crate::factor::backup::{self, BackupSet, HashCost, HashedCode, Salt};
use crate::factor::bound::FactorName;
use crate::factor::hotp::PreparedKey;
use crate::factor::key::{Digits, SharedKey};
use crate::fault::{Fault, FaultKind};
use crate::id::{ChallengeId, UserId};
use crate::port::sender::{Failure, Purpose};
use crate::port::store::Versioned;
use crate::proof::{Method, Standing};
use crate::refusal::Refusal;
use crate::secret::SecretText;
use crate::service::SignIn;
use crate::service::sign_in::{begin_sign_in, begin_step_up};
use crate::service::turn::{ClockRule, Known, Ports, Turn};
use crate::ticket::{Authority, EnrolPass, Ticket};
use crate::time::Timestamp;

/// A code somebody types.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Code {
    App { key: Held<SharedKey>, step: u64 },
    Mail { challenge: ChallengeId, text: Arc<str>, drawn: u64 },
    Paper { set: u64, text: Arc<str> },
    Guess,
    GuessPaper,
}

impl Code {
    fn typed(&self) -> String {
        match self {
            Self::App { key, step } => {
                PreparedKey::new(Default::default(), key).code(*step, Digits::SIX).expose().to_owned()
            }
            Self::Mail { text, .. } | Self::Paper { text, .. } => text.to_string(),
            Self::Guess => "000000".to_owned(),
            Self::GuessPaper => "0000-0000-0000-0000".to_owned(),
        }
    }

    pub(super) fn is_guess(&self) -> bool {
        matches!(self, Self::Guess | Self::GuessPaper)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum What {
    SignIn,
    StepUp,
    Choose(Method),
    Answer(Code),
    Abandon,
    StageApp,
    StageMail,
    Confirm(Code),
    /// The oldest factor of that kind.
    Remove(Method),
    Rename,
    MakeCodes,
    EndOthers,
    PasswordChanged,
    Reset,
    /// The second commit of a message.
    Delivery {
        message: Held<Outgoing>,
        staged: Option<Held<Ticket>>,
        failed: bool,
    },
}

impl What {
    pub(super) fn code(&self) -> Option<&Code> {
        match self {
            Self::Answer(code) | Self::Confirm(code) => Some(code),
            _ => None,
        }
    }
}

/// What the caller is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Said {
    Challenged(Held<Ticket>, Purpose),
    MustEnrol(Held<EnrolPass>),
    /// In without a second factor.
    Admitted(Held<Standing>),
    /// A challenge was passed; whether the session could take the proof over is another thing.
    Passed(Option<Held<Standing>>),
    NeedsHash,
    ToSend(Held<Outgoing>, Option<Held<Ticket>>),
    StagedApp(Held<Ticket>, Held<SharedKey>),
    StagedMail(Held<Ticket>),
    Bound(Held<Standing>, Method),
    Moved(Held<Standing>),
    Codes(Vec<Code>),
    Done,
    Refused(Held<Refusal>),
}

/// One request, with what its session held when it was sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Ask {
    pub(super) hand: u8,
    pub(super) nth: u8,
    pub(super) what: What,
    pub(super) hold: Hold,
}

impl Ask {
    /// Runs the request on what was loaded, as a node whose clock says `now` does.
    pub(super) fn turn(
        &self,
        plan: &Plan,
        loaded: Option<&Versioned>,
        now: Timestamp,
        hashed: &mut Option<Held<HashedCode>>,
    ) -> Result<Turn<Said>, Fault> {
        let second = u8::from(matches!(self.what, What::Delivery { .. }));
        let (clock, entropy) = (Told(now), Seeded::new([self.hand, self.nth, second]));
        let ports = plan.ports(&clock, &entropy);
        let rule = if self.what == What::Reset { ClockRule::Any } else { ClockRule::NeverBack };
        let mut needed = None;
        let turn = ports
            .turn(rule, Known::read(loaded)?, |draft| self.on(draft, plan, hashed.as_deref(), &mut needed))?;
        if let (Some(write), Some(known)) = (&turn.write, &turn.known) {
            // What a node has in hand is what the next one reads.
            let read = Account::decode(&write.record).unwrap();
            assert!(
                read == known.account && write.next == known.version,
                "{self:?} keeps another account than it writes"
            );
        }
        if let (Some((salt, cost)), What::Answer(code)) = (needed, &self.what) {
            // Outside the loop: whatever happens meanwhile, the account is looked at again with it.
            *hashed = backup::read_backup_code(&code.typed()).ok().map(|typed| {
                Held::new(backup::hash(&typed, &salt, &cost, None).unwrap(), (code, salt.as_bytes()))
            });
        }
        Ok(turn)
    }

    /// The challenge that the request is about.
    pub(super) fn tied(&self) -> Option<&Tied> {
        let Hold { ticket, setup, .. } = &self.hold;
        match self.what {
            What::Confirm(_) | What::Abandon => setup.as_ref(),
            _ => ticket.as_ref(),
        }
    }

    fn ticket(&self) -> &Ticket {
        &self.tied().unwrap().ticket
    }

    fn standing(&self) -> &Standing {
        &self.hold.session.as_ref().unwrap().standing
    }

    fn authority(&self) -> Authority {
        match (&self.hold.session, &self.hold.pass) {
            (Some(session), _) => Authority::Session((*session.standing).clone()),
            (None, Some((pass, _))) => Authority::Pass((**pass).clone()),
            (None, None) => panic!("nobody sets up without a right to"),
        }
    }

    fn on(
        &self,
        draft: &mut Draft<'_>,
        plan: &Plan,
        hashed: Option<&HashedCode>,
        needed: &mut Option<(Salt, HashCost)>,
    ) -> Result<Said, Fault> {
        let refused = |refusal: Refusal| Said::Refused(Held::shown(refusal));
        let name = FactorName::new(if self.what == What::Rename { "renamed" } else { "mine" }).unwrap();
        Ok(match &self.what {
            What::SignIn => match begin_sign_in(draft, plan.policy)? {
                SignIn::Challenged(ticket) => Said::Challenged(Held::shown(ticket), Purpose::SignIn),
                SignIn::MustEnrol(pass) => Said::MustEnrol(Held::shown(pass)),
                SignIn::Admitted { verified, .. } => Said::Admitted(Held::shown(verified.into_standing())),
                SignIn::Refused(refusal) => refused(refusal),
            },
            What::StepUp => begin_step_up(draft, self.standing())?
                .map_or_else(refused, |ticket| Said::Challenged(Held::shown(ticket), Purpose::StepUp)),
            What::Choose(method) => match self.choice(draft, *method) {
                None => refused(Refusal::FactorUnknown),
                Some(choice) => match draft.choose(self.ticket(), choice)? {
                    Ok(Some(outgoing)) => Said::ToSend(held(outgoing), None),
                    Ok(None) => Said::Done,
                    Err(refusal) => refused(refusal),
                },
            },
            What::Answer(code) => match draft.answer(self.ticket(), &code.typed(), hashed)? {
                Ok(Answered::Passed { verified, .. }) => Said::Passed(match &self.hold.session {
                    None => Some(Held::shown(verified.into_standing())),
                    Some(session) => (*session.standing).clone().stepped_up(verified).ok().map(Held::shown),
                }),
                Ok(Answered::NeedsHash { salt, cost }) => {
                    *needed = Some((salt, cost));
                    Said::NeedsHash
                }
                Err(refusal) => refused(refusal),
            },
            What::Abandon => {
                draft.abandon(self.ticket());
                Said::Done
            }
            What::StageApp => match draft.stage_app(&self.authority(), &name)? {
                Ok(staged) => {
                    let print = staged.key.to_base32().expose().to_owned();
                    Said::StagedApp(Held::shown(staged.ticket), Held::new(staged.key, print))
                }
                Err(refusal) => refused(refusal),
            },
            What::StageMail => match draft.stage_email(&self.authority(), &name, &self.address(draft))? {
                Ok((ticket, Some(outgoing))) => Said::ToSend(held(outgoing), Some(Held::shown(ticket))),
                Ok((_, None)) => return Err(Fault::new(FaultKind::Internal)),
                Err(refusal) => refused(refusal),
            },
            What::Confirm(code) => {
                match draft.confirm(&self.authority(), self.ticket(), &code.typed(), None)? {
                    Ok(bound) => {
                        let method = draft.account.factor(bound.factor).unwrap().method();
                        Said::Bound(Held::shown(bound.verified.into_standing()), method)
                    }
                    Err(refusal) => refused(refusal),
                }
            }
            What::Remove(method) => {
                let id = draft.account.factors.iter().find(|factor| factor.method() == *method);
                match id.map(|factor| factor.id()) {
                    None => refused(Refusal::FactorUnknown),
                    Some(id) => draft.remove(self.standing(), id, plan.policy)?.map_or_else(refused, moved),
                }
            }
            What::Rename => match draft.account.factors.first().map(|factor| factor.id()) {
                None => refused(Refusal::FactorUnknown),
                Some(id) => draft.rename(self.standing(), id, &name)?.map_or_else(refused, |()| Said::Done),
            },
            What::MakeCodes => {
                let codes = backup::draw(draft.cx.entropy, plan.settings.backup_codes)?;
                let salt = Salt::draw(draft.cx.entropy)?;
                let set = BackupSet::seal_up(&codes, salt, plan.settings.hash_cost, None, draft.cx.now)?;
                let seen = |text: &SecretText| Code::Paper {
                    set: u64::from(self.hand) << 8 | u64::from(self.nth),
                    text: text.expose().into(),
                };
                draft
                    .install_backup_codes(self.standing(), &set)?
                    .map_or_else(refused, |()| Said::Codes(codes.iter().map(seen).collect()))
            }
            What::EndOthers => draft.end_other_sessions(self.standing())?.map_or_else(refused, moved),
            What::PasswordChanged => {
                draft.password_changed()?;
                Said::Done
            }
            What::Reset => {
                draft.reset(Actor::Administrator(UserId::new("admin").unwrap()), "lost phone")?;
                Said::Done
            }
            What::Delivery { message, staged, failed } => {
                let ticket = staged.as_deref().unwrap_or_else(|| self.ticket());
                draft.delivery(ticket, message, failed.then_some(Failure::Transient))?;
                match staged {
                    _ if *failed => refused(Refusal::NotDelivered),
                    Some(ticket) => Said::StagedMail(ticket.clone()),
                    None => Said::Done,
                }
            }
        })
    }

    /// Another address for each method.
    fn address(&self, draft: &Draft<'_>) -> String {
        format!("{}.{}@x", self.hand, draft.account.factors.len())
    }

    fn choice(&self, draft: &Draft<'_>, method: Method) -> Option<Choice> {
        if method == Method::BackupCode {
            return Some(Choice::BackupCode);
        }
        let of_account = || draft.account.factors.iter().find(|factor| factor.method() == method);
        let challenge = draft.remembered(self.ticket()).ok();
        let staged = challenge.as_ref().and_then(|challenge| challenge.staged());
        staged.or_else(of_account).map(|factor| Choice::Factor(factor.id()))
    }
}

fn moved(standing: Standing) -> Said {
    Said::Moved(Held::shown(standing))
}

fn held(outgoing: Outgoing) -> Held<Outgoing> {
    let print = (outgoing.code.expose().to_owned(), outgoing.drawn, outgoing.sent_before);
    Held::new(outgoing, print)
}

impl Plan {
    pub(super) fn ports<'a>(&'a self, clock: &'a Told, entropy: &'a Seeded) -> Ports<'a> {
        Ports { key: &self.key, settings: &self.settings, clock, entropy, sealer: &Open }
    }
}
