//! Which external port a mapping gets: parity, contiguity, hold time, and TCP on its own.

use natbed_nat::{Filtering, Mapping, NatConfig, PortAllocation, PortClasses};
use natbed_packet::{DropReason, Endpoint};

use crate::lab::{EXTERNAL, Lab, echo_request, ep, ip, secs, tcp, udp};

const HOST: &str = "192.168.1.10:5000";
const SERVER: &str = "203.0.113.1:3478";
const OTHER: &str = "203.0.113.2:3478";

/// All allocations that choose: a strict port is the internal one.
const CHOOSING: [PortAllocation; 4] = [
    PortAllocation::Preserve,
    PortAllocation::PreserveWithOverload,
    PortAllocation::Sequential,
    PortAllocation::Random,
];

#[test]
fn req_4787_4_an_even_port_stays_even_and_an_odd_one_odd() {
    for ports in CHOOSING {
        let config = NatConfig { ports, port_parity: true, ..NatConfig::default() };
        let mut lab = Lab::new(config);
        for host in 1..=30 {
            for internal in [100, 101, 5000, 5001, 65535] {
                let port = lab.port(&format!("192.168.1.{host}:{internal}"), SERVER);
                assert_eq!(port % 2, internal % 2, "{ports}: {internal} became {port}");
            }
        }
    }
}

#[test]
fn parity_halves_the_ports_and_concerns_no_identifiers() {
    let config = NatConfig {
        ports: PortAllocation::Random,
        port_classes: PortClasses::Three,
        port_parity: true,
        ..NatConfig::default()
    };
    let mut lab = Lab::new(config);
    // 1-511 has 255 even ports and 256 odd ones.
    let mut given = |internal, n| {
        let hosts = (0..n).map(|host| format!("10.0.{}.{}:{internal}", host / 256, host % 256));
        hosts.map(|host| lab.out(&host, SERVER)).collect::<Vec<_>>()
    };
    let even = given(100, 256);
    assert_eq!(even.iter().filter(|sent| sent.is_ok()).count(), 255);
    assert_eq!(even.last(), Some(&Err(DropReason::PortsExhausted)));
    assert_eq!(given(101, 300).iter().filter(|sent| sent.is_ok()).count(), 256);
    let mut identifiers = (1..=40).map(|host| {
        let mut ping = echo_request(&format!("192.168.1.{host}"), "203.0.113.1", 8);
        lab.send(&mut ping).unwrap();
        ping.source_endpoint().unwrap().port
    });
    assert!(identifiers.any(|identifier| identifier % 2 == 1));
}

#[test]
fn an_odd_port_follows_the_even_one_before_it_when_it_can() {
    for ports in CHOOSING {
        let config = NatConfig { ports, port_contiguity: true, ..NatConfig::default() };
        let mut lab = Lab::new(config);
        // Takes the ports 5000 and 5001 of those who keep theirs.
        lab.port("192.168.1.9:5000", SERVER);
        lab.port("192.168.1.9:5001", SERVER);
        for host in 10..20 {
            let rtp = lab.port(&format!("192.168.1.{host}:5000"), SERVER);
            let rtcp = lab.port(&format!("192.168.1.{host}:5001"), "203.0.113.1:3479");
            assert_eq!(rtcp, rtp + 1, "{ports}");
        }
    }
}

#[test]
fn contiguity_is_for_the_same_host_and_protocol_and_for_odd_ports() {
    let config = NatConfig { port_contiguity: true, ..NatConfig::default() };
    let mut lab = Lab::new(config.clone());
    let even = lab.port(HOST, SERVER);
    assert_ne!(lab.port("192.168.1.10:4999", SERVER), even + 1, "the port before");
    assert_ne!(lab.port("192.168.1.9:5001", SERVER), even + 1, "another host");
    let mut segment = tcp(ep("192.168.1.10:5001"), ep(SERVER));
    lab.send(&mut segment).unwrap();
    assert_ne!(segment.source_endpoint().unwrap().port, even + 1, "another protocol");
    let odd = lab.port("192.168.1.10:5001", SERVER);
    assert_eq!(odd, even + 1);
    assert_ne!(lab.port("192.168.1.10:5002", SERVER), odd + 1, "an even port follows none");

    let mut lab = Lab::new(NatConfig::default());
    let even = lab.port(HOST, SERVER);
    assert_ne!(lab.port("192.168.1.10:5001", SERVER), even + 1, "nobody asked for it");

    // Identifiers come in no pairs.
    let mut lab = Lab::new(config);
    let [even, odd] = [8, 9].map(|identifier| {
        let mut ping = echo_request("192.168.1.10", "203.0.113.1", identifier);
        lab.send(&mut ping).unwrap();
        ping.source_endpoint().unwrap().port
    });
    assert_ne!(odd, even + 1);
}

