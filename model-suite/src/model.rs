//! The reference: what each deed comes to, by plain rules and without the service.
//!
//! Times are seconds, ids are counted, codes are what they stand for: nothing here is sealed, hashed, stored or sent. It shares
//! no code with the service, only its words (`Policy`, `Method`, `Refusal`).

use std::collections::BTreeSet;
use std::fmt;

use mfa_core::policy::Policy;
use mfa_core::proof::Method;
use mfa_core::refusal::Refusal;

use crate::deed::{BROWSERS, Deed, Kind, Typed, of};
use crate::model::account::{Account, Code, Open, Proof};

pub(crate) mod account;
mod changing;
mod signing_in;

/// An app's time step.
pub(crate) const STEP: u64 = 30;
/// Where every history begins.
const BEGINNING: u64 = 1_795_424_400;

/// What a portal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Portal {
    /// Of whom a second factor.
    pub policy: Policy,
    /// Whether it takes two codes to confirm an app.
    pub two_codes: bool,
}

/// What came of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// The clock had gone back too far.
    Fault,
    /// Not granted. What can't be read as a code is always [`Refusal::CodeCharacters`].
    Refused(Refusal),
    /// Granted.
    Done,
    /// Signed in without a second factor.
    Admitted,
    /// A challenge has to be answered first.
    Challenged,
    /// A second factor has to be set up first.
    MustEnrol,
    /// A challenge was passed.
    Passed(Method),
}

/// How a session stands before a guarded route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands {
    /// It comes through.
    In,
    /// A second factor first.
    Half,
    /// One has to be set up first.
    MustEnrol,
    /// It is over.
    Out,
    /// No method is left.
    Stuck,
    /// The clock had gone back too far.
    Fault,
}

/// What one browser holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Browser {
    pub(crate) session: Option<Proof>,
    /// The challenge begun last, over or not.
    pub(crate) open: Option<u32>,
    /// Of which epoch, and since when.
    pub(crate) pass: Option<(u32, u64)>,
    pub(crate) staged: Option<Staging>,
}

/// A set-up under way.
#[derive(Clone, Debug)]
pub(crate) struct Staging {
    pub(crate) by: Right,
    pub(crate) challenge: u32,
    pub(crate) code: Option<Code>,
}

/// By what right something is set up.
#[derive(Clone, Debug)]
pub(crate) enum Right {
    Session(Proof),
    Pass(u32, u64),
}

/// Everything there is, and what the last deed came to.
#[derive(Clone)]
pub struct Model {
    pub(crate) portal: Portal,
    pub(crate) now: u64,
    behind: u64,
    pub(crate) accounts: [Account; 2],
    pub(crate) browsers: [Browser; BROWSERS],
    counted: u32,
    sent_last: Option<Code>,
    came: Vec<Came>,
}

/// What a history begins with: the rest follows from the deeds.
impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model").field("portal", &self.portal).finish_non_exhaustive()
    }
}

impl Model {
    /// Nobody has anything yet.
    pub fn new(portal: Portal) -> Self {
        Self {
            portal,
            now: BEGINNING,
            behind: 0,
            accounts: Default::default(),
            browsers: Default::default(),
            counted: 0,
            sent_last: None,
            came: Vec::new(),
        }
    }

    /// How the history is told to hold it to.
    pub fn portal(&self) -> Portal {
        self.portal
    }

    /// What the calls of the last deed come to, one after the other.
    pub fn came(&self) -> &[Came] {
        &self.came
    }

    /// How each browser's session stands now.
    pub fn stand(&self) -> [Option<Stands>; BROWSERS] {
        std::array::from_fn(|browser| {
            let session = self.browsers[browser].session.as_ref()?;
            Some(self.accounts[browser / 2].stands(session, self.now, self.portal.policy))
        })
    }

    /// Whether there is anything to do it with.
    pub fn allows(&self, deed: Deed) -> bool {
        let place = |browser| &self.browsers[of(browser).0];
        match deed {
            Deed::StepUp(browser)
            | Deed::MakeBackupCodes(browser)
            | Deed::EndOthers(browser)
            | Deed::SkipReminder(browser) => place(browser).session.is_some(),
            Deed::Resync(browser, _) => {
                let has_app = self.accounts[of(browser).1].newest(Kind::App).is_some();
                has_app && place(browser).session.is_some()
            }
            Deed::Remove(browser, _) => {
                place(browser).session.is_some() && !self.accounts[of(browser).1].factors.is_empty()
            }
            Deed::Choose(browser, _) | Deed::Answer(browser, _) | Deed::Abandon(browser) => {
                place(browser).open.is_some()
            }
            Deed::StageApp(browser) | Deed::StageEmail(browser) => {
                place(browser).session.is_some() || place(browser).pass.is_some()
            }
            Deed::Confirm(browser, _) => place(browser).staged.is_some(),
            _ => true,
        }
    }

    /// Everything after it.
    #[must_use]
    pub fn after(mut self, deed: Deed) -> Self {
        self.came.clear();
        for step in deed.steps() {
            self.perform(step);
        }
        self
    }

    pub(crate) fn draw(&mut self) -> u32 {
        self.counted += 1;
        self.counted
    }

