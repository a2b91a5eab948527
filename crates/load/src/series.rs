//! What arrived, by intervals of time.

use natbed_units::{SimDuration, SimTime};

/// Bytes that arrived in each interval since a start.
///
/// Bounded: what arrives after the last of [`Series::SAMPLES_MAX`] intervals is not sampled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    start: SimTime,
    interval: SimDuration,
    bytes: Vec<u64>,
}

impl Series {
    /// The most samples; at 100 ms they last for nearly three hours.
    pub const SAMPLES_MAX: usize = 100_000;

    /// Begins a series; an interval of nothing becomes a nanosecond.
    #[must_use]
    pub fn new(start: SimTime, interval: SimDuration) -> Self {
        let interval = interval.max(SimDuration::from_nanos(1));
        Self { start, interval, bytes: Vec::new() }
    }

    /// Counts bytes that arrived now.
    pub fn add(&mut self, now: SimTime, bytes: u64) {
        let place = now.saturating_since(self.start).as_nanos() / self.interval.as_nanos();
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        if place >= Self::SAMPLES_MAX {
            return;
        }
        if self.bytes.len() <= place {
            self.bytes.resize(place + 1, 0);
        }
        self.bytes[place] += bytes;
    }

    /// Returns the length of each interval.
    #[must_use]
    pub const fn interval(&self) -> SimDuration {
        self.interval
    }

    /// Returns when the first interval began.
    #[must_use]
    pub const fn start(&self) -> SimTime {
        self.start
    }

    /// Returns the bytes of each interval, up to the last one in which any arrived.
    #[must_use]
    pub fn bytes(&self) -> &[u64] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use natbed_units::{SimDuration, SimTime};

    use super::Series;

    #[test]
    fn bytes_fall_into_the_interval_they_arrive_in() {
        let at = |millis: u64| SimTime::from_nanos(millis * 1_000_000);
        let mut series = Series::new(at(1_000), SimDuration::from_millis(100));
        for (millis, bytes) in [(1_000, 1), (1_099, 2), (1_100, 4), (1_350, 8)] {
            series.add(at(millis), bytes);
        }
        assert_eq!(series.bytes(), [3, 4, 0, 8]);
    }

    #[test]
    fn a_series_does_not_grow_for_ever() {
        let mut series = Series::new(SimTime::ZERO, SimDuration::ZERO);
        series.add(SimTime::MAX, 1);
        assert_eq!(series.bytes(), []);
    }
}
