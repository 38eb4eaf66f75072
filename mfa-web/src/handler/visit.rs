//! One visit to the pages: reads the session, keeps forged forms out, finds the handler, writes the answer.

use std::error::Error as _;

use mfa_core::fault::Fault;
use mfa_core::port::sender::Locale;
use mfa_core::refusal::Refusal;
use serde_json::json;

use crate::asset;
use crate::destination::Destination;
use crate::gate::begin_step_up;
use crate::handler::fields::Fields;
use crate::handler::reply::Reply;
use crate::handler::{challenge, codes, enrol, settings};
use crate::message::{Method, Problem, Request, Response};
use crate::page::problem::{ProblemPage, Trouble};
use crate::page::{Chrome, Page};
use crate::paths::{self, field};
use crate::session::{Session, Stage, State};
use crate::text::{Text, locale_of_tag};
use crate::token::Token;
use crate::web::Web;

/// One visit.
pub(crate) struct Visit<'a, S> {
    pub(crate) web: &'a Web,
    pub(crate) session: &'a S,
    pub(crate) request: &'a Request,
    pub(crate) state: State,
    pub(crate) fields: Fields,
}

impl<'a, S: Session> Visit<'a, S> {
    pub(crate) async fn answer(
        web: &'a Web,
        session: &'a S,
        request: &'a Request,
    ) -> Result<Response, Fault> {
        if let Some(asset) = asset::find(request.path()) {
            return Ok(if request.method().is_safe() {
                Response::asset(asset)
            } else {
                // RFC 9110 §15.5.6: a 405 always says what would do.
                Response::empty(405).with_header("allow", "GET, HEAD")
            });
        }
        let stored = session.load().await?;
        let state = match &stored {
            Some(text) => State::decode(text)?,
            None => State::new(Token::new(web.mfa())?),
        };
        let mut visit = Self { web, session, request, state, fields: Fields::None };
        if let Some(locale) = locale_of_tag(request.query_fields().text(field::LANG)) {
            visit.state.locale = Some(locale);
        } else if visit.state.locale.is_none() {
            visit.state.locale = request.header("accept-language").and_then(preferred);
        }
        let reply = visit.reply().await?;
        let response = visit.write(reply).await?;
        let after = visit.state.encode()?;
        if stored.as_deref() != Some(after.as_str()) && (stored.is_some() || !visit.is_nobody()) {
            session.save(after).await?;
        }
        Ok(response)
    }

    fn is_nobody(&self) -> bool {
        matches!(self.state.stage, Stage::Anonymous) && self.state.note.is_none()
    }

    async fn reply(&mut self) -> Result<Reply, Fault> {
        match self.request.method() {
            Method::Get | Method::Head => {}
            Method::Post => {
                if !self.is_from_here() {
                    tracing::warn!("a form from another origin was refused");
                    return Ok(Reply::Trouble(Trouble::Stale, None));
                }
                match Fields::of(self.request) {
                    Ok(fields) => self.fields = fields,
                    Err(bad) => return Ok(Reply::Trouble(Trouble::Unreadable(bad), None)),
                }
                let sent = self.fields.token(self.request);
                if !sent.is_some_and(|sent| self.state.csrf.is(&sent)) {
                    tracing::warn!("a form without the session's token was refused");
                    return Ok(Reply::Trouble(Trouble::Stale, Some(self.web.to(self.request.path()))));
                }
            }
            _ => return Ok(Reply::Trouble(Trouble::NotFound, None)),
        }
        let get = self.request.method().is_safe();
        match (self.request.path(), get) {
            (paths::CHALLENGE, true) => challenge::show(self).await,
            (paths::CHALLENGE, false) => challenge::answer(self).await,
            (paths::CHALLENGE_CHOOSE, true) => challenge::show_choice(self).await,
            (paths::CHALLENGE_CHOOSE, false) => challenge::choose(self).await,
            (paths::CHALLENGE_RESEND, false) => challenge::resend(self).await,
            (paths::CHALLENGE_CANCEL, false) => challenge::cancel(self).await,
            (paths::ENROL, true) => enrol::show(self).await,
            (paths::ENROL_APP, false) => enrol::begin_app(self).await,
            (paths::ENROL_EMAIL, true) => enrol::show_email(self).await,
            (paths::ENROL_EMAIL, false) => enrol::begin_email(self).await,
            (paths::ENROL_CONFIRM, true) => enrol::show_confirm(self).await,
            (paths::ENROL_CONFIRM, false) => enrol::confirm(self).await,
            (paths::ENROL_RESEND, false) => enrol::resend(self).await,
            (paths::ENROL_CANCEL, false) => enrol::cancel(self).await,
            (paths::BACKUP_CODES_NEW, true) => codes::ask(self).await,
            (paths::BACKUP_CODES_NEW, false) => codes::make(self).await,
            (paths::BACKUP_CODES_SAVED, false) => codes::saved(self).await,
            (paths::BACKUP_CODES_LOW, true) => codes::low(self).await,
            ("" | paths::SETTINGS, true) => settings::show(self).await,
            (paths::SETTINGS_RENAME, true) => settings::ask_name(self).await,
            (paths::SETTINGS_RENAME, false) => settings::rename(self).await,
            (paths::SETTINGS_REMOVE, true) => settings::ask_removal(self).await,
            (paths::SETTINGS_REMOVE, false) => settings::remove(self).await,
            (paths::SETTINGS_RESYNC, true) => settings::ask_codes(self).await,
            (paths::SETTINGS_RESYNC, false) => settings::resync(self).await,
            (paths::SETTINGS_SIGN_OUT_OTHERS, false) => settings::sign_out_others(self).await,
            (paths::REMINDER, true) => settings::reminder(self).await,
            (paths::REMINDER_SKIP, false) => settings::skip_reminder(self).await,
            _ => Ok(Reply::Trouble(Trouble::NotFound, None)),
        }
    }

