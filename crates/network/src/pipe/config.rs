//! Pipes as they are asked for: line, queue, delay, and what goes wrong on the way.

use std::sync::Arc;

use natbed_units::trace::Trace;
use natbed_units::{ByteCount, Ppm, Rate, SimDuration};

/// One direction of a link as it is asked for.
///
/// A packet goes through its parts in this order: the *queue*, in which it waits for the line; the
/// *line*, which sends one packet after the other; *loss*, *duplication* and *corruption* on the
/// wire; and *delay* with *jitter*. Every part that draws random numbers has a generator of its
/// own, so that a change of one part leaves the draws of the others alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PipeConfig {
    /// How fast packets leave the queue; IP headers count, link layers do not.
    pub line: Line,
    /// Time from the last bit in to the last bit out, once the line has sent a packet.
    pub delay: SimDuration,
    /// Where packets wait for the line; without effect when the line is unlimited.
    pub queue: Queue,
    /// The longest packet it takes, IP header included; `None` takes all.
    ///
    /// The node that would send a longer one into it cuts it into fragments or drops it. A LAN is
    /// no such node: toward its members it acts for its gateway with what came through that, and
    /// loses the rest in silence. IPv4 needs 68 bytes (RFC 791), IPv6 1280 (RFC 8200 section 5):
    /// with less some packets cannot be cut small enough.
    pub mtu: Option<ByteCount>,
    /// Which packets are lost on the wire. They have used the queue and the line.
    pub loss: Loss,
    /// How the delay varies; `None` is not at all.
    pub jitter: Option<Jitter>,
    /// How many of the packets that were not lost come out twice.
    ///
    /// The copy is made as the packet leaves the line, and is delayed and corrupted on its own.
    pub duplicate: Ppm,
    /// How many of the packets that were not lost have wrong bits when they come out.
    ///
    /// They go on, through NATs as well, until the host they are for sees that the checksum is
    /// wrong.
    pub corrupt: Ppm,
}

impl PipeConfig {
    /// A pipe that takes no time: packets pass in the instant they come.
    pub const IDEAL: Self = Self::with_delay(SimDuration::ZERO);

    /// Makes a pipe of unlimited rate.
    #[must_use]
    pub const fn with_delay(delay: SimDuration) -> Self {
        Self {
            line: Line::Unlimited,
            delay,
            queue: Queue::DEFAULT,
            mtu: None,
            loss: Loss::None,
            jitter: None,
            duplicate: Ppm::ZERO,
            corrupt: Ppm::ZERO,
        }
    }

    /// Makes a pipe of a fixed rate in front of which `queue` bytes wait at most.
    #[must_use]
    pub fn with_rate(rate: Rate, delay: SimDuration, queue: ByteCount) -> Self {
        let line = Line::Rate(rate);
        Self { line, queue: Queue::drop_tail(queue), ..Self::with_delay(delay) }
    }
}

impl Default for PipeConfig {
    fn default() -> Self {
        Self::IDEAL
    }
}

/// Both directions of a link, named as its host or gateway sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    pub fn symmetric(pipe: PipeConfig) -> Self {
        Self { up: pipe.clone(), down: pipe }
    }
}

/// How fast a pipe sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// At once: no packet waits.
    Unlimited,
    /// At a fixed rate, one packet after the other.
    Rate(Rate),
    /// A token bucket, as the tbf of Linux.
    Shaper(Shaper),
    /// As a trace says, which begins at the start of the run and repeats.
    ///
    /// At each of its times 1500 bytes may go, of one packet or several; what is not used then is
    /// lost, and a packet uses only times after the one at which it came. A packet comes out at
    /// the time at which its last byte goes. So does the link shell of Mahimahi (Netravali et al.,
    /// USENIX ATC 2015).
    Trace(Arc<Trace>),
    /// At rates that change with time.
    Schedule(Arc<RateSchedule>),
}

