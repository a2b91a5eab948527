//! What the codec refuses, each by its own error.

use super::properties::seal;
use super::*;
use crate::{Body, Icmp, IcmpErrorKind, Protocol, Quoted, Tcp, TcpFlags};

fn tcp(options: &'static [u8]) -> Packet {
    let tcp = Tcp {
        source_port: 1,
        destination_port: 2,
        sequence: 0,
        acknowledgment: 0,
        flags: TcpFlags::SYN,
        window: 0,
        urgent: 0,
        options: Bytes::from_static(options),
        payload: Bytes::new(),
    };
    Packet { body: Body::Tcp(Box::new(tcp)), ..udp_v4(b"") }
}

fn unreachable(source: &str, destination: &str, protocol: Protocol) -> Packet {
    let quoted = Quoted { protocol, source: endpoint(source), destination: endpoint(destination) };
    let error = Icmp::Error { kind: IcmpErrorKind::HostUnreachable, quoted: Box::new(quoted) };
    Packet { body: Body::Icmp(error), ..udp_v4(b"") }
}

/// Encodes, changes bytes, and makes all checksums right again.
fn changed(packet: &Packet, change: impl FnOnce(&mut Vec<u8>)) -> Result<Packet, DecodeError> {
    let mut bytes = encode(packet).unwrap();
    change(&mut bytes);
    seal(&mut bytes);
    decode(&bytes)
}

fn truncated(layer: Layer, needed: usize, available: usize) -> Result<Packet, DecodeError> {
    Err(DecodeError::Truncated { layer, needed, available })
}

fn length(layer: Layer, declared: usize, available: usize) -> Result<Packet, DecodeError> {
    Err(DecodeError::Length { layer, declared, available })
}

fn header_length(layer: Layer, words: u8) -> Result<Packet, DecodeError> {
    Err(DecodeError::HeaderLength { layer, words })
}

fn quoted(error: DecodeError) -> Result<Packet, DecodeError> {
    Err(DecodeError::Quoted(Box::new(error)))
}

#[test]
fn encode_refuses_mixed_ip_versions() {
    let mixed = Packet { destination: udp_v6(b"").destination, ..udp_v4(b"") };
    assert_eq!(encode(&mixed), Err(EncodeError::MixedVersions));
    let mixed = Packet { source: udp_v6(b"").source, ..udp_v4(b"") };
    assert_eq!(encode(&mixed), Err(EncodeError::MixedVersions));
    let mixed = unreachable("[2001:db8::1]:1", "[2001:db8::2]:2", Protocol::Udp);
    assert_eq!(encode(&mixed), Err(EncodeError::MixedVersions));
    let mixed = unreachable("192.0.2.1:1", "[2001:db8::2]:2", Protocol::Udp);
    assert_eq!(encode(&mixed), Err(EncodeError::MixedVersions));
}

#[test]
fn encode_takes_all_that_the_length_field_can_say_and_no_more() {
    let (max_v4, max_v6) = (65_535 - 28, 65_535 - 8);
    let (full_v4, full_v6) = (udp_v4(&vec![7; max_v4]), udp_v6(&vec![7; max_v6]));
    assert_eq!(decode(&encode(&full_v4).unwrap()), Ok(full_v4));
    assert_eq!(decode(&encode(&full_v6).unwrap()), Ok(full_v6));
    let too_long = EncodeError::TooLong { length: 65_536, max: 65_535 };
    assert_eq!(encode(&udp_v4(&vec![7; max_v4 + 1])), Err(too_long));
    let too_long = EncodeError::TooLong { length: 65_576, max: 65_575 };
    assert_eq!(encode(&udp_v6(&vec![7; max_v6 + 1])), Err(too_long));
}

#[test]
fn encode_refuses_tcp_options_that_do_not_fit() {
    assert_eq!(encode(&tcp(&[1; 3])), Err(EncodeError::TcpOptions { length: 3 }));
    assert_eq!(encode(&tcp(&[1; 44])), Err(EncodeError::TcpOptions { length: 44 }));
    assert_eq!(encode(&tcp(&[1; 40])).map(|bytes| bytes.len()), Ok(80));
}

