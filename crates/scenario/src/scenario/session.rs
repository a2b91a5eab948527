//! Sessions: who connects to whom, how, and what is expected of it.

use natbed_units::{ByteCount, Ppm, SimDuration};

use super::{HostIndex, IceState, Path, Restart, Stack};

/// Two hosts that try to connect, and what they do once they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its name.
    pub name: String,
    /// The two hosts; the first one controls (RFC 8445 section 2.3).
    pub between: [HostIndex; 2],
    /// The connectivity stack both run.
    pub stack: Stack,
    /// How they learn of each other's candidates.
    pub discovery: Discovery,
    /// The STUN servers both ask.
    pub stun: Vec<HostIndex>,
    /// The TURN servers both take relay candidates from; none means no relay candidates.
    pub turn: Vec<HostIndex>,
    /// How long after the candidates were swapped each one begins its checks.
    pub start: [SimDuration; 2],
    /// What they send once they are connected.
    pub load: Load,
    /// How long the connection is kept after the load.
    pub hold: SimDuration,
    /// When both gather candidates anew, swap them again and check.
    pub restart: Restart,
    /// What the outcome is held against.
    pub expect: Option<Expect>,
}

/// How the hosts of a session learn of each other's candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discovery {
    /// They are handed over outside the simulated network.
    Rendezvous {
        /// How long that takes, one way.
        delay: SimDuration,
    },
}

/// What the hosts of a session send to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// The first host sends, the second sends the same back.
    Echo {
        /// How many.
        count: u32,
        /// The time from one to the next.
        interval: SimDuration,
        /// The payload's size.
        size: ByteCount,
    },
}

/// What a session's outcome is held against; what is `None` or empty is not looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expect {
    /// The path that the payload takes.
    pub path: Option<ExpectedPath>,
    /// The longest time from the session's start to both agents being connected.
    pub connect_within: Option<SimDuration>,
    /// States that must come in this order among each agent's state changes.
    pub states: Vec<IceState>,
    /// The state each agent must end in.
    pub final_state: Option<IceState>,
    /// The share of echoes that may be lost.
    pub loss: Option<AtMost<Ppm>>,
    /// The median round trip of the echoes.
    pub rtt_p50: Option<AtMost<SimDuration>>,
    /// The 95th percentile of the echoes' round trips.
    pub rtt_p95: Option<AtMost<SimDuration>>,
    /// The longest time from an event that interrupts the connection until an agent has noticed.
    pub noticed_within: Option<SimDuration>,
    /// The longest time from an event that interrupts the connection until payload passes again.
    pub recover_within: Option<SimDuration>,
    /// The line of the file that the expectation starts on, from 1.
    pub line: usize,
}

/// An upper bound that an observation must keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AtMost<T> {
    /// The largest value that passes.
    pub at_most: T,
}

/// The path that a session is expected to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpectedPath {
    /// This one.
    Is(Path),
    /// Whatever the outcome rule predicts for the case; written `${oracle}`.
    Oracle,
}
