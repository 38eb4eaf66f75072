//! What has been done, in plain words: the model.

use std::collections::BTreeSet;

use mfa_core::id::FactorId;
use mfa_core::proof::Standing;
use mfa_core::ticket::{Authority, EnrolPass, Ticket};
use mfa_core::time::Timestamp;
use mfa_testing::app::AuthenticatorApp;

/// The length of an app's time step, in seconds.
pub(crate) const STEP: u64 = 30;

pub(crate) struct App {
    pub(crate) factor: FactorId,
    pub(crate) phone: AuthenticatorApp,
    pub(crate) last: u64,
}

/// What we know of an account.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) apps: Vec<App>,
    pub(crate) emails: Vec<FactorId>,
    pub(crate) backup: BTreeSet<String>,
    /// Sessions of another one are over.
    pub(crate) epoch: u64,
    /// How many there have been, so that none comes back but the one of who has nothing.
    pub(crate) epochs: u64,
    /// Challenges begun before the last of these are gone.
    pub(crate) cleared: u64,
    pub(crate) wrong_in_a_row: u16,
    pub(crate) wait_until: Option<Timestamp>,
    pub(crate) old_phones: Vec<AuthenticatorApp>,
    pub(crate) every_backup_code: Vec<String>,
    pub(crate) accepted: Vec<String>,
}

impl Known {
    pub(crate) fn end_sessions(&mut self) {
        self.epochs += 1;
        self.epoch = self.epochs;
    }

    /// Nothing works any more that they had.
    pub(crate) fn lose_everything(&mut self) {
        self.old_phones.extend(self.apps.drain(..).map(|app| app.phone));
        self.emails.clear();
        self.backup.clear();
        self.cleared += 1;
        self.wrong_in_a_row = 0;
        self.wait_until = None;
    }

    pub(crate) fn has_factor(&self) -> bool {
        !self.apps.is_empty() || !self.emails.is_empty()
    }
}

pub(crate) struct Session {
    pub(crate) standing: Standing,
    pub(crate) epoch: u64,
    pub(crate) proved: Option<Timestamp>,
}

pub(crate) struct Open {
    pub(crate) ticket: Ticket,
    pub(crate) cleared: u64,
    pub(crate) wrong: u8,
    pub(crate) sent: Option<String>,
    pub(crate) done: bool,
}

pub(crate) enum Staged {
    App(AuthenticatorApp),
    Email(Option<String>),
}

#[derive(Default)]
pub(crate) struct Browser {
    pub(crate) session: Option<Session>,
    pub(crate) open: Option<Open>,
    pub(crate) pass: Option<(EnrolPass, u64)>,
    /// By what right, in which epoch, and what.
    pub(crate) staged: Option<(Authority, u64, Ticket, Staged)>,
}

pub(crate) fn step(time: Timestamp) -> u64 {
    time.as_unix() / STEP
}

/// The latest step around now of which this is the code.
pub(crate) fn step_of(phone: &AuthenticatorApp, code: &str, now: Timestamp) -> Option<u64> {
    let around = step(now).saturating_sub(13)..=step(now) + 13;
    around.rev().find(|step| phone.code_at(Timestamp::from_unix(step * STEP)) == code)
}
