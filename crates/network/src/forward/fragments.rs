//! Packets too long for a link: they are cut, or refused, and put together again.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use natbed_nat::{Fragments, Translator};
use natbed_packet::{Body, DropReason, IcmpErrorKind, Packet};
use natbed_units::{ByteCount, SimTime};

use crate::id::{HostId, PipeId, Place, RouterId};
use crate::network::Network;
use crate::node::{Router, version};
use crate::observer::{Observer, Origin, Step};
use crate::reassembly::{Gathered, NAT64_TIMEOUT, Reassembler, TIMEOUT};
use crate::schedule::Due;
use crate::slab::Slot;

/// What the core says that a packet is too big from: nodes that have no address of their own use
/// the dummy address (RFC 7600 section 4.8), for IPv6 as a NAT64 would show it (RFC 6052).
const CORE_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 0, 8);
const CORE_V6: Ipv6Addr = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0xc000, 0x8);

impl<O: Observer> Network<O> {
    /// Lets a packet that is longer than `mtu` into a pipe in fragments, or refuses it.
    ///
    /// The first fragment keeps the packet's number; the others are packets that the network made.
    #[cold]
    pub(crate) fn cut_or_refuse(
        &mut self,
        now: SimTime,
        slot: Slot,
        pipe: PipeId,
        from: Place,
        mtu: u32,
    ) {
        let flight = self.slab.get(slot);
        let (id, origin, packet) = (flight.id, flight.origin, &flight.packet);
        // Numbered as packets are, so that no two on their way have the same.
        let pieces = match self.may_cut(from, packet) {
            true => packet.fragments(ByteCount::new(mtu.into()), id as u32),
            false => None,
        };
        let Some(pieces) = pieces else { return self.refuse_too_big(now, slot, from, mtu) };
        for (n, piece) in pieces.into_iter().enumerate() {
            let slot = if n == 0 {
                *self.packet_mut(slot) = piece;
                slot
            } else {
                let slot = self.make(piece, origin);
                self.observe(now, slot, Step::Made(id));
                slot
            };
            self.travel_into(now, slot, pipe, from);
        }
    }

    /// Says whether the node that sends from a place may cut a packet.
    ///
    /// Of IPv6 packets hosts cut their own, and gateways those that they made of IPv4 (RFC 7915
    /// section 4).
    fn may_cut(&self, from: Place, packet: &Packet) -> bool {
        let may_router = |id: RouterId| self.routers[id.index()].may_cut(packet);
        match from {
            Place::Host(_) => !packet.dont_fragment,
            Place::RouterInside(id) | Place::RouterOutside(id) => may_router(id),
            Place::Core(_) => !packet.dont_fragment && packet.source.is_ipv4(),
            Place::Lan(..) => self.sender_on_lan(from, packet).is_some_and(may_router),
        }
    }

    /// The gateway for which a LAN sends a packet that came to it through the gateway.
    fn sender_on_lan(&self, place: Place, packet: &Packet) -> Option<RouterId> {
        let Place::Lan(lan, from) = place else { return None };
        let gateway = self.lans[lan.index()].gateways[version(packet.destination)]?;
        (gateway.link == from).then_some(gateway.router)
    }

    /// Drops a packet that is longer than `mtu`, and tells its sender if the node does so.
    pub(crate) fn refuse_too_big(&mut self, now: SimTime, slot: Slot, from: Place, mtu: u32) {
        let router = from.router().or_else(|| self.sender_on_lan(from, self.packet(slot)));
        let tells = match from {
            Place::Host(_) | Place::Core(_) => true,
            _ => router.is_some_and(|id| self.routers[id.index()].icmp_errors),
        };
        if !tells {
            return self.lose(now, slot, from, DropReason::MtuBlackHole);
        }
        let packet = self.packet(slot).clone();
        self.lose(now, slot, from, DropReason::TooBig);
        let kind = IcmpErrorKind::TooBig { mtu: u16::try_from(mtu).unwrap_or(u16::MAX) };
        let (origin, source, at) = match (from, router) {
            (Place::Core(_), _) => {
                let source = match packet.source {
                    IpAddr::V4(_) => IpAddr::V4(CORE_V4),
                    IpAddr::V6(_) => IpAddr::V6(CORE_V6),
                };
                (Origin::Core, source, from)
            }
            (Place::RouterOutside(_), Some(id)) => {
                let Router { outside, outside_link, .. } = self.routers[id.index()];
                if let Some(error) = Packet::icmp_error(outside, kind, &packet) {
                    self.send_answer(now, Origin::Router(id), from, outside_link, error);
                }
                return;
            }
            (Place::RouterInside(_), Some(id)) => {
                let inside = self.inside_toward(id, packet.source);
                if let Some(error) = Packet::icmp_error(inside.address, kind, &packet) {
                    self.send_answer(now, Origin::Router(id), from, inside.link, error);
                }
                return;
            }
            // The packet has been through the gateway, and so has to be what is said about it.
            (Place::Lan(..), Some(id)) => {
                let inside = self.routers[id.index()].inside;
                (Origin::Router(id), inside, Place::RouterInside(id))
            }
            // A host's own software is told without a packet.
            _ => return,
        };
        if let Some(error) = Packet::icmp_error(source, kind, &packet) {
            let slot = self.make(error, origin);
            self.observe(now, slot, Step::Sent);
            self.travel_from(now, slot, at);
        }
    }

