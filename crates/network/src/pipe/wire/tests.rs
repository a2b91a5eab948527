//! The tables of quantiles against values from elsewhere.

use super::quantile::{FRACTION, NORMAL, ONE, PARETO};

fn value(fixed: i64) -> f64 {
    fixed as f64 / f64::from(1 << FRACTION)
}

/// Two-sided tails of the normal distribution as printed in tables.
#[test]
fn normal_quantiles_are_those_of_tables() {
    for (tail, expected) in [
        (0.9, 0.125_661_3),
        (0.5, 0.674_489_8),
        (0.317_310_5, 1.0),
        (0.1, 1.644_853_6),
        (0.05, 1.959_964_0),
        (0.01, 2.575_829_3),
        (0.001, 3.290_526_7),
        (1e-6, 4.891_638_5),
        (1e-9, 6.109_410_2),
    ] {
        let found = value(NORMAL.at((tail * ONE as f64) as u64));
        // One of 2^32 is a quarter of 1e-9: that end of the table is coarse.
        let tolerance = if tail < 1e-8 { 0.04 } else { 5e-4 };
        assert!((found - expected).abs() < tolerance, "{tail}: {found}, not {expected}");
    }
    assert_eq!(NORMAL.at(ONE), 0);
}

#[test]
fn pareto_quantiles_are_cube_roots() {
    for tail in [1.0, 0.75, 0.5, 0.3, 0.125, 0.01, 1e-3, 1e-6] {
        let expected = (f64::powf(tail, -1.0 / 3.0) - 1.5) / 0.75_f64.sqrt();
        let found = value(PARETO.at((tail * ONE as f64) as u64));
        let tolerance = 4e-4 * (expected + 2.0);
        assert!((found - expected).abs() < tolerance, "{tail}: {found}, not {expected}");
    }
}

/// Both moments of the whole table, each probability weighed equally.
#[test]
fn tables_have_mean_zero_and_deviation_one() {
    let count = 1 << 16;
    let tails = (0..count).map(|n| (2 * n + 1) * (ONE / count / 2));
    let squares: f64 = tails.clone().map(|tail| value(NORMAL.at(tail)).powi(2)).sum();
    assert!((squares / count as f64 - 1.0).abs() < 0.001);
    let mean: f64 = tails.map(|tail| value(PARETO.at(tail))).sum::<f64>() / count as f64;
    assert!(mean.abs() < 0.002, "{mean}");
}

#[test]
fn larger_values_are_rarer_and_every_tail_is_found_again() {
    let mut before = i64::MAX;
    for n in 0..200_000_u64 {
        let tail = 1 + n * (ONE / 200_000);
        let at = NORMAL.at(tail);
        assert!(at <= before && PARETO.at(tail) <= PARETO.at(tail.saturating_sub(ONE / 1_000)));
        before = at;
        // The values have 24 binary digits.
        let found = NORMAL.tail(at);
        assert!(found.abs_diff(tail) < ONE >> 20, "{tail} {found}");
    }
    assert_eq!([NORMAL.tail(i64::MAX), NORMAL.tail(0)], [1, ONE]);
}
