//! From a checked scenario to a network.

use std::fs::File;
use std::io::BufWriter;
use std::net::IpAddr;

use natbed_nat::MappingEnded;
use natbed_network::observe::{Capture, Counters, TraceHash, Witness};
use natbed_network::{
    Attachment, GatewayConfig, Hop, HostConfig, HostId, InterfaceConfig, InternetConfig, LanConfig,
    LanId, Limits, LinkConfig, LinkId, Network, Observer, PipeConfig, Roaming, RouterId,
    TopologyError,
};
use natbed_scenario as scenario;
use natbed_scenario::{FirewallChoice, HostIndex, LanIndex, Scenario};
use natbed_units::{ByteCount, Seed, SimTime};

/// Everything that watches a run.
#[derive(Debug, Default)]
pub struct Observers {
    /// One number over all packets.
    pub trace: TraceHash,
    /// Packets sent, delivered, dropped.
    pub counters: Counters,
    /// The way of each session's payload.
    pub witness: Witness,
    /// The packet capture, if one is wanted.
    pub capture: Option<Capture<BufWriter<File>>>,
}

impl Observer for Observers {
    #[inline]
    fn observe(&mut self, hop: &Hop<'_>) {
        self.trace.observe(hop);
        self.counters.observe(hop);
        self.witness.observe(hop);
        self.capture.observe(hop);
    }

    fn note(&mut self, at: SimTime, router: RouterId, ended: &MappingEnded) {
        self.capture.note(at, router, ended);
    }

    fn moved(&mut self, roaming: &Roaming<'_>) {
        self.capture.moved(roaming);
    }
}

/// A scenario's network.
#[derive(Debug)]
pub struct Built {
    /// The network, nothing sent yet.
    pub network: Network<Observers>,
    /// Its parts.
    pub parts: Parts,
}

/// The handles of a network's parts, in the scenario's order.
///
/// What has two IP versions is two parts of the network: a dual-stack LAN is two LANs with a
/// gateway each, and an interface on it is two interfaces. They differ in their addresses alone.
#[derive(Debug, Default)]
pub struct Parts {
    /// The hosts.
    pub hosts: Vec<HostId>,
    lans: Vec<Halves<LanId>>,
    routers: Vec<Option<Halves<RouterId>>>,
    /// Of each host, the places of each interface's addresses among those of the network.
    interfaces: Vec<Vec<Halves<usize>>>,
}

/// A part for the first subnet of a LAN, and one for the second.
#[derive(Clone, Copy, Debug)]
struct Halves<T> {
    main: T,
    ipv6: Option<T>,
}

impl<T> Halves<T> {
    fn into_iter(self) -> impl Iterator<Item = T> {
        std::iter::once(self.main).chain(self.ipv6)
    }
}

impl Parts {
    /// Returns the routers that are a LAN's own gateway, that of its first subnet first.
    pub fn routers(&self, lan: LanIndex) -> impl Iterator<Item = RouterId> + use<> {
        self.routers[lan.0].into_iter().flat_map(Halves::into_iter)
    }

    /// Returns the links of an interface of a host, wherever it is by now.
    #[must_use]
    pub fn interface_links(
        &self,
        network: &Network<Observers>,
        host: HostIndex,
        interface: usize,
    ) -> Vec<LinkId> {
        let links: Vec<_> = network.host_links(self.hosts[host.0]).collect();
        let places = self.interfaces[host.0].get(interface).copied();
        let places = places.into_iter().flat_map(Halves::into_iter);
        places.filter_map(|place| links.get(place).copied()).collect()
    }

    /// Moves an interface of a host.
    ///
    /// A host that comes from a LAN of one version to one of two goes on with one.
    ///
    /// # Errors
    ///
    /// None for a scenario that passed its checks.
    pub fn roam(
        &self,
        network: &mut Network<Observers>,
        host: HostIndex,
        interface: usize,
        to: scenario::Interface,
    ) -> Result<(), TopologyError> {
        let Some(places) = self.interfaces[host.0].get(interface).copied() else { return Ok(()) };
        let left = self.interface_links(network, host, interface);
        let moved = self.interface_configs(&to);
        let id = self.hosts[host.0];
        network.move_host(id, places.main, moved.main)?;
        match (places.ipv6, moved.ipv6) {
            (Some(place), Some(moved)) => {
                network.move_host(id, place, moved)?;
            }
            // There is nothing here that the second address could be attached to.
            (Some(_), None) => {
                left.into_iter().skip(1).for_each(|link| network.set_link_down(link, true));
            }
            (None, _) => {}
        }
        Ok(())
    }

