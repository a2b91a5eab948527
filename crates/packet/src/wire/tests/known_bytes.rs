//! Bytes made and checksummed apart from this code, and dissected without complaint by tshark.

use std::net::IpAddr;

use super::*;
use crate::{Body, Ecn, Icmp, IcmpErrorKind, Tcp, TcpFlags};

const ECHO_REQUEST: Icmp =
    Icmp::EchoRequest { identifier: 77, sequence: 1, payload: Bytes::from_static(b"ping") };
const ECHO_REPLY: Icmp =
    Icmp::EchoReply { identifier: 77, sequence: 1, payload: Bytes::from_static(b"ping") };
const SEGMENT: Tcp = Tcp {
    source_port: 49152,
    destination_port: 443,
    sequence: 0,
    acknowledgment: 0,
    flags: TcpFlags::ACK,
    window: 502,
    urgent: 0,
    options: Bytes::new(),
    payload: Bytes::new(),
};

#[track_caller]
fn check(packet: &Packet, bytes: &str) {
    let bytes = hex(bytes);
    assert_eq!(encode(packet), Ok(bytes.clone()));
    assert_eq!(packet.wire_len().bytes(), bytes.len() as u64);
    assert_eq!(decode(&bytes).as_ref(), Ok(packet));
}

fn tcp(packet: &Packet, tcp: Tcp) -> Packet {
    Packet { body: Body::Tcp(Box::new(tcp)), ..packet.clone() }
}

fn icmp(packet: &Packet, icmp: Icmp) -> Packet {
    Packet { body: Body::Icmp(icmp), ..packet.clone() }
}

fn back(packet: &Packet) -> Packet {
    Packet { source: packet.destination, destination: packet.source, ..packet.clone() }
}

fn error(kind: IcmpErrorKind, from: &str, offender: &Packet) -> Packet {
    Packet::icmp_error(from.parse::<IpAddr>().unwrap(), kind, offender).unwrap()
}

#[test]
fn udp_over_ipv4() {
    check(
        &udp_v4(b"hello"),
        "
        4500 0021 0000 4000 4011 4ee7
        c0a8 0102 c633 6407
        1388 0d96 000d aefe
        6865 6c6c 6f
        ",
    );
}

/// The low two bits of the second byte of IPv4, and of the traffic class of IPv6 (RFC 3168).
#[test]
fn ecn_over_both() {
    check(
        &Packet { ecn: Ecn::Ect0, ..udp_v4(b"hello") },
        "
        4502 0021 0000 4000 4011 4ee5
        c0a8 0102 c633 6407
        1388 0d96 000d aefe
        6865 6c6c 6f
        ",
    );
    check(
        &Packet { ecn: Ecn::Ce, ttl: 63, ..udp_v6(b"hello") },
        "
        6030 0000 000d 113f
        2001 0db8 0001 0000 0000 0000 0000 0002
        2001 0db8 0002 0000 0000 0000 0000 0007
        1388 0d96 000d 3f66
        6865 6c6c 6f
        ",
    );
}

#[test]
fn udp_over_ipv6() {
    check(
        &Packet { ttl: 63, ..udp_v6(b"hello") },
        "
        6000 0000 000d 113f
        2001 0db8 0001 0000 0000 0000 0000 0002
        2001 0db8 0002 0000 0000 0000 0000 0007
        1388 0d96 000d 3f66
        6865 6c6c 6f
        ",
    );
}

#[test]
fn tcp_syn_with_options_over_ipv4() {
    check(
        &tcp(
            &udp_v4(b""),
            Tcp {
                source_port: 49152,
                destination_port: 443,
                sequence: 0x0102_0304,
                acknowledgment: 0,
                flags: TcpFlags::SYN,
                window: 64240,
                urgent: 0,
                // MSS 1460, SACK permitted, timestamps, padding, window scale 7.
                options: Bytes::from(hex("020405b4 0402 080a000003e800000000 01 030307")),
                payload: Bytes::new(),
            },
        ),
        "
        4500 003c 0000 4000 4006 4ed7
        c0a8 0102 c633 6407
        c000 01bb 0102 0304
        0000 0000 a002 faf0 9780 0000 0204 05b4
        0402 080a 0000 03e8 0000 0000 0103 0307
        ",
    );
}

