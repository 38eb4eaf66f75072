//! Whether two samples can come from one distribution: cropping, Welch's t-test, and the same of the spread.

/// Above this a test says that two samples differ: by chance once in 150 000 (dudect §3, and Goodwill et al., 2011).
pub const THRESHOLD: f64 = 4.5;

/// The readings of two classes, in nanoseconds.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    /// One class and the other.
    pub classes: [Vec<f64>; 2],
}

/// What is kept of the readings before they are compared: the fastest, up to a share of all.
///
/// Interrupts and other programs only ever add time, and sometimes thousands of times what is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Crop {
    /// Everything.
    None,
    /// All but the slowest `2^-n`, for `n` from 1 on, as dudect does.
    Slowest(u8),
}

/// How far apart two samples are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compared {
    /// What was left out.
    pub crop: Crop,
    /// 1 for the readings themselves, 2 for their squared distances from the mean of their class.
    pub order: u8,
    /// Welch's t.
    pub t: f64,
    /// The difference of the two means.
    pub difference: f64,
    /// The least difference that would have been seen.
    pub visible: f64,
    /// How many readings were compared.
    pub readings: usize,
}

impl Compared {
    /// Whether the two can be told apart by this test.
    pub fn is_apart(&self) -> bool {
        self.t.abs() >= THRESHOLD
    }
}

struct Moments {
    count: f64,
    mean: f64,
    /// Unbiased.
    variance: f64,
}

fn moments(values: &[f64]) -> Moments {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    Moments { count, mean, variance }
}

/// Welch's t and the standard error of the difference of the means. Two samples without any spread are alike if their
/// means are, and infinitely far apart if not.
fn welch(one: &[f64], other: &[f64]) -> (f64, f64, f64) {
    let (one, other) = (moments(one), moments(other));
    let difference = one.mean - other.mean;
    let error = (one.variance / one.count + other.variance / other.count).sqrt();
    let t = if difference == 0.0 { 0.0 } else { difference / error };
    (t, difference, error)
}

