//! Linux netfilter, and what is netfilter under another name.

use super::ProfileStatus::{Derived, Measured, Read, Unverified};
use super::{AFTER_THE_ANSWER, Behaviour, Note, Profile, note, secs, unverified};
use crate::{
    Exhausted, Filtering, Hairpin, Mapping, NatConfig, PortAllocation, PortClasses, WanInput,
};

/// Masquerade with the timers of nf_conntrack, behind a WAN firewall that drops new packets.
pub(super) fn masquerade() -> NatConfig {
    NatConfig {
        mapping: Mapping::EndpointIndependent,
        filtering: Filtering::AddressAndPortDependent,
        ports: PortAllocation::PreserveWithOverload,
        port_classes: PortClasses::Linux,
        hairpin: Hairpin::None,
        udp_timeout: secs(30),
        udp_stream_timeout: secs(120),
        udp_stream_after: secs(2),
        tcp_timeout: secs(432_000),
        tcp_opening_timeout: secs(120),
        tcp_closing_timeout: secs(120),
        tcp_reset_timeout: secs(10),
        icmp_timeout: secs(30),
        refresh_outbound: true,
        refresh_inbound: true,
        wan_input: WanInput::Drop,
        exhausted: Exhausted::Silent,
        ..NatConfig::default()
    }
}

/// What was read and measured of the kernel.
const MASQUERADE: &[&str] = &[
    "mapping",
    "filtering",
    "ports",
    "port_classes",
    "hairpin",
    "udp_timeout",
    "udp_stream_timeout",
    "udp_stream_after",
    "tcp_timeout",
    "tcp_opening_timeout",
    "tcp_closing_timeout",
    "tcp_reset_timeout",
    "icmp_timeout",
    "refresh_outbound",
    "refresh_inbound",
    "wan_input",
];

/// What is to be said of everything that has the kernel's connection tracking.
const CONNTRACK: [Note; 4] = [
    note(
        Read,
        &["tcp_opening_timeout"],
        "The timer of SYN_SENT. That of SYN_RECV is 60 s; the two are one state here.",
    ),
    note(
        Read,
        &["tcp_closing_timeout"],
        "The timers of FIN_WAIT and TIME_WAIT, which are one state here.",
    ),
    unverified(
        &["exhausted"],
        "From memory: a full connection table drops the packet without an answer.",
    ),
    unverified(&["fragments"], "From memory: nf_defrag puts packets together before tracking."),
];

/// How the kernel looks for a port.
const SEARCH: Note = note(
    Read,
    &["ports"],
    "On a clash the kernel tries ports one after the other from a random one on, 128 at first and \
     half as many each time, and drops the packet if all are taken; here any free port of the \
     class is found.",
);

/// What keeps the values of a profile that is netfilter by derivation from being that profile's.
const AS_CONNTRACK: Note = note(
    Derived,
    &[
        "port_classes",
        "udp_stream_after",
        "tcp_opening_timeout",
        "tcp_closing_timeout",
        "tcp_reset_timeout",
        "refresh_outbound",
        "refresh_inbound",
    ],
    "As linux-masquerade, since it is the same connection tracking.",
);

fn kernel_notes() -> Vec<Note> {
    CONNTRACK.into_iter().chain([SEARCH]).collect()
}

