//! What the portal asks of the second factor: who has one, and the administrator's reset.

use mfa_core::fault::Fault;
use mfa_core::id::UserId;
use mfa_core::port::sealer::KeyRing;
use mfa_core::refusal::Refusal;
use mfa_core::time::Timestamp;
use sqlx::SqlitePool;

use crate::clock::PortalClock;
use crate::config::Config;
use crate::error::StartError;
use crate::outbox::Outbox;
use crate::users::{Role, Users};

/// Where the ready-made pages are mounted.
pub const MOUNT: &str = "/account/security";

/// What the administrator's list shows of a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Whether a second factor is asked for.
    pub on: bool,
    /// When one was last used.
    pub last_used: Option<Timestamp>,
}

/// What the second factor is built from.
pub struct Parts<'a> {
    /// The settings: policy by role, one or two confirming codes, mail.
    pub config: &'a Config,
    /// The port that is really listened on, for the address in messages and the origin check.
    pub port: u16,
    /// The database shared with the portal's tables.
    pub pool: SqlitePool,
    /// The sealing keys.
    pub keys: KeyRing,
    /// The clock.
    pub clock: PortalClock,
    /// The directory.
    pub users: Users,
    /// Where messages go without a mail server.
    pub outbox: Outbox,
}

/// The second factor of this portal.
///
/// SEAM: hold the library's `Mfa` handle here; `standing` and `reset` become one call each.
#[derive(Clone)]
pub struct SecondFactor {
    _keys: std::sync::Arc<KeyRing>,
}

impl SecondFactor {
    /// Builds it from the portal's parts.
    ///
    /// # Errors
    /// If a setting can't work or the store can't be opened.
    pub fn build(parts: Parts<'_>) -> Result<Self, StartError> {
        Ok(Self { _keys: std::sync::Arc::new(parts.keys) })
    }

    /// How a user stands.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn standing(&self, _user: &UserId, _role: Role) -> Result<Standing, Fault> {
        Ok(Standing::default())
    }

    /// Removes all methods of a user, for a lost phone; ends the user's sessions by the epoch.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn reset(
        &self,
        administrator: &UserId,
        user: &UserId,
        _reason: &str,
    ) -> Result<Result<(), Refusal>, Fault> {
        if administrator == user {
            return Ok(Err(Refusal::OwnAccount));
        }
        Ok(Ok(()))
    }
}
