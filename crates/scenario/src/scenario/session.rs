//! Sessions: who connects to whom, how, and what is expected of it.

use std::net::SocketAddr;

use natbed_units::SimDuration;

use super::{ExpectedDiscovery, HostIndex, IceState, NamedLoad, Path, Restart, Stack};

/// Two hosts that try to connect, and what they do once they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its name.
    pub name: String,
    /// The two hosts; the first one controls (RFC 8445 section 2.3).
    pub between: [HostIndex; 2],
    /// The connectivity stack both run.
    pub stack: Stack,
    /// Where the second host can be reached without a stack; `None` with one.
    pub reach: Option<Reach>,
    /// How they learn of each other's candidates.
    pub discovery: Discovery,
    /// The STUN servers both ask.
    pub stun: Vec<HostIndex>,
    /// The TURN servers both take relay candidates from; none means no relay candidates.
    pub turn: Vec<HostIndex>,
    /// How long after the candidates were swapped each one begins its checks.
    pub start: [SimDuration; 2],
    /// What they send once they are connected, all at once; at least one.
    pub loads: Vec<NamedLoad>,
    /// How long the connection is kept after the loads.
    pub hold: SimDuration,
    /// When both gather candidates anew, swap them again and check.
    pub restart: Restart,
    /// What the outcome is held against.
    pub expect: Option<Expect>,
}

/// Where the second host of a session without a stack can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// The port that it listens at.
    pub port: u16,
    /// Where the first host sends to: that port at the second host's address, or what leads there.
    pub to: SocketAddr,
}

/// How the hosts of a session learn of each other's candidates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Discovery {
    /// They are handed over outside the simulated network.
    Rendezvous {
        /// How long that takes, one way.
        delay: SimDuration,
    },
    /// The first host calls the second one with the nodes that both have.
    Nodes(NodeDiscovery),
}

/// A call from node to node: over the DHT, on the LAN, or both at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeDiscovery {
    /// The hosts that both nodes begin from, at least one; `None` without a DHT.
    pub dht: Option<Vec<HostIndex>>,
    /// Whether the nodes look for each other by multicast on the LAN.
    pub lan: bool,
    /// When the first host calls, from the start of the run.
    pub call_at: SimDuration,
    /// When each host's node starts, from the start of the run.
    pub online: [SimDuration; 2],
    /// How long the first host waits for the answer; more than nothing.
    pub answer_within: SimDuration,
}

/// What a session's outcome is held against; what is `None` or empty is not looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expect {
    /// The path that the payload takes.
    pub path: Option<ExpectedPath>,
    /// The way that the hosts find each other.
    pub discovered: Option<ExpectedDiscovery>,
    /// The longest time from the session's start to both agents being connected.
    pub connect_within: Option<SimDuration>,
    /// States that must come in this order among each agent's state changes.
    pub states: Vec<IceState>,
    /// The state each agent must end in.
    pub final_state: Option<IceState>,
    /// The longest time from an event that interrupts the connection until an agent has noticed.
    pub noticed_within: Option<SimDuration>,
    /// The longest time from an event that interrupts the connection until payload passes again.
    pub recover_within: Option<SimDuration>,
    /// The line of the file that the expectation starts on, from 1.
    pub line: usize,
}

/// The path that a session is expected to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpectedPath {
    /// This one.
    Is(Path),
    /// Whatever the outcome rule predicts for the case; written `${oracle}`.
    Oracle,
}
