//! One of each page, with and without an error, for the page tests and the gallery.

use mfa_core::port::sender::{Locale, Purpose};
use mfa_core::refusal::Refusal;
use mfa_core::secret::SecretText;
use mfa_core::time::Timestamp;
use mfa_web::brand::Brand;
use mfa_web::page::challenge::{ChallengePage, ChoosePage, SendPage};
use mfa_web::page::codes::{CodesPage, LowCodesPage, NewCodesPage};
use mfa_web::page::enrol::{
    Confirm, EnrolAppPage, EnrolEmailCodePage, EnrolEmailPage, EnrolPage, ReminderPage, Why,
};
use mfa_web::page::problem::{ProblemPage, Trouble};
use mfa_web::page::settings::{MethodRow, RemovePage, RenamePage, ResyncPage, SettingsPage, Stock};
use mfa_web::page::{Chrome, Method, Page};
use mfa_web::paths;
use mfa_web::text::Text;
use mfa_web::text::vocabulary::{Activity, MethodKind, Note};

/// What must not be in `Debug`: one of each kind of secret in the samples.
pub(crate) const KEY: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
pub(crate) const ADDRESS: &str = "ffion.evans@example.com";
pub(crate) const BACKUP: &str = "7K2M-QX4T-9HDN-3WVR";
pub(crate) const TOKEN: &str = "dG9rZW4tb2YtdGhlLXNlc3Npb24";

pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) here: &'static str,
    pub(crate) signed_in: bool,
    pub(crate) page: Box<dyn Page>,
    pub(crate) debug: String,
}

pub(crate) fn brand() -> Brand {
    Brand::new("Hillside School")
        .sign_out("/sign-out")
        .unwrap()
        .help("Call the school office on 01632 960 000, Monday to Friday, 8am to 4pm.")
        .help_link("/help", "Help with signing in")
        .unwrap()
}

/// Renders a sample as the school's page in a language.
pub(crate) fn render(sample: &Sample, brand: &Brand, locale: Locale, mount: &str) -> String {
    let token = SecretText::from(TOKEN);
    let chrome = Chrome {
        brand,
        text: Text::of(locale),
        mount,
        csrf: &token,
        here: sample.here,
        signed_in: sample.signed_in,
    };
    sample.page.render(&chrome).unwrap()
}

fn at(unix: u64) -> Timestamp {
    Timestamp::from_unix(unix)
}

const NOW: u64 = 1_795_425_000;
const DAY: u64 = 86_400;

fn others() -> Vec<Method> {
    vec![
        Method { value: "email".to_owned(), kind: MethodKind::Email, name: None },
        Method { value: "backup".to_owned(), kind: MethodKind::BackupCode, name: None },
    ]
}

fn apps() -> Vec<Method> {
    let app = |value: &str, name: &str| Method {
        value: value.to_owned(),
        kind: MethodKind::App,
        name: Some(name.to_owned()),
    };
    let mut methods = vec![app("app-1", "My phone"), app("app-2", "Tablet")];
    methods.extend(others());
    methods
}

fn challenge(
    kind: MethodKind,
    purpose: Purpose,
    note: Option<Note>,
    error: Option<Refusal>,
) -> ChallengePage {
    let mut others = apps();
    others.retain(|method| method.kind != kind);
    ChallengePage {
        purpose,
        kind,
        length: if kind == MethodKind::BackupCode { 16 } else { 6 },
        others,
        cooldown: if note.is_some() { 45 } else { 0 },
        note,
        error,
    }
}

fn svg() -> SecretText {
    let mut cells = String::new();
    for y in 0..33_u32 {
        for x in 0..33_u32 {
            if (x * 7 + y * 13 + x * y) % 3 == 0 {
                cells.push_str(&format!("M{} {}h1v1h-1z", x + 4, y + 4));
            }
        }
    }
    let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 41 41\">";
    SecretText::new(format!("{svg}<path fill=\"#fff\" d=\"M0 0h41v41H0z\"/><path d=\"{cells}\"/></svg>"))
}

fn app(why: Why, confirm: Confirm, error: Option<Refusal>) -> EnrolAppPage {
    EnrolAppPage {
        why,
        qr_svg: svg(),
        uri: SecretText::new(format!(
            "otpauth://totp/Hillside%20School:ffion?secret={KEY}&issuer=Hillside%20School"
        )),
        key: SecretText::from(KEY),
        length: 6,
        confirm,
        seconds_left: 581,
        error,
        error_on_second: confirm == Confirm::Two && error.is_some(),
    }
}

fn codes() -> Vec<SecretText> {
    let mut codes = vec![SecretText::from(BACKUP)];
    codes.extend((1..10).map(|n| SecretText::new(format!("{n}Q4T-9HDN-{n}WVR-7K2M"))));
    codes
}

