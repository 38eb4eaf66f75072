//! Configuration errors: what the programmer must mend, with the setting and the fix.

use std::borrow::Cow;
use std::fmt;

/// A setting that can't work, found when the library is built and never later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    setting: &'static str,
    problem: Cow<'static, str>,
    fix: Cow<'static, str>,
}

impl ConfigError {
    /// Names the setting, what is wrong with it, and what to do instead.
    pub fn new(
        setting: &'static str,
        problem: impl Into<Cow<'static, str>>,
        fix: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { setting, problem: problem.into(), fix: fix.into() }
    }

    /// The setting that is wrong.
    pub fn setting(&self) -> &'static str {
        self.setting
    }

    /// What to do about it.
    pub fn fix(&self) -> &str {
        &self.fix
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.setting, self.problem, self.fix)
    }
}

impl std::error::Error for ConfigError {}
