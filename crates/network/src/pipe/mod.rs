//! Pipes: one direction of a link, with rate, delay and a drop-tail queue.

use natbed_packet::DropReason;
use natbed_units::{ByteCount, Rate, SimDuration, SimTime};

use crate::id::Place;
use crate::slab::Slot;

mod config;
mod validate;

pub use config::{
    Codel, Distribution, Fate, FqCodel, GilbertElliott, Jitter, Line, LinkConfig, Loss, PipeConfig,
    Queue, QueueLimit, RateSchedule, Red, Shaper,
};
pub use validate::PipeConfigError;

/// What became of a packet that was put into a pipe.
pub(crate) enum Entry {
    /// It comes out at that time.
    Queued(SimTime),
    /// It is through already.
    Passed,
}

#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) to: Place,
    /// In bytes; [`Pipe::NO_MTU`] is none.
    pub(crate) mtu: u32,
    rate: Option<Rate>,
    delay: SimDuration,
    /// The queue limit in bit-nanoseconds, see [`Pipe::enter`].
    queue: u64,
    /// When the line has sent everything that is in the queue, rounded down,
    busy_until: SimTime,
    /// and the rest in bit-nanoseconds, less than the rate.
    busy_rest: u64,
    pub(crate) is_down: bool,
    /// Nothing is attached to it any more: it stays down.
    pub(crate) is_left: bool,
    pub(crate) head: Slot,
    pub(crate) tail: Slot,
}

impl Pipe {
    /// An MTU that no packet reaches.
    pub(crate) const NO_MTU: u32 = u32::MAX;

    /// Makes a pipe that has been validated.
    pub(crate) fn new(config: &PipeConfig, to: Place) -> Self {
        let rate = match config.line {
            Line::Rate(rate) => Some(rate),
            _ => None,
        };
        let queue = match config.queue {
            Queue::DropTail(QueueLimit { bytes: Some(bytes), .. }) => bytes,
            _ => ByteCount::new(u64::MAX),
        };
        Self {
            to,
            mtu: mtu(config),
            rate,
            delay: config.delay,
            queue: bit_nanos(queue),
            busy_until: SimTime::ZERO,
            busy_rest: 0,
            is_down: false,
            is_left: false,
            head: Slot::NONE,
            tail: Slot::NONE,
        }
    }

    /// Says whether packets pass in the instant they come.
    #[inline]
    pub(crate) fn takes_no_time(&self) -> bool {
        self.rate.is_none() && self.delay.is_zero()
    }

    /// Accounts for a packet of `length` bytes that enters now.
    ///
    /// The line is accounted for in bit-nanoseconds, of which it sends its rate in every
    /// nanosecond: so no rounding adds up, neither in the times nor in what the queue holds.
    #[inline]
    pub(crate) fn enter(
        &mut self,
        now: SimTime,
        length: impl FnOnce() -> ByteCount,
    ) -> Result<Entry, DropReason> {
        if self.is_down {
            return Err(DropReason::LinkDown);
        }
        let Some(rate) = self.rate else {
            return Ok(if self.delay.is_zero() {
                Entry::Passed
            } else {
                Entry::Queued(now + self.delay)
            });
        };
        let rate = rate.bits_per_second();
        if self.busy_until < now {
            (self.busy_until, self.busy_rest) = (now, 0);
        }
        let packet = self.busy_rest.saturating_add(bit_nanos(length()));
        let backlog = self.busy_until.saturating_since(now).as_nanos().saturating_mul(rate);
        // A line without any rate never sends: its queue is always full.
        if rate == 0 || backlog.saturating_add(packet) > self.queue {
            return Err(DropReason::QueueFull);
        }
        self.busy_until += SimDuration::from_nanos(packet / rate);
        self.busy_rest = packet % rate;
        let sent = self.busy_until + SimDuration::from_nanos(u64::from(self.busy_rest > 0));
        Ok(Entry::Queued(sent + self.delay))
    }
}

/// The MTU of a pipe in bytes, [`Pipe::NO_MTU`] if there is none.
fn mtu(config: &PipeConfig) -> u32 {
    config.mtu.map_or(Pipe::NO_MTU, |mtu| u32::try_from(mtu.bytes()).unwrap_or(Pipe::NO_MTU))
}

/// Bits times nanoseconds in a second; beyond 2.3 GB it stays at the largest number.
const fn bit_nanos(length: ByteCount) -> u64 {
    length.bytes().saturating_mul(8_000_000_000)
}

#[cfg(test)]
mod tests {
    use natbed_packet::DropReason;
    use natbed_units::{ByteCount, Rate, SimDuration, SimTime};

    use super::{Entry, Pipe, PipeConfig};
    use crate::id::{HostId, Place};

    fn pipe(rate: u64, queue: u64) -> Pipe {
        let (rate, delay) = (Rate::from_bits_per_second(rate), SimDuration::from_millis(10));
        Pipe::new(
            &PipeConfig::with_rate(rate, delay, ByteCount::new(queue)),
            Place::Host(HostId(0)),
        )
    }

    fn out(pipe: &mut Pipe, now_us: u64, bytes: u64) -> Result<u64, DropReason> {
        match pipe.enter(SimTime::from_nanos(now_us * 1_000), || ByteCount::new(bytes))? {
            Entry::Queued(due) => Ok(due.as_nanos() / 1_000),
            Entry::Passed => unreachable!("the pipe has a delay"),
        }
    }

    #[test]
    fn packets_wait_for_those_before_them() {
        let mut pipe = pipe(8_000_000, 10_000); // 1 byte per microsecond
        assert_eq!(out(&mut pipe, 0, 1_000), Ok(11_000));
        assert_eq!(out(&mut pipe, 0, 1_000), Ok(12_000));
        assert_eq!(out(&mut pipe, 5_000, 1_000), Ok(16_000));
    }

    #[test]
    fn a_full_queue_drops_the_newcomer() {
        let mut pipe = pipe(8_000_000, 2_500);
        assert!(out(&mut pipe, 0, 1_000).is_ok());
        assert!(out(&mut pipe, 0, 1_000).is_ok());
        assert_eq!(out(&mut pipe, 0, 1_000), Err(DropReason::QueueFull));
        assert!(out(&mut pipe, 0, 500).is_ok(), "a smaller one still fits");
        assert!(out(&mut pipe, 1_000, 1_000).is_ok(), "the queue has drained by then");
    }

    #[test]
    fn an_ideal_pipe_takes_no_time() {
        let mut pipe = Pipe::new(&PipeConfig::IDEAL, Place::Host(HostId(0)));
        let entry = pipe.enter(SimTime::ZERO, || ByteCount::new(1_500));
        assert!(matches!(entry, Ok(Entry::Passed)));
    }
}
