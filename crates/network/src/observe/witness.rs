//! Which way the payload of a session went, as the network saw it.

use natbed_packet::{Body, Packet};
use natbed_units::{LookupMap, SimTime};

use super::tcp_watch::TcpPairs;
use super::turn_frame::{Framing, unwrap};
use crate::id::HostId;
use crate::observer::{Hop, Observer, Origin, Step};

/// The first eight bytes of every payload datagram of one load of one session.
///
/// Its first byte lies above what STUN, DTLS and TURN channels use (RFC 7983), so that no stack
/// takes it for one of theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PayloadTag([u8; 8]);

impl PayloadTag {
    /// Makes the tag of the first load of the session with the given number.
    #[must_use]
    pub const fn new(session: u32) -> Self {
        let n = session.to_be_bytes();
        Self([0xEC, b'n', b'b', 0, n[0], n[1], n[2], n[3]])
    }

    /// Returns the tag of the load with this number in the same session, from zero.
    #[must_use]
    pub const fn with_load(self, load: u8) -> Self {
        let [a, b, c, _, d, e, f, g] = self.0;
        Self([a, b, c, load, d, e, f, g])
    }

    /// Returns the tag that a datagram begins with, whether anything is watched by it or not.
    #[must_use]
    pub fn of(datagram: &[u8]) -> Option<Self> {
        datagram
            .first_chunk()
            .filter(|bytes| bytes.starts_with(&[0xEC, b'n', b'b']))
            .copied()
            .map(Self)
    }

    /// Returns the load's number in its session.
    #[must_use]
    pub const fn load(self) -> u8 {
        self.0[3]
    }

    /// Returns the session's number.
    #[must_use]
    pub const fn session(self) -> u32 {
        self.key() as u32
    }

    /// The tag as a number.
    #[inline]
    pub(crate) const fn key(self) -> u64 {
        u64::from_be_bytes(self.0)
    }

    /// What all loads of a session have in common, as a number.
    pub(crate) const fn session_key(self) -> u64 {
        self.with_load(0).key()
    }

    /// Returns the bytes that a payload datagram begins with.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

/// The way that a payload datagram took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Route {
    /// From peer to peer without crossing a router.
    Lan,
    /// From peer to peer, through routers.
    Direct,
    /// Through a third host.
    Relay,
}

/// What was seen of the payload of one session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sighting {
    /// Datagrams that arrived without leaving the LAN.
    pub lan: u64,
    /// Datagrams that arrived end to end through routers.
    pub direct: u64,
    /// Datagrams that arrived through a relay.
    pub relay: u64,
    /// When the first one arrived.
    pub first: Option<SimTime>,
    /// The way of the last one.
    pub last: Option<Route>,
}

/// The way of payload toward one host, from this datagram on until the next change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteChange {
    /// When the first datagram that had taken it arrived.
    pub at: SimTime,
    /// The host it arrived at.
    pub to: HostId,
    /// The way.
    pub route: Route,
}

/// The most changes of the way that are kept of a session; those after them are not.
const ROUTE_CHANGES_MAX: usize = 65_536;

#[derive(Clone, Debug)]
struct Watched {
    peers: [HostId; 2],
    sighting: Sighting,
    /// The way of the last datagram to each peer.
    last: [Option<Route>; 2],
    changes: Vec<RouteChange>,
}

/// Decides for each session whether its payload went over the LAN, end to end, or through a relay.
///
/// It looks at delivered packets only, at who made them and whether they crossed a router, and
/// never at what an agent reports (law 8 of the design). A datagram counts as relayed when its
/// maker is not the other peer, or when it arrives in a TURN frame.
#[derive(Clone, Debug, Default)]
pub struct Witness {
    sessions: LookupMap<u64, Watched>,
    /// Sessions over TCP, by their keys.
    tcp: TcpPairs<u64>,
}

