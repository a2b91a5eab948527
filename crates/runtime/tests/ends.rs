//! Every way in which a run ends is told apart.
#![allow(clippy::unwrap_used)] // a test

mod common;

use std::future::pending;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use common::{A, B, at, ip, ms, ns, two};
use natbed_packet::Endpoint;
use natbed_runtime::{
    Finished, Limits, Process, RunEnd, RunError, RunReport, Transmit, World, run_many,
    run_on_fresh_thread,
};
use natbed_units::{Seed, SimDuration, SimTime};

fn world(limits: Limits) -> World {
    World::new(two().world.into_network(), Seed::new(1), limits)
}

fn ended(
    limits: Limits,
    main: impl Future<Output = ()> + Send + 'static,
) -> Result<Finished<()>, RunError> {
    run_on_fresh_thread(Seed::new(1), || world(limits).run_async(main))?
}

fn end_of(limits: Limits, main: impl Future<Output = ()> + Send + 'static) -> (RunEnd, SimTime) {
    let RunReport { end, at, .. } = ended(limits, main).unwrap().report;
    (end, at)
}

const HORIZON: Limits = Limits {
    horizon: SimTime::from_nanos(10_000_500_000),
    events: 100_000,
    socket_datagrams: 16,
    socket_bytes: 1 << 20,
    tcp_connections: 16,
};

#[test]
fn a_run_stops_when_its_main_task_returns_and_counts_what_is_left() {
    let finished = ended(HORIZON, async {
        tokio::spawn(pending::<()>());
        tokio::spawn(async { tokio::time::sleep(Duration::from_secs(3)).await });
        tokio::time::sleep(Duration::from_secs(2)).await;
    })
    .unwrap();
    let RunReport { end, at, tasks_left, .. } = finished.report;
    assert_eq!((finished.output, end, at, tasks_left), (Some(()), RunEnd::Stopped, ms(2_000), 2));
}

#[test]
fn timers_up_to_the_horizon_fire_and_none_after_it() {
    // Timers at 10 s, 10.0005 s (that is the tick of 10.001 s) and far beyond.
    let ticks = run_on_fresh_thread(Seed::new(1), || {
        let mut world = world(HORIZON);
        let handle = world.handle();
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        for micros in [10_000_000, 10_000_500, 20_000_000] {
            let (handle, tell) = (handle.clone(), tell.clone());
            world.at(SimTime::ZERO, move |_| {
                handle.spawn(async move {
                    tokio::time::sleep(Duration::from_micros(micros)).await;
                    tell.send(tokio::time::Instant::now()).unwrap();
                });
            });
        }
        let report = world.run_async(pending::<()>()).unwrap().report;
        let fired = std::iter::from_fn(|| told.try_recv().ok()).count();
        (report.end, report.at, fired)
    });
    assert_eq!(ticks, Ok((RunEnd::Horizon, HORIZON.horizon, 1)));
}

#[test]
fn alarms_and_packets_up_to_the_horizon_are_handled_exactly() {
    let (end, at_end, alarms) = run_on_fresh_thread(Seed::new(1), || {
        let mut world = world(HORIZON);
        let handle = world.handle();
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let main = async move {
            for nanos in [10_000_000_000, 10_000_500_000, 10_000_500_001] {
                handle.sleep_until(ns(nanos)).await;
                tell.send(handle.now()).unwrap();
            }
        };
        let report = world.run_async(main).unwrap().report;
        (report.end, report.at, std::iter::from_fn(|| told.try_recv().ok()).collect::<Vec<_>>())
    })
    .unwrap();
    assert_eq!((end, at_end), (RunEnd::Horizon, HORIZON.horizon));
    assert_eq!(alarms, [ns(10_000_000_000), HORIZON.horizon]);
}

#[test]
fn a_run_in_which_nothing_will_ever_happen_is_idle_since_the_last_thing() {
    assert_eq!(end_of(HORIZON, pending()), (RunEnd::Idle, SimTime::ZERO));
    let after_a_timer = async {
        tokio::time::sleep(Duration::from_millis(1_234)).await;
        pending::<()>().await;
    };
    assert_eq!(end_of(HORIZON, after_a_timer), (RunEnd::Idle, ms(1_234)));
    // A timer beyond the horizon is something to wait for.
    let waits = async { tokio::time::sleep(Duration::from_secs(86_400 * 30)).await };
    assert_eq!(end_of(HORIZON, waits), (RunEnd::Horizon, HORIZON.horizon));
}

