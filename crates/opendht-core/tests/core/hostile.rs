//! Whatever comes from the network, nothing but errors comes through the boundary.

use std::net::SocketAddr;

use bytes::Bytes;
use natbed_dht::{
    Carried, Contact, Content, Families, Field, Id, Message, Notice, Part, Payload, Query, Reply,
    Rows, Select,
};
use natbed_opendht_core::{CoreConfig, CoreNode, CoreStatus};
use natbed_units::{Seed, SimDuration, SimRng, SimTime};
use rand_core::Rng;

use crate::swarm::{address, id, value};

/// Datagrams that are changed, each in several ways.
const ROUNDS: u32 = 4_000;
const CHANGED_EACH: u32 = 10;

fn message(payload: Payload, transaction: u32) -> Message {
    let agent = Bytes::from_static(b"x");
    Message { payload, transaction, network: 0, agent, is_client: false }
}

/// One of each kind of message, with much in it.
fn messages(me: Id) -> Vec<Message> {
    let (key, families) = (id("key"), Families { v4: true, v6: true });
    let token = Bytes::from_static(&[7; 32]);
    let values = vec![Carried::Whole(value(5, "whole").into()), Carried::InParts(2_000)];
    let select = Some(Select {
        fields: vec![Field::Id, Field::Type],
        conditions: vec![(Field::Id, Content::Number(5))],
    });
    let contact =
        |number: usize| Contact { id: id(&format!("{number}")), address: address(number) };
    let contacts: Vec<Contact> = (0..8).map(contact).collect();
    let created = Some(1_735_689_600);
    let queries = [
        Query::Ping,
        Query::Find { target: key, families },
        Query::Get { key, select: select.clone(), families },
        Query::Put { key, values: values.clone(), created, token: token.clone() },
        Query::Refresh { key, value: 5, token: token.clone() },
        Query::Listen { key, token: token.clone(), socket: 77, version: 1, select },
        Query::Update { key, socket: 77, values: values.clone(), created, token: token.clone() },
        Query::Notify { socket: 77, token: token.clone(), notice: Notice::Refreshed(vec![5, 6]) },
    ];
    let reply = Reply {
        seen_as: Some(address(3).ip()),
        stored: Some(5),
        contacts_v4: Some(contacts.clone()),
        contacts_v6: Some(Vec::new()),
        token,
        values,
        rows: Some(Rows { fields: vec![Field::Id], contents: vec![Content::Number(5)] }),
    };
    let mut payloads: Vec<Payload> =
        queries.into_iter().map(|query| Payload::Query(id("sender"), query)).collect();
    // Those whom nobody listens to: no one, and the receiver itself.
    payloads.push(Payload::Query(Id::ZERO, Query::Ping));
    payloads.push(Payload::Query(me, Query::Ping));
    payloads.push(Payload::Reply(id("sender"), Box::new(reply)));
    payloads.push(Payload::Error(Some(id("sender")), 401, "no".to_owned()));
    let part = Part { index: 0, offset: 0, bytes: Bytes::from_static(&[1; 900]) };
    payloads.push(Payload::Part(part));
    payloads.into_iter().map(|payload| message(payload, 77)).collect()
}

/// Changes some bytes, cuts, repeats, or puts in lengths that are not there.
fn changed(rng: &mut SimRng, datagram: &[u8]) -> Vec<u8> {
    let mut bytes = datagram.to_vec();
    for _ in 0..=rng.in_range(0..4) {
        if bytes.is_empty() {
            break;
        }
        let at = rng.in_range(0..bytes.len() as u32) as usize;
        match rng.in_range(0..6) {
            0 => bytes[at] = rng.next_u64() as u8,
            1 => bytes[at] ^= 1 << rng.in_range(0..8),
            2 => bytes.truncate(at),
            3 => {
                let again = bytes[at..].to_vec();
                bytes.extend(again);
            }
            // Long strings, arrays and maps that the datagram does not have.
            4 => bytes[at] = [0xc6, 0xdd, 0xdf, 0xdb, 0xc9][rng.in_range(0..5) as usize],
            _ => bytes.splice(at..at, [0x81, 0x91, 0xff]).for_each(drop),
        }
    }
    bytes.truncate(65_000);
    bytes
}

