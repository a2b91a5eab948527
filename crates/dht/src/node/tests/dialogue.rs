//! What a node answers to good and bad requests, as OpenDHT 2.4.12 does.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use natbed_units::{Seed, SimTime};

use super::{KEY, Node, NodeConfig, value};
use crate::id::Id;
use crate::message::{Carried, Content, Field, Message, Notice, Payload, Query, Reply, Select};

const ASKER: Id = Id::new([9; 20]);

fn from() -> SocketAddr {
    "192.0.2.9:5000".parse().unwrap()
}

/// A node, and somebody who asks it.
struct Dialogue {
    node: Node,
    transaction: u32,
}

impl Dialogue {
    fn new() -> Self {
        Self {
            node: Node::new(SimTime::ZERO, NodeConfig::default(), Seed::new(1)),
            transaction: 100,
        }
    }

    /// Sends a query and returns what comes back, in order.
    fn ask(&mut self, query: Query) -> Vec<Payload> {
        self.ask_in(0, query)
    }

    fn ask_in(&mut self, network: u32, query: Query) -> Vec<Payload> {
        self.transaction += 1;
        let (transaction, agent) = (self.transaction, Bytes::from_static(b"TS"));
        let payload = Payload::Query(ASKER, query);
        let message = Message { payload, transaction, network, agent, is_client: true };
        self.node.handle_datagram(SimTime::ZERO, from(), &message.encode());
        let sent = std::iter::from_fn(|| self.node.poll_transmit());
        let messages = sent.map(|(to, datagram)| {
            assert_eq!(to, from());
            Message::decode(&datagram).unwrap()
        });
        messages.map(|message| message.payload).collect()
    }

    fn reply(&mut self, query: Query) -> Reply {
        let mut answers = self.ask(query);
        match (answers.pop(), answers.is_empty()) {
            (Some(Payload::Reply(id, reply)), true) => {
                assert_eq!((id, reply.seen_as), (self.node.id(), Some(from().ip())));
                *reply
            }
            other => panic!("{other:?}"),
        }
    }

    fn error(&mut self, query: Query) -> (u16, String) {
        match &self.ask(query)[..] {
            [Payload::Error(Some(id), code, text)] if *id == self.node.id() => {
                (*code, text.clone())
            }
            other => panic!("{other:?}"),
        }
    }

    fn token(&mut self) -> Bytes {
        self.reply(Query::Find { target: KEY, families: Default::default() }).token
    }

    fn put(&mut self, id: u64, token: Bytes) -> Vec<Payload> {
        let values = vec![Carried::Whole(Arc::new(value(id, 2)))];
        self.ask(Query::Put { key: KEY, values, created: None, token })
    }
}

#[test]
fn every_answer_gives_a_token_and_what_is_stored() {
    let mut dialogue = Dialogue::new();
    assert_eq!(dialogue.reply(Query::Ping).token, Bytes::new());
    let token = dialogue.token();
    assert_eq!(token.len(), 32);
    let [Payload::Reply(_, stored)] = &dialogue.put(5, token.clone())[..] else {
        panic!("a reply")
    };
    assert_eq!(stored.stored, Some(5));
    let get = |select| Query::Get { key: KEY, select, families: Default::default() };
    let reply = dialogue.reply(get(None));
    assert_eq!(reply.values, [Carried::Whole(Arc::new(value(5, 2)))]);
    assert_eq!(reply.token, token);
    let ids = Select { fields: vec![Field::Id], conditions: vec![] };
    let rows = dialogue.reply(get(Some(ids))).rows.unwrap();
    assert_eq!((rows.fields, rows.contents), (vec![Field::Id], vec![Content::Number(5)]));
}

#[test]
fn bad_requests_are_refused_in_the_words_of_opendht() {
    let mut dialogue = Dialogue::new();
    let token = dialogue.token();
    let wrong = Bytes::from_static(&[0; 32]);
    let values = || vec![Carried::Whole(Arc::new(value(5, 2)))];
    let put = |key, values, token: &Bytes| Query::Put {
        key,
        values,
        created: None,
        token: token.clone(),
    };
    let listen = |key, token: &Bytes| Query::Listen {
        key,
        token: token.clone(),
        socket: 777,
        version: 1,
        select: None,
    };
    let refresh = |value, token: &Bytes| Query::Refresh { key: KEY, value, token: token.clone() };
    let no_id = vec![Carried::Whole(Arc::new(value(0, 2)))];
    let get = Query::Get { key: Id::ZERO, select: None, families: Default::default() };
    for (query, code, text) in [
        (put(KEY, values(), &wrong), 401, "Put with wrong token"),
        (put(Id::ZERO, values(), &token), 203, "Put with no info_hash"),
        (put(KEY, no_id, &token), 203, "Put with invalid id"),
        (get, 203, "Get_values with no info_hash"),
        (listen(KEY, &wrong), 401, "Listen with wrong token"),
        (listen(Id::ZERO, &token), 203, "Listen with no info_hash"),
        (refresh(5, &token), 404, "Access operation for unknown storage"),
    ] {
        assert_eq!(dialogue.error(query.clone()), (code, text.to_owned()), "{query:?}");
    }
    let _ = dialogue.put(5, token.clone());
    assert_eq!(dialogue.reply(refresh(99, &token)).stored, Some(99), "as if it were there");
    assert_eq!(dialogue.ask_in(9, Query::Ping), [], "another network is not heard");
}

#[test]
fn a_listener_is_told_before_it_is_answered() {
    let mut dialogue = Dialogue::new();
    let token = dialogue.token();
    let _ = dialogue.put(5, token.clone());
    let query =
        Query::Listen { key: KEY, token: token.clone(), socket: 777, version: 1, select: None };
    let told = |payload: &Payload| match payload {
        Payload::Query(_, Query::Update { key: KEY, socket: 777, values, .. }) => match &values[..]
        {
            [Carried::Whole(value)] => value.id,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    let [update, Payload::Reply(..)] = &dialogue.ask(query)[..] else {
        panic!("update, then reply")
    };
    assert_eq!(told(update), 5);
    let answers = dialogue.put(6, token.clone());
    let [update, Payload::Reply(..)] = &answers[..] else { panic!("{answers:?}") };
    assert_eq!(told(update), 6, "before the one who put it is answered");
    let refresh = Query::Refresh { key: KEY, value: 5, token };
    let answers = dialogue.ask(refresh);
    let [Payload::Query(_, Query::Notify { socket: 777, notice, .. }), Payload::Reply(..)] =
        &answers[..]
    else {
        panic!("{answers:?}");
    };
    assert_eq!(*notice, Notice::Refreshed(vec![5]));
}
