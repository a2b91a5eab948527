//! Virtual time is exact to the nanosecond, and tokio's timers keep their millisecond grid.
#![allow(clippy::unwrap_used)] // a test

mod common;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use common::{B, at, ms, ns, two, two_hosts};
use natbed_runtime::{Finished, RunEnd, run_on_fresh_thread, wall_clock};
use natbed_units::{Seed, SimDuration, SimTime};

const MILLISECOND: u64 = 1_000_000;

/// What tokio promises: timers fire at the first whole millisecond not before their deadline.
fn tick_after(time: SimTime) -> SimTime {
    ns(time.as_nanos().next_multiple_of(MILLISECOND))
}

#[allow(clippy::disallowed_methods)] // what foreign code sees is under test
fn all_clocks_show(now: SimTime, zero: (Instant, tokio::time::Instant)) -> bool {
    let elapsed = Duration::from(now.since_start());
    SystemTime::now() == wall_clock(now)
        && Instant::now() - zero.0 == elapsed
        && tokio::time::Instant::now() - zero.1 == elapsed
}

#[test]
#[allow(clippy::disallowed_methods)] // what foreign code sees is under test
fn a_hundred_thousand_alarms_are_on_their_nanosecond_and_timers_on_their_tick() {
    let seed = Seed::new(3);
    let (alarms, off, timers, timers_off) = run_on_fresh_thread(seed, move || {
        let mut world = two().world;
        let handle = world.handle();
        let main = async move {
            let zero = (Instant::now(), tokio::time::Instant::now());
            let mut tasks = Vec::new();
            for task in 0..100 {
                let (handle, mut rng) = (handle.clone(), seed.rng(&format!("alarms/{task}")));
                tasks.push(tokio::spawn(async move {
                    let mut off = 0;
                    for _ in 0..1_000 {
                        let due = handle.now()
                            + SimDuration::from_nanos(rng.in_range(1..5_000_000).into());
                        handle.sleep_until(due).await;
                        off += u32::from(handle.now() != due || !all_clocks_show(due, zero));
                    }
                    (1_000, off, 0, 0)
                }));
            }
            for task in 0..50 {
                let (handle, mut rng) = (handle.clone(), seed.rng(&format!("timers/{task}")));
                tasks.push(tokio::spawn(async move {
                    let mut off = 0;
                    for _ in 0..100 {
                        // Away from the grid first: that is where a timer can go wrong.
                        handle
                            .sleep(SimDuration::from_nanos(rng.in_range(0..3_000_000).into()))
                            .await;
                        let span = SimDuration::from_nanos(rng.in_range(0..40_000_000).into());
                        let due = tick_after(handle.now() + span);
                        tokio::time::sleep(span.into()).await;
                        off += u32::from(handle.now() != due || !all_clocks_show(due, zero));
                    }
                    (0, 0, 100, off)
                }));
            }
            let mut sum = (0, 0, 0, 0);
            for task in tasks {
                let (a, b, c, d) = task.await.unwrap();
                sum = (sum.0 + a, sum.1 + b, sum.2 + c, sum.3 + d);
            }
            sum
        };
        world.run_async(main).unwrap().output.unwrap()
    })
    .unwrap();
    assert_eq!((alarms, off), (100_000, 0));
    assert_eq!((timers, timers_off), (5_000, 0));
}

#[test]
fn datagrams_arrive_exactly_one_delay_after_they_were_sent() {
    let delay = SimDuration::from_nanos(7_654_321);
    let seed = Seed::new(5);
    let late = run_on_fresh_thread(seed, move || {
        let mut two = two_hosts(seed, (), delay);
        let (a, b, handle) = (two.world.host(two.a), two.world.host(two.b), two.world.handle());
        let main = async move {
            let receiver = b.bind_udp(9).unwrap();
            let (sender, clock) = (a.bind_udp(0).unwrap(), handle.clone());
            let mut rng = seed.rng("gaps");
            handle.spawn(async move {
                for _ in 0..20_000 {
                    clock.sleep(SimDuration::from_nanos(rng.in_range(0..700_000).into())).await;
                    sender.send_to(&clock.now().as_nanos().to_le_bytes(), at(B, 9)).unwrap();
                }
                // A closed socket still has packets on their way.
            });
            let mut late = 0;
            for _ in 0..20_000 {
                let datagram = receiver.recv().await.unwrap();
                let sent = ns(u64::from_le_bytes(datagram.payload[..].try_into().unwrap()));
                late += u32::from(handle.now() != sent + delay);
            }
            late
        };
        two.world.run_async(main).unwrap().output.unwrap()
    });
    assert_eq!(late, Ok(0));
}

