//! The directory port: what the host knows of a person, so that pages name them and notices reach them.

use std::future::Future;
use std::pin::Pin;

use crate::fault::Fault;
use crate::id::AccountKey;
use crate::policy::Policy;
use crate::port::sender::Locale;
use crate::secret::SecretText;

/// What the host knows of a person.
#[derive(Clone, Debug, Default)]
pub struct Person {
    /// What the authenticator app shows beside the code: usually the name the person signs in with.
    pub label: Option<SecretText>,
    /// E-mail addresses that are told of every change. NIST SP 800-63B-4 §4.6 wants all of them told.
    pub addresses: Vec<SecretText>,
    /// The person's language.
    pub locale: Locale,
    /// What is asked of this person, where it is not what the portal asks of everybody.
    pub policy: Option<Policy>,
}

/// Looks people up in the host's own user table.
pub trait Directory: Send + Sync + 'static {
    /// What is known of the person. Someone unknown is a [`Person::default`], not an error.
    fn person(&self, key: &AccountKey) -> impl Future<Output = Result<Person, Fault>> + Send;
}

/// Knows nothing about anybody: apps then show the user id, and only confirmed addresses are told of changes.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoDirectory;

impl Directory for NoDirectory {
    async fn person(&self, _key: &AccountKey) -> Result<Person, Fault> {
        Ok(Person::default())
    }
}

/// The object-safe twin of [`Directory`].
pub(crate) trait DynDirectory: Send + Sync + 'static {
    fn person<'a>(
        &'a self,
        key: &'a AccountKey,
    ) -> Pin<Box<dyn Future<Output = Result<Person, Fault>> + Send + 'a>>;
}

impl<D: Directory> DynDirectory for D {
    fn person<'a>(
        &'a self,
        key: &'a AccountKey,
    ) -> Pin<Box<dyn Future<Output = Result<Person, Fault>> + Send + 'a>> {
        Box::pin(Directory::person(self, key))
    }
}
