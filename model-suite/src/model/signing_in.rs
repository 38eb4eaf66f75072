//! What the calls come to: signing in, choosing how to answer, answering.

use mfa_core::policy::Policy;
use mfa_core::proof::Method;
use mfa_core::refusal::Refusal;

use crate::deed::{Kind, of};
use crate::model::account::{Account, Choice, Code, Factor, Open, Proof, Purpose};
use crate::model::{Browser, Came, Model, came};

const CHALLENGE_LIFE: u64 = 1200;
const CODE_LIFE: u64 = 600;
const TRIES: u8 = 5;
const DELIVERED_TRIES: u8 = 3;
/// How many messages to one address can be answered.
const LIVE_CODES: usize = 2;

/// What an answer is, once it was looked at.
pub(super) enum Looked {
    Right(Method),
    Used,
    Wrong,
}

impl Model {
    fn begin(&mut self, account: usize, purpose: Purpose, now: u64) -> u32 {
        let id = self.draw();
        let account = &mut self.accounts[account];
        let choice = account.preferred_app().map(Choice::Factor);
        account.keep(challenge(id, purpose, now + CHALLENGE_LIFE, choice), now);
        id
    }

    pub(super) fn sign_in(&mut self, browser: u8) {
        let (browser, account) = of(browser);
        self.on(account, |model, now| {
            let there = &model.accounts[account];
            let (place, came) = if there.usable() {
                let open = Some(model.begin(account, Purpose::SignIn, now));
                (Browser { open, ..Browser::default() }, Came::Challenged)
            } else if !there.factors.is_empty() {
                return model.note(Came::Refused(Refusal::NoMethodLeft));
            } else if model.portal.policy == Policy::Required {
                let pass = Some((there.epoch, now));
                (Browser { pass, ..Browser::default() }, Came::MustEnrol)
            } else {
                let session = Proof { epoch: there.epoch, proved: None, lifted: None };
                (Browser { session: Some(session), ..Browser::default() }, Came::Admitted)
            };
            model.browsers[browser] = place;
            model.note(came);
        });
    }

    pub(super) fn step_up(&mut self, browser: u8) {
        let (browser, account) = of(browser);
        let Some(session) = self.browsers[browser].session.clone() else { return };
        self.on(account, |model, now| {
            let may = model.accounts[account].may_step_up(&session);
            if may.is_ok() {
                model.browsers[browser].open = Some(model.begin(account, Purpose::StepUp, now));
            }
            model.note(came(may.map(|()| Came::Done)));
        });
    }

    pub(super) fn abandon(&mut self, browser: u8) {
        let (browser, account) = of(browser);
        let Some(id) = self.browsers[browser].open else { return };
        self.on(account, |model, now| {
            let there = &mut model.accounts[account];
            if there.remembered(id, now).is_ok() {
                there.challenges.retain(|open| open.id != id);
                there.seen = now;
            }
            model.note(Came::Done);
        });
    }

    /// Whether what was to follow may follow: not after a fault.
    pub(super) fn choose(&mut self, browser: u8, kind: Kind) -> bool {
        let (browser, account) = of(browser);
        let choice = match kind {
            Kind::Backup => Some(Choice::Backup),
            _ => self.accounts[account].newest(kind).map(|factor| Choice::Factor(factor.id)),
        };
        let (Some(id), Some(choice)) = (self.browsers[browser].open, choice) else { return true };
        let called = self.on(account, |model, now| {
            let chosen = model.chosen(account, id, choice, now);
            model.note(came(chosen.map(|()| Came::Done)));
        });
        called.is_some()
    }

    fn chosen(&mut self, account: usize, id: u32, choice: Choice, now: u64) -> Result<(), Refusal> {
        let there = &mut self.accounts[account];
        let open = there.remembered(id, now)?.clone();
        let address = match choice {
            Choice::Backup if there.takes_backup() => None,
            Choice::Backup => return Err(Refusal::MethodUnavailable),
            Choice::Factor(factor) => {
                let factor = there.factor(factor).ok_or(Refusal::FactorUnknown)?.clone();
                if Account::is_disabled(&factor) {
                    return Err(Refusal::MethodDisabled);
                }
                if !there.may_answer(open.purpose, factor.method) {
                    return Err(Refusal::MethodUnavailable);
                }
                (factor.method == Method::Email).then_some(factor)
            }
        };
        let mut may = Ok(());
        if let Some(address) = &address {
            if open.delivered_tries == 0 {
                return Err(Refusal::MethodUnavailable);
            }
            may = there.may_send(address.sent, now);
            let under_way = open.codes.iter().any(|(_, to, _)| *to == address.id);
            if may.is_err() && !(matches!(may, Err(Refusal::Cooldown { .. })) && under_way) {
                return may;
            }
        }
        if open.choice != Some(choice) {
            there.seen = now;
        }
        if let Some(open) = self.challenge(account, id) {
            open.choice = Some(choice);
        }
        if let (Some(address), Ok(())) = (address, may) {
            self.send(account, id, address.id, now);
        }
        may
    }

    /// A message goes out.
    pub(super) fn send(&mut self, account: usize, id: u32, to: u32, now: u64) {
        let code = Code::Sent(self.draw());
        if let Some(open) = self.challenge(account, id) {
            open.codes.push((code, to, now + CODE_LIFE));
            let older =
                open.codes.iter().filter(|(_, there, _)| *there == to).count().saturating_sub(LIVE_CODES);
            let mut dropped = 0;
            open.codes.retain(|(_, there, _)| {
                let drops = *there == to && dropped < older;
                dropped += usize::from(drops);
                !drops
            });
        }
        let there = &mut self.accounts[account];
        if let Some(factor) = there.factor(to) {
            factor.sent = Some(now);
        }
        there.seen = now;
        self.sent(code);
    }

