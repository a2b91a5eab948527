//! Bulk transfers: how much arrived, how fast, and what that took.

use serde::{Deserialize, Serialize};

use super::{BottleneckRecord, SeriesRecord};

/// What came of a bulk transfer, whatever its transport.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferRecord {
    /// Each direction in which a host sent, in the order of the session's hosts.
    pub directions: Vec<TransferDirection>,
    /// The fullest pipe on its way; `None` if no pipe there has a rate.
    pub bottleneck: Option<BottleneckRecord>,
}

/// One direction of a bulk transfer.
///
/// Bytes are the application's: they count once, when the transport hands them over in order, and
/// neither headers nor what was sent again is among them. Times are virtual and, unless their
/// name says `_at_`, count from the load's start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferDirection {
    /// The host that sent.
    pub from: String,
    /// The host that it was for.
    pub to: String,
    /// Bytes that were to be sent; `None` for as many as go through in a given time.
    pub offered_bytes: Option<u64>,
    /// Bytes that arrived.
    pub bytes: u64,
    /// Bits that arrived per second: `bytes` over `last_byte_ns`, so that the transport's handshake
    /// counts. `None` if nothing arrived.
    pub goodput_bps: Option<u64>,
    /// When the load began; virtual nanoseconds since the start of the run.
    pub started_at_ns: Option<u64>,
    /// When the transport had connected, at the receiver.
    pub connected_ns: Option<u64>,
    /// When the first byte had arrived.
    pub first_byte_ns: Option<u64>,
    /// When the last byte had arrived.
    pub last_byte_ns: Option<u64>,
    /// When everything had arrived and the receiver knew it; `None` for a transfer that did not
    /// end.
    pub completed_ns: Option<u64>,
    /// Datagrams, or segments of TCP, that the sender's transport sent, acknowledgments included.
    pub datagrams: u64,
    /// Of these, those that carried something again or were given up for lost.
    pub retransmitted: u64,
    /// Bytes that were sent again, as far as the transport tells.
    pub retransmitted_bytes: u64,
    /// The share of `datagrams` that is `retransmitted`, in parts per million.
    pub retransmitted_ppm: u32,
    /// The round trip as the sender's transport had smoothed it last.
    pub rtt_ns: Option<u64>,
    /// The median time from sending to arrival of a datagram, as the network saw it; percentiles
    /// are too long by less than 0.8 %.
    pub delay_p50_ns: Option<u64>,
    /// The one-way delay that 95 % did not exceed.
    pub delay_p95_ns: Option<u64>,
    /// The one-way delay that 99 % did not exceed.
    pub delay_p99_ns: Option<u64>,
    /// The longest one-way delay, exactly.
    pub delay_max_ns: Option<u64>,
    /// Why a transport gave up, in its own words and by which host; `None` if none did.
    pub failure: Option<String>,
    /// What arrived by intervals; `None` unless the scenario asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<SeriesRecord>,
}

impl TransferDirection {
    /// Says whether everything that was to arrive has arrived.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.completed_ns.is_some()
    }
}
