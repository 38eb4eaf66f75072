//! The real service, and beside it what has been done.

use std::sync::Arc;
use std::time::Duration;

use mfa_core::challenge::Choice;
use mfa_core::event::EventKind;
use mfa_core::factor::backup::HashCost;
use mfa_core::fault::Fault;
use mfa_core::id::{AccountKey, TenantId, UserId};
use mfa_core::policy::Policy;
use mfa_core::port::memory::MemoryStore;
use mfa_core::port::sealer::KeyRing;
use mfa_core::port::sender::Locale;
use mfa_core::port::store::EventQuery;
use mfa_core::proof::{Level, Method, Standing};
use mfa_core::refusal::Refusal;
use mfa_core::service::{Demand, Gate, Mfa, SignIn};
use mfa_core::throttle::Limits;
use mfa_core::ticket::Authority;
use mfa_core::time::Timestamp;
use mfa_testing::app::AuthenticatorApp;
use mfa_testing::clock::ManualClock;
use mfa_testing::entropy::SeededEntropy;
use mfa_testing::sender::RecordingSender;

use crate::deed::{BROWSERS, Deed, Kind, Typed};
use crate::known::{App, Browser, Known, Open, STEP, Session, Staged, step, step_of};

/// How recent a second factor has to be to change something.
const FRESH: Duration = Duration::from_secs(900);
const KEYS: &str = "8f1d0c2b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f001";

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
    /// Calls that ended in a fault, because the clock had gone back.
    pub faults: usize,
}

/// A history so far.
pub struct History {
    mfa: Mfa,
    store: Arc<MemoryStore>,
    clock: ManualClock,
    behind: Duration,
    sender: RecordingSender,
    entropy: SeededEntropy,
    policy: Policy,
    known: [Known; 2],
    browsers: [Browser; BROWSERS],
    tally: Tally,
}

impl std::fmt::Debug for History {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("History").field("tally", &self.tally).finish_non_exhaustive()
    }
}

fn key(account: usize) -> AccountKey {
    AccountKey::of_user(UserId::new(["ann", "ben"][account]).unwrap())
}

fn of(browser: u8) -> (usize, usize) {
    let browser = usize::from(browser) % BROWSERS;
    (browser, browser / 2)
}

impl History {
    /// Nobody has anything yet.
    pub fn new(policy: Policy) -> Self {
        let (store, clock) = (Arc::new(MemoryStore::new()), ManualClock::default());
        let (sender, entropy) = (RecordingSender::new(), SeededEntropy::new(11));
        let mfa = open(&store, &clock, &sender, &entropy, policy);
        Self {
            mfa,
            store,
            clock,
            behind: Duration::ZERO,
            sender,
            entropy,
            policy,
            known: Default::default(),
            browsers: Default::default(),
            tally: Tally::default(),
        }
    }

    /// Does one thing, and looks at what came of it.
    ///
    /// # Panics
    /// If a promise is broken.
    pub async fn run(&mut self, deed: Deed) {
        if let Deed::SettleIn(browser) = deed {
            for step in [
                Deed::SignIn(browser),
                Deed::StageApp(browser),
                Deed::Confirm(browser, true),
                Deed::MakeBackupCodes(browser),
                Deed::StageEmail(browser),
                Deed::Confirm(browser, true),
            ] {
                Box::pin(self.run(step)).await;
            }
            return;
        }
        let done = self.perform(deed).await;
        if let Err(fault) = done {
            assert!(!self.behind.is_zero(), "{deed:?} failed with nothing broken: {fault:?}");
            self.tally.faults += 1;
        }
        self.look_at_everybody(deed).await;
    }

