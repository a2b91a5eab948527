//! What a session cost: bytes on the wire, pipes on its way, what relays carried.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A pipe that payload of a load went through, and what it did to it.
///
/// A pipe is one direction of a link of a host or of a gateway's uplink.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PipeRecord {
    /// Its name: that of the host or of the gateway's LAN, and `up` or `down` as seen from there.
    pub pipe: String,
    /// The load, by its name; empty for the only one of a session.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub load: String,
    /// Its rate in bits per second, the mean of the time if it changes; `None` without a limit.
    pub rate_bps: Option<u64>,
    /// Packets of the load that went into it.
    pub packets: u64,
    /// Their bytes, from the IP header on.
    pub bytes: u64,
    /// Those that it lost, by the code of the drop reason.
    pub dropped: BTreeMap<String, u64>,
    /// The median time that they waited in its queue for the line; percentiles are too long by less
    /// than 0.8 %.
    pub queued_p50_ns: u64,
    /// The time in the queue that 95 % did not exceed.
    pub queued_p95_ns: u64,
    /// The time in the queue that 99 % did not exceed.
    pub queued_p99_ns: u64,
    /// The longest time in the queue, exactly.
    pub queued_max_ns: u64,
    /// How much of the time from the load's first packet to its last the line was busy, with
    /// whatever traffic, in parts per million; `None` without a rate.
    pub utilisation_ppm: Option<u32>,
}

/// What the bytes of one direction of a load were, as they left the sender's host.
///
/// `wire = ip + udp + tcp + channel_data + indication + shim + transport`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireRecord {
    /// The host that sent.
    pub from: String,
    /// The host that it was for.
    pub to: String,
    /// The load, by its name; empty for the only one of a session.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub load: String,
    /// Datagrams, or segments of TCP.
    pub datagrams: u64,
    /// Those that reached the receiver's host.
    pub delivered: u64,
    /// Those that were lost, by the code of the drop reason.
    pub lost: BTreeMap<String, u64>,
    /// All their bytes, from the IP header on.
    pub wire: u64,
    /// IP headers.
    pub ip: u64,
    /// UDP headers.
    pub udp: u64,
    /// TCP headers with their options.
    pub tcp: u64,
    /// What TURN adds in ChannelData (RFC 8656 section 12.4).
    pub channel_data: u64,
    /// What TURN adds in Send and Data indications (RFC 8656 section 11).
    pub indication: u64,
    /// What natbed adds to tell payload by: a tag, and for most loads the time of sending.
    pub shim: u64,
    /// The rest: QUIC or SCTP packets, media, TCP payload; what was sent again is among it.
    pub transport: u64,
    /// Bytes of the application that arrived: the goodput's.
    pub application: u64,
}

/// What a relay carried of all sessions of the run: its bill.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayRecord {
    /// The host.
    pub host: String,
    /// Payload that reached it.
    pub received: CarriedRecord,
    /// Payload that it sent on.
    pub sent: CarriedRecord,
    /// Sessions that it sent payload of.
    pub sessions: u64,
    /// The most of them at once.
    pub peak_sessions: u64,
}

/// Payload datagrams on one side of a relay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarriedRecord {
    /// How many.
    pub datagrams: u64,
    /// Their bytes on the wire, from the IP header on.
    pub bytes: u64,
    /// What they carry for the hosts, in bytes.
    pub payload: u64,
}
