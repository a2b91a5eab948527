//! One peer's way out: the segments from itself outward, and the boxes between them.

use natbed_nat::{FirewallConfig, StatelessConfig, TranslatorConfig};
use natbed_scenario::{
    Attachment, FirewallChoice, Gateway, Host, HostIndex, Interface, LanIndex, Link, NatChoice,
    Scenario,
};

use super::Oracle;

/// An IP version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    V4,
    V6,
}

/// A place where packets meet without a router between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    Lan(LanIndex),
    Internet(Version),
}

/// A gateway on the way, as what it is for the IP version that comes to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hop<'a> {
    /// The LAN that it belongs to, which names it.
    pub(super) gateway: LanIndex,
    pub(super) nat: Option<&'a NatChoice>,
    pub(super) firewall: Option<&'a FirewallConfig>,
    /// Whether its NAT has several outside addresses.
    pub(super) has_pool: bool,
    pub(super) uplink: &'a Link,
}

/// One peer: the segments from itself outward, and the gateways between them.
pub(super) struct Side<'a> {
    pub(super) host: &'a Host,
    pub(super) segments: Vec<Segment>,
    pub(super) hops: Vec<Hop<'a>>,
}

impl<'a> Side<'a> {
    pub(super) fn new(scenario: &'a Scenario, index: HostIndex) -> Result<Self, Oracle> {
        let host = &scenario.hosts[index.0];
        let [interface] = &host.interfaces[..] else {
            return Err(Oracle::open("a host with several interfaces has several ways out"));
        };
        let mut side = Self { host, segments: Vec::new(), hops: Vec::new() };
        let mut version = version_of(interface);
        let mut lan = match interface.attachment {
            Attachment::Lan(lan) => Some(lan),
            Attachment::Internet => None,
        };
        while let Some(at) = lan {
            side.segments.push(Segment::Lan(at));
            let Some(gateway) = scenario.gateway(at) else { return Ok(side) };
            let hop = Hop::new(scenario.served_by(at), gateway, version);
            version = version_behind(hop.nat, version)?;
            side.hops.push(hop);
            lan = gateway.via;
        }
        side.segments.push(Segment::Internet(version));
        Ok(side)
    }

    pub(super) fn own_firewall(&self) -> Option<&'a FirewallConfig> {
        self.host.firewall.as_ref().map(|firewall| &firewall.config)
    }

    pub(super) fn firewalls(&self) -> impl Iterator<Item = &'a FirewallConfig> + '_ {
        self.own_firewall().into_iter().chain(self.hops.iter().filter_map(|hop| hop.firewall))
    }

    /// Its link and those of the gateways.
    pub(super) fn links(&self) -> impl Iterator<Item = &'a Link> + '_ {
        let own = self.host.interfaces.iter().map(|interface| &interface.link);
        own.chain(self.hops.iter().map(|hop| hop.uplink))
    }
}

impl<'a> Hop<'a> {
    fn new(of: LanIndex, gateway: &'a Gateway, version: Version) -> Self {
        let config = |firewall: &'a Option<FirewallChoice>| {
            firewall.as_ref().map(|firewall| &firewall.config)
        };
        let (nat, firewall, has_pool) = match (&gateway.ipv6, version) {
            (Some(ipv6), Version::V6) => (ipv6.nat.as_ref(), config(&ipv6.firewall), false),
            _ => (gateway.nat.as_ref(), config(&gateway.firewall), !gateway.pool.is_empty()),
        };
        Self { gateway: of, nat, firewall, has_pool, uplink: &gateway.uplink }
    }
}

/// The version that an agent on the interface uses: of both, IPv4.
fn version_of(interface: &Interface) -> Version {
    if interface.addresses().any(|address| address.is_ipv4()) { Version::V4 } else { Version::V6 }
}

/// The version of what has passed a translator.
fn version_behind(nat: Option<&NatChoice>, version: Version) -> Result<Version, Oracle> {
    match (nat.map(|nat| &nat.config), version) {
        (Some(TranslatorConfig::Stateless(StatelessConfig::Clat { .. })), Version::V4) => {
            Ok(Version::V6)
        }
        (Some(TranslatorConfig::Nat(nat)), Version::V6) if nat.nat64.is_some() => Ok(Version::V4),
        (Some(TranslatorConfig::Nat(nat)), Version::V4) if nat.nat64.is_some() => {
            Err(Oracle::open("a NAT64 translates IPv6 only"))
        }
        (_, version) => Ok(version),
    }
}
