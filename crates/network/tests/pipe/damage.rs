//! Duplicates, corrupt packets, and where they end.

use bytes::Bytes;
use natbed_nat::profile;
use natbed_network::observe::Counters;
use natbed_network::{
    Attachment, GatewayConfig, HostId, InterfaceConfig, InternetConfig, Limits, LinkConfig,
    Network, PipeConfig,
};
use natbed_packet::{
    Body, DropReason, Ecn, Endpoint, Icmp, IcmpErrorKind, Packet, Protocol, Quoted,
};
use natbed_units::{Ppm, Seed, SimTime};

use crate::lab::{Lab, Notes, add_host, bytes, ip, lan, ms, packet, percent, us};

#[test]
fn a_share_of_all_packets_comes_twice() {
    let n = 100_000_f64;
    let pipe = PipeConfig { duplicate: percent("3%"), ..PipeConfig::with_delay(ms(1)) };
    let mut lab = Lab::new(pipe);
    lab.send_evenly(n as u64, us(1), 100);
    lab.settle();
    let made = lab.counters().made() as f64;
    assert!((made - n * 0.03).abs() < 3.0 * (n * 0.03 * 0.97).sqrt(), "{made}");
    assert_eq!(lab.counters().delivered(), lab.counters().sent() + lab.counters().made());
    // Each copy is right behind its original, and is a packet of its own.
    let ids: Vec<_> = lab.arrivals().iter().map(|(_, id)| *id).collect();
    assert_eq!(ids.len(), ids.iter().collect::<std::collections::BTreeSet<_>>().len());
    assert!(lab.notes().made.iter().all(|of| ids.contains(of)));
}

#[test]
fn every_packet_may_come_twice() {
    for delay in [ms(0), ms(1)] {
        let pipe = PipeConfig { duplicate: Ppm::ONE, ..PipeConfig::with_delay(delay) };
        let mut lab = Lab::new(pipe);
        lab.send(SimTime::ZERO, 100);
        lab.send(SimTime::ZERO + ms(5), 100);
        lab.settle();
        let of: Vec<_> = lab.arrivals().iter().map(|(at, _)| at / 1_000_000).collect();
        let first = delay.as_nanos() / 1_000_000;
        assert_eq!(of, [first, first, 5 + first, 5 + first]);
        assert_eq!(lab.notes().made, [1, 3]);
    }
}

#[test]
fn a_host_drops_what_is_corrupt() {
    let n = 100_000_f64;
    let pipe = PipeConfig { corrupt: percent("2%"), ..PipeConfig::with_delay(ms(1)) };
    let mut lab = Lab::new(pipe);
    lab.send_evenly(n as u64, us(1), 100);
    lab.settle();
    let failed = lab.lost(DropReason::ChecksumFailed).len() as f64;
    assert!((failed - n * 0.02).abs() < 3.0 * (n * 0.02 * 0.98).sqrt(), "{failed}");
    assert_eq!(lab.counters().delivered() as f64, n - failed);
}

#[test]
fn one_corrupt_fragment_spoils_the_packet() {
    let pipe = PipeConfig { mtu: Some(bytes(600)), ..PipeConfig::with_delay(ms(1)) };
    for (share, reason) in [("0%", None), ("100%", Some(DropReason::ChecksumFailed))] {
        let mut lab = Lab::new(PipeConfig { corrupt: percent(share), ..pipe.clone() });
        let whole = Packet { dont_fragment: false, ecn: Ecn::Ect0, ..packet(1_500) };
        lab.send_packet(SimTime::ZERO, whole);
        lab.settle();
        let reasons: Vec<_> = lab.notes().dropped.iter().map(|(_, _, reason)| *reason).collect();
        assert_eq!(reasons, Vec::from_iter(reason));
        assert!(lab.notes().delivered.iter().all(|arrival| arrival.packet.ecn == Ecn::Ect0));
    }
}

/// A host behind a NAT, on a line that corrupts everything, and one on the Internet.
fn home(up: PipeConfig) -> (Network<(Counters, Notes)>, HostId, HostId) {
    let observer = (Counters::default(), Notes::default());
    let mut network = Network::new(Seed::new(1), Limits::default(), observer);
    network.set_internet(InternetConfig { delay: ms(1) });
    let lan = lan(&mut network);
    let nat = profile("linux-masquerade").and_then(|profile| profile.behaviour.nat().cloned());
    network
        .add_gateway(GatewayConfig {
            name: "home".into(),
            lan,
            inside: ip("10.0.0.254"),
            upstream: Attachment::Internet,
            outside: ip("198.51.100.1"),
            pool: Vec::new(),
            uplink: LinkConfig::IDEAL,
            translator: nat.map(Into::into),
            firewall: None,
            icmp_errors: true,
            beside: None,
        })
        .unwrap();
    let link = LinkConfig { up, down: PipeConfig::IDEAL };
    let inside = add_host(&mut network, lan, "alice", "10.0.0.1", link);
    let (address, attachment) = (ip("203.0.113.7"), Attachment::Internet);
    let interfaces = vec![InterfaceConfig { address, attachment, link: LinkConfig::IDEAL }];
    let config = natbed_network::HostConfig { name: "server".into(), interfaces, firewall: None };
    let outside = network.add_host(config).unwrap();
    (network, inside, outside)
}

