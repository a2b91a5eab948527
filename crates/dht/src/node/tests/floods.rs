//! Floods of everything: whatever a node can be made to keep has a limit.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use natbed_units::{Seed, SimDuration, SimTime};

use super::talk::{config, peer};
use super::{KEY, Node, value};
use crate::id::Id;
use crate::limits::REQUESTS_MAX;
use crate::message::{
    Carried, Contact, Content, Families, Field, Message, Part, Payload, Query, Reply, Rows,
};
use crate::node::{BLACKLIST_MAX, Event, REQUESTS_MAX as WAITING_MAX, SEEN_AS_MAX};
use crate::peers::PEERS_MAX;
use crate::storage::LISTENERS_OF_KEY_MAX;

/// Somebody of very many.
fn somebody(n: u32) -> (Id, SocketAddr) {
    let [a, b, c, d] = n.to_be_bytes();
    (Id::hash(&n.to_be_bytes()), SocketAddr::from(([10 + a, b, c, d], 4222)))
}

struct Flooded {
    node: Node,
    now: SimTime,
    sent: usize,
}

impl Flooded {
    fn new() -> Self {
        Self { node: Node::new(SimTime::ZERO, config(), Seed::new(1)), now: SimTime::ZERO, sent: 0 }
    }

    fn say(&mut self, from: SocketAddr, transaction: u32, payload: Payload) -> Vec<Message> {
        let agent = Bytes::new();
        let message = Message { payload, transaction, network: 0, agent, is_client: false };
        self.node.handle_datagram(self.now, from, &message.encode());
        self.take()
    }

    fn take(&mut self) -> Vec<Message> {
        while self.node.poll_event().is_some() {}
        let sent = std::iter::from_fn(|| self.node.poll_transmit());
        let sent: Vec<Message> = sent.map(|(_, sent)| Message::decode(&sent).unwrap()).collect();
        self.sent += sent.len();
        sent
    }

    fn pass(&mut self, span: SimDuration) {
        let end = self.now + span;
        while self.node.poll_timeout() <= end {
            self.now = self.node.poll_timeout().max(self.now);
            self.node.handle_timeout(self.now);
            let _ = self.take();
        }
        self.now = end;
    }

    fn token(&mut self, id: Id, from: SocketAddr) -> Bytes {
        let find = Query::Find { target: KEY, families: Families::default() };
        let said = self.say(from, 1, Payload::Query(id, find));
        let token = said.iter().find_map(|message| match &message.payload {
            Payload::Reply(_, reply) => Some(reply.token.clone()),
            _ => None,
        });
        token.unwrap()
    }

    /// Checks everything that has a limit.
    fn check(&self) {
        let node = &self.node;
        for network in node.networks.iter().flatten() {
            assert!(network.peers.len() <= PEERS_MAX);
            assert!(network.table.nodes(&network.peers).count() <= 160 * 8);
            assert!(network.due.len() <= network.searches.len());
        }
        assert!(node.requests.len() <= WAITING_MAX);
        assert!(node.limits.len() <= REQUESTS_MAX);
        assert!(node.blacklist.len() <= BLACKLIST_MAX);
        assert!(node.seen_as.len() <= SEEN_AS_MAX);
        let [messages, early, bytes] = node.assembler.sizes();
        assert!(messages <= 1_024 && early <= 256 && bytes <= 16 << 20);
        assert!(node.out.is_empty() && node.events.is_empty());
    }
}

#[test]
fn a_hundred_thousand_nodes_that_ask_leave_no_more_than_the_table_holds() {
    let mut flooded = Flooded::new();
    for n in 0..100_000 {
        let (id, from) = somebody(n);
        flooded.say(from, 1, Payload::Query(id, Query::Ping));
        if n % 1_000 == 0 {
            flooded.pass(SimDuration::from_millis(200));
            flooded.check();
        }
    }
    flooded.pass(SimDuration::from_secs(400));
    flooded.check();
    let network = flooded.node.networks[0].as_ref().unwrap();
    let (known, kept) = (network.peers.len(), network.table.nodes(&network.peers).count());
    assert!(known <= 2 * kept + 64, "{known} known, {kept} in the table");
}

#[test]
fn contacts_that_are_told_of_without_end_are_not_kept() {
    let mut flooded = Flooded::new();
    let Contact { id, address } = peer(0);
    flooded.node.know(flooded.now, peer(0));
    flooded.node.get(flooded.now, KEY);
    let mut asked = flooded.take();
    for round in 0..500_u32 {
        let Some(message) = asked.pop() else { break };
        let contact = |n| {
            let (id, address) = somebody(round * 1_000 + n);
            Contact { id, address }
        };
        let contacts_v4 = Some((0..1_000).map(contact).collect());
        let token = Bytes::from_static(b"token");
        let reply = Reply { contacts_v4, token, ..Reply::default() };
        flooded.say(address, message.transaction, Payload::Reply(id, Box::new(reply)));
        flooded.node.get(flooded.now, Id::hash(&round.to_be_bytes()));
        asked = flooded.take();
        let to_it = |message: &Message| matches!(message.payload, Payload::Query(..));
        asked.retain(to_it);
        flooded.check();
    }
    let network = flooded.node.networks[0].as_ref().unwrap();
    assert!(network.peers.len() < 15_000, "{}", network.peers.len());
}

