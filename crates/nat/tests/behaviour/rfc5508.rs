//! RFC 5508: ICMP queries and errors.

use natbed_nat::{Filtering, NatConfig, Outbound, PortAllocation};
use natbed_packet::{DropReason, Endpoint, IcmpErrorKind, Packet};

use crate::lab::{EXTERNAL, Lab, echo_reply, echo_request, ep, error, ip, quoted, secs, udp};

const HOST: &str = "192.168.1.10:5000";
const SERVER: &str = "203.0.113.1:3478";
const PORT: IcmpErrorKind = IcmpErrorKind::PortUnreachable;

/// Sends an echo request from inside; returns the identifier it leaves with.
fn ping(lab: &mut Lab, from: &str, to: &str, identifier: u16) -> u16 {
    let mut request = echo_request(from, to, identifier);
    lab.send(&mut request).unwrap();
    assert_eq!(request.source, ip(EXTERNAL));
    request.source_endpoint().unwrap().port
}

#[test]
fn req_5508_1_queries_and_their_answers_pass() {
    let mut lab = Lab::new(NatConfig::default());
    let identifier = ping(&mut lab, "192.168.1.10", "203.0.113.1", 7);
    let mut reply = echo_reply("203.0.113.1", EXTERNAL, identifier);
    let translation = lab.receive(&mut reply).unwrap();
    assert_eq!(reply, echo_reply("203.0.113.1", "192.168.1.10", 7));
    assert_eq!(translation.after, ep("192.168.1.10:7"));
    // Queries and ports do not get into each other's way.
    assert_eq!(lab.back("203.0.113.1:0", identifier), Err(DropReason::NoMapping));
}

#[test]
fn req_5508_1a_the_identifier_does_not_depend_on_the_destination() {
    let mut lab = Lab::new(NatConfig::default());
    let identifier = ping(&mut lab, "192.168.1.10", "203.0.113.1", 7);
    assert_eq!(ping(&mut lab, "192.168.1.10", "203.0.113.2", 7), identifier);
    assert_ne!(ping(&mut lab, "192.168.1.11", "203.0.113.1", 7), identifier);
}

#[test]
fn req_5508_2_a_query_session_lives_sixty_seconds() {
    let mut lab = Lab::profile("rfc4787-recommended");
    let identifier = ping(&mut lab, "192.168.1.10", "203.0.113.1", 7);
    lab.wait(secs(59));
    lab.receive(&mut echo_reply("203.0.113.1", EXTERNAL, identifier)).unwrap();
    lab.wait(secs(60));
    let late = lab.receive(&mut echo_reply("203.0.113.1", EXTERNAL, identifier));
    assert_eq!(late, Err(DropReason::NoMapping));
}

#[test]
fn a_query_from_outside_is_for_the_box_and_a_stray_answer_for_nobody() {
    let mut lab = Lab::profile("rfc4787-recommended");
    ping(&mut lab, "192.168.1.10", "203.0.113.1", 0);
    let query = lab.receive(&mut echo_request("203.0.113.1", EXTERNAL, 0));
    assert_eq!(query, Err(DropReason::NoMapping));
    let stray = lab.send(&mut echo_reply("192.168.1.10", "203.0.113.1", 0));
    assert_eq!(stray, Err(DropReason::NotTranslatable));
}

#[test]
fn req_5508_4_an_error_from_outside_goes_to_the_sender_as_it_sent() {
    let mut lab = Lab::new(NatConfig::default());
    let source = lab.out(HOST, SERVER).unwrap();
    let mut from_outside =
        error("203.0.113.254", IcmpErrorKind::TooBig { mtu: 1280 }, source, ep(SERVER));
    let translation = lab.receive(&mut from_outside).unwrap();
    let (kind, quoted) = quoted(&from_outside);
    assert_eq!(quoted.source, ep(HOST), "a: the quoted packet is as it was sent");
    assert_eq!(quoted.destination, ep(SERVER));
    assert_eq!(kind, IcmpErrorKind::TooBig { mtu: 1280 }, "b: type and code stay");
    assert_eq!(from_outside.destination, ip("192.168.1.10"), "c: the sender gets it");
    assert_eq!(from_outside.source, ip("203.0.113.254"));
    assert_eq!((translation.before, translation.after), (source, ep(HOST)));
}

#[test]
fn req_5508_4_an_error_about_an_echo_request_too() {
    let mut lab = Lab::new(NatConfig::default());
    let mut request = echo_request("192.168.1.10", "203.0.113.1", 7);
    lab.send(&mut request).unwrap();
    let mut expired =
        Packet::icmp_error(ip("100.64.0.1"), IcmpErrorKind::TtlExceeded, &request).unwrap();
    lab.receive(&mut expired).unwrap();
    assert_eq!(quoted(&expired).1.source, ep("192.168.1.10:7"));
    assert_eq!(expired.destination, ip("192.168.1.10"));
}

