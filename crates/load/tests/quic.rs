//! Bulk transfers over QUIC on simulated paths.
#![allow(clippy::unwrap_used)] // a test

mod lab;

use lab::{A, B, Lab, PORT, SEED, at, ip, ms};
use natbed_load::quic::{BarePipe, Congestion, IDLE_TIMEOUT, MAX_DATAGRAM, QuicConfig};
use natbed_load::{
    Amount, Direction, LoadConfig, LoadProcess, SideReport, TransferConfig, TransferReport,
};
use natbed_network::observe::PayloadTag;
use natbed_network::{Loss, PipeConfig};
use natbed_packet::Endpoint;
use natbed_runtime::run_on_fresh_thread;
use natbed_units::{ByteCount, Ppm, Rate, Seed, SimDuration, SimTime};

const ALL: [Congestion; 3] = [Congestion::Cubic, Congestion::NewReno, Congestion::Bbr];
/// Of most links here; with 20 ms each way their bandwidth times round trip is 100 kB.
const RATE: Rate = Rate::from_bits_per_second(20_000_000);
const QUEUE: ByteCount = ByteCount::new(100_000);

fn quic(direction: Direction, amount: Amount) -> QuicConfig {
    QuicConfig::new(TransferConfig { direction, amount, sample: None })
}

fn bytes(bytes: u64) -> Amount {
    Amount::Bytes(ByteCount::new(bytes))
}

fn link(queue: ByteCount) -> Lab {
    Lab::new(PipeConfig::with_rate(RATE, ms(20), queue))
}

fn transfer(report: SideReport) -> TransferReport {
    match report {
        SideReport::Transfer(report) => *report,
        other => panic!("{other:?}"),
    }
}

fn run(lab: &mut Lab, config: QuicConfig) -> [TransferReport; 2] {
    lab.load(&LoadConfig::Quic(config), SEED);
    let _ = lab.run();
    lab.reports().map(transfer)
}

#[test]
fn one_flow_fills_an_idle_link() {
    for congestion in ALL {
        let config = QuicConfig { congestion, ..quic(Direction::Forward, bytes(20_000_000)) };
        let reports = run_on_fresh_thread(SEED, || run(&mut link(QUEUE), config)).unwrap();
        let [sender, receiver] = reports;
        // Of each datagram: a short header with connection ID and packet number, and the tag of the
        // cipher; a STREAM frame with its number and offset. On the link: tag and stamp, UDP, IPv4.
        let payload = u64::from(MAX_DATAGRAM) - (1 + 8 + 2) - 16 - (1 + 1 + 4);
        let on_the_link = u64::from(MAX_DATAGRAM) + 16 + 8 + 20;
        let best = RATE.bits_per_second() * payload / on_the_link;
        let goodput = receiver.goodput().unwrap().bits_per_second();
        assert!(goodput < best, "{congestion:?}: {goodput} of {best}");
        assert!(goodput * 100 >= best * 94, "{congestion:?}: {goodput} of {best}");

        assert_eq!((&sender.failure, &receiver.failure), (&None, &None));
        assert_eq!((sender.offered_bytes, sender.sent_bytes), (Some(20_000_000), 20_000_000));
        assert_eq!((receiver.offered_bytes, receiver.sent_bytes), (Some(0), 0));
        assert_eq!((sender.received_bytes, receiver.received_bytes), (0, 20_000_000));
        assert_eq!(receiver.completed, receiver.last_received);
        assert_eq!(sender.completed, None, "it receives nothing");
        // Round trips of 40 ms: one to connect, with the server half a trip behind.
        assert!((at(40)..at(45)).contains(&sender.connected.unwrap()));
        assert!((at(60)..at(65)).contains(&receiver.first_received.unwrap()));
        let round_trip = sender.round_trip.unwrap();
        assert!((ms(40)..ms(85)).contains(&round_trip), "{round_trip}");
        let datagrams = 20_000_000 / payload + sender.datagrams_retransmitted;
        assert!((datagrams..datagrams + 100).contains(&sender.datagrams_sent), "{sender:?}");
    }
}

/// What each of `count` equal flows gets in 30 s.
fn shared(count: usize, congestion: Congestion) -> Vec<u64> {
    let mut lab = link(QUEUE);
    let amount = Amount::For(SimDuration::from_secs(30));
    let config = QuicConfig { congestion, ..quic(Direction::Forward, amount) };
    let mut sides = [Vec::new(), Vec::new()];
    for flow in 0..count {
        let pair = config.sides(SEED.derive(&flow.to_string())).unwrap();
        for (sides, side) in sides.iter_mut().zip(pair) {
            sides.push((SimDuration::ZERO, side));
        }
    }
    let ends = [A, B].map(|address| Endpoint::new(ip(address), PORT));
    for (peer, sides) in sides.into_iter().enumerate() {
        let remote = Some(ends[1 - peer]);
        let process = LoadProcess::new(ends[peer], remote, PayloadTag::new(0), sides);
        lab.world.set_process(lab.hosts[peer], process);
    }
    let _ = lab.run();
    let receiver = lab.world.process::<LoadProcess>(lab.hosts[1]).unwrap();
    let reports = receiver.reports().into_iter().map(transfer);
    reports.inspect(|report| assert_eq!(report.failure, None)).map(|r| r.received_bytes).collect()
}

