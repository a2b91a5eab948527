//! A node, and others whose part the test plays.

use std::net::SocketAddr;

use bytes::Bytes;
use natbed_units::{Seed, SimDuration, SimTime};

use super::KEY;
use crate::id::Id;
use crate::message::{Contact, Message, Payload, Query, Reply};
use crate::node::{Event, Node, NodeConfig};

/// A node, the time, and what it has said.
pub(super) struct Talk {
    pub(super) node: Node,
    pub(super) now: SimTime,
    transaction: u32,
    pub(super) events: Vec<(SimTime, Event)>,
}

/// A message that the node has sent: when, to whom, what.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) at: SimTime,
    pub(super) to: SocketAddr,
    pub(super) message: Message,
}

impl Said {
    pub(super) fn query(&self) -> Option<&Query> {
        match &self.message.payload {
            Payload::Query(_, query) => Some(query),
            _ => None,
        }
    }

    pub(super) fn reply(&self) -> Option<&Reply> {
        match &self.message.payload {
            Payload::Reply(_, reply) => Some(reply),
            _ => None,
        }
    }
}

/// A node by how close it is to the key.
pub(super) fn peer(n: u8) -> Contact {
    let mut id = *KEY.as_bytes();
    id[19] ^= n + 1;
    Contact { id: Id::new(id), address: SocketAddr::from(([192, 0, 2, n + 1], 4222)) }
}

pub(super) fn number(address: SocketAddr) -> Option<u8> {
    (0..250).find(|n| peer(*n).address == address)
}

/// An answer that gives a token.
pub(super) fn with_token(token: &'static [u8]) -> Reply {
    Reply { token: Bytes::from_static(token), ..Reply::default() }
}

pub(super) fn config() -> NodeConfig {
    NodeConfig { has_ipv6: false, id: Some(Id::new([0xee; 20])), ..NodeConfig::default() }
}

impl Talk {
    pub(super) fn new(config: NodeConfig) -> Self {
        let node = Node::new(SimTime::ZERO, config, Seed::new(1));
        Self { node, now: SimTime::ZERO, transaction: 1_000, events: Vec::new() }
    }

    /// One that knows so many of the others.
    pub(super) fn knowing(count: u8, config: NodeConfig) -> Self {
        let mut talk = Self::new(config);
        (0..count).for_each(|n| talk.node.know(talk.now, peer(n)));
        talk
    }

    /// Takes what the node says now.
    pub(super) fn said(&mut self) -> Vec<Said> {
        let now = self.now;
        self.events.extend(std::iter::from_fn(|| self.node.poll_event()).map(|e| (now, e)));
        let sent = std::iter::from_fn(|| self.node.poll_transmit());
        let said = |(to, datagram): (SocketAddr, Bytes)| Said {
            at: now,
            to,
            message: Message::decode(&datagram).unwrap(),
        };
        sent.map(said).collect()
    }

    /// Lets time pass and takes what is said meanwhile; nobody answers.
    pub(super) fn run(&mut self, span: SimDuration) -> Vec<Said> {
        self.run_with(span, |_, _| None)
    }

    /// The same, while the others answer: `answer` is given who was asked what.
    pub(super) fn run_with(
        &mut self,
        span: SimDuration,
        mut answer: impl FnMut(u8, &Query) -> Option<Payload>,
    ) -> Vec<Said> {
        let end = self.now + span;
        let mut all = Vec::new();
        loop {
            let mut said = self.said();
            while !said.is_empty() {
                for said in &said {
                    let (Some(query), Some(n)) = (said.query(), number(said.to)) else { continue };
                    if let Some(payload) = answer(n, query) {
                        self.say(peer(n).address, said.message.transaction, payload);
                    }
                }
                all.append(&mut said);
                said = self.said();
            }
            let next = self.node.poll_timeout();
            if next > end {
                self.now = end;
                return all;
            }
            self.now = next.max(self.now);
            self.node.handle_timeout(self.now);
        }
    }

    /// Sends the node something.
    pub(super) fn say(&mut self, from: SocketAddr, transaction: u32, payload: Payload) {
        let agent = Bytes::from_static(b"TS");
        let message = Message { payload, transaction, network: 0, agent, is_client: false };
        self.node.handle_datagram(self.now, from, &message.encode());
    }

    /// Asks the node something as one of the others, and returns what it says to that.
    pub(super) fn ask(&mut self, n: u8, query: Query) -> Vec<Said> {
        self.transaction += 1;
        let Contact { id, address } = peer(n);
        self.say(address, self.transaction, Payload::Query(id, query));
        self.said()
    }

    /// The token that it gives one of the others.
    pub(super) fn token(&mut self, n: u8) -> Bytes {
        let said = self.ask(n, Query::Find { target: KEY, families: Default::default() });
        let token = said.iter().find_map(|said| Some(said.reply()?.token.clone()));
        token.expect("a find is answered")
    }
}

/// The answer of one of the others.
pub(super) fn reply(n: u8, reply: Reply) -> Option<Payload> {
    Some(Payload::Reply(peer(n).id, Box::new(reply)))
}

pub(super) fn error(n: u8, code: u16) -> Option<Payload> {
    Some(Payload::Error(Some(peer(n).id), code, "no".to_owned()))
}