/// What is delivered within a second: long before a mapping ends.
fn settle(network: &mut Network<(Counters, Notes)>) -> Vec<(HostId, Packet)> {
    let mut delivered = Vec::new();
    loop {
        while let Some(delivery) = network.poll_delivery() {
            delivered.push((delivery.host, delivery.packet));
        }
        match network.poll_timeout() {
            Some(at) if at < SimTime::ZERO + ms(1_000) => network.handle_timeout(at),
            _ => return delivered,
        }
    }
}

#[test]
fn a_nat_passes_on_what_is_corrupt_and_makes_a_mapping_for_it() {
    let corrupting = PipeConfig { corrupt: Ppm::ONE, ..PipeConfig::IDEAL };
    let (mut network, alice, server) = home(corrupting);
    let [from, to] = [("10.0.0.1", 5000), ("203.0.113.7", 80)]
        .map(|(address, port)| Endpoint::new(ip(address), port));
    let datagram = Packet { ecn: Ecn::Ect1, ..Packet::udp(from, to, Bytes::from_static(b"hello")) };
    network.send(SimTime::ZERO, alice, datagram);
    assert_eq!(settle(&mut network), []);
    let dropped = &network.observer().1.dropped;
    assert_eq!(dropped.iter().map(|d| d.2).collect::<Vec<_>>(), [DropReason::ChecksumFailed]);
    // The mapping is there: an answer comes through.
    let outside = Endpoint::new(ip("198.51.100.1"), 5000);
    let now = SimTime::ZERO + ms(50);
    network.send(now, server, Packet::udp(to, outside, Bytes::from_static(b"answer")));
    assert!(matches!(&settle(&mut network)[..], [(host, _)] if *host == alice));
}

#[test]
fn a_nat_keeps_congestion_marks() {
    let (mut network, alice, server) = home(PipeConfig::IDEAL);
    let [from, to] = [("10.0.0.1", 5000), ("203.0.113.7", 80)]
        .map(|(address, port)| Endpoint::new(ip(address), port));
    for ecn in Ecn::ALL {
        let datagram = Packet { ecn, ..Packet::udp(from, to, Bytes::from_static(b"hello")) };
        network.send(SimTime::ZERO, alice, datagram);
        let delivered = settle(&mut network);
        assert!(matches!(&delivered[..], [(host, p)] if *host == server && p.ecn == ecn));
    }
}

#[test]
fn a_gateway_does_not_answer_what_is_corrupt() {
    let corrupting = PipeConfig { corrupt: Ppm::ONE, ..PipeConfig::IDEAL };
    let (mut network, alice, _) = home(corrupting);
    let payload = Bytes::from_static(b"ping");
    let echo = Body::Icmp(Icmp::EchoRequest { identifier: 1, sequence: 1, payload });
    let ping = Packet::new(ip("10.0.0.1"), ip("10.0.0.254"), echo);
    network.send(SimTime::ZERO, alice, ping);
    assert_eq!(settle(&mut network), []);
    // A datagram to a closed port of it would be answered with an error.
    let [from, to] = ["10.0.0.1", "10.0.0.254"].map(|address| Endpoint::new(ip(address), 53));
    network.send(SimTime::ZERO, alice, Packet::udp(from, to, Bytes::new()));
    assert_eq!(settle(&mut network), []);
    let reasons: Vec<_> = network.observer().1.dropped.iter().map(|d| d.2).collect();
    assert_eq!(reasons, [DropReason::ChecksumFailed; 2]);
}

#[test]
fn req_5508_3_a_nat_drops_icmp_errors_that_are_corrupt() {
    let corrupting = PipeConfig { corrupt: Ppm::ONE, ..PipeConfig::IDEAL };
    let (mut network, alice, _) = home(corrupting);
    let quoted = Quoted {
        protocol: Protocol::Udp,
        source: Endpoint::new(ip("203.0.113.7"), 80),
        destination: Endpoint::new(ip("10.0.0.1"), 5000),
    };
    let kind = IcmpErrorKind::PortUnreachable;
    let body = Body::Icmp(Icmp::Error { kind, quoted: Box::new(quoted) });
    network.send(SimTime::ZERO, alice, Packet::new(ip("10.0.0.1"), ip("203.0.113.7"), body));
    assert_eq!(settle(&mut network), []);
    let dropped = &network.observer().1.dropped;
    assert_eq!(
        dropped.iter().map(|d| (d.0, d.2)).collect::<Vec<_>>(),
        [(SimTime::ZERO, DropReason::ChecksumFailed)]
    );
}
