//! Calls: datagrams at a constant bit rate, how many arrived, when, and where there was a gap.

use serde::{Deserialize, Serialize};

use super::{BottleneckRecord, SeriesRecord};

/// What came of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRecord {
    /// Each direction in which a host sent, in the order of the session's hosts.
    pub directions: Vec<CallDirection>,
    /// The fullest pipe on its way; `None` if no pipe there has a rate.
    pub bottleneck: Option<BottleneckRecord>,
}

/// One direction of a call.
///
/// Bytes are the media's, without any header. Delays are one way, from the time of sending that
/// each datagram carries to its arrival.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallDirection {
    /// The host that sent.
    pub from: String,
    /// The host that it was for.
    pub to: String,
    /// When the load began; virtual nanoseconds since the start of the run.
    pub started_at_ns: Option<u64>,
    /// Datagrams sent.
    pub sent: u64,
    /// Datagrams that arrived, each once.
    pub received: u64,
    /// Datagrams that did not arrive.
    pub lost: u64,
    /// The share lost, in parts per million.
    pub loss_ppm: u32,
    /// Datagrams that arrived once more.
    pub duplicates: u64,
    /// Datagrams that arrived after one that was sent later.
    pub reordered: u64,
    /// Bytes that arrived.
    pub bytes: u64,
    /// Bits that arrived per second of sending: the rate of the call times the share of its bytes
    /// that arrived. `None` if nothing was sent.
    pub goodput_bps: Option<u64>,
    /// The median one-way delay; percentiles are too long by at most 1 %.
    pub delay_p50_ns: Option<u64>,
    /// The one-way delay that 95 % did not exceed.
    pub delay_p95_ns: Option<u64>,
    /// The one-way delay that 99 % did not exceed.
    pub delay_p99_ns: Option<u64>,
    /// The longest one-way delay, exactly.
    pub delay_max_ns: Option<u64>,
    /// The interarrival jitter at the end (RFC 3550 section 6.4.1).
    pub jitter_ns: Option<u64>,
    /// The largest that it was.
    pub jitter_max_ns: Option<u64>,
    /// How often nothing arrived for as long as makes a freeze.
    pub freezes: u64,
    /// How long that lasted in sum, in virtual nanoseconds.
    pub frozen_ns: u64,
    /// The freezes, each one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outages: Vec<OutageRecord>,
    /// What arrived by intervals; `None` unless the scenario asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<SeriesRecord>,
}

/// A time in which nothing of a call arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutageRecord {
    /// When the last datagram before it arrived; virtual nanoseconds since the start of the run.
    pub at_ns: u64,
    /// When the next one did; where none did, when the last one should have.
    pub until_ns: u64,
}
