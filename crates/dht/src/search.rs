//! Searches: the nodes closest to a key, and what is asked of them.
//!
//! A search keeps up to 14 nodes, the closest first, and asks at most four at a time. Every answer
//! tells of closer nodes and gives a token. A node with a token is *synced*: it can be put to and
//! listened at. All that is wanted of one key goes through one search.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use natbed_units::{SimDuration, SimTime};

use crate::id::Id;
use crate::peers::Peers;
use crate::value::Value;

/// Nodes that a search keeps, those that were given up not counted.
const NODES_MAX: usize = 14;
/// The closest nodes, which must all have answered.
const CLOSEST: usize = 8;
/// Nodes that are asked at a time.
const CONCURRENCY: usize = 4;
/// Given-up nodes at the head of a search with which it has nobody left to ask.
const EXPIRED_MAX: usize = 25;
/// Nodes that are listened at.
const LISTENED: usize = 4;
/// Synced nodes from which on values are put, before all are.
const EARLY: usize = 2;
/// How long a token is used.
const TOKEN_LIFE: SimDuration = SimDuration::from_secs(600);
/// How often a listener asks again; nodes forget it after longer than that.
pub(crate) const LISTEN_PERIOD: SimDuration = SimDuration::from_secs(20);
/// How long before its end the life of a permanent value is renewed.
const RENEW_BEFORE: SimDuration = SimDuration::from_secs(10);

/// Names something that is wanted of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationId(pub(crate) u64);

/// What a search wants a node to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Which nodes are closest?
    Find,
    /// Which values are there, by their identifiers and editions?
    GetIds(OperationId),
    /// This value.
    GetValue(OperationId, u64),
    /// Store the value, made at this time.
    Put(OperationId, Arc<Value>, SimTime, Bytes),
    /// Let the value live on.
    Refresh(OperationId, u64, Bytes),
    /// Tell of values, under this number, which is zero the first time.
    Listen(OperationId, u32, Bytes),
}

/// What is wanted of a key.
#[derive(Clone, Debug)]
enum Want {
    Get,
    Put { value: Arc<Value>, created: SimTime, is_permanent: bool },
    Listen,
}

/// How far a node is with something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Progress {
    #[default]
    NotAsked,
    /// Asked, and not answered yet.
    Pending,
    /// A get: these values have not come yet, and these of them were not asked for yet.
    Values { missing: BTreeSet<u64>, unasked: BTreeSet<u64> },
    /// Answered, at this time.
    Done(SimTime),
}

#[derive(Clone, Debug)]
struct Candidate {
    id: Id,
    address: SocketAddr,
    token: Option<(Bytes, SimTime)>,
    /// Asked for nodes alone.
    find: Progress,
    /// It has let an attempt pass: others are asked meanwhile.
    is_doubtful: bool,
    progress: BTreeMap<OperationId, Progress>,
    /// The numbers it is listened at with.
    sockets: BTreeMap<OperationId, u32>,
}

impl Candidate {
    fn is_synced(&self, now: SimTime) -> bool {
        self.token.as_ref().is_some_and(|(_, since)| now < *since + TOKEN_LIFE)
    }

    fn is_pending(&self) -> bool {
        let is_pending = |p: &Progress| matches!(p, Progress::Pending | Progress::Values { .. });
        !self.is_doubtful
            && (self.find == Progress::Pending || self.progress.values().any(is_pending))
    }

    fn progress(&self, operation: OperationId) -> &Progress {
        self.progress.get(&operation).unwrap_or(&Progress::NotAsked)
    }
}

/// Whom to ask what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) node: Id,
    pub(crate) address: SocketAddr,
    pub(crate) action: Action,
}

/// The search for one key in one address family.
#[derive(Debug)]
pub(crate) struct Search {
    key: Id,
    nodes: Vec<Candidate>,
    wants: BTreeMap<OperationId, Want>,
    /// Gets and puts that have come to their end.
    finished: BTreeSet<OperationId>,
    pub(crate) used: SimTime,
    /// When it was decided last what to ask; what was due then and was not asked waits for more
    /// than time.
    stepped: SimTime,
    /// Whether all nodes were given up, and none was found since.
    pub(crate) is_lost: bool,
}

