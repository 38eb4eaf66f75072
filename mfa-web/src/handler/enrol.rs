//! Handlers of enrolment: choose what to set up, confirm it, give up.

use mfa_core::factor::qr;
use mfa_core::fault::Fault;
use mfa_core::refusal::Refusal;
use mfa_core::secret::SecretText;
use mfa_core::service::Enrolment;
use mfa_core::settings::Confirm as Setting;
use serde_json::json;

use crate::handler::challenge::as_json;
use crate::handler::codes;
use crate::handler::reply::Reply;
use crate::handler::visit::Visit;
use crate::page::enrol::{Confirm, EnrolAppPage, EnrolEmailCodePage, EnrolEmailPage, EnrolPage, Why};
use crate::paths::{self, field};
use crate::session::{Session, Stage};
use crate::text::vocabulary::{MethodKind, Note};
use crate::token::Token;

fn why<S: Session>(visit: &Visit<'_, S>) -> Why {
    match visit.state.stage {
        Stage::Enrolling { .. } => Why::Required(None),
        _ => Why::Chosen,
    }
}

/// A signed-in person needs a recent second factor to come here, if they have one.
async fn may<S: Session>(visit: &mut Visit<'_, S>) -> Result<Option<Reply>, Fault> {
    if visit.state.enrolment().is_none() {
        return Ok(Some(visit.elsewhere()));
    }
    let Some(standing) = visit.state.standing() else { return Ok(None) };
    match visit.web.mfa().overview(standing).await? {
        Ok(_) => Ok(None),
        Err(refusal) => visit.refuse(refusal).await.map(Some),
    }
}

pub(super) async fn show<S: Session>(visit: &mut Visit<'_, S>) -> Result<Reply, Fault> {
    if let Some(reply) = may(visit).await? {
        return Ok(reply);
    }
    choice(visit, None)
}

fn choice<S: Session>(visit: &Visit<'_, S>, error: Option<Refusal>) -> Result<Reply, Fault> {
    let email = visit.web.mfa().settings().email_codes();
    let page = EnrolPage { why: why(visit), app: true, email, note: visit.state.note.clone(), error };
    Ok(match error {
        Some(refusal) => Reply::again(page, refusal),
        None => {
            Reply::page(page, json!({ "app": true, "email": email, "required": why(visit) != Why::Chosen }))
        }
    })
}

pub(super) async fn begin_app<S: Session>(visit: &mut Visit<'_, S>) -> Result<Reply, Fault> {
    let Some((authority, _)) = visit.state.enrolment() else { return Ok(visit.elsewhere()) };
    let name = visit.text().kind(MethodKind::App);
    match visit.web.mfa().enrol_app(&authority, name).await? {
        Ok((ticket, _)) => {
            visit.state.set_enrolment(Some(ticket));
            Ok(visit.to(paths::ENROL_CONFIRM))
        }
        Err(refusal @ Refusal::TooManyFactors) => choice(visit, Some(refusal)),
        Err(refusal) => visit.refuse(refusal).await,
    }
}

pub(super) async fn show_email<S: Session>(visit: &mut Visit<'_, S>) -> Result<Reply, Fault> {
    if let Some(reply) = may(visit).await? {
        return Ok(reply);
    }
    if !visit.web.mfa().settings().email_codes() {
        return Ok(visit.to(paths::ENROL));
    }
    let page = EnrolEmailPage { why: why(visit), address: None, error: None };
    Ok(Reply::page(page, json!({ "field": field::EMAIL })))
}

pub(super) async fn begin_email<S: Session>(visit: &mut Visit<'_, S>) -> Result<Reply, Fault> {
    let Some((authority, _)) = visit.state.enrolment() else { return Ok(visit.elsewhere()) };
    let typed = visit.fields.get(field::EMAIL).cloned().unwrap_or_else(|| SecretText::from(""));
    let name = visit.text().kind(MethodKind::Email);
    let begun = visit.web.mfa().enrol_email(&authority, name, typed.expose(), visit.locale()).await?;
    match begun {
        Ok(ticket) => {
            visit.state.set_enrolment(Some(ticket));
            visit.state.note = Some(Note::CodeSent);
            Ok(visit.to(paths::ENROL_CONFIRM))
        }
        Err(
            refusal @ (Refusal::BadAddress
            | Refusal::AlreadyBound
            | Refusal::NotDelivered
            | Refusal::Cooldown { .. }
            | Refusal::Throttled { .. }
            | Refusal::TooManyFactors),
        ) => Ok(Reply::again(
            EnrolEmailPage { why: why(visit), address: Some(typed), error: Some(refusal) },
            refusal,
        )),
        Err(refusal) => visit.refuse(refusal).await,
    }
}

pub(super) async fn show_confirm<S: Session>(visit: &mut Visit<'_, S>) -> Result<Reply, Fault> {
    confirm_page(visit, None, false).await
}

