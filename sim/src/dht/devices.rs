//! The devices that sessions call from, one on each host.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use natbed_network::HostId;
use natbed_peer::{Device, DeviceConfig, DeviceReport};
use natbed_runtime::World;
use natbed_scenario::{Discovery, EventAction, HostIndex, LinkTarget, Scenario};
use natbed_units::{Seed, SimTime};

use super::endpoints;
use crate::observers::Observers;

/// The devices of a run, by their hosts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Devices(Vec<(HostIndex, Arc<Device>)>);

impl Devices {
    /// Makes a device on every host of a session that begins with a call.
    ///
    /// # Errors
    ///
    /// None for a scenario that passed its checks.
    pub(crate) fn new(
        world: &mut World<Observers>,
        scenario: &Scenario,
        hosts: &[HostId],
        seed: Seed,
    ) -> anyhow::Result<Self> {
        let handle = world.handle();
        let mut devices = Self::default();
        for session in &scenario.sessions {
            let Discovery::Nodes(nodes) = &session.discovery else { continue };
            for (index, online) in session.between.into_iter().zip(nodes.online) {
                // The sessions of a host agree about its nodes.
                if devices.0.iter().any(|(known, _)| *known == index) {
                    continue;
                }
                let host = &scenario.hosts[index.0];
                let is_reached = |root: &SocketAddr| {
                    host.addresses().any(|address| address.is_ipv4() == root.is_ipv4())
                };
                let roots = |bootstrap| endpoints(scenario, bootstrap).into_iter();
                let config = DeviceConfig {
                    identity: devices.0.len(),
                    network: scenario.dht_network,
                    dht: nodes.dht.as_ref().map(|dht| roots(dht).filter(is_reached).collect()),
                    lan: nodes.lan,
                    online: SimTime::ZERO + online,
                    network_changes: changes_of(scenario, index),
                };
                let seed = seed.derive(&format!("device/{}", host.name));
                let host = world.host(hosts[index.0]);
                devices.0.push((index, Arc::new(Device::new(&handle, &host, &config, seed)?)));
            }
        }
        Ok(devices)
    }

    /// Returns the device on a host.
    ///
    /// # Errors
    ///
    /// If no session calls from there.
    pub(crate) fn device(&self, host: HostIndex) -> anyhow::Result<Arc<Device>> {
        let device = self.0.iter().find(|(index, _)| *index == host);
        device.map(|(_, device)| Arc::clone(device)).context("a host has no device")
    }

    /// Starts them; call it from a task of the run.
    pub(crate) fn start(&self) {
        self.0.iter().for_each(|(_, device)| device.start());
    }

    /// Ends all that they do.
    pub(crate) fn close(&self) {
        self.0.iter().for_each(|(_, device)| device.close());
    }

    /// Returns what each of them did and saw.
    pub(crate) fn reports(&self) -> Vec<(HostIndex, DeviceReport)> {
        self.0.iter().map(|(host, device)| (*host, device.report())).collect()
    }
}

/// When a host's operating system tells of another network: it has roamed, or its link is back.
fn changes_of(scenario: &Scenario, host: HostIndex) -> Vec<SimTime> {
    let is_noticed = |action: &EventAction| match action {
        EventAction::Roam { host: who, .. } => *who == host,
        EventAction::LinkUp(LinkTarget::Host(who) | LinkTarget::Interface(who, _)) => *who == host,
        _ => false,
    };
    let noticed = scenario.events.iter().filter(|event| is_noticed(&event.action));
    noticed.map(|event| SimTime::ZERO + event.at).collect()
}
