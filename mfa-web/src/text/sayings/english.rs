//! Sentences in English.

use mfa_core::refusal::Refusal;
use mfa_core::time::Timestamp;

use crate::text::sayings::{self, Span};
use crate::text::vocabulary::{Activity, MethodKind, Note};

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

fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

pub(in crate::text) fn minutes(n: u64) -> String {
    counted(n, "minute", "minutes")
}

pub(in crate::text) fn backup_codes(n: u8) -> String {
    counted(n.into(), "backup code", "backup codes")
}

pub(in crate::text) fn span(seconds: u64) -> String {
    match sayings::span(seconds) {
        Span::Seconds(n) => counted(n, "second", "seconds"),
        Span::Minutes(n) => minutes(n),
        Span::Hours(n) => counted(n, "hour", "hours"),
    }
}

pub(in crate::text) fn date_time(at: Timestamp) -> String {
    let at = at.to_utc();
    let (hour, minute, morning) = sayings::twelve_hour(at);
    let half = if morning { "am" } else { "pm" };
    format!("{} {} {} at {hour}:{minute:02}{half}", at.day, sayings::month(&MONTHS, at), at.year)
}

fn tries(left: u8) -> String {
    match left {
        0 => String::new(),
        1 => " You have 1 try left.".to_owned(),
        n => format!(" You have {n} tries left."),
    }
}

pub(in crate::text) fn refusal(refusal: &Refusal, kind: Option<MethodKind>) -> String {
    let backup = kind == Some(MethodKind::BackupCode);
    match *refusal {
        Refusal::WrongCode { tries_left } => {
            let what = if backup { "backup" } else { "security" };
            format!("Enter a correct {what} code.{}", tries(tries_left))
        }
        Refusal::UsedCode { tries_left } if backup => {
            format!("This backup code has been used. Enter another one.{}", tries(tries_left))
        }
        Refusal::UsedCode { tries_left } => format!(
            "This code has been used. Wait for a new one, then enter that. If it was not you who used it, get help.{}",
            tries(tries_left)
        ),
        Refusal::ExpiredCode => "The security code has expired. Ask for a new code.".to_owned(),
        Refusal::CodeLength { typed: 0, .. } => {
            format!("Enter a {} code", if backup { "backup" } else { "security" })
        }
        Refusal::CodeLength { expected, typed } => {
            let what = if sayings::has_letters(kind, expected) {
                "letters and numbers"
            } else {
                "numbers"
            };
            let wrong = if typed < expected {
                "not entered enough"
            } else {
                "entered too many"
            };
            format!("You’ve {wrong} {what}, the code must be {expected} {what}")
        }
        Refusal::CodeCharacters if backup => "The code must be letters and numbers only".to_owned(),
        Refusal::CodeCharacters => "The code must be numbers only".to_owned(),
        Refusal::NotConsecutive { tries_left } => format!(
            "The two codes must follow each other. Enter the code you see now, then the next one.{}",
            tries(tries_left)
        ),
        Refusal::NoCodeSent => "No code has been sent yet. Ask for a code first.".to_owned(),
        Refusal::Throttled { seconds } => format!(
            "Too many incorrect codes were entered for this account. Wait {}, then try again.",
            span(seconds)
        ),
        Refusal::ChallengeFailed => "You’ve used all your tries. Start again to have more.".to_owned(),
        Refusal::ChallengeExpired => "For your security we stopped waiting. Start again.".to_owned(),
        Refusal::ChallengeUnknown => "We can’t continue from where you were. Start again.".to_owned(),
        Refusal::MethodUnavailable => "You can’t use that now. Choose another way.".to_owned(),
        Refusal::MethodDisabled => {
            "That way of getting codes was turned off after too many incorrect codes. Choose another way, then set it up again in your security settings.".to_owned()
        }
        Refusal::NoMethodLeft => {
            "None of the ways you set up can be used now. Contact the people who run this service. They will check who you are, then let you set up a new way.".to_owned()
        }
        Refusal::Cooldown { seconds } => {
            format!("We sent a code a moment ago. Wait {} before you ask for a new code.", span(seconds))
        }
        Refusal::NotDelivered => "We could not send the code. Try again, or use another way.".to_owned(),
        Refusal::BadAddress => {
            "Enter an email address in the correct format, like name@example.com".to_owned()
        }
        Refusal::StepUpRequired => "Confirm it’s you before you do this.".to_owned(),
        Refusal::SignInAgain => "You have been signed out. Sign in again to continue.".to_owned(),
        Refusal::LastFactor => {
            "You can’t remove your only way to get security codes. Add another way first.".to_owned()
        }
        Refusal::TooManyFactors => {
            "You have set up as many ways as you can. Remove one you do not use, then try again.".to_owned()
        }
        Refusal::AlreadyBound => {
            "You have set that up already. Choose another way or use a different address.".to_owned()
        }
        Refusal::FactorUnknown => "We can’t find that. It may have been removed.".to_owned(),
        Refusal::BadName => "Enter a name of 1 to 50 characters".to_owned(),
        Refusal::NeedsFactor => {
            "Set up a way to get security codes first. Then you can get backup codes.".to_owned()
        }
        Refusal::OwnAccount => {
            "You can’t do this to your own account. Ask another administrator.".to_owned()
        }
        Refusal::Busy => "Many people are signing in. Wait a moment, then try again.".to_owned(),
        _ => "That did not work. Try again.".to_owned(),
    }
}

