//! Translators without state: 1:1 NAT, NPTv6, CLAT.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use natbed_nat::{NatConfigError, Outbound, Stateless, StatelessConfig, StatelessConfigError};
use natbed_packet::{DropReason, Endpoint, IcmpErrorKind, Packet};
use proptest::prelude::*;

use crate::lab::{echo_reply, echo_request, ep, error, ip, quoted, tcp, udp};

const PORT: IcmpErrorKind = IcmpErrorKind::PortUnreachable;

fn one_to_one(internal: &str, external: &str) -> StatelessConfig {
    StatelessConfig::OneToOne {
        internal: internal.parse().unwrap(),
        external: external.parse().unwrap(),
    }
}

fn nptv6(internal: &str, external: &str) -> StatelessConfig {
    StatelessConfig::Nptv6 {
        internal: internal.parse().unwrap(),
        external: external.parse().unwrap(),
    }
}

fn clat() -> StatelessConfig {
    StatelessConfig::Clat {
        internal: "192.168.1.0/24".parse().unwrap(),
        clat: "2001:db8:aaaa::/96".parse().unwrap(),
        nat64: "64:ff9b::/96".parse().unwrap(),
    }
}

fn basic() -> Stateless {
    Stateless::new(one_to_one("192.168.1.0/24", "198.18.7.0/24")).unwrap()
}

fn v6_home() -> Stateless {
    Stateless::new(nptv6("fd01:203:405::/48", "2001:db8:1::/48")).unwrap()
}

/// Translates a packet that goes out, and the answer to it that comes back.
fn there_and_back(box_: &Stateless, mut there: Packet, answer: impl Fn(&Packet) -> Packet) {
    let before = there.clone();
    assert!(matches!(box_.outbound(&mut there), Ok(Outbound::Forwarded(_))));
    let mut back = answer(&there);
    box_.inbound(&mut back).unwrap();
    assert_eq!(back, answer(&before));
}

fn swapped(packet: &Packet) -> Packet {
    let mut answer = packet.clone();
    answer.set_source(packet.destination_endpoint().unwrap());
    answer.set_destination(packet.source_endpoint().unwrap());
    answer
}

#[test]
fn one_to_one_translates_the_address_and_no_port_and_lets_everybody_in() {
    let nat = basic();
    let mut there = udp(ep("192.168.1.10:5000"), ep("203.0.113.1:3478"));
    let Ok(Outbound::Forwarded(translation)) = nat.outbound(&mut there) else { panic!("out") };
    assert_eq!(there, udp(ep("198.18.7.10:5000"), ep("203.0.113.1:3478")));
    assert_eq!(translation.to_string(), "192.168.1.10:5000 -> 198.18.7.10:5000");
    let mut stranger = udp(ep("203.0.113.99:9"), ep("198.18.7.200:80"));
    let translation = nat.inbound(&mut stranger).unwrap();
    assert_eq!(stranger, udp(ep("203.0.113.99:9"), ep("192.168.1.200:80")));
    assert_eq!(translation.to_string(), "198.18.7.200:80 -> 192.168.1.200:80");
    assert_eq!(translation.protocol, natbed_nat::Protocol::Udp);
    assert!(!translation.created);
}

#[test]
fn one_to_one_refuses_what_no_rule_covers_and_leaves_it_alone() {
    let nat = basic();
    for (from, to) in [
        ("192.168.2.10:1", "203.0.113.1:9"),
        ("[fd00::1]:1", "[2001:db8::1]:9"),
        ("192.168.1.10:1", "[2001:db8::1]:9"),
    ] {
        let mut packet = udp(ep(from), ep(to));
        let before = packet.clone();
        assert_eq!(nat.outbound(&mut packet), Err(DropReason::NotTranslatable));
        assert_eq!(packet, before);
    }
    let mut packet = udp(ep("203.0.113.1:9"), ep("198.18.8.1:1"));
    assert_eq!(nat.inbound(&mut packet), Err(DropReason::NoMapping));
}

