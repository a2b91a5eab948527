//! The packet filter pf of OpenBSD, FreeBSD and Darwin.

use super::ProfileStatus::{Derived, Read, Unverified};
use super::{Behaviour, Note, Profile, note, remark, secs, unverified};
use crate::{Filtering, Hairpin, Mapping, NatConfig, PortAllocation, PortClasses};

/// `nat-to` with the timers of pfvar.h.
fn nat_to() -> NatConfig {
    NatConfig {
        mapping: Mapping::AddressAndPortDependent,
        filtering: Filtering::AddressAndPortDependent,
        ports: PortAllocation::Random,
        port_classes: PortClasses::Unprivileged,
        hairpin: Hairpin::None,
        udp_timeout: secs(60),
        udp_stream_timeout: secs(60),
        tcp_timeout: secs(86_400),
        tcp_opening_timeout: secs(30),
        tcp_closing_timeout: secs(45),
        tcp_reset_timeout: secs(90),
        icmp_timeout: secs(20),
        ..NatConfig::default()
    }
}

const PF: &[&str] = &[
    "mapping",
    "filtering",
    "ports",
    "hairpin",
    "udp_timeout",
    "udp_stream_timeout",
    "tcp_timeout",
    "tcp_opening_timeout",
    "tcp_closing_timeout",
    "tcp_reset_timeout",
    "icmp_timeout",
];

/// What is to be said of every pf.
const STATES: [Note; 3] = [
    note(
        Read,
        &["udp_timeout"],
        "That of udp.first. A second packet that goes unanswered shortens it to the 30 s of \
         udp.single, which is not told apart here.",
    ),
    note(
        Read,
        &["tcp_opening_timeout", "tcp_closing_timeout", "tcp_reset_timeout"],
        "Those of tcp.opening, tcp.finwait and tcp.closed in pfvar.h. The 120 s of tcp.first and \
         the 900 s of tcp.closing (one FIN) are not told apart.",
    ),
    unverified(&["hairpin"], "Not checked."),
];

const PROXY_PORTS: Note = note(
    Derived,
    &["ports", "port_classes"],
    "pf searches the range of its rule, from a random port up and then down, and may give a port \
     to several flows with different destinations; here it is any free port from 1024 on, and has \
     one flow.",
);

fn notes(ports: Note) -> Vec<Note> {
    STATES.into_iter().chain([ports]).collect()
}

pub(super) fn profiles() -> Vec<Profile> {
    let mut freebsd_notes = notes(PROXY_PORTS);
    freebsd_notes.push(remark(
        "Newer releases can make endpoint-independent NAT for UDP (endpoint-independent), and so \
         can libalias (udp_eim).",
    ));
    vec![
        Profile {
            name: "openbsd-pf-nat-to",
            summary: "OpenBSD pf with nat-to: another random port for every destination.",
            source: "sys/net/pf_lb.c pf_get_sport, whose key has the destination in it; the timers \
                     of sys/net/pfvar.h",
            status: Derived,
            stated: PF,
            notes: notes(PROXY_PORTS),
            behaviour: Behaviour::Nat(nat_to()),
        },
        Profile {
            name: "pf-static-port",
            summary: "pf with static-port: the internal port or none, so one of two hosts with the \
                      same port gets nothing.",
            source: "sys/net/pf_lb.c, which with a range of 0 to 0 tries the source port alone",
            status: Derived,
            stated: PF,
            notes: notes(note(
                Derived,
                &["ports"],
                "pf refuses the second host only toward destinations that the first one uses; here \
                 it refuses it toward all.",
            )),
            behaviour: Behaviour::Nat(NatConfig {
                mapping: Mapping::EndpointIndependent,
                ports: PortAllocation::Strict,
                port_classes: PortClasses::Two,
                ..nat_to()
            }),
        },
        Profile {
            name: "freebsd-pf-default",
            summary: "FreeBSD pf as it comes: another random port for every destination.",
            source: "gist tendstofortytwo/5bc7b158, which describes the default as address and \
                     port-dependent mapping; tailscale's report on it; FreeBSD commit 61bf830cbb26",
            status: Read,
            stated: PF,
            notes: freebsd_notes,
            behaviour: Behaviour::Nat(nat_to()),
        },
        Profile {
            name: "ios-hotspot",
            summary: "A personal hotspot on an iPhone: Darwin's pf.",
            source: "from memory of Darwin's descent from pf; not checked",
            status: Unverified,
            stated: &["mapping", "filtering", "hairpin", "udp_timeout", "udp_stream_timeout"],
            notes: vec![unverified(
                &[
                    "ports",
                    "port_classes",
                    "tcp_timeout",
                    "tcp_opening_timeout",
                    "tcp_closing_timeout",
                    "tcp_reset_timeout",
                    "icmp_timeout",
                ],
                "As openbsd-pf-nat-to.",
            )],
            behaviour: Behaviour::Nat(nat_to()),
        },
    ]
}
