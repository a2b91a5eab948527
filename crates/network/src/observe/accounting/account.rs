//! What one load cost, as the network saw it.

use std::collections::BTreeMap;

use natbed_packet::{Body, DropReason, Packet};
use natbed_units::{SimDuration, SimTime};

use super::histogram::{Histogram, Quantiles};
use super::series::Series;
use crate::id::{HostId, Place};
use crate::observe::PayloadTag;
use crate::observe::turn_frame::Framing;

/// What one load of one session cost on the wire, for each direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadAccount {
    /// The load.
    pub tag: PayloadTag,
    /// The hosts it runs between.
    pub peers: [HostId; 2],
    /// From the first peer to the second, and back.
    pub directions: [DirectionAccount; 2],
}

/// One direction of a load.
///
/// A datagram is counted when the peer's host sends it, whatever becomes of it, so that
/// `sent.datagrams + made = delivered.datagrams + lost + at_relay + in_flight`. Through a relay
/// that takes two packets (or three, through two relays), which count as one datagram: the first
/// one's size as sent, the last one's as delivered. A datagram cut into fragments counts as one of
/// its whole length and lives as long as its first fragment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirectionAccount {
    /// What left the sender's host.
    pub sent: WireBytes,
    /// What reached the receiver's host and was taken there.
    pub delivered: WireBytes,
    /// Copies that the network made on the way, and datagrams that a relay sent more often than it
    /// got them.
    pub made: u64,
    /// Fragments that the network made of its datagrams, the first of each excepted.
    pub fragments: u64,
    /// Datagrams lost, by reason and place; what the receiver's host had no taker for is lost there.
    pub lost: BTreeMap<(DropReason, Place), u64>,
    /// Datagrams that reached a relay which has not sent them on: at the end of a run, those that
    /// were lost inside it.
    pub at_relay: u64,
    /// Datagrams on their way in the network.
    pub in_flight: u64,
    /// One-way delay, from the time of sending that each datagram carries to its arrival at the
    /// receiver's host, taken there or not; through a relay, the whole way. For TCP, of segments
    /// with payload, from host to host. Empty for loads without a time of sending.
    pub delay: Quantiles,
    /// Interarrival jitter of the same (RFC 3550 section 6.4.1) at the last arrival, in nanoseconds
    /// instead of timestamp units.
    pub jitter: SimDuration,
    /// When the first and the last datagram left the sender's host.
    pub sending: Option<(SimTime, SimTime)>,
    /// When the first and the last datagram reached the receiver's host.
    pub receiving: Option<(SimTime, SimTime)>,
    /// Transport bytes delivered in each interval; empty if none was asked for.
    pub series: Series,
}

impl DirectionAccount {
    /// Returns the number of datagrams lost.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.values().sum()
    }
}

/// Datagrams (for TCP: segments) and what their bytes are.
///
/// `wire = ip_header + udp_header + tcp_header + channel_data + indication + shim + transport`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WireBytes {
    /// How many.
    pub datagrams: u64,
    /// How many of them were in a TURN frame of either kind.
    pub framed: u64,
    /// All bytes, from the IP header on.
    pub wire: u64,
    /// IP headers: 20 bytes for IPv4, 40 for IPv6.
    pub ip_header: u64,
    /// UDP headers: 8 bytes each.
    pub udp_header: u64,
    /// TCP headers with their options.
    pub tcp_header: u64,
    /// What TURN adds in ChannelData, padding included (RFC 8656 section 12.4).
    pub channel_data: u64,
    /// What TURN adds in Send and Data indications (RFC 8656 section 11).
    pub indication: u64,
    /// What natbed adds: the payload tag, and for most loads the time of sending.
    pub shim: u64,
    /// The rest: QUIC and SCTP packets, media, TCP payload; with the headers that these have
    /// themselves, and what they sent again.
    pub transport: u64,
}

