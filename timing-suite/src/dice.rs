//! Random draws that can be repeated: the same seed, the same inputs in the same order.

use std::cell::Cell;

/// SplitMix64 (Steele, Lea and Flood, 2014). For choosing inputs, never for secrets.
#[derive(Debug)]
pub struct Dice(Cell<u64>);

impl Dice {
    /// A sequence that begins with `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Cell::new(seed))
    }

    /// Any number.
    pub fn any(&self) -> u64 {
        let next = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(next);
        let mut z = next;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`. Not quite uniform, which is no matter here.
    pub fn below(&self, bound: u64) -> u64 {
        self.any() % bound
    }

    /// So many bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        std::array::from_fn(|_| self.any() as u8)
    }

    /// One of the two.
    pub fn toss(&self) -> bool {
        self.any() >> 63 == 1
    }

    /// The code with each digit from `kept` on changed to another one.
    pub fn spoil(&self, code: &str, kept: usize) -> String {
        let change = |(place, digit): (usize, char)| match digit.to_digit(10) {
            Some(digit) if place >= kept => {
                char::from_digit((digit + 1 + self.below(9) as u32) % 10, 10).unwrap_or_default()
            }
            _ => digit,
        };
        code.chars().enumerate().map(change).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Dice;

    #[test]
    fn a_spoilt_code_differs_in_every_digit_from_the_kept_ones_on() {
        let dice = Dice::new(1);
        for _ in 0..1_000 {
            let (near, wrong) = (dice.spoil("907413", 5), dice.spoil("907413", 0));
            assert!(near.starts_with("90741") && !near.ends_with('3'), "{near}");
            assert!(wrong.len() == 6 && wrong.chars().zip("907413".chars()).all(|(one, other)| one != other));
        }
    }
}
