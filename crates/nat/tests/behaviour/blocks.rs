//! Port blocks: computed from the subscriber's address (RFC 7422) or given on demand (RFC 6431).

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use natbed_nat::{Filtering, Mapping, NatConfig, Pooling, PortAllocation, PortBlocks};
use natbed_packet::{DropReason, Endpoint};

use crate::lab::{EXTERNAL, Lab, echo_request, ep, ip, secs, tcp, udp};

const SERVER: &str = "203.0.113.1:3478";

fn deterministic(subscribers: &str, compression: u16, overflow: u16) -> NatConfig {
    let subscribers = subscribers.parse().unwrap();
    let blocks = PortBlocks::Deterministic { subscribers, compression, overflow };
    NatConfig { port_blocks: Some(blocks), ..NatConfig::default() }
}

fn dynamic(size: u16, max_blocks: u16) -> NatConfig {
    let blocks = PortBlocks::Dynamic { size, max_blocks };
    NatConfig { port_blocks: Some(blocks), ..NatConfig::default() }
}

/// What `n` sockets of a host are given, from internal port `first` on.
fn given(lab: &mut Lab, host: &str, first: u16, n: u16) -> Vec<Result<Endpoint, DropReason>> {
    (first..first + n).map(|port| lab.out(&format!("{host}:{port}"), SERVER)).collect()
}

/// The smallest aligned block that all external ports are in; all at one address.
fn block(given: &[Result<Endpoint, DropReason>], size: u16) -> (IpAddr, RangeInclusive<u16>) {
    let first = given[0].unwrap();
    let start = (first.port - 1024) / size * size + 1024;
    for external in given {
        let external = external.unwrap();
        assert!(external.ip == first.ip && external.port >= start, "{external}");
        assert!(external.port - start < size, "{external}");
    }
    (first.ip, start..=start + (size - 1))
}

#[test]
fn the_blocks_are_those_of_the_table_of_rfc_7422() {
    // Section 2.3: 14 hosts, C = 14, D = 2.
    let table = [
        1024..=5055,
        5056..=9087,
        9088..=13119,
        13120..=17151,
        17152..=21183,
        21184..=25215,
        25216..=29247,
        29248..=33279,
        33280..=37311,
        37312..=41343,
        41344..=45375,
        45376..=49407,
        49408..=53439,
        53440..=57471,
    ];
    let mut lab = Lab::new(deterministic("198.51.100.0/28", 14, 2));
    for (n, ports) in (1..).zip(&table) {
        let sockets = given(&mut lab, &format!("198.51.100.{n}"), 1, 300);
        let mut seen: Vec<_> = sockets.into_iter().map(|external| external.unwrap().port).collect();
        assert!(seen.iter().all(|port| ports.contains(port)), "{n}: {seen:?}");
        // Random inside the block (section 2, step 3): spread over all of it.
        assert!(seen.windows(2).any(|pair| pair[1] < pair[0]), "{n}");
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 300);
        assert!(seen[0] < ports.start() + 200 && *seen.last().unwrap() > ports.end() - 200);
    }
    for outsider in ["198.51.100.0:1", "198.51.100.15:1", "198.51.100.16:1", "192.0.2.1:1"] {
        assert_eq!(lab.out(outsider, SERVER), Err(DropReason::PortsExhausted), "{outsider}");
    }
    // The subscriber's further blocks are of the dynamic range.
    let all = given(&mut lab, "198.51.100.2", 1000, 4100);
    let own = all.iter().filter(|external| table[1].contains(&external.unwrap().port)).count();
    assert_eq!(own, 4032 - 300);
    assert!(all[own..].iter().all(|external| (57472..=65535).contains(&external.unwrap().port)));
    block(&all[own..], 4032);
}

