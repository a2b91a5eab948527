//! RFC 4787, requirement by requirement, as far as whole UDP packets are concerned.
//!
//! REQ-2 (pooling) is tested where pools are, REQ-4 (parity) is optional since RFC 7857 section 8,
//! REQ-13 and REQ-14 are about fragments.

use natbed_nat::{Filtering, Hairpin, NatConfig, PortAllocation, PortClasses};
use natbed_packet::{DropReason, Endpoint, IcmpErrorKind, Packet};
use natbed_units::SimDuration;

use crate::lab::{EXTERNAL, Lab, ep, error, ip, quoted, secs, udp};

const HOST: &str = "192.168.1.10:5000";
const SERVER: &str = "203.0.113.1:3478";
const INSTANT: SimDuration = SimDuration::from_nanos(1);

fn recommended() -> Lab {
    Lab::profile("rfc4787-recommended")
}

#[test]
fn req_4787_1_one_external_endpoint_for_all_destinations() {
    let mut lab = recommended();
    let first = lab.out(HOST, SERVER).unwrap();
    for to in ["203.0.113.1:3479", "203.0.113.2:3478", "203.0.113.2:3479"] {
        assert_eq!(lab.out(HOST, to), Ok(first));
    }
    assert_eq!(lab.nat.mapping_count(), 1);
}

#[test]
fn req_4787_3_two_internal_endpoints_never_share_an_external_one() {
    for ports in [PortAllocation::Preserve, PortAllocation::Sequential, PortAllocation::Random] {
        let mut lab = Lab::new(NatConfig { ports, ..NatConfig::default() });
        let hosts = (1..=50).map(|host| format!("192.168.1.{host}:5000"));
        let mut seen: Vec<_> = hosts.map(|host| lab.port(&host, SERVER)).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 50, "{ports}");
    }
}

#[test]
fn req_4787_3a_the_port_class_is_kept() {
    use PortAllocation::{Preserve, PreserveWithOverload, Random};
    use PortClasses::{Linux, Three, Two, Unprivileged};
    let unprivileged = 1024..=65535;
    for ports in [Preserve, PreserveWithOverload, Random] {
        for (port_classes, low, middle) in [
            (Two, 1..=1023, 1..=1023),
            (Three, 1..=511, 512..=1023),
            (Linux, 1..=511, 600..=1023),
            (Unprivileged, unprivileged.clone(), unprivileged.clone()),
        ] {
            let mut lab = Lab::new(NatConfig { ports, port_classes, ..NatConfig::default() });
            let classes =
                [(511, low), (700, middle.clone()), (1023, middle), (1024, unprivileged.clone())];
            for (internal, class) in classes {
                for host in 1..=100 {
                    let port = lab.port(&format!("192.168.1.{host}:{internal}"), SERVER);
                    assert!(class.contains(&port), "{ports}, {port_classes}: {internal} -> {port}");
                }
            }
        }
    }
}

#[test]
fn req_4787_5_a_mapping_lives_two_minutes_at_least() {
    for name in ["rfc4787-recommended", "rfc6888-cgn"] {
        let mut lab = Lab::profile(name);
        let port = lab.port(HOST, SERVER);
        lab.wait(secs(120).saturating_sub(INSTANT));
        assert_eq!(lab.back(SERVER, port), Ok(ep(HOST)), "{name}");
    }
}

#[test]
fn req_4787_5c_the_default_is_five_minutes() {
    let mut lab = recommended();
    let port = lab.port(HOST, SERVER);
    lab.wait(secs(300).saturating_sub(INSTANT));
    assert_eq!(lab.back(SERVER, port), Ok(ep(HOST)));
    lab.wait(secs(300));
    assert_eq!(lab.back(SERVER, port), Err(DropReason::NoMapping));
}

#[test]
fn req_4787_6_packets_from_inside_keep_the_mapping() {
    let mut lab = recommended();
    let port = lab.port(HOST, SERVER);
    for _ in 0..10 {
        lab.wait(secs(299));
        assert_eq!(lab.port(HOST, SERVER), port);
    }
    lab.wait(secs(299));
    assert_eq!(lab.back(SERVER, port), Ok(ep(HOST)));
}

#[test]
fn req_4787_6a_packets_from_outside_may_keep_it_too() {
    for (refresh_inbound, kept) in [(true, Ok(ep(HOST))), (false, Err(DropReason::NoMapping))] {
        let mut lab = Lab::new(NatConfig { refresh_inbound, ..NatConfig::default() });
        let port = lab.port(HOST, SERVER);
        lab.wait(secs(200));
        assert_eq!(lab.back(SERVER, port), Ok(ep(HOST)));
        lab.wait(secs(200));
        assert_eq!(lab.back(SERVER, port), kept, "refresh_inbound: {refresh_inbound}");
    }
}

#[test]
fn req_4787_7_outside_addresses_may_look_like_inside_ones() {
    // A home behind a home: the outer network has the same prefix, even the same address.
    let mut lab = recommended();
    let port = lab.port(HOST, "192.168.1.10:5000");
    assert_eq!(lab.back("192.168.1.10:5000", port), Ok(ep(HOST)));
    let mut other = udp(ep("192.168.1.11:5000"), ep(HOST));
    lab.send(&mut other).unwrap();
    assert_ne!(other.source_endpoint(), Some(Endpoint::new(ip(EXTERNAL), port)));
}

