//! What the calls come to: setting up, and changing what there is.

use mfa_core::policy::Policy;
use mfa_core::proof::Method;
use mfa_core::refusal::Refusal;

use crate::deed::{Kind, of};
use crate::model::account::{Account, Backup, Choice, Code, Factor, Proof, Purpose};
use crate::model::signing_in::{Looked, challenge, look_at_app, look_at_sent};
use crate::model::{Came, Model, Right, STEP, Staging, came};

const ENROLMENT_LIFE: u64 = 600;
const BACKUP_CODES: u32 = 10;

impl Model {
    pub(super) fn stage(&mut self, browser: u8, app: bool) {
        let (browser, account) = of(browser);
        let place = &self.browsers[browser];
        let right = match (&place.session, place.pass) {
            (Some(session), _) => Right::Session(session.clone()),
            (None, Some((epoch, given))) => Right::Pass(epoch, given),
            (None, None) => return,
        };
        self.on(account, |model, now| {
            let there = &mut model.accounts[account];
            let mut may = there.may_enrol(&right, now);
            if !app {
                // There is one address that everybody gives.
                may = may.and_then(|()| match there.newest(Kind::Email) {
                    Some(_) => Err(Refusal::AlreadyBound),
                    None => there.may_send(there.enrol_sent, now),
                });
            }
            if may.is_ok() {
                let staging = model.staged(account, right, app, now);
                model.browsers[browser].staged = Some(staging);
            }
            model.note(came(may.map(|()| Came::Done)));
        });
    }

    fn staged(&mut self, account: usize, by: Right, app: bool, now: u64) -> Staging {
        let (id, factor) = (self.draw(), self.draw());
        let method = if app { Method::App } else { Method::Email };
        let mut open = challenge(id, Purpose::Enrol, now + ENROLMENT_LIFE, Some(Choice::Factor(factor)));
        open.staged = Some(Factor::new(factor, method));
        let there = &mut self.accounts[account];
        there.challenges.retain(|open| open.purpose != Purpose::Enrol);
        there.keep(open, now);
        let mut code = None;
        if !app {
            there.enrol_sent = Some(now);
            self.send(account, id, factor, now);
            code = self.challenge(account, id).and_then(|open| open.codes.last().map(|(code, ..)| *code));
        }
        Staging { by, challenge: id, code }
    }

    pub(super) fn confirm(&mut self, browser: u8, rightly: bool) {
        let (browser, account) = of(browser);
        let Some(staging) = self.browsers[browser].staged.clone() else { return };
        self.on(account, |model, now| {
            let confirmed = model.confirmed(account, &staging, rightly, now);
            if let Ok(session) = &confirmed {
                let place = &mut model.browsers[browser];
                (place.staged, place.pass) = (None, None);
                place.session = Some(session.clone());
            }
            model.note(came(confirmed.map(|_| Came::Done)));
        });
    }

    fn confirmed(
        &mut self,
        account: usize,
        staging: &Staging,
        rightly: bool,
        now: u64,
    ) -> Result<Proof, Refusal> {
        let (typed_at, epoch, two_codes) = (self.now, self.draw(), self.portal.two_codes);
        let there = &mut self.accounts[account];
        there.may_enrol(&staging.by, now)?;
        there.not_waiting(now)?;
        let open = there.remembered(staging.challenge, now)?.clone();
        let mut factor = open.staged.clone().ok_or(Refusal::ChallengeUnknown)?;
        let looked = if factor.method == Method::App {
            let step = typed_at / STEP;
            // With two, the one before is typed first, or the same one twice.
            let right = rightly && (!two_codes || Factor::offset(step, now).abs() <= 1);
            let typed = if right { Code::App(factor.id, step) } else { Code::Wrong };
            look_at_app(&mut factor, typed, now)
        } else {
            let sent = staging.code.unwrap_or(Code::Nothing);
            look_at_sent(&open, factor.id, if rightly { sent } else { Code::Wrong }, now)?
        };
        there.seen = now;
        if !matches!(looked, Looked::Right(_)) {
            // The key of an app is on the screen: there is nothing to guess.
            if factor.method == Method::Email {
                there.count_wrong(None, now);
            }
            let tries_left = self.missed(account, staging.challenge);
            return Err(match factor.method {
                Method::App if two_codes => Refusal::NotConsecutive { tries_left },
                _ => Refusal::WrongCode { tries_left },
            });
        }
        there.challenges.retain(|open| open.purpose != Purpose::Enrol);
        there.epoch = epoch;
        let lifted = match &staging.by {
            _ if factor.method != Method::Email => Some(now),
            Right::Session(session) => session.lifted,
            Right::Pass(..) => None,
        };
        there.factors.push(factor);
        Ok(Proof { epoch, proved: Some(now), lifted })
    }

