//! Hosts: choosing the interface, the host firewall, loopback, arrival.

use std::net::IpAddr;

use natbed_packet::{Body, DropReason, Icmp, IcmpErrorKind, Packet};
use natbed_units::{ByteCount, SimTime};

use crate::config::Attachment;
use crate::forward::groups::is_group;
use crate::id::{HostId, LinkId, Place};
use crate::network::Network;
use crate::node::{Host, Interface};
use crate::observer::Observer;
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
        let is_group = is_group(destination);
        if !is_sendable(packet) || is_group && !host.is_on_lan(packet.source) {
            return Err(DropReason::Malformed);
        }
        let Some(interface) = host.interfaces.iter().find(|i| i.address == packet.source) else {
            return Err(DropReason::ForeignSource);
        };
        let Interface { link, attachment, .. } = *interface;
        if host.interfaces.iter().any(|i| i.address == destination) {
            return Ok(None);
        }
        if let Some(firewall) = &mut host.firewall {
            let allowed = firewall.outbound(now, packet);
            self.arm_host(id);
            allowed?;
        }
        if self.is_to_many(attachment, destination) {
            self.loop_back(now, slot, id);
        }
        Ok(Some(link))
    }

    /// Sends a packet out of a link, cut to the path MTU if the host has learnt one.
    pub(crate) fn depart(&mut self, now: SimTime, slot: Slot, id: HostId, link: LinkId) {
        let (host, packet) = self.host_and_packet(id, slot);
        let place = Place::Host(id);
        // What may not be cut is sent all the same: its sender is looking for the path MTU.
        if let Some(mtus) = &host.path_mtus
            && !packet.dont_fragment
            && let Some(mtu) = mtus.to(now, packet.destination)
            && packet.wire_len().bytes() > mtu.into()
        {
            let mtu = mtu.min(self.pipes[link.up().index()].mtu);
            self.cut_or_refuse(now, slot, link.up(), place, mtu);
        } else {
            self.travel_into(now, slot, link.up(), place);
        }
    }

    /// A packet has come out of one of the host's links.
    pub(crate) fn arrive_at_host(&mut self, now: SimTime, slot: Slot, id: HostId) {
        match self.take_in(now, slot, id) {
            Ok(true) => self.hand_over(now, slot, id),
            Ok(false) => {}
            Err(reason) => self.lose(now, slot, Place::Host(id), reason),
        }
    }

    /// Decides whether a host takes a packet; `false` for a fragment that waits for the others.
    fn take_in(&mut self, now: SimTime, slot: Slot, id: HostId) -> Result<bool, DropReason> {
        let (host, packet) = self.host_and_packet(id, slot);
        if host.is_stopped {
            return Err(DropReason::ServerStopped);
        }
        let destination = packet.destination;
        if !host.interfaces.iter().any(|i| i.address == destination)
            && !self.listens(id, destination)
        {
            return Err(DropReason::NoRoute); // hosts do not forward
        }
        let packet = self.packet(slot);
        if let Body::Fragment(_) = &packet.body
            && !self.gather(now, slot, Place::Host(id))?
        {
            return Ok(false);
        }
        let (host, packet) = self.host_and_packet(id, slot);
        if packet.is_corrupt {
            return Err(DropReason::ChecksumFailed);
        }
        if let Some(firewall) = &mut host.firewall {
            let allowed = firewall.inbound(now, packet);
            self.arm_host(id);
            allowed?;
        }
        let (host, packet) = self.host_and_packet(id, slot);
        if let Body::Icmp(Icmp::Error { kind: IcmpErrorKind::TooBig { mtu }, quoted }) =
            &packet.body
            && quoted.source.ip == packet.destination
        {
            let mtus = host.path_mtus.get_or_insert_default();
            mtus.learn(now, quoted.destination.ip, *mtu);
        }
        Ok(true)
    }

    pub(crate) fn expire_host(&mut self, now: SimTime, id: HostId) {
        let host = &mut self.hosts[id.index()];
        if host.armed == Some(now) {
            host.armed = None;
            if let Some(firewall) = &mut host.firewall {
                firewall.handle_timeout(now);
            }
            self.let_host_speak(now, id);
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
}

impl Host {
    /// Says whether the address is one of the host's on a LAN.
    fn is_on_lan(&self, address: IpAddr) -> bool {
        let mut own = self.interfaces.iter().filter(|interface| interface.address == address);
        own.any(|interface| interface.attachment != Attachment::Internet)
    }
}

/// Says whether a host can send the packet: of one IP version, to somebody, no longer than the
/// length field of its header can say.
fn is_sendable(packet: &Packet) -> bool {
    let longest = if packet.destination.is_ipv4() { 65_535 } else { 40 + 65_535 };
    packet.is_consistent()
        && !packet.destination.is_unspecified()
        && packet.wire_len() <= ByteCount::new(longest)
}
