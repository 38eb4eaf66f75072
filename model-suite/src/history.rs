//! The real service, and beside it what has been done.

mod changing;
mod signing_in;

use std::sync::Arc;
use std::time::Duration;

use mfa_core::event::EventKind;
use mfa_core::factor::backup::HashCost;
use mfa_core::fault::Fault;
use mfa_core::id::{AccountKey, TenantId, UserId};
use mfa_core::policy::Policy;
use mfa_core::port::memory::MemoryStore;
use mfa_core::port::sealer::KeyRing;
use mfa_core::port::store::{EventQuery, RecordKey};
use mfa_core::refusal::Refusal;
use mfa_core::service::{Demand, Gate, Mfa};
use mfa_core::settings::Confirm;
use mfa_testing::clock::ManualClock;
use mfa_testing::entropy::SeededEntropy;
use mfa_testing::sender::RecordingSender;

use crate::deed::{BROWSERS, Deed, of};
use crate::known::{Browser, Known};
use crate::model::{Came, Model, Portal, Stands};

/// Two rings of the same two keys: the first of each seals, both open. Nodes have one or the other while a key is changed.
const KEYS: [&str; 2] = [
    "8f1d0c2b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f001 \
     5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0018f1d0c2b5a69788796a",
    "5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0018f1d0c2b5a69788796a \
     8f1d0c2b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f001",
];

/// What has been done, for whoever wants to know that anything was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Challenges passed.
    pub passed: usize,
    /// Wrong answers counted.
    pub wrong: usize,
    /// Methods added.
    pub added: usize,
    /// Methods removed.
    pub removed: usize,
    /// Accounts reset.
    pub resets: usize,
    /// Sets of backup codes made.
    pub sets: usize,
    /// Apps brought back in step.
    pub resynced: usize,
    /// Times that was refused because the account had to wait.
    pub resync_waits: usize,
    /// Accounts erased.
    pub erased: usize,
    /// Calls that ended in a fault, because the clock had gone back.
    pub faults: usize,
    /// Histories cut short, because a code was another one's by chance.
    pub by_chance: usize,
}

impl std::ops::Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            wrong: self.wrong + other.wrong,
            added: self.added + other.added,
            removed: self.removed + other.removed,
            resets: self.resets + other.resets,
            sets: self.sets + other.sets,
            resynced: self.resynced + other.resynced,
            resync_waits: self.resync_waits + other.resync_waits,
            erased: self.erased + other.erased,
            faults: self.faults + other.faults,
            by_chance: self.by_chance + other.by_chance,
        }
    }
}

/// A history so far.
pub struct History {
    /// The process whose turn it is.
    mfa: Mfa,
    /// The other one on the same store. Each may have in hand what it wrote before the other did.
    other: Mfa,
    steps: usize,
    store: Arc<MemoryStore>,
    clock: ManualClock,
    behind: Duration,
    sender: RecordingSender,
    entropy: SeededEntropy,
    portal: Portal,
    restarts: usize,
    /// The events of accounts that were erased, which nobody else has.
    erased: Vec<EventKind>,
    known: [Known; 2],
    browsers: [Browser; BROWSERS],
    tally: Tally,
    came: Vec<Came>,
    /// Two codes were the same by chance, and the reference can't know it: what follows shows nothing.
    by_chance: bool,
}

impl std::fmt::Debug for History {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("History").field("tally", &self.tally).finish_non_exhaustive()
    }
}

pub(crate) fn key(account: usize) -> AccountKey {
    AccountKey::of_user(UserId::new(["ann", "ben"][account]).unwrap())
}

impl History {
    /// Nobody has anything yet.
    pub fn new(portal: Portal) -> Self {
        let (store, clock) = (Arc::new(MemoryStore::new()), ManualClock::default());
        let (sender, entropy) = (RecordingSender::new(), SeededEntropy::new(11));
        let [mfa, other] = [KEYS[0]; 2].map(|seals| open(&store, &clock, &sender, &entropy, portal, seals));
        Self {
            mfa,
            other,
            steps: 0,
            store,
            clock,
            behind: Duration::ZERO,
            sender,
            entropy,
            portal,
            restarts: 0,
            erased: Vec::new(),
            known: Default::default(),
            browsers: Default::default(),
            tally: Tally::default(),
            came: Vec::new(),
            by_chance: false,
        }
    }

    /// Does one thing, looks at what came of it, and whether that is what the reference says; `model` is the one after it.
    ///
    /// # Panics
    /// If a promise is broken, or the reference says something else.
    pub async fn run(&mut self, deed: Deed, model: &Model) {
        if self.by_chance {
            return;
        }
        self.came.clear();
        for step in deed.steps() {
            self.step(step).await;
        }
        let stand = self.look_at_everybody(deed).await;
        if self.by_chance {
            self.tally.by_chance += 1;
            return;
        }
        assert_eq!(self.came, model.came(), "{deed:?} came to something else than by the reference");
        assert_eq!(stand, model.stand(), "after {deed:?} sessions stand otherwise than by the reference");
    }

