//! Calls: datagrams at a constant bit rate, and how they arrive.

use natbed_units::{ByteCount, Rate, SimDuration, SimTime};

use crate::config::Direction;
use crate::series::Series;

/// Datagrams at a constant bit rate, as audio or video sends them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallConfig {
    /// Which peers send.
    pub direction: Direction,
    /// Bits per second of media that each of them sends; headers are not counted.
    pub rate: Rate,
    /// Bytes of media in each datagram.
    pub size: ByteCount,
    /// How long.
    pub duration: SimDuration,
    /// A gap between two arrivals of at least this length is a freeze.
    pub freeze_after: SimDuration,
    /// Time between two samples of what arrived; `None` takes none.
    pub sample: Option<SimDuration>,
}

/// What one side of a call sent, and what arrived there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallReport {
    /// When this side began.
    pub started: Option<SimTime>,
    /// Datagrams that this side sent.
    pub sent: u64,
    /// Bytes of media in them.
    pub sent_bytes: u64,
    /// When the last of them was sent.
    pub last_sent: Option<SimTime>,
    /// Datagrams that the other side has sent, as far as this side can tell by their numbers.
    pub expected: u64,
    /// Datagrams that arrived here, each once.
    pub received: u64,
    /// Bytes of media in them.
    pub received_bytes: u64,
    /// Datagrams that arrived once more.
    pub duplicates: u64,
    /// Datagrams that arrived after one that was sent later.
    pub reordered: u64,
    /// When the first one arrived.
    pub first_received: Option<SimTime>,
    /// When the last one arrived.
    pub last_received: Option<SimTime>,
    /// The median time from sending to arrival; percentiles are nearest-rank, at most 1 % above.
    pub delay_p50: Option<SimDuration>,
    /// The one-way delay that 95 % did not exceed.
    pub delay_p95: Option<SimDuration>,
    /// The one-way delay that 99 % did not exceed.
    pub delay_p99: Option<SimDuration>,
    /// The longest one-way delay, exactly.
    pub delay_max: Option<SimDuration>,
    /// The interarrival jitter at the end (RFC 3550 section 6.4.1).
    pub jitter: Option<SimDuration>,
    /// The largest that it was.
    pub jitter_max: Option<SimDuration>,
    /// How often nothing arrived for as long as makes a freeze.
    pub freezes: u64,
    /// How long that lasted in sum.
    pub frozen: SimDuration,
    /// What arrived here by intervals, if that was asked for.
    pub series: Option<Series>,
}
