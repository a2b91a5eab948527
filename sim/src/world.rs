//! From a checked scenario to a network.

use ipnet::IpNet;
use natbed_network::{
    Attachment, GatewayConfig, HostConfig, HostId, InterfaceConfig, InternetConfig, LanConfig,
    LanId, Limits, Network, RouterId, TopologyError,
};
use natbed_scenario as scenario;
use natbed_scenario::{FirewallChoice, HostIndex, LanIndex, Scenario};
use natbed_units::Seed;

use crate::link::link_config;
use crate::observers::Observers;

/// A scenario's network.
#[derive(Debug)]
pub struct Built {
    /// The network, nothing sent yet.
    pub network: Network<Observers>,
    /// Its parts.
    pub parts: Parts,
}

/// The handles of a network's parts, in the scenario's order.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// The hosts; their interfaces keep the places they have in the scenario.
    pub hosts: Vec<HostId>,
    lans: Vec<LanId>,
    /// The routers in the box of each LAN's own gateway: that for the first subnet, and that for
    /// the IPv6 of a dual-stack LAN.
    routers: Vec<Vec<RouterId>>,
}

impl Parts {
    /// Returns the routers that are a LAN's own gateway, that of its first subnet first.
    pub fn routers(&self, lan: LanIndex) -> impl Iterator<Item = RouterId> + '_ {
        self.routers[lan.0].iter().copied()
    }

    /// Moves an interface of a host.
    ///
    /// # Errors
    ///
    /// None for a scenario that passed its checks.
    pub fn roam(
        &self,
        network: &mut Network<Observers>,
        host: HostIndex,
        interface: usize,
        to: &scenario::Interface,
    ) -> Result<(), TopologyError> {
        let host = self.hosts[host.0];
        network.move_host(host, interface, self.interface(to))?;
        match to.ipv6_address {
            Some(second) => network.add_address(host, interface, second),
            None => Ok(()),
        }
    }

    /// What an interface is in the network, but for its second address.
    fn interface(&self, interface: &scenario::Interface) -> InterfaceConfig {
        InterfaceConfig {
            address: interface.address,
            attachment: match interface.attachment {
                scenario::Attachment::Lan(lan) => Attachment::Lan(self.lans[lan.0]),
                scenario::Attachment::Internet => Attachment::Internet,
            },
            link: link_config(&interface.link),
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
        parts.lans.push(network.add_lan(LanConfig {
            name: lan.name.clone(),
            subnet: lan.subnet,
            second_subnet: lan.ipv6.map(IpNet::V6),
            isolate: lan.isolate,
        }));
    }
    for (lan, id) in scenario.lans.iter().zip(&parts.lans) {
        let routers = lan.gateway.as_ref().map(|gateway| {
            let upstream = gateway.via.map(|via| Attachment::Lan(parts.lans[via.0]));
            let upstream = upstream.unwrap_or(Attachment::Internet);
            add_gateway(&mut network, &lan.name, *id, upstream, gateway)
        });
        parts.routers.push(routers.transpose()?.unwrap_or_default());
    }
    for (lan, id) in scenario.lans.iter().zip(&parts.lans) {
        let Some(second) = lan.second_of else { continue };
        let insides = [Some(second.inside), second.ipv6_inside];
        for (router, inside) in parts.routers(second.of).zip(insides) {
            if let Some(inside) = inside {
                network.add_inside(router, *id, inside)?;
            }
        }
    }
    for host in &scenario.hosts {
        let interfaces = host.interfaces.iter().map(|interface| parts.interface(interface));
        let interfaces = interfaces.collect();
        let firewall = host.firewall.as_ref().map(|firewall| firewall.config.clone());
        let config = HostConfig { name: host.name.clone(), interfaces, firewall };
        let id = network.add_host(config)?;
        for (place, interface) in host.interfaces.iter().enumerate() {
            if let Some(second) = interface.ipv6_address {
                network.add_address(id, place, second)?;
            }
        }
        parts.hosts.push(id);
    }
    Ok(Built { network, parts })
}

fn add_gateway(
    network: &mut Network<Observers>,
    name: &str,
    lan: LanId,
    upstream: Attachment,
    gateway: &scenario::Gateway,
) -> Result<Vec<RouterId>, TopologyError> {
    let config = |firewall: &Option<FirewallChoice>| firewall.as_ref().map(|f| f.config.clone());
    let main = GatewayConfig {
        name: name.to_owned(),
        lan,
        inside: gateway.inside,
        beside: None,
        upstream,
        outside: gateway.external,
        uplink: link_config(&gateway.uplink),
        pool: gateway.pool.clone(),
        translator: gateway.nat.as_ref().map(|nat| nat.config.clone()),
        firewall: config(&gateway.firewall),
        icmp_errors: gateway.icmp_errors,
    };
    let mut routers = vec![network.add_gateway(main.clone())?];
    if let Some(ipv6) = &gateway.ipv6 {
        routers.push(network.add_gateway(GatewayConfig {
            name: format!("{name}-ipv6"),
            inside: ipv6.inside,
            beside: Some(routers[0]),
            outside: ipv6.external,
            pool: ipv6.pool.clone(),
            translator: ipv6.nat.as_ref().map(|nat| nat.config.clone()),
            firewall: config(&ipv6.firewall),
            ..main
        })?);
    }
    Ok(routers)
}

#[cfg(test)]
mod tests;