    /// Keeps a fragment until its packet is whole, which then stands in the same slot under the
    /// number of the first fragment; `false` while others are missing.
    pub(crate) fn gather(
        &mut self,
        now: SimTime,
        slot: Slot,
        place: Place,
    ) -> Result<bool, DropReason> {
        let packet = &self.slab.get(slot).packet;
        let Body::Fragment(fragment) = &packet.body else { return Ok(true) };
        let (reassembler, due) = match place {
            Place::Host(id) => {
                let host = &mut self.hosts[id.index()];
                let new = || Box::new(Reassembler::new(Fragments::AnyOrder, TIMEOUT));
                (host.reassembler.get_or_insert_with(new), Due::HostFragments(id))
            }
            Place::RouterInside(id) | Place::RouterOutside(id) => {
                let Router { nat, reassembler, .. } = &mut self.routers[id.index()];
                let new = || Box::new(new_reassembler(nat.as_ref()));
                (reassembler.get_or_insert_with(new), Due::RouterFragments(id))
            }
            Place::Lan(..) | Place::Core(_) => return Ok(true),
        };
        if let Some((at, pieces)) = reassembler.pop_surplus(place, packet, fragment) {
            for piece in pieces {
                self.lose(now, piece, at, DropReason::TooManyFragments);
            }
            return self.gather(now, slot, place);
        }
        match reassembler.add(now, place, slot, packet, fragment)? {
            Gathered::Waiting(expires) => {
                if let Some(at) = expires {
                    let sequence = self.schedule.next_sequence();
                    self.schedule.push(at, sequence, due);
                }
                Ok(false)
            }
            Gathered::Complete { whole, first, waited } => {
                self.slab.swap(slot, first);
                let number = self.slab.get(slot).id;
                let mut ecn = self.packet(slot).ecn;
                let mut is_corrupt = self.packet(slot).is_corrupt;
                for piece in waited {
                    let Packet { ecn: other, is_corrupt: also, .. } = *self.packet(piece);
                    ecn = ecn.of_whole(other);
                    is_corrupt |= also;
                    self.observe(now, piece, Step::Joined(number));
                    self.slab.remove(piece);
                }
                // RFC 791 section 3.2: the header is that of the first fragment.
                let packet = self.packet_mut(slot);
                packet.body = whole.body.clone();
                (packet.ecn, packet.is_corrupt) = (ecn, is_corrupt);
                Ok(true)
            }
        }
    }

    pub(crate) fn give_up_host_fragments(&mut self, now: SimTime, id: HostId) {
        loop {
            let reassembler = &mut self.hosts[id.index()].reassembler;
            let Some((place, pieces)) = reassembler.as_mut().and_then(|r| r.pop_expired(now))
            else {
                return;
            };
            for piece in pieces {
                self.lose(now, piece, place, DropReason::FragmentTimeout);
            }
        }
    }

    /// Drops the fragments of a gateway whose time ends by `until`.
    pub(crate) fn give_up_router_fragments(
        &mut self,
        now: SimTime,
        id: RouterId,
        until: SimTime,
        reason: DropReason,
    ) {
        loop {
            let reassembler = &mut self.routers[id.index()].reassembler;
            let Some((place, pieces)) = reassembler.as_mut().and_then(|r| r.pop_expired(until))
            else {
                return;
            };
            for piece in pieces {
                self.lose(now, piece, place, reason);
            }
        }
    }
}

/// How a gateway puts fragments together: it needs the ports, which only the first one has.
fn new_reassembler(translator: Option<&Translator>) -> Reassembler {
    match translator {
        Some(Translator::Nat(nat)) => {
            let is_nat64 = nat.config().nat64.is_some();
            let timeout = if is_nat64 { NAT64_TIMEOUT } else { TIMEOUT };
            Reassembler::new(nat.config().fragments, timeout)
        }
        _ => Reassembler::new(Fragments::AnyOrder, TIMEOUT),
    }
}
