//! Setting up, removing, and what it takes to change anything, on the real service.

use std::time::Duration;

use mfa_core::fault::Fault;
use mfa_core::policy::Policy;
use mfa_core::port::sender::Locale;
use mfa_core::proof::{Level, Standing};
use mfa_core::refusal::Refusal;
use mfa_core::ticket::Authority;
use mfa_core::time::Timestamp;
use mfa_testing::app::AuthenticatorApp;

use crate::deed::of;
use crate::history::{History, came};
use crate::known::{App, STEP, Session, Staged, step};

/// How recent a second factor has to be to change something.
const FRESH: Duration = Duration::from_secs(900);

impl History {
    /// Changing something takes a session of now, and a recent second factor if the account has one.
    pub(super) fn may_have_changed(&self, browser: usize, account: usize, what: &str) {
        let session = self.browsers[browser].session.as_ref().expect("a session");
        self.may_change(session, account, what);
    }

    pub(super) fn may_change(&self, session: &Session, account: usize, what: &str) {
        let (known, now) = (&self.known[account], self.clock.time());
        assert_eq!(session.epoch, known.epoch, "{what} in a session that was over");
        let is_fresh = session.proved.is_some_and(|proved| now.as_unix() < proved.after(FRESH).as_unix() + 1);
        assert!(!known.has_factor() || is_fresh, "{what} without a recent second factor");
        // A code by e-mail is not enough to touch an app.
        assert!(known.apps.is_empty() || session.standing.level() == Level::Two, "{what} by e-mail alone");
    }

    pub(super) fn go_on_with(&mut self, browser: usize, account: usize, standing: Standing) {
        let known = &mut self.known[account];
        known.end_sessions();
        let proved = standing.proved_at();
        self.browsers[browser].session = Some(Session { standing, epoch: known.epoch, proved });
    }

    pub(super) async fn stage(&mut self, browser: u8, app: bool) -> Result<(), Fault> {
        let (browser, account) = of(browser);
        let place = &self.browsers[browser];
        let authority = match (&place.session, &place.pass) {
            (Some(session), _) => Authority::Session(session.standing.clone()),
            (None, Some((pass, _))) => Authority::Pass(pass.clone()),
            (None, None) => return Ok(()),
        };
        let staged = if app {
            let staged = self.mfa.enrol_app(&authority, "Phone").await?;
            self.note(&staged);
            match staged {
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
            self.note(&staged);
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

    pub(super) async fn confirm(&mut self, browser: u8, rightly: bool) -> Result<(), Fault> {
        let (browser, account) = of(browser);
        let now = self.clock.time();
        let Some((authority, epoch, ticket, staged)) = &self.browsers[browser].staged else { return Ok(()) };
        let right = match staged {
            Staged::App(phone) => phone.code_at(now),
            Staged::Email(code) => code.clone().unwrap_or_default(),
        };
        let wrong = if right == "000000" { "000001" } else { "000000" };
        let mut typed = if rightly { right.as_str() } else { wrong };
        let mut second = None;
        let before;
        if let (Staged::App(phone), true) = (staged, self.portal.two_codes) {
            before = phone.code_at(Timestamp::from_unix(now.as_unix() - STEP));
            // One code is no two.
            typed = if rightly { &before } else { &right };
            second = Some(right.as_str());
            self.by_chance = before == right;
        }
        let confirmed = self.mfa.confirm(authority, ticket, typed, second).await?;
        self.came.push(came(&confirmed));
        let Ok(confirmed) = confirmed else { return Ok(()) };
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

    pub(super) async fn make_backup_codes(&mut self, browser: u8) -> Result<(), Fault> {
        let (browser, account) = of(browser);
        let Some(session) = &self.browsers[browser].session else { return Ok(()) };
        let made = self.mfa.make_backup_codes(&session.standing).await?;
        self.note(&made);
        let Ok(codes) = made else { return Ok(()) };
        self.may_have_changed(browser, account, "made backup codes");
        let known = &mut self.known[account];
        assert!(known.has_factor(), "backup codes without a method");
        let codes: Vec<_> = codes.iter().map(|code| code.expose().to_owned()).collect();
        known.every_backup_code.extend(codes.iter().cloned());
        known.backup = codes.into_iter().collect();
        self.tally.sets += 1;
        Ok(())
    }

    /// The codes are those of steps so far from now.
    pub(super) async fn resync(&mut self, browser: u8, steps: [i8; 2]) -> Result<(), Fault> {
        let (browser, account) = of(browser);
        let now = self.clock.time();
        let known = &self.known[account];
        let (Some(session), Some(app)) = (&self.browsers[browser].session, known.apps.last()) else {
            return Ok(());
        };
        let steps = steps.map(|offset| step(now).saturating_add_signed(offset.into()));
        let [first, second] = steps.map(|step| app.phone.code_at(Timestamp::from_unix(step * STEP)));
        let resynced = self.mfa.resynchronise(&session.standing, app.factor, &first, &second).await?;
        let around = step(now).saturating_sub(25)..step(now) + 25;
        let shown = |code: &String| {
            let shows = |step: &u64| app.phone.code_at(Timestamp::from_unix(step * STEP)) == *code;
            around.clone().filter(shows).count()
        };
        let by_chance = [&first, &second].into_iter().any(|code| shown(code) > 1);
        self.by_chance = by_chance;
        self.note(&resynced);
        match resynced {
            Err(Refusal::Throttled { .. }) => self.tally.resync_waits += 1,
            Ok(()) if !by_chance => {
                self.may_have_changed(browser, account, "brought an app back in step");
                let known = &mut self.known[account];
                assert!(known.wait_until.is_none_or(|until| until <= now), "while the account had to wait");
                let app = known.apps.last_mut().expect("an app");
                assert_eq!(steps[0] + 1, steps[1], "brought back in step by codes that are not neighbours");
                assert!(steps[0] > app.last, "brought back in step by a code that was used");
                app.last = steps[1];
                self.tally.resynced += 1;
            }
            Err(Refusal::NotConsecutive { .. }) => self.count_wrong(account, now),
            _ => {}
        }
        Ok(())
    }

    pub(super) async fn remove(&mut self, browser: u8, which: u8) -> Result<(), Fault> {
        let (browser, account) = of(browser);
        let known = &self.known[account];
        let all: Vec<_> =
            known.apps.iter().map(|app| app.factor).chain(known.emails.iter().copied()).collect();
        let (Some(session), false) = (&self.browsers[browser].session, all.is_empty()) else { return Ok(()) };
        let factor = all[usize::from(which) % all.len()];
        let removed = self.mfa.remove(&session.standing, factor).await?;
        self.note(&removed);
        let Ok(standing) = removed else { return Ok(()) };
        self.may_have_changed(browser, account, "removed a method");
        assert!(
            all.len() > 1 || self.portal.policy != Policy::Required,
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
}
