//! The nodes of OpenDHT in a run: those that serve it, and the devices that call each other.

mod churn;
pub(crate) mod devices;
pub(crate) mod nodes;

use std::net::SocketAddr;

use natbed_peer::DHT_PORT;
use natbed_scenario::{DhtCore, Document, HostIndex, Scenario};

/// Says whether this natbed has every core that the nodes of a document's cases are made of.
#[must_use]
pub fn has_cores(document: &Document) -> bool {
    let is_missing = |scenario: &Scenario| {
        let mut services = scenario.hosts.iter().filter_map(|host| host.serve.dht.as_ref());
        services.any(|service| service.core == DhtCore::Opendht)
    };
    if cfg!(feature = "opendht-core") {
        return true;
    }
    // A document whose first case has no nodes at all is not looked through case by case.
    let first = document.case(0).scenario;
    let has_nodes = first.hosts.iter().any(|host| host.serve.dht.is_some());
    let mut cases = 0..if has_nodes { document.case_count() } else { 0 };
    !cases.any(|case| is_missing(&document.case(case).scenario))
}

/// Where nodes on these hosts serve the DHT.
fn endpoints<'a>(
    scenario: &'a Scenario,
    hosts: impl IntoIterator<Item = &'a HostIndex>,
) -> Vec<SocketAddr> {
    let addresses = hosts.into_iter().flat_map(|host| scenario.hosts[host.0].addresses());
    addresses.map(|address| SocketAddr::new(address, DHT_PORT)).collect()
}
