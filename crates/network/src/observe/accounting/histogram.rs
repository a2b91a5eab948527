//! A histogram of durations in little memory, with an error below one percent.

use natbed_units::SimDuration;

/// Each power of two is cut into this many equal buckets.
const STEPS: usize = 1 << STEP_BITS;
const STEP_BITS: u32 = 7;

/// Counts durations in buckets that grow with the duration (log-linear, as HDR histograms do).
///
/// A bucket is at most 1/128 of the durations in it wide: what is read from it is too long by less
/// than 0.8 %; durations below 256 ns are exact. There are at most 7,424 buckets, and none beyond
/// the longest duration recorded: 10 s takes 28 kB. Integers only, so the same everywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    sum: u128,
    max: u64,
}

/// What is read from a [`Histogram`]; all zero if it is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quantiles {
    /// Durations recorded.
    pub count: u64,
    /// Their mean, exact but for the fraction of a nanosecond.
    pub mean: SimDuration,
    /// The median: half of them are no longer than this. Too long by less than 0.8 %, as are p95
    /// and p99.
    pub p50: SimDuration,
    /// 95 % of them are no longer.
    pub p95: SimDuration,
    /// 99 % of them are no longer.
    pub p99: SimDuration,
    /// The longest, exact.
    pub max: SimDuration,
}

impl Histogram {
    /// Records one duration.
    #[inline]
    pub fn record(&mut self, duration: SimDuration) {
        let nanos = duration.as_nanos();
        let bucket = bucket(nanos);
        if bucket >= self.buckets.len() {
            self.buckets.resize(bucket + 1, 0);
        }
        self.buckets[bucket] += 1;
        self.count += 1;
        self.sum += u128::from(nanos);
        self.max = self.max.max(nanos);
    }

    /// Returns the number of durations recorded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Returns the shortest duration, to the bucket, that so many of a thousand are not longer than.
    ///
    /// Zero if nothing is recorded.
    #[must_use]
    pub fn quantile(&self, per_mille: u32) -> SimDuration {
        let rank = (u128::from(self.count) * u128::from(per_mille)).div_ceil(1000).max(1);
        let mut seen = 0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            seen += u128::from(*count);
            if seen >= rank {
                return SimDuration::from_nanos(end(bucket).min(self.max));
            }
        }
        SimDuration::from_nanos(self.max)
    }

    /// Returns the quantiles that reports show.
    #[must_use]
    pub fn quantiles(&self) -> Quantiles {
        let mean = self.sum.checked_div(u128::from(self.count)).unwrap_or(0) as u64;
        Quantiles {
            count: self.count,
            mean: SimDuration::from_nanos(mean),
            p50: self.quantile(500),
            p95: self.quantile(950),
            p99: self.quantile(990),
            max: SimDuration::from_nanos(self.max),
        }
    }
}

/// The bucket of a number: its leading one and the seven bits after it.
#[inline]
fn bucket(nanos: u64) -> usize {
    let shift = (u64::BITS - nanos.leading_zeros()).saturating_sub(STEP_BITS + 1);
    shift as usize * STEPS + (nanos >> shift) as usize
}

/// The greatest number in a bucket.
fn end(bucket: usize) -> u64 {
    let shift = (bucket / STEPS).saturating_sub(1);
    let start = (bucket - shift * STEPS) as u64;
    (start << shift) + ((1 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use natbed_units::SimDuration;
    use proptest::prelude::*;

    use super::{Histogram, Quantiles, bucket, end};

    fn of(nanos: impl IntoIterator<Item = u64>) -> Histogram {
        let mut histogram = Histogram::default();
        nanos.into_iter().for_each(|n| histogram.record(SimDuration::from_nanos(n)));
        histogram
    }

    #[test]
    fn an_empty_one_is_all_zero() {
        assert_eq!(Histogram::default().quantiles(), Quantiles::default());
    }

    #[test]
    fn small_numbers_are_exact() {
        let quantiles = of(1..=200).quantiles();
        let nanos = SimDuration::from_nanos;
        assert_eq!(quantiles.p50, nanos(100));
        assert_eq!(quantiles.p95, nanos(190));
        assert_eq!(quantiles.p99, nanos(198));
        assert_eq!((quantiles.max, quantiles.mean, quantiles.count), (nanos(200), nanos(100), 200));
    }

    #[test]
    fn a_single_duration_is_exact_at_any_size() {
        for nanos in [0, 1, 12_345_678, u64::MAX] {
            let histogram = of([nanos]);
            assert_eq!(histogram.quantile(500).as_nanos(), nanos);
            assert!(histogram.buckets.len() <= 7_424);
        }
    }

    proptest! {
        #[test]
        fn buckets_follow_each_other_without_gap(nanos: u64) {
            let here = bucket(nanos);
            prop_assert!(nanos <= end(here));
            prop_assert!(here == 0 || nanos > end(here - 1));
            prop_assert!(u128::from(end(here) - nanos) * 128 <= u128::from(nanos));
        }

        #[test]
        fn quantiles_are_right_within_a_percent(
            mut nanos in prop::collection::vec(0_u64..20_000_000_000, 1..200),
            per_mille in 0_u32..=1000,
        ) {
            let histogram = of(nanos.iter().copied());
            nanos.sort_unstable();
            let rank = (nanos.len() * per_mille as usize).div_ceil(1000).max(1);
            let exact = nanos[rank - 1];
            let read = histogram.quantile(per_mille).as_nanos();
            prop_assert!(read >= exact && read - exact <= exact / 128, "{read} for {exact}");
        }
    }
}
