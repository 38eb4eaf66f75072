//! Every page in both languages: what it looks like, and what no page may have.
//!
//! After a deliberate change run with `RENEW_PAGES=1` and read the difference before it is committed.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

use std::fmt::Write as _;
use std::path::PathBuf;

use mfa_core::port::sender::Locale;
use mfa_core::refusal::Refusal;
use mfa_core::secret::SecretText;
use mfa_core::time::Timestamp;
use mfa_web::asset;
use mfa_web::brand::Brand;
use mfa_web::page::Chrome;
use mfa_web::page::Page as _;
use mfa_web::page::challenge::ChoosePage;
use mfa_web::page::settings::{MethodRow, RenamePage, SettingsPage};
use mfa_web::text::Text;
use mfa_web::text::vocabulary::{Activity, MethodKind, Note};

mod samples;

const LOCALES: [Locale; 2] = [Locale::English, Locale::Welsh];
const MOUNT: &str = "/security";

/// All samples in all languages: name, language, page.
fn pages() -> Vec<(&'static str, Locale, String)> {
    let brand = samples::brand();
    let mut pages = Vec::new();
    for sample in samples::all() {
        for locale in LOCALES {
            pages.push((sample.name, locale, samples::render(&sample, &brand, locale, MOUNT)));
        }
    }
    pages
}

fn between<'a>(page: &'a str, start: &str, end: &str) -> &'a str {
    let from = page.find(start).unwrap();
    let to = page[from..].find(end).unwrap();
    &page[from..from + to]
}

/// All start tags of a kind.
fn tags<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    let open = format!("<{name}");
    page.match_indices(&open)
        .map(|(at, _)| &page[at..at + page[at..].find('>').unwrap() + 1])
        .filter(|tag| !tag[open.len()..].starts_with(|c: char| c.is_ascii_alphanumeric()))
        .collect()
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let start = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    Some(&tag[start..start + tag[start..].find('"')?])
}

/// What a person reads of a page, without tags.
fn words(page: &str) -> String {
    let body = between(page, "<body>", "</body>");
    let mut text = String::new();
    let mut inside = false;
    for c in body.chars() {
        match c {
            '<' => inside = true,
            '>' => {
                inside = false;
                text.push(' ');
            }
            c if !inside => text.push(c),
            _ => {}
        }
    }
    text
}

fn compare(file: &str, now: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/pages").join(file);
    if std::env::var_os("RENEW_PAGES").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, now).unwrap();
        return;
    }
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    if before != now {
        let line = before.lines().zip(now.lines()).find(|(a, b)| a != b);
        panic!("{file} has changed (RENEW_PAGES=1 to accept), first at {line:#?}");
    }
}

/// Blank lines and the dots of the QR code tell nothing.
fn tidy(html: &str) -> String {
    let mut tidied = String::new();
    for line in html.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let line = match (line.find("<svg"), line.find("</svg>")) {
            (Some(from), Some(to)) => format!("{}<svg>{}", &line[..from], &line[to..]),
            _ => line.to_owned(),
        };
        let _ = writeln!(tidied, "{line}");
    }
    tidied
}

#[test]
fn pages_are_as_they_were() {
    let mut files: Vec<(&str, String)> = Vec::new();
    for (name, locale, page) in pages() {
        let main = tidy(between(&page, "<main", "</main>"));
        let title = between(&page, "<title>", "</title>");
        let part = format!("<!-- {} --> {title}\n{main}", locale.tag());
        match files.last_mut().filter(|(last, _)| *last == name) {
            Some((_, file)) => file.push_str(&part),
            None => files.push((name, part)),
        }
    }
    for (name, file) in files {
        compare(&format!("{name}.html"), &file);
    }
}

#[test]
fn the_whole_of_one_page_is_as_it_was() {
    let brand = samples::brand()
        .logo("/static/crest.svg", "Hillside School crest")
        .unwrap()
        .stylesheet("/static/school.css")
        .unwrap();
    let sample = samples::all().into_iter().find(|s| s.name == "rename-error").unwrap();
    let page = samples::render(&sample, &brand, Locale::Welsh, MOUNT)
        .replace(asset::STYLE.path(), "STYLE")
        .replace(asset::SCRIPT.path(), "SCRIPT");
    compare("whole.html", &tidy(&page));
}

