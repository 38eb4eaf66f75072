//! Sentences in Welsh, with the mutations that numbers bring.

use mfa_core::refusal::Refusal;
use mfa_core::time::Timestamp;

use crate::text::sayings::{self, Span};
use crate::text::vocabulary::{Activity, MethodKind, Note};

const MONTHS: [&str; 12] = [
    "Ionawr",
    "Chwefror",
    "Mawrth",
    "Ebrill",
    "Mai",
    "Mehefin",
    "Gorffennaf",
    "Awst",
    "Medi",
    "Hydref",
    "Tachwedd",
    "Rhagfyr",
];

/// Nouns stay singular after a number; 2 softens them, 3 and 6 make them breathe.
fn counted(n: u64, plain: &str, soft: &str, aspirate: &str) -> String {
    let noun = match n {
        2 => soft,
        3 | 6 => aspirate,
        _ => plain,
    };
    format!("{n} {noun}")
}

pub(in crate::text) fn minutes(n: u64) -> String {
    counted(n, "munud", "funud", "munud")
}

pub(in crate::text) fn backup_codes(n: u8) -> String {
    counted(n.into(), "cod wrth gefn", "god wrth gefn", "chod wrth gefn")
}

pub(in crate::text) fn span(seconds: u64) -> String {
    match sayings::span(seconds) {
        Span::Seconds(n) => counted(n, "eiliad", "eiliad", "eiliad"),
        Span::Minutes(n) => minutes(n),
        Span::Hours(n) => counted(n, "awr", "awr", "awr"),
    }
}

pub(in crate::text) fn date_time(at: Timestamp) -> String {
    let at = at.to_utc();
    let (hour, minute, morning) = sayings::twelve_hour(at);
    let half = if morning { "yb" } else { "yp" };
    format!("{} {} {} am {hour}:{minute:02}{half}", at.day, sayings::month(&MONTHS, at), at.year)
}

fn tries(left: u8) -> String {
    match left {
        0 => String::new(),
        n => format!(" Mae gennych {} ar ôl.", counted(n.into(), "cynnig", "gynnig", "chynnig")),
    }
}

