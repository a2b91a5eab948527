//! When each datagram of a call is due.

use natbed_units::SimDuration;

use super::CallConfig;

/// The times of datagrams, exact over any duration.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    /// Nanobits of a datagram; over bits per second that makes nanoseconds.
    nanobits: u128,
    rate: u128,
    total: u64,
}

impl Schedule {
    /// A rate of zero counts as one bit per second.
    pub(super) fn new(config: &CallConfig) -> Self {
        let nanobits = u128::from(config.size.bytes().max(1)) * 8_000_000_000;
        let rate = u128::from(config.rate.bits_per_second().max(1));
        let total = (u128::from(config.duration.as_nanos()) * rate).div_ceil(nanobits);
        Self { nanobits, rate, total: u64::try_from(total).unwrap_or(u64::MAX) }
    }

    /// Datagrams that are due before the end.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// How long after the start the datagram with this number, from 0, is due.
    pub(super) fn due(&self, number: u64) -> SimDuration {
        let nanos = u128::from(number) * self.nanobits / self.rate;
        SimDuration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use natbed_units::{ByteCount, Rate, SimDuration};

    use super::Schedule;
    use crate::call::{CallConfig, MediaPreset};

    const HOUR: SimDuration = SimDuration::from_secs(3600);

    #[test]
    fn presets_meet_their_rate_over_an_hour_to_the_bit() {
        for media in [MediaPreset::AUDIO, MediaPreset::VIDEO_720P, MediaPreset::VIDEO_1080P] {
            let schedule = Schedule::new(&CallConfig::of(media, HOUR));
            let bits = media.rate.bits_per_second() * 3600;
            assert_eq!(schedule.total() * media.size.bytes() * 8, bits);
            assert_eq!(schedule.due(schedule.total()), HOUR, "no drift");
        }
    }

    #[test]
    fn datagrams_of_audio_are_twenty_milliseconds_apart() {
        let schedule = Schedule::new(&CallConfig::of(MediaPreset::AUDIO, HOUR));
        for number in [0, 1, 2, 50, 179_999] {
            assert_eq!(schedule.due(number), SimDuration::from_millis(20) * number);
        }
    }

    #[test]
    fn an_odd_rate_is_met_to_the_datagram() {
        let config = CallConfig {
            rate: Rate::from_bits_per_second(1_234_567),
            size: ByteCount::new(1_111),
            ..CallConfig::of(MediaPreset::AUDIO, HOUR)
        };
        let schedule = Schedule::new(&config);
        let total = schedule.total();
        assert!(schedule.due(total - 1) < HOUR && schedule.due(total) >= HOUR);
        // 1,234,567 * 3600 / 8888 = 500,049.77...
        assert_eq!(total, 500_050);
        for number in 0..total {
            let step = schedule.due(number + 1) - schedule.due(number);
            assert!([7_199_285, 7_199_286].contains(&step.as_nanos()), "{step} at {number}");
        }
    }

    #[test]
    fn no_number_is_too_large() {
        let config = CallConfig {
            rate: Rate::from_bits_per_second(u64::MAX),
            size: ByteCount::new(24),
            ..CallConfig::of(MediaPreset::AUDIO, SimDuration::from_nanos(u64::MAX))
        };
        let schedule = Schedule::new(&config);
        assert_eq!(schedule.total(), u64::MAX);
        let slow = Schedule::new(&CallConfig { rate: Rate::from_bits_per_second(0), ..config });
        assert_eq!(slow.due(u64::MAX).as_nanos(), u64::MAX);
    }

    #[test]
    fn a_call_of_no_time_has_no_datagram() {
        let config = CallConfig::of(MediaPreset::AUDIO, SimDuration::ZERO);
        assert_eq!(Schedule::new(&config).total(), 0);
    }
}
