//! Asking others: gets, puts and listens, and what comes of them.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use natbed_units::SimTime;

use super::server::{NOT_FOUND, UNAUTHORIZED};
use super::{BLACKLIST_MAX, Event, Network, Node, Operation, Purpose, SEEN_AS_MAX, What, family};
use crate::id::Id;
use crate::limits::is_impossible;
use crate::message::{Carried, Contact, Content, Families, Field, Query, Reply, Select};
use crate::parts::split;
use crate::peers::{Heard, Peer};
use crate::requests::{Overdue, Target};
use crate::search::{Action, Ask, OperationId, Search};
use crate::value::Value;

/// Closest known nodes with which a search begins.
const FIRST_NODES: usize = 14;

impl Node {
    /// Asks for the values under a key; each is told as an event, and the end of it too.
    pub fn get(&mut self, now: SimTime, key: Id) -> OperationId {
        let operation = self.open(key, false);
        for value in self.storage.values(key) {
            self.tell_user(operation, &value, None);
        }
        self.want(now, key, |search| search.get(operation));
        operation
    }

    /// Stores a value under a key at the nodes closest to it, for as long as its type lives; if it
    /// is permanent, for as long as it is not [cancelled](Self::cancel).
    ///
    /// The value's identifier must not be zero. OpenDHT asks first whether a node has a
    /// permanent value already, or a later edition of it; this node puts it at once.
    pub fn put(&mut self, now: SimTime, key: Id, value: Value, is_permanent: bool) -> OperationId {
        let operation = self.open(key, false);
        let value = Arc::new(value);
        if self.storage.store(now, key, Arc::clone(&value), now, None)
            == crate::storage::Storing::New
        {
            self.tell_listeners(now, key, &value, None);
        }
        self.want(now, key, |search| {
            search.put(operation, Arc::clone(&value), now, is_permanent);
        });
        operation
    }

    /// Listens for values under a key, those there and those to come.
    pub fn listen(&mut self, now: SimTime, key: Id) -> OperationId {
        let operation = self.open(key, true);
        for value in self.storage.values(key) {
            self.tell_user(operation, &value, None);
        }
        self.want(now, key, |search| search.listen(operation));
        operation
    }

    /// Ends a listen, a permanent put, or anything else before its time.
    pub fn cancel(&mut self, operation: OperationId) {
        let Some(Operation { key, .. }) = self.operations.remove(&operation) else { return };
        for network in self.networks.iter_mut().flatten() {
            if let Some(search) = network.searches.get_mut(&key) {
                search.cancel(operation);
            }
        }
    }

    fn open(&mut self, key: Id, is_listening: bool) -> OperationId {
        self.operations_made += 1;
        let operation = OperationId(self.operations_made);
        let told = BTreeSet::new();
        let finished = [false; 2];
        let is_heard = false;
        self.operations
            .insert(operation, Operation { key, told, is_listening, finished, is_heard });
        operation
    }

    /// Wants something of a key in every address family.
    fn want(&mut self, now: SimTime, key: Id, mut want: impl FnMut(&mut Search)) {
        for network in self.networks.iter_mut().flatten() {
            let search = network.searches.entry(key).or_insert_with(|| Search::new(now, key));
            search.used = now;
            want(search);
        }
        self.step_searches(now);
    }

    /// Lets every search ask what it has to.
    pub(super) fn step_searches(&mut self, now: SimTime) {
        for family in 0..self.networks.len() {
            let keys: Vec<Id> = match &self.networks[family] {
                Some(network) => network.searches.keys().copied().collect(),
                None => continue,
            };
            for key in keys {
                self.step_search(now, family, key);
            }
        }
    }

    fn step_search(&mut self, now: SimTime, family: usize, key: Id) {
        let Some(Network { peers, searches, .. }) = &mut self.networks[family] else { return };
        let Some(search) = searches.get_mut(&key) else { return };
        if search.has_nobody(peers) {
            let failed = search.lose();
            self.events.extend(failed.into_iter().map(Event::Failed));
            self.begin_anew(now, family);
            return;
        }
        if search.alive(peers) < FIRST_NODES / 2 {
            // One that has lost all its nodes begins again with nodes that were heard since.
            let is_lost = search.is_lost;
            let is_wanted = |peer: &Peer| !peer.is_expired && (!is_lost || peer.heard.is_some());
            for id in peers.closest(key, FIRST_NODES, |_, peer| is_wanted(peer)) {
                if let Some(peer) = peers.get(id) {
                    search.add(id, peer.address, peers);
                }
            }
        }
        let asks = search.step(now, peers);
        let finished: Vec<_> = std::iter::from_fn(|| search.poll_finished(peers)).collect();
        for operation in finished {
            self.finish(family, key, operation);
        }
        for ask in asks {
            self.ask(now, family, key, ask);
        }
    }

