//! The host's own user table: who there is, and whether a password is theirs.

use std::time::Duration;

use mfa_core::id::UserId;
use mfa_core::port::sender::Locale;
use mfa_core::secret::SecretText;
use mfa_core::time::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqlitePool};

use crate::error::PortalError;
use crate::password::Passwords;
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
    pool: SqlitePool,
    passwords: Passwords,
    throttle: Throttle,
}

impl Users {
    /// The users in `pool`.
    pub fn new(pool: SqlitePool, passwords: Passwords) -> Self {
        let throttle = Throttle::new(pool.clone());
        Self { pool, passwords, throttle }
    }

    /// Adds a user, unless the id or the sign-in name is taken.
    ///
    /// # Errors
    /// If the password can't be hashed or the database fails.
    pub async fn add(&self, user: &User, password: SecretText) -> Result<(), PortalError> {
        let hash = self.passwords.hash(password).await?;
        sqlx::query(
            "INSERT INTO portal_users (id, sign_in_name, name, email, role, locale, password_hash)
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
        )
        .bind(user.id.as_str())
        .bind(&user.sign_in_name)
        .bind(&user.name)
        .bind(&user.email)
        .bind(user.role.as_str())
        .bind(user.locale.tag())
        .bind(hash)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Whether there is nobody yet.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn is_empty(&self) -> Result<bool, PortalError> {
        let any: Option<i64> =
            sqlx::query_scalar("SELECT 1 FROM portal_users LIMIT 1").fetch_optional(&self.pool).await?;
        Ok(any.is_none())
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
        let row = sqlx::query("SELECT * FROM portal_users WHERE sign_in_name = $1")
            .bind(&sign_in_name)
            .fetch_optional(&self.pool)
            .await?;
        let (user, hash) = match &row {
            Some(row) => (Some(read(row)?), Some(row.try_get("password_hash")?)),
            None => (None, None),
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
        let row = sqlx::query("SELECT * FROM portal_users WHERE id = $1")
            .bind(id.as_str())
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Everybody, by role and name.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn all(&self) -> Result<Vec<User>, PortalError> {
        let rows =
            sqlx::query("SELECT * FROM portal_users ORDER BY role, name").fetch_all(&self.pool).await?;
        rows.iter().map(read).collect()
    }

    /// Remembers the language a user chose.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn set_locale(&self, id: &UserId, locale: Locale) -> Result<(), PortalError> {
        sqlx::query("UPDATE portal_users SET locale = $2 WHERE id = $1")
            .bind(id.as_str())
            .bind(locale.tag())
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

fn read(row: &SqliteRow) -> Result<User, PortalError> {
    let nonsense = || PortalError::Row("portal_users");
    let role: String = row.try_get("role")?;
    let id: String = row.try_get("id")?;
    Ok(User {
        id: UserId::new(id).map_err(|_| nonsense())?,
        sign_in_name: row.try_get("sign_in_name")?,
        name: row.try_get("name")?,
        email: row.try_get("email")?,
        role: Role::ALL.into_iter().find(|known| known.as_str() == role).ok_or_else(nonsense)?,
        locale: match row.try_get::<&str, _>("locale")? {
            "cy" => Locale::Welsh,
            _ => Locale::English,
        },
    })
}

/// What the second factor asks of the user table: the label for the app, where notices go, which language.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::in_memory;
    use crate::demo;

    const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);

    async fn users() -> Users {
        let users = Users::new(in_memory().await, Passwords::new().await.unwrap());
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
