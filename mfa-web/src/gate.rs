//! The gate: who may pass to a guarded route, and what everybody else is answered.

use mfa_core::fault::Fault;
use mfa_core::refusal::Refusal;
use mfa_core::service::{Demand, Gate};

use crate::destination::Destination;
use crate::handler::trouble::problem_page;
use crate::header;
use crate::message::{Method, Problem, Response};
use crate::page::problem::Trouble;
use crate::paths;
use crate::session::{Session, SignedIn, Stage, State};
use crate::step_up::begin_step_up;
use crate::web::Web;

/// What was asked for at a guarded route. Borrowed, because only who is stopped needs to know.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    method: Method,
    path_and_query: &'a str,
    accept: &'a str,
}

impl<'a> Asked<'a> {
    /// A request by its method, its full path with query, and its `Accept` header.
    pub fn new(method: Method, path_and_query: &'a str, accept: Option<&'a str>) -> Self {
        Self { method, path_and_query, accept: accept.unwrap_or_default() }
    }

    pub(crate) fn wants_json(&self) -> bool {
        let json =
            self.accept.contains("application/json") || self.accept.contains("application/problem+json");
        json && !self.accept.contains("text/html")
    }

    /// Where to come back to: only a page can be, a form that was sent is gone.
    fn destination(&self) -> Option<Destination> {
        self.method.is_safe().then(|| Destination::new(self.path_and_query)).flatten()
    }
}

/// What the gate says.
#[derive(Debug)]
#[must_use = "only Passage::Open lets the request through"]
pub enum Passage {
    /// Come through; this is who it is.
    Open(SignedIn),
    /// Answer this instead.
    Stopped(Response),
}

pub(crate) async fn pass(
    web: &Web,
    session: &impl Session,
    demand: Demand,
    asked: &Asked<'_>,
) -> Result<Passage, Fault> {
    let Some(text) = session.load().await? else { return to_sign_in(web, asked) };
    let standing = State::standing_in(&text)?;
    let gate = match &standing {
        Some(standing) => Some(web.mfa().check(standing, demand).await?),
        None => None,
    };
    if let (Some(Gate::Open), Some(standing)) = (&gate, standing) {
        return Ok(Passage::Open(SignedIn::new(standing)));
    }
    // On the heap: what it takes to stop somebody would otherwise be room made for everybody who passes.
    Box::pin(stop(web, session, &text, gate, demand, asked)).await
}

/// Answers somebody whom the gate doesn't let through; `gate` is what it says of who is in.
async fn stop(
    web: &Web,
    session: &impl Session,
    text: &str,
    gate: Option<Gate>,
    demand: Demand,
    asked: &Asked<'_>,
) -> Result<Passage, Fault> {
    let mut state = State::decode(text)?;
    let Some(gate) = gate else {
        return match &state.stage {
            Stage::Pending(_) | Stage::Refused(_) => {
                detour(web, session, state, asked, demand, paths::CHALLENGE).await
            }
            Stage::Enrolling { .. } => detour(web, session, state, asked, demand, paths::ENROL).await,
            Stage::Anonymous | Stage::SignedIn { .. } => to_sign_in(web, asked),
        };
    };
    match gate {
        Gate::StepUp => {
            if !begin_step_up(web, &mut state).await? {
                return to_sign_in(web, asked);
            }
            detour(web, session, state, asked, demand, paths::CHALLENGE).await
        }
        Gate::MustEnrol(_) => detour(web, session, state, asked, demand, paths::ENROL).await,
        Gate::NoMethodLeft => {
            let refusal = Refusal::NoMethodLeft;
            Ok(Passage::Stopped(if asked.wants_json() {
                Response::problem(&Problem::refused(403, refusal, refusal.to_string()))?
            } else {
                problem_page(web, &state, Trouble::Refused(refusal), None)?
            }))
        }
        // The session was ended elsewhere, or the answer is one we don't know.
        _ => {
            state.stage = Stage::Anonymous;
            session.rotate().await?;
            session.save(state.encode()?).await?;
            to_sign_in(web, asked)
        }
    }
}

async fn detour(
    web: &Web,
    session: &impl Session,
    mut state: State,
    asked: &Asked<'_>,
    demand: Demand,
    path: &str,
) -> Result<Passage, Fault> {
    let home = web.brand().home_path();
    if let Some(destination) = asked.destination().filter(|_| !asked.wants_json()) {
        // Somebody who looks at the home page half way still wants to go where they were going.
        if state.going.is_none() || destination.as_str() != home {
            state.going = Some(destination);
        }
    }
    session.save(state.encode()?).await?;
    if !asked.wants_json() {
        return Ok(Passage::Stopped(Response::see_other(&web.to(path))));
    }
    let refusal = Refusal::StepUpRequired;
    let problem = Response::problem(&Problem::refused(401, refusal, refusal.to_string()))?;
    Ok(Passage::Stopped(problem.with_header(header::AUTHENTICATE, step_up_challenge(demand))))
}

/// RFC 9470 §3: what a program has to bring.
fn step_up_challenge(demand: Demand) -> String {
    let mut challenge = header::STEP_UP.to_owned();
    if let Some(span) = demand.fresh_within {
        challenge.push_str(&format!(", max_age=\"{}\"", span.as_secs()));
    }
    challenge
}

fn to_sign_in(web: &Web, asked: &Asked<'_>) -> Result<Passage, Fault> {
    if asked.wants_json() {
        let refusal = Refusal::SignInAgain;
        return Response::problem(&Problem::refused(401, refusal, refusal.to_string())).map(Passage::Stopped);
    }
    Ok(Passage::Stopped(Response::see_other(&web.sign_in_page_for(asked.destination().as_ref()))))
}
