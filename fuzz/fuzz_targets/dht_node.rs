//! A node of the DHT with a peer that says anything, at any time.
#![no_main]

use std::net::SocketAddr;

use bytes::Bytes;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use natbed_dht::{
    Body, Carried, Contact, Content, Data, Families, Field, Id, Message, Node, NodeConfig, Notice,
    Part, Payload, Query, Reply, Rows, Value,
};
use natbed_units::{Seed, SimDuration, SimTime};

#[derive(Arbitrary, Debug)]
enum Act {
    /// Bytes as they are.
    Raw(u8, Vec<u8>),
    /// A message that makes sense by itself.
    Say(u8, Saying),
    /// An answer to what the node has asked last.
    Answer(u8, Answer),
    Wait(u16),
    Get(u8),
    Put(u8, u16, bool),
    Listen(u8),
    CancelLast,
    Insert(u8),
    Know(u8),
    Unreachable(u8),
    Change,
}

#[derive(Arbitrary, Debug)]
enum Saying {
    Ping,
    Find(u8),
    Get(u8),
    Put(u8, Vec<(u8, u8)>, bool),
    PutInParts(u8, Vec<u32>),
    Listen(u8, u8, bool),
    Update(u8, u32, Vec<(u8, u8)>),
    Notify(u32, Vec<u64>, bool),
    Refresh(u8, u8, bool),
    Part(u8, u16, u16),
    Error(u16),
}

#[derive(Arbitrary, Debug)]
struct Answer {
    has_token: bool,
    contacts: Vec<(u8, u8)>,
    values: Vec<(u8, u8)>,
    rows: Option<Vec<u64>>,
}

fn id(n: u8) -> Id {
    Id::hash(&[n])
}

/// Few of them, so that they meet.
fn address(n: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, n % 32 + 1], 4222))
}

fn value(n: u8, bytes: u16) -> Value {
    let body = Body { data: vec![n; bytes.into()].into(), kind: n.into(), ..Body::default() };
    let data = Data::Open { body, signature: Bytes::new() };
    Value { id: n.into(), data, priority: 0, push_type: Bytes::new() }
}

fn carried(values: &[(u8, u8)]) -> Vec<Carried> {
    values.iter().map(|(n, size)| Carried::Whole(value(*n, (*size).into()).into())).collect()
}

struct World {
    node: Node,
    now: SimTime,
    token: Bytes,
    asked: Vec<(SocketAddr, u32)>,
}

impl World {
    fn hear(&mut self, n: u8, transaction: u32, payload: Payload) {
        let agent = Bytes::new();
        let message = Message { payload, transaction, network: 0, agent, is_client: false };
        self.node.handle_datagram(self.now, address(n), &message.encode());
    }

    /// Takes what the node says, which must come to an end.
    fn drain(&mut self) {
        let mut sent = 0;
        while let Some((to, datagram)) = self.node.poll_transmit() {
            sent += 1;
            assert!(sent < 20_000, "it does not come to an end");
            let message = Message::decode(&datagram).expect("what it says can be read");
            match message.payload {
                Payload::Query(..) => self.asked.push((to, message.transaction)),
                Payload::Reply(_, reply) if !reply.token.is_empty() => self.token = reply.token,
                _ => {}
            }
        }
        let mut told = 0;
        while self.node.poll_event().is_some() {
            told += 1;
            assert!(told < 20_000, "it does not come to an end");
        }
    }

