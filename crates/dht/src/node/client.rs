//! Asking others: gets, puts and listens.

use std::sync::Arc;

use natbed_units::SimTime;
use rand_core::Rng;

use super::operations::Kind;
use super::{Network, Node, Purpose, What};
use crate::id::Id;
use crate::message::{Content, Families, Field, Query, Select};
use crate::parts::{VALUE_BYTES_MAX, split};
use crate::requests::Target;
use crate::search::{Action, Ask, NODES_MAX, OperationId, Search};
use crate::storage::Storing;
use crate::value::Value;

/// Values longer than this are not stored anywhere.
const PUT_BYTES_MAX: usize = VALUE_BYTES_MAX - 32;

impl Node {
    /// Asks for the values under a key; each is told as an event, and the end of it too.
    pub fn get(&mut self, now: SimTime, key: Id) -> OperationId {
        let operation = self.operations.open(key, Kind::Get);
        for value in self.storage.values(key) {
            self.tell_user(now, operation, &value, None);
        }
        self.want(now, key, |search| search.get(operation));
        operation
    }

    /// Stores a value under a key at the nodes closest to it, for as long as its type lives; if it
    /// is permanent, for as long as it is not [cancelled](Self::cancel).
    ///
    /// A value without an identifier is given one at random. What is longer than 64 KiB
    /// [fails](super::Event::Failed). Where a permanent value is to be put, it is first asked whether it
    /// is there, and in which edition; it is asked so again ten seconds before its life ends.
    pub fn put(
        &mut self,
        now: SimTime,
        key: Id,
        mut value: Value,
        is_permanent: bool,
    ) -> OperationId {
        while value.id == 0 {
            value.id = self.rng.next_u64();
        }
        let operation = self.operations.open(key, Kind::Put { value: value.id, is_permanent });
        if value.encode().len() > PUT_BYTES_MAX {
            self.fail(vec![operation]);
            self.operations.close(operation);
            return operation;
        }
        let value = Arc::new(value);
        let stored = self.storage.store(now, key, Arc::clone(&value), now, None);
        if is_permanent {
            self.storage.keep(key, value.id);
        }
        if stored == Storing::New {
            self.tell_listeners(now, key, &value, None);
        }
        self.want(now, key, |search| {
            search.put(operation, Arc::clone(&value), now, is_permanent);
        });
        operation
    }

    /// Listens for values under a key, those there and those to come.
    pub fn listen(&mut self, now: SimTime, key: Id) -> OperationId {
        let operation = self.operations.open(key, Kind::Listen);
        for value in self.storage.values(key) {
            self.tell_user(now, operation, &value, None);
        }
        self.want(now, key, |search| search.listen(operation));
        operation
    }

    /// Ends a listen, a permanent put, or anything else before its time.
    ///
    /// What nodes have been told of stays with them until its life ends.
    pub fn cancel(&mut self, operation: OperationId) {
        let Some(cancelled) = self.operations.close(operation) else { return };
        if let Kind::Put { value, is_permanent: true } = cancelled.kind {
            self.storage.keep_no_more(cancelled.key, value);
        }
        for network in self.networks.iter_mut().flatten() {
            if let Some(search) = network.searches.get_mut(&cancelled.key) {
                search.cancel(operation);
            }
        }
    }

    /// Wants something of a key in every address family.
    fn want(&mut self, now: SimTime, key: Id, mut want: impl FnMut(&mut Search)) {
        for family in 0..self.networks.len() {
            self.begin_search(now, family, key);
            let Some(network) = &mut self.networks[family] else { continue };
            if let Some(search) = network.searches.get_mut(&key) {
                want(search);
            }
            self.step_search(now, family, key);
        }
    }

    /// Begins a search, or goes on with it, with the closest nodes that are known.
    pub(super) fn begin_search(&mut self, now: SimTime, family: usize, key: Id) {
        let Some(network) = &mut self.networks[family] else { return };
        let search = network.searches.entry(key).or_insert_with(|| Search::new(now, key));
        search.resume(now);
        network.refill(now, key);
    }

    /// Lets a search ask what it has to.
    pub(super) fn step_search(&mut self, now: SimTime, family: usize, key: Id) {
        let (habits, requests) = (self.habits, &mut self.requests);
        let Some(network) = &mut self.networks[family] else { return };
        network.refill_if_short(now, key);
        let Network { peers, searches, due, .. } = network;
        let Some(search) = searches.get_mut(&key) else { return };
        if search.has_nobody(peers) {
            let failed = search.lose();
            network.schedule(key, None);
            self.fail(failed);
            if !self.config.is_public_stable {
                self.begin_anew(now, family);
            }
            return;
        }
        let finished = search.take_finished(now, peers);
        let asks = search.step(now, peers, habits, || requests.next_transaction());
        let next = search.next_time(now, habits);
        if search.due != next {
            search.due.map(|at| due.remove(&(at, key)));
            due.extend(next.map(|at| (at, key)));
            search.due = next;
        }
        for operation in finished {
            self.finish(family, key, operation);
        }
        self.ask_all(now, family, key, asks);
    }