#[test]
fn blocks_fill_several_addresses_in_sequence() {
    // (65536 - 1024) / (2 + 0) = 32256 ports each; a /29 has 6 hosts.
    let mut lab = Lab::pooled(deterministic("10.0.0.0/29", 2, 0), 3);
    for (host, address, start) in [
        (1, "198.18.0.1", 1024),
        (2, "198.18.0.1", 33280),
        (3, "198.18.0.2", 1024),
        (4, "198.18.0.2", 33280),
        (5, "198.18.0.3", 1024),
        (6, "198.18.0.3", 33280),
    ] {
        let found = block(&given(&mut lab, &format!("10.0.0.{host}"), 1, 20), 32256);
        assert_eq!(found, (ip(address), start..=start + 32255), "{host}");
    }
}

#[test]
fn a_block_serves_all_protocols() {
    // 64512 / 64 = 1008 ports each.
    let mut lab = Lab::new(deterministic("10.0.0.0/26", 62, 2));
    let mut segment = tcp(ep("10.0.0.3:80"), ep(SERVER));
    lab.send(&mut segment).unwrap();
    let mut ping = echo_request("10.0.0.3", "203.0.113.1", 7);
    lab.send(&mut ping).unwrap();
    let mut datagram = udp(ep("10.0.0.3:80"), ep(SERVER));
    lab.send(&mut datagram).unwrap();
    for packet in [segment, ping, datagram] {
        let port = packet.source_endpoint().unwrap().port;
        assert!((3040..=4047).contains(&port), "{port}");
    }
}

#[test]
fn an_ipv6_subscriber_is_a_64() {
    let externals = vec![ip("2001:db8::1"), ip("2001:db8::2")];
    let config = deterministic("fd00:0:0:100::/62", 2, 0);
    let rng = natbed_units::Seed::new(1).rng("nat");
    let nat = natbed_nat::Nat::with_pool(config, externals, rng).unwrap();
    let mut lab = Lab { nat, now: natbed_units::SimTime::ZERO };
    for (host, address, ports) in [
        ("[fd00:0:0:100::1]:5", "2001:db8::1", 1024..=33279),
        ("[fd00:0:0:100:ffff::]:5", "2001:db8::1", 1024..=33279),
        ("[fd00:0:0:101::]:5", "2001:db8::1", 33280..=65535),
        ("[fd00:0:0:103::9]:5", "2001:db8::2", 33280..=65535),
    ] {
        let external = lab.out(host, "[2001:db8:1::1]:9").unwrap();
        assert_eq!(external.ip, ip(address), "{host}");
        assert!(ports.contains(&external.port), "{host}: {external}");
    }
    let outsider = lab.out("[fd00:0:0:104::1]:5", "[2001:db8:1::1]:9");
    assert_eq!(outsider, Err(DropReason::PortsExhausted));
}

#[test]
fn overflow_blocks_are_given_whole_and_go_back() {
    // 64512 / (62 + 2) = 1008 ports in a block; 2 of them in reserve.
    let mut lab = Lab::new(deterministic("10.0.0.0/26", 62, 2));
    let reserve = 1024 + 62 * 1008..=65535;
    let first = given(&mut lab, "10.0.0.1", 1, 1009);
    let second = given(&mut lab, "10.0.0.2", 1, 1009);
    let [over_first, over_second] = [&first, &second].map(|given| given[1008].unwrap().port);
    assert!(reserve.contains(&over_first) && reserve.contains(&over_second));
    let number = |port: u16| (port - reserve.start()) / 1008;
    assert_ne!(number(over_first), number(over_second), "a block has one subscriber");
    let third = given(&mut lab, "10.0.0.3", 1, 1009);
    assert_eq!(third[1008], Err(DropReason::PortsExhausted));
    assert!(third[..1008].iter().all(Result::is_ok), "its own block is not touched");
    assert_eq!(given(&mut lab, "10.0.0.1", 3000, 1007).iter().flatten().count(), 1007);
    assert_eq!(lab.out("10.0.0.1:5000", SERVER), Err(DropReason::PortsExhausted));
    // All but those in the own block of the first end; its overflow block can go to the third.
    lab.wait(secs(200));
    for port in 1..=1008 {
        lab.out(&format!("10.0.0.1:{port}"), SERVER).unwrap();
        lab.out(&format!("10.0.0.3:{port}"), SERVER).unwrap();
    }
    lab.wait(secs(100));
    let port = lab.out("10.0.0.3:5000", SERVER).unwrap().port;
    assert!(reserve.contains(&port));
    let own = lab.out("10.0.0.2:5000", SERVER).unwrap().port;
    assert!((2032..=3039).contains(&own), "its own block comes first: {own}");
}

