//! Password hashes: Argon2id, a few at a time, and the same work for a name that nobody has.

use std::sync::Arc;

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc};
use argon2::{Algorithm, Argon2, Params, Version};
use mfa_core::port::entropy::{SystemEntropy, random_bytes};
use mfa_core::secret::SecretText;
use tokio::sync::Semaphore;

use crate::error::PortalError;

/// How many hashes are computed at once: each takes 19 MiB and a core for some 20 ms.
const AT_ONCE: usize = 4;

/// The longest password that is hashed, in bytes.
const MAX_BYTES: usize = 1024;

/// Makes and checks password hashes. Clones share the bound on how many run at once.
#[derive(Clone)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    /// The hash of a password nobody knows: checked for unknown names, so that they take as long.
    nobody: Arc<str>,
}

impl Passwords {
    /// Ready for use; computes one hash.
    ///
    /// # Errors
    /// If randomness or the hash fails.
    pub async fn new() -> Result<Self, PortalError> {
        let unknowable = random_bytes::<32>(&SystemEntropy)?;
        let nobody = on_a_thread(move || hash(&unknowable)).await?;
        Ok(Self { turns: Arc::new(Semaphore::new(AT_ONCE)), nobody: nobody.into() })
    }

    /// The hash of a new password, as a PHC string.
    ///
    /// # Errors
    /// If randomness or the hash fails.
    pub async fn hash(&self, password: SecretText) -> Result<String, PortalError> {
        let _turn = self.turns.acquire().await.map_err(|_| PortalError::Task)?;
        on_a_thread(move || hash(password.expose().as_bytes())).await
    }

    /// Whether `password` belongs to `stored`. With `None` the same work is done and the answer is no.
    ///
    /// # Errors
    /// If the stored hash can't be read.
    pub async fn matches(&self, password: SecretText, stored: Option<String>) -> Result<bool, PortalError> {
        let _turn = self.turns.acquire().await.map_err(|_| PortalError::Task)?;
        let nobody = Arc::clone(&self.nobody);
        on_a_thread(move || {
            let text = stored.as_deref().unwrap_or(&nobody);
            let parsed = phc::PasswordHash::new(text)
                .map_err(argon2::password_hash::Error::from)
                .map_err(PortalError::Password)?;
            let short_enough = password.len() <= MAX_BYTES;
            let bytes = if short_enough { password.expose().as_bytes() } else { b"" };
            match hasher()?.verify_password(bytes, &parsed) {
                Ok(()) => Ok(stored.is_some() && short_enough),
                Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
                Err(error) => Err(PortalError::Password(error)),
            }
        })
        .await
    }
}

fn hasher() -> Result<Argon2<'static>, PortalError> {
    // OWASP Password Storage Cheat Sheet: m = 19 MiB, t = 2, p = 1.
    let params = Params::new(19_456, 2, 1, None)
        .map_err(|error| PortalError::Password(argon2::password_hash::Error::from(error)))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &[u8]) -> Result<String, PortalError> {
    let salt = random_bytes::<16>(&SystemEntropy)?;
    let hash: phc::PasswordHash =
        hasher()?.hash_password_with_salt(password, &salt).map_err(PortalError::Password)?;
    Ok(hash.to_string())
}

async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PortalError> + Send + 'static,
) -> Result<T, PortalError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| PortalError::Task)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_right_password_passes_and_nothing_else() {
        let passwords = Passwords::new().await.unwrap();
        let stored = passwords.hash("correct horse".into()).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        for (typed, expected) in [("correct horse", true), ("correct horse ", false), ("", false)] {
            assert_eq!(passwords.matches(typed.into(), Some(stored.clone())).await.unwrap(), expected);
        }
        assert!(!passwords.matches(stored.as_str().into(), Some(stored.clone())).await.unwrap());
        assert!(!passwords.matches("correct horse".into(), None).await.unwrap());
    }

    #[tokio::test]
    async fn an_overlong_password_is_refused_even_beside_an_empty_one() {
        let passwords = Passwords::new().await.unwrap();
        let stored = passwords.hash("".into()).await.unwrap();
        assert!(!passwords.matches("x".repeat(1025).into(), Some(stored)).await.unwrap());
    }

    #[tokio::test]
    async fn a_stored_hash_that_is_none_is_an_error_not_a_no() {
        let passwords = Passwords::new().await.unwrap();
        assert!(passwords.matches("x".into(), Some("plain".to_owned())).await.is_err());
    }
}
