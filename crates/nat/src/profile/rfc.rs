//! What the RFCs ask for, word for word.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv6Net};

use super::ProfileStatus::Read;
use super::{Behaviour, Note, Profile, note, remark, secs, unverified};
use crate::{
    Exhausted, Filtering, Fragments, Hairpin, Mapping, NatConfig, Pooling, PortAllocation,
    PortBlocks, PortClasses, UnsolicitedTcp,
};

/// What RFC 4787, RFC 5382 and RFC 5508 leave no choice in, with their shortest timers, except that
/// the filter is the most open one.
fn required() -> NatConfig {
    NatConfig {
        mapping: Mapping::EndpointIndependent,
        filtering: Filtering::EndpointIndependent,
        ports: PortAllocation::Preserve,
        port_classes: PortClasses::Two,
        pooling: Pooling::Paired,
        hairpin: Hairpin::ExternalSource,
        udp_timeout: secs(120),
        udp_stream_timeout: secs(120),
        tcp_timeout: secs(7440),
        tcp_opening_timeout: secs(240),
        tcp_closing_timeout: secs(240),
        tcp_reset_timeout: secs(240),
        icmp_timeout: secs(60),
        refresh_outbound: true,
        refresh_inbound: true,
        unsolicited_tcp: UnsolicitedTcp::Delay,
        fragments: Fragments::AnyOrder,
        exhausted: Exhausted::Prohibited,
        ..NatConfig::default()
    }
}

/// The properties that RFC 4787, RFC 5382 and RFC 5508 speak of.
const REQUIRED: &[&str] = &[
    "mapping",
    "filtering",
    "ports",
    "port_classes",
    "port_parity",
    "pooling",
    "hairpin",
    "udp_timeout",
    "udp_stream_timeout",
    "tcp_timeout",
    "tcp_opening_timeout",
    "tcp_closing_timeout",
    "tcp_reset_timeout",
    "icmp_timeout",
    "refresh_outbound",
    "refresh_inbound",
    "unsolicited_tcp",
    "fragments",
    "exhausted",
];

/// Those, and what RFC 6888 adds for carriers.
const CARRIER: &[&str] = &[
    "mapping",
    "filtering",
    "ports",
    "port_classes",
    "pooling",
    "hairpin",
    "udp_timeout",
    "udp_stream_timeout",
    "tcp_timeout",
    "tcp_opening_timeout",
    "tcp_closing_timeout",
    "tcp_reset_timeout",
    "icmp_timeout",
    "refresh_outbound",
    "refresh_inbound",
    "unsolicited_tcp",
    "fragments",
    "exhausted",
    "port_hold",
    "port_blocks",
    "max_flows_per_subscriber",
    "max_ports_per_subscriber",
];

pub(super) fn profiles() -> Vec<Profile> {
    vec![minimum(), recommended(), cgn(), deterministic(), nat64()]
}

fn minimum() -> Profile {
    Profile {
        name: "rfc4787-minimum",
        summary: "A NAT that does no more than RFC 4787, 5382 and 5508 demand: the stricter \
                  filter, and the shortest timers.",
        source: "RFC 4787 REQ-1, REQ-3 to REQ-6, REQ-8, REQ-9; RFC 5382 REQ-4, REQ-5; RFC 5508 \
                 REQ-2",
        status: Read,
        stated: REQUIRED,
        notes: vec![
            note(Read, &["ports"], "Left open; keeping the port also keeps class and parity."),
            note(Read, &["port_parity"], "Recommended by REQ-4; RFC 7857 section 8 lets it go."),
            note(Read, &["refresh_inbound"], "A MAY of REQ-6a, and so not done."),
        ],
        behaviour: Behaviour::Nat(NatConfig {
            filtering: Filtering::AddressDependent,
            port_parity: true,
            refresh_inbound: false,
            ..required()
        }),
    }
}

fn recommended() -> Profile {
    Profile {
        name: "rfc4787-recommended",
        summary: "A NAT that does what RFC 4787 recommends where transparency matters most.",
        source: "RFC 4787 REQ-1 to REQ-5c, REQ-6, REQ-8, REQ-9; RFC 5382 REQ-4, REQ-5; RFC 5508 \
                 REQ-2; RFC 7857 section 9",
        status: Read,
        stated: REQUIRED,
        notes: vec![
            note(
                Read,
                &["ports"],
                "REQ-3 forbids overloading and leaves the rest open; keeping the port also keeps \
                 its class (REQ-3a) and its parity (REQ-4), and RFC 7857 section 9 asks for a \
                 random port on conflict only.",
            ),
            note(Read, &["refresh_inbound"], "A MAY of REQ-6a."),
        ],
        behaviour: Behaviour::Nat(NatConfig {
            port_parity: true,
            udp_timeout: secs(300),
            udp_stream_timeout: secs(300),
            ..required()
        }),
    }
}

/// A carrier NAT without a way to share its ports out.
fn carrier() -> NatConfig {
    NatConfig {
        ports: PortAllocation::Random,
        udp_stream_timeout: secs(300),
        exhausted: Exhausted::HostUnreachable,
        max_flows_per_subscriber: Some(8064),
        ..required()
    }
}

