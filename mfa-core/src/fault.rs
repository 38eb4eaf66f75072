//! Faults: what the operator must mend. Opaque outside, the cause kept inside; a fault always refuses entry.

use std::error::Error;
use std::fmt;

/// Which part failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// The store could not be read or written.
    Store,
    /// The record kept changing under us; the bounded number of tries is used up.
    Contention,
    /// A record could not be decoded, or comes from a newer version of this library.
    Record,
    /// A sealed value could not be opened: wrong ring of keys, or it was moved or altered.
    Seal,
    /// The clock could not be read, or went back further than nodes may differ.
    Clock,
    /// The source of randomness failed.
    Entropy,
    /// A sender failed in a way that is not the recipient's.
    Sender,
    /// The session could not be read or written.
    Session,
    /// The library's own invariant did not hold. Please report it.
    Internal,
}

/// A failure of the machinery, for the operator.
///
/// Its `Display` never says more than which part failed, so that it may reach a log or a page without
/// telling anything; the cause is behind [`Error::source`].
pub struct Fault {
    kind: FaultKind,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Fault {
    /// A fault of a kind, without a further cause.
    pub fn new(kind: FaultKind) -> Self {
        Self { kind, source: None }
    }

    /// A fault of a kind with its cause.
    ///
    /// The cause is printed by operators' logs: it must not carry a secret, a code or a contact detail.
    pub fn caused_by(kind: FaultKind, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind, source: Some(source.into()) }
    }

    /// Which part failed.
    pub fn kind(&self) -> FaultKind {
        self.kind
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            FaultKind::Store => "the second-factor store failed",
            FaultKind::Contention => "the account kept changing while it was being updated",
            FaultKind::Record => "a second-factor record could not be read",
            FaultKind::Seal => "a sealed value could not be opened",
            FaultKind::Clock => "the clock can't be trusted",
            FaultKind::Entropy => "no randomness could be had",
            FaultKind::Sender => "the sender failed",
            FaultKind::Session => "the session store failed",
            FaultKind::Internal => "an internal rule of the second-factor library was broken",
        })
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fault").field("kind", &self.kind).field("source", &self.source).finish()
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}
