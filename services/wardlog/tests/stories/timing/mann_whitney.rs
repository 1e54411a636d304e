//! Whether two samples are of the same, by the ranks of what is in them: the test of Mann and Whitney.
//!
//! Two-sided, by the normal approximation with the correction for ties and for continuity; each sample has 8 values or more.

/// What the test says of two samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Test {
    /// Of all pairs of a value of the first and one of the second, those in which the first's is greater; ties count half.
    pub u: f64,
    /// How often samples of the same would be as far apart as these, or farther.
    pub p: f64,
    /// Whether it is the first sample's values that are the greater.
    pub first_is_greater: bool,
}

/// Compares two samples.
pub fn compare(first: &[f64], second: &[f64]) -> Test {
    let (n, m) = (count(first.len()), count(second.len()));
    let mut all: Vec<(f64, bool)> =
        first.iter().map(|&value| (value, true)).chain(second.iter().map(|&value| (value, false))).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut before, mut ranks, mut ties) = (0.0, 0.0, 0.0);
    for tied in all.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        let size = count(tied.len());
        // Ranks begin at 1, and all of the same value have the one in the middle.
        let rank = before + f64::midpoint(size, 1.0);
        ranks += rank * count(tied.iter().filter(|(_, of_first)| *of_first).count());
        ties += size.powi(3) - size;
        before += size;
    }
    let u = ranks - n * (n + 1.0) / 2.0;
    let (expected, total) = (n * m / 2.0, n + m);
    let variance = n * m / 12.0 * (total + 1.0 - ties / (total * (total - 1.0)));
    let apart = ((u - expected).abs() - 0.5).max(0.0);
    let p = if variance > 0.0 { beyond(apart / variance.sqrt()) } else { 1.0 };
    Test { u, p, first_is_greater: u > expected }
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).expect("a sample is smaller than 4,000,000,000"))
}

/// How much of a normal distribution is farther from its middle than `z` deviations, to either side: `erfc(z / √2)`, to
/// within 2 in 10,000,000 (Abramowitz and Stegun, 7.1.26).
fn beyond(z: f64) -> f64 {
    let x = z / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let by_powers = [1.061_405_429, -1.453_152_027, 1.421_413_741, -0.284_496_736, 0.254_829_592];
    by_powers.iter().fold(0.0, |sum, factor| (sum + factor) * t) * (-x * x).exp()
}

/// Values that other people have worked out.
#[test]
fn known_values_come_out() {
    let about = |value: f64, expected: f64| assert!((value - expected).abs() < 1e-6, "{value} and not {expected}");
    for (z, p) in [(0.0, 1.0), (1.0, 0.317_310_5), (1.959_964, 0.05), (2.575_829, 0.01), (3.290_527, 0.001)] {
        about(beyond(z), p);
    }
    // The documentation of scipy.stats.mannwhitneyu: ages at which diabetes was found.
    let (men, women) = ([19.0, 22.0, 16.0, 29.0, 24.0], [20.0, 11.0, 17.0, 12.0]);
    let found = compare(&men, &women);
    about(found.u, 17.0);
    about(found.p, 0.111_346_885);
    assert!(found.first_is_greater);
    let turned = compare(&women, &men);
    about(turned.u, 3.0);
    about(turned.p, found.p);
    assert!(!turned.first_is_greater);
}

/// By hand: the ranks are 1.5, 1.5, 3.5, 6 and 3.5, 6, 6, 8, so U is 2.5; the groups of 2, 2 and 3 take 0.6428… off the 9 of
/// the variance's factor; z is 5 / √11.142857…, and U is 5.5 from its middle without the correction.
#[test]
fn ties_share_their_rank_and_make_the_spread_smaller() {
    let found = compare(&[1.0, 1.0, 2.0, 3.0], &[2.0, 3.0, 3.0, 4.0]);
    assert!((found.u - 2.5).abs() < 1e-9, "{found:?}");
    assert!((found.p - 0.134_169).abs() < 1e-5, "{found:?}");
    let same = [5.0; 20];
    assert!((compare(&same, &same).p - 1.0).abs() < 1e-9, "what is all the same is not told apart");
}

#[test]
fn what_is_shifted_is_told_apart_and_what_is_not_is_not() {
    let sample = |shift: f64| (0..2_000_u32).map(|n| f64::from(n * 7_919 % 2_003) + shift).collect::<Vec<_>>();
    assert!(compare(&sample(0.0), &sample(0.0)).p > 0.99);
    assert!(compare(&sample(0.0), &sample(100.0)).p < 0.01);
    assert!(compare(&sample(0.0), &sample(20.0)).p > 0.01);
}
