//! What a plain observer keeps of the explored world, told by committed writes alone, to hold the promises against.

use std::collections::BTreeMap;

use super::asking::{Ask, Code, Said, What};
use super::plan::Plan;
use super::world::Session;
use crate::account::Account;
use crate::event::{Event, EventKind};
use crate::fault::{Fault, FaultKind};
use crate::id::{ChallengeId, FactorId};
use crate::port::sender::{Notice, Purpose};
use crate::port::store::Write;
use crate::proof::Method;
use crate::refusal::Refusal;
use crate::secret::SecretText;

/// The promises of an account, and that messages keep their distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Promise {
    /// A code lets somebody in at most once.
    Once,
    /// Every wrong answer counts, and limits hold.
    Counted,
    /// A fault lets nobody in and grants nothing.
    Closed,
    /// Nobody is in before the second factor, by no other path.
    Whole,
    /// Changes take a recent second factor.
    Fresh,
    /// A reset ends factors, codes, challenges and sessions.
    Reset,
    /// Every change has its event, and its owner is told.
    Told,
    /// Messages keep their distance.
    Spaced,
}

/// What a turn would write.
pub(super) struct Drafted {
    pub(super) write: Write,
    pub(super) said: Said,
    pub(super) clock: u64,
    pub(super) notices: Vec<Notice>,
    pub(super) addresses: Vec<Result<SecretText, Fault>>,
}

