//! NAT64 (RFC 6146): the inside is IPv6 and reaches IPv4 addresses in a prefix.
//!
//! The engine knows the outside by its IPv4 addresses throughout. What is in the prefix is taken
//! out of it when a packet comes from inside, and put in when one goes there.

use std::net::IpAddr;

use ipnet::Ipv6Net;
use natbed_packet::{DropReason, Packet};
use natbed_units::SimTime;

use super::{Nat, Outbound};
use crate::siit;

impl Nat {
    /// Translates a packet from inside.
    ///
    /// It must go to the prefix; one that claims to come from there would go around in circles
    /// (RFC 6146 section 3.5).
    #[inline(never)]
    pub(super) fn outbound_nat64(
        &mut self,
        now: SimTime,
        packet: &mut Packet,
        prefix: Ipv6Net,
    ) -> Result<Outbound, DropReason> {
        let destination = packet.destination;
        let outside = siit::extract(prefix, destination).ok_or(DropReason::NotTranslatable)?;
        if packet.source.is_ipv4() || siit::extract(prefix, packet.source).is_some() {
            return Err(DropReason::NotTranslatable);
        }
        packet.destination = outside;
        let outbound = self.leave(now, packet);
        if outbound.is_err() {
            packet.destination = destination;
        }
        outbound
    }

    /// Returns what the outside calls an address that the inside sends to.
    pub(super) fn remote_outside(&self, ip: IpAddr) -> Option<IpAddr> {
        self.config.nat64.map_or(Some(ip), |prefix| siit::extract(prefix, ip))
    }

    /// Returns what the inside calls an address of the outside.
    pub(super) fn remote_inside(&self, ip: IpAddr) -> IpAddr {
        self.config.nat64.map_or(ip, |prefix| siit::embed(prefix, ip))
    }
}
