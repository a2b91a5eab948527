//! What the pipes of a network are called, and what they are like.

use std::collections::BTreeMap;

use natbed_network::{LinkConfig, LinkId, Network, PipeConfig, PipeId};
use natbed_scenario::{LanIndex, Link, Scenario};

use crate::link::link_config;
use crate::observers::Observers;
use crate::world::Parts;

/// The links of a network by name, and what the scenario says of them.
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
            names.insert(*link, (name, Some(interface.link.clone())));
        }
    }
    for (index, lan) in scenario.lans.iter().enumerate() {
        let Some(gateway) = &lan.gateway else { continue };
        for router in parts.routers(LanIndex(index)) {
            names.insert(network.uplink(router), (lan.name.clone(), Some(gateway.uplink.clone())));
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

    /// Returns what a pipe is like; one that is no link of the scenario takes no time.
    #[must_use]
    pub fn config(&self, pipe: PipeId) -> PipeConfig {
        let link = self.0.get(&pipe.link()).and_then(|(_, link)| link.as_ref());
        let LinkConfig { up, down } = link.map_or(LinkConfig::IDEAL, link_config);
        if pipe.is_up() { up } else { down }
    }
}
