//! The English words.

use mfa_core::port::sender::{Notice, Purpose};
use mfa_core::time::UtcDateTime;

use crate::wording::Known;
use crate::wording::plain::quoted_name;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Subject and body of a code's message.
pub(super) fn code(known: &Known, purpose: Purpose, code: &str, seconds: u64) -> (String, String) {
    let Known { service, host, help } = known;
    let what = match purpose {
        Purpose::SignIn => format!("Your code to sign in to {service}"),
        Purpose::StepUp => format!("Your code to confirm that it is you at {service}"),
        Purpose::Enrol => format!("Your code to add a sign-in method at {service}"),
        _ => format!("Your code for {service}"),
    };
    let not_you = match purpose {
        // Nobody has shown a password of this person's yet: it may be a mistyped address.
        Purpose::Enrol => {
            "If you did not ask for this code, do nothing: no method is added without it. If it happens \
             again, tell us:"
        }
        _ => {
            "If you did not ask for this code, somebody else may know your password. Change it, and tell us:"
        }
    };
    let life = life(seconds);
    let body = format!(
        "{what}:\n\
         \n\
         {code}\n\
         \n\
         Type it at {host} and nowhere else. It works once, within {life}.\n\
         \n\
         Do not give this code to anybody. Nobody from {service} will ever ask you for it.\n\
         \n\
         {not_you}\n\
         {help}\n"
    );
    (what, body)
}

/// Subject and body of a notice.
pub(super) fn notice(known: &Known, notice: &Notice, at: UtcDateTime) -> (String, String) {
    let Known { service, host, help } = known;
    let (subject, what) = match notice {
        Notice::FactorAdded { name } => (
            format!("A sign-in method was added at {service}"),
            format!("The sign-in method “{}” was added to your account.", quoted_name(name)),
        ),
        Notice::FactorRemoved { name } => (
            format!("A sign-in method was removed at {service}"),
            format!("The sign-in method “{}” was removed from your account.", quoted_name(name)),
        ),
        Notice::FactorDisabled { name } => (
            format!("A sign-in method was switched off at {service}"),
            format!(
                "The sign-in method “{}” was switched off, because too many wrong codes were typed for it. \
                 To use it again, remove it and set it up anew.",
                quoted_name(name)
            ),
        ),
        Notice::BackupCodesDisabled => (
            format!("Your backup codes were switched off at {service}"),
            "Your backup codes were switched off, because too many wrong ones were typed. To use backup codes again, make \
             new ones."
                .to_owned(),
        ),
        Notice::BackupCodesMade => (
            format!("New backup codes were made at {service}"),
            "New backup codes were made for your account. The old ones no longer work.".to_owned(),
        ),
        Notice::BackupCodeUsed { left } => (
            format!("A backup code was used at {service}"),
            format!(
                "A backup code was used to sign in to your account. {}",
                match left {
                    0 => "It was the last one: make new ones.".to_owned(),
                    1 => "One is left: make new ones soon.".to_owned(),
                    more => format!("{more} are left."),
                }
            ),
        ),
        Notice::Reset => (
            format!("Two-factor sign-in was reset at {service}"),
            "An administrator removed all sign-in methods and backup codes from your account. You are \
             signed out everywhere."
                .to_owned(),
        ),
        Notice::ManyWrongCodes => (
            format!("Many wrong codes were typed at {service}"),
            "Somebody gave your password and then typed too many wrong codes. None of them let anybody in."
                .to_owned(),
        ),
        _ => (
            format!("Your sign-in settings changed at {service}"),
            "The sign-in settings of your account changed.".to_owned(),
        ),
    };
    let when = when(at);
    let body = format!(
        "{what}\n\
         \n\
         When: {when}\n\
         Where: {host}\n\
         \n\
         If this was you, or you had asked for it, there is nothing more to do.\n\
         \n\
         If it was not, your account may be in somebody else's hands. Change your password, look through \
         the security settings of your account, and tell us at once:\n\
         {help}\n\
         \n\
         This message has no link to sign in, on purpose. Type the address of the site yourself.\n"
    );
    (subject, body)
}

fn life(seconds: u64) -> String {
    match (seconds, seconds / 60) {
        (1, _) => "1 second".to_owned(),
        (_, 0) => format!("{seconds} seconds"),
        (_, 1) => "1 minute".to_owned(),
        (_, minutes) => format!("{minutes} minutes"),
    }
}

fn when(at: UtcDateTime) -> String {
    let month = MONTHS.get(usize::from(at.month).saturating_sub(1)).copied().unwrap_or_default();
    format!("{} {month} {} at {:02}:{:02} UTC", at.day, at.year, at.hour, at.minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_is_never_promised_longer_than_it_is() {
        for (seconds, words) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (59, "59 seconds"),
            (60, "1 minute"),
            (119, "1 minute"),
            (600, "10 minutes"),
        ] {
            assert_eq!(life(seconds), words);
        }
    }
}
