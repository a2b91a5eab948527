//! NAT64 (RFC 6146): the inside is IPv6 and reaches IPv4 addresses in a prefix.
//!
//! The engine knows the outside by its IPv4 addresses throughout. What is in the prefix is taken
//! out of it when a packet comes from inside, and put in when one goes there.

use std::net::IpAddr;

use ipnet::Ipv6Net;
use natbed_packet::{DropReason, Packet};

use super::Nat;
use crate::siit;

/// Makes the destination of a packet from inside what the outside calls it.
///
/// It must be in the prefix; a source that claims to be there too would make the packet go around
/// in circles (RFC 6146 section 3.5).
#[inline(never)]
pub(super) fn take_out(prefix: Ipv6Net, packet: &mut Packet) -> Result<(), DropReason> {
    let outside = siit::extract(prefix, packet.destination).ok_or(DropReason::NotTranslatable)?;
    if packet.source.is_ipv4() || siit::extract(prefix, packet.source).is_some() {
        return Err(DropReason::NotTranslatable);
    }
    packet.destination = outside;
    Ok(())
}

/// Undoes [`take_out`] for a packet that is dropped.
#[inline(never)]
pub(super) fn put_back(prefix: Ipv6Net, packet: &mut Packet) {
    packet.destination = siit::embed(prefix, packet.destination);
}

/// Makes the source of a packet from outside what the inside calls it.
#[inline(never)]
pub(super) fn put_source_in(prefix: Ipv6Net, packet: &mut Packet) {
    packet.source = siit::embed(prefix, packet.source);
}

impl Nat {
    /// Returns what the outside calls an address that the inside sends to.
    pub(super) fn remote_outside(&self, ip: IpAddr) -> Option<IpAddr> {
        self.config.nat64.map_or(Some(ip), |prefix| siit::extract(prefix, ip))
    }

    /// Returns what the inside calls an address of the outside.
    pub(super) fn remote_inside(&self, ip: IpAddr) -> IpAddr {
        self.config.nat64.map_or(ip, |prefix| siit::embed(prefix, ip))
    }
}
