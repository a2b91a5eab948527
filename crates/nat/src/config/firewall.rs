//! What a firewall is told to be.

use std::ops::RangeInclusive;

use ipnet::IpNet;
use natbed_packet::Protocol;
use natbed_units::SimDuration;

use super::{Filtering, UnsolicitedTcp};

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

/// A limit on the rate of packets, as a token bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketRate {
    /// Tokens that come in a second; a packet takes one. At least 1.
    pub packets_per_second: u32,
    /// Tokens that the bucket holds, and starts with. At least 1.
    pub burst: u32,
}

/// A stateful firewall on a router or a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirewallConfig {
    /// For flows that leave the protected side.
    pub outbound: Policy,
    /// For flows that come to the protected side; answers to allowed flows always pass.
    pub inbound: Policy,
    /// Who else may answer a flow that was let out: APDF is nobody, ADF the destination's other
    /// ports, EIF anybody (RFC 6092 REC-11, REC-17, REC-33).
    pub filtering: Filtering,
    /// Idle time after which a UDP flow that was seen one way only ends (RFC 6092 REC-14).
    pub udp_timeout: SimDuration,
    /// Idle time after which a UDP flow that was seen both ways ends.
    pub udp_stream_timeout: SimDuration,
    /// Age a two-way UDP flow needs before `udp_stream_timeout` holds, as in
    /// [`NatConfig::udp_stream_after`](crate::NatConfig::udp_stream_after).
    pub udp_stream_after: SimDuration,
    /// Idle time after which a UDP flow to a port below 1024 ends, if it is another one (RFC 6092
    /// REC-15).
    pub udp_well_known_timeout: Option<SimDuration>,
    /// Idle time after which an established TCP flow ends (RFC 6092 REC-35).
    pub tcp_timeout: SimDuration,
    /// Idle time after which a TCP flow that is not established yet ends (RFC 6092 REC-35).
    pub tcp_opening_timeout: SimDuration,
    /// Idle time after which a TCP flow ends once a FIN was seen from both sides.
    pub tcp_closing_timeout: SimDuration,
    /// Idle time after which a TCP flow ends once a reset was seen.
    pub tcp_reset_timeout: SimDuration,
    /// Idle time after which an ICMP query's state ends.
    pub icmp_timeout: SimDuration,
    /// Whether packets that come in renew the timer (RFC 6092 REC-16).
    pub refresh_inbound: bool,
    /// What happens to an inbound SYN that the policy does not let in (RFC 6092 REC-34).
    pub unsolicited_tcp: UnsolicitedTcp,
    /// A limit on the UDP packets of both directions together.
    pub udp_rate: Option<PacketRate>,
    /// Age at which a flow is cut; its packets are then dropped until it has been idle for its time.
    pub max_flow_age: Option<SimDuration>,
    /// Whether nobody inside gets out before [`Firewall::log_in`](crate::Firewall::log_in).
    pub captive_portal: bool,
    /// The most flows kept at once; new ones beyond it are refused.
    pub max_flows: u32,
}

impl Default for FirewallConfig {
    /// Lets everything pass both ways, with RFC 6092 timers.
    fn default() -> Self {
        Self {
            outbound: Policy::all(Action::Allow),
            inbound: Policy::all(Action::Allow),
            filtering: Filtering::AddressAndPortDependent,
            udp_timeout: SimDuration::from_secs(300),
            udp_stream_timeout: SimDuration::from_secs(300),
            udp_stream_after: SimDuration::ZERO,
            udp_well_known_timeout: None,
            tcp_timeout: SimDuration::from_secs(7440),
            tcp_opening_timeout: SimDuration::from_secs(240),
            tcp_closing_timeout: SimDuration::from_secs(240),
            tcp_reset_timeout: SimDuration::from_secs(240),
            icmp_timeout: SimDuration::from_secs(60),
            refresh_inbound: true,
            unsolicited_tcp: UnsolicitedTcp::WanInput,
            udp_rate: None,
            max_flow_age: None,
            captive_portal: false,
            max_flows: 65_536,
        }
    }
}
