//! Jitter: distributions, correlation, order.

use natbed_network::{Distribution, Jitter, PipeConfig};
use natbed_units::{Ppm, SimDuration, SimTime};
use proptest::prelude::*;

use crate::lab::{Lab, moments, ms, percent, us};

const DELAY: SimDuration = ms(100);
const SPREAD: SimDuration = ms(5);

fn jittery(distribution: Distribution, correlation: Ppm) -> PipeConfig {
    let jitter = Jitter { spread: SPREAD, distribution, correlation, reorder: true };
    PipeConfig { jitter: Some(jitter), ..PipeConfig::with_delay(DELAY) }
}

/// How far the delay of each of so many packets is off, in multiples of the spread.
fn deviations(config: PipeConfig, count: u64) -> Vec<f64> {
    let mut lab = Lab::new(config);
    lab.send_evenly(count, us(10), 100);
    lab.settle();
    let mut arrivals = lab.arrivals();
    assert_eq!(arrivals.len() as u64, count);
    arrivals.sort_by_key(|(_, id)| *id);
    let sent = |id: u64| (us(10) * (id - 1)).as_nanos();
    let delay = |(at, id): (u64, u64)| (at - sent(id)) as f64 - DELAY.as_nanos() as f64;
    arrivals.into_iter().map(|arrival| delay(arrival) / SPREAD.as_nanos() as f64).collect()
}

/// The share of values up to each of these.
fn shares(values: &[f64], limits: &[f64]) -> Vec<f64> {
    let share = |limit: &f64| values.iter().filter(|value| *value <= limit).count() as f64;
    limits.iter().map(|limit| share(limit) / values.len() as f64).collect()
}

#[track_caller]
fn near(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() < tolerance, "{found} is not {expected}");
}

/// Three standard deviations of a share found among so many values are 0.0034 at most.
#[track_caller]
fn near_all(found: &[f64], expected: &[f64]) {
    for (found, expected) in found.iter().zip(expected) {
        near(*found, *expected, 0.0034);
    }
}

const COUNT: u64 = 200_000;

#[test]
fn uniform_jitter_is_even() {
    let values = deviations(jittery(Distribution::Uniform, Ppm::ZERO), COUNT);
    let (mean, deviation) = moments(&values);
    near(mean, 0.0, 3.0 * 0.577 / (COUNT as f64).sqrt());
    near(deviation, 1.0 / 3.0_f64.sqrt(), 0.002);
    assert!(values.iter().all(|value| value.abs() <= 1.0));
    near_all(&shares(&values, &[-0.9, -0.5, 0.0, 0.5, 0.9]), &[0.05, 0.25, 0.5, 0.75, 0.95]);
}

#[test]
fn normal_jitter_is_normal() {
    let values = deviations(jittery(Distribution::Normal, Ppm::ZERO), COUNT);
    let (mean, deviation) = moments(&values);
    near(mean, 0.0, 3.0 / (COUNT as f64).sqrt());
    near(deviation, 1.0, 0.005);
    // From tables of the normal distribution.
    let limits = [-3.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0];
    let expected = [0.00135, 0.02275, 0.15866, 0.30854, 0.5, 0.69146, 0.84134, 0.97725, 0.99865];
    near_all(&shares(&values, &limits), &expected);
    near(shares(&values, &[-3.0])[0], 0.00135, 0.0003);
}

/// Its mean and deviation are those of the definition, and so is its tail: `1 - (x_m / x)^3`. The
/// fourth moment is infinite, so that the deviation that is found comes close but slowly.
#[test]
fn pareto_jitter_has_a_heavy_tail() {
    let values = deviations(jittery(Distribution::Pareto, Ppm::ZERO), COUNT);
    let (mean, deviation) = moments(&values);
    near(mean, 0.0, 3.0 / (COUNT as f64).sqrt());
    near(deviation, 1.0, 0.08);
    let scaled = |x: f64| (x - 1.5) / 0.75_f64.sqrt();
    let limits = [1.05, 1.2, 1.5, 2.0, 3.0, 5.0, 10.0];
    let expected = limits.map(|x: f64| 1.0 - x.powi(-3));
    near_all(&shares(&values, &limits.map(scaled)), &expected);
    near(shares(&values, &[scaled(10.0)])[0], 0.999, 0.0003);
    assert!(values.iter().all(|value| *value >= scaled(1.0) - 1e-6));
    assert!(values.iter().any(|value| *value > scaled(20.0)));
}

fn autocorrelation(values: &[f64], lag: usize) -> f64 {
    let (mean, deviation) = moments(values);
    let pairs = values.iter().zip(&values[lag..]);
    let sum: f64 = pairs.map(|(a, b)| (a - mean) * (b - mean)).sum();
    sum / (values.len() - lag) as f64 / (deviation * deviation)
}

