//! Routers with a system of their own.

use super::ProfileStatus::{Derived, Read, Unverified};
use super::{Behaviour, Profile, linux, note, remark, secs, unverified};
use crate::{Filtering, Hairpin, Mapping, NatConfig, PortAllocation, PortClasses};

pub(super) fn profiles() -> Vec<Profile> {
    vec![fritzbox(), mikrotik(), lancom(), cisco_ios()]
}

fn fritzbox() -> Profile {
    Profile {
        name: "fritzbox",
        summary: "AVM FRITZ!Box: one port for all destinations, open to those that were written \
                  to.",
        source: "listed as EIM and APDF in the documentation of patchbay; no primary source found",
        status: Unverified,
        stated: &["mapping", "filtering", "ports", "hairpin", "udp_stream_timeout"],
        notes: vec![unverified(
            &["udp_timeout"],
            "No source gives one; 30 s is that of Linux and of the shortest home gateways.",
        )],
        behaviour: Behaviour::Nat(NatConfig {
            mapping: Mapping::EndpointIndependent,
            filtering: Filtering::AddressAndPortDependent,
            ports: PortAllocation::Preserve,
            hairpin: Hairpin::ExternalSource,
            udp_timeout: secs(30),
            udp_stream_timeout: secs(300),
            ..NatConfig::default()
        }),
    }
}

fn mikrotik() -> Profile {
    Profile {
        name: "mikrotik-routeros-masquerade",
        summary: "MikroTik RouterOS masquerade: Linux connection tracking that forgets an \
                  unanswered UDP packet after 10 s.",
        source: "wiki.mikrotik.com Manual:IP/Firewall/Connection_tracking for the timers; the \
                 rest derived from netfilter",
        status: Read,
        stated: &[
            "mapping",
            "filtering",
            "ports",
            "hairpin",
            "udp_timeout",
            "udp_stream_timeout",
            "tcp_timeout",
            "tcp_opening_timeout",
            "icmp_timeout",
        ],
        notes: vec![
            note(
                Derived,
                &["mapping", "filtering", "ports", "hairpin"],
                "Derived from netfilter. RouterOS 7 can also make endpoint-independent NAT \
                 (endpoint-independent-nat).",
            ),
            unverified(&["udp_timeout"], "From memory: RouterOS 7 has raised it to 30 s."),
            note(
                Read,
                &["tcp_closing_timeout", "tcp_reset_timeout"],
                "As exported configurations show them: fin-wait, time-wait and close of 10 s.",
            ),
            note(
                Derived,
                &["port_classes", "udp_stream_after", "refresh_outbound", "refresh_inbound"],
                "As linux-masquerade.",
            ),
            unverified(&["wan_input", "exhausted", "fragments"], "As linux-masquerade."),
        ],
        behaviour: Behaviour::Nat(NatConfig {
            udp_timeout: secs(10),
            udp_stream_timeout: secs(180),
            tcp_timeout: secs(86_400),
            tcp_opening_timeout: secs(5),
            tcp_closing_timeout: secs(10),
            tcp_reset_timeout: secs(10),
            icmp_timeout: secs(10),
            ..linux::masquerade()
        }),
    }
}

fn lancom() -> Profile {
    Profile {
        name: "lancom-lcos-udp",
        summary: "LANCOM LCOS: full cone for UDP by default, symmetric for TCP.",
        source: "knowledgebase.lancom-systems.de, Securing UDP traffic by adapting the NAT type",
        status: Read,
        stated: &["mapping", "filtering", "tcp_mapping", "tcp_filtering"],
        notes: vec![
            remark("UDP can be switched to port-restricted cone: filtering apdf."),
            unverified(&["ports"], "The source does not say; TCP needs a new port each time."),
            unverified(&["hairpin"], "The source does not say."),
            unverified(
                &["udp_timeout", "udp_stream_timeout"],
                "The source does not say; 120 s is the floor of RFC 4787.",
            ),
        ],
        behaviour: Behaviour::Nat(NatConfig {
            mapping: Mapping::EndpointIndependent,
            filtering: Filtering::EndpointIndependent,
            tcp_mapping: Some(Mapping::AddressAndPortDependent),
            tcp_filtering: Some(Filtering::AddressAndPortDependent),
            ports: PortAllocation::Random,
            hairpin: Hairpin::None,
            udp_timeout: secs(120),
            udp_stream_timeout: secs(120),
            ..NatConfig::default()
        }),
    }
}

fn cisco_ios() -> Profile {
    Profile {
        name: "cisco-ios-pat",
        summary: "Cisco IOS port address translation: keeps the port if it is free, in one of \
                  three groups.",
        source: "timers from Cisco IOS in a Nutshell (O'Reilly), ip nat translation",
        status: Read,
        stated: &[
            "mapping",
            "filtering",
            "ports",
            "port_classes",
            "hairpin",
            "udp_timeout",
            "udp_stream_timeout",
            "udp_well_known_timeout",
            "tcp_timeout",
            "tcp_opening_timeout",
            "tcp_closing_timeout",
            "tcp_reset_timeout",
            "icmp_timeout",
        ],
        notes: vec![
            unverified(
                &["mapping", "filtering", "ports", "port_classes", "hairpin"],
                "From memory; the source has timers only.",
            ),
            note(
                Read,
                &["udp_well_known_timeout"],
                "The timer of DNS, port 53; here it holds for all ports below 1024.",
            ),
        ],
        behaviour: Behaviour::Nat(NatConfig {
            mapping: Mapping::EndpointIndependent,
            filtering: Filtering::AddressAndPortDependent,
            ports: PortAllocation::Preserve,
            port_classes: PortClasses::Three,
            hairpin: Hairpin::None,
            udp_timeout: secs(300),
            udp_stream_timeout: secs(300),
            udp_well_known_timeout: Some(secs(60)),
            tcp_timeout: secs(86_400),
            tcp_opening_timeout: secs(60),
            tcp_closing_timeout: secs(60),
            tcp_reset_timeout: secs(60),
            icmp_timeout: secs(60),
            ..NatConfig::default()
        }),
    }
}
