//! Hosts, LANs, gateways, pipes and the Internet core as ONE sans-IO state machine.
//!
//! [`Network`] owns no clock, no socket and no thread. Its verbs are those of
//! every state machine in natbed:
//!
//! - [`Network::send`]: a host sends a packet now
//! - [`Network::poll_delivery`]: the next packet that reached a host
//! - [`Network::poll_timeout`]: when to come back
//! - [`Network::handle_timeout`]: it is that time
//!
//! What happens on the way is reported to an [`Observer`]: captures, the trace
//! hash, counters and the witness are observers (see [`observe`]), and a
//! network without one pays nothing for them.
//!
//! Start reading in `network.rs` (the verbs), then `forward/` (what each kind
//! of node does with a packet), `pipe/` (links), `node.rs` (what nodes are), `topology.rs` (building) and `change.rs` (what
//! happens to it while it runs).
#![forbid(unsafe_code)]

mod address;
mod change;
mod config;
mod forward;
mod id;
mod network;
mod node;
pub mod observe;
mod observer;
mod path_mtu;
mod pipe;
mod reassembly;
mod schedule;
mod slab;
mod topology;

pub use config::{
    Attachment, GatewayConfig, HostConfig, InterfaceConfig, InternetConfig, LanConfig,
    TopologyError,
};
pub use forward::JoinError;
pub use id::{HostId, LanId, LinkId, PipeId, Place, RouterId};
pub use network::{Delivery, Limits, Network};
pub use observer::{Hop, Observer, Origin, Roaming, Step};
pub use pipe::{
    Codel, Distribution, Fate, FqCodel, GilbertElliott, Jitter, Line, LinkConfig, Loss, PipeConfig,
    PipeConfigError, Queue, QueueLimit, RateSchedule, Red, Shaper,
};
