//! Building a network: LANs, gateways, hosts, and how they hang together.

use std::net::IpAddr;

use ipnet::IpNet;
use natbed_nat::{Firewall, FirewallConfig, NatConfigError, Translator, TranslatorConfig};
use natbed_units::{SimDuration, SimTime};
use smallvec::SmallVec;
use thiserror::Error;

use crate::address::{Prefix, RouteTable};
use crate::id::{HostId, LanId, LinkId, Place, RouterId};
use crate::network::Network;
use crate::observer::Observer;
use crate::pipe::{LinkConfig, Pipe};

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
    /// More addresses there, which its NAT translates to as well.
    pub pool: Vec<IpAddr>,
    /// Its uplink.
    pub uplink: LinkConfig,
    /// How it translates; `None` routes the subnet as it is.
    pub translator: Option<TranslatorConfig>,
    /// The firewall; `None` lets everything pass.
    pub firewall: Option<FirewallConfig>,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// The LAN has a gateway already.
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
    /// The host has no interface.
    #[error("{name}: a host needs an interface")]
    NoInterface {
        /// The host that was to be added.
        name: String,
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

#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) delay: SimDuration,
    pub(crate) routes: RouteTable<LinkId>,
}

#[derive(Debug)]
pub(crate) struct Lan {
    pub(crate) name: Box<str>,
    pub(crate) subnet: IpNet,
    pub(crate) prefix: Prefix,
    pub(crate) isolate: bool,
    /// The inside link of its gateway.
    pub(crate) gateway: Option<LinkId>,
    pub(crate) gateway_router: Option<RouterId>,
    pub(crate) members: RouteTable<LinkId>,
    /// Subnets routed behind members, which a routed gateway announces further up.
    routed: Vec<IpNet>,
}

#[derive(Debug)]
pub(crate) struct Router {
    pub(crate) name: Box<str>,
    pub(crate) lan: LanId,
    pub(crate) inside: IpAddr,
    pub(crate) outside: IpAddr,
    pub(crate) upstream: Attachment,
    pub(crate) inside_link: LinkId,
    pub(crate) outside_link: LinkId,
    pub(crate) nat: Option<Translator>,
    pub(crate) firewall: Option<Firewall>,
    /// The expiry that stands in the schedule.
    pub(crate) armed: Option<SimTime>,
}

#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) name: Box<str>,
    /// Nearly always one, and looked at for every packet: so it stands in the host itself.
    pub(crate) interfaces: SmallVec<[Interface; 1]>,
    pub(crate) firewall: Option<Box<Firewall>>,
    pub(crate) is_stopped: bool,
    /// The expiry that stands in the schedule.
    pub(crate) armed: Option<SimTime>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Interface {
    pub(crate) address: IpAddr,
    pub(crate) link: LinkId,
}

impl<O: Observer> Network<O> {
    /// Puts the Internet into the network; without it there are only LANs.
    ///
    /// Call it once, before anything is attached to the Internet: it starts an empty one.
    pub fn set_internet(&mut self, config: InternetConfig) {
        self.core = Some(Core { delay: config.delay, routes: RouteTable::new() });
    }

    /// Adds a LAN segment, without a gateway yet.
    pub fn add_lan(&mut self, config: LanConfig) -> LanId {
        let id = LanId(self.lans.len() as u32);
        self.lans.push(Lan {
            name: config.name.into(),
            subnet: config.subnet,
            prefix: Prefix::new(config.subnet),
            isolate: config.isolate,
            gateway: None,
            gateway_router: None,
            members: RouteTable::new(),
            routed: Vec::new(),
        });
        id
    }

    /// Adds the gateway of a LAN.
    ///
    /// # Errors
    ///
    /// Everything in [`TopologyError`] that concerns gateways. The part may then be half attached:
    /// do not go on with this network.
    pub fn add_gateway(&mut self, config: GatewayConfig) -> Result<RouterId, TopologyError> {
        let id = RouterId(self.routers.len() as u32);
        let GatewayConfig {
            name,
            lan,
            inside,
            upstream,
            outside,
            pool,
            uplink,
            translator,
            firewall,
        } = config;
        if self.lans[lan.index()].gateway.is_some() {
            return Err(TopologyError::SecondGateway { name });
        }
        if self.leads_to(upstream, lan) {
            return Err(TopologyError::Cycle { name });
        }
        let rng = self.seed.rng(&format!("nat/{name}"));
        let externals = [&[outside], &pool[..]].concat();
        let translator = translator.map(|config| Translator::new(config, externals, rng));
        let nat = match translator.transpose() {
            Ok(nat) => nat,
            Err(source) => return Err(TopologyError::Nat { name, source }),
        };
        let inside_link = self.attach(
            &name,
            inside,
            Attachment::Lan(lan),
            LinkConfig::IDEAL,
            Place::RouterInside(id),
        )?;
        let outside_link =
            self.attach(&name, outside, upstream, uplink, Place::RouterOutside(id))?;
        let is_routed = nat.is_none();
        self.routers.push(Router {
            name: name.into(),
            lan,
            inside,
            outside,
            upstream,
            inside_link,
            outside_link,
            nat,
            firewall: firewall.map(Firewall::new),
            armed: None,
        });
        let served = &mut self.lans[lan.index()];
        served.gateway = Some(inside_link);
        served.gateway_router = Some(id);
        if is_routed {
            let mut behind = served.routed.clone();
            behind.push(served.subnet);
            for subnet in behind {
                self.announce(subnet, id);
            }
        }
        Ok(id)
    }