fn rows() -> Vec<MethodRow> {
    let row = |value: &str, kind, name: &str, used, disabled| MethodRow {
        value: value.to_owned(),
        kind,
        name: name.to_owned(),
        added: at(NOW - 40 * DAY),
        last_used: used,
        disabled,
        removable: true,
    };
    vec![
        row("AAECAwQFBgcICQoLDA0ODw", MethodKind::App, "My phone", Some(at(NOW)), false),
        row("EBESExQVFhcYGRobHB0eHw", MethodKind::Email, "School email", None, false),
        row("ICEiIyQlJicoKSorLC0uLw", MethodKind::App, "Old tablet", Some(at(NOW - 9 * DAY)), true),
    ]
}

fn activity() -> Vec<(Timestamp, Activity)> {
    let name = || "School email".to_owned();
    [
        Activity::SignedIn { kind: MethodKind::App },
        Activity::WrongCode,
        Activity::BackupCodeUsed { left: 2 },
        Activity::MethodAdded { name: name() },
        Activity::MethodDisabled { name: "Old tablet".to_owned() },
        Activity::BackupCodesDisabled,
        Activity::BackupCodesMade,
    ]
    .into_iter()
    .zip(0..)
    .map(|(activity, n)| (at(NOW - n * 50_000), activity))
    .collect()
}

fn settings(
    methods: Vec<MethodRow>,
    left: Option<u8>,
    note: Option<Note>,
    error: Option<Refusal>,
) -> SettingsPage {
    SettingsPage {
        activity: if methods.is_empty() { Vec::new() } else { activity() },
        codes: left.map(|left| Stock { left, made: at(NOW - 40 * DAY) }),
        can_add: true,
        required: false,
        methods,
        note,
        error,
    }
}

macro_rules! samples {
    ($($name:literal, $here:expr, $signed_in:expr, $page:expr;)*) => {
        vec![$({
            let page = $page;
            Sample { name: $name, here: $here, signed_in: $signed_in, debug: format!("{page:?}"), page: Box::new(page) }
        }),*]
    };
}

