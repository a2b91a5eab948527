//! The same scenario with natbed's own nodes, with real ones, and with both in one network.
//!
//! What is found must be the same, and medians of the times within 20 % of the real core's.
//! `cargo test -p natbed-opendht-core --features core own_nodes -- --nocapture` prints them.
//!
//! Own nodes behave as those of OpenDHT 2.4 here, as the core is one. As `Generation::Four`, which
//! is their default, they put and listen as soon as two of the closest nodes have given a token, not
//! all eight: a listener then hears a third sooner (180 ms instead of 271 ms).

use natbed_runtime::run_on_fresh_thread;
use natbed_units::Seed;

use crate::swarm::{Asked, Kind, Swarm, Told, id, secs, value};

const NODES: usize = 32;
const KEYS: usize = 8;
const GETTERS: usize = 3;

/// What came of one key.
struct Outcome {
    /// What the listener, then the getters have found.
    found: Vec<Vec<Told>>,
    put_done: Option<f64>,
    heard: Option<f64>,
    got: Vec<Option<f64>>,
    get_done: Vec<Option<f64>>,
}

struct Swarmed {
    outcomes: Vec<Outcome>,
    packets: u64,
}

/// Eight keys are listened at, put, and got from three other nodes each, five minutes after a cold
/// start.
fn run(kind: Kind, seed: Seed) -> Swarmed {
    let mut swarm = Swarm::new(seed, kind, NODES);
    let key = |number: usize| id(&format!("key-{number}"));
    let at = |start: u64, number: usize| secs(start + 2 * number as u64);
    let mut listens = Vec::new();
    let mut puts = Vec::new();
    let mut gets: Vec<Vec<(usize, Asked)>> = Vec::new();
    let mut begun = Vec::new();
    for number in 0..KEYS {
        swarm.world.run_until(at(300, number));
        let host = (3 * number + 5) % NODES;
        listens.push((host, swarm.listen(host, key(number))));
    }
    for number in 0..KEYS {
        swarm.world.run_until(at(320, number));
        begun.push(swarm.world.now());
        let host = (5 * number + 2) % NODES;
        let value = value(1_000 + number as u64, &format!("value {number}"));
        puts.push((host, swarm.put(host, key(number), &value)));
    }
    for number in 0..KEYS {
        swarm.world.run_until(at(340, number));
        let get = |getter: usize| {
            let host = (7 * number + 11 * getter + 9) % NODES;
            (host, swarm.get(host, key(number)))
        };
        gets.push((0..GETTERS).map(get).collect());
    }
    swarm.world.run_until(secs(370));
    let mut all: Vec<(usize, &mut Asked)> = Vec::new();
    all.extend(listens.iter_mut().chain(&mut puts).map(|(host, asked)| (*host, asked)));
    all.extend(gets.iter_mut().flatten().map(|(host, asked)| (*host, asked)));
    for host in 0..NODES {
        let mut its: Vec<&mut Asked> = Vec::new();
        for (_, asked) in all.iter_mut().filter(|(of, _)| *of == host) {
            its.push(asked);
        }
        swarm.collect(host, &mut its);
    }
    let outcomes = (0..KEYS).map(|number| {
        let (listen, put) = (&listens[number].1, &puts[number].1);
        let gets = gets[number].iter().map(|(_, get)| get);
        let all = std::iter::once(listen).chain(gets.clone());
        Outcome {
            found: all.map(|asked| asked.values().into_iter().cloned().collect()).collect(),
            put_done: put.finished(),
            heard: listen.first_value(begun[number]),
            got: gets.clone().map(|get| get.first_value(at(340, number))).collect(),
            get_done: gets.map(Asked::finished).collect(),
        }
    });
    Swarmed { outcomes: outcomes.collect(), packets: swarm.packets() }
}

/// The median in milliseconds, and of how many.
fn median(times: impl Iterator<Item = Option<f64>>) -> (f64, usize) {
    let mut times: Vec<f64> = times.flatten().collect();
    times.sort_by(f64::total_cmp);
    (times.get(times.len() / 2).copied().unwrap_or(f64::NAN), times.len())
}

#[test]
fn own_nodes_real_nodes_and_both_together_find_the_same() {
    let kinds = [Kind::Ours, Kind::Real, Kind::Mixed];
    let mut table =
        String::from("\n           put done   at listener   first got   get done   packets\n");
    let (mut found, mut medians) = (Vec::new(), Vec::new());
    for kind in kinds {
        let seed = Seed::new(11);
        let swarmed = run_on_fresh_thread(seed, || run(kind, seed)).unwrap();
        let of = &swarmed.outcomes;
        let columns = [
            median(of.iter().map(|outcome| outcome.put_done)),
            median(of.iter().map(|outcome| outcome.heard)),
            median(of.iter().flat_map(|outcome| outcome.got.iter().copied())),
            median(of.iter().flat_map(|outcome| outcome.get_done.iter().copied())),
        ];
        table += &format!("{kind:?}: ");
        for (median, count) in columns {
            table += &format!("   {median:.1} ms ({count})");
        }
        table += &format!("   {}\n", swarmed.packets);
        medians.push(columns.map(|(median, _)| median));
        found.push(swarmed.outcomes.into_iter().map(|outcome| outcome.found).collect::<Vec<_>>());
    }
    println!("{table}");
    for (number, of) in found[1].iter().enumerate() {
        for values in of {
            let data = format!("value {number}").into();
            assert_eq!(values, &[Told::Value { id: 1_000 + number as u64, data }], "key {number}");
        }
    }
    assert_eq!(found[0], found[1], "own nodes and real ones");
    assert_eq!(found[2], found[1], "both together and real ones");
    for (kind, own) in kinds.iter().zip(&medians) {
        for (time, real) in own.iter().zip(&medians[1]) {
            assert!((time / real - 1.0).abs() <= 0.2, "{kind:?}: {time} ms instead of {real} ms");
        }
    }
}
