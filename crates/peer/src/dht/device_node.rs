//! One node of a device: it listens for requests, and puts them.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use natbed_dht::{
    Announcement, ConnectionRequest, Event, Identity, LanConfig, LanDiscovery, MessageKind, Node,
    NodeConfig, OperationId, PublicIdentity, Status, Tally, Value,
};
use natbed_runtime::{Handle, Host};
use natbed_units::{Seed, SimTime};
use tokio::sync::Notify;

use super::device::Way;
use super::mailbox::{Incoming, Mailbox};
use super::offer;
use super::sockets::Sockets;

/// What a node of a device did and saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeReport {
    /// The way that it is there for.
    pub way: Way,
    /// When it began; `None` if it had not by the end.
    pub online: Option<SimTime>,
    /// When it first knew a good node.
    pub bootstrapped: Option<SimTime>,
    /// When the first node acknowledged that it listens for requests.
    pub listening: Option<SimTime>,
    /// How well it was connected last.
    pub status: Status,
    /// The addresses that it was seen under by others, as far as they agree: IPv4, then IPv6.
    pub public_addresses: Vec<IpAddr>,
    /// What it sent, the discovery on the LAN included.
    pub sent: Tally,
    /// What it received, the discovery on the LAN included.
    pub received: Tally,
    /// Datagrams in both directions by the kind of message, those that there were; `lan` are those
    /// of the discovery on the LAN.
    pub by_kind: BTreeMap<&'static str, u64>,
    /// Why it could not begin.
    pub failure: Option<String>,
}

/// A node that runs as a task of its own, and those that want something of it.
#[derive(Debug)]
pub(super) struct DeviceNode {
    way: Way,
    port: u16,
    state: Mutex<State>,
    /// There is something to send that no datagram and no timer has led to.
    poked: Notify,
    /// Something has become known that may be waited for.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    node: Option<Node>,
    lan: Option<LanDiscovery>,
    listening: Option<OperationId>,
    /// Who acknowledged what was put, and when.
    stored: BTreeMap<OperationId, Vec<(SimTime, SocketAddr)>>,
    online: Option<SimTime>,
    bootstrapped: Option<SimTime>,
    heard_as_listener: Option<SimTime>,
    /// What the discovery on the LAN has sent and received.
    of_lan: [Tally; 2],
    failure: Option<String>,
    is_closed: bool,
}

impl DeviceNode {
    pub(super) fn new(way: Way, port: u16) -> Self {
        let (state, poked, changed) = (Mutex::default(), Notify::new(), Notify::new());
        Self { way, port, state, poked, changed }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn report(&self) -> NodeReport {
        let state = self.state();
        let node = state.node.as_ref();
        let traffic = node.map(|node| *node.traffic()).unwrap_or_default();
        let [lan_sent, lan_received] = state.of_lan;
        let count = |kind| (traffic.sent.of(kind).datagrams, traffic.received.of(kind).datagrams);
        let mut by_kind: BTreeMap<_, _> = MessageKind::ALL
            .into_iter()
            .map(|kind| (kind.name(), count(kind).0 + count(kind).1))
            .collect();
        by_kind.insert("lan", lan_sent.datagrams + lan_received.datagrams);
        by_kind.retain(|_, count| *count > 0);
        let public = |node: &Node| [true, false].map(|is_ipv4| node.public_address(is_ipv4));
        NodeReport {
            way: self.way,
            online: state.online,
            bootstrapped: state.bootstrapped,
            listening: state.heard_as_listener,
            status: node.map_or(Status::Disconnected, Node::status),
            public_addresses: node.map(public).into_iter().flatten().flatten().collect(),
            sent: sum(traffic.sent.total(), lan_sent),
            received: sum(traffic.received.total(), lan_received),
            by_kind,
            failure: state.failure.clone(),
        }
    }

    /// Puts a value; `None` before the node has begun.
    pub(super) fn put(
        &self,
        now: SimTime,
        to: &PublicIdentity,
        value: Value,
    ) -> Option<OperationId> {
        let mut state = self.state();
        let key = ConnectionRequest::key_of(to);
        let operation = state.node.as_mut()?.put(now, key, value, false);
        drop(state);
        self.poked.notify_one();
        Some(operation)
    }

    /// Waits until a node has acknowledged what was put, and returns when.
    pub(super) async fn stored(&self, operation: OperationId) -> SimTime {
        loop {
            let changed = self.changed.notified();
            if let Some((at, _)) = self.stored_at(operation).first() {
                return *at;
            }
            changed.await;
        }
    }

    /// Returns who has acknowledged what was put, and when.
    pub(super) fn stored_at(&self, operation: OperationId) -> Vec<(SimTime, SocketAddr)> {
        self.state().stored.get(&operation).cloned().unwrap_or_default()
    }

    /// Lets the task end.
    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.poked.notify_one();
    }
}

/// What the task of a node needs.
pub(super) struct NodeTask {
    pub(super) handle: Handle,
    pub(super) host: Host,
    pub(super) online: SimTime,
    /// When the host has another network, or its old one again; ascending.
    pub(super) network_changes: Vec<SimTime>,
    pub(super) config: NodeConfig,
    pub(super) seed: Seed,
    pub(super) identity: Arc<Identity>,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) node: Arc<DeviceNode>,
}