pub(super) fn profiles() -> Vec<Profile> {
    let linux = masquerade();
    vec![
        Profile {
            name: "linux-masquerade",
            summary: "Linux netfilter masquerade behind a firewall that drops new packets from \
                      the WAN, the common home router: keeps the port until two hosts clash.",
            source: "measured on Linux 6.18 with nftables; nf_nat_core.c get_unique_tuple and \
                     find_appropriate_src; nf_conntrack_proto_udp.c; nf_conntrack-sysctl",
            status: Measured,
            stated: MASQUERADE,
            notes: kernel_notes(),
            behaviour: Behaviour::Nat(linux.clone()),
        },
        Profile {
            name: "linux-masquerade-wan-input-accept",
            summary: "Linux netfilter masquerade without a WAN firewall: a peer's early packet \
                      takes the port toward it, and hole punching to that peer fails.",
            source: "measured on Linux 6.18 with nftables: port 40000 became 47185; the same \
                     diagnosis in ruby-no-kai/rubykaigi-net pull request 192 and in patchbay's page \
                     on hole punching",
            status: Measured,
            stated: MASQUERADE,
            notes: kernel_notes(),
            behaviour: Behaviour::Nat(NatConfig { wan_input: WanInput::Accept, ..linux.clone() }),
        },
        Profile {
            name: "linux-masquerade-random",
            summary: "Linux netfilter masquerade with the flag random or fully-random: another \
                      random port for every destination.",
            source: "measured on Linux 6.18 with nftables: 4 destinations, 4 ports; nf_nat_core.c \
                     NF_NAT_RANGE_PROTO_RANDOM_ALL",
            status: Measured,
            stated: MASQUERADE,
            notes: CONNTRACK
                .into_iter()
                .chain([note(
                    Measured,
                    &["ports"],
                    "The kernel would give one random port to several flows with different \
                     destinations; here it has one flow. No peer can tell, until all 64 512 \
                     ports are in use.",
                )])
                .collect(),
            behaviour: Behaviour::Nat(NatConfig {
                mapping: Mapping::AddressAndPortDependent,
                ports: PortAllocation::Random,
                ..linux.clone()
            }),
        },
        Profile {
            name: "linux-conntrack-pre-5.0",
            summary: "Linux netfilter masquerade before kernel 5.0: a UDP flow seen both ways \
                      lives for 180 s of silence.",
            source: "linux commit 294304e4c522 (2018-12-18): UDP stream timeout from 180 s to \
                     120 s",
            status: Read,
            stated: &[
                "mapping",
                "filtering",
                "ports",
                "hairpin",
                "udp_timeout",
                "udp_stream_timeout",
                "tcp_timeout",
                "icmp_timeout",
            ],
            notes: vec![
                unverified(
                    &["udp_stream_after"],
                    "From memory: the rule that a stream must be older than 2 s came with the \
                     same series of commits, and before it the first packet after an answer was \
                     enough.",
                ),
                note(
                    Derived,
                    &[
                        "port_classes",
                        "tcp_opening_timeout",
                        "tcp_closing_timeout",
                        "tcp_reset_timeout",
                        "refresh_outbound",
                        "refresh_inbound",
                        "wan_input",
                    ],
                    "As linux-masquerade.",
                ),
                unverified(&["exhausted", "fragments"], "As linux-masquerade."),
            ],
            behaviour: Behaviour::Nat(NatConfig {
                udp_stream_timeout: secs(180),
                udp_stream_after: AFTER_THE_ANSWER,
                ..linux.clone()
            }),
        },
        Profile {
            name: "openwrt-fullcone-patch",
            summary: "OpenWrt with the FULLCONENAT patch: for UDP anybody may send to a mapped \
                      port, other protocols are masqueraded as usual.",
            source: "description of Chion82/netfilter-full-cone-nat in xanmod merge request 184; \
                     timers assumed to be those of conntrack",
            status: Read,
            stated: &["mapping", "filtering", "tcp_filtering", "ports"],
            notes: vec![
                unverified(&["hairpin"], "The source does not say; masquerade has none."),
                note(
                    Derived,
                    &["udp_timeout", "udp_stream_timeout", "udp_stream_after", "tcp_timeout"],
                    "Assumed to be those of conntrack, which the patch builds on.",
                ),
                unverified(
                    &["wan_input", "unsolicited_tcp"],
                    "From memory: OpenWrt's zone wan rejects, TCP with a reset and all else with \
                     ICMP port unreachable.",
                ),
                note(
                    Derived,
                    &[
                        "port_classes",
                        "tcp_opening_timeout",
                        "tcp_closing_timeout",
                        "tcp_reset_timeout",
                        "icmp_timeout",
                        "refresh_outbound",
                        "refresh_inbound",
                    ],
                    "As linux-masquerade. TCP ports, unlike here, are overloaded there.",
                ),
                unverified(&["exhausted", "fragments"], "As linux-masquerade."),
            ],
            behaviour: Behaviour::Nat(NatConfig {
                filtering: Filtering::EndpointIndependent,
                tcp_filtering: Some(Filtering::AddressAndPortDependent),
                ports: PortAllocation::Preserve,
                wan_input: WanInput::Reject,
                unsolicited_tcp: crate::UnsolicitedTcp::Reset,
                ..linux.clone()
            }),
        },
        Profile {
            name: "android-hotspot",
            summary: "A hotspot on an Android telephone: Linux masquerade, behind the carrier's \
                      NAT or a CLAT.",
            source: "derived from Linux; timers of the offload path from memory",
            status: Unverified,
            stated: &[
                "mapping",
                "filtering",
                "ports",
                "hairpin",
                "udp_timeout",
                "udp_stream_timeout",
            ],
            notes: vec![
                unverified(
                    &["udp_timeout", "udp_stream_timeout"],
                    "Those of conntrack; flows that the telephone forwards in hardware may have \
                     others.",
                ),
                AS_CONNTRACK,
                unverified(
                    &["tcp_timeout", "icmp_timeout", "wan_input", "exhausted", "fragments"],
                    "As linux-masquerade.",
                ),
            ],
            behaviour: Behaviour::Nat(linux),
        },
    ]
}
