//! Bulk transfers over SCTP on simulated paths.
#![allow(clippy::unwrap_used)] // a test

mod lab;

use lab::{Lab, SEED, at, ms};
use natbed_load::{
    Amount, Direction, LoadConfig, SctpConfig, SideReport, TransferConfig, TransferReport,
};
use natbed_network::{Distribution, Jitter, Loss, PipeConfig};
use natbed_runtime::run_on_fresh_thread;
use natbed_units::{ByteCount, Ppm, Rate, Seed, SimDuration, SimTime};

const MEGABYTE: u64 = 1_000_000;

fn config(direction: Direction, amount: Amount) -> SctpConfig {
    SctpConfig {
        transfer: TransferConfig { direction, amount, sample: None },
        streams: 1,
        ordered: true,
        window: ByteCount::new(4 * MEGABYTE),
    }
}

fn bytes(bytes: u64) -> Amount {
    Amount::Bytes(ByteCount::new(bytes))
}

fn link(megabits: u64, delay: SimDuration, queue: u64) -> PipeConfig {
    let rate = Rate::from_bits_per_second(megabits * MEGABYTE);
    PipeConfig::with_rate(rate, delay, ByteCount::new(queue))
}

fn run(lab: &mut Lab, config: SctpConfig) -> [TransferReport; 2] {
    lab.load(&LoadConfig::Sctp(config), SEED);
    let _ = lab.run();
    lab.reports().map(|report| match report {
        SideReport::Transfer(report) => *report,
        other => panic!("{other:?}"),
    })
}

/// The most that gets through: 1112 bytes of each packet of 1205.
fn capacity(megabits: u64) -> f64 {
    megabits as f64 * 1e6 * 1_112.0 / 1_205.0
}

fn goodput(report: &TransferReport) -> f64 {
    report.goodput().unwrap().bits_per_second() as f64
}

#[test]
fn an_idle_link_is_filled_if_the_window_fits() {
    // The window is the product of rate and round trip and most of the queue.
    let mut lab = Lab::new(link(20, ms(20), 200_000));
    let forward = config(Direction::Forward, bytes(20 * MEGABYTE));
    let window = ByteCount::new(250_000);
    let [sender, receiver] = run(&mut lab, SctpConfig { window, ..forward });
    let share = goodput(&receiver) / capacity(20);
    assert!((0.96..1.0).contains(&share), "{share}");
    assert_eq!((sender.sent_bytes, receiver.received_bytes), (20 * MEGABYTE, 20 * MEGABYTE));
    assert_eq!((sender.offered_bytes, receiver.offered_bytes), (Some(20 * MEGABYTE), Some(0)));
    assert_eq!(sender.datagrams_retransmitted + sender.retransmitted_bytes, 0);
    assert_eq!(receiver.completed, receiver.last_received);
    assert_eq!((&sender.failure, &receiver.failure), (&None, &None));
    // INIT, INIT ACK, COOKIE ECHO, COOKIE ACK: two round trips of 40 ms and what sending takes.
    let connected = sender.connected.unwrap();
    assert!(connected > at(80) && connected < at(81), "{connected}");
    // What waits in the queue is part of the round trip: 250 kB at 20 Mbit/s are 100 ms.
    let round_trip = sender.round_trip.unwrap();
    assert!(round_trip > ms(80) && round_trip < ms(115), "{round_trip}");
    assert_eq!(receiver.round_trip, None, "it sent nothing that is acknowledged");
}

#[test]
fn what_a_queue_loses_is_sent_again() {
    let mut lab = Lab::new(link(20, ms(20), 60_000));
    let forward = config(Direction::Forward, bytes(10 * MEGABYTE));
    let [sender, receiver] = run(&mut lab, forward);
    assert_eq!(receiver.received_bytes, 10 * MEGABYTE);
    assert!(sender.datagrams_retransmitted > 0);
    assert!(sender.retransmitted_bytes >= sender.datagrams_retransmitted);
    assert!(receiver.completed.is_some() && sender.failure.is_none());
    let share = goodput(&receiver) / capacity(20);
    assert!(share > 0.4, "{share}");
}

#[test]
fn what_is_lost_on_the_way_is_sent_again() {
    // Three packets with data, and as many with acknowledgments, which are not missed.
    let mut pipe = PipeConfig::with_delay(ms(10));
    pipe.loss = Loss::List([200, 400, 600].into());
    let forward = config(Direction::Forward, bytes(MEGABYTE));
    let [sender, receiver] = run(&mut Lab::new(pipe), forward);
    assert_eq!(receiver.received_bytes, MEGABYTE);
    assert_eq!((sender.datagrams_retransmitted, sender.retransmitted_bytes), (3, 3 * 1_112));

    let mut pipe = PipeConfig::with_delay(ms(10));
    pipe.loss = Loss::Independent(Ppm::new(100_000).unwrap());
    let both = config(Direction::Both, bytes(MEGABYTE));
    let config = SctpConfig { streams: 4, ordered: false, ..both };
    for report in run(&mut Lab::new(pipe), config) {
        assert_eq!((report.received_bytes, &report.failure), (MEGABYTE, &None));
        assert!(report.completed.is_some());
        // One of ten of the 900 packets with data, give or take three standard deviations.
        assert!(report.datagrams_retransmitted > 90 - 27, "{report:?}");
    }
}

