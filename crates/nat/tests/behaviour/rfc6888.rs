//! RFC 6888: what carrier NATs have to do beyond RFC 4787, as far as packets are concerned.
//!
//! REQ-1 is RFC 4787, 5382 and 5508. REQ-8 is tested with the ports (`ports.rs`, `blocks.rs`).

use std::collections::BTreeSet;

use natbed_nat::{Exhausted, Filtering, Forward, Mapping, NatConfig, Pooling, PortAllocation};
use natbed_nat::{PortBlocks, profile};
use natbed_packet::{DropReason, IcmpErrorKind, Protocol};

use crate::lab::{Lab, echo_request, ep, secs, tcp, udp};

const HOST: &str = "100.64.0.10:5000";
const SERVER: &str = "203.0.113.1:3478";

fn limited(ports: Option<u32>, flows: Option<u32>) -> Lab {
    Lab::new(NatConfig {
        filtering: Filtering::EndpointIndependent,
        max_ports_per_subscriber: ports,
        max_flows_per_subscriber: flows,
        ..NatConfig::default()
    })
}

#[test]
fn req_6888_2_pooling_is_paired_by_default() {
    assert_eq!(NatConfig::default().pooling, Pooling::Paired);
    let carrier = profile("rfc6888-cgn").unwrap().behaviour.nat().unwrap().clone();
    assert_eq!(carrier.pooling, Pooling::Paired);
    let mut lab = Lab::pooled(carrier, 5);
    let mut all = BTreeSet::new();
    for host in 1..=30 {
        let sockets = (1..=20).map(|n| format!("100.64.0.{host}:{}", 5000 + n));
        let addresses: BTreeSet<_> =
            sockets.map(|socket| lab.out(&socket, SERVER).unwrap().ip).collect();
        assert_eq!(addresses.len(), 1);
        all.extend(addresses);
    }
    assert_eq!(all.len(), 5);
}

#[test]
fn req_6888_4_a_subscriber_has_no_more_ports_than_it_may() {
    let mut lab = limited(Some(3), None);
    let port = lab.port(HOST, SERVER);
    let mut segment = tcp(ep("100.64.0.10:1"), ep(SERVER));
    lab.send(&mut segment).unwrap();
    let mut ping = echo_request("100.64.0.10", "203.0.113.1", 7);
    lab.send(&mut ping).unwrap();
    // All protocols count together.
    let limit = Err(DropReason::SubscriberLimit);
    assert_eq!(lab.out("100.64.0.10:5001", SERVER), limit);
    assert_eq!(
        lab.send(&mut tcp(ep("100.64.0.10:2"), ep(SERVER))),
        Err(DropReason::SubscriberLimit)
    );
    assert_eq!(lab.port(HOST, "203.0.113.2:9"), port, "flows through a port it has are free");
    lab.port("100.64.0.11:5000", SERVER);
    lab.wait(secs(60));
    lab.port("100.64.0.10:5001", SERVER);
    assert_eq!(lab.out("100.64.0.10:5002", SERVER), limit, "the identifier's place is taken");
    assert_eq!(lab.back(SERVER, port), Ok(ep(HOST)));
}

#[test]
fn req_6888_4_a_shared_port_counts_once() {
    let config = NatConfig {
        mapping: Mapping::AddressAndPortDependent,
        ports: PortAllocation::PreserveWithOverload,
        max_ports_per_subscriber: Some(2),
        ..NatConfig::default()
    };
    let mut lab = Lab::new(config);
    for n in 1..=20 {
        assert_eq!(lab.port(HOST, &format!("203.0.113.{n}:1")), 5000);
    }
    assert_eq!(lab.port("100.64.0.10:5001", SERVER), 5001);
    assert_eq!(lab.out("100.64.0.10:5002", SERVER), Err(DropReason::SubscriberLimit));
    assert_eq!(lab.port(HOST, "203.0.113.21:1"), 5000, "a port that it has");
    assert_eq!(lab.port("100.64.0.11:5002", SERVER), 5002);
    // Only when all mappings of a port have ended is there room for another.
    lab.wait(secs(200));
    lab.port(HOST, "203.0.113.1:1");
    lab.wait(secs(100));
    assert_eq!(lab.port("100.64.0.10:5001", SERVER), 5001);
    assert_eq!(lab.out("100.64.0.10:5002", SERVER), Err(DropReason::SubscriberLimit));
    lab.wait(secs(200));
    assert_eq!(lab.port("100.64.0.10:5002", SERVER), 5002);
}

#[test]
fn req_6888_4_a_subscriber_has_no_more_flows_than_it_may() {
    let mut lab = limited(None, Some(3));
    let port = lab.port(HOST, SERVER);
    lab.port("100.64.0.10:5001", SERVER);
    // One that comes in counts like one that goes out.
    assert_eq!(lab.back("203.0.113.2:9", port), Ok(ep(HOST)));
    assert_eq!(lab.back("203.0.113.3:9", port), Err(DropReason::SubscriberLimit));
    assert_eq!(lab.out(HOST, "203.0.113.3:9"), Err(DropReason::SubscriberLimit));
    lab.port("100.64.0.11:5000", SERVER);
    lab.wait(secs(200));
    assert_eq!(lab.port(HOST, SERVER), port);
    lab.wait(secs(100));
    assert_eq!(lab.port(HOST, "203.0.113.3:9"), port);
    assert_eq!(lab.port(HOST, "203.0.113.4:9"), port);
    assert_eq!(lab.out(HOST, "203.0.113.5:9"), Err(DropReason::SubscriberLimit));
}

