//! Handlers of backup codes: ask, make and show once, say how few are left.

use mfa_core::fault::Fault;
use mfa_core::proof::Standing;
use mfa_core::refusal::Refusal;
use serde_json::json;

use crate::handler::reply::Reply;
use crate::handler::visit::Visit;
use crate::page::codes::{CodesPage, LowCodesPage, NewCodesPage};
use crate::paths;
use crate::session::Session;
use crate::text::vocabulary::Note;

pub(super) async fn ask<S: Session>(visit: &mut Visit<'_, S>) -> Result<Reply, Fault> {
    let Some(standing) = visit.state.standing() else { return Ok(visit.elsewhere()) };
    match visit.web.mfa().overview(standing).await? {
        Ok(overview) if overview.factors.is_empty() => Ok(visit.to(paths::SETTINGS)),
        Ok(overview) => {
            let left = overview.backup.map(|backup| backup.left);
            Ok(Reply::page(NewCodesPage { left }, json!({ "left": left })))
        }
        Err(refusal) => visit.refuse(refusal).await,
    }
}

pub(super) async fn make<S: Session>(visit: &mut Visit<'_, S>) -> Result<Reply, Fault> {
    let Some(standing) = visit.state.standing().cloned() else { return Ok(visit.elsewhere()) };
    show(visit, &standing, None).await
}

/// Makes a set and shows it: this answer is the only place it ever stands in.
pub(super) async fn show<S: Session>(
    visit: &mut Visit<'_, S>,
    standing: &Standing,
    note: Option<Note>,
) -> Result<Reply, Fault> {
    let made = match visit.web.mfa().make_backup_codes(standing).await {
        Err(fault) if note.is_some() => {
            // As below, and for the operator.
            tracing::error!(kind = ?fault.kind(), "no backup codes were made after a set-up: {fault}");
            Err(Refusal::Busy)
        }
        made => made?,
    };
    match made {
        Ok(codes) => {
            let codes: Vec<_> = codes.iter().cloned().collect();
            let texts: Vec<_> = codes.iter().map(|code| code.expose()).collect();
            let json = json!({ "backup_codes": texts, "next": visit.web.to(paths::BACKUP_CODES_SAVED) });
            Ok(Reply::page(CodesPage { codes, note }, json))
        }
        Err(Refusal::Busy) if note.is_some() => {
            // The method works; the codes can be made from the settings in a moment.
            visit.state.note = note;
            Ok(visit.to(paths::SETTINGS))
        }
        Err(refusal) => visit.refuse(refusal).await,
    }
}

pub(super) async fn saved<S: Session>(visit: &mut Visit<'_, S>) -> Result<Reply, Fault> {
    if visit.state.standing().is_none() {
        return Ok(visit.elsewhere());
    }
    if visit.state.going.is_some() {
        return Ok(Reply::To(visit.web.onwards(&mut visit.state)));
    }
    visit.state.note = Some(Note::BackupCodesSaved);
    Ok(visit.to(paths::SETTINGS))
}

/// After a sign-in with one of the last codes: how few are left, and the way on.
pub(super) async fn low<S: Session>(visit: &mut Visit<'_, S>) -> Result<Reply, Fault> {
    let Some(standing) = visit.state.standing() else { return Ok(visit.elsewhere()) };
    match visit.web.mfa().overview(standing).await? {
        Ok(overview) => {
            let left = overview.backup.map_or(0, |backup| backup.left);
            let next = match &visit.state.going {
                Some(going) => going.as_str().to_owned(),
                None => visit.web.brand().home_path().to_owned(),
            };
            Ok(Reply::page(LowCodesPage { left, next }, json!({ "left": left })))
        }
        Err(refusal) => visit.refuse(refusal).await,
    }
}
