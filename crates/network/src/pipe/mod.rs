//! Pipes: one direction of a link, with a line, a queue, delay, and what goes wrong on the way.
//!
//! A *plain* pipe has a fixed rate or none, a drop-tail queue in bytes, and a delay. It knows as a
//! packet enters when it comes out, and costs one event for each packet. Every other pipe has an
//! [`Engine`](engine::Engine), which decides packet by packet.
//!
//! Start reading in `config.rs` (what there is); then `drive.rs` (how packets go through an engine),
//! `queue/`, `line/` and `wire/` (the parts of one).

use natbed_packet::DropReason;
use natbed_units::{ByteCount, Ppm, Rate, SimDuration, SimTime};

use crate::id::Place;
use crate::slab::Slot;

mod config;
mod drive;
mod engine;
mod line;
mod name;
mod queue;
mod validate;
mod wire;

pub use config::{
    Codel, Distribution, Fate, FqCodel, GilbertElliott, Jitter, Line, LinkConfig, Loss, PipeConfig,
    Queue, QueueLimit, RateSchedule, Red, Shaper,
};
use engine::Engine;
use validate::FULL_PACKET;
pub use validate::PipeConfigError;

/// The longest queue of a plain pipe, in bytes: what fits its way of counting.
const PLAIN_QUEUE_MAX: u64 = 2_000_000_000;

impl PipeConfig {
    /// Says whether it is known as a packet enters when it comes out.
    fn is_plain(&self) -> bool {
        let is_plain_queue = match self.queue {
            Queue::DropTail(QueueLimit { bytes: Some(bytes), packets: None }) => {
                bytes.bytes() <= PLAIN_QUEUE_MAX
            }
            _ => false,
        };
        matches!(self.line, Line::Unlimited | Line::Rate(_))
            && is_plain_queue
            && self.loss == Loss::None
            && self.jitter.is_none()
            && self.duplicate == Ppm::ZERO
            && self.corrupt == Ppm::ZERO
    }
}

/// What became of a packet that was put into a pipe.
pub(crate) enum Entry {
    /// It is through already.
    Passed,
    /// It comes out at that time; no line took it.
    Delayed(SimTime),
    /// It comes out at `due`, having waited for the line for `wait`.
    Sent { due: SimTime, wait: SimDuration },
    /// The pipe is not a plain one.
    ForEngine,
}

#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) to: Place,
    /// In bytes; [`Pipe::NO_MTU`] is none.
    pub(crate) mtu: u32,
    /// In bits per second; zero is unlimited, as no line has a rate of zero.
    rate: u64,
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
    /// Which of the links of its near end it is, from zero.
    nth: u32,
    /// Packets on the wire, or in a plain pipe also those that wait: the first one out, and the last.
    pub(crate) head: Slot,
    pub(crate) tail: Slot,
    /// What is more than a plain pipe; if it is there, rate, delay and queue above are without
    /// meaning.
    engine: Option<Box<Engine>>,
}

impl Pipe {
    /// An MTU that no packet reaches.
    pub(crate) const NO_MTU: u32 = u32::MAX;

    /// Makes a plain pipe.
    fn plain(config: &PipeConfig, delay: SimDuration, to: Place, nth: u32) -> Self {
        let rate = match config.line {
            Line::Rate(rate) => rate.bits_per_second(),
            _ => 0,
        };
        let queue = match config.queue {
            Queue::DropTail(QueueLimit { bytes: Some(bytes), .. }) => bytes,
            _ => ByteCount::new(PLAIN_QUEUE_MAX),
        };
        Self {
            to,
            mtu: mtu(config),
            rate,
            delay,
            queue: bit_nanos(queue.bytes()),
            busy_until: SimTime::ZERO,
            busy_rest: 0,
            is_down: false,
            is_left: false,
            nth,
            head: Slot::NONE,
            tail: Slot::NONE,
            engine: None,
        }
    }