#[test]
fn nothing_is_inline_and_nothing_comes_from_elsewhere() {
    for (name, locale, page) in pages() {
        let lower = page.to_lowercase();
        let at = format!("{name} {locale:?}");
        assert!(!lower.contains("<style") && !lower.contains(" style="), "{at}");
        assert!(!lower.contains("javascript:"), "{at}");
        assert_eq!(lower.matches("<script").count(), 1, "{at}");
        assert!(
            page.contains(&format!("<script src=\"{MOUNT}/{}\" defer></script>", asset::SCRIPT.path())),
            "{at}"
        );
        for tag in lower.split('<') {
            let tag = tag.split('>').next().unwrap_or_default();
            assert!(
                !tag.split_whitespace().skip(1).any(|a| a.starts_with("on") && a.contains('=')),
                "{at}: {tag}"
            );
        }
        assert!(!lower.replace("http://www.w3.org/2000/svg", "").contains("http"), "{at}");
    }
}

#[test]
fn every_input_has_a_label_a_hint_and_no_trap() {
    let mut seen = 0;
    for (name, locale, page) in pages() {
        let at = format!("{name} {locale:?}");
        for input in tags(&page, "input") {
            if attribute(input, "type") == Some("hidden") {
                continue;
            }
            seen += 1;
            let id = attribute(input, "id").unwrap();
            assert_eq!(page.matches(&format!("<label for=\"{id}\"")).count(), 1, "{at}");
            for described in attribute(input, "aria-describedby").unwrap().split(' ') {
                assert_eq!(page.matches(&format!("id=\"{described}\"")).count(), 1, "{at}");
            }
            for trap in ["maxlength", "pattern", "placeholder", "type=\"number\"", " required"] {
                assert!(!input.contains(trap), "{at}: {trap}");
            }
            if id.starts_with("code") {
                assert_eq!(attribute(input, "autocomplete"), Some("one-time-code"), "{at}");
                assert_eq!(attribute(input, "value"), None, "{at}: a code must not come back");
                let numeric = attribute(input, "inputmode") == Some("numeric");
                assert_eq!(numeric, !name.contains("backup"), "{at}");
            }
        }
    }
    assert!(seen > 20);
}

#[test]
fn every_form_is_posted_with_the_token_and_checked_by_us() {
    for (name, locale, page) in pages() {
        for form in page.split("<form").skip(1) {
            let form = form.split("</form>").next().unwrap();
            let at = format!("{name} {locale:?}: {form}");
            let token = format!("<input type=\"hidden\" name=\"csrf\" value=\"{}\">", samples::TOKEN);
            assert_eq!(form.matches(&token).count(), 1, "{at}");
            let open = form.split('>').next().unwrap();
            assert!(open.contains("method=\"post\"") && open.contains(" novalidate"), "{at}");
            assert!(attribute(open, "action").unwrap().starts_with("/security/"), "{at}");
            assert!(form.contains("<button"), "{at}");
        }
        // The token is for forms only: never in an address.
        let addresses = tags(&page, "a").join("");
        assert!(!addresses.contains(samples::TOKEN), "{name}");
    }
}

#[test]
fn headings_landmarks_and_language_are_in_order() {
    for (name, locale, page) in pages() {
        let at = format!("{name} {locale:?}");
        assert!(page.starts_with(&format!("<!DOCTYPE html>\n<html lang=\"{}\">", locale.tag())), "{at}");
        assert_eq!(tags(&page, "h1").len(), 1, "{at}");
        assert_eq!(tags(&page, "main").len(), 1, "{at}");
        let mut level = 1;
        let main = between(&page, "<h1", "</main>");
        for (found, _) in main.match_indices("<h") {
            let Some(now) = main[found + 2..].chars().next().and_then(|c| c.to_digit(10)) else {
                continue;
            };
            assert!(now <= level + 1, "{at}: h{level} then h{now}");
            level = now;
        }
        let ids: Vec<_> = page
            .match_indices(" id=\"")
            .map(|(i, _)| &page[i..i + page[i + 5..].find('"').unwrap() + 6])
            .collect();
        let mut unique = ids.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(ids.len(), unique.len(), "{at}: an id twice");
        let other = if locale == Locale::English { "cy" } else { "en" };
        let join = if page.contains("?factor=AAECAwQFBgcICQoLDA0ODw&#38;lang=") { "&#38;" } else { "?" };
        assert!(page.contains(&format!("{join}lang={other}\"")), "{at}");
    }
}

