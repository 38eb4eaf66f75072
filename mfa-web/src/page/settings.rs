//! Pages of the security settings: methods, backup codes, sessions, recent activity, and what changes them.

use askama::Template;
use mfa_core::fault::Fault;
use mfa_core::refusal::Refusal;
use mfa_core::time::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::page::input::Input;
use crate::page::{Chrome, Frame, Page, enrol, written};
use crate::paths::{self, field};
use crate::text::Text;
use crate::text::vocabulary::{Activity, MethodKind, Note};

/// At this many backup codes or fewer, the person is told to make new ones.
pub const LOW_STOCK: u8 = 3;

/// A method in the list.
#[derive(Clone, Debug)]
pub struct MethodRow {
    /// What stands for it in [`field::FACTOR`]: its id.
    pub value: String,
    /// Its kind.
    pub kind: MethodKind,
    /// What the person calls it.
    pub name: String,
    /// When it was confirmed.
    pub added: Timestamp,
    /// When it last passed, if it ever did.
    pub last_used: Option<Timestamp>,
    /// Whether it was turned off after too many wrong codes.
    pub disabled: bool,
    /// Whether policy lets it be removed.
    pub removable: bool,
}

/// The present set of backup codes.
#[derive(Clone, Copy, Debug)]
pub struct Stock {
    /// How many are left.
    pub left: u8,
    /// When the set was made.
    pub made: Timestamp,
}

/// The security settings, at [`paths::SETTINGS`].
#[derive(Clone, Debug)]
pub struct SettingsPage {
    /// The methods, in the order they were added.
    pub methods: Vec<MethodRow>,
    /// The backup codes, if there are any.
    pub codes: Option<Stock>,
    /// Whether another method can be added.
    pub can_add: bool,
    /// Whether policy requires a method of this account.
    pub required: bool,
    /// What happened lately, newest first.
    pub activity: Vec<(Timestamp, Activity)>,
    /// What was just done.
    pub note: Option<Note>,
    /// Why the last try was not granted.
    pub error: Option<Refusal>,
}

/// Asks for a method's new name; posts [`field::FACTOR`] and [`field::NAME`] to [`paths::SETTINGS_RENAME`].
#[derive(Clone, Debug)]
pub struct RenamePage {
    /// The method.
    pub value: String,
    /// Its present name.
    pub name: String,
    /// What was typed, if this is a second try.
    pub typed: Option<String>,
    /// Why the last try was not granted.
    pub error: Option<Refusal>,
}

/// Asks before a method is removed; posts [`field::FACTOR`] to [`paths::SETTINGS_REMOVE`].
#[derive(Clone, Debug)]
pub struct RemovePage {
    /// The method.
    pub value: String,
    /// Its name.
    pub name: String,
    /// Whether it is the only one.
    pub last: bool,
    /// Why the last try was not granted.
    pub error: Option<Refusal>,
}

/// Asks for two codes in a row; posts [`field::FACTOR`], [`field::CODE`], [`field::CODE_2`] to
/// [`paths::SETTINGS_RESYNC`].
#[derive(Clone, Debug)]
pub struct ResyncPage {
    /// The method.
    pub value: String,
    /// Its name.
    pub name: String,
    /// How many digits a code has.
    pub length: u8,
    /// Why the last try was not granted.
    pub error: Option<Refusal>,
    /// Whether that is about the second code.
    pub error_on_second: bool,
}

struct Row<'a> {
    name: &'a str,
    kind: &'static str,
    added: String,
    last_used: String,
    disabled: bool,
    rename: String,
    remove: Option<String>,
    resync: Option<String>,
}

