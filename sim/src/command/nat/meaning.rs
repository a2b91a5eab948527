//! What the properties of a box mean for a call between two peers.

use natbed_nat::{
    Action, Behaviour, Composite, FilterScope, Filtering, FirewallConfig, Hairpin, Mapping,
    NatClass, NatConfig, Pooling, PortAllocation, Protocol, UnsolicitedTcp, WanInput,
};
use natbed_units::SimDuration;

/// Consequences in words.
pub(super) struct Meaning {
    /// Classes of NATs, as `mapping/filtering`, behind which a peer is reached directly.
    pub(super) direct_with: Vec<String>,
    /// Those behind which it is not.
    pub(super) relay_with: Vec<String>,
    /// What it takes to keep a path open.
    pub(super) keepalive: String,
    /// What else to expect, a sentence each.
    pub(super) remarks: Vec<String>,
}

/// RFC 8445 section 11: an agent sends something at least this often.
const ICE_KEEPALIVE: SimDuration = SimDuration::from_secs(15);
/// RFC 5382 REQ-5.
const TCP_ESTABLISHED: SimDuration = SimDuration::from_secs(7440);

/// Says what a box means for peer-to-peer.
pub(super) fn meaning(behaviour: &Behaviour) -> Meaning {
    match behaviour {
        Behaviour::Nat(config) => of_nat(config),
        Behaviour::Firewall(config) => of_firewall(config),
    }
}

/// Divides the nine classes by the closed-form rule.
fn reach(this: Composite) -> (Vec<String>, Vec<String>) {
    let classes = Mapping::ALL.iter().flat_map(|&mapping| {
        Filtering::ALL.iter().map(move |&filtering| NatClass { mapping, filtering })
    });
    let (direct, relay): (Vec<_>, Vec<_>) =
        classes.partition(|class| this.direct_with(Composite::from(*class)));
    let words = |classes: Vec<NatClass>| {
        classes.iter().map(|class| format!("{}/{}", class.mapping, class.filtering)).collect()
    };
    (words(direct), words(relay))
}

fn of_nat(config: &NatConfig) -> Meaning {
    let keeps_port = config.ports == PortAllocation::PreserveWithOverload;
    let mapping = if keeps_port { Mapping::EndpointIndependent } else { config.mapping };
    let class = NatClass { mapping, filtering: config.filtering };
    let (direct_with, relay_with) = reach(Composite { class, scope: config.filter_scope });
    let mut remarks = Vec::new();
    let mut remark = |applies: bool, text: &str| {
        if applies {
            remarks.push(text.to_owned());
        }
    };
    remark(
        keeps_port && config.mapping != Mapping::EndpointIndependent,
        "While no two hosts inside use one port it is like eim; after a clash each new destination \
         may see another port, and calls then need a relay as behind apdm.",
    );
    remark(
        keeps_port && config.mapping == Mapping::EndpointIndependent,
        "Two hosts inside that use one port toward one destination clash: the second gets another \
         port there, and keeps it for its later destinations.",
    );
    remark(
        config.ports == PortAllocation::Strict,
        "Of two hosts inside that use one port, the second gets nowhere.",
    );
    let is_eim = mapping == Mapping::EndpointIndependent;
    remark(
        config.pooling == Pooling::Arbitrary && is_eim,
        "With several external addresses, two sockets of one host may get different ones; software \
         that expects one address for all its streams fails.",
    );
    remark(
        config.pooling == Pooling::Arbitrary && !is_eim,
        "With several external addresses a peer may see another one than the STUN server did: of \
         the classes above, only those that filter nobody are sure to be reached directly.",
    );
    let hairpin = match config.hairpin {
        Hairpin::None => {
            "Two hosts behind it cannot meet at their external addresses: they need host candidates \
             of a common LAN, or a relay."
        }
        Hairpin::InternalSource => {
            "Packets to its own external address come back with the internal source: peers behind \
             it meet as peer-reflexive candidates, and software that checks the source drops them."
        }
        Hairpin::ExternalSource => {
            "Two hosts behind it meet at their external addresses, also from LANs deeper inside."
        }
    };
    remark(true, hairpin);
    let wan_input = match config.wan_input {
        _ if config.filtering == Filtering::EndpointIndependent => {
            "Checks get in as soon as the candidate is gathered, whoever sends them."
        }
        WanInput::Drop => {
            "A check that comes before the first own packet is dropped in silence; the next one \
             gets in."
        }
        WanInput::Reject => {
            "A check that comes before the first own packet is answered with an ICMP error, which \
             the peer has to take for a loss and not for the end."
        }
        WanInput::Accept => {
            "A check that comes before the first own packet takes the port toward that peer, so \
             that this side's own packets leave from another: hole punching fails unless this side sends first."
        }
    };
    remark(true, wan_input);
    remark(
        config.nat64.is_some(),
        "Hosts inside have IPv6 only: they have to put the prefix before a peer's IPv4 candidates, \
         and cannot use them as they are.",
    );
    if let Some(most) = most_ports(config) {
        remark(
            true,
            &format!(
                "A subscriber has at most {most} ports{}; what needs more is refused.",
                if is_eim { "" } else { ", and every candidate pair that is checked takes one" }
            ),
        );
    }
    if let Some(most) = config.max_flows_per_subscriber {
        let text = format!(
            "A subscriber has at most {most} flows at once, one for each destination of a socket."
        );
        remark(true, &text);
    }
    tcp_remarks(
        &mut remark,
        config.tcp_timeout,
        config.unsolicited_tcp,
        config.wan_input == WanInput::Reject,
    );
    let keepalive = keepalive(
        config.udp_timeout,
        config.udp_stream_timeout,
        config.refresh_outbound,
        config.refresh_inbound,
    );
    Meaning { direct_with, relay_with, keepalive, remarks }
}

