//! From packets to bytes.

use std::net::IpAddr;

use bytes::Bytes;
use etherparse::{IpEcn, IpFragOffset, IpNumber, Ipv4Header, Ipv6FragmentHeader, Ipv6Header};

use super::icmp::Echo;
use super::{EncodeError, Version, body_checksum};
use crate::{Body, Fragment, Icmp, Packet, Protocol, Quoted, Tcp, TcpFlags};

/// Bytes of the quoted body in an ICMP error (RFC 792).
const QUOTED_BODY_LEN: usize = 8;

/// Makes the bytes of `packet`, from the IP header on; as many as [`Packet::wire_len`] says.
///
/// # Errors
///
/// [`EncodeError`] names the field that has no place in the format.
pub fn encode(packet: &Packet) -> Result<Vec<u8>, EncodeError> {
    let mut bytes = Vec::with_capacity(packet.wire_len().bytes() as usize);
    encode_into(packet, &mut bytes)?;
    Ok(bytes)
}

/// Appends the bytes of `packet` to `out`, for callers that reuse a buffer.
///
/// # Errors
///
/// As [`encode`]; `out` is then left as it was.
pub fn encode_into(packet: &Packet, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let start = out.len();
    let result = append_packet(packet, out);
    if result.is_err() {
        out.truncate(start);
    }
    result
}

fn append_packet(packet: &Packet, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let version = Version::of(packet.source);
    let (protocol, checksum_at) = match (&packet.body, version) {
        (Body::Udp(_), _) => (IpNumber::UDP, 6),
        (Body::Tcp(_), _) => (IpNumber::TCP, 16),
        (Body::Icmp(_), Version::V4) => (IpNumber::ICMP, 2),
        (Body::Icmp(_), Version::V6) => (IpNumber::IPV6_ICMP, 2),
        (Body::Fragment(fragment), _) => return append_fragment(packet, fragment, out),
    };
    append_ip_header(packet, protocol, None, out)?;

    let start = out.len();
    match &packet.body {
        Body::Udp(udp) => {
            out.extend(udp.source_port.to_be_bytes());
            out.extend(udp.destination_port.to_be_bytes());
            // The IP header has been written, so the shorter body fits 16 bits as well.
            out.extend((8 + udp.payload.len() as u16).to_be_bytes());
            out.extend([0; 2]);
            out.extend_from_slice(&udp.payload);
        }
        Body::Tcp(tcp) => append_tcp(tcp, out)?,
        Body::Icmp(icmp) => append_icmp(icmp, version, out)?,
        // Has gone its own way above.
        Body::Fragment(_) => {}
    }

    let mut checksum = body_checksum(packet.source, packet.destination, protocol, &out[start..]);
    // RFC 768: zero would say that there is no checksum.
    if checksum == 0 && protocol == IpNumber::UDP {
        checksum = 0xffff;
    }
    if packet.is_corrupt {
        checksum = wrong(checksum);
    }
    out[start + checksum_at..][..2].copy_from_slice(&checksum.to_be_bytes());
    Ok(())
}

/// Makes a checksum that is not right of one that is: which bits of the body have changed is not
/// known, so the body stays and the sum shows it. Never zero, which would say that there is none.
const fn wrong(checksum: u16) -> u16 {
    if checksum == 1 { 2 } else { checksum ^ 1 }
}

/// Appends a header of its own and the part of the whole's body; only the first part has the
/// transport header, whose checksum is that of the whole.
fn append_fragment(
    packet: &Packet,
    fragment: &Fragment,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let &Fragment { offset, length, ref whole, .. } = fragment;
    let refused = EncodeError::FragmentRange { offset, length };
    if matches!(whole.body, Body::Fragment(_)) || packet.source.is_ipv4() != whole.source.is_ipv4()
    {
        return Err(refused);
    }
    let bytes = encode(whole)?;
    let (header, body) = bytes.split_at(Version::of(whole.source).header_len());
    let start = usize::from(offset) * 8;
    let part = body.get(start..start + usize::from(length)).ok_or(refused)?;
    let protocol = match Version::of(whole.source) {
        Version::V4 => header[9],
        Version::V6 => header[6],
    };
    append_ip_header(packet, IpNumber(protocol), Some(fragment), out)?;
    out.extend_from_slice(part);
    // Only the first part has a checksum to show it with.
    if packet.is_corrupt
        && !whole.is_corrupt
        && let Some(last) = out.last_mut()
    {
        *last ^= 1;
    }
    Ok(())
}

