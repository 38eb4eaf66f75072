//! Handlers of the security settings: list, rename, remove, bring back in step, end other sessions; the reminder.

use mfa_core::event::{Event, EventKind};
use mfa_core::fault::Fault;
use mfa_core::id::FactorId;
use mfa_core::port::sender::Purpose;
use mfa_core::proof::Method;
use mfa_core::refusal::Refusal;
use mfa_core::service::{FactorView, Overview};
use serde_json::json;

use crate::handler::challenge::kind_of;
use crate::handler::reply::Reply;
use crate::handler::visit::Visit;
use crate::page::enrol::ReminderPage;
use crate::page::settings::{MethodRow, RemovePage, RenamePage, ResyncPage, SettingsPage, Stock};
use crate::paths::{self, field};
use crate::session::Session;
use crate::text::vocabulary::{Activity, Note};
use crate::token::Token;

/// How many lines of recent activity are shown.
const LINES: u32 = 15;

pub(super) async fn show<S: Session>(visit: &mut Visit<'_, S>) -> Result<Reply, Fault> {
    page(visit, None).await
}

async fn page<S: Session>(visit: &mut Visit<'_, S>, error: Option<Refusal>) -> Result<Reply, Fault> {
    let Some(standing) = visit.state.standing() else { return Ok(visit.elsewhere()) };
    let mfa = visit.web.mfa();
    let overview = match mfa.overview(standing).await? {
        Ok(overview) => overview,
        Err(refusal) => return visit.refuse(refusal).await,
    };
    let activity = match mfa.activity(standing, LINES).await? {
        Ok(activity) => activity.events,
        Err(refusal) => return visit.refuse(refusal).await,
    };
    let json = json!({ "overview": overview, "activity": activity });
    let removable = !overview.required || overview.factors.len() > 1;
    let row = |factor: &FactorView| MethodRow {
        value: factor.id.to_string(),
        kind: kind_of(factor.method),
        name: factor.name.clone(),
        added: factor.added,
        last_used: factor.used,
        disabled: factor.disabled,
        removable,
    };
    let page = SettingsPage {
        methods: overview.factors.iter().map(row).collect(),
        codes: overview.backup.map(|backup| Stock { left: backup.left, made: backup.made }),
        can_add: overview.can_add,
        required: overview.required,
        activity: activity.iter().filter_map(line).collect(),
        note: visit.state.note.clone(),
        error,
    };
    Ok(match error {
        Some(refusal) => Reply::again(page, refusal),
        None => Reply::page(page, json),
    })
}

/// A line of recent activity; what a person can make nothing of is left out.
fn line(event: &Event) -> Option<(mfa_core::time::Timestamp, Activity)> {
    let activity = match &event.kind {
        EventKind::ChallengePassed { purpose: Purpose::SignIn, method } => {
            Activity::SignedIn { kind: kind_of(*method) }
        }
        EventKind::ChallengePassed { method, .. } => Activity::Confirmed { kind: kind_of(*method) },
        EventKind::WrongCode { reused: true, .. } => Activity::UsedCode,
        EventKind::WrongCode { .. } => Activity::WrongCode,
        EventKind::AccountLocked { .. } => Activity::Throttled,
        EventKind::CodeSent { .. } => Activity::CodeSent,
        EventKind::CodeNotSent { .. } => Activity::CodeNotDelivered,
        EventKind::FactorAdded { name, .. } => Activity::MethodAdded { name: name.clone() },
        EventKind::FactorRemoved { name, .. } => Activity::MethodRemoved { name: name.clone() },
        EventKind::FactorRenamed { name, .. } => Activity::MethodRenamed { name: name.clone() },
        EventKind::FactorDisabled { method: Method::BackupCode, .. } => Activity::BackupCodesDisabled,
        EventKind::FactorDisabled { name, .. } => Activity::MethodDisabled { name: name.clone() },
        EventKind::FactorResynchronised { .. } => Activity::AppSynchronised,
        EventKind::BackupCodesMade { .. } => Activity::BackupCodesMade,
        EventKind::BackupCodeUsed { left } => Activity::BackupCodeUsed { left: *left },
        EventKind::Reset { .. } => Activity::Reset,
        EventKind::SessionsEnded => Activity::OthersSignedOut,
        _ => return None,
    };
    Some((event.at, activity))
}

/// The method a settings page is about, from the query or the form, scoped to the person's own account.
async fn subject<S: Session>(
    visit: &mut Visit<'_, S>,
) -> Result<Result<(FactorView, Overview), Reply>, Fault> {
    let Some(standing) = visit.state.standing() else { return Ok(Err(visit.elsewhere())) };
    let overview = match visit.web.mfa().overview(standing).await? {
        Ok(overview) => overview,
        Err(refusal) => return visit.refuse(refusal).await.map(Err),
    };
    let query = visit.request.query_fields();
    let text = if visit.request.method().is_safe() {
        query.text(field::FACTOR)
    } else {
        visit.fields.text(field::FACTOR)
    };
    let id: Option<FactorId> = text.parse().ok();
    match overview.factors.iter().find(|factor| Some(factor.id) == id).cloned() {
        Some(factor) => Ok(Ok((factor, overview))),
        None => Ok(Err(Reply::refused(Refusal::FactorUnknown, Some(visit.web.to(paths::SETTINGS))))),
    }
}

fn name_page(factor: &FactorView, typed: Option<String>, error: Option<Refusal>) -> RenamePage {
    RenamePage { value: factor.id.to_string(), name: factor.name.clone(), typed, error }
}

