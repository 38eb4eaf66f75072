//! The entropy port: the only place randomness comes from.

use std::sync::{Mutex, PoisonError};

use rand::TryRng;
use rand::rngs::SysRng;
use zeroize::{Zeroize, Zeroizing};

use crate::fault::{Fault, FaultKind};

/// Gives random bytes fit for keys.
pub trait Entropy: Send + Sync {
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

/// As much as most operations need: the identifiers of two events, a challenge's secrets and a version.
const AHEAD: usize = 96;

/// Asks a source for one operation's randomness in one piece: to ask the operating system takes as long as a hash.
///
/// Lives no longer than the operation. What a process had in stock for the next one, a copy of that process (a fork) would have
/// too, and give out a second time.
pub(crate) struct Ahead<'a> {
    source: &'a dyn Entropy,
    stock: Mutex<Stock>,
}

struct Stock {
    bytes: Zeroizing<[u8; AHEAD]>,
    left: usize,
}

impl<'a> Ahead<'a> {
    pub(crate) fn new(source: &'a dyn Entropy) -> Self {
        Self { source, stock: Mutex::new(Stock { bytes: Zeroizing::new([0; AHEAD]), left: 0 }) }
    }
}

impl Entropy for Ahead<'_> {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Fault> {
        if bytes.len() >= AHEAD {
            return self.source.fill(bytes);
        }
        // Were a holder to panic, the others would only throw away what is left.
        let mut stock = self.stock.lock().unwrap_or_else(PoisonError::into_inner);
        if stock.left < bytes.len() {
            stock.left = 0;
            self.source.fill(stock.bytes.as_mut())?;
            stock.left = AHEAD;
        }
        let rest = stock.left - bytes.len();
        let Some(taken) = stock.bytes.get_mut(rest..rest + bytes.len()) else {
            return Err(Fault::new(FaultKind::Internal));
        };
        bytes.copy_from_slice(taken);
        taken.zeroize();
        stock.left = rest;
        Ok(())
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

    /// Counts up, byte by byte, and how often it is asked.
    #[derive(Default)]
    struct Counting(Mutex<(u8, usize)>);
    impl Entropy for Counting {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), Fault> {
            let mut state = self.0.lock().unwrap();
            state.1 += 1;
            for byte in bytes {
                state.0 = state.0.wrapping_add(1);
                *byte = state.0;
            }
            Ok(())
        }
    }

    #[test]
    fn nothing_is_given_out_twice() {
        let source = Counting::default();
        let ahead = Ahead::new(&source);
        let mut given = Vec::new();
        for length in [0, 1, 16, 4, 60, AHEAD - 1, 0] {
            let mut bytes = vec![0; length];
            ahead.fill(&mut bytes).unwrap();
            assert!(!bytes.contains(&0), "not filled: {bytes:?}");
            given.extend(bytes);
        }
        let count = given.len();
        given.sort_unstable();
        given.dedup();
        assert_eq!(given.len(), count);
        let stock = ahead.stock.lock().unwrap();
        let kept = stock.bytes.iter().filter(|byte| **byte != 0).count();
        assert_eq!((kept, stock.left), (1, 1), "nothing of what was given out is kept");
    }

    #[test]
    fn an_operation_asks_once() {
        let source = Counting::default();
        let ahead = Ahead::new(&source);
        for length in [16, 16, 48, 8, 8] {
            ahead.fill(&mut vec![0; length]).unwrap();
        }
        assert_eq!(source.0.lock().unwrap().1, 1);
        ahead.fill(&mut [0]).unwrap();
        assert_eq!(source.0.lock().unwrap().1, 2);
        ahead.fill(&mut [0; AHEAD]).unwrap();
        assert_eq!(source.0.lock().unwrap().1, 3, "as much as it keeps comes from the source itself");
        ahead.fill(&mut [0; AHEAD - 1]).unwrap();
        assert_eq!(source.0.lock().unwrap().1, 3, "and leaves what is kept");
    }

    #[test]
    fn a_source_that_fails_gives_nothing() {
        struct Broken;
        impl Entropy for Broken {
            fn fill(&self, bytes: &mut [u8]) -> Result<(), Fault> {
                bytes.fill(7);
                Err(Fault::new(FaultKind::Entropy))
            }
        }
        let ahead = Ahead::new(&Broken);
        for length in [1, 1, AHEAD - 1, AHEAD] {
            assert_eq!(ahead.fill(&mut vec![0; length]).unwrap_err().kind(), FaultKind::Entropy);
        }
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
