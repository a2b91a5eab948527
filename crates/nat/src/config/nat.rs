//! What a NAT is told to be: the RFC 4787 properties as values.

use std::net::SocketAddr;

use ipnet::{IpNet, Ipv6Net};
use natbed_packet::Protocol;
use natbed_units::SimDuration;

use super::{
    Exhausted, Filtering, Fragments, Hairpin, Mapping, Pooling, PortAllocation, PortClasses,
    UnsolicitedTcp, WanInput,
};
use crate::FilterScope;

/// A port forward set up by hand: packets to the external port go to one internal endpoint.
///
/// It is a mapping that never ends and lets everybody in. What the internal endpoint sends leaves
/// from the external port; of several forwards to one endpoint, from that of the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forward {
    /// The protocol it is for; UDP or TCP.
    pub protocol: Protocol,
    /// The port on the external address.
    pub external_port: u16,
    /// Where the packets go.
    pub internal: SocketAddr,
}

/// Ports handed out to subscribers in blocks, so that one log line or none tells who had a port.
///
/// A subscriber is an internal IPv4 address or an internal IPv6 /64. Inside its blocks the
/// [`PortAllocation`] chooses, for all protocols, and there are no [`PortClasses`]. Ports below 1024
/// belong to no block. With paired pooling all blocks of a subscriber are at one external address,
/// with arbitrary pooling each new one is at a random address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortBlocks {
    /// RFC 7422: each subscriber of the inside network has a fixed block of (65536 - 1024) / (C + D)
    /// ports on a fixed external address, in sequence; others have none and are refused. With C =
    /// `compression` and D = `overflow`, the blocks from C to C + D of each external address are a
    /// common reserve, from which whole blocks are given to those whose own is used up.
    Deterministic {
        /// The inside network; its n-th host or IPv6 /64 has the n-th block.
        subscribers: IpNet,
        /// Subscribers for each external address (C), at least 1.
        compression: u16,
        /// Blocks kept back on each external address (D).
        overflow: u16,
    },
    /// RFC 6431 and common practice: a subscriber is given a block with its first flow, and further
    /// ones when it is used up; a block without a port in use goes back.
    Dynamic {
        /// Ports in a block, at least 1.
        size: u16,
        /// The most blocks that one subscriber has.
        max_blocks: u16,
    },
}

/// All properties of a NAT; profiles and scenario files both end here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatConfig {
    /// Mapping behaviour; for TCP unless [`NatConfig::tcp_mapping`] says otherwise.
    pub mapping: Mapping,
    /// Filtering behaviour; for TCP unless [`NatConfig::tcp_filtering`] says otherwise.
    pub filtering: Filtering,
    /// Mapping behaviour for TCP, if it is another one (RFC 5382 REQ-1).
    pub tcp_mapping: Option<Mapping>,
    /// Filtering behaviour for TCP, if it is another one (RFC 5382 REQ-3 allows that).
    pub tcp_filtering: Option<Filtering>,
    /// What the permissions of the filter belong to.
    pub filter_scope: FilterScope,
    /// Port allocation.
    pub ports: PortAllocation,
    /// Which ports an internal port may become.
    pub port_classes: PortClasses,
    /// Whether an even internal port becomes an even external one, an odd one odd (RFC 4787 REQ-4;
    /// RFC 7857 section 8 allows to go without).
    pub port_parity: bool,
    /// Whether an odd internal port gets the external port after that of the even one before it,
    /// as RTP and RTCP like it (RFC 4787 section 4.2.3), when that one is free.
    pub port_contiguity: bool,
    /// Port blocks for each subscriber; `None` shares all ports between all.
    pub port_blocks: Option<PortBlocks>,
    /// How long an external port stays unused after its mapping has ended (RFC 6888 REQ-8: 120 s).
    ///
    /// As REQ-8 allows, it does not concern ports that a forward or a deterministic block fixes,
    /// nor mappings whose filter depends on the address.
    pub port_hold: SimDuration,
    /// How an internal host's external address is chosen from several (RFC 4787 REQ-2).
    pub pooling: Pooling,
    /// Hairpin behaviour.
    pub hairpin: Hairpin,
    /// Idle time after which a UDP flow that was seen one way only ends.
    pub udp_timeout: SimDuration,
    /// Idle time after which a UDP flow that was seen both ways ends.
    pub udp_stream_timeout: SimDuration,
    /// Age a two-way UDP flow needs before `udp_stream_timeout` holds; 2 s on Linux.
    ///
    /// If zero, the first answer starts `udp_stream_timeout`. If not, it does what Linux does: the
    /// first packet that passes *after* an answer, once the flow is older than this, starts it
    /// (`nf_conntrack_in` notes the answer when the timer is already set).
    pub udp_stream_after: SimDuration,
    /// Idle time after which a UDP flow to a port below 1024 ends, if it is another one (RFC 4787
    /// REQ-5a).
    pub udp_well_known_timeout: Option<SimDuration>,
    /// Idle time after which an established TCP flow ends (RFC 5382 REQ-5: at least 2 h 4 min).
    pub tcp_timeout: SimDuration,
    /// Idle time after which a TCP flow that is not established yet ends (RFC 5382 REQ-5, RFC 7857
    /// section 2.1: 4 min by default).
    pub tcp_opening_timeout: SimDuration,
    /// Idle time after which a TCP flow ends once a FIN was seen from both sides (RFC 7857 section
    /// 2.1: 4 min by default).
    pub tcp_closing_timeout: SimDuration,
    /// Idle time after which a TCP flow ends once a reset was seen, unless packets go on (RFC 7857
    /// section 2.2: 4 min).
    pub tcp_reset_timeout: SimDuration,
    /// Idle time after which an ICMP query flow ends (RFC 5508 REQ-2: at least 60 s).
    pub icmp_timeout: SimDuration,
    /// Whether packets from inside renew the timer (RFC 4787 REQ-6).
    pub refresh_outbound: bool,
    /// Whether packets from outside renew the timer (RFC 4787 REQ-6a).
    ///
    /// If not, they leave no state at all: one that the filter lets in from a new source is judged
    /// anew each time, and can hold neither the mapping nor the permission beyond its time.
    pub refresh_inbound: bool,
    /// What the WAN side does with packets that match nothing.
    pub wan_input: WanInput,
    /// What happens to a SYN from outside that nobody inside takes (RFC 5382 REQ-4).
    pub unsolicited_tcp: UnsolicitedTcp,
    /// Which fragments the box can put together (RFC 4787 REQ-14).
    pub fragments: Fragments,
    /// What a packet from inside is answered with that needs a flow when there is no room.
    pub exhausted: Exhausted,
    /// Port forwards set up by hand.
    pub forwards: Vec<Forward>,
    /// The most flows kept at once; new ones beyond it are refused.
    pub max_flows: u32,
    /// The most flows that one subscriber has at once, if there is such a limit (RFC 6888 REQ-4).
    pub max_flows_per_subscriber: Option<u32>,
    /// The most external ports that one subscriber has at once, if there is such a limit (RFC 6888
    /// REQ-4).
    pub max_ports_per_subscriber: Option<u32>,
    /// NAT64 (RFC 6146): hosts inside are IPv6 and reach IPv4 addresses as this /96 prefix followed
    /// by the address; `64:ff9b::/96` is the well-known one (RFC 6052).
    pub nat64: Option<Ipv6Net>,
}

