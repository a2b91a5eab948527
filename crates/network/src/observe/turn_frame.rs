//! Reading what observers need of STUN messages and TURN frames.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The magic cookie of STUN, bytes four to seven of every message (RFC 8489 section 5).
const MAGIC_COOKIE: u32 = 0x2112_a442;

/// The length of the header of a STUN message, in bytes.
const HEADER: usize = 20;

/// How application data is wrapped between a TURN client and its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Not at all.
    Bare,
    /// As ChannelData (RFC 8656 section 12.4).
    ChannelData,
    /// As the DATA attribute of a Send or Data indication (RFC 8656 section 11).
    Indication,
}

/// Takes the application data out of a TURN frame; all else is returned as it is.
#[inline]
pub(crate) fn unwrap(datagram: &[u8]) -> (Framing, &[u8]) {
    match datagram.first() {
        Some(0x40..=0x4f) => channel_data(datagram).map(|inner| (Framing::ChannelData, inner)),
        Some(0x00) => indication_data(datagram).map(|inner| (Framing::Indication, inner)),
        _ => None,
    }
    .unwrap_or((Framing::Bare, datagram))
}

fn channel_data(datagram: &[u8]) -> Option<&[u8]> {
    datagram.get(4..4 + usize::from(word(datagram, 2)?))
}

fn indication_data(datagram: &[u8]) -> Option<&[u8]> {
    const SEND: u16 = 0x0016;
    const RECEIVED: u16 = 0x0017;
    const DATA: u16 = 0x0013;
    let message = Message::of(datagram).filter(|m| matches!(m.kind, SEND | RECEIVED))?;
    message.attributes().find(|(kind, _)| *kind == DATA).map(|(_, value)| value)
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.first_chunk().map(|b| u16::from_be_bytes(*b))
}

/// A STUN message, TURN's included, of which only the header has been looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    kind: u16,
    /// The magic cookie and the transaction id, which addresses are masked with.
    mask: &'a [u8; 16],
    body: &'a [u8],
}

impl<'a> Message<'a> {
    /// Reads the header; `None` if the datagram is no STUN message (RFC 8489 section 5).
    #[inline]
    pub(crate) fn of(datagram: &'a [u8]) -> Option<Self> {
        let (header, body) = datagram.split_first_chunk::<HEADER>()?;
        let (_, mask) = header.split_last_chunk::<16>()?;
        let kind = u16::from_be_bytes([header[0], header[1]]);
        (kind < 0x4000 && mask[..4] == MAGIC_COOKIE.to_be_bytes()).then_some(Self {
            kind,
            mask,
            body,
        })
    }

    /// The attributes up to the first that is not whole.
    fn attributes(self) -> impl Iterator<Item = (u16, &'a [u8])> {
        let mut rest = self.body;
        std::iter::from_fn(move || {
            let (kind, length) = (word(rest, 0)?, usize::from(word(rest, 2)?));
            let value = rest.get(4..4 + length)?;
            rest = rest.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
            Some((kind, value))
        })
    }

    /// The addresses that the message tells of, in order.
    pub(crate) fn addresses(self) -> impl Iterator<Item = (Told, IpAddr)> + use<'a> {
        self.attributes().filter_map(move |(kind, value)| {
            let (told, is_masked) = match kind {
                0x0001 => (Told::Mapped, false),
                0x0012 => (Told::Peer, true),
                0x0020 => (Told::Mapped, true),
                _ => return None,
            };
            let mask = if is_masked { *self.mask } else { [0; 16] };
            address(value, mask).map(|address| (told, address))
        })
    }
}

/// What a STUN message says of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// MAPPED-ADDRESS, XOR-MAPPED-ADDRESS: where the request came from (RFC 8489 section 14.1).
    Mapped,
    /// XOR-PEER-ADDRESS: where the peer of a TURN client is (RFC 8656 section 18.3).
    Peer,
}

/// Reads an address attribute: a zero, the family, the port, and the masked address.
fn address(value: &[u8], mask: [u8; 16]) -> Option<IpAddr> {
    let masked = value.get(4..)?;
    match value.get(1)? {
        1 => {
            let bits = u32::from_be_bytes(*masked.first_chunk()?);
            let mask = u32::from_be_bytes(*mask.first_chunk()?);
            Some(Ipv4Addr::from_bits(bits ^ mask).into())
        }
        2 => {
            let bits = u128::from_be_bytes(*masked.first_chunk()?);
            Some(Ipv6Addr::from_bits(bits ^ u128::from_be_bytes(mask)).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
