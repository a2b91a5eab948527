//! What a scenario's events do to the network, and when.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::rc::Rc;

use natbed_nat::FirewallConfig;
use natbed_network::{HostId, LinkId, Network, RouterId, TopologyError};
use natbed_runtime::World;
use natbed_scenario as scenario;
use natbed_scenario::{
    Event, EventAction, FirewallTarget, HostIndex, LanIndex, LinkTarget, Scenario,
};
use natbed_units::SimTime;

use crate::link::link_config;
use crate::observers::Observers;
use crate::run::know_addresses;
use crate::world::Parts;

/// The first event that could not be carried out; none, if the scenario passed its checks.
pub type Refusal = Rc<RefCell<Option<TopologyError>>>;

/// Schedules the scenario's events.
pub fn schedule(world: &mut World<Observers>, scenario: &Scenario, parts: &Rc<Parts>) -> Refusal {
    let refusal = Refusal::default();
    let peers = scenario.sessions.iter().flat_map(|session| session.between);
    let peers: BTreeSet<HostId> = peers.map(|host| parts.hosts[host.0]).collect();
    let peers: Rc<[HostId]> = peers.into_iter().collect();
    for event in &scenario.events {
        for (at, change) in changes(event, parts) {
            let (refusal, peers) = (Rc::clone(&refusal), Rc::clone(&peers));
            world.at(at, move |world| {
                let now = world.now();
                match change(now, world.network_mut()) {
                    // Who roamed or has another gateway address is seen under another one.
                    Ok(()) => know_addresses(world.network_mut(), &peers),
                    Err(error) => {
                        refusal.borrow_mut().get_or_insert(error);
                    }
                }
            });
        }
    }
    refusal
}

type Change = Box<dyn FnOnce(SimTime, &mut Network<Observers>) -> Result<(), TopologyError>>;

/// What an event does, and when; of one instant, in the order given.
fn changes(event: &Event, parts: &Rc<Parts>) -> Vec<(SimTime, Change)> {
    let at = SimTime::ZERO + event.at;
    match &event.action {
        EventAction::LinkDown(target) => vec![(at, set_link_down(*target, true, parts))],
        EventAction::LinkUp(target) => vec![(at, set_link_down(*target, false, parts))],
        EventAction::ServerStop(host) => vec![(at, set_stopped(*host, true, parts))],
        EventAction::ServerStart(host) => vec![(at, set_stopped(*host, false, parts))],
        EventAction::NatFlush(lan) => {
            vec![(at, to_routers(*lan, parts, |_, network, router| network.flush_router(router)))]
        }
        EventAction::Reboot { lan, off_for, external } => {
            let off = to_routers(*lan, parts, |_, network, router| {
                network.set_router_off(router, true);
            });
            let on = to_routers(*lan, parts, |now, network, router| {
                network.reboot_router(now, router);
                network.set_router_off(router, false);
            });
            let mut changes = vec![(at, off)];
            let readdressed = external.as_ref().map(|external| readdress(*lan, external, parts));
            changes.extend(readdressed.map(|readdressed| (at + *off_for, readdressed)));
            changes.push((at + *off_for, on));
            changes
        }
        EventAction::Readdress { lan, external } => vec![(at, readdress(*lan, external, parts))],
        EventAction::Roam { host, interface, to } => {
            let (host, interface, to) = (*host, *interface, to.clone());
            let parts = Rc::clone(parts);
            let roam: Change =
                Box::new(move |_, network| parts.roam(network, host, interface, &to));
            vec![(at, roam)]
        }
        EventAction::SetFirewall { target, firewall } => {
            vec![(at, set_firewall(*target, firewall.config.clone(), parts))]
        }
        EventAction::SetLink { target, links } => vec![(at, set_links(*target, links, parts))],
        EventAction::LogIn { host, lan } => {
            let host = parts.hosts[host.0];
            let log_in = to_routers(*lan, parts, move |_, network, router| {
                let addresses: Vec<IpAddr> = network.addresses(host).collect();
                addresses.into_iter().for_each(|address| network.log_in(router, address));
            });
            vec![(at, log_in)]
        }
    }
}

/// Does something to every half of a LAN's gateway.
fn to_routers(
    lan: LanIndex,
    parts: &Rc<Parts>,
    mut change: impl FnMut(SimTime, &mut Network<Observers>, RouterId) + 'static,
) -> Change {
    let routers: Vec<_> = parts.routers(lan).collect();
    Box::new(move |now, network| {
        routers.into_iter().for_each(|router| change(now, network, router));
        Ok(())
    })
}

fn readdress(lan: LanIndex, external: &[IpAddr], parts: &Rc<Parts>) -> Change {
    let router = parts.routers(lan).next();
    let external = external.to_vec();
    Box::new(move |now, network| match router {
        Some(router) => network.readdress_router(now, router, external),
        None => Ok(()), // a LAN without a gateway has no such events
    })
}

/// Cuts or mends links; which they are is known by then, for hosts roam.
fn set_link_down(target: LinkTarget, is_down: bool, parts: &Rc<Parts>) -> Change {
    let parts = Rc::clone(parts);
    Box::new(move |_, network| {
        let links = links_of(target, network, &parts);
        links.into_iter().for_each(|link| network.set_link_down(link, is_down));
        Ok(())
    })
}

/// Makes links like this; which they are is known by then, for hosts roam.
fn set_links(target: LinkTarget, links: &[scenario::Link], parts: &Rc<Parts>) -> Change {
    let (links, parts) = (links.to_vec(), Rc::clone(parts));
    Box::new(move |now, network| {
        let mut of = links_of(target, network, &parts);
        match target {
            // Both halves of a gateway have the one that is given.
            LinkTarget::Gateway(_) => of.dedup(),
            // Behind those of the interfaces come the same again, for second addresses.
            LinkTarget::Host(_) | LinkTarget::Interface(..) => of.truncate(links.len()),
        }
        let configs = links.iter().map(link_config).cycle();
        for (link, config) in of.into_iter().zip(configs) {
            for (pipe, config) in [(link.up(), config.up), (link.down(), config.down)] {
                let refused = |source| TopologyError::Pipe { name: "set_link".to_owned(), source };
                network.set_pipe(now, pipe, config).map_err(refused)?;
            }
        }
        Ok(())
    })
}

fn links_of(target: LinkTarget, network: &Network<Observers>, parts: &Parts) -> Vec<LinkId> {
    match target {
        LinkTarget::Gateway(lan) => {
            parts.routers(lan).map(|router| network.uplink(router)).collect()
        }
        LinkTarget::Host(host) => network.host_links(parts.hosts[host.0]).collect(),
        LinkTarget::Interface(host, interface) => {
            network.host_links(parts.hosts[host.0]).skip(interface).take(1).collect()
        }
    }
}

fn set_stopped(host: HostIndex, is_stopped: bool, parts: &Rc<Parts>) -> Change {
    let host: HostId = parts.hosts[host.0];
    Box::new(move |_, network| {
        network.set_host_stopped(host, is_stopped);
        Ok(())
    })
}

fn set_firewall(target: FirewallTarget, firewall: FirewallConfig, parts: &Rc<Parts>) -> Change {
    match target {
        FirewallTarget::Gateway(lan) => to_routers(lan, parts, move |_, network, router| {
            network.set_router_firewall(router, Some(firewall.clone()));
        }),
        FirewallTarget::Host(host) => {
            let host = parts.hosts[host.0];
            Box::new(move |_, network| {
                network.set_host_firewall(host, Some(firewall));
                Ok(())
            })
        }
    }
}
