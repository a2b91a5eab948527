//! Sessions between plain sockets of two hosts, over UDP and TCP.
#![allow(clippy::unwrap_used)] // a test

mod lab;

use lab::{B, Bare, GATEWAY, Lab, PORT, SEED, at, ms};
use natbed_load::{
    Amount, CallConfig, CallReport, Direction, EchoConfig, LoadConfig, MediaPreset, PlannedLoad,
    SctpConfig, SideReport, TcpTransfer, TransferConfig, TransferReport, quic,
};
use natbed_network::PipeConfig;
use natbed_runtime::{Congestion, run_on_fresh_thread};
use natbed_units::{ByteCount, Rate, SimDuration, SimTime};

const MEGABYTE: u64 = 1_000_000;
const ZERO: SimDuration = SimDuration::ZERO;

fn transfer(direction: Direction, bytes: u64) -> TransferConfig {
    TransferConfig { direction, amount: Amount::Bytes(ByteCount::new(bytes)), sample: None }
}

fn tcp(transfer: TransferConfig) -> LoadConfig {
    let window = ByteCount::new(250_000);
    LoadConfig::Tcp(TcpTransfer { transfer, congestion: Congestion::Cubic, window })
}

fn call(direction: Direction) -> LoadConfig {
    let duration = SimDuration::from_secs(2);
    LoadConfig::Call(CallConfig { direction, ..CallConfig::of(MediaPreset::AUDIO, duration) })
}

fn line(megabits: u64, delay: SimDuration, queue: u64) -> PipeConfig {
    let rate = Rate::from_bits_per_second(megabits * MEGABYTE);
    PipeConfig::with_rate(rate, delay, ByteCount::new(queue))
}

/// Runs loads, each with the time after which it begins.
fn run(lab: impl FnOnce() -> Lab + Send, to: &str, loads: &[(LoadConfig, SimDuration)]) -> Bare {
    let plan = |(config, after): &(LoadConfig, SimDuration)| PlannedLoad {
        config: config.clone(),
        after: *after,
    };
    let loads: Vec<_> = loads.iter().map(plan).collect();
    run_on_fresh_thread(SEED, || lab().run_bare(to, &loads)).unwrap()
}

fn to(address: &str, port: u16) -> String {
    format!("{address}:{port}")
}

fn transfers(bare: &Bare, number: usize) -> [&TransferReport; 2] {
    bare.loads[number].each_ref().map(|report| match report {
        SideReport::Transfer(report) => &**report,
        other => panic!("{other:?}"),
    })
}

fn calls(bare: &Bare, number: usize) -> [&CallReport; 2] {
    bare.loads[number].each_ref().map(|report| match report {
        SideReport::Call(report) => &**report,
        other => panic!("{other:?}"),
    })
}

fn failures(bare: &Bare) -> [Option<String>; 2] {
    bare.report.peers.each_ref().map(|peer| peer.failure.as_ref().map(ToString::to_string))
}

/// One of each kind; the second and the last one go over TCP.
fn one_of_each() -> Vec<(LoadConfig, SimDuration)> {
    let forward = transfer(Direction::Forward, 300_000);
    let sctp = SctpConfig {
        transfer: transfer(Direction::Backward, 300_000),
        streams: 2,
        ordered: true,
        window: ByteCount::new(MEGABYTE),
    };
    let echo = EchoConfig { count: 5, interval: ms(20), size: 100 };
    vec![
        (call(Direction::Backward), ZERO),
        (tcp(forward), ZERO),
        (LoadConfig::Quic(quic::QuicConfig::new(forward)), ms(500)),
        (LoadConfig::Sctp(sctp), ZERO),
        (LoadConfig::Echo(echo), ms(100)),
        (tcp(transfer(Direction::Both, 200_000)), ms(300)),
    ]
}

