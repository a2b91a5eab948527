//! What the bytes of each load cost on the wire.

mod account;
mod control;
mod histogram;
mod pipes;
mod relays;
mod series;
mod tcp;

use natbed_packet::{Body, DropReason, Packet, Tcp, Udp};
use natbed_units::{LookupMap, Rate, SimDuration, SimTime};

pub use account::{DirectionAccount, LoadAccount, WireBytes};
pub use control::ControlBill;
pub use histogram::{Histogram, Quantiles};
pub use pipes::PipeAccount;
pub use relays::{Carried, RelayBill};
pub use series::{SERIES_MAX, Series};

use account::Direction;
use control::Control;
use pipes::Ways;
use relays::{AtRelay, Inside, Relays};
use tcp::{Sender, TcpFlows};

use super::PayloadTag;
use super::turn_frame::{Framing, Message, unwrap};
use crate::id::{HostId, PipeId, Place};
use crate::observer::{Hop, Observer, Origin, Step};

/// How a load's datagrams look, and what is wanted of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadWatch {
    /// Whether the virtual time of sending stands behind the tag of each datagram: nanoseconds in
    /// eight bytes, big-endian. Without meaning for TCP, whose segments have neither.
    pub is_stamped: bool,
    /// The length of the intervals that arrivals are counted by; `None` keeps no series.
    pub interval: Option<SimDuration>,
}

/// Accounts for the payload of loads: what was sent, what arrived, what was lost where, how long it
/// took, which pipes it went through, and what relays had to carry.
///
/// A load's datagrams are known by their [`PayloadTag`], bare or in TURN frames, and each is
/// followed from host to host by its number in the run. Whatever a run's length, it keeps: for each
/// load the histograms and series of two directions, for each pipe on its way a histogram, and an
/// entry for each of its packets that is in flight.
#[derive(Clone, Debug, Default)]
pub struct Accounting {
    loads: Vec<Load>,
    by_tag: LookupMap<u64, u32>,
    /// By host: whether it is a peer of a load.
    peers: Vec<bool>,
    tcp: TcpFlows,
    /// The packets on their way, by number.
    flights: LookupMap<u64, Flight>,
    inside: Inside,
    ways: Ways,
    relays: Relays,
    control: Control,
}

#[derive(Clone, Debug)]
struct Load {
    tag: PayloadTag,
    peers: [HostId; 2],
    /// Bytes in front of the transport's own.
    shim: u64,
    is_stamped: bool,
    directions: [Direction; 2],
}

/// A packet of a load on its way.
#[derive(Clone, Copy, Debug)]
struct Flight {
    load: u32,
    direction: u8,
    /// A fragment that is not the first: its datagram is counted by that.
    is_rest: bool,
    sent: SimTime,
}

impl Load {
    fn place_of(&self, host: HostId) -> Option<usize> {
        self.peers.iter().position(|peer| *peer == host)
    }

    /// The number that its session's loads have in common.
    fn session(&self) -> u32 {
        self.tag.session()
    }

    fn bytes(&self, packet: &Packet, framing: Framing, inner: &[u8]) -> WireBytes {
        WireBytes::of(packet, framing, inner.len(), self.shim)
    }

    /// How long ago a datagram says that it was sent.
    fn delay(&self, now: SimTime, inner: &[u8]) -> Option<SimDuration> {
        let stamp = inner.get(8..16).filter(|_| self.is_stamped)?.first_chunk()?;
        let sent = SimTime::from_nanos(u64::from_be_bytes(*stamp));
        (sent <= now).then(|| now.saturating_since(sent))
    }

    fn send(&mut self, now: SimTime, direction: usize, bytes: &WireBytes) {
        if self.directions.iter().all(|d| d.account.sending.is_none()) {
            for direction in &mut self.directions {
                direction.account.series.start = now;
            }
        }
        self.directions[direction].send(now, bytes);
    }
}

impl Accounting {
    /// Watches the datagrams that begin with a tag, between two hosts.
    ///
    /// A tag that is watched already starts anew; packets on their way are not counted then.
    pub fn watch(&mut self, tag: PayloadTag, peers: [HostId; 2], watch: LoadWatch) {
        let shim = if watch.is_stamped { 16 } else { 8 };
        let load = self.add(tag, peers, shim, watch);
        self.by_tag.insert(tag.key(), load);
    }

