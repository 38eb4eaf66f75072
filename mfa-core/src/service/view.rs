//! Views: what pages and programs may know of an account. Nothing in them is secret.

use serde::Serialize;

use crate::account::Account;
use crate::challenge::{Challenge, Choice};
use crate::factor::backup::CODE_CHARACTERS;
use crate::factor::bound::{Factor, Kind};
use crate::factor::delivered::DELIVERED_DIGITS;
use crate::id::FactorId;
use crate::port::sender::Purpose;
use crate::proof::Method;
use crate::settings::Settings;
use crate::time::Timestamp;

/// A bound factor, as its owner may see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FactorView {
    /// Its id.
    pub id: FactorId,
    /// What its owner calls it.
    pub name: String,
    /// Which kind it is.
    pub method: Method,
    /// How many digits a code has.
    pub code_length: u8,
    /// When it was added.
    pub added: Timestamp,
    /// When it was last used.
    pub used: Option<Timestamp>,
    /// Whether it was disabled after too many wrong codes and must be set up again.
    pub disabled: bool,
}

fn code_length(factor: &Factor) -> u8 {
    match factor.kind() {
        Kind::Totp { params, .. } => params.digits.as_u8(),
        Kind::Delivered { .. } => DELIVERED_DIGITS,
    }
}

impl From<&Factor> for FactorView {
    fn from(factor: &Factor) -> Self {
        Self {
            id: factor.id(),
            name: factor.name().to_owned(),
            method: factor.method(),
            code_length: code_length(factor),
            added: factor.added(),
            used: factor.used(),
            disabled: factor.is_disabled(),
        }
    }
}

/// The backup codes, as their owner may see them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BackupView {
    /// How many are left.
    pub left: u8,
    /// When the set was made.
    pub made: Timestamp,
    /// When one was last used.
    pub used: Option<Timestamp>,
    /// Whether the set was disabled after too many wrong codes.
    pub disabled: bool,
}

impl BackupView {
    pub(crate) fn of(account: &Account) -> Option<Self> {
        account.backup.as_ref().map(|backup| Self {
            left: backup.set.left(),
            made: backup.set.made(),
            used: backup.used,
            disabled: backup.tally.is_disabled(),
        })
    }
}

/// A way to answer a challenge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MethodView {
    /// What to choose it by.
    pub choice: Choice,
    /// Which kind it is.
    pub method: Method,
    /// What its owner calls it; empty for backup codes.
    pub name: String,
    /// How many digits a code has; for backup codes, characters.
    pub code_length: u8,
}

impl MethodView {
    fn of(factor: &Factor) -> Self {
        let code_length = code_length(factor);
        let name = factor.name().to_owned();
        Self { choice: Choice::Factor(factor.id()), method: factor.method(), name, code_length }
    }
}

/// A challenge, as the session it belongs to may see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ChallengeView {
    /// What it is for.
    pub purpose: Purpose,
    /// What was chosen to answer it.
    pub chosen: Option<MethodView>,
    /// Every way of answering that works, the one used last first, backup codes last.
    pub methods: Vec<MethodView>,
    /// How many wrong answers it bears still.
    pub tries_left: u8,
    /// When its time is up.
    pub expires: Timestamp,
    /// Whether a message with a code is out for the chosen method.
    pub code_sent: bool,
    /// From when on another message may be sent, if one was.
    pub send_again: Option<Timestamp>,
}

impl ChallengeView {
    pub(crate) fn of(account: &Account, challenge: &Challenge, settings: &Settings) -> Self {
        let mut factors: Vec<&Factor> = account
            .working_factors()
            .filter(|factor| account.may_answer(challenge.purpose(), factor.method()))
            .collect();
        factors.sort_by_key(|factor| std::cmp::Reverse((factor.used(), factor.method() == Method::App)));
        let mut methods: Vec<MethodView> = factors.into_iter().map(MethodView::of).collect();
        if account.takes_backup_codes() {
            methods.push(MethodView {
                choice: Choice::BackupCode,
                method: Method::BackupCode,
                name: String::new(),
                code_length: CODE_CHARACTERS,
            });
        }
        let staged = challenge.staged();
        let chosen = match (challenge.choice(), staged) {
            (Some(_), Some(factor)) => Some(MethodView::of(factor)),
            (Some(choice), None) => methods.iter().find(|method| method.choice == choice).cloned(),
            (None, _) => None,
        };
        let chosen_factor = match challenge.choice() {
            Some(Choice::Factor(id)) => staged.or_else(|| account.factor(id)),
            _ => None,
        };
        let sent = chosen_factor.and_then(|factor| match factor.kind() {
            Kind::Delivered { sent, .. } => *sent,
            Kind::Totp { .. } => None,
        });
        let code_sent =
            challenge.codes().iter().any(|code| Some(code.factor()) == chosen_factor.map(Factor::id));
        Self {
            purpose: challenge.purpose(),
            chosen,
            methods,
            tries_left: challenge.tries_left(),
            expires: challenge.expires(),
            code_sent,
            send_again: sent.map(|sent| sent.after(settings.cooldown)),
        }
    }
}