#[test]
fn req_6888_4_a_forward_is_a_port_too() {
    let forward = |external_port, internal: &str| Forward {
        protocol: Protocol::Udp,
        external_port,
        internal: internal.parse().unwrap(),
    };
    let mut lab = Lab::new(NatConfig {
        forwards: vec![forward(80, HOST)],
        max_ports_per_subscriber: Some(2),
        ..NatConfig::default()
    });
    lab.port("100.64.0.10:1", SERVER);
    assert_eq!(lab.out("100.64.0.10:2", SERVER), Err(DropReason::SubscriberLimit));
    assert_eq!(lab.port(HOST, SERVER), 80);
}

#[test]
fn req_6888_4_an_ipv6_subscriber_is_a_64() {
    let config = NatConfig { max_ports_per_subscriber: Some(2), ..NatConfig::default() };
    let rng = natbed_units::Seed::new(1).rng("nat");
    let nat = natbed_nat::Nat::new(config, crate::lab::ip("2001:db8::1"), rng).unwrap();
    let mut lab = Lab { nat, now: natbed_units::SimTime::ZERO };
    let server = "[2001:db8:1::1]:9";
    lab.out("[fd00::1]:5", server).unwrap();
    lab.out("[fd00::ffff:0:0:1]:5", server).unwrap();
    assert_eq!(lab.out("[fd00::2]:5", server), Err(DropReason::SubscriberLimit));
    lab.out("[fd00:0:0:1::1]:5", server).unwrap();
}

#[test]
fn req_6888_11_what_finds_no_room_is_dropped_answered_and_harms_nobody() {
    let exhausting = [
        NatConfig { max_flows: 3, ..NatConfig::default() },
        NatConfig { max_flows_per_subscriber: Some(3), ..NatConfig::default() },
        NatConfig { max_ports_per_subscriber: Some(3), ..NatConfig::default() },
        NatConfig {
            port_blocks: Some(PortBlocks::Dynamic { size: 3, max_blocks: 1 }),
            ..NatConfig::default()
        },
    ];
    for exhausting in exhausting {
        for (exhausted, answer) in [
            (Exhausted::HostUnreachable, Some(IcmpErrorKind::HostUnreachable)),
            (Exhausted::Prohibited, Some(IcmpErrorKind::AdminProhibited)),
            (Exhausted::Silent, None),
        ] {
            let mut lab = Lab::new(NatConfig { exhausted, ..exhausting.clone() });
            let sockets = [1, 2, 3].map(|n| format!("100.64.0.10:{n}"));
            let ports = sockets.clone().map(|socket| lab.port(&socket, SERVER));
            let mut refused = udp(ep("100.64.0.10:4"), ep(SERVER));
            let reason = lab.send(&mut refused).unwrap_err();
            assert_eq!(refused, udp(ep("100.64.0.10:4"), ep(SERVER)));
            assert_eq!(lab.nat.icmp_error(reason), answer, "{reason}");
            for (socket, port) in sockets.iter().zip(ports) {
                assert_eq!(lab.back(SERVER, port), Ok(ep(socket)), "{reason}");
                assert_eq!(lab.port(socket, SERVER), port, "{reason}");
            }
        }
    }
}

#[test]
fn req_6888_13_all_ports_of_all_addresses_can_be_used() {
    // The class below 1024, because it is small.
    let config = NatConfig { pooling: Pooling::Arbitrary, ..NatConfig::default() };
    let mut lab = Lab::pooled(config, 3);
    let mut all = BTreeSet::new();
    for host in ["100.64.0.1", "100.64.0.2", "100.64.0.3"] {
        for port in 1..=1023 {
            let external = lab.out(&format!("{host}:{port}"), SERVER).unwrap();
            all.insert((external.ip, external.port));
        }
    }
    assert_eq!(all.len(), 3 * 1023);
    assert!(all.iter().all(|(_, port)| (1..=1023).contains(port)));
    assert_eq!(lab.out("100.64.0.4:1", SERVER), Err(DropReason::PortsExhausted));
}

#[test]
fn req_6888_14_a_subscribers_ports_follow_from_its_address() {
    // Nothing to log: another run, another seed, other traffic, the same block.
    let carrier = profile("cgn-rfc7422-deterministic").unwrap().behaviour.nat().unwrap();
    for seed in 0..20 {
        let mut lab = Lab::seeded(carrier.clone(), seed);
        for host in 0..seed {
            lab.port(&format!("100.64.0.{}:1", 100 + host), SERVER);
        }
        // 64512 / 256 = 252 ports each; the tenth host has 1024 + 9 * 252 and on.
        let port = lab.port("100.64.0.10:5000", SERVER);
        assert!((3292..=3543).contains(&port), "{port}");
    }
}

#[test]
fn req_6888_15_ports_are_hard_to_guess() {
    let carrier = profile("rfc6888-cgn").unwrap().behaviour.nat().unwrap();
    let mut lab = Lab::new(carrier.clone());
    let ports: Vec<_> =
        (1..=200).map(|n| lab.port(&format!("{}:{n}", "100.64.0.10"), SERVER)).collect();
    let near = ports.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) < 100).count();
    assert!(near < 100, "{near} of 199 are near the one before");
    assert!(ports.iter().zip(1..).all(|(port, internal)| *port != internal));
}