#[test]
fn one_key_has_so_many_listeners_and_each_value_so_many_updates() {
    let mut flooded = Flooded::new();
    let (id, from) = somebody(1);
    let token = flooded.token(id, from);
    for socket in 0..3 * LISTENERS_OF_KEY_MAX as u32 {
        let token = token.clone();
        let listen = Query::Listen { key: KEY, token, socket, version: 1, select: None };
        flooded.say(from, 1, Payload::Query(id, listen));
        flooded.pass(SimDuration::from_millis(2));
    }
    for n in 0..40 {
        let before = flooded.sent;
        let values = vec![Carried::Whole(Arc::new(value(n + 1, 10)))];
        let put = Query::Put { key: KEY, values, created: None, token: token.clone() };
        flooded.say(from, 1, Payload::Query(id, put));
        assert!(flooded.sent - before <= LISTENERS_OF_KEY_MAX + 2);
        flooded.check();
    }
}

#[test]
fn parts_without_a_message_and_messages_without_parts_are_forgotten() {
    let mut flooded = Flooded::new();
    let (id, from) = somebody(1);
    let token = flooded.token(id, from);
    for n in 0..5_000 {
        let part = Part { index: 0, offset: 0, bytes: vec![0; 1_200].into() };
        flooded.say(from, n, Payload::Part(part));
        let values = vec![Carried::InParts(60_000)];
        let put = Query::Put { key: KEY, values, created: None, token: token.clone() };
        flooded.say(somebody(n).1, n, Payload::Query(id, put));
        flooded.check();
    }
    flooded.pass(SimDuration::from_secs(11));
    assert_eq!(flooded.node.assembler.sizes(), [0; 3]);
}

#[test]
fn a_node_that_says_it_has_everything_is_asked_for_a_thousand_values() {
    let mut flooded = Flooded::new();
    let Contact { id, address } = peer(0);
    flooded.node.know(flooded.now, peer(0));
    flooded.node.get(flooded.now, KEY);
    let asked = flooded.take();
    let contents = (1..7_000).map(Content::Number).collect();
    let rows = Some(Rows { fields: vec![Field::Id], contents });
    let reply = Reply { rows, token: Bytes::from_static(b"token"), ..Reply::default() };
    let said = flooded.say(address, asked[0].transaction, Payload::Reply(id, Box::new(reply)));
    assert_eq!(said.len(), 1_024);
    flooded.check();
}

#[test]
fn answers_to_nothing_change_nothing() {
    let mut flooded = Flooded::new();
    for n in 0..20_000 {
        let (id, from) = somebody(n);
        let reply = Reply {
            seen_as: Some(from.ip()),
            contacts_v4: Some(vec![peer(1)]),
            token: Bytes::from_static(b"token"),
            ..Reply::default()
        };
        assert_eq!(flooded.say(from, n, Payload::Reply(id, Box::new(reply))), []);
        assert_eq!(flooded.say(from, n, Payload::Error(Some(id), 401, String::new())), []);
    }
    assert_eq!(flooded.node.contacts().count(), 0);
    assert_eq!(flooded.node.public_address(true), None);
    flooded.check();
}

#[test]
fn somebody_with_another_nodes_identifier_takes_over_its_address_and_no_more() {
    let mut flooded = Flooded::new();
    flooded.node.know(flooded.now, peer(0));
    for n in 0..1_000 {
        flooded.say(somebody(n).1, 1, Payload::Query(peer(0).id, Query::Ping));
    }
    let contacts: Vec<Contact> = flooded.node.contacts().collect();
    assert_eq!(contacts, [Contact { address: somebody(999).1, ..peer(0) }]);
    let own = flooded.node.id();
    assert_eq!(flooded.say(somebody(1).1, 1, Payload::Query(own, Query::Ping)), []);
}

#[test]
fn a_listener_is_told_of_each_value_once_however_often_it_comes() {
    let mut flooded = Flooded::new();
    flooded.node.know(flooded.now, peer(0));
    let listen = flooded.node.listen(flooded.now, KEY);
    let mut socket = None;
    let mut asked = flooded.take();
    while let Some(message) = asked.pop() {
        if let Payload::Query(_, Query::Listen { socket: number, .. }) = message.payload {
            socket = Some(number);
            break;
        }
        let reply = Reply { token: Bytes::from_static(b"token"), ..Reply::default() };
        let reply = Payload::Reply(peer(0).id, Box::new(reply));
        asked.extend(flooded.say(peer(0).address, message.transaction, reply));
    }
    let (key, socket, token) = (KEY, socket.unwrap(), Bytes::new());
    let mut told = 0;
    for n in 0..500 {
        let values = vec![Carried::Whole(Arc::new(value(n % 5 + 1, 10)))];
        let update = Query::Update { key, socket, values, created: None, token: token.clone() };
        let payload = Payload::Query(peer(0).id, update);
        let agent = Bytes::new();
        let message = Message { payload, transaction: 1, network: 0, agent, is_client: false };
        flooded.node.handle_datagram(flooded.now, peer(0).address, &message.encode());
        let events = std::iter::from_fn(|| flooded.node.poll_event());
        told += events.filter(|e| matches!(e, Event::Value(of, ..) if *of == listen)).count();
        let _ = flooded.take();
    }
    assert_eq!(told, 5);
}