impl Search {
    pub(crate) fn new(now: SimTime, key: Id) -> Self {
        Self {
            key,
            nodes: Vec::new(),
            wants: BTreeMap::new(),
            finished: BTreeSet::new(),
            used: now,
            stepped: now,
            is_lost: false,
        }
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
        for node in &mut self.nodes {
            node.progress.remove(&operation);
            node.sockets.remove(&operation);
        }
    }

    /// Says whether anything is still wanted.
    pub(crate) fn is_wanted(&self) -> bool {
        self.wants.keys().any(|operation| !self.finished.contains(operation))
    }

    /// Takes a node in, if it is close enough; says whether it is new.
    pub(crate) fn add(&mut self, id: Id, address: SocketAddr, peers: &Peers) -> bool {
        if let Some(known) = self.nodes.iter_mut().find(|node| node.id == id) {
            known.address = address;
            return false;
        }
        let distance = id.distance(self.key);
        let place = self.nodes.partition_point(|node| node.id.distance(self.key) < distance);
        let good = |node: &Candidate| !is_expired(peers, node.id);
        if self.nodes[..place].iter().filter(|node| good(node)).count() >= NODES_MAX {
            return false;
        }
        let candidate = Candidate {
            id,
            address,
            token: None,
            find: Progress::NotAsked,
            is_doubtful: false,
            progress: BTreeMap::new(),
            sockets: BTreeMap::new(),
        };
        self.nodes.insert(place, candidate);
        self.is_lost &= is_expired(peers, id);
        let mut kept = 0;
        self.nodes.retain(|node| {
            kept += usize::from(good(node));
            kept <= NODES_MAX
        });
        true
    }

    pub(crate) fn knows(&self, id: Id) -> bool {
        self.nodes.iter().any(|node| node.id == id)
    }

    /// Returns how many nodes of it have not been given up.
    pub(crate) fn alive(&self, peers: &Peers) -> usize {
        self.nodes.iter().filter(|node| !is_expired(peers, node.id)).count()
    }

    /// Takes note of a node's token.
    pub(crate) fn token(&mut self, now: SimTime, id: Id, token: &Bytes) {
        if let Some(node) = self.node(id) {
            node.token = Some((token.clone(), now));
            node.is_doubtful = false;
            if node.find == Progress::Pending {
                node.find = Progress::Done(now);
            }
        }
    }

    /// Takes note that a node does not take its token: it must give another one.
    pub(crate) fn refused(&mut self, id: Id, operation: OperationId) {
        if let Some(node) = self.node(id) {
            node.token = None;
            node.find = Progress::NotAsked;
            node.progress.remove(&operation);
        }
    }

    /// Takes note of the values that a node has and that are still to be asked for.
    pub(crate) fn ids(
        &mut self,
        now: SimTime,
        id: Id,
        operation: OperationId,
        values: BTreeSet<u64>,
    ) {
        if let Some(node) = self.node(id) {
            let progress = if values.is_empty() {
                Progress::Done(now)
            } else {
                Progress::Values { missing: values.clone(), unasked: values }
            };
            node.progress.insert(operation, progress);
        }
    }

    /// Takes note that a node has said all it has to one question.
    pub(crate) fn answered(
        &mut self,
        now: SimTime,
        id: Id,
        operation: OperationId,
        value: Option<u64>,
    ) {
        let Some(node) = self.node(id) else { return };
        let progress = node.progress.entry(operation).or_default();
        if let (Progress::Values { missing, unasked }, Some(value)) = (&mut *progress, value) {
            missing.remove(&value);
            unasked.remove(&value);
            if !missing.is_empty() {
                return;
            }
        }
        *progress = Progress::Done(now);
    }

    /// Takes note of the number that a node is listened at with.
    pub(crate) fn listening(&mut self, id: Id, operation: OperationId, socket: u32) {
        if let Some(node) = self.node(id) {
            node.sockets.insert(operation, socket);
        }
    }