    /// Looks whether every change is an event, and says what was done.
    ///
    /// # Panics
    /// If one isn't.
    pub async fn end(self) -> Tally {
        let query = EventQuery {
            tenant: TenantId::default(),
            record: None,
            kind: None,
            since: None,
            until: None,
            after: None,
            limit: 100_000,
        };
        let events = self.mfa.events(&query).await.unwrap();
        let count = |is: fn(&EventKind) -> bool| events.iter().filter(|(_, event)| is(&event.kind)).count();
        // A set-up that is confirmed is an event of its own.
        assert_eq!(count(|kind| matches!(kind, EventKind::FactorAdded { .. })), self.tally.added);
        assert_eq!(count(|kind| matches!(kind, EventKind::FactorRemoved { .. })), self.tally.removed);
        assert_eq!(count(|kind| matches!(kind, EventKind::Reset { .. })), self.tally.resets);
        assert_eq!(count(|kind| matches!(kind, EventKind::BackupCodesMade { .. })), self.tally.sets);
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
            Deed::SettleIn(_) => {}
            Deed::Abandon(browser) => {
                let (browser, _) = of(browser);
                if let Some(open) = &mut self.browsers[browser].open {
                    self.mfa.abandon(&open.ticket).await?;
                    open.done = true;
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
                if let Ok(standing) = self.mfa.end_other_sessions(&session.standing).await? {
                    self.may_have_changed(browser, account, "ended other sessions");
                    self.known[account].cleared += 1;
                    self.go_on_with(browser, account, standing);
                }
            }
            Deed::Reset(account) => {
                let account = usize::from(account) % 2;
                let administrator = UserId::new("administrator").unwrap();
                self.mfa.reset(&key(account), &administrator, "lost phone").await?.unwrap();
                let known = &mut self.known[account];
                known.old_phones.extend(known.apps.drain(..).map(|app| app.phone));
                known.emails.clear();
                known.backup.clear();
                known.epoch += 1;
                known.cleared += 1;
                known.wrong_in_a_row = 0;
                known.wait_until = None;
                self.tally.resets += 1;
            }
            Deed::PasswordChanged(account) => {
                let account = usize::from(account) % 2;
                self.mfa.password_changed(&key(account)).await?;
                self.known[account].epoch += 1;
                self.known[account].cleared += 1;
            }
            Deed::Restart => {
                self.mfa = open(&self.store, &self.clock, &self.sender, &self.entropy, self.policy);
            }
        }
        Ok(())
    }

    fn pass(&mut self, span: Duration) {
        // A clock that was wrong is put right first.
        self.clock.advance(std::mem::take(&mut self.behind) + span);
    }

    async fn sign_in(&mut self, browser: u8) -> Result<(), Fault> {
        let (browser, account) = of(browser);
        let known = &self.known[account];
        match self.mfa.sign_in(&key(account)).await? {
            SignIn::Admitted { verified, .. } => {
                assert!(!known.has_factor(), "admitted past a second factor");
                assert!(self.policy != Policy::Required, "admitted where one is required");
                assert!(verified.methods().is_empty(), "proof of what nobody proved");
                let session =
                    Session { standing: verified.into_standing(), epoch: known.epoch, proved: None };
                self.browsers[browser] = Browser { session: Some(session), ..Browser::default() };
            }
            SignIn::Challenged(ticket) => {
                assert!(known.has_factor(), "challenged without a method");
                let open = Open { ticket, cleared: known.cleared, wrong: 0, sent: None, done: false };
                self.browsers[browser] = Browser { open: Some(open), ..Browser::default() };
            }
            SignIn::MustEnrol(pass) => {
                assert!(!known.has_factor() && self.policy == Policy::Required);
                self.browsers[browser] = Browser { pass: Some((pass, known.epoch)), ..Browser::default() };
            }
            SignIn::Refused(_) => {}
            other => panic!("{other:?}"),
        }
        Ok(())
    }

    async fn step_up(&mut self, browser: u8) -> Result<(), Fault> {
        let (browser, account) = of(browser);
        let Some(session) = &self.browsers[browser].session else { return Ok(()) };
        if let Ok(ticket) = self.mfa.step_up(&session.standing).await? {
            let known = &self.known[account];
            assert_eq!(session.epoch, known.epoch, "stepped up in a session that was over");
            self.browsers[browser].open =
                Some(Open { ticket, cleared: known.cleared, wrong: 0, sent: None, done: false });
        }
        Ok(())
    }