fn append_ip_header(
    packet: &Packet,
    protocol: IpNumber,
    fragment: Option<&Fragment>,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let length = packet.wire_len().bytes();
    let fit = |value: u64| {
        let max = u64::from(u16::MAX) + (length - value);
        u16::try_from(value).map_err(|_| EncodeError::TooLong { length, max })
    };
    match (packet.source, packet.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let mut header = Ipv4Header {
                total_len: fit(length)?,
                dont_fragment: packet.dont_fragment,
                ecn: IpEcn::try_new(packet.ecn.bits()).unwrap_or_default(),
                time_to_live: packet.ttl,
                protocol,
                source: source.octets(),
                destination: destination.octets(),
                ..Ipv4Header::default()
            };
            if let Some(fragment) = fragment {
                header.identification = fragment.identification as u16;
                header.more_fragments = fragment.more_follow();
                header.fragment_offset = offset_field(fragment)?;
            }
            header.header_checksum = header.calc_header_checksum();
            out.extend_from_slice(&header.to_bytes());
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let next_header = fragment.map_or(protocol, |_| IpNumber::IPV6_FRAGMENTATION_HEADER);
            let header = Ipv6Header {
                traffic_class: packet.ecn.bits(),
                payload_length: fit(length - Ipv6Header::LEN as u64)?,
                next_header,
                hop_limit: packet.ttl,
                source: source.octets(),
                destination: destination.octets(),
                ..Ipv6Header::default()
            };
            out.extend_from_slice(&header.to_bytes());
            if let Some(fragment) = fragment {
                let header = Ipv6FragmentHeader::new(
                    protocol,
                    offset_field(fragment)?,
                    fragment.more_follow(),
                    fragment.identification,
                );
                out.extend_from_slice(&header.to_bytes());
            }
        }
        _ => return Err(EncodeError::MixedVersions),
    }
    Ok(())
}

/// The offset as the 13 bits that both headers have for it.
fn offset_field(fragment: &Fragment) -> Result<IpFragOffset, EncodeError> {
    let &Fragment { offset, length, .. } = fragment;
    IpFragOffset::try_new(offset).map_err(|_| EncodeError::FragmentRange { offset, length })
}

fn append_tcp(tcp: &Tcp, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let length = tcp.options.len();
    if length > 40 || !length.is_multiple_of(4) {
        return Err(EncodeError::TcpOptions { length });
    }
    let data_offset = (5 + length / 4) as u16;
    out.extend(tcp.source_port.to_be_bytes());
    out.extend(tcp.destination_port.to_be_bytes());
    out.extend(tcp.sequence.to_be_bytes());
    out.extend(tcp.acknowledgment.to_be_bytes());
    out.extend((data_offset << 12 | tcp.flags.bits()).to_be_bytes());
    out.extend(tcp.window.to_be_bytes());
    out.extend([0; 2]);
    out.extend(tcp.urgent.to_be_bytes());
    out.extend_from_slice(&tcp.options);
    out.extend_from_slice(&tcp.payload);
    Ok(())
}

fn append_icmp(icmp: &Icmp, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let (icmp_type, identifier, sequence, payload) = match icmp {
        Icmp::EchoRequest { identifier, sequence, payload } => {
            (version.echo_type(Echo::Request), identifier, sequence, payload)
        }
        Icmp::EchoReply { identifier, sequence, payload } => {
            (version.echo_type(Echo::Reply), identifier, sequence, payload)
        }
        Icmp::Error { kind, quoted } => {
            if Version::of(quoted.source.ip) != version {
                return Err(EncodeError::MixedVersions);
            }
            let (icmp_type, code, word) = version.error_type(*kind);
            out.extend([icmp_type, code, 0, 0]);
            out.extend(word.to_be_bytes());
            let offender = offender(quoted)?;
            let start = out.len();
            append_packet(&offender, out)?;
            out.truncate(start + version.header_len() + QUOTED_BODY_LEN);
            return Ok(());
        }
    };
    out.extend([icmp_type, 0, 0, 0]);
    out.extend(identifier.to_be_bytes());
    out.extend(sequence.to_be_bytes());
    out.extend_from_slice(payload);
    Ok(())
}

/// Builds a packet whose header and first eight bytes are those that an ICMP error quotes.
///
/// What a [`Quoted`] does not know is empty or zero: payload, sequence numbers.
fn offender(quoted: &Quoted) -> Result<Packet, EncodeError> {
    let mut packet = Packet::udp(quoted.source, quoted.destination, Bytes::new());
    let (source_port, destination_port) = (quoted.source.port, quoted.destination.port);
    packet.body = match quoted.protocol {
        Protocol::Udp => packet.body,
        Protocol::Tcp => Body::Tcp(Box::new(Tcp {
            source_port,
            destination_port,
            sequence: 0,
            acknowledgment: 0,
            flags: TcpFlags::default(),
            window: 0,
            urgent: 0,
            options: Bytes::new(),
            payload: Bytes::new(),
        })),
        Protocol::Icmp => Body::Icmp(match (source_port, destination_port) {
            (identifier, 0) => Icmp::EchoRequest { identifier, sequence: 0, payload: Bytes::new() },
            (0, identifier) => Icmp::EchoReply { identifier, sequence: 0, payload: Bytes::new() },
            _ => {
                return Err(EncodeError::QuotedQuery { source_port, destination_port });
            }
        }),
    };
    Ok(packet)
}