#[test]
fn req_5508_4_an_error_about_an_unknown_flow_is_dropped() {
    let mut lab = Lab::new(NatConfig::default());
    let source = lab.out(HOST, SERVER).unwrap();
    let unknown = Err(DropReason::IcmpErrorUnknownFlow);
    let about_another = error("203.0.113.1", PORT, source, ep("203.0.113.1:9"));
    assert_eq!(lab.receive(&mut about_another.clone()), unknown);
    let about_a_stranger = error("203.0.113.1", PORT, ep("198.18.0.99:5000"), ep(SERVER));
    let mut to_us = Packet { destination: ip(EXTERNAL), ..about_a_stranger };
    assert_eq!(lab.receive(&mut to_us), unknown);
    lab.wait(secs(300));
    assert_eq!(lab.receive(&mut error("203.0.113.1", PORT, source, ep(SERVER))), unknown);
}

#[test]
fn req_5508_5_an_error_from_inside_leaves_as_from_the_nat() {
    // From the host itself, and from a router on the way to it.
    for refresh_inbound in [true, false] {
        for from in ["192.168.1.10", "192.168.1.254"] {
            let config = natbed_nat::profile("rfc4787-recommended")
                .unwrap()
                .behaviour
                .nat()
                .unwrap()
                .clone();
            let mut lab = Lab::new(NatConfig { refresh_inbound, ..config });
            let port = lab.port(HOST, SERVER);
            assert_eq!(lab.back("203.0.113.2:9", port), Ok(ep(HOST)));
            let mut from_inside = error(from, PORT, ep("203.0.113.2:9"), ep(HOST));
            lab.send(&mut from_inside).unwrap();
            let (kind, quoted) = quoted(&from_inside);
            assert_eq!(quoted.destination, Endpoint::new(ip(EXTERNAL), port), "a");
            assert_eq!(quoted.source, ep("203.0.113.2:9"));
            assert_eq!(kind, PORT, "b");
            assert_eq!(from_inside.source, ip(EXTERNAL), "c");
            assert_eq!(from_inside.destination, ip("203.0.113.2"));
        }
    }
}

#[test]
fn req_5508_5_an_error_from_inside_about_an_unknown_flow_is_dropped() {
    let mut lab = Lab::new(NatConfig::default());
    lab.port(HOST, SERVER);
    let mut unknown = error("192.168.1.10", PORT, ep("203.0.113.2:9"), ep(HOST));
    let before = unknown.clone();
    assert_eq!(lab.send(&mut unknown), Err(DropReason::IcmpErrorUnknownFlow));
    assert_eq!(unknown, before, "a dropped packet is left as it was");
}

#[test]
fn req_5508_5_a_shared_port_is_not_mistaken_for_ones_own() {
    // Without flows of strangers only the mapping tells, and strangers reach the first client.
    let config = NatConfig {
        filtering: Filtering::EndpointIndependent,
        ports: PortAllocation::PreserveWithOverload,
        refresh_inbound: false,
        ..NatConfig::default()
    };
    let mut lab = Lab::new(config);
    let other = "192.168.1.11:5000";
    assert_eq!(lab.port(HOST, SERVER), 5000);
    assert_eq!(lab.port(other, "203.0.113.9:9"), 5000);
    assert_eq!(lab.back("203.0.113.2:9", 5000), Ok(ep(HOST)));
    lab.send(&mut error("192.168.1.10", PORT, ep("203.0.113.2:9"), ep(HOST))).unwrap();
    let mut invented = error("192.168.1.11", PORT, ep("203.0.113.2:9"), ep(other));
    assert_eq!(lab.send(&mut invented), Err(DropReason::IcmpErrorUnknownFlow));
}

#[test]
fn req_5508_6_errors_neither_renew_nor_make_state() {
    let mut lab = Lab::new(NatConfig::default());
    let source = lab.out(HOST, SERVER).unwrap();
    lab.wait(secs(200));
    lab.receive(&mut error("203.0.113.1", PORT, source, ep(SERVER))).unwrap();
    lab.send(&mut error("192.168.1.10", PORT, ep(SERVER), ep(HOST))).unwrap();
    assert_eq!((lab.nat.flow_count(), lab.nat.mapping_count()), (1, 1));
    lab.wait(secs(100));
    assert_eq!(lab.back(SERVER, source.port), Err(DropReason::NoMapping));
}

