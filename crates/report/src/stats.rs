//! Percentiles of virtual times.

use natbed_units::SimDuration;

/// Returns the nearest-rank percentile of ascending values, or `None` if there are none.
///
/// That is the smallest value that at least `percent` per cent of all values do
/// not exceed: always one of the values, so nothing is interpolated and no
/// float is involved. 0 gives the least value, 100 and above the greatest.
#[must_use]
pub fn nearest_rank(sorted: &[u64], percent: u32) -> Option<u64> {
    let count = sorted.len() as u128;
    let rank = (count * u128::from(percent.min(100))).div_ceil(100).max(1);
    sorted.get(usize::try_from(rank - 1).ok()?).copied()
}

/// Median, 95th percentile and maximum of some virtual times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// The median.
    pub p50: SimDuration,
    /// The time that 95 % did not exceed.
    pub p95: SimDuration,
    /// The longest.
    pub max: SimDuration,
}

impl Times {
    /// Evaluates times in nanoseconds, in any order; `None` if there are none.
    #[must_use]
    pub fn of(nanos: impl IntoIterator<Item = u64>) -> Option<Self> {
        let mut sorted: Vec<u64> = nanos.into_iter().collect();
        sorted.sort_unstable();
        let percentile = |percent| nearest_rank(&sorted, percent).map(SimDuration::from_nanos);
        Some(Self { p50: percentile(50)?, p95: percentile(95)?, max: percentile(100)? })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn takes_the_nearest_rank_as_defined() {
        let values = [15, 20, 35, 40, 50];
        let expected = [(0, 15), (5, 15), (20, 15), (21, 20), (30, 20), (40, 20), (50, 35)];
        for (percent, value) in expected {
            assert_eq!(nearest_rank(&values, percent), Some(value), "{percent} per cent");
        }
        assert_eq!(nearest_rank(&values, 95), Some(50));
        assert_eq!(nearest_rank(&values, 100), Some(50));
        assert_eq!(nearest_rank(&values, u32::MAX), Some(50));
        assert_eq!(nearest_rank(&[], 50), None);
    }

    #[test]
    fn does_not_need_sorted_times() {
        let times = Times::of([30, 10, 20]).unwrap();
        assert_eq!(
            (times.p50.as_nanos(), times.p95.as_nanos(), times.max.as_nanos()),
            (20, 30, 30)
        );
        assert_eq!(Times::of([]), None);
    }

    proptest! {
        #[test]
        fn is_the_least_value_that_covers_the_share(
            mut values in prop::collection::vec(any::<u64>(), 1..200),
            percent in 0_u32..=100,
        ) {
            values.sort_unstable();
            let found = nearest_rank(&values, percent).unwrap();
            let covered = |limit: u64| values.iter().filter(|&&value| value <= limit).count() * 100;
            let wanted = values.len() * percent as usize;
            prop_assert!(covered(found) >= wanted);
            for &smaller in values.iter().filter(|&&value| value < found) {
                prop_assert!(covered(smaller) < wanted);
            }
        }
    }
}
