//! Where pages live below the mount, and what their form fields are called.
//!
//! A path has no slash at its start: the page's address is the mount, a slash, and the path.

/// GET: the challenge as it stands (choice of method, sending, or code entry). POST [`field::CODE`].
pub const CHALLENGE: &str = "challenge";
/// GET: the choice of method. POST [`field::METHOD`].
pub const CHALLENGE_CHOOSE: &str = "challenge/choose";
/// POST: send a (new) code.
pub const CHALLENGE_RESEND: &str = "challenge/resend";
/// POST: give the challenge up; at sign-in this signs out.
pub const CHALLENGE_CANCEL: &str = "challenge/cancel";

/// GET: the choice of what to set up.
pub const ENROL: &str = "enrol";
/// POST: begin with an authenticator app, then see [`ENROL_CONFIRM`].
pub const ENROL_APP: &str = "enrol/app";
/// GET: asks for the address. POST [`field::EMAIL`], then see [`ENROL_CONFIRM`].
pub const ENROL_EMAIL: &str = "enrol/email";
/// GET: QR code and code entry, or code entry alone. POST [`field::CODE`] (and [`field::CODE_2`]).
pub const ENROL_CONFIRM: &str = "enrol/confirm";
/// POST: send a new code to the address that is being set up.
pub const ENROL_RESEND: &str = "enrol/resend";
/// POST: give up what is being set up.
pub const ENROL_CANCEL: &str = "enrol/cancel";

/// GET: asks whether to make new backup codes. POST: makes them and answers with the only page that shows them.
pub const BACKUP_CODES_NEW: &str = "backup-codes/new";
/// GET: says that few backup codes, or none, are left after one was used to sign in.
pub const BACKUP_CODES_LOW: &str = "backup-codes/low";
/// POST: the person says they have saved them.
pub const BACKUP_CODES_SAVED: &str = "backup-codes/saved";

/// GET: the security settings.
pub const SETTINGS: &str = "settings";
/// GET with [`field::FACTOR`] in the query: asks for a name. POST [`field::FACTOR`], [`field::NAME`].
pub const SETTINGS_RENAME: &str = "settings/rename";
/// GET with [`field::FACTOR`] in the query: asks whether to. POST [`field::FACTOR`].
pub const SETTINGS_REMOVE: &str = "settings/remove";
/// GET with [`field::FACTOR`] in the query: asks for two codes. POST [`field::FACTOR`], [`field::CODE`], [`field::CODE_2`].
pub const SETTINGS_RESYNC: &str = "settings/resync";
/// POST: ends all other sessions.
pub const SETTINGS_SIGN_OUT_OTHERS: &str = "settings/sign-out-others";

/// GET: the reminder.
pub const REMINDER: &str = "reminder";
/// POST: put the reminder off.
pub const REMINDER_SKIP: &str = "reminder/skip";

/// GET: below it, style sheet and script; see [`crate::asset`].
pub const ASSETS: &str = "assets";

/// Names of form fields and query parameters.
pub mod field {
    /// The token against forged forms, in every form.
    pub const CSRF: &str = "csrf";
    /// The code, or the first of two.
    pub const CODE: &str = "code";
    /// The second of two consecutive codes.
    pub const CODE_2: &str = "code_2";
    /// Which method to use in the challenge: a factor's id, or what the handler put in the view model.
    pub const METHOD: &str = "method";
    /// Which method a settings page is about.
    pub const FACTOR: &str = "factor";
    /// A method's name.
    pub const NAME: &str = "name";
    /// An email address.
    pub const EMAIL: &str = "email";
    /// In the query of any GET: `en` or `cy`, to be remembered for the session.
    pub const LANG: &str = "lang";
}