#[test]
fn encode_refuses_a_quoted_query_with_two_identifiers() {
    let refusal = EncodeError::QuotedQuery { source_port: 1, destination_port: 2 };
    assert_eq!(encode(&unreachable("192.0.2.1:1", "192.0.2.2:2", Protocol::Icmp)), Err(refusal));
}

#[test]
fn encode_into_leaves_the_buffer_alone_when_it_fails() {
    let mut out = vec![1, 2, 3];
    let failing = unreachable("192.0.2.1:1", "192.0.2.2:2", Protocol::Icmp);
    assert!(encode_into(&failing, &mut out).is_err());
    assert_eq!(out, [1, 2, 3]);
    encode_into(&udp_v4(b"hello"), &mut out).unwrap();
    assert_eq!(out[3..], encode(&udp_v4(b"hello")).unwrap());
}

#[test]
fn decode_refuses_bytes_that_end_within_a_header() {
    assert_eq!(decode(&[]), truncated(Layer::Ip, 20, 0));
    assert_eq!(decode(&[0x45; 19]), truncated(Layer::Ip, 20, 19));
    assert_eq!(decode(&[0x60; 39]), truncated(Layer::Ip, 40, 39));
    let cut = |packet: &Packet, length: u8| {
        changed(packet, |bytes| {
            bytes.truncate(length.into());
            bytes[3] = length;
        })
    };
    assert_eq!(cut(&udp_v4(b""), 27), truncated(Layer::Udp, 8, 7));
    assert_eq!(cut(&tcp(&[]), 39), truncated(Layer::Tcp, 20, 19));
    assert_eq!(cut(&tcp(&[1; 8]), 47), truncated(Layer::Tcp, 28, 27));
    let error = unreachable("192.0.2.1:1", "192.0.2.2:2", Protocol::Tcp);
    assert_eq!(cut(&error, 27), truncated(Layer::Icmp, 8, 7));
    let in_quote =
        |layer, needed, available| quoted(DecodeError::Truncated { layer, needed, available });
    assert_eq!(cut(&error, 28), in_quote(Layer::Ip, 20, 0));
    assert_eq!(cut(&error, 47), in_quote(Layer::Ip, 20, 19));
    assert_eq!(cut(&error, 55), in_quote(Layer::Tcp, 8, 7));
}

#[test]
fn decode_refuses_lengths_that_do_not_agree() {
    assert_eq!(changed(&udp_v4(b"hello"), |bytes| bytes[3] -= 1), length(Layer::Ip, 32, 33));
    assert_eq!(changed(&udp_v4(b"hello"), |bytes| bytes.push(0)), length(Layer::Ip, 33, 34));
    assert_eq!(changed(&udp_v6(b"hello"), |bytes| bytes[5] += 1), length(Layer::Ip, 54, 53));
    assert_eq!(changed(&udp_v4(b"hello"), |bytes| bytes[25] -= 1), length(Layer::Udp, 12, 13));
    assert_eq!(changed(&udp_v6(b"hello"), |bytes| bytes[45] = 0), length(Layer::Udp, 0, 13));
    assert_eq!(changed(&udp_v4(b""), |bytes| bytes[0] = 0x44), header_length(Layer::Ip, 4));
    assert_eq!(changed(&tcp(&[]), |bytes| bytes[32] = 0x40), header_length(Layer::Tcp, 4));
}

#[test]
fn decode_refuses_what_a_packet_cannot_hold() {
    assert_eq!(decode(&[0x50; 60]), Err(DecodeError::Version(5)));
    assert_eq!(changed(&udp_v4(b"four"), |bytes| bytes[0] = 0x46), Err(DecodeError::Ipv4Options));
    // The first, a middle and the last fragment.
    for flags in [[0x20, 0], [0x20, 1], [0, 1]] {
        let fragment = changed(&udp_v4(b""), |bytes| bytes[6..8].copy_from_slice(&flags));
        assert_eq!(fragment, Err(DecodeError::Fragment));
    }
    assert_eq!(changed(&udp_v6(b""), |bytes| bytes[6] = 44), Err(DecodeError::Fragment));
    for number in [0, 43, 51, 60, 135, 139, 140] {
        let extended = changed(&udp_v6(b""), |bytes| bytes[6] = number);
        assert_eq!(extended, Err(DecodeError::ExtensionHeader(number)));
    }
    // IGMP, ICMPv6 over IPv4, SCTP; ICMP over IPv6, no next header, SCTP.
    for number in [2, 58, 132] {
        let other = changed(&udp_v4(b""), |bytes| bytes[9] = number);
        assert_eq!(other, Err(DecodeError::Protocol(number)));
    }
    for number in [1, 59, 132] {
        let other = changed(&udp_v6(b""), |bytes| bytes[6] = number);
        assert_eq!(other, Err(DecodeError::Protocol(number)));
    }
}