impl Witness {
    /// Watches for the payload of the session `tag`, of all its loads, between two hosts.
    pub fn watch(&mut self, tag: PayloadTag, peers: [HostId; 2]) {
        let sighting = Sighting::default();
        let watched = Watched { peers, sighting, last: [None; 2], changes: Vec::new() };
        self.sessions.insert(tag.session_key(), watched);
    }

    /// Watches for the payload of the session `tag` that goes over TCP between two hosts, one of
    /// which listens at `port`.
    ///
    /// Segments carry no tag: those with payload count as datagrams of the session, over the LAN or
    /// direct. Call it again for the port at which a NAT before the listener forwards to it, which
    /// is where its segments seem to come from. Sessions between the same two hosts need ports of
    /// their own.
    pub fn watch_tcp(&mut self, tag: PayloadTag, peers: [HostId; 2], port: u16) {
        if !self.sessions.contains_key(&tag.session_key()) {
            self.watch(tag, peers);
        }
        self.tcp.watch(peers, port, tag.session_key());
    }

    /// Returns what was seen of a session; `None` if it is not watched.
    #[must_use]
    pub fn sighting(&self, tag: PayloadTag) -> Option<Sighting> {
        self.sessions.get(&tag.session_key()).map(|watched| watched.sighting)
    }

    /// Returns which way the payload of a session went from when on, the first datagram to each
    /// host included, in order of time; empty if it is not watched.
    ///
    /// Of a session that keeps changing its way, only the first 65,536 changes.
    #[must_use]
    pub fn route_changes(&self, tag: PayloadTag) -> &[RouteChange] {
        self.sessions.get(&tag.session_key()).map_or(&[], |watched| &watched.changes)
    }
}

impl Observer for Witness {
    #[inline]
    fn observe(&mut self, hop: &Hop<'_>) {
        if let Step::Delivered(host) = hop.step
            && !self.sessions.is_empty()
        {
            self.delivered(hop, host);
        }
    }
}

impl Witness {
    fn delivered(&mut self, hop: &Hop<'_>, host: HostId) {
        let (session, is_framed) = match &hop.packet.body {
            Body::Udp(udp) => {
                let (framing, payload) = unwrap(&udp.payload);
                (PayloadTag::of(payload).map(PayloadTag::session_key), framing != Framing::Bare)
            }
            Body::Tcp(tcp) if !tcp.payload.is_empty() => {
                let Origin::Host(from) = hop.origin else { return };
                (self.tcp.find(from, host, [tcp.source_port, tcp.destination_port]), false)
            }
            _ => return,
        };
        let Some(session) = session else { return };
        let Some(watched) = self.sessions.get_mut(&session) else { return };
        let (other, place) = match watched.peers {
            [a, b] if host == b => (a, 1),
            [a, b] if host == a => (b, 0),
            _ => return, // on its way through a relay
        };
        let sighting = &mut watched.sighting;
        let route = if is_framed || hop.origin != Origin::Host(other) {
            sighting.relay += 1;
            Route::Relay
        } else if hop.packet.ttl == Packet::DEFAULT_TTL {
            sighting.lan += 1;
            Route::Lan
        } else {
            sighting.direct += 1;
            Route::Direct
        };
        sighting.first.get_or_insert(hop.at);
        sighting.last = Some(route);
        if watched.last[place].replace(route) != Some(route)
            && watched.changes.len() < ROUTE_CHANGES_MAX
        {
            watched.changes.push(RouteChange { at: hop.at, to: host, route });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::PayloadTag;

    #[test]
    fn the_loads_of_a_session_have_tags_of_their_own() {
        let tag = PayloadTag::new(0x0102_0304);
        let third = tag.with_load(3);
        assert_eq!((tag.load(), third.load()), (0, 3));
        assert_eq!(third.session_key(), tag.session_key());
        assert_ne!(third.session_key(), PayloadTag::new(1).session_key());
        assert_eq!(PayloadTag::of(&[third.as_bytes(), &b"payload"[..]].concat()), Some(third));
        assert_eq!(PayloadTag::of(b"\x00\x01 STUN, say"), None);
    }
}
