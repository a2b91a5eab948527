//! Answering what others ask.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use natbed_units::SimTime;

use super::operations::Source;
use super::{Generation, Node, Purpose, V4, V6, family};
use crate::id::Id;
use crate::identity::IdentityError;
use crate::message::{Carried, Contact, Families, Notice, Payload, Query, Reply, Select};
use crate::parts::split;
use crate::requests::Target;
use crate::storage::{Listener, Storing};
use crate::table::BUCKET_SIZE;
use crate::value::Value;

/// A request that says too little, or the impossible.
const MALFORMED: u16 = 203;
/// A request with a token that the sender was not given.
pub(super) const UNAUTHORIZED: u16 = 401;
/// A request about a key of which nothing is stored.
pub(super) const NOT_FOUND: u16 = 404;

/// Known good nodes from which on a node stores only what it is close to.
const CROWD: usize = 8;
/// A node is close to a key if it is closer than this many of those it knows.
const CLOSE: usize = 14;

/// Bytes of values that a listener is sent in one message.
const UPDATE_BYTES_MAX: usize = 56 << 10;

/// A refusal: code and text.
type Refusal = (u16, &'static str);

impl Node {
    pub(super) fn answer(
        &mut self,
        now: SimTime,
        from: SocketAddr,
        sender: Id,
        transaction: u32,
        query: Query,
    ) {
        let answered = match query {
            Query::Ping => {
                self.reply(from, transaction, Reply::default());
                Ok(())
            }
            Query::Find { target, families } => {
                let is_any = families.v4 || families.v6;
                let own = Families { v4: from.is_ipv4(), v6: from.is_ipv6() };
                let families = if is_any { families } else { own };
                let reply = self.contacts_for(now, from, target, families);
                self.reply(from, transaction, reply);
                Ok(())
            }
            Query::Get { key, select, .. } => self.answer_get(now, from, transaction, key, select),
            Query::Put { key, values, created, token } => {
                let created = created.map_or(now, |created| self.virtual_time(created));
                self.answer_put(now, from, transaction, key, values, created, &token)
            }
            Query::Listen { key, token, socket, version, select } => {
                let is_legacy = version == 0;
                let listener = Listener { address: from, is_legacy, select, until: now };
                self.answer_listen(now, sender, transaction, key, &token, socket, listener)
            }
            Query::Update { key, socket, values, token, .. } => {
                self.reply(from, transaction, Reply::default());
                self.told_of_values(now, from, sender, (Some(key), socket), &token, values);
                Ok(())
            }
            Query::Notify { socket, token, notice } => {
                self.reply(from, transaction, Reply::default());
                self.told_of_notice(now, from, sender, socket, &token, notice);
                Ok(())
            }
            Query::Refresh { key, value, token } => {
                self.answer_refresh(now, from, transaction, key, value, &token)
            }
        };
        if let Err((code, text)) = answered {
            let payload = Payload::Error(Some(self.id), code, text.to_owned());
            self.send(from, transaction, payload, Vec::new());
        }
    }

    /// The closest good nodes and a token, as every node asks for them.
    fn contacts_for(
        &self,
        now: SimTime,
        from: SocketAddr,
        target: Id,
        families: Families,
    ) -> Reply {
        let wanted = [families.v4, families.v6];
        let contacts = |family: usize| {
            let network = self.networks[family].as_ref().filter(|_| wanted[family])?;
            let closest = network.table.closest(now, target, BUCKET_SIZE, &network.peers);
            let contact = |id: Id| Some(Contact { id, address: network.peers.get(id)?.address });
            let contacts: Vec<_> = closest.into_iter().filter_map(contact).collect();
            (!contacts.is_empty()).then_some(contacts)
        };
        Reply {
            contacts_v4: contacts(V4),
            contacts_v6: contacts(V6),
            token: self.tokens.token(from),
            ..Reply::default()
        }
    }

    fn answer_get(
        &mut self,
        now: SimTime,
        from: SocketAddr,
        transaction: u32,
        key: Id,
        select: Option<Select>,
    ) -> Result<(), Refusal> {
        if key == Id::ZERO {
            return Err((MALFORMED, "Get_values with no info_hash"));
        }
        // Nodes of both families, whatever was asked for.
        let families = Families { v4: true, v6: true };
        let mut reply = self.contacts_for(now, from, key, families);
        let select = select.unwrap_or_default();
        let stored = self.storage.values(key);
        reply.rows = select.rows(&stored).filter(|rows| !rows.contents.is_empty());
        let mut parts = Vec::new();
        if select.fields.is_empty() {
            let matching: Vec<_> =
                stored.into_iter().filter(|value| select.matches(value)).collect();
            (reply.values, parts) = split(&matching);
        }
        reply.seen_as = Some(from.ip());
        self.send(from, transaction, Payload::Reply(self.id, Box::new(reply)), parts);
        Ok(())
    }

    #[allow(clippy::too_many_arguments)] // what a put says
    fn answer_put(
        &mut self,
        now: SimTime,
        from: SocketAddr,
        transaction: u32,
        key: Id,
        values: Vec<Carried>,
        created: SimTime,
        token: &[u8],
    ) -> Result<(), Refusal> {
        if key == Id::ZERO {
            return Err((MALFORMED, "Put with no info_hash"));
        }
        if !self.tokens.is_valid(from, token) {
            return Err((UNAUTHORIZED, "Put with wrong token"));
        }
        for value in values {
            let Carried::Whole(value) = value else { continue };
            if value.id == 0 {
                return Err((MALFORMED, "Put with invalid id"));
            }
            let id = value.id;
            // What is not stored is answered all the same: nobody is to learn what is.
            if self.is_close(now, family(from), key) {
                self.store(now, key, &value, created, from);
            }
            self.reply(from, transaction, Reply { stored: Some(id), ..Reply::default() });
        }
        Ok(())
    }

    /// Stores a value of somebody else, and tells those who listen.
    fn store(
        &mut self,
        now: SimTime,
        key: Id,
        value: &Arc<Value>,
        created: SimTime,
        from: SocketAddr,
    ) {
        // What says that it is signed must be.
        if value.data.verify().is_err_and(|error| error != IdentityError::NotSigned) {
            return;
        }
        match self.storage.store(now, key, Arc::clone(value), created, Some(from.ip())) {
            Storing::New => self.tell_listeners(now, key, value, Some(from)),
            Storing::Refreshed => {
                self.notify(now, key, &Notice::Refreshed(vec![value.id]));
                for operation in self.operations.listens(key) {
                    self.renewed(now, operation, value.id, Source::Own);
                }
            }
            Storing::Refused => {}
        }
    }

    /// Says whether there are so few nodes, or so few closer ones, that the value belongs here too.
    fn is_close(&self, now: SimTime, family: usize, key: Id) -> bool {
        let Some(network) = &self.networks[family] else { return false };
        let good = network.table.nodes(&network.peers).filter(|(_, peer)| peer.is_good(now));
        if good.take(CROWD).count() < CROWD {
            return true;
        }
        let closest = network.table.closest(now, key, CLOSE, &network.peers);
        let limit = closest.last();
        limit.is_none_or(|limit| self.id.distance(key) < limit.distance(key))
    }

    #[allow(clippy::too_many_arguments)] // what a listen says
    fn answer_listen(
        &mut self,
        now: SimTime,
        sender: Id,
        transaction: u32,
        key: Id,
        token: &[u8],
        socket: u32,
        listener: Listener,
    ) -> Result<(), Refusal> {
        let from = listener.address;
        if key == Id::ZERO {
            return Err((MALFORMED, "Listen with no info_hash"));
        }
        if !self.tokens.is_valid(from, token) {
            return Err((UNAUTHORIZED, "Listen with wrong token"));
        }
        let known = self.storage.listeners(now, key);
        let is_new = !known.into_iter().any(|(node, number, _)| (node, number) == (sender, socket));
        let stored = self.storage.values(key);
        let (select, is_legacy) = (listener.select.clone().unwrap_or_default(), listener.is_legacy);
        self.storage.listen(now, key, sender, socket, listener);
        if is_new {
            let matching: Vec<_> =
                stored.into_iter().filter(|value| select.matches(value)).collect();
            if !matching.is_empty() {
                // Before the answer: a listener has to be ready for that.
                self.update(now, key, sender, from, (socket, is_legacy), &matching);
            }
        }
        let token = match self.config.generation {
            Generation::Two => Bytes::new(),
            Generation::Four => self.tokens.token(from),
        };
        self.reply(from, transaction, Reply { token, ..Reply::default() });
        Ok(())
    }

    fn answer_refresh(
        &mut self,
        now: SimTime,
        from: SocketAddr,
        transaction: u32,
        key: Id,
        value: u64,
        token: &[u8],
    ) -> Result<(), Refusal> {
        if !self.tokens.is_valid(from, token) {
            return Err((UNAUTHORIZED, "Put with wrong token"));
        }
        if self.storage.refresh(now, key, value).is_none() {
            return Err((NOT_FOUND, "Access operation for unknown storage"));
        }
        for operation in self.operations.listens(key) {
            self.renewed(now, operation, value, Source::Own);
        }
        self.notify(now, key, &Notice::Refreshed(vec![value]));
        self.reply(from, transaction, Reply { stored: Some(value), ..Reply::default() });
        Ok(())
    }

    /// Tells everybody who listens of a new value, this node's own user included.
    pub(super) fn tell_listeners(
        &mut self,
        now: SimTime,
        key: Id,
        value: &Arc<Value>,
        from: Option<SocketAddr>,
    ) {
        let wants = |listener: &Listener| listener.select.as_ref().is_none_or(|s| s.matches(value));
        let listeners = self.storage.listeners(now, key);
        let told: Vec<_> = listeners
            .filter(|(.., listener)| wants(listener))
            .map(|(node, socket, listener)| (node, (socket, listener.is_legacy), listener.address))
            .collect();
        for (node, socket, address) in told {
            let address = self.last_address(node, address);
            self.update(now, key, node, address, socket, &[Arc::clone(value)]);
        }
        self.tell_user_of(now, key, value, from);
    }

    /// Returns where a node that listened at an address was heard last: behind a NAT, its later
    /// requests may have come from another port.
    fn last_address(&self, node: Id, listened: SocketAddr) -> SocketAddr {
        let network = self.networks[family(listened)].as_ref();
        let peer = network.and_then(|network| network.peers.get(node));
        peer.filter(|peer| peer.heard.is_some()).map_or(listened, |peer| peer.address)
    }

    /// Sends values to a listener, as many at a time as it takes.
    fn update(
        &mut self,
        now: SimTime,
        key: Id,
        node: Id,
        address: SocketAddr,
        (socket, is_legacy): (u32, bool),
        values: &[Arc<Value>],
    ) {
        let mut rest = values;
        while !rest.is_empty() {
            let mut bytes = 0;
            let fits = rest.iter().take_while(|value| {
                bytes += value.encode().len();
                bytes <= UPDATE_BYTES_MAX
            });
            let (batch, others) = rest.split_at(fits.count().max(1));
            rest = others;
            let (values, parts) = split(batch);
            let token = self.tokens.token(address);
            if is_legacy {
                // As an answer to what was never asked, under the listener's number.
                let reply =
                    Reply { seen_as: Some(address.ip()), token, values, ..Reply::default() };
                self.send(address, socket, Payload::Reply(self.id, Box::new(reply)), parts);
                continue;
            }
            let query = Query::Update { key, socket, values, created: None, token };
            let target = Target { id: Some(node), address };
            self.request_in_parts(now, target, Purpose::Update, query, parts);
        }
    }

    /// Tells everybody who listens what became of values.
    pub(super) fn notify(&mut self, now: SimTime, key: Id, notice: &Notice) {
        let listeners = self.storage.listeners(now, key);
        let told: Vec<_> = listeners
            .filter(|(.., listener)| !listener.is_legacy)
            .map(|(node, socket, listener)| (node, socket, listener.address))
            .collect();
        for (node, socket, address) in told {
            let address = self.last_address(node, address);
            let token = self.tokens.token(address);
            let query = Query::Notify { socket, token, notice: notice.clone() };
            let target = Target { id: Some(node), address };
            self.request(now, target, Purpose::Update, query);
        }
    }

    /// Gives up values that have lived long enough.
    pub(super) fn expire_values(&mut self, now: SimTime) {
        let mut by_key: BTreeMap<Id, Vec<u64>> = BTreeMap::new();
        for (key, value) in self.storage.handle_timeout(now) {
            by_key.entry(key).or_default().push(value);
        }
        for (key, values) in by_key {
            for operation in self.operations.listens(key) {
                values.iter().for_each(|value| self.lost(operation, *value, Source::Own));
            }
            self.notify(now, key, &Notice::Expired(values));
        }
    }

    /// Tells the user of values that a node has sent to a listener here.
    fn told_of_values(
        &mut self,
        now: SimTime,
        from: SocketAddr,
        sender: Id,
        (key, socket): (Option<Id>, u32),
        token: &Bytes,
        values: Vec<Carried>,
    ) {
        let Some((operation, key)) = self.listening_at(family(from), key, sender, socket) else {
            return;
        };
        self.take_token(now, family(from), key, sender, token);
        for value in values {
            if let Carried::Whole(value) = value {
                self.tell_user(now, operation, &value, Some((sender, from)));
            }
        }
    }

    fn told_of_notice(
        &mut self,
        now: SimTime,
        from: SocketAddr,
        sender: Id,
        socket: u32,
        token: &Bytes,
        notice: Notice,
    ) {
        let Some((operation, key)) = self.listening_at(family(from), None, sender, socket) else {
            return;
        };
        self.take_token(now, family(from), key, sender, token);
        let source = Source::Node(sender);
        match notice {
            Notice::Refreshed(values) => {
                values.iter().for_each(|value| self.renewed(now, operation, *value, source));
            }
            Notice::Expired(values) => {
                values.iter().for_each(|value| self.lost(operation, *value, source));
            }
        }
    }

    /// Takes the token that a node gives with what it tells a listener.
    fn take_token(&mut self, now: SimTime, family: usize, key: Id, sender: Id, token: &Bytes) {
        if let Some(search) = self.search(family, key).filter(|_| !token.is_empty()) {
            search.token(now, sender, token);
        }
    }
}
