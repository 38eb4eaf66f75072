//! Pages of enrolment: what to set up, the authenticator app, the email address, and the reminder.

use askama::Template;
use mfa_core::fault::Fault;
use mfa_core::refusal::Refusal;
use mfa_core::secret::SecretText;
use mfa_core::time::Timestamp;

use crate::page::input::Input;
use crate::page::{Chrome, Frame, Page, written};
use crate::paths::field;
use crate::text::Text;
use crate::text::vocabulary::{MethodKind, Note};

/// Why a person is on the enrolment pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// They chose to.
    Chosen,
    /// Policy will require it from a time on; they may still put it off.
    RequiredFrom(Timestamp),
    /// Policy requires it, since a time if one is known: there is no way on without.
    Required(Option<Timestamp>),
}

impl Why {
    fn sentence(self, t: &Text, service: &str) -> Option<String> {
        match self {
            Self::Chosen => None,
            Self::RequiredFrom(at) => Some((t.enrol.required_from)(service, (t.date_time)(at))),
            Self::Required(Some(at)) => Some((t.enrol.required_since)(service, (t.date_time)(at))),
            Self::Required(None) => Some((t.enrol.required)(service)),
        }
    }

    fn cancel(self, t: &'static Text) -> &'static str {
        match self {
            Self::Required(_) => t.challenge.cancel_sign_in,
            _ => t.shell.cancel,
        }
    }
}

/// Asks what to set up: posts to [`crate::paths::ENROL_APP`], or leads to [`crate::paths::ENROL_EMAIL`].
#[derive(Clone, Debug)]
pub struct EnrolPage {
    /// Why.
    pub why: Why,
    /// Whether an app can be set up.
    pub app: bool,
    /// Whether an email address can be set up.
    pub email: bool,
    /// What was just done.
    pub note: Option<Note>,
    /// Why the last try was not granted.
    pub error: Option<Refusal>,
}

/// Which codes confirm an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirm {
    /// One code, in [`field::CODE`].
    One,
    /// Two codes in a row: [`field::CODE`], then [`field::CODE_2`].
    Two,
}

/// Shows the new key as QR code, link and text, and asks for a code; posts to [`crate::paths::ENROL_CONFIRM`].
#[derive(Clone, Debug)]
pub struct EnrolAppPage {
    /// Why.
    pub why: Why,
    /// The QR code as an SVG element, made by `mfa-core`. It is put into the page as it is.
    pub qr_svg: SecretText,
    /// The `otpauth:` URI.
    pub uri: SecretText,
    /// The key in base32, without spaces: the page shows it in fours.
    pub key: SecretText,
    /// How many digits a code has.
    pub length: u8,
    /// One code or two.
    pub confirm: Confirm,
    /// How many seconds are left before the key is forgotten.
    pub seconds_left: u64,
    /// Why the last try was not granted.
    pub error: Option<Refusal>,
    /// Whether that is about the second code.
    pub error_on_second: bool,
}

/// Asks for an email address; posts [`field::EMAIL`] to [`crate::paths::ENROL_EMAIL`].
#[derive(Clone, Debug)]
pub struct EnrolEmailPage {
    /// Why.
    pub why: Why,
    /// What was typed, or what the host knows already.
    pub address: Option<SecretText>,
    /// Why the last try was not granted.
    pub error: Option<Refusal>,
}

/// Asks for the code that was sent to the new address; posts to [`crate::paths::ENROL_CONFIRM`].
#[derive(Clone, Debug)]
pub struct EnrolEmailCodePage {
    /// Why.
    pub why: Why,
    /// The address that was just typed, shown so that a slip is noticed.
    pub address: SecretText,
    /// How many digits a code has.
    pub length: u8,
    /// How many seconds until another code may be asked for.
    pub cooldown: u64,
    /// What was just done.
    pub note: Option<Note>,
    /// Why the last try was not granted.
    pub error: Option<Refusal>,
}

/// Suggests setting up a second factor; leads to [`crate::paths::ENROL`] or posts to [`crate::paths::REMINDER_SKIP`].
#[derive(Clone, Debug)]
pub struct ReminderPage {
    /// Whether an email address can be set up.
    pub email: bool,
    /// From when on it will be required, if it will.
    pub required_from: Option<Timestamp>,
}

#[derive(Template)]
#[template(path = "enrol.html")]
struct EnrolHtml<'a> {
    f: &'a Frame<'a>,
    t: &'static Text,
    v: &'a EnrolPage,
    why: Option<String>,
    cancel: &'static str,
}

impl Page for EnrolPage {
    fn render(&self, chrome: &Chrome<'_>) -> Result<String, Fault> {
        let t = chrome.text;
        let f = Frame::new(chrome, t.enrol.choice_heading)
            .noted(self.note.as_ref())
            .refused(self.error, None, "");
        written(&EnrolHtml {
            f: &f,
            t,
            v: self,
            why: self.why.sentence(t, chrome.brand.service()),
            cancel: self.why.cancel(t),
        })
    }
}

