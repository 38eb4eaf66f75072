//! A directory that says what a test put in.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use mfa_core::fault::{Fault, FaultKind};
use mfa_core::id::AccountKey;
use mfa_core::port::directory::{Directory, Person};

/// Knows the people a test told it of. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct FixedDirectory {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    people: BTreeMap<AccountKey, Person>,
    broken: bool,
}

impl FixedDirectory {
    /// Tells it of somebody.
    pub fn put(&self, key: AccountKey, person: Person) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).people.insert(key, person);
    }

    /// Makes it fail, or work again.
    pub fn set_broken(&self, broken: bool) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).broken = broken;
    }
}

impl Directory for FixedDirectory {
    async fn person(&self, key: &AccountKey) -> Result<Person, Fault> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.broken {
            return Err(Fault::caused_by(FaultKind::Store, "the test broke the directory"));
        }
        Ok(inner.people.get(key).cloned().unwrap_or_default())
    }
}
