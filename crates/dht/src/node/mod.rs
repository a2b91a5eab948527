//! A whole node: it answers others, keeps its table, and gets, puts and listens for its user.
//!
//! Drive it as every state machine here: [`Node::handle_datagram`] and [`Node::handle_timeout`] take
//! input, [`Node::poll_transmit`] and [`Node::poll_event`] hand out work until `None`, and
//! [`Node::poll_timeout`] says when to come back.

mod client;
mod config;
mod contacts;
mod maintenance;
mod operations;
mod replies;
mod server;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use natbed_units::{Seed, SimDuration, SimRng, SimTime};
use rand_core::Rng;

pub use config::{Event, Generation, NodeConfig, Status};

use crate::id::Id;
use crate::limits::{RateLimits, is_impossible};
use crate::message::{Contact, Message, Part, Payload, Query, Reply};
use crate::parts::Assembler;
use crate::peers::{Heard, PEERS_MAX, Peers};
use crate::requests::{Requests, Target};
use crate::search::{Habits, OperationId, Search};
use crate::storage::Storage;
use crate::table::Table;
use crate::tokens::Tokens;
use crate::traffic::{MessageKind, Traffic};

const V4: usize = 0;
const V6: usize = 1;

fn family(address: SocketAddr) -> usize {
    if address.is_ipv4() { V4 } else { V6 }
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// To see whether a node is there.
    Ping,
    /// To find a first node.
    Bootstrap,
    /// To look after the table.
    Maintenance,
    /// A search has asked it.
    Search { family: usize, key: Id, node: Id, what: What },
    /// To tell a listener of values.
    Update,
}

/// What a search has asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Find,
    Ids(OperationId),
    Value(OperationId, u64),
    Probe,
    Put(OperationId),
    Refresh(OperationId),
    Listen(OperationId),
}

/// The nodes and the table of one address family.
#[derive(Debug)]
struct Network {
    peers: Peers,
    table: Table,
    searches: BTreeMap<Id, Search>,
    /// When searches have to go on.
    due: BTreeSet<(SimTime, Id)>,
}

/// A node of the OpenDHT network.
#[derive(Debug)]
pub struct Node {
    config: NodeConfig,
    id: Id,
    /// By address family; `None` for one that it does not speak.
    networks: [Option<Network>; 2],
    requests: Requests<Purpose>,
    assembler: Assembler,
    tokens: Tokens,
    limits: RateLimits,
    /// Nodes whose answers are worthless.
    blacklist: BTreeSet<SocketAddr>,
    storage: Storage,
    operations: operations::Operations,
    habits: Habits,
    /// Where the node was seen, and how often.
    seen_as: BTreeMap<IpAddr, u32>,
    maintenance: maintenance::Maintenance,
    status: Status,
    rng: SimRng,
    out: VecDeque<(SocketAddr, Bytes)>,
    events: VecDeque<Event>,
    traffic: Traffic,
    /// Bootstrap hosts that have neither answered nor been given up.
    bootstrapping: usize,
}

/// How long after that a search that is short of nodes looks among those that are known.
const REFILL_PERIOD: SimDuration = SimDuration::from_secs(600);
/// How often a listener asks again: ten seconds before the nodes may forget it,
const LISTEN_PERIOD: SimDuration = SimDuration::from_secs(30 - 10);
/// and if its address is known to be there to stay.
const LISTEN_PERIOD_STABLE: SimDuration = SimDuration::from_secs(300 - 10);
/// Requests that are waited for, beyond which pings and what listeners are told are sent but once.
const REQUESTS_MAX: usize = 16_384;
/// Nodes whose answers are worthless, at most; the set is as old as the node.
const BLACKLIST_MAX: usize = 4_096;
/// Addresses under which the node was seen that are counted.
const SEEN_AS_MAX: usize = 32;

impl Node {
    /// Makes a node that begins now; what is random about it comes from `seed`.
    #[must_use]
    pub fn new(now: SimTime, config: NodeConfig, seed: Seed) -> Self {
        let mut rng = seed.rng("dht/node");
        let id = config.id.unwrap_or_else(|| {
            let mut bytes = [0; Id::LENGTH];
            rng.fill_bytes(&mut bytes);
            Id::new(bytes)
        });
        let network = |is_there: bool| {
            is_there.then(|| Network {
                peers: Peers::default(),
                table: Table::new(id, config.is_bootstrap),
                searches: BTreeMap::new(),
                due: BTreeSet::new(),
            })
        };
        Self {
            networks: [network(config.has_ipv4), network(config.has_ipv6)],
            requests: Requests::new(seed.rng("dht/requests")),
            assembler: Assembler::default(),
            tokens: Tokens::new(now, seed.rng("dht/tokens")),
            limits: RateLimits::default(),
            blacklist: BTreeSet::new(),
            storage: Storage::default(),
            operations: operations::Operations::default(),
            habits: Habits {
                is_early: config.generation >= Generation::Four,
                listen_period: if config.is_public_stable {
                    LISTEN_PERIOD_STABLE
                } else {
                    LISTEN_PERIOD
                },
            },
            seen_as: BTreeMap::new(),
            maintenance: maintenance::Maintenance::new(now, &mut rng),
            status: Status::Disconnected,
            rng,
            out: VecDeque::new(),
            events: VecDeque::new(),
            traffic: Traffic::default(),
            bootstrapping: 0,
            config,
            id,
        }
    }

