//! The Welsh words: Cymraeg.

use mfa_core::port::sender::{Notice, Purpose};
use mfa_core::time::UtcDateTime;

use crate::wording::Known;
use crate::wording::plain::quoted_name;

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

/// Subject and body of a code's message.
///
/// The service's name follows a colon or stands in brackets, never after a preposition: a name of the host's
/// can't be mutated.
pub(super) fn code(known: &Known, purpose: Purpose, code: &str, seconds: u64) -> (String, String) {
    let Known { service, host, help } = known;
    let what = match purpose {
        Purpose::SignIn => "Eich cod mewngofnodi",
        Purpose::StepUp => "Eich cod i gadarnhau mai chi sydd yno",
        Purpose::Enrol => "Eich cod i ychwanegu dull mewngofnodi",
        _ => "Eich cod",
    };
    let not_you = match purpose {
        Purpose::Enrol => {
            "Os na wnaethoch chi ofyn am y cod hwn, peidiwch â gwneud dim: ni chaiff unrhyw ddull ei \
             ychwanegu hebddo. Os bydd hyn yn digwydd eto, rhowch wybod i ni:"
        }
        _ => {
            "Os na wnaethoch chi ofyn am y cod hwn, mae'n bosibl bod rhywun arall yn gwybod eich cyfrinair. \
             Newidiwch ef, a rhowch wybod i ni:"
        }
    };
    let life = life(seconds);
    let body = format!(
        "{what} ({service}):\n\
         \n\
         {code}\n\
         \n\
         Teipiwch y cod yma ac yn unman arall: {host}\n\
         Mae'n gweithio unwaith yn unig, o fewn {life}.\n\
         \n\
         Peidiwch â rhoi'r cod hwn i neb. Ni fydd neb o'r gwasanaeth hwn byth yn gofyn i chi amdano.\n\
         \n\
         {not_you}\n\
         {help}\n"
    );
    (format!("{service}: {}", lower_first(what)), body)
}

/// Subject and body of a notice.
pub(super) fn notice(known: &Known, notice: &Notice, at: UtcDateTime) -> (String, String) {
    let Known { service, host, help } = known;
    let (subject, what) = match notice {
        Notice::FactorAdded { name } => (
            "ychwanegwyd dull mewngofnodi",
            format!(
                "Cafodd y dull mewngofnodi “{}” ei ychwanegu at eich cyfrif.",
                quoted_name(name)
            ),
        ),
        Notice::FactorRemoved { name } => (
            "tynnwyd dull mewngofnodi",
            format!(
                "Cafodd y dull mewngofnodi “{}” ei dynnu oddi ar eich cyfrif.",
                quoted_name(name)
            ),
        ),
        Notice::FactorDisabled { name } => (
            "diffoddwyd dull mewngofnodi",
            format!(
                "Cafodd y dull mewngofnodi “{}” ei ddiffodd, am fod gormod o godau anghywir wedi'u teipio \
                 ar ei gyfer. I'w ddefnyddio eto, tynnwch ef a gosodwch ef o'r newydd.",
                quoted_name(name)
            ),
        ),
        Notice::BackupCodesDisabled => (
            "diffoddwyd eich codau wrth gefn",
            "Cafodd eich codau wrth gefn eu diffodd, am fod gormod o rai anghywir wedi'u teipio. I ddefnyddio codau wrth \
             gefn eto, crëwch rai newydd."
                .to_owned(),
        ),
        Notice::BackupCodesMade => (
            "crëwyd codau wrth gefn newydd",
            "Cafodd codau wrth gefn newydd eu creu ar gyfer eich cyfrif. Nid yw'r hen rai'n gweithio mwyach."
                .to_owned(),
        ),
        Notice::BackupCodeUsed { left } => (
            "defnyddiwyd cod wrth gefn",
            format!(
                "Cafodd cod wrth gefn ei ddefnyddio i fewngofnodi i'ch cyfrif. {}",
                match left {
                    0 => "Hwn oedd yr un olaf: crëwch rai newydd.".to_owned(),
                    1 => "Mae un ar ôl: crëwch rai newydd yn fuan.".to_owned(),
                    more => format!("Nifer y codau sydd ar ôl: {more}."),
                }
            ),
        ),
        Notice::Reset => (
            "ailosodwyd mewngofnodi dau gam",
            "Mae gweinyddwr wedi tynnu pob dull mewngofnodi a phob cod wrth gefn oddi ar eich cyfrif. Rydych \
             wedi'ch allgofnodi ym mhobman."
                .to_owned(),
        ),
        Notice::ManyWrongCodes => (
            "teipiwyd llawer o godau anghywir",
            "Rhoddodd rhywun eich cyfrinair ac yna deipio gormod o godau anghywir. Ni chafodd neb fewngofnodi â'r un ohonynt."
                .to_owned(),
        ),
        _ => (
            "newidiwyd eich gosodiadau mewngofnodi",
            "Newidiodd gosodiadau mewngofnodi eich cyfrif.".to_owned(),
        ),
    };
    let when = when(at);
    let body = format!(
        "{what}\n\
         \n\
         Pryd: {when}\n\
         Ble: {host}\n\
         \n\
         Os chi wnaeth hyn, neu os oeddech wedi gofyn amdano, nid oes angen gwneud dim byd arall.\n\
         \n\
         Os nad chi wnaeth hyn, mae'n bosibl bod eich cyfrif yn nwylo rhywun arall. Newidiwch eich cyfrinair, edrychwch \
         dros osodiadau diogelwch eich cyfrif, a rhowch wybod i ni ar unwaith:\n\
         {help}\n\
         \n\
         Nid oes dolen mewngofnodi yn y neges hon, a hynny'n fwriadol. Teipiwch gyfeiriad y wefan eich hun.\n"
    );
    (format!("{service}: {subject}"), body)
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().into_iter().flat_map(char::to_lowercase).chain(chars).collect()
}

/// The noun stays in the singular after a numeral.
fn life(seconds: u64) -> String {
    match seconds / 60 {
        0 => format!("{seconds} eiliad"),
        minutes => format!("{minutes} munud"),
    }
}

fn when(at: UtcDateTime) -> String {
    let month = MONTHS.get(usize::from(at.month).saturating_sub(1)).copied().unwrap_or_default();
    format!("{} {month} {} am {:02}:{:02} UTC", at.day, at.year, at.hour, at.minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_is_never_promised_longer_than_it_is() {
        for (seconds, words) in [(0, "0 eiliad"), (59, "59 eiliad"), (60, "1 munud"), (659, "10 munud")] {
            assert_eq!(life(seconds), words);
        }
    }
}