struct Attacked {
    node: CoreNode,
    /// Of all that it has sent.
    hash: u64,
    now: SimTime,
    /// What it was asked last, so that replies can be to something.
    asked: Vec<(SocketAddr, Message)>,
}

impl Attacked {
    fn new() -> Self {
        let config = CoreConfig { bootstrap: vec![address(1)], ..CoreConfig::default() };
        let node = CoreNode::new(SimTime::ZERO, config, Seed::new(1)).unwrap();
        Self { node, hash: 0, now: SimTime::ZERO, asked: Vec::new() }
    }

    fn take(&mut self, from: SocketAddr, datagram: Vec<u8>) {
        self.now += SimDuration::from_millis(3);
        if self.node.poll_timeout().is_some_and(|due| due <= self.now) {
            self.node.handle_timeout(self.now);
        }
        self.node.handle_datagram(self.now, from, &Bytes::from(datagram));
        while let Some((to, datagram)) = self.node.poll_transmit() {
            for byte in &datagram {
                self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
            }
            if let Ok(message) = Message::decode(&datagram) {
                self.asked.push((to, message));
            }
        }
        if self.asked.len() > 64 {
            self.asked.drain(..self.asked.len() - 64);
        }
        while self.node.poll_event().is_some() {}
        assert_eq!(self.node.failure(), None);
    }
}

/// Returns what stands for all that the node has sent.
fn attack() -> u64 {
    let mut attacked = Attacked::new();
    let me = Id::new(attacked.node.id());
    let messages = messages(me);
    let mut rng = Seed::new(5).rng("hostile");
    attacked.node.listen(attacked.now, *id("key").as_bytes());
    for round in 0..ROUNDS {
        let from = address(rng.in_range(0..40) as usize);
        let pick = rng.in_range(0..messages.len() as u32) as usize;
        let mut sent = messages[pick].clone();
        // Every other one is the reply to something that the node has asked.
        let mut to = from;
        if round % 2 == 0 && !attacked.asked.is_empty() {
            let asked = rng.in_range(0..attacked.asked.len() as u32) as usize;
            to = attacked.asked[asked].0;
            sent.transaction = attacked.asked[asked].1.transaction;
        }
        let datagram = sent.encode();
        attacked.take(to, datagram.to_vec());
        for _ in 0..CHANGED_EACH {
            let datagram = changed(&mut rng, &datagram);
            attacked.take(to, datagram);
        }
        if round % 100 == 0 {
            let key = *id(&format!("key-{round}")).as_bytes();
            attacked.node.get(attacked.now, key);
            attacked.node.put(attacked.now, key, &value(9, "mine").encode(), false).unwrap();
        }
    }
    // It still is a node: it answers.
    let ping = message(Payload::Query(id("asks"), Query::Ping), 123_456);
    attacked.now += SimDuration::from_secs(5);
    attacked.asked.clear();
    attacked.take(address(50), ping.encode().to_vec());
    let is_answer = |(to, message): &(SocketAddr, Message)| {
        *to == address(50)
            && message.transaction == 123_456
            && matches!(message.payload, Payload::Reply(..))
    };
    assert!(attacked.asked.iter().any(is_answer));
    assert_ne!(attacked.node.status(), CoreStatus::Disconnected);
    let memory = attacked.node.memory();
    assert!(memory < 32 << 20, "{memory} bytes");
    assert!(attacked.node.undefined_datagrams() > 100, "it was not put to the test");
    attacked.hash
}

#[test]
fn changed_messages_do_not_break_the_core() {
    // Were memory read that is not there, it would not be the same twice.
    assert_eq!(attack(), attack());
}

#[test]
fn noise_and_deep_nesting_do_not_break_the_core() {
    let mut attacked = Attacked::new();
    let mut rng = Seed::new(6).rng("hostile");
    for round in 0..2_000 {
        let length = rng.in_range(0..2_000) as usize;
        let mut bytes = vec![0; length];
        rng.fill_bytes(&mut bytes);
        attacked.take(address(round % 40), bytes);
    }
    // MessagePack that is nothing but beginnings of arrays and maps.
    for beginning in [0x91, 0x81, 0xdd, 0xdf] {
        for length in [10, 1_000, 10_000, 60_000] {
            attacked.take(address(1), vec![beginning; length]);
        }
    }
    attacked.take(address(1), Vec::new());
}
