//! Following packets of loads from host to host.

use natbed_packet::{Body, DropReason, Packet, Tcp, Udp};
use natbed_units::{SimDuration, SimTime};

use super::relays::AtRelay;
use super::tcp::Sender;
use super::{Accounting, Flight, Load, WireBytes};
use crate::id::{HostId, PipeId, Place};
use crate::observe::PayloadTag;
use crate::observe::turn_frame::{Framing, Message, unwrap};
use crate::observer::{Hop, Observer, Origin, Step};

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
        let flight = Flight {
            load,
            direction: direction as u8,
            is_rest: false,
            entered: Flight::NOWHERE,
            sent: hop.at,
        };
        self.flights.insert(hop.id, flight);
    }

    fn segment_sent(&mut self, hop: &Hop<'_>, host: HostId, load: u32) {
        let watched = &mut self.loads[load as usize];
        let Some(direction) = watched.place_of(host) else { return };
        let bytes = watched.bytes(hop.packet, Framing::Bare, &[]);
        watched.send(hop.at, direction, &bytes);
        let flight = Flight {
            load,
            direction: direction as u8,
            is_rest: false,
            entered: Flight::NOWHERE,
            sent: hop.at,
        };
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

impl Accounting {
    fn follow(&mut self, hop: &Hop<'_>) {
        match hop.step {
            Step::Sent => self.sent(hop),
            Step::Entered(pipe) => {
                if let Some(flight) = self.flights.get_mut(&hop.id) {
                    let bytes = hop.packet.wire_len().bytes();
                    let direction = usize::from(flight.direction);
                    flight.entered = (hop.at, self.ways.enter(flight.load, direction, pipe, bytes));
                }
            }
            Step::Left(_) | Step::Translated(..) => {}
            Step::Made(of) => self.made(hop, of),
            Step::Joined(_) | Step::Taken(_) => {
                self.flights.remove(&hop.id);
            }
            Step::Dropped(place, reason) => self.lost(hop, (reason, place)),
            Step::Delivered(host) => self.delivered(hop, host),
            Step::Refused(host, reason) => self.refused(hop, host, (reason, Place::Host(host))),
        }
    }
}

impl Observer for Accounting {
    #[inline]
    fn observe(&mut self, hop: &Hop<'_>) {
        if !self.loads.is_empty() {
            self.follow(hop);
        }
    }

    #[inline]
    fn queued(&mut self, pipe: PipeId, id: u64, packet: &Packet, wait: SimDuration) {
        if self.loads.is_empty() {
            return;
        }
        let before = self.ways.take(pipe, || packet.wire_len().bytes());
        if let Some(flight) = self.flights.get(&id) {
            self.ways.wait(flight.entered, pipe, wait, before);
        }
    }

    fn lost_in_pipe(&mut self, pipe: PipeId, id: u64, reason: DropReason) {
        if let Some(flight) = self.flights.get(&id) {
            self.ways.lose(flight.load, pipe, reason);
        }
    }
}
