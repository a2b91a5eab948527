//! The nodes that serve the DHT: those of a swarm, and those that hosts name.

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use natbed_dht::{Contact, Id, NodeConfig};
use natbed_network::HostId;
use natbed_peer::{DHT_PORT, DhtProcess, settled_contacts};
use natbed_runtime::World;
use natbed_scenario::{Churn, DhtCore, DhtService, Discovery, HostIndex, Scenario, SwarmStart};
use natbed_units::{Seed, SimRng, SimTime};
use rand_core::Rng;

use super::{churn, endpoints};
use crate::observers::Observers;

/// The first node that could not begin anew, or that had failed when it left.
pub(crate) type Failure = Rc<RefCell<Option<anyhow::Error>>>;

/// Puts a node on every host that serves the DHT.
///
/// # Errors
///
/// For a core that this natbed was built without, and what the core says of a node that it cannot
/// make. What goes wrong later is in the [`Failure`], and found by [`check`].
pub(crate) fn install(
    world: &mut World<Observers>,
    scenario: &Scenario,
    hosts: &[HostId],
    seed: Seed,
) -> anyhow::Result<Failure> {
    let failure = Failure::default();
    let known = known_from_the_start(scenario, seed);
    for (place, (host, id)) in scenario.hosts.iter().zip(hosts).enumerate() {
        let Some(service) = &host.serve.dht else { continue };
        let node = Plan::new(scenario, HostIndex(place), service, seed);
        let known = known.get(place).cloned().unwrap_or_default();
        node.start(world, *id, known, 0)?;
        if let Some(churn) = churn_of(scenario, HostIndex(place)) {
            let rng = node.seed.rng("churn");
            let node = Restarting { node, host: *id, churn, failure: Rc::clone(&failure) };
            Rc::new(node).leave_later(world, rng, 1);
        }
    }
    Ok(failure)
}

/// Whom each host's node knows from the start, by the place of the host: in a settled swarm those
/// that a routing table has, elsewhere nobody.
fn known_from_the_start(scenario: &Scenario, seed: Seed) -> Vec<Vec<Contact>> {
    let mut known = vec![Vec::new(); scenario.hosts.len()];
    let Some(swarm) = scenario.swarm.as_ref().filter(|swarm| swarm.start == SwarmStart::Settled)
    else {
        return known;
    };
    for is_ipv4 in [true, false] {
        let members: Vec<(usize, Contact)> = swarm
            .hosts
            .clone()
            .filter_map(|place| {
                let host = &scenario.hosts[place];
                let ip = host.addresses().find(|address| address.is_ipv4() == is_ipv4)?;
                let id = id_of(&mut node_seed(&host.name, seed).rng("id"));
                Some((place, Contact { id, address: SocketAddr::new(ip, DHT_PORT) }))
            })
            .collect();
        let contacts: Vec<Contact> = members.iter().map(|(_, contact)| *contact).collect();
        for ((place, _), contacts) in members.iter().zip(settled_contacts(&contacts)) {
            known[*place].extend(contacts);
        }
    }
    known
}

/// The times by which a host's node comes and goes: none for hosts that others begin from.
fn churn_of(scenario: &Scenario, host: HostIndex) -> Option<Churn> {
    let swarm = scenario.swarm.as_ref().filter(|swarm| swarm.hosts.contains(&host.0))?;
    let serving = scenario.hosts.iter().filter_map(|host| host.serve.dht.as_ref());
    let served = serving.flat_map(|service| service.bootstrap.iter());
    let called = scenario.sessions.iter().filter_map(|session| match &session.discovery {
        Discovery::Nodes(nodes) => nodes.dht.as_ref(),
        Discovery::Rendezvous { .. } => None,
    });
    let mut roots = served.chain(called.flatten());
    let is_root = host.0 == swarm.hosts.start || roots.any(|root| *root == host);
    swarm.churn.filter(|_| !is_root)
}

fn node_seed(host: &str, seed: Seed) -> Seed {
    seed.derive(&format!("dht/{host}"))
}

fn id_of(rng: &mut SimRng) -> Id {
    let mut bytes = [0; Id::LENGTH];
    rng.fill_bytes(&mut bytes);
    Id::new(bytes)
}

/// A node as it is begun, and begun anew.
struct Plan {
    core: DhtCore,
    config: NodeConfig,
    /// Where it begins when it is begun anew, knowing nobody.
    roots: Vec<SocketAddr>,
    seed: Seed,
}

impl Plan {
    fn new(scenario: &Scenario, host: HostIndex, service: &DhtService, seed: Seed) -> Self {
        let addresses: Vec<IpAddr> = scenario.hosts[host.0].addresses().collect();
        let (has_ipv4, has_ipv6) =
            (addresses.iter().any(IpAddr::is_ipv4), addresses.iter().any(IpAddr::is_ipv6));
        let speaks = |root: &SocketAddr| if root.is_ipv4() { has_ipv4 } else { has_ipv6 };
        let mut bootstrap = endpoints(scenario, &service.bootstrap);
        bootstrap.retain(speaks);
        let first = scenario.swarm.as_ref().map(|swarm| HostIndex(swarm.hosts.start));
        let mut roots = endpoints(scenario, &first);
        roots.retain(speaks);
        let config = NodeConfig {
            network: scenario.dht_network,
            bootstrap,
            has_ipv4,
            has_ipv6,
            ..NodeConfig::default()
        };
        let seed = node_seed(&scenario.hosts[host.0].name, seed);
        Self { core: service.core, config, roots, seed }
    }

