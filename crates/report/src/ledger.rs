//! Who came to know whose addresses, and whose hands the payload went through.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What one node came to know of a session.
///
/// Gateways and the core are left out: they see all that goes through them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerRecord {
    /// The host, or `rendezvous`.
    pub node: String,
    /// What it is to the session.
    pub role: LedgerRole,
    /// The addresses that it knows of each of the session's hosts, by host: as the source of
    /// packets, from STUN and TURN messages, or handed over as candidates. A host's own are not in
    /// its row.
    pub saw: BTreeMap<String, Vec<String>>,
    /// Payload datagrams that came to it.
    pub payload_datagrams: u64,
    /// Their bytes, without headers.
    pub payload_bytes: u64,
}

/// What a node is to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LedgerRole {
    /// One of its hosts.
    Peer,
    /// A TURN server that it may use, or whoever else its payload came to.
    Relay,
    /// A STUN server.
    Stun,
    /// Who hands over its candidates, outside of the network.
    Rendezvous,
    /// A node of the DHT.
    Dht,
}

impl LedgerRole {
    /// Returns the word that JSON and tables use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Relay => "relay",
            Self::Stun => "stun",
            Self::Rendezvous => "rendezvous",
            Self::Dht => "dht",
        }
    }
}

impl fmt::Display for LedgerRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