impl From<Option<Rate>> for Line {
    /// No rate is no limit.
    fn from(rate: Option<Rate>) -> Self {
        rate.map_or(Self::Unlimited, Self::Rate)
    }
}

/// A token bucket: it fills at `rate` up to `burst`, and a packet goes when the bucket holds its
/// bytes, which it then takes out.
///
/// Over any span of time no more than `rate` times the span plus `burst` goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shaper {
    /// The rate at which the bucket fills.
    pub rate: Rate,
    /// What the bucket holds, at least one full packet; it is full at the start of the run.
    ///
    /// A packet longer than that is dropped.
    pub burst: ByteCount,
    /// The rate of the line behind the bucket, at least `rate`; `None` sends in an instant.
    pub peak: Option<Rate>,
}

/// Rates that change with time: each from a time since the start of the run on.
///
/// A packet on the line while the rate changes goes on at the new one; while the rate is zero
/// nothing goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateSchedule {
    /// From when which rate holds: the first from zero, the others later and later.
    pub steps: Vec<(SimDuration, Rate)>,
    /// After how long it begins anew, later than the last step; `None` stays at the last rate.
    pub repeat: Option<SimDuration>,
}

/// Where packets wait for the line, and which of them are dropped there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// First in, first out; what finds it full is dropped as `queue-full`.
    DropTail(QueueLimit),
    /// CoDel, controlled delay (RFC 8289).
    Codel(Codel),
    /// Fair queueing with CoDel (RFC 8290).
    FqCodel(FqCodel),
    /// Random early detection (Floyd and Jacobson 1993).
    Red(Red),
}

impl Queue {
    /// 256 KiB, drop-tail.
    pub const DEFAULT: Self = Self::drop_tail(ByteCount::new(256 * 1024));

    /// Makes a drop-tail queue of that many bytes.
    #[must_use]
    pub const fn drop_tail(bytes: ByteCount) -> Self {
        Self::DropTail(QueueLimit { bytes: Some(bytes), packets: None })
    }
}

impl Default for Queue {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The most that waits for a line; at least one of the two is given.
///
/// What is on the line counts as well, with the bytes of it that are not sent yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLimit {
    /// In bytes, at least one full packet.
    pub bytes: Option<ByteCount>,
    /// In packets, at least one.
    pub packets: Option<u32>,
}

/// The parameters of CoDel (RFC 8289): it drops when packets have waited too long for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Codel {
    /// How long packets may wait always (RFC 8289 section 4.4: 5 ms).
    pub target: SimDuration,
    /// How long they may wait longer, about a round trip (RFC 8289 section 4.3: 100 ms).
    pub interval: SimDuration,
    /// Whether packets of ECN-capable transports are marked instead of dropped.
    pub ecn: bool,
    /// What it holds at most.
    pub limit: QueueLimit,
}

impl Codel {
    /// As RFC 8289 and Linux have it: 5 ms, 100 ms, no ECN, 1000 packets.
    pub const DEFAULT: Self = Self {
        target: SimDuration::from_millis(5),
        interval: SimDuration::from_millis(100),
        ecn: false,
        limit: QueueLimit { bytes: None, packets: Some(1_000) },
    };
}

impl Default for Codel {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The parameters of FQ-CoDel (RFC 8290): flows take turns, and each is under CoDel.
///
/// A flow is what has one protocol, pair of addresses and pair of ports; fragments have no ports.
/// Its number is a hash of these with a seed of the pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FqCodel {
    /// CoDel of each flow; its limit holds for all flows together, and what exceeds it is dropped
    /// from the head of the flow with the most bytes, as `queue-full`.
    pub codel: Codel,
    /// How many flows are told apart, 1 to 65,536 (RFC 8290 section 5.2.3: 1024).
    pub flows: u32,
    /// Bytes that a flow sends in one turn, at least 64 (RFC 8290 section 5.2.4: 1514).
    pub quantum: ByteCount,
}

