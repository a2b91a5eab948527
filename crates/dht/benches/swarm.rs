//! Swarms in virtual time: what a node costs while nothing happens, and what a call costs.
//!
//! `cargo bench -p natbed-dht --bench swarm` measures; with `-- --once` a thousand nodes run for ten
//! minutes of virtual time twice, settled and cold, for a profiler.
#![allow(missing_docs, clippy::disallowed_methods)] // a bench measures real time

#[path = "../tests/swarm/memory.rs"]
mod memory;

use std::hint::black_box;
use std::time::Instant;

use bytes::Bytes;
use criterion::{Criterion, criterion_group};
use memory::Memory;
use natbed_dht::{Body, Data, Event, Id, Value};
use natbed_units::SimDuration;

const KEY: Id = Id::new([0x42; 20]);

fn value(id: u64, bytes: usize) -> Value {
    let body = Body { data: vec![7; bytes].into(), ..Body::default() };
    let data = Data::Open { body, signature: Bytes::new() };
    Value { id, data, priority: 0, push_type: Bytes::new() }
}

fn secs(secs: u64) -> SimDuration {
    SimDuration::from_secs(secs)
}

/// Two peers find each other: each listens at a key, one puts a request, the other an answer.
fn call(swarm: &mut Memory) {
    let keys = [Id::hash(b"alice"), Id::hash(b"bob")];
    let alice = swarm.with(1, |now, node| node.listen(now, keys[0]));
    let bob = swarm.with(2, |now, node| node.listen(now, keys[1]));
    swarm.run(secs(5));
    swarm.with(1, |now, node| node.put(now, keys[1], value(1, 2_300), false));
    let end = swarm.now + secs(10);
    assert!(swarm.run_until(end, |swarm| swarm.arrival(2, bob, 1).is_some()));
    swarm.with(2, |now, node| node.put(now, keys[0], value(2, 2_300), false));
    assert!(swarm.run_until(end, |swarm| swarm.arrival(1, alice, 2).is_some()));
    swarm.run(secs(20));
}

fn thousand() {
    let began = Instant::now();
    let mut swarm = Memory::settled(1_000, 1);
    println!("1 000 nodes: settled in {:?}", began.elapsed());
    let began = Instant::now();
    let listen = swarm.with(5, |now, node| node.listen(now, KEY));
    swarm.run(secs(60));
    swarm.with(9, |now, node| node.put(now, KEY, value(1, 100), true));
    swarm.run(secs(540));
    assert!(swarm.arrival(5, listen, 1).is_some());
    println!("ten minutes of them in {:?}: {} datagrams", began.elapsed(), swarm.sent);
    drop(swarm);
    let began = Instant::now();
    let mut swarm = Memory::cold(1_000, 1);
    swarm.run(secs(600));
    let resident = resident_kilobytes();
    println!(
        "ten minutes from a cold start in {:?}: {} datagrams, {resident} kB resident at most",
        began.elapsed(),
        swarm.sent
    );
}

fn resident_kilobytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("swarm");
    group.sample_size(10);
    group.bench_function("64 nodes begin, settled", |bencher| {
        bencher.iter(|| black_box(Memory::settled(64, 1)));
    });
    group.bench_function("64 nodes, one call", |bencher| {
        bencher.iter(|| {
            let mut swarm = Memory::settled(64, 1);
            call(&mut swarm);
            swarm.sent
        });
    });
    group.bench_function("64 nodes begin cold, 60 s", |bencher| {
        bencher.iter(|| {
            let mut swarm = Memory::cold(64, 1);
            swarm.run(secs(60));
            let told = swarm.events.iter();
            told.filter(|(.., event)| matches!(event, Event::Status(_))).count()
        });
    });
    group.finish();
}

criterion_group!(benches, bench);

fn main() {
    if std::env::args().any(|argument| argument == "--once") {
        thousand();
    } else {
        benches();
        Criterion::default().configure_from_args().final_summary();
    }
}
