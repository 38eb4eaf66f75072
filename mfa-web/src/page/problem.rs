//! The page that says why it does not go on here, and what to do next.

use askama::Template;
use mfa_core::fault::Fault;
use mfa_core::refusal::Refusal;

use crate::message::BadForm;
use crate::page::{Chrome, Frame, Page, written};
use crate::text::Text;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// A refusal that no form can mend: the attempt is over, or one has to wait.
    Refused(Refusal),
    /// There is no such page.
    NotFound,
    /// The form was not one of this session's, or too old.
    Stale,
    /// What was posted is not in a shape we read; no form of ours is.
    Unreadable(BadForm),
    /// A fault. The page says nothing about it: the operator reads the log.
    Fault,
}

impl Trouble {
    /// The HTTP status that goes with it.
    pub fn status(self) -> u16 {
        match self {
            Self::Refused(Refusal::Throttled { .. } | Refusal::Cooldown { .. }) => 429,
            Self::Unreadable(bad) => bad.status(),
            Self::Refused(Refusal::Busy) | Self::Fault => 503,
            Self::Refused(Refusal::SignInAgain | Refusal::StepUpRequired) => 401,
            Self::Refused(Refusal::FactorUnknown) | Self::NotFound => 404,
            Self::Refused(Refusal::OwnAccount | Refusal::LastFactor | Refusal::NoMethodLeft)
            | Self::Stale => 403,
            Self::Refused(_) => 409,
        }
    }
}

/// Says what happened and where to go.
#[derive(Clone, Debug)]
pub struct ProblemPage {
    /// What happened.
    pub trouble: Trouble,
    /// The address of the way on, if there is a better one than home. It is on this site.
    pub next: Option<String>,
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemHtml<'a> {
    f: &'a Frame<'a>,
    paragraphs: Vec<String>,
    href: &'a str,
    button: &'static str,
}

impl Page for ProblemPage {
    fn render(&self, chrome: &Chrome<'_>) -> Result<String, Fault> {
        let t = chrome.text;
        let p = &t.problem;
        let (heading, paragraphs) = match self.trouble {
            Trouble::Refused(refusal) => (heading(t, refusal), vec![(t.refusal)(&refusal, None)]),
            Trouble::NotFound => (p.not_found_heading, vec![p.not_found.to_owned()]),
            Trouble::Stale | Trouble::Unreadable(_) => (p.stale_heading, vec![p.stale.to_owned()]),
            Trouble::Fault => (p.fault_heading, vec![p.fault.to_owned(), p.fault_safe.to_owned()]),
        };
        let button = match (&self.next, self.trouble) {
            (None, _) => p.go_home,
            (Some(_), Trouble::Refused(Refusal::Throttled { .. } | Refusal::Busy) | Trouble::Fault) => {
                p.try_again
            }
            (Some(_), _) => p.start_again,
        };
        written(&ProblemHtml {
            f: &Frame::new(chrome, heading),
            paragraphs,
            href: self.next.as_deref().unwrap_or(chrome.brand.home_path()),
            button,
        })
    }
}

fn heading(t: &'static Text, refusal: Refusal) -> &'static str {
    let p = &t.problem;
    match refusal {
        Refusal::ChallengeFailed => p.failed_heading,
        Refusal::ChallengeExpired => p.expired_heading,
        Refusal::ChallengeUnknown => p.unknown_heading,
        Refusal::Throttled { .. } | Refusal::Cooldown { .. } => p.throttled_heading,
        Refusal::NoMethodLeft => p.no_method_heading,
        Refusal::Busy => p.busy_heading,
        Refusal::SignInAgain => p.sign_in_heading,
        Refusal::StepUpRequired => t.challenge.step_up_heading,
        _ => p.other_heading,
    }
}

#[cfg(test)]
mod tests {
    use mfa_core::port::sender::Locale;

    use super::{Refusal, Text, heading};

    #[test]
    fn what_ends_an_attempt_has_a_heading_of_its_own() {
        for locale in Locale::ALL.iter().copied() {
            let t = Text::of(locale);
            let mut headings: Vec<_> = [
                Refusal::ChallengeFailed,
                Refusal::ChallengeExpired,
                Refusal::ChallengeUnknown,
                Refusal::Throttled { seconds: 60 },
                Refusal::NoMethodLeft,
                Refusal::Busy,
                Refusal::SignInAgain,
                Refusal::StepUpRequired,
                Refusal::OwnAccount,
            ]
            .map(|refusal| heading(t, refusal))
            .into();
            headings.sort_unstable();
            headings.dedup();
            assert_eq!(headings.len(), 9, "{headings:?}");
            assert!(headings.contains(&t.problem.other_heading), "{headings:?}");
        }
    }
}
