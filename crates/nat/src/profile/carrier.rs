//! What carriers run: as measured from outside, and by maker.

use super::ProfileStatus::{Read, Secondary};
use super::{Behaviour, Profile, note, remark, secs, unverified};
use crate::{Filtering, Hairpin, Mapping, NatConfig, PortAllocation};

/// Another random port for every destination, open to that destination alone.
fn symmetric(udp_timeout: u64) -> NatConfig {
    NatConfig {
        mapping: Mapping::AddressAndPortDependent,
        filtering: Filtering::AddressAndPortDependent,
        ports: PortAllocation::Random,
        hairpin: Hairpin::None,
        udp_timeout: secs(udp_timeout),
        udp_stream_timeout: secs(udp_timeout),
        ..NatConfig::default()
    }
}

pub(super) fn profiles() -> Vec<Profile> {
    [measured(), by_maker()].concat()
}

/// Typical values of populations; no single carrier is meant.
fn measured() -> Vec<Profile> {
    vec![
        Profile {
            name: "mobile-cgn-symmetric",
            summary: "The carrier NAT of a cellular network that maps by destination, as about 40 \
                      % of them do.",
            source: "Richter et al., IMC 2016, as quoted: about 40 % of cellular networks with \
                     carrier NAT are symmetric; median UDP timer 65 s",
            status: Secondary,
            stated: &[
                "mapping",
                "filtering",
                "ports",
                "hairpin",
                "udp_timeout",
                "udp_stream_timeout",
            ],
            notes: vec![unverified(&["ports", "hairpin"], "Assumed; not in the quotation.")],
            behaviour: Behaviour::Nat(symmetric(65)),
        },
        Profile {
            name: "mobile-cgn-permissive",
            summary: "The carrier NAT of a cellular network that lets anybody send to a mapped \
                      port, as the other half do.",
            source: "Richter et al., IMC 2016, as quoted: cellular networks are of two kinds; \
                     median UDP timer 65 s",
            status: Secondary,
            stated: &["mapping", "filtering", "udp_timeout", "udp_stream_timeout"],
            notes: vec![unverified(&["ports", "hairpin"], "The source does not say.")],
            behaviour: Behaviour::Nat(NatConfig {
                mapping: Mapping::EndpointIndependent,
                filtering: Filtering::EndpointIndependent,
                ..symmetric(65)
            }),
        },
        Profile {
            name: "fixed-line-cgn",
            summary: "The carrier NAT of a fixed line: one port for all destinations, forgotten \
                      after 35 s.",
            source: "Richter et al., IMC 2016, as quoted: 11 % of the carrier NATs outside \
                     cellular networks are symmetric; median UDP timer 35 s",
            status: Secondary,
            stated: &["mapping", "filtering", "udp_timeout", "udp_stream_timeout"],
            notes: vec![
                unverified(&["filtering"], "Assumed; not in the quotation."),
                unverified(&["ports", "hairpin"], "The source does not say."),
            ],
            behaviour: Behaviour::Nat(NatConfig {
                mapping: Mapping::EndpointIndependent,
                ..symmetric(35)
            }),
        },
    ]
}

fn by_maker() -> Vec<Profile> {
    vec![
        Profile {
            name: "juniper-junos-services-nat",
            summary: "Juniper Junos services NAT with its default nat-type, symmetric.",
            source: "juniper.net, Junos OS 13.1, nat-type (edit services)",
            status: Read,
            stated: &["mapping", "filtering"],
            notes: vec![
                remark(
                    "With nat-type full-cone: mapping eim, filtering eif. That is for services \
                        NAT only.",
                ),
                unverified(&["ports", "hairpin"], "The source does not say."),
                unverified(
                    &["udp_timeout", "udp_stream_timeout", "tcp_timeout", "icmp_timeout"],
                    "The source does not say. These are the protocol defaults that Juniper gives \
                     for the flows of its SRX and J series.",
                ),
            ],
            behaviour: Behaviour::Nat(NatConfig {
                tcp_timeout: secs(1800),
                icmp_timeout: secs(60),
                ..symmetric(60)
            }),
        },
        Profile {
            name: "fortigate-cgn",
            summary: "Fortinet FortiGate hyperscale carrier NAT.",
            source: "docs.fortinet.com, hyperscale CGN session timeouts, and 7.6.6 full cone for \
                     fixed port range pools",
            status: Read,
            stated: &["udp_timeout", "udp_stream_timeout"],
            notes: vec![
                unverified(
                    &["mapping", "filtering"],
                    "From a preset of patchbay. With a fixed port range pool, permit-any-host \
                     makes UDP filtering eif.",
                ),
                unverified(
                    &["ports", "port_blocks"],
                    "The source does not say. A fixed port range pool gives each subscriber a \
                     block of its own, of a size that the source leaves to the operator: \
                     port_blocks.",
                ),
                unverified(&["hairpin"], "The source does not say."),
            ],
            behaviour: Behaviour::Nat(symmetric(300)),
        },
        Profile {
            name: "vpp-nat44-ed",
            summary: "The endpoint-dependent NAT44 of FD.io VPP.",
            source: "fd.io nat44_ed_doc: address and port-dependent mapping and filtering; ICMP \
                     timer from Netgate's TNSR",
            status: Read,
            stated: &[
                "mapping",
                "filtering",
                "ports",
                "udp_timeout",
                "udp_stream_timeout",
                "tcp_timeout",
                "tcp_opening_timeout",
                "tcp_closing_timeout",
                "tcp_reset_timeout",
                "icmp_timeout",
            ],
            notes: vec![
                note(
                    Read,
                    &["ports"],
                    "VPP gives a port to several flows as long as their destinations differ; here \
                     a random port has one flow. No peer can tell, until all are in use.",
                ),
                unverified(
                    &[
                        "udp_timeout",
                        "udp_stream_timeout",
                        "tcp_timeout",
                        "tcp_opening_timeout",
                        "tcp_closing_timeout",
                        "tcp_reset_timeout",
                    ],
                    "From memory of the defaults: 300 s, 7440 s and 240 s.",
                ),
                unverified(&["hairpin"], "The source does not say."),
            ],
            behaviour: Behaviour::Nat(NatConfig {
                tcp_timeout: secs(7440),
                tcp_opening_timeout: secs(240),
                tcp_closing_timeout: secs(240),
                tcp_reset_timeout: secs(240),
                icmp_timeout: secs(60),
                ..symmetric(300)
            }),
        },
    ]
}
