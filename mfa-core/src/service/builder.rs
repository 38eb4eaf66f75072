//! The builder: puts ports and settings together and refuses what contradicts itself.

use std::fmt;
use std::time::Duration;

use crate::config::ConfigError;
use crate::factor::backup::HashCost;
use crate::factor::totp::{TotpParams, Window};
use crate::hashing::HashPool;
use crate::policy::Policy;
use crate::port::clock::{Clock, SystemClock};
use crate::port::directory::{Directory, DynDirectory, NoDirectory};
use crate::port::entropy::{Entropy, SystemEntropy};
use crate::port::sealer::Sealer;
use crate::port::sender::{Channel, DynSender, Locale, Sender};
use crate::port::store::{DynStore, Store};
use crate::secret::SecretBytes;
use crate::service::glanced::Glanced;
use crate::service::recent::{DEFAULT_RECENT, Recent};
use crate::service::{Inner, Mfa};
use crate::settings::{Confirm, Preset, Settings};
use crate::throttle::Limits;

type Change = Box<dyn FnOnce(&mut Settings) + Send>;

/// Puts an [`Mfa`] together. What is not set has a safe default; mistakes come out of [`Builder::build`].
#[must_use = "a builder does nothing before it is built"]
pub struct Builder {
    service: String,
    host: String,
    preset: Preset,
    changes: Vec<Change>,
    store: Option<Box<dyn DynStore>>,
    recent: usize,
    sealer: Option<Box<dyn Sealer>>,
    clock: Box<dyn Clock>,
    entropy: Box<dyn Entropy>,
    directory: Box<dyn DynDirectory>,
    senders: Vec<Box<dyn DynSender>>,
    pool: HashPool,
    pepper: Option<SecretBytes>,
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("service", &self.service)
            .field("preset", &self.preset)
            .finish_non_exhaustive()
    }
}

impl Builder {
    pub(super) fn new(service: String, host: String) -> Self {
        Self {
            service,
            host,
            preset: Preset::default(),
            changes: Vec::new(),
            store: None,
            recent: DEFAULT_RECENT,
            sealer: None,
            clock: Box::new(SystemClock),
            entropy: Box::new(SystemEntropy),
            directory: Box::new(NoDirectory),
            senders: Vec::new(),
            pool: HashPool::default(),
            pepper: None,
        }
    }

    fn change(mut self, change: impl FnOnce(&mut Settings) + Send + 'static) -> Self {
        self.changes.push(Box::new(change));
        self
    }

