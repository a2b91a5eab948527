//! What is known of one session, and by whom.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::id::HostId;

/// The most addresses of one peer that are kept for one node of a session.
pub const SEEN_MAX: usize = 64;

/// Who may come to know of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LedgerNode {
    /// One of the session's peers.
    Peer(HostId),
    /// Another host: a relay, a STUN server.
    Host(HostId),
    /// Who hands candidates and credentials from one peer to the other.
    Rendezvous,
}

/// An address of a peer that a node knows, and how it came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seen {
    /// The address.
    pub address: IpAddr,
    /// It was the source of a packet that was delivered to the node.
    pub by_packet: bool,
    /// A STUN or TURN message that was delivered to the node told of it.
    pub by_message: bool,
    /// The node was told outside of the network.
    pub told_outside: bool,
}

impl Seen {
    const fn new(address: IpAddr) -> Self {
        Self { address, by_packet: false, by_message: false, told_outside: false }
    }

    pub(super) const fn by_packet(&mut self) -> &mut bool {
        &mut self.by_packet
    }

    pub(super) const fn by_message(&mut self) -> &mut bool {
        &mut self.by_message
    }

    pub(super) const fn told_outside(&mut self) -> &mut bool {
        &mut self.told_outside
    }
}

/// What one node knows of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerRow {
    /// The node.
    pub node: LedgerNode,
    /// For each peer, in the session's order, its addresses that the node knows, sorted; a peer's
    /// own are not in its row.
    pub saw: [(HostId, Vec<Seen>); 2],
    /// Whether there were more than [`SEEN_MAX`] addresses of a peer.
    pub is_cut: bool,
    /// Payload datagrams (for TCP: segments with payload) that were delivered to the node, whether or
    /// not it had a taker for them.
    pub payload_datagrams: u64,
    /// Their bytes: the payload tag, the time of sending and the transport's bytes; without headers
    /// and TURN frames.
    pub payload_bytes: u64,
}

#[derive(Clone, Debug)]
struct Knowledge {
    node: LedgerNode,
    saw: [Vec<Seen>; 2],
    is_cut: bool,
    payload_datagrams: u64,
    payload_bytes: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Session {
    peers: [HostId; 2],
    /// Thousands, if there is a swarm of them.
    servers: BTreeSet<HostId>,
    /// A handful, or as many servers as a peer has spoken with.
    nodes: Vec<Knowledge>,
}

impl Session {
    pub(super) fn new(peers: [HostId; 2], servers: &[HostId]) -> Self {
        Self { peers, servers: servers.iter().copied().collect(), nodes: Vec::new() }
    }

    pub(super) const fn peers(&self) -> [HostId; 2] {
        self.peers
    }

    pub(super) fn has_server(&self, host: HostId) -> bool {
        self.servers.contains(&host)
    }

    pub(super) fn other(&self, peer: HostId) -> HostId {
        self.peers[usize::from(self.peers[0] == peer)]
    }

    #[inline]
    fn node(&mut self, node: LedgerNode) -> &mut Knowledge {
        let known = self.nodes.iter().position(|knowledge| knowledge.node == node);
        let place = known.unwrap_or_else(|| {
            let saw = [Vec::new(), Vec::new()];
            let (payload_datagrams, payload_bytes) = (0, 0);
            self.nodes.push(Knowledge {
                node,
                saw,
                is_cut: false,
                payload_datagrams,
                payload_bytes,
            });
            self.nodes.len() - 1
        });
        &mut self.nodes[place]
    }

    /// Takes note of an address of a peer that a node has come to know, and how.
    #[inline]
    pub(super) fn see(
        &mut self,
        node: LedgerNode,
        peer: HostId,
        address: IpAddr,
        how: impl FnOnce(&mut Seen) -> &mut bool,
    ) {
        let Some(place) = self.peers.iter().position(|known| *known == peer) else { return };
        if node == LedgerNode::Peer(peer) {
            return;
        }
        let knowledge = self.node(node);
        let saw = &mut knowledge.saw[place];
        let known = saw.iter().position(|seen| seen.address == address);
        let place = known.unwrap_or(saw.len());
        if place == SEEN_MAX {
            knowledge.is_cut = true;
            return;
        }
        if known.is_none() {
            saw.push(Seen::new(address));
        }
        *how(&mut saw[place]) = true;
    }

    /// Payload has reached a host.
    #[inline]
    pub(super) fn carry(&mut self, host: HostId, bytes: u64) {
        let node = match self.peers.contains(&host) {
            true => LedgerNode::Peer(host),
            false => {
                self.servers.insert(host);
                LedgerNode::Host(host)
            }
        };
        let knowledge = self.node(node);
        knowledge.payload_datagrams += 1;
        knowledge.payload_bytes += bytes;
    }

    pub(super) fn rows(&self) -> Vec<LedgerRow> {
        let mut rows: Vec<_> = self.nodes.iter().map(|knowledge| self.row(knowledge)).collect();
        rows.sort_by_key(|row| row.node);
        rows
    }

    fn row(&self, knowledge: &Knowledge) -> LedgerRow {
        let sorted = |place: usize| {
            let mut seen = knowledge.saw[place].clone();
            seen.sort_unstable();
            (self.peers[place], seen)
        };
        LedgerRow {
            node: knowledge.node,
            saw: [sorted(0), sorted(1)],
            is_cut: knowledge.is_cut,
            payload_datagrams: knowledge.payload_datagrams,
            payload_bytes: knowledge.payload_bytes,
        }
    }
}
