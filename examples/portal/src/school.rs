//! The made-up school: pupils, classes, messages and dates, so that the pages have something to show.

use mfa_core::port::sender::Locale;
use mfa_core::time::Timestamp;
use std::time::Duration;

/// A sentence in English and in Welsh.
#[derive(Clone, Copy, Debug)]
pub struct Said(pub &'static str, pub &'static str);

impl Said {
    /// It in one language.
    pub fn of(self, locale: Locale) -> &'static str {
        match locale {
            Locale::Welsh => self.1,
            _ => self.0,
        }
    }
}

/// How a pupil was marked in a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// There.
    Present,
    /// There, but late.
    Late,
    /// Not there.
    Absent,
}

/// A parent's child.
#[derive(Debug)]
pub struct Child {
    /// The name.
    pub name: &'static str,
    /// The class.
    pub class: &'static str,
    /// Attendance this term, in per cent.
    pub attendance: u8,
    /// Monday to Friday.
    pub week: [Mark; 5],
    /// The report, subject by subject.
    pub report: &'static [Grade],
}

/// One line of a report.
#[derive(Debug)]
pub struct Grade {
    /// The subject.
    pub subject: Said,
    /// One word.
    pub effort: Said,
    /// One sentence.
    pub comment: Said,
}

/// A message from the school.
#[derive(Debug)]
pub struct News {
    /// The headline.
    pub title: Said,
    /// The message.
    pub body: Said,
    days_ago: u64,
}

impl News {
    /// When it was sent.
    pub fn sent(&self, now: &Timestamp) -> Timestamp {
        now.before(Duration::from_secs(self.days_ago * 86_400))
    }
}

/// Something in the calendar.
#[derive(Debug)]
pub struct Occasion {
    /// What it is.
    pub title: Said,
    in_days: u64,
}

impl Occasion {
    /// When it is.
    pub fn on(&self, now: &Timestamp) -> Timestamp {
        now.after(Duration::from_secs(self.in_days * 86_400))
    }
}

/// A lesson of a teacher's day.
#[derive(Debug)]
pub struct Lesson {
    /// When it begins.
    pub time: &'static str,
    /// Who is taught.
    pub class: &'static str,
    /// What is taught.
    pub subject: Said,
    /// Where.
    pub room: &'static str,
    /// How many pupils.
    pub pupils: u8,
    /// Whether the register has been taken.
    pub taken: bool,
}

/// The days of a school week.
pub const DAYS: [Said; 5] = [
    Said("Monday", "Dydd Llun"),
    Said("Tuesday", "Dydd Mawrth"),
    Said("Wednesday", "Dydd Mercher"),
    Said("Thursday", "Dydd Iau"),
    Said("Friday", "Dydd Gwener"),
];

const GOOD: Said = Said("Good", "Da");
const EXCELLENT: Said = Said("Excellent", "Rhagorol");

/// The children of the demo parents.
pub const CHILDREN: [Child; 2] = [
    Child {
        name: "Mali Evans",
        class: "8B",
        attendance: 97,
        week: [Mark::Present, Mark::Present, Mark::Late, Mark::Present, Mark::Present],
        report: &[
            Grade {
                subject: Said("Mathematics", "Mathemateg"),
                effort: EXCELLENT,
                comment: Said(
                    "Mali explains her reasoning clearly and helps others.",
                    "Mae Mali yn egluro ei rhesymu’n glir ac yn helpu eraill.",
                ),
            },
            Grade {
                subject: Said("Science", "Gwyddoniaeth"),
                effort: GOOD,
                comment: Said(
                    "Careful in practical work; homework is sometimes late.",
                    "Gofalus mewn gwaith ymarferol; mae’r gwaith cartref weithiau’n hwyr.",
                ),
            },
            Grade {
                subject: Said("Welsh", "Cymraeg"),
                effort: EXCELLENT,
                comment: Said(
                    "A confident reader who enjoys discussion.",
                    "Darllenydd hyderus sy’n mwynhau trafod.",
                ),
            },
        ],
    },
    Child {
        name: "Tomos Evans",
        class: "5R",
        attendance: 93,
        week: [Mark::Present, Mark::Absent, Mark::Absent, Mark::Present, Mark::Present],
        report: &[
            Grade {
                subject: Said("Reading", "Darllen"),
                effort: GOOD,
                comment: Said(
                    "Tomos now chooses longer books by himself.",
                    "Mae Tomos bellach yn dewis llyfrau hirach ei hun.",
                ),
            },
            Grade {
                subject: Said("Music", "Cerddoriaeth"),
                effort: EXCELLENT,
                comment: Said(
                    "Plays the cornet in the school band.",
                    "Mae’n canu’r corned ym mand yr ysgol.",
                ),
            },
        ],
    },
];