#[test]
fn contiguity_takes_the_newest_mapping_and_gives_way_to_what_is_in_use() {
    let config = NatConfig {
        mapping: Mapping::AddressDependent,
        ports: PortAllocation::Sequential,
        port_contiguity: true,
        ..NatConfig::default()
    };
    let mut lab = Lab::new(config);
    let first = lab.port(HOST, "203.0.113.9:3478");
    let second = lab.port(HOST, "203.0.113.1:3478");
    assert_eq!(second, first + 1);
    assert_eq!(lab.port("192.168.1.10:5001", SERVER), second + 1, "the newest, not the greatest");
    assert_eq!(lab.port("192.168.1.10:5001", OTHER), second + 2, "the next is in use");
    // Both conditions at once: from an odd port of a forward to an even one is no parity.
    let config = NatConfig {
        port_parity: true,
        port_contiguity: true,
        forwards: vec![natbed_nat::Forward {
            protocol: natbed_packet::Protocol::Udp,
            external_port: 8081,
            internal: HOST.parse().unwrap(),
        }],
        ..NatConfig::default()
    };
    let mut lab = Lab::new(config);
    assert_eq!(lab.port(HOST, SERVER), 8081);
    assert_eq!(lab.port("192.168.1.10:5001", SERVER) % 2, 1);
}

#[test]
fn contiguity_stays_in_the_class() {
    let forward = |external_port, internal: &str| natbed_nat::Forward {
        protocol: natbed_packet::Protocol::Udp,
        external_port,
        internal: internal.parse().unwrap(),
    };
    let config = NatConfig {
        port_contiguity: true,
        forwards: vec![forward(79, HOST), forward(65535, "192.168.1.10:6000")],
        ..NatConfig::default()
    };
    let mut lab = Lab::new(config);
    assert_eq!(lab.port(HOST, SERVER), 79);
    assert!(lab.port("192.168.1.10:5001", SERVER) >= 1024, "80 is of another class");
    assert_eq!(lab.port("192.168.1.10:6000", SERVER), 65535);
    assert!(lab.port("192.168.1.10:6001", SERVER) >= 1024, "there is no next");
}

fn holding(filtering: Filtering) -> NatConfig {
    let ports = PortAllocation::Preserve;
    NatConfig { filtering, ports, port_hold: secs(120), ..NatConfig::default() }
}

#[test]
fn req_6888_8_a_freed_port_is_held_for_its_time() {
    let mut lab = Lab::new(holding(Filtering::EndpointIndependent));
    assert_eq!(lab.port(HOST, SERVER), 5000);
    // It ends at 300 s, whenever that is noticed.
    lab.wait(secs(419));
    let in_between = lab.port("192.168.1.11:5000", SERVER);
    assert_ne!(in_between, 5000, "not to another host");
    assert_ne!(lab.port(HOST, SERVER), 5000, "nor to the same");
    assert_eq!(lab.back(SERVER, 5000), Err(DropReason::NoMapping), "nobody has it meanwhile");
    lab.wait(secs(1));
    assert_eq!(lab.port("192.168.1.12:5000", SERVER), 5000);
    assert_eq!(lab.nat.mapping_count(), 3);
}

#[test]
fn req_6888_8_each_port_is_held_on_its_own() {
    let mut lab = Lab::new(holding(Filtering::EndpointIndependent));
    for n in 0..10 {
        lab.port(&format!("192.168.1.10:{}", 5000 + n), SERVER);
        lab.wait(secs(10));
    }
    // The nth ends at 300 + 10n and is free at 420 + 10n; all end at one go, at 445.
    lab.wait(secs(345));
    for n in 0..10 {
        let port = lab.port(&format!("192.168.1.11:{}", 5000 + n), SERVER);
        assert_eq!(port == 5000 + n, n < 3, "{n}");
    }
    lab.nat.flush();
    assert_eq!(lab.port("192.168.1.12:5009", SERVER), 5009, "a reboot forgets");
}

