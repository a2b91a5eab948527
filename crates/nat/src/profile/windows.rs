//! Windows as a gateway.

use super::ProfileStatus::{Read, Unverified};
use super::{Behaviour, Profile, note, remark, secs, unverified};
use crate::{Filtering, Hairpin, Mapping, NatConfig, PortAllocation};

pub(super) fn profiles() -> Vec<Profile> {
    vec![
        Profile {
            name: "windows-netnat",
            summary: "The NAT of Windows for containers and virtual machines (New-NetNat): filters \
                      by address, and answers alone do not keep a mapping alive.",
            source: "output of Get-NetNat (pastebin J8R97TS1): UdpFilteringBehavior AddressDependentFiltering, \
                     UdpIdleSessionTimeout 120, UdpInboundRefresh False, the TCP and ICMP timers",
            status: Read,
            stated: &[
                "mapping",
                "filtering",
                "udp_timeout",
                "udp_stream_timeout",
                "tcp_timeout",
                "tcp_opening_timeout",
                "tcp_closing_timeout",
                "tcp_reset_timeout",
                "icmp_timeout",
                "refresh_inbound",
            ],
            notes: vec![
                unverified(&["mapping"], "From memory; the source has no such setting."),
                unverified(&["ports"], "The source does not say."),
                unverified(&["hairpin"], "The source does not say."),
                note(
                    Read,
                    &["tcp_opening_timeout", "tcp_closing_timeout", "tcp_reset_timeout"],
                    "One timer there, TcpTransientConnectionTimeout.",
                ),
            ],
            behaviour: Behaviour::Nat(NatConfig {
                mapping: Mapping::EndpointIndependent,
                filtering: Filtering::AddressDependent,
                ports: PortAllocation::Random,
                hairpin: Hairpin::None,
                udp_timeout: secs(120),
                udp_stream_timeout: secs(120),
                tcp_timeout: secs(1800),
                tcp_opening_timeout: secs(120),
                tcp_closing_timeout: secs(120),
                tcp_reset_timeout: secs(120),
                icmp_timeout: secs(30),
                refresh_inbound: false,
                ..NatConfig::default()
            }),
        },
        Profile {
            name: "windows-ics",
            summary: "Internet Connection Sharing, the mobile hotspot of Windows.",
            source: "from memory; Ford et al. 2005, where 94 % of 33 Windows gateways let UDP hole \
                     punching succeed",
            status: Unverified,
            stated: &["mapping", "filtering", "udp_timeout", "udp_stream_timeout"],
            notes: vec![
                unverified(&["ports"], "No source says."),
                unverified(&["hairpin"], "No source says; 11 of Ford's 32 had it."),
                remark("Ford's figures are of 2005, and self-selected."),
            ],
            behaviour: Behaviour::Nat(NatConfig {
                mapping: Mapping::EndpointIndependent,
                filtering: Filtering::AddressAndPortDependent,
                ports: PortAllocation::Random,
                hairpin: Hairpin::None,
                udp_timeout: secs(60),
                udp_stream_timeout: secs(60),
                ..NatConfig::default()
            }),
        },
    ]
}
