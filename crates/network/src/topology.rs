//! Building a network: LANs, gateways, hosts, and how they hang together.

use std::net::IpAddr;

use ipnet::IpNet;
use natbed_nat::{Firewall, StatelessConfig, Translator};
use natbed_units::ByteCount;
use smallvec::SmallVec;

use crate::address::{Prefix, RouteTable};
use crate::config::{
    Attachment, GatewayConfig, HostConfig, InterfaceConfig, InternetConfig, LanConfig,
    TopologyError,
};
use crate::id::{HostId, LanId, LinkId, PipeId, Place, RouterId};
use crate::network::Network;
use crate::node::{Core, Host, Inside, Interface, Lan, LanGateway, Router, version};
use crate::observer::Observer;
use crate::pipe::{LinkConfig, Pipe};

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
        let subnets = [Some(config.subnet), config.second_subnet];
        self.lans.push(Lan {
            name: config.name.into(),
            subnet: config.subnet,
            prefix: Prefix::new(config.subnet),
            second: config.second_subnet.map(|subnet| (subnet, Prefix::new(subnet))),
            broadcast: subnets.into_iter().flatten().find_map(broadcast),
            isolate: config.isolate,
            gateways: [None; 2],
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
            beside,
        } = config;
        let head = beside.map(|beside| self.routers[beside.index()].head);
        let box_link = head.map(|head| self.routers[head.index()].inside_link);
        self.check_gateway(&name, lan, inside, box_link)?;
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
        let (inside_link, outside_link) = match head {
            None => {
                let (there, place) = (Attachment::Lan(lan), Place::RouterInside(id));
                let inside_link =
                    self.attach(&name, inside, there, &LinkConfig::IDEAL, place, 0)?;
                let place = Place::RouterOutside(id);
                (inside_link, self.attach(&name, outside, upstream, &uplink, place, 0)?)
            }
            Some(head) => {
                let first = &self.routers[head.index()];
                if (first.lan, first.upstream) != (lan, upstream) {
                    return Err(TopologyError::NotBeside { name });
                }
                let (inside_link, outside_link) = (first.inside_link, first.outside_link);
                self.add_route(&name, inside, Attachment::Lan(lan), inside_link)?;
                self.add_route(&name, outside, upstream, outside_link)?;
                self.routers[head.index()].beside.push(id);
                (inside_link, outside_link)
            }
        };
        for address in &pool {
            self.add_route(&name, *address, upstream, outside_link)?;
        }
        let external = external_prefix(nat.as_ref());
        let (outward_mtu, changes_version) =
            outward_mtu(nat.as_ref(), self.pipes[outside_link.up().index()].mtu);
        self.routers.push(Router {
            name: name.into(),
            lan,
            inside,
            more_insides: Vec::new(),
            head: head.unwrap_or(id),
            beside: Vec::new(),
            outside,
            pool: pool.into(),
            external,
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
        self.serve(id, lan, inside, inside_link);
        if let Some(prefix) = external {
            self.announce(prefix, id);
        }
        Ok(id)
    }

    /// Puts a further LAN behind a gateway, under `address` there.
    ///
    /// All its LANs share its NAT, firewall and uplink. What goes from one to another is routed
    /// without the NAT, and judged by the firewall as a packet that leaves. Gateways in one box
    /// share the link into a LAN. Returns that link.
    ///
    /// # Errors
    ///
    /// As for the first LAN of a gateway; then nothing has changed.
    pub fn add_inside(
        &mut self,
        router: RouterId,
        lan: LanId,
        address: IpAddr,
    ) -> Result<LinkId, TopologyError> {
        let Router { head, upstream, .. } = self.routers[router.index()];
        let name = self.routers[router.index()].name.to_string();
        let known = self.boxed(head).find_map(|id| {
            let mut insides = self.routers[id.index()].insides();
            insides.find(|inside| inside.lan == lan).map(|inside| inside.link)
        });
        self.check_gateway(&name, lan, address, known)?;
        if self.leads_to(upstream, lan) {
            return Err(TopologyError::Cycle { name });
        }
        let there = Attachment::Lan(lan);
        let link = match known {
            Some(link) => {
                self.add_route(&name, address, there, link)?;
                link
            }
            None => {
                let place = Place::RouterInside(head);
                let nth = self.boxed_links(head);
                self.attach(&name, address, there, &LinkConfig::IDEAL, place, nth)?
            }
        };
        self.routers[router.index()].more_insides.push(Inside { lan, address, link });
        self.serve(router, lan, address, link);
        Ok(link)
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
        let interfaces: SmallVec<_> = interfaces
            .into_iter()
            .zip(0..)
            .map(|(InterfaceConfig { address, attachment, link }, nth)| {
                let link = self.attach(&name, address, attachment, &link, Place::Host(id), nth)?;
                Ok(Interface { address, attachment, link })
            })
            .collect::<Result<_, _>>()?;
        self.hosts.push(Host {
            name: name.into(),
            links_made: interfaces.len() as u32,
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

    /// Gives a host a further address on the link of one of its interfaces, as dual stack asks.
    ///
    /// From then on it counts as an interface, the last one.
    ///
    /// # Errors
    ///
    /// If there is no such interface, or the address is taken or does not fit; then nothing has
    /// changed.
    pub fn add_address(
        &mut self,
        host: HostId,
        interface_index: usize,
        address: IpAddr,
    ) -> Result<(), TopologyError> {
        let named = &self.hosts[host.index()];
        let name = named.name.to_string();
        let Some(&Interface { attachment, link, .. }) = named.interfaces.get(interface_index)
        else {
            return Err(TopologyError::NoSuchInterface { name, index: interface_index });
        };
        self.add_route(&name, address, attachment, link)?;
        self.hosts[host.index()].interfaces.push(Interface { address, attachment, link });
        Ok(())
    }

    /// Returns the name that a host was added with.
    #[must_use]
    pub fn host_name(&self, host: HostId) -> &str {
        &self.hosts[host.index()].name
    }

    /// Returns the links of a host, in the order of its interfaces; one that several addresses
    /// share as often as there are.
    pub fn host_links(&self, host: HostId) -> impl Iterator<Item = LinkId> + '_ {
        self.hosts[host.index()].interfaces.iter().map(|interface| interface.link)
    }

    /// Returns the longest packets that the links of a host take in either direction, in the order
    /// of its interfaces; `None` for one that takes all.
    pub fn host_mtus(&self, host: HostId) -> impl Iterator<Item = Option<ByteCount>> + '_ {
        self.host_links(host).map(|link| {
            let mtu = |pipe: PipeId| self.pipes[pipe.index()].mtu;
            let mtu = mtu(link.up()).min(mtu(link.down()));
            (mtu != Pipe::NO_MTU).then(|| ByteCount::new(mtu.into()))
        })
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
        config: &LinkConfig,
        place: Place,
        nth: u32,
    ) -> Result<LinkId, TopologyError> {
        check_link(name, config)?;
        let link = LinkId((self.pipes.len() / 2) as u32);
        self.add_route(name, address, attachment, link)?;
        let far_end = match attachment {
            Attachment::Lan(id) => Place::Lan(id, link),
            Attachment::Internet => Place::Core(link),
        };
        if let (Attachment::Lan(lan), Place::Host(host)) = (attachment, place) {
            self.lans[lan.index()].hosts.push((host, link));
        }
        Ok(self.add_pipes(name, config, (place, far_end), nth))
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
                if lan.contains(address) {
                    return Ok(&mut lan.members);
                }
                let subnet =
                    lan.subnets().find(|subnet| version(subnet.addr()) == version(address));
                let (name, subnet) = (name.to_owned(), subnet.unwrap_or(lan.subnet));
                Err(TopologyError::OutsideSubnet { name, address, subnet })
            }
            Attachment::Internet => match &mut self.core {
                Some(core) => Ok(&mut core.routes),
                None => Err(TopologyError::NoInternet { name: name.to_owned() }),
            },
        }
    }

    /// Checks that a LAN has no gateway yet for the IP version of `inside`, or one in the same box,
    /// which has `box_link` there.
    fn check_gateway(
        &self,
        name: &str,
        lan: LanId,
        inside: IpAddr,
        box_link: Option<LinkId>,
    ) -> Result<(), TopologyError> {
        match self.lans[lan.index()].gateways[version(inside)] {
            Some(gateway) if box_link != Some(gateway.link) => {
                Err(TopologyError::SecondGateway { name: name.to_owned() })
            }
            _ => Ok(()),
        }
    }

    /// Makes a router the gateway of a LAN, and the LAN known above if it is routed.
    fn serve(&mut self, id: RouterId, lan: LanId, inside: IpAddr, link: LinkId) {
        let served = &mut self.lans[lan.index()];
        // The first one in a box is the one that has no prefix of its own (NAT64) as a rule; which
        // of them a packet is for is decided in the box.
        served.gateways[version(inside)].get_or_insert(LanGateway { link, router: id });
        let router = &self.routers[id.index()];
        if router.nat.is_none() {
            let all = served.subnets().chain(served.routed.iter().copied());
            let is_served = |subnet: &IpNet| version(subnet.addr()) == version(router.outside);
            let behind: Vec<_> = all.filter(is_served).collect();
            for subnet in behind {
                self.announce(subnet, id);
            }
        }
    }

    /// How many links lead inside from a box.
    fn boxed_links(&self, head: RouterId) -> u32 {
        let insides = self.boxed(head).flat_map(|id| self.routers[id.index()].insides());
        let mut links: Vec<_> = insides.map(|inside| inside.link).collect();
        links.sort_unstable();
        links.dedup();
        links.len() as u32
    }

    /// Tells the gateways in front of a pipe what its MTU is.
    pub(crate) fn refresh_outward_mtus(&mut self, pipe: PipeId) {
        let mtu = self.pipes[pipe.index()].mtu;
        for router in &mut self.routers {
            if router.outside_link.up() == pipe {
                (router.outward_mtu, _) = outward_mtu(router.nat.as_ref(), mtu);
            }
        }
    }

    /// The gateways in one box.
    pub(crate) fn boxed(&self, head: RouterId) -> impl Iterator<Item = RouterId> + '_ {
        let others = self.routers[head.index()].beside.iter().copied();
        std::iter::once(head).chain(others)
    }

    /// Says whether following the uplinks from `attachment` leads to `lan`.
    fn leads_to(&self, attachment: Attachment, lan: LanId) -> bool {
        let Attachment::Lan(id) = attachment else { return false };
        let mut gateways = self.lans[id.index()].gateways.iter().flatten();
        id == lan
            || gateways
                .any(|gateway| self.leads_to(self.routers[gateway.router.index()].upstream, lan))
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
                    match lan.gateways[version(subnet.addr())] {
                        Some(next) if self.routers[next.router.index()].nat.is_none() => {
                            router = next.router;
                        }
                        _ => return,
                    }
                }
            }
        }
    }
}