impl NodeTask {
    /// Runs the node from its time on until it is closed.
    pub(super) async fn run(self) {
        tokio::select! { biased;
            () = self.handle.sleep_until(self.online) => {}
            () = self.until_closed() => return,
        }
        if let Err(error) = self.serve().await {
            let failure = format!("a DHT node cannot use port {}: {error}", self.node.port);
            self.node.state().failure = Some(failure);
        }
    }

    async fn until_closed(&self) {
        while !self.node.state().is_closed {
            self.node.poked.notified().await;
        }
    }

    async fn serve(&self) -> io::Result<()> {
        let mut dht = Sockets::bind(&self.host, self.node.port)?;
        let mut lan = None;
        if self.node.way == Way::Lan {
            let sockets = Sockets::bind(&self.host, Announcement::PORT)?;
            sockets.join(&LanDiscovery::groups())?;
            lan = Some(sockets);
        }
        self.begin();
        let begun = self.handle.now();
        let later = self.network_changes.iter().copied().filter(|change| *change > begun);
        let mut changes = later.peekable();
        loop {
            while changes.next_if(|at| *at <= self.handle.now()).is_some() {
                self.change_network();
            }
            let Some(next) = self.turn(&mut dht, lan.as_mut()) else { return Ok(()) };
            let next = changes.peek().map_or(next, |change| next.min(*change));
            let arrived = poll_fn(|cx| {
                if let Poll::Ready(arrived) = dht.poll_receive(cx) {
                    return Poll::Ready((false, arrived));
                }
                let Some(lan) = &mut lan else { return Poll::Pending };
                lan.poll_receive(cx).map(|arrived| (true, arrived))
            });
            tokio::select! { biased;
                (is_lan, arrived) = arrived => {
                    let mut state = self.node.state();
                    let (now, from) = (self.handle.now(), arrived.remote.into());
                    let State { node, lan, .. } = &mut *state;
                    match (is_lan, node, lan) {
                        (false, Some(node), _) => node.handle_datagram(now, from, &arrived.payload),
                        (true, _, Some(lan)) => lan.handle_datagram(from, &arrived.payload),
                        _ => {}
                    }
                }
                () = self.node.poked.notified() => {}
                () = self.handle.sleep_until(next) => {}
            }
        }
    }

    /// Makes the node, which listens for requests from the start.
    fn begin(&self) {
        let now = self.handle.now();
        let mut node = Node::new(now, self.config.clone(), self.seed);
        let key = ConnectionRequest::key_of(self.identity.public());
        let mut state = self.node.state();
        state.listening = Some(node.listen(now, key));
        if self.node.way == Way::Lan {
            state.lan = Some(LanDiscovery::new(LanConfig {
                id: node.id(),
                port: self.node.port,
                network: self.config.network,
                publishes: true,
                discovers: true,
                repeats: true,
            }));
        }
        state.node = Some(node);
        state.online = Some(now);
    }

    /// Begins anew in another network.
    fn change_network(&self) {
        let now = self.handle.now();
        let mut state = self.node.state();
        let State { node, lan, .. } = &mut *state;
        if let Some(node) = node {
            node.connectivity_changed(now);
        }
        if let Some(lan) = lan {
            lan.connectivity_changed(now);
        }
    }

    /// Does what is due, sends what there is to send, and says when to come back; `None` when the
    /// node was closed.
    fn turn(&self, dht: &mut Sockets, lan_sockets: Option<&mut Sockets>) -> Option<SimTime> {
        let now = self.handle.now();
        let mut state = self.node.state();
        let State { node, lan, of_lan, is_closed, .. } = &mut *state;
        let node = node.as_mut().filter(|_| !*is_closed)?;
        let mut next = SimTime::MAX;
        if let (Some(lan), Some(sockets)) = (lan, lan_sockets) {
            lan.handle_timeout(now);
            while let Some(contact) = lan.poll_found() {
                node.insert(now, contact);
            }
            while let Some((to, datagram)) = lan.poll_transmit() {
                sockets.send(to, datagram);
            }
            *of_lan = [sockets.sent, sockets.received];
            next = lan.poll_timeout().unwrap_or(next);
        }
        node.handle_timeout(now);
        while let Some((to, datagram)) = node.poll_transmit() {
            dht.send(to, datagram);
        }
        next = next.min(node.poll_timeout());
        let events: Vec<_> = std::iter::from_fn(|| node.poll_event()).collect();
        for event in events {
            self.note(&mut state, now, event);
        }
        Some(next)
    }

    fn note(&self, state: &mut State, now: SimTime, event: Event) {
        match event {
            Event::Status(Status::Connected) => {
                state.bootstrapped.get_or_insert(now);
            }
            Event::Listening(operation) if state.listening == Some(operation) => {
                state.heard_as_listener.get_or_insert(now);
            }
            Event::Stored(operation, at) => {
                state.stored.entry(operation).or_default().push((now, at));
            }
            Event::Value(operation, value, _) if state.listening == Some(operation) => {
                if let Some(opened) = offer::open(&value, &self.identity) {
                    let way = self.node.way;
                    self.mailbox.deliver(Incoming { at: now, way, opened });
                }
            }
            _ => return,
        }
        self.node.changed.notify_waiters();
    }
}

fn sum(one: Tally, other: Tally) -> Tally {
    Tally { datagrams: one.datagrams + other.datagrams, bytes: one.bytes + other.bytes }
}