impl Samples {
    /// How many readings there are of both.
    pub fn len(&self) -> usize {
        self.classes.iter().map(Vec::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All tests, one after the other: first order at every crop, second order with everything and without the
    /// slowest eighth.
    pub fn tests(&self) -> Vec<Compared> {
        let mut sorted: Vec<f64> = self.classes.iter().flatten().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let mut tests = Vec::new();
        for crop in [Crop::None].into_iter().chain((1..=10).map(Crop::Slowest)) {
            let kept = self.cropped(&sorted, crop);
            tests.extend(compare(&kept, crop, 1));
            if matches!(crop, Crop::None | Crop::Slowest(3)) {
                tests.extend(compare(&kept.spread(), crop, 2));
            }
        }
        tests
    }

    /// One limit for both classes, taken from both together: a limit of each would hide what it is to show.
    fn cropped(&self, sorted: &[f64], crop: Crop) -> Self {
        let Crop::Slowest(halvings) = crop else { return self.clone() };
        let share = 1.0 - 0.5_f64.powi(i32::from(halvings));
        let limit = sorted.get((sorted.len() as f64 * share) as usize).copied().unwrap_or(f64::INFINITY);
        let kept = |class: &Vec<f64>| class.iter().copied().filter(|reading| *reading <= limit).collect();
        Self { classes: self.classes.each_ref().map(kept) }
    }

    fn spread(&self) -> Self {
        let squares = |class: &Vec<f64>| {
            let mean = class.iter().sum::<f64>() / class.len() as f64;
            class.iter().map(|reading| (reading - mean).powi(2)).collect()
        };
        Self { classes: self.classes.each_ref().map(squares) }
    }
}

/// Compares readings that were taken in pairs, each pair of inputs that differ in their class alone: what varies from pair to
/// pair hides nothing.
pub fn paired(samples: &Samples) -> Option<Compared> {
    let [one, other] = &samples.classes;
    let differences: Vec<f64> = one.iter().zip(other).map(|(one, other)| one - other).collect();
    if differences.len() < 2 {
        return None;
    }
    let of_pairs = moments(&differences);
    let error = (of_pairs.variance / of_pairs.count).sqrt();
    let t = if of_pairs.mean == 0.0 { 0.0 } else { of_pairs.mean / error };
    let (difference, visible) = (of_pairs.mean, THRESHOLD * error);
    Some(Compared { crop: Crop::None, order: 1, t, difference, visible, readings: samples.len() })
}

/// The test that tells two samples apart best.
pub fn farthest(tests: &[Compared]) -> Option<Compared> {
    tests.iter().copied().max_by(|one, other| one.t.abs().total_cmp(&other.t.abs()))
}

fn compare(samples: &Samples, crop: Crop, order: u8) -> Option<Compared> {
    let [one, other] = &samples.classes;
    if one.len() < 2 || other.len() < 2 {
        return None;
    }
    let (t, difference, error) = welch(one, other);
    Some(Compared { crop, order, t, difference, visible: THRESHOLD * error, readings: samples.len() })
}

#[cfg(test)]
mod tests {
    use super::{Compared, Crop, Samples, farthest, paired, welch};
    use crate::dice::Dice;

    /// Around 0, with a deviation of 1: twelve uniform numbers (Irwin and Hall).
    fn normal(dice: &Dice) -> f64 {
        (0..12).map(|_| dice.below(1 << 32) as f64 / (1_u64 << 32) as f64).sum::<f64>() - 6.0
    }

    fn samples(count: usize, one: impl Fn(&Dice) -> f64, other: impl Fn(&Dice) -> f64) -> Samples {
        let dice = Dice::new(11);
        let classes = [(0..count).map(|_| one(&dice)).collect(), (0..count).map(|_| other(&dice)).collect()];
        Samples { classes }
    }

    fn test(samples: &Samples, crop: Crop, order: u8) -> Compared {
        samples.tests().into_iter().find(|test| test.crop == crop && test.order == order).unwrap()
    }

    fn worst(samples: &Samples) -> Compared {
        farthest(&samples.tests()).unwrap()
    }

    #[test]
    fn t_is_that_of_worked_examples() {
        let one = [27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19.0, 21.7, 21.4];
        let other =
            [27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0, 24.8, 20.2, 21.9, 22.1, 22.9, 20.5, 24.4];
        let (t, difference, error) = welch(&one, &other);
        assert!((t - -2.455_356).abs() < 1e-5, "{t}");
        assert!((difference - -2.1667).abs() < 1e-3 && (error - 0.882_4).abs() < 1e-3);
        // By hand: means 2 and 5, variances 1 and 4, three of each: -3 / sqrt(1/3 + 4/3).
        let (t, ..) = welch(&[1.0, 2.0, 3.0], &[3.0, 5.0, 7.0]);
        assert!((t - -3.0 / (5.0_f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!(welch(&[2.0, 2.0], &[2.0, 2.0]).0, 0.0);
        assert_eq!(welch(&[3.0, 3.0], &[2.0, 2.0]).0, f64::INFINITY);
    }

    #[test]
    fn pairs_are_compared_one_by_one() {
        let of = |one: [f64; 3], other: [f64; 3]| {
            paired(&Samples { classes: [one.to_vec(), other.to_vec()] }).unwrap()
        };
        // Differences 1, 2, 3: mean 2, deviation 1.
        let test = of([101.0, 52.0, 903.0], [100.0, 50.0, 900.0]);
        assert!((test.t - 2.0 * 3.0_f64.sqrt()).abs() < 1e-12 && test.difference == 2.0, "{test:?}");
        assert_eq!(of([5.0, 70.0, 9.0], [5.0, 70.0, 9.0]).t, 0.0);
        assert!(of([6.0, 71.0, 10.0], [5.0, 70.0, 9.0]).is_apart(), "always by one");
        assert!(!of([6.0, 69.0, 9.0], [5.0, 70.0, 9.0]).is_apart(), "one more, one less");
    }

    #[test]
    fn what_is_alike_is_not_told_apart() {
        for count in [100, 10_000, 100_000] {
            let alike = samples(count, normal, normal);
            let worst = worst(&alike);
            assert!(!worst.is_apart(), "{worst:?}");
            assert_eq!(alike.tests().len(), 13);
        }
    }

    #[test]
    fn a_twentieth_of_the_deviation_is_seen_with_enough_readings_and_not_with_few() {
        let shifted = |dice: &Dice| normal(dice) + 0.05;
        assert!(!worst(&samples(200, normal, shifted)).is_apart());
        let test = test(&samples(100_000, normal, shifted), Crop::None, 1);
        assert!(test.is_apart() && test.t < 0.0 && (test.difference + 0.05).abs() < 0.015, "{test:?}");
        assert!((test.visible - 4.5 * (2.0_f64 / 100_000.0).sqrt()).abs() < 1e-4, "{test:?}");
    }

    /// As on a real machine: one reading in twenty is an interrupt, and a hundred times as long.
    #[test]
    fn cropping_finds_what_interrupts_hide() {
        let noisy = |dice: &Dice, shift: f64| {
            let reading = normal(dice) + shift;
            if dice.below(20) == 0 { reading + 100.0 * normal(dice).abs() } else { reading }
        };
        let hidden = samples(20_000, |dice| noisy(dice, 0.0), |dice| noisy(dice, 0.1));
        assert!(!test(&hidden, Crop::None, 1).is_apart());
        assert!(test(&hidden, Crop::Slowest(3), 1).is_apart());
        assert!(worst(&hidden).is_apart());
    }

    #[test]
    fn the_limit_of_a_crop_is_one_for_both_and_keeps_the_share_it_names() {
        let ladder: Vec<f64> = (0..512).map(f64::from).collect();
        let samples =
            Samples { classes: [ladder.clone(), ladder.iter().map(|reading| reading + 512.0).collect()] };
        // The fastest half is one class alone, and so there is nothing to compare it with but one reading.
        assert!(samples.tests().iter().all(|test| test.crop != Crop::Slowest(1)));
        assert_eq!(test(&samples, Crop::Slowest(2), 1).readings, 769);
        assert_eq!(test(&samples, Crop::None, 1).readings, 1024);
    }

    #[test]
    fn a_difference_in_spread_alone_is_of_the_second_order() {
        let wider = samples(20_000, normal, |dice| 1.2 * normal(dice));
        assert!(!test(&wider, Crop::None, 1).is_apart());
        assert!(test(&wider, Crop::None, 2).is_apart());
    }
}