/// Checks that both directions of a link can be.
pub(crate) fn check_link(name: &str, link: &LinkConfig) -> Result<(), TopologyError> {
    for pipe in [&link.up, &link.down] {
        pipe.validate().map_err(|source| TopologyError::Pipe { name: name.to_owned(), source })?;
    }
    Ok(())
}

/// The prefix that a translator by rule gives to what is behind it: it leads to the gateway.
fn external_prefix(translator: Option<&Translator>) -> Option<IpNet> {
    match translator {
        Some(Translator::Stateless(stateless)) => Some(match *stateless.config() {
            StatelessConfig::OneToOne { external, .. } => external,
            StatelessConfig::Nptv6 { external, .. } => external.into(),
            StatelessConfig::Clat { clat, .. } => clat.into(),
        }),
        Some(Translator::Nat(_)) | None => None,
    }
}

/// The longest packet that becomes no longer than the uplink's MTU, and whether its IP version
/// changes: that adds or takes 20 bytes of header (RFC 7915).
fn outward_mtu(translator: Option<&Translator>, mtu: u32) -> (u32, bool) {
    let (is_nat64, is_clat) = match translator {
        Some(Translator::Nat(nat)) => (nat.config().nat64.is_some(), false),
        Some(Translator::Stateless(stateless)) => {
            (false, matches!(stateless.config(), StatelessConfig::Clat { .. }))
        }
        None => (false, false),
    };
    let inside = match mtu {
        Pipe::NO_MTU => mtu,
        _ if is_nat64 => mtu.saturating_add(20),
        _ if is_clat => mtu.saturating_sub(20),
        _ => mtu,
    };
    (inside, is_nat64 || is_clat)
}

/// The broadcast address of a subnet; links between two have none (RFC 3021), nor has IPv6.
fn broadcast(subnet: IpNet) -> Option<IpAddr> {
    (subnet.addr().is_ipv4() && subnet.prefix_len() < 31).then(|| subnet.broadcast())
}