/// Messages on the home page.
pub const NEWS: [News; 3] = [
    News {
        title: Said("Winter concert: tickets", "Cyngerdd y gaeaf: tocynnau"),
        body: Said(
            "Each family can have four tickets. Collect them from the office, or reply with your child’s name.",
            "Gall pob teulu gael pedwar tocyn. Casglwch nhw o’r swyddfa, neu atebwch gydag enw eich plentyn.",
        ),
        days_ago: 1,
    },
    News {
        title: Said("Road works on Station Road", "Gwaith ffordd ar Ffordd yr Orsaf"),
        body: Said(
            "Buses 14 and 15 stop at the leisure centre until Friday. Staff will walk pupils across.",
            "Mae bysiau 14 ac 15 yn stopio wrth y ganolfan hamdden tan ddydd Gwener. Bydd staff yn cerdded gyda’r disgyblion.",
        ),
        days_ago: 3,
    },
    News {
        title: Said("Lunch menu for next month", "Bwydlen ginio’r mis nesaf"),
        body: Said(
            "The new menu is on the noticeboard, with allergens marked on every dish.",
            "Mae’r fwydlen newydd ar yr hysbysfwrdd, gydag alergenau wedi’u nodi ar bob pryd.",
        ),
        days_ago: 6,
    },
];

/// Dates on the home page.
pub const OCCASIONS: [Occasion; 3] = [
    Occasion {
        title: Said("Parents’ evening, years 7 and 8", "Noson rieni, blynyddoedd 7 ac 8"),
        in_days: 3,
    },
    Occasion {
        title: Said("Training day: school closed to pupils", "Diwrnod hyfforddi: ysgol ar gau i ddisgyblion"),
        in_days: 11,
    },
    Occasion {
        title: Said("Winter concert, main hall, 6pm", "Cyngerdd y gaeaf, y brif neuadd, 6pm"),
        in_days: 17,
    },
];

/// A teacher's day.
pub const LESSONS: [Lesson; 4] = [
    Lesson {
        time: "08:50",
        class: "8B",
        subject: Said("Registration", "Cofrestru"),
        room: "12",
        pupils: 27,
        taken: true,
    },
    Lesson {
        time: "09:10",
        class: "8B",
        subject: Said("Mathematics", "Mathemateg"),
        room: "12",
        pupils: 27,
        taken: false,
    },
    Lesson {
        time: "11:05",
        class: "10A",
        subject: Said("Mathematics", "Mathemateg"),
        room: "14",
        pupils: 24,
        taken: false,
    },
    Lesson {
        time: "13:40",
        class: "7C",
        subject: Said("Numeracy support", "Cymorth rhifedd"),
        room: "3",
        pupils: 9,
        taken: false,
    },
];

/// A register that has been taken.
pub const REGISTER: [(&str, Mark); 5] = [
    ("Aaliyah Khan", Mark::Present),
    ("Dylan Rees", Mark::Absent),
    ("Mali Evans", Mark::Present),
    ("Noah Williams", Mark::Late),
    ("Seren Hughes", Mark::Present),
];
