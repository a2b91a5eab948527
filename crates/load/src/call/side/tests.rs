//! Calls whose datagrams are carried by hand.

use bytes::Bytes;
use natbed_units::{ByteCount, Rate, SimDuration, SimTime};

use super::{Call, HEADER, PATIENCE, PREFIX};
use crate::call::{CallConfig, CallReport};
use crate::config::{Direction, LoadConfig};
use crate::side::{Side, SideReport};

/// Ten datagrams of 125 bytes, one every 10 ms.
const CONFIG: CallConfig = CallConfig {
    direction: Direction::Forward,
    rate: Rate::from_bits_per_second(100_000),
    size: ByteCount::new(125),
    duration: SimDuration::from_millis(100),
    freeze_after: SimDuration::from_millis(30),
    sample: Some(SimDuration::from_millis(50)),
};

const fn at(millis: u64) -> SimTime {
    SimTime::from_nanos(1_000_000 * (1_000 + millis))
}

const fn ms(millis: u64) -> SimDuration {
    SimDuration::from_millis(millis)
}

fn report(side: &Call) -> CallReport {
    let SideReport::Call(report) = side.report() else { panic!("a call's") };
    *report
}

fn started(config: CallConfig, peer: usize) -> Call {
    let mut side = Call::new(config, peer);
    side.start(at(0));
    side
}

/// All that is sent, with the time and without tag and stamp.
fn sent(side: &mut Call) -> Vec<(SimTime, Bytes)> {
    let mut all = Vec::new();
    while let Some(due) = side.poll_timeout() {
        side.handle_timeout(due);
        let mut datagram = vec![7; PREFIX];
        while side.poll_transmit(due, &mut datagram) {
            assert_eq!(datagram[..PREFIX], [7; PREFIX], "what stands there stays");
            all.push((due, Bytes::copy_from_slice(&datagram[PREFIX..])));
            datagram.truncate(PREFIX);
        }
    }
    all
}

/// Carries those datagrams of a call from its first peer to the second whose number and time of
/// arrival are given, and waits for no more.
fn carried(arrivals: &[(usize, u64)]) -> CallReport {
    let sent = sent(&mut started(CONFIG, 0));
    let mut receiver = started(CONFIG, 1);
    for (number, millis) in arrivals {
        let (sent_at, payload) = &sent[*number];
        receiver.handle_datagram(at(*millis), Some(*sent_at), payload.clone());
    }
    if !receiver.is_done() {
        let deadline = receiver.poll_timeout().unwrap();
        receiver.handle_timeout(deadline);
    }
    assert!(receiver.is_done() && receiver.poll_timeout().is_none());
    report(&receiver)
}

#[test]
fn datagrams_are_sent_when_they_are_due() {
    let mut side = started(CONFIG, 0);
    let all = sent(&mut side);
    assert_eq!(all.len(), 10);
    for (number, (time, payload)) in all.iter().enumerate() {
        assert_eq!(*time, at(10 * number as u64));
        assert_eq!(PREFIX + payload.len(), 125);
        assert_eq!(payload[..8], (number as u64).to_be_bytes());
        assert!(payload[8..].iter().all(|byte| *byte == 0));
    }
    assert!(side.is_done());
    let report = report(&side);
    assert_eq!((report.sent, report.sent_bytes), (10, 1_250));
    assert_eq!((report.started, report.last_sent), (Some(at(0)), Some(at(90))));
    assert_eq!((report.freezes, report.delay_p50), (0, None), "nothing is expected here");
}

#[test]
fn what_was_due_while_nobody_asked_is_sent_at_once() {
    let mut side = started(CONFIG, 0);
    let mut datagram = Vec::new();
    let burst = (0..20).filter(|_| side.poll_transmit(at(35), &mut datagram)).count();
    assert_eq!((burst, side.poll_timeout()), (4, Some(at(40))));
}

#[test]
fn a_path_that_only_delays_is_seen_as_such() {
    let arrivals: Vec<_> = (0..10).map(|n| (n, 10 * n as u64 + 20)).collect();
    let report = carried(&arrivals);
    let delay = Some(ms(20));
    let delays = [report.delay_p50, report.delay_p95, report.delay_p99, report.delay_max];
    assert_eq!(delays, [delay; 4]);
    assert_eq!((report.jitter, report.jitter_max), (Some(ms(0)), Some(ms(0))));
    assert_eq!((report.received, report.expected, report.received_bytes), (10, 10, 1_250));
    assert_eq!((report.duplicates, report.reordered, report.freezes), (0, 0, 0));
    assert_eq!((report.first_received, report.last_received), (Some(at(20)), Some(at(110))));
    assert_eq!(report.series.unwrap().bytes(), [375, 625, 250]);
    assert_eq!(report.outages, []);
}

#[test]
fn duplicates_and_reordering_are_counted() {
    let arrivals =
        [(0, 20), (1, 30), (1, 31), (3, 45), (2, 46), (2, 47), (4, 60), (7, 85), (5, 86), (0, 99)];
    let report = carried(&arrivals);
    assert_eq!((report.received, report.expected), (7, 8));
    assert_eq!((report.duplicates, report.reordered), (3, 2));
    assert_eq!(report.received_bytes, 7 * 125);
    assert_eq!(report.last_received, Some(at(86)), "a duplicate is nothing new");
}