    /// One call on one account, at the time that holds there; nothing of it happens if the clock is too far behind.
    pub(crate) fn on<T>(&mut self, account: usize, call: impl FnOnce(&mut Self, u64) -> T) -> Option<T> {
        match self.accounts[account].at(self.now) {
            Some(now) => Some(call(self, now)),
            None => {
                self.note(Came::Fault);
                None
            }
        }
    }

    pub(crate) fn note(&mut self, came: Came) {
        self.came.push(came);
    }

    pub(crate) fn sent(&mut self, code: Code) {
        self.sent_last = Some(code);
    }

    pub(crate) fn challenge(&mut self, account: usize, id: u32) -> Option<&mut Open> {
        self.accounts[account].challenges.iter_mut().find(|open| open.id == id)
    }

    fn perform(&mut self, deed: Deed) {
        match deed {
            Deed::Wait(seconds) => self.pass(seconds.into()),
            Deed::WaitLong(minutes) => self.pass(3600 + 60 * u64::from(minutes)),
            Deed::ClockBack(seconds) => {
                self.now -= u64::from(seconds);
                self.behind += u64::from(seconds);
            }
            Deed::SignIn(browser) => self.sign_in(browser),
            Deed::StepUp(browser) => self.step_up(browser),
            Deed::Choose(browser, kind) => {
                self.choose(browser, kind);
            }
            Deed::Answer(browser, typed) => {
                let (_, account) = of(browser);
                let kind = self.kind_of(account, typed);
                if kind.is_none_or(|kind| self.choose(browser, kind)) {
                    self.answer(browser, self.text(account, typed));
                }
            }
            Deed::Abandon(browser) => self.abandon(browser),
            Deed::StageApp(browser) => self.stage(browser, true),
            Deed::StageEmail(browser) => self.stage(browser, false),
            Deed::Confirm(browser, rightly) => self.confirm(browser, rightly),
            Deed::MakeBackupCodes(browser) => self.make_backup_codes(browser),
            Deed::Remove(browser, which) => self.remove(browser, which),
            Deed::EndOthers(browser) => self.end_others(browser),
            Deed::Resync(browser, steps) => self.resync(browser, steps),
            Deed::SkipReminder(browser) => self.skip_reminder(browser),
            Deed::Erase(account) => {
                self.accounts[usize::from(account) % 2].erase();
                self.came.push(Came::Done);
            }
            Deed::Reset(account) => {
                let (epoch, now) = (self.draw(), self.now);
                let account = &mut self.accounts[usize::from(account) % 2];
                account.reset(epoch, now);
                self.came.push(Came::Done);
            }
            Deed::PasswordChanged(account) => {
                let epoch = self.draw();
                let now = self.now;
                let account = &mut self.accounts[usize::from(account) % 2];
                let came = account.at(now).map(|now| {
                    account.challenges.clear();
                    account.epoch = epoch;
                    account.seen = now;
                });
                self.came.push(if came.is_some() { Came::Done } else { Came::Fault });
            }
            Deed::Restart | Deed::SettleIn(_) | Deed::Fumble(..) => {}
        }
    }

    fn pass(&mut self, seconds: u64) {
        self.now += std::mem::take(&mut self.behind) + seconds;
    }

    /// What is typed, as what it stands for.
    fn text(&self, account: usize, typed: Typed) -> Code {
        let account = &self.accounts[account];
        let step = |offset: i8| (self.now / STEP).saturating_add_signed(offset.into());
        let nth = |all: &[Code], which: u8| {
            all.get(usize::from(which) % all.len().max(1)).copied().unwrap_or(Code::Nothing)
        };
        match typed {
            Typed::App(offset) => {
                account.newest(Kind::App).map_or(Code::Nothing, |app| Code::App(app.id, step(offset)))
            }
            Typed::OldApp => account.old_apps.last().map_or(Code::Nothing, |app| Code::App(*app, step(0))),
            Typed::Wrong => Code::Wrong,
            Typed::Backup(which) => nth(&account.every_backup_code, which),
            Typed::Sent => self.sent_last.unwrap_or(Code::Nothing),
            Typed::Again(which) => nth(&account.accepted, which),
            Typed::Nonsense => Code::Nothing,
        }
    }

    fn kind_of(&self, account: usize, typed: Typed) -> Option<Kind> {
        match typed {
            Typed::App(_) | Typed::OldApp => Some(Kind::App),
            Typed::Backup(_) => Some(Kind::Backup),
            Typed::Sent => Some(Kind::Email),
            Typed::Again(_) => match self.text(account, typed) {
                Code::App(..) | Code::Sent(_) => {
                    let has_app = self.accounts[account].newest(Kind::App).is_some();
                    Some(if has_app { Kind::App } else { Kind::Email })
                }
                _ => Some(Kind::Backup),
            },
            Typed::Wrong | Typed::Nonsense => None,
        }
    }
}

pub(crate) fn came(result: Result<Came, Refusal>) -> Came {
    result.unwrap_or_else(Came::Refused)
}

/// A set of backup codes, the used ones left out.
pub(crate) type BackupCodes = BTreeSet<u32>;
