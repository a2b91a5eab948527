//! Calls over simulated paths: what is measured is what the network does.
#![allow(clippy::unwrap_used)] // a test

mod lab;

use lab::{Lab, SEED, at, ms};
use natbed_load::{CallConfig, CallReport, Direction, LoadConfig, MediaPreset, SideReport};
use natbed_network::{Distribution, Jitter, PipeConfig};
use natbed_units::{ByteCount, Ppm, Rate, SimDuration};

const MINUTE: SimDuration = SimDuration::from_secs(60);

fn run(lab: &mut Lab, config: CallConfig) -> [CallReport; 2] {
    lab.load(&LoadConfig::Call(config), SEED);
    let _ = lab.run();
    lab.reports().map(|report| match report {
        SideReport::Call(report) => *report,
        other => panic!("{other:?}"),
    })
}

#[test]
fn an_ideal_path_is_measured_exactly() {
    for media in [MediaPreset::AUDIO, MediaPreset::VIDEO_720P, MediaPreset::VIDEO_1080P] {
        let reports = run(&mut Lab::ideal(ms(20)), CallConfig::of(media, MINUTE));
        let count = media.rate.bits_per_second() * 60 / (media.size.bytes() * 8);
        for report in reports {
            assert_eq!((report.sent, report.expected, report.received), (count, count, count));
            assert_eq!(report.received_bytes * 8, media.rate.bits_per_second() * 60);
            let delays = [report.delay_p50, report.delay_p95, report.delay_p99, report.delay_max];
            assert_eq!(delays, [Some(ms(20)); 4]);
            assert_eq!((report.jitter, report.jitter_max), (Some(ms(0)), Some(ms(0))));
            assert_eq!((report.freezes, report.frozen), (0, SimDuration::ZERO));
            assert_eq!((report.duplicates, report.reordered), (0, 0));
            assert_eq!(report.first_received, Some(at(20)));
        }
    }
}

#[test]
fn a_cut_is_one_freeze_and_its_datagrams_are_missing() {
    let mut lab = Lab::ideal(ms(20));
    lab.cut(at(10_010), at(13_010));
    let config = CallConfig {
        direction: Direction::Forward,
        sample: Some(SimDuration::from_secs(1)),
        ..CallConfig::of(MediaPreset::AUDIO, MINUTE)
    };
    let [sender, receiver] = run(&mut lab, config);
    assert_eq!((sender.sent, receiver.expected), (3_000, 3_000));
    // What is on the link when it goes down is lost with what is sent while it is: that sent at
    // 10,000 ms, until 13,000 ms.
    assert_eq!(receiver.received, 3_000 - 151);
    let outage = (at(10_000), at(13_040));
    assert_eq!((receiver.freezes, receiver.outages), (1, vec![outage]));
    assert_eq!(receiver.frozen, ms(3_040));
    assert_eq!(receiver.delay_max, Some(ms(20)));
    let series = receiver.series.unwrap();
    assert_eq!(series.bytes()[9..14], [50 * 160, 160, 0, 0, 48 * 160]);
}

#[test]
fn a_full_queue_shows_in_delay_and_loss() {
    // 4 Mbit/s into 2 Mbit/s, and a queue of 25 datagrams with their headers.
    let rate = Rate::from_bits_per_second(2_000_000);
    let mut lab = Lab::new(PipeConfig::with_rate(rate, ms(20), ByteCount::new(25 * 1_228)));
    let config = CallConfig {
        direction: Direction::Forward,
        ..CallConfig::of(MediaPreset::VIDEO_1080P, SimDuration::from_secs(30))
    };
    let [sender, receiver] = run(&mut lab, config);
    assert_eq!(sender.sent, 12_500);
    let share = receiver.received as f64 / sender.sent as f64;
    let capacity = 2_000_000.0 * 30.0 / (1_228.0 * 8.0 * 12_500.0);
    assert!((share - capacity).abs() < 0.005, "{share} of {capacity}");
    // At most 25 wait before it, and one is being sent.
    let most = ms(20) + rate.serialization_time(ByteCount::new(1_228)) * 27;
    assert!(receiver.delay_max.unwrap() <= most, "{:?}", receiver.delay_max);
    assert!(receiver.delay_p50.unwrap() > ms(20 + 100));
}

#[test]
fn jitter_of_the_path_is_seen_and_the_same_every_time() {
    let outcome = || {
        let mut pipe = PipeConfig::with_delay(ms(20));
        pipe.jitter = Some(Jitter {
            spread: ms(5),
            distribution: Distribution::Normal,
            correlation: Ppm::ZERO,
            reorder: true,
        });
        let mut lab = Lab::new(pipe);
        let config = CallConfig::of(MediaPreset::VIDEO_720P, MINUTE);
        (run(&mut lab, config), lab.trace_hash())
    };
    let (reports, hash) = outcome();
    for report in &reports {
        assert_eq!(report.received, report.sent, "nothing is lost");
        assert!(report.reordered > 0 && report.jitter.unwrap() > SimDuration::ZERO);
        assert!(report.jitter_max >= report.jitter);
    }
    assert_eq!(outcome(), (reports, hash));
}
