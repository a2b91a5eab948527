//! NATs that are programs, and the presets of other simulators.

use super::ProfileStatus::{Derived, Read, Unverified};
use super::{Behaviour, Note, Profile, linux, note, remark, secs, unverified};
use crate::{FilterScope, Filtering, Hairpin, Mapping, NatConfig, PortAllocation, PortClasses};

pub(super) fn profiles() -> Vec<Profile> {
    let mut profiles = vec![docker(), slirp(), sing_box(), pion()];
    profiles.extend(patchbay());
    profiles
}

fn docker() -> Profile {
    Profile {
        name: "docker-bridge",
        summary: "The default bridge network of Docker: iptables masquerade on the host.",
        source: "derived from Linux masquerade of 172.17.0.0/16; published ports from memory",
        status: Unverified,
        stated: &[
            "mapping",
            "filtering",
            "ports",
            "hairpin",
            "udp_timeout",
            "udp_stream_timeout",
            "tcp_timeout",
        ],
        notes: vec![
            unverified(
                &["hairpin"],
                "For published ports only, through the userland proxy or a hairpin rule; here all \
                 mapped ports have it.",
            ),
            unverified(
                &["wan_input"],
                "As linux-masquerade. A host without a firewall of its own accepts instead, see \
                 linux-masquerade-wan-input-accept.",
            ),
            note(
                Derived,
                &[
                    "port_classes",
                    "udp_stream_after",
                    "tcp_opening_timeout",
                    "tcp_closing_timeout",
                    "tcp_reset_timeout",
                    "icmp_timeout",
                    "refresh_outbound",
                    "refresh_inbound",
                ],
                "As linux-masquerade.",
            ),
            unverified(&["exhausted", "fragments"], "As linux-masquerade."),
        ],
        behaviour: Behaviour::Nat(NatConfig {
            hairpin: Hairpin::ExternalSource,
            ..linux::masquerade()
        }),
    }
}

/// What is to be said of programs that open a socket on the host for each internal endpoint.
const PROXIED_TCP: Note = unverified(
    &["tcp_mapping", "tcp_filtering"],
    "Assumed: each TCP connection ends in the program, which opens another one from a port of its \
     own.",
);

/// One socket for each internal UDP endpoint, open to everybody; one for each TCP connection.
fn sockets(udp_timeout: u64) -> NatConfig {
    NatConfig {
        mapping: Mapping::EndpointIndependent,
        filtering: Filtering::EndpointIndependent,
        tcp_mapping: Some(Mapping::AddressAndPortDependent),
        tcp_filtering: Some(Filtering::AddressAndPortDependent),
        ports: PortAllocation::Random,
        port_classes: PortClasses::Unprivileged,
        udp_timeout: secs(udp_timeout),
        udp_stream_timeout: secs(udp_timeout),
        ..NatConfig::default()
    }
}

fn slirp() -> Profile {
    Profile {
        name: "qemu-slirp-user-net",
        summary: "The user network of QEMU (libslirp): a socket on the host for each endpoint of \
                  the guest.",
        source: "from memory of libslirp: one UDP socket for each address and port of the guest, \
                 SO_EXPIRE of 240 s",
        status: Unverified,
        stated: &["mapping", "filtering", "ports", "udp_timeout", "udp_stream_timeout"],
        notes: vec![
            PROXIED_TCP,
            unverified(
                &["ports", "port_classes"],
                "The ephemeral ports of the host's kernel, on Linux 32768 to 60999; here any from \
                 1024 on.",
            ),
            unverified(
                &["hairpin"],
                "No source says; it would follow from the host's sockets, which reach each other.",
            ),
        ],
        behaviour: Behaviour::Nat(NatConfig { hairpin: Hairpin::ExternalSource, ..sockets(240) }),
    }
}

