//! What nodes say of their own accord: ICMP errors, echo replies, answers of a gateway's NAT.

use natbed_nat::{Side, Translator};
use natbed_packet::{DropReason, Packet};
use natbed_units::SimTime;

use crate::id::{LinkId, Place, RouterId};
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
                Place::RouterInside(_) => (router.inside, router.inside_link),
                _ => (router.outside, router.outside_link),
            };
            if let Some(kind) = router.icmp_error(reason)
                && let Some(error) = Packet::icmp_error(from, kind, packet)
            {
                self.send_answer(now, Origin::Router(id), place, link, error);
            }
        } else if let Place::Host(id) = place
            && let Some(kind) = reason.icmp_error()
        {
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
        let link = self.link_at(place, id);
        self.send_answer(now, Origin::Router(id), place, link, reply);
        true
    }

    /// Sends what the gateway's NAT has to say by itself, and takes note of mappings that ended.
    ///
    /// That happens when its time has come, or with a packet that it dropped.
    pub(crate) fn let_router_speak(&mut self, now: SimTime, id: RouterId) {
        loop {
            let router = &mut self.routers[id.index()];
            let Some(answer) = router.nat.as_mut().and_then(Translator::poll_answer) else { break };
            if router.is_off {
                continue;
            }
            let place = match answer.side {
                Side::Inside => Place::RouterInside(id),
                Side::Outside => Place::RouterOutside(id),
            };
            let link = self.link_at(place, id);
            self.send_answer(now, Origin::Router(id), place, link, answer.packet);
        }
        let nat = &mut self.routers[id.index()].nat;
        while let Some(ended) = nat.as_mut().and_then(Translator::poll_ended) {
            self.observer.note(now, id, &ended);
        }
    }

    /// The link on the side of a gateway that a place is.
    fn link_at(&self, place: Place, id: RouterId) -> LinkId {
        let router = &self.routers[id.index()];
        match place {
            Place::RouterInside(_) => router.inside_link,
            _ => router.outside_link,
        }
    }
}
