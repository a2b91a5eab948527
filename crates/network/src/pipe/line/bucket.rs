//! The token bucket.

use natbed_units::{Rate, SimDuration, SimTime};

use super::{Clock, LineState, Turn, bytes};
use crate::pipe::bit_nanos;
use crate::pipe::config::Shaper;

/// A bucket of tokens, each of which lets a bit-nanosecond go, and the line behind it.
#[derive(Clone, Debug)]
pub(in crate::pipe) struct Bucket {
    rate: u64,
    peak: Option<u64>,
    /// In bytes, what it holds,
    burst: u64,
    /// and what was in it at a time.
    level: Level,
    /// The same before the packet on the line took its bytes out.
    before: Level,
    /// When the packet on the line began, or will.
    begins: SimTime,
    /// When the line behind the bucket is done.
    clock: Clock,
}

#[derive(Clone, Copy, Debug)]
struct Level {
    tokens: u64,
    at: SimTime,
}

impl Bucket {
    pub(super) fn new(shaper: Shaper) -> Self {
        let burst = shaper.burst.bytes();
        let level = Level { tokens: bit_nanos(burst), at: SimTime::ZERO };
        Self {
            rate: shaper.rate.bits_per_second(),
            peak: shaper.peak.map(Rate::bits_per_second),
            burst,
            level,
            before: level,
            begins: SimTime::ZERO,
            clock: Clock::default(),
        }
    }

    pub(super) fn holds(&self, length: u32) -> bool {
        u64::from(length) <= self.burst
    }

    pub(super) const fn rate(&self) -> u64 {
        self.rate
    }

    /// What is in the bucket at a time that is not before that of the level.
    fn tokens(&self, at: SimTime) -> u64 {
        let Level { tokens, at: since } = self.level;
        let filled = at.saturating_since(since).as_nanos().saturating_mul(self.rate);
        tokens.saturating_add(filled).min(bit_nanos(self.burst))
    }

    pub(super) fn begin(&mut self, now: SimTime, arrived: SimTime, length: u32) -> Turn {
        let start = match self.peak {
            None => Clock::new(now),
            Some(_) => self.clock.not_before(arrived),
        };
        self.take(start, length)
    }

    /// Takes the bytes of a packet out of the bucket as soon as they are there.
    fn take(&mut self, start: Clock, length: u32) -> Turn {
        self.before = self.level;
        let work = bit_nanos(length.into());
        let missing = work.saturating_sub(self.tokens(start.at));
        let start = if missing == 0 {
            start
        } else {
            Clock::new(start.at + SimDuration::from_nanos(missing.div_ceil(self.rate)))
        };
        let tokens = self.tokens(start.at).saturating_sub(work);
        self.level = Level { tokens, at: start.at };
        self.begins = start.at;
        self.clock = match self.peak {
            None => start,
            Some(peak) => start.after(work, peak),
        };
        Turn { begins: start.at, ends: self.clock.rounded_up() }
    }

    pub(super) fn left(&self, now: SimTime, length: u32) -> u64 {
        match self.peak {
            Some(peak) if self.begins < now => self.clock.left(now, peak),
            _ => bit_nanos(length.into()),
        }
    }

    /// Takes over a packet: one that still waits for another bucket waits for this one.
    pub(super) fn take_over(
        &mut self,
        now: SimTime,
        from: &LineState,
        left: u64,
        length: u32,
    ) -> SimTime {
        if let LineState::Shaper(old) = from {
            if old.begins < now {
                self.inherit(now, old);
                self.begins = old.begins;
                self.clock = self.peak.map_or(Clock::new(now), |p| Clock::new(now).after(left, p));
                return self.clock.rounded_up();
            }
            self.inherit(now, &Self { level: old.before, ..old.clone() });
        }
        // The bucket may hold less than the packet, which would then wait for ever.
        let length = u64::from(bytes(left).min(length)).min(self.burst);
        self.take(Clock::new(now), length as u32).ends
    }

    /// Begins with what is in another bucket now, as far as it has room for that.
    pub(super) fn inherit(&mut self, now: SimTime, old: &Self) {
        let at = now.max(old.level.at);
        self.level = Level { tokens: old.tokens(at).min(bit_nanos(self.burst)), at };
        self.before = self.level;
    }
}
