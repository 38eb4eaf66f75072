//! What a run of the conformance suite found, case by case.

use std::error::Error;
use std::fmt;

use mfa_core::fault::Fault;
use mfa_core::id::IdError;

/// What a case expected of the store and what it saw instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    expected: String,
    seen: String,
}

impl Mismatch {
    pub(crate) fn new(expected: impl Into<String>, seen: impl Into<String>) -> Self {
        Self { expected: expected.into(), seen: seen.into() }
    }

    /// What the contract of [`Store`](mfa_core::port::store::Store) asks for.
    pub fn expected(&self) -> &str {
        &self.expected
    }

    /// What the store did.
    pub fn seen(&self) -> &str {
        &self.seen
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}; saw {}", self.expected, self.seen)
    }
}

impl From<Fault> for Mismatch {
    fn from(fault: Fault) -> Self {
        let mut seen = format!("a fault: {fault}");
        let mut cause = fault.source();
        while let Some(error) = cause {
            seen.push_str(&format!(": {error}"));
            cause = error.source();
        }
        Self::new("no fault", seen)
    }
}

impl From<IdError> for Mismatch {
    fn from(error: IdError) -> Self {
        Self::new("a usable name", error.to_string())
    }
}

impl From<tokio::task::JoinError> for Mismatch {
    fn from(error: tokio::task::JoinError) -> Self {
        Self::new("a task that ends", error.to_string())
    }
}

/// How one case went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The store kept its promise.
    Passed,
    /// The store broke its promise.
    Failed(Mismatch),
    /// The fixture could not set the scene; the reason says what is missing.
    NotTried(&'static str),
}

/// What a run of the suite found. A report nobody looks at proves nothing: call
/// [`assert_conforms`](Report::assert_conforms), or look at [`failed`](Report::failed).
#[derive(Clone, Debug, Default)]
#[must_use = "call `assert_conforms`, or the suite was run for nothing"]
pub struct Report {
    cases: Vec<(&'static str, Outcome)>,
}

impl Report {
    pub(crate) fn add(&mut self, case: &'static str, outcome: Outcome) {
        self.cases.push((case, outcome));
    }

    /// Every case by name, in the order in which they ran.
    pub fn cases(&self) -> &[(&'static str, Outcome)] {
        &self.cases
    }

    /// The names of the cases that failed.
    pub fn failed(&self) -> Vec<&'static str> {
        self.cases
            .iter()
            .filter(|(_, outcome)| matches!(outcome, Outcome::Failed(_)))
            .map(|(name, _)| *name)
            .collect()
    }

    /// Whether no case failed, and there was one at all.
    pub fn conforms(&self) -> bool {
        !self.cases.is_empty() && self.failed().is_empty()
    }

    /// For the last line of a test.
    ///
    /// # Panics
    /// If a case failed, with the whole report.
    #[allow(clippy::panic, reason = "a test says no by a panic, and only tests call this")]
    #[track_caller]
    pub fn assert_conforms(&self) {
        if !self.conforms() {
            panic!("the store does not conform:\n{self}");
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, outcome) in &self.cases {
            match outcome {
                Outcome::Passed => writeln!(f, "  passed     {name}")?,
                Outcome::Failed(mismatch) => writeln!(f, "  FAILED     {name}: {mismatch}")?,
                Outcome::NotTried(why) => writeln!(f, "  not tried  {name}: {why}")?,
            }
        }
        Ok(())
    }
}
