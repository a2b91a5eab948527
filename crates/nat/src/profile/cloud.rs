//! The NAT gateways that clouds rent out.

use super::ProfileStatus::{Read, Unverified};
use super::{Behaviour, Note, Profile, note, secs, unverified};
use crate::{Filtering, Hairpin, Mapping, NatConfig, PortAllocation, PortBlocks, PortClasses};

/// Another random unprivileged port for every destination, open to that destination alone.
fn gateway(udp_timeout: u64, tcp_timeout: u64) -> NatConfig {
    NatConfig {
        mapping: Mapping::AddressAndPortDependent,
        filtering: Filtering::AddressAndPortDependent,
        ports: PortAllocation::Random,
        port_classes: PortClasses::Unprivileged,
        hairpin: Hairpin::None,
        udp_timeout: secs(udp_timeout),
        udp_stream_timeout: secs(udp_timeout),
        tcp_timeout: secs(tcp_timeout),
        ..NatConfig::default()
    }
}

pub(super) fn profiles() -> Vec<Profile> {
    let mut profiles = vec![aws(), azure()];
    profiles.extend(gcp());
    profiles.extend([digitalocean(), huawei()]);
    profiles
}

fn aws() -> Profile {
    Profile {
        name: "aws-nat-gateway",
        summary: "Amazon VPC NAT gateway: another random port for every destination, always.",
        source: "awsdocs vpc-nat-gateway.md (ports, limit); tailscale's report of 2025-10-21 \
                 (always symmetric, randomized)",
        status: Read,
        stated: &[
            "mapping",
            "filtering",
            "ports",
            "port_classes",
            "hairpin",
            "udp_timeout",
            "udp_stream_timeout",
            "tcp_timeout",
        ],
        notes: vec![
            note(
                Read,
                &["ports"],
                "A port may serve several destinations, and an address has room for 55 000 flows \
                 to each; here a random port has one flow.",
            ),
            unverified(
                &["udp_timeout", "udp_stream_timeout", "tcp_timeout"],
                "350 s for all, from memory and from a preset of patchbay.",
            ),
        ],
        behaviour: Behaviour::Nat(gateway(350, 350)),
    }
}

fn azure() -> Profile {
    Profile {
        name: "azure-nat-gateway",
        summary: "Azure NAT gateway: another random port for every destination, all forgotten \
                  after 4 min.",
        source: "MicrosoftDocs/azure-docs nat-gateway-resource.md (2022); tailscale's report of \
                 2025-10-21 (symmetric by default)",
        status: Read,
        stated: &[
            "mapping",
            "filtering",
            "ports",
            "port_classes",
            "hairpin",
            "udp_timeout",
            "udp_stream_timeout",
            "tcp_timeout",
            "tcp_opening_timeout",
            "tcp_closing_timeout",
            "tcp_reset_timeout",
        ],
        notes: vec![
            note(
                Read,
                &["ports"],
                "64 512 ports for each address; a port may serve several destination endpoints at \
                 once. Here a random port has one flow.",
            ),
            note(
                Read,
                &["port_hold"],
                "A UDP port rests for 65 s before it is used toward the same destination again. \
                 Holding does not concern NATs that filter by address (RFC 6888 REQ-8).",
            ),
            note(
                Read,
                &["tcp_opening_timeout", "tcp_closing_timeout", "tcp_reset_timeout"],
                "The times for which a port is held after a half-open connection, a FIN and a \
                 reset; here the flow itself lives on.",
            ),
        ],
        behaviour: Behaviour::Nat(NatConfig {
            tcp_opening_timeout: secs(25),
            tcp_closing_timeout: secs(65),
            tcp_reset_timeout: secs(20),
            ..gateway(240, 240)
        }),
    }
}

const GCP: &[&str] = &[
    "mapping",
    "filtering",
    "hairpin",
    "udp_timeout",
    "udp_stream_timeout",
    "tcp_timeout",
    "tcp_opening_timeout",
    "tcp_closing_timeout",
    "tcp_reset_timeout",
    "icmp_timeout",
];

