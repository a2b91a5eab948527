//! Lines: when each packet begins to leave and when its last bit is out.
//!
//! A line sends one packet at a time. Work is counted in bit-nanoseconds, of which a rate of `r`
//! bits per second does `r` in every nanosecond: so no rounding adds up.

use std::sync::Arc;

use natbed_units::{SimDuration, SimTime};

use super::bit_nanos;
use super::config::{Line, RateSchedule};
use bucket::Bucket;
use opportunities::Opportunities;

mod bucket;
mod opportunities;
mod schedule;

/// When a packet is on the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    /// When the line begins with it, rounded down; it may be later than now.
    pub(super) begins: SimTime,
    /// When its last bit is out, rounded up.
    pub(super) ends: SimTime,
}

/// A line with what it knows of the packet that is on it, or was the last one.
#[derive(Clone, Debug)]
pub(super) enum LineState {
    Unlimited,
    Rate { rate: u64, clock: Clock },
    Schedule { schedule: Arc<RateSchedule>, clock: Clock },
    Shaper(Bucket),
    Trace(Opportunities),
}

/// When a line of a rate has done its work: a time rounded down, and the rest in bit-nanoseconds,
/// less than the rate at that time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Clock {
    pub(super) at: SimTime,
    pub(super) rest: u64,
}

impl Clock {
    pub(super) const fn new(at: SimTime) -> Self {
        Self { at, rest: 0 }
    }

    /// The first whole nanosecond that is not before.
    pub(super) fn rounded_up(self) -> SimTime {
        self.at + SimDuration::from_nanos(u64::from(self.rest > 0))
    }

    /// The same clock once it is `at` at least.
    fn not_before(self, at: SimTime) -> Self {
        if self.at < at { Self::new(at) } else { self }
    }

    /// The clock after so much work at a rate above zero.
    pub(super) fn after(self, work: u64, rate: u64) -> Self {
        let work = self.rest.saturating_add(work);
        Self { at: self.at + SimDuration::from_nanos(work / rate), rest: work % rate }
    }

    /// The work from `now` until then.
    fn left(self, now: SimTime, rate: u64) -> u64 {
        if self.at < now {
            return 0;
        }
        self.at.saturating_since(now).as_nanos().saturating_mul(rate).saturating_add(self.rest)
    }
}

impl LineState {
    pub(super) fn new(line: &Line) -> Self {
        let clock = Clock::default();
        match line {
            Line::Unlimited => Self::Unlimited,
            Line::Rate(rate) => Self::Rate { rate: rate.bits_per_second(), clock },
            Line::Schedule(schedule) => Self::Schedule { schedule: Arc::clone(schedule), clock },
            Line::Shaper(shaper) => Self::Shaper(Bucket::new(*shaper)),
            Line::Trace(trace) => Self::Trace(Opportunities::new(trace)),
        }
    }

    pub(super) const fn is_unlimited(&self) -> bool {
        matches!(self, Self::Unlimited)
    }

    /// Says whether a packet of so many bytes can ever go.
    pub(super) fn takes(&self, length: u32) -> bool {
        match self {
            Self::Shaper(bucket) => bucket.holds(length),
            _ => true,
        }
    }

    /// Begins with a packet that came at `arrived`: the line is idle, or done with the one before
    /// in this nanosecond.
    pub(super) fn begin(&mut self, now: SimTime, arrived: SimTime, length: u32) -> Turn {
        let work = bit_nanos(length.into());
        match self {
            Self::Unlimited => Turn { begins: now, ends: now },
            Self::Rate { rate, clock } => {
                let start = clock.not_before(arrived);
                *clock = start.after(work, *rate);
                Turn { begins: start.at, ends: clock.rounded_up() }
            }
            Self::Schedule { schedule, clock } => {
                let start = clock.not_before(arrived);
                *clock = schedule.after(start, work);
                Turn { begins: start.at, ends: clock.rounded_up() }
            }
            Self::Shaper(bucket) => bucket.begin(now, arrived, length),
            Self::Trace(opportunities) => opportunities.begin(arrived, length),
        }
    }

    /// What of the packet on the line, of `length` bytes, is not sent yet, in bit-nanoseconds.
    ///
    /// A shaper and a trace send in leaps, and count a packet in full until it is out; so does a
    /// shaper with a peak rate while the packet waits for the bucket.
    pub(super) fn left(&self, now: SimTime, length: u32) -> u64 {
        match self {
            Self::Unlimited => 0,
            Self::Rate { rate, clock } => clock.left(now, *rate),
            Self::Schedule { schedule, clock } => schedule.work_between(now, *clock),
            Self::Shaper(bucket) => bucket.left(now, length),
            Self::Trace(_) => bit_nanos(length.into()),
        }
    }

    /// Takes over from another line that has `left` of the packet of `length` bytes on it still to
    /// do; returns when that one is out.
    pub(super) fn take_over(&mut self, now: SimTime, from: &Self, length: u32) -> SimTime {
        let left = from.left(now, length);
        match self {
            Self::Unlimited => now,
            Self::Rate { rate, clock } => {
                *clock = Clock::new(now).after(left, *rate);
                clock.rounded_up()
            }
            Self::Schedule { schedule, clock } => {
                *clock = schedule.after(Clock::new(now), left);
                clock.rounded_up()
            }
            Self::Shaper(bucket) => bucket.take_over(now, from, left, length),
            Self::Trace(opportunities) => opportunities.begin(now, bytes(left)).ends,
        }
    }

    /// Sends what is left of a packet that a plain pipe has begun to send; returns when it is out.
    pub(super) fn resume(&mut self, now: SimTime, left: u64) -> SimTime {
        if let Self::Rate { rate, clock } = self {
            *clock = Clock::new(now).after(left, *rate);
            return clock.rounded_up();
        }
        now
    }

    /// Takes what else there is to take over from another line: what is in the bucket.
    pub(super) fn inherit(&mut self, now: SimTime, from: &Self) {
        if let (Self::Shaper(bucket), Self::Shaper(old)) = (self, from) {
            bucket.inherit(now, old);
        }
    }

    /// The rate at which it goes now, or on average if it goes in leaps; in bits per second.
    pub(super) fn rate(&self, now: SimTime) -> u64 {
        match self {
            Self::Unlimited => u64::MAX,
            Self::Rate { rate, .. } => *rate,
            Self::Schedule { schedule, .. } => schedule.rate_at(now).0,
            Self::Shaper(bucket) => bucket.rate(),
            Self::Trace(opportunities) => opportunities.rate(),
        }
    }
}

/// Bytes that so much work is, rounded up.
fn bytes(work: u64) -> u32 {
    u32::try_from(work.div_ceil(bit_nanos(1))).unwrap_or(u32::MAX)
}
