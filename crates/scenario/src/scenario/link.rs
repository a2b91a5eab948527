//! Links: two pipes, each with a line, a queue, a delay, and what goes wrong on the way.
//!
//! The network describes its pipes in the same parts; there stands what each of them does.

use std::sync::Arc;

use natbed_units::trace::Trace;
use natbed_units::{ByteCount, Ppm, Rate, SimDuration};

/// A link, both directions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Away from the attached box.
    pub up: Pipe,
    /// Toward the attached box.
    pub down: Pipe,
}

/// One direction of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pipe {
    /// How fast packets leave the queue.
    pub line: Line,
    /// One-way delay, once the line has sent a packet.
    pub delay: SimDuration,
    /// Where packets wait for the line.
    pub queue: Queue,
    /// The largest packet in bytes; `None` is unlimited.
    pub mtu: Option<u16>,
    /// Which packets are lost on the wire.
    pub loss: Loss,
    /// How the delay varies; `None` is not at all.
    pub jitter: Option<Jitter>,
    /// The share of packets that come out twice.
    pub duplicate: Ppm,
    /// The share of packets that come out with wrong bits.
    pub corrupt: Ppm,
}

impl Default for Pipe {
    /// 100 us, unlimited, with a queue of 256 KiB for when a rate is set.
    fn default() -> Self {
        Self {
            line: Line::Unlimited,
            delay: SimDuration::from_micros(100),
            queue: Queue::drop_tail(ByteCount::new(256 << 10)),
            mtu: None,
            loss: Loss::None,
            jitter: None,
            duplicate: Ppm::ZERO,
            corrupt: Ppm::ZERO,
        }
    }
}

/// How fast a pipe sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// At once.
    Unlimited,
    /// At a fixed rate.
    Rate(Rate),
    /// A token bucket.
    Shaper(Shaper),
    /// As a trace says, which repeats.
    Trace(Arc<Trace>),
    /// At rates that change with time.
    Schedule(Arc<RateSchedule>),
}

/// A token bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shaper {
    /// The rate at which the bucket fills.
    pub rate: Rate,
    /// What it holds.
    pub burst: ByteCount,
    /// The rate of the line behind it, at least `rate`; `None` sends in an instant.
    pub peak: Option<Rate>,
}

/// Rates that change with time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateSchedule {
    /// From when since the start of the run which rate holds: the first from zero, then in order.
    pub steps: Vec<(SimDuration, Rate)>,
    /// After how long it begins anew; `None` stays at the last rate.
    pub repeat: Option<SimDuration>,
}

/// Where packets wait for the line, and which of them are dropped there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// First in, first out.
    DropTail(QueueLimit),
    /// CoDel (RFC 8289).
    Codel(Codel),
    /// FQ-CoDel (RFC 8290).
    FqCodel(FqCodel),
    /// Random early detection (Floyd and Jacobson 1993).
    Red(Red),
}

impl Queue {
    /// Makes a drop-tail queue of that many bytes.
    #[must_use]
    pub const fn drop_tail(bytes: ByteCount) -> Self {
        Self::DropTail(QueueLimit { bytes: Some(bytes), packets: None })
    }

    /// Returns what it holds at most.
    #[must_use]
    pub const fn limit(&self) -> QueueLimit {
        match self {
            Self::DropTail(limit) => *limit,
            Self::Codel(codel) => codel.limit,
            Self::FqCodel(fq_codel) => fq_codel.codel.limit,
            Self::Red(red) => red.limit,
        }
    }
}

/// The most that waits for a line; at least one of the two is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLimit {
    /// In bytes.
    pub bytes: Option<ByteCount>,
    /// In packets.
    pub packets: Option<u32>,
}

/// The parameters of CoDel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Codel {
    /// How long packets may wait always; above zero.
    pub target: SimDuration,
    /// How long they may wait longer; at least `target`.
    pub interval: SimDuration,
    /// Whether packets of ECN-capable transports are marked instead of dropped.
    pub ecn: bool,
    /// What it holds at most.
    pub limit: QueueLimit,
}

/// The parameters of FQ-CoDel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FqCodel {
    /// CoDel of each flow; its limit holds for all flows together.
    pub codel: Codel,
    /// How many flows are told apart.
    pub flows: u32,
    /// Bytes that a flow sends in one turn.
    pub quantum: ByteCount,
}

/// The parameters of RED.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Red {
    /// The average number of waiting bytes from which packets are dropped.
    pub min: ByteCount,
    /// That from which all are; more than `min`.
    pub max: ByteCount,
    /// The share dropped just below `max`; not zero.
    pub max_share: Ppm,
    /// How slowly the average follows: by one in 2 to this power.
    pub weight: u8,
    /// Whether packets of ECN-capable transports are marked instead of dropped.
    pub ecn: bool,
    /// What it holds at most.
    pub limit: QueueLimit,
}

/// Which packets are lost on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loss {
    /// None.
    None,
    /// Each with this probability.
    Independent(Ppm),
    /// In bursts.
    GilbertElliott(GilbertElliott),
    /// As a list says that repeats.
    Pattern(Arc<[Fate]>),
    /// Those with these numbers, from one on, in ascending order.
    Packets(Arc<[u64]>),
}

/// What becomes of a packet under [`Loss::Pattern`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It goes on.
    Keep,
    /// It is lost.
    Drop,
}

/// A wire that is good or bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GilbertElliott {
    /// The probability that it turns bad after a packet; not zero.
    pub good_to_bad: Ppm,
    /// The probability that it turns good after a packet; not zero.
    pub bad_to_good: Ppm,
    /// The share of packets lost while it is good.
    pub loss_good: Ppm,
    /// The share of packets lost while it is bad.
    pub loss_bad: Ppm,
}

/// How the delay of a pipe varies from packet to packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jitter {
    /// How far: the most of a uniform distribution, the standard deviation of the others.
    pub spread: SimDuration,
    /// How it is distributed around the delay.
    pub distribution: Distribution,
    /// How much of it a packet shares with the one before.
    pub correlation: Ppm,
    /// Whether a packet may overtake another one.
    pub reorder: bool,
}

/// How jitter is distributed around the delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distribution {
    /// Evenly.
    Uniform,
    /// Normally.
    Normal,
    /// A Pareto distribution of shape 3.
    Pareto,
}

impl Line {
    /// Returns the most that it carries: a rate, and what may go on top of that at any time.
    ///
    /// `None` for a line without a limit.
    #[must_use]
    pub fn most(&self) -> Option<(Rate, ByteCount)> {
        match self {
            Self::Unlimited => None,
            Self::Rate(rate) => Some((*rate, ByteCount::ZERO)),
            Self::Shaper(shaper) => Some((shaper.rate, shaper.burst)),
            Self::Trace(trace) => {
                // All of one repetition may come at once, and the average is rounded down.
                let bytes = trace.millis().len() as u64 * Trace::OPPORTUNITY.bytes();
                let rate = trace.average_rate().bits_per_second() + 1;
                Some((Rate::from_bits_per_second(rate), ByteCount::new(bytes)))
            }
            Self::Schedule(schedule) => {
                let rates = schedule.steps.iter().map(|(_, rate)| *rate);
                rates.max().map(|rate| (rate, ByteCount::ZERO))
            }
        }
    }
}