    pub(super) fn answer(&mut self, browser: u8, text: Code) {
        let (browser, account) = of(browser);
        let Some(id) = self.browsers[browser].open else { return };
        self.on(account, |model, now| {
            let answered = model.answered(account, id, text, now);
            if let Ok(method) = answered {
                let there = &mut model.accounts[account];
                there.accepted.push(text);
                let session = Proof {
                    epoch: there.epoch,
                    proved: Some(now),
                    lifted: (method != Method::Email).then_some(now),
                };
                model.browsers[browser].session = Some(session);
            }
            model.note(came(answered.map(Came::Passed)));
        });
    }

    fn answered(&mut self, account: usize, id: u32, text: Code, now: u64) -> Result<Method, Refusal> {
        let there = &mut self.accounts[account];
        let open = there.remembered(id, now)?.clone();
        there.not_waiting(now)?;
        let looked = match open.choice.ok_or(Refusal::NoCodeSent)? {
            Choice::Backup if !there.takes_backup() => return Err(Refusal::MethodUnavailable),
            Choice::Backup => {
                let (Code::Backup(code), Some(backup)) = (text, &mut there.backup) else {
                    return Err(Refusal::CodeCharacters);
                };
                if backup.codes.remove(&code) {
                    backup.wrong = 0;
                    Looked::Right(Method::BackupCode)
                } else {
                    Looked::Wrong
                }
            }
            Choice::Factor(factor) => {
                let method = there.factor(factor).map(|factor| factor.method);
                // An app may have been set up since it was chosen.
                let may = method.is_some_and(|method| there.may_answer(open.purpose, method));
                let factor = there.factor(factor).ok_or(Refusal::MethodUnavailable)?;
                if Account::is_disabled(factor) {
                    return Err(Refusal::MethodDisabled);
                }
                if !may {
                    return Err(Refusal::MethodUnavailable);
                }
                if matches!(text, Code::Backup(_) | Code::Nothing) {
                    return Err(Refusal::CodeCharacters);
                }
                let looked = if factor.method == Method::App {
                    look_at_app(factor, text, now)
                } else {
                    look_at_sent(&open, factor.id, text, now)?
                };
                if let Looked::Right(_) = looked {
                    factor.wrong = 0;
                    factor.used = Some(now);
                }
                looked
            }
        };
        there.seen = now;
        match looked {
            Looked::Right(method) => {
                there.challenges.retain(|open| open.id != id);
                there.end_row(method);
                Ok(method)
            }
            Looked::Used | Looked::Wrong => {
                there.count_wrong(open.choice, now);
                let tries_left = self.missed(account, id);
                Err(match looked {
                    Looked::Used => Refusal::UsedCode { tries_left },
                    _ => Refusal::WrongCode { tries_left },
                })
            }
        }
    }

    /// A try is spent, and one for delivered codes if that is what was tried.
    pub(super) fn missed(&mut self, account: usize, id: u32) -> u8 {
        let addresses: Vec<_> = self.accounts[account]
            .factors
            .iter()
            .filter(|factor| factor.method == Method::Email)
            .map(|factor| Choice::Factor(factor.id))
            .collect();
        let Some(open) = self.challenge(account, id) else { return 0 };
        let staged = open.staged.as_ref().is_some_and(|factor| factor.method == Method::Email);
        open.tries -= 1;
        let mut left = open.tries;
        if staged || open.choice.is_some_and(|choice| addresses.contains(&choice)) {
            open.delivered_tries -= 1;
            left = left.min(open.delivered_tries);
            if open.delivered_tries == 0 {
                open.codes.clear();
            }
        }
        if open.tries == 0 {
            open.failed = true;
            open.choice = None;
            open.codes.clear();
        }
        left
    }
}

pub(super) fn challenge(id: u32, purpose: Purpose, expires: u64, choice: Option<Choice>) -> Open {
    Open {
        id,
        purpose,
        expires,
        tries: TRIES,
        delivered_tries: DELIVERED_TRIES,
        choice,
        failed: false,
        codes: Vec::new(),
        staged: None,
    }
}

/// A code is right near the present step, and used if a later one or the same was.
pub(super) fn look_at_app(app: &mut Factor, text: Code, now: u64) -> Looked {
    let Code::App(id, step) = text else { return Looked::Wrong };
    let offset = Factor::offset(step, now);
    if id != app.id || !app.is_near(offset) {
        return Looked::Wrong;
    }
    if app.last.is_some_and(|last| step <= last) {
        return Looked::Used;
    }
    app.accept(step, offset);
    Looked::Right(Method::App)
}

pub(super) fn look_at_sent(open: &Open, to: u32, text: Code, now: u64) -> Result<Looked, Refusal> {
    let mut there = open.codes.iter().filter(|(_, address, _)| *address == to).peekable();
    if there.peek().is_none() {
        return Err(Refusal::NoCodeSent);
    }
    match there.find(|(code, ..)| *code == text) {
        Some((.., expires)) if *expires >= now => Ok(Looked::Right(Method::Email)),
        Some(_) => Err(Refusal::ExpiredCode),
        None => Ok(Looked::Wrong),
    }
}
