//! The answers that say why it does not go on: a refusal, a page that isn't there, a fault.

use std::error::Error as _;

use mfa_core::fault::Fault;

use crate::message::{Problem, Response};
use crate::page::problem::{ProblemPage, Trouble};
use crate::page::{Chrome, Page};
use crate::paths;
use crate::session::State;
use crate::text::Text;
use crate::token::Token;
use crate::web::Web;

pub(super) fn chrome<'a>(web: &'a Web, state: &'a State, here: &'a str) -> Chrome<'a> {
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

pub(super) fn trouble_json(trouble: Trouble, text: &Text) -> Result<Response, Fault> {
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
