//! Every message in both languages, word for word; and what no message may have.

#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use mfa_core::port::sender::{Content, Locale, Message, Notice, Purpose};
use mfa_core::secret::SecretText;
use mfa_core::time::Timestamp;
use mfa_send::wording::{StandardWording, Wording, WordingError};

const AT: u64 = 1_795_425_000;

fn message(locale: Locale, content: Content) -> Message {
    Message {
        to: SecretText::from("parent@school.example"),
        content,
        at: Timestamp::from_unix(AT),
        locale,
        service: "Hill School".to_owned(),
        host: "portal.school.example".to_owned(),
        help: "the school office, 01632 960000".to_owned(),
    }
}

fn code(purpose: Purpose) -> Content {
    Content::Code { purpose, code: SecretText::from("492039"), expires: Timestamp::from_unix(AT + 600) }
}

fn rendered(locale: Locale, content: Content) -> (String, String) {
    let words = StandardWording.render(&message(locale, content)).unwrap();
    (words.subject, words.body.expose().to_owned())
}

fn all() -> Vec<Content> {
    let name = || "My “phone”".to_owned();
    let mut all: Vec<Content> = [Purpose::SignIn, Purpose::StepUp, Purpose::Enrol].map(code).into();
    all.extend(
        [
            Notice::FactorAdded { name: name() },
            Notice::FactorRemoved { name: name() },
            Notice::FactorDisabled { name: name() },
            Notice::BackupCodesDisabled,
            Notice::BackupCodesMade,
            Notice::BackupCodeUsed { left: 4 },
            Notice::BackupCodeUsed { left: 1 },
            Notice::BackupCodeUsed { left: 0 },
            Notice::Reset,
            Notice::ManyWrongCodes,
        ]
        .map(Content::Notice),
    );
    all
}

const ENGLISH_NOT_YOU: &str =
    "If you did not ask for this code, somebody else may know your password. Change it, and tell us:";
const WELSH_NOT_YOU: &str = "Os na wnaethoch chi ofyn am y cod hwn, mae'n bosibl bod rhywun arall yn gwybod eich \
     cyfrinair. Newidiwch ef, a rhowch wybod i ni:";

#[test]
fn codes_in_english() {
    for (purpose, what, not_you) in [
        (Purpose::SignIn, "Your code to sign in to Hill School", ENGLISH_NOT_YOU),
        (Purpose::StepUp, "Your code to confirm that it is you at Hill School", ENGLISH_NOT_YOU),
        (
            Purpose::Enrol,
            "Your code to add a sign-in method at Hill School",
            "If you did not ask for this code, do nothing: no method is added without it. If it happens again, \
             tell us:",
        ),
    ] {
        let (subject, body) = rendered(Locale::English, code(purpose));
        assert_eq!(subject, what);
        assert_eq!(
            body,
            format!(
                "{what}:

492039

Type it at portal.school.example and nowhere else. It works once, within 10 minutes.

Do not give this code to anybody. Nobody from Hill School will ever ask you for it.

{not_you}
the school office, 01632 960000
"
            )
        );
    }
}

#[test]
fn codes_in_welsh() {
    for (purpose, subject, what, not_you) in [
        (Purpose::SignIn, "Hill School: eich cod mewngofnodi", "Eich cod mewngofnodi", WELSH_NOT_YOU),
        (
            Purpose::StepUp,
            "Hill School: eich cod i gadarnhau mai chi sydd yno",
            "Eich cod i gadarnhau mai chi sydd yno",
            WELSH_NOT_YOU,
        ),
        (
            Purpose::Enrol,
            "Hill School: eich cod i ychwanegu dull mewngofnodi",
            "Eich cod i ychwanegu dull mewngofnodi",
            "Os na wnaethoch chi ofyn am y cod hwn, peidiwch â gwneud dim: ni chaiff unrhyw ddull ei ychwanegu \
             hebddo. Os bydd hyn yn digwydd eto, rhowch wybod i ni:",
        ),
    ] {
        let (said, body) = rendered(Locale::Welsh, code(purpose));
        assert_eq!(said, subject);
        assert_eq!(
            body,
            format!(
                "{what} (Hill School):

492039

Teipiwch y cod yma ac yn unman arall: portal.school.example
Mae'n gweithio unwaith yn unig, o fewn 10 munud.

Peidiwch â rhoi'r cod hwn i neb. Ni fydd neb o'r gwasanaeth hwn byth yn gofyn i chi amdano.

{not_you}
the school office, 01632 960000
"
            )
        );
    }
}

