//! Translators without state.

mod nptv6;
mod rules;
mod validate;

use std::net::IpAddr;

use natbed_packet::{Body, DropReason, Endpoint, Icmp, IcmpErrorKind, Packet};

pub use self::validate::StatelessConfigError;
use crate::{NatConfigError, Outbound, StatelessConfig, Translation};

/// A translator without state: 1:1 NAT, NPTv6, or the CLAT of 464XLAT.
///
/// It hairpins always, with the external source: RFC 5508 REQ-7 asks that of 1:1 NAT, RFC 6296
/// section 4.3 of NPTv6. What an ICMP error quotes is translated with it. Fragments are to be put
/// together first.
#[derive(Clone, Debug)]
pub struct Stateless {
    config: StatelessConfig,
}

/// The addresses of a packet; for an ICMP error also what it says, and about which addresses.
#[derive(Clone, Copy, Debug)]
struct Header {
    source: IpAddr,
    destination: IpAddr,
    error: Option<ErrorHeader>,
}

#[derive(Clone, Copy, Debug)]
struct ErrorHeader {
    kind: IcmpErrorKind,
    quoted_source: IpAddr,
    quoted_destination: IpAddr,
}

impl Stateless {
    /// Makes a translator.
    ///
    /// # Errors
    ///
    /// When the prefixes do not fit each other, see [`StatelessConfig::validate`].
    pub fn new(config: StatelessConfig) -> Result<Self, NatConfigError> {
        config.validate()?;
        Ok(Self { config })
    }

    /// Returns what it was made with.
    #[must_use]
    pub const fn config(&self) -> &StatelessConfig {
        &self.config
    }

    /// Translates a packet from the inside.
    ///
    /// # Errors
    ///
    /// [`DropReason::NotTranslatable`] for addresses that no rule covers and for fragments,
    /// [`DropReason::IcmpErrorUnknownFlow`] for an error that quotes such.
    pub fn outbound(&self, packet: &mut Packet) -> Result<Outbound, DropReason> {
        let inside = Header::of(packet).ok_or(DropReason::NotTranslatable)?;
        let refused = if inside.error.is_some() {
            DropReason::IcmpErrorUnknownFlow
        } else {
            DropReason::NotTranslatable
        };
        let outside = self.config.leave(inside).ok_or(refused)?;
        let before = translated_endpoint(packet, Side::Source);
        // To an external address of our own: the packet leaves and comes in again.
        let hairpinned = self.config.enter(outside);
        outside.write(packet);
        let after = translated_endpoint(packet, Side::Source);
        if let Some(inside) = hairpinned {
            inside.write(packet);
        }
        let hairpinned_to = hairpinned.map(|_| translated_endpoint(packet, Side::Destination));
        let protocol = packet.protocol();
        let translation = Translation { protocol, before, after, created: false, hairpinned_to };
        Ok(if hairpinned_to.is_some() {
            Outbound::Hairpinned(translation)
        } else {
            Outbound::Forwarded(translation)
        })
    }

    /// Translates a packet from the outside.
    ///
    /// # Errors
    ///
    /// [`DropReason::NoMapping`] for addresses that no rule covers,
    /// [`DropReason::IcmpErrorUnknownFlow`] for an error that quotes such, and
    /// [`DropReason::NotTranslatable`] for fragments.
    pub fn inbound(&self, packet: &mut Packet) -> Result<Translation, DropReason> {
        let outside = Header::of(packet).ok_or(DropReason::NotTranslatable)?;
        let refused = if outside.error.is_some() {
            DropReason::IcmpErrorUnknownFlow
        } else {
            DropReason::NoMapping
        };
        let inside = self.config.enter(outside).ok_or(refused)?;
        let before = translated_endpoint(packet, Side::Destination);
        inside.write(packet);
        let after = translated_endpoint(packet, Side::Destination);
        let protocol = packet.protocol();
        Ok(Translation { protocol, before, after, created: false, hairpinned_to: None })
    }
}

/// Which end of a packet.
#[derive(Clone, Copy)]
enum Side {
    Source,
    Destination,
}

/// The endpoint that a translation reports; for an ICMP error, that of the packet it quotes, which
/// went the other way.
fn translated_endpoint(packet: &Packet, side: Side) -> Endpoint {
    if let Body::Icmp(Icmp::Error { quoted, .. }) = &packet.body {
        return match side {
            Side::Source => quoted.destination,
            Side::Destination => quoted.source,
        };
    }
    let (ip, endpoint) = match side {
        Side::Source => (packet.source, packet.source_endpoint()),
        Side::Destination => (packet.destination, packet.destination_endpoint()),
    };
    endpoint.unwrap_or(Endpoint::new(ip, 0))
}

impl Header {
    /// `None` for a fragment.
    fn of(packet: &Packet) -> Option<Self> {
        let error = match &packet.body {
            Body::Icmp(Icmp::Error { kind, quoted }) => Some(ErrorHeader {
                kind: *kind,
                quoted_source: quoted.source.ip,
                quoted_destination: quoted.destination.ip,
            }),
            Body::Fragment(_) => return None,
            _ => None,
        };
        Some(Self { source: packet.source, destination: packet.destination, error })
    }

    fn write(self, packet: &mut Packet) {
        packet.source = self.source;
        packet.destination = self.destination;
        if let (Some(header), Body::Icmp(Icmp::Error { kind, quoted })) =
            (self.error, &mut packet.body)
        {
            *kind = header.kind;
            quoted.source.ip = header.quoted_source;
            quoted.destination.ip = header.quoted_destination;
        }
    }
}