    /// Where accounts and events are kept. Needed.
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Some(Box::new(store));
        self
    }

    /// How many records the process keeps for some minutes after it saw them, their secrets sealed as in the store, so
    /// that the next write to one needs no read before it. Default: 4096, of some 1.7 KB each; 0 keeps none.
    ///
    /// Nobody is let in or turned away by a kept record alone: a decision on it counts only once the store has
    /// found, in the same step as the write, that nobody wrote since. If somebody did, on another node, the kept record
    /// costs one call of the store more.
    ///
    /// So many records' epochs are kept too, with the version they were read from: a guarded page asks the store on every
    /// request, and reads what it hands out only if the version is another one.
    pub fn recent_records(mut self, most: usize) -> Self {
        self.recent = most;
        self
    }

    /// What encrypts secrets at rest. Needed.
    pub fn sealer(mut self, sealer: impl Sealer) -> Self {
        self.sealer = Some(Box::new(sealer));
        self
    }

    /// Adds a sender. The one for e-mail also carries the news of changes to their owner.
    pub fn sender(mut self, sender: impl Sender) -> Self {
        self.senders.push(Box::new(sender));
        self
    }

    /// What the host knows of people: names for apps, addresses for news, language, policy of their own.
    pub fn directory(mut self, directory: impl Directory) -> Self {
        self.directory = Box::new(directory);
        self
    }

    /// Another clock than the machine's, for tests.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// Another source of randomness than the system's, for tests and hardware generators.
    pub fn entropy(mut self, entropy: impl Entropy + 'static) -> Self {
        self.entropy = Box::new(entropy);
        self
    }

    /// A named set of settings; the single ones given beside it change it, in whichever order.
    pub fn preset(mut self, preset: Preset) -> Self {
        self.preset = preset;
        self
    }

    /// What is asked of everybody about whom the directory says nothing else. Default: encouraged.
    pub fn policy(self, policy: Policy) -> Self {
        self.change(move |settings| settings.policy = policy)
    }

    /// How long putting the reminder off lasts. Default: 30 days.
    pub fn remind_every(self, span: Duration) -> Self {
        self.change(move |settings| settings.remind_every = span)
    }

    /// How to reach somebody who helps, in words: on every page and in every message. Needed beside a sender.
    pub fn help(self, help: impl Into<String>) -> Self {
        let help = help.into();
        self.change(move |settings| settings.help = help)
    }

    /// The same in another language, for pages and messages in that language.
    pub fn help_in(self, locale: Locale, help: impl Into<String>) -> Self {
        let help = help.into();
        self.change(move |settings| settings.help_in.push((locale, help)))
    }

    /// Lets codes by e-mail be a method. Off by default: they add no assurance (NIST SP 800-63B-4 §3.1.3.1).
    ///
    /// Switched off later, no address is added any more; those that people have bound still sign them in, or they would be
    /// shut out. Reset these accounts, or have the addresses removed, to be rid of them.
    pub fn email_codes(self, on: bool) -> Self {
        self.change(move |settings| settings.email_codes = on)
    }

    /// How new apps make codes. Other than SHA-1, 6 digits and 30 seconds, some apps silently make wrong ones.
    pub fn totp(self, params: TotpParams) -> Self {
        self.change(move |settings| settings.totp = params)
    }

    /// Which time steps around an app's own clock are accepted. Default: one before, one after.
    pub fn window(self, window: Window) -> Self {
        self.change(move |settings| settings.window = window)
    }

    /// How many codes confirm a new app. Default: one.
    pub fn confirm(self, confirm: Confirm) -> Self {
        self.change(move |settings| settings.confirm = confirm)
    }

    /// How long to wait between messages to one address. Default: 60 seconds.
    pub fn cooldown(self, span: Duration) -> Self {
        self.change(move |settings| settings.cooldown = span)
    }

    /// How long a delivered code works. Default and most: 10 minutes.
    pub fn code_life(self, span: Duration) -> Self {
        self.change(move |settings| settings.code_life = span)
    }

    /// A wrong answer spends the delivered code at once instead of costing one of three tries.
    pub fn spend_code_on_wrong_answer(self, on: bool) -> Self {
        self.change(move |settings| settings.spend_on_wrong = on)
    }

    /// How recent a second factor must be to change or view methods: a minute to a day. Default: 15 minutes.
    pub fn fresh(self, span: Duration) -> Self {
        self.change(move |settings| settings.fresh = span)
    }

    /// How many wrong answers are borne.
    pub fn limits(self, limits: Limits) -> Self {
        self.change(move |settings| settings.limits = limits)
    }

    /// No limit on wrong answers. For load tests: a portal without limits has no second factor, only a delay.
    pub fn danger_without_limits(self) -> Self {
        self.change(|settings| settings.limits = Limits::UNLIMITED)
    }

    /// How many backup codes a set has. Default: 10.
    pub fn backup_codes(self, count: u8) -> Self {
        self.change(move |settings| settings.backup_codes = count)
    }

    /// What hashing one backup code costs. Default: Argon2id with 19 MiB, two passes.
    pub fn hash_cost(self, cost: HashCost) -> Self {
        self.change(move |settings| settings.hash_cost = cost)
    }

    /// How many backup codes are hashed at once at the most. Default: one per core.
    pub fn hash_pool(mut self, pool: HashPool) -> Self {
        self.pool = pool;
        self
    }

    /// A secret kept apart from the store, without which stolen hashes of backup codes can't be guessed at.
    pub fn pepper(mut self, pepper: SecretBytes) -> Self {
        self.pepper = Some(pepper);
        self
    }

    /// How far the clocks of nodes may differ. Default: 30 seconds.
    pub fn clock_tolerance(self, span: Duration) -> Self {
        self.change(move |settings| settings.clock_tolerance = span)
    }

    /// Puts it together.
    ///
    /// # Errors
    /// If something needed is missing or settings contradict each other or their preset; the error says the fix.
    pub fn build(self) -> Result<Mfa, ConfigError> {
        let mut settings = Settings::new(self.preset, self.service, self.host);
        for change in self.changes {
            change(&mut settings);
        }
        settings.check()?;
        let store = self.store.ok_or_else(|| {
            ConfigError::new(
                "store",
                "there is none",
                "call .store(…), for example with MemoryStore::new() or an SqliteStore",
            )
        })?;
        let sealer = self.sealer.ok_or_else(|| {
            ConfigError::new("sealer", "there is none", "call .sealer(KeyRing::from_hex(…)?)")
        })?;
        let mut channels: Vec<Channel> = self.senders.iter().map(|sender| sender.channel()).collect();
        channels.sort_unstable();
        if channels.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err(ConfigError::new("sender", "there are two for one channel", "keep one"));
        }
        if !channels.is_empty() && settings.help.trim().is_empty() {
            // Every message says whom to ask (NIST SP 800-63B-4 §4.6): without it none can be written.
            return Err(ConfigError::new(
                "help",
                "messages must say whom to ask, and it is empty",
                "call .help(…), for example with \"the school office on 01632 960000\"",
            ));
        }
        let has_email = channels.contains(&Channel::Email);
        if settings.email_codes && !has_email {
            return Err(ConfigError::new(
                "email_codes",
                "there is no sender for e-mail",
                "add one with .sender(…)",
            ));
        }
        if settings.email_codes {
            tracing::warn!(
                "codes by e-mail are on: such a sign-in stays at level one (NIST SP 800-63B-4 §3.1.3.1)"
            );
        }
        if !has_email {
            tracing::warn!("no sender for e-mail: owners are not told of changes (NIST SP 800-63B-4 §4.6)");
        }
        if self.pepper.as_ref().is_some_and(|pepper| pepper.len() < 16) {
            return Err(ConfigError::new(
                "pepper",
                "it is shorter than 16 bytes",
                "give at least 16 random bytes",
            ));
        }
        let inner = Inner {
            store,
            recent: Recent::new(self.recent),
            glanced: Glanced::new(self.recent),
            sealer,
            clock: self.clock,
            entropy: self.entropy,
            directory: self.directory,
            senders: self.senders,
            settings,
            pool: self.pool,
            pepper: self.pepper,
        };
        Ok(Mfa { inner: std::sync::Arc::new(inner) })
    }
}