    /// Whether a form comes from our own pages. A browser says so by `Sec-Fetch-Site` or `Origin`; what says
    /// neither is no browser with somebody else's cookies in it, and still needs the token.
    fn is_from_here(&self) -> bool {
        if let Some(site) = self.request.fetch_site() {
            return matches!(site, "same-origin" | "none");
        }
        let Some(origin) = self.request.header("origin") else { return true };
        if !self.web.origins().is_empty() {
            return self.web.origins().iter().any(|ours| ours == origin);
        }
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        authority.is_some() && authority == self.request.header("host")
    }

    pub(crate) fn text(&self) -> &'static Text {
        Text::of(self.state.locale.unwrap_or_default())
    }

    pub(crate) fn locale(&self) -> Locale {
        self.state.locale.unwrap_or_default()
    }

    pub(crate) fn to(&self, path: &str) -> Reply {
        Reply::To(self.web.to(path))
    }

    pub(crate) fn to_sign_in(&self) -> Reply {
        Reply::To(self.web.sign_in_page().to_owned())
    }

    /// Nobody with any business on this page: to where they have some.
    pub(crate) fn elsewhere(&self) -> Reply {
        match &self.state.stage {
            Stage::Pending(_) => self.to(paths::CHALLENGE),
            Stage::Enrolling { .. } => self.to(paths::ENROL),
            Stage::Refused(refusal) => Reply::refused(*refusal, Some(self.web.sign_in_page().to_owned())),
            Stage::SignedIn { .. } => self.to(paths::SETTINGS),
            Stage::Anonymous if self.request.wants_json() => Reply::refused(Refusal::SignInAgain, None),
            Stage::Anonymous => self.to_sign_in(),
        }
    }

    /// What follows a refusal that no form on this page can mend.
    pub(crate) async fn refuse(&mut self, refusal: Refusal) -> Result<Reply, Fault> {
        match refusal {
            Refusal::SignInAgain => {
                self.state.stage = Stage::Anonymous;
                self.session.rotate().await?;
                Ok(Reply::refused(refusal, Some(self.web.sign_in_page().to_owned())))
            }
            Refusal::StepUpRequired => {
                if !begin_step_up(self.web, &mut self.state).await? {
                    self.state.stage = Stage::Anonymous;
                    return Ok(Reply::refused(
                        Refusal::SignInAgain,
                        Some(self.web.sign_in_page().to_owned()),
                    ));
                }
                if self.request.wants_json() {
                    return Ok(Reply::refused(refusal, Some(self.web.to(paths::CHALLENGE))));
                }
                if self.request.method().is_safe() {
                    let query = self.request.query().map(|query| format!("?{query}")).unwrap_or_default();
                    let here = format!("{}{query}", self.web.to(self.request.path()));
                    self.state.going = Destination::new(&here);
                } else {
                    // What was posted is gone; the page the form stood on can be come back to.
                    self.state.going = Destination::new(&self.web.to(paths::SETTINGS));
                }
                Ok(self.to(paths::CHALLENGE))
            }
            _ => Ok(Reply::refused(refusal, None)),
        }
    }

    async fn write(&mut self, reply: Reply) -> Result<Response, Fault> {
        let json = self.request.wants_json();
        match reply {
            Reply::To(location) if json => Response::json(200, &json!({ "next": location })),
            Reply::To(location) => Ok(Response::see_other(&location)),
            Reply::Page { json: mut body, page } => {
                if json {
                    if let Some(object) = body.as_object_mut() {
                        // For the program's next POST, in the header or as a field.
                        object.insert(field::CSRF.to_owned(), self.state.csrf.as_secret().expose().into());
                    }
                    return Response::json(200, &body);
                }
                self.state.note = None;
                Ok(Response::html(200, page.render(&self.chrome())?))
            }
            Reply::Again { page, refusal } => {
                let status = if refusal.wait().is_some() { 429 } else { 422 };
                if json {
                    let detail = (self.text().refusal)(&refusal, None);
                    return Response::problem(&Problem::refused(status, refusal, detail));
                }
                Ok(Response::html(status, page.render(&self.chrome())?).with_wait_of(&refusal))
            }
            Reply::Trouble(trouble, _) if json => trouble_json(trouble, self.text()),
            Reply::Trouble(trouble, next) => problem_page(self.web, &self.state, trouble, next),
        }
    }

    fn chrome(&self) -> Chrome<'_> {
        chrome(self.web, &self.state, self.here())
    }

    /// The path of this page for the link to the other language; a page that only answers POST has none of its own.
    fn here(&self) -> &str {
        match self.request.path() {
            paths::CHALLENGE_RESEND | paths::CHALLENGE_CANCEL => paths::CHALLENGE,
            paths::ENROL_APP | paths::ENROL_CANCEL => paths::ENROL,
            paths::ENROL_RESEND => paths::ENROL_CONFIRM,
            paths::ENROL_CONFIRM if self.state.enrolment().is_none_or(|(_, ticket)| ticket.is_none()) => {
                paths::SETTINGS
            }
            paths::BACKUP_CODES_NEW | paths::BACKUP_CODES_SAVED if !self.request.method().is_safe() => {
                paths::SETTINGS
            }
            paths::SETTINGS_RENAME
            | paths::SETTINGS_REMOVE
            | paths::SETTINGS_RESYNC
            | paths::SETTINGS_SIGN_OUT_OTHERS => paths::SETTINGS,
            paths::REMINDER_SKIP => paths::REMINDER,
            path => path,
        }
    }
}