#[test]
fn a_subscribers_own_block_comes_first_again_once_it_is_free() {
    // Blocks of one port: one for each host, one in reserve.
    let mut lab = Lab::new(deterministic("10.0.0.0/30", 64_511, 1));
    let own = lab.port("10.0.0.1:1", SERVER);
    let reserve = lab.port("10.0.0.1:2", SERVER);
    assert_ne!(own, reserve);
    assert_eq!(lab.out("10.0.0.1:3", SERVER), Err(DropReason::PortsExhausted));
    // The flow in the own block ends, that in the reserve goes on.
    lab.wait(secs(200));
    assert_eq!(lab.port("10.0.0.1:2", SERVER), reserve);
    lab.wait(secs(150));
    assert_eq!(lab.port("10.0.0.1:3", SERVER), own);
}

#[test]
fn a_paired_subscriber_has_its_overflow_at_its_own_address() {
    // 64512 / (62 + 2) = 1008 ports in a block; 2 of them in reserve.
    let paired = deterministic("10.0.0.0/26", 62, 2);
    let mut lab = Lab::pooled(paired.clone(), 2);
    let sent = given(&mut lab, "10.0.0.1", 1, 3 * 1008);
    assert!(sent.iter().all(|external| external.unwrap().ip == ip(EXTERNAL)));
    assert_eq!(lab.out("10.0.0.1:65000", SERVER), Err(DropReason::PortsExhausted));
    let mut lab = Lab::pooled(NatConfig { pooling: Pooling::Arbitrary, ..paired }, 2);
    let sent = given(&mut lab, "10.0.0.1", 1, 5 * 1008);
    let addresses: BTreeSet<_> = sent.iter().map(|external| external.unwrap().ip).collect();
    assert_eq!(addresses.len(), 2);
    assert_eq!(lab.out("10.0.0.1:65000", SERVER), Err(DropReason::PortsExhausted));
}

#[test]
fn blocks_on_demand_have_one_subscriber_each() {
    for pooling in Pooling::ALL {
        let config = NatConfig { pooling: *pooling, ..dynamic(16, 4) };
        let mut lab = Lab::pooled(config, 2);
        let mut seen = BTreeSet::new();
        for host in 1..=50 {
            let host = format!("10.0.0.{host}");
            let sent = given(&mut lab, &host, 1, 64);
            let mut blocks = BTreeSet::new();
            for sixteen in sent.chunks(16) {
                let (address, range) = block(sixteen, 16);
                let ports: BTreeSet<_> = sixteen.iter().map(|sent| sent.unwrap().port).collect();
                assert_eq!(ports.len(), 16, "used up before the next is given");
                blocks.insert((address, (range.start() - 1024) / 16));
            }
            assert_eq!(blocks.len(), 4);
            let addresses: BTreeSet<_> = blocks.iter().map(|(address, _)| *address).collect();
            assert!(*pooling == Pooling::Arbitrary || addresses.len() == 1);
            assert!(seen.is_disjoint(&blocks));
            seen.extend(blocks);
            assert_eq!(
                lab.out(&format!("{host}:100"), SERVER),
                Err(DropReason::SubscriberLimit),
                "no fifth block"
            );
        }
        let addresses: BTreeSet<_> = seen.iter().map(|(address, _)| *address).collect();
        assert_eq!(addresses.len(), 2);
        let slots: Vec<_> = seen.iter().map(|(_, slot)| *slot).collect();
        assert!(slots.windows(2).any(|pair| pair[1] != pair[0] + 1), "hard to guess");
    }
}

