//! A dialogue of good and bad requests, had with `dhtnode` and with a node of ours: the same
//! answers come in the same order.
//!
//! The client is as small as can be: it knows messages and a socket, and answers what it is asked so
//! that it is taken for a node.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use natbed_dht::{
    Body, Carried, Content, Data, Field, Id, Message, Notice, Payload, Query, Reply, Select, Value,
    split,
};

const ME: Id = Id::new([0x5a; 20]);
const WRONG: Bytes = Bytes::from_static(&[0; 32]);

/// A client and the server that it asks.
pub(crate) struct Probe {
    socket: UdpSocket,
    server: SocketAddr,
    transaction: u32,
    /// What was said, in words.
    log: Vec<String>,
}

fn value(id: u64, kind: u16, data: Bytes) -> Arc<Value> {
    let body = Body { kind, data, ..Body::default() };
    let data = Data::Open { body, signature: Bytes::new() };
    Arc::new(Value { id, data, priority: 0, push_type: Bytes::new() })
}

/// What a message is, in words that do not depend on who has sent it.
fn words(payload: &Payload) -> String {
    let lengths = |values: &[Carried]| {
        let word = |value: &Carried| match value {
            Carried::Whole(value) => format!("#{}", value.id),
            Carried::InParts(length) => format!("{length} bytes"),
        };
        values.iter().map(word).collect::<Vec<_>>().join(" ")
    };
    match payload {
        Payload::Error(sender, code, text) => {
            format!("error {code} {text}{}", if sender.is_some() { "" } else { " by nobody" })
        }
        Payload::Reply(_, reply) => {
            let mut words = format!("reply to {}", reply.seen_as.is_some());
            words += if reply.token.is_empty() { "" } else { " token" };
            words += &reply.stored.map_or_else(String::new, |id| format!(" stored #{id}"));
            words += &format!(" [{}]", lengths(&reply.values));
            if let Some(rows) = &reply.rows {
                words += &format!(" {:?} {:?}", rows.fields, rows.contents);
            }
            words
        }
        Payload::Query(_, Query::Update { socket, values, token, .. }) => {
            format!("update {socket} [{}] token {}", lengths(values), !token.is_empty())
        }
        Payload::Query(_, Query::Notify { socket, notice, token }) => match notice {
            Notice::Refreshed(ids) => {
                format!("refreshed {socket} {ids:?} token {}", !token.is_empty())
            }
            Notice::Expired(ids) => format!("expired {socket} {ids:?} token {}", !token.is_empty()),
        },
        Payload::Query(_, query) => format!("query {query:?}"),
        Payload::Part(part) => {
            format!("part {} at {} {}", part.index, part.offset, part.bytes.len())
        }
    }
}

impl Probe {
    pub(crate) fn new(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        Self { socket, server, transaction: 100, log: Vec::new() }
    }

    fn send(&self, message: &Message) {
        self.socket.send_to(&message.encode(), self.server).unwrap();
    }

    fn message(&self, payload: Payload) -> Message {
        let (transaction, agent) = (self.transaction, Bytes::from_static(b"TS"));
        Message { payload, transaction, network: 0, agent, is_client: false }
    }

    /// Receives one message within some time; queries are answered, and those for nodes forgotten.
    fn receive(&mut self, end: Instant) -> Option<Message> {
        loop {
            let left = end.saturating_duration_since(Instant::now());
            self.socket.set_read_timeout(Some(left.max(Duration::from_millis(1)))).unwrap();
            let mut buffer = [0; 65_535];
            let Ok((length, _)) = self.socket.recv_from(&mut buffer) else { return None };
            let message = Message::decode(&Bytes::copy_from_slice(&buffer[..length])).unwrap();
            let Payload::Query(_, query) = &message.payload else { return Some(message) };
            let token = Bytes::from_static(b"probe");
            let reply = Reply { seen_as: Some(self.server.ip()), token, ..Reply::default() };
            let payload = Payload::Reply(ME, Box::new(reply));
            let answer = Message { transaction: message.transaction, ..self.message(payload) };
            self.send(&answer);
            if matches!(query, Query::Update { .. } | Query::Notify { .. }) {
                return Some(message);
            }
        }
    }

    /// Asks, and writes down what comes until it is answered.
    fn ask(&mut self, label: &str, query: Query) -> Option<Message> {
        self.ask_with(label, query, |message| message)
    }

