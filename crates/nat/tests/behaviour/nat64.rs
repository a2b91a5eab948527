//! NAT64 (RFC 6146): hosts inside are IPv6, the outside is IPv4.

use natbed_nat::{
    Filtering, Forward, Hairpin, Mapping, Nat, NatConfig, NatConfigError, Outbound, Side,
    UnsolicitedTcp, WanInput,
};
use natbed_packet::{DropReason, Endpoint, IcmpErrorKind, Packet, Protocol, TcpFlags};
use natbed_units::Seed;
use proptest::prelude::*;

use crate::lab::{
    EXTERNAL, Lab, echo_reply, echo_request, ep, error, ip, quoted, secs, segment, tcp, udp,
};

/// The host of RFC 6146 section 1.2.3, and the server as it and as the Internet knows it.
const H1: &str = "[2001:db8::1]:1500";
const H2_INSIDE: &str = "[64:ff9b::c000:201]:80";
const H2: &str = "192.0.2.1:80";

fn config() -> NatConfig {
    let recommended = natbed_nat::profile("rfc4787-recommended").unwrap();
    let nat64 = Some("64:ff9b::/96".parse().unwrap());
    NatConfig { nat64, ..recommended.behaviour.nat().unwrap().clone() }
}

/// The external port of a packet from `from` to the server.
fn port(lab: &mut Lab, from: &str) -> u16 {
    let mut packet = udp(ep(from), ep(H2_INSIDE));
    lab.send(&mut packet).unwrap();
    packet.source_endpoint().unwrap().port
}

fn external(port: u16) -> Endpoint {
    Endpoint::new(ip(EXTERNAL), port)
}

/// An external endpoint as the inside knows it: 198.18.0.1 in the prefix.
fn external_inside(port: u16) -> Endpoint {
    Endpoint::new(ip("64:ff9b::c612:1"), port)
}

#[test]
fn rfc_6146_a_packet_changes_its_version_there_and_back() {
    for packet in [udp, tcp] {
        let mut lab = Lab::new(config());
        let mut there = packet(ep(H1), ep(H2_INSIDE));
        let Ok(Outbound::Forwarded(translation)) = lab.send(&mut there) else { panic!("out") };
        assert_eq!(there, packet(external(1500), ep(H2)));
        assert_eq!(translation.to_string(), "[2001:db8::1]:1500 -> 198.18.0.1:1500 (new mapping)");
        let mut back = packet(ep(H2), external(1500));
        let translation = lab.receive(&mut back).unwrap();
        assert_eq!(back, packet(ep(H2_INSIDE), ep(H1)));
        assert_eq!(translation.to_string(), "198.18.0.1:1500 -> [2001:db8::1]:1500");
        let mut again = packet(ep(H1), ep(H2_INSIDE));
        lab.send(&mut again).unwrap();
        assert_eq!(again, there);
        assert_eq!(lab.nat.flow_count(), 1);
    }
}

#[test]
fn rfc_6146_queries_too() {
    let mut lab = Lab::new(config());
    let mut request = echo_request("2001:db8::1", "64:ff9b::c000:201", 7);
    lab.send(&mut request).unwrap();
    let identifier = request.source_endpoint().unwrap().port;
    assert_eq!(request, echo_request(EXTERNAL, "192.0.2.1", identifier));
    let mut reply = echo_reply("192.0.2.1", EXTERNAL, identifier);
    lab.receive(&mut reply).unwrap();
    assert_eq!(reply, echo_reply("64:ff9b::c000:201", "2001:db8::1", 7));
}

#[test]
fn rfc_6146_section_3_5_only_what_goes_to_the_prefix_and_does_not_come_from_it() {
    let mut lab = Lab::new(config());
    for (from, to) in [
        (H1, "[2001:db8:9::1]:80"),
        (H1, "[64:ff9b:1::c000:201]:80"),
        ("[64:ff9b::c000:202]:1", H2_INSIDE),
        ("192.168.1.10:1", H2_INSIDE),
        ("192.168.1.10:1", H2),
    ] {
        let mut packet = udp(ep(from), ep(to));
        let before = packet.clone();
        assert_eq!(lab.send(&mut packet), Err(DropReason::NotTranslatable));
        assert_eq!(packet, before);
    }
    port(&mut lab, H1);
    for (from, to) in [
        ("[2001:db8:9::1]:80", "[2001:db8::1]:1500"),
        ("[64:ff9b::c000:201]:80", "198.18.0.1:1500"),
        ("192.0.2.1:80", "[2001:db8::1]:1500"),
    ] {
        let mut packet = udp(ep(from), ep(to));
        assert_eq!(lab.receive(&mut packet), Err(DropReason::NotTranslatable));
    }
}