#[test]
fn an_endless_timer_runs_into_the_horizon() {
    let ticking = async {
        loop {
            tokio::time::sleep(Duration::from_millis(7)).await;
        }
    };
    assert_eq!(end_of(HORIZON, ticking), (RunEnd::Horizon, HORIZON.horizon));
}

#[test]
fn tasks_that_keep_themselves_busy_use_up_their_events() {
    let yields = async {
        loop {
            tokio::task::yield_now().await;
        }
    };
    assert_eq!(end_of(HORIZON, yields), (RunEnd::EventLimit, SimTime::ZERO));
    let wakes_itself = async {
        std::future::poll_fn(|cx| -> std::task::Poll<()> {
            cx.waker().wake_by_ref();
            std::task::Poll::Pending
        })
        .await;
    };
    assert_eq!(end_of(HORIZON, wakes_itself), (RunEnd::EventLimit, SimTime::ZERO));
}

/// Answers everything at once, or wants its timer at once for ever.
struct Busy {
    wants_timer: bool,
    answers: Option<Transmit>,
}

impl Process for Busy {
    fn handle_datagram(&mut self, _: SimTime, local: Endpoint, remote: Endpoint, payload: Bytes) {
        self.answers = Some(Transmit { local, remote, payload });
    }

    fn handle_timeout(&mut self, _: SimTime) {}

    fn poll_transmit(&mut self, _: SimTime) -> Option<Transmit> {
        self.answers.take()
    }

    fn poll_timeout(&self) -> Option<SimTime> {
        self.wants_timer.then_some(SimTime::ZERO)
    }
}

#[test]
fn processes_that_keep_themselves_busy_use_up_their_events() {
    let mut two = two();
    let mut bounded = World::new(two.world.into_network(), Seed::new(1), HORIZON);
    bounded.set_process(two.a, Busy { wants_timer: true, answers: None });
    let report = bounded.run();
    assert_eq!((report.end, report.at), (RunEnd::EventLimit, SimTime::ZERO));

    // A host that talks to itself, in no time at all.
    two.world = World::new(bounded.into_network(), Seed::new(1), HORIZON);
    let myself = Endpoint::new(ip(A), 9);
    let first = Transmit { local: myself, remote: myself, payload: Bytes::from_static(b"x") };
    two.world.set_process(two.a, Busy { wants_timer: false, answers: Some(first) });
    let report = two.world.run();
    assert_eq!((report.end, report.at), (RunEnd::EventLimit, SimTime::ZERO));
}

#[test]
fn a_panic_in_any_task_ends_the_run_with_its_message() {
    for is_awaited in [false, true] {
        let error = ended(HORIZON, async move {
            let task = tokio::spawn(async {
                tokio::time::sleep(Duration::from_millis(3)).await;
                let caught = std::panic::catch_unwind(|| panic!("one that is caught"));
                assert!(caught.is_err());
                panic!("the cause: {}", 42);
            });
            if is_awaited {
                let _ = task.await;
            }
            pending::<()>().await;
        })
        .unwrap_err();
        let RunError::TaskPanicked { message } = &error else { panic!("not {error:?}") };
        assert!(message.starts_with("the cause: 42 ("), "{message}");
        assert!(message.contains("tests/ends.rs:"), "{message}");
        assert!(error.to_string().starts_with("a task panicked: the cause: 42"), "{error}");
    }
    let Err(RunError::TaskPanicked { message }) = ended(HORIZON, async { panic!("in main") })
    else {
        panic!("the main task is a task");
    };
    assert!(message.starts_with("in main ("), "{message}");
}

struct Panics;

impl Process for Panics {
    fn handle_datagram(&mut self, _: SimTime, _: Endpoint, _: Endpoint, _: Bytes) {
        panic!("a process panics");
    }
    fn handle_timeout(&mut self, _: SimTime) {}
    fn poll_transmit(&mut self, _: SimTime) -> Option<Transmit> {
        None
    }
    fn poll_timeout(&self) -> Option<SimTime> {
        None
    }
}

#[test]
fn a_panic_in_a_process_is_one_of_the_run() {
    let result = run_on_fresh_thread(Seed::new(1), || {
        let mut two = two();
        two.world.set_process(two.b, Panics);
        let a = two.world.host(two.a);
        two.world.run_async(async move {
            a.bind_udp(0).unwrap().send_to(b"x", at(B, 9)).unwrap();
            pending::<()>().await;
        })
    });
    let Err(RunError::Panicked { message }) = result else { panic!("not {result:?}") };
    assert!(message.starts_with("a process panics (") && message.contains("ends.rs"), "{message}");
}

