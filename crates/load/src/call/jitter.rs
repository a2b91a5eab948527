//! The interarrival jitter of RTP.

use natbed_units::SimDuration;

/// Bits behind the point: with them sixteenths of sixteenths are kept for long enough that what is
/// rounded away stays far below a nanosecond.
const FRACTION: u32 = 56;

/// The interarrival jitter of RFC 3550 section 6.4.1, in integers.
///
/// With D the difference of two one-way delays that follow each other, J += (|D| - J) / 16.
#[derive(Debug, Default)]
pub(super) struct Jitter {
    last: Option<SimDuration>,
    /// J and the largest that it was, in nanoseconds with [`FRACTION`] bits behind the point.
    now: u128,
    max: u128,
    has_value: bool,
}

impl Jitter {
    /// Takes the one-way delay of the datagram that arrived next.
    pub(super) fn record(&mut self, delay: SimDuration) {
        if let Some(last) = self.last.replace(delay) {
            let difference = u128::from(last.as_nanos().abs_diff(delay.as_nanos())) << FRACTION;
            self.now = self.now - self.now / 16 + difference / 16;
            self.max = self.max.max(self.now);
            self.has_value = true;
        }
    }

    /// The jitter now, to the nearest nanosecond; `None` before two datagrams have arrived.
    pub(super) fn value(&self) -> Option<SimDuration> {
        self.has_value.then(|| rounded(self.now))
    }

    /// The largest that it was.
    pub(super) fn max(&self) -> Option<SimDuration> {
        self.has_value.then(|| rounded(self.max))
    }
}

fn rounded(fixed: u128) -> SimDuration {
    let nanos = (fixed + (1 << (FRACTION - 1))) >> FRACTION;
    SimDuration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use natbed_units::SimDuration;

    use super::Jitter;

    #[test]
    fn it_follows_the_formula_by_hand() {
        let mut jitter = Jitter::default();
        let mut after = |micros: u64| {
            jitter.record(SimDuration::from_micros(micros));
            jitter.value().map(SimDuration::as_nanos)
        };
        assert_eq!(after(20_000), None, "one delay has no difference");
        assert_eq!(after(20_000), Some(0));
        assert_eq!(after(36_000), Some(1_000_000)); // |D| = 16 ms: 0 + 16/16
        assert_eq!(after(36_000), Some(937_500)); // 1 - 1/16
        assert_eq!(after(20_000), Some(1_878_906)); // 0.9375 - 0.05859375 + 1 = 1.87890625
        assert_eq!(after(20_001), Some(1_761_537)); // 1.87890625 * 15/16 + 1/16000 = 1.7615371...
        assert_eq!(jitter.max().map(SimDuration::as_nanos), Some(1_878_906));
    }

    #[test]
    fn a_steady_difference_is_reached_to_the_nanosecond() {
        let mut jitter = Jitter::default();
        for n in 0..2_000 {
            jitter.record(SimDuration::from_nanos(20_000_000 + n % 2 * 1_234_567));
        }
        assert_eq!(jitter.value(), Some(SimDuration::from_nanos(1_234_567)));
        assert_eq!(jitter.max(), jitter.value());
    }

    #[test]
    fn no_difference_is_too_large() {
        let mut jitter = Jitter::default();
        for n in 0..1_000 {
            jitter.record(SimDuration::from_nanos(n % 2 * u64::MAX));
        }
        assert_eq!(jitter.value(), Some(SimDuration::from_nanos(u64::MAX)));
    }
}