    /// Adds a host.
    ///
    /// # Errors
    ///
    /// Everything in [`TopologyError`] that concerns hosts. The part may then be half attached:
    /// do not go on with this network.
    pub fn add_host(&mut self, config: HostConfig) -> Result<HostId, TopologyError> {
        let id = HostId(self.hosts.len() as u32);
        let HostConfig { name, interfaces, firewall } = config;
        if interfaces.is_empty() {
            return Err(TopologyError::NoInterface { name });
        }
        let interfaces = interfaces
            .into_iter()
            .map(|InterfaceConfig { address, attachment, link }| {
                let link = self.attach(&name, address, attachment, link, Place::Host(id))?;
                Ok(Interface { address, link })
            })
            .collect::<Result<_, _>>()?;
        self.hosts.push(Host {
            name: name.into(),
            interfaces,
            firewall: firewall.map(|config| Box::new(Firewall::new(config))),
            is_stopped: false,
            armed: None,
        });
        Ok(id)
    }

    /// Returns the name that a host was added with.
    #[must_use]
    pub fn host_name(&self, host: HostId) -> &str {
        &self.hosts[host.index()].name
    }

    /// Returns the links of a host, in the order of its interfaces.
    pub fn host_links(&self, host: HostId) -> impl Iterator<Item = LinkId> + '_ {
        self.hosts[host.index()].interfaces.iter().map(|interface| interface.link)
    }

    /// Returns the uplink of a gateway.
    #[must_use]
    pub fn uplink(&self, router: RouterId) -> LinkId {
        self.routers[router.index()].outside_link
    }

    /// Returns the number of links.
    #[must_use]
    pub fn link_count(&self) -> usize {
        self.pipes.len() / 2
    }

    /// Returns what a link connects, its lower end (host or gateway) first, by name.
    #[must_use]
    pub fn link_ends(&self, link: LinkId) -> (String, String) {
        let name = |place| match place {
            Place::Host(host) => self.hosts[host.index()].name.to_string(),
            Place::Lan(lan, _) => self.lans[lan.index()].name.to_string(),
            Place::RouterInside(router) => {
                format!("{}-gateway-inside", self.routers[router.index()].name)
            }
            Place::RouterOutside(router) => {
                format!("{}-gateway-outside", self.routers[router.index()].name)
            }
            Place::Core(_) => "internet".to_owned(),
        };
        (name(self.pipes[link.down().index()].to), name(self.pipes[link.up().index()].to))
    }

    /// Makes a link from `place` to a LAN or the core and makes `address` reachable through it.
    fn attach(
        &mut self,
        name: &str,
        address: IpAddr,
        attachment: Attachment,
        mut config: LinkConfig,
        place: Place,
    ) -> Result<LinkId, TopologyError> {
        let link = LinkId((self.pipes.len() / 2) as u32);
        let (routes, far_end) = match attachment {
            Attachment::Lan(id) => {
                let lan = &mut self.lans[id.index()];
                if !lan.subnet.contains(&address) {
                    let (name, subnet) = (name.to_owned(), lan.subnet);
                    return Err(TopologyError::OutsideSubnet { name, address, subnet });
                }
                (&mut lan.members, Place::Lan(id, link))
            }
            Attachment::Internet => match &mut self.core {
                None => return Err(TopologyError::NoInternet { name: name.to_owned() }),
                Some(core) => {
                    config.up.delay = config.up.delay + core.delay;
                    (&mut core.routes, Place::Core(link))
                }
            },
        };
        if !routes.add_address(address, link) {
            return Err(TopologyError::AddressTaken { name: name.to_owned(), address });
        }
        self.pipes.push(Pipe::new(config.up, far_end));
        self.pipes.push(Pipe::new(config.down, place));
        Ok(link)
    }

    /// Says whether following the uplinks from `attachment` leads to `lan`.
    fn leads_to(&self, attachment: Attachment, lan: LanId) -> bool {
        let mut at = attachment;
        while let Attachment::Lan(id) = at {
            if id == lan {
                return true;
            }
            match self.lans[id.index()].gateway_router {
                Some(router) => at = self.routers[router.index()].upstream,
                None => return false,
            }
        }
        false
    }

    /// Makes a routed subnet known above its gateway, and above that one's if it routes as well.
    fn announce(&mut self, subnet: IpNet, router: RouterId) {
        let mut router = router;
        loop {
            let Router { upstream, outside_link, .. } = self.routers[router.index()];
            match upstream {
                Attachment::Internet => {
                    if let Some(core) = &mut self.core {
                        core.routes.add_prefix(subnet, outside_link);
                    }
                    return;
                }
                Attachment::Lan(id) => {
                    let lan = &mut self.lans[id.index()];
                    lan.members.add_prefix(subnet, outside_link);
                    lan.routed.push(subnet);
                    match lan.gateway_router {
                        Some(next) if self.routers[next.index()].nat.is_none() => router = next,
                        _ => return,
                    }
                }
            }
        }
    }
}
