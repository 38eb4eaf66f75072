//! What the portal asks of the second factor: built once from the portal's parts, then who has one, and reset.

use std::time::Duration;

use mfa_core::fault::{Fault, FaultKind};
use mfa_core::id::{AccountKey, UserId};
use mfa_core::policy::Policy;
use mfa_core::port::directory::{Directory, Person};
use mfa_core::port::sealer::KeyRing;
use mfa_core::port::sender::Locale;
use mfa_core::refusal::Refusal;
use mfa_core::service::Mfa;
use mfa_core::settings;
use mfa_core::time::Timestamp;
use mfa_redis::store::RedisStore;
use mfa_send::smtp::SmtpSender;
use mfa_send::smtp::config::SmtpConfig;
use mfa_sqlx::postgres::PostgresStore;
use mfa_sqlx::sqlite::SqliteStore;
use mfa_web::brand::Brand;
use mfa_web::web::Web;

use crate::clock::PortalClock;
use crate::config::{Config, Confirm, Mail, Rule, Rules};
use crate::error::StartError;
use crate::outbox::Outbox;
use crate::place::Place;
use crate::text;
use crate::users::Users;

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
    /// The sealing keys.
    pub keys: KeyRing,
    /// The clock.
    pub clock: PortalClock,
    /// The directory.
    pub users: Users,
    /// Where messages go without a mail server.
    pub outbox: Outbox,
}

/// The user table with what each role is asked for.
struct School {
    users: Users,
    rules: Rules,
}

impl Directory for School {
    async fn person(&self, key: &AccountKey) -> Result<Person, Fault> {
        let user = self.users.find(key.user()).await;
        let user = user.map_err(|error| Fault::caused_by(FaultKind::Store, error))?;
        Ok(user.map_or_else(Person::default, |user| Person {
            label: Some(user.sign_in_name.into()),
            addresses: vec![user.email.into()],
            locale: user.locale,
            policy: Some(match self.rules.of(user.role) {
                Rule::Off => Policy::Off,
                Rule::Encouraged => Policy::Encouraged,
                Rule::Required => Policy::Required,
            }),
        }))
    }
}

/// The library's stores: the one thing that differs from database to database.
#[derive(Clone)]
enum Kept {
    Sqlite(SqliteStore),
    Postgres(PostgresStore),
    Redis(RedisStore),
}

impl Kept {
    async fn open(place: &Place) -> Result<Self, StartError> {
        Ok(match place {
            Place::Sqlite(path) => {
                // Three tries of a second each: nobody waits for a page for longer than a few seconds.
                let options = SqliteStore::options().in_host_database().busy_timeout(Duration::from_secs(1));
                Self::Sqlite(options.open(path).await?)
            }
            Place::Postgres(address) => Self::Postgres(PostgresStore::open(address).await?),
            Place::Redis(address) => Self::Redis(RedisStore::open(address).await?),
        })
    }
}

/// The second factor of this portal: the service, its pages and its store.
#[derive(Clone)]
pub struct SecondFactor {
    web: Web,
    store: Kept,
}

impl SecondFactor {
    /// Builds it from the portal's parts.
    ///
    /// # Errors
    /// If a setting can't work or the store can't be opened.
    pub async fn build(parts: Parts<'_>) -> Result<Self, StartError> {
        let Parts { config, port, keys, clock, users, outbox } = parts;
        let host_url = config.host_url(port);
        let english = text::text(Locale::English);
        let store = Kept::open(config.store()).await?;
        let builder = Mfa::builder(english.school, host_url.host());
        let mut builder = match store.clone() {
            Kept::Sqlite(store) => builder.store(store),
            Kept::Postgres(store) => builder.store(store),
            Kept::Redis(store) => builder.store(store),
        }
        .sealer(keys)
        .clock(clock)
        .directory(School { users, rules: config.rules() })
        .help(english.help_text)
        .help_in(Locale::Welsh, text::text(Locale::Welsh).help_text)
        .email_codes(true)
        .confirm(match config.confirm() {
            Confirm::One => settings::Confirm::OneCode,
            Confirm::Two => settings::Confirm::TwoConsecutive,
        });
        builder = match (config.mail(), outbox.keeper()) {
            (Mail::Smtp { url, from }, _) => {
                builder.sender(SmtpSender::new(SmtpConfig::from_url(url)?, from)?)
            }
            (Mail::Outbox, Some(keeper)) => builder.sender(keeper.clone()),
            (Mail::Outbox, None) => builder,
        };
        let brand = Brand::new(english.school)
            .logo("/assets/crest.svg", "")?
            .stylesheet("/assets/second-factor.css")?
            .sign_out("/account")?;
        let mut web = Web::builder(builder.build()?).mount(MOUNT).sign_in_page("/sign-in").brand(brand);
        if config.is_behind_proxy() {
            web = web.origin(host_url.as_str());
        }
        Ok(Self { web: web.build()?, store })
    }

    /// The pages and the gate.
    pub fn web(&self) -> &Web {
        &self.web
    }

    /// How a user stands.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn standing(&self, user: &UserId) -> Result<Standing, Fault> {
        let entry = self.web.mfa().roster_entry(&AccountKey::of_user(user.clone())).await?;
        Ok(Standing { on: entry.is_enrolled(), last_used: entry.used })
    }

    /// Removes all methods of a user, for a lost phone; ends the user's sessions by the epoch.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn reset(
        &self,
        administrator: &UserId,
        user: &UserId,
        reason: &str,
    ) -> Result<Result<(), Refusal>, Fault> {
        self.web.mfa().reset(&AccountKey::of_user(user.clone()), administrator, reason).await
    }

    /// Writes back and closes the store.
    pub async fn close(&self) {
        match &self.store {
            Kept::Sqlite(store) => store.close().await,
            Kept::Postgres(store) => store.close().await,
            // Nothing waits to be written: what was answered is done.
            Kept::Redis(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo;
    use crate::password::Passwords;
    use crate::shelf::Shelf;

    #[tokio::test]
    async fn the_directory_knows_the_label_the_address_and_the_language() {
        let users = Users::new(Shelf::in_memory().await, Passwords::new().await.unwrap());
        demo::seed(&users).await.unwrap();
        let school = School { users, rules: Rules::default() };
        let key = AccountKey::of_user(UserId::new("u-1002").unwrap());
        let person = Directory::person(&school, &key).await.unwrap();
        assert_eq!(person.label.unwrap().expose(), "parent2");
        assert_eq!(person.addresses.first().unwrap().expose(), "rhys.evans@home.example");
        assert_eq!(person.locale, Locale::Welsh);
        let stranger = AccountKey::of_user(UserId::new("u-9").unwrap());
        assert!(Directory::person(&school, &stranger).await.unwrap().label.is_none());
    }
}