#[test]
fn rfc_6146_mapping_and_filtering_are_those_of_the_nat() {
    let mut lab = Lab::new(NatConfig { filtering: Filtering::AddressDependent, ..config() });
    assert_eq!(port(&mut lab, H1), 1500);
    assert_ne!(port(&mut lab, "[2001:db8::2]:1500"), 1500, "another host");
    let mut other = udp(ep(H1), ep("[64:ff9b::c000:299]:5"));
    lab.send(&mut other).unwrap();
    assert_eq!(other.source_endpoint(), Some(external(1500)), "endpoint-independent");
    let mut answer = udp(ep("192.0.2.1:81"), external(1500));
    lab.receive(&mut answer).unwrap();
    assert_eq!(answer, udp(ep("[64:ff9b::c000:201]:81"), ep(H1)));
    let mut stranger = udp(ep("192.0.2.77:80"), external(1500));
    let before = stranger.clone();
    assert_eq!(lab.receive(&mut stranger), Err(DropReason::Filtered));
    assert_eq!(stranger, before, "a dropped packet is left as it was");
    lab.wait(secs(300));
    assert_eq!(lab.receive(&mut udp(ep(H2), external(1500))), Err(DropReason::NoMapping));
}

#[test]
fn rfc_6146_an_address_dependent_mapping_looks_at_the_ipv4_destination() {
    let mut lab = Lab::new(NatConfig { mapping: Mapping::AddressAndPortDependent, ..config() });
    let first = port(&mut lab, H1);
    assert_eq!(port(&mut lab, H1), first);
    let mut other = udp(ep(H1), ep("[64:ff9b::c000:201]:81"));
    lab.send(&mut other).unwrap();
    assert_ne!(other.source_endpoint().unwrap().port, first);
}

#[test]
fn rfc_6146_section_3_5_2_2_a_syn_that_nobody_takes_is_answered_after_six_seconds() {
    let unsolicited_tcp = UnsolicitedTcp::Delay;
    let filtering = Filtering::AddressDependent;
    let mut lab = Lab::new(NatConfig { unsolicited_tcp, filtering, ..config() });
    lab.send(&mut tcp(ep(H1), ep("[64:ff9b::c000:299]:5"))).unwrap();
    for inside_answers in [false, true] {
        let syn = tcp(ep(H2), external(1500));
        assert_eq!(lab.receive(&mut syn.clone()), Err(DropReason::SynHeld));
        if inside_answers {
            lab.send(&mut tcp(ep(H1), ep(H2_INSIDE))).unwrap();
        }
        lab.wait(secs(6));
        lab.nat.handle_timeout(lab.now);
        let answer = lab.nat.poll_answer();
        let expected = Packet::icmp_error(ip(EXTERNAL), IcmpErrorKind::PortUnreachable, &syn);
        let expected = expected.filter(|_| !inside_answers);
        assert_eq!(
            answer.map(|answer| (answer.side, answer.packet)),
            expected.map(|error| { (Side::Outside, error) })
        );
    }
}

#[test]
fn rfc_6146_section_3_5_2_2_tcp_states() {
    let mut lab = Lab::new(config());
    lab.send(&mut tcp(ep(H1), ep(H2_INSIDE))).unwrap();
    let syn_ack = TcpFlags::SYN.with(TcpFlags::ACK);
    lab.receive(&mut segment(ep(H2), external(1500), syn_ack)).unwrap();
    lab.wait(secs(7439));
    lab.receive(&mut segment(ep(H2), external(1500), TcpFlags::ACK)).unwrap();
}

