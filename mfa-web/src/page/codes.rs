//! Pages of backup codes: asking for new ones, and showing them, once.

use std::fmt::Write as _;

use askama::Template;
use mfa_core::fault::Fault;
use mfa_core::secret::SecretText;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::page::{Chrome, Frame, Page, written};
use crate::text::Text;
use crate::text::vocabulary::Note;

/// Asks before new codes are made, since they end the old ones; posts to [`crate::paths::BACKUP_CODES_NEW`].
#[derive(Clone, Debug)]
pub struct NewCodesPage {
    /// How many codes of the present set are left, if there is one.
    pub left: Option<u8>,
}

/// Shows new codes, the only time; posts to [`crate::paths::BACKUP_CODES_SAVED`].
///
/// Render it in the answer to the POST that made them and nowhere else: they are kept in no session. The
/// download is part of the page, so that no address ever serves them.
#[derive(Clone, Debug)]
pub struct CodesPage {
    /// The codes, in fours as they are to be shown.
    pub codes: Vec<SecretText>,
    /// What was just done: that a method was added, for instance.
    pub note: Option<Note>,
}

/// Says after a sign-in by backup code how few are left, at [`crate::paths::BACKUP_CODES_LOW`]; leads to new
/// ones or on.
#[derive(Clone, Debug)]
pub struct LowCodesPage {
    /// How many are left.
    pub left: u8,
    /// The address of where the person was going. It is on this site.
    pub next: String,
}

#[derive(Template)]
#[template(path = "codes_low.html")]
struct LowCodesHtml<'a> {
    f: &'a Frame<'a>,
    t: &'static Text,
    v: &'a LowCodesPage,
}

impl Page for LowCodesPage {
    fn render(&self, chrome: &Chrome<'_>) -> Result<String, Fault> {
        let t = chrome.text;
        let heading = match self.left {
            0 => t.codes.last.to_owned(),
            left => (t.codes.low)(left),
        };
        written(&LowCodesHtml { f: &Frame::new(chrome, heading.trim_end_matches('.')), t, v: self })
    }
}

#[derive(Template)]
#[template(path = "codes_new.html")]
struct NewCodesHtml<'a> {
    f: &'a Frame<'a>,
    t: &'static Text,
    replaces: Option<String>,
}

impl Page for NewCodesPage {
    fn render(&self, chrome: &Chrome<'_>) -> Result<String, Fault> {
        let t = chrome.text;
        let heading = if self.left.is_some() { t.codes.new_heading } else { t.codes.first_heading };
        written(&NewCodesHtml {
            f: &Frame::new(chrome, heading),
            t,
            replaces: self.left.map(t.codes.new_replaces),
        })
    }
}

#[derive(Template)]
#[template(path = "codes.html")]
struct CodesHtml<'a> {
    f: &'a Frame<'a>,
    t: &'static Text,
    v: &'a CodesPage,
    file: SecretText,
}

impl CodesPage {
    /// The text file behind the download link, as a `data:` address.
    fn file(&self, t: &Text, service: &str) -> SecretText {
        let mut text = SecretText::new((t.codes.file_heading)(service));
        text = joined(&text, "\r\n\r\n");
        for code in &self.codes {
            text = joined(&joined(&text, code.expose()), "\r\n");
        }
        text = joined(&joined(&text, "\r\n"), t.codes.file_each_once);
        let mut address = String::from("data:text/plain;charset=utf-8,");
        let _ = write!(address, "{}", utf8_percent_encode(text.expose(), NON_ALPHANUMERIC));
        SecretText::new(address)
    }
}

/// Each step in its own wiped buffer: a `String` that grows leaves copies behind.
fn joined(start: &SecretText, end: &str) -> SecretText {
    SecretText::new([start.expose(), end].concat())
}

impl Page for CodesPage {
    fn render(&self, chrome: &Chrome<'_>) -> Result<String, Fault> {
        let t = chrome.text;
        written(&CodesHtml {
            f: &Frame::new(chrome, t.codes.heading).noted(self.note.as_ref()),
            t,
            v: self,
            file: self.file(t, chrome.brand.service()),
        })
    }
}