#[test]
fn req_5508_7_errors_about_hairpinned_packets_are_hairpinned() {
    let mut lab = Lab::profile("rfc4787-recommended");
    let b = lab.out("192.168.1.11:6000", SERVER).unwrap();
    let mut there = udp(ep(HOST), b);
    lab.send(&mut there).unwrap();
    let mut back = Packet::icmp_error(ip("192.168.1.11"), PORT, &there).unwrap();
    let outbound = lab.send(&mut back).unwrap();
    let Outbound::Hairpinned(translation) = outbound else { panic!("{outbound:?}") };
    let (_, quoted) = quoted(&back);
    assert_eq!((quoted.source, quoted.destination), (ep(HOST), b), "as the sender knows it");
    assert_eq!(back.destination, ip("192.168.1.10"), "a: the sender gets it");
    assert_eq!(back.source, ip(EXTERNAL));
    assert_eq!(translation.hairpinned_to, Some(ep(HOST)));
}

#[test]
fn req_5508_8_want_of_room_is_answered_with_code_13() {
    let mut lab = Lab::new(NatConfig { max_flows: 1, ..NatConfig::default() });
    lab.port(HOST, SERVER);
    let refused = lab.out(HOST, "203.0.113.2:9").unwrap_err();
    assert_eq!(refused, DropReason::TableFull);
    assert_eq!(refused.icmp_error(), Some(IcmpErrorKind::AdminProhibited));
    let exhausted = DropReason::PortsExhausted.icmp_error();
    assert_eq!(exhausted, Some(IcmpErrorKind::AdminProhibited));
}

#[test]
fn req_5508_5_an_error_about_an_answer_to_a_query() {
    let mut lab = Lab::new(NatConfig::default());
    let identifier = ping(&mut lab, "192.168.1.10", "203.0.113.1", 7);
    let mut reply = echo_reply("203.0.113.1", EXTERNAL, identifier);
    lab.receive(&mut reply).unwrap();
    let mut refusal = Packet::icmp_error(ip("192.168.1.10"), PORT, &reply).unwrap();
    lab.send(&mut refusal).unwrap();
    assert_eq!(quoted(&refusal).1.destination, Endpoint::new(ip(EXTERNAL), identifier));
    assert_eq!((refusal.source, refusal.destination), (ip(EXTERNAL), ip("203.0.113.1")));
}

#[test]
fn req_5508_6_errors_about_queries_neither_renew_nor_end_them() {
    let mut lab = Lab::new(NatConfig::default());
    let mut request = echo_request("192.168.1.10", "203.0.113.1", 7);
    lab.send(&mut request).unwrap();
    lab.wait(secs(59));
    let kind = IcmpErrorKind::HostUnreachable;
    let about = Packet::icmp_error(ip("203.0.113.254"), kind, &request).unwrap();
    lab.receive(&mut about.clone()).unwrap();
    lab.receive(&mut about.clone()).unwrap();
    lab.wait(secs(1));
    assert_eq!(lab.receive(&mut about.clone()), Err(DropReason::IcmpErrorUnknownFlow));
}

#[test]
fn req_5508_7_an_error_to_an_address_of_ours_about_nothing_hairpinned_is_dropped() {
    let mut lab = Lab::profile("rfc4787-recommended");
    let b = lab.out("192.168.1.11:6000", SERVER).unwrap();
    // The host got no packet from that port of ours.
    let invented = error("192.168.1.11", PORT, Endpoint::new(b.ip, 7), ep("192.168.1.11:6000"));
    assert_eq!(lab.send(&mut invented.clone()), Err(DropReason::IcmpErrorUnknownFlow));
}

#[test]
fn req_5508_10_time_exceeded_and_unreachable_pass_both_ways() {
    for kind in [
        IcmpErrorKind::NetUnreachable,
        IcmpErrorKind::HostUnreachable,
        IcmpErrorKind::PortUnreachable,
        IcmpErrorKind::AdminProhibited,
        IcmpErrorKind::TooBig { mtu: 1400 },
        IcmpErrorKind::TtlExceeded,
    ] {
        let mut lab = Lab::new(NatConfig::default());
        let source = lab.out(HOST, SERVER).unwrap();
        let mut inbound = error("203.0.113.254", kind, source, ep(SERVER));
        lab.receive(&mut inbound).unwrap();
        let mut outbound = error("192.168.1.10", kind, ep(SERVER), ep(HOST));
        lab.send(&mut outbound).unwrap();
        assert_eq!((quoted(&inbound).0, quoted(&outbound).0), (kind, kind));
    }
}
