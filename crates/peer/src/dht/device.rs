//! A device: what a person calls from and is called at.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use natbed_dht::{
    ConnectionRequest, Identity, IdentityError, NodeConfig, OperationId, PublicIdentity,
};
use natbed_runtime::{EPOCH_UNIX_SECONDS, Handle, Host};
use natbed_units::{Seed, SimRng, SimTime};
use rand_core::Rng;

use super::device_node::{DeviceNode, NodeReport, NodeTask};
use super::identities::identity;
use super::mailbox::{Incoming, Mailbox};
use super::{DHT_PORT, offer};

/// A way on which devices find each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// Through nodes that multicast finds on the LAN, without anything beyond it.
    Lan,
    /// Through the DHT, from its bootstrap hosts on.
    Dht,
}

/// How a device is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceConfig {
    /// Which of the identities it has, below [`IDENTITIES_MAX`](super::IDENTITIES_MAX).
    pub identity: usize,
    /// Number of its DHT network; zero is the public one.
    pub network: u32,
    /// The hosts that its node of the DHT begins from; `None` for a device without one.
    pub dht: Option<Vec<SocketAddr>>,
    /// Whether it has a node that is found on its LAN.
    pub lan: bool,
    /// When its nodes begin.
    pub online: SimTime,
    /// When its operating system tells it that it has another network, or its old one again;
    /// ascending.
    pub network_changes: Vec<SimTime>,
}

/// What a device did and saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceReport {
    /// Its nodes, that on the LAN first.
    pub nodes: Vec<NodeReport>,
}

/// An identity on a host, with a node of its own for every way it may be found.
///
/// The node on the LAN and that in the DHT know nothing of each other, so that the way on which a
/// request came is beyond doubt. Jami has one node for both, which holds the LAN's nodes in the
/// table of the public network.
pub struct Device {
    identity: Arc<Identity>,
    nodes: Vec<Arc<DeviceNode>>,
    mailbox: Arc<Mailbox>,
    rng: Mutex<SimRng>,
    /// What its nodes do, until it is started.
    tasks: Mutex<Vec<NodeTask>>,
}

/// A request on its way: what was put by which of the device's nodes.
pub(super) type Posted = Vec<(Arc<DeviceNode>, OperationId)>;

impl Device {
    /// Makes a device on `host`, which does nothing before it is [started](Self::start).
    ///
    /// # Errors
    ///
    /// [`IdentityError::NotAKey`] for an identity that there is not.
    pub fn new(
        handle: &Handle,
        host: &Host,
        config: &DeviceConfig,
        seed: Seed,
    ) -> Result<Self, IdentityError> {
        let identity = Arc::new(identity(config.identity)?);
        let mailbox = Arc::new(Mailbox::default());
        let addresses = host.addresses();
        let node_config = NodeConfig {
            network: config.network,
            has_ipv4: addresses.iter().any(IpAddr::is_ipv4),
            has_ipv6: addresses.iter().any(IpAddr::is_ipv6),
            epoch_unix_seconds: EPOCH_UNIX_SECONDS,
            ..NodeConfig::default()
        };
        let (mut nodes, mut tasks) = (Vec::new(), Vec::new());
        let ways = [(Way::Lan, config.lan.then(Vec::new)), (Way::Dht, config.dht.clone())];
        for (way, bootstrap) in ways {
            let Some(bootstrap) = bootstrap else { continue };
            let (name, port) = match way {
                Way::Lan => ("device/lan", DHT_PORT + 1),
                Way::Dht => ("device/dht", DHT_PORT),
            };
            let node = Arc::new(DeviceNode::new(way, port));
            tasks.push(NodeTask {
                handle: handle.clone(),
                host: host.clone(),
                online: config.online,
                network_changes: config.network_changes.clone(),
                config: NodeConfig { bootstrap, ..node_config.clone() },
                seed: seed.derive(name),
                identity: Arc::clone(&identity),
                mailbox: Arc::clone(&mailbox),
                node: Arc::clone(&node),
            });
            nodes.push(node);
        }
        let (rng, tasks) = (Mutex::new(seed.rng("device/requests")), Mutex::new(tasks));
        Ok(Self { identity, nodes, mailbox, rng, tasks })
    }

    /// Starts its nodes, each of which begins when the device goes online; call it from a task of the
    /// run. The second time it is without effect.
    pub fn start(&self) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        for task in tasks.drain(..) {
            let handle = task.handle.clone();
            handle.spawn(task.run());
        }
    }

    /// Returns what it did and saw so far.
    #[must_use]
    pub fn report(&self) -> DeviceReport {
        DeviceReport { nodes: self.nodes.iter().map(|node| node.report()).collect() }
    }

    /// Ends its nodes; they send nothing more.
    pub fn close(&self) {
        self.nodes.iter().for_each(|node| node.close());
    }

    pub(super) fn public(&self) -> &PublicIdentity {
        self.identity.public()
    }

    /// Draws an identifier for a call.
    pub(super) fn new_request_id(&self) -> u64 {
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        rng.next_u64() % ConnectionRequest::ID_MAX + 1
    }

    /// Puts a request at the other device's key, on every way that there is.
    ///
    /// # Errors
    ///
    /// None for the identities that there are.
    pub(super) fn post(
        &self,
        now: SimTime,
        to: &PublicIdentity,
        request: &ConnectionRequest,
    ) -> Result<Posted, IdentityError> {
        let value = {
            let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
            offer::seal(request, &self.identity, to, &mut rng)?
        };
        let put = |node: &Arc<DeviceNode>| {
            let operation = node.put(now, to, value.clone())?;
            Some((Arc::clone(node), operation))
        };
        Ok(self.nodes.iter().filter_map(put).collect())
    }

    /// Waits for a call of that device about that matter.
    pub(super) async fn called(&self, by: &PublicIdentity, matter: &str) -> Incoming {
        let by = by.id();
        let is_wanted = |opened: &offer::Opened| {
            opened.from == by
                && !opened.request.is_answer
                && opened.request.connection_type == matter
        };
        self.mailbox.take(is_wanted).await
    }

    /// Waits for that device's answer to a call.
    pub(super) async fn answered(&self, by: &PublicIdentity, id: u64) -> Incoming {
        let by = by.id();
        let is_wanted = |opened: &offer::Opened| {
            opened.from == by && opened.request.is_answer && opened.request.id == id
        };
        self.mailbox.take(is_wanted).await
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device").field("nodes", &self.nodes).finish_non_exhaustive()
    }
}
