//! What a line could have sent in a span of time.

use natbed_units::trace::Trace;
use natbed_units::{SimDuration, SimTime};

use crate::pipe::{Line, RateSchedule, Shaper};

/// Bits times nanoseconds in the seconds of a byte.
pub(super) const BYTE: u128 = 8_000_000_000;

/// What a line can send from one time to another, in bit-nanoseconds per second ([`BYTE`] is a
/// byte); `None` if it is unlimited.
///
/// Of a token bucket it is what flows into it.
pub(super) fn capacity(line: &Line, from: SimTime, to: SimTime) -> Option<u128> {
    let between =
        |sum: &dyn Fn(u64) -> u128| sum(to.as_nanos()).saturating_sub(sum(from.as_nanos()));
    Some(match line {
        Line::Unlimited => return None,
        Line::Rate(rate) | Line::Shaper(Shaper { rate, .. }) => {
            between(&|nanos| u128::from(rate.bits_per_second()) * u128::from(nanos))
        }
        Line::Trace(trace) => {
            let bytes = u128::from(Trace::OPPORTUNITY.bytes());
            between(&|nanos| opportunities(trace, nanos) * bytes * BYTE)
        }
        Line::Schedule(schedule) => between(&|nanos| scheduled(schedule, nanos)),
    })
}

/// How often a trace lets something go until a time, that time included.
fn opportunities(trace: &Trace, nanos: u64) -> u128 {
    let (millis, period) = (trace.millis(), trace.period().as_nanos().max(1));
    let (repetitions, rest) = (nanos / period, nanos % period);
    let begun = millis.partition_point(|at| u64::from(*at) * 1_000_000 <= rest);
    u128::from(repetitions) * millis.len() as u128 + begun as u128
}

/// What a schedule lets go until a time.
fn scheduled(schedule: &RateSchedule, nanos: u64) -> u128 {
    let once = |until: u64| {
        let ends = schedule.steps.iter().skip(1).map(|(at, _)| at.as_nanos()).chain([u64::MAX]);
        let spans = schedule.steps.iter().zip(ends).map(|((start, rate), end)| {
            let span = end.min(until).saturating_sub(start.as_nanos());
            u128::from(rate.bits_per_second()) * u128::from(span)
        });
        spans.sum::<u128>()
    };
    match schedule.repeat.map(SimDuration::as_nanos).filter(|repeat| *repeat > 0) {
        Some(repeat) => u128::from(nanos / repeat) * once(repeat) + once(nanos % repeat),
        None => once(nanos),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use natbed_units::trace::Trace;
    use natbed_units::{ByteCount, Rate, SimDuration, SimTime};

    use super::{BYTE, capacity};
    use crate::pipe::{Line, RateSchedule, Shaper};

    /// In bytes, between two times in milliseconds.
    fn bytes(line: &Line, from: u64, to: u64) -> u128 {
        let at = |millis: u64| SimTime::from_nanos(millis * 1_000_000);
        capacity(line, at(from), at(to)).unwrap() / BYTE
    }

    #[test]
    fn a_rate_and_a_bucket_send_their_rate() {
        let rate = Rate::from_bits_per_second(8_000_000);
        let shaper = Shaper { rate, burst: ByteCount::new(5_000), peak: None };
        for line in [Line::Rate(rate), Line::Shaper(shaper)] {
            assert_eq!(bytes(&line, 20, 30), 10_000);
        }
        assert_eq!(capacity(&Line::Unlimited, SimTime::ZERO, SimTime::MAX), None);
    }

    #[test]
    fn a_trace_sends_at_its_times_over_and_over() {
        let line = Line::Trace(Arc::new(Trace::parse("2\n2\n10\n").unwrap()));
        for (from, to, times) in [
            (0, 1, 0),
            (0, 2, 2),
            (2, 9, 0),  // without its beginning,
            (2, 10, 1), // with its end
            (10, 12, 2),
            (0, 20, 6),
            (5, 1_005, 300),
        ] {
            assert_eq!(bytes(&line, from, to), times * 1_500, "{from} to {to}");
        }
    }

    #[test]
    fn a_schedule_sends_what_its_steps_do() {
        let (millis, rate) = (SimDuration::from_millis, Rate::from_bits_per_second);
        let steps = vec![
            (millis(0), rate(8_000_000)),
            (millis(10), rate(0)),
            (millis(30), rate(16_000_000)),
        ];
        let once = Line::Schedule(Arc::new(RateSchedule { steps: steps.clone(), repeat: None }));
        assert_eq!(bytes(&once, 0, 30), 10_000);
        assert_eq!(bytes(&once, 5, 31), 5_000 + 2_000);
        assert_eq!(bytes(&once, 30, 1_030), 2_000_000);
        let repeat = Some(millis(40));
        let again = Line::Schedule(Arc::new(RateSchedule { steps, repeat }));
        assert_eq!(bytes(&again, 0, 40), 30_000);
        assert_eq!(bytes(&again, 35, 45), 10_000 + 5_000);
        assert_eq!(bytes(&again, 5, 4_005), 100 * 30_000);
    }
}