#[test]
fn a_path_that_does_everything_wrong_is_survived() {
    for seed in 0..20 {
        let mut pipe = PipeConfig::with_delay(ms(20));
        pipe.loss = Loss::Independent(Ppm::new(20_000).unwrap());
        pipe.duplicate = Ppm::new(50_000).unwrap();
        pipe.corrupt = Ppm::new(10_000).unwrap();
        pipe.jitter = Some(Jitter {
            spread: ms(5),
            distribution: Distribution::Normal,
            correlation: Ppm::ZERO,
            reorder: true,
        });
        let both = config(Direction::Both, bytes(200_000));
        let config = SctpConfig { streams: 4, ordered: seed % 2 == 0, ..both };
        let mut lab = Lab::seeded(pipe, Seed::new(seed));
        for report in run(&mut lab, config) {
            assert_eq!((report.received_bytes, &report.failure), (200_000, &None), "seed {seed}");
        }
    }
}

#[test]
fn both_peers_send_at_the_same_time() {
    let mut lab = Lab::new(link(10, ms(10), 200_000));
    let both = config(Direction::Both, bytes(10 * MEGABYTE + 1));
    let window = ByteCount::new(100_000);
    let reports = run(&mut lab, SctpConfig { window, ..both });
    for report in &reports {
        assert_eq!(report.sent_bytes, 10 * MEGABYTE + 1);
        assert_eq!(report.received_bytes, 10 * MEGABYTE + 1);
        assert!(report.completed.is_some() && report.round_trip.is_some());
        // A SACK for every other packet, 93 bytes for 2410, takes its part, and it waits behind the
        // data of its direction, so that the window is not always open when the line is idle.
        let share = goodput(report) / capacity(10);
        assert!((0.85..0.96).contains(&share), "{share}");
    }
}

#[test]
fn many_streams_in_or_out_of_order_carry_as_much() {
    for (streams, ordered) in [(4, true), (4, false), (256, true), (1, false)] {
        let mut lab = Lab::new(link(20, ms(20), 100_000));
        let forward = config(Direction::Backward, bytes(5 * MEGABYTE - 3));
        let config = SctpConfig { streams, ordered, ..forward };
        let [receiver, sender] = run(&mut lab, config);
        let arrived = (sender.sent_bytes, receiver.received_bytes, receiver.sent_bytes);
        assert_eq!(arrived, (5 * MEGABYTE - 3, 5 * MEGABYTE - 3, 0), "{streams} {ordered}");
        assert!(receiver.completed.is_some(), "{streams} {ordered}");
    }
}

#[test]
fn a_small_window_is_kept() {
    // 8000 bytes each round trip of 40 ms are 1.6 Mbit/s.
    let mut lab = Lab::new(link(100, ms(20), MEGABYTE));
    let forward = config(Direction::Forward, bytes(MEGABYTE));
    let window = SctpConfig::MIN_WINDOW;
    let [_, receiver] = run(&mut lab, SctpConfig { window, ..forward });
    assert_eq!(receiver.received_bytes, MEGABYTE);
    assert!(goodput(&receiver) < 1.65e6, "{}", goodput(&receiver));
    assert!(goodput(&receiver) > 0.2e6, "{}", goodput(&receiver));
}

#[test]
fn a_transfer_for_a_time_ends_with_it() {
    let mut lab = Lab::new(link(20, ms(20), 200_000));
    let forward = config(Direction::Forward, Amount::For(SimDuration::from_secs(5)));
    let window = ByteCount::new(250_000);
    let [sender, receiver] = run(&mut lab, SctpConfig { window, ..forward });
    assert_eq!((sender.offered_bytes, receiver.offered_bytes), (None, Some(0)));
    assert_eq!(sender.sent_bytes, receiver.received_bytes);
    let end = receiver.completed.unwrap();
    assert!(end > at(5_000) && end < at(5_200), "what was on its way then is waited for: {end}");
    let share = goodput(&receiver) / capacity(20);
    assert!((0.93..1.0).contains(&share), "{share}");
    // Longer than the path lasts, or shorter than it takes to connect.
    let mut lab = Lab::new(link(20, ms(20), 200_000));
    let [sender, receiver] = run(&mut lab, config(Direction::Both, Amount::For(ms(1))));
    assert_eq!((sender.sent_bytes, receiver.sent_bytes), (0, 0));
    assert!(sender.completed.is_some() && receiver.completed.is_some());
}

