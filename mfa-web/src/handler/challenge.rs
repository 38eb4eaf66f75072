//! Handlers of the challenge: show it, choose a method, send a code, answer, give up.

use mfa_core::challenge::Choice;
use mfa_core::fault::Fault;
use mfa_core::proof::Method as Proved;
use mfa_core::refusal::Refusal;
use mfa_core::service::{ChallengeView, MethodView};
use mfa_core::ticket::Ticket;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::handler::reply::Reply;
use crate::handler::visit::Visit;
use crate::page::Method;
use crate::page::challenge::{ChallengePage, ChoosePage, SendPage};
use crate::page::settings::LOW_STOCK;
use crate::paths::{self, field};
use crate::session::{Session, Stage};
use crate::text::vocabulary::{MethodKind, Note};
use crate::token::Token;

pub(crate) fn kind_of(method: Proved) -> MethodKind {
    match method {
        Proved::Email => MethodKind::Email,
        Proved::BackupCode => MethodKind::BackupCode,
        _ => MethodKind::App,
    }
}

fn offered(methods: &[MethodView], but: Option<Choice>) -> Vec<Method> {
    let of_kind = |kind| methods.iter().filter(|method| method.method == kind).count();
    let named = |method: &MethodView| (of_kind(method.method) > 1).then(|| method.name.clone());
    methods
        .iter()
        .filter(|method| Some(method.choice) != but)
        .map(|method| Method {
            value: method.choice.to_string(),
            kind: kind_of(method.method),
            name: named(method),
        })
        .collect()
}

/// A challenge for programs. A choice is written as the text that is posted to make it.
pub(super) fn as_json(view: &ChallengeView) -> Value {
    let method = |method: &MethodView| {
        let mut members = members_of(method);
        members.insert("choice".to_owned(), method.choice.to_string().into());
        Value::Object(members)
    };
    let mut members = members_of(view);
    members.insert("chosen".to_owned(), view.chosen.as_ref().map(method).into());
    members.insert("methods".to_owned(), view.methods.iter().map(method).collect());
    Value::Object(members)
}

fn members_of(view: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(view) {
        Ok(Value::Object(members)) => members,
        // A view is always an object.
        _ => Map::new(),
    }
}

/// The page for the challenge as it stands.
fn page<S: Session>(
    visit: &Visit<'_, S>,
    view: &ChallengeView,
    error: Option<Refusal>,
) -> Result<Reply, Fault> {
    let note = visit.state.note.clone();
    let purpose = view.purpose;
    let unsent = |method: &MethodView| method.method == Proved::Email && !view.code_sent;
    let reply = |page: Box<dyn crate::page::Page + Send>| match error {
        Some(refusal) => Reply::Again { page, refusal },
        None => Reply::Page { page, json: as_json(view) },
    };
    Ok(match &view.chosen {
        None => match view.methods.as_slice() {
            [only] if only.method == Proved::Email => {
                reply(Box::new(SendPage { purpose, others: Vec::new(), note, error }))
            }
            methods => reply(Box::new(ChoosePage { purpose, methods: offered(methods, None), note, error })),
        },
        Some(chosen) if unsent(chosen) => {
            let others = offered(&view.methods, Some(chosen.choice));
            reply(Box::new(SendPage { purpose, others, note, error }))
        }
        Some(chosen) => {
            let now = visit.web.mfa().now()?;
            let cooldown = view.send_again.map_or(0, |again| again.since(now).as_secs());
            reply(Box::new(ChallengePage {
                purpose,
                kind: kind_of(chosen.method),
                length: chosen.code_length,
                others: offered(&view.methods, Some(chosen.choice)),
                cooldown,
                note,
                error,
            }))
        }
    })
}

/// The session's open challenge, or the reply that says why there is none.
async fn open<S: Session>(visit: &mut Visit<'_, S>) -> Result<Result<(Ticket, ChallengeView), Reply>, Fault> {
    let Some(ticket) = visit.state.challenge().cloned() else { return Ok(Err(visit.elsewhere())) };
    match visit.web.mfa().challenge(&ticket).await? {
        Ok(view) => Ok(Ok((ticket, view))),
        Err(refusal) => over(visit, refusal).await.map(Err),
    }
}

/// The challenge can't be answered any more: back to where another begins.
async fn over<S: Session>(visit: &mut Visit<'_, S>, refusal: Refusal) -> Result<Reply, Fault> {
    let next = match &mut visit.state.stage {
        Stage::SignedIn { step_up, .. } => {
            *step_up = None;
            match &visit.state.going {
                // It asks for another one.
                Some(going) => going.as_str().to_owned(),
                None => visit.web.to(paths::SETTINGS),
            }
        }
        stage => {
            *stage = Stage::Anonymous;
            visit.session.rotate().await?;
            visit.web.sign_in_page_for(visit.state.going.as_ref())
        }
    };
    Ok(Reply::refused(refusal, Some(next)))
}

