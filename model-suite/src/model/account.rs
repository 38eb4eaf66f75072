//! One account, in plain numbers, and the rules that need nothing else.

use mfa_core::policy::Policy;
use mfa_core::proof::Method;
use mfa_core::refusal::Refusal;

use crate::deed::Kind;
use crate::model::{BackupCodes, Right, STEP, Stands};

/// What is typed, as what it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// What this app shows in this step.
    App(u32, u64),
    Backup(u32),
    Sent(u32),
    /// Six digits that nothing shows.
    Wrong,
    /// No code at all.
    Nothing,
}

/// A session: of which epoch, and what it has proved when.
#[derive(Clone, Debug)]
pub(crate) struct Proof {
    pub(crate) epoch: u32,
    pub(crate) proved: Option<u64>,
    /// When by something else than a code by e-mail.
    pub(crate) lifted: Option<u64>,
}

#[derive(Clone, Debug)]
pub(crate) struct Factor {
    pub(crate) id: u32,
    pub(crate) method: Method,
    pub(crate) wrong: u16,
    pub(crate) used: Option<u64>,
    /// Of an app: the last step that let somebody in, and how many steps its clock was off then.
    pub(crate) last: Option<u64>,
    pub(crate) drift: i64,
    /// Of an address: when a code last went there.
    pub(crate) sent: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    SignIn,
    StepUp,
    Enrol,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    Factor(u32),
    Backup,
}

/// A challenge.
#[derive(Clone, Debug)]
pub(crate) struct Open {
    pub(crate) id: u32,
    pub(crate) purpose: Purpose,
    pub(crate) expires: u64,
    pub(crate) tries: u8,
    pub(crate) delivered_tries: u8,
    pub(crate) choice: Option<Choice>,
    pub(crate) failed: bool,
    /// Which, to which address, until when.
    pub(crate) codes: Vec<(Code, u32, u64)>,
    pub(crate) staged: Option<Factor>,
}

