//! What can be done, and how it is read from bytes.

/// How many browsers there are. The first two are of the first account, the others of the second.
pub(crate) const BROWSERS: usize = 4;

/// What is typed to bring an app back in step: mostly two neighbouring codes, near and far and too far, also some that aren't.
const PAIRS: [[i8; 2]; 16] = [
    [-1, 0],
    [0, 1],
    [1, 2],
    [2, 3],
    [3, 4],
    [-3, -2],
    [-4, -3],
    [-10, -9],
    [9, 10],
    [10, 11],
    [-11, -10],
    [5, 6],
    [0, 0],
    [1, 0],
    [0, 2],
    [-2, 1],
];

/// A browser, and whose it is.
pub(crate) fn of(browser: u8) -> (usize, usize) {
    let browser = usize::from(browser) % BROWSERS;
    (browser, browser / 2)
}

/// What is typed into a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typed {
    /// What the newest app shows, so many steps from now.
    App(i8),
    /// What an app shows that was removed, or replaced by a reset.
    OldApp,
    /// A code that no app shows.
    Wrong,
    /// One of the backup codes that were ever made, used or not, replaced or not.
    Backup(u8),
    /// The last code that was sent to anybody.
    Sent,
    /// What let somebody in before.
    Again(u8),
    /// No code at all.
    Nonsense,
}

/// A kind of method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An app.
    App,
    /// Backup codes.
    Backup,
    /// E-mail.
    Email,
}

/// Something that somebody does. Browsers and accounts are taken modulo how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// So many seconds pass.
    Wait(u8),
    /// An hour and so many minutes pass.
    WaitLong(u8),
    /// The clock goes back by so many seconds, and comes to itself at the next wait.
    ClockBack(u8),
    /// The password was right in a browser.
    SignIn(u8),
    /// A recent second factor is asked for in a session.
    StepUp(u8),
    /// A way of answering is chosen.
    Choose(u8, Kind),
    /// Somebody signs in and sets up an app, backup codes and e-mail.
    SettleIn(u8),
    /// Somebody settles in, types wrong codes in a second browser until the account has to wait, and tries to bring the app
    /// back in step in the first.
    Fumble(u8, [i8; 2]),
    /// Something is typed, after its kind was chosen if there is one.
    Answer(u8, Typed),
    /// A challenge is given up.
    Abandon(u8),
    /// An app is to be set up.
    StageApp(u8),
    /// An address is to be set up.
    StageEmail(u8),
    /// A set-up is confirmed, with the right code or another one.
    Confirm(u8, bool),
    /// Backup codes are made.
    MakeBackupCodes(u8),
    /// A method is removed.
    Remove(u8, u8),
    /// The newest app is to be brought back in step by two of its codes, so many steps from now.
    Resync(u8, [i8; 2]),
    /// The reminder is put off.
    SkipReminder(u8),
    /// Other sessions are ended.
    EndOthers(u8),
    /// An administrator resets an account.
    Reset(u8),
    /// A password was changed.
    PasswordChanged(u8),
    /// An account is erased.
    Erase(u8),
    /// The process is started anew: another handle on the same store, which seals with the other key from now on.
    Restart,
}

/// How many wrong codes one challenge takes, and the challenges it takes until the account has to wait.
const WRONG: [usize; 2] = [5, 2];

impl Typed {
    fn from_bytes(what: u8, how: u8) -> Self {
        match what % 19 {
            0..=7 => Self::App([0, 0, 0, 0, 1, -1, 2, -3][usize::from(how) % 8]),
            8 => Self::OldApp,
            9 | 10 => Self::Wrong,
            11..=13 => Self::Backup(how),
            14 | 15 => Self::Sent,
            16 => Self::Nonsense,
            _ => Self::Again(how),
        }
    }
}

impl Deed {
    /// What it consists of: mostly itself.
    pub(crate) fn steps(self) -> Vec<Self> {
        match self {
            Self::SettleIn(browser) => settling_in(browser).to_vec(),
            Self::Fumble(browser, pair) => {
                let mut steps = settling_in(browser).to_vec();
                let (other, [each, challenges]) = (browser ^ 1, WRONG);
                for _ in 0..challenges {
                    steps.push(Self::SignIn(other));
                    steps.extend([Self::Answer(other, Typed::Wrong)].repeat(each));
                }
                steps.push(Self::Resync(browser, pair));
                steps
            }
            _ => vec![self],
        }
    }

    /// Three bytes are a deed, whatever they are.
    pub fn from_bytes([what, who, how]: [u8; 3]) -> Self {
        let kind = [Kind::App, Kind::Backup, Kind::Email][usize::from(how) % 3];
        // What happens most in the field comes up most.
        match what % 64 {
            0..=7 => Self::Wait(how % 64),
            8 if how % 4 == 0 => Self::WaitLong(how % 180),
            8 => Self::SettleIn(who),
            9 => Self::ClockBack(how),
            10..=17 => Self::SignIn(who),
            18..=20 => Self::StepUp(who),
            21..=26 => Self::Choose(who, kind),
            27..=45 => Self::Answer(who, Typed::from_bytes(what % 64 - 27, how)),
            46 => Self::Abandon(who),
            47..=50 => Self::StageApp(who),
            51 | 52 => Self::StageEmail(who),
            53..=57 => Self::Confirm(who, how % 8 != 0),
            58 | 59 if how % 8 == 7 => Self::Fumble(who, PAIRS[usize::from(how / 8) % PAIRS.len()]),
            58 | 59 => Self::MakeBackupCodes(who),
            60 => Self::Remove(who, how),
            61 if how % 4 == 0 => Self::EndOthers(who),
            61 if how % 4 == 1 => Self::SkipReminder(who),
            61 => Self::Resync(who, PAIRS[usize::from(how / 4) % PAIRS.len()]),
            62 if how % 2 == 0 => Self::Reset(who),
            62 => Self::PasswordChanged(who),
            _ if how % 8 == 7 => Self::Erase(who),
            _ => Self::Restart,
        }
    }
}

/// Somebody signs in and sets up everything.
fn settling_in(browser: u8) -> [Deed; 6] {
    [
        Deed::SignIn(browser),
        Deed::StageApp(browser),
        Deed::Confirm(browser, true),
        Deed::MakeBackupCodes(browser),
        Deed::StageEmail(browser),
        Deed::Confirm(browser, true),
    ]
}