#[test]
fn equal_flows_share_a_bottleneck() {
    for congestion in [Congestion::Cubic, Congestion::NewReno] {
        for count in [2, 4, 8] {
            let got = shared(count, congestion);
            // Jain's index: the square of the sum over the count times the sum of the squares.
            let sum = got.iter().sum::<u64>() as f64;
            let squares = got.iter().map(|bytes| (*bytes as f64).powi(2)).sum::<f64>();
            let index = sum * sum / (count as f64 * squares);
            assert!(index >= 0.95, "{congestion:?}: {index} of {got:?}");
            // All in all no less than one of them alone: 20 Mbit/s for 30 s with their headers.
            assert!(sum > 75e6 * 0.92, "{congestion:?}: {got:?}");
        }
    }
}

#[test]
fn both_peers_send_on_several_streams() {
    let config = QuicConfig { streams: 7, ..quic(Direction::Both, bytes(3_000_005)) };
    for report in run(&mut link(QUEUE), config) {
        assert_eq!((report.sent_bytes, report.received_bytes), (3_000_005, 3_000_005));
        assert_eq!((report.offered_bytes, &report.failure), (Some(3_000_005), &None));
        assert!(report.completed.unwrap() < at(2_000), "{report:?}");
    }
}

#[test]
fn the_second_peer_sends_alone() {
    let [client, server] = run(&mut link(QUEUE), quic(Direction::Backward, bytes(1_000_000)));
    assert_eq!((client.received_bytes, server.received_bytes), (1_000_000, 0));
    assert_eq!((client.offered_bytes, server.offered_bytes), (Some(0), Some(1_000_000)));
    assert!(client.completed.is_some() && server.completed.is_none());
}

#[test]
fn nothing_is_transferred_too() {
    let config = QuicConfig { streams: 3, ..quic(Direction::Both, bytes(0)) };
    for report in run(&mut link(QUEUE), config) {
        assert_eq!((report.received_bytes, report.last_received), (0, None));
        assert!(report.completed.is_some() && report.failure.is_none());
    }
}

#[test]
fn what_is_lost_is_sent_again() {
    let mut config = quic(Direction::Forward, bytes(4_000_000));
    config.transfer.sample = Some(ms(100));
    // In a queue that is soon full, and on the wire.
    let short = PipeConfig::with_rate(RATE, ms(20), ByteCount::new(15_000));
    let percent = Loss::Independent(Ppm::new(10_000).unwrap());
    let lossy = PipeConfig { loss: percent, ..PipeConfig::with_rate(RATE, ms(20), QUEUE) };
    for (pipe, lost) in [(short, 1..100), (lossy, 20..100)] {
        let [sender, receiver] = run(&mut Lab::new(pipe), config);
        assert_eq!(receiver.received_bytes, 4_000_000);
        assert!(lost.contains(&sender.datagrams_retransmitted), "{sender:?}");
        let mean = sender.retransmitted_bytes / sender.datagrams_retransmitted;
        assert!((1_000..=u64::from(MAX_DATAGRAM)).contains(&mean), "{sender:?}");
        let series = receiver.series.unwrap();
        assert_eq!(series.bytes().iter().sum::<u64>(), 4_000_000);
        let last = receiver.last_received.unwrap().as_nanos() / ms(100).as_nanos();
        assert_eq!(series.bytes().len() as u64, last + 1);
    }
}

#[test]
fn a_transfer_for_a_time_ends_soon_after_it() {
    // A slow link with a queue of half a second: no more than that and what is about to be sent
    // comes after the end.
    let rate = Rate::from_bits_per_second(1_000_000);
    let mut lab = Lab::new(PipeConfig::with_rate(rate, ms(20), ByteCount::new(64_000)));
    let config = quic(Direction::Forward, Amount::For(SimDuration::from_secs(10)));
    let [sender, receiver] = run(&mut lab, config);
    assert_eq!((sender.offered_bytes, sender.failure), (None, None));
    assert_eq!(sender.sent_bytes, receiver.received_bytes);
    assert!((at(10_000)..at(12_000)).contains(&receiver.completed.unwrap()), "{receiver:?}");
    assert!(receiver.received_bytes > 1_150_000, "{receiver:?}");
}

#[test]
fn a_time_too_short_to_connect_transfers_nothing() {
    let config = QuicConfig { streams: 2, ..quic(Direction::Both, Amount::For(ms(10))) };
    for report in run(&mut link(QUEUE), config) {
        assert_eq!((report.sent_bytes, report.received_bytes), (0, 0));
        assert!(report.completed.is_some() && report.failure.is_none(), "{report:?}");
    }
}

