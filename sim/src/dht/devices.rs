//! The devices that sessions call from, one on each host.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use natbed_network::HostId;
use natbed_peer::{Device, DeviceConfig, DeviceReport};
use natbed_runtime::{Handle, Host, World};
use natbed_scenario::{Discovery, EventAction, HostIndex, LinkTarget, Scenario};
use natbed_units::{Seed, SimTime};
use tokio::task::AbortHandle;

use super::endpoints;
use crate::observers::Observers;

/// The devices of a run, before they are started and after.
pub(crate) struct Devices {
    planned: Vec<Planned>,
    started: Started,
}

struct Planned {
    index: HostIndex,
    host: Host,
    config: DeviceConfig,
    seed: Seed,
    /// When its host notices that it has another network, or its old one again.
    changes: Vec<SimTime>,
}

/// The devices that were started, to be read when the run is over.
#[derive(Clone, Debug, Default)]
pub(crate) struct Started(Arc<Mutex<Vec<Running>>>);

#[derive(Debug)]
struct Running {
    host: HostIndex,
    device: Arc<Device>,
    /// The task that tells it of other networks.
    teller: Option<AbortHandle>,
}

impl Started {
    fn running(&self) -> MutexGuard<'_, Vec<Running>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what each device did and saw.
    pub(crate) fn reports(&self) -> Vec<(HostIndex, DeviceReport)> {
        self.running().iter().map(|running| (running.host, running.device.report())).collect()
    }

    /// Returns the device on a host.
    ///
    /// # Errors
    ///
    /// If no session calls from there.
    pub(crate) fn device(&self, host: HostIndex) -> anyhow::Result<Arc<Device>> {
        let running = self.running();
        let running = running.iter().find(|running| running.host == host);
        running.map(|running| Arc::clone(&running.device)).context("a host has no device")
    }

    /// Ends all that the devices do.
    pub(crate) fn close(&self) {
        for running in self.running().iter() {
            running.device.close();
            running.teller.iter().for_each(AbortHandle::abort);
        }
    }
}

impl Devices {
    /// Collects the hosts of sessions that find each other through nodes.
    pub(crate) fn new(
        world: &mut World<Observers>,
        scenario: &Scenario,
        hosts: &[HostId],
        seed: Seed,
    ) -> Self {
        let mut planned: Vec<Planned> = Vec::new();
        for session in &scenario.sessions {
            let Discovery::Nodes(nodes) = &session.discovery else { continue };
            for (index, online) in session.between.into_iter().zip(nodes.online) {
                if planned.iter().any(|known| known.index == index) {
                    continue;
                }
                let host = world.host(hosts[index.0]);
                let has_ipv4 = host.addresses().iter().any(std::net::IpAddr::is_ipv4);
                let has_ipv6 = host.addresses().iter().any(std::net::IpAddr::is_ipv6);
                let bootstrap = nodes.dht.as_ref().map(|bootstrap| {
                    let mut bootstrap = endpoints(scenario, bootstrap);
                    bootstrap.retain(|root| if root.is_ipv4() { has_ipv4 } else { has_ipv6 });
                    bootstrap
                });
                let config = DeviceConfig {
                    identity: planned.len(),
                    network: scenario.dht_network,
                    dht: bootstrap,
                    lan: nodes.lan,
                    online: SimTime::ZERO + online,
                };
                let seed = seed.derive(&format!("device/{}", scenario.hosts[index.0].name));
                let changes = changes_of(scenario, index);
                planned.push(Planned { index, host, config, seed, changes });
            }
        }
        Self { planned, started: Started::default() }
    }

    /// Returns where the devices can be found once they are started.
    pub(crate) fn started(&self) -> Started {
        self.started.clone()
    }

    /// Starts them; call it from a task of the run.
    ///
    /// # Errors
    ///
    /// None for a scenario that passed its checks.
    pub(crate) fn start(self, handle: &Handle) -> anyhow::Result<()> {
        for Planned { index, host, config, seed, changes } in self.planned {
            let device = Arc::new(Device::start(handle, &host, &config, seed)?);
            let teller = (!changes.is_empty()).then(|| {
                let (clock, device) = (handle.clone(), Arc::clone(&device));
                let tell = async move {
                    for at in changes {
                        clock.sleep_until(at).await;
                        device.connectivity_changed(clock.now());
                    }
                };
                handle.spawn(tell).abort_handle()
            });
            self.started.running().push(Running { host: index, device, teller });
        }
        Ok(())
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