#[test]
fn decode_refuses_other_icmp_messages() {
    let echo = |packet| {
        let icmp = Icmp::EchoRequest { identifier: 1, sequence: 2, payload: Bytes::new() };
        Packet { body: Body::Icmp(icmp), ..packet }
    };
    // Protocol unreachable, redirect, parameter problem, timestamp, an echo with a code.
    for (icmp_type, code) in [(3, 2), (5, 0), (12, 0), (13, 0), (8, 1)] {
        let other = changed(&echo(udp_v4(b"")), |bytes| {
            bytes[20..22].copy_from_slice(&[icmp_type, code]);
        });
        assert_eq!(other, Err(DecodeError::IcmpMessage { icmp_type, code }));
    }
    // Beyond scope, hop limit in reassembly, parameter problem, neighbor solicitation.
    for (icmp_type, code) in [(1, 2), (3, 1), (4, 0), (135, 0), (129, 1)] {
        let other = changed(&echo(udp_v6(b"")), |bytes| {
            bytes[40..42].copy_from_slice(&[icmp_type, code]);
        });
        assert_eq!(other, Err(DecodeError::IcmpMessage { icmp_type, code }));
    }
}

#[test]
fn decode_refuses_an_mtu_that_no_packet_reaches() {
    let kind = IcmpErrorKind::TooBig { mtu: 65_535 };
    let error = Packet::icmp_error(udp_v6(b"").destination, kind, &udp_v6(b"")).unwrap();
    assert_eq!(changed(&error, |_| ()), Ok(error.clone()));
    assert_eq!(changed(&error, |bytes| bytes[45] = 1), Err(DecodeError::Mtu(0x1_ffff)));
}

#[test]
fn decode_refuses_a_quotation_that_says_nothing() {
    let error = unreachable("192.0.2.1:1", "192.0.2.2:2", Protocol::Udp);
    let other_version = changed(&error, |bytes| {
        bytes.truncate(28);
        bytes.extend(encode(&udp_v6(b"")).unwrap());
        bytes[3] = bytes.len() as u8;
    });
    assert_eq!(other_version, quoted(DecodeError::Version(6)));
    assert_eq!(changed(&error, |bytes| bytes[28] = 0x46), quoted(DecodeError::Ipv4Options));
    assert_eq!(changed(&error, |bytes| bytes[35] = 1), quoted(DecodeError::Fragment));
    assert_eq!(changed(&error, |bytes| bytes[37] = 2), quoted(DecodeError::Protocol(2)));
    let about_icmp = unreachable("192.0.2.1:1", "192.0.2.2:0", Protocol::Icmp);
    assert_eq!(
        changed(&about_icmp, |bytes| bytes[48] = 3),
        quoted(DecodeError::IcmpMessage { icmp_type: 3, code: 0 })
    );
}

#[test]
fn req_8200_8_1_udp_over_ipv6_has_a_checksum() {
    let mut bytes = encode(&udp_v6(b"hello")).unwrap();
    bytes[46..48].fill(0);
    assert_eq!(decode(&bytes), Err(DecodeError::NoChecksum));
}

#[test]
fn errors_are_sentences_for_people() {
    let error = unreachable("192.0.2.1:1", "192.0.2.2:2", Protocol::Tcp);
    let cut = changed(&error, |bytes| {
        bytes.truncate(52);
        bytes[3] = 52;
    });
    let message = cut.unwrap_err().to_string();
    assert_eq!(message, "quoted packet: TCP header cut short: 4 of 8 bytes");
    let error = encode(&tcp(&[1; 3])).unwrap_err();
    assert_eq!(error.to_string(), "TCP options of 3 bytes, not a multiple of 4 up to 40");
}