/// What a wrong or right answer was given by: a factor, or the backup codes.
type Given = Option<FactorId>;

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Ledger {
    /// What was broken, and how. Nothing is explored beyond it.
    pub(super) breaches: Vec<(Promise, &'static str)>,
    /// How often each code was accepted.
    pub(super) accepted: BTreeMap<Code, u8>,
    /// Wrong answers in a row, on the account and on each factor, and until when the account is closed to answers.
    row: u16,
    rows: BTreeMap<Given, u16>,
    pub(super) closed_until: u64,
    /// Wrong answers of each challenge, and those of them that were meant for a delivered code.
    tries: BTreeMap<ChallengeId, (u8, u8)>,
    /// The codes sent for each challenge, the newest last; those whose message failed are taken out.
    sent: BTreeMap<ChallengeId, Vec<Code>>,
    /// When the last message went out that didn't fail, to each factor; `None` is for addresses to be confirmed.
    last_sent: BTreeMap<Given, Vec<u64>>,
    /// How often every session, and how often every challenge, was ended.
    pub(super) epochs: u8,
    pub(super) purges: u8,
    latest: u64,
}

impl Ledger {
    fn breach(&mut self, promise: Promise, how: &'static str) {
        self.breaches.push((promise, how));
    }

    fn hold(&mut self, promise: Promise, held: bool, how: &'static str) {
        if !held {
            self.breach(promise, how);
        }
    }

    /// A turn runs, or is a fault because the clock went back: nothing else is one here.
    pub(super) fn faulted(&mut self, plan: &Plan, ask: &Ask, clock: u64, fault: Option<FaultKind>) {
        let back = clock + plan.settings.clock_tolerance.as_secs() < self.latest;
        let expected = (back && ask.what != What::Reset).then_some(FaultKind::Clock);
        if expected.is_some() {
            self.hold(Promise::Closed, fault.is_some(), "a clock that went back is no fault");
        } else {
            self.hold(Promise::Closed, fault.is_none(), "a fault out of nothing");
        }
    }

    pub(super) fn unreadable(&mut self) {
        self.breach(Promise::Closed, "a record that can't be read was written");
    }

    /// Nothing was written: then nothing was evaluated, and who is admitted has nothing to answer with.
    pub(super) fn unwritten(&mut self, account: &Account, said: &Said) {
        if matches!(said, Said::Admitted(_)) {
            self.hold(Promise::Whole, account.factors.is_empty(), "admitted beside a second factor");
        }
        if matches!(said, Said::Passed(_) | Said::Bound(..)) {
            self.breach(Promise::Once, "a code was accepted and nothing written");
        }
        if is_wrong(said) {
            self.breach(Promise::Counted, "an answer was wrong and nothing written");
        }
    }

    /// Books a commit.
    pub(super) fn book(
        &mut self,
        plan: &Plan,
        (before, after): (&Account, &Account),
        ask: &Ask,
        draft: &Drafted,
    ) {
        let at = after.seen.as_unix();
        let said = &draft.said;
        let is_reset = ask.what == What::Reset;
        if !is_reset {
            let forward = draft.write.events.iter().all(|event| event.at.as_unix() >= self.latest);
            self.hold(Promise::Closed, forward && at >= self.latest, "time on the account ran back");
            let clock = draft.clock + plan.settings.clock_tolerance.as_secs();
            self.hold(Promise::Closed, clock >= self.latest, "written by a clock that went back");
        }
        self.latest = at;
        if !matches!(said, Said::Refused(_)) {
            self.rights(plan, before, ask, said, at);
        }
        let right = matches!(said, Said::Passed(_) | Said::Bound(..));
        if right || is_wrong(said) {
            self.answer(plan, before, ask, said, at);
            self.hold(
                Promise::Counted,
                after.throttle.failures() == self.row,
                "the account counts other wrong answers than were given",
            );
        }
        self.messages(plan, ask, said, at);
        if is_reset {
            let mut blank = Account::default();
            (blank.epoch, blank.seen) = (after.epoch, after.seen);
            self.hold(Promise::Reset, *after == blank, "something outlived a reset");
            self.row = 0;
            self.closed_until = 0;
        }
        self.told(plan, (before, after), ask, draft);
        self.changed(before, after, ask, said);
        self.tries.retain(|id, _| after.challenges.iter().any(|challenge| challenge.id() == *id));
        self.sent.retain(|id, _| after.challenges.iter().any(|challenge| challenge.id() == *id));
        self.rows.retain(|given, _| given.is_none_or(|id| after.factor(id).is_some()));
        let set = |account: &Account| account.backup.as_ref().map(|backup| backup.set.salt());
        if set(before) != set(after) {
            // A new set is a method set up anew.
            self.rows.remove(&None);
        }
        self.last_sent.retain(|given, _| given.is_none_or(|id| after.factor(id).is_some()));
    }

    /// Whether whoever asked had the right to what was done.
    fn rights(&mut self, plan: &Plan, before: &Account, ask: &Ask, said: &Said, at: u64) {
        let by_session = matches!(
            ask.what,
            What::StepUp | What::Remove(_) | What::Rename | What::MakeCodes | What::EndOthers
        );
        let sets_up = matches!(ask.what, What::StageApp | What::StageMail | What::Confirm(_));
        match (&ask.hold.session, &ask.hold.pass) {
            (Some(session), _) if by_session || sets_up => {
                self.hold(Promise::Reset, session.epochs == self.epochs, "a session outlived its end");
                if ask.what != What::StepUp {
                    let fresh = is_fresh(plan, before, session, at);
                    self.hold(Promise::Fresh, fresh, "changed without a recent second factor");
                }
            }
            (None, Some((_, epochs))) if sets_up => {
                self.hold(Promise::Reset, *epochs == self.epochs, "a permission outlived its end");
                self.hold(Promise::Fresh, before.factors.is_empty(), "a second method by a password alone");
            }
            _ => {}
        }
        if let (Said::Passed(_) | Said::Bound(..), Some(tied)) = (said, ask.tied()) {
            self.hold(Promise::Reset, tied.purges == self.purges, "a challenge outlived its end");
            let confirms = tied.purpose == Purpose::Enrol;
            self.hold(
                Promise::Whole,
                confirms == matches!(said, Said::Bound(..)),
                "a challenge of another kind",
            );
        }
    }

    /// Books an answer that was looked at.
    fn answer(&mut self, plan: &Plan, before: &Account, ask: &Ask, said: &Said, at: u64) {
        let (Some(code), Some(tied)) = (ask.what.code(), ask.tied()) else {
            return self.breach(Promise::Whole, "an answer without a challenge or a code");
        };
        let limits = &plan.settings.limits;
        let challenge = before.challenges.iter().find(|challenge| challenge.id() == tied.challenge());
        let given = match challenge.and_then(|challenge| challenge.choice()) {
            Some(crate::challenge::Choice::Factor(id)) => Some(id),
            _ => None,
        };
        let method = given.and_then(|id| before.factor(id)).map(|factor| factor.method());
        let enrols = tied.purpose == Purpose::Enrol;
        let delivered = match challenge.and_then(|challenge| challenge.staged()) {
            Some(staged) => staged.method() == Method::Email,
            None => method == Some(Method::Email),
        };
        let (wrong, wrong_delivered) = self.tries.get(&tied.challenge()).copied().unwrap_or_default();
        self.hold(Promise::Counted, at >= self.closed_until, "looked at while the account had to wait");
        self.hold(
            Promise::Counted,
            wrong < limits.per_challenge,
            "looked at beyond the tries of its challenge",
        );
        let tries = !delivered || wrong_delivered < limits.delivered;
        self.hold(Promise::Counted, tries, "looked at beyond the tries of delivered codes");
        let row = self.rows.get(&given).copied().unwrap_or_default();
        self.hold(Promise::Counted, row < limits.disable_at, "looked at by a disabled method");
        let expired = at >= challenge.map_or(0, |challenge| challenge.expires().as_unix());
        self.hold(Promise::Closed, !expired, "looked at after its time");
        if is_wrong(said) {
            self.tries.insert(tied.challenge(), (wrong + 1, wrong_delivered + u8::from(delivered)));
            if enrols && !delivered {
                return;
            }
            if !enrols {
                self.rows.insert(given, row + 1);
            }
            self.row += 1;
            if let Some(over) = self.row.checked_sub(limits.free) {
                let wait = limits.first_wait.as_secs() << over;
                self.closed_until = at + wait.min(limits.longest_wait.as_secs());
            }
            return;
        }
        self.hold(Promise::Whole, !code.is_guess(), "a guess was right");
        self.hold(Promise::Whole, challenge.is_some(), "a challenge that isn't there was passed");
        if tied.purpose == Purpose::StepUp && before.factors.iter().any(|f| f.method() == Method::App) {
            self.hold(Promise::Fresh, !delivered, "a mailbox alone stepped up beside an app");
        }
        if let Code::Mail { challenge: of, drawn, .. } = code {
            self.hold(Promise::Whole, *of == tied.challenge(), "a code of another challenge");
            let life = plan.settings.code_life.as_secs();
            self.hold(Promise::Closed, at <= drawn + life, "a delivered code after its time");
            let sent = self.sent.get(of).map(Vec::as_slice).unwrap_or_default();
            let live = sent.iter().rev().take(plan.settings.live_codes).any(|live| live == code);
            self.hold(Promise::Whole, live, "a delivered code that newer ones have replaced");
        }
        let times = self.accepted.entry(code.clone()).or_default();
        *times += 1;
        let times = *times;
        self.hold(Promise::Once, times == 1, "a code was accepted twice");
        if !enrols {
            self.rows.remove(&given);
            // Codes by e-mail take back no guess at an app, or at backup codes, that still work.
            let apps = before.factors.iter().filter(|f| f.method() == Method::App).map(|app| Some(app.id()));
            let above = apps.chain(before.backup.as_ref().map(|_| None));
            let guesses = above.filter_map(|given| self.rows.get(&given).copied());
            let guesses: u16 = guesses.filter(|row| *row < limits.disable_at).sum();
            self.row = if delivered { self.row.min(guesses) } else { 0 };
            self.closed_until = 0;
        }
    }

    fn messages(&mut self, plan: &Plan, ask: &Ask, said: &Said, at: u64) {
        match (said, &ask.what) {
            (Said::ToSend(message, staged), _) => {
                let challenge = match (staged, ask.tied()) {
                    (Some(ticket), _) => ticket.challenge(),
                    (None, Some(tied)) => tied.challenge(),
                    (None, None) => return,
                };
                let place = (message.purpose != Purpose::Enrol).then(|| message.live.factor());
                let sent = self.last_sent.entry(place).or_default();
                let cooldown = plan.settings.cooldown.as_secs();
                let apart = sent.iter().all(|last| last + cooldown <= at);
                sent.retain(|last| last + cooldown > at);
                sent.push(at);
                self.hold(Promise::Spaced, apart, "two messages without a pause");
                let closed = at < self.closed_until;
                self.hold(Promise::Spaced, !closed, "a message while the account had to wait");
                let (text, drawn) = (message.code.expose().into(), at);
                self.sent.entry(challenge).or_default().push(Code::Mail { challenge, text, drawn });
            }
            (_, What::Delivery { message, failed: true, .. }) => {
                let place = (message.purpose != Purpose::Enrol).then(|| message.live.factor());
                let drawn = message.drawn.as_unix();
                if let Some(sent) = self.last_sent.get_mut(&place) {
                    sent.retain(|last| *last != drawn);
                }
                for codes in self.sent.values_mut() {
                    codes.retain(
                        |code| !matches!(code, Code::Mail { text, .. } if **text == *message.code.expose()),
                    );
                }
            }
            _ => {}
        }
    }

    /// What ended with the commit.
    fn changed(&mut self, before: &Account, after: &Account, ask: &Ask, said: &Said) {
        let ends_sessions = matches!(said, Said::Bound(..) | Said::Moved(_));
        let ends_all =
            matches!(ask.what, What::Reset | What::PasswordChanged) || matches!(said, Said::Moved(_));
        if ends_sessions || ends_all {
            self.epochs += 1;
            self.hold(Promise::Reset, before.epoch != after.epoch, "sessions were not ended");
        } else {
            self.hold(Promise::Reset, before.epoch == after.epoch, "sessions ended for no reason");
        }
        if ends_all {
            self.purges += 1;
        }
    }

    /// What the gate said of a session.
    pub(super) fn seen_open(
        &mut self,
        plan: &Plan,
        account: &Account,
        session: &Session,
        clock: u64,
        fresh: bool,
        open: bool,
    ) {
        if !open {
            return;
        }
        self.hold(Promise::Reset, session.epochs == self.epochs, "the gate let an ended session through");
        let back = clock + plan.settings.clock_tolerance.as_secs() < self.latest;
        self.hold(Promise::Closed, !back, "the gate was open while the clock was back");
        if account.factors.is_empty() {
            let required = plan.policy == crate::policy::Policy::Required;
            self.hold(Promise::Whole, !required, "the gate was open where a second factor is required");
        } else {
            self.hold(Promise::Whole, session.proved.is_some(), "the gate was open without a second factor");
            if fresh {
                let fresh = is_fresh(plan, account, session, clock.max(self.latest));
                self.hold(Promise::Fresh, fresh, "the gate took an old proof for a recent one");
            }
        }
    }

    /// Every change is an event, and the owner is told of those that matter.
    fn told(&mut self, plan: &Plan, (before, after): (&Account, &Account), ask: &Ask, draft: &Drafted) {
        let events: Vec<EventKind> =
            draft.write.events.iter().map(|event| Event::from_stored(event).unwrap().kind).collect();
        let mut owed: Vec<(&str, bool)> = Vec::new();
        let reset = ask.what == What::Reset;
        if reset {
            owed.push(("reset", true));
        }
        let is_in = |account: &Account, id| account.factor(id).is_some();
        if after.factors.iter().any(|factor| !is_in(before, factor.id())) {
            owed.push(("factor_added", true));
        }
        if !reset && before.factors.iter().any(|factor| !is_in(after, factor.id())) {
            owed.push(("factor_removed", true));
        }
        for factor in &after.factors {
            let Some(was) = before.factor(factor.id()) else { continue };
            if was.is_disabled() != factor.is_disabled() {
                owed.push(("factor_disabled", true));
            }
            if was.name() != factor.name() {
                owed.push(("factor_renamed", false));
            }
        }
        match (&before.backup, &after.backup) {
            (None, None) => {}
            (Some(_), None) => owed.extend((!reset).then_some(("backup_codes_removed", false))),
            (None, Some(_)) => owed.push(("backup_codes_made", true)),
            (Some(old), Some(new)) if old.set.salt() != new.set.salt() => {
                owed.push(("backup_codes_made", true));
            }
            (Some(old), Some(new)) => {
                owed.extend((old.set != new.set).then_some(("backup_code_used", true)));
                let disabled = old.tally.is_disabled() != new.tally.is_disabled();
                owed.extend(disabled.then_some(("factor_disabled", true)));
            }
        }
        if is_wrong(&draft.said) && self.closed_until > after.seen.as_unix() {
            owed.push(("account_locked", self.row == plan.settings.limits.free));
        }
        match (&draft.said, &ask.what) {
            (Said::Challenged(..) | Said::StagedApp(..), _) => owed.push(("challenge_began", false)),
            (Said::ToSend(_, Some(_)), _) => owed.push(("challenge_began", false)),
            (Said::Passed(_), _) => owed.push(("challenge_passed", false)),
            (_, What::PasswordChanged) => owed.push(("password_changed", false)),
            (Said::Moved(_), What::EndOthers) => owed.push(("sessions_ended", false)),
            (_, What::Delivery { failed, .. }) => {
                owed.push((if *failed { "code_not_sent" } else { "code_sent" }, false));
            }
            (said, _) if is_wrong(said) => owed.push(("wrong_code", false)),
            _ => {}
        }
        let all = owed.iter().all(|(name, _)| events.iter().any(|event| event.name() == *name));
        self.hold(Promise::Told, all, "a change that is no event");
        let news = owed.iter().filter(|(_, tell)| *tell).count();
        self.hold(Promise::Told, draft.notices.len() == news, "a change that the owner is not told of");
        if news > 0 {
            let both = before.factors.iter().chain(&after.factors);
            let mut places: Vec<_> = both.filter(|f| f.method() == Method::Email).map(|f| f.id()).collect();
            places.sort_unstable();
            places.dedup();
            let reached = draft.addresses.iter().filter(|address| address.is_ok()).count();
            self.hold(Promise::Told, reached == places.len(), "an address that is not told");
        }
    }
}

fn is_wrong(said: &Said) -> bool {
    let Said::Refused(refusal) = said else { return false };
    matches!(**refusal, Refusal::WrongCode { .. } | Refusal::UsedCode { .. } | Refusal::NotConsecutive { .. })
}

/// Whether a session's proof is recent, and of the best kind that the account's factors reach.
fn is_fresh(plan: &Plan, account: &Account, session: &Session, at: u64) -> bool {
    let lifts = account.factors.iter().any(|factor| factor.method() == Method::App);
    let proved = if lifts { session.lifted } else { session.proved };
    let recent = |proved: u64| proved <= at && at - proved <= plan.settings.fresh.as_secs();
    account.factors.is_empty() || proved.is_some_and(recent)
}
