//! From bytes to packets.

use std::net::IpAddr;

use bytes::Bytes;
use etherparse::checksum::Sum16BitWords;
use etherparse::{IpNumber, Ipv4HeaderSlice, Ipv6HeaderSlice, TcpSlice};

use super::icmp::Echo;
use super::{DecodeError, Layer, Version, body_checksum};
use crate::{Body, Ecn, Endpoint, Icmp, Packet, Protocol, Quoted, Tcp, TcpFlags, Udp};

/// Reads one packet from `bytes`, which begin with its IP header and end with it.
///
/// Checks every length and checksum, except that a zero UDP checksum over IPv4
/// means that there is none (RFC 768). The header that an ICMP error quotes is
/// taken as it is: routers change it on the way.
///
/// # Errors
///
/// [`DecodeError`] says what is wrong, or what a [`Packet`] cannot hold:
/// fragments (whose whole these bytes do not have), IPv4 options, IPv6 extension headers, other protocols and other
/// ICMP messages.
pub fn decode(bytes: &[u8]) -> Result<Packet, DecodeError> {
    let ip = IpHeader::read(bytes)?;
    check_length(Layer::Ip, ip.total_len, bytes.len())?;
    let (header, body) = bytes.split_at(ip.version.header_len());
    if ip.version == Version::V4 && Sum16BitWords::new().add_slice(header).ones_complement() != 0 {
        return Err(DecodeError::Checksum(Layer::Ip));
    }
    let body = match ip.protocol()? {
        Protocol::Udp => Body::Udp(read_udp(&ip, body)?),
        Protocol::Tcp => Body::Tcp(Box::new(read_tcp(&ip, body)?)),
        Protocol::Icmp => Body::Icmp(read_icmp(&ip, body)?),
    };
    let IpHeader { source, destination, ttl, dont_fragment, ecn, .. } = ip;
    Ok(Packet { source, destination, ttl, dont_fragment, ecn, is_corrupt: false, body })
}

/// The fields of an IP header that a packet or a quotation needs; it has no options or extensions.
struct IpHeader {
    version: Version,
    source: IpAddr,
    destination: IpAddr,
    ttl: u8,
    /// Set for IPv6, which says nothing of it.
    dont_fragment: bool,
    ecn: Ecn,
    number: IpNumber,
    /// Length of header and body as the header says, in bytes.
    total_len: usize,
}

impl IpHeader {
    /// Reads a header that `bytes` hold in full; whether they hold the body is for the caller.
    fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        match bytes.first() {
            None => Err(truncated(Layer::Ip, Version::V4.header_len(), bytes)),
            Some(byte @ 0x40..=0x44) => {
                Err(DecodeError::HeaderLength { layer: Layer::Ip, words: byte & 0xf })
            }
            Some(0x45) => Self::read_v4(bytes),
            Some(0x46..=0x4f) => Err(DecodeError::Ipv4Options),
            Some(0x60..=0x6f) => Self::read_v6(bytes),
            Some(other) => Err(DecodeError::Version(other >> 4)),
        }
    }

    fn read_v4(bytes: &[u8]) -> Result<Self, DecodeError> {
        let header = Ipv4HeaderSlice::from_slice(bytes)
            .map_err(|_| truncated(Layer::Ip, Version::V4.header_len(), bytes))?;
        if header.is_fragmenting_payload() {
            return Err(DecodeError::Fragment);
        }
        Ok(Self {
            version: Version::V4,
            source: header.source_addr().into(),
            destination: header.destination_addr().into(),
            ttl: header.ttl(),
            dont_fragment: header.dont_fragment(),
            ecn: Ecn::from_bits(header.ecn().value()),
            number: header.protocol(),
            total_len: header.total_len().into(),
        })
    }

    fn read_v6(bytes: &[u8]) -> Result<Self, DecodeError> {
        let header = Ipv6HeaderSlice::from_slice(bytes)
            .map_err(|_| truncated(Layer::Ip, Version::V6.header_len(), bytes))?;
        Ok(Self {
            version: Version::V6,
            source: header.source_addr().into(),
            destination: header.destination_addr().into(),
            ttl: header.hop_limit(),
            dont_fragment: true,
            ecn: Ecn::from_bits(header.traffic_class()),
            number: header.next_header(),
            total_len: Version::V6.header_len() + usize::from(header.payload_length()),
        })
    }

    fn protocol(&self) -> Result<Protocol, DecodeError> {
        Ok(match (self.version, self.number) {
            (_, IpNumber::UDP) => Protocol::Udp,
            (_, IpNumber::TCP) => Protocol::Tcp,
            (Version::V4, IpNumber::ICMP) | (Version::V6, IpNumber::IPV6_ICMP) => Protocol::Icmp,
            (Version::V6, IpNumber::IPV6_FRAGMENTATION_HEADER) => {
                return Err(DecodeError::Fragment);
            }
            (Version::V6, number) if number.is_ipv6_ext_header_value() => {
                return Err(DecodeError::ExtensionHeader(number.0));
            }
            (_, number) => return Err(DecodeError::Protocol(number.0)),
        })
    }

    fn check_body(&self, layer: Layer, body: &[u8]) -> Result<(), DecodeError> {
        match body_checksum(self.source, self.destination, self.number, body) {
            0 => Ok(()),
            _ => Err(DecodeError::Checksum(layer)),
        }
    }
}

