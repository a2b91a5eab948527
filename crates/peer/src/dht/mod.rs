//! OpenDHT nodes on hosts, and devices that call each other through them as Jami's do.
//!
//! - [`DhtProcess`]: a node as sans-IO software on a host, thousands of them in one world
//! - [`settled_contacts`]: whom each node of a swarm knows that has existed for long
//! - [`Device`]: what a person calls from: an identity, and a node for every way it may be found
//! - [`CallDiscovery`]: the way from "call bob" to both sides' candidates

mod call;
mod device;
mod device_node;
mod identities;
mod mailbox;
mod offer;
mod process;
mod settled;
mod sockets;

pub use call::{CallDiscovery, CallFailure, CallReport};
pub use device::{Device, DeviceConfig, DeviceReport, Way};
pub use device_node::NodeReport;
pub use identities::IDENTITIES_MAX;
pub use process::DhtProcess;
pub use settled::settled_contacts;

pub(crate) use call::{CallLog, exchange};

/// The port that nodes serve the DHT at.
pub const DHT_PORT: u16 = 4_222;
