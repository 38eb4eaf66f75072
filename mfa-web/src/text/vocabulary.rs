//! What pages speak about: kinds of methods, notes after an action, and lines of recent activity.

use mfa_core::refusal::Refusal;
use serde::{Deserialize, Serialize};

/// The kind of a method, as far as wording goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MethodKind {
    /// An authenticator app.
    App,
    /// A code sent by email.
    Email,
    /// One of the backup codes.
    BackupCode,
}

/// Something that was done, said in a banner at the top of the next page.
///
/// It is serialisable so that it may wait in the session between a form and the page it redirects to. Names
/// in it were chosen by the person, for the person: they are escaped wherever they are shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "note", rename_all = "snake_case")]
pub enum Note {
    /// A code is on its way.
    CodeSent,
    /// A method was added.
    MethodAdded {
        /// What it is called.
        name: String,
    },
    /// A method was removed.
    MethodRemoved {
        /// What it was called.
        name: String,
    },
    /// A method got another name.
    MethodRenamed {
        /// What it is called now.
        name: String,
    },
    /// The clock of an authenticator app is followed again.
    AppSynchronised {
        /// What it is called.
        name: String,
    },
    /// The person said they have kept their new backup codes.
    BackupCodesSaved,
    /// All other sessions have been ended.
    OthersSignedOut,
    /// The reminder was put off.
    ReminderSkipped,
    /// An attempt was begun again because of this.
    StartedAgain {
        /// Why the attempt before came to an end.
        because: Refusal,
    },
}

/// A line of recent activity on the security settings page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "activity", rename_all = "snake_case")]
pub enum Activity {
    /// Signed in with a second factor.
    SignedIn {
        /// By which kind of method.
        kind: MethodKind,
    },
    /// Proved a second factor again within a session.
    Confirmed {
        /// By which kind of method.
        kind: MethodKind,
    },
    /// A wrong code was entered.
    WrongCode,
    /// A code was entered that had been used before.
    UsedCode,
    /// Too many wrong codes: the account had to wait.
    Throttled,
    /// A code was sent.
    CodeSent,
    /// A code could not be delivered.
    CodeNotDelivered,
    /// A method was added.
    MethodAdded {
        /// What it is called.
        name: String,
    },
    /// A method was removed.
    MethodRemoved {
        /// What it was called.
        name: String,
    },
    /// A method got another name.
    MethodRenamed {
        /// What it is called now.
        name: String,
    },
    /// The backup codes were disabled after too many wrong ones.
    BackupCodesDisabled,
    /// A method was disabled after too many wrong codes.
    MethodDisabled {
        /// What it is called.
        name: String,
    },
    /// The clock of an authenticator app is followed again.
    AppSynchronised,
    /// A new set of backup codes was made.
    BackupCodesMade,
    /// A backup code was used.
    BackupCodeUsed {
        /// How many are left.
        left: u8,
    },
    /// An administrator removed all methods.
    Reset,
    /// All other sessions were ended.
    OthersSignedOut,
    /// Something else, which this version has no words for.
    Other,
}