const FLOWS_AND_PARITY: [Note; 2] = [
    unverified(
        &["max_flows_per_subscriber"],
        "REQ-5 asks for a limit and leaves the number to the operator; 8064 is two for each of \
         4032 ports.",
    ),
    note(
        Read,
        &["port_parity"],
        "Recommended by RFC 4787 REQ-4, but RFC 7857 section 8 lets it go, and without it ports \
         are harder to guess.",
    ),
];

fn cgn() -> Profile {
    Profile {
        name: "rfc6888-cgn",
        summary: "A carrier NAT as RFC 6888 wants it; real ones deviate.",
        source: "RFC 6888 REQ-1, REQ-2, REQ-4, REQ-5, REQ-7, REQ-8, REQ-11, REQ-15; RFC 4787 REQ-5, \
                 REQ-5c, REQ-9; RFC 5382 REQ-4",
        status: Read,
        stated: CARRIER,
        notes: vec![
            note(Read, &["ports"], "REQ-15 wants ports that are hard to guess."),
            note(
                Read,
                &["udp_timeout", "udp_stream_timeout"],
                "The floor of RFC 4787 REQ-5 for a flow without answers, the default of REQ-5c for \
                 others.",
            ),
            unverified(
                &["max_ports_per_subscriber"],
                "REQ-4 demands a limit and leaves the number to the operator; 4032 is a sixteenth \
                 of the ports of an address, as in the example of RFC 7422 section 2.3.",
            ),
            remark("A carrier NAT must also offer a mapping protocol, as PCP is (REQ-9)."),
        ]
        .into_iter()
        .chain(FLOWS_AND_PARITY)
        .collect(),
        behaviour: Behaviour::Nat(NatConfig {
            port_hold: secs(120),
            max_ports_per_subscriber: Some(4032),
            ..carrier()
        }),
    }
}

fn deterministic() -> Profile {
    // /24 is at most /32.
    let subscribers = IpNet::new_assert(IpAddr::V4(Ipv4Addr::new(100, 64, 0, 0)), 24);
    Profile {
        name: "cgn-rfc7422-deterministic",
        summary: "A carrier NAT that computes each subscriber's ports from its address, so that \
                  nothing need be logged.",
        source: "RFC 7422 section 2 for the ports; RFC 6888 for the rest",
        status: Read,
        stated: CARRIER,
        notes: vec![
            unverified(
                &["port_blocks"],
                "The RFC leaves the numbers to the operator: (65536 - R) / (C + D) ports each, R = \
                 0-1023 reserved. Here 256 addresses share one external address, which makes 252 \
                 ports each, and D is 0; with D above 0 there are blocks for those who need more. \
                 A scenario puts the subnet of its LAN in the place of 100.64.0.0/24.",
            ),
            note(Read, &["ports"], "Random inside the block (RFC 7422 section 2)."),
            note(
                Read,
                &["port_hold"],
                "RFC 6888 REQ-8 excepts ports that belong to one subscriber for good.",
            ),
            note(Read, &["max_ports_per_subscriber"], "The block is the limit."),
            note(Read, &["port_classes"], "No block has ports below 1024, which are reserved."),
        ]
        .into_iter()
        .chain(FLOWS_AND_PARITY)
        .collect(),
        behaviour: Behaviour::Nat(NatConfig {
            port_blocks: Some(PortBlocks::Deterministic {
                subscribers,
                compression: 256,
                overflow: 0,
            }),
            ..carrier()
        }),
    }
}

fn nat64() -> Profile {
    // /96 is at most /128.
    let well_known = Ipv6Net::new_assert(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);
    Profile {
        name: "nat64-rfc6146",
        summary: "A stateful NAT64: IPv6 hosts reach IPv4 ones through the well-known prefix \
                  64:ff9b::/96.",
        source: "RFC 6146 section 3.5 (sessions, filtering), section 3.5.1.1 (ports), section 4 \
                 (timers), section 5 (hairpinning); RFC 6052",
        status: Read,
        stated: &[
            "mapping",
            "filtering",
            "ports",
            "port_classes",
            "port_parity",
            "hairpin",
            "udp_timeout",
            "udp_stream_timeout",
            "tcp_timeout",
            "tcp_opening_timeout",
            "tcp_closing_timeout",
            "tcp_reset_timeout",
            "icmp_timeout",
            "unsolicited_tcp",
            "fragments",
            "nat64",
        ],
        notes: vec![
            note(Read, &["filtering"], "The RFC lets operators choose between eif and adf."),
            note(
                Read,
                &["udp_timeout", "udp_stream_timeout"],
                "UDP_DEFAULT; UDP_MIN, the floor, is 120 s.",
            ),
            note(Read, &["unsolicited_tcp"], "TCP_INCOMING_SYN is the same 6 s."),
            note(Read, &["fragments"], "Fragments wait for FRAGMENT_MIN, 2 s, at least."),
        ],
        behaviour: Behaviour::Nat(NatConfig {
            filtering: Filtering::AddressDependent,
            port_parity: true,
            udp_timeout: secs(300),
            udp_stream_timeout: secs(300),
            nat64: Some(well_known),
            ..required()
        }),
    }
}
