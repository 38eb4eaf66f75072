//! Pages: view models with what a page says, rendered to HTML within the host's chrome.
//!
//! Every form carries the token of [`Chrome::csrf`] in the field [`crate::paths::field::CSRF`]; no page has
//! inline style or script, and all of them work without a script.

use askama::Template;
use mfa_core::fault::{Fault, FaultKind};
use mfa_core::port::sender::Locale;
use mfa_core::refusal::Refusal;
use mfa_core::secret::SecretText;

use crate::asset;
use crate::brand::Brand;
use crate::paths::field;
use crate::text::Text;
use crate::text::vocabulary::{MethodKind, Note};

pub mod challenge;
pub mod codes;
pub mod enrol;
mod input;
pub mod problem;
pub mod settings;

/// What stands around every page, and what its forms need.
#[derive(Clone, Copy, Debug)]
pub struct Chrome<'a> {
    /// The host's face.
    pub brand: &'a Brand,
    /// The language to speak.
    pub text: &'static Text,
    /// The path the pages are mounted at: `/account/security`. Empty for the root.
    pub mount: &'a str,
    /// The session's token against forged forms.
    pub csrf: &'a SecretText,
    /// The GET path (and query) of this page below the mount, for the link to the other language. A page that
    /// answers a POST gives the path of the page the form stood on.
    pub here: &'a str,
    /// Whether somebody is signed in, so that the way out is offered.
    pub signed_in: bool,
}

impl Chrome<'_> {
    /// The address of a path below the mount. A slash at the path's start is dropped: `//host` would be another
    /// site.
    pub fn to(&self, path: &str) -> String {
        let path = path.trim_start_matches(['/', '\\']);
        format!("{}/{path}", self.mount.trim_end_matches('/'))
    }
}

/// A page that can be rendered.
///
/// ```
/// use mfa_core::port::sender::Locale;
/// use mfa_core::secret::SecretText;
/// use mfa_web::brand::Brand;
/// use mfa_web::page::problem::{ProblemPage, Trouble};
/// use mfa_web::page::{Chrome, Page};
/// use mfa_web::text::Text;
///
/// let chrome = Chrome {
///     brand: &Brand::new("Hillside School"),
///     text: Text::of(Locale::Welsh),
///     mount: "/security",
///     csrf: &SecretText::from("token of the session"),
///     here: "settings",
///     signed_in: true,
/// };
/// let html = ProblemPage { trouble: Trouble::NotFound, next: None }.render(&chrome)?;
/// assert!(html.contains("<h1>Heb ddod o hyd i’r dudalen</h1>"));
/// # Ok::<(), mfa_core::fault::Fault>(())
/// ```
pub trait Page {
    /// The whole HTML document.
    ///
    /// # Errors
    /// If the template can't be written, which is a fault of ours.
    fn render(&self, chrome: &Chrome<'_>) -> Result<String, Fault>;
}

fn written(template: &impl Template) -> Result<String, Fault> {
    template.render().map_err(|error| Fault::caused_by(FaultKind::Internal, error))
}

/// A method as the challenge offers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method {
    /// What is posted in [`field::METHOD`] to choose it.
    pub value: String,
    /// Its kind, which gives the wording.
    pub kind: MethodKind,
    /// Its name, where there are several of a kind. Never an address: a challenge does not reveal it.
    pub name: Option<String>,
}

struct Problem {
    target: Option<&'static str>,
    text: String,
}

/// What the layout template sees.
struct Frame<'a> {
    chrome: &'a Chrome<'a>,
    t: &'static Text,
    title: String,
    problems: Vec<Problem>,
    note: Option<String>,
    warning: bool,
}

struct Language {
    tag: &'static str,
    name: &'static str,
    href: String,
    current: bool,
}

impl<'a> Frame<'a> {
    fn new(chrome: &'a Chrome<'a>, title: impl Into<String>) -> Self {
        Self { chrome, t: chrome.text, title: title.into(), problems: Vec::new(), note: None, warning: false }
    }

    fn noted(mut self, note: Option<&Note>) -> Self {
        self.warning = matches!(note, Some(Note::StartedAgain { .. }));
        self.note = note.map(self.t.note);
        self
    }

    /// Adds a refusal to the summary, linked to the field if it is about what was typed there.
    fn refused(mut self, refusal: Option<Refusal>, kind: Option<MethodKind>, target: &'static str) -> Self {
        if let Some(refusal) = refusal {
            self.problems.push(Problem {
                target: (about_input(&refusal) && !target.is_empty()).then_some(target),
                text: (self.t.refusal)(&refusal, kind),
            });
        }
        self
    }

    fn problem_of(&self, target: &str) -> Option<&str> {
        self.problems
            .iter()
            .find(|problem| problem.target == Some(target))
            .map(|problem| problem.text.as_str())
    }

    fn to(&self, path: &str) -> String {
        self.chrome.to(path)
    }

    fn style(&self) -> String {
        self.to(asset::STYLE.path())
    }

    fn script(&self) -> String {
        self.to(asset::SCRIPT.path())
    }

    fn token(&self) -> &str {
        // It stands in the page's own forms: that is what it is for.
        self.chrome.csrf.expose()
    }

    fn languages(&self) -> Vec<Language> {
        let join = if self.chrome.here.contains('?') { '&' } else { '?' };
        [(Locale::English, "English"), (Locale::Welsh, "Cymraeg")]
            .into_iter()
            .map(|(locale, name)| Language {
                tag: locale.tag(),
                name,
                href: format!("{}{join}{}={}", self.to(self.chrome.here), field::LANG, locale.tag()),
                current: locale == self.t.locale,
            })
            .collect()
    }
}

fn about_input(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::WrongCode { .. }
            | Refusal::UsedCode { .. }
            | Refusal::ExpiredCode
            | Refusal::CodeLength { .. }
            | Refusal::CodeCharacters
            | Refusal::NotConsecutive { .. }
            | Refusal::BadAddress
            | Refusal::AlreadyBound
            | Refusal::BadName
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stay_below_the_mount() {
        let brand = Brand::new("S");
        let token = SecretText::from("t");
        let mut chrome = Chrome {
            brand: &brand,
            text: Text::of(Locale::English),
            mount: "/security/",
            csrf: &token,
            here: "",
            signed_in: false,
        };
        assert_eq!(chrome.to("challenge"), "/security/challenge");
        chrome.mount = "";
        for path in ["/evil.example", "//evil.example", "/\\evil.example"] {
            assert_eq!(chrome.to(path), "/evil.example");
        }
    }
}
