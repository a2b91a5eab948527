//! What holds for every packet and for every byte string.

use std::ops::Range;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::{Body, Ecn, Icmp, IcmpErrorKind, Protocol, Quoted, Tcp, TcpFlags, Udp};

fn payload() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..64).prop_map(Bytes::from)
}

fn kind() -> impl Strategy<Value = IcmpErrorKind> {
    prop_oneof![
        Just(IcmpErrorKind::NetUnreachable),
        Just(IcmpErrorKind::HostUnreachable),
        Just(IcmpErrorKind::PortUnreachable),
        Just(IcmpErrorKind::AdminProhibited),
        any::<u16>().prop_map(|mtu| IcmpErrorKind::TooBig { mtu }),
        Just(IcmpErrorKind::TtlExceeded),
    ]
}

fn addresses() -> impl Strategy<Value = (IpAddr, IpAddr)> {
    prop_oneof![
        any::<[[u8; 4]; 2]>().prop_map(|[a, b]| (a.into(), b.into())),
        any::<[[u8; 16]; 2]>().prop_map(|[a, b]| (a.into(), b.into())),
    ]
}

fn tcp() -> impl Strategy<Value = Tcp> {
    let options = vec(any::<[u8; 4]>(), 0..=10).prop_map(|words| Bytes::from(words.concat()));
    let fields = any::<(u16, u16, u32, u32, u16, u16, u16)>();
    (fields, options, payload()).prop_map(|(fields, options, payload)| Tcp {
        source_port: fields.0,
        destination_port: fields.1,
        sequence: fields.2,
        acknowledgment: fields.3,
        flags: TcpFlags::from_bits(fields.4),
        window: fields.5,
        urgent: fields.6,
        options,
        payload,
    })
}

fn query() -> impl Strategy<Value = Icmp> {
    (any::<bool>(), any::<u16>(), any::<u16>(), payload()).prop_map(
        |(request, identifier, sequence, payload)| {
            if request {
                Icmp::EchoRequest { identifier, sequence, payload }
            } else {
                Icmp::EchoReply { identifier, sequence, payload }
            }
        },
    )
}

/// Quotations of one IP version, and whether it is version 4.
fn quoted() -> impl Strategy<Value = (bool, Quoted)> {
    let ports = prop_oneof![
        any::<(u16, u16)>().prop_map(|ports| (Protocol::Udp, ports)),
        any::<(u16, u16)>().prop_map(|ports| (Protocol::Tcp, ports)),
        any::<u16>().prop_map(|identifier| (Protocol::Icmp, (identifier, 0))),
        any::<u16>().prop_map(|identifier| (Protocol::Icmp, (0, identifier))),
    ];
    (addresses(), ports).prop_map(|(ips, (protocol, ports))| {
        let source = Endpoint::new(ips.0, ports.0);
        let destination = Endpoint::new(ips.1, ports.1);
        (ips.0.is_ipv4(), Quoted { protocol, source, destination })
    })
}

/// Every packet that has bytes, with short payloads.
fn packet() -> impl Strategy<Value = Packet> {
    let datagram = (any::<u16>(), any::<u16>(), payload()).prop_map(
        |(source_port, destination_port, payload)| {
            Body::Udp(Udp { source_port, destination_port, payload })
        },
    );
    let flow = prop_oneof![
        datagram,
        tcp().prop_map(|tcp| Body::Tcp(Box::new(tcp))),
        query().prop_map(Body::Icmp),
    ];
    let ecn = any::<u8>().prop_map(Ecn::from_bits);
    let plain = (addresses(), any::<u8>(), any::<bool>(), ecn, flow).prop_map(
        |((source, destination), ttl, dont_fragment, ecn, body)| {
            // IPv6 has no bit for it.
            let dont_fragment = dont_fragment || source.is_ipv6();
            Packet { ttl, dont_fragment, ecn, ..Packet::new(source, destination, body) }
        },
    );
    let error = (quoted(), kind(), any::<[u8; 16]>(), any::<[u8; 16]>(), any::<u8>()).prop_map(
        |((v4, quoted), kind, source, destination, ttl)| {
            let ip = |bytes: [u8; 16]| -> IpAddr {
                if v4 { [bytes[0], bytes[1], bytes[2], bytes[3]].into() } else { bytes.into() }
            };
            let body = Body::Icmp(Icmp::Error { kind, quoted: Box::new(quoted) });
            let (source, destination) = (ip(source), ip(destination));
            Packet { ttl, ..Packet::new(source, destination, body) }
        },
    );
    prop_oneof![3 => plain, 1 => error]
}