#[test]
fn a_block_without_a_port_in_use_goes_back() {
    // Two blocks in all.
    let mut lab = Lab::new(dynamic(32_000, 2));
    let first = lab.port("10.0.0.1:1", SERVER);
    assert_ne!((lab.port("10.0.0.2:1", SERVER) - 1024) / 32_000, (first - 1024) / 32_000);
    assert_eq!(lab.out("10.0.0.3:1", SERVER), Err(DropReason::PortsExhausted));
    assert_eq!((lab.port("10.0.0.1:2", SERVER) - 1024) / 32_000, (first - 1024) / 32_000);
    lab.wait(secs(200));
    lab.port("10.0.0.1:2", SERVER);
    lab.port("10.0.0.2:1", SERVER);
    lab.wait(secs(200));
    assert_eq!(lab.out("10.0.0.3:1", SERVER), Err(DropReason::PortsExhausted), "one is in use");
    lab.port("10.0.0.2:1", SERVER);
    lab.wait(secs(100));
    assert_eq!((lab.port("10.0.0.3:1", SERVER) - 1024) / 32_000, (first - 1024) / 32_000);
    lab.nat.flush();
    for host in [4, 5] {
        lab.port(&format!("10.0.0.{host}:1"), SERVER);
    }
}

#[test]
fn the_ports_behind_the_last_whole_block_are_nobodys() {
    // 64512 = 2 * 30000 + 4512.
    let mut lab = Lab::new(dynamic(30_000, 1));
    for host in 1..=2 {
        let port = lab.port(&format!("10.0.0.{host}:1"), SERVER);
        assert!((1024..61_024).contains(&port));
    }
    assert_eq!(lab.out("10.0.0.3:1", SERVER), Err(DropReason::PortsExhausted));
    let mut lab = Lab::new(dynamic(64_512, 1));
    lab.port("10.0.0.1:1", SERVER);
    assert_eq!(lab.out("10.0.0.2:1", SERVER), Err(DropReason::PortsExhausted));
}

#[test]
fn inside_a_block_ports_are_chosen_as_the_allocation_says() {
    // The only block of its size that holds port 5000 is 4624-5023, number 9.
    let blocks = deterministic("10.0.0.0/24", 161, 0); // 64512 / 161 = 400
    let with = |ports| Lab::pooled(NatConfig { ports, ..blocks.clone() }, 2);
    let mut lab = with(PortAllocation::Preserve);
    assert_eq!(lab.port("10.0.0.10:5000", SERVER), 5000);
    let elsewhere = lab.port("10.0.0.10:6000", SERVER);
    assert!((4624..=5023).contains(&elsewhere));
    assert!((4624..=5023).contains(&lab.port("10.0.0.10:80", SERVER)), "no class below 1024");

    let mut lab = with(PortAllocation::Sequential);
    assert_eq!(lab.port("10.0.0.10:5000", SERVER), 4624);
    assert_eq!(lab.port("10.0.0.11:5000", SERVER), 5024);
    let more = given(&mut lab, "10.0.0.10", 1, 399);
    let more: Vec<_> = more.iter().map(|external| external.unwrap().port).collect();
    assert_eq!(more, (4625..=5023).collect::<Vec<_>>());
    // The first ends: the sequence goes around to it.
    lab.wait(secs(299));
    for port in 1..=399 {
        lab.port(&format!("10.0.0.10:{port}"), SERVER);
    }
    lab.wait(secs(1));
    assert_eq!(lab.port("10.0.0.10:7000", SERVER), 4624);

    // Overloaded, a subscriber's sockets share ports with each other and with nobody else.
    let mut lab = with(PortAllocation::PreserveWithOverload);
    assert_eq!(lab.port("10.0.0.10:5000", SERVER), 5000);
    assert_eq!(lab.port("10.0.0.10:5000", "203.0.113.2:9"), 5000);
    assert!((5024..=5423).contains(&lab.port("10.0.0.11:5000", SERVER)));
    let ports = PortAllocation::PreserveWithOverload;
    let mut lab = Lab::new(NatConfig { ports, ..dynamic(1, 1) });
    let only = lab.port("10.0.0.1:1", SERVER);
    assert_eq!(lab.port("10.0.0.1:2", "203.0.113.2:9"), only);
    assert_eq!(lab.out("10.0.0.1:3", SERVER), Err(DropReason::SubscriberLimit));
}