    /// Lets every search go on whose time has come.
    pub(super) fn step_due_searches(&mut self, now: SimTime) {
        for family in 0..self.networks.len() {
            while let Some(network) = &mut self.networks[family]
                && let Some((at, key)) = network.due.first().copied()
                && at <= now
            {
                network.schedule(key, None);
                self.step_search(now, family, key);
            }
        }
    }

    pub(super) fn ask_all(&mut self, now: SimTime, family: usize, key: Id, asks: Vec<Ask>) {
        for ask in asks {
            self.ask(now, family, key, ask);
        }
    }

    fn ask(&mut self, now: SimTime, family: usize, key: Id, ask: Ask) {
        let Ask { node, action } = ask;
        let Some(network) = &self.networks[family] else { return };
        let Some(address) = network.peers.get(node).map(|peer| peer.address) else { return };
        let target = Target { id: Some(node), address };
        let families = Families::default();
        let (what, query) = match action {
            Action::Find => (What::Find, Query::Find { target: key, families }),
            Action::GetIds(operation) => {
                let select = Some(Select { fields: vec![Field::Id], conditions: Vec::new() });
                (What::Ids(operation), Query::Get { key, select, families })
            }
            Action::GetValue(operation, value) => {
                let conditions = vec![(Field::Id, Content::Number(value))];
                let select = Some(Select { fields: Vec::new(), conditions });
                (What::Value(operation, value), Query::Get { key, select, families })
            }
            Action::Probe => {
                let fields = vec![Field::Id, Field::Sequence];
                let select = Some(Select { fields, conditions: Vec::new() });
                (What::Probe, Query::Get { key, select, families })
            }
            Action::Put(operation, value, created, token) => {
                let (values, parts) = split(&[value]);
                let created = created.map(|created| self.unix_time(created));
                let query = Query::Put { key, values, created, token };
                let purpose = Purpose::Search { family, key, node, what: What::Put(operation) };
                self.request_in_parts(now, target, purpose, query, parts);
                return;
            }
            Action::Refresh(operation, value, token) => {
                (What::Refresh(operation), Query::Refresh { key, value, token })
            }
            Action::Listen(operation, socket, token) => {
                let query = Query::Listen { key, token, socket, version: 1, select: None };
                (What::Listen(operation), query)
            }
        };
        self.request(now, target, Purpose::Search { family, key, node, what }, query);
    }

    pub(super) fn search(&mut self, family: usize, key: Id) -> Option<&mut Search> {
        self.networks[family].as_mut()?.searches.get_mut(&key)
    }

    /// What a node tells of under this number.
    pub(super) fn listening_at(
        &self,
        family: usize,
        key: Option<Id>,
        node: Id,
        socket: u32,
    ) -> Option<(OperationId, Id)> {
        let searches = &self.networks[family].as_ref()?.searches;
        let at = |(key, search): (&Id, &Search)| Some((search.operation_at(node, socket)?, *key));
        match key {
            Some(key) => at((&key, searches.get(&key)?)),
            // What became of values is told without their key.
            None => searches.iter().find_map(at),
        }
    }
}

impl Network {
    /// Lets a search know of the closest nodes that are known.
    fn refill(&mut self, now: SimTime, key: Id) {
        let Self { peers, searches, .. } = self;
        let Some(search) = searches.get_mut(&key) else { return };
        search.refilled = now;
        for id in peers.around(key, NODES_MAX, |peer| !peer.is_expired) {
            search.add(id, peers);
        }
    }

    /// The same from time to time, if it is short of nodes.
    fn refill_if_short(&mut self, now: SimTime, key: Id) {
        let Some(search) = self.searches.get(&key) else { return };
        let is_time = search.refilled + super::REFILL_PERIOD < now;
        if is_time && !search.is_lost && search.alive(&self.peers) < NODES_MAX {
            self.refill(now, key);
        }
    }

    /// Takes note of when a search has to go on.
    pub(super) fn schedule(&mut self, key: Id, at: Option<SimTime>) {
        let Some(search) = self.searches.get_mut(&key) else { return };
        search.due.map(|at| self.due.remove(&(at, key)));
        self.due.extend(at.map(|at| (at, key)));
        search.due = at;
    }

    /// Lets all searches know of a node, and says which of them take it in.
    pub(super) fn offer(&mut self, id: Id) -> Vec<Id> {
        let Self { peers, searches, .. } = self;
        let added = searches.iter_mut().filter_map(|(key, search)| {
            let is_added = search.add(id, peers);
            is_added.then_some(*key)
        });
        added.collect()
    }
}