    /// What a plain pipe was asked to be, if `core` of its delay is that of the core.
    fn plain_config(&self, core: SimDuration) -> PipeConfig {
        let rate = (self.rate > 0).then(|| Rate::from_bits_per_second(self.rate));
        PipeConfig {
            line: rate.into(),
            queue: Queue::drop_tail(ByteCount::new(self.queue / bit_nanos(1))),
            mtu: (self.mtu != Self::NO_MTU).then(|| ByteCount::new(self.mtu.into())),
            ..PipeConfig::with_delay(self.delay.saturating_sub(core))
        }
    }

    /// Says whether packets pass in the instant they come.
    #[inline]
    pub(crate) fn takes_no_time(&self) -> bool {
        self.rate == 0 && self.delay.is_zero() && self.engine.is_none()
    }

    /// Says whether it is a plain pipe with nothing in it.
    fn is_idle(&self) -> bool {
        self.engine.is_none() && self.head.is_none()
    }

    /// What a plain pipe has not sent yet, in bit-nanoseconds.
    fn backlog(&self, now: SimTime) -> u64 {
        if self.busy_until < now {
            return 0;
        }
        let span = self.busy_until.saturating_since(now).as_nanos();
        span.saturating_mul(self.rate).saturating_add(self.busy_rest)
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
        if self.engine.is_some() {
            return Ok(Entry::ForEngine);
        }
        let rate = self.rate;
        if rate == 0 {
            return Ok(if self.delay.is_zero() {
                Entry::Passed
            } else {
                Entry::Delayed(now + self.delay)
            });
        }
        if self.busy_until < now {
            (self.busy_until, self.busy_rest) = (now, 0);
        }
        let packet = self.busy_rest.saturating_add(bit_nanos(length().bytes()));
        let wait = self.busy_until.saturating_since(now);
        let backlog = wait.as_nanos().saturating_mul(rate);
        if backlog.saturating_add(packet) > self.queue {
            return Err(DropReason::QueueFull);
        }
        self.busy_until += SimDuration::from_nanos(packet / rate);
        self.busy_rest = packet % rate;
        let sent = self.busy_until + SimDuration::from_nanos(u64::from(self.busy_rest > 0));
        Ok(Entry::Sent { due: sent + self.delay, wait })
    }
}

/// The MTU of a pipe in bytes, [`Pipe::NO_MTU`] if there is none.
fn mtu(config: &PipeConfig) -> u32 {
    config.mtu.map_or(Pipe::NO_MTU, |mtu| u32::try_from(mtu.bytes()).unwrap_or(Pipe::NO_MTU))
}

/// What a full packet of a pipe is, in bytes.
fn full_packet(config: &PipeConfig) -> u64 {
    config.mtu.map_or(FULL_PACKET, ByteCount::bytes)
}

/// Bits times nanoseconds in a second of so many bytes; beyond 2.3 GB it stays at the largest
/// number.
const fn bit_nanos(bytes: u64) -> u64 {
    bytes.saturating_mul(8_000_000_000)
}

#[cfg(test)]
mod tests {
    use natbed_packet::DropReason;
    use natbed_units::{ByteCount, Rate, SimDuration, SimTime};

    use super::{Entry, Pipe, PipeConfig};
    use crate::id::{HostId, Place};

    fn pipe(rate: u64, queue: u64) -> Pipe {
        let (rate, delay) = (Rate::from_bits_per_second(rate), SimDuration::from_millis(10));
        let config = PipeConfig::with_rate(rate, delay, ByteCount::new(queue));
        Pipe::plain(&config, delay, Place::Host(HostId(0)), 0)
    }

    fn out(pipe: &mut Pipe, now_us: u64, bytes: u64) -> Result<u64, DropReason> {
        match pipe.enter(SimTime::from_nanos(now_us * 1_000), || ByteCount::new(bytes))? {
            Entry::Sent { due, .. } => Ok(due.as_nanos() / 1_000),
            _ => unreachable!("the pipe has a line"),
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
        let mut pipe =
            Pipe::plain(&PipeConfig::IDEAL, SimDuration::ZERO, Place::Host(HostId(0)), 0);
        let entry = pipe.enter(SimTime::ZERO, || ByteCount::new(1_500));
        assert!(matches!(entry, Ok(Entry::Passed)));
    }
}
