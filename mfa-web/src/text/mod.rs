//! The catalogue: every word a person reads, in English and in Welsh, complete or it does not compile.

use mfa_core::port::sender::Locale;
use mfa_core::refusal::Refusal;
use mfa_core::time::Timestamp;

use crate::text::vocabulary::{Activity, MethodKind, Note};

mod english;
mod sayings;
pub mod vocabulary;
mod welsh;

/// All text of one language.
///
/// Every language is one value of this type, so a string that is missing in one of them is a compile error.
/// Wording follows the GOV.UK Design System; see `tests/pages.rs` for the words that are never used.
#[derive(Debug)]
#[allow(missing_docs, reason = "a string's name and its English text are its documentation")]
pub struct Text {
    /// BCP 47 tag, for the `lang` attribute.
    pub tag: &'static str,
    pub locale: Locale,
    pub shell: Shell,
    pub challenge: Challenge,
    pub enrol: Enrol,
    pub codes: BackupCodes,
    pub settings: Settings,
    pub problem: Problems,
    /// What a refusal means and what to do next.
    pub refusal: fn(&Refusal, Option<MethodKind>) -> String,
    /// The banner after an action.
    pub note: fn(&Note) -> String,
    /// A line of recent activity.
    pub activity: fn(&Activity) -> String,
    /// `23 November 2026 at 9:10am`, in UTC.
    pub date_time: fn(Timestamp) -> String,
    /// `2 minutes`, `45 seconds`.
    pub span: fn(u64) -> String,
}

impl Text {
    /// The catalogue of a language; English for one that has none.
    pub fn of(locale: Locale) -> &'static Self {
        match locale {
            Locale::Welsh => &welsh::TEXT,
            _ => &english::TEXT,
        }
    }

    /// What a kind of method is called.
    pub fn kind(&self, kind: MethodKind) -> &'static str {
        match kind {
            MethodKind::App => self.shell.kind_app,
            MethodKind::Email => self.shell.kind_email,
            MethodKind::BackupCode => self.shell.kind_backup,
        }
    }
}

/// The language of a tag such as `cy` or `cy-GB`, as a language link or `Accept-Language` names it.
pub fn locale_of_tag(tag: &str) -> Option<Locale> {
    let primary = tag.split(['-', ';']).next().unwrap_or_default().trim();
    Locale::ALL.iter().copied().find(|locale| primary.eq_ignore_ascii_case(locale.tag()))
}

/// Text around every page.
#[derive(Debug)]
#[allow(missing_docs, reason = "a string's name and its English text are its documentation")]
pub struct Shell {
    pub error_prefix: &'static str,
    pub problem_heading: &'static str,
    pub skip: &'static str,
    pub languages: &'static str,
    pub sign_out: &'static str,
    pub help_heading: &'static str,
    pub home: &'static str,
    pub success: &'static str,
    pub important: &'static str,
    pub continue_: &'static str,
    pub cancel: &'static str,
    pub back_to_settings: &'static str,
    pub copy: &'static str,
    pub copied: &'static str,
    pub kind_app: &'static str,
    pub kind_email: &'static str,
    pub kind_backup: &'static str,
}

/// Text of the challenge.
#[derive(Debug)]
#[allow(missing_docs, reason = "a string's name and its English text are its documentation")]
pub struct Challenge {
    pub app_heading: &'static str,
    pub email_heading: &'static str,
    pub backup_heading: &'static str,
    pub step_up_heading: &'static str,
    pub step_up_lead: &'static str,
    pub app_lead: &'static str,
    pub email_lead: &'static str,
    pub email_spam: &'static str,
    pub backup_lead: &'static str,
    pub code_label: &'static str,
    pub backup_label: &'static str,
    pub code_hint: fn(u8) -> String,
    pub backup_hint: fn(u8) -> String,
    pub resend_summary: &'static str,
    pub resend_lead: &'static str,
    pub resend_button: &'static str,
    pub resend_wait: fn(String) -> String,
    pub others_heading: &'static str,
    pub choose_heading: &'static str,
    pub choose_lead: &'static str,
    pub use_app: &'static str,
    pub use_email: &'static str,
    pub use_backup: &'static str,
    pub send_heading: &'static str,
    pub send_lead: &'static str,
    pub send_button: &'static str,
    pub none_summary: &'static str,
    pub none_backup: &'static str,
    pub none_help: &'static str,
    pub cancel_sign_in: &'static str,
}