#[test]
fn correlated_jitter_keeps_its_distribution() {
    for (text, correlation) in [("25%", 0.25_f64), ("90%", 0.9)] {
        let values = deviations(jittery(Distribution::Normal, percent(text)), COUNT);
        near(autocorrelation(&values, 1), correlation, 0.01);
        near(autocorrelation(&values, 3), correlation.powi(3), 0.015);
        // The mean of n values is as uncertain as that of n * (1 - c) / (1 + c) independent ones.
        let (mean, deviation) = moments(&values);
        let independent = COUNT as f64 * (1.0 - correlation) / (1.0 + correlation);
        near(mean, 0.0, 3.0 / independent.sqrt());
        near(deviation, 1.0, 0.02);

        // Of uniform variables made of correlated normal ones it is 6/pi asin(c/2).
        let values = deviations(jittery(Distribution::Uniform, percent(text)), COUNT);
        let expected = 6.0 / std::f64::consts::PI * (correlation / 2.0).asin();
        near(autocorrelation(&values, 1), expected, 0.01);
        let found = shares(&values, &[-0.5, 0.0, 0.5]);
        for (found, expected) in found.iter().zip([0.25, 0.5, 0.75]) {
            near(*found, expected, 0.015);
        }

        let values = deviations(jittery(Distribution::Pareto, percent(text)), COUNT);
        let scaled = |x: f64| (x - 1.5) / 0.75_f64.sqrt();
        near(shares(&values, &[scaled(2.0)])[0], 0.875, 0.015);
        assert!(autocorrelation(&values, 1) > correlation / 2.0);
    }
    let values = deviations(jittery(Distribution::Normal, Ppm::ONE), 1_000);
    let (_, deviation) = moments(&values);
    near(deviation, 0.0, 1e-9);
    near(
        autocorrelation(&deviations(jittery(Distribution::Normal, Ppm::ZERO), COUNT), 1),
        0.0,
        0.01,
    );
}

#[test]
fn packets_overtake_only_if_they_may() {
    let ordered = |reorder| {
        let jitter = Jitter {
            spread: SPREAD,
            distribution: Distribution::Normal,
            correlation: Ppm::ZERO,
            reorder,
        };
        let config = PipeConfig { jitter: Some(jitter), ..PipeConfig::with_delay(DELAY) };
        let mut lab = Lab::new(config);
        lab.send_evenly(1_000, us(100), 100);
        lab.settle();
        let ids: Vec<_> = lab.arrivals().iter().map(|(_, id)| *id).collect();
        ids.is_sorted()
    };
    assert!(ordered(false));
    assert!(!ordered(true));
}

/// A delay is never negative.
#[test]
fn a_delay_is_cut_off_at_zero() {
    let jitter = Jitter {
        spread: ms(10),
        distribution: Distribution::Normal,
        correlation: Ppm::ZERO,
        reorder: true,
    };
    let config = PipeConfig { jitter: Some(jitter), ..PipeConfig::with_delay(SimDuration::ZERO) };
    let mut lab = Lab::new(config);
    lab.send_evenly(10_000, ms(1), 100);
    lab.settle();
    let at_once = lab.arrivals().iter().filter(|(at, id)| *at == (id - 1) * 1_000_000).count();
    assert!((4_800..5_200).contains(&at_once), "{at_once}");
}

fn distribution() -> impl Strategy<Value = Distribution> {
    prop_oneof![Just(Distribution::Uniform), Just(Distribution::Normal), Just(Distribution::Pareto),]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn without_reordering_none_overtakes(
        distribution in distribution(),
        spread in 0_u64..20_000_000,
        delay in 0_u64..20_000_000,
        correlation in (0_u32..=1_000_000).prop_map(|ppm| Ppm::new(ppm).unwrap()),
        gaps in prop::collection::vec(0_u64..2_000_000, 1..200),
        seed in any::<u64>(),
    ) {
        let spread = SimDuration::from_nanos(spread);
        let jitter = Jitter { spread, distribution, correlation, reorder: false };
        let pipe = PipeConfig::with_delay(SimDuration::from_nanos(delay));
        let mut lab = Lab::with_seed(seed, PipeConfig { jitter: Some(jitter), ..pipe });
        let mut now = SimTime::ZERO;
        for gap in &gaps {
            now += SimDuration::from_nanos(*gap);
            lab.send(now, 100);
        }
        lab.settle();
        let ids: Vec<_> = lab.arrivals().iter().map(|(_, id)| *id).collect();
        prop_assert_eq!(ids, (1..=gaps.len() as u64).collect::<Vec<_>>());
    }
}
