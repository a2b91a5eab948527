//! Searches: the nodes closest to a key, and what is asked of them.
//!
//! A search keeps up to 14 nodes, the closest first, and asks at most four at a time. Every answer
//! tells of closer nodes and gives a token. A node with a token is *synced*: it can be put to and
//! listened at; the search is when its eight closest nodes are. All that is wanted of one key goes
//! through one search.

mod candidate;
mod step;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use candidate::{Candidate, Getting, Listening, Putting};
use natbed_units::{SimDuration, SimTime};

use crate::id::Id;
use crate::peers::Peers;
use crate::value::Value;

/// Nodes that a search keeps, those that were given up not counted.
pub(crate) const NODES_MAX: usize = 14;
/// The closest nodes, which must all have answered.
const CLOSEST: usize = 8;
/// Nodes that are asked at a time.
const CONCURRENCY: usize = 4;
/// Nodes that are listened at.
const LISTENED: usize = 4;
/// Synced nodes from which on OpenDHT 4 puts and listens, before all are.
const EARLY: usize = 2;
/// Given-up nodes at the head of a search with which it has nobody left to ask.
const EXPIRED_MAX: usize = 25;
/// Nodes that a search keeps with those that were given up.
const NODES_AND_EXPIRED_MAX: usize = NODES_MAX + 4 * EXPIRED_MAX;
/// How long before its end something is renewed.
const RENEW_BEFORE: SimDuration = SimDuration::from_secs(10);
/// Values of one node that are asked for, beyond which they are not.
const VALUES_MAX: usize = 1_024;

/// Names something that is wanted of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationId(pub(crate) u64);

/// What a search wants a node to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Which nodes are closest?
    Find,
    /// Which values are there, by their identifiers?
    GetIds(OperationId),
    /// This value.
    GetValue(OperationId, u64),
    /// Which values are there, and which editions of them?
    Probe,
    /// Store the value, made at this time if that is to be told.
    Put(OperationId, Arc<Value>, Option<SimTime>, Bytes),
    /// Let the value live on.
    Refresh(OperationId, u64, Bytes),
    /// Tell of values, under this number.
    Listen(OperationId, u32, Bytes),
}

/// What is wanted of a key.
#[derive(Clone, Debug)]
enum Want {
    Get,
    Put { value: Arc<Value>, created: SimTime, is_permanent: bool },
    Listen,
}

/// Whom to ask what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) node: Id,
    pub(crate) action: Action,
}

/// How a node searches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Habits {
    /// Whether it puts and listens before all of the closest nodes are synced.
    pub(crate) is_early: bool,
    /// How often a listener asks again; nodes forget it after longer than that.
    pub(crate) listen_period: SimDuration,
}

/// The search for one key in one address family.
#[derive(Debug)]
pub(crate) struct Search {
    key: Id,
    nodes: Vec<Candidate>,
    wants: BTreeMap<OperationId, Want>,
    /// Gets and puts that have come to their end.
    finished: BTreeSet<OperationId>,
    /// When it was used last, by the user or by itself.
    pub(crate) used: SimTime,
    /// When nodes were looked for last among those that are known.
    pub(crate) refilled: SimTime,
    /// Whether all nodes were given up, and none was found since.
    pub(crate) is_lost: bool,
    /// Whether nothing is wanted of it any more, not even its nodes.
    is_done: bool,
    /// When it has to go on, as the node has it in its list.
    pub(crate) due: Option<SimTime>,
}

impl Search {
    pub(crate) fn new(now: SimTime, key: Id) -> Self {
        Self {
            key,
            nodes: Vec::new(),
            wants: BTreeMap::new(),
            finished: BTreeSet::new(),
            used: now,
            refilled: now,
            is_lost: false,
            is_done: false,
            due: None,
        }
    }

    /// Begins again, whatever became of it.
    pub(crate) fn resume(&mut self, now: SimTime) {
        self.used = now;
        self.is_lost = false;
        self.is_done = false;
    }

    pub(crate) fn get(&mut self, operation: OperationId) {
        self.wants.insert(operation, Want::Get);
    }

    pub(crate) fn put(
        &mut self,
        operation: OperationId,
        value: Arc<Value>,
        created: SimTime,
        is_permanent: bool,
    ) {
        self.wants.insert(operation, Want::Put { value, created, is_permanent });
    }

    pub(crate) fn listen(&mut self, operation: OperationId) {
        self.wants.insert(operation, Want::Listen);
    }

    /// Wants something no more.
    pub(crate) fn cancel(&mut self, operation: OperationId) {
        self.wants.remove(&operation);
        self.finished.remove(&operation);
        self.nodes.iter_mut().for_each(|node| node.cancel(operation));
    }

    /// Says whether anything is still wanted.
    pub(crate) fn is_wanted(&self) -> bool {
        self.wants.keys().any(|operation| !self.finished.contains(operation) || self.lasts())
    }

    /// Takes a node in, if it is close enough; says whether it is new.
    pub(crate) fn add(&mut self, id: Id, peers: &Peers) -> bool {
        let distance = id.distance(self.key);
        let place = self.nodes.partition_point(|node| node.id.distance(self.key) < distance);
        if self.nodes.get(place).is_some_and(|node| node.id == id) {
            return false;
        }
        let counts = |node: &Candidate| !node.is_doubtful && !peers.is_expired(node.id);
        if self.nodes[..place].iter().filter(|node| counts(node)).count() >= NODES_MAX {
            return false;
        }
        self.nodes.insert(place, Candidate::new(id));
        self.is_lost &= peers.is_expired(id);
        let mut kept = 0;
        self.nodes.retain(|node| {
            kept += usize::from(counts(node));
            kept <= NODES_MAX
        });
        self.nodes.truncate(NODES_AND_EXPIRED_MAX);
        true
    }

