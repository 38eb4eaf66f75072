//! The demo accounts: made on the first run, printed at every start. No real portal would print a password.

use std::fmt::Write as _;

use mfa_core::id::UserId;
use mfa_core::port::sender::Locale;

use crate::error::PortalError;
use crate::users::{Role, User, Users};

/// A demo account with its password in the open.
#[derive(Debug)]
pub struct DemoAccount {
    /// The immutable user id.
    pub id: &'static str,
    /// What to type to sign in.
    pub sign_in_name: &'static str,
    /// The password.
    pub password: &'static str,
    name: &'static str,
    email: &'static str,
    role: Role,
    locale: Locale,
}

/// All demo accounts.
pub const ACCOUNTS: [DemoAccount; 6] = [
    DemoAccount {
        id: "u-1001",
        sign_in_name: "parent",
        password: "parent-demo-2026",
        name: "Carys Evans",
        email: "carys.evans@home.example",
        role: Role::Parent,
        locale: Locale::English,
    },
    DemoAccount {
        id: "u-1002",
        sign_in_name: "parent2",
        password: "parent2-demo-2026",
        name: "Rhys Evans",
        email: "rhys.evans@home.example",
        role: Role::Parent,
        locale: Locale::Welsh,
    },
    DemoAccount {
        id: "u-2001",
        sign_in_name: "teacher",
        password: "teacher-demo-2026",
        name: "Owen Pritchard",
        email: "o.pritchard@brynawel.example",
        role: Role::Staff,
        locale: Locale::English,
    },
    DemoAccount {
        id: "u-2002",
        sign_in_name: "teacher2",
        password: "teacher2-demo-2026",
        name: "Amina Begum",
        email: "a.begum@brynawel.example",
        role: Role::Staff,
        locale: Locale::English,
    },
    DemoAccount {
        id: "u-3001",
        sign_in_name: "admin",
        password: "admin-demo-2026",
        name: "Helen Price",
        email: "h.price@brynawel.example",
        role: Role::Administrator,
        locale: Locale::English,
    },
    DemoAccount {
        id: "u-3002",
        sign_in_name: "admin2",
        password: "admin2-demo-2026",
        name: "Gareth Lewis",
        email: "g.lewis@brynawel.example",
        role: Role::Administrator,
        locale: Locale::English,
    },
];

/// Adds the demo accounts that are not there yet.
///
/// # Errors
/// If a password can't be hashed or the database fails.
pub async fn seed(users: &Users) -> Result<(), PortalError> {
    for account in &ACCOUNTS {
        let id = UserId::new(account.id).map_err(|_| PortalError::Row("demo accounts"))?;
        if users.find(&id).await?.is_some() {
            continue;
        }
        let user = User {
            id,
            sign_in_name: account.sign_in_name.to_owned(),
            name: account.name.to_owned(),
            email: account.email.to_owned(),
            role: account.role,
            locale: account.locale,
        };
        users.add(&user, account.password.into()).await?;
    }
    Ok(())
}

/// The table of demo accounts that is printed at the start.
pub fn table() -> String {
    let mut text = String::from("  user name  password             who\n");
    for account in &ACCOUNTS {
        // Writing to a String can't fail.
        let _ = writeln!(
            text,
            "  {:<9}  {:<19}  {}, {}",
            account.sign_in_name,
            account.password,
            account.name,
            account.role.as_str()
        );
    }
    text
}