#[test]
fn rfc_6146_section_3_8_hairpinning_with_the_external_source() {
    let mut lab = Lab::new(config());
    let callee = port(&mut lab, H1);
    let mut there = udp(ep("[2001:db8::2]:6000"), external_inside(callee));
    let Ok(Outbound::Hairpinned(translation)) = lab.send(&mut there) else { panic!("hairpin") };
    assert_eq!(there, udp(external_inside(6000), ep(H1)));
    assert_eq!(translation.after, external_inside(6000));
    assert_eq!(translation.hairpinned_to, Some(ep(H1)));
    let mut back = udp(ep(H1), external_inside(6000));
    lab.send(&mut back).unwrap();
    assert_eq!(back, udp(external_inside(callee), ep("[2001:db8::2]:6000")));
    // The one that got it refuses it.
    let mut refusal =
        error("2001:db8::1", IcmpErrorKind::HostUnreachable, external_inside(6000), ep(H1));
    let Ok(Outbound::Hairpinned(translation)) = lab.send(&mut refusal) else { panic!("hairpin") };
    assert_eq!(
        refusal,
        error(
            "64:ff9b::c612:1",
            IcmpErrorKind::HostUnreachable,
            ep("[2001:db8::2]:6000"),
            external_inside(callee)
        )
    );
    assert_eq!(translation.hairpinned_to, Some(ep("[2001:db8::2]:6000")));
}

#[test]
fn hairpinning_with_the_internal_source_and_none() {
    let with = |hairpin| Lab::new(NatConfig { hairpin, ..config() });
    let mut lab = with(Hairpin::InternalSource);
    let callee = port(&mut lab, H1);
    let mut there = udp(ep("[2001:db8::2]:6000"), external_inside(callee));
    lab.send(&mut there).unwrap();
    assert_eq!(there, udp(ep("[2001:db8::2]:6000"), ep(H1)));
    let mut lab = with(Hairpin::None);
    let callee = port(&mut lab, H1);
    let mut there = udp(ep("[2001:db8::2]:6000"), external_inside(callee));
    assert_eq!(lab.send(&mut there), Err(DropReason::NoHairpin));
    let about = error("2001:db8::1", IcmpErrorKind::PortUnreachable, external_inside(1), ep(H1));
    assert_eq!(lab.send(&mut about.clone()), Err(DropReason::NoHairpin));
}

#[test]
fn rfc_7915_errors_from_outside_change_with_what_they_quote() {
    let mut lab = Lab::new(config());
    let port = port(&mut lab, H1);
    for (kind, inside) in [
        (IcmpErrorKind::PortUnreachable, IcmpErrorKind::PortUnreachable),
        (IcmpErrorKind::HostUnreachable, IcmpErrorKind::NetUnreachable),
        (IcmpErrorKind::TooBig { mtu: 1480 }, IcmpErrorKind::TooBig { mtu: 1500 }),
        (IcmpErrorKind::TooBig { mtu: 576 }, IcmpErrorKind::TooBig { mtu: 1280 }),
    ] {
        let mut about = error("198.51.100.1", kind, external(port), ep(H2));
        let translation = lab.receive(&mut about).unwrap();
        assert_eq!(about, error("64:ff9b::c633:6401", inside, ep(H1), ep(H2_INSIDE)));
        assert_eq!((translation.before, translation.after), (external(port), ep(H1)));
        assert_eq!(translation.protocol, Protocol::Udp);
    }
    let mut unknown =
        error("198.51.100.1", IcmpErrorKind::PortUnreachable, external(port), ep("192.0.2.9:9"));
    let before = unknown.clone();
    assert_eq!(lab.receive(&mut unknown), Err(DropReason::IcmpErrorUnknownFlow));
    assert_eq!(unknown, before);
}