fn read_udp(ip: &IpHeader, body: &[u8]) -> Result<Udp, DecodeError> {
    let Some((&[s0, s1, d0, d1, l0, l1, c0, c1], payload)) = body.split_first_chunk() else {
        return Err(truncated(Layer::Udp, 8, body));
    };
    check_length(Layer::Udp, u16::from_be_bytes([l0, l1]).into(), body.len())?;
    match (ip.version, [c0, c1]) {
        (Version::V4, [0, 0]) => {}
        (Version::V6, [0, 0]) => return Err(DecodeError::NoChecksum),
        _ => ip.check_body(Layer::Udp, body)?,
    }
    Ok(Udp {
        source_port: u16::from_be_bytes([s0, s1]),
        destination_port: u16::from_be_bytes([d0, d1]),
        payload: Bytes::copy_from_slice(payload),
    })
}

fn read_tcp(ip: &IpHeader, body: &[u8]) -> Result<Tcp, DecodeError> {
    use etherparse::err::tcp::{HeaderError, HeaderSliceError};
    let tcp = TcpSlice::from_slice(body).map_err(|error| match error {
        HeaderSliceError::Len(len) => truncated(Layer::Tcp, len.required_len, body),
        HeaderSliceError::Content(HeaderError::DataOffsetTooSmall { data_offset }) => {
            DecodeError::HeaderLength { layer: Layer::Tcp, words: data_offset }
        }
    })?;
    ip.check_body(Layer::Tcp, body)?;
    let header = tcp.header_slice();
    Ok(Tcp {
        source_port: tcp.source_port(),
        destination_port: tcp.destination_port(),
        sequence: tcp.sequence_number(),
        acknowledgment: tcp.acknowledgment_number(),
        flags: TcpFlags::from_bits(u16::from_be_bytes([header[12], header[13]])),
        window: tcp.window_size(),
        urgent: tcp.urgent_pointer(),
        options: Bytes::copy_from_slice(tcp.options()),
        payload: Bytes::copy_from_slice(tcp.payload()),
    })
}

fn read_icmp(ip: &IpHeader, body: &[u8]) -> Result<Icmp, DecodeError> {
    let Some((&[icmp_type, code, _, _, i0, i1, s0, s1], rest)) = body.split_first_chunk() else {
        return Err(truncated(Layer::Icmp, 8, body));
    };
    ip.check_body(Layer::Icmp, body)?;
    if let Some(echo) = ip.version.echo_of(icmp_type, code) {
        let identifier = u16::from_be_bytes([i0, i1]);
        let sequence = u16::from_be_bytes([s0, s1]);
        let payload = Bytes::copy_from_slice(rest);
        return Ok(match echo {
            Echo::Request => Icmp::EchoRequest { identifier, sequence, payload },
            Echo::Reply => Icmp::EchoReply { identifier, sequence, payload },
        });
    }
    let kind = ip.version.error_of(icmp_type, code, u32::from_be_bytes([i0, i1, s0, s1]))?;
    match read_quoted(ip.version, rest) {
        Ok(quoted) => Ok(Icmp::Error { kind, quoted: Box::new(quoted) }),
        Err(error) => Err(DecodeError::Quoted(Box::new(error))),
    }
}

fn read_quoted(version: Version, bytes: &[u8]) -> Result<Quoted, DecodeError> {
    let ip = IpHeader::read(bytes)?;
    if ip.version != version {
        return Err(DecodeError::Version(bytes[0] >> 4));
    }
    let protocol = ip.protocol()?;
    let body = &bytes[version.header_len()..];
    let Some(&[s0, s1, d0, d1, i0, i1, _, _]) = body.first_chunk() else {
        let layer = match protocol {
            Protocol::Udp => Layer::Udp,
            Protocol::Tcp => Layer::Tcp,
            Protocol::Icmp => Layer::Icmp,
        };
        return Err(truncated(layer, 8, body));
    };
    let (source_port, destination_port) = match protocol {
        Protocol::Udp | Protocol::Tcp => {
            (u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1]))
        }
        Protocol::Icmp => {
            let identifier = u16::from_be_bytes([i0, i1]);
            match version.echo_of(s0, s1) {
                Some(Echo::Request) => (identifier, 0),
                Some(Echo::Reply) => (0, identifier),
                None => {
                    return Err(DecodeError::IcmpMessage { icmp_type: s0, code: s1 });
                }
            }
        }
    };
    Ok(Quoted {
        protocol,
        source: Endpoint::new(ip.source, source_port),
        destination: Endpoint::new(ip.destination, destination_port),
    })
}

const fn truncated(layer: Layer, needed: usize, bytes: &[u8]) -> DecodeError {
    DecodeError::Truncated { layer, needed, available: bytes.len() }
}

const fn check_length(layer: Layer, declared: usize, available: usize) -> Result<(), DecodeError> {
    if declared == available {
        Ok(())
    } else {
        Err(DecodeError::Length { layer, declared, available })
    }
}
