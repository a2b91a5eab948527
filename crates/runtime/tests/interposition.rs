//! What a simulation thread sees of the world, and what other threads see meanwhile.
#![allow(clippy::unwrap_used)] // a test

mod common;

use std::num::NonZeroUsize;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant, SystemTime};

use common::{B, at, ms, two_hosts};
use natbed_network::observe::TraceHash;
use natbed_runtime::{
    ahead_of_time, real_monotonic_time, run_many, run_on_fresh_thread, self_check, thread_cpu_time,
    wall_clock,
};
use natbed_units::{Seed, SimDuration};

#[test]
fn the_self_check_passes_here() {
    assert_eq!(self_check(), Ok(()));
}

/// One run with clocks, entropy, hash maps, `select!` and packets in what it computes.
#[allow(clippy::disallowed_methods, clippy::disallowed_types)] // what foreign code uses is under test
fn run(seed: Seed) -> (u64, Vec<u32>, String, SystemTime) {
    let mut two = two_hosts(seed, TraceHash::default(), SimDuration::from_nanos(3_141_592));
    let (a, b, handle) = (two.world.host(two.a), two.world.host(two.b), two.world.handle());
    let main = async move {
        let receiver = b.bind_udp(9).unwrap();
        let set: std::collections::HashSet<u32> = (0..50).collect();
        let order: Vec<u32> = set.into_iter().collect();
        let sending = handle.spawn({
            let (order, clock) = (order.clone(), handle.clone());
            async move {
                let socket = a.bind_udp(0).unwrap();
                for number in order {
                    clock.sleep(SimDuration::from_nanos(u64::from(number) * 12_345)).await;
                    socket.send_to(&number.to_le_bytes(), at(B, 9)).unwrap();
                }
            }
        });
        let mut choices = String::new();
        for _ in 0..50 {
            receiver.recv().await.unwrap();
            // Several branches are ready: the runtime's generator chooses.
            tokio::select! {
                () = std::future::ready(()) => choices.push('a'),
                () = std::future::ready(()) => choices.push('b'),
                () = std::future::ready(()) => choices.push('c'),
            }
        }
        sending.await.unwrap();
        (order, choices, SystemTime::now())
    };
    let (order, choices, ended) = two.world.run_async(main).unwrap().output.unwrap();
    (two.world.network().observer().value(), order, choices, ended)
}

#[test]
#[allow(clippy::disallowed_methods)] // what the main thread sees is under test
fn forty_runs_at_once_equal_the_same_runs_one_by_one_and_leave_the_main_clock_alone() {
    let seeds = || (0..40).map(|number| Seed::new(number % 8));
    let alone: Vec<_> = seeds().map(|seed| run_on_fresh_thread(seed, || run(seed))).collect();

    let (wall, monotonic, real) = (SystemTime::now(), Instant::now(), real_monotonic_time());
    let mut together = Vec::new();
    let jobs = NonZeroUsize::new(40).unwrap();
    run_many(jobs, seeds().map(|s| (s, s)), &AtomicBool::new(false), run, |result| {
        together.push(result);
    });
    let passed =
        [wall.elapsed().unwrap(), monotonic.elapsed(), real_monotonic_time().saturating_sub(real)];
    assert_eq!(together, alone);
    assert!(passed[0] < Duration::from_secs(60), "the main thread saw virtual time: {passed:?}");
    assert!(
        passed.iter().all(|p| p.abs_diff(passed[0]) < Duration::from_millis(500)),
        "{passed:?}"
    );

    // The eight seeds give eight different runs, each with its own order of everything.
    let mut distinct: Vec<_> = alone.iter().flatten().map(|run| run.0).collect();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), 8);
    let runs: Vec<_> = alone.into_iter().map(Result::unwrap).collect();
    assert!(runs.iter().any(|run| run.1 != runs[0].1), "order of hash maps follows the seed");
    assert!(runs.iter().any(|run| run.2 != runs[0].2), "order of `select!` follows the seed");
}

#[test]
fn real_clocks_can_be_read_from_inside_a_run() {
    let (virtual_time, cpu, real) = run_on_fresh_thread(Seed::new(1), || {
        let mut two = two_hosts(Seed::new(1), (), SimDuration::ZERO);
        let handle = two.world.handle();
        let (cpu, real) = (thread_cpu_time(), real_monotonic_time());
        let ended = two.world.run_async(async move { handle.sleep_until(ms(3_600_000 - 1)).await });
        (ended.unwrap().report.at, thread_cpu_time() - cpu, real_monotonic_time() - real)
    })
    .unwrap();
    assert_eq!(virtual_time, ms(3_600_000 - 1));
    assert!(Duration::ZERO < cpu && cpu < Duration::from_secs(1), "{cpu:?}");
    assert!(Duration::ZERO < real && real < Duration::from_secs(10), "{real:?}");
}

#[test]
#[allow(clippy::disallowed_methods)] // what foreign code sees is under test
fn only_tasks_spawned_ahead_of_time_see_a_later_wall_clock() {
    let seen = run_on_fresh_thread(Seed::new(1), || {
        let mut two = two_hosts(Seed::new(1), (), SimDuration::ZERO);
        let handle = two.world.handle();
        let zero = Instant::now();
        two.world.run_async(async move {
            let read = move |_: &str| (SystemTime::now(), zero.elapsed());
            let before = handle.spawn(async move { read("before") });
            let ahead = ahead_of_time(|| {
                handle.spawn(async move {
                    // What it spawns itself is an ordinary task.
                    let child = tokio::spawn(async move { read("child") });
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    (read("ahead"), child.await.unwrap())
                })
            });
            let after = handle.spawn(async move { read("after") });
            let (before, after) = (before.await.unwrap(), after.await.unwrap());
            let (ahead, child) = ahead.await.unwrap();
            (before, after, child, ahead, read("main"))
        })
    });
    let (before, after, child, ahead, main) = seen.unwrap().unwrap().output.unwrap();
    let plain = |time| (wall_clock(time), Duration::from(time.since_start()));
    assert_eq!(
        [before, after, child, main],
        [plain(ms(0)), plain(ms(0)), plain(ms(0)), plain(ms(5))]
    );
    assert_eq!(ahead, (wall_clock(ms(1_005)), Duration::from_millis(5)));
}
