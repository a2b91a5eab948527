//! Bytes in each interval of time.

use natbed_units::{SimDuration, SimTime};

/// The most intervals that a [`Series`] has: an hour in steps of 100 ms.
pub const SERIES_MAX: usize = 36_000;

/// Transport bytes that arrived in each interval, one after the other without gap.
///
/// Interval n spans from `start + n * interval` until right before the next one. It ends with the
/// interval of the last arrival; there are at most [`SERIES_MAX`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Series {
    /// When the first interval begins: with the first payload that either peer sent of the load.
    pub start: SimTime,
    /// The length of each; zero if no series was asked for.
    pub interval: SimDuration,
    /// Bytes of each: [`WireBytes::transport`](super::WireBytes::transport) of what arrived.
    pub bytes: Vec<u64>,
    /// Whether bytes arrived after the last interval that there is room for; they are left out.
    pub is_cut: bool,
}

impl Series {
    pub(super) fn new(interval: SimDuration) -> Self {
        Self { interval, ..Self::default() }
    }

    #[inline]
    pub(super) fn add(&mut self, now: SimTime, bytes: u64) {
        let since = now.saturating_since(self.start).as_nanos();
        let Some(n) = since.checked_div(self.interval.as_nanos()) else { return };
        let n = usize::try_from(n).unwrap_or(usize::MAX);
        if n >= SERIES_MAX {
            self.is_cut = true;
            return;
        }
        if n >= self.bytes.len() {
            self.bytes.resize(n + 1, 0);
        }
        self.bytes[n] += bytes;
    }

    /// Takes off what a host gave back in the instant it arrived.
    pub(super) fn take_back(&mut self, now: SimTime, bytes: u64) {
        let since = now.saturating_since(self.start).as_nanos();
        let Some(n) = since.checked_div(self.interval.as_nanos()) else { return };
        if let Some(sum) = usize::try_from(n).ok().and_then(|n| self.bytes.get_mut(n)) {
            *sum = sum.saturating_sub(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use natbed_units::{SimDuration, SimTime};

    use super::{SERIES_MAX, Series};

    fn series() -> Series {
        let mut series = Series::new(SimDuration::from_millis(100));
        series.start = SimTime::from_nanos(50_000_000);
        series
    }

    fn at(millis: u64) -> SimTime {
        SimTime::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn an_interval_ends_right_before_the_next() {
        let mut series = series();
        for (millis, bytes) in [(50, 1), (149, 2), (150, 4), (360, 8)] {
            series.add(at(millis), bytes);
        }
        assert_eq!(series.bytes, [3, 4, 0, 8]);
        series.take_back(at(149), 2);
        assert_eq!(series.bytes, [1, 4, 0, 8]);
    }

    #[test]
    fn it_does_not_grow_for_ever() {
        let mut series = series();
        series.add(at(50 + 100 * (SERIES_MAX as u64 - 1)), 1);
        assert!(!series.is_cut);
        series.add(at(50 + 100 * SERIES_MAX as u64), 1);
        series.add(SimTime::MAX, 1);
        assert_eq!((series.bytes.len(), series.is_cut), (SERIES_MAX, true));
    }

    #[test]
    fn without_an_interval_there_is_none() {
        let mut series = Series::default();
        series.add(at(5), 5);
        assert_eq!(series, Series::default());
    }
}