fn chrome<'a>(web: &'a Web, state: &'a State, here: &'a str) -> Chrome<'a> {
    Chrome {
        brand: web.brand(),
        text: Text::of(state.locale.unwrap_or_default()),
        mount: web.mount(),
        csrf: state.csrf.as_secret(),
        here,
        signed_in: state.is_signed_in(),
    }
}

/// The page that says why it does not go on here.
pub(crate) fn problem_page(
    web: &Web,
    state: &State,
    trouble: Trouble,
    next: Option<String>,
) -> Result<Response, Fault> {
    let page = ProblemPage { trouble, next };
    let html = page.render(&chrome(web, state, paths::SETTINGS))?;
    let response = Response::html(trouble.status(), html);
    Ok(match trouble {
        Trouble::Refused(refusal) => response.with_wait_of(&refusal),
        _ => response,
    })
}

fn trouble_json(trouble: Trouble, text: &Text) -> Result<Response, Fault> {
    let status = trouble.status();
    let problem = match trouble {
        Trouble::Refused(refusal) => Problem::refused(status, refusal, (text.refusal)(&refusal, None)),
        Trouble::NotFound => Problem::new(status, "there is no such page"),
        Trouble::Stale => {
            Problem::new(status, "the request has not the session's token or comes from elsewhere")
        }
        Trouble::Unreadable(bad) => Problem::new(status, bad.to_string()),
        Trouble::Fault => Problem::new(status, "the second factor can't be checked at the moment"),
    };
    Response::problem(&problem)
}

/// The answer to a fault: who asked learns nothing but that it isn't their doing.
pub(crate) fn failed(web: &Web, fault: &Fault, json: bool, text: &'static Text) -> Response {
    let cause = fault.source().map(ToString::to_string).unwrap_or_default();
    tracing::error!(kind = ?fault.kind(), cause, "{fault}");
    let answer = || {
        if json {
            return trouble_json(Trouble::Fault, text);
        }
        let state = State::new(Token::new(web.mfa())?);
        problem_page(web, &state, Trouble::Fault, None)
    };
    answer().unwrap_or_else(|_| Response::text(503, text.problem.fault))
}

/// The first of our languages that the browser asks for.
fn preferred(accept: &str) -> Option<Locale> {
    accept.split(',').find_map(|entry| {
        let tag = entry.split(';').next().unwrap_or_default().trim();
        locale_of_tag(tag.split('-').next().unwrap_or_default())
    })
}