#[test]
fn a_cut_of_five_seconds_is_survived() {
    let mut lab = link(QUEUE);
    lab.cut(at(2_000), at(7_000));
    let [sender, receiver] = run(&mut lab, quic(Direction::Forward, bytes(10_000_000)));
    assert_eq!((sender.failure, receiver.failure), (None, None));
    assert_eq!(receiver.received_bytes, 10_000_000);
    // 4.3 s without it. Probes double their distance, so that the next may be up to as far away as
    // the cut was long.
    let completed = receiver.completed.unwrap();
    assert!((at(9_300)..at(15_000)).contains(&completed), "{completed}");
}

#[test]
fn a_longer_cut_ends_both_sides_with_quics_own_error() {
    let mut lab = link(QUEUE);
    lab.cut(at(2_000), at(60_000));
    let reports = run(&mut lab, quic(Direction::Forward, bytes(10_000_000)));
    for report in reports {
        assert_eq!(report.failure.as_deref(), Some("timed out"));
        assert_eq!(report.completed, None);
    }
}

#[test]
fn who_is_alone_gives_up() {
    for peer in [0, 1] {
        let mut lab = link(QUEUE);
        lab.load(&LoadConfig::Quic(quic(Direction::Forward, bytes(1))), SEED);
        lab.world.remove_software(lab.hosts[1 - peer]);
        let report = lab.run();
        assert!(report.at >= SimTime::ZERO + IDLE_TIMEOUT && report.at < at(33_000), "{report:?}");
        let process = lab.world.process::<LoadProcess>(lab.hosts[peer]).unwrap();
        assert!(process.is_done());
        let report = transfer(process.reports().pop().unwrap());
        assert_eq!((report.failure.as_deref(), report.connected), (Some("timed out"), None));
    }
}

#[test]
fn runs_of_one_seed_are_the_same_bit_for_bit() {
    // The hash is over all payloads: keys, connection IDs, order of extensions, all of it.
    for congestion in ALL {
        let hash = |seed| {
            run_on_fresh_thread(seed, || {
                let mut lab = link(ByteCount::new(50_000));
                let config = QuicConfig {
                    congestion,
                    streams: 3,
                    ..quic(Direction::Both, bytes(1_000_000))
                };
                lab.load(&LoadConfig::Quic(config), seed);
                let _ = lab.run();
                (lab.trace_hash(), lab.reports())
            })
            .unwrap()
        };
        let first = hash(SEED);
        assert_eq!(first, hash(SEED), "{congestion:?}");
        assert_ne!(first.0, hash(Seed::new(2)).0);
    }
}

#[test]
fn off_a_simulation_thread_only_the_bits_differ() {
    let mut labs = [link(QUEUE), link(QUEUE)];
    let config = quic(Direction::Forward, bytes(1_000_000));
    let [first, second] = labs.each_mut().map(|lab| run(lab, config));
    assert_eq!(first, second);
    assert_ne!(labs[0].trace_hash(), labs[1].trace_hash(), "keys of their own");
}

#[test]
fn a_window_too_wide_breaks_the_receiver_and_streams_help() {
    let fast = BarePipe {
        rate: Some(Rate::from_bits_per_second(1_000_000_000)),
        delay: ms(20),
        queue: ByteCount::new(1_000_000),
        header: ByteCount::new(44),
    };
    let config = quic(Direction::Forward, bytes(40_000_000));
    let wide = QuicConfig { window: ByteCount::new(16_000_000), ..config };
    let outcome = |config| {
        let transfer = natbed_load::quic::bare_transfer(&config, fast, SEED).unwrap();
        let [sender, receiver] = transfer.reports;
        (sender.failure, receiver.failure, receiver.received_bytes)
    };
    let (sender, receiver, _) = outcome(wide);
    assert!(sender.unwrap().contains("too many gaps in stream buffer"));
    assert!(receiver.unwrap().contains("too many gaps in stream buffer"));
    assert_eq!(outcome(QuicConfig { streams: 4, ..wide }), (None, None, 40_000_000));
    assert_eq!(outcome(config), (None, None, 40_000_000), "the default window");
}

#[test]
fn without_a_network_a_transfer_takes_as_long() {
    let config = quic(Direction::Forward, bytes(5_000_000));
    let header = ByteCount::new(44);
    let pipe = BarePipe { rate: Some(RATE), delay: ms(20), queue: QUEUE, header };
    let bare = natbed_load::quic::bare_transfer(&config, pipe, SEED).unwrap();
    let [_, receiver] = run(&mut link(QUEUE), config);
    let [there, here] = [&bare.reports[1], &receiver].map(|r| r.completed.unwrap().as_nanos());
    assert!(there.abs_diff(here) < ms(5).as_nanos(), "{there} and {here}");
    assert!(bare.datagrams > 5_000_000 / 1_388);
}

#[test]
fn what_cannot_be_is_refused() {
    let config = quic(Direction::Forward, bytes(1));
    for refused in [
        QuicConfig { streams: 0, ..config },
        QuicConfig { window: ByteCount::ZERO, ..config },
        QuicConfig { window: ByteCount::new(u64::MAX), ..config },
    ] {
        let error = LoadConfig::Quic(refused).sides(SEED).err().unwrap();
        assert!(error.to_string().starts_with("QUIC refuses its configuration: "), "{error}");
    }
}
