//! How a node is set up, and what it tells its user.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use crate::id::Id;
use crate::search::OperationId;
use crate::value::Value;

/// How a node is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeConfig {
    /// Its identifier; `None` draws one.
    pub id: Option<Id>,
    /// Number of its network; zero is the public one. Nodes of others are not heard.
    pub network: u32,
    /// Whether it only asks: others then keep it out of their tables.
    pub is_client: bool,
    /// Whether others begin with it: it then knows many nodes in all parts of the network.
    pub is_bootstrap: bool,
    /// Whether its address is reachable and stays: it then listens again after five minutes, not
    /// after half of one, and a search without nodes is no sign of another network.
    pub is_public_stable: bool,
    /// Which of OpenDHT's generations it behaves like.
    pub generation: Generation,
    /// Where it begins: hosts that are asked for nodes while it knows none.
    pub bootstrap: Vec<SocketAddr>,
    /// What it calls itself; other nodes take no notice.
    pub agent: Bytes,
    /// Whether it speaks IPv4.
    pub has_ipv4: bool,
    /// Whether it speaks IPv6.
    pub has_ipv6: bool,
    /// Unix time at the start of the run, in seconds: values say when they were made.
    pub epoch_unix_seconds: u64,
}

impl Default for NodeConfig {
    /// A full node of the public network on both address families, with no one to begin with.
    fn default() -> Self {
        Self {
            id: None,
            network: 0,
            is_client: false,
            is_bootstrap: false,
            is_public_stable: false,
            generation: Generation::default(),
            bootstrap: Vec::new(),
            agent: Bytes::from_static(b"nb1"),
            has_ipv4: true,
            has_ipv6: true,
            epoch_unix_seconds: 0,
        }
    }
}

/// A generation of OpenDHT, where they differ in more than words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Generation {
    /// 2.4, as Debian 12 has it: it puts and listens once all of the closest nodes are synced, and
    /// does not give a token when it is listened at.
    Two,
    /// 4.3, as Jami has it: it puts and listens from the second synced node on.
    #[default]
    Four,
}

/// How well a node is connected to its network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// It knows no node that answers.
    #[default]
    Disconnected,
    /// It knows nodes, but none that has answered of late.
    Connecting,
    /// It knows a good node.
    Connected,
}

/// What a node tells its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Its connection has changed.
    Status(Status),
    /// A value that was asked for, or listened for, is there; each is told once.
    ///
    /// The address is that of the node which has delivered it; it is `None` for what was in the
    /// node's own storage, or was put by its own user.
    Value(OperationId, Arc<Value>, Option<SocketAddr>),
    /// A value that was listened for is gone.
    Gone(OperationId, u64),
    /// A node has taken a value that was put, or lets it live on; each of them is told.
    Stored(OperationId, SocketAddr),
    /// A first node tells of values from now on; told once of each listen.
    Listening(OperationId),
    /// A get or a put has come to its end: the nodes closest to the key have answered.
    Finished(OperationId),
    /// There is nobody left to ask: all nodes of the search were given up, or there never were any
    /// and the bootstrap hosts do not answer.
    ///
    /// A get has come to its end with that. A put goes on if nodes are found while its value lives.
    Failed(OperationId),
}
