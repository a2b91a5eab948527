//! What a NAT or a firewall is told to be: the RFC 4787 properties as values.

use std::net::SocketAddr;
use std::ops::RangeInclusive;

use ipnet::IpNet;
use natbed_packet::Protocol;
use natbed_units::SimDuration;

/// How external endpoints are reused for packets to different destinations (RFC 4787 section 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mapping {
    /// EIM: one external endpoint for all destinations.
    EndpointIndependent,
    /// ADM: one external endpoint for each destination address.
    AddressDependent,
    /// APDM: one external endpoint for each destination address and port ("symmetric").
    AddressAndPortDependent,
}

/// Which sources may send to an external endpoint (RFC 4787 section 5).
///
/// The permission belongs to the mapping and lives as long as the flow that gave it. (RFC 4787
/// words it for the internal endpoint; conntrack and most software keep it for each mapping. The
/// difference shows with ADM and APDM only: see [`FilterScope`](crate::FilterScope).)
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Filtering {
    /// EIF: anybody.
    EndpointIndependent,
    /// ADF: addresses that the mapping has a live flow with.
    AddressDependent,
    /// APDF: endpoints that the mapping has a live flow with.
    AddressAndPortDependent,
}

/// How the external port of a new mapping is chosen (RFC 4787 section 4.2).
///
/// A port is chosen within the class of the internal port (REQ-3a): below 512, below 1024, or
/// above; `Sequential` knows only ports from 1024 on. For ICMP, identifiers stand for ports and
/// are of one class. All but `PreserveWithOverload` give a port to one mapping at a time, and
/// never one that is forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PortAllocation {
    /// The internal port if no other mapping has it, else a random free one of its class.
    Preserve,
    /// The port of the internal endpoint's newest flow, else the internal port, even if another
    /// host has it, as long as the destinations differ ("port overloading"); when that clashes, a
    /// random port, which the endpoint's later flows then share. Exactly what Linux masquerade
    /// does (`get_unique_tuple` of nf_nat_core.c). Where the filter lets in a stranger at a shared
    /// port, the oldest mapping that would take the packet gets it.
    PreserveWithOverload,
    /// The next free port after the last one given out.
    Sequential,
    /// A random free port.
    Random,
}

/// What happens to packets from inside to the box's own external address (RFC 4787 section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hairpin {
    /// They are dropped.
    None,
    /// They are mapped and filtered as with `ExternalSource`, but delivered with the sender's
    /// internal endpoint as their source.
    InternalSource,
    /// They are delivered with the sender's external endpoint as their source, as REQ-9a asks.
    ExternalSource,
}

/// What the box's own WAN side does with a packet that matches no mapping or no filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WanInput {
    /// It is dropped silently.
    Drop,
    /// It is answered with ICMP port unreachable.
    Reject,
    /// The box takes it as its own. For UDP its connection tracking then owns the external port
    /// toward that source for `udp_timeout`, renewed by each such packet, and a packet from inside
    /// to that source needs another port. This is how a Linux router without a WAN firewall breaks
    /// hole punching: measured on Linux 6.18, port 40000 became 47185.
    Accept,
}

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

/// All properties of a NAT; profiles and scenario files both end here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatConfig {
    /// Mapping behaviour.
    pub mapping: Mapping,
    /// Filtering behaviour.
    pub filtering: Filtering,
    /// Port allocation.
    pub ports: PortAllocation,
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
    /// Idle time after which a TCP flow ends (RFC 5382 REQ-5: at least 2 h 4 min).
    pub tcp_timeout: SimDuration,
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
    /// Port forwards set up by hand.
    pub forwards: Vec<Forward>,
    /// The most flows kept at once; new ones beyond it are refused.
    pub max_flows: u32,
}

impl Default for NatConfig {
    /// What scenario properties start from: EIM, APDF, random ports, no hairpin, RFC 4787 timers.
    fn default() -> Self {
        Self {
            mapping: Mapping::EndpointIndependent,
            filtering: Filtering::AddressAndPortDependent,
            ports: PortAllocation::Random,
            hairpin: Hairpin::None,
            udp_timeout: SimDuration::from_secs(300),
            udp_stream_timeout: SimDuration::from_secs(300),
            udp_stream_after: SimDuration::ZERO,
            tcp_timeout: SimDuration::from_secs(7440),
            icmp_timeout: SimDuration::from_secs(60),
            refresh_outbound: true,
            refresh_inbound: true,
            wan_input: WanInput::Drop,
            forwards: Vec::new(),
            max_flows: 65_536,
        }
    }
}

/// What a firewall rule does with a new flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Lets it pass, and its answers with it.
    Allow,
    /// Drops it silently.
    Drop,
    /// Drops it and sends an ICMP error back.
    Reject,
}

/// A firewall rule: an action for the new flows that match all its conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What to do with a flow that matches.
    pub action: Action,
    /// The protocol; `None` matches all.
    pub protocol: Option<Protocol>,
    /// The destination port of the flow's first packet; `None` matches all, and any other value no
    /// ICMP, which has no ports.
    pub ports: Option<RangeInclusive<u16>>,
    /// The far side: destination of a flow that leaves, source of one that comes in.
    pub remote: Option<IpNet>,
}

/// A list of rules for one direction; the first that matches decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The rules in order.
    pub rules: Vec<Rule>,
    /// What happens to a flow that no rule matches.
    pub default: Action,
}

impl Policy {
    /// Makes a policy without rules.
    #[must_use]
    pub const fn all(default: Action) -> Self {
        Self { rules: Vec::new(), default }
    }
}

/// A stateful firewall on a router or a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirewallConfig {
    /// For flows that leave the protected side.
    pub outbound: Policy,
    /// For flows that come to the protected side; answers to allowed flows always pass.
    pub inbound: Policy,
    /// Idle time after which a UDP flow's state ends (RFC 6092 REC-14).
    pub udp_timeout: SimDuration,
    /// Idle time after which a TCP flow's state ends (RFC 6092 REC-35).
    pub tcp_timeout: SimDuration,
    /// Idle time after which an ICMP query's state ends.
    pub icmp_timeout: SimDuration,
    /// The most flows kept at once; new ones beyond it are refused.
    pub max_flows: u32,
}

impl Default for FirewallConfig {
    /// Lets everything pass both ways, with RFC 6092 timers.
    fn default() -> Self {
        Self {
            outbound: Policy::all(Action::Allow),
            inbound: Policy::all(Action::Allow),
            udp_timeout: SimDuration::from_secs(300),
            tcp_timeout: SimDuration::from_secs(7440),
            icmp_timeout: SimDuration::from_secs(60),
            max_flows: 65_536,
        }
    }
}
