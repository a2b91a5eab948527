//! The same run, whatever else the process does.

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::sync::atomic::AtomicBool;

use natbed_runtime::{run_many, run_on_fresh_thread};
use natbed_units::Seed;

use crate::swarm::{Kind, Swarm, id, secs, value};

const SEED: Seed = Seed::new(3);

/// 30 real nodes, six listeners at one key, and a put; returns the trace hash.
fn run(seed: Seed) -> u64 {
    let mut swarm = Swarm::new(seed, Kind::Real, 30);
    let key = id("key");
    swarm.world.run_until(secs(120));
    let mut listens: Vec<_> = (3..9).map(|number| swarm.listen(number, key)).collect();
    swarm.world.run_until(secs(130));
    let mut put = swarm.put(9, key, &value(42, "hi"));
    swarm.world.run_until(secs(140));
    let mut get = swarm.get(20, key);
    swarm.world.run_until(secs(150));
    swarm.collect(9, &mut [&mut put]);
    swarm.collect(20, &mut [&mut get]);
    for (number, listen) in (3..9).zip(&mut listens) {
        swarm.collect(number, &mut [listen]);
        assert_eq!(listen.values().len(), 1, "listener {number}");
    }
    assert_eq!(get.values().len(), 1);
    assert!(put.finished().is_some());
    swarm.trace_hash()
}

/// Leaves holes in the heap, differently for each seed; they last as long as what it returns.
fn fragmented(seed: u64) -> Vec<Box<[u8]>> {
    let mut rng = Seed::new(seed).rng("fragments");
    let mut blocks: Vec<Option<Box<[u8]>>> = (0..20_000)
        .map(|_| Some(vec![1; 16 + rng.in_range(0..900) as usize].into_boxed_slice()))
        .collect();
    for block in &mut blocks {
        if rng.in_range(0..2) == 0 {
            *block = None;
        }
    }
    black_box(blocks.into_iter().flatten().collect())
}

#[test]
fn all_six_listeners_and_the_getter_are_told_the_same_way_each_time() {
    let first = run_on_fresh_thread(SEED, || run(SEED)).unwrap();
    for seed in 0..4 {
        let holes = fragmented(seed);
        assert_eq!(run_on_fresh_thread(SEED, || run(SEED)).unwrap(), first);
        drop(holes);
    }
    // Nothing depends on what a simulation thread has of its own.
    assert_eq!(run(SEED), first);
    let other = Seed::new(4);
    assert_ne!(run_on_fresh_thread(other, || run(other)).unwrap(), first);
}

#[test]
fn runs_side_by_side_do_not_disturb_each_other() {
    let seeds = [3, 4, 3, 5, 4, 3, 5, 3].map(Seed::new);
    let mut hashes = Vec::new();
    let items = seeds.map(|seed| (seed, seed));
    let jobs = NonZeroUsize::new(4).unwrap();
    run_many(jobs, items, &AtomicBool::new(false), run, |hash| hashes.push(hash.unwrap()));
    let alone = seeds.map(run);
    assert_eq!(hashes, alone);
}
