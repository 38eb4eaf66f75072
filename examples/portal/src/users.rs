//! The host's own user table: who there is, and whether a password is theirs.

use std::time::Duration;

use mfa_core::id::UserId;
use mfa_core::port::sender::Locale;
use mfa_core::secret::SecretText;
use mfa_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::PortalError;
use crate::password::Passwords;
use crate::shelf::{Drawer, Ends, Shelf};
use crate::throttle::{Attempt, Throttle};

/// What somebody is at the school.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A parent or carer.
    Parent,
    /// A teacher or other member of staff.
    Staff,
    /// An administrator of the portal.
    Administrator,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 3] = [Self::Parent, Self::Staff, Self::Administrator];

    /// The name in the database and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Parent => "parent",
            Self::Staff => "staff",
            Self::Administrator => "administrator",
        }
    }

    /// Whether the school pays people of this role, and so has their bank details.
    pub fn has_bank_details(self) -> bool {
        self != Self::Parent
    }
}

/// Somebody with an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The immutable id, such as `u-1001`; what the second factor knows the user by.
    pub id: UserId,
    /// What the user types to sign in. It may change.
    pub sign_in_name: String,
    /// The name others see.
    pub name: String,
    /// Where mail reaches the user.
    pub email: String,
    /// What the user may see.
    pub role: Role,
    /// The language the user chose last.
    pub locale: Locale,
}

/// The answer to a name and a password.
#[derive(Debug)]
pub enum PasswordCheck {
    /// They belong together. The second factor comes next: this alone signs nobody in.
    Right(User),
    /// They don't; whether the name exists isn't said.
    Wrong,
    /// Too many wrong ones: not before this wait is over.
    Wait(Duration),
}

/// The user table.
#[derive(Clone)]
pub struct Users {
    shelf: Shelf,
    passwords: Passwords,
    throttle: Throttle,
}

/// A user as the shelf has them.
#[derive(Serialize, Deserialize)]
struct Row {
    sign_in_name: String,
    name: String,
    email: String,
    role: String,
    locale: String,
    password_hash: String,
}

/// No user ends by themselves, so the time doesn't matter.
const ANY_TIME: Timestamp = Timestamp::from_unix(0);

/// Changes of one user at the same moment, each of which but one is made again.
const TRIES: usize = 20;

impl Users {
    /// The users on `shelf`.
    pub fn new(shelf: Shelf, passwords: Passwords) -> Self {
        let throttle = Throttle::new(shelf.clone());
        Self { shelf, passwords, throttle }
    }

    /// Adds a user, unless the id or the sign-in name is taken.
    ///
    /// # Errors
    /// If the password can't be hashed or the database fails.
    pub async fn add(&self, user: &User, password: SecretText) -> Result<(), PortalError> {
        let row = Row {
            sign_in_name: user.sign_in_name.clone(),
            name: user.name.clone(),
            email: user.email.clone(),
            role: user.role.as_str().to_owned(),
            locale: user.locale.tag().to_owned(),
            password_hash: self.passwords.hash(password).await?,
        };
        let id = user.id.as_str();
        // The name first: a user who is there can always sign in, also after a crash between the two.
        if !self.shelf.put_new(Drawer::NAMES, &user.sign_in_name, id, Ends::Never, ANY_TIME).await? {
            let holder = self.shelf.get(Drawer::NAMES, &user.sign_in_name, ANY_TIME).await?;
            if holder.is_none_or(|holder| holder.value != id) {
                return Ok(());
            }
        }
        self.shelf.put_new(Drawer::USERS, id, &row.to_json()?, Ends::Never, ANY_TIME).await?;
        Ok(())
    }