    async fn choose(&mut self, browser: u8, kind: Kind) -> Result<(), Fault> {
        let (browser, account) = of(browser);
        let known = &self.known[account];
        let choice = match kind {
            Kind::App => known.apps.last().map(|app| Choice::Factor(app.factor)),
            Kind::Email => known.emails.last().map(|factor| Choice::Factor(*factor)),
            Kind::Backup => Some(Choice::BackupCode),
        };
        let (Some(open), Some(choice)) = (&mut self.browsers[browser].open, choice) else { return Ok(()) };
        let before = self.sender.messages().len();
        let chosen = self.mfa.choose(&open.ticket, choice, Locale::English).await;
        if self.sender.messages().len() > before {
            // Also when the second commit failed: the message is out.
            open.sent = self.sender.last_code();
        }
        chosen.map(|_| ())
    }

    fn what_is_typed(&self, account: usize, typed: Typed) -> String {
        let (known, now) = (&self.known[account], self.clock.time());
        let shown = |phone: &AuthenticatorApp, offset: i8| {
            let step = step(now).saturating_add_signed(offset.into());
            phone.code_at(Timestamp::from_unix(step * STEP))
        };
        let nothing = || "no code".to_owned();
        match typed {
            Typed::App(offset) => known.apps.last().map_or_else(nothing, |app| shown(&app.phone, offset)),
            Typed::OldApp => known.old_phones.last().map_or_else(nothing, |phone| shown(phone, 0)),
            Typed::Wrong => {
                let is_free =
                    |code: &String| known.apps.iter().all(|app| step_of(&app.phone, code, now).is_none());
                (0..).map(|number| format!("{number:06}")).find(is_free).unwrap()
            }
            Typed::Backup(which) => {
                let all = &known.every_backup_code;
                all.get(usize::from(which) % all.len().max(1)).cloned().unwrap_or_else(nothing)
            }
            Typed::Sent => self.sender.last_code().unwrap_or_else(nothing),
            Typed::Again(which) => {
                let all = &known.accepted;
                all.get(usize::from(which) % all.len().max(1)).cloned().unwrap_or_else(nothing)
            }
            Typed::Nonsense => nothing(),
        }
    }

    fn kind_of(&self, account: usize, typed: Typed) -> Option<Kind> {
        match typed {
            Typed::App(_) | Typed::OldApp => Some(Kind::App),
            Typed::Backup(_) => Some(Kind::Backup),
            Typed::Sent => Some(Kind::Email),
            Typed::Again(_) => match self.what_is_typed(account, typed).len() {
                6 if self.known[account].apps.is_empty() => Some(Kind::Email),
                6 => Some(Kind::App),
                _ => Some(Kind::Backup),
            },
            Typed::Wrong | Typed::Nonsense => None,
        }
    }

    async fn answer(&mut self, browser: u8, typed: Typed) -> Result<(), Fault> {
        let (browser, account) = of(browser);
        let text = self.what_is_typed(account, typed);
        let now = self.clock.time();
        let Some(open) = &mut self.browsers[browser].open else { return Ok(()) };
        let answered = self.mfa.answer(&open.ticket, &text).await?;
        let known = &mut self.known[account];
        match answered {
            Ok(granted) => {
                assert!(!open.done, "a challenge was passed twice, or after it had been given up");
                assert_eq!(open.cleared, known.cleared, "a challenge outlived what ended it");
                assert!(open.wrong < Limits::default().per_challenge, "tries beyond the last");
                assert!(
                    known.wait_until.is_none_or(|until| until <= now),
                    "let in while the account had to wait"
                );
                let methods = granted.verified.methods().to_vec();
                match methods.as_slice() {
                    [Method::App] => {
                        let matching = known.apps.iter_mut().find_map(|app| {
                            let step = step_of(&app.phone, &text, now)?;
                            (step > app.last).then_some((app, step))
                        });
                        let (app, step) =
                            matching.expect("a code that no app of theirs shows, or one that was used");
                        app.last = step;
                    }
                    [Method::BackupCode] => {
                        assert!(known.backup.remove(&text), "a backup code that doesn't work")
                    }
                    [Method::Email] => {
                        assert_eq!(
                            open.sent.take().as_ref(),
                            Some(&text),
                            "a code that was not the last one sent"
                        );
                    }
                    other => panic!("passed by {other:?}"),
                }
                known.accepted.push(text);
                open.done = true;
                known.wrong_in_a_row = 0;
                known.wait_until = None;
                assert_eq!(*granted.verified.account(), key(account), "somebody else's proof");
                let standing = granted.verified.into_standing();
                self.browsers[browser].session =
                    Some(Session { epoch: known.epoch, proved: standing.proved_at(), standing });
                self.tally.passed += 1;
            }
            // Nobody looked at what was typed.
            Err(Refusal::ChallengeFailed) => {
                assert!(open.done || open.wrong > 0, "failed without a wrong answer");
                open.done = true;
            }
            Err(Refusal::WrongCode { .. } | Refusal::UsedCode { .. }) => {
                assert!(!open.done, "evaluated against a challenge that was over");
                open.wrong += 1;
                assert!(open.wrong <= Limits::default().per_challenge, "evaluated beyond the last try");
                known.wrong_in_a_row += 1;
                let limits = Limits::default();
                if let Some(over) = known.wrong_in_a_row.checked_sub(limits.free) {
                    let wait = limits.first_wait.saturating_mul(1 << over.min(20)).min(limits.longest_wait);
                    known.wait_until = Some(now.after(wait));
                }
                self.tally.wrong += 1;
            }
            Err(_) => {}
        }
        Ok(())
    }