    /// Tells the user that something has come to its end in all address families in which there is
    /// anybody to ask.
    fn finish(&mut self, family: usize, key: Id, operation: OperationId) {
        let Some(known) = self.operations.get_mut(&operation) else { return };
        known.finished[family] = true;
        let is_over = |(finished, network): (&bool, &Option<Network>)| {
            let search = network
                .as_ref()
                .and_then(|network| Some(network.searches.get(&key)?.alive(&network.peers)));
            *finished || search.is_none_or(|alive| alive == 0)
        };
        if known.finished.iter().zip(&self.networks).all(is_over) {
            self.events.push_back(Event::Finished(operation));
        }
    }

    fn ask(&mut self, now: SimTime, family: usize, key: Id, ask: Ask) {
        let Ask { node, address, action } = ask;
        let target = Target { id: Some(node), address };
        let both = [self.networks[super::V4].is_some(), self.networks[super::V6].is_some()];
        let families =
            if both == [true; 2] { Families { v4: true, v6: true } } else { Families::default() };
        let purpose = |what| Purpose::Search { family, key, node, what };
        match action {
            Action::Find => {
                let query = Query::Find { target: key, families };
                self.request(now, target, purpose(What::Find), query);
            }
            Action::GetIds(operation) => {
                let select = Select { fields: vec![Field::Id], conditions: Vec::new() };
                let query = Query::Get { key, select: Some(select), families };
                self.request(now, target, purpose(What::Ids(operation)), query);
            }
            Action::GetValue(operation, value) => {
                let conditions = vec![(Field::Id, Content::Number(value))];
                let select = Select { fields: Vec::new(), conditions };
                let query = Query::Get { key, select: Some(select), families };
                self.request(now, target, purpose(What::Value(operation, value)), query);
            }
            Action::Put(operation, value, created, token) => {
                let (values, parts) = split(&[value]);
                let created = Some(self.unix_time(created));
                let query = Query::Put { key, values, created, token };
                self.request_in_parts(now, target, purpose(What::Put(operation)), query, parts);
            }
            Action::Refresh(operation, value, token) => {
                let query = Query::Refresh { key, value, token };
                self.request(now, target, purpose(What::Refresh(operation)), query);
            }
            Action::Listen(operation, socket, token) => {
                let is_new = socket == 0;
                let socket = if is_new { self.requests.next_transaction() } else { socket };
                if let Some(search) = self.search(family, key).filter(|_| is_new) {
                    search.listening(node, operation, socket);
                }
                let query = Query::Listen { key, token, socket, version: 1, select: None };
                self.request(now, target, purpose(What::Listen(operation)), query);
            }
        }
    }

    fn search(&mut self, family: usize, key: Id) -> Option<&mut Search> {
        self.networks[family].as_mut()?.searches.get_mut(&key)
    }

    pub(super) fn handle_reply(
        &mut self,
        now: SimTime,
        from: SocketAddr,
        sender: Id,
        transaction: u32,
        reply: Reply,
    ) {
        let Some(request) = self.requests.answered(transaction, sender) else { return };
        self.bootstrapping -= usize::from(request.purpose == Purpose::Bootstrap);
        self.hear(now, sender, from, Heard::Answered);
        self.count_vote(&reply);
        let told = [&reply.contacts_v4, &reply.contacts_v6];
        let contacts: Vec<Contact> = told.into_iter().flatten().flatten().copied().collect();
        for contact in &contacts {
            self.told_of_node(now, from, *contact);
        }
        let Purpose::Search { family, key, node, what } = request.purpose else { return };
        let asks_for_token = matches!(what, What::Find | What::Ids(_));
        if asks_for_token && reply.token.is_empty() {
            // Whoever gives no token is not taken for a node any more.
            if self.blacklist.len() < BLACKLIST_MAX {
                self.blacklist.insert(sender);
            }
            self.give_up(now, family, node);
            return;
        }
        let Some(Network { peers, searches, .. }) = &mut self.networks[family] else { return };
        let Some(search) = searches.get_mut(&key) else { return };
        for contact in contacts.iter().filter(|c| super::family(c.address) == family) {
            // Loopback means the node that told of it.
            let address = reachable(from, contact.address);
            if contact.id != self.id && !is_impossible(address) {
                search.add(contact.id, address, peers);
            }
        }
        if !reply.token.is_empty() {
            search.token(now, node, &reply.token);
        }
        match what {
            What::Find => {}
            What::Ids(operation) => {
                let values = reply.rows.iter().flat_map(|rows| rows.column(Field::Id));
                let told = self.operations.get(&operation).map(|operation| &operation.told);
                let unknown = |id: &u64| told.is_some_and(|told| !told.contains(id));
                let ids = values.filter_map(|content| match content {
                    Content::Number(id) => Some(*id),
                    Content::Bytes(_) => None,
                });
                search.ids(now, node, operation, ids.filter(unknown).collect());
            }
            What::Value(operation, value) => search.answered(now, node, operation, Some(value)),
            What::Put(operation) | What::Refresh(operation) | What::Listen(operation) => {
                search.answered(now, node, operation, None);
                self.acknowledged(operation, from);
            }
        }
        if let What::Ids(operation) | What::Value(operation, _) = what {
            for value in reply.values {
                if let Carried::Whole(value) = value {
                    self.tell_user(operation, &value, Some(from));
                }
            }
        }
    }