#[test]
fn an_error_is_said_in_the_title_the_summary_and_at_the_field() {
    for (name, locale, page) in pages() {
        let at = format!("{name} {locale:?}");
        let text = Text::of(locale);
        let has_summary = page.contains("mfa-error-summary");
        assert_eq!(page.contains(&format!("<title>{}", text.shell.error_prefix)), has_summary, "{at}");
        assert_eq!(
            has_summary,
            page.contains(text.shell.problem_heading) && page.contains("role=\"alert\""),
            "{at}"
        );
        for link in tags(&page, "a").iter().filter_map(|a| attribute(a, "href")) {
            let Some(id) = link.strip_prefix('#').filter(|id| *id != "main") else {
                continue;
            };
            assert_eq!(page.matches(&format!("id=\"{id}\"")).count(), 1, "{at}: {id}");
            assert!(page.contains(&format!("id=\"{id}-error\"")), "{at}: {id}");
            let said = between(&page, &format!("<a href=\"#{id}\">"), "</a>").rsplit('>').next().unwrap();
            assert_eq!(page.matches(said).count(), 2, "{at}: the same words in both places");
        }
    }
}

#[test]
fn help_is_in_the_same_place_on_every_page() {
    for (name, _, page) in pages() {
        let footer = between(&page, "<footer", "</footer>");
        assert!(footer.contains("01632 960 000") && footer.contains("href=\"/help\""), "{name}");
    }
}

#[test]
fn the_challenge_shows_no_address() {
    for (name, _, page) in pages() {
        if name.starts_with("challenge") || name.starts_with("choose") || name.starts_with("send") {
            assert!(!words(&page).contains('@') && !words(&page).contains("example"), "{name}");
        }
    }
}

#[test]
fn debug_of_view_models_has_no_secret() {
    for sample in samples::all() {
        for secret in [samples::KEY, samples::ADDRESS, samples::BACKUP, samples::TOKEN, "<svg"] {
            assert!(!sample.debug.contains(secret), "{}: {}", sample.name, sample.debug);
        }
    }
    let brand = samples::brand();
    let token = SecretText::from(samples::TOKEN);
    let chrome = Chrome {
        brand: &brand,
        text: Text::of(Locale::English),
        mount: MOUNT,
        csrf: &token,
        here: "settings",
        signed_in: true,
    };
    assert!(!format!("{chrome:?}").contains(samples::TOKEN));
}

#[test]
fn names_and_brand_are_escaped() {
    let evil = "<script>alert(1)</script>\" onfocus=\"x' & <img src=x>";
    let brand = Brand::new(evil).help(evil).help_link("/h", evil).unwrap().logo("/l\"x", evil).unwrap();
    let token = SecretText::from(evil);
    let name = || evil.to_owned();
    let settings = SettingsPage {
        methods: vec![MethodRow {
            value: name(),
            kind: MethodKind::App,
            name: name(),
            added: Timestamp::from_unix(0),
            last_used: None,
            disabled: false,
            removable: true,
        }],
        codes: None,
        can_add: true,
        required: true,
        activity: vec![(Timestamp::from_unix(0), Activity::MethodRenamed { name: name() })],
        note: Some(Note::MethodAdded { name: name() }),
        error: None,
    };
    let rename =
        RenamePage { value: name(), name: name(), typed: Some(name()), error: Some(Refusal::BadName) };
    let choose = ChoosePage {
        purpose: mfa_core::port::sender::Purpose::SignIn,
        methods: vec![mfa_web::page::Method { value: name(), kind: MethodKind::App, name: Some(name()) }],
        note: None,
        error: None,
    };
    for locale in LOCALES {
        let chrome = Chrome {
            brand: &brand,
            text: Text::of(locale),
            mount: MOUNT,
            csrf: &token,
            here: evil,
            signed_in: true,
        };
        for page in [settings.render(&chrome), rename.render(&chrome), choose.render(&chrome)] {
            let page = page.unwrap();
            assert_eq!(page.matches("<script").count(), 1);
            assert!(!page.contains("<img src=x") && !page.contains("\" onfocus"));
            assert!(page.contains("&#60;script&#62;"));
        }
    }
}

