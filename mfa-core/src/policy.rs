//! Policy: whether a person is admitted, reminded, challenged or made to enrol, and why. One pure function.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// How often a person is reminded unless the host says otherwise.
pub const REMIND_EVERY: Duration = Duration::from_secs(30 * 24 * 3600);

/// What the portal asks of a person. Whoever has a second factor is asked for it under every policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Policy {
    /// Nobody is asked to set one up. Those who have are still asked for it: a switch in a settings page must
    /// not take away the protection somebody chose.
    Off,
    /// People without one are reminded, and may put it off.
    #[default]
    Encouraged,
    /// People without one must set one up before they come in.
    Required,
}

/// What the decision is made from.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// What the portal asks of this person.
    pub policy: Policy,
    /// How many factors are bound, working or disabled.
    pub bound: usize,
    /// How many ways of answering work, backup codes among them.
    pub usable: usize,
    /// When the reminder was last put off.
    pub reminded: Option<Timestamp>,
    /// How long putting it off lasts.
    pub remind_every: Duration,
    /// The time now.
    pub now: Timestamp,
}

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Action {
    /// Come in.
    Admit,
    /// Come in, and be reminded.
    Remind,
    /// Prove a second factor.
    Challenge,
    /// Set one up first.
    Enrol,
    /// Not before an administrator has reset the account.
    Refuse,
}

/// Why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// The person has a second factor.
    HasFactor,
    /// Every factor the person has is disabled.
    AllDisabled,
    /// Policy requires one and the person has none.
    PolicyRequires,
    /// Policy encourages one and the person has none.
    PolicyEncourages,
    /// The reminder was put off a short while ago.
    ReminderPutOff,
    /// Policy asks for none.
    PolicyOff,
}

/// A decision with its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What happens next.
    pub action: Action,
    /// Why.
    pub reason: Reason,
}

/// Decides. Every way of signing in comes through here.
pub fn decide(facts: &Facts) -> Decision {
    let decision = |action, reason| Decision { action, reason };
    if facts.usable > 0 {
        return decision(Action::Challenge, Reason::HasFactor);
    }
    if facts.bound > 0 {
        // A disabled factor must not turn into no factor: that would make guessing a way in.
        return decision(Action::Refuse, Reason::AllDisabled);
    }
    match facts.policy {
        Policy::Off => decision(Action::Admit, Reason::PolicyOff),
        Policy::Required => decision(Action::Enrol, Reason::PolicyRequires),
        Policy::Encouraged => {
            let due = facts.reminded.is_none_or(|last| facts.now.since(last) >= facts.remind_every);
            if due {
                decision(Action::Remind, Reason::PolicyEncourages)
            } else {
                decision(Action::Admit, Reason::ReminderPutOff)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(policy: Policy, bound: usize, usable: usize) -> Facts {
        let now = Timestamp::from_unix(1_800_000_000);
        Facts { policy, bound, usable, reminded: None, remind_every: REMIND_EVERY, now }
    }

    #[test]
    fn the_table() {
        for policy in [Policy::Off, Policy::Encouraged, Policy::Required] {
            assert_eq!(decide(&facts(policy, 1, 1)).action, Action::Challenge);
            assert_eq!(decide(&facts(policy, 1, 0)).action, Action::Refuse);
        }
        assert_eq!(decide(&facts(Policy::Off, 0, 0)).action, Action::Admit);
        assert_eq!(decide(&facts(Policy::Encouraged, 0, 0)).action, Action::Remind);
        assert_eq!(decide(&facts(Policy::Required, 0, 0)).action, Action::Enrol);
    }

    #[test]
    fn a_reminder_put_off_comes_back_after_thirty_days() {
        let mut facts = facts(Policy::Encouraged, 0, 0);
        let skipped = facts.now;
        facts.reminded = Some(skipped);
        assert_eq!(decide(&facts).action, Action::Admit);
        assert_eq!(REMIND_EVERY.as_secs(), 2_592_000);
        facts.now = skipped.after(REMIND_EVERY).before(Duration::from_secs(1));
        assert_eq!(decide(&facts).action, Action::Admit);
        facts.now = skipped.after(REMIND_EVERY);
        assert_eq!(decide(&facts).action, Action::Remind);
    }
}