    /// Returns what a node is listened at for under this number.
    pub(crate) fn operation_at(&self, id: Id, socket: u32) -> Option<OperationId> {
        let node = self.nodes.iter().find(|node| node.id == id)?;
        node.sockets.iter().find(|(_, number)| **number == socket).map(|(operation, _)| *operation)
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
            node.token = None;
            node.find = Progress::NotAsked;
            node.is_doubtful = false;
            node.progress.clear();
            node.sockets.clear();
        }
    }

    /// Decides what to ask now; call it again after every answer.
    pub(crate) fn step(&mut self, now: SimTime, peers: &Peers) -> Vec<Ask> {
        self.stepped = now;
        let mut asks = Vec::new();
        self.use_synced(now, peers, &mut asks);
        self.sync(now, peers, &mut asks);
        asks
    }

    /// Puts and listens where that is possible already.
    fn use_synced(&mut self, now: SimTime, peers: &Peers, asks: &mut Vec<Ask>) {
        let wants = &self.wants;
        let finished = &self.finished;
        let good = self.nodes.iter_mut().filter(|node| !is_expired(peers, node.id));
        let good: Vec<&mut Candidate> = good.take(CLOSEST).collect();
        let synced = good.iter().take_while(|node| node.is_synced(now)).count();
        if synced < EARLY.min(good.len()) {
            return;
        }
        for (place, node) in good.into_iter().enumerate() {
            let Some((token, _)) = node.token.clone().filter(|_| node.is_synced(now)) else {
                continue;
            };
            for (operation, want) in wants {
                let last = match node.progress(*operation) {
                    Progress::NotAsked => None,
                    Progress::Done(at) => Some(*at),
                    Progress::Pending | Progress::Values { .. } => continue,
                };
                let action = match want {
                    Want::Put { value, created, is_permanent } => match last {
                        None if finished.contains(operation) && !is_permanent => continue,
                        None => Action::Put(*operation, Arc::clone(value), *created, token.clone()),
                        Some(at) if *is_permanent && renewal(at, value) <= now => {
                            Action::Refresh(*operation, value.id, token.clone())
                        }
                        Some(_) => continue,
                    },
                    Want::Listen if place < LISTENED => {
                        if last.is_some_and(|at| now < at + LISTEN_PERIOD) {
                            continue;
                        }
                        let socket = node.sockets.get(operation).copied().unwrap_or(0);
                        Action::Listen(*operation, socket, token.clone())
                    }
                    Want::Listen | Want::Get => continue,
                };
                node.progress.insert(*operation, Progress::Pending);
                asks.push(Ask { node: node.id, address: node.address, action });
            }
        }
    }

    /// Asks the closest nodes that have not answered, a few at a time.
    fn sync(&mut self, now: SimTime, peers: &Peers, asks: &mut Vec<Ask>) {
        let gets = self.wants.iter().filter(|(operation, want)| {
            matches!(want, Want::Get) && !self.finished.contains(operation)
        });
        let gets: Vec<OperationId> = gets.map(|(operation, _)| *operation).collect();
        let mut pending = self.nodes.iter().filter(|node| node.is_pending()).count();
        let good = self.nodes.iter_mut().filter(|node| !is_expired(peers, node.id));
        let mut answering = 0;
        for node in good {
            if answering >= CLOSEST {
                break;
            }
            answering += usize::from(!node.is_doubtful);
            // What a node has is asked for whatever else is on its way.
            for operation in &gets {
                if let Some(Progress::Values { unasked, .. }) = node.progress.get_mut(operation) {
                    for value in std::mem::take(unasked) {
                        let action = Action::GetValue(*operation, value);
                        asks.push(Ask { node: node.id, address: node.address, action });
                    }
                }
            }
            if pending >= CONCURRENCY || node.is_pending() || node.is_doubtful {
                continue;
            }
            let unasked = gets.iter().find(|get| *node.progress(**get) == Progress::NotAsked);
            let action = match unasked {
                Some(operation) => {
                    node.progress.insert(*operation, Progress::Pending);
                    Action::GetIds(*operation)
                }
                None if !node.is_synced(now) => {
                    node.find = Progress::Pending;
                    Action::Find
                }
                None => continue,
            };
            pending += 1;
            asks.push(Ask { node: node.id, address: node.address, action });
        }
    }

    /// Says whether there is nobody left to ask: all nodes, or as many of the closest as it takes,
    /// were given up.
    pub(crate) fn has_nobody(&self, peers: &Peers) -> bool {
        let expired = self.nodes.iter().take_while(|node| is_expired(peers, node.id)).count();
        !self.nodes.is_empty() && expired >= self.nodes.len().min(EXPIRED_MAX)
    }

    /// Gives all nodes up, and returns what has failed with that. Gets are over; puts and listens
    /// go on when a node is found.
    pub(crate) fn lose(&mut self) -> Vec<OperationId> {
        self.is_lost = true;
        self.nodes.clear();
        let finished = &self.finished;
        let failed = self.wants.iter().filter(|(operation, want)| {
            !matches!(want, Want::Listen) && !finished.contains(operation)
        });
        let failed = failed.map(|(operation, _)| *operation).collect();
        self.wants.retain(|_, want| !matches!(want, Want::Get));
        failed
    }

    /// Asks for the listens again, under new numbers: this node is at another address now.
    pub(crate) fn renew_listens(&mut self) {
        for (operation, _) in self.wants.iter().filter(|(_, want)| matches!(want, Want::Listen)) {
            for node in &mut self.nodes {
                node.progress.remove(operation);
                node.sockets.remove(operation);
            }
        }
    }

    /// Wants those puts no more whose values have lived long enough.
    pub(crate) fn forget(&mut self, now: SimTime) {
        self.wants.retain(|_, want| match want {
            Want::Put { value, created, is_permanent } => {
                *is_permanent || now < *created + value.life()
            }
            Want::Get | Want::Listen => true,
        });
        let wants = &self.wants;
        self.finished.retain(|operation| wants.contains_key(operation));
        for node in &mut self.nodes {
            node.progress.retain(|operation, _| wants.contains_key(operation));
        }
    }

    /// Returns the gets and puts that have come to their end just now: all of the closest nodes
    /// that are there have answered.
    pub(crate) fn poll_finished(&mut self, peers: &Peers) -> Option<OperationId> {
        let good: Vec<_> =
            self.nodes.iter().filter(|node| !is_expired(peers, node.id)).take(CLOSEST).collect();
        if good.is_empty() {
            return None;
        }
        let is_done = |operation: OperationId| {
            good.iter().all(|node| matches!(node.progress(operation), Progress::Done(_)))
        };
        let mut open = self.wants.iter().filter(|(operation, want)| {
            !matches!(want, Want::Listen) && !self.finished.contains(operation)
        });
        let (finished, _) = open.find(|(operation, _)| is_done(**operation))?;
        let finished = *finished;
        self.finished.insert(finished);
        if matches!(self.wants.get(&finished), Some(Want::Get)) {
            self.wants.remove(&finished);
        }
        Some(finished)
    }

    /// Returns when [`step`](Self::step) has more to ask although nothing was answered.
    pub(crate) fn poll_timeout(&self) -> Option<SimTime> {
        let mut next: Option<SimTime> = None;
        let mut consider = |at: SimTime| {
            if at > self.stepped {
                next = Some(next.map_or(at, |next| next.min(at)));
            }
        };
        for node in &self.nodes {
            if let (Some((_, since)), true) = (&node.token, self.is_wanted_later()) {
                consider(*since + TOKEN_LIFE);
            }
            for (operation, progress) in &node.progress {
                let Progress::Done(at) = progress else { continue };
                match self.wants.get(operation) {
                    Some(Want::Listen) if node.sockets.contains_key(operation) => {
                        consider(*at + LISTEN_PERIOD);
                    }
                    Some(Want::Put { value, is_permanent: true, .. }) => {
                        consider(renewal(*at, value));
                    }
                    _ => {}
                }
            }
        }
        next
    }

    fn is_wanted_later(&self) -> bool {
        let lasts =
            |want: &Want| matches!(want, Want::Listen | Want::Put { is_permanent: true, .. });
        self.wants.values().any(lasts)
    }

    fn node(&mut self, id: Id) -> Option<&mut Candidate> {
        self.nodes.iter_mut().find(|node| node.id == id)
    }
}

fn is_expired(peers: &Peers, id: Id) -> bool {
    peers.get(id).is_some_and(|peer| peer.is_expired)
}

/// When a permanent value is to be renewed at a node that has it since `at`.
fn renewal(at: SimTime, value: &Value) -> SimTime {
    let life = value.life().as_nanos().saturating_sub(RENEW_BEFORE.as_nanos());
    at + SimDuration::from_nanos(life)
}
