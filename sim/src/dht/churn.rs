//! When the nodes of a swarm come and go.

use natbed_scenario::Churn;
use natbed_units::{SimDuration, SimRng};
use rand_core::Rng;

/// Draws how long a node stays (`true`) or stays away.
///
/// Both times are exponential: of a node that has been there for long nothing more is known than of
/// one that has just come.
pub(super) fn span(churn: &Churn, is_there: bool, rng: &mut SimRng) -> SimDuration {
    exponential(if is_there { churn.up } else { churn.down }, rng)
}

/// Draws from the exponential distribution with that mean, to the nanosecond.
///
/// Von Neumann's way (1951), which compares numbers and needs no logarithm, so that it is the same
/// on every machine: the first number of a falling run of odd length is the fraction; each run of
/// even length before it adds one to the whole.
fn exponential(mean: SimDuration, rng: &mut SimRng) -> SimDuration {
    let mut whole: u64 = 0;
    loop {
        let first = rng.next_u64();
        let (mut last, mut length) = (first, 1_u32);
        loop {
            let next = rng.next_u64();
            if next >= last {
                break;
            }
            (last, length) = (next, length + 1);
        }
        if length % 2 == 1 {
            let mean = u128::from(mean.as_nanos());
            let fraction = (mean * u128::from(first)) >> 64;
            let nanos = mean * u128::from(whole) + fraction;
            return SimDuration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX / 2).max(1));
        }
        whole += 1;
    }
}

#[cfg(test)]
mod tests {
    use natbed_units::{Seed, SimDuration};

    use super::exponential;

    #[test]
    fn spans_have_the_mean_and_the_tail_of_the_distribution() {
        const DRAWS: u64 = 100_000;
        let mean = SimDuration::from_secs(600);
        let mut rng = Seed::new(1).rng("churn");
        let spans: Vec<u64> = (0..DRAWS).map(|_| exponential(mean, &mut rng).as_nanos()).collect();
        // The standard error of the mean is the mean over the root of the draws: 0.32 %.
        let average = spans.iter().map(|span| u128::from(*span)).sum::<u128>() / u128::from(DRAWS);
        let of_mean = average as f64 / mean.as_nanos() as f64;
        assert!((0.99..1.01).contains(&of_mean), "{of_mean}");
        // Beyond one, two and three means lie e^-1, e^-2 and e^-3 of them; within four sigma.
        for times in 1..=3_i32 {
            let beyond = spans.iter().filter(|span| **span > mean.as_nanos() * times as u64);
            let share = beyond.count() as f64 / DRAWS as f64;
            let expected = (-f64::from(times)).exp();
            let sigma = (expected * (1.0 - expected) / DRAWS as f64).sqrt();
            assert!((share - expected).abs() < 4.0 * sigma, "{times}: {share} of {expected}");
        }
    }
}
