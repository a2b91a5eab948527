//! What the user wants, and what the user is told of it.
//!
//! A value that is listened for comes from several nodes. It is there as long as one of them has it:
//! each one's copy has its own lifetime, is refreshed and expires by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use natbed_units::{SimDuration, SimTime};

use super::{Event, Network, Node};
use crate::id::Id;
use crate::search::OperationId;
use crate::value::Value;

/// Values that an operation tells of; what more there is comes too late.
const TOLD_MAX: usize = 65_536;
/// Nodes whose copies of a value are counted.
const SOURCES_MAX: usize = 32;

/// What kind of thing the user wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Get,
    /// A put of this value.
    Put {
        value: u64,
        is_permanent: bool,
    },
    Listen,
}

/// Something that the user wants of a key.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) key: Id,
    pub(super) kind: Kind,
    /// The values that the user was told of.
    told: BTreeMap<u64, Told>,
    /// The address families in which it has come to its end.
    finished: [bool; 2],
    /// Whether a node has said that it tells of values.
    is_heard: bool,
}

/// A value that the user was told of.
#[derive(Debug)]
struct Told {
    /// The hash of its bytes: another edition has another one.
    digest: Id,
    life: SimDuration,
    /// Who has it, and for how long; nobody is counted for a get.
    sources: BTreeMap<Source, SimTime>,
}

/// Who has a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    /// The node itself.
    Own,
    /// Another one.
    Node(Id),
}

/// What the user wants, by its number.
#[derive(Debug, Default)]
pub(super) struct Operations {
    by_id: BTreeMap<OperationId, Operation>,
    listens: BTreeMap<Id, Vec<OperationId>>,
    made: u64,
    /// When copies of values end that are listened for.
    ends: BTreeSet<(SimTime, OperationId, u64, Source)>,
}

impl Operations {
    pub(super) fn open(&mut self, key: Id, kind: Kind) -> OperationId {
        self.made += 1;
        let id = OperationId(self.made);
        if kind == Kind::Listen {
            self.listens.entry(key).or_default().push(id);
        }
        let told = BTreeMap::new();
        let operation = Operation { key, kind, told, finished: [false; 2], is_heard: false };
        self.by_id.insert(id, operation);
        id
    }

    pub(super) fn close(&mut self, id: OperationId) -> Option<Operation> {
        let operation = self.by_id.remove(&id)?;
        for (value, told) in &operation.told {
            for (source, end) in &told.sources {
                self.ends.remove(&(*end, id, *value, *source));
            }
        }
        if let Some(listens) = self.listens.get_mut(&operation.key) {
            listens.retain(|listen| *listen != id);
            if listens.is_empty() {
                self.listens.remove(&operation.key);
            }
        }
        Some(operation)
    }

    /// Returns the listens at a key.
    pub(super) fn listens(&self, key: Id) -> Vec<OperationId> {
        self.listens.get(&key).cloned().unwrap_or_default()
    }

    /// Takes note that somebody has a value; says whether the user is to be told of it.
    fn heard(&mut self, now: SimTime, id: OperationId, value: &Arc<Value>, source: Source) -> bool {
        let Some(operation) = self.by_id.get_mut(&id) else { return false };
        if operation.told.len() >= TOLD_MAX && !operation.told.contains_key(&value.id) {
            return false;
        }
        let (digest, life) = (Id::hash(&value.encode()), value.life());
        let unheard = || Told { digest: Id::ZERO, life, sources: BTreeMap::new() };
        let told = operation.told.entry(value.id).or_insert_with(unheard);
        let is_new = told.digest != digest;
        (told.digest, told.life) = (digest, life);
        let is_counted = told.sources.len() < SOURCES_MAX || told.sources.contains_key(&source);
        if operation.kind == Kind::Listen && is_counted {
            let end = now + life;
            if let Some(old) = told.sources.insert(source, end) {
                self.ends.remove(&(old, id, value.id, source));
            }
            self.ends.insert((end, id, value.id, source));
        }
        is_new
    }

    /// Takes note that somebody lets a value live on.
    fn renewed(&mut self, now: SimTime, id: OperationId, value: u64, source: Source) {
        let told = self.by_id.get_mut(&id).and_then(|operation| operation.told.get_mut(&value));
        let Some(told) = told else { return };
        if let Some(end) = told.sources.get_mut(&source) {
            self.ends.remove(&(*end, id, value, source));
            *end = now + told.life;
            self.ends.insert((*end, id, value, source));
        }
    }

