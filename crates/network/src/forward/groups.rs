//! Packets to many: multicast groups and broadcast on a LAN.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use natbed_packet::DropReason;
use natbed_units::SimTime;
use thiserror::Error;

use crate::config::Attachment;
use crate::id::{HostId, LinkId, Place};
use crate::network::Network;
use crate::node::{Lan, version};
use crate::observer::{Observer, Step};
use crate::slab::Slot;

/// The most groups that a host can be in.
const GROUPS_MAX: usize = 64;

/// Why a host cannot join a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum JoinError {
    /// The address is not that of a multicast group.
    #[error("{0} is no multicast address")]
    NotAGroup(IpAddr),
    /// The host is in as many groups as it can be.
    #[error("a host is in at most {GROUPS_MAX} groups")]
    TooMany,
}

/// Says whether an address stands for many, on whatever LAN.
#[inline]
pub(super) const fn is_group(address: IpAddr) -> bool {
    match address {
        // All from 224.0.0.0 on: what is not a group is reserved, or the broadcast address.
        IpAddr::V4(ip) => ip.octets()[0] >= 224,
        IpAddr::V6(ip) => ip.is_multicast(),
    }
}

/// Says whether everybody on a LAN listens to a group: the broadcast address, and all hosts
/// (RFC 1112 section 4, RFC 4291 section 2.7.1).
fn is_all(group: IpAddr) -> bool {
    match group {
        IpAddr::V4(ip) => ip.is_broadcast() || ip == Ipv4Addr::new(224, 0, 0, 1),
        IpAddr::V6(ip) => ip == Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1),
    }
}

/// Says whether a router may not even think of passing on a packet to the group (RFC 5771 section
/// 4, RFC 4291 section 2.7).
fn is_link_local(group: IpAddr) -> bool {
    match group {
        IpAddr::V4(ip) => ip.is_broadcast() || ip.octets()[..3] == [224, 0, 0],
        IpAddr::V6(ip) => ip.segments()[0] & 0xf <= 2,
    }
}

impl Lan {
    /// Says whether an address is the broadcast address of the LAN's IPv4 subnet.
    #[inline]
    pub(crate) fn is_broadcast(&self, address: IpAddr) -> bool {
        self.broadcast == Some(address)
    }
}

impl<O: Observer> Network<O> {
    /// Lets a host take packets to a multicast group, on all its LANs; twice is once.
    ///
    /// Nobody needs to join 224.0.0.1 and ff02::1, which are for all hosts.
    ///
    /// # Errors
    ///
    /// If the address is not that of a group, or the host is in too many.
    pub fn join(&mut self, host: HostId, group: IpAddr) -> Result<(), JoinError> {
        if !group.is_multicast() {
            return Err(JoinError::NotAGroup(group));
        }
        let groups = &mut self.hosts[host.index()].groups;
        if groups.contains(&group) {
            return Ok(());
        }
        if groups.len() == GROUPS_MAX {
            return Err(JoinError::TooMany);
        }
        groups.push(group);
        Ok(())
    }

    /// Ends what [`Network::join`] began.
    pub fn leave(&mut self, host: HostId, group: IpAddr) {
        self.hosts[host.index()].groups.retain(|joined| *joined != group);
    }

    /// Says whether a host takes packets to an address that is not one of its own.
    #[cold]
    pub(crate) fn listens(&self, host: HostId, address: IpAddr) -> bool {
        let host = &self.hosts[host.index()];
        let on_its_lan = |attachment: Attachment| match attachment {
            Attachment::Lan(lan) => self.lans[lan.index()].is_broadcast(address),
            Attachment::Internet => false,
        };
        host.groups.contains(&address)
            || is_all(address)
            || host.interfaces.iter().any(|interface| on_its_lan(interface.attachment))
    }

    /// Says whether a packet from an interface there would reach many: only a LAN has them.
    #[inline]
    pub(crate) fn is_to_many(&self, attachment: Attachment, destination: IpAddr) -> bool {
        match attachment {
            Attachment::Lan(lan) => {
                is_group(destination) || self.lans[lan.index()].is_broadcast(destination)
            }
            Attachment::Internet => false,
        }
    }

    /// Hands a copy of a packet to many to its own sender if that listens, as hosts do.
    pub(crate) fn loop_back(&mut self, now: SimTime, slot: Slot, host: HostId) {
        if self.listens(host, self.packet(slot).destination) {
            let copy = self.copy(now, slot);
            self.hand_over(now, copy, host);
        }
    }

    /// Sends a packet to every host on the LAN that listens, each a copy; the first one gets the
    /// packet itself.
    ///
    /// It goes no further: gateways route no multicast, and pass nothing from elsewhere on to the
    /// broadcast address of a LAN (RFC 2644).
    #[cold]
    pub(crate) fn flood(&mut self, now: SimTime, slot: Slot, place: Place) {
        let Place::Lan(id, from) = place else { return };
        let lan = &self.lans[id.index()];
        if lan.is_gateway(from) {
            return self.lose(now, slot, place, DropReason::MulticastScope);
        }
        if lan.isolate {
            return self.lose(now, slot, place, DropReason::ClientIsolation);
        }
        let packet = self.packet(slot);
        let (group, ttl) = (packet.destination, packet.ttl);
        let has_gateway = lan.gateways[version(group)].is_some();
        let hears = |&&(host, link): &&(HostId, LinkId)| {
            let mut interfaces = self.hosts[host.index()].interfaces.iter();
            link != from
                && interfaces.any(|i| i.link == link && version(i.address) == version(group))
                && self.listens(host, group)
        };
        let receivers: Vec<LinkId> =
            lan.hosts.iter().filter(hears).map(|(_, link)| *link).collect();
        let Some((first, others)) = receivers.split_first() else {
            let wants_to_leave = has_gateway && ttl > 1 && !is_link_local(group);
            let reason = match wants_to_leave {
                true => DropReason::MulticastScope,
                false => DropReason::NoListener,
            };
            return self.lose(now, slot, place, reason);
        };
        // Copied before the packet moves on, which may be to its end.
        let copies: Vec<_> = others.iter().map(|link| (*link, self.copy(now, slot))).collect();
        self.travel_into(now, slot, first.down(), place);
        for (link, copy) in copies {
            self.travel_into(now, copy, link.down(), place);
        }
    }

    /// Makes a copy of a packet, a packet of its own.
    pub(crate) fn copy(&mut self, now: SimTime, slot: Slot) -> Slot {
        let flight = self.slab.get(slot);
        let (packet, id, origin) = (flight.packet.clone(), flight.id, flight.origin);
        let copy = self.make(packet, origin);
        self.observe(now, copy, Step::Made(id));
        copy
    }
}
