//! Pipes: one direction of a link, with rate, delay and a drop-tail queue.

use natbed_packet::DropReason;
use natbed_units::{ByteCount, Rate, SimDuration, SimTime};

use crate::id::Place;
use crate::slab::Slot;

/// One direction of a link as it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PipeConfig {
    /// Bits per second on the wire, IP header included; `None` is unlimited.
    pub rate: Option<Rate>,
    /// Time from the last bit in to the last bit out.
    pub delay: SimDuration,
    /// The most bytes that wait for the line, the packet being sent included; drop-tail.
    pub queue: ByteCount,
}

impl PipeConfig {
    /// A pipe that takes no time: packets pass in the instant they come.
    pub const IDEAL: Self = Self::with_delay(SimDuration::ZERO);

    /// Makes a pipe of unlimited rate.
    #[must_use]
    pub const fn with_delay(delay: SimDuration) -> Self {
        Self { rate: None, delay, queue: ByteCount::new(256 * 1024) }
    }
}

/// Both directions of a link, named as its host or gateway sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkConfig {
    /// From the host or gateway toward the LAN or the core.
    pub up: PipeConfig,
    /// Toward the host or gateway.
    pub down: PipeConfig,
}

impl LinkConfig {
    /// A link that takes no time either way.
    pub const IDEAL: Self = Self { up: PipeConfig::IDEAL, down: PipeConfig::IDEAL };

    /// Makes a link with the same pipe in both directions.
    #[must_use]
    pub const fn symmetric(pipe: PipeConfig) -> Self {
        Self { up: pipe, down: pipe }
    }
}

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
    rate: Option<Rate>,
    delay: SimDuration,
    /// How long a full queue takes to drain: the queue limit in units of time.
    queue_time: SimDuration,
    /// When the line has sent everything that is in the queue.
    busy_until: SimTime,
    pub(crate) is_down: bool,
    pub(crate) head: Slot,
    pub(crate) tail: Slot,
}

impl Pipe {
    pub(crate) fn new(config: PipeConfig, to: Place) -> Self {
        let queue_time =
            config.rate.map_or(SimDuration::MAX, |rate| rate.serialization_time(config.queue));
        Self {
            to,
            rate: config.rate,
            delay: config.delay,
            queue_time,
            busy_until: SimTime::ZERO,
            is_down: false,
            head: Slot::NONE,
            tail: Slot::NONE,
        }
    }

    /// Accounts for a packet of `length` bytes that enters now.
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
        let serialization = rate.serialization_time(length());
        let backlog = self.busy_until.saturating_since(now);
        if backlog + serialization > self.queue_time {
            return Err(DropReason::QueueFull);
        }
        self.busy_until = now + backlog + serialization;
        Ok(Entry::Queued(self.busy_until + self.delay))
    }
}

#[cfg(test)]
mod tests {
    use natbed_packet::DropReason;
    use natbed_units::{ByteCount, Rate, SimDuration, SimTime};

    use super::{Entry, Pipe, PipeConfig};
    use crate::id::Place;

    fn pipe(rate: u64, queue: u64) -> Pipe {
        let config = PipeConfig {
            rate: Some(Rate::from_bits_per_second(rate)),
            delay: SimDuration::from_millis(10),
            queue: ByteCount::new(queue),
        };
        Pipe::new(config, Place::Core)
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
        let mut pipe = Pipe::new(PipeConfig::IDEAL, Place::Core);
        let entry = pipe.enter(SimTime::ZERO, || ByteCount::new(1_500));
        assert!(matches!(entry, Ok(Entry::Passed)));
    }
}
