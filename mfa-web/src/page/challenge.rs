//! Pages of the challenge: choosing a method, having a code sent, entering a code.

use askama::Template;
use mfa_core::fault::Fault;
use mfa_core::port::sender::Purpose;
use mfa_core::refusal::Refusal;

use crate::page::input::Input;
use crate::page::{Chrome, Frame, Method, Page, written};
use crate::paths::field;
use crate::text::Text;
use crate::text::vocabulary::{MethodKind, Note};

/// Asks for a code of the chosen method; posts [`field::CODE`] to [`crate::paths::CHALLENGE`].
#[derive(Clone, Debug)]
pub struct ChallengePage {
    /// Sign-in or step-up, which gives the heading.
    pub purpose: Purpose,
    /// The kind of the chosen method.
    pub kind: MethodKind,
    /// How many digits (characters, for backup codes) a code has.
    pub length: u8,
    /// The other methods that can be chosen instead.
    pub others: Vec<Method>,
    /// For emailed codes: how many seconds until another may be asked for; zero for at once.
    pub cooldown: u64,
    /// What was just done.
    pub note: Option<Note>,
    /// Why the last try was not granted.
    pub error: Option<Refusal>,
}

/// Asks which method to use; posts [`field::METHOD`] to [`crate::paths::CHALLENGE_CHOOSE`].
#[derive(Clone, Debug)]
pub struct ChoosePage {
    /// Sign-in or step-up, which gives the heading.
    pub purpose: Purpose,
    /// All methods that can be chosen.
    pub methods: Vec<Method>,
    /// What was just done.
    pub note: Option<Note>,
    /// Why the last try was not granted.
    pub error: Option<Refusal>,
}

/// Offers to send a code by email before any is out; posts to [`crate::paths::CHALLENGE_RESEND`].
#[derive(Clone, Debug)]
pub struct SendPage {
    /// Sign-in or step-up, which gives the heading.
    pub purpose: Purpose,
    /// The other methods that can be chosen instead.
    pub others: Vec<Method>,
    /// What was just done.
    pub note: Option<Note>,
    /// Why the last try was not granted.
    pub error: Option<Refusal>,
}

struct Choice<'a> {
    value: &'a str,
    label: String,
}

fn choices<'a>(t: &Text, methods: &'a [Method]) -> Vec<Choice<'a>> {
    methods
        .iter()
        .map(|method| {
            let label = match method.kind {
                MethodKind::App => t.challenge.use_app,
                MethodKind::Email => t.challenge.use_email,
                MethodKind::BackupCode => t.challenge.use_backup,
            };
            Choice {
                value: &method.value,
                label: match &method.name {
                    Some(name) => format!("{label}: {name}"),
                    None => label.to_owned(),
                },
            }
        })
        .collect()
}

fn is_step_up(purpose: Purpose) -> bool {
    purpose == Purpose::StepUp
}

fn cancel(t: &'static Text, purpose: Purpose) -> &'static str {
    if is_step_up(purpose) { t.shell.cancel } else { t.challenge.cancel_sign_in }
}

#[derive(Template)]
#[template(path = "challenge.html")]
struct ChallengeHtml<'a> {
    f: &'a Frame<'a>,
    t: &'static Text,
    step_up: bool,
    heading: &'static str,
    lead: Option<&'static str>,
    email: bool,
    input: Input<'a>,
    wait: Option<String>,
    others: Vec<Choice<'a>>,
    cancel: &'static str,
}

impl Page for ChallengePage {
    fn render(&self, chrome: &Chrome<'_>) -> Result<String, Fault> {
        let t = chrome.text;
        let c = &t.challenge;
        let (heading, lead, label) = match self.kind {
            MethodKind::App => (c.app_heading, c.app_lead, c.code_label),
            MethodKind::Email => (c.email_heading, c.email_lead, c.code_label),
            MethodKind::BackupCode => (c.backup_heading, c.backup_lead, c.backup_label),
        };
        let hint = match self.kind {
            MethodKind::BackupCode => (c.backup_hint)(self.length),
            _ => (c.code_hint)(self.length),
        };
        let sent = !matches!(self.error, Some(Refusal::NotDelivered | Refusal::NoCodeSent));
        let step_up = is_step_up(self.purpose);
        let title = if step_up { c.step_up_heading } else { heading };
        let f = Frame::new(chrome, title).noted(self.note.as_ref()).refused(
            self.error,
            Some(self.kind),
            field::CODE,
        );
        written(&ChallengeHtml {
            f: &f,
            t,
            step_up,
            heading,
            // "We have sent" beside "we could not send" would be a riddle.
            lead: sent.then_some(lead),
            email: self.kind == MethodKind::Email,
            input: Input::code(&f, field::CODE, label, hint, self.kind),
            wait: (self.cooldown > 0).then(|| (c.resend_wait)((t.span)(self.cooldown))),
            others: choices(t, &self.others),
            cancel: cancel(t, self.purpose),
        })
    }
}

#[derive(Template)]
#[template(path = "choose.html")]
struct ChooseHtml<'a> {
    f: &'a Frame<'a>,
    t: &'static Text,
    step_up: bool,
    others: Vec<Choice<'a>>,
    cancel: &'static str,
}

impl Page for ChoosePage {
    fn render(&self, chrome: &Chrome<'_>) -> Result<String, Fault> {
        let t = chrome.text;
        let f = Frame::new(chrome, t.challenge.choose_heading)
            .noted(self.note.as_ref())
            .refused(self.error, None, "");
        written(&ChooseHtml {
            f: &f,
            t,
            step_up: is_step_up(self.purpose),
            others: choices(t, &self.methods),
            cancel: cancel(t, self.purpose),
        })
    }
}

#[derive(Template)]
#[template(path = "send.html")]
struct SendHtml<'a> {
    f: &'a Frame<'a>,
    t: &'static Text,
    step_up: bool,
    others: Vec<Choice<'a>>,
    cancel: &'static str,
}

impl Page for SendPage {
    fn render(&self, chrome: &Chrome<'_>) -> Result<String, Fault> {
        let t = chrome.text;
        let step_up = is_step_up(self.purpose);
        let title = if step_up { t.challenge.step_up_heading } else { t.challenge.send_heading };
        let f = Frame::new(chrome, title).noted(self.note.as_ref()).refused(
            self.error,
            Some(MethodKind::Email),
            "",
        );
        written(&SendHtml {
            f: &f,
            t,
            step_up,
            others: choices(t, &self.others),
            cancel: cancel(t, self.purpose),
        })
    }
}