#[test]
fn tcp_data_over_ipv6() {
    check(
        &tcp(
            &udp_v6(b""),
            Tcp {
                source_port: 49152,
                destination_port: 443,
                sequence: 0x0102_0304,
                acknowledgment: 0x0a0b_0c0d,
                // With NS, the ninth flag.
                flags: TcpFlags::from_bits(0x118),
                window: 502,
                urgent: 0,
                options: Bytes::new(),
                payload: Bytes::from_static(b"GET"),
            },
        ),
        "
        6000 0000 0017 0640
        2001 0db8 0001 0000 0000 0000 0000 0002
        2001 0db8 0002 0000 0000 0000 0000 0007
        c000 01bb 0102 0304
        0a0b 0c0d 5118 01f6 da36 0000 4745 54
        ",
    );
}

#[test]
fn echo_request_over_ipv4() {
    check(
        &icmp(&udp_v4(b""), ECHO_REQUEST),
        "
        4500 0020 0000 4000 4001 4ef8
        c0a8 0102 c633 6407
        0800 18e1 004d 0001
        7069 6e67
        ",
    );
}

#[test]
fn echo_reply_over_ipv4() {
    check(
        &Packet { ttl: 57, ..icmp(&back(&udp_v4(b"")), ECHO_REPLY) },
        "
        4500 0020 0000 4000 3901 55f8
        c633 6407 c0a8 0102
        0000 20e1 004d 0001
        7069 6e67
        ",
    );
}

#[test]
fn echo_request_over_ipv6() {
    check(
        &icmp(&udp_v6(b""), ECHO_REQUEST),
        "
        6000 0000 000c 3a40
        2001 0db8 0001 0000 0000 0000 0000 0002
        2001 0db8 0002 0000 0000 0000 0000 0007
        8000 451c 004d 0001
        7069 6e67
        ",
    );
}

#[test]
fn echo_reply_over_ipv6() {
    check(
        &icmp(&back(&udp_v6(b"")), ECHO_REPLY),
        "
        6000 0000 000c 3a40
        2001 0db8 0002 0000 0000 0000 0000 0007
        2001 0db8 0001 0000 0000 0000 0000 0002
        8100 441c 004d 0001
        7069 6e67
        ",
    );
}

#[test]
fn port_unreachable_about_udp_over_ipv4() {
    check(
        &error(IcmpErrorKind::PortUnreachable, "198.51.100.7", &udp_v4(b"hello")),
        "
        4500 0038 0000 4000 4001 4ee0
        c633 6407 c0a8 0102
        0303 e8fb 0000 0000
        4500 001c 0000 4000 4011 4eec c0a8 0102
        c633 6407 1388 0d96 0008 f2da
        ",
    );
}

#[test]
fn port_unreachable_about_udp_over_ipv6() {
    check(
        &error(IcmpErrorKind::PortUnreachable, "2001:db8:2::7", &udp_v6(b"hello")),
        "
        6000 0000 0038 3a40
        2001 0db8 0002 0000 0000 0000 0000 0007
        2001 0db8 0001 0000 0000 0000 0000 0002
        0104 31dc 0000 0000
        6000 0000 0008 1140 2001 0db8 0001 0000
        0000 0000 0000 0002 2001 0db8 0002 0000
        0000 0000 0000 0007 1388 0d96 0008 8342
        ",
    );
}