#[test]
fn fragments_are_not_translated() {
    let long = Packet {
        dont_fragment: false,
        ..Packet::udp(ep("192.168.1.10:1"), ep("198.18.7.11:2"), vec![0; 2000].into())
    };
    for mut fragment in long.fragments(natbed_units::ByteCount::new(1500), 1).unwrap() {
        assert_eq!(basic().outbound(&mut fragment), Err(DropReason::NotTranslatable));
        assert_eq!(basic().inbound(&mut fragment), Err(DropReason::NotTranslatable));
    }
}

#[test]
fn one_to_one_works_for_ipv6_too() {
    let nat = Stateless::new(one_to_one("fd00:1::/64", "2001:db8:5:6::/64")).unwrap();
    there_and_back(&nat, tcp(ep("[fd00:1::7:8]:1"), ep("[2001:db8::1]:80")), swapped);
    let mut there = udp(ep("[fd00:1::7:8]:1"), ep("[2001:db8::1]:80"));
    nat.outbound(&mut there).unwrap();
    assert_eq!(there.source, ip("2001:db8:5:6::7:8"));
}

#[test]
fn req_5508_1_queries_pass_one_to_one() {
    there_and_back(&basic(), echo_request("192.168.1.10", "203.0.113.1", 7), |request| {
        echo_reply(&request.destination.to_string(), &request.source.to_string(), 7)
    });
}

#[test]
fn req_5508_4_and_5_errors_are_translated_with_what_they_quote() {
    let nat = basic();
    let mut from_outside =
        error("203.0.113.254", PORT, ep("198.18.7.10:5000"), ep("203.0.113.1:3478"));
    let translation = nat.inbound(&mut from_outside).unwrap();
    assert_eq!(translation.to_string(), "198.18.7.10:5000 -> 192.168.1.10:5000");
    assert_eq!(
        from_outside,
        error("203.0.113.254", PORT, ep("192.168.1.10:5000"), ep("203.0.113.1:3478"))
    );
    // 5c: from the host itself, from a router that has a mapping, and from one that has none.
    for (from, after) in [
        ("192.168.1.10", "198.18.7.10"),
        ("192.168.1.254", "198.18.7.254"),
        ("10.0.0.1", "198.18.7.10"),
    ] {
        let mut from_inside = error(from, PORT, ep("203.0.113.1:3478"), ep("192.168.1.10:5000"));
        let Ok(Outbound::Forwarded(translation)) = nat.outbound(&mut from_inside) else {
            panic!("it is forwarded")
        };
        assert_eq!(translation.to_string(), "192.168.1.10:5000 -> 198.18.7.10:5000");
        assert_eq!(from_inside, error(after, PORT, ep("203.0.113.1:3478"), ep("198.18.7.10:5000")));
    }
    let unknown = DropReason::IcmpErrorUnknownFlow;
    let mut about_another = error("192.168.1.10", PORT, ep("203.0.113.1:1"), ep("10.0.0.9:5"));
    assert_eq!(nat.outbound(&mut about_another), Err(unknown));
    let mut about_another = error("203.0.113.1", PORT, ep("198.18.9.1:5"), ep("203.0.113.1:1"));
    assert_eq!(nat.inbound(&mut about_another), Err(unknown));
}

#[test]
fn req_5508_7_one_to_one_hairpins_queries_and_errors() {
    let nat = basic();
    let mut ping = echo_request("192.168.1.10", "198.18.7.11", 7);
    let Ok(Outbound::Hairpinned(translation)) = nat.outbound(&mut ping) else {
        panic!("it is hairpinned")
    };
    assert_eq!(ping, echo_request("198.18.7.10", "192.168.1.11", 7));
    assert_eq!(translation.hairpinned_to, Some(Endpoint::new(ip("192.168.1.11"), 0)));
    assert_eq!(
        (translation.before, translation.after),
        (ep("192.168.1.10:7"), ep("198.18.7.10:7"))
    );
    let mut reply = echo_reply("192.168.1.11", "198.18.7.10", 7);
    assert!(matches!(nat.outbound(&mut reply), Ok(Outbound::Hairpinned(_))));
    assert_eq!(reply, echo_reply("198.18.7.11", "192.168.1.10", 7));
    // An error about a hairpinned packet, as the one that got it sends it.
    let mut refusal = error("192.168.1.11", PORT, ep("198.18.7.10:1"), ep("192.168.1.11:2"));
    let Ok(Outbound::Hairpinned(translation)) = nat.outbound(&mut refusal) else {
        panic!("it is hairpinned")
    };
    assert_eq!(refusal, error("198.18.7.11", PORT, ep("192.168.1.10:1"), ep("198.18.7.11:2")));
    assert_eq!(translation.hairpinned_to, Some(ep("192.168.1.10:1")));
}