    /// Puts the node on its host, for the time that comes after so many others.
    fn start(
        &self,
        world: &mut World<Observers>,
        host: HostId,
        known: Vec<Contact>,
        life: u64,
    ) -> anyhow::Result<()> {
        let seed = if life == 0 { self.seed } else { self.seed.derive(&format!("life/{life}")) };
        let mut config = NodeConfig { id: Some(id_of(&mut seed.rng("id"))), ..self.config.clone() };
        if life > 0 && config.bootstrap.is_empty() {
            config.bootstrap.clone_from(&self.roots);
        }
        match self.core {
            DhtCore::Natbed => world.set_process(host, DhtProcess::new(config, known, seed)),
            DhtCore::Opendht => set_opendht(world, host, config, known, seed)?,
        }
        Ok(())
    }
}

/// Puts a node of the real C++ core on a host.
#[cfg(feature = "opendht-core")]
fn set_opendht(
    world: &mut World<Observers>,
    host: HostId,
    config: NodeConfig,
    known: Vec<Contact>,
    seed: Seed,
) -> anyhow::Result<()> {
    use natbed_opendht_core::{CoreConfig, CoreContact, CoreProcess};

    let contact =
        |contact: Contact| CoreContact { id: *contact.id.as_bytes(), address: contact.address };
    let config = CoreConfig {
        id: config.id.map(|id| *id.as_bytes()),
        network: config.network,
        bootstrap: config.bootstrap,
        contacts: known.into_iter().map(contact).collect(),
        port: DHT_PORT,
        has_ipv4: config.has_ipv4,
        has_ipv6: config.has_ipv6,
        ..CoreConfig::default()
    };
    world.set_process(host, CoreProcess::new(world.now(), config, seed)?);
    Ok(())
}

/// Says why the node of a host has failed, if it has: only the real core can.
///
/// # Errors
///
/// What the core has said.
#[cfg(feature = "opendht-core")]
pub(crate) fn check(world: &World<Observers>, host: HostId) -> anyhow::Result<()> {
    let process = world.process::<natbed_opendht_core::CoreProcess>(host);
    match process.and_then(|process| process.node().failure()) {
        Some(failure) => Err(anyhow::Error::new(failure.clone()).context("a node has failed")),
        None => Ok(()),
    }
}

/// Says why the node of a host has failed, if it has: only the real core can, which is not here.
#[cfg(not(feature = "opendht-core"))]
pub(crate) fn check(_: &World<Observers>, _: HostId) -> anyhow::Result<()> {
    Ok(())
}

#[cfg(not(feature = "opendht-core"))]
fn set_opendht(
    _: &mut World<Observers>,
    _: HostId,
    _: NodeConfig,
    _: Vec<Contact>,
    _: Seed,
) -> anyhow::Result<()> {
    anyhow::bail!(
        "this natbed was built without the core `opendht`: build it with `--features opendht-core`, \
         which needs g++ and libopendht-dev"
    )
}

/// A node that comes and goes.
struct Restarting {
    node: Plan,
    host: HostId,
    churn: Churn,
    failure: Failure,
}

impl Restarting {
    fn note(&self, result: anyhow::Result<()>) {
        if let Err(error) = result {
            self.failure.borrow_mut().get_or_insert(error);
        }
    }

    /// Lets it leave when its time is over, without a word, and come back as another node.
    fn leave_later(self: Rc<Self>, world: &mut World<Observers>, mut rng: SimRng, life: u64) {
        let leaves = world.now() + churn::span(&self.churn, true, &mut rng);
        world.at(leaves, move |world| {
            self.note(check(world, self.host));
            world.network_mut().set_host_stopped(self.host, true);
            world.remove_software(self.host);
            let returns = world.now() + churn::span(&self.churn, false, &mut rng);
            world.at(returns, move |world| {
                world.network_mut().set_host_stopped(self.host, false);
                self.note(self.node.start(world, self.host, Vec::new(), life));
                self.leave_later(world, rng, life + 1);
            });
        });
    }
}

/// How many events the nodes of a scenario may take by its horizon: several times what the traffic
/// between nodes that want nothing comes to.
pub(crate) fn events_max(scenario: &Scenario) -> u64 {
    /// What a node takes to begin, and to know its neighbours.
    const BEGINNING: u64 = 20_000;
    /// What it takes in a second to keep knowing them.
    const PER_SECOND: u64 = 50;
    let nodes = scenario.hosts.iter().filter(|host| host.serve.dht.is_some()).count() as u64;
    let seconds = (SimTime::ZERO + scenario.horizon).as_nanos() / 1_000_000_000;
    nodes.saturating_mul(BEGINNING + PER_SECOND * seconds)
}
