//! Gateways: firewall, NAT and hop count, outward and inward.

use natbed_nat::{Firewall, Outbound, Translator};
use natbed_packet::{Body, DropReason, Icmp, Packet};
use natbed_units::SimTime;

use crate::id::{Place, RouterId};
use crate::network::{Network, Next};
use crate::node::{Inside, Router};
use crate::observer::{Observer, Step};
use crate::pipe::Pipe;
use crate::schedule::Due;
use crate::slab::Slot;

impl<O: Observer> Network<O> {
    /// A packet has come from the LAN side.
    ///
    /// The firewall sees internal addresses, so it stands before the NAT on the way out and
    /// behind it on the way in.
    #[inline]
    pub(crate) fn cross_router_outward(&mut self, now: SimTime, slot: Slot, id: RouterId) -> Next {
        let (mut router, mut packet) = self.router_and_packet(id, slot);
        if router.is_off {
            return Next::Lost(DropReason::RouterOff);
        }
        if let Body::Fragment(_) = &packet.body
            && router.needs_wholes()
        {
            match self.gather(now, slot, Place::RouterInside(id)) {
                Ok(true) => {}
                Ok(false) => return Next::Held,
                Err(reason) => return Next::Lost(reason),
            }
            (router, packet) = self.router_and_packet(id, slot);
        }
        if packet.is_corrupt && drops_corrupt(router, packet) {
            return Next::Lost(DropReason::ChecksumFailed);
        }
        if router.has_inside(packet.destination) || router.ends_at(packet.destination) {
            return Next::Lost(DropReason::RouterClosed);
        }
        if packet.ttl <= 1 {
            return Next::Lost(DropReason::TtlExceeded);
        }
        if !router.more_insides.is_empty() {
            let to = packet.destination;
            if let Some(inside) = self.inside_with(id, to) {
                return self.cross_router_between(now, slot, id, inside);
            }
            (router, packet) = self.router_and_packet(id, slot);
        }
        // Before the NAT, so that the error quotes what the sender sent (RFC 4787 REQ-13).
        if router.outward_mtu != Pipe::NO_MTU
            && packet.wire_len().bytes() > router.outward_mtu.into()
            && !router.may_cut(packet)
            && !router.has_outside(packet.destination)
        {
            return Next::TooBig(router.outward_mtu);
        }
        if let Some(firewall) = &mut router.firewall
            && let Err(reason) = firewall.outbound(now, packet)
        {
            self.arm_router(id);
            return Next::Lost(reason);
        }
        packet.ttl -= 1;
        let next = match &mut router.nat {
            None => Next::Into(router.outside_link.up()),
            Some(nat) => match nat.outbound(now, packet) {
                Err(reason) => {
                    packet.ttl += 1; // an ICMP error quotes the packet as it came
                    Next::Lost(reason)
                }
                Ok(outbound) => {
                    let (translation, link) = match outbound {
                        Outbound::Forwarded(translation) => (translation, router.outside_link),
                        Outbound::Hairpinned(translation) => {
                            let to = packet.destination;
                            (translation, self.inside_toward(id, to).link)
                        }
                    };
                    self.observe(now, slot, Step::Translated(id, &translation));
                    Next::Into(link.up())
                }
            },
        };
        self.arm_router(id);
        next
    }

    /// A packet goes from one LAN behind the gateway to another.
    fn cross_router_between(&mut self, now: SimTime, slot: Slot, id: RouterId, to: Inside) -> Next {
        let (router, packet) = self.router_and_packet(id, slot);
        if let Some(firewall) = &mut router.firewall {
            let allowed = firewall.outbound(now, packet);
            self.arm_router(id);
            if let Err(reason) = allowed {
                return Next::Lost(reason);
            }
        }
        self.packet_mut(slot).ttl -= 1;
        Next::Into(to.link.up())
    }

    /// A packet has come from the Internet side.
    #[inline]
    pub(crate) fn cross_router_inward(&mut self, now: SimTime, slot: Slot, id: RouterId) -> Next {
        let next = match self.admit(now, slot, id) {
            Ok(true) => {
                let to = self.packet(slot).destination;
                Next::Into(self.inside_toward(id, to).link.up())
            }
            Ok(false) => return Next::Held,
            Err(reason) => Next::Lost(reason),
        };
        self.arm_router(id);
        next
    }

