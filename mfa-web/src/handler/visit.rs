//! One visit to the pages: what handlers know of it, and where it goes when a page has no business with it.

use mfa_core::fault::Fault;
use mfa_core::port::sender::Locale;
use mfa_core::refusal::Refusal;

use crate::destination::Destination;
use crate::handler::fields::Fields;
use crate::handler::reply::Reply;
use crate::message::Request;
use crate::paths;
use crate::session::{Session, Stage, State};
use crate::step_up::begin_step_up;
use crate::text::Text;
use crate::web::Web;

/// One visit.
pub(crate) struct Visit<'a, S> {
    pub(crate) web: &'a Web,
    pub(crate) session: &'a S,
    pub(crate) request: &'a Request,
    pub(crate) state: State,
    pub(crate) fields: Fields,
}

impl<S: Session> Visit<'_, S> {
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
                Ok(Reply::refused(refusal, Some(self.web.sign_in_page_for(self.state.going.as_ref()))))
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
                    let page = match self.request.path() {
                        paths::ENROL_CONFIRM => paths::ENROL_CONFIRM,
                        _ => paths::SETTINGS,
                    };
                    self.state.going = Destination::new(&self.web.to(page));
                }
                Ok(self.to(paths::CHALLENGE))
            }
            _ => Ok(Reply::refused(refusal, None)),
        }
    }
}
