//! Loads: what the hosts of a session send to each other, and what is expected of it.

use natbed_units::{ByteCount, Ppm, Rate, SimDuration};

use super::{CongestionControl, Sender};

/// A load of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedLoad {
    /// Its name; `None` for the only one of a session, given by `load`.
    pub name: Option<String>,
    /// What it is.
    pub load: Load,
    /// How long after the session has connected it begins.
    pub after: SimDuration,
    /// What its outcome is held against.
    pub expect: LoadExpect,
}

/// What the hosts of a session send to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// Each host sends, the other one sends the same back.
    Echo {
        /// How many.
        count: u32,
        /// The time from one to the next.
        interval: SimDuration,
        /// The payload's size.
        size: ByteCount,
    },
    /// A bulk transfer over QUIC (RFC 9000).
    Quic(QuicLoad),
    /// A bulk transfer over SCTP, as WebRTC data channels use it (RFC 8831).
    Sctp(SctpLoad),
    /// A bulk transfer over TCP (RFC 9293), without ICE.
    Tcp(TcpLoad),
    /// Datagrams at a constant bit rate, as a call sends them.
    Datagrams(DatagramsLoad),
}

impl Load {
    /// Returns the longest payload that it sends in one datagram, as far as it may choose itself.
    #[must_use]
    pub fn largest_datagram(&self) -> ByteCount {
        match self {
            Self::Echo { size, .. } => *size,
            Self::Datagrams(datagrams) => datagrams.size,
            Self::Quic(_) | Self::Sctp(_) | Self::Tcp(_) => ByteCount::new(1_200),
        }
    }

    /// Returns the key that the language writes it under.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Echo { .. } => "echo",
            Self::Quic(_) => "quic",
            Self::Sctp(_) => "sctp",
            Self::Tcp(_) => "tcp",
            Self::Datagrams(_) => "datagrams",
        }
    }
}

/// What a bulk transfer sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Who sends.
    pub from: Sender,
    /// How much each sender sends.
    pub amount: Amount,
    /// The time between two samples of what arrived; `None` takes none.
    pub sample: Option<SimDuration>,
}

/// How much a bulk transfer sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// So many bytes.
    Bytes(ByteCount),
    /// As much as goes through in so much time.
    For(SimDuration),
}

/// A bulk transfer over QUIC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuicLoad {
    /// What it sends.
    pub transfer: Transfer,
    /// How many streams it is spread over.
    pub streams: u16,
    /// How it keeps from flooding the path.
    pub congestion: CongestionControl,
    /// The most bytes that a receiver lets be on their way, in sum and on each stream.
    pub window: ByteCount,
}

/// A bulk transfer over SCTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SctpLoad {
    /// What it sends.
    pub transfer: Transfer,
    /// How many streams it is spread over.
    pub streams: u16,
    /// Whether messages of a stream are handed over in order.
    pub ordered: bool,
    /// The most bytes that a receiver lets be on their way.
    pub window: ByteCount,
}

/// A bulk transfer over TCP, from one host's address to another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpLoad {
    /// What it sends.
    pub transfer: Transfer,
    /// How it keeps from flooding the path.
    pub congestion: CongestionControl,
    /// The receive buffer: the most bytes that are let be on their way.
    pub window: ByteCount,
}

/// Datagrams at a constant bit rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatagramsLoad {
    /// Who sends.
    pub from: Sender,
    /// Bits of media per second that each sender sends.
    pub rate: Rate,
    /// Bytes of media in each datagram.
    pub size: ByteCount,
    /// How long.
    pub duration: SimDuration,
    /// The gap between two arrivals from which on it counts as a freeze.
    pub freeze_after: SimDuration,
    /// The time between two samples of what arrived; `None` takes none.
    pub sample: Option<SimDuration>,
}

/// What the outcome of a load is held against; what is `None` is not looked at.
///
/// Where both hosts send, each direction must keep it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadExpect {
    /// Bits of the application that arrive per second.
    pub goodput: Option<Bounds<Rate>>,
    /// The time from the load's start to the last byte.
    pub complete_within: Option<SimDuration>,
    /// The share that is lost, of echoes or datagrams.
    pub loss: Option<Bounds<Ppm>>,
    /// The median round trip of echoes.
    pub rtt_p50: Option<Bounds<SimDuration>>,
    /// The 95th percentile of the echoes' round trips.
    pub rtt_p95: Option<Bounds<SimDuration>>,
    /// The median one-way delay.
    pub delay_p50: Option<Bounds<SimDuration>>,
    /// The 95th percentile of the one-way delay.
    pub delay_p95: Option<Bounds<SimDuration>>,
    /// The 99th percentile of the one-way delay.
    pub delay_p99: Option<Bounds<SimDuration>>,
    /// The interarrival jitter (RFC 3550) at the end.
    pub jitter: Option<Bounds<SimDuration>>,
    /// How often a call froze.
    pub freezes: Option<Bounds<u32>>,
    /// The share of datagrams or segments that were sent again.
    pub retransmitted: Option<Bounds<Ppm>>,
}

impl LoadExpect {
    /// Says whether nothing is expected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Bounds that an observation must keep, both included; at least one of them is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds<T> {
    /// The smallest value that passes.
    pub at_least: Option<T>,
    /// The largest value that passes.
    pub at_most: Option<T>,
}