#[test]
fn rfc_6296_the_example_through_the_box() {
    let nat = v6_home();
    let mut there = udp(ep("[fd01:203:405:1::1234]:5000"), ep("[2001:db8:99::1]:3478"));
    nat.outbound(&mut there).unwrap();
    assert_eq!(there.source_endpoint(), Some(ep("[2001:db8:1:d550::1234]:5000")));
    there_and_back(
        &nat,
        udp(ep("[fd01:203:405:1::1234]:5000"), ep("[2001:db8:99::1]:3478")),
        swapped,
    );
    let mut unmapped = udp(ep("[fd01:203:405:ffff::1]:1"), ep("[2001:db8:99::1]:9"));
    assert_eq!(nat.outbound(&mut unmapped), Err(DropReason::NotTranslatable));
    let mut unmapped = udp(ep("[2001:db8:99::1]:9"), ep("[2001:db8:1:ffff::1]:1"));
    assert_eq!(nat.inbound(&mut unmapped), Err(DropReason::NoMapping));
    let mut v4 = udp(ep("192.168.1.1:1"), ep("203.0.113.1:9"));
    assert_eq!(nat.outbound(&mut v4), Err(DropReason::NotTranslatable));
    let mut mixed = udp(ep("[fd01:203:405:1::1]:1"), ep("203.0.113.1:9"));
    assert_eq!(nat.outbound(&mut mixed), Err(DropReason::NotTranslatable));
}

#[test]
fn rfc_6296_section_4_3_it_hairpins() {
    let nat = v6_home();
    let mut there = udp(ep("[fd01:203:405:1::a]:1"), ep("[2001:db8:1:d550::b]:2"));
    assert!(matches!(nat.outbound(&mut there), Ok(Outbound::Hairpinned(_))));
    assert_eq!(there, udp(ep("[2001:db8:1:d550::a]:1"), ep("[fd01:203:405:1::b]:2")));
}

#[test]
fn rfc_6296_errors_keep_their_meaning() {
    let mut too_big = error(
        "2001:db8:ffff::1",
        IcmpErrorKind::TooBig { mtu: 1400 },
        ep("[2001:db8:1:d550::1234]:5000"),
        ep("[2001:db8:99::1]:3478"),
    );
    v6_home().inbound(&mut too_big).unwrap();
    let (kind, about) = quoted(&too_big);
    assert_eq!(kind, IcmpErrorKind::TooBig { mtu: 1400 });
    assert_eq!(about.source, ep("[fd01:203:405:1::1234]:5000"));
    assert_eq!(too_big.destination, ip("fd01:203:405:1::1234"));
    assert_eq!(too_big.source, ip("2001:db8:ffff::1"));
}

#[test]
fn rfc_6877_a_clat_puts_both_addresses_into_their_prefixes() {
    let clat = Stateless::new(clat()).unwrap();
    let mut there = udp(ep("192.168.1.10:5000"), ep("203.0.113.1:3478"));
    let Ok(Outbound::Forwarded(translation)) = clat.outbound(&mut there) else { panic!("out") };
    assert_eq!(there.source_endpoint(), Some(ep("[2001:db8:aaaa::c0a8:10a]:5000")));
    assert_eq!(there.destination_endpoint(), Some(ep("[64:ff9b::cb00:7101]:3478")));
    assert_eq!(translation.before, ep("192.168.1.10:5000"));
    assert_eq!(translation.after, ep("[2001:db8:aaaa::c0a8:10a]:5000"));
    there_and_back(&clat, tcp(ep("192.168.1.10:1"), ep("203.0.113.1:80")), swapped);
    there_and_back(&clat, echo_request("192.168.1.10", "203.0.113.1", 7), |request| {
        echo_reply(&request.destination.to_string(), &request.source.to_string(), 7)
    });
}

