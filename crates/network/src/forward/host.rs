//! Hosts: choosing the interface, the host firewall, loopback, arrival.

use std::net::IpAddr;

use natbed_packet::{DropReason, Packet};
use natbed_units::{ByteCount, SimTime};

use crate::id::{HostId, LinkId, Place};
use crate::network::Network;
use crate::observer::{Observer, Origin};
use crate::schedule::Due;
use crate::slab::Slot;

impl<O: Observer> Network<O> {
    /// Chooses the link that a packet leaves by; `None` when it never leaves the host.
    pub(crate) fn leave_host(
        &mut self,
        now: SimTime,
        slot: Slot,
        id: HostId,
    ) -> Result<Option<LinkId>, DropReason> {
        let (host, packet) = self.host_and_packet(id, slot);
        if host.is_stopped {
            return Err(DropReason::ServerStopped);
        }
        let destination = packet.destination;
        if !is_sendable(packet) {
            return Err(DropReason::Malformed);
        }
        let Some(interface) = host.interfaces.iter().find(|i| i.address == packet.source) else {
            return Err(DropReason::ForeignSource);
        };
        let link = interface.link;
        if host.interfaces.iter().any(|i| i.address == destination) {
            return Ok(None);
        }
        if let Some(firewall) = &mut host.firewall {
            let allowed = firewall.outbound(now, packet);
            self.arm_host(id);
            allowed?;
        }
        Ok(Some(link))
    }

    /// A packet has come out of one of the host's links.
    pub(crate) fn arrive_at_host(&mut self, now: SimTime, slot: Slot, id: HostId) {
        let (host, packet) = self.host_and_packet(id, slot);
        let mut taken = if host.is_stopped {
            Err(DropReason::ServerStopped)
        } else if host.interfaces.iter().any(|i| i.address == packet.destination) {
            Ok(())
        } else {
            Err(DropReason::NoRoute) // hosts do not forward
        };
        if let (Ok(()), Some(firewall)) = (taken, &mut host.firewall) {
            taken = firewall.inbound(now, packet);
            self.arm_host(id);
        }
        match taken {
            Ok(()) => self.hand_over(now, slot, id),
            Err(reason) => self.lose(now, slot, Place::Host(id), reason),
        }
    }

    pub(crate) fn expire_host(&mut self, now: SimTime, id: HostId) {
        let host = &mut self.hosts[id.index()];
        if host.armed == Some(now) {
            host.armed = None;
            if let Some(firewall) = &mut host.firewall {
                firewall.handle_timeout(now);
            }
            self.arm_host(id);
        }
    }

    /// Schedules the firewall's next expiry unless an earlier one is scheduled already.
    fn arm_host(&mut self, id: HostId) {
        let host = &mut self.hosts[id.index()];
        let next = host.firewall.as_ref().and_then(|firewall| firewall.poll_timeout());
        if let Some(next) = next.filter(|next| host.armed.is_none_or(|armed| *next < armed)) {
            host.armed = Some(next);
            let sequence = self.schedule.next_sequence();
            self.schedule.push(next, sequence, Due::HostFirewall(id));
        }
    }

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
        let (origin, from, link) = match place {
            Place::Host(id) => {
                let interfaces = &self.hosts[id.index()].interfaces;
                match interfaces.iter().find(|i| i.address == packet.destination) {
                    Some(interface) => (Origin::Host(id), interface.address, interface.link),
                    None => return,
                }
            }
            Place::RouterInside(id) => {
                let router = &self.routers[id.index()];
                (Origin::Router(id), router.inside, router.inside_link)
            }
            Place::RouterOutside(id) => {
                let router = &self.routers[id.index()];
                (Origin::Router(id), router.outside, router.outside_link)
            }
            Place::Lan(..) | Place::Core(_) => return,
        };
        let kind = match origin {
            Origin::Host(_) => reason.icmp_error(),
            Origin::Router(id) => self.routers[id.index()].icmp_error(reason),
        };
        if let Some(error) = kind.and_then(|kind| Packet::icmp_error(from, kind, packet)) {
            self.send_answer(now, origin, place, link, error);
        }
    }
}

/// Says whether a host can send the packet: of one IP version, to one receiver, no longer than the
/// length field of its header can say.
fn is_sendable(packet: &Packet) -> bool {
    let (is_broadcast, longest) = match packet.destination {
        IpAddr::V4(address) => (address.is_broadcast(), 65_535),
        IpAddr::V6(_) => (false, 40 + 65_535),
    };
    let destination = packet.destination;
    packet.is_consistent()
        && !(is_broadcast || destination.is_unspecified() || destination.is_multicast())
        && packet.wire_len() <= ByteCount::new(longest)
}