#[test]
fn req_4787_8_filters_let_in_whom_they_say() {
    use DropReason::Filtered;
    let strangers = ["203.0.113.1:3478", "203.0.113.1:9", "203.0.113.2:9"];
    let inside = Ok(ep(HOST));
    for (filtering, expected) in [
        (Filtering::EndpointIndependent, [inside, inside, inside]),
        (Filtering::AddressDependent, [inside, inside, Err(Filtered)]),
        (Filtering::AddressAndPortDependent, [inside, Err(Filtered), Err(Filtered)]),
    ] {
        let mut lab = Lab::new(NatConfig { filtering, ..NatConfig::default() });
        let port = lab.port(HOST, SERVER);
        assert_eq!(strangers.map(|from| lab.back(from, port)), expected, "{filtering}");
    }
}

#[test]
fn req_4787_9_hosts_inside_reach_each_other_by_their_external_endpoints() {
    let mut lab = recommended();
    let a = lab.out(HOST, SERVER).unwrap();
    let b = lab.out("192.168.1.11:6000", SERVER).unwrap();
    let mut there = udp(ep(HOST), b);
    lab.send(&mut there).unwrap();
    assert_eq!(there.destination_endpoint(), Some(ep("192.168.1.11:6000")));
    let mut and_back = udp(ep("192.168.1.11:6000"), a);
    lab.send(&mut and_back).unwrap();
    assert_eq!(and_back.destination_endpoint(), Some(ep(HOST)));
}

#[test]
fn req_4787_9a_the_hairpinned_source_is_the_external_one() {
    let mut lab = recommended();
    let a = lab.out(HOST, SERVER).unwrap();
    let b = lab.out("192.168.1.11:6000", SERVER).unwrap();
    let mut there = udp(ep(HOST), b);
    lab.send(&mut there).unwrap();
    assert_eq!(there.source_endpoint(), Some(a));
}

#[test]
fn req_4787_10_payloads_are_left_alone() {
    let mut lab = recommended();
    let payload: &[u8] = b"INVITE sip:192.168.1.10:5000";
    let mut packet = Packet::udp(ep(HOST), ep(SERVER), payload.into());
    lab.send(&mut packet).unwrap();
    let source = packet.source_endpoint().unwrap();
    assert_eq!(packet, Packet::udp(source, ep(SERVER), payload.into()));
}

#[test]
fn req_4787_11_a_port_conflict_changes_nothing_but_the_port() {
    // The three hosts of section 8: all send from one port, only the first can keep it.
    let mut lab = recommended();
    for host in ["192.168.1.10:5000", "192.168.1.11:5000", "192.168.1.12:5000"] {
        let port = lab.port(host, SERVER);
        assert_eq!(port == 5000, host == HOST);
        assert_eq!(lab.port(host, "203.0.113.2:3478"), port, "mapping of {host}");
        assert_eq!(lab.back("203.0.113.77:9", port), Ok(ep(host)), "filtering of {host}");
    }
}

#[test]
fn req_4787_12_no_icmp_error_ends_a_mapping() {
    let kinds = [
        IcmpErrorKind::NetUnreachable,
        IcmpErrorKind::HostUnreachable,
        IcmpErrorKind::PortUnreachable,
        IcmpErrorKind::AdminProhibited,
        IcmpErrorKind::TooBig { mtu: 1280 },
        IcmpErrorKind::TtlExceeded,
    ];
    for kind in kinds {
        let mut lab = recommended();
        let source = lab.out(HOST, SERVER).unwrap();
        lab.receive(&mut error("203.0.113.1", kind, source, ep(SERVER))).unwrap();
        assert_eq!(lab.back(SERVER, source.port), Ok(ep(HOST)), "{kind}");
        assert_eq!(lab.out(HOST, SERVER), Ok(source), "{kind}");
    }
}

#[test]
fn req_4787_12a_errors_are_not_filtered_by_their_source() {
    let mut lab = Lab::profile("linux-masquerade");
    let source = lab.out(HOST, SERVER).unwrap();
    let mut from_a_router = error("100.64.0.1", IcmpErrorKind::TtlExceeded, source, ep(SERVER));
    lab.receive(&mut from_a_router).unwrap();
    assert_eq!(from_a_router.source, ip("100.64.0.1"));
    assert_eq!(from_a_router.destination, ip("192.168.1.10"));
}

#[test]
fn req_4787_12b_destination_unreachable_reaches_the_sender() {
    let mut lab = recommended();
    let source = lab.out(HOST, SERVER).unwrap();
    let mut unreachable = error("203.0.113.1", IcmpErrorKind::PortUnreachable, source, ep(SERVER));
    lab.receive(&mut unreachable).unwrap();
    let (kind, quoted) = quoted(&unreachable);
    assert_eq!(kind, IcmpErrorKind::PortUnreachable);
    assert_eq!((quoted.source, quoted.destination), (ep(HOST), ep(SERVER)));
}

#[test]
fn the_recommended_profile_hairpins_and_filters_as_recommended() {
    let config = recommended().nat.config().clone();
    assert_eq!(config.hairpin, Hairpin::ExternalSource);
    assert_eq!(config.filtering, Filtering::EndpointIndependent);
}
