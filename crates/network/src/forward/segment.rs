//! LAN segments and the Internet core: they pass packets on and change nothing but the hop count.

use natbed_packet::DropReason;

use crate::forward::groups::is_group;
use crate::id::{LanId, LinkId};
use crate::network::{Network, Next};
use crate::node::version;
use crate::observer::Observer;
use crate::slab::Slot;

impl<O: Observer> Network<O> {
    /// A LAN finds the neighbour that owns the destination; all else goes to its gateway.
    ///
    /// Nothing here answers with an ICMP error: on a real LAN nobody answers the ARP request.
    #[inline]
    pub(crate) fn cross_lan(&mut self, slot: Slot, lan: LanId, from: LinkId) -> Next {
        let destination = self.packet(slot).destination;
        let lan = &self.lans[lan.index()];
        // Everything that is not on the LAN's subnet goes to its gateway, unless it is routed.
        let is_neighbour = lan.contains(destination);
        let member = if is_neighbour {
            lan.members.lookup(destination)
        } else if is_group(destination) {
            return Next::ToMany;
        } else {
            let gateway = lan.gateways[version(destination)].map(|gateway| gateway.link);
            lan.members.lookup_prefix(destination).or(gateway)
        };
        match member {
            Some(to) if to == from => Next::Lost(DropReason::NoRoute),
            Some(to) if lan.isolate && !lan.is_gateway(from) && !lan.is_gateway(to) => {
                Next::Lost(DropReason::ClientIsolation)
            }
            Some(to) => Next::Into(to.down()),
            None if lan.is_broadcast(destination) => Next::ToMany,
            None if is_neighbour => Next::Lost(DropReason::NoSuchAddress),
            None => Next::Lost(DropReason::NoRoute),
        }
    }

    /// The core knows every public address and every routed subnet.
    ///
    /// It counts as one hop. It has no address of its own, so that it sends no ICMP errors:
    /// packets to private or unknown addresses vanish, as they do at a provider's edge.
    #[inline]
    pub(crate) fn cross_core(&mut self, slot: Slot) -> Next {
        let packet = self.packet_mut(slot);
        if packet.ttl <= 1 {
            return Next::Lost(DropReason::TtlExceeded);
        }
        packet.ttl -= 1;
        let destination = packet.destination;
        match self.core.as_ref().and_then(|core| core.routes.lookup(destination)) {
            Some(link) => Next::Into(link.down()),
            None => Next::Lost(DropReason::NoRoute),
        }
    }
}
