//! The small trait that every ICE stack under test stands behind.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use natbed_dht::IdentityError;
use natbed_units::{SimDuration, SimTime};
use thiserror::Error;

/// State of an ICE agent, in the words of the W3C's `RTCIceTransportState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IceState {
    /// Gathering, or waiting for the peer's candidates.
    New,
    /// Checking candidate pairs.
    Checking,
    /// A pair works; others may still be checked.
    Connected,
    /// A pair works and nothing is left to check.
    Completed,
    /// The pair in use has gone silent; it may come back.
    Disconnected,
    /// No pair works, or none came back in time; final.
    Failed,
    /// Closed from this side; final.
    Closed,
}

impl fmt::Display for IceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::New => "new",
            Self::Checking => "checking",
            Self::Connected => "connected",
            Self::Completed => "completed",
            Self::Disconnected => "disconnected",
            Self::Failed => "failed",
            Self::Closed => "closed",
        })
    }
}

/// A state that an agent entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateChange {
    /// When.
    pub at: SimTime,
    /// Which.
    pub state: IceState,
}

/// Kind of a candidate (RFC 8445 section 5.1.1).
///
/// Reported as the agent names it. Labels depend on timing; decide on addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CandidateKind {
    /// An address of the host itself.
    Host,
    /// The address a STUN server saw.
    ServerReflexive,
    /// The address a peer saw.
    PeerReflexive,
    /// An address on a TURN server.
    Relayed,
}

impl fmt::Display for CandidateKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "host",
            Self::ServerReflexive => "srflx",
            Self::PeerReflexive => "prflx",
            Self::Relayed => "relay",
        })
    }
}

/// One side of the selected pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The kind, as the agent names it.
    pub kind: CandidateKind,
    /// Its transport address.
    pub address: SocketAddr,
}

/// The pair that an agent sends over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelectedPair {
    /// The agent's own side.
    pub local: Candidate,
    /// The peer's side.
    pub remote: Candidate,
}

/// What peers tell each other before they check: credentials and candidates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IceDescription {
    /// User name fragment.
    pub ufrag: String,
    /// Password.
    pub password: String,
    /// Candidates, each as the value of a `candidate` attribute (RFC 8839 section 5.1).
    pub candidates: Vec<String>,
}

/// Role of an agent (RFC 8445 section 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Nominates the pair.
    Controlling,
    /// Follows the nomination.
    Controlled,
}

/// A TURN server and what to say there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnServerAccess {
    /// Its address.
    pub address: SocketAddr,
    /// User name.
    pub user: String,
    /// Password.
    pub password: String,
}

/// The servers that an agent gathers with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IceServers {
    /// STUN servers.
    pub stun: Vec<SocketAddr>,
    /// TURN servers; without one there are no relayed candidates.
    pub turn: Vec<TurnServerAccess>,
}

/// Why an agent could not do its part.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AgentError {
    /// The agent reached [`IceState::Failed`]: no pair worked.
    #[error("no candidate pair worked")]
    Failed,
    /// The agent was closed before a pair worked.
    #[error("the agent was closed before a pair worked")]
    Closed,
    /// The peer did not answer the call, so that its candidates are not known.
    #[error("no answer within {within}")]
    NoAnswer {
        /// How long it was waited for.
        within: SimDuration,
    },
    /// The peer's call did not arrive before it was given up.
    #[error("the call did not arrive")]
    NotCalled,
    /// What the peer has sent is no description of an agent.
    #[error("what the peer sent is no ICE description")]
    NoDescription,
    /// A call or an answer could not be signed or encrypted.
    #[error("the request could not be sealed: {0}")]
    NotSealed(#[from] IdentityError),
    /// The stack refused a call.
    #[error("{stack} could not {action}: {message}")]
    Stack {
        /// Name of the stack.
        stack: &'static str,
        /// What it was asked to do.
        action: &'static str,
        /// What it said.
        message: String,
    },
}

/// A connected pair, for payload.
#[async_trait]
pub trait Channel: Send + Sync {
    /// Sends one datagram over the selected pair.
    ///
    /// # Errors
    ///
    /// When the stack refuses it, for example after it was closed.
    async fn send(&self, datagram: &[u8]) -> Result<(), AgentError>;

    /// Receives one datagram into `buffer` and returns its length.
    ///
    /// # Errors
    ///
    /// When the agent has been closed.
    async fn receive(&self, buffer: &mut [u8]) -> Result<usize, AgentError>;
}

/// An ICE agent of the stack under test on one host.
#[async_trait]
pub trait IceAgent: Send + Sync {
    /// Gathers all candidates and returns them with the credentials; call it once.
    ///
    /// # Errors
    ///
    /// When the stack refuses to gather; a server that does not answer is no error.
    async fn gather(&self) -> Result<IceDescription, AgentError>;

    /// Takes the peer's description, checks pairs, and returns when one is connected.
    ///
    /// # Errors
    ///
    /// [`AgentError::Failed`] when no pair worked, or what the stack reports.
    async fn connect(
        &self,
        role: Role,
        remote: &IceDescription,
    ) -> Result<Arc<dyn Channel>, AgentError>;

    /// Returns the states entered so far, in order.
    fn state_changes(&self) -> Vec<StateChange>;

    /// Waits until the agent is in one of `states`, and returns which.
    async fn until(&self, states: &[IceState]) -> IceState;

    /// Returns the pair selected now.
    fn selected_pair(&self) -> Option<SelectedPair>;

    /// Closes the agent; afterwards it sends nothing and has no task left.
    async fn close(&self);
}

/// Where the agents of one peer come from: a first one, and one for every restart.
#[async_trait]
pub trait AgentSource: Send + Sync {
    /// Makes an agent that has gathered nothing yet, on the addresses that the host has now.
    ///
    /// # Errors
    ///
    /// What the stack reports of its configuration.
    async fn agent(&self) -> Result<Arc<dyn IceAgent>, AgentError>;
}
