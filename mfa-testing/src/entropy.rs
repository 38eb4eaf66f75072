//! Randomness that repeats itself, and randomness that fails. For tests only: whoever knows the seed knows all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use mfa_core::fault::{Fault, FaultKind};
use mfa_core::port::entropy::Entropy;
use sha2::{Digest, Sha256};

/// The same bytes in every run for one seed, all different within a run, and evenly spread (SHA-256 of seed
/// and counter).
///
/// Never give it to a portal that is reachable by anybody: every secret and every code follows from the seed.
///
/// ```
/// use mfa_core::port::entropy::random_bytes;
/// use mfa_testing::entropy::SeededEntropy;
///
/// let (one, other) = (SeededEntropy::new(7), SeededEntropy::new(7));
/// assert_eq!(random_bytes::<20>(&one)?, random_bytes::<20>(&other)?);
/// assert_ne!(random_bytes::<20>(&one)?, random_bytes::<20>(&one)?);
/// # Ok::<(), mfa_core::fault::Fault>(())
/// ```
#[derive(Clone, Debug)]
pub struct SeededEntropy {
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    seed: u64,
    drawn: AtomicU64,
    failing: AtomicBool,
}

impl SeededEntropy {
    /// A source that follows from `seed`.
    pub fn new(seed: u64) -> Self {
        Self {
            state: Arc::new(State {
                seed,
                drawn: AtomicU64::new(0),
                failing: AtomicBool::new(false),
            }),
        }
    }

    /// From here on every draw fails, until this is called with `false`.
    pub fn fail(&self, failing: bool) {
        self.state.failing.store(failing, Ordering::SeqCst);
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Fault> {
        if self.state.failing.load(Ordering::SeqCst) {
            return FailingEntropy.fill(bytes);
        }
        for chunk in bytes.chunks_mut(32) {
            let number = self.state.drawn.fetch_add(1, Ordering::SeqCst);
            let block = Sha256::new()
                .chain_update(self.state.seed.to_le_bytes())
                .chain_update(number.to_le_bytes())
                .finalize();
            for (byte, drawn) in chunk.iter_mut().zip(block) {
                *byte = drawn;
            }
        }
        Ok(())
    }
}

/// Fails at every draw, as a machine does that has no generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct FailingEntropy;

impl Entropy for FailingEntropy {
    fn fill(&self, _bytes: &mut [u8]) -> Result<(), Fault> {
        Err(Fault::caused_by(
            FaultKind::Entropy,
            "the randomness fails on purpose",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_repeats_by_seed_fills_everything_and_fails_when_told() {
        let (one, other) = (SeededEntropy::new(1), SeededEntropy::new(2));
        let (mut first, mut second) = ([0; 100], [0; 100]);
        one.fill(&mut first).unwrap();
        other.fill(&mut second).unwrap();
        assert_ne!(first, second);
        assert!(first.rchunks(25).all(|part| part.iter().any(|&byte| byte != 0)));
        one.fail(true);
        assert_eq!(
            one.clone().fill(&mut first).unwrap_err().kind(),
            FaultKind::Entropy
        );
        one.fail(false);
        assert!(one.fill(&mut first).is_ok());
        assert!(FailingEntropy.fill(&mut first).is_err());
    }
}
