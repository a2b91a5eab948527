//! Swarms of nodes in memory: every datagram takes 20 ms, or is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use bytes::Bytes;
use natbed_units::{Seed, SimDuration, SimRng, SimTime};

use super::{Event, Node, NodeConfig, Status};
use crate::id::Id;
use crate::message::{Message, Payload, Query};
use crate::search::OperationId;
use crate::value::{Body, Data, Value};

mod answering;
mod dialogue;
mod events;
mod floods;
mod hostile;
mod listening;
mod maintenance;
mod searching;
mod talk;
mod transport;

const DELAY: SimDuration = SimDuration::from_millis(20);

/// Nodes with their addresses, and what is on its way between them.
struct Swarm {
    now: SimTime,
    nodes: BTreeMap<SocketAddr, Node>,
    flying: BTreeMap<(SimTime, u64), (SocketAddr, SocketAddr, Bytes)>,
    sent: u64,
    events: Vec<(SimTime, SocketAddr, Event)>,
    /// Every datagram with its time and its ends, if it is wanted.
    trace: Option<Vec<(SimTime, SocketAddr, SocketAddr, Bytes)>>,
    loss_percent: u32,
    rng: SimRng,
    cut: BTreeSet<SocketAddr>,
}

fn address(n: usize) -> SocketAddr {
    SocketAddr::from(([198, 51, (n >> 8) as u8 + 100, n as u8], 4222))
}

fn secs(secs: u64) -> SimDuration {
    SimDuration::from_secs(secs)
}

fn value(id: u64, bytes: usize) -> Value {
    let body = Body { data: vec![id as u8; bytes].into(), ..Body::default() };
    let data = Data::Open { body, signature: Bytes::new() };
    Value { id, data, priority: 0, push_type: Bytes::new() }
}

impl Swarm {
    /// Nodes of which all but the first begin with the first one.
    fn new(count: usize, seed: u64) -> Self {
        let mut swarm = Self {
            now: SimTime::ZERO,
            nodes: BTreeMap::new(),
            flying: BTreeMap::new(),
            sent: 0,
            events: Vec::new(),
            trace: None,
            loss_percent: 0,
            rng: Seed::new(seed).rng("loss"),
            cut: BTreeSet::new(),
        };
        for n in 0..count {
            swarm.add(n, seed);
        }
        swarm
    }

    fn add(&mut self, n: usize, seed: u64) {
        let bootstrap = if n == 0 { Vec::new() } else { vec![address(0)] };
        let config = NodeConfig { bootstrap, has_ipv6: false, ..NodeConfig::default() };
        let seed = Seed::new(seed).derive(&format!("node {n}"));
        self.nodes.insert(address(n), Node::new(self.now, config, seed));
    }

    fn node(&mut self, n: usize) -> &mut Node {
        self.nodes.get_mut(&address(n)).unwrap()
    }

    fn run(&mut self, span: SimDuration) {
        let end = self.now + span;
        self.collect();
        loop {
            let arrival = self.flying.first_key_value().map(|((at, _), _)| *at);
            let timeout = self.nodes.values().map(Node::poll_timeout).min();
            let next = arrival.into_iter().chain(timeout).min().filter(|next| *next <= end);
            let Some(next) = next else { break };
            self.now = next.max(self.now);
            while let Some(entry) = self.flying.first_entry()
                && entry.key().0 <= self.now
            {
                let (from, to, datagram) = entry.remove();
                if let Some(node) = self.nodes.get_mut(&to) {
                    node.handle_datagram(self.now, from, &datagram);
                }
            }
            for node in self.nodes.values_mut() {
                if node.poll_timeout() <= self.now {
                    node.handle_timeout(self.now);
                }
            }
            self.collect();
        }
        self.now = end;
    }

    fn collect(&mut self) {
        for (from, node) in &mut self.nodes {
            while let Some((to, datagram)) = node.poll_transmit() {
                self.sent += 1;
                if let Some(trace) = &mut self.trace {
                    trace.push((self.now, *from, to, datagram.clone()));
                }
                let is_cut = self.cut.contains(from) || self.cut.contains(&to);
                if !is_cut && self.rng.in_range(0..100) >= self.loss_percent {
                    self.flying.insert((self.now + DELAY, self.sent), (*from, to, datagram));
                }
            }
            while let Some(event) = node.poll_event() {
                self.events.push((self.now, *from, event));
            }
        }
    }

    fn values(&self, n: usize, operation: OperationId) -> Vec<u64> {
        let told = self.events.iter().filter(|(_, at, _)| *at == address(n));
        let ids = told.filter_map(|(_, _, event)| match event {
            Event::Value(of, value, _) if *of == operation => Some(value.id),
            _ => None,
        });
        ids.collect()
    }

    fn finished(&self, n: usize, operation: OperationId) -> Option<SimTime> {
        let event = Event::Finished(operation);
        self.events.iter().find(|(_, at, of)| *at == address(n) && *of == event).map(|(at, ..)| *at)
    }
}

const KEY: Id = Id::new([0x42; 20]);

#[test]
fn a_value_put_at_one_node_is_found_from_every_other() {
    let mut swarm = Swarm::new(30, 1);
    swarm.run(secs(60));
    assert!(swarm.nodes.values().all(|node| node.status() == Status::Connected));
    let now = swarm.now;
    let put = swarm.node(3).put(now, KEY, value(7, 100), false);
    swarm.run(secs(10));
    assert!(swarm.finished(3, put).is_some(), "the closest have it");
    let mut nodes: Vec<&Node> = swarm.nodes.values().collect();
    nodes.sort_by_key(|node| node.id().distance(KEY));
    let has_it = |node: &&&Node| !node.storage.values(KEY).is_empty();
    assert_eq!(nodes[..8].iter().filter(has_it).count(), 8, "the eight closest");
    let now = swarm.now;
    let gets: Vec<_> = (0..30).map(|n| (n, swarm.node(n).get(now, KEY))).collect();
    swarm.run(secs(10));
    for (n, get) in gets {
        assert_eq!(swarm.values(n, get), [7], "from node {n}");
        assert!(swarm.finished(n, get).is_some(), "node {n}");
    }
}

