//! From a request to an answer: reads the session, keeps forged forms out, finds the handler, writes the answer.

use mfa_core::fault::Fault;
use mfa_core::port::sender::Locale;
use serde_json::json;

use crate::asset;
use crate::handler::fields::Fields;
use crate::handler::reply::Reply;
use crate::handler::trouble::{chrome, problem_page, trouble_json};
use crate::handler::visit::Visit;
use crate::handler::{challenge, codes, enrol, settings};
use crate::message::{Method, Problem, Request, Response};
use crate::page::Chrome;
use crate::page::problem::Trouble;
use crate::paths::{self, field};
use crate::session::{Session, State};
use crate::text::locale_of_tag;
use crate::token::Token;
use crate::web::Web;

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
        // Who comes without a session gets none by looking, and nothing else can be done without one's token.
        if stored.is_some_and(|before| before != after) {
            session.save(after).await?;
        }
        Ok(response)
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
                    return Ok(Reply::Trouble(Trouble::Stale, Some(self.web.to(self.here()))));
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

/// The first of our languages that the browser asks for.
fn preferred(accept: &str) -> Option<Locale> {
    accept.split(',').find_map(|entry| {
        let tag = entry.split(';').next().unwrap_or_default().trim();
        locale_of_tag(tag.split('-').next().unwrap_or_default())
    })
}