    /// Whether there is nobody yet.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn is_empty(&self) -> Result<bool, PortalError> {
        Ok(self.shelf.all(Drawer::USERS).await?.is_empty())
    }

    /// Checks a name and a password, the first of the two factors.
    ///
    /// Known and unknown names cost the same work, and wrong attempts on both are counted alike.
    ///
    /// # Errors
    /// If the database or the hash fails.
    pub async fn check(
        &self,
        sign_in_name: &str,
        password: SecretText,
        now: Timestamp,
    ) -> Result<PasswordCheck, PortalError> {
        let sign_in_name = sign_in_name.trim().to_lowercase();
        if let Attempt::Wait(wait) = self.throttle.attempt(&sign_in_name, now).await? {
            return Ok(PasswordCheck::Wait(wait));
        }
        let id = self.shelf.get(Drawer::NAMES, &sign_in_name, ANY_TIME).await?.map(|held| held.value);
        // Somebody unknown is looked up too: the answer takes one way through the database for all.
        let held = self.shelf.get(Drawer::USERS, id.as_deref().unwrap_or("nobody"), ANY_TIME).await?;
        let (user, hash) = match (id, held) {
            (Some(id), Some(held)) => {
                let row = Row::from_json(&held.value)?;
                (Some(row.user(&id)?), Some(row.password_hash))
            }
            _ => (None, None),
        };
        let right = self.passwords.matches(password, hash).await?;
        match user {
            Some(user) if right => {
                self.throttle.clear(&sign_in_name).await?;
                Ok(PasswordCheck::Right(user))
            }
            _ => Ok(PasswordCheck::Wrong),
        }
    }

    /// The user with this id.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn find(&self, id: &UserId) -> Result<Option<User>, PortalError> {
        let held = self.shelf.get(Drawer::USERS, id.as_str(), ANY_TIME).await?;
        held.map(|held| Row::from_json(&held.value)?.user(id.as_str())).transpose()
    }

    /// Everybody, by role and name.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn all(&self) -> Result<Vec<User>, PortalError> {
        let held = self.shelf.all(Drawer::USERS).await?;
        let users = held.into_iter().map(|(id, held)| Row::from_json(&held.value)?.user(&id));
        let mut users = users.collect::<Result<Vec<_>, _>>()?;
        users.sort_by(|one, other| {
            (one.role.as_str(), &one.name, &one.id).cmp(&(other.role.as_str(), &other.name, &other.id))
        });
        Ok(users)
    }

    /// Remembers the language a user chose.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn set_locale(&self, id: &UserId, locale: Locale) -> Result<(), PortalError> {
        for _ in 0..TRIES {
            let Some(held) = self.shelf.get(Drawer::USERS, id.as_str(), ANY_TIME).await? else {
                return Ok(());
            };
            let row = Row { locale: locale.tag().to_owned(), ..Row::from_json(&held.value)? }.to_json()?;
            let version = Some(held.version);
            if self.shelf.replace(Drawer::USERS, id.as_str(), &row, Ends::Never, version).await? {
                return Ok(());
            }
        }
        Err(PortalError::Crowd)
    }

    /// Deletes what is no longer needed by `now`.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn purge(&self, now: Timestamp) -> Result<u64, PortalError> {
        self.throttle.purge(now).await
    }
}

impl Row {
    fn user(&self, id: &str) -> Result<User, PortalError> {
        let nonsense = || PortalError::Row("users");
        Ok(User {
            id: UserId::new(id).map_err(|_| nonsense())?,
            sign_in_name: self.sign_in_name.clone(),
            name: self.name.clone(),
            email: self.email.clone(),
            role: Role::ALL.into_iter().find(|known| known.as_str() == self.role).ok_or_else(nonsense)?,
            locale: match self.locale.as_str() {
                "cy" => Locale::Welsh,
                _ => Locale::English,
            },
        })
    }

    fn to_json(&self) -> Result<String, PortalError> {
        serde_json::to_string(self).map_err(|_| PortalError::Row("users"))
    }

    fn from_json(text: &str) -> Result<Self, PortalError> {
        serde_json::from_str(text).map_err(|_| PortalError::Row("users"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo;

    const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);

    async fn users() -> Users {
        let users = Users::new(Shelf::in_memory().await, Passwords::new().await.unwrap());
        demo::seed(&users).await.unwrap();
        users
    }

    async fn check(users: &Users, name: &str, password: &str, now: Timestamp) -> PasswordCheck {
        users.check(name, password.into(), now).await.unwrap()
    }

    #[tokio::test]
    async fn a_name_and_its_password_give_the_user() {
        let users = users().await;
        for account in &demo::ACCOUNTS {
            let found = check(&users, account.sign_in_name, account.password, NOW).await;
            assert!(matches!(found, PasswordCheck::Right(user) if user.id.as_str() == account.id));
        }
        assert!(matches!(check(&users, " Parent ", "parent-demo-2026", NOW).await, PasswordCheck::Right(_)));
    }

    #[tokio::test]
    async fn somebody_elses_password_or_an_unknown_name_is_wrong() {
        let users = users().await;
        for (name, password) in [("parent", "admin-demo-2026"), ("nobody", "parent-demo-2026"), ("", "")] {
            assert!(matches!(check(&users, name, password, NOW).await, PasswordCheck::Wrong));
        }
    }

    #[tokio::test]
    async fn known_and_unknown_names_wait_alike_and_even_the_right_password_waits() {
        let users = users().await;
        for name in ["parent", "nobody"] {
            for _ in 0..5 {
                assert!(matches!(check(&users, name, "wrong", NOW).await, PasswordCheck::Wrong));
            }
            let next = check(&users, name, "parent-demo-2026", NOW).await;
            assert!(matches!(next, PasswordCheck::Wait(wait) if wait == Duration::from_secs(30)));
        }
        // Another spelling of the name is the same name to the throttle.
        assert!(matches!(check(&users, "PARENT", "wrong", NOW).await, PasswordCheck::Wait(_)));
        let later = NOW.after(Duration::from_secs(30));
        assert!(matches!(check(&users, "parent", "parent-demo-2026", later).await, PasswordCheck::Right(_)));
    }

    #[tokio::test]
    async fn seeding_twice_changes_nothing() {
        let users = users().await;
        let id = UserId::new("u-1001").unwrap();
        users.set_locale(&id, Locale::Welsh).await.unwrap();
        demo::seed(&users).await.unwrap();
        assert_eq!(users.all().await.unwrap().len(), demo::ACCOUNTS.len());
        assert_eq!(users.find(&id).await.unwrap().unwrap().locale, Locale::Welsh);
    }
}
