//! A directory with people in it, and one that fails.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mfa_core::fault::{Fault, FaultKind};
use mfa_core::id::AccountKey;
use mfa_core::port::directory::{Directory, Person};

/// Knows the people it was told about; everybody else is a [`Person::default`].
///
/// ```
/// use mfa_core::id::{AccountKey, UserId};
/// use mfa_core::port::directory::Person;
/// use mfa_core::secret::SecretText;
/// use mfa_testing::directory::FixedDirectory;
///
/// let directory = FixedDirectory::new().with(
///     AccountKey::of_user(UserId::new("42")?),
///     Person {
///         label: Some(SecretText::from("ann")),
///         addresses: vec![SecretText::from("ann@school.example")],
///         ..Person::default()
///     },
/// );
/// # let _ = directory;
/// # Ok::<(), mfa_core::id::IdError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct FixedDirectory {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    people: HashMap<AccountKey, Person>,
    failing: bool,
}

impl FixedDirectory {
    /// A directory that knows nobody.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Knows this person, too.
    #[must_use]
    pub fn with(self, key: AccountKey, person: Person) -> Self {
        self.set(key, person);
        self
    }

    /// Changes what is known of a person.
    pub fn set(&self, key: AccountKey, person: Person) {
        self.lock().people.insert(key, person);
    }

    /// From here on every look-up fails, until this is called with `false`.
    pub fn fail(&self, failing: bool) {
        self.lock().failing = failing;
    }
}

impl Directory for FixedDirectory {
    async fn person(&self, key: &AccountKey) -> Result<Person, Fault> {
        let state = self.lock();
        if state.failing {
            return Err(Fault::caused_by(
                FaultKind::Store,
                "the directory fails on purpose",
            ));
        }
        Ok(state.people.get(key).cloned().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use mfa_core::id::UserId;
    use mfa_core::secret::SecretText;

    use super::*;

    #[tokio::test]
    async fn it_knows_whom_it_was_told_about() {
        let ann = AccountKey::of_user(UserId::new("1").unwrap());
        let bob = AccountKey::of_user(UserId::new("2").unwrap());
        let person = Person {
            label: Some(SecretText::from("ann")),
            ..Person::default()
        };
        let directory = FixedDirectory::new().with(ann.clone(), person);
        assert_eq!(
            directory.person(&ann).await.unwrap().label,
            Some(SecretText::from("ann"))
        );
        assert_eq!(directory.person(&bob).await.unwrap().label, None);
        directory.fail(true);
        assert!(directory.clone().person(&ann).await.is_err());
    }
}