#[test]
fn rfc_6877_a_clat_refuses_what_is_not_between_its_prefixes() {
    let clat = Stateless::new(clat()).unwrap();
    for (from, to) in [
        ("192.168.2.10:1", "203.0.113.1:9"),
        ("[2001:db8::1]:1", "[64:ff9b::1]:9"),
        ("192.168.1.10:1", "[64:ff9b::cb00:7101]:9"),
    ] {
        let mut packet = udp(ep(from), ep(to));
        assert_eq!(clat.outbound(&mut packet), Err(DropReason::NotTranslatable));
    }
    for (from, to) in [
        ("[2001:db8:5::1]:1", "[2001:db8:aaaa::c0a8:10a]:9"),
        ("[64:ff9b::cb00:7101]:1", "[2001:db8:aaaa::c0a8:20a]:9"),
        ("[64:ff9b::cb00:7101]:1", "[2001:db8:bbbb::c0a8:10a]:9"),
        ("203.0.113.1:1", "192.168.1.10:9"),
    ] {
        let mut packet = udp(ep(from), ep(to));
        assert_eq!(clat.inbound(&mut packet), Err(DropReason::NoMapping));
    }
}

#[test]
fn rfc_7915_a_clat_translates_errors_and_their_mtu() {
    let clat = Stateless::new(clat()).unwrap();
    let too_big = |mtu| IcmpErrorKind::TooBig { mtu };
    let host = ep("[2001:db8:aaaa::c0a8:10a]:5000");
    let far = ep("[64:ff9b::cb00:7101]:3478");
    // From beyond the NAT64, and from a router on the way to it, which has no IPv4 address.
    for (router, seen_as) in
        [("64:ff9b::c633:6401", "198.51.100.1"), ("2001:db8:5::1", "192.0.0.8")]
    {
        let mut from_outside = error(router, too_big(1480), host, far);
        clat.inbound(&mut from_outside).unwrap();
        assert_eq!(
            from_outside,
            error(seen_as, too_big(1460), ep("192.168.1.10:5000"), ep("203.0.113.1:3478"))
        );
    }
    let mut from_inside =
        error("192.168.1.1", too_big(1400), ep("203.0.113.1:3478"), ep("192.168.1.10:5000"));
    clat.outbound(&mut from_inside).unwrap();
    assert_eq!(from_inside, error("2001:db8:aaaa::c0a8:101", too_big(1420), far, host));
}

#[test]
fn prefixes_that_do_not_fit_are_refused() {
    use StatelessConfigError::{Lengths, NoAddressPrefix, Overlap, TooLong, Versions};
    let refused = |config: StatelessConfig| match Stateless::new(config) {
        Err(NatConfigError::Stateless(error)) => error,
        other => panic!("{other:?}"),
    };
    let net = |text: &str| text.parse::<ipnet::IpNet>().unwrap();
    let (internal, external) = (net("192.168.1.0/24"), net("2001:db8::/24"));
    assert_eq!(
        refused(StatelessConfig::OneToOne { internal, external }),
        Versions { internal, external }
    );
    let external = net("198.18.7.0/25");
    let error = refused(StatelessConfig::OneToOne { internal, external });
    assert_eq!(error, Lengths { internal, external });
    assert_eq!(error.to_string(), "192.168.1.0/24 and 198.18.7.0/25 are not of one length");
    assert!(matches!(refused(nptv6("fd00::/48", "2001:db8::/56")), Lengths { .. }));
    assert!(matches!(refused(nptv6("fd00::/65", "2001:db8::/65")), TooLong { .. }));
    assert!(Stateless::new(nptv6("fd00::/64", "2001:db8::/64")).is_ok());
    assert!(matches!(refused(nptv6("fd00::/48", "fd00::/48")), Overlap { .. }));
    assert!(matches!(refused(one_to_one("10.0.0.0/8", "10.0.0.0/8")), Overlap { .. }));
    let with = |clat: &str, nat64: &str| StatelessConfig::Clat {
        internal: "192.168.1.0/24".parse().unwrap(),
        clat: clat.parse().unwrap(),
        nat64: nat64.parse().unwrap(),
    };
    for (clat, nat64, prefix) in [
        ("2001:db8::/64", "64:ff9b::/96", "2001:db8::/64"),
        ("2001:db8::/96", "64:ff9b::/48", "64:ff9b::/48"),
    ] {
        let prefix = prefix.parse().unwrap();
        assert_eq!(refused(with(clat, nat64)), NoAddressPrefix { prefix });
    }
    assert!(matches!(refused(with("64:ff9b::/96", "64:ff9b::/96")), Overlap { .. }));
}

