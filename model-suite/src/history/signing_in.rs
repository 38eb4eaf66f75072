//! Signing in and answering, on the real service.

use mfa_core::challenge::Choice;
use mfa_core::fault::Fault;
use mfa_core::policy::Policy;
use mfa_core::port::sender::{Content, Locale};
use mfa_core::proof::Method;
use mfa_core::refusal::Refusal;
use mfa_core::service::SignIn;
use mfa_core::throttle::Limits;
use mfa_core::time::Timestamp;
use mfa_testing::app::AuthenticatorApp;

use crate::deed::{Kind, Typed, of};
use crate::history::{History, came, in_short, key};
use crate::known::{Browser, Open, STEP, Session, step, step_of};
use crate::model::Came;

impl History {
    pub(super) async fn sign_in(&mut self, browser: u8) -> Result<(), Fault> {
        let (browser, account) = of(browser);
        let known = &self.known[account];
        match self.mfa.sign_in(&key(account)).await? {
            SignIn::Admitted { verified, .. } => {
                assert!(!known.has_factor(), "admitted past a second factor");
                assert!(self.portal.policy != Policy::Required, "admitted where one is required");
                assert!(verified.methods().is_empty(), "proof of what nobody proved");
                let session =
                    Session { standing: verified.into_standing(), epoch: known.epoch, proved: None };
                self.browsers[browser] = Browser { session: Some(session), ..Browser::default() };
                self.came.push(Came::Admitted);
            }
            SignIn::Challenged(ticket) => {
                assert!(known.has_factor(), "challenged without a method");
                let open = Open { ticket, cleared: known.cleared, wrong: 0, sent: None, done: false };
                self.browsers[browser] = Browser { open: Some(open), ..Browser::default() };
                self.came.push(Came::Challenged);
            }
            SignIn::MustEnrol(pass) => {
                assert!(!known.has_factor() && self.portal.policy == Policy::Required);
                self.browsers[browser] = Browser { pass: Some((pass, known.epoch)), ..Browser::default() };
                self.came.push(Came::MustEnrol);
            }
            SignIn::Refused(refusal) => self.came.push(Came::Refused(refusal)),
            other => panic!("{other:?}"),
        }
        Ok(())
    }

    pub(super) async fn step_up(&mut self, browser: u8) -> Result<(), Fault> {
        let (browser, account) = of(browser);
        let Some(session) = &self.browsers[browser].session else { return Ok(()) };
        let begun = self.mfa.step_up(&session.standing).await?;
        self.came.push(came(&begun));
        if let Ok(ticket) = begun {
            let known = &self.known[account];
            assert_eq!(session.epoch, known.epoch, "stepped up in a session that was over");
            self.browsers[browser].open =
                Some(Open { ticket, cleared: known.cleared, wrong: 0, sent: None, done: false });
        }
        Ok(())
    }

    pub(super) async fn choose(&mut self, browser: u8, kind: Kind) -> Result<(), Fault> {
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
        self.came.push(came(&chosen?));
        Ok(())
    }

    pub(super) fn what_is_typed(&self, account: usize, typed: Typed) -> String {
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

    pub(super) fn kind_of(&self, account: usize, typed: Typed) -> Option<Kind> {
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

    pub(super) async fn answer(&mut self, browser: u8, typed: Typed) -> Result<(), Fault> {
        let (browser, account) = of(browser);
        let text = self.what_is_typed(account, typed);
        let now = self.clock.time();
        let Some(open) = &mut self.browsers[browser].open else { return Ok(()) };
        let answered = self.mfa.answer(&open.ticket, &text).await?;
        self.came.push(match &answered {
            Ok(granted) => granted.verified.methods().first().map_or(Came::Done, |by| Came::Passed(*by)),
            Err(refusal) => Came::Refused(in_short(*refusal)),
        });
        self.by_chance = self.is_by_chance(account, &text, typed);
        let Some(open) = &mut self.browsers[browser].open else { return Ok(()) };
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
                self.count_wrong(account, now);
            }
            Err(_) => {}
        }
        Ok(())
    }

    pub(super) fn count_wrong(&mut self, account: usize, now: Timestamp) {
        let (known, limits) = (&mut self.known[account], Limits::default());
        known.wrong_in_a_row += 1;
        if let Some(over) = known.wrong_in_a_row.checked_sub(limits.free) {
            let wait = limits.first_wait.saturating_mul(1 << over.min(20)).min(limits.longest_wait);
            known.wait_until = Some(now.after(wait));
        }
        self.tally.wrong += 1;
    }

    /// Whether six digits stand for something else too than for what they were typed as.
    fn is_by_chance(&self, account: usize, text: &str, typed: Typed) -> bool {
        let (known, now) = (&self.known[account], self.clock.time());
        let around = step(now).saturating_sub(13)..=step(now) + 13;
        let shown = known.apps.iter().map(|app| {
            let shows = |step: &u64| app.phone.code_at(Timestamp::from_unix(step * STEP)) == text;
            around.clone().filter(shows).count()
        });
        let sent = self.every_code_sent().filter(|code| code == text).count();
        let expected = usize::from(matches!(typed, Typed::App(_) | Typed::Sent | Typed::Again(_)));
        shown.sum::<usize>() + sent > expected
    }

    fn every_code_sent(&self) -> impl Iterator<Item = String> {
        self.sender.messages().into_iter().filter_map(|message| match message.content {
            Content::Code { code, .. } => Some(code.expose().to_owned()),
            _ => None,
        })
    }
}
