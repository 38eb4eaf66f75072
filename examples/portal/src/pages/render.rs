//! The data behind each template. Askama checks both against each other when the crate is compiled.

use askama::Template;
use mfa_core::port::sender::Locale;
use mfa_core::time::Timestamp;

use crate::outbox::Letter;
use crate::returning::encode_query_value;
use crate::school::{self, Child, Lesson, Mark, News, Occasion, Said};
use crate::second_factor::{MOUNT, Standing};
use crate::site::Visit;
use crate::text::{self, Text};
use crate::users::{Role, User};

/// What all pages share: language, title, who is signed in.
pub struct Shell<'a> {
    t: &'static Text,
    locale: Locale,
    title: String,
    user: Option<&'a User>,
    form_token: &'a str,
    path: &'a str,
    is_error: bool,
}

impl<'a> Shell<'a> {
    /// The shell of a page with this title.
    pub fn new(visit: &'a Visit, title: impl Into<String>) -> Self {
        Self {
            t: text::text(visit.locale),
            locale: visit.locale,
            title: title.into(),
            user: visit.user.as_ref(),
            form_token: &visit.form_token,
            path: &visit.path,
            is_error: false,
        }
    }

    /// Marks the title of a page that reports a mistake (GOV.UK: `Error: ` in front).
    #[must_use]
    pub fn with_error(mut self, is_error: bool) -> Self {
        self.is_error = is_error;
        self
    }

    fn is_at(&self, path: &str) -> bool {
        self.path == path
    }

    fn is_administrator(&self) -> bool {
        self.user.is_some_and(|user| user.role == Role::Administrator)
    }

    fn switch_language(&self) -> String {
        format!("/language?to={}&next={}", self.t.other_language_tag, encode_query_value(self.path))
    }

    fn role(&self, role: &Role) -> &'static str {
        text::role(self.locale, *role)
    }

    fn date(&self, at: &Timestamp) -> String {
        text::date(self.locale, *at)
    }

    fn moment(&self, at: &Timestamp) -> String {
        text::moment(self.locale, *at)
    }

    fn said(&self, said: &Said) -> &'static str {
        said.of(self.locale)
    }

    // Askama hands every argument over by reference.
    fn mark(&self, mark: &Mark) -> &'static str {
        match mark {
            Mark::Present => self.t.present,
            Mark::Late => self.t.late,
            Mark::Absent => self.t.absent,
        }
    }

    fn mark_class(&self, mark: &Mark) -> &'static str {
        match mark {
            Mark::Present => "tag tag-green",
            Mark::Late => "tag tag-yellow",
            Mark::Absent => "tag tag-red",
        }
    }

    fn day(&self, index: &usize) -> &'static str {
        school::DAYS.get(*index).map_or("", |day| day.of(self.locale))
    }

    fn mount(&self) -> &'static str {
        MOUNT
    }
}

/// The sign-in page.
#[derive(Template)]
#[template(path = "sign_in.html")]
pub struct SignIn<'a> {
    /// The shell.
    pub shell: Shell<'a>,
    /// Where to go afterwards.
    pub next: &'a str,
    /// The name typed before.
    pub name: &'a str,
    /// What is wrong with the name field, or with both.
    pub name_error: Option<String>,
    /// What is wrong with the password field.
    pub password_error: Option<String>,
    /// Whether the person has just signed out.
    pub signed_out: bool,
}

/// A parent's home page.
#[derive(Template)]
#[template(path = "home_parent.html")]
pub struct HomeParent<'a> {
    /// The shell.
    pub shell: Shell<'a>,
    /// Who is at home.
    pub user: &'a User,
    /// The time now.
    pub now: Timestamp,
    /// The children.
    pub children: &'a [Child],
    /// Messages.
    pub news: &'a [News],
    /// Dates.
    pub occasions: &'a [Occasion],
}

/// A member of staff's home page.
#[derive(Template)]
#[template(path = "home_staff.html")]
pub struct HomeStaff<'a> {
    /// The shell.
    pub shell: Shell<'a>,
    /// Who is at home.
    pub user: &'a User,
    /// The time now.
    pub now: Timestamp,
    /// Today's lessons.
    pub lessons: &'a [Lesson],
    /// A register.
    pub register: &'a [(&'static str, Mark)],
}

/// An administrator's home page.
#[derive(Template)]
#[template(path = "home_administrator.html")]
pub struct HomeAdministrator<'a> {
    /// The shell.
    pub shell: Shell<'a>,
    /// Who is at home.
    pub user: &'a User,
    /// How many people there are.
    pub people: usize,
    /// How many of them use a second factor.
    pub with_second: usize,
}

/// "My account".
#[derive(Template)]
#[template(path = "account.html")]
pub struct Account<'a> {
    /// The shell.
    pub shell: Shell<'a>,
    /// Whose account.
    pub user: &'a User,
    /// How the user stands with the second factor.
    pub standing: Standing,
}

/// The autumn report of a parent's children.
#[derive(Template)]
#[template(path = "report.html")]
pub struct Report<'a> {
    /// The shell.
    pub shell: Shell<'a>,
    /// The children.
    pub children: &'a [Child],
}

/// A member of staff's bank details.
#[derive(Template)]
#[template(path = "bank_details.html")]
pub struct BankDetails<'a> {
    /// The shell.
    pub shell: Shell<'a>,
    /// Whose.
    pub user: &'a User,
}

/// The development outbox.
#[derive(Template)]
#[template(path = "outbox.html")]
pub struct OutboxPage<'a> {
    /// The shell.
    pub shell: Shell<'a>,
    /// The messages; `None` when they go to a mail server.
    pub letters: Option<Vec<Letter>>,
}

/// One line of the administrator's list.
pub struct RosterLine {
    /// Who.
    pub user: User,
    /// How they stand.
    pub standing: Standing,
    /// Whether it is the administrator who looks.
    pub is_self: bool,
}

/// The administrator's list of users.
#[derive(Template)]
#[template(path = "users.html")]
pub struct UserList<'a> {
    /// The shell.
    pub shell: Shell<'a>,
    /// Everybody.
    pub lines: &'a [RosterLine],
    /// Whose second factor has just been reset.
    pub done: Option<String>,
}

/// The page that asks whether to reset, and why.
#[derive(Template)]
#[template(path = "reset.html")]
pub struct ResetUser<'a> {
    /// The shell.
    pub shell: Shell<'a>,
    /// Whose second factor.
    pub subject: &'a User,
    /// The reason typed before.
    pub reason: &'a str,
    /// What is wrong.
    pub error: Option<&'static str>,
}

/// A page that says one thing: not found, out of order, not yours.
#[derive(Template)]
#[template(path = "message.html")]
pub struct Message<'a> {
    /// The shell; its title is the heading.
    pub shell: Shell<'a>,
    /// The text.
    pub text: &'a str,
}
