//! How the two hosts of a session found each other, and what their DHT nodes did for it.

mod summary;
pub(crate) mod tally;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

pub use summary::{CallsSummary, PercentilesRecord};

/// How an offer reached the callee and its answer the caller, and what that cost.
///
/// Of sessions whose hosts find each other through OpenDHT or on their LAN; a
/// session by rendezvous has none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiscoveryRecord {
    /// How the offer reached the callee; `None` if it never did.
    pub by: Option<DiscoveryWay>,
    /// When the first host called; virtual nanoseconds since the start of the run.
    pub call_ns: u64,
    /// How far the call had come when.
    pub phases: PhasesRecord,
    /// The nodes of the two hosts, by host name.
    pub nodes: BTreeMap<String, NodeRecord>,
    /// Names of the nodes that acknowledged the offer, in the order of acknowledgement.
    pub stored_at: Vec<String>,
    /// Why no answer came; `None` if one came.
    pub failure: Option<DiscoveryFailure>,
    /// The evidence for `failure` in one sentence.
    pub failure_reason: Option<String>,
}

/// The phases from a call to payload, each in virtual nanoseconds since the call.
///
/// `None` of what did not happen: on a LAN nothing is stored, and what follows a failure is not
/// reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhasesRecord {
    /// The first node acknowledged the offer.
    pub offer_stored_ns: Option<u64>,
    /// The callee had the offer.
    pub offer_seen_ns: Option<u64>,
    /// The first node acknowledged the answer.
    pub answer_stored_ns: Option<u64>,
    /// The caller had the answer.
    pub answer_seen_ns: Option<u64>,
    /// Both hosts had the candidates of the other.
    pub candidates_known_ns: Option<u64>,
    /// Both agents reported a connection.
    pub connected_ns: Option<u64>,
    /// The first payload arrived.
    pub first_payload_ns: Option<u64>,
}

/// The DHT node of one of the two hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRecord {
    /// When it went online; virtual nanoseconds since the start of the run.
    pub online_ns: u64,
    /// When it knew a good node; virtual nanoseconds since it went online.
    pub bootstrapped_ns: Option<u64>,
    /// When the first node acknowledged that it listens; virtual nanoseconds since it went online.
    pub listening_ns: Option<u64>,
    /// Its public addresses as its peers reported them.
    pub public_addresses: Vec<String>,
    /// What it sent, its discovery on the LAN included.
    pub sent: TrafficRecord,
    /// What came to it, its discovery on the LAN included.
    pub received: TrafficRecord,
    /// Datagrams sent and received, by the kind of message.
    pub by_kind: BTreeMap<String, u64>,
}

/// Datagrams in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrafficRecord {
    /// How many.
    pub datagrams: u64,
    /// Their bytes, without IP and UDP headers.
    pub bytes: u64,
}

/// The way by which an offer reached the callee.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiscoveryWay {
    /// Straight from host to host on the LAN that both are in.
    Lan,
    /// Through the nodes of the DHT.
    Dht,
}

impl DiscoveryWay {
    /// Returns the word that JSON and tables use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lan => "lan",
            Self::Dht => "dht",
        }
    }
}

impl fmt::Display for DiscoveryWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The phase that a call without an answer did not reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiscoveryFailure {
    /// No node acknowledged the offer.
    OfferNotStored,
    /// The offer was stored and the callee did not come to see it.
    OfferNotSeen,
    /// The callee had the offer, and no node acknowledged its answer.
    AnswerNotStored,
    /// The answer was stored and the caller did not come to see it.
    AnswerNotSeen,
}

impl DiscoveryFailure {
    /// Every cause, by how far the call had come: the order in which reports count them.
    pub const ALL: [Self; 4] =
        [Self::OfferNotStored, Self::OfferNotSeen, Self::AnswerNotStored, Self::AnswerNotSeen];

    /// Returns the word that JSON and tables use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OfferNotStored => "offer-not-stored",
            Self::OfferNotSeen => "offer-not-seen",
            Self::AnswerNotStored => "answer-not-stored",
            Self::AnswerNotSeen => "answer-not-seen",
        }
    }
}

impl fmt::Display for DiscoveryFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
