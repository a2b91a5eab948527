//! What the pipes of a network are called, and what rate they have.

use std::collections::BTreeMap;

use natbed_network::{LinkId, Network, PipeId};
use natbed_scenario::{LanIndex, Link, Scenario};
use natbed_units::Rate;

use crate::observers::Observers;
use crate::world::Parts;

/// The links of a network by name, with the rates that the scenario gives them.
#[derive(Clone, Debug, Default)]
pub struct PipeNames(BTreeMap<LinkId, (String, Option<Link>)>);

/// Names the links of a network as it is now: each after its host or its gateway's LAN.
///
/// The link that a host had before it roamed is named after both its ends.
#[must_use]
pub fn pipe_names(network: &Network<Observers>, scenario: &Scenario, parts: &Parts) -> PipeNames {
    let mut names = BTreeMap::new();
    for (host, id) in scenario.hosts.iter().zip(&parts.hosts) {
        let mut links: Vec<_> = network.host_links(*id).collect();
        links.dedup(); // several addresses share one
        for (interface, link) in host.interfaces.iter().zip(&links) {
            let mut name = host.name.clone();
            if host.interfaces.len() > 1 {
                name = format!("{name} {}", interface.address);
            }
            names.insert(*link, (name, Some(interface.link)));
        }
    }
    for (index, lan) in scenario.lans.iter().enumerate() {
        let Some(gateway) = &lan.gateway else { continue };
        for router in parts.routers(LanIndex(index)) {
            names.insert(network.uplink(router), (lan.name.clone(), Some(gateway.uplink)));
        }
    }
    PipeNames(names)
}

impl PipeNames {
    /// Returns the name of a pipe: that of its link, and `up` or `down` as seen from there; `None`
    /// for the inside of a gateway, which is no link of the scenario.
    #[must_use]
    pub fn name(&self, pipe: PipeId) -> Option<String> {
        let (name, _) = self.0.get(&pipe.link())?;
        Some(format!("{name} {}", if pipe.is_up() { "up" } else { "down" }))
    }

    /// Returns the rate of a pipe; `None` without a limit.
    #[must_use]
    pub fn rate(&self, pipe: PipeId) -> Option<Rate> {
        let link = self.0.get(&pipe.link())?.1?;
        if pipe.is_up() { link.up } else { link.down }
    }
}