#[test]
fn a_timer_of_tokio_comes_before_what_else_happens_at_its_tick() {
    let order = run_on_fresh_thread(Seed::new(1), || {
        // Sent at 5 ms, over 10 ms: arrives at the tick at which the timer fires.
        let mut two = two();
        let (a, b, handle) = (two.world.host(two.a), two.world.host(two.b), two.world.handle());
        let order = Arc::new(Mutex::new(Vec::new()));
        let note = {
            let (order, handle) = (Arc::clone(&order), handle.clone());
            move |what| order.lock().unwrap().push((handle.now(), what))
        };
        let (on_alarm, on_packet, on_timer) = (note.clone(), note.clone(), note);
        let clock = handle.clone();
        let main = async move {
            let receiver = b.bind_udp(9).unwrap();
            handle.spawn(async move {
                clock.sleep_until(ms(15)).await;
                on_alarm("alarm");
            });
            handle.spawn(async move {
                receiver.recv().await.unwrap();
                on_packet("packet");
            });
            handle.spawn(async move {
                tokio::time::sleep(Duration::from_millis(15)).await;
                on_timer("timer");
            });
            handle.sleep_until(ms(5)).await;
            a.bind_udp(0).unwrap().send_to(b"x", at(B, 9)).unwrap();
            handle.sleep_until(ms(16)).await;
        };
        two.world.run_async(main).unwrap();
        let order = order.lock().unwrap();
        order.clone()
    });
    assert_eq!(order, Ok(vec![(ms(15), "timer"), (ms(15), "packet"), (ms(15), "alarm")]));
}

#[test]
fn time_does_not_move_before_every_task_waits() {
    // Tasks that yield, wake each other and spawn more, all in one instant between two others.
    let finished = run_on_fresh_thread(Seed::new(1), || {
        let mut world = two().world;
        let handle = world.handle();
        world.run_async(async move {
            handle.sleep_until(ns(1_234_567)).await;
            let chain = (0..3_000).fold(handle.spawn(async {}), |previous, _| {
                let clock = handle.clone();
                handle.spawn(async move {
                    tokio::task::yield_now().await;
                    previous.await.unwrap();
                    assert_eq!(clock.now(), ns(1_234_567));
                })
            });
            // The next instant is only a nanosecond away.
            let clock = handle.clone();
            let next = handle.spawn(async move { clock.sleep_until(ns(1_234_568)).await });
            chain.await.unwrap();
            let calm = handle.now();
            next.await.unwrap();
            (calm, handle.now())
        })
    });
    let Finished { output, report } = finished.unwrap().unwrap();
    assert_eq!(output, Some((ns(1_234_567), ns(1_234_568))));
    assert_eq!((report.end, report.at), (RunEnd::Stopped, ns(1_234_568)));
}

#[test]
fn a_burst_of_a_hundred_tasks_leaves_and_arrives_in_one_instant() {
    let received = run_on_fresh_thread(Seed::new(1), || {
        let mut two = two();
        let (a, b, handle) = (two.world.host(two.a), two.world.host(two.b), two.world.handle());
        two.world.run_async(async move {
            let receiver = b.bind_udp(9).unwrap();
            for task in 0..100_u16 {
                let (socket, clock) = (a.bind_udp(1_000 + task).unwrap(), handle.clone());
                handle.spawn(async move {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    for number in 0..10_u16 {
                        socket.send_to(&number.to_le_bytes(), at(B, 9)).unwrap();
                        if number % 3 == 0 {
                            tokio::task::yield_now().await;
                        }
                    }
                    assert_eq!(clock.now(), ms(200));
                });
            }
            let mut next = [0; 100];
            let mut received = 0;
            while next.iter().any(|next| *next < 10) {
                let datagram = receiver.recv().await.unwrap();
                let task = usize::from(datagram.remote.port) - 1_000;
                assert_eq!(datagram.payload[..], u16::to_le_bytes(next[task]), "in order");
                next[task] += 1;
                received += 1;
                assert_eq!(handle.now(), ms(210));
            }
            received
        })
    });
    assert_eq!(received.unwrap().unwrap().output, Some(1_000));
}
