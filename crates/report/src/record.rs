//! What one run observed of one session.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    BottleneckRecord, Case, DiscoveryRecord, LedgerRecord, LoadRecord, Path, PipeRecord,
    Prediction, RelayRecord, RestartRecord, TimelineRecord, Verdict, WireRecord,
};

/// The outcome of one session in one run, and the verdict on it.
///
/// Fields stand in the order of the machine-readable form, version
/// [`SCHEMA`](crate::SCHEMA); absent values are `null` there,
/// and left out only where a field says so.
/// `trace_hash`, `events`, `virtual_ns`, `packets`, `nat` and `profiles` belong
/// to the run and are the same for all of its sessions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The scenario's name.
    pub scenario: String,
    /// The point of the scenario's matrix; empty if it has none.
    pub case: Case,
    /// The seed that all randomness of the run derives from.
    pub seed: u64,
    /// The session's name in the scenario.
    pub session: String,
    /// The connectivity stack under test, such as `webrtc-ice`.
    pub stack: String,
    /// The session's path in the network's own word: where its payload was seen.
    pub path: Path,
    /// The path the witness saw payload on, or `None` if it saw no payload at all.
    pub witness: Option<Path>,
    /// The path by the agents' own account of the pair they selected.
    pub agent: Path,
    /// The path the closed-form rule predicts.
    pub oracle: Prediction,
    /// One sentence: by which clause of the rule, or why it says nothing.
    pub oracle_reason: String,
    /// The selected pair's candidate at the session's first (controlling) host.
    pub local: Option<CandidateRecord>,
    /// The selected pair's candidate at the session's second host.
    pub remote: Option<CandidateRecord>,
    /// Virtual nanoseconds from the session's start until both hosts had gathered.
    pub gather_ns: Option<u64>,
    /// Virtual nanoseconds from the session's start until both agents reported a connection.
    pub connect_ns: Option<u64>,
    /// The agent states of each host, by host name, in the order they were entered.
    pub states: BTreeMap<String, Vec<StateRecord>>,
    /// What became of the session after each event of the scenario; empty if it has none.
    #[serde(default)]
    pub timeline: Vec<TimelineRecord>,
    /// How often the hosts began anew with fresh agents, and what came of it.
    #[serde(default)]
    pub restarts: Vec<RestartRecord>,
    /// How its hosts found each other, if that was by DHT or LAN; left out for a rendezvous.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discovery: Option<DiscoveryRecord>,
    /// What the session's traffic met, that of its first load if it has several; `None` if it
    /// carried none.
    pub load: Option<LoadRecord>,
    /// What each load met, by name; empty for a session with one load that has no name. Left out
    /// when it is empty, as are `pipes`, `wire` and `relays`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub loads: BTreeMap<String, LoadRecord>,
    /// The bottleneck of `load`; left out where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bottleneck: Option<BottleneckRecord>,
    /// The pipes that the session's payload went through, unless its loads are echoes alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pipes: Vec<PipeRecord>,
    /// What the bytes of its loads were on the wire, unless they are echoes alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wire: Vec<WireRecord>,
    /// What each relay carried of all sessions of the run, where this one has more than echoes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub relays: Vec<RelayRecord>,
    /// Who came to know whose addresses.
    #[serde(default)]
    pub ledger: Vec<LedgerRecord>,
    /// Payload datagrams the witness saw arrive.
    pub payload: PayloadCounts,
    /// What the scenario expects of this case, as written there after substitution.
    pub expect: Option<serde_json::Value>,
    /// The outcome held against the expectation.
    pub verdict: Verdict,
    /// Why the verdict is not [`Verdict::Pass`], one sentence each; empty if it is.
    pub reasons: Vec<String>,
    /// Hash over every packet sent, delivered and dropped: 16 lower-case hexadecimal digits.
    pub trace_hash: String,
    /// Events that the network handled.
    pub events: u64,
    /// How long the run lasted in virtual time, in nanoseconds.
    pub virtual_ns: u64,
    /// Tasks that the stacks had not ended when the run was over; they were dropped with it.
    pub tasks_left: u64,
    /// What became of the packets of the whole run.
    pub packets: PacketCounts,
    /// The properties that each gateway's NAT came down to, by gateway name.
    pub nat: BTreeMap<String, String>,
    /// The profiles that its NATs and firewalls come from, in the order of the scenario.
    #[serde(default)]
    pub profiles: Vec<ProfileRecord>,
    /// The command line that repeats exactly this run.
    pub repeat: String,
}

impl RunRecord {
    /// Says whether the outcome is what the oracle predicted, or `None` where it predicts nothing.
    ///
    /// A run in error observed nothing, so it agrees with no prediction.
    #[must_use]
    pub fn oracle_agrees(&self) -> Option<bool> {
        let predicted = self.oracle.path()?;
        Some(self.verdict != Verdict::Error && predicted == self.path)
    }
}

/// One end of a selected candidate pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CandidateRecord {
    /// The candidate's type: `host`, `srflx`, `prflx` or `relay` (RFC 8445 section 5.1.1).
    ///
    /// It depends on timing: a check that overtakes the signalling shows a
    /// server-reflexive address as peer-reflexive. Judge by address and path.
    pub candidate: String,
    /// The transport address, as `address:port`.
    pub address: String,
}

/// An agent state and when it was entered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateRecord {
    /// Virtual nanoseconds since the start of the run.
    pub at_ns: u64,
    /// The state in the stack's own word, such as `connected`.
    pub state: String,
}

/// A profile of a NAT or a firewall, and how far it can be trusted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ProfileRecord {
    /// Its name.
    pub name: String,
    /// Where its values come from: `read`, `measured`, `derived`, `secondary` or `unverified`.
    pub status: String,
}

impl ProfileRecord {
    /// Says whether its values come from the device or its makers: neither from memory nor from
    /// texts that quote others.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        !matches!(&*self.status, "secondary" | "unverified")
    }
}

/// Payload datagrams of a session that arrived, by the path they took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayloadCounts {
    /// Datagrams that never left the LAN.
    pub lan: u64,
    /// Datagrams that went end to end.
    pub direct: u64,
    /// Datagrams that went through a TURN server.
    pub relay: u64,
}

/// What became of the packets that all hosts of a run sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacketCounts {
    /// Packets handed to the network.
    pub sent: u64,
    /// Packets handed to a host.
    pub delivered: u64,
    /// Packets lost, by the code of the drop reason.
    pub dropped: BTreeMap<String, u64>,
}