    /// What an interface is in the network.
    fn interface_configs(&self, interface: &scenario::Interface) -> Halves<InterfaceConfig> {
        let (main, ipv6) = match interface.attachment {
            scenario::Attachment::Internet => (Attachment::Internet, Some(Attachment::Internet)),
            scenario::Attachment::Lan(lan) => {
                let Halves { main, ipv6 } = self.lans[lan.0];
                (Attachment::Lan(main), ipv6.map(Attachment::Lan))
            }
        };
        let link = link(&interface.link);
        let at = |attachment, address| InterfaceConfig { address, attachment, link };
        Halves {
            main: at(main, interface.address),
            ipv6: ipv6.zip(interface.ipv6_address).map(|(ipv6, address)| at(ipv6, address)),
        }
    }
}

/// Builds the network of a scenario.
///
/// # Errors
///
/// None for a scenario that passed its checks: an error here is a rule that the checks miss.
pub fn build(scenario: &Scenario, seed: Seed) -> Result<Built, TopologyError> {
    let mut network = Network::new(seed, Limits::default(), Observers::default());
    if let Some(internet) = scenario.internet {
        network.set_internet(InternetConfig { delay: internet.delay });
    }
    let mut parts = Parts::default();
    for lan in &scenario.lans {
        let mut add = |name: String, subnet| {
            network.add_lan(LanConfig { name, subnet, second_subnet: None, isolate: lan.isolate })
        };
        let main = add(lan.name.clone(), lan.subnet);
        let ipv6 = lan.ipv6.map(|subnet| add(ipv6_name(&lan.name), subnet.into()));
        parts.lans.push(Halves { main, ipv6 });
    }
    for (lan, ids) in scenario.lans.iter().zip(&parts.lans) {
        let router = lan
            .gateway
            .as_ref()
            .map(|gateway| add_gateway(&mut network, &parts.lans, &lan.name, *ids, gateway));
        parts.routers.push(router.transpose()?);
    }
    for host in &scenario.hosts {
        let mut interfaces = Vec::with_capacity(host.interfaces.len());
        let mut places = Vec::with_capacity(host.interfaces.len());
        for interface in &host.interfaces {
            let configs = parts.interface_configs(interface);
            let main = interfaces.len();
            places.push(Halves { main, ipv6: configs.ipv6.map(|_| main + 1) });
            interfaces.extend(configs.into_iter());
        }
        let firewall = host.firewall.as_ref().map(|firewall| firewall.config.clone());
        let config = HostConfig { name: host.name.clone(), interfaces, firewall };
        parts.hosts.push(network.add_host(config)?);
        parts.interfaces.push(places);
    }
    Ok(Built { network, parts })
}

fn add_gateway(
    network: &mut Network<Observers>,
    lans: &[Halves<LanId>],
    name: &str,
    lan: Halves<LanId>,
    gateway: &scenario::Gateway,
) -> Result<Halves<RouterId>, TopologyError> {
    let config = |firewall: &Option<FirewallChoice>| firewall.as_ref().map(|f| f.config.clone());
    // The outside of a translator from one version to the other is of the other.
    let upstream = |outside: IpAddr| match gateway.via.map(|via| lans[via.0]) {
        None => Attachment::Internet,
        Some(Halves { main, ipv6 }) => {
            Attachment::Lan(ipv6.filter(|_| outside.is_ipv6()).unwrap_or(main))
        }
    };
    let main = network.add_gateway(GatewayConfig {
        name: name.to_owned(),
        lan: lan.main,
        inside: gateway.inside,
        upstream: upstream(gateway.external),
        outside: gateway.external,
        pool: gateway.pool.clone(),
        uplink: link(&gateway.uplink),
        translator: gateway.nat.as_ref().map(|nat| nat.config.clone()),
        firewall: config(&gateway.firewall),
        icmp_errors: gateway.icmp_errors,
        beside: None,
    })?;
    let (Some(ipv6), Some(lan)) = (&gateway.ipv6, lan.ipv6) else {
        return Ok(Halves { main, ipv6: None });
    };
    let ipv6 = network.add_gateway(GatewayConfig {
        name: ipv6_name(name),
        lan,
        inside: ipv6.inside,
        upstream: upstream(ipv6.external),
        outside: ipv6.external,
        pool: Vec::new(),
        uplink: link(&gateway.uplink),
        translator: ipv6.nat.as_ref().map(|nat| nat.config.clone()),
        firewall: config(&ipv6.firewall),
        icmp_errors: gateway.icmp_errors,
        beside: None,
    })?;
    Ok(Halves { main, ipv6: Some(ipv6) })
}

/// Names the part for a second subnet in captures, and in the seed of its NAT.
fn ipv6_name(name: &str) -> String {
    format!("{name}-ipv6")
}

fn link(link: &scenario::Link) -> LinkConfig {
    let mtu = link.mtu.map(|bytes| ByteCount::new(bytes.into()));
    let pipe = |rate| PipeConfig { rate, delay: link.delay, queue: link.queue, mtu };
    LinkConfig { up: pipe(link.up), down: pipe(link.down) }
}