#[derive(Template)]
#[template(path = "enrol_app.html")]
struct EnrolAppHtml<'a> {
    f: &'a Frame<'a>,
    t: &'static Text,
    v: &'a EnrolAppPage,
    key_in_fours: SecretText,
    first: Input<'a>,
    second: Option<Input<'a>>,
    minutes: String,
    cancel: &'static str,
}

impl Page for EnrolAppPage {
    fn render(&self, chrome: &Chrome<'_>) -> Result<String, Fault> {
        let t = chrome.text;
        let target = if self.error_on_second { field::CODE_2 } else { field::CODE };
        let f = Frame::new(chrome, t.enrol.app_heading).refused(self.error, Some(MethodKind::App), target);
        let (first, second) = match self.confirm {
            Confirm::One => (one_code(&f, self.length), None),
            Confirm::Two => {
                let (first, second) = two_codes(&f, self.length);
                (first, Some(second))
            }
        };
        written(&EnrolAppHtml {
            f: &f,
            t,
            v: self,
            key_in_fours: in_fours(&self.key),
            first,
            second,
            minutes: (t.enrol.minutes)(self.seconds_left.div_ceil(60).max(1)),
            cancel: self.why.cancel(t),
        })
    }
}

pub(super) fn one_code<'a>(f: &'a Frame<'_>, length: u8) -> Input<'a> {
    let c = &f.t.challenge;
    Input::code(f, field::CODE, c.code_label, (c.code_hint)(length), MethodKind::App)
}

/// The first code and the one after it, in that order.
pub(super) fn two_codes<'a>(f: &'a Frame<'_>, length: u8) -> (Input<'a>, Input<'a>) {
    let t = &f.t.enrol;
    let hint = (f.t.challenge.code_hint)(length);
    (
        Input::code(f, field::CODE, t.first_label, hint, MethodKind::App),
        Input::code(f, field::CODE_2, t.second_label, t.second_hint.to_owned(), MethodKind::App),
    )
}

fn in_fours(key: &SecretText) -> SecretText {
    let mut spaced = String::with_capacity(key.len() * 5 / 4 + 1);
    for (at, c) in key.expose().chars().filter(|c| !c.is_whitespace()).enumerate() {
        if at > 0 && at % 4 == 0 {
            spaced.push(' ');
        }
        spaced.push(c);
    }
    SecretText::new(spaced)
}

#[derive(Template)]
#[template(path = "enrol_email.html")]
struct EnrolEmailHtml<'a> {
    f: &'a Frame<'a>,
    t: &'static Text,
    input: Input<'a>,
    cancel: &'static str,
}

impl Page for EnrolEmailPage {
    fn render(&self, chrome: &Chrome<'_>) -> Result<String, Fault> {
        let t = chrome.text;
        let f = Frame::new(chrome, t.enrol.email_heading).refused(self.error, None, field::EMAIL);
        let value = self.address.as_ref().map(SecretText::expose).unwrap_or_default();
        written(&EnrolEmailHtml { f: &f, t, input: Input::email(&f, value), cancel: self.why.cancel(t) })
    }
}

#[derive(Template)]
#[template(path = "enrol_email_code.html")]
struct EnrolEmailCodeHtml<'a> {
    f: &'a Frame<'a>,
    t: &'static Text,
    v: &'a EnrolEmailCodePage,
    input: Input<'a>,
    wait: Option<String>,
    cancel: &'static str,
}

impl Page for EnrolEmailCodePage {
    fn render(&self, chrome: &Chrome<'_>) -> Result<String, Fault> {
        let t = chrome.text;
        let f = Frame::new(chrome, t.enrol.email_code_heading).noted(self.note.as_ref()).refused(
            self.error,
            Some(MethodKind::Email),
            field::CODE,
        );
        written(&EnrolEmailCodeHtml {
            f: &f,
            t,
            v: self,
            input: one_code(&f, self.length),
            wait: (self.cooldown > 0).then(|| (t.challenge.resend_wait)((t.span)(self.cooldown))),
            cancel: self.why.cancel(t),
        })
    }
}

#[derive(Template)]
#[template(path = "reminder.html")]
struct ReminderHtml<'a> {
    f: &'a Frame<'a>,
    t: &'static Text,
    email: bool,
    why: Option<String>,
}

impl Page for ReminderPage {
    fn render(&self, chrome: &Chrome<'_>) -> Result<String, Fault> {
        let t = chrome.text;
        let f = Frame::new(chrome, t.enrol.reminder_heading);
        written(&ReminderHtml {
            f: &f,
            t,
            email: self.email,
            why: self.required_from.and_then(|at| Why::RequiredFrom(at).sentence(t, chrome.brand.service())),
        })
    }
}