#[test]
fn notices_in_english() {
    let expected = [
        (
            "A sign-in method was added at Hill School",
            "The sign-in method “My phone” was added to your account.",
        ),
        (
            "A sign-in method was removed at Hill School",
            "The sign-in method “My phone” was removed from your account.",
        ),
        (
            "A sign-in method was switched off at Hill School",
            "The sign-in method “My phone” was switched off, because too many wrong codes were typed for it. To \
             use it again, remove it and set it up anew.",
        ),
        (
            "Your backup codes were switched off at Hill School",
            "Your backup codes were switched off, because too many wrong ones were typed. To use backup codes again, \
             make new ones.",
        ),
        (
            "New backup codes were made at Hill School",
            "New backup codes were made for your account. The old ones no longer work.",
        ),
        (
            "A backup code was used at Hill School",
            "A backup code was used to sign in to your account. 4 are left.",
        ),
        (
            "A backup code was used at Hill School",
            "A backup code was used to sign in to your account. One is left: make new ones soon.",
        ),
        (
            "A backup code was used at Hill School",
            "A backup code was used to sign in to your account. It was the last one: make new ones.",
        ),
        (
            "Two-factor sign-in was reset at Hill School",
            "An administrator removed all sign-in methods and backup codes from your account. You are signed out \
             everywhere.",
        ),
        (
            "Many wrong codes were typed at Hill School",
            "Somebody gave your password and then typed too many wrong codes. None of them let anybody in.",
        ),
    ];
    let notices: Vec<Content> = all().split_off(3);
    assert_eq!(notices.len(), expected.len());
    for (notice, (subject, what)) in notices.into_iter().zip(expected) {
        let (said, body) = rendered(Locale::English, notice);
        assert_eq!(said, subject);
        assert_eq!(
            body,
            format!(
                "{what}

When: 23 November 2026 at 09:10 UTC
Where: portal.school.example

If this was you, or you had asked for it, there is nothing more to do.

If it was not, your account may be in somebody else's hands. Change your password, look through the security \
settings of your account, and tell us at once:
the school office, 01632 960000

This message has no link to sign in, on purpose. Type the address of the site yourself.
"
            )
        );
    }
}