async fn confirm_page<S: Session>(
    visit: &mut Visit<'_, S>,
    error: Option<Refusal>,
    error_on_second: bool,
) -> Result<Reply, Fault> {
    let Some((authority, ticket)) = visit.state.enrolment() else { return Ok(visit.elsewhere()) };
    let Some(ticket) = ticket else { return Ok(visit.to(paths::ENROL)) };
    let mfa = visit.web.mfa();
    match mfa.enrolment(&authority, &ticket).await? {
        Ok(Enrolment::App(app)) => {
            let json = json!({
                "uri": app.uri.expose(),
                "key": app.key.expose(),
                "expires": app.expires,
                "codes": if mfa.settings().confirm() == Setting::TwoConsecutive { 2 } else { 1 },
            });
            let page = EnrolAppPage {
                why: why(visit),
                qr_svg: qr::svg(&app.uri, visit.text().enrol.qr_alt)?,
                uri: app.uri,
                key: app.key,
                length: app.code_length,
                confirm: match mfa.settings().confirm() {
                    Setting::OneCode => Confirm::One,
                    Setting::TwoConsecutive => Confirm::Two,
                },
                seconds_left: app.expires.since(mfa.now()?).as_secs(),
                error,
                error_on_second,
            };
            Ok(match error {
                Some(refusal) => Reply::again(page, refusal),
                None => Reply::page(page, json),
            })
        }
        Ok(Enrolment::Email { view, address }) => {
            let page = EnrolEmailCodePage {
                why: why(visit),
                address,
                length: view.chosen.as_ref().map_or(0, |chosen| chosen.code_length),
                cooldown: view
                    .send_again
                    .map_or(0, |again| mfa.now().map_or(0, |now| again.since(now).as_secs())),
                note: visit.state.note.clone(),
                error,
            };
            Ok(match error {
                Some(refusal) => Reply::again(page, refusal),
                None => Reply::page(page, as_json(&view)),
            })
        }
        Ok(_) => Ok(visit.to(paths::ENROL)),
        Err(refusal) => ended(visit, refusal).await,
    }
}

/// What was being set up is gone: begin again.
async fn ended<S: Session>(visit: &mut Visit<'_, S>, refusal: Refusal) -> Result<Reply, Fault> {
    match refusal {
        Refusal::ChallengeExpired | Refusal::ChallengeFailed | Refusal::ChallengeUnknown => {
            visit.state.set_enrolment(None);
            Ok(Reply::refused(refusal, Some(visit.web.to(paths::ENROL))))
        }
        _ => visit.refuse(refusal).await,
    }
}

pub(super) async fn confirm<S: Session>(visit: &mut Visit<'_, S>) -> Result<Reply, Fault> {
    let Some((authority, ticket)) = visit.state.enrolment() else { return Ok(visit.elsewhere()) };
    let Some(ticket) = ticket else { return Ok(visit.to(paths::ENROL)) };
    let (first, second) = (visit.fields.text(field::CODE), visit.fields.get(field::CODE_2));
    let first_reads = mfa_core::factor::typed::read_code(first, mfa_core::factor::key::Digits::SIX).is_ok();
    let confirmed =
        visit.web.mfa().confirm(&authority, &ticket, first, second.map(SecretText::expose)).await?;
    match confirmed {
        Ok(confirmed) => {
            let standing = confirmed.verified.into_standing();
            visit.session.rotate().await?;
            visit.state.csrf = Token::new(visit.web.mfa())?;
            visit.state.set_standing(standing.clone());
            let note = Note::MethodAdded { name: confirmed.name };
            if confirmed.needs_backup_codes {
                return codes::show(visit, &standing, Some(note)).await;
            }
            // Not a first method: nobody was made to set it up.
            visit.state.note = Some(note);
            if visit.state.going.is_some() {
                return Ok(Reply::To(visit.web.onwards(&mut visit.state)));
            }
            Ok(visit.to(paths::SETTINGS))
        }
        Err(refusal @ (Refusal::StepUpRequired | Refusal::SignInAgain | Refusal::TooManyFactors)) => {
            visit.refuse(refusal).await
        }
        Err(refusal) => {
            let about_second = second.is_some()
                && first_reads
                && matches!(refusal, Refusal::CodeLength { .. } | Refusal::CodeCharacters);
            confirm_page(visit, Some(refusal), about_second).await
        }
    }
}

pub(super) async fn resend<S: Session>(visit: &mut Visit<'_, S>) -> Result<Reply, Fault> {
    let Some((authority, Some(ticket))) = visit.state.enrolment() else { return Ok(visit.to(paths::ENROL)) };
    let choice = match visit.web.mfa().enrolment(&authority, &ticket).await? {
        Ok(Enrolment::Email { view, .. }) => view.chosen.map(|chosen| chosen.choice),
        Ok(_) => None,
        Err(refusal) => return ended(visit, refusal).await,
    };
    let Some(choice) = choice else { return Ok(visit.to(paths::ENROL_CONFIRM)) };
    match visit.web.mfa().choose(&ticket, choice, visit.locale()).await? {
        Ok(()) => {
            visit.state.note = Some(Note::CodeSent);
            Ok(visit.to(paths::ENROL_CONFIRM))
        }
        Err(refusal) => confirm_page(visit, Some(refusal), false).await,
    }
}

pub(super) async fn cancel<S: Session>(visit: &mut Visit<'_, S>) -> Result<Reply, Fault> {
    let Some((_, ticket)) = visit.state.enrolment() else { return Ok(visit.elsewhere()) };
    visit.state.set_enrolment(None);
    let reply = if matches!(visit.state.stage, Stage::Enrolling { .. }) {
        visit.state.stage = Stage::Anonymous;
        visit.session.rotate().await?;
        visit.to_sign_in()
    } else {
        visit.to(paths::SETTINGS)
    };
    if let Some(ticket) = ticket {
        visit.web.give_up(&ticket).await;
    }
    Ok(reply)
}