impl Open {
    pub(crate) fn standing(&self, now: u64) -> Result<(), Refusal> {
        match self.failed {
            _ if now >= self.expires => Err(Refusal::ChallengeExpired),
            true => Err(Refusal::ChallengeFailed),
            false => Ok(()),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Backup {
    pub(crate) codes: BackupCodes,
    pub(crate) wrong: u16,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    pub(crate) epoch: u32,
    pub(crate) seen: u64,
    pub(crate) factors: Vec<Factor>,
    pub(crate) backup: Option<Backup>,
    pub(crate) challenges: Vec<Open>,
    pub(crate) wrong_in_a_row: u16,
    pub(crate) wait_until: Option<u64>,
    pub(crate) enrol_sent: Option<u64>,
    pub(crate) old_apps: Vec<u32>,
    pub(crate) every_backup_code: Vec<Code>,
    pub(crate) accepted: Vec<Code>,
}

/// What clocks may differ by.
const TOLERANCE: u64 = 30;
const FRESH: u64 = 900;
const COOLDOWN: u64 = 60;
/// How many wrong answers to one method disable it.
const DISABLED: u16 = 100;
/// By how many steps an app's clock may be off that is brought back in step, and how many a code typed in passing teaches.
const RESYNC: i64 = 10;
const LEARNED: i64 = 2;
const MOST_FACTORS: usize = 10;
const MOST_CHALLENGES: usize = 8;
/// How long a challenge that is over is remembered.
const REMEMBERED: u64 = 7200;
const PASS_LIFE: u64 = 3600;
/// Wrong answers in a row that cost no wait, the first wait, and the longest.
const FREE: u16 = 10;
const FIRST_WAIT: u64 = 30;
const LONGEST_WAIT: u64 = 3600;

impl Account {
    /// The time here: it never runs back, and a clock that is far behind is none.
    pub(crate) fn at(&self, now: u64) -> Option<u64> {
        (now + TOLERANCE >= self.seen).then(|| now.max(self.seen))
    }

    pub(crate) fn reset(&mut self, epoch: u32, now: u64) {
        self.erase();
        (self.epoch, self.seen) = (epoch, now);
    }

    /// As if there had never been anything; what people have on their phones and on paper they still have.
    pub(crate) fn erase(&mut self) {
        let apps = self.factors.iter().filter(|factor| factor.method == Method::App);
        self.old_apps.extend(apps.map(|app| app.id));
        *self = Self {
            old_apps: std::mem::take(&mut self.old_apps),
            every_backup_code: std::mem::take(&mut self.every_backup_code),
            accepted: std::mem::take(&mut self.accepted),
            ..Self::default()
        };
    }

    pub(crate) fn newest(&self, kind: Kind) -> Option<&Factor> {
        let method = if kind == Kind::App { Method::App } else { Method::Email };
        self.factors.iter().rev().find(|factor| factor.method == method)
    }

    pub(crate) fn factor(&mut self, id: u32) -> Option<&mut Factor> {
        self.factors.iter_mut().find(|factor| factor.id == id)
    }

    fn working(&self) -> impl Iterator<Item = &Factor> {
        self.factors.iter().filter(|factor| factor.wrong < DISABLED)
    }

    pub(crate) fn takes_backup(&self) -> bool {
        self.backup.as_ref().is_some_and(|backup| !backup.codes.is_empty() && backup.wrong < DISABLED)
    }

    pub(crate) fn usable(&self) -> bool {
        self.working().next().is_some() || self.takes_backup()
    }

    /// Disabled ones too: that one was guessed at until it was disabled makes a mailbox no better.
    pub(crate) fn has_app(&self) -> bool {
        self.factors.iter().any(|factor| factor.method == Method::App)
    }

    /// Whether anything is left to step up with.
    fn can_step_up(&self) -> bool {
        let mut working = self.working();
        working.any(|factor| self.may_answer(Purpose::StepUp, factor.method)) || self.takes_backup()
    }

    pub(crate) fn is_disabled(factor: &Factor) -> bool {
        factor.wrong >= DISABLED
    }

    /// Whether every method that works is this one.
    pub(crate) fn has_only(&self, id: u32) -> bool {
        self.working().all(|factor| factor.id == id)
    }

    /// Whether nothing but disabled methods would be left, and nothing to answer with.
    pub(crate) fn would_shut_out(&self, id: u32) -> bool {
        self.has_only(id) && self.factors.len() > 1 && !self.takes_backup()
    }

    /// The method used last, if that is an app.
    pub(crate) fn preferred_app(&self) -> Option<u32> {
        let last = self.working().max_by_key(|factor| (factor.used, factor.method == Method::App))?;
        (last.method == Method::App).then_some(last.id)
    }

    pub(crate) fn alive(&self, session: &Proof) -> Result<(), Refusal> {
        if session.epoch == self.epoch { Ok(()) } else { Err(Refusal::SignInAgain) }
    }

    pub(crate) fn may_step_up(&self, session: &Proof) -> Result<(), Refusal> {
        self.alive(session)?;
        match (self.factors.is_empty(), self.can_step_up()) {
            (true, _) => Err(Refusal::NeedsFactor),
            (false, false) => Err(Refusal::NoMethodLeft),
            (false, true) => Ok(()),
        }
    }

    /// A recent second factor, and not by e-mail alone if there is an app.
    pub(crate) fn may_change(&self, session: &Proof, now: u64) -> Result<(), Refusal> {
        self.alive(session)?;
        let proved = if self.has_app() { session.lifted } else { session.proved };
        let fresh = proved.is_some_and(|at| at <= now && now - at <= FRESH);
        if self.factors.is_empty() || fresh {
            return Ok(());
        }
        Err(if self.can_step_up() { Refusal::StepUpRequired } else { Refusal::NoMethodLeft })
    }

    /// To step up it takes the best there is.
    pub(crate) fn may_answer(&self, purpose: Purpose, method: Method) -> bool {
        purpose != Purpose::StepUp || method != Method::Email || !self.has_app()
    }

    pub(crate) fn may_enrol(&self, right: &Right, now: u64) -> Result<(), Refusal> {
        match right {
            Right::Session(session) => self.may_change(session, now)?,
            Right::Pass(epoch, given) => {
                if *epoch != self.epoch || now >= given + PASS_LIFE || !self.factors.is_empty() {
                    return Err(Refusal::SignInAgain);
                }
            }
        }
        if self.factors.len() >= MOST_FACTORS { Err(Refusal::TooManyFactors) } else { Ok(()) }
    }

    pub(crate) fn may_make_backup_codes(&self, session: &Proof, now: u64) -> Result<(), Refusal> {
        self.may_change(session, now)?;
        if self.factors.is_empty() || !self.usable() { Err(Refusal::NeedsFactor) } else { Ok(()) }
    }

    /// How many more wrong answers cost no wait.
    pub(crate) fn free_tries(&self) -> u8 {
        FREE.saturating_sub(self.wrong_in_a_row) as u8
    }

    pub(crate) fn not_waiting(&self, now: u64) -> Result<(), Refusal> {
        match self.wait_until.filter(|until| *until > now) {
            Some(until) => Err(Refusal::Throttled { seconds: until - now }),
            None => Ok(()),
        }
    }

    pub(crate) fn may_send(&self, last: Option<u64>, now: u64) -> Result<(), Refusal> {
        self.not_waiting(now)?;
        match last.map(|last| last + COOLDOWN).filter(|again| *again > now) {
            Some(again) => Err(Refusal::Cooldown { seconds: again - now }),
            None => Ok(()),
        }
    }

    /// A wrong answer, on the account and on the method.
    pub(crate) fn count_wrong(&mut self, choice: Option<Choice>, now: u64) {
        match choice {
            Some(Choice::Factor(id)) => {
                if let Some(factor) = self.factor(id) {
                    factor.wrong += 1;
                }
            }
            Some(Choice::Backup) => {
                if let Some(backup) = &mut self.backup {
                    backup.wrong += 1;
                }
            }
            None => {}
        }
        self.wrong_in_a_row += 1;
        let over = self.wrong_in_a_row.checked_sub(FREE);
        self.wait_until = over.map(|over| now + (FIRST_WAIT << over.min(16)).min(LONGEST_WAIT));
    }

    /// Brings an app back in step; wrong codes are counted as an answer's are.
    pub(crate) fn resynced(
        &mut self,
        session: &Proof,
        app: u32,
        shown: [u64; 2],
        now: u64,
    ) -> Result<(), Refusal> {
        self.may_change(session, now)?;
        self.not_waiting(now)?;
        let factor = self.factor(app).ok_or(Refusal::FactorUnknown)?;
        if Self::is_disabled(factor) {
            return Err(Refusal::MethodDisabled);
        }
        let right = factor.resync(shown, now);
        self.seen = now;
        if right {
            return Ok(());
        }
        self.count_wrong(Some(Choice::Factor(app)), now);
        Err(Refusal::NotConsecutive { tries_left: self.free_tries() })
    }

    /// A right answer ends the row. One by e-mail takes back no guess at an app, or at backup codes, that still work.
    pub(crate) fn end_row(&mut self, method: Method) {
        let at_apps: u16 = self.working().filter(|app| app.method == Method::App).map(|app| app.wrong).sum();
        let at_codes = self.backup.as_ref().map_or(0, |backup| backup.wrong);
        let above = if at_codes < DISABLED { at_apps + at_codes } else { at_apps };
        self.wrong_in_a_row = if method == Method::Email { self.wrong_in_a_row.min(above) } else { 0 };
        self.wait_until = None;
    }

    /// Keeps a new challenge. Of more than eight, one that is over goes first, then the oldest of its kind.
    pub(crate) fn keep(&mut self, open: Open, now: u64) {
        self.challenges.retain(|old| old.expires > now - REMEMBERED);
        while self.challenges.len() >= MOST_CHALLENGES {
            let over = self.challenges.iter().position(|old| old.standing(now).is_err());
            let alike = self.challenges.iter().position(|old| old.purpose == open.purpose);
            self.challenges.remove(over.or(alike).unwrap_or(0));
        }
        self.challenges.push(open);
        self.seen = now;
    }

    pub(crate) fn remembered(&self, id: u32, now: u64) -> Result<&Open, Refusal> {
        let open = self.challenges.iter().find(|open| open.id == id).ok_or(Refusal::ChallengeUnknown)?;
        open.standing(now).map(|()| open)
    }

    pub(crate) fn stands(&self, session: &Proof, now: u64, policy: Policy) -> Stands {
        if self.at(now).is_none() {
            return Stands::Fault;
        }
        match (self.factors.is_empty(), session.proved.is_some()) {
            _ if session.epoch != self.epoch => Stands::Out,
            (true, _) if policy == Policy::Required => Stands::MustEnrol,
            (true, _) | (false, true) => Stands::In,
            (false, false) if self.can_step_up() => Stands::Half,
            (false, false) => Stands::Stuck,
        }
    }
}

impl Factor {
    pub(crate) fn new(id: u32, method: Method) -> Self {
        Self { id, method, wrong: 0, used: None, last: None, drift: 0, sent: None }
    }

    /// Whether its clock was found so far off when it was brought back in step, and not in passing.
    fn is_resynced(&self) -> bool {
        self.drift.abs() > LEARNED
    }

    fn is_around(&self, offset: i64) -> bool {
        (offset - self.drift).abs() <= 1
    }

    /// One step each way around how far its clock was off, and the way back to none; but no further than is learned in
    /// passing, unless it was brought back in step further off.
    pub(crate) fn is_near(&self, offset: i64) -> bool {
        let learnable = offset.abs() <= LEARNED;
        let on_the_way = (self.drift.min(0)..=self.drift.max(0)).contains(&offset);
        self.is_around(offset) && (learnable || self.is_resynced()) || on_the_way && learnable
    }

    /// A code of this step was right.
    pub(crate) fn accept(&mut self, step: u64, offset: i64) {
        self.last = Some(step);
        if !(self.is_resynced() && self.is_around(offset)) {
            self.drift = offset.clamp(-LEARNED, LEARNED);
        }
    }

    /// Two codes in a row, the first of a step that is not used up.
    pub(crate) fn resync(&mut self, [first, second]: [u64; 2], now: u64) -> bool {
        let offset = Self::offset(second, now);
        let right = second == first + 1
            && (1 - RESYNC..=RESYNC).contains(&offset)
            && self.last.is_none_or(|last| first > last);
        if right {
            (self.last, self.drift) = (Some(second), offset);
        }
        right
    }

    pub(crate) fn offset(step: u64, now: u64) -> i64 {
        step.cast_signed() - (now / STEP).cast_signed()
    }
}