/// Makes every checksum of `bytes` right, as far as they look like a packet.
pub(super) fn seal(bytes: &mut [u8]) {
    let Some(first) = bytes.first() else { return };
    let version = if first >> 4 == 6 { Version::V6 } else { Version::V4 };
    if bytes.len() < version.header_len() {
        return;
    }
    let (header, body) = bytes.split_at_mut(version.header_len());
    let ip = |at: Range<usize>| -> IpAddr {
        match version {
            Version::V4 => <[u8; 4]>::try_from(&header[at]).unwrap().into(),
            Version::V6 => <[u8; 16]>::try_from(&header[at]).unwrap().into(),
        }
    };
    let (number, source, destination) = match version {
        Version::V4 => (header[9], ip(12..16), ip(16..20)),
        Version::V6 => (header[6], ip(8..24), ip(24..40)),
    };
    let checksum_at = match IpNumber(number) {
        IpNumber::UDP => 6,
        IpNumber::TCP => 16,
        _ => 2,
    };
    if body.len() >= checksum_at + 2 {
        body[checksum_at..][..2].fill(0);
        let checksum = body_checksum(source, destination, IpNumber(number), body);
        body[checksum_at..][..2].copy_from_slice(&checksum.to_be_bytes());
    }
    if version == Version::V4 {
        header[10..12].fill(0);
        let checksum = Sum16BitWords::new().add_slice(header).ones_complement();
        header[10..12].copy_from_slice(&checksum.to_ne_bytes());
    }
}

/// Says whether a bit of `packet` is under no checksum, or may change without making one wrong.
///
/// Those are traffic class, flow label and hop limit of IPv6, and the last set
/// bit of a UDP checksum over IPv4, without which the datagram has none.
fn is_uncovered(packet: &Packet, bytes: &[u8], byte: usize, mask: u8) -> bool {
    if packet.source.is_ipv4() {
        let is_udp = matches!(packet.body, Body::Udp(_));
        let mut checksum = [bytes[26], bytes[27]];
        is_udp && (26..28).contains(&byte) && {
            checksum[byte - 26] ^= mask;
            checksum == [0, 0]
        }
    } else {
        byte == 0 && mask < 0x10 || (1..4).contains(&byte) || byte == 7
    }
}

proptest! {
    #[test]
    fn every_packet_survives_the_way_over_the_wire(packet in packet()) {
        let bytes = encode(&packet).unwrap();
        prop_assert_eq!(bytes.len() as u64, packet.wire_len().bytes());
        prop_assert_eq!(decode(&bytes), Ok(packet));
    }

    #[test]
    fn every_flipped_bit_under_a_checksum_is_noticed(packet in packet()) {
        let bytes = encode(&packet).unwrap();
        for (byte, bit) in (0..bytes.len()).flat_map(|byte| (0..8).map(move |bit| (byte, bit))) {
            let mut flipped = bytes.clone();
            flipped[byte] ^= 1 << bit;
            if !is_uncovered(&packet, &bytes, byte, 1 << bit) {
                prop_assert!(decode(&flipped).is_err(), "byte {}, bit {}", byte, bit);
            }
        }
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(
        version in prop_oneof![Just(0x45), Just(0x60), any::<u8>()],
        mut bytes in vec(any::<u8>(), 0..128),
    ) {
        if let Some(first) = bytes.first_mut() {
            *first = version;
        }
        prop_assert!(decode(&bytes).is_err(), "random bytes have no right checksums");
    }

    /// Damaged packets with right checksums reach what random bytes do not.
    #[test]
    fn what_can_be_decoded_can_be_encoded(
        packet in packet(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in 0..12_usize,
    ) {
        let mut bytes = encode(&packet).unwrap();
        bytes.truncate(bytes.len() - cut.saturating_sub(6));
        for (index, value) in damage {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        let length = bytes.len() as u16;
        match packet.source {
            IpAddr::V4(_) => bytes[2..4].copy_from_slice(&length.to_be_bytes()),
            IpAddr::V6(_) => bytes[4..6].copy_from_slice(&(length - 40).to_be_bytes()),
        }
        seal(&mut bytes);
        if let Ok(decoded) = decode(&bytes) {
            let again = encode(&decoded).unwrap();
            prop_assert_eq!(decode(&again), Ok(decoded));
        }
    }
}