    /// Returns its identifier.
    #[must_use]
    pub fn id(&self) -> Id {
        self.id
    }

    /// Returns how well it is connected.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status
    }

    /// Returns the address of its family that most nodes have seen it under.
    #[must_use]
    pub fn public_address(&self, is_ipv4: bool) -> Option<IpAddr> {
        let seen = self.seen_as.iter().filter(|(ip, _)| ip.is_ipv4() == is_ipv4);
        seen.max_by_key(|(_, count)| **count).map(|(ip, _)| *ip)
    }

    /// Returns the nodes in its table with their addresses.
    pub fn contacts(&self) -> impl Iterator<Item = Contact> + '_ {
        let nodes = self.networks.iter().flatten().flat_map(|network| {
            network.table.nodes(&network.peers).map(|(id, peer)| (id, peer.address))
        });
        nodes.map(|(id, address)| Contact { id, address })
    }

    /// Returns what it has sent and received since it began.
    #[must_use]
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Takes a datagram from the network.
    pub fn handle_datagram(&mut self, now: SimTime, from: SocketAddr, datagram: &Bytes) {
        // What cannot be read, or is of another network, is of no concern to anybody.
        let message = Message::decode(datagram).ok();
        let message = message.filter(|message| message.network == self.config.network);
        let kind = message.as_ref().map(|message| MessageKind::of(&message.payload));
        self.traffic.received.count(kind.unwrap_or(MessageKind::Foreign), datagram.len());
        let Some(message) = message else { return };
        let is_refused = is_impossible(from) || self.blacklist.contains(&from);
        if is_refused || self.networks[family(from)].is_none() {
            return;
        }
        if let Payload::Part(part) = message.payload {
            if let Some(message) = self.assembler.handle_part(now, from, message.transaction, part)
            {
                self.handle_message(now, from, message);
            }
            return;
        }
        if matches!(message.payload, Payload::Query(..)) && self.limits.is_exceeded(now, from.ip())
        {
            return;
        }
        if let Some(message) = self.assembler.handle_message(now, from, message) {
            self.handle_message(now, from, message);
        }
    }

    /// Does what has become due; being called early or twice is harmless.
    pub fn handle_timeout(&mut self, now: SimTime) {
        self.assembler.handle_timeout(now);
        self.tokens.handle_timeout(now);
        self.handle_overdue(now);
        self.expire_values(now);
        self.expire_listened(now);
        self.maintain(now);
        self.step_due_searches(now);
    }

    /// Returns when [`handle_timeout`](Self::handle_timeout) wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> SimTime {
        let searches = self.networks.iter().flatten().filter_map(|network| network.due.first());
        let others = [
            self.assembler.poll_timeout(),
            self.requests.poll_timeout(),
            self.storage.poll_timeout(),
            self.operations.poll_timeout(),
        ];
        let others = others.into_iter().chain(searches.map(|(at, _)| Some(*at)));
        let next = self.tokens.poll_timeout().min(self.maintenance.poll_timeout());
        others.flatten().fold(next, SimTime::min)
    }

    /// Returns the next datagram to send, and where; `None` when there is none.
    #[must_use = "a datagram that is not sent is lost without a reason"]
    pub fn poll_transmit(&mut self) -> Option<(SocketAddr, Bytes)> {
        self.out.pop_front()
    }

    /// Returns what the user should know next.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn handle_message(&mut self, now: SimTime, from: SocketAddr, message: Message) {
        let Message { payload, transaction, is_client, .. } = message;
        match payload {
            Payload::Query(sender, query) if sender != self.id => {
                if !is_client {
                    self.hear(now, sender, from, Heard::Asked);
                }
                self.answer(now, from, sender, transaction, query);
            }
            Payload::Reply(sender, reply) if sender != self.id => {
                self.handle_reply(now, from, sender, transaction, *reply);
            }
            Payload::Error(sender, code, _) => {
                self.handle_error(now, from, sender, transaction, code);
            }
            Payload::Query(..) | Payload::Reply(..) | Payload::Part(_) => {}
        }
        self.update_status(now);
        self.step_due_searches(now);
    }

    /// Takes note of a node: it comes into the table and into searches if there is room for it.
    fn hear(&mut self, now: SimTime, id: Id, address: SocketAddr, how: Heard) {
        if id == self.id || id == Id::ZERO {
            return;
        }
        let requests = &self.requests;
        let Some(network) = &mut self.networks[family(address)] else { return };
        if network.peers.len() >= PEERS_MAX && network.peers.get(id).is_none() {
            return;
        }
        let is_back = network.peers.hear(now, id, address, how);
        // Cold: nothing has come into it lately.
        let was_cold = how < Heard::Answered && network.table.is_cold(now);
        let is_asked = |id| requests.is_asked(id);
        let insertion = network.table.insert(now, id, how, &network.peers, is_asked);
        if insertion.is_new && was_cold {
            self.maintenance.hasten(now);
        }
        if insertion.is_new || is_back && how > Heard::Hearsay {
            for key in network.offer(id) {
                network.schedule(key, Some(now));
            }
        }
        // Of what others say only that is kept that is of use.
        let is_used =
            network.table.knows(id) || network.searches.values().any(|search| search.knows(id));
        if how == Heard::Hearsay && !is_used {
            network.peers.remove(id);
        }
        for doubtful in insertion.doubtful {
            self.ping_known(now, family(address), doubtful);
        }
    }

    /// Sends a request and waits for its answer.
    fn request(&mut self, now: SimTime, target: Target, purpose: Purpose, query: Query) {
        self.request_in_parts(now, target, purpose, query, Vec::new());
    }

    /// Sends a request with the parts that follow it, and waits for its answer.
    fn request_in_parts(
        &mut self,
        now: SimTime,
        target: Target,
        purpose: Purpose,
        query: Query,
        parts: Vec<Part>,
    ) {
        let transaction = self.requests.next_transaction();
        let payload = Payload::Query(self.id, query);
        let kind = MessageKind::of(&payload);
        let datagrams = self.encode(payload, transaction, parts);
        self.transmit(target.address, kind, &datagrams);
        // Of what others bring about only so much is waited for.
        let is_spare = matches!(purpose, Purpose::Update | Purpose::Ping);
        if !is_spare || self.requests.len() < REQUESTS_MAX {
            self.requests.sent(now, transaction, target, purpose, kind, datagrams);
        }
    }

    fn reply(&mut self, to: SocketAddr, transaction: u32, reply: Reply) {
        let reply = Reply { seen_as: Some(to.ip()), ..reply };
        self.send(to, transaction, Payload::Reply(self.id, Box::new(reply)), Vec::new());
    }

    /// Sends a message that nothing is waited for.
    fn send(&mut self, to: SocketAddr, transaction: u32, payload: Payload, parts: Vec<Part>) {
        let kind = MessageKind::of(&payload);
        let datagrams = self.encode(payload, transaction, parts);
        self.transmit(to, kind, &datagrams);
    }

    /// Encodes a message and the parts that follow it.
    fn encode(&self, payload: Payload, transaction: u32, parts: Vec<Part>) -> Vec<Bytes> {
        let message = |payload| Message {
            payload,
            transaction,
            network: self.config.network,
            agent: self.config.agent.clone(),
            is_client: self.config.is_client,
        };
        let mut datagrams = vec![message(payload).encode()];
        for part in parts {
            let part =
                Message { is_client: false, agent: Bytes::new(), ..message(Payload::Part(part)) };
            datagrams.push(part.encode());
        }
        datagrams
    }

    /// Sends a message of some kind and the parts that follow it.
    fn transmit(&mut self, to: SocketAddr, kind: MessageKind, datagrams: &[Bytes]) {
        let kinds = std::iter::once(kind).chain(std::iter::repeat(MessageKind::Part));
        for (datagram, kind) in datagrams.iter().zip(kinds) {
            self.traffic.sent.count(kind, datagram.len());
            self.out.push_back((to, datagram.clone()));
        }
    }

    /// The virtual time of a Unix time.
    fn virtual_time(&self, unix_seconds: u64) -> SimTime {
        let seconds = unix_seconds.saturating_sub(self.config.epoch_unix_seconds);
        // Beyond the end of time is in the future all the same.
        SimTime::from_nanos(seconds.saturating_mul(1_000_000_000))
    }

    /// The Unix time of a virtual one.
    fn unix_time(&self, at: SimTime) -> u64 {
        self.config.epoch_unix_seconds
            + at.saturating_since(SimTime::ZERO).as_nanos() / 1_000_000_000
    }

    fn random_span(&mut self, seconds: std::ops::Range<u32>) -> SimDuration {
        random_span(&mut self.rng, seconds)
    }
}

/// A span between two numbers of seconds, to the millisecond.
fn random_span(rng: &mut SimRng, seconds: std::ops::Range<u32>) -> SimDuration {
    SimDuration::from_millis(rng.in_range(seconds.start * 1_000..seconds.end * 1_000).into())
}
