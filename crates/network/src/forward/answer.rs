//! What nodes say of their own accord: ICMP errors, echo replies, answers of a gateway's NAT.

use std::net::IpAddr;

use natbed_nat::{Answer, Firewall, Outbound, Side, Translator};
use natbed_packet::{DropReason, Packet};
use natbed_units::SimTime;

use crate::id::{HostId, LinkId, Place, RouterId};
use crate::network::Network;
use crate::observer::{Observer, Origin, Step};
use crate::slab::Slot;

impl<O: Observer> Network<O> {
    /// Sends the ICMP error that a real node at `place` answers a drop with, if it does.
    ///
    /// A host answers what was addressed to it, a gateway what it could not pass on; both only
    /// when a packet came to them, never about their own packets.
    pub(crate) fn answer_drop(
        &mut self,
        now: SimTime,
        packet: &Packet,
        place: Place,
        reason: DropReason,
    ) {
        if let Some(id) = place.router() {
            if matches!(reason, DropReason::SynHeld | DropReason::TcpReset) {
                self.let_router_speak(now, id);
            }
            let router = &self.routers[id.index()];
            let (from, link) = match place {
                Place::RouterInside(_) => {
                    let inside = self.inside_toward(id, packet.source);
                    (inside.address, inside.link)
                }
                _ => (router.outside, router.outside_link),
            };
            if let Some(kind) = router.icmp_error(reason)
                && let Some(error) = Packet::icmp_error(from, kind, packet)
            {
                self.send_answer(now, Origin::Router(id), place, link, error);
            }
        } else if let Place::Host(id) = place {
            if matches!(reason, DropReason::SynHeld | DropReason::TcpReset) {
                self.let_host_speak(now, id);
            }
            let Some(kind) = reason.icmp_error() else { return };
            let mut interfaces = self.hosts[id.index()].interfaces.iter();
            if let Some(interface) = interfaces.find(|i| i.address == packet.destination)
                && let Some(error) = Packet::icmp_error(interface.address, kind, packet)
            {
                let link = interface.link;
                self.send_answer(now, Origin::Host(id), place, link, error);
            }
        }
    }

    /// Answers an echo request to an address of a gateway; says whether it was one.
    pub(crate) fn answer_ping(&mut self, now: SimTime, slot: Slot, place: Place) -> bool {
        let Some(id) = place.router() else { return false };
        let Some(reply) = Packet::echo_reply(self.packet(slot)) else { return false };
        self.observe(now, slot, Step::Taken(id));
        self.slab.remove(slot);
        let link = self.link_toward(place, id, reply.destination);
        self.send_answer(now, Origin::Router(id), place, link, reply);
        true
    }

    /// Sends what the gateway's NAT and firewall have to say by themselves, and takes note of
    /// mappings that ended.
    ///
    /// That happens when its time has come, or with a packet that it dropped.
    pub(crate) fn let_router_speak(&mut self, now: SimTime, id: RouterId) {
        loop {
            let router = &mut self.routers[id.index()];
            let Some(answer) = router.nat.as_mut().and_then(Translator::poll_answer) else { break };
            if !router.is_off {
                let place = side(id, answer.side);
                let link = self.link_toward(place, id, answer.packet.destination);
                self.send_answer(now, Origin::Router(id), place, link, answer.packet);
            }
        }
        loop {
            let router = &mut self.routers[id.index()];
            let Some(answer) = router.firewall.as_mut().and_then(Firewall::poll_answer) else {
                break;
            };
            if !router.is_off {
                self.send_for_firewall(now, id, answer);
            }
        }
        let nat = &mut self.routers[id.index()].nat;
        while let Some(ended) = nat.as_mut().and_then(Translator::poll_ended) {
            self.observer.note(now, id, &ended);
        }
    }

    /// Sends an answer of the firewall, which stands inside of the NAT.
    fn send_for_firewall(&mut self, now: SimTime, id: RouterId, answer: Answer) {
        let slot = self.make(answer.packet, Origin::Router(id));
        self.observe(now, slot, Step::Sent);
        let place = side(id, answer.side);
        let mut leaves_by = place;
        let (router, packet) = self.router_and_packet(id, slot);
        if let (Side::Outside, Some(nat)) = (answer.side, &mut router.nat) {
            let translation = match nat.outbound(now, packet) {
                Ok(Outbound::Forwarded(translation)) => translation,
                Ok(Outbound::Hairpinned(translation)) => {
                    leaves_by = Place::RouterInside(id);
                    translation
                }
                Err(reason) => return self.lose(now, slot, place, reason),
            };
            self.observe(now, slot, Step::Translated(id, &translation));
        }
        let link = self.link_toward(leaves_by, id, self.packet(slot).destination);
        self.travel_into(now, slot, link.up(), place);
    }

    /// Sends what a host's firewall has to say by itself.
    pub(crate) fn let_host_speak(&mut self, now: SimTime, id: HostId) {
        loop {
            let host = &mut self.hosts[id.index()];
            let Some(answer) = host.firewall.as_mut().and_then(|it| it.poll_answer()) else {
                return;
            };
            let (is_stopped, from) = (host.is_stopped, answer.packet.source);
            let interface = host.interfaces.iter().find(|i| i.address == from).copied();
            if is_stopped {
                continue;
            }
            match (answer.side, interface) {
                (Side::Inside, _) => {
                    let slot = self.make(answer.packet, Origin::Host(id));
                    self.observe(now, slot, Step::Sent);
                    self.hand_over(now, slot, id);
                }
                (Side::Outside, Some(interface)) => {
                    let (origin, place) = (Origin::Host(id), Place::Host(id));
                    self.send_answer(now, origin, place, interface.link, answer.packet);
                }
                // The host has left the address in the meantime.
                (Side::Outside, None) => {}
            }
        }
    }

    /// The link to an address on the side of a gateway that a place is.
    fn link_toward(&self, place: Place, id: RouterId, address: IpAddr) -> LinkId {
        match place {
            Place::RouterInside(_) => self.inside_toward(id, address).link,
            _ => self.routers[id.index()].outside_link,
        }
    }
}

const fn side(id: RouterId, side: Side) -> Place {
    match side {
        Side::Inside => Place::RouterInside(id),
        Side::Outside => Place::RouterOutside(id),
    }
}
