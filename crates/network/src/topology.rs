//! Building a network: LANs, gateways, hosts, and how they hang together.

use std::net::IpAddr;

use ipnet::IpNet;
use natbed_nat::{Firewall, StatelessConfig, Translator};
use natbed_packet::{DropReason, IcmpErrorKind, Packet};
use natbed_units::{SimDuration, SimTime};
use smallvec::SmallVec;

use crate::address::{Prefix, RouteTable};
use crate::config::{
    Attachment, GatewayConfig, HostConfig, InterfaceConfig, InternetConfig, LanConfig,
    TopologyError,
};
use crate::id::{HostId, LanId, LinkId, Place, RouterId};
use crate::network::Network;
use crate::observer::Observer;
use crate::path_mtu::PathMtus;
use crate::pipe::{LinkConfig, Pipe, mtu};
use crate::reassembly::Reassembler;

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
    /// The broadcast address of its IPv4 subnet.
    pub(crate) broadcast: Option<IpAddr>,
    pub(crate) isolate: bool,
    /// The inside link of its gateway.
    pub(crate) gateway: Option<LinkId>,
    pub(crate) gateway_router: Option<RouterId>,
    pub(crate) members: RouteTable<LinkId>,
    /// The interfaces of hosts on it, in the order of attachment: who hears what goes to many.
    pub(crate) hosts: Vec<(HostId, LinkId)>,
    /// Subnets routed behind members, which a routed gateway announces further up.
    routed: Vec<IpNet>,
}

#[derive(Debug)]
pub(crate) struct Router {
    pub(crate) name: Box<str>,
    pub(crate) lan: LanId,
    pub(crate) inside: IpAddr,
    /// Its own address outside.
    pub(crate) outside: IpAddr,
    /// Its other addresses outside.
    pub(crate) pool: Box<[IpAddr]>,
    pub(crate) upstream: Attachment,
    pub(crate) inside_link: LinkId,
    pub(crate) outside_link: LinkId,
    pub(crate) nat: Option<Translator>,
    pub(crate) firewall: Option<Firewall>,
    pub(crate) icmp_errors: bool,
    pub(crate) is_off: bool,
    /// The longest packet from inside that fits the uplink as it is, in bytes.
    pub(crate) outward_mtu: u32,
    /// Whether it makes IPv6 packets of IPv4 ones and the other way.
    pub(crate) changes_version: bool,
    pub(crate) reassembler: Option<Box<Reassembler>>,
    /// The expiry that stands in the schedule.
    pub(crate) armed: Option<SimTime>,
}

impl Router {
    /// Says whether an address is one of the gateway's own outside.
    #[inline]
    pub(crate) fn has_outside(&self, address: IpAddr) -> bool {
        address == self.outside || self.pool.contains(&address)
    }

    /// Says whether fragments must become whole before the gateway can judge or translate them.
    #[inline]
    pub(crate) const fn needs_wholes(&self) -> bool {
        self.nat.is_some() || self.firewall.is_some()
    }

    /// Says whether the gateway may cut a packet, as it is inside or outside.
    pub(crate) fn may_cut(&self, packet: &Packet) -> bool {
        !packet.dont_fragment && (packet.source.is_ipv4() || self.changes_version)
    }

