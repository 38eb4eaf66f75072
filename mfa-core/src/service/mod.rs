//! The service: the only place that awaits. Every verb runs a pure operation in the one commit loop.

mod admin;
mod builder;
mod deliver;
mod enrol;
#[cfg(test)]
mod explored;
mod glanced;
mod manage;
mod recent;
mod sign_in;
mod turn;
mod view;

pub use admin::{MAX_REASON, Roster, RosterEntry};
pub use builder::Builder;
pub use enrol::{AppEnrolment, Confirmed, Enrolment};
pub use manage::{Activity, Overview};
pub use sign_in::{Demand, Gate, Granted, SignIn};
pub use view::{BackupView, ChallengeView, FactorView, MethodView};

use std::fmt;
use std::sync::Arc;

use crate::account::draft::Draft;
use crate::factor::backup::{BackupCodes, BackupSet};
use crate::fault::{Fault, FaultKind};
use crate::hashing::HashPool;
use crate::id::AccountKey;
use crate::policy::Policy;
use crate::port::clock::Clock;
use crate::port::directory::{DynDirectory, Person};
use crate::port::entropy::Entropy;
use crate::port::sealer::Sealer;
use crate::port::sender::DynSender;
use crate::port::store::{Committed, DynStore, RecordKey};
use crate::refusal::Refusal;
use crate::secret::SecretBytes;
use crate::service::glanced::Glanced;
use crate::service::recent::Recent;
use crate::service::turn::{ClockRule, Known, Origin, Ports, Turn};
use crate::settings::Settings;
use crate::time::Timestamp;

/// How often a commit is tried again when somebody else wrote first.
///
/// Every conflict means that another request got through. Limits bound how many guesses can, but not how many
/// sign-ins begin: this is more than any crowd in front of one account, and still comes to an end.
const MAX_TRIES: usize = 1_000;

/// Second factors for one portal: one cheap handle, to be cloned into every worker.
///
/// ```
/// # use mfa_core::{port::{memory::MemoryStore, sealer::KeyRing}, service::Mfa};
/// let ring = KeyRing::from_hex("8f1d0c2b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f001")?;
/// let mfa = Mfa::builder("Hillside School", "portal.hillside.example")
///     .store(MemoryStore::new())
///     .sealer(ring)
///     .build()?;
/// # Ok::<(), mfa_core::config::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Mfa {
    inner: Arc<Inner>,
}

struct Inner {
    store: Box<dyn DynStore>,
    recent: Recent,
    glanced: Glanced,
    sealer: Box<dyn Sealer>,
    clock: Box<dyn Clock>,
    entropy: Box<dyn Entropy>,
    directory: Box<dyn DynDirectory>,
    senders: Vec<Box<dyn DynSender>>,
    settings: Settings,
    pool: HashPool,
    pepper: Option<SecretBytes>,
}

impl fmt::Debug for Mfa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mfa").field("settings", &self.inner.settings).finish_non_exhaustive()
    }
}

impl Mfa {
    /// Begins to build a service. `service` is its name for people (and in authenticator apps), `host` the host
    /// name of the site.
    pub fn builder(service: impl Into<String>, host: impl Into<String>) -> Builder {
        Builder::new(service.into(), host.into())
    }

    /// The numbers it works with.
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// The time now, by the injected clock.
    ///
    /// # Errors
    /// If the clock fails.
    pub fn now(&self) -> Result<Timestamp, Fault> {
        self.inner.clock.now()
    }

    /// Fills `bytes` with randomness of the injected source, for the adapters' own tokens.
    ///
    /// # Errors
    /// If the source fails.
    pub fn fill_random(&self, bytes: &mut [u8]) -> Result<(), Fault> {
        self.inner.entropy.fill(bytes)
    }

    /// The one commit loop: load, run, commit if nobody else wrote first; again if somebody did.
    ///
    /// What this process saw last is tried first, without reading it again.
    ///
    /// No outcome reaches the caller before its commit has; on a fault nothing was granted.
    async fn run<T>(
        &self,
        key: &AccountKey,
        op: impl FnMut(&mut Draft<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.run_by(ClockRule::NeverBack, key, op).await
    }

    async fn run_by<T>(
        &self,
        rule: ClockRule,
        key: &AccountKey,
        mut op: impl FnMut(&mut Draft<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let Inner { store, recent, clock, .. } = &*self.inner;
        let (record_key, now) = (RecordKey::from(key), clock.now()?);
        let mut in_hand = recent.take(&record_key, now);
        for _ in 0..MAX_TRIES {
            let (origin, known) = match in_hand.take() {
                Some(known) => (Origin::Recent, Some(known)),
                None => (Origin::Store, Known::read(store.load(&record_key).await?.as_ref())?),
            };
            let turn = self.ports(key).turn(rule, known, &mut op);
            if !origin.vouches_for(&turn) {
                continue;
            }
            let Turn { outcome, write, known, notices, addresses } = turn?;
            if let Some(write) = write
                && store.commit(&write).await? == Committed::Conflict
            {
                continue;
            }
            if let Some(known) = known {
                recent.keep(record_key, known, now);
            }
            if !notices.is_empty() {
                self.tell(key, notices, addresses).await;
            }
            return Ok(outcome);
        }
        Err(Fault::new(FaultKind::Contention))
    }

    /// Looks without changing anything.
    async fn look<T>(
        &self,
        key: &AccountKey,
        op: impl FnOnce(&Draft<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let Inner { store, recent, clock, .. } = &*self.inner;
        let (record_key, now) = (RecordKey::from(key), clock.now()?);
        let known = Known::read(store.load(&record_key).await?.as_ref())?;
        let (seen, known) = self.ports(key).look(known, op)?;
        if let Some(known) = known {
            // Whoever looks at a page is about to answer it.
            recent.keep(record_key, known, now);
        }
        Ok(seen)
    }

    fn ports<'a>(&'a self, key: &'a AccountKey) -> Ports<'a> {
        let Inner { settings, clock, entropy, sealer, .. } = &*self.inner;
        Ports { key, settings, clock: clock.as_ref(), entropy: entropy.as_ref(), sealer: sealer.as_ref() }
    }

    async fn person(&self, key: &AccountKey) -> Result<Person, Fault> {
        self.inner.directory.person(key).await
    }

    async fn policy_for(&self, key: &AccountKey) -> Result<Policy, Fault> {
        Ok(self.person(key).await?.policy.unwrap_or(self.inner.settings.policy))
    }

    /// Draws a set of backup codes and hashes it, off the caller's thread.
    async fn draw_backup_codes(&self) -> Result<Result<(BackupCodes, BackupSet), Refusal>, Fault> {
        let Inner { settings, entropy, pepper, pool, .. } = &*self.inner;
        let made = self.inner.clock.now()?;
        let codes = crate::factor::backup::draw(entropy.as_ref(), settings.backup_codes)?;
        let salt = crate::factor::backup::Salt::draw(entropy.as_ref())?;
        let (cost, pepper) = (settings.hash_cost, pepper.clone());
        let work = move || {
            let set = BackupSet::seal_up(&codes, salt, cost, pepper.as_ref(), made);
            set.map(|set| (codes, set))
        };
        match pool.run(work).await {
            Ok(made) => made.map(Ok),
            Err(error) => error.into_refusal().map(Err),
        }
    }
}
