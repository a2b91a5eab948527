//! Many nodes in memory, in virtual time: every datagram takes as long, or is lost.
#![allow(dead_code)] // a test and a bench share it, and neither of them uses all of it

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use bytes::Bytes;
use natbed_dht::{Contact, Event, Node, NodeConfig, OperationId};
use natbed_units::{Seed, SimDuration, SimRng, SimTime};

/// Nodes that send to each other, and what is on its way between them.
pub(crate) struct Memory {
    pub(crate) now: SimTime,
    pub(crate) nodes: Vec<Node>,
    /// What nodes have told their users: when, which one, what.
    pub(crate) events: Vec<(SimTime, usize, Event)>,
    /// Datagrams that were sent.
    pub(crate) sent: u64,
    /// Of a million datagrams, so many are lost.
    pub(crate) loss_ppm: u32,
    delay: SimDuration,
    flying: BTreeMap<(SimTime, u64), (usize, usize, Bytes)>,
    due: Vec<SimTime>,
    timeouts: BTreeSet<(SimTime, usize)>,
    rng: SimRng,
}

/// The address of a node by its place.
pub(crate) fn address(n: usize) -> SocketAddr {
    SocketAddr::from(([198, 18 + (n >> 16) as u8, (n >> 8) as u8, n as u8], 4222))
}

fn place(address: SocketAddr) -> Option<usize> {
    let SocketAddr::V4(v4) = address else { return None };
    let [a, b, c, d] = v4.ip().octets();
    let place = usize::from(b).checked_sub(18)? << 16 | usize::from(c) << 8 | usize::from(d);
    (a == 198 && v4.port() == 4222).then_some(place)
}

impl Memory {
    /// Nodes of which all but the first begin with the first one.
    pub(crate) fn cold(count: usize, seed: u64) -> Self {
        let bootstrap = |n| if n == 0 { Vec::new() } else { vec![address(0)] };
        Self::new(count, seed, bootstrap)
    }

    /// Nodes that know as many others as they have room for.
    pub(crate) fn settled(count: usize, seed: u64) -> Self {
        let mut memory = Self::new(count, seed, |_| Vec::new());
        let contacts: Vec<Contact> = (memory.nodes.iter().enumerate())
            .map(|(n, node)| Contact { id: node.id(), address: address(n) })
            .collect();
        for node in &mut memory.nodes {
            // The nearest come first, so that no bucket of them is full of others.
            let mut others = contacts.clone();
            others.sort_unstable_by_key(|other| other.id.distance(node.id()));
            for contact in &others[1..] {
                node.know(memory.now, *contact);
            }
        }
        for n in 0..count {
            memory.touch(n);
        }
        memory
    }

    fn new(count: usize, seed: u64, bootstrap: impl Fn(usize) -> Vec<SocketAddr>) -> Self {
        let mut memory = Self {
            now: SimTime::ZERO,
            nodes: Vec::new(),
            events: Vec::new(),
            sent: 0,
            loss_ppm: 0,
            delay: SimDuration::from_millis(20),
            flying: BTreeMap::new(),
            due: vec![SimTime::MAX; count],
            timeouts: BTreeSet::new(),
            rng: Seed::new(seed).rng("loss"),
        };
        for n in 0..count {
            let bootstrap = bootstrap(n);
            let config = NodeConfig { bootstrap, has_ipv6: false, ..NodeConfig::default() };
            let seed = Seed::new(seed).derive(&format!("node {n}"));
            memory.nodes.push(Node::new(memory.now, config, seed));
        }
        for n in 0..count {
            memory.touch(n);
        }
        memory
    }

    /// Lets the user of a node do something.
    pub(crate) fn with<T>(&mut self, n: usize, act: impl FnOnce(SimTime, &mut Node) -> T) -> T {
        let result = act(self.now, &mut self.nodes[n]);
        self.touch(n);
        result
    }

    /// Lets time pass.
    pub(crate) fn run(&mut self, span: SimDuration) {
        let end = self.now + span;
        self.run_until(end, |_| false);
    }

    /// Lets time pass until something is so, at most until `end`; says whether it is.
    pub(crate) fn run_until(&mut self, end: SimTime, is_so: impl Fn(&Self) -> bool) -> bool {
        while !is_so(self) {
            let arrival = self.flying.first_key_value().map(|((at, _), _)| *at);
            let timeout = self.timeouts.first().map(|(at, _)| *at);
            let next = arrival.into_iter().chain(timeout).min().filter(|next| *next <= end);
            let Some(next) = next else {
                self.now = end;
                return false;
            };
            self.now = next.max(self.now);
            if arrival == Some(next) {
                let Some((_, (from, to, datagram))) = self.flying.pop_first() else { return false };
                self.nodes[to].handle_datagram(self.now, address(from), &datagram);
                self.touch(to);
            } else if let Some((_, n)) = self.timeouts.first().copied() {
                self.nodes[n].handle_timeout(self.now);
                self.touch(n);
            }
        }
        true
    }

    /// Takes what a node has to send and to tell, and when it wants to come back.
    fn touch(&mut self, n: usize) {
        let node = &mut self.nodes[n];
        while let Some((to, datagram)) = node.poll_transmit() {
            self.sent += 1;
            let is_lost = self.loss_ppm > 0 && self.rng.in_range(0..1_000_000) < self.loss_ppm;
            if let Some(to) = place(to).filter(|to| *to < self.due.len() && !is_lost) {
                self.flying.insert((self.now + self.delay, self.sent), (n, to, datagram));
            }
        }
        while let Some(event) = node.poll_event() {
            self.events.push((self.now, n, event));
        }
        let due = node.poll_timeout();
        if due != self.due[n] {
            self.timeouts.remove(&(self.due[n], n));
            self.timeouts.insert((due, n));
            self.due[n] = due;
        }
    }

    /// Returns when a value came to an operation, if it did.
    pub(crate) fn arrival(&self, n: usize, operation: OperationId, value: u64) -> Option<SimTime> {
        let is_it = |event: &Event| matches!(event, Event::Value(of, it, _) if *of == operation && it.id == value);
        self.events.iter().find(|(_, at, event)| *at == n && is_it(event)).map(|(at, ..)| *at)
    }

    /// Returns when a node has told its user of something, if it has.
    pub(crate) fn told_at(&self, n: usize, event: &Event) -> Option<SimTime> {
        self.events.iter().find(|(_, at, told)| *at == n && told == event).map(|(at, ..)| *at)
    }
}