    /// Watches the TCP segments between two hosts, one of which listens at a port; without tag.
    ///
    /// The tag only names the load. The port is that which segments arrive with at the listener and
    /// which the other side sends to: a NAT between them may not give it another one. Loads between
    /// the same two hosts need ports of their own. A host may listen at one port for many loads,
    /// and send to the same port of many hosts; the segments of a connection are then counted from
    /// the first that arrives.
    pub fn watch_tcp(&mut self, tag: PayloadTag, peers: [HostId; 2], port: u16, watch: LoadWatch) {
        let load = self.add(tag, peers, 0, LoadWatch { is_stamped: false, ..watch });
        self.by_tag.insert(tag.key(), load);
        self.tcp.watch(peers, port, load);
    }

    fn add(&mut self, tag: PayloadTag, peers: [HostId; 2], shim: u64, watch: LoadWatch) -> u32 {
        let interval = watch.interval.unwrap_or_default();
        let directions = [Direction::new(interval), Direction::new(interval)];
        let is_stamped = watch.is_stamped;
        self.loads.push(Load { tag, peers, shim, is_stamped, directions });
        for peer in peers {
            if peer.index() >= self.peers.len() {
                self.peers.resize(peer.index() + 1, false);
            }
            self.peers[peer.index()] = true;
        }
        (self.loads.len() - 1) as u32
    }

    /// Returns what a load has cost so far; `None` if it is not watched.
    #[must_use]
    pub fn account(&self, tag: PayloadTag) -> Option<LoadAccount> {
        let load = &self.loads[*self.by_tag.get(&tag.key())? as usize];
        let [there, back] = &load.directions;
        let directions = [there.account(), back.account()];
        Some(LoadAccount { tag, peers: load.peers, directions })
    }

    /// Returns the pipes that packets of a load went through, in the order of their numbers; empty
    /// if it is not watched.
    ///
    /// `rate_of` says what rate a pipe has ([`PipeAccount::rate`]).
    #[must_use]
    pub fn pipes(
        &self,
        tag: PayloadTag,
        rate_of: impl FnMut(PipeId) -> Option<Rate>,
    ) -> Vec<PipeAccount> {
        let load = self.by_tag.get(&tag.key());
        load.map(|load| self.ways.accounts(*load, rate_of)).unwrap_or_default()
    }

    /// Returns what each relay carried, in the order of hosts.
    #[must_use]
    pub fn relays(&self) -> Vec<RelayBill> {
        self.relays.bills()
    }

    /// Returns the STUN messages from and to the peers of loads, in the order of senders and then
    /// of receivers.
    #[must_use]
    pub fn control(&self) -> Vec<ControlBill> {
        self.control.bills()
    }

    fn is_peer(&self, host: HostId) -> bool {
        self.peers.get(host.index()).is_some_and(|is_peer| *is_peer)
    }

    /// The load that a datagram is of.
    #[inline]
    fn load_of(&self, inner: &[u8]) -> Option<u32> {
        self.by_tag.get(&PayloadTag::of(inner)?.key()).copied()
    }

    fn sent(&mut self, hop: &Hop<'_>) {
        let Origin::Host(host) = hop.origin else { return };
        match &hop.packet.body {
            Body::Udp(udp) => self.datagram_sent(hop, host, udp),
            Body::Tcp(tcp) => match self.tcp.sender(host, hop.packet, tcp) {
                Sender::Nobody => {}
                Sender::Load(load) => self.segment_sent(hop, host, load),
                Sender::OneOf(flow) => self.tcp.keep(hop.at, hop.id, flow),
            },
            Body::Icmp(_) | Body::Fragment(_) => {}
        }
    }

    fn datagram_sent(&mut self, hop: &Hop<'_>, host: HostId, udp: &Udp) {
        let (framing, inner) = unwrap(&udp.payload);
        let Some(load) = self.load_of(inner) else {
            if self.is_peer(host) && is_control(&udp.payload, inner) {
                self.control.count(host, None, hop.packet.wire_len().bytes());
            }
            return;
        };
        let watched = &mut self.loads[load as usize];
        let bytes = watched.bytes(hop.packet, framing, inner);
        let direction = match watched.place_of(host) {
            Some(direction) => {
                watched.send(hop.at, direction, &bytes);
                direction
            }
            None => {
                let session = watched.session();
                let (payload, wire) = (inner.len() as u64, bytes.wire);
                self.relays.send(hop.at, AtRelay { host, session, payload, wire });
                let Some(direction) = self.inside.take(host, load, inner) else { return };
                let account = &mut watched.directions[direction].account;
                account.at_relay -= 1;
                account.in_flight += 1;
                direction
            }
        };
        let flight = Flight { load, direction: direction as u8, is_rest: false, sent: hop.at };
        self.flights.insert(hop.id, flight);
    }

