//! Every word of the portal's own pages, English and Welsh side by side, so that neither can lack one.

use mfa_core::port::sender::Locale;
use mfa_core::time::Timestamp;

use crate::users::Role;

macro_rules! texts {
    ($($name:ident: $english:literal, $welsh:literal;)*) => {
        /// The words of one language.
        pub struct Text {
            $(pub(crate) $name: &'static str,)*
        }

        static ENGLISH: Text = Text { $($name: $english,)* };
        static WELSH: Text = Text { $($name: $welsh,)* };

        #[cfg(test)]
        const ALL: &[(&str, &str, &str)] = &[$((stringify!($name), $english, $welsh),)*];
    };
}

texts! {
    school: "Bryn Awel School", "Ysgol Bryn Awel";
    portal: "Parent and staff portal", "Porth rhieni a staff";
    skip: "Skip to main content", "Neidio i’r prif gynnwys";
    other_language: "Cymraeg", "English";
    other_language_tag: "cy", "en";
    menu: "Menu", "Dewislen";
    home: "Home", "Hafan";
    my_account: "My account", "Fy nghyfrif";
    users: "Users", "Defnyddwyr";
    sign_out: "Sign out", "Allgofnodi";
    signed_in_as: "Signed in as", "Wedi mewngofnodi fel";
    footer: "This is a demonstration portal. The school, its pupils and its messages are made up.",
        "Porth arddangos yw hwn. Mae’r ysgol, ei disgyblion a’i negeseuon yn ddychmygol.";
    error_prefix: "Error: ", "Gwall: ";
    problem: "There is a problem", "Mae problem";
    success: "Success", "Llwyddiant";
    back: "Back", "Yn ôl";
    cancel: "Cancel", "Canslo";

    sign_in: "Sign in", "Mewngofnodi";
    sign_in_lead: "For parents, carers and staff of Bryn Awel School.",
        "Ar gyfer rhieni, gofalwyr a staff Ysgol Bryn Awel.";
    user_name: "User name", "Enw defnyddiwr";
    password: "Password", "Cyfrinair";
    help_heading: "If you cannot sign in", "Os na allwch fewngofnodi";
    help_text: "Ring the school office on 01632 960 123, Monday to Friday, 8am to 4pm. We will never ask for your password or a security code.",
        "Ffoniwch swyddfa’r ysgol ar 01632 960 123, dydd Llun i ddydd Gwener, 8am i 4pm. Ni fyddwn byth yn gofyn am eich cyfrinair na chod diogelwch.";
    enter_name: "Enter your user name", "Rhowch eich enw defnyddiwr";
    enter_password: "Enter your password", "Rhowch eich cyfrinair";
    wrong_password: "Enter a correct user name and password", "Rhowch enw defnyddiwr a chyfrinair cywir";
    signed_out: "You have signed out.", "Rydych wedi allgofnodi.";

    welcome: "Welcome", "Croeso";
    your_children: "Your children", "Eich plant";
    attendance: "Attendance this term", "Presenoldeb y tymor hwn";
    this_week: "This week", "Yr wythnos hon";
    class: "Class", "Dosbarth";
    messages: "Messages from school", "Negeseuon gan yr ysgol";
    dates: "Dates for your diary", "Dyddiadau i’ch dyddiadur";
    autumn_report: "Autumn report", "Adroddiad yr hydref";
    read_report: "Read the autumn report", "Darllen adroddiad yr hydref";
    subject: "Subject", "Pwnc";
    effort: "Effort", "Ymdrech";

    your_classes: "Your classes", "Eich dosbarthiadau";
    time: "Time", "Amser";
    room: "Room", "Ystafell";
    pupils: "Pupils", "Disgyblion";
    register: "Register", "Cofrestr";
    register_taken: "Taken", "Wedi’i chymryd";
    register_open: "Not taken yet", "Heb ei chymryd eto";
    registration: "Morning register, class 8B", "Cofrestr y bore, dosbarth 8B";
    pupil: "Pupil", "Disgybl";
    mark: "Mark", "Marc";
    present: "Present", "Presennol";
    absent: "Absent", "Absennol";
    late: "Late", "Hwyr";
    pay: "Pay and bank details", "Cyflog a manylion banc";
    pay_lead: "Your salary is paid into this account. You are asked for a security code before you see this page, unless you gave one a few minutes ago.",
        "Telir eich cyflog i’r cyfrif hwn. Gofynnir am god diogelwch cyn i chi weld y dudalen hon, oni bai i chi roi un ychydig funudau yn ôl.";
    account_name: "Name on the account", "Enw ar y cyfrif";
    sort_code: "Sort code", "Cod didoli";
    account_number: "Account number", "Rhif y cyfrif";
    pay_change: "To change these details, see the school business manager in person.",
        "I newid y manylion hyn, ewch i weld rheolwr busnes yr ysgol yn bersonol.";

    admin_lead: "You manage who can use the portal.", "Chi sy’n rheoli pwy all ddefnyddio’r porth.";
    people: "People with an account", "Pobl â chyfrif";
    with_second: "With two-factor sign-in", "Gyda mewngofnodi dau ffactor";
    manage_users: "Manage users", "Rheoli defnyddwyr";
    name: "Name", "Enw";
    role: "Role", "Rôl";
    second_factor: "Two-factor sign-in", "Mewngofnodi dau ffactor";
    last_used: "Last used", "Defnyddiwyd ddiwethaf";
    action: "Action", "Gweithred";
    on: "On", "Ymlaen";
    off: "Off", "I ffwrdd";
    never: "Never", "Erioed";
    nothing_to_reset: "Nothing to reset", "Dim i’w ailosod";
    your_own: "Your own account", "Eich cyfrif eich hun";
    reset: "Reset", "Ailosod";
    reset_title: "Reset two-factor sign-in", "Ailosod mewngofnodi dau ffactor";
    reset_lead: "Do this only once you are sure who is asking: in person, or by ringing the number the school has on file.",
        "Gwnewch hyn dim ond pan fyddwch yn sicr pwy sy’n gofyn: wyneb yn wyneb, neu drwy ffonio’r rhif sydd gan yr ysgol.";
    reset_effects: "What happens next:", "Beth sy’n digwydd nesaf:";
    reset_effect_1: "their authenticator apps and backup codes stop working",
        "bydd eu hapiau dilysu a’u codau wrth gefn yn peidio â gweithio";
    reset_effect_2: "they are signed out everywhere", "cânt eu hallgofnodi ym mhobman";
    reset_effect_3: "they get an e-mail that says so", "cânt e-bost yn dweud hynny";
    reason: "Why are you resetting it?", "Pam ydych chi’n ei ailosod?";
    reason_hint: "For example: lost phone, identity checked at the school office. This is kept with the event.",
        "Er enghraifft: ffôn ar goll, hunaniaeth wedi’i gwirio yn swyddfa’r ysgol. Cedwir hyn gyda’r digwyddiad.";
    enter_reason: "Enter why you are resetting it", "Rhowch y rheswm dros ei ailosod";
    long_reason: "The reason must be 200 characters or fewer", "Rhaid i’r rheswm fod yn 200 nod neu lai";
    reset_done: "Two-factor sign-in has been reset for", "Ailosodwyd mewngofnodi dau ffactor ar gyfer";
    reset_refused: "This account cannot be reset from here. Ask another administrator.",
        "Ni ellir ailosod y cyfrif hwn o’r fan hon. Gofynnwch i weinyddwr arall.";

    your_details: "Your details", "Eich manylion";
    email: "E-mail address", "Cyfeiriad e-bost";
    security: "Signing in and security", "Mewngofnodi a diogelwch";
    security_lead: "With two-factor sign-in, your password alone is not enough: you also enter a code from your phone. It keeps others out even if they know your password.",
        "Gyda mewngofnodi dau ffactor, nid yw eich cyfrinair yn ddigon ar ei ben ei hun: byddwch hefyd yn rhoi cod o’ch ffôn. Mae’n cadw pobl eraill allan hyd yn oed os ydynt yn gwybod eich cyfrinair.";
    security_link: "Manage two-factor sign-in", "Rheoli mewngofnodi dau ffactor";

    outbox: "Development outbox", "Blwch anfon datblygu";
    outbox_lead: "No mail server is set, so messages are kept here instead of being sent. They are gone when the portal stops.",
        "Nid oes gweinydd post wedi’i osod, felly cedwir negeseuon yma yn lle eu hanfon. Byddant yn diflannu pan fydd y porth yn stopio.";
    outbox_empty: "No messages have been sent since the portal started.",
        "Nid oes negeseuon wedi’u hanfon ers i’r porth ddechrau.";
    outbox_smtp: "Messages are sent through a mail server, so there are none here.",
        "Anfonir negeseuon drwy weinydd post, felly nid oes rhai yma.";
    to: "To", "At";
    sent: "Sent", "Anfonwyd";

    not_found: "Page not found", "Heb ganfod y dudalen";
    not_found_text: "If you typed the address, check that it is correct. If you followed a link, the page may have moved.",
        "Os gwnaethoch deipio’r cyfeiriad, gwiriwch ei fod yn gywir. Os gwnaethoch ddilyn dolen, efallai fod y dudalen wedi symud.";
    failed: "There is a problem with the portal", "Mae problem gyda’r porth";
    failed_text: "Try again in a few minutes. If it goes on, ring the school office on 01632 960 123.",
        "Rhowch gynnig arall arni ymhen ychydig funudau. Os yw’n parhau, ffoniwch swyddfa’r ysgol ar 01632 960 123.";
    not_yours: "You cannot see this page", "Ni allwch weld y dudalen hon";
    not_yours_text: "This page is for other people at the school. If you think you should see it, ring the school office.",
        "Mae’r dudalen hon ar gyfer pobl eraill yn yr ysgol. Os ydych yn credu y dylech ei gweld, ffoniwch swyddfa’r ysgol.";
    stale_form: "This form is out of date", "Mae’r ffurflen hon wedi dyddio";
    stale_form_text: "Nothing was changed. Go back, load the page again and send the form once more.",
        "Ni newidiwyd dim. Ewch yn ôl, llwythwch y dudalen eto ac anfonwch y ffurflen unwaith eto.";
    to_home: "Go to the home page", "Mynd i’r hafan";
}

/// The words in a language.
pub fn text(locale: Locale) -> &'static Text {
    match locale {
        Locale::Welsh => &WELSH,
        _ => &ENGLISH,
    }
}

