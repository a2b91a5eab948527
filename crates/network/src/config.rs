//! The parts of a network as they are asked for, and why they may not fit.

use std::net::IpAddr;

use ipnet::IpNet;
use natbed_nat::{FirewallConfig, NatConfigError, TranslatorConfig};
use natbed_units::SimDuration;
use thiserror::Error;

use crate::id::{LanId, RouterId};
use crate::pipe::{LinkConfig, PipeConfigError};

/// The Internet between all public addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InternetConfig {
    /// One way through the core, added to the delay of every link into it.
    pub delay: SimDuration,
}

/// A LAN segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LanConfig {
    /// Its name, for captures and messages.
    pub name: String,
    /// The addresses on it; other LANs may have the same.
    pub subnet: IpNet,
    /// More addresses on it: a dual-stack LAN has a subnet of each IP version.
    pub second_subnet: Option<IpNet>,
    /// Client isolation: hosts see the gateway but not each other.
    pub isolate: bool,
}

/// What a link leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attachment {
    /// A LAN segment.
    Lan(LanId),
    /// The Internet core, with a public address.
    Internet,
}

/// The gateway of a LAN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayConfig {
    /// Its name, for captures, messages and the seed of its NAT.
    pub name: String,
    /// The LAN it serves.
    pub lan: LanId,
    /// Its address on that LAN.
    pub inside: IpAddr,
    /// Where its uplink leads.
    pub upstream: Attachment,
    /// Its address there; what its NAT translates to.
    pub outside: IpAddr,
    /// More addresses there, which its NAT translates to as well; all lead to its uplink.
    pub pool: Vec<IpAddr>,
    /// Its uplink.
    pub uplink: LinkConfig,
    /// How it translates; `None` routes the subnet as it is.
    pub translator: Option<TranslatorConfig>,
    /// The firewall; `None` lets everything pass.
    pub firewall: Option<FirewallConfig>,
    /// Whether it sends ICMP errors; a box that does not swallows what it cannot pass on.
    pub icmp_errors: bool,
    /// The gateway in whose box it is, if it is not one of its own: a box is one gateway for IPv4,
    /// one for IPv6, and perhaps a NAT64.
    ///
    /// They share the inside and the outside link, made with the first one's `uplink`, so `lan` and
    /// `upstream` are the same. A packet is for the one that has the address it is for, or a prefix
    /// of it (NAT64, external prefixes), else for one of its IP version. Each has addresses and
    /// state of its own: reboot, switch off, or change all of them.
    pub beside: Option<RouterId>,
}

/// A host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostConfig {
    /// Its name, for captures and messages.
    pub name: String,
    /// Its interfaces, at least one; a packet leaves by the one that has its source address.
    pub interfaces: Vec<InterfaceConfig>,
    /// The firewall on the host; `None` lets everything pass.
    pub firewall: Option<FirewallConfig>,
}

/// An address of a host and the link that leads to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceConfig {
    /// The address.
    pub address: IpAddr,
    /// Where the link leads.
    pub attachment: Attachment,
    /// The link.
    pub link: LinkConfig,
}

/// Why a part does not fit into the network.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TopologyError {
    /// Another part has the address already.
    #[error("{name}: the address {address} is taken")]
    AddressTaken {
        /// The part that was to be added.
        name: String,
        /// The address it asks for.
        address: IpAddr,
    },
    /// The address is not one of the LAN's.
    #[error("{name}: the address {address} is outside of the subnet {subnet}")]
    OutsideSubnet {
        /// The part that was to be added.
        name: String,
        /// The address it asks for.
        address: IpAddr,
        /// The subnet of the LAN.
        subnet: IpNet,
    },
    /// The network has no Internet.
    #[error("{name}: there is no Internet in this network")]
    NoInternet {
        /// The part that was to be added.
        name: String,
    },
    /// The LAN has a gateway for this IP version already.
    #[error("{name}: the LAN has a gateway already")]
    SecondGateway {
        /// The gateway that was to be added.
        name: String,
    },
    /// Following the uplinks leads back to the same LAN.
    #[error("{name}: its uplink leads back to its own LAN")]
    Cycle {
        /// The gateway that was to be added.
        name: String,
    },
    /// A gateway is to stand in the box of another one, which has another LAN or upstream.
    #[error("{name}: the gateway it is in one box with has another LAN or upstream")]
    NotBeside {
        /// The gateway that was to be added.
        name: String,
    },
    /// A gateway has no outside address.
    #[error("{name}: a gateway needs an outside address")]
    NoAddress {
        /// The gateway that was to be changed.
        name: String,
    },
    /// The host has no interface of this number.
    #[error("{name}: there is no interface {index}")]
    NoSuchInterface {
        /// The host that was to be moved.
        name: String,
        /// The number asked for, from zero.
        index: usize,
    },
    /// The host has no interface.
    #[error("{name}: a host needs an interface")]
    NoInterface {
        /// The host that was to be added.
        name: String,
    },
    /// A direction of a link cannot be as it is asked for.
    #[error("{name}: {source}")]
    Pipe {
        /// The part whose link it is.
        name: String,
        /// What is wrong with it.
        source: PipeConfigError,
    },
    /// The NAT's properties contradict each other.
    #[error("{name}: {source}")]
    Nat {
        /// The gateway that was to be added.
        name: String,
        /// What is wrong with the properties.
        source: NatConfigError,
    },
}
