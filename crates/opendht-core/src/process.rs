//! A node as the software of a host.

use bytes::Bytes;
use natbed_packet::Endpoint;
use natbed_runtime::{Process, Transmit};
use natbed_units::{Seed, SimTime};
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::config::CoreConfig;
use crate::error::CoreError;
use crate::node::{CoreEvent, CoreNode};

/// A [`CoreNode`] as a [`Process`] on a UDP port of a host.
///
/// What the node tells is kept with its time, for the user to [take](Self::take_events).
#[derive(Debug)]
pub struct CoreProcess {
    node: CoreNode,
    events: VecDeque<(SimTime, CoreEvent)>,
}

/// Events that are kept until they are taken; of more, the oldest are lost.
const EVENTS_MAX: usize = 65_536;

impl CoreProcess {
    /// Makes a node that begins now, on the port that `config` says.
    ///
    /// # Errors
    ///
    /// As [`CoreNode::new`].
    pub fn new(now: SimTime, config: CoreConfig, seed: Seed) -> Result<Self, CoreError> {
        let node = CoreNode::new(now, config, seed)?;
        let mut process = Self { node, events: VecDeque::new() };
        process.keep_events(now);
        Ok(process)
    }

    /// Returns the node.
    #[must_use]
    pub fn node(&self) -> &CoreNode {
        &self.node
    }

    /// Returns the node, to want something of it inside of `World::update_process`, which then
    /// sends what it has to send.
    #[must_use]
    pub fn node_mut(&mut self) -> &mut CoreNode {
        &mut self.node
    }

    /// Takes what the node has told since the last time, in order and with its times; at most the
    /// last 65 536.
    pub fn take_events(&mut self) -> impl Iterator<Item = (SimTime, CoreEvent)> + '_ {
        self.events.drain(..)
    }

    fn keep_events(&mut self, now: SimTime) {
        while let Some(event) = self.node.poll_event() {
            if self.events.len() == EVENTS_MAX {
                self.events.pop_front();
            }
            self.events.push_back((now, event));
        }
    }
}

impl Process for CoreProcess {
    fn handle_datagram(&mut self, now: SimTime, _: Endpoint, remote: Endpoint, payload: Bytes) {
        self.node.handle_datagram(now, remote.into(), &payload);
        self.keep_events(now);
    }

    fn handle_timeout(&mut self, now: SimTime) {
        self.node.handle_timeout(now);
        self.keep_events(now);
    }

    fn poll_transmit(&mut self, now: SimTime) -> Option<Transmit> {
        // The user may have wanted something since.
        self.keep_events(now);
        let (to, payload) = self.node.poll_transmit()?;
        let any: IpAddr = match to {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let local = Endpoint::new(any, self.node.config().port);
        Some(Transmit { local, remote: to.into(), payload })
    }

    fn poll_timeout(&self) -> Option<SimTime> {
        self.node.poll_timeout()
    }

    fn accepts(&self, port: u16) -> bool {
        port == self.node.config().port
    }
}
