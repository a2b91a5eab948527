//! From a checked scenario to a network with events.

use std::fs::File;
use std::io::BufWriter;

use natbed_nat::MappingEnded;
use natbed_network::observe::{Capture, Counters, TraceHash, Witness};
use natbed_network::{
    Attachment, GatewayConfig, Hop, HostConfig, HostId, InterfaceConfig, InternetConfig, LanConfig,
    LanId, Limits, LinkConfig, LinkId, Network, Observer, PipeConfig, Roaming, RouterId,
    TopologyError,
};
use natbed_runtime::World;
use natbed_scenario as scenario;
use natbed_scenario::{EventAction, HostIndex, LanIndex, LinkTarget, Scenario};
use natbed_units::{Seed, SimTime};

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

/// A scenario's network, with the handles of its parts in the scenario's order.
#[derive(Debug)]
pub struct Built {
    /// The network, nothing sent yet.
    pub network: Network<Observers>,
    /// The hosts.
    pub hosts: Vec<HostId>,
    /// The gateway of each LAN that has one.
    pub routers: Vec<Option<RouterId>>,
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
    let lans: Vec<LanId> = scenario
        .lans
        .iter()
        .map(|lan| {
            network.add_lan(LanConfig {
                name: lan.name.clone(),
                subnet: lan.subnet,
                isolate: lan.isolate,
            })
        })
        .collect();
    let mut routers = Vec::with_capacity(lans.len());
    for (lan, id) in scenario.lans.iter().zip(&lans) {
        let Some(gateway) = &lan.gateway else {
            routers.push(None);
            continue;
        };
        routers.push(Some(network.add_gateway(GatewayConfig {
            name: lan.name.clone(),
            lan: *id,
            inside: gateway.inside,
            upstream: gateway.via.map_or(Attachment::Internet, |via| Attachment::Lan(lans[via.0])),
            outside: gateway.external,
            uplink: link(&gateway.uplink),
            pool: gateway.pool.clone(),
            translator: gateway.nat.as_ref().map(|nat| nat.config.clone()),
            firewall: gateway.firewall.as_ref().map(|firewall| firewall.config.clone()),
            icmp_errors: gateway.icmp_errors,
        })?));
    }
    let hosts = scenario
        .hosts
        .iter()
        .map(|host| {
            let interface = |interface: &scenario::Interface| InterfaceConfig {
                address: interface.address,
                attachment: match interface.attachment {
                    scenario::Attachment::Lan(lan) => Attachment::Lan(lans[lan.0]),
                    scenario::Attachment::Internet => Attachment::Internet,
                },
                link: link(&interface.link),
            };
            network.add_host(HostConfig {
                name: host.name.clone(),
                interfaces: host.interfaces.iter().map(interface).collect(),
                firewall: host.firewall.as_ref().map(|firewall| firewall.config.clone()),
            })
        })
        .collect::<Result<_, _>>()?;
    Ok(Built { network, hosts, routers })
}

fn link(link: &scenario::Link) -> LinkConfig {
    let pipe = |rate| PipeConfig { rate, delay: link.delay, queue: link.queue, mtu: None };
    LinkConfig { up: pipe(link.up), down: pipe(link.down) }
}

/// Schedules the scenario's events.
pub fn schedule_events(
    world: &mut World<Observers>,
    scenario: &Scenario,
    hosts: &[HostId],
    routers: &[Option<RouterId>],
) {
    let link_of = |world: &World<Observers>, target| -> Option<LinkId> {
        match target {
            LinkTarget::Gateway(LanIndex(lan)) => {
                routers[lan].map(|router| world.network().uplink(router))
            }
            LinkTarget::Host(HostIndex(host)) => world.network().host_links(hosts[host]).next(),
            LinkTarget::Interface(HostIndex(host), interface) => {
                world.network().host_links(hosts[host]).nth(interface)
            }
        }
    };
    for event in &scenario.events {
        let at = SimTime::ZERO + event.at;
        match event.action {
            EventAction::LinkDown(target) | EventAction::LinkUp(target) => {
                let is_down = matches!(event.action, EventAction::LinkDown(_));
                if let Some(link) = link_of(world, target) {
                    world.at(at, move |world| world.network_mut().set_link_down(link, is_down));
                }
            }
            EventAction::ServerStop(HostIndex(host))
            | EventAction::ServerStart(HostIndex(host)) => {
                let is_stopped = matches!(event.action, EventAction::ServerStop(_));
                let host = hosts[host];
                world.at(at, move |world| {
                    world.network_mut().set_host_stopped(host, is_stopped);
                });
            }
            EventAction::NatFlush(LanIndex(lan)) => {
                if let Some(router) = routers[lan] {
                    world.at(at, move |world| world.network_mut().flush_router(router));
                }
            }
            // What these do to the network is not carried out yet.
            EventAction::Reboot { .. }
            | EventAction::Readdress { .. }
            | EventAction::Roam { .. }
            | EventAction::SetFirewall { .. }
            | EventAction::LogIn { .. } => {}
        }
    }
}
