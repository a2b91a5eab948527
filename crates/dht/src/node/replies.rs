//! What comes of what was asked: answers, refusals, and silence.

use std::net::SocketAddr;

use natbed_units::SimTime;

use super::server::{NOT_FOUND, UNAUTHORIZED};
use super::{BLACKLIST_MAX, Network, Node, Purpose, SEEN_AS_MAX, What, family};
use crate::id::Id;
use crate::limits::is_impossible;
use crate::message::{Carried, Contact, Content, Field, Reply};
use crate::peers::Heard;
use crate::requests::Overdue;

impl Node {
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
        let gives_token = matches!(what, What::Find | What::Ids(_) | What::Value(..) | What::Probe);
        if gives_token && reply.token.is_empty() {
            // Whoever gives no token is not heard any more.
            if self.blacklist.len() < BLACKLIST_MAX {
                self.blacklist.insert(from);
            }
            self.give_up(now, family, node);
            return;
        }
        let Some(network) = &mut self.networks[family] else { return };
        let Some(search) = network.searches.get_mut(&key) else { return };
        for contact in contacts.iter().filter(|contact| super::family(contact.address) == family) {
            if contact.id != self.id && network.peers.get(contact.id).is_some() {
                search.add(contact.id, &network.peers);
            }
        }
        if !reply.token.is_empty() {
            search.token(now, node, &reply.token);
        }
        self.answered(now, (family, key, node), from, what, reply);
        if !matches!(what, What::Ids(_) | What::Probe) {
            self.solicit_one(now, family, key);
        }
        self.step_search(now, family, key);
    }

    /// Fills the place that an answer has left.
    fn solicit_one(&mut self, now: SimTime, family: usize, key: Id) {
        let Some(Network { peers, searches, .. }) = &mut self.networks[family] else { return };
        let Some(search) = searches.get_mut(&key) else { return };
        let asks = search.solicit_one(now, peers);
        self.ask_all(now, family, key, asks);
    }

    /// Takes what a node of a search has answered.
    fn answered(
        &mut self,
        now: SimTime,
        (family, key, node): (usize, Id, Id),
        from: SocketAddr,
        what: What,
        reply: Reply,
    ) {
        let rows = reply.rows.unwrap_or_default();
        if matches!(what, What::Put(_) | What::Refresh(_) | What::Listen(_))
            && let Some(network) = &mut self.networks[family]
        {
            network.peers.accept(node);
        }
        let Some(search) = self.search(family, key) else { return };
        match what {
            What::Find => search.found(node),
            What::Ids(operation) => {
                // A node of old that knows of no queries has sent the values at once.
                let ids: Vec<u64> = rows.column(Field::Id).filter_map(number).collect();
                let asks = search.ids(node, operation, &ids);
                self.ask_all(now, family, key, asks);
            }
            What::Value(operation, value) => search.value(node, operation, value),
            What::Probe => {
                let ids = rows.column(Field::Id).filter_map(number);
                let sequences = rows.column(Field::Sequence).filter_map(number);
                let values: Vec<(u64, u64)> = ids.zip(sequences).collect();
                let asks = search.probed(now, node, &values);
                self.ask_all(now, family, key, asks);
            }
            What::Put(operation) | What::Refresh(operation) => {
                search.stored(node, operation);
                self.acknowledged(operation, from);
            }
            What::Listen(operation) => {
                search.listening(now, node, operation);
                self.acknowledged(operation, from);
            }
        }
        if let What::Ids(operation) | What::Value(operation, _) = what {
            for value in reply.values {
                if let Carried::Whole(value) = value {
                    self.tell_user(now, operation, &value, Some((node, from)));
                }
            }
        }
    }

    /// Takes note of a node that another one has told of.
    fn told_of_node(&mut self, now: SimTime, from: SocketAddr, contact: Contact) {
        // Loopback means the host that told of it.
        let address = contact.address;
        let address = if address.ip().is_loopback() && address.is_ipv4() == from.is_ipv4() {
            SocketAddr::new(from.ip(), address.port())
        } else {
            address
        };
        if !is_impossible(address) && !self.blacklist.contains(&address) {
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
        from: SocketAddr,
        sender: Option<Id>,
        transaction: u32,
        code: u16,
    ) {
        let Some(sender) = sender else { return };
        // Only these two have any effect; whoever else refuses is asked again.
        if code != UNAUTHORIZED && code != NOT_FOUND {
            return;
        }
        let is_about_storage = |purpose: &Purpose| {
            use What::{Listen, Put, Refresh};
            matches!(purpose, Purpose::Search { what: Put(_) | Listen(_) | Refresh(_), .. })
        };
        if !self.requests.waits_for(transaction, sender, is_about_storage) {
            return;
        }
        let Some(request) = self.requests.answered(transaction, sender) else { return };
        let Purpose::Search { family, key, node, what } = request.purpose else { return };
        let (What::Put(operation) | What::Listen(operation) | What::Refresh(operation)) = what
        else {
            return;
        };
        self.hear(now, sender, from, Heard::Asked);
        if let Some(search) = self.search(family, key) {
            search.failed(node, operation);
        }
        if code == UNAUTHORIZED {
            self.token_refused(now, family, node);
        }
        self.step_search(now, family, key);
    }

    /// A node does not take the token it gave: it is asked for another one, in all searches. If it
    /// never takes them, it is given up.
    fn token_refused(&mut self, now: SimTime, family: usize, node: Id) {
        let Some(network) = &mut self.networks[family] else { return };
        if network.peers.refuse(node) {
            self.give_up(now, family, node);
            return;
        }
        network.searches.values_mut().for_each(|search| search.refused(node));
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
                    self.doubt(now, purpose);
                }
                Overdue::GivenUp(target, purpose) => {
                    self.bootstrapping -= usize::from(purpose == Purpose::Bootstrap);
                    if purpose == Purpose::Maintenance {
                        self.maintenance.hasten(now);
                    }
                    if let Some(node) = target.id {
                        self.give_up(now, family(target.address), node);
                    }
                    self.update_status(now);
                }
            }
        }
    }

    /// A node has let an attempt pass: its search asks others meanwhile.
    fn doubt(&mut self, now: SimTime, purpose: Purpose) {
        let Purpose::Search { family, key, node, what } = purpose else { return };
        if matches!(what, What::Find | What::Ids(_) | What::Value(..) | What::Probe) {
            if let Some(search) = self.search(family, key) {
                search.doubt(node);
            }
            self.step_search(now, family, key);
        }
    }

    /// Gives a node up, with all that it was asked.
    pub(super) fn give_up(&mut self, now: SimTime, family: usize, node: Id) {
        self.requests.take_all_to(node);
        let Some(network) = &mut self.networks[family] else { return };
        network.peers.expire(node);
        let searches = network.searches.iter_mut().filter(|(_, search)| search.knows(node));
        let keys: Vec<Id> = searches
            .map(|(key, search)| {
                search.expire(node);
                *key
            })
            .collect();
        for key in keys {
            self.lost_all_of(key, node);
            self.step_search(now, family, key);
        }
        self.update_status(now);
    }

    /// Takes note that a datagram to an address could not even be sent: whoever is there is given up
    /// at once, with all that was asked.
    ///
    /// Call it where a socket would have said that the network or the host is unreachable.
    pub fn handle_unreachable(&mut self, now: SimTime, address: SocketAddr) {
        for purpose in self.requests.take_all_unnamed_to(address) {
            self.bootstrapping -= usize::from(purpose == Purpose::Bootstrap);
        }
        let family = family(address);
        let Some(network) = &self.networks[family] else { return };
        for node in network.peers.at(address) {
            self.give_up(now, family, node);
        }
        self.update_status(now);
    }
}

fn number(content: &Content) -> Option<u64> {
    match content {
        Content::Number(number) => Some(*number),
        Content::Bytes(_) => None,
    }
}