pub(in crate::text) fn refusal(refusal: &Refusal, kind: Option<MethodKind>) -> String {
    let backup = kind == Some(MethodKind::BackupCode);
    match *refusal {
        Refusal::WrongCode { tries_left } => {
            let what = if backup { "wrth gefn" } else { "diogelwch" };
            format!("Rhowch god {what} cywir.{}", tries(tries_left))
        }
        Refusal::UsedCode { tries_left } if backup => {
            format!("Mae’r cod wrth gefn hwn wedi’i ddefnyddio. Rhowch un arall.{}", tries(tries_left))
        }
        Refusal::UsedCode { tries_left } => format!(
            "Mae’r cod hwn wedi’i ddefnyddio. Arhoswch am un newydd, yna rhowch hwnnw. Os nad chi a’i defnyddiodd, gofynnwch am help.{}",
            tries(tries_left)
        ),
        Refusal::ExpiredCode => "Mae’r cod diogelwch wedi dod i ben. Gofynnwch am god newydd.".to_owned(),
        Refusal::CodeLength { typed: 0, .. } => {
            format!("Rhowch god {}", if backup { "wrth gefn" } else { "diogelwch" })
        }
        Refusal::CodeLength { expected, typed } => {
            let letters = sayings::has_letters(kind, expected);
            let what = if letters { "lythrennau a rhifau" } else { "rifau" };
            let wrong = if typed < expected {
                "Nid ydych wedi rhoi digon"
            } else {
                "Rydych wedi rhoi gormod"
            };
            let must = if letters {
                format!("{expected} o lythrennau a rhifau")
            } else {
                format!("{expected} rhif")
            };
            format!("{wrong} o {what}, rhaid i’r cod fod yn {must}")
        }
        Refusal::CodeCharacters if backup => {
            "Dim ond llythrennau a rhifau y gall y cod eu cynnwys".to_owned()
        }
        Refusal::CodeCharacters => "Dim ond rhifau y gall y cod eu cynnwys".to_owned(),
        Refusal::NotConsecutive { tries_left } => format!(
            "Rhaid i’r ddau god ddilyn ei gilydd. Rhowch y cod a welwch nawr, yna’r un nesaf.{}",
            tries(tries_left)
        ),
        Refusal::NoCodeSent => "Nid oes cod wedi’i anfon eto. Gofynnwch am god yn gyntaf.".to_owned(),
        Refusal::Throttled { seconds } => format!(
            "Rhoddwyd gormod o godau anghywir ar gyfer y cyfrif hwn. Arhoswch {}, yna rhowch gynnig arall arni.",
            span(seconds)
        ),
        Refusal::ChallengeFailed => {
            "Rydych wedi defnyddio pob cynnig. Dechreuwch eto i gael rhagor.".to_owned()
        }
        Refusal::ChallengeExpired => {
            "Er eich diogelwch, rydym wedi rhoi’r gorau i aros. Dechreuwch eto.".to_owned()
        }
        Refusal::ChallengeUnknown => {
            "Ni allwn barhau o’r man lle’r oeddech. Dechreuwch eto.".to_owned()
        }
        Refusal::MethodUnavailable => "Ni allwch ddefnyddio hynny nawr. Dewiswch ffordd arall.".to_owned(),
        Refusal::MethodDisabled => {
            "Cafodd y ffordd honno o gael codau ei diffodd ar ôl gormod o godau anghywir. Dewiswch ffordd arall, yna gosodwch hi eto yn eich gosodiadau diogelwch.".to_owned()
        }
        Refusal::NoMethodLeft => {
            "Ni ellir defnyddio’r un o’r ffyrdd rydych wedi’u gosod. Cysylltwch â’r bobl sy’n rhedeg y gwasanaeth hwn. Byddant yn gwirio pwy ydych chi, ac yna’n gadael i chi osod ffordd newydd.".to_owned()
        }
        Refusal::Cooldown { seconds } => format!(
            "Anfonwyd cod atoch funud yn ôl. Arhoswch {} cyn gofyn am god newydd.",
            span(seconds)
        ),
        Refusal::NotDelivered => {
            "Nid oeddem yn gallu anfon y cod. Rhowch gynnig arall arni, neu defnyddiwch ffordd arall.".to_owned()
        }
        Refusal::BadAddress => {
            "Rhowch gyfeiriad e-bost yn y fformat cywir, er enghraifft enw@example.com".to_owned()
        }
        Refusal::StepUpRequired => "Cadarnhewch mai chi sydd yno cyn gwneud hyn.".to_owned(),
        Refusal::SignInAgain => "Rydych wedi cael eich allgofnodi. Mewngofnodwch eto i barhau.".to_owned(),
        Refusal::LastFactor => {
            "Ni allwch dynnu eich unig ffordd o gael codau diogelwch. Ychwanegwch ffordd arall yn gyntaf.".to_owned()
        }
        Refusal::TooManyFactors => {
            "Rydych wedi gosod cymaint o ffyrdd ag y gallwch. Tynnwch un nad ydych yn ei defnyddio, yna rhowch gynnig arall arni.".to_owned()
        }
        Refusal::AlreadyBound => {
            "Rydych wedi gosod hynny’n barod. Dewiswch ffordd arall neu defnyddiwch gyfeiriad gwahanol.".to_owned()
        }
        Refusal::FactorUnknown => "Ni allwn ddod o hyd i hynny. Efallai ei fod wedi’i dynnu.".to_owned(),
        Refusal::BadName => "Rhowch enw sydd rhwng 1 a 50 nod o hyd".to_owned(),
        Refusal::NeedsFactor => {
            "Gosodwch ffordd o gael codau diogelwch yn gyntaf. Yna gallwch gael codau wrth gefn.".to_owned()
        }
        Refusal::OwnAccount => {
            "Ni allwch wneud hyn i’ch cyfrif eich hun. Gofynnwch i weinyddwr arall.".to_owned()
        }
        Refusal::Busy => {
            "Mae llawer o bobl yn mewngofnodi. Arhoswch am ychydig, yna rhowch gynnig arall arni.".to_owned()
        }
        _ => "Ni weithiodd hynny. Rhowch gynnig arall arni.".to_owned(),
    }
}

fn by(kind: MethodKind) -> &'static str {
    match kind {
        MethodKind::App => "ap dilysu",
        MethodKind::Email => "cod a anfonwyd drwy e-bost",
        MethodKind::BackupCode => "cod wrth gefn",
    }
}