#[test]
fn notices_in_welsh() {
    let expected = [
        (
            "Hill School: ychwanegwyd dull mewngofnodi",
            "Cafodd y dull mewngofnodi “My phone” ei ychwanegu at eich cyfrif.",
        ),
        (
            "Hill School: tynnwyd dull mewngofnodi",
            "Cafodd y dull mewngofnodi “My phone” ei dynnu oddi ar eich cyfrif.",
        ),
        (
            "Hill School: diffoddwyd dull mewngofnodi",
            "Cafodd y dull mewngofnodi “My phone” ei ddiffodd, am fod gormod o godau anghywir wedi'u teipio ar ei \
             gyfer. I'w ddefnyddio eto, tynnwch ef a gosodwch ef o'r newydd.",
        ),
        (
            "Hill School: diffoddwyd eich codau wrth gefn",
            "Cafodd eich codau wrth gefn eu diffodd, am fod gormod o rai anghywir wedi'u teipio. I ddefnyddio codau wrth gefn \
             eto, crëwch rai newydd.",
        ),
        (
            "Hill School: crëwyd codau wrth gefn newydd",
            "Cafodd codau wrth gefn newydd eu creu ar gyfer eich cyfrif. Nid yw'r hen rai'n gweithio mwyach.",
        ),
        (
            "Hill School: defnyddiwyd cod wrth gefn",
            "Cafodd cod wrth gefn ei ddefnyddio i fewngofnodi i'ch cyfrif. Nifer y codau sydd ar ôl: 4.",
        ),
        (
            "Hill School: defnyddiwyd cod wrth gefn",
            "Cafodd cod wrth gefn ei ddefnyddio i fewngofnodi i'ch cyfrif. Mae un ar ôl: crëwch rai newydd yn fuan.",
        ),
        (
            "Hill School: defnyddiwyd cod wrth gefn",
            "Cafodd cod wrth gefn ei ddefnyddio i fewngofnodi i'ch cyfrif. Hwn oedd yr un olaf: crëwch rai newydd.",
        ),
        (
            "Hill School: ailosodwyd mewngofnodi dau gam",
            "Mae gweinyddwr wedi tynnu pob dull mewngofnodi a phob cod wrth gefn oddi ar eich cyfrif. Rydych wedi'ch \
             allgofnodi ym mhobman.",
        ),
        (
            "Hill School: teipiwyd llawer o godau anghywir",
            "Rhoddodd rhywun eich cyfrinair ac yna deipio gormod o godau anghywir. Ni chafodd neb fewngofnodi â'r un ohonynt.",
        ),
    ];
    let notices: Vec<Content> = all().split_off(3);
    assert_eq!(notices.len(), expected.len());
    for (notice, (subject, what)) in notices.into_iter().zip(expected) {
        let (said, body) = rendered(Locale::Welsh, notice);
        assert_eq!(said, subject);
        assert_eq!(
            body,
            format!(
                "{what}

Pryd: 23 Tachwedd 2026 am 09:10 UTC
Ble: portal.school.example

Os chi wnaeth hyn, neu os oeddech wedi gofyn amdano, nid oes angen gwneud dim byd arall.

Os nad chi wnaeth hyn, mae'n bosibl bod eich cyfrif yn nwylo rhywun arall. Newidiwch eich cyfrinair, edrychwch \
dros osodiadau diogelwch eich cyfrif, a rhowch wybod i ni ar unwaith:
the school office, 01632 960000

Nid oes dolen mewngofnodi yn y neges hon, a hynny'n fwriadol. Teipiwch gyfeiriad y wefan eich hun.
"
            )
        );
    }
}

#[test]
fn no_subject_has_a_code_and_no_message_a_link() {
    for locale in [Locale::English, Locale::Welsh] {
        for content in all() {
            let (subject, body) = rendered(locale, content);
            assert!(!subject.contains("492039") && !subject.contains("phone"), "{subject}");
            for link in ["://", "www.", "mailto:", "<"] {
                assert!(!body.contains(link), "{link} in {body}");
            }
            for owed in ["portal.school.example", "the school office, 01632 960000"] {
                assert!(body.contains(owed), "{owed} missing in {body}");
            }
        }
    }
}

#[test]
fn a_message_without_help_or_host_has_no_words() {
    for content in all() {
        let mut lacking = message(Locale::English, content.clone());
        lacking.help = "\r\n ".to_owned();
        assert_eq!(StandardWording.render(&lacking).unwrap_err(), WordingError::NoHelp);
        let mut lacking = message(Locale::English, content);
        lacking.host = String::new();
        assert_eq!(StandardWording.render(&lacking).unwrap_err(), WordingError::NoHost);
    }
}

#[test]
fn a_service_without_a_name_goes_by_its_host() {
    let mut nameless = message(Locale::English, code(Purpose::SignIn));
    nameless.service = " ".to_owned();
    let words = StandardWording.render(&nameless).unwrap();
    assert_eq!(words.subject, "Your code to sign in to portal.school.example");
    assert_eq!(format!("{words:?}"), "Rendered { .. }");
}
