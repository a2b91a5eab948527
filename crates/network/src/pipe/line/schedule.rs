//! Rates that change with time.

use natbed_units::{SimDuration, SimTime};

use super::Clock;
use crate::pipe::config::RateSchedule;

impl RateSchedule {
    /// The rate at a time in bits per second, and until when it holds.
    pub(super) fn rate_at(&self, at: SimTime) -> (u64, SimTime) {
        let at = at.as_nanos();
        let (began, into) = match self.repeat.map(SimDuration::as_nanos) {
            Some(period) => (at - at % period, at % period),
            None => (0, at),
        };
        let next = self.steps.partition_point(|(from, _)| from.as_nanos() <= into);
        // The first step begins at zero.
        let rate =
            self.steps.get(next.saturating_sub(1)).map_or(0, |step| step.1.bits_per_second());
        let until = match (self.steps.get(next), self.repeat) {
            (Some((from, _)), _) => began.saturating_add(from.as_nanos()),
            (None, Some(period)) => began.saturating_add(period.as_nanos()),
            (None, None) => u64::MAX,
        };
        (rate, SimTime::from_nanos(until))
    }

    /// How long a repetition is, and the work in it.
    fn repetition(&self) -> Option<(u64, u64)> {
        let period = self.repeat?.as_nanos();
        let ends = self.steps.iter().skip(1).map(|(from, _)| from.as_nanos());
        let work = self.steps.iter().zip(ends.chain([period])).map(|((from, rate), end)| {
            end.saturating_sub(from.as_nanos()).saturating_mul(rate.bits_per_second())
        });
        Some((period, work.fold(0, u64::saturating_add)))
    }

    /// The clock after so much work.
    pub(super) fn after(&self, clock: Clock, work: u64) -> Clock {
        let (mut clock, mut work) = (clock, work);
        loop {
            // Whole repetitions at once: they may be short and slow.
            if clock.rest == 0
                && let Some((period, each)) = self.repetition()
                && clock.at.as_nanos() % period == 0
                && work > each
                && each > 0
            {
                let times = (work - 1) / each;
                clock = Clock::new(clock.at + SimDuration::from_nanos(period) * times);
                work -= times * each;
            }
            let (rate, until) = self.rate_at(clock.at);
            // What the rate can still do; the rest of the clock is work done already.
            let room = until.saturating_since(clock.at).as_nanos().saturating_mul(rate);
            let done = room.saturating_sub(clock.rest);
            if rate > 0 && work <= done || until == SimTime::MAX {
                return clock.after(work, rate.max(1));
            }
            work -= done;
            clock = Clock::new(until);
        }
    }

    /// The work from a time until a clock, nothing if the clock is before it.
    pub(super) fn work_between(&self, from: SimTime, clock: Clock) -> u64 {
        let (mut at, mut work) = (from, 0_u64);
        if clock.at < from {
            return 0;
        }
        loop {
            if let Some((period, each)) = self.repetition()
                && at.as_nanos() % period == 0
            {
                let times = clock.at.saturating_since(at).as_nanos() / period;
                work = work.saturating_add(each.saturating_mul(times));
                at += SimDuration::from_nanos(period) * times;
            }
            let (rate, until) = self.rate_at(at);
            let end = until.min(clock.at);
            let span = end.saturating_since(at).as_nanos();
            work = work.saturating_add(span.saturating_mul(rate));
            if clock.at < until || until == SimTime::MAX {
                return work.saturating_add(clock.rest);
            }
            at = until;
        }
    }
}
