//! Configurations by name: what real devices do, and what the RFCs recommend.

use std::fmt;
use std::sync::LazyLock;

use natbed_units::SimDuration;

use crate::{Filtering, FirewallConfig, Hairpin, Mapping, NatConfig, PortAllocation, WanInput};

/// How far a profile can be trusted as a picture of what it is named after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProfileStatus {
    /// Stated in a source that was read.
    Read,
    /// Measured on the real thing.
    Measured,
    /// Follows from source code that was read.
    Derived,
    /// Read in a text that quotes the original.
    Secondary,
    /// From memory or from a third party's preset; not to be used as ground truth.
    Unverified,
}

impl fmt::Display for ProfileStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Read => "read",
            Self::Measured => "measured",
            Self::Derived => "derived",
            Self::Secondary => "secondary",
            Self::Unverified => "unverified",
        })
    }
}

/// A NAT configuration with a name and a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The name that scenario files use.
    pub name: &'static str,
    /// What it is, in one sentence.
    pub summary: &'static str,
    /// Where its values come from.
    pub source: &'static str,
    /// How far it can be trusted.
    pub status: ProfileStatus,
    /// The properties.
    pub behaviour: Behaviour,
}

/// What a profile describes.
#[allow(clippy::large_enum_variant, reason = "a few dozen in all, and never moved")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// A box that translates.
    Nat(NatConfig),
    /// A box that only filters.
    Firewall(FirewallConfig),
}

impl Behaviour {
    /// Returns the properties of a box that translates.
    #[must_use]
    pub const fn nat(&self) -> Option<&NatConfig> {
        match self {
            Self::Nat(config) => Some(config),
            Self::Firewall(_) => None,
        }
    }
}

/// Returns the profile called `name`.
#[must_use]
pub fn profile(name: &str) -> Option<&'static Profile> {
    PROFILES.iter().find(|profile| profile.name == name)
}

/// Returns all profiles, those of devices first.
#[must_use]
pub fn profiles() -> &'static [Profile] {
    &*PROFILES
}

static PROFILES: LazyLock<[Profile; 5]> = LazyLock::new(|| {
    let linux = NatConfig {
        mapping: Mapping::EndpointIndependent,
        filtering: Filtering::AddressAndPortDependent,
        ports: PortAllocation::PreserveWithOverload,
        hairpin: Hairpin::None,
        udp_timeout: SimDuration::from_secs(30),
        udp_stream_timeout: SimDuration::from_secs(120),
        udp_stream_after: SimDuration::from_secs(2),
        tcp_timeout: SimDuration::from_secs(432_000),
        icmp_timeout: SimDuration::from_secs(30),
        ..NatConfig::default()
    };
    [
        Profile {
            name: "linux-masquerade",
            summary: "Linux netfilter masquerade behind a firewall that drops new packets from \
                      the WAN: the common home router. Keeps the port until two hosts clash.",
            source: "measured on Linux 6.18 with nftables; nf_nat_core.c get_unique_tuple and \
                     find_appropriate_src; nf_conntrack_proto_udp.c; nf_conntrack-sysctl",
            status: ProfileStatus::Measured,
            behaviour: Behaviour::Nat(linux.clone()),
        },
        Profile {
            name: "linux-masquerade-wan-input-accept",
            summary: "Linux netfilter masquerade without a WAN firewall: a peer's early packet \
                      takes the port toward it, and hole punching to that peer fails.",
            source: "measured on Linux 6.18 with nftables: port 40000 became 47185",
            status: ProfileStatus::Measured,
            behaviour: Behaviour::Nat(NatConfig { wan_input: WanInput::Accept, ..linux.clone() }),
        },
        // The kernel would give one random port to several flows with different destinations; here
        // a random port has one flow. No peer can tell, until all 64 512 ports are in use.
        Profile {
            name: "linux-masquerade-random",
            summary: "Linux netfilter masquerade with the flag random or fully-random: another \
                      random port for every destination.",
            source: "measured on Linux 6.18 with nftables: 4 destinations, 4 ports; nf_nat_core.c \
                     NF_NAT_RANGE_PROTO_RANDOM_ALL",
            status: ProfileStatus::Measured,
            behaviour: Behaviour::Nat(NatConfig {
                mapping: Mapping::AddressAndPortDependent,
                ports: PortAllocation::Random,
                ..linux.clone()
            }),
        },
        // Preserve: REQ-3 forbids overloading and leaves the rest open; keeping the port also keeps
        // its class (REQ-3a) and its parity (REQ-4), and RFC 7857 section 9 asks for a random port
        // on conflict only. Inbound refresh is a MAY of REQ-6a.
        Profile {
            name: "rfc4787-recommended",
            summary: "A NAT that does what RFC 4787 recommends where transparency matters most.",
            source: "RFC 4787 REQ-1, REQ-3, REQ-5c, REQ-6, REQ-8, REQ-9; RFC 5382 REQ-5; RFC 5508 \
                     REQ-2; RFC 7857 section 9",
            status: ProfileStatus::Read,
            behaviour: Behaviour::Nat(NatConfig {
                mapping: Mapping::EndpointIndependent,
                filtering: Filtering::EndpointIndependent,
                ports: PortAllocation::Preserve,
                hairpin: Hairpin::ExternalSource,
                udp_timeout: SimDuration::from_secs(300),
                udp_stream_timeout: SimDuration::from_secs(300),
                udp_stream_after: SimDuration::ZERO,
                ..NatConfig::default()
            }),
        },
        Profile {
            name: "rfc6888-cgn",
            summary: "A carrier NAT as RFC 6888 wants it, without port limits and hold times; \
                      real ones deviate.",
            source: "RFC 6888 REQ-1, REQ-7, REQ-11, REQ-15; RFC 4787 REQ-5, REQ-5c, REQ-9",
            status: ProfileStatus::Read,
            behaviour: Behaviour::Nat(NatConfig {
                mapping: Mapping::EndpointIndependent,
                filtering: Filtering::EndpointIndependent,
                ports: PortAllocation::Random,
                hairpin: Hairpin::ExternalSource,
                udp_timeout: SimDuration::from_secs(120),
                udp_stream_timeout: SimDuration::from_secs(300),
                udp_stream_after: SimDuration::ZERO,
                ..NatConfig::default()
            }),
        },
    ]
});
