//! Firewalls: one that also translates, and those that do not.

use super::ProfileStatus::{Derived, Read, Unverified};
use super::{AFTER_THE_ANSWER, Behaviour, Profile, note, secs, unverified};
use crate::{
    Action, Filtering, FirewallConfig, Hairpin, Mapping, NatConfig, Policy, PortAllocation,
    Protocol, Rule, UnsolicitedTcp,
};

/// Lets flows out, and in only what belongs to them.
fn stateful(filtering: Filtering) -> FirewallConfig {
    FirewallConfig {
        outbound: Policy::all(Action::Allow),
        inbound: Policy::all(Action::Drop),
        filtering,
        ..FirewallConfig::default()
    }
}

pub(super) fn profiles() -> Vec<Profile> {
    vec![asa(), security_group(), cpe(), strict()]
}

fn asa() -> Profile {
    Profile {
        name: "cisco-asa-pat",
        summary: "Cisco ASA port address translation, the office firewall: another port for every \
                  destination.",
        source: "mapping and filtering from a preset of patchbay; per-session PAT from cisco.com \
                 115993; timers from memory",
        status: Unverified,
        stated: &[
            "mapping",
            "filtering",
            "hairpin",
            "udp_timeout",
            "udp_stream_timeout",
            "tcp_timeout",
        ],
        notes: vec![
            unverified(&["ports"], "No source that was read says."),
            note(
                Read,
                &["port_hold"],
                "Since 9.0 TCP and UDP port 53 have per-session PAT; the translation of other UDP \
                 stays for 30 s after its last connection, here no longer than the flow itself.",
            ),
        ],
        behaviour: Behaviour::Nat(NatConfig {
            mapping: Mapping::AddressAndPortDependent,
            filtering: Filtering::AddressAndPortDependent,
            ports: PortAllocation::Random,
            hairpin: Hairpin::None,
            udp_timeout: secs(120),
            udp_stream_timeout: secs(120),
            tcp_timeout: secs(3600),
            ..NatConfig::default()
        }),
    }
}

fn security_group() -> Profile {
    Profile {
        name: "aws-security-group-conntrack",
        summary: "The security group of an EC2 instance that lets connections out and none in.",
        source: "AWS EC2 API, ConnectionTrackingSpecificationResponse",
        status: Read,
        stated: &["filtering", "udp_timeout", "udp_stream_timeout", "tcp_timeout"],
        notes: vec![
            note(
                Derived,
                &["udp_stream_after"],
                "A stream has seen more than one request and answer: the packet after the first \
                 answer makes it one.",
            ),
            note(Read, &["tcp_timeout"], "350 s on instances of Nitro version 6."),
        ],
        behaviour: Behaviour::Firewall(FirewallConfig {
            udp_timeout: secs(30),
            udp_stream_timeout: secs(180),
            udp_stream_after: AFTER_THE_ANSWER,
            tcp_timeout: secs(432_000),
            ..stateful(Filtering::AddressAndPortDependent)
        }),
    }
}

fn cpe() -> Profile {
    Profile {
        name: "ipv6-cpe-rfc6092-default",
        summary: "An IPv6 home router as RFC 6092 wants it: anybody may send to an endpoint that \
                  has sent.",
        source: "RFC 6092 REC-14, REC-16, REC-17, REC-24, REC-33, REC-34, REC-35",
        status: Read,
        stated: &[
            "outbound",
            "inbound",
            "filtering",
            "udp_timeout",
            "udp_stream_timeout",
            "tcp_timeout",
            "tcp_opening_timeout",
            "tcp_closing_timeout",
            "tcp_reset_timeout",
            "refresh_inbound",
            "unsolicited_tcp",
        ],
        notes: vec![
            note(
                Read,
                &["filtering"],
                "For gateways that no provider manages (REC-11, REC-17, REC-33); others may be \
                 stricter.",
            ),
            note(
                Read,
                &["udp_timeout", "udp_stream_timeout"],
                "The default of REC-14, whose floor is 120 s.",
            ),
            note(Read, &["refresh_inbound"], "A MAY of REC-16."),
            note(
                Read,
                &["inbound"],
                "Key exchange for IPsec gets in, UDP port 500 (REC-24). What REC-21, REC-22 and \
                 REC-26 let in besides, AH, ESP and HIP, is not simulated.",
            ),
        ],
        behaviour: Behaviour::Firewall(FirewallConfig {
            inbound: Policy { rules: vec![key_exchange()], default: Action::Drop },
            udp_timeout: secs(300),
            udp_stream_timeout: secs(300),
            tcp_timeout: secs(7440),
            tcp_opening_timeout: secs(240),
            tcp_closing_timeout: secs(240),
            tcp_reset_timeout: secs(240),
            refresh_inbound: true,
            unsolicited_tcp: UnsolicitedTcp::Delay,
            ..stateful(Filtering::EndpointIndependent)
        }),
    }
}

/// Lets UDP to port 500 pass: the Internet Key Exchange.
fn key_exchange() -> Rule {
    Rule {
        action: Action::Allow,
        protocol: Some(Protocol::Udp),
        ports: Some(500..=500),
        remote: None,
    }
}

fn strict() -> Profile {
    Profile {
        name: "ipv6-stateful-firewall-strict",
        summary: "A router that lets in what Linux calls established and related, and no more: \
                  OpenWrt for IPv6.",
        source: "derived from Linux connection tracking, whose timers it has",
        status: Derived,
        stated: &[
            "outbound",
            "inbound",
            "filtering",
            "udp_timeout",
            "udp_stream_timeout",
            "udp_stream_after",
            "tcp_timeout",
            "tcp_opening_timeout",
            "tcp_closing_timeout",
            "tcp_reset_timeout",
            "icmp_timeout",
            "refresh_inbound",
        ],
        notes: Vec::new(),
        behaviour: Behaviour::Firewall(FirewallConfig {
            udp_timeout: secs(30),
            udp_stream_timeout: secs(120),
            udp_stream_after: secs(2),
            tcp_timeout: secs(432_000),
            tcp_opening_timeout: secs(120),
            tcp_closing_timeout: secs(120),
            tcp_reset_timeout: secs(10),
            icmp_timeout: secs(30),
            refresh_inbound: true,
            ..stateful(Filtering::AddressAndPortDependent)
        }),
    }
}
