//! Packets as bytes and back: raw IP, no link layer.
//!
//! [`encode`] fails for what the formats cannot hold, [`decode`] for what a
//! [`Packet`](crate::Packet) cannot hold, both with a typed error; neither
//! panics. Fields that a packet does not have are constants on the way out and
//! read over on the way in: DSCP and flow label (0), the
//! identification of whole IPv4 packets (0), the reserved bits of TCP, and of the packet that an ICMP error
//! quotes everything but its protocol, addresses and ports. So decoding what
//! was encoded gives an equal packet, but encoding what was decoded need not
//! give equal bytes. Three things have bytes that do not decode to them: a
//! fragment, which alone does not have its whole, an IPv6 packet that its
//! host may cut, which its bytes do not say, and a corrupt packet, whose
//! checksum is wrong.

use std::net::IpAddr;

use etherparse::checksum::Sum16BitWords;
use etherparse::{IpNumber, Ipv4Header, Ipv6Header};

mod decode;
mod encode;
mod error;
mod icmp;

pub use decode::decode;
pub use encode::{encode, encode_into};
pub use error::{DecodeError, EncodeError, Layer};

#[cfg(test)]
mod tests;

/// Which IP, and with it which ICMP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    V4,
    V6,
}

impl Version {
    const fn of(ip: IpAddr) -> Self {
        if ip.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// Returns the length of an IP header without options or extensions, in bytes.
    const fn header_len(self) -> usize {
        match self {
            Self::V4 => Ipv4Header::MIN_LEN,
            Self::V6 => Ipv6Header::LEN,
        }
    }
}

/// Returns the Internet checksum (RFC 1071) of a transport body under its pseudo header.
///
/// Zero over a body whose checksum field is right. The pseudo headers of IPv4
/// (RFC 768, RFC 9293 section 3.1) and IPv6 (RFC 8200 section 8.1) have equal
/// sums for equal fields; ICMP for IPv4 has none (RFC 792).
fn body_checksum(source: IpAddr, destination: IpAddr, protocol: IpNumber, body: &[u8]) -> u16 {
    let mut sum = Sum16BitWords::new().add_slice(body);
    if protocol != IpNumber::ICMP {
        sum = sum.add_2bytes([0, protocol.0]).add_8bytes((body.len() as u64).to_be_bytes());
        for address in [source, destination] {
            sum = match address {
                IpAddr::V4(ip) => sum.add_4bytes(ip.octets()),
                IpAddr::V6(ip) => sum.add_16bytes(ip.octets()),
            };
        }
    }
    sum.ones_complement().to_be()
}