    pub(crate) fn knows(&self, id: Id) -> bool {
        self.place(id).is_some()
    }

    /// Returns how many nodes of it have not been given up.
    pub(crate) fn alive(&self, peers: &Peers) -> usize {
        self.nodes.iter().filter(|node| !peers.is_expired(node.id)).count()
    }

    /// Takes note of a node's token.
    pub(crate) fn token(&mut self, now: SimTime, id: Id, token: &Bytes) {
        if let Some(node) = self.node(id) {
            node.set_token(now, token);
        }
    }

    /// Takes note that a node has told of nodes.
    pub(crate) fn found(&mut self, id: Id) {
        if let Some(node) = self.node(id) {
            node.find = Some(false);
        }
    }

    /// Takes note that a node does not take its token: it must give another one.
    pub(crate) fn refused(&mut self, id: Id) {
        if let Some(node) = self.node(id) {
            node.refuse();
        }
    }

    /// Takes note that a node has not done what was asked.
    pub(crate) fn failed(&mut self, id: Id, operation: OperationId) {
        if let Some(node) = self.node(id) {
            node.cancel(operation);
        }
    }

    /// Takes note of the values that a node has, and returns what is to be asked for them.
    pub(crate) fn ids(&mut self, id: Id, operation: OperationId, values: &[u64]) -> Vec<Ask> {
        let Some(node) = self.node(id).filter(|node| node.gets.contains_key(&operation)) else {
            return Vec::new();
        };
        let values: BTreeSet<u64> =
            values.iter().copied().filter(|value| *value != 0).take(VALUES_MAX).collect();
        let ask = |value| Ask { node: id, action: Action::GetValue(operation, value) };
        let asks = values.iter().copied().map(ask).collect();
        let getting = if values.is_empty() { Getting::Done } else { Getting::Values(values) };
        node.gets.insert(operation, getting);
        asks
    }

    /// Takes note that a node has answered about one value.
    pub(crate) fn value(&mut self, id: Id, operation: OperationId, value: u64) {
        let Some(node) = self.node(id) else { return };
        if let Some(Getting::Values(missing)) = node.gets.get_mut(&operation) {
            missing.remove(&value);
            if missing.is_empty() {
                node.gets.insert(operation, Getting::Done);
            }
        }
    }

    /// Takes note that a node has taken a value, or lets it live on.
    pub(crate) fn stored(&mut self, id: Id, operation: OperationId) {
        if let Some(Putting::Sent(until)) =
            self.node(id).and_then(|node| node.puts.get(&operation)).copied()
            && let Some(node) = self.node(id)
        {
            node.puts.insert(operation, Putting::Done(until));
        }
    }

    /// Takes note that a node tells of values.
    pub(crate) fn listening(&mut self, now: SimTime, id: Id, operation: OperationId) {
        let listening = self.node(id).and_then(|node| node.listens.get_mut(&operation));
        if let Some(Listening { is_pending, answered, .. }) = listening {
            *is_pending = false;
            *answered = Some(now);
        }
    }

    /// Returns what a node is listened at for under this number.
    pub(crate) fn operation_at(&self, id: Id, socket: u32) -> Option<OperationId> {
        let node = &self.nodes[self.place(id)?];
        let found = node.listens.iter().find(|(_, listening)| listening.socket == socket);
        found.map(|(operation, _)| *operation)
    }

    /// Takes note that a node may not answer any more.
    pub(crate) fn doubt(&mut self, id: Id) {
        if let Some(node) = self.node(id) {
            node.is_doubtful = true;
        }
    }

    /// Forgets all that a node was asked: it was given up.
    pub(crate) fn expire(&mut self, id: Id) {
        if let Some(node) = self.node(id) {
            node.expire();
        }
    }

    /// Says whether there is nobody left to ask: all nodes, or as many of the closest as it takes,
    /// were given up.
    pub(crate) fn has_nobody(&self, peers: &Peers) -> bool {
        let expired = self.nodes.iter().take_while(|node| peers.is_expired(node.id)).count();
        !self.is_done && !self.nodes.is_empty() && expired >= self.nodes.len().min(EXPIRED_MAX)
    }

    /// Gives all nodes up, and returns what has failed with that: gets and puts, which are over but
    /// for those that last.
    pub(crate) fn lose(&mut self) -> Vec<OperationId> {
        self.is_lost = true;
        self.nodes.clear();
        let finished = std::mem::take(&mut self.finished);
        let failed = self.wants.iter().filter(|(operation, want)| {
            !matches!(want, Want::Listen) && !finished.contains(operation)
        });
        let failed = failed.map(|(operation, _)| *operation).collect();
        self.wants.retain(|_, want| match want {
            Want::Get => false,
            Want::Put { is_permanent, .. } => *is_permanent,
            Want::Listen => true,
        });
        self.is_done = self.wants.is_empty();
        failed
    }

    /// Asks for the listens again, under new numbers: this node is at another address now.
    pub(crate) fn renew_listens(&mut self) {
        self.nodes.iter_mut().for_each(|node| node.listens.clear());
    }

    /// Whether it does not end by itself.
    fn lasts(&self) -> bool {
        let lasts =
            |want: &Want| matches!(want, Want::Listen | Want::Put { is_permanent: true, .. });
        self.wants.values().any(lasts)
    }

    fn place(&self, id: Id) -> Option<usize> {
        let distance = id.distance(self.key);
        self.nodes.binary_search_by_key(&distance, |node| node.id.distance(self.key)).ok()
    }

    fn node(&mut self, id: Id) -> Option<&mut Candidate> {
        let place = self.place(id)?;
        self.nodes.get_mut(place)
    }
}