pub(in crate::text) fn note(note: &Note) -> String {
    match note {
        Note::CodeSent => "Rydym wedi anfon cod newydd i’ch cyfeiriad e-bost.".to_owned(),
        Note::MethodAdded { name } => format!("Mae “{name}” wedi’i ychwanegu."),
        Note::MethodRemoved { name } => format!("Mae “{name}” wedi’i dynnu."),
        Note::MethodRenamed { name } => format!("Yr enw nawr yw “{name}”."),
        Note::AppSynchronised { name } => format!("Mae codau o “{name}” yn gweithio nawr."),
        Note::BackupCodesSaved => "Mae eich codau wrth gefn newydd yn barod i’w defnyddio.".to_owned(),
        Note::OthersSignedOut => "Rydych wedi allgofnodi ym mhobman arall.".to_owned(),
        Note::ReminderSkipped => "Byddwn yn eich atgoffa eto.".to_owned(),
        Note::StartedAgain { because: Refusal::ChallengeExpired } => {
            "Fe gymeroch ormod o amser, felly rydym wedi dechrau eto.".to_owned()
        }
        Note::StartedAgain { because: Refusal::ChallengeFailed } => {
            "Rydych wedi defnyddio pob cynnig, felly rydym wedi dechrau eto.".to_owned()
        }
        Note::StartedAgain { because } => refusal(because, None),
    }
}

pub(in crate::text) fn activity(activity: &Activity) -> String {
    match activity {
        Activity::SignedIn { kind } => format!("Mewngofnodi gan ddefnyddio {}", by(*kind)),
        Activity::Confirmed { kind } => format!("Cadarnhau mai chi oedd yno gan ddefnyddio {}", by(*kind)),
        Activity::WrongCode => "Rhoddwyd cod anghywir".to_owned(),
        Activity::UsedCode => "Rhoddwyd cod am yr ail dro".to_owned(),
        Activity::Throttled => "Gorfod aros ar ôl gormod o godau anghywir".to_owned(),
        Activity::CodeSent => "Anfonwyd cod diogelwch".to_owned(),
        Activity::CodeNotDelivered => "Nid oedd modd anfon cod diogelwch".to_owned(),
        Activity::MethodAdded { name } => format!("Ychwanegwyd “{name}”"),
        Activity::MethodRemoved { name } => format!("Tynnwyd “{name}”"),
        Activity::MethodRenamed { name } => format!("Newidiwyd yr enw i “{name}”"),
        Activity::BackupCodesDisabled => {
            "Diffoddwyd y codau wrth gefn ar ôl gormod o rai anghywir".to_owned()
        }
        Activity::MethodDisabled { name } => format!("Diffoddwyd “{name}” ar ôl gormod o godau anghywir"),
        Activity::AppSynchronised => "Addaswyd yr ap dilysu i’w gloc".to_owned(),
        Activity::BackupCodesMade => "Gwnaed codau wrth gefn newydd".to_owned(),
        Activity::BackupCodeUsed { left } => format!("Defnyddiwyd cod wrth gefn, {left} ar ôl"),
        Activity::Reset => "Tynnwyd pob ffordd o gael codau gan weinyddwr".to_owned(),
        Activity::OthersSignedOut => "Allgofnodi ym mhobman arall".to_owned(),
        Activity::Other => "Newid i ddiogelwch eich mewngofnodi".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_mutate_what_they_count() {
        assert_eq!(backup_codes(1), "1 cod wrth gefn");
        assert_eq!(backup_codes(2), "2 god wrth gefn");
        assert_eq!(backup_codes(3), "3 chod wrth gefn");
        assert_eq!(backup_codes(10), "10 cod wrth gefn");
        assert_eq!(span(120), "2 funud");
        assert_eq!(span(45), "45 eiliad");
        assert_eq!(
            refusal(&Refusal::WrongCode { tries_left: 3 }, Some(MethodKind::App)),
            "Rhowch god diogelwch cywir. Mae gennych 3 chynnig ar ôl."
        );
    }

    #[test]
    fn dates_are_welsh() {
        assert_eq!(date_time(Timestamp::from_unix(1_795_425_000)), "23 Tachwedd 2026 am 9:10yb");
    }
}