#[test]
fn too_big_about_tcp_over_ipv4() {
    check(
        &error(IcmpErrorKind::TooBig { mtu: 1400 }, "203.0.113.1", &tcp(&udp_v4(b""), SEGMENT)),
        "
        4500 0038 0000 4000 4001 3d19
        cb00 7101 c0a8 0102
        0304 35c8 0000 0578
        4500 0028 0000 4000 4006 4eeb c0a8 0102
        c633 6407 c000 01bb 0000 0000
        ",
    );
}

#[test]
fn too_big_about_an_echo_request_over_ipv6() {
    check(
        &error(
            IcmpErrorKind::TooBig { mtu: 1280 },
            "2001:db8:3::1",
            &icmp(&udp_v6(b""), ECHO_REQUEST),
        ),
        "
        6000 0000 0038 3a40
        2001 0db8 0003 0000 0000 0000 0000 0001
        2001 0db8 0001 0000 0000 0000 0000 0002
        0200 030e 0000 0500
        6000 0000 0008 3a40 2001 0db8 0001 0000
        0000 0000 0000 0002 2001 0db8 0002 0000
        0000 0000 0000 0007 8000 23f2 004d 0000
        ",
    );
}

#[test]
fn every_error_has_the_type_and_code_of_its_registry() {
    let table = [
        (IcmpErrorKind::NetUnreachable, [3, 0], [1, 0]),
        (IcmpErrorKind::HostUnreachable, [3, 1], [1, 3]),
        (IcmpErrorKind::PortUnreachable, [3, 3], [1, 4]),
        (IcmpErrorKind::AdminProhibited, [3, 13], [1, 1]),
        (IcmpErrorKind::TooBig { mtu: 1280 }, [3, 4], [2, 0]),
        (IcmpErrorKind::TtlExceeded, [11, 0], [3, 0]),
    ];
    for (kind, v4, v6) in table {
        let bytes = encode(&error(kind, "203.0.113.1", &udp_v4(b""))).unwrap();
        assert_eq!(bytes[20..22], v4, "{kind}");
        let bytes = encode(&error(kind, "2001:db8:3::1", &udp_v6(b""))).unwrap();
        assert_eq!(bytes[40..42], v6, "{kind}");
    }
}

#[test]
fn req_768_a_udp_checksum_of_zero_is_sent_as_all_ones() {
    for packet in [udp_v4, udp_v6] {
        let header_len = packet(b"").wire_len().bytes() as usize;
        let checksum = header_len - 2..header_len;
        let bytes = encode(&packet(&[0, 0])).unwrap();
        // With its own checksum as payload, the datagram sums up to all ones.
        let packet = packet(&bytes[checksum.clone()]);
        let bytes = encode(&packet).unwrap();
        assert_eq!(bytes[checksum], [0xff, 0xff]);
        assert_eq!(decode(&bytes), Ok(packet));
    }
}

#[test]
fn req_768_a_udp_checksum_of_zero_over_ipv4_is_none() {
    let mut bytes = encode(&udp_v4(b"hello")).unwrap();
    bytes[26..28].fill(0);
    bytes[30] ^= 0x10;
    assert_eq!(decode(&bytes), Ok(udp_v4(b"he|lo")));
}

#[test]
fn req_4443_3_2_the_code_of_packet_too_big_is_ignored() {
    let error = error(IcmpErrorKind::TooBig { mtu: 1280 }, "2001:db8:3::1", &udp_v6(b""));
    let mut bytes = encode(&error).unwrap();
    bytes[41] = 9;
    properties::seal(&mut bytes);
    assert_eq!(decode(&bytes), Ok(error));
}

#[test]
fn an_error_that_quotes_the_whole_packet_is_as_good() {
    let offender = udp_v4(b"hello");
    let error = error(IcmpErrorKind::TtlExceeded, "203.0.113.1", &offender);
    let mut bytes = encode(&error).unwrap();
    bytes.truncate(28);
    bytes.extend(encode(&offender).unwrap());
    bytes[3] = bytes.len() as u8;
    properties::seal(&mut bytes);
    assert_eq!(decode(&bytes), Ok(error));
}