#[test]
fn parity_and_contiguity_hold_inside_blocks() {
    let config = NatConfig { port_parity: true, port_contiguity: true, ..dynamic(8, 2) };
    let mut lab = Lab::new(config);
    for pair in 0..8 {
        let (rtp, rtcp) = (6000 + 2 * pair, 6001 + 2 * pair);
        let even = lab.port(&format!("10.0.0.1:{rtp}"), SERVER);
        assert_eq!(even % 2, 0);
        assert_eq!(lab.port(&format!("10.0.0.1:{rtcp}"), SERVER), even + 1);
    }
    assert_eq!(lab.out("10.0.0.1:7000", SERVER), Err(DropReason::SubscriberLimit));
    // The port after the last of a block is another's.
    let config = NatConfig { port_contiguity: true, ..dynamic(1, 2) };
    let mut lab = Lab::new(config);
    let even = lab.port("10.0.0.1:6000", SERVER);
    assert_ne!(lab.port("10.0.0.1:6001", SERVER), even + 1);
}

#[test]
fn a_held_port_stays_held_when_its_block_goes_to_another() {
    let config = NatConfig {
        filtering: Filtering::EndpointIndependent,
        port_hold: secs(120),
        ..dynamic(32_256, 1)
    };
    let mut lab = Lab::new(config);
    let first = given(&mut lab, "10.0.0.1", 1, 32_256);
    lab.port("10.0.0.2:1", SERVER);
    lab.wait(secs(299));
    lab.port("10.0.0.2:1", SERVER);
    lab.wait(secs(1));
    assert_eq!(lab.out("10.0.0.1:1", SERVER), Err(DropReason::PortsExhausted));
    lab.wait(secs(120));
    assert!(block(&first, 32_256).1.contains(&lab.port("10.0.0.3:1", SERVER)));
}

#[test]
fn req_6888_8b_ports_that_are_fixed_for_a_subscriber_are_not_held() {
    // 64512 / (62 + 2) = 1008 ports in a block; 2 of them in reserve.
    let config = NatConfig {
        filtering: Filtering::EndpointIndependent,
        port_hold: secs(120),
        ..deterministic("10.0.0.0/26", 62, 2)
    };
    let mut lab = Lab::new(config);
    let before = given(&mut lab, "10.0.0.1", 1, 1058);
    let (own, overflow) = before.split_at(1008);
    block(own, 1008);
    lab.wait(secs(300));
    let after = given(&mut lab, "10.0.0.1", 1, 3 * 1008 - 50);
    assert!(after.iter().all(Result::is_ok));
    assert_eq!(block(&after[..1008], 1008), block(own, 1008), "its own at once");
    assert!(
        after.iter().all(|external| !overflow.contains(external)),
        "those of the reserve later"
    );
    assert_eq!(lab.out("10.0.0.1:60000", SERVER), Err(DropReason::PortsExhausted));
}

#[test]
fn a_dependent_mapping_uses_a_port_of_the_block_for_each_destination() {
    let config = NatConfig { mapping: Mapping::AddressAndPortDependent, ..dynamic(4, 1) };
    let mut lab = Lab::new(config);
    let sent: Vec<_> =
        (1..=5).map(|n| lab.out("10.0.0.1:1", &format!("203.0.113.{n}:1"))).collect();
    block(&sent[..4], 4);
    assert_eq!(sent[4], Err(DropReason::SubscriberLimit));
}