fn by(kind: MethodKind) -> &'static str {
    match kind {
        MethodKind::App => "authenticator app",
        MethodKind::Email => "a code sent by email",
        MethodKind::BackupCode => "a backup code",
    }
}

pub(in crate::text) fn note(note: &Note) -> String {
    match note {
        Note::CodeSent => "We have sent a new code to your email address.".to_owned(),
        Note::MethodAdded { name } => format!("“{name}” has been added."),
        Note::MethodRemoved { name } => format!("“{name}” has been removed."),
        Note::MethodRenamed { name } => format!("The name is now “{name}”."),
        Note::AppSynchronised { name } => format!("Codes from “{name}” now work."),
        Note::BackupCodesSaved => "Your new backup codes are ready to use.".to_owned(),
        Note::OthersSignedOut => "You have been signed out everywhere else.".to_owned(),
        Note::ReminderSkipped => "We’ll remind you later.".to_owned(),
        Note::StartedAgain { because: Refusal::ChallengeExpired } => {
            "You took too long, so we have started again.".to_owned()
        }
        Note::StartedAgain { because: Refusal::ChallengeFailed } => {
            "You used all your tries, so we have started again.".to_owned()
        }
        Note::StartedAgain { because } => refusal(because, None),
    }
}

pub(in crate::text) fn activity(activity: &Activity) -> String {
    match activity {
        Activity::SignedIn { kind } => format!("Signed in using {}", by(*kind)),
        Activity::Confirmed { kind } => format!("Confirmed it was you using {}", by(*kind)),
        Activity::WrongCode => "Incorrect code entered".to_owned(),
        Activity::UsedCode => "A code was entered a second time".to_owned(),
        Activity::Throttled => "Made to wait after too many incorrect codes".to_owned(),
        Activity::CodeSent => "Security code sent".to_owned(),
        Activity::CodeNotDelivered => "Security code could not be sent".to_owned(),
        Activity::MethodAdded { name } => format!("“{name}” added"),
        Activity::MethodRemoved { name } => format!("“{name}” removed"),
        Activity::MethodRenamed { name } => format!("Name changed to “{name}”"),
        Activity::BackupCodesDisabled => "Backup codes turned off after too many incorrect ones".to_owned(),
        Activity::MethodDisabled { name } => format!("“{name}” turned off after too many incorrect codes"),
        Activity::AppSynchronised => "Authenticator app adjusted to its clock".to_owned(),
        Activity::BackupCodesMade => "New backup codes made".to_owned(),
        Activity::BackupCodeUsed { left } => format!("Backup code used, {left} left"),
        Activity::Reset => "All ways of getting codes removed by an administrator".to_owned(),
        Activity::OthersSignedOut => "Signed out everywhere else".to_owned(),
        Activity::Other => "A change to your sign-in security".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_waits_read_as_people_say_them() {
        assert_eq!(date_time(Timestamp::from_unix(1_795_425_000)), "23 November 2026 at 9:10am");
        assert_eq!(date_time(Timestamp::from_unix(0)), "1 January 1970 at 12:00am");
        assert_eq!(date_time(Timestamp::from_unix(12 * 3_600 + 300)), "1 January 1970 at 12:05pm");
        for (seconds, text) in [
            (0, "1 second"),
            (1, "1 second"),
            (90, "90 seconds"),
            (91, "2 minutes"),
            (120, "2 minutes"),
            (3_600, "60 minutes"),
            (5_401, "2 hours"),
        ] {
            assert_eq!(span(seconds), text);
        }
    }

    #[test]
    fn code_errors_have_the_words_people_know() {
        let say = |r: Refusal, k| refusal(&r, Some(k));
        let length = |typed| Refusal::CodeLength { expected: 6, typed };
        assert_eq!(
            say(length(5), MethodKind::App),
            "You’ve not entered enough numbers, the code must be 6 numbers"
        );
        assert_eq!(
            say(length(7), MethodKind::Email),
            "You’ve entered too many numbers, the code must be 6 numbers"
        );
        assert_eq!(say(length(0), MethodKind::App), "Enter a security code");
        assert_eq!(
            say(Refusal::WrongCode { tries_left: 1 }, MethodKind::App),
            "Enter a correct security code. You have 1 try left."
        );
        assert_eq!(
            say(Refusal::Throttled { seconds: 240 }, MethodKind::App),
            "Too many incorrect codes were entered for this account. Wait 4 minutes, then try again."
        );
    }
}
