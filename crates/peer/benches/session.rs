//! What one ICE session costs in CPU time: from gathering to closed, with five datagrams and their
//! echoes from each side. The network, the server and the thread are part of it.
#![allow(clippy::unwrap_used, missing_docs)] // a benchmark

// The network of the behaviour tests.
#[allow(dead_code)] // they use more of it
#[path = "../tests/behaviour/lab.rs"]
mod lab;

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use lab::{FIVE, Lab, SEED};
use natbed_nat::Mapping;
use natbed_runtime::{run_on_fresh_thread, thread_cpu_time};
use natbed_units::SimDuration;

fn one_session(mapping: Mapping) -> Duration {
    run_on_fresh_thread(SEED, || {
        let start = thread_cpu_time();
        let (report, _) = Lab::two_homes([mapping; 2]).run_here(async |site| {
            let stacks = site.start().await;
            let report = stacks.session(FIVE, SimDuration::ZERO).await;
            stacks.close().await;
            report
        });
        let spent = thread_cpu_time() - start;
        assert!(report.connected().is_some());
        spent
    })
    .unwrap()
}

fn session(c: &mut Criterion) {
    let mut group = c.benchmark_group("session");
    for (name, mapping) in
        [("direct", Mapping::EndpointIndependent), ("relay", Mapping::AddressAndPortDependent)]
    {
        group.bench_function(name, |b| {
            b.iter_custom(|sessions| (0..sessions).map(|_| one_session(mapping)).sum());
        });
    }
    group.finish();
}

criterion_group!(benches, session);
criterion_main!(benches);