fn of_firewall(config: &FirewallConfig) -> Meaning {
    let lets_in = config.inbound.default == Action::Allow;
    let filtering = if lets_in { Filtering::EndpointIndependent } else { config.filtering };
    let class = NatClass { mapping: Mapping::EndpointIndependent, filtering };
    let (direct_with, relay_with) =
        reach(Composite { class, scope: FilterScope::InternalEndpoint });
    let mut remarks = Vec::new();
    let mut remark = |applies: bool, text: &str| {
        if applies {
            remarks.push(text.to_owned());
        }
    };
    let lets_udp_out = config.outbound.default == Action::Allow
        && !config.outbound.rules.iter().any(|rule| {
            rule.action != Action::Allow && rule.protocol.is_none_or(|only| only == Protocol::Udp)
        });
    remark(
        !lets_udp_out,
        "Its rules keep UDP from getting out to everybody: where they do there is no direct link \
         over UDP, and no relay that is reached over UDP.",
    );
    remark(config.captive_portal, "Nothing gets out before the login.");
    remark(
        lets_in && config.inbound.rules.is_empty(),
        "It lets everything in: peers reach the hosts behind it as if it were not there.",
    );
    if let Some(age) = config.max_flow_age {
        remark(true, &format!("A flow is cut at the age of {age}, however busy it is."));
    }
    if let Some(rate) = config.udp_rate {
        let packets = rate.packets_per_second;
        remark(true, &format!("More than {packets} UDP packets a second are dropped, media too."));
    }
    let rejects = config.inbound.default == Action::Reject;
    tcp_remarks(&mut remark, config.tcp_timeout, config.unsolicited_tcp, rejects);
    let keepalive = if lets_in {
        "keepalive: none needed, since everybody is let in".to_owned()
    } else {
        keepalive(config.udp_timeout, config.udp_stream_timeout, true, config.refresh_inbound)
    };
    Meaning { direct_with, relay_with, keepalive, remarks }
}

/// The most ports that a subscriber gets, if there is such a limit.
fn most_ports(config: &NatConfig) -> Option<u64> {
    use natbed_nat::PortBlocks::{Deterministic, Dynamic};
    let of_blocks = match config.port_blocks {
        Some(Deterministic { compression, overflow: 0, .. }) => {
            Some((65_536 - 1_024) / u64::from(compression).max(1))
        }
        Some(Dynamic { size, max_blocks }) => Some(u64::from(size) * u64::from(max_blocks)),
        // With a common reserve there are more, as long as it lasts.
        Some(Deterministic { .. }) | None => None,
    };
    of_blocks.into_iter().chain(config.max_ports_per_subscriber.map(u64::from)).min()
}

fn tcp_remarks(
    remark: &mut impl FnMut(bool, &str),
    tcp_timeout: SimDuration,
    unsolicited: UnsolicitedTcp,
    rejects: bool,
) {
    remark(
        tcp_timeout < TCP_ESTABLISHED,
        &format!(
            "A TCP connection without traffic is forgotten after {tcp_timeout}, sooner than the 2 h \
             4 min of RFC 5382: it needs keepalives of its own."
        ),
    );
    let kills = match unsolicited {
        UnsolicitedTcp::Reject | UnsolicitedTcp::Reset => true,
        UnsolicitedTcp::WanInput => rejects,
        UnsolicitedTcp::Drop | UnsolicitedTcp::Delay => false,
    };
    remark(
        kills,
        "A SYN that comes first is refused at once, which ends a simultaneous open of TCP.",
    );
}

/// What it takes to keep a UDP path open.
fn keepalive(
    udp_timeout: SimDuration,
    udp_stream_timeout: SimDuration,
    outbound: bool,
    inbound: bool,
) -> String {
    let shortest = udp_timeout.min(udp_stream_timeout);
    let who = match (outbound, inbound) {
        (true, true) => "in either direction",
        (true, false) => "from inside; packets from outside do not count",
        (false, true) => "from outside; packets from inside do not count",
        (false, false) => {
            return format!("keepalive: in vain, no packet renews the timer of {udp_timeout}");
        }
    };
    let ice = if ICE_KEEPALIVE < shortest {
        "an ICE agent's own packets, at least one in 15 s, will do"
    } else {
        "less than the 15 s that an ICE agent's own packets may be apart"
    };
    let both = if udp_timeout == udp_stream_timeout {
        String::new()
    } else {
        format!(" ({udp_timeout} until answered, {udp_stream_timeout} for a stream)")
    };
    format!("keepalive: a packet in less than {shortest}{both}, {who}: {ice}")
}