    /// Decides whether a packet from outside may go on to the LAN, and translates it; `false` for
    /// a fragment that waits for the others.
    #[inline]
    fn admit(&mut self, now: SimTime, slot: Slot, id: RouterId) -> Result<bool, DropReason> {
        let (router, packet) = self.router_and_packet(id, slot);
        if router.is_off {
            return Err(DropReason::RouterOff);
        }
        if let Body::Fragment(_) = &packet.body
            && router.needs_wholes()
            && !self.gather(now, slot, Place::RouterOutside(id))?
        {
            return Ok(false);
        }
        let (router, packet) = self.router_and_packet(id, slot);
        if packet.is_corrupt && drops_corrupt(router, packet) {
            return Err(DropReason::ChecksumFailed);
        }
        if router.nat.is_none() {
            self.check_routed(slot, id)?;
        } else if router.changes_version {
            return self.admit_across_versions(now, slot, id);
        }
        self.translate_inward(now, slot, id)?;
        Ok(true)
    }

    /// The same for a whole packet that becomes one of the other IP version: only a copy tells how
    /// it came, for the ICMP error if it is lost behind the translator.
    #[cold]
    fn admit_across_versions(
        &mut self,
        now: SimTime,
        slot: Slot,
        id: RouterId,
    ) -> Result<bool, DropReason> {
        let original = self.packet(slot).clone();
        let translated = self.translate_inward(now, slot, id);
        if translated.is_err() {
            *self.packet_mut(slot) = original;
        }
        translated.map(|()| true)
    }

    /// Translates a whole packet from outside, and lets the firewall judge it.
    #[inline(always)]
    fn translate_inward(
        &mut self,
        now: SimTime,
        slot: Slot,
        id: RouterId,
    ) -> Result<(), DropReason> {
        let (router, packet) = self.router_and_packet(id, slot);
        let arrived_at = packet.destination_endpoint();
        let is_own = router.has_outside(packet.destination);
        let is_for_itself = router.ends_at(packet.destination);
        let translation = match &mut router.nat {
            Some(_) if is_for_itself => return Err(DropReason::RouterClosed),
            Some(Translator::Nat(_)) if !is_own => return Err(DropReason::NoRoute),
            Some(nat) => Some(nat.inbound(now, packet)?),
            None => None,
        };
        let passed = if packet.ttl <= 1 {
            Err(DropReason::TtlExceeded)
        } else if let Some(firewall) = &mut router.firewall {
            firewall.inbound(now, packet)
        } else {
            Ok(())
        };
        if let Err(reason) = passed {
            // Lost behind the NAT; an ICMP error quotes the packet as it came.
            if let Some(endpoint) = arrived_at {
                packet.set_destination(endpoint);
            }
            return Err(reason);
        }
        packet.ttl -= 1;
        if let Some(translation) = translation {
            self.observe(now, slot, Step::Translated(id, &translation));
        }
        Ok(())
    }

    /// Without a NAT, only packets to the subnets behind the gateway go on.
    fn check_routed(&self, slot: Slot, id: RouterId) -> Result<(), DropReason> {
        let destination = self.packet(slot).destination;
        if self.routers[id.index()].ends_at(destination) {
            Err(DropReason::RouterClosed)
        } else if self.inside_with(id, destination).is_some() {
            Ok(())
        } else {
            Err(DropReason::NoRoute)
        }
    }

    pub(crate) fn expire_router(&mut self, now: SimTime, id: RouterId) {
        let router = &mut self.routers[id.index()];
        if router.armed == Some(now) {
            router.armed = None;
            if let Some(nat) = &mut router.nat {
                nat.handle_timeout(now);
            }
            if let Some(firewall) = &mut router.firewall {
                firewall.handle_timeout(now);
            }
            self.let_router_speak(now, id);
            self.arm_router(id);
        }
    }

    /// Schedules the gateway's next expiry unless an earlier one is scheduled already.
    #[inline]
    fn arm_router(&mut self, id: RouterId) {
        let router = &mut self.routers[id.index()];
        let nat = router.nat.as_ref().and_then(Translator::poll_timeout);
        let firewall = router.firewall.as_ref().and_then(Firewall::poll_timeout);
        let next = match (nat, firewall) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        if let Some(next) = next.filter(|next| router.armed.is_none_or(|armed| *next < armed)) {
            router.armed = Some(next);
            let sequence = self.schedule.next_sequence();
            self.schedule.push(next, sequence, Due::Router(id));
        }
    }
}

/// Says whether a gateway drops a packet whose checksum is wrong: a NAT does so with an ICMP error,
/// in which it rewrites more than it can add to the checksum (RFC 5508 REQ-3). All else goes on.
#[cold]
fn drops_corrupt(router: &Router, packet: &Packet) -> bool {
    router.nat.is_some() && matches!(packet.body, Body::Icmp(Icmp::Error { .. }))
}