impl NatConfig {
    /// Returns the mapping behaviour for a protocol.
    #[must_use]
    pub const fn mapping_of(&self, protocol: Protocol) -> Mapping {
        match (protocol, self.tcp_mapping) {
            (Protocol::Tcp, Some(mapping)) => mapping,
            _ => self.mapping,
        }
    }

    /// Returns the filtering behaviour for a protocol.
    #[must_use]
    pub const fn filtering_of(&self, protocol: Protocol) -> Filtering {
        match (protocol, self.tcp_filtering) {
            (Protocol::Tcp, Some(filtering)) => filtering,
            _ => self.filtering,
        }
    }
}

impl Default for NatConfig {
    /// What scenario properties start from: EIM, APDF, random ports, no hairpin, the timers of
    /// RFC 4787, 5382 and 5508, and one external address.
    fn default() -> Self {
        Self {
            mapping: Mapping::EndpointIndependent,
            filtering: Filtering::AddressAndPortDependent,
            tcp_mapping: None,
            tcp_filtering: None,
            filter_scope: FilterScope::Mapping,
            ports: PortAllocation::Random,
            port_classes: PortClasses::Two,
            port_parity: false,
            port_contiguity: false,
            port_blocks: None,
            port_hold: SimDuration::ZERO,
            pooling: Pooling::Paired,
            hairpin: Hairpin::None,
            udp_timeout: SimDuration::from_secs(300),
            udp_stream_timeout: SimDuration::from_secs(300),
            udp_stream_after: SimDuration::ZERO,
            udp_well_known_timeout: None,
            tcp_timeout: SimDuration::from_secs(7440),
            tcp_opening_timeout: SimDuration::from_secs(240),
            tcp_closing_timeout: SimDuration::from_secs(240),
            tcp_reset_timeout: SimDuration::from_secs(240),
            icmp_timeout: SimDuration::from_secs(60),
            refresh_outbound: true,
            refresh_inbound: true,
            wan_input: WanInput::Drop,
            unsolicited_tcp: UnsolicitedTcp::WanInput,
            fragments: Fragments::AnyOrder,
            exhausted: Exhausted::Prohibited,
            forwards: Vec::new(),
            max_flows: 65_536,
            max_flows_per_subscriber: None,
            max_ports_per_subscriber: None,
            nat64: None,
        }
    }
}