fn assert_one_of_each(bare: &Bare, delay: SimDuration) {
    assert_eq!(failures(bare), [None, None]);
    let connected = bare.report.peers.each_ref().map(|peer| peer.connected);
    let there = SimTime::ZERO + delay;
    assert_eq!(connected, [Some(there + delay), Some(there)], "when each had heard the other");
    let begun = there + delay;
    let [caller, callee] = calls(bare, 0);
    assert_eq!((callee.sent, caller.received, caller.sent), (100, 100, 0));
    assert_eq!((caller.delay_p50, caller.jitter_max), (Some(delay), Some(ZERO)));
    assert_eq!(callee.started, Some(begun));
    for (number, bytes, start) in
        [(1, [0, 300_000], at(0)), (2, [0, 300_000], begun + ms(500)), (3, [300_000, 0], begun)]
    {
        let reports = transfers(bare, number);
        assert_eq!(reports.map(|report| report.received_bytes), bytes, "load {number}");
        assert_eq!(reports.map(|report| report.started), [Some(start); 2], "load {number}");
        assert_eq!(reports.map(|report| report.failure.as_deref()), [None; 2]);
    }
    let echoes = bare.loads[4].each_ref().map(|report| report.echo().unwrap());
    assert_eq!(
        echoes.map(|echo| echo.round_trips.clone()),
        [vec![delay * 2; 5], vec![delay * 2; 5]]
    );
    let both = transfers(bare, 5);
    assert_eq!(both.map(|report| report.received_bytes), [200_000; 2]);
    assert_eq!(both.map(|report| report.started), [Some(at(300)); 2]);
    assert!(both.iter().all(|report| report.completed.is_some()));
}

#[test]
fn loads_of_all_kinds_run_at_once_and_report_in_their_order() {
    let bare = run(|| Lab::ideal(ms(20)), &to(B, PORT), &one_of_each());
    assert_one_of_each(&bare, ms(20));
    assert!(!bare.report.is_cut_off);
}

#[test]
fn they_run_through_a_port_forward_too() {
    let bare = run(|| Lab::forwarded(ms(15)), &to(GATEWAY, PORT), &one_of_each());
    assert_one_of_each(&bare, ms(15));
}

#[test]
fn the_same_seed_gives_the_same_session() {
    let outcome = || run(|| Lab::forwarded(ms(15)), &to(GATEWAY, PORT), &one_of_each());
    assert_eq!(outcome(), outcome());
}

#[test]
fn hellos_that_are_lost_are_sent_again() {
    let lab = || {
        let mut lab = Lab::ideal(ms(20));
        lab.cut(at(0), at(1_700));
        lab
    };
    let bare = run(lab, &to(B, PORT), &[(call(Direction::Both), ZERO)]);
    let connected = bare.report.peers.each_ref().map(|peer| peer.connected.unwrap());
    assert_eq!(connected, [at(2_040), at(2_020)], "the hello of 2 s");
    assert_eq!(calls(&bare, 0).map(|report| report.received), [100; 2]);
}

#[test]
fn without_a_way_each_host_says_that_it_heard_nothing() {
    // The gateway forwards no such port.
    let loads = [(call(Direction::Both), ZERO), (tcp(transfer(Direction::Forward, 1)), ZERO)];
    let bare = run(|| Lab::forwarded(ms(15)), &to(GATEWAY, 9), &loads);
    let silence = "udp could not hear of the other host: nothing arrived from it in 30s";
    assert_eq!(failures(&bare), [Some(silence.to_owned()), Some(silence.to_owned())]);
    assert_eq!(calls(&bare, 0).map(|report| report.sent), [0; 2]);
    let [caller, listener] = transfers(&bare, 1);
    assert_eq!(caller.failure.as_deref(), Some("Connection timed out (os error 110)"));
    assert_eq!(listener.failure.as_deref(), Some("nobody connected in 30s"));
}

#[test]
fn a_closed_port_refuses_tcp() {
    let loads = [(tcp(transfer(Direction::Forward, 1)), ZERO)];
    let bare = run(|| Lab::ideal(ms(15)), &to(B, PORT + 1), &loads);
    let refused = "tcp could not connect the hosts: Connection refused (os error 111)";
    assert_eq!(failures(&bare)[0].as_deref(), Some(refused));
    let nobody = "tcp could not connect the hosts: nobody connected in 30s";
    assert_eq!(failures(&bare)[1].as_deref(), Some(nobody));
    assert_eq!(transfers(&bare, 0).map(|report| report.connected), [None; 2]);
}

#[test]
fn ports_that_do_not_exist_are_told() {
    let loads = [0, 1].map(|_| (tcp(transfer(Direction::Forward, 1)), ZERO));
    let bare = run(|| Lab::ideal(ms(15)), &to(B, u16::MAX), &loads);
    let text = transfers(&bare, 1)[0].failure.as_deref();
    assert_eq!(text, Some("there is no such port: too many TCP loads"));
}

