//! Hairpinning: packets from inside to the NAT's own external addresses (RFC 4787 section 6).

use natbed_packet::{DropReason, Endpoint, Packet, Protocol};
use natbed_units::SimTime;

use super::{External, Nat, Translation};
use crate::Hairpin;

impl Nat {
    /// Sends a packet back inside, as if it had gone out and come in again.
    ///
    /// The sender gets its mapping and flow toward `target` first, and keeps them even if the
    /// target's filter drops the packet: that is what opens the sender's own filter, so that two
    /// hosts behind one NAT can punch toward each other.
    pub(super) fn hairpin(
        &mut self,
        now: SimTime,
        packet: &mut Packet,
        internal: Endpoint,
        target: Endpoint,
        target_external: External,
    ) -> Result<Translation, DropReason> {
        let protocol = packet.protocol();
        if self.config.hairpin == Hairpin::None {
            return Err(DropReason::NoHairpin);
        }
        // An echo request names no port to map back: only a NAT that maps whole addresses has to
        // hairpin queries (RFC 5508 REQ-7).
        if protocol == Protocol::Icmp {
            return Err(DropReason::NoMapping);
        }
        let (external, created) = self.external_of(now, packet, protocol, internal, target)?;
        let external = self.pool.endpoint(external);
        let inside = self.internal_endpoint(now, packet, protocol, target_external, external)?;
        let after = if self.config.hairpin == Hairpin::ExternalSource {
            Endpoint::new(self.remote_inside(external.ip), external.port)
        } else {
            internal
        };
        packet.set_source(after);
        packet.set_destination(inside);
        Ok(Translation { protocol, before: internal, after, created, hairpinned_to: Some(inside) })
    }
}
