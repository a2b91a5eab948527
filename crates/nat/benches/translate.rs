//! What a packet costs in the NAT: found in the table, and not.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use natbed_nat::{Filtering, Nat, NatConfig, profile};
use natbed_packet::{Endpoint, Packet};
use natbed_units::{Seed, SimDuration, SimTime};

const EXTERNAL: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 18, 0, 1));
const INTERNAL: Endpoint = endpoint([192, 168, 1, 10], 5000);

const fn endpoint(octets: [u8; 4], port: u16) -> Endpoint {
    let [a, b, c, d] = octets;
    Endpoint::new(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), port)
}

/// The `n`th of many remote endpoints.
fn remote(n: u32) -> Endpoint {
    Endpoint::new(IpAddr::V4(Ipv4Addr::from_bits(0xcb00_0000 + n)), 3478)
}

fn linux() -> NatConfig {
    profile("linux-masquerade")
        .and_then(|profile| profile.behaviour.nat())
        .expect("it is in the catalogue")
        .clone()
}

fn nat(config: NatConfig) -> Nat {
    Nat::new(config, EXTERNAL, Seed::new(1).rng("nat")).expect("the configuration is valid")
}

fn packet(from: Endpoint, to: Endpoint) -> Packet {
    Packet::udp(from, to, Bytes::from_static(&[0; 1200]))
}

fn hits(c: &mut Criterion) {
    for flows in [1, 1000, 50_000] {
        let mut nat = nat(linux());
        let mut external = INTERNAL;
        for n in 0..flows {
            let mut packet = packet(INTERNAL, remote(n));
            nat.outbound(SimTime::ZERO, &mut packet).expect("there is room");
            external = packet.source_endpoint().expect("UDP has ports");
        }
        // A stride that is prime to every count, so that neighbours in time are not so in memory.
        let mut n = 0;
        let mut next = move || {
            n = (n + 7919) % flows;
            remote(n)
        };
        let mut out = packet(INTERNAL, remote(0));
        c.bench_function(&format!("outbound hit, {flows} flows"), |b| {
            b.iter(|| {
                out.set_source(INTERNAL);
                out.set_destination(next());
                black_box(nat.outbound(SimTime::ZERO, &mut out))
            });
        });
        let mut back = packet(remote(0), external);
        c.bench_function(&format!("inbound hit, {flows} flows"), |b| {
            b.iter(|| {
                back.set_source(next());
                back.set_destination(external);
                black_box(nat.inbound(SimTime::ZERO, &mut back))
            });
        });
    }
}

/// Each packet makes a flow; one flow expires for each that is made, 1000 are alive.
fn new_flows(c: &mut Criterion) {
    let step = SimDuration::from_millis(30);
    let config = linux();
    let (mut outbound, mut now, mut n) = (nat(config.clone()), SimTime::ZERO, 0);
    let mut out = packet(INTERNAL, remote(0));
    c.bench_function("outbound miss, new flow, another expires", |b| {
        b.iter(|| {
            (now, n) = (now + step, (n + 1) % 0x10_0000);
            out.set_source(INTERNAL);
            out.set_destination(remote(n));
            black_box(outbound.outbound(now, &mut out))
        });
    });
    let mut inbound = nat(NatConfig { filtering: Filtering::EndpointIndependent, ..config });
    let mut back = packet(remote(0), INTERNAL);
    c.bench_function("inbound miss, new flow, another expires", |b| {
        let mut first = packet(INTERNAL, remote(0xff_ffff));
        inbound.outbound(now, &mut first).expect("there is room");
        let external = first.source_endpoint().expect("UDP has ports");
        b.iter(|| {
            (now, n) = (now + step, (n + 1) % 0x10_0000);
            back.set_source(remote(n));
            back.set_destination(external);
            black_box(inbound.inbound(now, &mut back))
        });
    });
}

fn drops(c: &mut Criterion) {
    let mut nat = nat(linux());
    let mut out = packet(INTERNAL, remote(0));
    nat.outbound(SimTime::ZERO, &mut out).expect("there is room");
    let mut filtered = packet(remote(1), out.source_endpoint().expect("UDP has ports"));
    c.bench_function("inbound miss, filtered", |b| {
        b.iter(|| black_box(nat.inbound(SimTime::ZERO, &mut filtered)));
    });
    let mut stray = packet(remote(1), Endpoint::new(EXTERNAL, 9));
    c.bench_function("inbound miss, no mapping", |b| {
        b.iter(|| black_box(nat.inbound(SimTime::ZERO, &mut stray)));
    });
}

criterion_group!(benches, hits, new_flows, drops);
criterion_main!(benches);