    fn ask_with(
        &mut self,
        label: &str,
        query: Query,
        change: impl FnOnce(Message) -> Message,
    ) -> Option<Message> {
        self.transaction += 1;
        self.log.push(format!("-- {label}"));
        let message = change(self.message(Payload::Query(ME, query)));
        self.send(&message);
        self.answer()
    }

    fn answer(&mut self) -> Option<Message> {
        let end = Instant::now() + Duration::from_millis(700);
        while let Some(message) = self.receive(end) {
            self.log.push(words(&message.payload));
            let is_query = matches!(message.payload, Payload::Query(..) | Payload::Part(_));
            if message.transaction == self.transaction && !is_query {
                return Some(message);
            }
        }
        self.log.push("nothing".to_owned());
        None
    }

    /// Has the whole dialogue, and returns what was said.
    pub(crate) fn run(mut self) -> Vec<String> {
        let key = Id::hash(b"probe");
        let put = |id, data: &'static str, token: &Bytes| Query::Put {
            key,
            values: vec![Carried::Whole(value(id, 0, data.into()))],
            created: None,
            token: token.clone(),
        };
        let get = |select| Query::Get { key, select, families: Default::default() };
        self.ask("ping", Query::Ping);
        let found = self.ask("find", Query::Find { target: key, families: Default::default() });
        let token = match found.map(|message| message.payload) {
            Some(Payload::Reply(_, reply)) => reply.token.clone(),
            other => panic!("a find is answered: {other:?}"),
        };
        self.ask("put with a wrong token", put(5, "v1", &WRONG));
        self.ask("put", put(5, "v1", &token));
        self.ask("get all", get(None));
        let select = |fields: &[Field], conditions: &[(Field, Content)]| {
            Some(Select { fields: fields.to_vec(), conditions: conditions.to_vec() })
        };
        self.ask("get identifiers", get(select(&[Field::Id], &[])));
        self.ask("get identifiers and editions", get(select(&[Field::Id, Field::Sequence], &[])));
        self.ask("get one", get(select(&[], &[(Field::Id, Content::Number(5))])));
        self.ask("get one that is not there", get(select(&[], &[(Field::Id, Content::Number(6))])));
        let listen = |key, token: &Bytes, socket, version| Query::Listen {
            key,
            token: token.clone(),
            socket,
            version,
            select: None,
        };
        self.ask("listen with a wrong token", listen(key, &WRONG, 777, 1));
        self.ask("listen without a key", listen(Id::ZERO, &token, 777, 1));
        self.ask("listen", listen(key, &token, 777, 1));
        self.ask("put a second", put(6, "v2", &token));
        self.ask("put something else under its number", put(6, "v3", &token));
        let refresh =
            |key, value, token: &Bytes| Query::Refresh { key, value, token: token.clone() };
        self.ask("refresh", refresh(key, 5, &token));
        self.ask("refresh what is not there", refresh(key, 99, &token));
        self.ask("refresh under a key that is not there", refresh(Id::hash(b"no"), 99, &token));
        self.ask("refresh with a wrong token", refresh(key, 5, &WRONG));
        self.ask("put without a number", put(0, "v1", &token));
        let no_key = Query::Get { key: Id::ZERO, select: None, families: Default::default() };
        self.ask("get without a key", no_key);
        self.ask_with("another network", Query::Ping, |message| Message { network: 9, ..message });
        self.ask_with("a client", Query::Ping, |message| Message { is_client: true, ..message });
        let other = Id::hash(b"probe2");
        self.ask("listen as before 2018", listen(other, &token, 888, 0));
        let values = vec![Carried::Whole(value(8, 5, "x".into()))];
        let query = Query::Put { key: other, values, created: None, token: token.clone() };
        self.ask("put for it", query);
        let (values, parts) = split(&[value(9, 0, vec![b'Z'; 2_000].into())]);
        self.transaction += 1;
        self.log.push("-- put in parts".to_owned());
        let query = Query::Put { key, values, created: None, token };
        self.send(&self.message(Payload::Query(ME, query)));
        for part in parts {
            let agent = Bytes::new();
            self.send(&Message { agent, ..self.message(Payload::Part(part)) });
        }
        self.answer();
        self.log
    }
}