#[test]
fn jitter_is_that_of_the_delays_in_order_of_arrival() {
    // Delays of 20, 36, 26 ms, so |D| is 16, then 10 ms: 0 + 16/16 = 1, 1 - 1/16 + 10/16 = 1.5625.
    let report = carried(&[(0, 20), (1, 46), (2, 46)]);
    assert_eq!(report.jitter, Some(SimDuration::from_nanos(1_562_500)));
    // Another 26 ms: 1.5625 * 15/16 = 1.46484375.
    let later = carried(&[(0, 20), (1, 46), (2, 46), (3, 56)]);
    assert_eq!(later.jitter, Some(SimDuration::from_nanos(1_464_844)));
    assert_eq!(later.jitter_max, report.jitter);
}

#[test]
fn a_gap_is_a_freeze_with_its_ends() {
    let report = carried(&[
        (0, 20),
        (1, 30),
        (2, 40),
        (6, 80), // 40 ms
        (7, 90),
        (8, 119), // 29 ms: too short
        (9, 149), // 30 ms: just enough
    ]);
    assert_eq!((report.freezes, report.frozen), (2, ms(70)));
    assert_eq!(report.outages, [(at(40), at(80)), (at(119), at(149))]);
}

#[test]
fn what_is_lost_at_the_start_and_at_the_end_is_a_freeze() {
    // The fifth arrives late; the shortest delay is 20 ms.
    let report = carried(&[(4, 70), (5, 70), (6, 80)]);
    assert_eq!(report.outages, [(at(20), at(70)), (at(80), at(110))]);
    assert_eq!((report.freezes, report.frozen, report.expected), (2, ms(80), 7));
}

#[test]
fn a_long_path_alone_is_no_freeze() {
    let report = carried(&[(0, 520), (1, 530), (2, 540), (4, 560), (6, 580), (9, 610)]);
    assert_eq!(report.outages, [(at(580), at(610))]);
}

#[test]
fn nothing_at_all_is_one_freeze() {
    let report = carried(&[]);
    assert_eq!(report.outages, [(at(0), at(90))]);
    assert_eq!((report.freezes, report.frozen, report.expected), (1, ms(90), 0));
    let none = (report.delay_p50, report.delay_max, report.jitter, report.first_received);
    assert_eq!(none, (None, None, None, None));
}

#[test]
fn what_is_missing_is_waited_for_from_the_latest_arrival_on() {
    let all = sent(&mut started(CONFIG, 0));
    let mut receiver = started(CONFIG, 1);
    assert_eq!(receiver.poll_timeout(), Some(at(100) + PATIENCE));
    receiver.handle_datagram(at(1_900), Some(all[0].0), all[0].1.clone());
    assert_eq!(receiver.poll_timeout(), Some(at(1_900) + PATIENCE));
    receiver.handle_timeout(at(2_100));
    assert!(!receiver.is_done(), "being called early is harmless");
    receiver.handle_timeout(at(1_900) + PATIENCE);
    assert!(receiver.is_done());
    receiver.handle_datagram(at(3_950), Some(all[1].0), all[1].1.clone());
    assert!(receiver.is_done(), "it stays so");
}

#[test]
fn both_peers_may_send() {
    let config = CallConfig { direction: Direction::Both, ..CONFIG };
    let mut sides = [started(config, 0), started(config, 1)];
    let all = sent(&mut sides[0]);
    for (time, payload) in all {
        sides[1].handle_datagram(time + ms(3), Some(time), payload);
    }
    let report = report(&sides[1]);
    assert_eq!((report.received, report.sent), (10, 0));
    assert!(!sides[1].is_done(), "it has something to send");
    assert!(sides[0].is_done(), "it has given up on the other one");
}

#[test]
fn datagrams_that_are_none_of_its_own_are_ignored() {
    let mut side = started(CONFIG, 1);
    let stamp = Some(at(0));
    for payload in [&[][..], &[0; 7], &10_u64.to_be_bytes(), &[0xff; 100]] {
        side.handle_datagram(at(1), stamp, Bytes::copy_from_slice(payload));
    }
    side.handle_datagram(at(1), None, Bytes::from_static(&[0; 100]));
    let mut sender = started(CONFIG, 0);
    sender.handle_datagram(at(1), stamp, Bytes::from_static(&[0; 100]));
    for report in [report(&side), report(&sender)] {
        assert_eq!((report.received, report.duplicates, report.expected), (0, 0, 0));
    }
}

#[test]
fn a_call_that_never_began_reports_nothing() {
    assert_eq!(report(&Call::new(CONFIG, 1)), CallReport::default());
}

#[test]
fn a_call_of_no_time_is_done_at_once() {
    let config = CallConfig { duration: SimDuration::ZERO, ..CONFIG };
    for peer in [0, 1] {
        let mut side = started(config, peer);
        assert!(side.is_done() && sent(&mut side).is_empty());
    }
}

#[test]
fn what_cannot_be_sent_is_refused() {
    let sides = |config| LoadConfig::Call(config).sides(natbed_units::Seed::new(1));
    for bytes in [0, HEADER as u64 - 1, CallConfig::MAX_SIZE as u64 + 1, u64::MAX] {
        assert!(sides(CallConfig { size: ByteCount::new(bytes), ..CONFIG }).is_err());
    }
    assert!(sides(CallConfig { rate: Rate::from_bits_per_second(0), ..CONFIG }).is_err());
    for bytes in [HEADER, CallConfig::MAX_SIZE] {
        assert!(sides(CallConfig { size: ByteCount::new(bytes as u64), ..CONFIG }).is_ok());
    }
}
