//! Who saw whose address, and whose payload.

mod addresses;
mod session;

use std::net::IpAddr;

use natbed_packet::Body;
use natbed_units::LookupMap;

pub use session::{LedgerNode, LedgerRow, SEEN_MAX, Seen};

use addresses::Owners;
use session::Session;

use super::PayloadTag;
use super::tcp_watch::{TcpPairs, key};
use super::turn_frame::{Message, Told, unwrap};
use crate::id::HostId;
use crate::observer::{Hop, Observer, Origin, Roaming, Step};

/// Keeps account of which node learnt which address of which peer, session by session, and whose
/// hands the payload went through.
///
/// Nodes are the peers, the servers of a session, any host its payload came to, and the rendezvous.
/// Gateways and the core are left out: they see the addresses and the payload of all that goes
/// through them, and a NAT sees both sides of it.
///
/// A node learns an address of a peer
/// - from a packet: the source address of any packet of the peer's that is delivered to the node.
///   The network knows who made a packet, so the outside address of a NAT counts as an address of
///   the peer behind it.
/// - from a message: XOR-PEER-ADDRESS in what a TURN client and its server say to each other
///   (CreatePermission, ChannelBind, Send and Data indications: RFC 8656), and the mapped addresses
///   in STUN messages that a relay is given to forward. Whose address that is, is known from
///   [`Ledger::know`] and from packets seen before; an address that neither knows (such as that of
///   a relay) is left out. Of an address that both peers have, as behind one NAT, it is the other
///   peer's that is told of.
/// - by being told outside of the network: see [`Ledger::tell`].
///
/// Packets between a peer and a server count for all sessions of that peer which name the server,
/// and what a server tells a peer of an address for all sessions of it whose other peer has that.
/// Memory is bounded: at most [`SEEN_MAX`] addresses of each peer for each node of a session.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    sessions: Vec<Session>,
    by_key: LookupMap<u64, u32>,
    /// The sessions between two hosts.
    pairs: LookupMap<u64, Vec<u32>>,
    /// By host: the sessions that it is a peer of.
    of_host: Vec<Vec<u32>>,
    tcp: TcpPairs<u32>,
    owners: Owners,
}

impl Ledger {
    /// Watches a session between two hosts, which uses the given servers (STUN, TURN).
    ///
    /// A host that is none of these, but that payload of the session comes to, counts as a server
    /// from then on.
    ///
    /// The tag is that of any load of the session. A session that is watched already starts anew.
    pub fn watch(&mut self, tag: PayloadTag, peers: [HostId; 2], servers: &[HostId]) {
        let number = self.sessions.len() as u32;
        self.sessions.push(Session::new(peers, servers));
        let [a, b] = peers;
        if let Some(old) = self.by_key.insert(tag.session_key(), number) {
            let [a, b] = self.sessions[old as usize].peers();
            self.pairs.get_or_insert_with(key(a, b), Vec::new).retain(|n| *n != old);
            self.of_host.iter_mut().for_each(|numbers| numbers.retain(|n| *n != old));
        }
        self.pairs.get_or_insert_with(key(a, b), Vec::new).push(number);
        for peer in peers {
            if peer.index() >= self.of_host.len() {
                self.of_host.resize(peer.index() + 1, Vec::new());
            }
            if !self.of_host[peer.index()].contains(&number) {
                self.of_host[peer.index()].push(number);
            }
        }
    }

    /// Lets TCP segments between two hosts, one of which listens at `port`, count as payload of a
    /// session that is watched. See [`Witness::watch_tcp`](super::Witness::watch_tcp).
    pub fn watch_tcp(&mut self, tag: PayloadTag, peers: [HostId; 2], port: u16) {
        if let Some(&session) = self.by_key.get(&tag.session_key()) {
            self.tcp.watch(peers, port, session);
        }
    }

    /// Takes note that an address is one that a host can be seen under: its own, or an outside
    /// address of a gateway before it. See [`Network::seen_under`](crate::Network::seen_under).
    pub fn know(&mut self, host: HostId, address: IpAddr) {
        self.owners.add(host, address);
    }

    /// Takes note that a node was told an address of a peer outside of the network, as by candidates
    /// that a rendezvous hands over. Without effect if the session is not watched or the peer not
    /// one of it.
    pub fn tell(&mut self, tag: PayloadTag, node: LedgerNode, peer: HostId, address: IpAddr) {
        if let Some(&session) = self.by_key.get(&tag.session_key()) {
            self.owners.add(peer, address);
            self.sessions[session as usize].see(node, peer, address, Seen::told_outside);
        }
    }