impl<'a> Row<'a> {
    fn new(chrome: &Chrome<'_>, method: &'a MethodRow) -> Self {
        let t = chrome.text;
        let to = |path: &str| {
            let value = utf8_percent_encode(&method.value, NON_ALPHANUMERIC);
            format!("{}?{}={value}", chrome.to(path), field::FACTOR)
        };
        Self {
            name: &method.name,
            kind: t.kind(method.kind),
            added: (t.date_time)(method.added),
            last_used: match method.last_used {
                Some(at) => (t.date_time)(at),
                None => t.settings.never_used.to_owned(),
            },
            disabled: method.disabled,
            rename: to(paths::SETTINGS_RENAME),
            remove: method.removable.then(|| to(paths::SETTINGS_REMOVE)),
            resync: (method.kind == MethodKind::App && !method.disabled).then(|| to(paths::SETTINGS_RESYNC)),
        }
    }
}

struct Line {
    at: String,
    machine: String,
    text: String,
}

#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsHtml<'a> {
    f: &'a Frame<'a>,
    t: &'static Text,
    v: &'a SettingsPage,
    rows: Vec<Row<'a>>,
    low: Option<String>,
    stock: Option<(String, String)>,
    lines: Vec<Line>,
}

impl Page for SettingsPage {
    fn render(&self, chrome: &Chrome<'_>) -> Result<String, Fault> {
        let t = chrome.text;
        let f =
            Frame::new(chrome, t.settings.heading).noted(self.note.as_ref()).refused(self.error, None, "");
        written(&SettingsHtml {
            f: &f,
            t,
            v: self,
            rows: self.methods.iter().map(|method| Row::new(chrome, method)).collect(),
            low: self.codes.and_then(|stock| match stock.left {
                0 => Some(t.codes.last.to_owned()),
                left if left <= LOW_STOCK => Some((t.codes.low)(left)),
                _ => None,
            }),
            stock: self.codes.map(|stock| {
                let made = (t.settings.codes_made)((t.date_time)(stock.made));
                ((t.settings.codes_left)(stock.left), made)
            }),
            lines: self
                .activity
                .iter()
                .map(|(at, activity)| Line {
                    at: (t.date_time)(*at),
                    machine: at.to_string(),
                    text: (t.activity)(activity),
                })
                .collect(),
        })
    }
}

#[derive(Template)]
#[template(path = "settings_rename.html")]
struct RenameHtml<'a> {
    f: &'a Frame<'a>,
    t: &'static Text,
    v: &'a RenamePage,
    input: Input<'a>,
}

impl Page for RenamePage {
    fn render(&self, chrome: &Chrome<'_>) -> Result<String, Fault> {
        let t = chrome.text;
        let f = Frame::new(chrome, (t.settings.rename_heading)(&self.name)).refused(
            self.error,
            None,
            field::NAME,
        );
        written(&RenameHtml {
            f: &f,
            t,
            v: self,
            input: Input::name(&f, self.typed.as_deref().unwrap_or(&self.name)),
        })
    }
}

#[derive(Template)]
#[template(path = "settings_remove.html")]
struct RemoveHtml<'a> {
    f: &'a Frame<'a>,
    t: &'static Text,
    v: &'a RemovePage,
}

impl Page for RemovePage {
    fn render(&self, chrome: &Chrome<'_>) -> Result<String, Fault> {
        let t = chrome.text;
        let f = Frame::new(chrome, (t.settings.remove_heading)(&self.name)).refused(self.error, None, "");
        written(&RemoveHtml { f: &f, t, v: self })
    }
}

#[derive(Template)]
#[template(path = "settings_resync.html")]
struct ResyncHtml<'a> {
    f: &'a Frame<'a>,
    t: &'static Text,
    v: &'a ResyncPage,
    first: Input<'a>,
    second: Input<'a>,
}

impl Page for ResyncPage {
    fn render(&self, chrome: &Chrome<'_>) -> Result<String, Fault> {
        let t = chrome.text;
        let target = if self.error_on_second { field::CODE_2 } else { field::CODE };
        let f = Frame::new(chrome, (t.settings.resync_heading)(&self.name)).refused(
            self.error,
            Some(MethodKind::App),
            target,
        );
        let (first, second) = enrol::two_codes(&f, self.length);
        written(&ResyncHtml { f: &f, t, v: self, first, second })
    }
}
