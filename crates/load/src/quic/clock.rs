//! Virtual time as the instants that `quinn-proto` reckons with.

use std::time::{Duration, Instant};

use natbed_units::{SimDuration, SimTime};

/// Maps times to instants and back, exact to the nanosecond both ways.
///
/// `quinn-proto` looks at differences of instants only, so it does not matter which instant stands
/// for which time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    base: Instant,
    start: SimTime,
}

impl Clock {
    pub(super) fn new(start: SimTime) -> Self {
        // There is no other way to an `Instant`; its value is never looked at.
        #[allow(clippy::disallowed_methods)]
        Self { base: Instant::now(), start }
    }

    /// Returns the instant of `now`, which is not before the start.
    pub(super) fn instant(&self, now: SimTime) -> Instant {
        self.base + Duration::from_nanos(now.saturating_since(self.start).as_nanos())
    }

    /// Returns the time of an instant; times past the end of virtual time are its end.
    pub(super) fn time(&self, instant: Instant) -> SimTime {
        let since_base = instant.saturating_duration_since(self.base).as_nanos();
        let nanos = u64::try_from(since_base).unwrap_or(u64::MAX);
        self.start + SimDuration::from_nanos(nanos)
    }
}

#[cfg(test)]
mod tests {
    use natbed_units::SimTime;

    use super::Clock;

    #[test]
    fn times_go_there_and_back_to_the_nanosecond() {
        let start = SimTime::from_nanos(1_234_567_891);
        let clock = Clock::new(start);
        for nanos in [1_234_567_891, 1_234_567_892, 5_999_999_999, 86_400_000_000_001] {
            let time = SimTime::from_nanos(nanos);
            assert_eq!(clock.time(clock.instant(time)), time);
        }
        assert_eq!(clock.time(clock.instant(SimTime::ZERO)), start, "nothing before the start");
    }
}