#[test]
fn rfc_7915_errors_from_inside_change_with_what_they_quote() {
    let mut lab = Lab::new(config());
    let port = port(&mut lab, H1);
    lab.receive(&mut udp(ep(H2), external(port))).unwrap();
    for (from, kind, outside) in [
        ("2001:db8::1", IcmpErrorKind::PortUnreachable, IcmpErrorKind::PortUnreachable),
        ("2001:db8::ff", IcmpErrorKind::NetUnreachable, IcmpErrorKind::HostUnreachable),
        ("fd00::1", IcmpErrorKind::TooBig { mtu: 1400 }, IcmpErrorKind::TooBig { mtu: 1380 }),
    ] {
        let mut about = error(from, kind, ep(H2_INSIDE), ep(H1));
        assert!(matches!(lab.send(&mut about), Ok(Outbound::Forwarded(_))));
        assert_eq!(about, error(EXTERNAL, outside, ep(H2), external(port)));
        assert_eq!(quoted(&about).1.protocol, Protocol::Udp);
    }
    for (about_source, reason) in [
        ("[64:ff9b::c000:209]:9", DropReason::IcmpErrorUnknownFlow),
        ("[2001:db8:9::1]:9", DropReason::NotTranslatable),
    ] {
        // EIF would let anybody in, but nobody inside has that port.
        let mut unknown = error(
            "2001:db8::1",
            IcmpErrorKind::PortUnreachable,
            ep(about_source),
            ep("[2001:db8::1]:9"),
        );
        let before = unknown.clone();
        assert_eq!(lab.send(&mut unknown), Err(reason));
        assert_eq!(unknown, before);
    }
    // It goes to the prefix, but quotes a packet that did not.
    let mut odd = error("2001:db8::1", IcmpErrorKind::PortUnreachable, ep(H2_INSIDE), ep(H1));
    if let natbed_packet::Body::Icmp(natbed_packet::Icmp::Error { quoted, .. }) = &mut odd.body {
        quoted.source = ep("[2001:db8:9::1]:9");
    }
    assert_eq!(lab.send(&mut odd), Err(DropReason::IcmpErrorUnknownFlow));
}

#[test]
fn a_forward_leads_to_an_ipv6_host() {
    let forward = Forward {
        protocol: Protocol::Tcp,
        external_port: 443,
        internal: "[2001:db8::9]:8443".parse().unwrap(),
    };
    let mut lab = Lab::new(NatConfig { forwards: vec![forward], ..config() });
    let mut syn = tcp(ep(H2), external(443));
    lab.receive(&mut syn).unwrap();
    assert_eq!(syn, tcp(ep(H2_INSIDE), ep("[2001:db8::9]:8443")));
    let mut answer = tcp(ep("[2001:db8::9]:8443"), ep(H2_INSIDE));
    lab.send(&mut answer).unwrap();
    assert_eq!(answer, tcp(external(443), ep(H2)));
}

#[test]
fn the_wan_input_is_that_of_an_ipv4_box() {
    let mut lab = Lab::new(NatConfig { wan_input: WanInput::Accept, ..config() });
    let mut early = udp(ep(H2), external(1500));
    assert_eq!(lab.receive(&mut early), Err(DropReason::WanInputClosed));
    assert_ne!(port(&mut lab, H1), 1500, "the box has that one toward the server");
}

#[test]
fn impossible_nat64s_are_refused() {
    let new = |prefix: &str, external: &str| {
        let config = NatConfig { nat64: Some(prefix.parse().unwrap()), ..config() };
        Nat::new(config, ip(external), Seed::new(1).rng("nat")).map(|_| ())
    };
    assert_eq!(new("64:ff9b::/96", EXTERNAL), Ok(()));
    for prefix in ["64:ff9b::/64", "2001:db8:1:2:100::/96"] {
        let error = NatConfigError::Nat64Prefix { prefix: prefix.parse().unwrap() };
        assert_eq!(new(prefix, EXTERNAL), Err(error));
    }
    let external = ip("2001:db8::ffff");
    let error = NatConfigError::Nat64External { external };
    assert_eq!(new("64:ff9b::/96", "2001:db8::ffff"), Err(error));
}

proptest! {
    #[test]
    fn an_answer_always_comes_back_as_it_was_asked(
        host: u128,
        remote: u32,
        ports in any::<(u16, u16)>(),
        is_tcp: bool,
    ) {
        let host = Endpoint::new(std::net::Ipv6Addr::from_bits(host).into(), ports.0.max(1));
        let remote = std::net::Ipv4Addr::from_bits(remote);
        let prefix = u128::from(remote.to_bits()) | 0x64_ff9b << 96;
        let inside = Endpoint::new(std::net::Ipv6Addr::from_bits(prefix).into(), ports.1);
        let outside = Endpoint::new(remote.into(), ports.1);
        let packet = if is_tcp { tcp } else { udp };
        let mut lab = Lab::new(config());
        let mut there = packet(host, inside);
        prop_assume!(matches!(lab.send(&mut there), Ok(Outbound::Forwarded(_))));
        prop_assert!(there.is_consistent());
        prop_assert_eq!(there.destination_endpoint(), Some(outside));
        let mut back = packet(outside, there.source_endpoint().unwrap());
        prop_assert!(lab.receive(&mut back).is_ok());
        prop_assert_eq!(back, packet(inside, host));
    }
}