fn sing_box() -> Profile {
    Profile {
        name: "sing-box-udp-nat",
        summary: "The UDP NAT of the proxy sing-box with its defaults: full cone, 5 min.",
        source: "sing-box.sagernet.org, shared/udp-nat (defaults)",
        status: Read,
        stated: &["mapping", "filtering", "udp_timeout", "udp_stream_timeout"],
        notes: vec![
            PROXIED_TCP,
            unverified(&["ports", "port_classes"], "Assumed: ephemeral ports of the host."),
            unverified(&["hairpin"], "The source does not say."),
        ],
        behaviour: Behaviour::Nat(sockets(300)),
    }
}

fn pion() -> Profile {
    Profile {
        name: "pion-vnet-default",
        summary: "The simulated NAT of pion and webrtc-rs with its defaults, which test suites \
                  use.",
        source: "webrtc-util/src/vnet/nat.rs",
        status: Read,
        stated: &[
            "mapping",
            "filtering",
            "filter_scope",
            "ports",
            "hairpin",
            "udp_timeout",
            "udp_stream_timeout",
        ],
        notes: vec![
            note(
                Read,
                &["ports"],
                "A counter, and so easy to guess; port preservation is not implemented there. \
                 Here it begins at 1024.",
            ),
            note(Read, &["hairpin"], "Not implemented there."),
            note(Read, &["filter_scope"], "Its filter keeps permissions for the mapping."),
        ],
        behaviour: Behaviour::Nat(NatConfig {
            mapping: Mapping::EndpointIndependent,
            filtering: Filtering::EndpointIndependent,
            filter_scope: FilterScope::Mapping,
            ports: PortAllocation::Sequential,
            hairpin: Hairpin::None,
            udp_timeout: secs(30),
            udp_stream_timeout: secs(30),
            ..NatConfig::default()
        }),
    }
}

/// What is to be said of all presets of patchbay, which sets up the kernel of its host.
const KERNEL: [Note; 2] = [
    note(
        Derived,
        &[
            "port_classes",
            "udp_stream_after",
            "tcp_opening_timeout",
            "tcp_closing_timeout",
            "tcp_reset_timeout",
            "icmp_timeout",
            "refresh_outbound",
            "refresh_inbound",
        ],
        "It sets timers of the Linux kernel; the others are those of linux-masquerade.",
    ),
    unverified(
        &["ports", "wan_input", "exhausted", "fragments"],
        "Not looked at: a port of its own for each mapping, and otherwise as linux-masquerade.",
    ),
];

const PRESET: &[&str] =
    &["mapping", "filtering", "hairpin", "udp_timeout", "udp_stream_timeout", "tcp_timeout"];

fn patchbay() -> [Profile; 3] {
    let home = NatConfig {
        ports: PortAllocation::Preserve,
        udp_stream_timeout: secs(300),
        tcp_timeout: secs(7200),
        ..linux::masquerade()
    };
    let corporate = NatConfig {
        mapping: Mapping::AddressAndPortDependent,
        ports: PortAllocation::Random,
        udp_stream_timeout: secs(120),
        tcp_timeout: secs(3600),
        ..linux::masquerade()
    };
    let cloud = NatConfig { udp_stream_timeout: secs(350), ..corporate.clone() };
    let mut corporate_notes = KERNEL.to_vec();
    corporate_notes.push(remark(
        "Its guide says endpoint-independent mapping for this preset, which contradicts the code \
         and the page on hole punching.",
    ));
    [
        Profile {
            name: "patchbay-home",
            summary: "The preset Home of the test bed patchbay.",
            source: "patchbay/src/nat.rs to_config",
            status: Read,
            stated: PRESET,
            notes: KERNEL.to_vec(),
            behaviour: Behaviour::Nat(home),
        },
        Profile {
            name: "patchbay-corporate",
            summary: "The preset Corporate of the test bed patchbay.",
            source: "patchbay/src/nat.rs",
            status: Read,
            stated: PRESET,
            notes: corporate_notes,
            behaviour: Behaviour::Nat(corporate),
        },
        Profile {
            name: "patchbay-cloudnat",
            summary: "The preset CloudNat of the test bed patchbay.",
            source: "patchbay/src/nat.rs",
            status: Read,
            stated: PRESET,
            notes: KERNEL.to_vec(),
            behaviour: Behaviour::Nat(cloud),
        },
    ]
}