fn gcp() -> [Profile; 2] {
    let cloud_nat = NatConfig {
        tcp_opening_timeout: secs(30),
        tcp_closing_timeout: secs(120),
        tcp_reset_timeout: secs(30),
        icmp_timeout: secs(30),
        ..gateway(30, 1200)
    };
    const TRANSITORY: Note = note(
        Read,
        &["tcp_opening_timeout", "tcp_closing_timeout", "tcp_reset_timeout"],
        "tcpTransitoryIdleTimeout is 30 s; after both FINs tcpTimeWaitTimeout, 120 s, holds the \
         port.",
    );
    [
        Profile {
            name: "gcp-cloud-nat-default",
            summary: "Google Cloud NAT as it comes: another port for every destination, forgotten \
                      after 30 s.",
            source: "Google RouterNat API and its terraform documentation (timers; dynamic port \
                     allocation excludes endpoint-independent mapping); tailscale's report of \
                     2025-10-21 (symmetric by default)",
            status: Read,
            stated: GCP,
            notes: vec![
                TRANSITORY,
                unverified(
                    &["ports", "port_blocks"],
                    "From memory: each machine has 64 ports at least, more with dynamic port \
                     allocation, and each port serves many destinations. Here a random port has \
                     one flow, so that a block of 64 would be too small; there is none.",
                ),
            ],
            behaviour: Behaviour::Nat(cloud_nat.clone()),
        },
        Profile {
            name: "gcp-cloud-nat-eim",
            summary: "Google Cloud NAT with endpoint-independent mapping, which needs a fixed \
                      number of ports for each machine.",
            source: "Google RouterNat API and its terraform documentation: \
                     enableEndpointIndependentMapping excludes dynamic port allocation; timers",
            status: Read,
            stated: GCP,
            notes: vec![
                TRANSITORY,
                unverified(&["filtering"], "Assumed; the source does not say."),
                unverified(
                    &["ports", "port_blocks"],
                    "From memory: 64 ports for each machine unless set otherwise.",
                ),
            ],
            behaviour: Behaviour::Nat(NatConfig {
                mapping: Mapping::EndpointIndependent,
                port_blocks: Some(PortBlocks::Dynamic { size: 64, max_blocks: 1 }),
                ..cloud_nat
            }),
        },
    ]
}

fn digitalocean() -> Profile {
    Profile {
        name: "digitalocean-vpc-nat-gateway",
        summary: "DigitalOcean VPC NAT gateway: everything is forgotten after 30 s.",
        source: "docs.digitalocean.com, values of a terraform example",
        status: Unverified,
        stated: &[
            "mapping",
            "filtering",
            "hairpin",
            "udp_timeout",
            "udp_stream_timeout",
            "tcp_timeout",
            "icmp_timeout",
        ],
        notes: vec![unverified(&["ports", "port_classes"], "As other clouds' gateways.")],
        behaviour: Behaviour::Nat(NatConfig {
            tcp_opening_timeout: secs(30),
            tcp_closing_timeout: secs(30),
            tcp_reset_timeout: secs(30),
            icmp_timeout: secs(30),
            ..gateway(30, 30)
        }),
    }
}

fn huawei() -> Profile {
    Profile {
        name: "huawei-cloud-nat-gateway",
        summary: "Huawei Cloud public NAT gateway.",
        source: "support.huaweicloud.com, NAT gateway specifications: connections of five tuples, \
                 UDP 300 s, TCP 900 s",
        status: Read,
        stated: &[
            "mapping",
            "filtering",
            "hairpin",
            "udp_timeout",
            "udp_stream_timeout",
            "tcp_timeout",
        ],
        notes: vec![unverified(&["ports", "port_classes"], "As other clouds' gateways.")],
        behaviour: Behaviour::Nat(gateway(300, 900)),
    }
}