#[test]
fn the_download_is_the_list_of_codes() {
    let sample = samples::all().into_iter().find(|s| s.name == "codes").unwrap();
    let page = samples::render(&sample, &samples::brand(), Locale::English, MOUNT);
    let link = tags(&page, "a").into_iter().find(|a| a.contains(" download=")).unwrap();
    let data = attribute(link, "href").unwrap().strip_prefix("data:text/plain;charset=utf-8,").unwrap();
    let text: String = form_urlencoded::parse(data.as_bytes()).map(|(text, _)| text.into_owned()).collect();
    assert!(text.starts_with("Backup codes for Hillside School\r\n\r\n7K2M-QX4T-9HDN-3WVR\r\n"), "{text}");
    assert_eq!(text.matches("-7K2M\r\n").count(), 9);
    assert!(text.ends_with("\r\n\r\nEach code works once."));
}

/// GOV.UK: no begging, no apology, no scolding. Dilys and annilys are the Welsh words for valid and invalid.
const NEVER: [&str; 12] = [
    "please",
    "sorry",
    "valid",
    "invalid",
    "forbidden",
    "illegal",
    "oops",
    "dilys",
    "annilys",
    "gwaharddedig",
    "ymddiheurwn",
    "plîs",
];

#[test]
fn the_catalogue_has_none_of_the_words_we_never_use() {
    for source in [
        include_str!("../src/text/english.rs"),
        include_str!("../src/text/welsh.rs"),
        include_str!("../src/text/sayings/english.rs"),
        include_str!("../src/text/sayings/welsh.rs"),
    ] {
        let lower = source.to_lowercase();
        assert!(!lower.contains("os gwelwch yn dda") && !lower.contains("mae’n ddrwg"));
        for word in lower.split(|c: char| !c.is_alphabetic()) {
            assert!(!NEVER.contains(&word), "{word}");
        }
        assert!(!source.contains("'t ") && !source.contains("TODO"), "apostrophes are ’");
    }
}

#[test]
fn welsh_pages_are_in_welsh() {
    // Short words that English sentences can't do without and Welsh has not.
    let english = ["the", "your", "you", "and", "with", "this", "of", "it", "is", "codes"];
    for (name, locale, page) in pages() {
        if locale != Locale::Welsh {
            continue;
        }
        let main = words(&page);
        let main = main.split("Cael help").next().unwrap();
        for word in main.split(|c: char| !c.is_alphabetic()) {
            assert!(!english.contains(&word.to_lowercase().as_str()), "{name}: {word}");
        }
    }
}

#[test]
fn every_refusal_has_words_of_its_own() {
    let all = [
        Refusal::WrongCode { tries_left: 2 },
        Refusal::UsedCode { tries_left: 2 },
        Refusal::ExpiredCode,
        Refusal::CodeLength { expected: 6, typed: 4 },
        Refusal::CodeCharacters,
        Refusal::NotConsecutive { tries_left: 2 },
        Refusal::NoCodeSent,
        Refusal::Throttled { seconds: 30 },
        Refusal::ChallengeFailed,
        Refusal::ChallengeExpired,
        Refusal::ChallengeUnknown,
        Refusal::MethodUnavailable,
        Refusal::MethodDisabled,
        Refusal::NoMethodLeft,
        Refusal::Cooldown { seconds: 30 },
        Refusal::NotDelivered,
        Refusal::BadAddress,
        Refusal::StepUpRequired,
        Refusal::SignInAgain,
        Refusal::LastFactor,
        Refusal::TooManyFactors,
        Refusal::AlreadyBound,
        Refusal::FactorUnknown,
        Refusal::BadName,
        Refusal::NeedsFactor,
        Refusal::OwnAccount,
        Refusal::Busy,
    ];
    for locale in LOCALES {
        let text = Text::of(locale);
        for kind in [None, Some(MethodKind::App), Some(MethodKind::Email), Some(MethodKind::BackupCode)] {
            let mut said: Vec<_> = all.iter().map(|refusal| (text.refusal)(refusal, kind)).collect();
            said.push(match locale {
                Locale::Welsh => "Ni weithiodd hynny. Rhowch gynnig arall arni.".to_owned(),
                _ => "That did not work. Try again.".to_owned(),
            });
            let count = said.len();
            said.sort_unstable();
            said.dedup();
            assert_eq!(said.len(), count, "{locale:?} {kind:?}: {said:#?}");
        }
        assert!((text.refusal)(&Refusal::WrongCode { tries_left: 2 }, None).contains('2'));
        assert!((text.refusal)(&Refusal::Throttled { seconds: 30 }, None).contains("30"));
    }
}