pub(crate) fn all() -> Vec<Sample> {
    use MethodKind::{App, BackupCode, Email};
    use Purpose::{SignIn, StepUp};
    let wrong = Some(Refusal::WrongCode { tries_left: 3 });
    let short = Some(Refusal::CodeLength { expected: 6, typed: 5 });
    let required = Why::Required(Some(at(NOW - 30 * DAY)));
    let soon = at(NOW + 30 * DAY);
    let phone = || ("AAECAwQFBgcICQoLDA0ODw".to_owned(), "My phone".to_owned());
    let rename = |typed, error| {
        let (value, name) = phone();
        RenamePage { value, name, typed, error }
    };
    let remove = |last, error| {
        let (value, name) = phone();
        RemovePage { value, name, last, error }
    };
    let resync = |error| {
        let (value, name) = phone();
        ResyncPage { value, name, length: 6, error, error_on_second: false }
    };
    let trouble = |trouble, next: Option<&str>| ProblemPage { trouble, next: next.map(str::to_owned) };
    let again = Some("/security/challenge");
    samples! {
        "challenge-app", paths::CHALLENGE, false, challenge(App, SignIn, None, None);
        "challenge-app-error", paths::CHALLENGE, false, challenge(App, SignIn, None, wrong);
        "challenge-email", paths::CHALLENGE, false, challenge(Email, SignIn, Some(Note::CodeSent), None);
        "challenge-email-error", paths::CHALLENGE, false, challenge(Email, SignIn, None, short);
        "challenge-email-undelivered", paths::CHALLENGE, false, challenge(Email, SignIn, None, Some(Refusal::NotDelivered));
        "challenge-backup", paths::CHALLENGE, false, challenge(BackupCode, SignIn, None, None);
        "challenge-backup-error", paths::CHALLENGE, false, challenge(BackupCode, SignIn, None, Some(Refusal::UsedCode { tries_left: 2 }));
        "challenge-step-up", paths::CHALLENGE, true, challenge(App, StepUp, None, None);
        "choose", paths::CHALLENGE_CHOOSE, false, ChoosePage { purpose: SignIn, methods: apps(), note: Some(Note::StartedAgain { because: Refusal::ChallengeExpired }), error: None };
        "choose-error", paths::CHALLENGE_CHOOSE, true, ChoosePage { purpose: StepUp, methods: apps(), note: None, error: Some(Refusal::MethodDisabled) };
        "send", paths::CHALLENGE, false, SendPage { purpose: SignIn, others: others().split_off(1), note: None, error: None };
        "send-error", paths::CHALLENGE, true, SendPage { purpose: StepUp, others: others().split_off(1), note: None, error: Some(Refusal::Cooldown { seconds: 45 }) };
        "enrol", paths::ENROL, true, EnrolPage { why: Why::Chosen, app: true, email: true, note: None, error: None };
        "enrol-required", paths::ENROL, false, EnrolPage { why: required, app: true, email: true, note: None, error: Some(Refusal::ChallengeExpired) };
        "enrol-app", paths::ENROL_CONFIRM, true, app(Why::Chosen, Confirm::One, None);
        "enrol-app-error", paths::ENROL_CONFIRM, false, app(required, Confirm::Two, short);
        "enrol-email", paths::ENROL_EMAIL, true, EnrolEmailPage { why: Why::Chosen, address: None, error: None };
        "enrol-email-error", paths::ENROL_EMAIL, false, EnrolEmailPage { why: Why::RequiredFrom(soon), address: Some(SecretText::from(ADDRESS)), error: Some(Refusal::BadAddress) };
        "enrol-email-code", paths::ENROL_CONFIRM, true, EnrolEmailCodePage { why: Why::Chosen, address: SecretText::from(ADDRESS), length: 6, cooldown: 30, note: Some(Note::CodeSent), error: None };
        "enrol-email-code-error", paths::ENROL_CONFIRM, true, EnrolEmailCodePage { why: Why::Chosen, address: SecretText::from(ADDRESS), length: 6, cooldown: 0, note: None, error: Some(Refusal::ExpiredCode) };
        "reminder", paths::REMINDER, true, ReminderPage { email: true, required_from: None };
        "reminder-soon", paths::REMINDER, true, ReminderPage { email: false, required_from: Some(soon) };
        "codes", paths::BACKUP_CODES_NEW, true, CodesPage { codes: codes(), note: Some(Note::MethodAdded { name: "My phone".to_owned() }) };
        "codes-new", paths::BACKUP_CODES_NEW, true, NewCodesPage { left: Some(2) };
        "codes-first", paths::BACKUP_CODES_NEW, true, NewCodesPage { left: None };
        "codes-low", paths::BACKUP_CODES_LOW, true, LowCodesPage { left: 2, next: "/marks?year=8&term=2".to_owned() };
        "codes-low-none", paths::BACKUP_CODES_LOW, true, LowCodesPage { left: 0, next: "/".to_owned() };
        "settings-off", paths::SETTINGS, true, settings(Vec::new(), None, Some(Note::OthersSignedOut), None);
        "settings", paths::SETTINGS, true, settings(rows(), Some(8), Some(Note::MethodRenamed { name: "My phone".to_owned() }), None);
        "settings-error", paths::SETTINGS, true, settings(rows().into_iter().take(1).collect(), Some(2), None, Some(Refusal::TooManyFactors));
        "settings-last-used", paths::SETTINGS, true, settings(rows().into_iter().take(1).collect(), Some(0), None, None);
        "rename", "settings/rename?factor=AAECAwQFBgcICQoLDA0ODw", true, rename(None, None);
        "rename-error", "settings/rename?factor=AAECAwQFBgcICQoLDA0ODw", true, rename(Some(String::new()), Some(Refusal::BadName));
        "remove", "settings/remove?factor=AAECAwQFBgcICQoLDA0ODw", true, remove(false, None);
        "remove-last", "settings/remove?factor=AAECAwQFBgcICQoLDA0ODw", true, remove(true, Some(Refusal::LastFactor));
        "resync", "settings/resync?factor=AAECAwQFBgcICQoLDA0ODw", true, resync(None);
        "resync-error", "settings/resync?factor=AAECAwQFBgcICQoLDA0ODw", true, resync(Some(Refusal::NotConsecutive { tries_left: 1 }));
        "problem-failed", paths::CHALLENGE, false, trouble(Trouble::Refused(Refusal::ChallengeFailed), again);
        "problem-expired", paths::CHALLENGE, false, trouble(Trouble::Refused(Refusal::ChallengeExpired), again);
        "problem-throttled", paths::CHALLENGE, false, trouble(Trouble::Refused(Refusal::Throttled { seconds: 240 }), again);
        "problem-no-method", paths::CHALLENGE, false, trouble(Trouble::Refused(Refusal::NoMethodLeft), None);
        "problem-busy", paths::CHALLENGE, false, trouble(Trouble::Refused(Refusal::Busy), again);
        "problem-not-found", paths::SETTINGS, true, trouble(Trouble::NotFound, None);
        "problem-stale", paths::SETTINGS, true, trouble(Trouble::Stale, Some("/security/settings"));
        "problem-fault", paths::CHALLENGE, false, trouble(Trouble::Fault, again);
    }
}
