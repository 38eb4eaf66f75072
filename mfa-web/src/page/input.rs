//! One labelled text input with its hint and error, the same on every page.

use askama::Template;

use crate::page::Frame;
use crate::paths::field;
use crate::text::vocabulary::MethodKind;

#[derive(Template)]
#[template(path = "input.html")]
pub(super) struct Input<'a> {
    name: &'static str,
    label: &'a str,
    hint: String,
    error: Option<&'a str>,
    error_prefix: &'static str,
    input_type: &'static str,
    numeric: bool,
    autocomplete: &'static str,
    class: &'static str,
    value: &'a str,
}

impl<'a> Input<'a> {
    fn new(frame: &'a Frame<'_>, name: &'static str, label: &'a str, hint: String) -> Self {
        Self {
            name,
            label,
            hint,
            error: frame.problem_of(name),
            error_prefix: frame.t.shell.error_prefix,
            input_type: "text",
            numeric: false,
            autocomplete: "off",
            class: "mfa-input-wide",
            value: "",
        }
    }

    /// A code. What was typed is not put back: it was wrong, or it is used up, and it is a secret.
    ///
    /// One field, no `maxlength`, no `type=number`: pasting and autofill work (WCAG 2.2, 3.3.8).
    pub(super) fn code(
        frame: &'a Frame<'_>,
        name: &'static str,
        label: &'a str,
        hint: String,
        kind: MethodKind,
    ) -> Self {
        let backup = kind == MethodKind::BackupCode;
        Self {
            numeric: !backup,
            autocomplete: "one-time-code",
            class: if backup { "mfa-input-backup" } else { "mfa-input-code" },
            ..Self::new(frame, name, label, hint)
        }
    }

    pub(super) fn email(frame: &'a Frame<'_>, value: &'a str) -> Self {
        let t = &frame.t.enrol;
        Self {
            input_type: "email",
            autocomplete: "email",
            value,
            ..Self::new(frame, field::EMAIL, t.email_label, t.email_hint.to_owned())
        }
    }

    pub(super) fn name(frame: &'a Frame<'_>, value: &'a str) -> Self {
        let t = &frame.t.settings;
        Self { value, ..Self::new(frame, field::NAME, t.rename_label, t.rename_hint.to_owned()) }
    }
}