/// Text of enrolment and its reminder.
#[derive(Debug)]
#[allow(missing_docs, reason = "a string's name and its English text are its documentation")]
pub struct Enrol {
    pub choice_heading: &'static str,
    pub choice_lead: &'static str,
    pub required: fn(&str) -> String,
    pub required_since: fn(&str, String) -> String,
    pub required_from: fn(&str, String) -> String,
    pub app_title: &'static str,
    pub app_about: &'static str,
    pub app_safer: &'static str,
    pub app_button: &'static str,
    pub email_title: &'static str,
    pub email_about: &'static str,
    pub email_button: &'static str,
    pub app_heading: &'static str,
    pub app_step_install: &'static str,
    pub app_step_install_more: &'static str,
    pub app_step_scan: &'static str,
    pub app_step_scan_more: &'static str,
    pub qr_alt: &'static str,
    pub app_same_device: &'static str,
    pub app_link: &'static str,
    pub app_key_summary: &'static str,
    pub app_key_lead: &'static str,
    pub app_key_label: &'static str,
    pub app_copy_key: &'static str,
    pub app_step_code: &'static str,
    pub app_step_code_more: &'static str,
    pub app_step_codes_more: &'static str,
    pub first_label: &'static str,
    pub second_label: &'static str,
    pub second_hint: &'static str,
    pub minutes: fn(u64) -> String,
    pub finish: &'static str,
    pub email_heading: &'static str,
    pub email_lead: &'static str,
    pub email_label: &'static str,
    pub email_hint: &'static str,
    pub email_send: &'static str,
    pub email_code_heading: &'static str,
    pub email_sent_to: &'static str,
    pub email_change: &'static str,
    pub reminder_heading: &'static str,
    pub reminder_lead: &'static str,
    pub reminder_how: &'static str,
    pub reminder_how_app: &'static str,
    pub reminder_now: &'static str,
    pub reminder_later: &'static str,
}

/// Text of backup codes.
#[derive(Debug)]
#[allow(missing_docs, reason = "a string's name and its English text are its documentation")]
pub struct BackupCodes {
    pub heading: &'static str,
    pub lead: &'static str,
    pub keep: &'static str,
    pub once: &'static str,
    pub list_label: &'static str,
    pub print: &'static str,
    pub copy: &'static str,
    pub download: &'static str,
    pub file_name: &'static str,
    pub file_heading: fn(&str) -> String,
    pub file_each_once: &'static str,
    pub saved: &'static str,
    pub new_heading: &'static str,
    pub first_heading: &'static str,
    pub new_lead: &'static str,
    pub new_replaces: fn(u8) -> String,
    pub new_once: &'static str,
    pub new_button: &'static str,
    pub low: fn(u8) -> String,
    pub last: &'static str,
    pub low_link: &'static str,
}

/// Text of the security settings.
#[derive(Debug)]
#[allow(missing_docs, reason = "a string's name and its English text are its documentation")]
pub struct Settings {
    pub heading: &'static str,
    pub lead_on: &'static str,
    pub lead_off: &'static str,
    pub required: &'static str,
    pub methods: &'static str,
    pub kind: &'static str,
    pub added: &'static str,
    pub last_used: &'static str,
    pub never_used: &'static str,
    pub state: &'static str,
    pub state_on: &'static str,
    pub state_disabled: &'static str,
    pub disabled_help: &'static str,
    pub rename: &'static str,
    pub remove: &'static str,
    pub resync: &'static str,
    pub add: &'static str,
    pub add_second: &'static str,
    pub codes: &'static str,
    pub codes_left: fn(u8) -> String,
    pub codes_made: fn(String) -> String,
    pub codes_none: &'static str,
    pub codes_new: &'static str,
    pub codes_first: &'static str,
    pub activity: &'static str,
    pub activity_none: &'static str,
    pub unknown_summary: &'static str,
    pub unknown_lead: &'static str,
    pub unknown_remove: &'static str,
    pub unknown_codes: &'static str,
    pub unknown_sessions: &'static str,
    pub unknown_tell: &'static str,
    pub sessions: &'static str,
    pub sessions_lead: &'static str,
    pub sessions_button: &'static str,
    pub times: &'static str,
    pub rename_heading: fn(&str) -> String,
    pub rename_label: &'static str,
    pub rename_hint: &'static str,
    pub rename_button: &'static str,
    pub remove_heading: fn(&str) -> String,
    pub remove_lead: &'static str,
    pub remove_last: &'static str,
    pub remove_button: &'static str,
    pub resync_heading: fn(&str) -> String,
    pub resync_lead: &'static str,
    pub resync_button: &'static str,
}

/// Text of pages that say why something can't go on.
#[derive(Debug)]
#[allow(missing_docs, reason = "a string's name and its English text are its documentation")]
pub struct Problems {
    pub failed_heading: &'static str,
    pub expired_heading: &'static str,
    pub unknown_heading: &'static str,
    pub throttled_heading: &'static str,
    pub no_method_heading: &'static str,
    pub busy_heading: &'static str,
    pub sign_in_heading: &'static str,
    pub other_heading: &'static str,
    pub not_found_heading: &'static str,
    pub not_found: &'static str,
    pub stale_heading: &'static str,
    pub stale: &'static str,
    pub fault_heading: &'static str,
    pub fault: &'static str,
    pub fault_safe: &'static str,
    pub start_again: &'static str,
    pub try_again: &'static str,
    pub go_home: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_name_languages() {
        assert_eq!(locale_of_tag("cy"), Some(Locale::Welsh));
        assert_eq!(locale_of_tag("CY-gb;q=0.8"), Some(Locale::Welsh));
        assert_eq!(locale_of_tag("en-GB"), Some(Locale::English));
        assert_eq!(locale_of_tag("fr"), None);
        assert_eq!(locale_of_tag(""), None);
    }
}