pub(super) async fn show<S: Session>(visit: &mut Visit<'_, S>) -> Result<Reply, Fault> {
    match open(visit).await? {
        Ok((_, view)) => page(visit, &view, None),
        Err(reply) => Ok(reply),
    }
}

pub(super) async fn show_choice<S: Session>(visit: &mut Visit<'_, S>) -> Result<Reply, Fault> {
    match open(visit).await? {
        Ok((_, view)) => {
            let methods = offered(&view.methods, None);
            let page =
                ChoosePage { purpose: view.purpose, methods, note: visit.state.note.clone(), error: None };
            Ok(Reply::page(page, as_json(&view)))
        }
        Err(reply) => Ok(reply),
    }
}

pub(super) async fn choose<S: Session>(visit: &mut Visit<'_, S>) -> Result<Reply, Fault> {
    let choice: Option<Choice> = visit.fields.text(field::METHOD).parse().ok();
    match choice {
        Some(choice) => take(visit, choice).await,
        None => match open(visit).await? {
            Ok((_, view)) => page(visit, &view, Some(Refusal::MethodUnavailable)),
            Err(reply) => Ok(reply),
        },
    }
}

pub(super) async fn resend<S: Session>(visit: &mut Visit<'_, S>) -> Result<Reply, Fault> {
    let view = match open(visit).await? {
        Ok((_, view)) => view,
        Err(reply) => return Ok(reply),
    };
    let only_email = || view.methods.iter().find(|method| method.method == Proved::Email);
    match view.chosen.as_ref().or_else(only_email) {
        Some(method) => take(visit, method.choice).await,
        None => page(visit, &view, Some(Refusal::MethodUnavailable)),
    }
}

async fn take<S: Session>(visit: &mut Visit<'_, S>, choice: Choice) -> Result<Reply, Fault> {
    let (ticket, _) = match open(visit).await? {
        Ok(open) => open,
        Err(reply) => return Ok(reply),
    };
    let chosen = visit.web.mfa().choose(&ticket, choice, visit.locale()).await?;
    let view = match visit.web.mfa().challenge(&ticket).await? {
        Ok(view) => view,
        Err(refusal) => return over(visit, refusal).await,
    };
    match chosen {
        Ok(()) => {
            let sent = view.chosen.as_ref().is_some_and(|chosen| chosen.method == Proved::Email);
            visit.state.note = sent.then_some(Note::CodeSent);
            Ok(visit.to(paths::CHALLENGE))
        }
        Err(refusal) => page(visit, &view, Some(refusal)),
    }
}

pub(super) async fn answer<S: Session>(visit: &mut Visit<'_, S>) -> Result<Reply, Fault> {
    let (ticket, _) = match open(visit).await? {
        Ok(open) => open,
        Err(reply) => return Ok(reply),
    };
    let granted = visit.web.mfa().answer(&ticket, visit.fields.text(field::CODE)).await?;
    match granted {
        Ok(granted) => {
            let verified = granted.verified;
            let standing = match visit.state.standing().cloned() {
                None => verified.into_standing(),
                Some(standing) => match standing.stepped_up(verified) {
                    Ok(standing) => standing,
                    Err(refusal) => return visit.refuse(refusal).await,
                },
            };
            // Session fixation: whoever planted the id before has nothing now.
            visit.session.rotate().await?;
            visit.state.csrf = Token::new(visit.web.mfa())?;
            // What was being set up when the step-up was asked for goes on.
            let under_way =
                visit.state.standing().and(visit.state.enrolment()).and_then(|(_, ticket)| ticket);
            visit.state.set_standing(standing);
            visit.state.set_enrolment(under_way);
            visit.state.note = None;
            let low = granted.backup_codes_left.is_some_and(|left| left <= LOW_STOCK);
            if low && !visit.request.wants_json() {
                return Ok(visit.to(paths::BACKUP_CODES_LOW));
            }
            Ok(Reply::To(visit.web.onwards(&mut visit.state)))
        }
        Err(refusal) => match visit.web.mfa().challenge(&ticket).await? {
            Ok(view) => page(visit, &view, Some(refusal)),
            Err(ended) => over(visit, ended).await,
        },
    }
}

pub(super) async fn cancel<S: Session>(visit: &mut Visit<'_, S>) -> Result<Reply, Fault> {
    let Some(ticket) = visit.state.challenge().cloned() else { return Ok(visit.elsewhere()) };
    visit.state.going = None;
    let reply = match &mut visit.state.stage {
        Stage::SignedIn { step_up, .. } => {
            *step_up = None;
            Reply::To(visit.web.brand().home_path().to_owned())
        }
        stage => {
            *stage = Stage::Anonymous;
            visit.session.rotate().await?;
            visit.to_sign_in()
        }
    };
    visit.web.give_up(&ticket).await;
    Ok(reply)
}