pub(super) async fn ask_name<S: Session>(visit: &mut Visit<'_, S>) -> Result<Reply, Fault> {
    match subject(visit).await? {
        Ok((factor, _)) => Ok(Reply::page(name_page(&factor, None, None), json!({ "factor": factor }))),
        Err(reply) => Ok(reply),
    }
}

pub(super) async fn rename<S: Session>(visit: &mut Visit<'_, S>) -> Result<Reply, Fault> {
    let (factor, _) = match subject(visit).await? {
        Ok(subject) => subject,
        Err(reply) => return Ok(reply),
    };
    let Some(standing) = visit.state.standing() else { return Ok(visit.elsewhere()) };
    let name = visit.fields.text(field::NAME).trim().to_owned();
    match visit.web.mfa().rename(standing, factor.id, &name).await? {
        Ok(()) => {
            visit.state.note = Some(Note::MethodRenamed { name });
            Ok(visit.to(paths::SETTINGS))
        }
        Err(refusal @ Refusal::BadName) => {
            Ok(Reply::again(name_page(&factor, Some(name), Some(refusal)), refusal))
        }
        Err(refusal) => visit.refuse(refusal).await,
    }
}

fn removal_page(factor: &FactorView, overview: &Overview, error: Option<Refusal>) -> RemovePage {
    RemovePage {
        value: factor.id.to_string(),
        name: factor.name.clone(),
        last: overview.factors.len() == 1,
        error,
    }
}

pub(super) async fn ask_removal<S: Session>(visit: &mut Visit<'_, S>) -> Result<Reply, Fault> {
    match subject(visit).await? {
        Ok((factor, overview)) => {
            Ok(Reply::page(removal_page(&factor, &overview, None), json!({ "factor": factor })))
        }
        Err(reply) => Ok(reply),
    }
}

pub(super) async fn remove<S: Session>(visit: &mut Visit<'_, S>) -> Result<Reply, Fault> {
    let (factor, overview) = match subject(visit).await? {
        Ok(subject) => subject,
        Err(reply) => return Ok(reply),
    };
    let Some(standing) = visit.state.standing() else { return Ok(visit.elsewhere()) };
    match visit.web.mfa().remove(standing, factor.id).await? {
        Ok(standing) => {
            visit.session.rotate().await?;
            visit.state.csrf = Token::new(visit.web.mfa())?;
            visit.state.set_standing(standing);
            visit.state.note = Some(Note::MethodRemoved { name: factor.name });
            Ok(visit.to(paths::SETTINGS))
        }
        Err(refusal @ Refusal::LastFactor) => {
            Ok(Reply::again(removal_page(&factor, &overview, Some(refusal)), refusal))
        }
        Err(refusal) => visit.refuse(refusal).await,
    }
}

fn codes_page(factor: &FactorView, error: Option<Refusal>) -> ResyncPage {
    let length = factor.code_length;
    ResyncPage {
        value: factor.id.to_string(),
        name: factor.name.clone(),
        length,
        error,
        error_on_second: false,
    }
}

pub(super) async fn ask_codes<S: Session>(visit: &mut Visit<'_, S>) -> Result<Reply, Fault> {
    match subject(visit).await? {
        Ok((factor, _)) => Ok(Reply::page(codes_page(&factor, None), json!({ "factor": factor }))),
        Err(reply) => Ok(reply),
    }
}

pub(super) async fn resync<S: Session>(visit: &mut Visit<'_, S>) -> Result<Reply, Fault> {
    let (factor, _) = match subject(visit).await? {
        Ok(subject) => subject,
        Err(reply) => return Ok(reply),
    };
    let Some(standing) = visit.state.standing() else { return Ok(visit.elsewhere()) };
    let (first, second) = (visit.fields.text(field::CODE), visit.fields.text(field::CODE_2));
    match visit.web.mfa().resynchronise(standing, factor.id, first, second).await? {
        Ok(()) => {
            visit.state.note = Some(Note::AppSynchronised { name: factor.name });
            Ok(visit.to(paths::SETTINGS))
        }
        Err(refusal @ (Refusal::SignInAgain | Refusal::StepUpRequired)) => visit.refuse(refusal).await,
        Err(refusal) => Ok(Reply::again(codes_page(&factor, Some(refusal)), refusal)),
    }
}

pub(super) async fn sign_out_others<S: Session>(visit: &mut Visit<'_, S>) -> Result<Reply, Fault> {
    let Some(standing) = visit.state.standing() else { return Ok(visit.elsewhere()) };
    match visit.web.mfa().end_other_sessions(standing).await? {
        Ok(standing) => {
            visit.session.rotate().await?;
            visit.state.set_standing(standing);
            visit.state.note = Some(Note::OthersSignedOut);
            Ok(visit.to(paths::SETTINGS))
        }
        Err(refusal) => visit.refuse(refusal).await,
    }
}

pub(super) async fn reminder<S: Session>(visit: &mut Visit<'_, S>) -> Result<Reply, Fault> {
    if visit.state.standing().is_none() {
        return Ok(visit.elsewhere());
    }
    Ok(Reply::page(
        ReminderPage { email: visit.web.mfa().settings().email_codes(), required_from: None },
        json!({ "skip": visit.web.to(paths::REMINDER_SKIP) }),
    ))
}

pub(super) async fn skip_reminder<S: Session>(visit: &mut Visit<'_, S>) -> Result<Reply, Fault> {
    let Some(standing) = visit.state.standing() else { return Ok(visit.elsewhere()) };
    match visit.web.mfa().skip_reminder(standing).await? {
        Ok(()) => Ok(Reply::To(visit.web.onwards(&mut visit.state))),
        Err(refusal) => visit.refuse(refusal).await,
    }
}
