//! Sans-IO processes on hosts, alone and beside async code.
#![allow(clippy::unwrap_used)] // a test

mod common;

use std::collections::VecDeque;

use bytes::Bytes;
use common::{A, B, at, ip, ms, ns, two};
use natbed_network::observe::Counters;
use natbed_packet::{DropReason, Endpoint};
use natbed_runtime::{Limits, Process, RunEnd, Transmit, World, run_on_fresh_thread};
use natbed_units::{Seed, SimDuration, SimTime};

/// Sends what it is told to and keeps what it gets; its timer asks for the times in `wanted`.
#[derive(Default)]
struct Recorder {
    started: Vec<SimTime>,
    received: Vec<(SimTime, Endpoint, Endpoint, Bytes)>,
    wanted: VecDeque<SimTime>,
    woken: Vec<SimTime>,
    outgoing: VecDeque<Transmit>,
    listens_at: Option<u16>,
    echoes: bool,
}

impl Process for Recorder {
    fn start(&mut self, now: SimTime) {
        self.started.push(now);
    }

    fn handle_datagram(&mut self, now: SimTime, local: Endpoint, remote: Endpoint, payload: Bytes) {
        assert!(tokio::runtime::Handle::try_current().is_err() || self.echoes, "no async runtime");
        if self.echoes {
            let payload = payload.clone();
            self.outgoing.push_back(Transmit { local, remote, payload });
        }
        self.received.push((now, local, remote, payload));
    }

    fn handle_timeout(&mut self, now: SimTime) {
        self.woken.push(now);
        while self.wanted.front().is_some_and(|wanted| *wanted <= now) {
            self.wanted.pop_front();
        }
    }

    fn poll_transmit(&mut self, _: SimTime) -> Option<Transmit> {
        self.outgoing.pop_front()
    }

    fn poll_timeout(&self) -> Option<SimTime> {
        self.wanted.front().copied()
    }

    fn accepts(&self, port: u16) -> bool {
        self.listens_at.is_none_or(|listens_at| listens_at == port)
    }
}

fn transmit(local: (&str, u16), remote: (&str, u16), payload: &'static [u8]) -> Transmit {
    let endpoint = |(address, port)| Endpoint::new(ip(address), port);
    let payload = Bytes::from_static(payload);
    Transmit { local: endpoint(local), remote: endpoint(remote), payload }
}

#[test]
fn processes_talk_without_an_async_runtime_or_a_simulation_thread() {
    let mut two = two();
    two.world.set_process(two.b, Recorder { listens_at: Some(9), ..Recorder::default() });
    two.world.set_process(
        two.a,
        Recorder {
            outgoing: [
                transmit((A, 1), (B, 9), b"given"),
                transmit(("0.0.0.0", 1), (B, 9), b"chosen"),
                transmit((A, 1), (B, 8), b"closed"),
            ]
            .into(),
            ..Recorder::default()
        },
    );
    let report = two.world.run();
    assert_eq!((report.end, report.at, report.tasks_left), (RunEnd::Idle, ms(20), 0));
    let b = two.world.process::<Recorder>(two.b).unwrap();
    let (local, remote) = (Endpoint::new(ip(B), 9), Endpoint::new(ip(A), 1));
    let received = |payload| (ms(10), local, remote, Bytes::from_static(payload));
    assert_eq!(b.received, [received(b"given"), received(b"chosen")]);
    assert_eq!(b.started, [SimTime::ZERO]);
}

#[test]
fn timers_of_processes_are_exact_and_idle_processes_are_left_alone() {
    let mut two = two();
    let wanted = [ns(1), ns(1_234_567), ns(1_234_568), ms(3_000)];
    two.world.set_process(two.a, Recorder { wanted: wanted.into(), ..Recorder::default() });
    two.world.set_process(two.b, Recorder::default());
    assert_eq!(two.world.run().end, RunEnd::Idle);
    assert_eq!(two.world.process::<Recorder>(two.a).unwrap().woken, wanted);
    assert_eq!(two.world.process::<Recorder>(two.b).unwrap().woken, []);
}

#[test]
fn a_timer_that_moves_is_followed_later_and_earlier() {
    let mut two = two();
    let wants =
        |times: &[SimTime]| Recorder { wanted: times.to_vec().into(), ..Recorder::default() };
    two.world.set_process(two.a, wants(&[ms(100)]));
    let a = two.a;
    let change = move |to: SimTime| {
        move |world: &mut World| {
            world.update_process(a, |p: &mut Recorder, _| p.wanted = [to].into()).unwrap();
        }
    };
    two.world.at(ms(50), change(ms(200)));
    two.world.at(ms(150), change(ms(160)));
    two.world.at(ms(170), change(ms(300)));
    two.world.at(ms(180), change(ms(190)));
    two.world.at(ms(185), World::stop);
    assert_eq!(two.world.run().end, RunEnd::Stopped);
    assert_eq!(two.world.process::<Recorder>(two.a).unwrap().woken, [ms(160)]);
    // A stopped world goes on where it was.
    assert_eq!(two.world.run().end, RunEnd::Idle);
    assert_eq!(two.world.process::<Recorder>(two.a).unwrap().woken, [ms(160), ms(190)]);
}