/// The name of a role.
pub fn role(locale: Locale, role: Role) -> &'static str {
    match (locale, role) {
        (Locale::Welsh, Role::Parent) => "Rhiant",
        (Locale::Welsh, Role::Staff) => "Staff",
        (Locale::Welsh, Role::Administrator) => "Gweinyddwr",
        (_, Role::Parent) => "Parent",
        (_, Role::Staff) => "Staff",
        (_, Role::Administrator) => "Administrator",
    }
}

/// What is said after too many wrong passwords.
pub fn too_many(locale: Locale, seconds: u64) -> String {
    let minutes = seconds.div_ceil(60);
    match (locale, seconds) {
        (Locale::Welsh, 0..=90) => {
            format!("Rhowch gynnig arall arni ymhen {seconds} eiliad. Bu gormod o gynigion anghywir")
        }
        (Locale::Welsh, _) => {
            format!("Rhowch gynnig arall arni ymhen {minutes} munud. Bu gormod o gynigion anghywir")
        }
        (_, 1) => "Try again in 1 second. There were too many wrong tries".to_owned(),
        (_, 0..=90) => format!("Try again in {seconds} seconds. There were too many wrong tries"),
        (_, _) => format!("Try again in {minutes} minutes. There were too many wrong tries"),
    }
}

