//! A node as software on a host that no person calls from.

use bytes::Bytes;
use natbed_dht::{Contact, Node, NodeConfig, Status};
use natbed_packet::Endpoint;
use natbed_runtime::{EPOCH_UNIX_SECONDS, Process, Transmit};
use natbed_units::{Seed, SimTime};

use super::DHT_PORT;

/// An OpenDHT node as a [`Process`]: it serves the DHT at [`DHT_PORT`] and wants nothing for itself.
#[derive(Debug)]
pub struct DhtProcess {
    config: NodeConfig,
    seed: Seed,
    /// Nodes that it knows from the start, as good ones.
    known: Vec<Contact>,
    /// There from the start on.
    node: Option<Node>,
}

impl DhtProcess {
    /// Makes a node that begins when its host does, with these nodes in its table.
    ///
    /// What is random about it comes from `seed`, which no other node of the run may have.
    #[must_use]
    pub fn new(config: NodeConfig, known: Vec<Contact>, seed: Seed) -> Self {
        let config = NodeConfig { epoch_unix_seconds: EPOCH_UNIX_SECONDS, ..config };
        Self { config, seed, known, node: None }
    }

    /// Returns the node, once it has begun.
    #[must_use]
    pub const fn node(&self) -> Option<&Node> {
        self.node.as_ref()
    }

    /// Returns how well the node is connected; disconnected before it has begun.
    #[must_use]
    pub fn status(&self) -> Status {
        self.node.as_ref().map_or(Status::Disconnected, Node::status)
    }

    /// Nobody asked this node for anything: what it tells goes nowhere.
    fn forget_events(&mut self) {
        let Some(node) = &mut self.node else { return };
        while node.poll_event().is_some() {}
    }
}

impl Process for DhtProcess {
    fn start(&mut self, now: SimTime) {
        let mut node = Node::new(now, self.config.clone(), self.seed);
        for contact in self.known.drain(..) {
            node.know(now, contact);
        }
        node.handle_timeout(now);
        self.node = Some(node);
        self.forget_events();
    }

    fn handle_datagram(&mut self, now: SimTime, _: Endpoint, remote: Endpoint, payload: Bytes) {
        if let Some(node) = &mut self.node {
            node.handle_datagram(now, remote.into(), &payload);
            self.forget_events();
        }
    }

    fn handle_timeout(&mut self, now: SimTime) {
        if let Some(node) = &mut self.node {
            node.handle_timeout(now);
            self.forget_events();
        }
    }

    fn poll_transmit(&mut self, _: SimTime) -> Option<Transmit> {
        let (to, payload) = self.node.as_mut()?.poll_transmit()?;
        let remote = Endpoint::from(to);
        let local = Endpoint { ip: unspecified(&remote), port: DHT_PORT };
        Some(Transmit { local, remote, payload })
    }

    fn poll_timeout(&self) -> Option<SimTime> {
        self.node.as_ref().map(Node::poll_timeout)
    }

    fn accepts(&self, port: u16) -> bool {
        port == DHT_PORT
    }
}

/// The address that lets the host choose one of its own from which `remote` can be reached.
fn unspecified(remote: &Endpoint) -> std::net::IpAddr {
    if remote.ip.is_ipv4() {
        std::net::Ipv4Addr::UNSPECIFIED.into()
    } else {
        std::net::Ipv6Addr::UNSPECIFIED.into()
    }
}