    async fn step(&mut self, deed: Deed) {
        // One and the same several times running, and in turn: Thue's sequence has every such pattern again and again.
        self.steps += 1;
        if self.steps.count_ones() % 2 == 1 {
            std::mem::swap(&mut self.mfa, &mut self.other);
        }
        let done = self.perform(deed).await;
        if let Err(fault) = done {
            assert!(!self.behind.is_zero(), "{deed:?} failed with nothing broken: {fault:?}");
            self.tally.faults += 1;
            self.came.push(Came::Fault);
        }
    }

    /// Looks whether every change is an event, and says what was done.
    ///
    /// # Panics
    /// If one isn't.
    pub async fn end(self) -> Tally {
        let there = self.mfa.events(&all_events(None)).await.unwrap();
        let events: Vec<_> = there.into_iter().map(|(_, event)| event.kind).chain(self.erased).collect();
        let count = |is: fn(&EventKind) -> bool| events.iter().filter(|kind| is(kind)).count();
        // A set-up that is confirmed is an event of its own.
        assert_eq!(count(|kind| matches!(kind, EventKind::FactorAdded { .. })), self.tally.added);
        assert_eq!(count(|kind| matches!(kind, EventKind::FactorRemoved { .. })), self.tally.removed);
        assert_eq!(count(|kind| matches!(kind, EventKind::Reset { .. })), self.tally.resets);
        assert_eq!(count(|kind| matches!(kind, EventKind::BackupCodesMade { .. })), self.tally.sets);
        assert_eq!(count(|kind| matches!(kind, EventKind::FactorResynchronised { .. })), self.tally.resynced);
        assert!(count(|kind| matches!(kind, EventKind::ChallengePassed { .. })) >= self.tally.passed);
        assert!(count(|kind| matches!(kind, EventKind::WrongCode { .. })) >= self.tally.wrong);
        self.tally
    }

    async fn perform(&mut self, deed: Deed) -> Result<(), Fault> {
        match deed {
            Deed::Wait(seconds) => self.pass(Duration::from_secs(seconds.into())),
            Deed::WaitLong(minutes) => self.pass(Duration::from_secs(3600 + 60 * u64::from(minutes))),
            Deed::ClockBack(seconds) => {
                let back = Duration::from_secs(seconds.into());
                self.clock.step_back(back);
                self.behind += back;
            }
            Deed::SignIn(browser) => return self.sign_in(browser).await,
            Deed::StepUp(browser) => return self.step_up(browser).await,
            Deed::Choose(browser, kind) => return self.choose(browser, kind).await,
            Deed::Answer(browser, typed) => {
                let (_, account) = of(browser);
                if let Some(kind) = self.kind_of(account, typed) {
                    self.choose(browser, kind).await?;
                }
                return self.answer(browser, typed).await;
            }
            // Done step by step.
            Deed::SettleIn(_) | Deed::Fumble(..) => {}
            Deed::Abandon(browser) => {
                let (browser, _) = of(browser);
                if let Some(open) = &mut self.browsers[browser].open {
                    self.mfa.abandon(&open.ticket).await?;
                    open.done = true;
                    self.came.push(Came::Done);
                }
            }
            Deed::StageApp(browser) => return self.stage(browser, true).await,
            Deed::StageEmail(browser) => return self.stage(browser, false).await,
            Deed::Confirm(browser, rightly) => return self.confirm(browser, rightly).await,
            Deed::MakeBackupCodes(browser) => return self.make_backup_codes(browser).await,
            Deed::Remove(browser, which) => return self.remove(browser, which).await,
            Deed::EndOthers(browser) => {
                let (browser, account) = of(browser);
                let Some(session) = &self.browsers[browser].session else { return Ok(()) };
                let ended = self.mfa.end_other_sessions(&session.standing).await?;
                self.note(&ended);
                if let Ok(standing) = ended {
                    self.may_have_changed(browser, account, "ended other sessions");
                    self.known[account].cleared += 1;
                    self.go_on_with(browser, account, standing);
                }
            }
            Deed::Reset(account) => {
                let account = usize::from(account) % 2;
                let administrator = UserId::new("administrator").unwrap();
                self.mfa.reset(&key(account), &administrator, "lost phone").await?.unwrap();
                self.known[account].lose_everything();
                self.known[account].end_sessions();
                self.tally.resets += 1;
                self.came.push(Came::Done);
            }
            Deed::PasswordChanged(account) => {
                let account = usize::from(account) % 2;
                self.mfa.password_changed(&key(account)).await?;
                self.known[account].end_sessions();
                self.known[account].cleared += 1;
                self.came.push(Came::Done);
            }
            Deed::Erase(account) => {
                let account = usize::from(account) % 2;
                let gone = self.mfa.events(&all_events(Some(account))).await?;
                self.erased.extend(gone.into_iter().map(|(_, event)| event.kind));
                self.mfa.erase(&key(account)).await?;
                assert_eq!(
                    self.mfa.events(&all_events(Some(account))).await?,
                    [],
                    "events outlived their account"
                );
                self.known[account].lose_everything();
                self.known[account].epoch = 0;
                self.tally.erased += 1;
                self.came.push(Came::Done);
            }
            Deed::Resync(browser, steps) => return self.resync(browser, steps).await,
            Deed::SkipReminder(browser) => {
                let (browser, account) = of(browser);
                let Some(session) = &self.browsers[browser].session else { return Ok(()) };
                let skipped = self.mfa.skip_reminder(&session.standing).await?;
                self.note(&skipped);
                let (session, known) = (self.browsers[browser].session.as_ref(), &self.known[account]);
                let is_alive = session.is_some_and(|session| session.epoch == known.epoch);
                assert_eq!(skipped.is_ok(), is_alive, "a reminder put off in a session that was over");
            }
            Deed::Restart => {
                self.restarts += 1;
                let seals = KEYS[self.restarts % 2];
                self.mfa = open(&self.store, &self.clock, &self.sender, &self.entropy, self.portal, seals);
            }
        }
        Ok(())
    }

