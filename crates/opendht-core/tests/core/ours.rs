//! natbed's own node as the software of a host.

use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;
use natbed_dht::{Event, Node, NodeConfig};
use natbed_packet::Endpoint;
use natbed_runtime::{Process, Transmit};
use natbed_units::{Seed, SimTime};

/// A [`Node`] that speaks IPv4 on OpenDHT's port and keeps what it tells.
pub(crate) struct OurProcess {
    pub(crate) node: Node,
    pub(crate) events: Vec<(SimTime, Event)>,
}

impl OurProcess {
    pub(crate) fn new(now: SimTime, config: NodeConfig, seed: Seed) -> Self {
        Self { node: Node::new(now, config, seed), events: Vec::new() }
    }

    fn keep_events(&mut self, now: SimTime) {
        while let Some(event) = self.node.poll_event() {
            self.events.push((now, event));
        }
    }
}

impl Process for OurProcess {
    fn handle_datagram(&mut self, now: SimTime, _: Endpoint, remote: Endpoint, payload: Bytes) {
        self.node.handle_datagram(now, remote.into(), &payload);
        self.keep_events(now);
    }

    fn handle_timeout(&mut self, now: SimTime) {
        self.node.handle_timeout(now);
        self.keep_events(now);
    }

    fn poll_transmit(&mut self, now: SimTime) -> Option<Transmit> {
        self.keep_events(now);
        let (to, payload) = self.node.poll_transmit()?;
        let local = Endpoint::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 4222);
        Some(Transmit { local, remote: to.into(), payload })
    }

    fn poll_timeout(&self) -> Option<SimTime> {
        Some(self.node.poll_timeout())
    }

    fn accepts(&self, port: u16) -> bool {
        port == 4222
    }
}
