//! The DHT: services that are a node of it, and the swarm of nodes on the Internet.

use std::ops::Range;

use natbed_units::SimDuration;

use super::{DhtCore, HostIndex, SwarmStart};

/// A node of the DHT that a host serves (OpenDHT).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DhtService {
    /// What the node is made of.
    pub core: DhtCore,
    /// The hosts that it begins from, none of them itself; each serves a node.
    ///
    /// Of a settled swarm's nodes it is empty: they know each other from the start.
    pub bootstrap: Vec<HostIndex>,
}

/// A swarm: many nodes of the DHT on the Internet, which are ordinary hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swarm {
    /// The places of its nodes in [`Scenario::hosts`](super::Scenario::hosts), the last ones there.
    pub hosts: Range<usize>,
    /// What the nodes know when the run starts.
    pub start: SwarmStart,
    /// How they come and go; `None` if all of them stay.
    ///
    /// Those that anything in the scenario begins from stay in any case.
    pub churn: Option<Churn>,
}

/// How the nodes of a swarm come and go: the means of two exponential distributions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Churn {
    /// How long a node is there; more than nothing.
    pub up: SimDuration,
    /// How long it is away; more than nothing.
    pub down: SimDuration,
}