impl WireBytes {
    /// What one packet is; `shim` is what its load puts in front of the transport's bytes.
    #[inline]
    pub(super) fn of(packet: &Packet, framing: Framing, inner: usize, shim: u64) -> Self {
        let wire = packet.wire_len().bytes();
        let ip_header = if packet.source.is_ipv4() { 20 } else { 40 };
        let mut bytes = Self { datagrams: 1, wire, ip_header, ..Self::default() };
        match &packet.body {
            Body::Udp(udp) => {
                let inner = inner as u64;
                let frame = udp.payload.len() as u64 - inner;
                bytes.udp_header = 8;
                match framing {
                    Framing::Bare => {}
                    Framing::ChannelData => (bytes.framed, bytes.channel_data) = (1, frame),
                    Framing::Indication => (bytes.framed, bytes.indication) = (1, frame),
                }
                bytes.shim = shim.min(inner);
                bytes.transport = inner - bytes.shim;
            }
            Body::Tcp(tcp) => {
                bytes.tcp_header = 20 + tcp.options.len() as u64;
                bytes.transport = tcp.payload.len() as u64;
            }
            Body::Icmp(_) | Body::Fragment(_) => {}
        }
        bytes
    }

    #[inline]
    fn each(&mut self, other: &Self, change: impl Fn(u64, u64) -> u64) {
        let Self {
            datagrams,
            framed,
            wire,
            ip_header,
            udp_header,
            tcp_header,
            channel_data,
            indication,
            shim,
            transport,
        } = self;
        *datagrams = change(*datagrams, other.datagrams);
        *framed = change(*framed, other.framed);
        *wire = change(*wire, other.wire);
        *ip_header = change(*ip_header, other.ip_header);
        *udp_header = change(*udp_header, other.udp_header);
        *tcp_header = change(*tcp_header, other.tcp_header);
        *channel_data = change(*channel_data, other.channel_data);
        *indication = change(*indication, other.indication);
        *shim = change(*shim, other.shim);
        *transport = change(*transport, other.transport);
    }

    #[inline]
    pub(super) fn add(&mut self, other: &Self) {
        self.each(other, |sum, n| sum + n);
    }

    pub(super) fn take_back(&mut self, other: &Self) {
        self.each(other, u64::saturating_sub);
    }
}

/// One direction while it is counted.
#[derive(Clone, Debug, Default)]
pub(super) struct Direction {
    pub(super) account: DirectionAccount,
    delays: Histogram,
    last_delay: Option<u64>,
    /// Sixteen times the jitter (RFC 3550 appendix A.8).
    jitter: u64,
}

impl Direction {
    pub(super) fn new(interval: SimDuration) -> Self {
        let series = Series::new(interval);
        let account = DirectionAccount { series, ..DirectionAccount::default() };
        Self { account, ..Self::default() }
    }

    #[inline]
    pub(super) fn send(&mut self, now: SimTime, bytes: &WireBytes) {
        self.account.sent.add(bytes);
        self.account.in_flight += 1;
        let (_, last) = self.account.sending.get_or_insert((now, now));
        *last = now;
    }

    #[inline]
    pub(super) fn deliver(&mut self, now: SimTime, bytes: &WireBytes, delay: Option<SimDuration>) {
        self.account.delivered.add(bytes);
        self.account.series.add(now, bytes.transport);
        let (_, last) = self.account.receiving.get_or_insert((now, now));
        *last = now;
        let Some(delay) = delay else { return };
        self.delays.record(delay);
        let delay = delay.as_nanos();
        if let Some(last) = self.last_delay.replace(delay) {
            let decay = self.jitter.saturating_add(8) >> 4;
            self.jitter = self.jitter.saturating_add(delay.abs_diff(last)) - decay;
        }
    }

    /// A datagram that was delivered in this instant had no taker after all.
    pub(super) fn give_back(&mut self, now: SimTime, bytes: &WireBytes) {
        self.account.delivered.take_back(bytes);
        self.account.series.take_back(now, bytes.transport);
    }

    pub(super) fn lose(&mut self, loss: (DropReason, Place)) {
        *self.account.lost.entry(loss).or_default() += 1;
    }

    pub(super) fn account(&self) -> DirectionAccount {
        DirectionAccount {
            delay: self.delays.quantiles(),
            jitter: SimDuration::from_nanos(self.jitter >> 4),
            ..self.account.clone()
        }
    }
}