impl FqCodel {
    /// As RFC 8290 and Linux have it: 1024 flows, ECN, 10 240 packets or 32 MiB; the quantum is an
    /// IP packet of Ethernet.
    pub const DEFAULT: Self = Self {
        codel: Codel {
            ecn: true,
            limit: QueueLimit { bytes: Some(ByteCount::new(32 << 20)), packets: Some(10_240) },
            ..Codel::DEFAULT
        },
        flows: 1_024,
        quantum: ByteCount::new(1_500),
    };
}

impl Default for FqCodel {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The parameters of RED (Floyd and Jacobson, "Random Early Detection Gateways for Congestion
/// Avoidance", IEEE/ACM Transactions on Networking 1993).
///
/// It keeps a moving average of the bytes that wait. Below `min` nothing is dropped; from there to
/// `max` packets are dropped, or marked, with a probability that grows from zero to `max_share`;
/// from `max` on all are dropped, those of ECN-capable transports too (RFC 3168 section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Red {
    /// The average from which packets are dropped.
    pub min: ByteCount,
    /// The average from which all are, more than `min`.
    pub max: ByteCount,
    /// The share dropped just below `max`; not zero.
    pub max_share: Ppm,
    /// How slowly the average follows: each packet moves it by one in 2 to this power, 1 to 24.
    pub weight: u8,
    /// Whether packets of ECN-capable transports are marked instead of dropped.
    pub ecn: bool,
    /// What it holds at most.
    pub limit: QueueLimit,
}

/// Which packets are lost on the wire, as `lost-on-the-wire`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Loss {
    /// None.
    #[default]
    None,
    /// Each with this probability, whatever happened to others.
    Independent(Ppm),
    /// In bursts.
    GilbertElliott(GilbertElliott),
    /// As a list says that repeats, one entry for each packet that leaves the line.
    Pattern(Arc<[Fate]>),
    /// The packets with these numbers: from one on, in the order in which they leave the line, and
    /// in ascending order here.
    List(Arc<[u64]>),
}

/// What becomes of a packet under [`Loss::Pattern`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fate {
    /// It goes on.
    Keep,
    /// It is lost.
    Drop,
}

/// A wire that is good or bad (Gilbert 1960, Elliott 1963); it begins good.
///
/// Each packet is lost with the probability of the state, which then may change. In the long run
/// it is bad for `good_to_bad / (good_to_bad + bad_to_good)` of the packets, and
/// `1 / bad_to_good` packets long on average.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GilbertElliott {
    /// The probability that it turns bad after a packet: p.
    pub good_to_bad: Ppm,
    /// The probability that it turns good after a packet: r.
    pub bad_to_good: Ppm,
    /// The share of packets lost while it is good: 1 - k.
    pub loss_good: Ppm,
    /// The share of packets lost while it is bad: 1 - h.
    pub loss_bad: Ppm,
}

/// How the delay of a pipe varies from packet to packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jitter {
    /// How far; what that means depends on the distribution.
    ///
    /// A delay that would be negative is zero, so where `spread` is not small against the delay of
    /// the pipe the mean is larger than that delay.
    pub spread: SimDuration,
    /// How it is distributed around the delay of the pipe.
    pub distribution: Distribution,
    /// How much of it a packet shares with the one before, as the correlation of normal variables
    /// from which all distributions are made.
    pub correlation: Ppm,
    /// Whether a packet may overtake another one; if not, it waits for the one before it.
    pub reorder: bool,
}

/// How jitter is distributed around the delay; all have that as their mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Distribution {
    /// Evenly, up to `spread` less and more.
    Uniform,
    /// Normally; `spread` is the standard deviation.
    Normal,
    /// A Pareto distribution of shape 3: many packets a little earlier than the mean, few much
    /// later; `spread` is the standard deviation.
    Pareto,
}
