//! How a node is set up.

use std::net::SocketAddr;

use natbed_runtime::EPOCH_UNIX_SECONDS;

/// A node with its address, known from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoreContact {
    /// Its identifier.
    pub id: [u8; 20],
    /// Where it is.
    pub address: SocketAddr,
}

/// How a node is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreConfig {
    /// Its identifier; `None` draws one.
    pub id: Option<[u8; 20]>,
    /// Number of its network; zero is the public one. Nodes of others are not heard.
    pub network: u32,
    /// Hosts that it pings while it knows no good node: at once, after 10 s, and then after twice
    /// the time before. The core does this itself.
    pub bootstrap: Vec<SocketAddr>,
    /// Nodes that it knows from the start, and does not ping first.
    pub contacts: Vec<CoreContact>,
    /// The UDP port it speaks from.
    pub port: u16,
    /// Whether it speaks IPv4.
    pub has_ipv4: bool,
    /// Whether it speaks IPv6.
    pub has_ipv6: bool,
    /// Unix time at the start of the run, in seconds: values say when they were made.
    pub epoch_unix_seconds: u64,
}

impl CoreConfig {
    /// The port of OpenDHT.
    pub const PORT: u16 = 4222;
}

impl Default for CoreConfig {
    /// A node of the public network on both address families and OpenDHT's port, that knows no one.
    fn default() -> Self {
        Self {
            id: None,
            network: 0,
            bootstrap: Vec::new(),
            contacts: Vec::new(),
            port: Self::PORT,
            has_ipv4: true,
            has_ipv6: true,
            epoch_unix_seconds: EPOCH_UNIX_SECONDS,
        }
    }
}