    fn say(&mut self, n: u8, saying: Saying) {
        let token = |is_good: bool, own: &Bytes| if is_good { own.clone() } else { Bytes::new() };
        let query = match saying {
            Saying::Ping => Query::Ping,
            Saying::Find(key) => Query::Find { target: id(key), families: Families::default() },
            Saying::Get(key) => {
                Query::Get { key: id(key), select: None, families: Families::default() }
            }
            Saying::Put(key, values, is_good) => Query::Put {
                key: id(key),
                values: carried(&values),
                created: None,
                token: token(is_good, &self.token),
            },
            Saying::PutInParts(key, lengths) => Query::Put {
                key: id(key),
                values: lengths.into_iter().map(Carried::InParts).collect(),
                created: None,
                token: self.token.clone(),
            },
            Saying::Listen(key, socket, is_good) => Query::Listen {
                key: id(key),
                token: token(is_good, &self.token),
                socket: socket.into(),
                version: u64::from(socket % 2),
                select: None,
            },
            Saying::Update(key, socket, values) => Query::Update {
                key: id(key),
                socket,
                values: carried(&values),
                created: None,
                token: Bytes::from_static(b"token"),
            },
            Saying::Notify(socket, ids, is_expired) => Query::Notify {
                socket,
                token: Bytes::new(),
                notice: if is_expired { Notice::Expired(ids) } else { Notice::Refreshed(ids) },
            },
            Saying::Refresh(key, value, is_good) => Query::Refresh {
                key: id(key),
                value: value.into(),
                token: token(is_good, &self.token),
            },
            Saying::Part(index, offset, bytes) => {
                let bytes = vec![0; usize::from(bytes % 2_000)].into();
                let part = Part { index: index.into(), offset: offset.into(), bytes };
                return self.hear(n, 7, Payload::Part(part));
            }
            Saying::Error(code) => {
                let transaction = self.asked.last().map_or(0, |(_, transaction)| *transaction);
                return self.hear(n, transaction, Payload::Error(Some(id(n)), code, String::new()));
            }
        };
        self.hear(n, 7, Payload::Query(id(n), query));
    }

    fn answer(&mut self, n: u8, answer: Answer) {
        let Some((_, transaction)) = self.asked.pop() else { return };
        let contact = |(n, at): (u8, u8)| Contact { id: id(n), address: address(at) };
        let rows = answer.rows.map(|ids| Rows {
            fields: vec![Field::Id],
            contents: ids.into_iter().map(Content::Number).collect(),
        });
        let reply = Reply {
            token: if answer.has_token { Bytes::from_static(b"token") } else { Bytes::new() },
            contacts_v4: Some(answer.contacts.into_iter().map(contact).collect()),
            values: carried(&answer.values),
            rows,
            ..Reply::default()
        };
        self.hear(n, transaction, Payload::Reply(id(n), Box::new(reply)));
    }
}

fuzz_target!(|acts: Vec<Act>| {
    let bootstrap = vec![address(0)];
    let config = NodeConfig { bootstrap, has_ipv6: false, ..NodeConfig::default() };
    let node = Node::new(SimTime::ZERO, config, Seed::new(1));
    let mut world = World { node, now: SimTime::ZERO, token: Bytes::new(), asked: Vec::new() };
    let mut last = None;
    for act in acts {
        let now = world.now;
        match act {
            Act::Raw(n, bytes) => world.node.handle_datagram(now, address(n), &bytes.into()),
            Act::Say(n, saying) => world.say(n, saying),
            Act::Answer(n, answer) => world.answer(n, answer),
            Act::Wait(millis) => {
                world.now += SimDuration::from_millis(millis.into());
                let mut steps = 0;
                while world.node.poll_timeout() <= world.now {
                    world.node.handle_timeout(world.now);
                    steps += 1;
                    assert!(steps < 100, "it is never done");
                }
            }
            Act::Get(key) => last = Some(world.node.get(now, id(key))),
            Act::Put(key, bytes, is_permanent) => {
                last = Some(world.node.put(now, id(key), value(key, bytes), is_permanent));
            }
            Act::Listen(key) => last = Some(world.node.listen(now, id(key))),
            Act::CancelLast => last.take().into_iter().for_each(|last| world.node.cancel(last)),
            Act::Insert(n) => world.node.insert(now, Contact { id: id(n), address: address(n) }),
            Act::Know(n) => world.node.know(now, Contact { id: id(n), address: address(n) }),
            Act::Unreachable(n) => world.node.handle_unreachable(now, address(n)),
            Act::Change => world.node.connectivity_changed(now),
        }
        world.drain();
        world.asked.truncate(1_000);
    }
    assert!(world.node.contacts().count() <= 1_024);
});