const MONTHS: [(&str, &str); 12] = [
    ("January", "Ionawr"),
    ("February", "Chwefror"),
    ("March", "Mawrth"),
    ("April", "Ebrill"),
    ("May", "Mai"),
    ("June", "Mehefin"),
    ("July", "Gorffennaf"),
    ("August", "Awst"),
    ("September", "Medi"),
    ("October", "Hydref"),
    ("November", "Tachwedd"),
    ("December", "Rhagfyr"),
];

/// A date for people: `3 December 2026`, `3 Rhagfyr 2026`.
pub fn date(locale: Locale, at: Timestamp) -> String {
    let utc = at.to_utc();
    let (english, welsh) = MONTHS.get(usize::from(utc.month.saturating_sub(1))).copied().unwrap_or_default();
    let month = if locale == Locale::Welsh { welsh } else { english };
    format!("{} {month} {}", utc.day, utc.year)
}

/// A date and time for people, in UTC.
pub fn moment(locale: Locale, at: Timestamp) -> String {
    let utc = at.to_utc();
    format!("{}, {:02}:{:02} UTC", date(locale, at), utc.hour, utc.minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_empty_or_left_untranslated() {
        for (name, english, welsh) in ALL {
            assert!(!english.is_empty() && !welsh.is_empty(), "{name}");
            assert_ne!(english, welsh, "{name}");
        }
    }

    #[test]
    fn dates_are_written_out() {
        let at = Timestamp::from_unix(1_795_425_000);
        assert_eq!(date(Locale::English, at), "23 November 2026");
        assert_eq!(moment(Locale::Welsh, at), "23 Tachwedd 2026, 09:10 UTC");
    }

    #[test]
    fn waits_are_said_in_the_unit_that_fits() {
        assert!(too_many(Locale::English, 30).contains("30 seconds"));
        assert!(too_many(Locale::English, 1).contains("1 second."));
        assert!(too_many(Locale::English, 121).contains("3 minutes"));
        assert!(too_many(Locale::Welsh, 480).contains("8 munud"));
    }
}