#[test]
fn a_process_that_is_started_late_or_ended_is_there_only_meanwhile() {
    let mut two = two();
    let b = two.b;
    let message = || transmit((A, 1), (B, 9), b"x");
    two.world.set_process(two.a, Recorder::default());
    let a = two.a;
    for second in 0..4 {
        two.world.at(ms(second * 1_000), move |world| {
            world.update_process(a, |p: &mut Recorder, _| p.outgoing.push_back(message()));
        });
    }
    two.world.at(ms(500), move |world| world.set_process(b, Recorder::default()));
    two.world.run_until(ms(2_500));
    let process = two.world.process::<Recorder>(b).unwrap();
    assert_eq!(process.started, [ms(500)]);
    let times: Vec<_> = process.received.iter().map(|received| received.0).collect();
    assert_eq!(times, [ms(1_010), ms(2_010)]);
    two.world.remove_software(b);
    assert_eq!(two.world.run().end, RunEnd::Idle);
    assert!(two.world.process::<Recorder>(b).is_none());
}

#[test]
fn a_process_and_async_code_share_one_instant_and_one_clock() {
    let finished = run_on_fresh_thread(Seed::new(1), || {
        let mut two = two();
        two.world.set_process(two.b, Recorder { echoes: true, ..Recorder::default() });
        let (a, handle) = (two.world.host(two.a), two.world.handle());
        let finished = two.world.run_async(async move {
            let socket = a.bind_udp(1).unwrap();
            let mut times = Vec::new();
            for number in 0..3_u8 {
                handle.sleep_until(ns(u64::from(number) * 30_000_001)).await;
                socket.send_to(&[number], at(B, 9)).unwrap();
                assert_eq!(socket.recv().await.unwrap().payload[..], [number]);
                times.push(handle.now());
            }
            times
        });
        let process = two.world.process::<Recorder>(two.b).unwrap();
        (finished.unwrap().output, process.received.iter().map(|r| r.0).collect::<Vec<_>>())
    })
    .unwrap();
    let later = |millis: u64, nanos| ns(millis * 1_000_000 + nanos);
    assert_eq!(finished.0, Some(vec![later(20, 0), later(50, 1), later(80, 2)]));
    assert_eq!(finished.1, [later(10, 0), later(40, 1), later(70, 2)]);
}

/// Tells an async task about its timer.
struct Ticker {
    due: SimTime,
    tell: tokio::sync::mpsc::UnboundedSender<SimTime>,
}

impl Process for Ticker {
    fn handle_datagram(&mut self, _: SimTime, _: Endpoint, _: Endpoint, _: Bytes) {}

    fn handle_timeout(&mut self, now: SimTime) {
        if now >= self.due {
            self.due = now + SimDuration::from_nanos(777_777);
            self.tell.send(now).unwrap();
        }
    }

    fn poll_transmit(&mut self, _: SimTime) -> Option<Transmit> {
        None
    }

    fn poll_timeout(&self) -> Option<SimTime> {
        Some(self.due)
    }
}

#[test]
fn a_task_that_a_process_wakes_runs_in_the_instant_of_the_process() {
    let finished = run_on_fresh_thread(Seed::new(1), || {
        let mut two = two();
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        two.world.set_process(two.b, Ticker { due: ns(777_777), tell });
        let handle = two.world.handle();
        two.world.run_async(async move {
            let mut off = 0;
            for _ in 0..100 {
                off += u32::from(told.recv().await.unwrap() != handle.now());
            }
            (off, handle.now())
        })
    });
    let expected = (0, ns(77_777_700));
    assert_eq!(finished.unwrap().unwrap().output, Some(expected));
}

#[test]
fn thousands_of_idle_processes_cost_no_events() {
    let mut network = natbed_network::Network::new(
        Seed::new(1),
        natbed_network::Limits::default(),
        Counters::default(),
    );
    network.set_internet(natbed_network::InternetConfig { delay: SimDuration::ZERO });
    let hosts: Vec<_> = (0..5_000)
        .map(|n| {
            let address = format!("100.{}.{}.1", n / 256, n % 256);
            common::public_host(&mut network, &format!("h{n}"), &[&address], SimDuration::ZERO)
        })
        .collect();
    let mut world = World::new(network, Seed::new(1), Limits::default());
    for host in hosts {
        let wanted = [ms(30 * 60_000)].into();
        world.set_process(host, Recorder { wanted, listens_at: Some(9), ..Recorder::default() });
    }
    let started = world.run_until(ms(1)).events;
    let idle = world.run_until(ms(20 * 60_000));
    assert_eq!((idle.end, idle.at, idle.events), (RunEnd::Horizon, ms(20 * 60_000), started));
    assert_eq!(world.network().observer().dropped().get(&DropReason::PortClosed), None);
}
