//! The entropy port: the only place randomness comes from.

use rand::TryRng;
use rand::rngs::SysRng;

use crate::fault::{Fault, FaultKind};

/// Gives random bytes fit for keys.
pub trait Entropy: Send + Sync + 'static {
    /// Fills `bytes` with randomness.
    ///
    /// # Errors
    /// If the source fails. Then nothing is generated: there is no weaker source to fall back to.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Fault>;
}

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Fault> {
        SysRng.try_fill_bytes(bytes).map_err(|cause| Fault::caused_by(FaultKind::Entropy, cause))
    }
}

/// `N` random bytes.
///
/// # Errors
/// If the source fails.
pub fn random_bytes<const N: usize>(entropy: &dyn Entropy) -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes)?;
    Ok(bytes)
}

/// A number below `bound`, each as likely as any other (by rejection, so that no value is favoured).
///
/// # Errors
/// If the source fails, or gives nothing but rejected values 128 times over (odds below 2⁻¹²⁸ for a sound
/// source), or `bound` is 0.
pub fn uniform_below(entropy: &dyn Entropy, bound: u32) -> Result<u32, Fault> {
    if bound == 0 {
        return Err(Fault::new(FaultKind::Internal));
    }
    let unbiased = u32::MAX - (u32::MAX % bound);
    for _ in 0..128 {
        let drawn = u32::from_le_bytes(random_bytes::<4>(entropy)?);
        if drawn < unbiased {
            return Ok(drawn % bound);
        }
    }
    Err(Fault::new(FaultKind::Entropy))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Stuck(u8);
    impl Entropy for Stuck {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), Fault> {
            bytes.fill(self.0);
            Ok(())
        }
    }

    #[test]
    fn a_stuck_source_is_a_fault_where_it_would_bias() {
        assert_eq!(uniform_below(&Stuck(0xff), 1_000_000).unwrap_err().kind(), FaultKind::Entropy);
        assert_eq!(uniform_below(&Stuck(0), 1_000_000).unwrap(), 0);
        assert!(uniform_below(&SystemEntropy, 0).is_err());
    }

    /// Chi-square over ten buckets of a hundred thousand draws; 9 degrees of freedom, 39.3 is p = 1e-5.
    #[test]
    fn digits_are_uniform() {
        let mut buckets = [0u32; 10];
        for _ in 0..100_000 {
            let drawn = uniform_below(&SystemEntropy, 1_000_000).unwrap();
            buckets[(drawn / 100_000) as usize] += 1;
        }
        let expected = 10_000.0;
        let chi: f64 = buckets.iter().map(|&n| (f64::from(n) - expected).powi(2) / expected).sum();
        assert!(chi < 45.0, "chi-square {chi}");
    }

    /// Gives these numbers one after the other.
    struct Given(std::sync::Mutex<Vec<u32>>);
    impl Entropy for Given {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), Fault> {
            bytes.copy_from_slice(&self.0.lock().unwrap().remove(0).to_le_bytes());
            Ok(())
        }
    }

    /// 4 294 000 000 is the last multiple of a million: from there on small numbers would come more often.
    #[test]
    fn what_would_favour_small_numbers_is_drawn_again() {
        for (drawn, expected) in [(4_293_999_999, 999_999), (4_294_000_000, 7), (u32::MAX, 7)] {
            let given = Given(std::sync::Mutex::new(vec![drawn, 7]));
            assert_eq!(uniform_below(&given, 1_000_000).unwrap(), expected, "{drawn}");
        }
    }
}
