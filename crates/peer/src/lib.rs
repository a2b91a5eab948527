//! The connectivity stacks under test on natbed hosts.
//!
//! - [`IceAgent`]: the small trait that every ICE stack stands behind; [`WebrtcAgent`] is the
//!   `webrtc-ice` crate, unmodified, on a [`VnetHost`]
//! - [`TurnServer`]: the `turn` crate's server, unmodified, for STUN and TURN
//! - [`DiscoveryServer`], [`DiscoveryClient`]: NAT Behavior Discovery (RFC 5780) as sans-IO processes
//! - [`Device`]: an identity with nodes of OpenDHT, by which peers call each other; [`DhtProcess`]
//!   is such a node without anybody behind it
//! - [`run_session`]: gather, swap candidates or call, check, let the [`SessionLoad`] run, hold, close;
//!   and again with fresh agents when [`Restart`] says so
//!
//! Not in scope: judging. What a session came to is a [`SessionReport`]; who is right about the
//! path is decided elsewhere, by what the network saw.
#![forbid(unsafe_code)]

mod agent;
mod behaviour_discovery;
mod dht;
mod restart;
mod session;
mod turn_server;
mod vnet;
mod webrtc;

pub use agent::{
    AgentError, AgentSource, Candidate, CandidateKind, Channel, IceAgent, IceDescription,
    IceServers, IceState, Role, SelectedPair, StateChange, TurnServerAccess,
};
pub use behaviour_discovery::{
    BindingRequest, BindingResponse, Change, DiscoveryClient, DiscoveryEvent, DiscoveryServer,
    TransactionId,
};
pub use dht::{
    CallDiscovery, CallFailure, CallReport, DHT_PORT, Device, DeviceConfig, DeviceReport,
    DhtProcess, IDENTITIES_MAX, NodeReport, Way, settled_contacts,
};
pub use restart::{RESTARTS_MAX, Restart, RestartReport};
pub use session::{Discovery, PeerReport, SessionConfig, SessionLoad, SessionReport, run_session};
pub use turn_server::{STUN_PORT, TurnServer, TurnServerError};
pub use vnet::{VnetError, VnetHost};
pub use webrtc::{WEBRTC_ICE, WebrtcAgent, WebrtcAgents};