    fn segment_sent(&mut self, hop: &Hop<'_>, host: HostId, load: u32) {
        let watched = &mut self.loads[load as usize];
        let Some(direction) = watched.place_of(host) else { return };
        let bytes = watched.bytes(hop.packet, Framing::Bare, &[]);
        watched.send(hop.at, direction, &bytes);
        let flight = Flight { load, direction: direction as u8, is_rest: false, sent: hop.at };
        self.flights.insert(hop.id, flight);
    }

    fn delivered(&mut self, hop: &Hop<'_>, host: HostId) {
        let flight = self.flights.remove(&hop.id);
        let Origin::Host(from) = hop.origin else { return };
        match &hop.packet.body {
            Body::Udp(udp) => self.datagram_delivered(hop, host, udp, flight),
            Body::Tcp(tcp) => self.segment_delivered(hop, from, host, tcp, flight),
            Body::Icmp(_) | Body::Fragment(_) => {}
        }
    }

    fn datagram_delivered(
        &mut self,
        hop: &Hop<'_>,
        host: HostId,
        udp: &Udp,
        flight: Option<Flight>,
    ) {
        let (framing, inner) = unwrap(&udp.payload);
        let load = flight.map(|flight| flight.load).or_else(|| self.load_of(inner));
        let Some(load) = load else {
            if let Origin::Host(from) = hop.origin
                && (self.is_peer(from) || self.is_peer(host))
                && is_control(&udp.payload, inner)
            {
                self.control.count(from, Some(host), hop.packet.wire_len().bytes());
            }
            return;
        };
        let watched = &mut self.loads[load as usize];
        let bytes = watched.bytes(hop.packet, framing, inner);
        let place = watched.place_of(host);
        let toward = flight.map(|flight| usize::from(flight.direction));
        let toward = toward.or_else(|| place.map(|place| 1 - place));
        if let (Some(direction), Some(place)) = (toward, place)
            && place != direction
        {
            let delay = watched.delay(hop.at, inner);
            let direction = &mut watched.directions[direction];
            direction.deliver(hop.at, &bytes, delay);
            match flight {
                Some(_) => direction.account.in_flight -= 1,
                None => direction.account.made += 1,
            }
            return;
        }
        if place.is_none() {
            let (session, payload, wire) = (watched.session(), inner.len() as u64, bytes.wire);
            self.relays.receive(hop.at, AtRelay { host, session, payload, wire });
        }
        if let (Some(direction), Some(_)) = (toward, flight) {
            let account = &mut watched.directions[direction].account;
            account.in_flight -= 1;
            account.at_relay += 1;
            self.inside.put(host, load, inner, direction);
        }
    }

    fn segment_delivered(
        &mut self,
        hop: &Hop<'_>,
        from: HostId,
        host: HostId,
        tcp: &Tcp,
        flight: Option<Flight>,
    ) {
        let (load, sent) = match flight {
            Some(Flight { load, sent, .. }) => (load, sent),
            None => {
                let Some((load, sent)) = self.tcp.decide(hop.id, from, host, tcp) else { return };
                let watched = &mut self.loads[load as usize];
                let Some(direction) = watched.place_of(from) else { return };
                let bytes = watched.bytes(hop.packet, Framing::Bare, &[]);
                watched.send(sent, direction, &bytes);
                (load, sent)
            }
        };
        let watched = &mut self.loads[load as usize];
        let Some(place) = watched.place_of(from) else { return };
        let bytes = watched.bytes(hop.packet, Framing::Bare, &[]);
        let is_the_other = watched.peers[1 - place] == host;
        let direction = &mut watched.directions[place];
        direction.account.in_flight -= 1;
        if is_the_other {
            self.tcp.learn(host, hop.packet, tcp, load);
            let has_payload = !tcp.payload.is_empty();
            let delay = has_payload.then(|| hop.at.saturating_since(sent));
            direction.deliver(hop.at, &bytes, delay);
        } else {
            // It went to somebody else at the same port, so it is not one of the load's.
            direction.account.sent.take_back(&bytes);
        }
    }