#[test]
fn tcp_fills_an_idle_link() {
    let lab = || Lab::new(line(20, ms(20), 200_000));
    for direction in [Direction::Forward, Direction::Backward] {
        let loads = [(tcp(transfer(direction, 20 * MEGABYTE)), ZERO)];
        let bare = run(lab, &to(B, PORT), &loads);
        let [sender, receiver] = lab::in_roles(direction, transfers(&bare, 0));
        assert_eq!(receiver.received_bytes, 20 * MEGABYTE);
        assert_eq!((sender.sent_bytes, sender.received_bytes), (20 * MEGABYTE, 0));
        assert_eq!((sender.failure.as_ref(), sender.datagrams_retransmitted), (None, 0));
        assert!(sender.datagrams_sent > 13_000 && receiver.datagrams_sent > 1_000);
        let connected = bare.report.peers.each_ref().map(|peer| peer.connected.unwrap());
        assert!(connected[0] > at(40) && connected[0] < at(41) && connected[1] > connected[0]);
        assert_eq!(sender.completed, None, "nothing was sent to it");
        assert!(receiver.completed >= receiver.last_received);
        // 1448 bytes of each packet of 1500.
        let share =
            receiver.goodput().unwrap().bits_per_second() as f64 / (20e6 * 1_448.0 / 1_500.0);
        assert!((0.95..1.0).contains(&share), "{share}");
    }
}

#[test]
fn tcp_for_a_time_ends_with_it() {
    let timed = TransferConfig {
        direction: Direction::Both,
        amount: Amount::For(SimDuration::from_secs(3)),
        sample: Some(SimDuration::from_secs(1)),
    };
    let bare = run(|| Lab::new(line(20, ms(20), 200_000)), &to(B, PORT), &[(tcp(timed), ms(500))]);
    for report in transfers(&bare, 0) {
        assert_eq!(report.offered_bytes, None);
        assert!(report.received_bytes > 4 * MEGABYTE, "{}", report.received_bytes);
        let end = report.completed.unwrap();
        assert!(end > at(3_500) && end < at(3_900), "the buffers are emptied: {end}");
        let series = report.series.as_ref().unwrap();
        assert_eq!(series.bytes().iter().sum::<u64>(), report.received_bytes);
        assert_eq!(series.bytes().len(), 4);
    }
    let [first, second] = transfers(&bare, 0);
    assert_eq!(first.sent_bytes, second.received_bytes);
    assert_eq!(second.sent_bytes, first.received_bytes);
}

#[test]
fn a_short_cut_is_survived_by_tcp_and_a_long_one_is_not() {
    let lab = |to: SimTime| {
        move || {
            let mut lab = Lab::new(line(20, ms(20), 200_000));
            lab.cut(at(2_000), to);
            lab
        }
    };
    let loads = [(tcp(transfer(Direction::Forward, 20 * MEGABYTE)), ZERO)];
    let bare = run(lab(at(7_000)), &to(B, PORT), &loads);
    let [sender, receiver] = transfers(&bare, 0);
    assert_eq!(receiver.received_bytes, 20 * MEGABYTE);
    assert!(sender.failure.is_none() && sender.datagrams_retransmitted > 0);

    let bare = run(lab(SimTime::MAX), &to(B, PORT), &loads);
    let [sender, receiver] = transfers(&bare, 0);
    assert_eq!(sender.failure.as_deref(), Some("Connection timed out (os error 110)"));
    assert_eq!(receiver.failure.as_deref(), Some("nothing arrived for 40s"));
    assert!(receiver.completed.is_none() && receiver.received_bytes > MEGABYTE);
    assert_eq!(failures(&bare), [None, None], "it was connected once");
}

#[test]
fn a_session_is_cut_off_with_what_there_is() {
    let forever = TransferConfig {
        direction: Direction::Forward,
        amount: Amount::For(SimDuration::from_secs(1_000)),
        sample: None,
    };
    let slow = || Lab::new(line(1, ms(20), 20_000));
    let mut small = tcp(forever);
    if let LoadConfig::Tcp(config) = &mut small {
        config.window = ByteCount::new(20_000);
    }
    let bare = run(slow, &to(B, PORT), &[(small, ZERO)]);
    assert!(bare.report.is_cut_off);
    let [sender, receiver] = transfers(&bare, 0);
    assert!(receiver.received_bytes > 30 * MEGABYTE && receiver.completed.is_none());
    assert!(sender.datagrams_sent > 20_000, "counted so far: {}", sender.datagrams_sent);
}

#[test]
fn a_window_out_of_range_is_refused() {
    for window in [0, 1_023, (64 << 20) + 1] {
        let transfer = transfer(Direction::Forward, 1);
        let window = ByteCount::new(window);
        let tcp = TcpTransfer { transfer, congestion: Congestion::Reno, window };
        assert!(tcp.validate().is_err());
        assert!(LoadConfig::Tcp(tcp).sides(SEED).is_err(), "it has no sides in any case");
    }
}