/// A packet to and from anybody.
fn v6_probe(source: Ipv6Addr, destination: Ipv6Addr) -> Packet {
    udp(Endpoint::new(source.into(), 1), Endpoint::new(destination.into(), 2))
}

proptest! {
    #[test]
    fn a_one_to_one_nat_is_a_bijection(length in 0u8..=32, host: u32, remote: u32) {
        let net = |bits: u32| {
            ipnet::Ipv4Net::new(Ipv4Addr::from_bits(bits), length).unwrap().trunc()
        };
        let (internal, external) = (net(0x0a12_3456), net(0xc612_0789));
        let config =
            StatelessConfig::OneToOne { internal: internal.into(), external: external.into() };
        prop_assume!(config.validate().is_ok());
        let nat = Stateless::new(config).unwrap();
        let host = internal.network().to_bits() | host & internal.hostmask().to_bits();
        let endpoint = |bits, port| Endpoint::new(IpAddr::V4(Ipv4Addr::from_bits(bits)), port);
        let before = udp(endpoint(host, 1), endpoint(remote, 2));
        let mut there = before.clone();
        prop_assume!(matches!(nat.outbound(&mut there), Ok(Outbound::Forwarded(_))));
        prop_assert!(matches!(there.source, IpAddr::V4(ip) if external.contains(&ip)));
        let mut back = swapped(&there);
        prop_assert!(nat.inbound(&mut back).is_ok());
        prop_assert_eq!(back, swapped(&before));
    }

    #[test]
    fn nptv6_is_a_bijection_that_keeps_the_checksum(
        length in 1u8..=64,
        prefixes in any::<(u128, u128)>(),
        host: u128,
        sparse in 0u8..3,
    ) {
        let net = |bits| ipnet::Ipv6Net::new(Ipv6Addr::from_bits(bits), length).unwrap().trunc();
        let (internal, external) = (net(prefixes.0), net(prefixes.1));
        let config = StatelessConfig::Nptv6 { internal, external };
        prop_assume!(config.validate().is_ok());
        let nat = Stateless::new(config).unwrap();
        // Words of all ones and all zeros are what matters.
        let host = match sparse { 0 => host, 1 => host | !0 << 64 >> 32, _ => host & 0xffff_0000 };
        let bits = internal.network().to_bits() | host & internal.hostmask().to_bits();
        let remote = Ipv6Addr::from_bits(!external.network().to_bits());
        let before = v6_probe(Ipv6Addr::from_bits(bits), remote);
        let mut there = before.clone();
        if let Ok(Outbound::Forwarded(_)) = nat.outbound(&mut there) {
            let IpAddr::V6(outside) = there.source else { panic!("IPv6") };
            prop_assert!(external.contains(&outside));
            let sum = |ip: Ipv6Addr| ip.segments().iter().map(|word| u64::from(*word)).sum::<u64>();
            prop_assert_eq!(sum(outside) % 0xffff, sum(Ipv6Addr::from_bits(bits)) % 0xffff);
            let mut back = swapped(&there);
            prop_assert!(nat.inbound(&mut back).is_ok());
            prop_assert_eq!(back, swapped(&before));
        }
    }

    #[test]
    fn a_clat_is_a_bijection(host: u8, remote: u32, port: u16) {
        let clat = Stateless::new(clat()).unwrap();
        let remote = IpAddr::V4(Ipv4Addr::from_bits(remote));
        let host = IpAddr::V4(Ipv4Addr::new(192, 168, 1, host));
        let before = udp(Endpoint::new(host, 1), Endpoint::new(remote, port));
        let mut there = before.clone();
        prop_assert!(clat.outbound(&mut there).is_ok());
        prop_assert!(there.is_consistent() && there.source.is_ipv6());
        let mut back = swapped(&there);
        prop_assert!(clat.inbound(&mut back).is_ok());
        prop_assert_eq!(back, swapped(&before));
    }
}
