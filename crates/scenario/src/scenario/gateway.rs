//! The way out of a LAN, how it translates and filters, and where that comes from.

use std::net::IpAddr;

use natbed_nat::{FirewallConfig, NatConfig, ProfileStatus, TranslatorConfig};

use super::{LanIndex, Link};

/// The box between a LAN and what is outside of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateway {
    /// Its address in the LAN: the first of the subnet.
    pub inside: IpAddr,
    /// Its address outside, as the file gives it or as it was chosen.
    pub external: IpAddr,
    /// Further addresses outside, which its NAT translates to as well.
    pub pool: Vec<IpAddr>,
    /// The LAN that its outside is attached to; `None` is the Internet.
    pub via: Option<LanIndex>,
    /// How it translates; `None` for a router that does not.
    pub nat: Option<NatChoice>,
    /// Its firewall.
    pub firewall: Option<FirewallChoice>,
    /// Whether it sends ICMP errors of its own; if not, what is too large just disappears.
    pub icmp_errors: bool,
    /// The link of its outside.
    pub uplink: Link,
    /// What it is for the IPv6 of a dual-stack LAN; [`Gateway::nat`] and the addresses here are
    /// then those for IPv4.
    pub ipv6: Option<Ipv6Gateway>,
}

impl Gateway {
    /// Returns its outside addresses for [`Gateway::nat`], its own first.
    pub fn externals(&self) -> impl Iterator<Item = IpAddr> {
        std::iter::once(self.external).chain(self.pool.iter().copied())
    }

    /// Returns the profiles that its NATs and firewalls come from.
    pub(super) fn profiles(&self) -> impl Iterator<Item = &ProfileRef> {
        let nats = [Some(&self.nat), self.ipv6.as_ref().map(|ipv6| &ipv6.nat)];
        let firewalls = [Some(&self.firewall), self.ipv6.as_ref().map(|ipv6| &ipv6.firewall)];
        let of_nats = nats.into_iter().flatten().flatten().filter_map(|nat| nat.profile.as_ref());
        let firewalls = firewalls.into_iter().flatten().flatten();
        of_nats.chain(firewalls.filter_map(|firewall| firewall.profile.as_ref()))
    }
}

/// What a gateway is for the IPv6 of a dual-stack LAN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ipv6Gateway {
    /// Its address in the LAN: the first of the second subnet.
    pub inside: IpAddr,
    /// Its address outside; an IPv6 one, unless a NAT64 leads to IPv4.
    pub external: IpAddr,
    /// Further addresses outside, which its NAT translates to as well.
    pub pool: Vec<IpAddr>,
    /// How it translates IPv6; `None` routes it.
    pub nat: Option<NatChoice>,
    /// Its firewall for IPv6; as a state of its own, also where the rules are those for IPv4.
    pub firewall: Option<FirewallChoice>,
}

/// A LAN on the gateway of another one, whose NAT, firewall and uplink it shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecondLan {
    /// The LAN that has the gateway.
    pub of: LanIndex,
    /// The gateway's address in this LAN: the first of the subnet.
    pub inside: IpAddr,
    /// The gateway's address in this LAN's second subnet, if there is one.
    pub ipv6_inside: Option<IpAddr>,
}

/// How a gateway translates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatChoice {
    /// The profile that the file names, if it names one.
    pub profile: Option<ProfileRef>,
    /// The properties, those of the profile with the file's overrides.
    pub config: TranslatorConfig,
}

impl NatChoice {
    /// Returns the properties of a NAT with mappings; `None` if it translates by rule.
    #[must_use]
    pub const fn nat(&self) -> Option<&NatConfig> {
        match &self.config {
            TranslatorConfig::Nat(config) => Some(config),
            TranslatorConfig::Stateless(_) => None,
        }
    }
}

/// How a gateway or a host filters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirewallChoice {
    /// The profile that the file names, if it names one.
    pub profile: Option<ProfileRef>,
    /// The properties, those of the profile with the file's overrides.
    pub config: FirewallConfig,
}

/// The profile that a NAT or a firewall comes from, and how far that can be trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileRef {
    /// Its name.
    pub name: String,
    /// How far it can be trusted as a picture of what it is named after.
    pub status: ProfileStatus,
    /// Where its values come from; empty for a profile of the user's that does not say.
    pub source: String,
}