    /// Changing something takes a session of now, and a recent second factor if the account has one.
    fn may_have_changed(&self, browser: usize, account: usize, what: &str) {
        let session = self.browsers[browser].session.as_ref().expect("a session");
        self.may_change(session, account, what);
    }

    fn may_change(&self, session: &Session, account: usize, what: &str) {
        let (known, now) = (&self.known[account], self.clock.time());
        assert_eq!(session.epoch, known.epoch, "{what} in a session that was over");
        let is_fresh = session.proved.is_some_and(|proved| now.as_unix() < proved.after(FRESH).as_unix() + 1);
        assert!(!known.has_factor() || is_fresh, "{what} without a recent second factor");
        // A code by e-mail is not enough to touch an app.
        assert!(known.apps.is_empty() || session.standing.level() == Level::Two, "{what} by e-mail alone");
    }

    fn go_on_with(&mut self, browser: usize, account: usize, standing: Standing) {
        let known = &mut self.known[account];
        known.epoch += 1;
        let proved = standing.proved_at();
        self.browsers[browser].session = Some(Session { standing, epoch: known.epoch, proved });
    }

    async fn stage(&mut self, browser: u8, app: bool) -> Result<(), Fault> {
        let (browser, account) = of(browser);
        let place = &self.browsers[browser];
        let authority = match (&place.session, &place.pass) {
            (Some(session), _) => Authority::Session(session.standing.clone()),
            (None, Some((pass, _))) => Authority::Pass(pass.clone()),
            (None, None) => return Ok(()),
        };
        let staged = if app {
            match self.mfa.enrol_app(&authority, "Phone").await? {
                Ok((ticket, shown)) => {
                    Some((ticket, Staged::App(AuthenticatorApp::scan(shown.uri.expose()).unwrap())))
                }
                Err(_) => None,
            }
        } else {
            let before = self.sender.messages().len();
            let staged =
                self.mfa.enrol_email(&authority, "Post", "ann@codes.example", Locale::English).await?;
            let code = (self.sender.messages().len() > before).then(|| self.sender.last_code()).flatten();
            staged.ok().map(|ticket| (ticket, Staged::Email(code)))
        };
        let Some((ticket, staged)) = staged else { return Ok(()) };
        match &authority {
            Authority::Session(_) => self.may_have_changed(browser, account, "staged a method"),
            Authority::Pass(_) => {
                assert!(!self.known[account].has_factor(), "a password alone staged a second method");
            }
        }
        let epoch = match (&self.browsers[browser].session, &self.browsers[browser].pass) {
            (Some(session), _) => session.epoch,
            (None, Some((_, epoch))) => *epoch,
            (None, None) => return Ok(()),
        };
        self.browsers[browser].staged = Some((authority, epoch, ticket, staged));
        Ok(())
    }