#[test]
fn req_6888_8c_ports_behind_a_filter_by_address_are_not_held() {
    for filtering in [Filtering::AddressDependent, Filtering::AddressAndPortDependent] {
        let mut lab = Lab::new(holding(filtering));
        assert_eq!(lab.port(HOST, SERVER), 5000);
        lab.wait(secs(300));
        assert_eq!(lab.port("192.168.1.11:5000", SERVER), 5000, "{filtering}");
    }
    // The filter of the protocol counts.
    let config = NatConfig {
        tcp_filtering: Some(Filtering::AddressDependent),
        ..holding(Filtering::EndpointIndependent)
    };
    let mut lab = Lab::new(config);
    let mut send = |host: &str, wait| {
        let mut segment = tcp(ep(host), ep(SERVER));
        lab.send(&mut segment).unwrap();
        lab.wait(secs(wait));
        segment.source_endpoint().unwrap().port
    };
    assert_eq!(send(HOST, 7440), 5000);
    assert_eq!(send("192.168.1.11:5000", 0), 5000);
}

#[test]
fn tcp_may_map_and_filter_in_another_way() {
    let config = NatConfig {
        mapping: Mapping::EndpointIndependent,
        filtering: Filtering::EndpointIndependent,
        tcp_mapping: Some(Mapping::AddressAndPortDependent),
        tcp_filtering: Some(Filtering::AddressAndPortDependent),
        ..NatConfig::default()
    };
    assert_eq!(config.mapping_of(natbed_packet::Protocol::Icmp), Mapping::EndpointIndependent);
    let mut lab = Lab::new(config);
    let stranger = ep("203.0.113.9:9");
    let udp_port = lab.port(HOST, SERVER);
    assert_eq!(lab.port(HOST, OTHER), udp_port);
    assert_eq!(lab.back_from(stranger, udp_port), Ok(ep(HOST)));
    let mut tcp_port = |to| {
        let mut segment = tcp(ep(HOST), ep(to));
        lab.send(&mut segment).unwrap();
        segment.source_endpoint().unwrap().port
    };
    let port = tcp_port(SERVER);
    assert_ne!(tcp_port(OTHER), port);
    let external = Endpoint::new(ip(EXTERNAL), port);
    assert_eq!(lab.receive(&mut tcp(stranger, external)), Err(DropReason::Filtered));
    let mut answer = tcp(ep(SERVER), external);
    lab.receive(&mut answer).unwrap();
    assert_eq!(answer.destination_endpoint(), Some(ep(HOST)));
}

#[test]
fn a_port_below_1024_is_kept_as_the_classes_say() {
    for (ports, port_classes, internal, kept) in [
        (PortAllocation::Preserve, PortClasses::Two, 80, true),
        (PortAllocation::Preserve, PortClasses::Linux, 550, true),
        (PortAllocation::PreserveWithOverload, PortClasses::Linux, 550, true),
        (PortAllocation::Preserve, PortClasses::Unprivileged, 1023, false),
        (PortAllocation::Preserve, PortClasses::Unprivileged, 1024, true),
        (PortAllocation::PreserveWithOverload, PortClasses::Unprivileged, 80, false),
    ] {
        let mut lab = Lab::new(NatConfig { ports, port_classes, ..NatConfig::default() });
        let port = lab.port(&format!("192.168.1.10:{internal}"), SERVER);
        assert_eq!(port == internal, kept, "{ports}, {port_classes}: {internal} -> {port}");
    }
    // Identifiers are of no class.
    for ports in [PortAllocation::Preserve, PortAllocation::PreserveWithOverload] {
        let port_classes = PortClasses::Unprivileged;
        let mut lab = Lab::new(NatConfig { ports, port_classes, ..NatConfig::default() });
        for identifier in [0, 7] {
            let mut ping = echo_request("192.168.1.10", "203.0.113.1", identifier);
            lab.send(&mut ping).unwrap();
            assert_eq!(ping.source_endpoint().unwrap().port, identifier, "{ports}");
        }
    }
    // No port at all becomes one.
    let config = NatConfig { ports: PortAllocation::Preserve, ..NatConfig::default() };
    let mut lab = Lab::new(config);
    let mut packet = udp(ep("192.168.1.10:0"), ep(SERVER));
    lab.send(&mut packet).unwrap();
    assert!((1..=1023).contains(&packet.source_endpoint().unwrap().port));
}