    /// Returns the ICMP error that the gateway answers a drop with, if it answers.
    pub(crate) fn icmp_error(&self, reason: DropReason) -> Option<IcmpErrorKind> {
        match &self.nat {
            _ if !self.icmp_errors => None,
            Some(nat) => nat.icmp_error(reason),
            None => reason.icmp_error(),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) name: Box<str>,
    /// Nearly always one, and looked at for every packet: so it stands in the host itself.
    pub(crate) interfaces: SmallVec<[Interface; 1]>,
    pub(crate) firewall: Option<Box<Firewall>>,
    pub(crate) is_stopped: bool,
    /// The multicast groups that it has joined.
    pub(crate) groups: Vec<IpAddr>,
    pub(crate) path_mtus: Option<Box<PathMtus>>,
    pub(crate) reassembler: Option<Box<Reassembler>>,
    /// The expiry that stands in the schedule.
    pub(crate) armed: Option<SimTime>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Interface {
    pub(crate) address: IpAddr,
    pub(crate) attachment: Attachment,
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
            broadcast: broadcast(config.subnet),
            isolate: config.isolate,
            gateway: None,
            gateway_router: None,
            members: RouteTable::new(),
            hosts: Vec::new(),
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
            icmp_errors,
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
        let (outward_mtu, changes_version) = outward_mtu(nat.as_ref(), mtu(uplink.up));
        let inside_link = self.attach(
            &name,
            inside,
            Attachment::Lan(lan),
            LinkConfig::IDEAL,
            Place::RouterInside(id),
        )?;
        let outside_link =
            self.attach(&name, outside, upstream, uplink, Place::RouterOutside(id))?;
        for address in &pool {
            self.add_route(&name, *address, upstream, outside_link)?;
        }
        let is_routed = nat.is_none();
        self.routers.push(Router {
            name: name.into(),
            lan,
            inside,
            outside,
            pool: pool.into(),
            upstream,
            inside_link,
            outside_link,
            nat,
            firewall: firewall.map(Firewall::new),
            icmp_errors,
            is_off: false,
            outward_mtu,
            changes_version,
            reassembler: None,
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
                Ok(Interface { address, attachment, link })
            })
            .collect::<Result<_, _>>()?;
        self.hosts.push(Host {
            name: name.into(),
            interfaces,
            firewall: firewall.map(|config| Box::new(Firewall::new(config))),
            is_stopped: false,
            groups: Vec::new(),
            path_mtus: None,
            reassembler: None,
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
    pub(crate) fn attach(
        &mut self,
        name: &str,
        address: IpAddr,
        attachment: Attachment,
        mut config: LinkConfig,
        place: Place,
    ) -> Result<LinkId, TopologyError> {
        let link = LinkId((self.pipes.len() / 2) as u32);
        self.add_route(name, address, attachment, link)?;
        let far_end = match attachment {
            Attachment::Lan(id) => Place::Lan(id, link),
            Attachment::Internet => Place::Core(link),
        };
        if let (Attachment::Internet, Some(core)) = (attachment, &self.core) {
            config.up.delay = config.up.delay + core.delay;
        }
        if let (Attachment::Lan(lan), Place::Host(host)) = (attachment, place) {
            self.lans[lan.index()].hosts.push((host, link));
        }
        self.pipes.push(Pipe::new(config.up, far_end));
        self.pipes.push(Pipe::new(config.down, place));
        Ok(link)
    }

    /// Makes `address` reachable through a link to `attachment`.
    pub(crate) fn add_route(
        &mut self,
        name: &str,
        address: IpAddr,
        attachment: Attachment,
        link: LinkId,
    ) -> Result<(), TopologyError> {
        let routes = self.routes_for(name, address, attachment)?;
        if routes.add_address(address, link) {
            Ok(())
        } else {
            Err(TopologyError::AddressTaken { name: name.to_owned(), address })
        }
    }

    /// Returns the routes at an attachment that `address` fits.
    pub(crate) fn routes_for(
        &mut self,
        name: &str,
        address: IpAddr,
        attachment: Attachment,
    ) -> Result<&mut RouteTable<LinkId>, TopologyError> {
        match attachment {
            Attachment::Lan(id) => {
                let lan = &mut self.lans[id.index()];
                if lan.subnet.contains(&address) {
                    return Ok(&mut lan.members);
                }
                let (name, subnet) = (name.to_owned(), lan.subnet);
                Err(TopologyError::OutsideSubnet { name, address, subnet })
            }
            Attachment::Internet => match &mut self.core {
                Some(core) => Ok(&mut core.routes),
                None => Err(TopologyError::NoInternet { name: name.to_owned() }),
            },
        }
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

/// The longest packet that becomes no longer than the uplink's MTU, and whether its IP version
/// changes: that adds or takes 20 bytes of header (RFC 7915).
fn outward_mtu(translator: Option<&Translator>, mtu: u32) -> (u32, bool) {
    match translator {
        Some(Translator::Nat(nat)) if nat.config().nat64.is_some() => {
            (mtu.saturating_add(20), true)
        }
        Some(Translator::Stateless(stateless)) => match stateless.config() {
            StatelessConfig::Clat { .. } => (mtu.saturating_sub(20), true),
            StatelessConfig::OneToOne { .. } | StatelessConfig::Nptv6 { .. } => (mtu, false),
        },
        _ => (mtu, false),
    }
}

/// The broadcast address of a subnet; links between two have none (RFC 3021), nor has IPv6.
fn broadcast(subnet: IpNet) -> Option<IpAddr> {
    (subnet.addr().is_ipv4() && subnet.prefix_len() < 31).then(|| subnet.broadcast())
}