#[test]
fn async_code_needs_a_fresh_simulation_thread() {
    let refused = world(HORIZON).run_async(async {});
    assert_eq!(refused.err(), Some(RunError::NotASimulationThread));
    let second = run_on_fresh_thread(Seed::new(1), || {
        assert!(world(HORIZON).run_async(async {}).is_ok());
        world(HORIZON).run_async(async {})
    });
    assert_eq!(second.unwrap().err(), Some(RunError::ThreadUsedBefore));
}

#[test]
fn actions_change_the_world_at_their_time_from_inside_and_outside_of_async_code() {
    let finished = run_on_fresh_thread(Seed::new(1), || {
        let mut two = two();
        let link = two.world.network().host_links(two.b).next().unwrap();
        let (a, b, handle) = (two.world.host(two.a), two.world.host(two.b), two.world.handle());
        let remote = two.world.remote();
        two.world.at(ns(25_500_000), move |world| world.network_mut().set_link_down(link, true));
        two.world.run_async(async move {
            let receiver = b.bind_udp(9).unwrap();
            let (clock, sender) = (handle.clone(), a.bind_udp(0).unwrap());
            handle.spawn(async move {
                for round in 0..20 {
                    clock.sleep_until(ms(round * 10)).await;
                    sender.send_to(&[0], at(B, 9)).unwrap();
                }
            });
            // Mended from here, at a time that async code names.
            remote.at(ms(95), move |world| world.network_mut().set_link_down(link, false));
            let mut arrived = Vec::new();
            while arrived.len() < 5 {
                receiver.recv().await.unwrap();
                arrived.push(handle.now());
            }
            arrived
        })
    });
    // Sent at 0 and 10; those of 20 to 90 were on the link or entered it while it was down.
    let expected = [10, 20, 110, 120, 130].map(ms).to_vec();
    assert_eq!(finished.unwrap().unwrap().output, Some(expected));
}

#[test]
fn stop_ends_the_run_in_the_instant_of_the_call() {
    let report = run_on_fresh_thread(Seed::new(1), || {
        let mut world = two().world;
        let handle = world.handle();
        world.run_async(async move {
            let stopper = handle.clone();
            tokio::spawn(async move {
                stopper.sleep(SimDuration::from_nanos(1_500_001)).await;
                stopper.stop();
            });
            pending::<()>().await;
        })
    });
    let Finished { output, report } = report.unwrap().unwrap();
    assert_eq!((output, report.end, report.at), (None, RunEnd::Stopped, ns(1_500_001)));
}

#[test]
#[allow(clippy::disallowed_methods)] // runs that end out of order need real time
fn results_come_in_the_order_of_the_items_and_a_panic_harms_no_other_run() {
    let mut results = Vec::new();
    let items = (0..30_u64).map(|n| (Seed::new(n), n));
    let f = |n: u64| {
        let spin = natbed_runtime::real_monotonic_time() + Duration::from_millis((n * 7) % 5);
        while natbed_runtime::real_monotonic_time() < spin {}
        assert!(n % 10 != 3, "item {n}");
        n * n
    };
    run_many(NonZeroUsize::new(4).unwrap(), items, &AtomicBool::new(false), f, |result| {
        results.push(result);
    });
    assert_eq!(results.len(), 30);
    for (n, result) in (0..).zip(results) {
        match result {
            Ok(square) => assert_eq!(square, n * n),
            Err(RunError::Panicked { message }) => {
                assert!(n % 10 == 3 && message.starts_with(&format!("item {n} (")), "{message}");
            }
            Err(other) => panic!("{other:?}"),
        }
    }
}

#[test]
fn cancelling_starts_no_further_run_and_hands_over_those_begun() {
    for jobs in [1, 3] {
        let (cancel, begun) = (AtomicBool::new(false), AtomicUsize::new(0));
        let mut got = Vec::new();
        let items = (0..).map(|n: u64| (Seed::new(n), n));
        let f = |n| {
            begun.fetch_add(1, Ordering::Relaxed);
            n
        };
        run_many(NonZeroUsize::new(jobs).unwrap(), items, &cancel, f, |result| {
            let n = result.unwrap();
            got.push(n);
            if n == 10 {
                cancel.store(true, Ordering::Relaxed);
            }
        });
        assert_eq!(got, (0..begun.load(Ordering::Relaxed) as u64).collect::<Vec<_>>());
        assert!((11..=10 + 32 * jobs).contains(&got.len()), "{jobs} jobs: {}", got.len());
    }
}