    fn pass(&mut self, span: Duration) {
        // A clock that was wrong is put right first.
        self.clock.advance(std::mem::take(&mut self.behind) + span);
    }

    /// Whoever comes through has passed, and whoever has passed comes through.
    async fn look_at_everybody(&self, deed: Deed) -> [Option<Stands>; BROWSERS] {
        let mut stand = [None; BROWSERS];
        for (number, browser) in self.browsers.iter().enumerate() {
            let Some(session) = &browser.session else { continue };
            let known = &self.known[number / 2];
            let is_current = session.epoch == known.epoch;
            let is_proved =
                session.proved.is_some() || !known.has_factor() && self.portal.policy != Policy::Required;
            let gate = self.mfa.check(&session.standing, Demand::default()).await;
            stand[number] = Some(match &gate {
                Ok(Gate::Open) => Stands::In,
                Ok(Gate::StepUp) => Stands::Half,
                Ok(Gate::MustEnrol(_)) => Stands::MustEnrol,
                Ok(Gate::SignInAgain) => Stands::Out,
                Ok(_) => Stands::Stuck,
                Err(_) => Stands::Fault,
            });
            match gate {
                Ok(Gate::Open) => {
                    assert!(is_current, "after {deed:?} a session of before came through");
                    assert!(is_proved, "after {deed:?} somebody came through without a second factor");
                }
                Ok(gate) => assert!(
                    !is_current || !is_proved || !known.has_factor(),
                    "after {deed:?} somebody who has passed is told {gate:?}"
                ),
                Err(fault) => assert!(!self.behind.is_zero(), "after {deed:?}: {fault:?}"),
            }
        }
        stand
    }

    fn note<T>(&mut self, done: &Result<T, Refusal>) {
        self.came.push(came(done));
    }
}

fn all_events(account: Option<usize>) -> EventQuery {
    let record = account.map(|account| RecordKey::from(&key(account)));
    EventQuery {
        tenant: TenantId::default(),
        record: record.map(|record| (record.collection, record.name)),
        kind: None,
        since: None,
        until: None,
        after: None,
        limit: 100_000,
    }
}

fn came<T>(done: &Result<T, Refusal>) -> Came {
    match done {
        Ok(_) => Came::Done,
        Err(refusal) => Came::Refused(in_short(*refusal)),
    }
}

/// What can't be read is one thing, whatever is wrong with it.
fn in_short(refusal: Refusal) -> Refusal {
    if matches!(refusal, Refusal::CodeLength { .. }) { Refusal::CodeCharacters } else { refusal }
}

fn open(
    store: &Arc<MemoryStore>,
    clock: &ManualClock,
    sender: &RecordingSender,
    entropy: &SeededEntropy,
    portal: Portal,
    seals: &str,
) -> Mfa {
    let confirm = if portal.two_codes { Confirm::TwoConsecutive } else { Confirm::OneCode };
    Mfa::builder("Hillside School", "portal.hillside.example")
        .store(Arc::clone(store))
        .sealer(KeyRing::from_hex(seals).unwrap())
        .clock(clock.clone())
        .sender(sender.clone())
        .entropy(entropy.clone())
        .help("the school office")
        .email_codes(true)
        .policy(portal.policy)
        .confirm(confirm)
        .hash_cost(HashCost::danger_for_tests())
        .build()
        .unwrap()
}