    /// Returns what each node of a session knows: the peers, then other hosts, both by number, then
    /// the rendezvous; empty if it is not watched.
    #[must_use]
    pub fn rows(&self, tag: PayloadTag) -> Vec<LedgerRow> {
        let session = self.by_key.get(&tag.session_key());
        session.map(|session| self.sessions[*session as usize].rows()).unwrap_or_default()
    }

    fn sessions_of(&self, host: HostId) -> &[u32] {
        self.of_host.get(host.index()).map_or(&[], Vec::as_slice)
    }

    /// A packet of `from` has reached `to`: its source is an address of `from`.
    fn see_source(&mut self, from: HostId, to: HostId, source: IpAddr) {
        let Self { sessions, of_host, pairs, owners, .. } = self;
        let Some(all) = of_host.get(from.index()).filter(|all| !all.is_empty()) else { return };
        owners.add(from, source);
        if let Some(between) = pairs.get(&key(from, to)) {
            for number in between {
                sessions[*number as usize].see(LedgerNode::Peer(to), from, source, Seen::by_packet);
            }
        }
        for number in all {
            let session = &mut sessions[*number as usize];
            if session.has_server(to) {
                session.see(LedgerNode::Host(to), from, source, Seen::by_packet);
            }
        }
    }

    /// A message tells of an address.
    fn see_told(&mut self, from: Option<HostId>, to: HostId, told: Told, address: IpAddr) {
        // A server learns of the peer that its client wants to reach.
        if let Some(from) = from {
            for n in 0..self.sessions_of(from).len() {
                let number = self.sessions_of(from)[n] as usize;
                let session = &mut self.sessions[number];
                if !session.has_server(to) {
                    continue;
                }
                let owner = [session.other(from), from]
                    .into_iter()
                    .find(|peer| self.owners.has(*peer, address));
                if let Some(owner) = owner {
                    session.see(LedgerNode::Host(to), owner, address, Seen::by_message);
                }
            }
        }
        // A client learns where the peer's data came from; its own mapped address is no news.
        if told == Told::Peer {
            for n in 0..self.sessions_of(to).len() {
                let number = self.sessions_of(to)[n] as usize;
                let session = &mut self.sessions[number];
                let other = session.other(to);
                if self.owners.has(other, address) {
                    session.see(LedgerNode::Peer(to), other, address, Seen::by_message);
                }
            }
        }
    }

    fn read(&mut self, from: Option<HostId>, to: HostId, message: Message<'_>) {
        for (told, address) in message.addresses() {
            self.see_told(from, to, told, address);
        }
    }

    /// A packet of one host has reached another one.
    fn delivered(&mut self, hop: &Hop<'_>, from: HostId, to: HostId) {
        self.see_source(from, to, hop.packet.source);
        match &hop.packet.body {
            Body::Udp(udp) => {
                let (_, inner) = unwrap(&udp.payload);
                let tag = PayloadTag::of(inner);
                if let Some(tag) = tag
                    && let Some(&session) = self.by_key.get(&tag.session_key())
                {
                    self.sessions[session as usize].carry(to, inner.len() as u64);
                }
                if let Some(message) = Message::of(&udp.payload) {
                    self.read(Some(from), to, message);
                }
                if inner.len() < udp.payload.len()
                    && tag.is_none()
                    && let Some(message) = Message::of(inner)
                {
                    self.read(Some(from), to, message);
                }
            }
            Body::Tcp(tcp) if !tcp.payload.is_empty() => {
                let ports = [tcp.source_port, tcp.destination_port];
                if let Some(session) = self.tcp.find(from, to, ports) {
                    self.sessions[session as usize].carry(to, tcp.payload.len() as u64);
                }
            }
            _ => {}
        }
    }
}

impl Observer for Ledger {
    #[inline]
    fn observe(&mut self, hop: &Hop<'_>) {
        if let (Step::Delivered(to), Origin::Host(from)) = (hop.step, hop.origin)
            && !self.sessions.is_empty()
            && from != to
        {
            self.delivered(hop, from, to);
        }
    }

    fn moved(&mut self, roaming: &Roaming<'_>) {
        if !self.sessions_of(roaming.host).is_empty() {
            self.owners.add(roaming.host, roaming.address);
        }
    }
}