#[test]
fn a_listener_hears_of_values_as_soon_as_they_are_put() {
    let mut swarm = Swarm::new(30, 2);
    swarm.run(secs(60));
    let now = swarm.now;
    let listen = swarm.node(5).listen(now, KEY);
    swarm.run(secs(30));
    let now = swarm.now;
    swarm.node(9).put(now, KEY, value(1, 100), false);
    swarm.run(secs(1));
    assert_eq!(swarm.values(5, listen), [1]);
    let now = swarm.now;
    swarm.node(11).put(now, KEY, value(2, 3_000), false);
    swarm.run(secs(1));
    assert_eq!(swarm.values(5, listen), [1, 2], "in parts, too");
    swarm.run(secs(601));
    let gone = swarm.events.iter().filter(|(_, at, event)| {
        *at == address(5) && matches!(event, Event::Gone(of, _) if *of == listen)
    });
    assert_eq!(gone.count(), 2, "they have lived ten minutes");
}

#[test]
fn listeners_ask_again_every_twenty_seconds() {
    let mut swarm = Swarm::new(12, 3);
    swarm.run(secs(300));
    let now = swarm.now;
    swarm.node(5).listen(now, KEY);
    swarm.trace = Some(Vec::new());
    swarm.run(secs(100));
    let mut listens: BTreeMap<SocketAddr, Vec<SimTime>> = BTreeMap::new();
    for (at, from, to, datagram) in swarm.trace.take().unwrap() {
        let message = Message::decode(&datagram).unwrap();
        if from == address(5) && matches!(message.payload, Payload::Query(_, Query::Listen { .. }))
        {
            listens.entry(to).or_default().push(at);
        }
    }
    assert_eq!(listens.len(), 4, "at the four closest: {listens:?}");
    for times in listens.values() {
        assert_eq!(times.len(), 5);
        for pair in times.windows(2) {
            let period = pair[1].saturating_since(pair[0]);
            assert_eq!(period, secs(20) + DELAY * 2, "from answer to question");
        }
    }
}

#[test]
fn bootstrap_hosts_are_asked_after_0_10_and_30_seconds() {
    let mut swarm = Swarm::new(2, 1);
    swarm.nodes.remove(&address(0));
    swarm.trace = Some(Vec::new());
    swarm.run(secs(65));
    let mut pings = BTreeMap::<u32, SimTime>::new();
    for (at, _, _, datagram) in swarm.trace.take().unwrap() {
        let transaction = Message::decode(&datagram).unwrap().transaction;
        pings.entry(transaction).or_insert(at);
    }
    let times: Vec<u64> = pings.values().map(|at| at.as_nanos() / 1_000_000_000).collect();
    assert_eq!(times, [0, 10, 30], "and then after 70 s");
    swarm.add(0, 1);
    swarm.run(secs(10));
    assert_eq!(swarm.node(1).status(), Status::Connected, "it is back");
}

#[test]
fn one_seed_gives_one_trace() {
    let trace = |seed| {
        let mut swarm = Swarm::new(20, seed);
        swarm.loss_percent = 2;
        swarm.trace = Some(Vec::new());
        swarm.run(secs(30));
        let now = swarm.now;
        swarm.node(4).listen(now, KEY);
        swarm.node(9).put(now, KEY, value(1, 2_000), true);
        swarm.run(secs(30));
        swarm.trace.unwrap()
    };
    assert_eq!(trace(1), trace(1));
    assert_ne!(trace(1), trace(2));
}

#[test]
fn values_are_found_although_one_datagram_in_fifty_is_lost() {
    for seed in 0..20 {
        let mut swarm = Swarm::new(40, seed);
        swarm.loss_percent = 2;
        swarm.run(secs(900));
        let now = swarm.now;
        let listen = swarm.node(5).listen(now, KEY);
        swarm.run(secs(15));
        let now = swarm.now;
        swarm.node(9).put(now, KEY, value(1, 2_000), false);
        swarm.run(secs(15));
        assert_eq!(swarm.values(5, listen), [1], "seed {seed}");
    }
}

#[test]
fn a_permanent_value_is_still_there_after_an_hour() {
    let mut swarm = Swarm::new(20, 1);
    swarm.run(secs(60));
    let now = swarm.now;
    swarm.node(3).put(now, KEY, value(7, 100), true);
    swarm.node(4).put(now, KEY, value(8, 100), false);
    swarm.run(secs(3_600));
    let now = swarm.now;
    let get = swarm.node(12).get(now, KEY);
    swarm.run(secs(10));
    assert_eq!(swarm.values(12, get), [7], "the other one has lived its ten minutes");
}

#[test]
fn a_node_that_was_cut_off_comes_back() {
    let mut swarm = Swarm::new(20, 1);
    swarm.run(secs(60));
    swarm.cut.insert(address(7));
    swarm.run(secs(3_600));
    assert_eq!(swarm.node(7).status(), Status::Disconnected);
    swarm.cut.clear();
    let now = swarm.now;
    swarm.node(7).connectivity_changed(now);
    swarm.run(secs(30));
    assert_eq!(swarm.node(7).status(), Status::Connected);
}
