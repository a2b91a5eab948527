use super::*;
use crate::DropReason;

const KINDS: [IcmpErrorKind; 6] = [
    IcmpErrorKind::NetUnreachable,
    IcmpErrorKind::HostUnreachable,
    IcmpErrorKind::PortUnreachable,
    IcmpErrorKind::AdminProhibited,
    IcmpErrorKind::TooBig { mtu: 1280 },
    IcmpErrorKind::TtlExceeded,
];

fn endpoint(text: &str) -> Endpoint {
    text.parse::<std::net::SocketAddr>().unwrap().into()
}

fn alice() -> Endpoint {
    endpoint("192.168.1.2:5000")
}

fn bob() -> Endpoint {
    endpoint("198.51.100.7:3478")
}

fn nat() -> Endpoint {
    endpoint("203.0.113.1:40000")
}

fn with_body(body: Body) -> Packet {
    Packet::new(alice().ip, bob().ip, body)
}

fn udp() -> Packet {
    Packet::udp(alice(), bob(), Bytes::from_static(b"hello"))
}

fn tcp() -> Packet {
    with_body(Body::Tcp(Box::new(Tcp {
        source_port: alice().port,
        destination_port: bob().port,
        sequence: 1,
        acknowledgment: 2,
        flags: TcpFlags::SYN.with(TcpFlags::ACK),
        window: 1000,
        urgent: 0,
        options: Bytes::from_static(&[2, 4, 5, 180]),
        payload: Bytes::from_static(b"hello"),
    })))
}

fn echo_request() -> Packet {
    with_body(Body::Icmp(Icmp::EchoRequest {
        identifier: 77,
        sequence: 1,
        payload: Bytes::from_static(b"ping"),
    }))
}

fn echo_reply() -> Packet {
    with_body(Body::Icmp(Icmp::EchoReply {
        identifier: 77,
        sequence: 1,
        payload: Bytes::from_static(b"ping"),
    }))
}

fn icmp_error() -> Packet {
    Packet::icmp_error(bob().ip, IcmpErrorKind::PortUnreachable, &udp()).unwrap()
}

fn ends(packet: &Packet) -> (Option<Endpoint>, Option<Endpoint>) {
    (packet.source_endpoint(), packet.destination_endpoint())
}

#[test]
fn a_nat_rewrites_address_and_port_of_udp_and_tcp() {
    for original in [udp(), tcp()] {
        assert_eq!(ends(&original), (Some(alice()), Some(bob())));
        let mut packet = original.clone();
        packet.set_source(nat());
        assert_eq!(ends(&packet), (Some(nat()), Some(bob())));
        packet.set_destination(alice());
        assert_eq!(ends(&packet), (Some(nat()), Some(alice())));
        packet.set_source(alice());
        packet.set_destination(bob());
        assert_eq!(packet, original, "nothing else changed");
    }
}

#[test]
fn a_nat_rewrites_the_identifier_of_an_echo_request_at_its_source() {
    let mut packet = echo_request();
    packet.set_source(nat());
    packet.set_destination(endpoint("192.0.2.9:1234"));
    assert_eq!(ends(&packet), (Some(nat()), Some(endpoint("192.0.2.9:0"))));
}

#[test]
fn a_nat_rewrites_the_identifier_of_an_echo_reply_at_its_destination() {
    let mut packet = echo_reply();
    packet.set_source(endpoint("192.0.2.9:1234"));
    packet.set_destination(nat());
    assert_eq!(ends(&packet), (Some(endpoint("192.0.2.9:0")), Some(nat())));
}

#[test]
fn an_icmp_error_has_addresses_to_rewrite_and_no_ports() {
    let mut packet = icmp_error();
    let body = packet.body.clone();
    packet.set_source(nat());
    packet.set_destination(endpoint("192.0.2.9:1234"));
    assert_eq!((packet.source, packet.destination), (nat().ip, endpoint("192.0.2.9:0").ip));
    assert_eq!(packet.body, body, "the quotation is translated on its own");
    assert_eq!(ends(&packet), (None, None));
}

#[test]
fn an_icmp_error_goes_back_and_quotes_both_ends() {
    for offender in [udp(), tcp(), echo_request(), echo_reply()] {
        let error = Packet::icmp_error(nat().ip, IcmpErrorKind::TtlExceeded, &offender).unwrap();
        assert_eq!((error.source, error.destination), (nat().ip, offender.source));
        assert_eq!(error.protocol(), offender.protocol());
        let Body::Icmp(Icmp::Error { kind, quoted }) = error.body else {
            panic!("not an ICMP error")
        };
        assert_eq!(kind, IcmpErrorKind::TtlExceeded);
        assert_eq!((Some(quoted.source), Some(quoted.destination)), ends(&offender));
    }
}

#[test]
fn req_1122_3_2_2_no_icmp_error_about_an_icmp_error() {
    for kind in KINDS {
        assert_eq!(Packet::icmp_error(nat().ip, kind, &icmp_error()), None, "{kind}");
    }
}

#[test]
fn req_1122_3_2_2_no_icmp_error_about_a_packet_that_many_hosts_got() {
    for destination in ["224.0.0.251:5353", "255.255.255.255:67", "[ff02::fb]:5353"] {
        let mut offender = udp();
        offender.set_destination(endpoint(destination));
        let error = Packet::icmp_error(nat().ip, IcmpErrorKind::PortUnreachable, &offender);
        assert_eq!(error, None, "{destination}");
    }
}

#[test]
fn req_1122_3_2_2_no_icmp_error_toward_a_source_that_is_not_one_host() {
    for source in ["224.0.0.1:1", "255.255.255.255:1", "0.0.0.0:68", "[::]:1", "[ff02::1]:1"] {
        let mut offender = udp();
        offender.set_source(endpoint(source));
        let error = Packet::icmp_error(nat().ip, IcmpErrorKind::PortUnreachable, &offender);
        assert_eq!(error, None, "{source}");
    }
}

#[test]
fn every_error_that_a_drop_answers_with_is_about_the_dropped_packet() {
    for reason in DropReason::ALL {
        if let Some(kind) = reason.icmp_error() {
            let error = Packet::icmp_error(nat().ip, kind, &udp()).unwrap();
            assert_eq!(error.destination, alice().ip, "{reason}");
        }
    }
}

#[test]
fn consistent_is_one_ip_version() {
    let mut packet = udp();
    assert!(packet.is_consistent());
    packet.set_destination(endpoint("[2001:db8::1]:1"));
    assert!(!packet.is_consistent());
}

#[test]
fn tcp_flags_are_the_low_nine_bits() {
    assert_eq!(TcpFlags::from_bits(0xffff).bits(), 0x1ff);
    let syn_ack = TcpFlags::SYN.with(TcpFlags::ACK);
    assert_eq!(syn_ack.bits(), 0x012);
    assert!(syn_ack.contains(TcpFlags::SYN));
    assert!(!TcpFlags::SYN.contains(syn_ack));
}