    async fn confirm(&mut self, browser: u8, rightly: bool) -> Result<(), Fault> {
        let (browser, account) = of(browser);
        let now = self.clock.time();
        let Some((authority, epoch, ticket, staged)) = &self.browsers[browser].staged else { return Ok(()) };
        let right = match staged {
            Staged::App(phone) => phone.code_at(now),
            Staged::Email(code) => code.clone().unwrap_or_default(),
        };
        let wrong = if right == "000000" { "000001" } else { "000000" };
        let typed = if rightly { right.as_str() } else { wrong };
        let Ok(confirmed) = self.mfa.confirm(authority, ticket, typed, None).await? else { return Ok(()) };
        assert!(rightly, "confirmed by a wrong code");
        match authority {
            // The session as it was when the method was staged.
            Authority::Session(standing) => {
                let (standing, proved) = (standing.clone(), standing.proved_at());
                self.may_change(&Session { standing, epoch: *epoch, proved }, account, "added a method");
            }
            Authority::Pass(_) => {
                assert_eq!(*epoch, self.known[account].epoch, "a pass outlived its epoch");
                assert!(!self.known[account].has_factor(), "a password alone added a second method");
            }
        }
        let Some((.., staged)) = self.browsers[browser].staged.take() else { return Ok(()) };
        let known = &mut self.known[account];
        match staged {
            Staged::App(phone) => {
                let last = step(now);
                known.apps.push(App { factor: confirmed.factor, phone, last });
            }
            Staged::Email(_) => known.emails.push(confirmed.factor),
        }
        self.tally.added += 1;
        self.browsers[browser].pass = None;
        self.go_on_with(browser, account, confirmed.verified.into_standing());
        Ok(())
    }

    async fn make_backup_codes(&mut self, browser: u8) -> Result<(), Fault> {
        let (browser, account) = of(browser);
        let Some(session) = &self.browsers[browser].session else { return Ok(()) };
        let Ok(codes) = self.mfa.make_backup_codes(&session.standing).await? else { return Ok(()) };
        self.may_have_changed(browser, account, "made backup codes");
        let known = &mut self.known[account];
        assert!(known.has_factor(), "backup codes without a method");
        let codes: Vec<_> = codes.iter().map(|code| code.expose().to_owned()).collect();
        known.every_backup_code.extend(codes.iter().cloned());
        known.backup = codes.into_iter().collect();
        self.tally.sets += 1;
        Ok(())
    }

    async fn remove(&mut self, browser: u8, which: u8) -> Result<(), Fault> {
        let (browser, account) = of(browser);
        let known = &self.known[account];
        let all: Vec<_> =
            known.apps.iter().map(|app| app.factor).chain(known.emails.iter().copied()).collect();
        let (Some(session), false) = (&self.browsers[browser].session, all.is_empty()) else { return Ok(()) };
        let factor = all[usize::from(which) % all.len()];
        let Ok(standing) = self.mfa.remove(&session.standing, factor).await? else { return Ok(()) };
        self.may_have_changed(browser, account, "removed a method");
        assert!(
            all.len() > 1 || self.policy != Policy::Required,
            "removed the last method where one is required"
        );
        let known = &mut self.known[account];
        if let Some(at) = known.apps.iter().position(|app| app.factor == factor) {
            known.old_phones.push(known.apps.remove(at).phone);
        }
        known.emails.retain(|email| *email != factor);
        if !known.has_factor() {
            known.backup.clear();
        }
        known.cleared += 1;
        self.tally.removed += 1;
        self.go_on_with(browser, account, standing);
        Ok(())
    }

    /// Whoever comes through has passed, and whoever has passed comes through.
    async fn look_at_everybody(&self, deed: Deed) {
        for (number, browser) in self.browsers.iter().enumerate() {
            let Some(session) = &browser.session else { continue };
            let known = &self.known[number / 2];
            let is_current = session.epoch == known.epoch;
            let is_proved =
                session.proved.is_some() || !known.has_factor() && self.policy != Policy::Required;
            match self.mfa.check(&session.standing, Demand::default()).await {
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
    }
}

fn open(
    store: &Arc<MemoryStore>,
    clock: &ManualClock,
    sender: &RecordingSender,
    entropy: &SeededEntropy,
    policy: Policy,
) -> Mfa {
    Mfa::builder("Hillside School", "portal.hillside.example")
        .store(Arc::clone(store))
        .sealer(KeyRing::from_hex(KEYS).unwrap())
        .clock(clock.clone())
        .sender(sender.clone())
        .entropy(entropy.clone())
        .help("the school office")
        .email_codes(true)
        .policy(policy)
        .hash_cost(HashCost::danger_for_tests())
        .build()
        .unwrap()
}