    /// Tells the user that a node has done what a put or a listen has asked it to.
    fn acknowledged(&mut self, operation: OperationId, by: SocketAddr) {
        let Some(known) = self.operations.get_mut(&operation) else { return };
        if !known.is_listening {
            self.events.push_back(Event::Stored(operation, by));
        } else if !std::mem::replace(&mut known.is_heard, true) {
            self.events.push_back(Event::Listening(operation));
        }
    }

    /// Takes note of a node that another one has told of.
    fn told_of_node(&mut self, now: SimTime, from: SocketAddr, contact: Contact) {
        let address = reachable(from, contact.address);
        if !is_impossible(address) {
            self.hear(now, contact.id, address, Heard::Hearsay);
        }
    }

    /// Counts where this node was seen.
    fn count_vote(&mut self, reply: &Reply) {
        let Some(address) = reply.seen_as else { return };
        if self.seen_as.contains_key(&address) || self.seen_as.len() < SEEN_AS_MAX {
            *self.seen_as.entry(address).or_default() += 1;
        }
    }

    pub(super) fn handle_error(
        &mut self,
        now: SimTime,
        sender: Option<Id>,
        transaction: u32,
        code: u16,
    ) {
        let Some(sender) = sender else { return };
        let Some(request) = self.requests.answered(transaction, sender) else { return };
        self.bootstrapping -= usize::from(request.purpose == Purpose::Bootstrap);
        self.hear(now, sender, request.target.address, Heard::Answered);
        let Purpose::Search { family, key, node, what } = request.purpose else { return };
        let Some(search) = self.search(family, key) else { return };
        match (what, code) {
            // Another token is asked for, or the value is put once more.
            (
                What::Put(operation) | What::Listen(operation) | What::Refresh(operation),
                UNAUTHORIZED,
            )
            | (What::Refresh(operation), NOT_FOUND) => search.refused(node, operation),
            _ => {}
        }
    }

    /// Sends again what was not answered, and gives nodes up that never answer.
    pub(super) fn handle_overdue(&mut self, now: SimTime) {
        while let Some(overdue) = self.requests.poll_overdue(now) {
            match overdue {
                Overdue::Again(address, kind, datagrams) => {
                    self.transmit(address, kind, &datagrams);
                }
                Overdue::Doubtful(address, kind, datagrams, purpose) => {
                    self.transmit(address, kind, &datagrams);
                    if let Purpose::Search { family, key, node, .. } = purpose
                        && let Some(search) = self.search(family, key)
                    {
                        search.doubt(node);
                    }
                }
                Overdue::GivenUp(target, purpose) => {
                    self.bootstrapping -= usize::from(purpose == Purpose::Bootstrap);
                    if let Some(node) = target.id {
                        self.give_up(now, family(target.address), node);
                    }
                }
            }
        }
    }

    /// Gives a node up, with all that it was asked.
    pub(super) fn give_up(&mut self, now: SimTime, family: usize, node: Id) {
        self.requests.take_all_to(node);
        let Some(network) = &mut self.networks[family] else { return };
        network.peers.expire(node);
        network.searches.values_mut().for_each(|search| search.expire(node));
        let candidates = network.table.remove_expired(&network.peers);
        for candidate in candidates {
            self.ping_known(now, family, candidate);
        }
        self.update_status(now);
    }

    /// Tells the user of a value, once.
    pub(super) fn tell_user(
        &mut self,
        operation: OperationId,
        value: &Arc<Value>,
        from: Option<SocketAddr>,
    ) {
        let Some(known) = self.operations.get_mut(&operation) else { return };
        if known.told.insert(value.id) {
            self.events.push_back(Event::Value(operation, Arc::clone(value), from));
        }
    }

    /// Tells those of the user's operations that listen to the key.
    pub(super) fn tell_user_of(&mut self, key: Id, value: &Arc<Value>, from: Option<SocketAddr>) {
        let listening = self.operations.iter().filter(|(_, of)| of.is_listening && of.key == key);
        let listening: Vec<OperationId> = listening.map(|(operation, _)| *operation).collect();
        for operation in listening {
            self.tell_user(operation, value, from);
        }
    }

    /// What a node tells of under this number.
    pub(super) fn listening_at(&self, node: Id, socket: u32) -> Option<(OperationId, Id)> {
        let searches = self.networks.iter().flatten().flat_map(|network| &network.searches);
        let mut found =
            searches.filter_map(|(key, search)| Some((search.operation_at(node, socket)?, *key)));
        found.next()
    }
}

/// Where a node really is that is told of as loopback: at the host that told of it.
fn reachable(from: SocketAddr, told: SocketAddr) -> SocketAddr {
    if told.ip().is_loopback() { SocketAddr::new(from.ip(), told.port()) } else { told }
}
