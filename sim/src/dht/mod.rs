//! The nodes of OpenDHT in a run: those that serve it, and the devices that call each other.

mod churn;
pub(crate) mod devices;
pub(crate) mod nodes;

use std::net::SocketAddr;

use natbed_peer::DHT_PORT;
use natbed_scenario::{HostIndex, Scenario};

/// Where nodes on these hosts serve the DHT.
fn endpoints<'a>(
    scenario: &'a Scenario,
    hosts: impl IntoIterator<Item = &'a HostIndex>,
) -> Vec<SocketAddr> {
    let addresses = hosts.into_iter().flat_map(|host| scenario.hosts[host.0].addresses());
    addresses.map(|address| SocketAddr::new(address, DHT_PORT)).collect()
}