    /// Takes note that somebody does not have a value any more; says whether nobody has it.
    fn lost(&mut self, id: OperationId, value: u64, source: Source) -> bool {
        let Some(operation) = self.by_id.get_mut(&id) else { return false };
        let Some(told) = operation.told.get_mut(&value) else { return false };
        let Some(end) = told.sources.remove(&source) else { return false };
        self.ends.remove(&(end, id, value, source));
        let is_gone = told.sources.is_empty();
        if is_gone {
            operation.told.remove(&value);
        }
        is_gone
    }

    /// Returns the values that somebody has.
    fn of(&self, id: OperationId, source: Source) -> Vec<u64> {
        let told = self.by_id.get(&id).into_iter().flat_map(|operation| &operation.told);
        told.filter(|(_, told)| told.sources.contains_key(&source)).map(|(id, _)| *id).collect()
    }

    pub(super) fn poll_timeout(&self) -> Option<SimTime> {
        self.ends.first().map(|(end, ..)| *end)
    }
}

impl Node {
    /// Tells the user of a value that somebody has, once.
    pub(super) fn tell_user(
        &mut self,
        now: SimTime,
        operation: OperationId,
        value: &Arc<Value>,
        from: Option<(Id, SocketAddr)>,
    ) {
        let source = from.map_or(Source::Own, |(node, _)| Source::Node(node));
        if self.operations.heard(now, operation, value, source) {
            let from = from.map(|(_, address)| address);
            self.events.push_back(Event::Value(operation, Arc::clone(value), from));
        }
    }

    /// Tells those of the user's operations that listen to the key of a value in the own storage,
    /// which `from` has put there.
    pub(super) fn tell_user_of(
        &mut self,
        now: SimTime,
        key: Id,
        value: &Arc<Value>,
        from: Option<SocketAddr>,
    ) {
        for operation in self.operations.listens(key) {
            if self.operations.heard(now, operation, value, Source::Own) {
                self.events.push_back(Event::Value(operation, Arc::clone(value), from));
            }
        }
    }

    /// Takes note that somebody lets a value live on.
    pub(super) fn renewed(&mut self, now: SimTime, id: OperationId, value: u64, source: Source) {
        self.operations.renewed(now, id, value, source);
    }

    /// Takes note that somebody does not have a value any more.
    pub(super) fn lost(&mut self, operation: OperationId, value: u64, source: Source) {
        if self.operations.lost(operation, value, source) {
            self.events.push_back(Event::Gone(operation, value));
        }
    }

    /// Takes note that a node tells of nothing any more.
    pub(super) fn lost_all_of(&mut self, key: Id, node: Id) {
        for operation in self.operations.listens(key) {
            for value in self.operations.of(operation, Source::Node(node)) {
                self.lost(operation, value, Source::Node(node));
            }
        }
    }

    /// Gives up copies of values whose time is over.
    pub(super) fn expire_listened(&mut self, now: SimTime) {
        while let Some((end, operation, value, source)) = self.operations.ends.first().copied()
            && end <= now
        {
            self.lost(operation, value, source);
        }
    }

    /// Tells the user that a node has done what a put or a listen has asked it to.
    pub(super) fn acknowledged(&mut self, id: OperationId, by: SocketAddr) {
        let Some(operation) = self.operations.by_id.get_mut(&id) else { return };
        if operation.kind != Kind::Listen {
            self.events.push_back(Event::Stored(id, by));
        } else if !std::mem::replace(&mut operation.is_heard, true) {
            self.events.push_back(Event::Listening(id));
        }
    }

    /// Tells the user that something has come to its end in all address families in which there is
    /// anybody to ask.
    pub(super) fn finish(&mut self, family: usize, key: Id, id: OperationId) {
        let Some(operation) = self.operations.by_id.get_mut(&id) else { return };
        operation.finished[family] = true;
        let is_idle = |network: &Network| {
            let search = network.searches.get(&key);
            search.is_none_or(|search| search.alive(&network.peers) == 0)
        };
        let mut families = operation.finished.iter().zip(&self.networks);
        if families.all(|(finished, network)| *finished || network.as_ref().is_none_or(is_idle)) {
            self.events.push_back(Event::Finished(id));
            self.forget_operation(id);
        }
    }

    /// Tells the user that there is nobody left to ask.
    pub(super) fn fail(&mut self, failed: Vec<OperationId>) {
        for id in failed {
            self.events.push_back(Event::Failed(id));
            self.forget_operation(id);
        }
    }

    /// Forgets an operation that has come to its end, unless it lasts.
    fn forget_operation(&mut self, id: OperationId) {
        let kind = self.operations.by_id.get(&id).map(|operation| operation.kind);
        if matches!(kind, Some(Kind::Get | Kind::Put { is_permanent: false, .. })) {
            self.operations.close(id);
        }
    }
}
