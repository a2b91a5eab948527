//! Hosts: where they are attached and what they serve.

use std::net::{IpAddr, Ipv4Addr};

use super::{DhtService, FirewallChoice, LanIndex, Link};

/// A host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Its name, shared with no other host and no LAN.
    pub name: String,
    /// Where it is attached; at least one.
    pub interfaces: Vec<Interface>,
    /// Its own firewall.
    pub firewall: Option<FirewallChoice>,
    /// The services it offers.
    pub serve: Serve,
}

impl Host {
    /// Returns the interface of a host that has one, the first of a host that has several.
    #[must_use]
    pub fn interface(&self) -> &Interface {
        &self.interfaces[0] // a host without an interface is not made
    }

    /// Returns its address: the first of its first interface.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.interface().address
    }

    /// Returns all its addresses, interface by interface.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.interfaces.iter().flat_map(Interface::addresses)
    }

    /// Returns the IPv4 address of the first interface that has one.
    #[must_use]
    pub fn ipv4_address(&self) -> Option<Ipv4Addr> {
        self.addresses().find_map(|address| match address {
            IpAddr::V4(v4) => Some(v4),
            IpAddr::V6(_) => None,
        })
    }
}

/// An interface of a host: what its link leads to, and its addresses there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// What the link leads to.
    pub attachment: Attachment,
    /// Its address there.
    pub address: IpAddr,
    /// Its second address, on a dual-stack LAN or a dual-stack public host; an IPv6 one.
    pub ipv6_address: Option<IpAddr>,
    /// Its link.
    pub link: Link,
}

impl Interface {
    /// Returns its addresses, the first one first.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + use<> {
        std::iter::once(self.address).chain(self.ipv6_address)
    }
}

/// What the link of a host leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attachment {
    /// A LAN.
    Lan(LanIndex),
    /// The Internet, where addresses are public.
    Internet,
}

/// The services a host offers to sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Serve {
    /// Whether it answers STUN binding requests (RFC 8489).
    pub stun: bool,
    /// Its TURN relay (RFC 8656), if it has one.
    pub turn: Option<TurnService>,
    /// Its node of the DHT, if it serves one.
    pub dht: Option<DhtService>,
}

/// A TURN relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnService {
    /// Who may use it, as (user name, password); at least one. Sessions use the first.
    pub users: Vec<(String, String)>,
}