#[test]
fn nothing_to_send_is_sent_well() {
    let [sender, receiver] = run(&mut Lab::ideal(ms(5)), config(Direction::Forward, bytes(0)));
    assert_eq!((sender.sent_bytes, receiver.received_bytes), (0, 0));
    assert!(receiver.completed.is_some() && receiver.goodput().is_none());
}

#[test]
fn a_short_cut_is_survived_and_a_long_one_is_not() {
    let forward = config(Direction::Forward, bytes(20 * MEGABYTE));
    let mut lab = Lab::new(link(20, ms(20), 200_000));
    lab.cut(at(3_000), at(8_000));
    let [sender, receiver] = run(&mut lab, forward);
    assert_eq!((sender.failure, receiver.failure), (None, None));
    assert_eq!(receiver.received_bytes, 20 * MEGABYTE);

    let mut lab = Lab::new(link(20, ms(20), 200_000));
    lab.cut(at(3_000), SimTime::MAX);
    let report = run(&mut lab, forward);
    for report in &report {
        assert_eq!(report.failure.as_deref(), Some("nothing arrived for 30s"));
        assert!(report.connected.is_some() && report.completed.is_none());
    }
    assert!(report[1].received_bytes > MEGABYTE && report[0].datagrams_sent > 1_000);
    assert!(report[1].last_received.unwrap() <= at(3_000));
    assert!(lab.world.now() < at(33_100), "{}", lab.world.now());
}

#[test]
fn without_a_path_each_side_says_what_it_waited_for() {
    let mut lab = Lab::ideal(ms(20));
    lab.cut(at(0), SimTime::MAX);
    let [sender, receiver] = run(&mut lab, config(Direction::Forward, bytes(1)));
    let texts = [sender.failure, receiver.failure].map(Option::unwrap);
    assert_eq!(texts[0], "the other side did not answer for 30s: no association");
    assert_eq!(texts[1], "the other side did not connect in 30s: no association");
    assert_eq!((sender.connected, receiver.connected), (None, None));
    // After 1, 2, 4 and 8 s: RFC 9260 section 5.1.
    assert_eq!(sender.datagrams_sent, 5, "INIT and what was sent of it again");
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let outcome = || {
        run_on_fresh_thread(SEED, || {
            let mut lab = Lab::new(link(20, ms(20), 60_000));
            let both = config(Direction::Both, bytes(3 * MEGABYTE));
            let reports = run(&mut lab, SctpConfig { streams: 4, ..both });
            (reports, lab.trace_hash(), lab.largest())
        })
        .unwrap()
    };
    let first = outcome();
    assert!(first.0[0].retransmitted_bytes > 0, "losses are part of it");
    assert_eq!(first, outcome());
    assert!(first.2 <= 1_200 && first.2 > 1_150, "{} bytes in the largest datagram", first.2);
}

#[test]
fn on_any_thread_times_are_the_same() {
    let outcome = || {
        let mut lab = Lab::new(link(20, ms(20), 60_000));
        let both = config(Direction::Both, bytes(MEGABYTE));
        run(&mut lab, both)
    };
    assert_eq!(outcome(), outcome());
    // The first timer counts from the implementation's own clock.
    let mut lab = Lab::ideal(ms(20));
    lab.cut(at(0), at(2_990));
    let [first, _] = run(&mut lab, config(Direction::Forward, bytes(1)));
    assert_eq!(first.connected, Some(at(3_000 + 80)), "INIT again after 1 s and 2 s more");
}

#[test]
fn nonsense_does_no_harm() {
    let mut rng = SEED.rng("nonsense");
    let sctp = LoadConfig::Sctp(config(Direction::Both, bytes(1_000)));
    for mut side in sctp.sides(SEED).unwrap() {
        side.start(at(0));
        for round in 0..20_000_u64 {
            let mut datagram = vec![0; rng.in_range(0..200) as usize];
            datagram.iter_mut().for_each(|byte| *byte = rng.in_range(0..256) as u8);
            if round % 2 == 0 && datagram.len() > 45 {
                // A packet whose INIT is nearly right.
                datagram[25..33].fill(0);
                datagram[33..37].copy_from_slice(&[1, 0, 0, 20]);
            }
            side.handle_datagram(at(round), None, datagram.into());
            while side.poll_transmit(at(round), &mut Vec::new()) {}
            let _ = (side.poll_timeout(), side.report());
        }
    }
}

#[test]
fn what_cannot_be_done_is_refused() {
    let good = config(Direction::Both, bytes(1));
    let sides = |config| LoadConfig::Sctp(config).sides(SEED);
    assert!(sides(good).is_ok());
    assert!(sides(SctpConfig { streams: 0, ..good }).is_err());
    for window in [0, 7_999, u64::from(u32::MAX) + 1] {
        let window = ByteCount::new(window);
        assert!(sides(SctpConfig { window, ..good }).is_err(), "{window}");
    }
}
