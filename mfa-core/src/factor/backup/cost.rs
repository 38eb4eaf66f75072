//! What a slow hash costs, and the least and most it may cost.

use serde::{Deserialize, Serialize};

use crate::config::ConfigError;

/// What one Argon2id costs: the price of one guess for whoever has copied the store.
///
/// The default is 19 456 KiB (19 MiB), 2 passes, 1 lane: what the OWASP Password Storage Cheat Sheet names
/// first and OWASP ASVS 5.0, appendix C, approves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "(u32, u32, u32)", into = "(u32, u32, u32)")]
pub struct HashCost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl HashCost {
    /// The most memory, in KiB (256 MiB), the most passes and the most lanes a cost may ask for. They bind
    /// what is read back too: a record altered by someone else must not make us allocate a terabyte.
    const MOST: (u32, u32, u32) = (256 * 1024, 16, 4);

    /// A cost of one's own: memory in KiB, passes over it, and lanes.
    ///
    /// Lanes are worked through one after the other here, so that more than one helps only an attacker
    /// with more cores. Leave it at 1 unless another system has to read the same hashes.
    ///
    /// # Errors
    /// If it is weaker than what OWASP ASVS 5.0, appendix C, approves for Argon2id (1 pass over 47 104 KiB,
    /// 2 over 19 456 KiB, 3 or more over 12 288 KiB), or above 256 MiB, 16 passes or 4 lanes.
    ///
    /// ```
    /// use mfa_core::factor::backup::HashCost;
    ///
    /// assert!(HashCost::new(65_536, 3, 1).is_ok());
    /// assert!(HashCost::new(19_456, 1, 1).is_err());
    /// ```
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, ConfigError> {
        let least = match passes {
            0 | 1 => 47_104,
            2 => 19_456,
            _ => 12_288,
        };
        if passes == 0 || memory_kib < least {
            return Err(ConfigError::new(
                "backup code hash cost",
                format!("{memory_kib} KiB with {passes} passes is too cheap to guess against"),
                "use at least 19456 KiB with 2 passes, 47104 with 1 or 12288 with 3, or the default",
            ));
        }
        Self::within_bounds(memory_kib, passes, lanes).ok_or_else(|| {
            ConfigError::new(
                "backup code hash cost",
                format!("{memory_kib} KiB with {passes} passes and {lanes} lanes is out of bounds"),
                "use at most 262144 KiB, 16 passes and 1 to 4 lanes, or the default",
            )
        })
    }

    /// Next to no cost: **only for tests**, where thousands of hashes are made.
    ///
    /// Codes hashed at this cost still have 80 bits, but whoever has copied the store tries them millions
    /// of times faster.
    pub const fn danger_for_tests() -> Self {
        Self { memory_kib: 8, passes: 1, lanes: 1 }
    }

    /// What Argon2 can do at all and what we are ready to do. The floor of [`HashCost::new`] is not asked
    /// for here: sets made before a floor was raised must stay usable.
    fn within_bounds(memory_kib: u32, passes: u32, lanes: u32) -> Option<Self> {
        let (most_memory, most_passes, most_lanes) = Self::MOST;
        let possible = (1..=most_lanes).contains(&lanes)
            && (1..=most_passes).contains(&passes)
            // RFC 9106 §3.1: at least 8 KiB a lane
            && (lanes.saturating_mul(8)..=most_memory).contains(&memory_kib);
        possible.then_some(Self { memory_kib, passes, lanes })
    }

    /// The memory one hash fills, in KiB.
    pub const fn memory_kib(&self) -> u32 {
        self.memory_kib
    }

    /// How many times it goes over that memory.
    pub const fn passes(&self) -> u32 {
        self.passes
    }

    /// How many lanes the memory is divided into.
    pub const fn lanes(&self) -> u32 {
        self.lanes
    }
}

impl Default for HashCost {
    fn default() -> Self {
        Self { memory_kib: 19_456, passes: 2, lanes: 1 }
    }
}

impl From<HashCost> for (u32, u32, u32) {
    fn from(cost: HashCost) -> Self {
        (cost.memory_kib, cost.passes, cost.lanes)
    }
}

impl TryFrom<(u32, u32, u32)> for HashCost {
    type Error = &'static str;
    fn try_from((memory_kib, passes, lanes): (u32, u32, u32)) -> Result<Self, Self::Error> {
        Self::within_bounds(memory_kib, passes, lanes).ok_or("a hash cost out of bounds")
    }
}
