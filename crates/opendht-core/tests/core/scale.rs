//! Hundreds of real nodes, and what they cost.

use natbed_opendht_core::CoreProcess;
use natbed_runtime::{run_on_fresh_thread, thread_cpu_time};
use natbed_units::Seed;

use crate::swarm::{Kind, Swarm, id, secs, value};

struct Cost {
    packets: u64,
    cpu_ms: u128,
    /// Bytes of all heaps, and of the largest one.
    memory: usize,
    memory_max: usize,
}

/// Hosts that all begin with.
///
/// With a single one, the real nodes that begin at the same time split in two halves: each first
/// looks for nodes next to itself, and asks those for the other half of the identifiers, which none
/// of them knows either. It takes them more than ten minutes to come together.
const BOOTSTRAPS: usize = 8;

/// Real nodes for ten virtual minutes, with a listen, a put and a get of a key each minute.
fn run(seed: Seed, count: usize) -> Cost {
    let start = thread_cpu_time();
    let mut swarm = Swarm::with_bootstraps(seed, Kind::Real, count, BOOTSTRAPS);
    for minute in 5..10 {
        swarm.world.run_until(secs(60 * minute));
        let key = id(&format!("key-{minute}"));
        let host = |number: u64| (number * minute) as usize % count;
        let mut listen = swarm.listen(host(7), key);
        swarm.world.run_until(secs(60 * minute + 10));
        swarm.put(host(11) + 1, key, &value(minute, "value"));
        swarm.world.run_until(secs(60 * minute + 20));
        let mut get = swarm.get(host(13), key);
        swarm.world.run_until(secs(60 * minute + 40));
        swarm.collect(host(7), &mut [&mut listen]);
        swarm.collect(host(13), &mut [&mut get]);
        assert_eq!((listen.values().len(), get.values().len()), (1, 1), "minute {minute}");
    }
    swarm.world.run_until(secs(600));
    let memory = swarm
        .hosts
        .iter()
        .map(|host| swarm.world.process::<CoreProcess>(*host).unwrap().node().memory());
    let memory: Vec<usize> = memory.collect();
    Cost {
        packets: swarm.packets(),
        cpu_ms: (thread_cpu_time() - start).as_millis(),
        memory: memory.iter().sum(),
        memory_max: memory.into_iter().max().unwrap(),
    }
}

#[test]
fn hundreds_of_nodes_find_each_other_and_cost_little() {
    for count in [32, 64, 300] {
        let seed = Seed::new(21);
        let cost = run_on_fresh_thread(seed, || run(seed, count)).unwrap();
        let Cost { packets, cpu_ms, memory, memory_max } = cost;
        println!(
            "{count} nodes, 10 min: {packets} packets, {cpu_ms} ms of CPU, {} KiB of heaps, {} KiB \
             the largest",
            memory >> 10,
            memory_max >> 10,
        );
        assert!(memory_max < 8 << 20, "{memory_max} bytes");
    }
}