    fn refused(&mut self, hop: &Hop<'_>, host: HostId, loss: (DropReason, Place)) {
        let Origin::Host(from) = hop.origin else { return };
        let (framing, inner, load) = match &hop.packet.body {
            Body::Udp(udp) => {
                let (framing, inner) = unwrap(&udp.payload);
                (framing, inner, self.load_of(inner))
            }
            Body::Tcp(tcp) => {
                (Framing::Bare, &[][..], self.tcp.receiver(from, host, hop.packet, tcp))
            }
            Body::Icmp(_) | Body::Fragment(_) => return,
        };
        let Some(load) = load else { return };
        let watched = &mut self.loads[load as usize];
        let direction = match watched.place_of(host) {
            Some(place) if from != host => {
                let bytes = watched.bytes(hop.packet, framing, inner);
                watched.directions[1 - place].give_back(hop.at, &bytes);
                1 - place
            }
            _ => {
                let Some(direction) = self.inside.take(host, load, inner) else { return };
                watched.directions[direction].account.at_relay -= 1;
                direction
            }
        };
        watched.directions[direction].lose(loss);
    }

    /// The network has made one packet of another: a fragment or a copy.
    fn made(&mut self, hop: &Hop<'_>, of: u64) {
        let Some(&flight) = self.flights.get(&of) else { return };
        let is_rest = matches!(&hop.packet.body, Body::Fragment(part) if part.offset > 0);
        let direction = usize::from(flight.direction);
        let account = &mut self.loads[flight.load as usize].directions[direction].account;
        if is_rest {
            account.fragments += 1;
        } else {
            account.made += 1;
            account.in_flight += 1;
        }
        self.flights.insert(hop.id, Flight { is_rest, ..flight });
    }

    fn lost(&mut self, hop: &Hop<'_>, loss: (DropReason, Place)) {
        let Some(flight) = self.flights.remove(&hop.id) else {
            self.tcp.forget(hop.id);
            return;
        };
        if !flight.is_rest {
            let load = &mut self.loads[flight.load as usize];
            let direction = &mut load.directions[usize::from(flight.direction)];
            direction.account.in_flight -= 1;
            direction.lose(loss);
        }
    }
}

/// Says whether a datagram is a STUN message, or a TURN frame with one in it.
#[inline]
fn is_control(datagram: &[u8], inner: &[u8]) -> bool {
    Message::of(inner).is_some() || Message::of(datagram).is_some()
}

impl Observer for Accounting {
    fn observe(&mut self, hop: &Hop<'_>) {
        if self.loads.is_empty() {
            return;
        }
        match hop.step {
            Step::Sent => self.sent(hop),
            Step::Entered(pipe) => {
                if let Some(flight) = self.flights.get(&hop.id) {
                    let bytes = hop.packet.wire_len().bytes();
                    self.ways.enter(flight.load, flight.direction.into(), pipe, bytes);
                }
            }
            Step::Left(pipe) => {
                self.ways.pass(pipe, || hop.packet.wire_len().bytes());
                if let Some(flight) = self.flights.get(&hop.id) {
                    self.ways.leave(hop.at, flight.load, pipe);
                }
            }
            Step::Translated(..) => {}
            Step::Made(of) => self.made(hop, of),
            Step::Joined(_) => {
                self.flights.remove(&hop.id);
            }
            Step::Dropped(place, reason) => self.lost(hop, (reason, place)),
            Step::Delivered(host) => self.delivered(hop, host),
            Step::Taken(_) => {
                self.flights.remove(&hop.id);
            }
            Step::Refused(host, reason) => self.refused(hop, host, (reason, Place::Host(host))),
        }
    }

    #[inline]
    fn queued(&mut self, pipe: PipeId, id: u64, _: &Packet, wait: SimDuration) {
        if let Some(flight) = self.flights.get(&id) {
            self.ways.wait(flight.load, pipe, wait);
        }
    }

    fn lost_in_pipe(&mut self, pipe: PipeId, id: u64, reason: DropReason) {
        if let Some(flight) = self.flights.get(&id) {
            self.ways.lose(flight.load, pipe, reason);
        }
    }
}
