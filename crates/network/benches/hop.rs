//! What a packet costs in the network, and what a network costs.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use natbed_nat::profile;
use natbed_network::{
    Attachment, Distribution, FqCodel, GatewayConfig, HostConfig, HostId, InterfaceConfig,
    InternetConfig, Jitter, LanConfig, LanId, Limits, LinkConfig, Loss, Network, PipeConfig, Queue,
};
use natbed_packet::{Endpoint, Packet};
use natbed_units::{ByteCount, Ppm, Rate, Seed, SimDuration, SimTime};

const ALICE: IpAddr = ip([192, 168, 1, 10]);
const BOB: IpAddr = ip([192, 168, 1, 11]);
const HOMES: [IpAddr; 2] = [ip([198, 51, 100, 1]), ip([198, 51, 100, 2])];

const fn ip([a, b, c, d]: [u8; 4]) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
}

fn datagram(from: IpAddr, to: IpAddr) -> Packet {
    let payload = Bytes::from_static(&[0; 1200]);
    Packet::udp(Endpoint::new(from, 5000), Endpoint::new(to, 5000), payload)
}

fn delayed(millis: u64) -> LinkConfig {
    LinkConfig::symmetric(PipeConfig::with_delay(SimDuration::from_millis(millis)))
}

fn lan(network: &mut Network, name: &str) -> LanId {
    let subnet = "192.168.1.0/24".parse().expect("it is a subnet");
    network.add_lan(LanConfig { name: name.into(), subnet, second_subnet: None, isolate: false })
}

fn host(
    network: &mut Network,
    name: &str,
    lan: LanId,
    address: IpAddr,
    link: &LinkConfig,
) -> HostId {
    let attachment = Attachment::Lan(lan);
    let interfaces = vec![InterfaceConfig { address, attachment, link: link.clone() }];
    let config = HostConfig { name: name.into(), interfaces, firewall: None };
    network.add_host(config).expect("the address is free")
}

/// Two hosts on one LAN, a link each.
fn neighbours(link: &LinkConfig) -> (Network, HostId) {
    let mut network = Network::new(Seed::new(1), Limits::default(), ());
    let lan = lan(&mut network, "home");
    let alice = host(&mut network, "alice", lan, ALICE, link);
    host(&mut network, "bob", lan, BOB, link);
    (network, alice)
}

/// Host, Linux NAT, core, Linux NAT, host: four delayed links, 32 ms each way.
fn two_homes() -> (Network, [HostId; 2]) {
    let mut network = Network::new(Seed::new(1), Limits::default(), ());
    network.set_internet(InternetConfig { delay: SimDuration::from_millis(10) });
    let nat = profile("linux-masquerade").and_then(|profile| profile.behaviour.nat().cloned());
    let hosts = HOMES.map(|outside| {
        let lan = lan(&mut network, "home");
        let config = GatewayConfig {
            name: "home".into(),
            lan,
            inside: ip([192, 168, 1, 1]),
            upstream: Attachment::Internet,
            outside,
            uplink: delayed(10),
            pool: Vec::new(),
            translator: nat.clone().map(Into::into),
            firewall: None,
            icmp_errors: true,
            beside: None,
        };
        network.add_gateway(config).expect("the address is free");
        host(&mut network, "host", lan, ALICE, &delayed(1))
    });
    (network, hosts)
}

/// Sends one packet every `interval`; measures a packet with `in_flight` others on their way.
fn stream(
    c: &mut Criterion,
    name: &str,
    (network, from): (&mut Network, HostId),
    packet: &Packet,
    latency: SimDuration,
    in_flight: u64,
) {
    let interval = latency / in_flight;
    let mut now = SimTime::from_nanos(1_000_000_000);
    let mut step = || {
        now += interval;
        network.handle_timeout(now);
        let arrived = network.poll_delivery();
        network.send(now, from, packet.clone());
        arrived
    };
    let arrived = (0..2 * in_flight).filter_map(|_| step()).count();
    assert!(arrived > 0, "the packets of this bench arrive");
    let mut group = c.benchmark_group("hop");
    group.throughput(Throughput::Elements(1));
    group.bench_function(name, |b| b.iter(|| black_box(step())));
    group.finish();
}

fn lan_hop(c: &mut Criterion) {
    let (mut network, alice) = neighbours(&delayed(1));
    let (packet, latency) = (datagram(ALICE, BOB), SimDuration::from_millis(2));
    stream(c, "one LAN", (&mut network, alice), &packet, latency, 10);
}

/// The same with pipes that do more than delay.
fn lan_hop_of_each_kind(c: &mut Criterion) {
    let delay = SimDuration::from_millis(1);
    let rate = Rate::from_bits_per_second(1_000_000_000);
    let fixed = PipeConfig::with_rate(rate, delay, ByteCount::new(100_000));
    let loss = Loss::Independent(Ppm::new(1).expect("it is a share"));
    let jitter = Jitter {
        spread: SimDuration::from_micros(200),
        distribution: Distribution::Normal,
        correlation: Ppm::ZERO,
        reorder: true,
    };
    for (name, pipe) in [
        ("fixed rate", fixed.clone()),
        ("fixed rate, loss", PipeConfig { loss, ..fixed.clone() }),
        ("fixed rate, FQ-CoDel", PipeConfig { queue: Queue::FqCodel(FqCodel::DEFAULT), ..fixed }),
        ("jitter", PipeConfig { jitter: Some(jitter), ..PipeConfig::with_delay(delay) }),
    ] {
        let (mut network, alice) = neighbours(&LinkConfig::symmetric(pipe));
        let (packet, latency) = (datagram(ALICE, BOB), SimDuration::from_millis(2));
        stream(c, &format!("one LAN, {name}"), (&mut network, alice), &packet, latency, 10);
    }
}

fn two_nats(c: &mut Criterion) {
    for in_flight in [10, 20_000] {
        let (mut network, hosts) = two_homes();
        // Each opens its filter toward the other.
        for (host, to) in hosts.into_iter().zip([HOMES[1], HOMES[0]]) {
            network.send(SimTime::ZERO, host, datagram(ALICE, to));
        }
        network.handle_timeout(SimTime::from_nanos(1_000_000_000));
        while network.poll_delivery().is_some() {}
        let name = format!("two NATs, four links, {in_flight} in flight");
        let (packet, latency) = (datagram(ALICE, HOMES[1]), SimDuration::from_millis(32));
        stream(c, &name, (&mut network, hosts[0]), &packet, latency, in_flight);
    }
}

fn build(c: &mut Criterion) {
    c.bench_function("build and drop two homes with NATs", |b| {
        b.iter(|| drop(black_box(two_homes())));
    });
}

criterion_group!(benches, lan_hop, lan_hop_of_each_kind, two_nats, build);
criterion_main!(benches);