    pub(super) fn make_backup_codes(&mut self, browser: u8) {
        let (browser, account) = of(browser);
        let Some(session) = self.browsers[browser].session.clone() else { return };
        self.on(account, |model, now| {
            let may = model.accounts[account].may_make_backup_codes(&session, now);
            if may.is_ok() {
                let codes: Vec<_> = (0..BACKUP_CODES).map(|_| model.draw()).collect();
                let there = &mut model.accounts[account];
                there.every_backup_code.extend(codes.iter().map(|code| Code::Backup(*code)));
                there.backup = Some(Backup { codes: codes.into_iter().collect(), wrong: 0 });
                there.seen = now;
            }
            model.note(came(may.map(|()| Came::Done)));
        });
    }

    pub(super) fn remove(&mut self, browser: u8, which: u8) {
        let (browser, account) = of(browser);
        let there = &self.accounts[account];
        // Apps first, as they are listed.
        let is_app = |factor: &&Factor| factor.method == Method::App;
        let apps = there.factors.iter().filter(is_app);
        let all: Vec<_> = apps
            .chain(there.factors.iter().filter(|factor| !is_app(factor)))
            .map(|factor| (factor.id, factor.method))
            .collect();
        if all.is_empty() {
            return;
        }
        let (id, method) = all[usize::from(which) % all.len()];
        self.change(browser, account, |there, policy| {
            if policy == Policy::Required && there.has_only(id) || there.would_shut_out(id) {
                return Err(Refusal::LastFactor);
            }
            there.factors.retain(|factor| factor.id != id);
            if method == Method::App {
                there.old_apps.push(id);
            }
            if there.factors.is_empty() {
                there.backup = None;
            }
            Ok(())
        });
    }

    pub(super) fn end_others(&mut self, browser: u8) {
        let (browser, account) = of(browser);
        self.change(browser, account, |_, _| Ok(()));
    }

    pub(super) fn skip_reminder(&mut self, browser: u8) {
        let (browser, account) = of(browser);
        let Some(session) = self.browsers[browser].session.clone() else { return };
        self.on(account, |model, now| {
            let there = &mut model.accounts[account];
            let skipped = there.alive(&session);
            if skipped.is_ok() {
                there.seen = now;
            }
            model.note(came(skipped.map(|()| Came::Done)));
        });
    }

    pub(super) fn resync(&mut self, browser: u8, steps: [i8; 2]) {
        let (browser, account) = of(browser);
        let Some(session) = self.browsers[browser].session.clone() else { return };
        let Some(app) = self.accounts[account].newest(Kind::App).map(|app| app.id) else { return };
        let shown = steps.map(|step| (self.now / STEP).saturating_add_signed(step.into()));
        self.on(account, |model, now| {
            let resynced = model.accounts[account].resynced(&session, app, shown, now);
            model.note(came(resynced.map(|()| Came::Done)));
        });
    }

    /// Something that ends challenges and all other sessions.
    fn change(
        &mut self,
        browser: usize,
        account: usize,
        change: impl FnOnce(&mut Account, Policy) -> Result<(), Refusal>,
    ) {
        let Some(session) = self.browsers[browser].session.clone() else { return };
        self.on(account, |model, now| {
            let (epoch, policy) = (model.draw(), model.portal.policy);
            let there = &mut model.accounts[account];
            let changed = there.may_change(&session, now).and_then(|()| change(there, policy));
            if changed.is_ok() {
                there.challenges.clear();
                (there.epoch, there.seen) = (epoch, now);
                model.browsers[browser].session = Some(Proof { epoch, ..session });
            }
            model.note(came(changed.map(|()| Came::Done)));
        });
    }
}
