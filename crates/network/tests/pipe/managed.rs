//! CoDel and RED.

use natbed_network::{Codel, PipeConfig, PipeConfigError, Queue, QueueLimit, Red};
use natbed_packet::{DropReason, Ecn};
use natbed_units::{Ppm, SimDuration, SimTime};

use crate::lab::{Lab, at, bytes, capable, ms, packet, percent, rate, us};

/// A megabyte per second: a packet of 1000 bytes takes a millisecond.
fn line(queue: Queue) -> PipeConfig {
    PipeConfig { queue, ..PipeConfig::with_rate(rate("8mbit"), ms(1), bytes(10_000)) }
}

const ROOMY: QueueLimit = QueueLimit { bytes: Some(bytes(10_000_000)), packets: None };

fn codel(ecn: bool) -> PipeConfig {
    line(Queue::Codel(Codel { ecn, limit: ROOMY, ..Codel::DEFAULT }))
}

/// When each packet was dropped by the queue, in nanoseconds.
fn drops(lab: &Lab) -> Vec<u64> {
    let dropped = lab.notes().dropped.iter();
    let managed = dropped.filter(|(_, _, reason)| *reason == DropReason::QueueManaged);
    managed.map(|(at, ..)| at.as_nanos()).collect()
}

#[test]
fn codel_drops_at_the_pace_of_its_control_law() {
    let mut lab = Lab::new(codel(false));
    // A tenth more than the line carries, for two seconds.
    lab.send_evenly(2_200, us(909), 1_000);
    lab.run_until(at(ms(2_000)));
    let drops = drops(&lab);
    // The backlog passes 5 ms after about 55 ms, and the first drop comes an interval later.
    assert!((150_000_000..170_000_000).contains(&drops[0]), "{drops:?}");
    for (n, pair) in drops.windows(2).take(20).enumerate() {
        let gap = 100e6 / ((n + 1) as f64).sqrt();
        let found = (pair[1] - pair[0]) as f64;
        // A packet is dropped when the line turns to it: up to a packet's time of 1 ms later.
        assert!((found - gap).abs() < 1.1e6, "gap {n} is {found}, not {gap}");
    }
}

#[test]
fn codel_brings_a_standing_queue_down_to_its_target() {
    let waits_of = |pipe, seconds: u64| {
        // A sender with a window, which is what CoDel is made for: it halves it on each loss or mark
        // and grows it by a packet in a round trip of 50 ms.
        let mut lab = Lab::new(pipe);
        let (mut window, mut in_flight, mut next, mut seen) = (10.0_f64, 0_u64, 0_usize, 0_usize);
        let mut last_cut = SimTime::ZERO;
        let mut now = SimTime::ZERO;
        while now < at(SimDuration::from_secs(seconds)) {
            now += ms(1);
            lab.run_until(now);
            let notes = lab.notes();
            let round_trip_ago = |at: &SimTime| *at + ms(50) <= now;
            let mut is_congested = false;
            while let Some(arrival) = notes.delivered.get(next).filter(|a| round_trip_ago(&a.at)) {
                is_congested |= arrival.packet.ecn == Ecn::Ce;
                next += 1;
                in_flight -= 1;
                window += 1.0 / window;
            }
            while notes.dropped.get(seen).is_some_and(|(at, ..)| round_trip_ago(at)) {
                seen += 1;
                in_flight -= 1;
                is_congested = true;
            }
            if is_congested && last_cut + ms(50) <= now {
                window = (window / 2.0).max(2.0);
                last_cut = now;
            }
            while (in_flight as f64) < window {
                lab.send_packet(now, capable(packet(1_000)));
                in_flight += 1;
            }
        }
        let all = &lab.notes().waits;
        let late = &all[all.len() / 2..];
        let mean = late.iter().map(|(_, _, wait)| wait.as_nanos()).sum::<u64>() / late.len() as u64;
        let busy = lab.notes().delivered.len() as f64 / (seconds as f64 * 1_000.0);
        let marks = lab.notes().delivered.iter().filter(|a| a.packet.ecn == Ecn::Ce).count();
        (mean as f64 / 1e6, busy, marks)
    };
    let (dumb, ..) = waits_of(line(Queue::DropTail(ROOMY)), 60);
    assert!(dumb > 100.0, "without it the queue grows and grows: {dumb}");
    for ecn in [false, true] {
        let (wait, busy, marks) = waits_of(codel(ecn), 60);
        assert!((1.0..10.0).contains(&wait), "the mean wait is {wait} ms");
        // Halving the window without a queue to live on leaves three quarters at the least.
        assert!(busy > 0.75, "the line is used for {busy} of the time");
        assert_eq!(marks > 0, ecn);
    }
}

#[test]
fn codel_leaves_short_queues_alone() {
    let mut lab = Lab::new(codel(false));
    // Bursts of 20 packets wait for up to 19 ms, but not for an interval.
    for n in 0..50 {
        lab.run_until(at(ms(40) * n));
        lab.send_evenly(20, SimDuration::ZERO, 1_000);
    }
    lab.settle();
    assert_eq!(drops(&lab), []);
}

#[test]
fn codel_marks_instead_of_dropping() {
    let mut lab = Lab::new(codel(true));
    for n in 0..2_200 {
        lab.send_packet(at(us(909) * n), capable(packet(1_000)));
    }
    lab.settle();
    assert_eq!(drops(&lab), []);
    let is_marked = |ecn| lab.notes().delivered.iter().filter(|a| a.packet.ecn == ecn).count();
    assert!(is_marked(Ecn::Ce) > 20);
    assert_eq!(is_marked(Ecn::Ce) + is_marked(Ecn::Ect0), 2_200);
}

fn red(ecn: bool, max_share: Ppm) -> Red {
    Red { min: bytes(5_000), max: bytes(15_000), max_share, weight: 9, ecn, limit: ROOMY }
}

/// Sends packets each of which finds so many waiting, for so many milliseconds.
fn steady(red: Red, waiting: u64, count: u64, is_capable: bool) -> Lab {
    let mut lab = Lab::new(line(Queue::Red(red)));
    let packet = || if is_capable { capable(packet(1_000)) } else { packet(1_000) };
    let mut queued = 0;
    for n in 0..count {
        lab.run_until(at(ms(1) * n));
        // Beside these, one is on the line and one on the wire; each that left did so twice.
        while queued < waiting + 3 + lab.notes().left.len() as u64 / 2 {
            let before = lab.notes().dropped.len();
            lab.send_packet(lab.now, packet());
            if lab.notes().dropped.len() == before {
                queued += 1;
            }
        }
    }
    lab
}

#[test]
fn red_drops_nothing_below_its_threshold() {
    let lab = steady(red(false, percent("10%")), 4, 5_000, false);
    assert_eq!(lab.notes().dropped, []);
}

/// In the middle between the thresholds p_b is half of the share, and the gaps between drops are
/// uniform from 1 to 1 / p_b, which makes 2 / (1 + 1 / p_b) of all.
#[test]
fn red_drops_the_share_of_its_average() {
    let lab = steady(red(false, percent("10%")), 10, 20_000, false);
    let (dropped, sent) = (drops(&lab).len() as f64, lab.counters().sent() as f64);
    let expected = 2.0 / (1.0 + 1.0 / 0.05);
    assert!((dropped / sent - expected).abs() < 0.006, "{} of {expected}", dropped / sent);
}

#[test]
fn red_marks_what_is_capable_and_drops_the_others() {
    let lab = steady(red(true, percent("10%")), 10, 20_000, true);
    assert_eq!(lab.notes().dropped, []);
    let marked = lab.notes().delivered.iter().filter(|a| a.packet.ecn == Ecn::Ce).count() as f64;
    let share = marked / lab.notes().delivered.len() as f64;
    assert!((share - 0.095).abs() < 0.006, "{share}");
    let lab = steady(red(true, percent("10%")), 10, 5_000, false);
    assert!(drops(&lab).len() > 300);
    assert!(lab.notes().delivered.iter().all(|a| a.packet.ecn == Ecn::NotEct));
}

#[test]
fn red_drops_all_above_its_upper_threshold() {
    let mut lab = Lab::new(line(Queue::Red(Red { weight: 1, ..red(true, percent("0.0001%")) })));
    for _ in 0..100 {
        lab.send_packet(SimTime::ZERO, capable(packet(1_000)));
    }
    // The average follows at once; it passes 15 packets with the 17th or so.
    let accepted = lab.network.packets_in_flight();
    assert!((16..19).contains(&accepted), "{accepted}");
    assert_eq!(drops(&lab).len() + accepted, 100);
    // And it forgets while nothing comes.
    lab.settle();
    lab.send_packet(lab.now + ms(100), packet(1_000));
    assert_eq!(drops(&lab).len() + accepted, 100);
}

#[test]
fn queues_that_cannot_be_are_refused() {
    let refused = |queue| line(queue).validate().unwrap_err();
    let limit = |bytes, packets| QueueLimit { bytes, packets };
    assert_eq!(refused(Queue::DropTail(limit(None, None))), PipeConfigError::QueueWithoutLimit);
    assert_eq!(
        refused(Queue::DropTail(limit(Some(bytes(9_000)), Some(0)))),
        PipeConfigError::QueueWithoutPackets
    );
    assert_eq!(
        refused(Queue::drop_tail(bytes(1_499))),
        PipeConfigError::QueueBelowPacket { bytes: bytes(1_499), packet: bytes(1_500) }
    );
    let (target, interval) = (ms(5), ms(4));
    assert_eq!(
        refused(Queue::Codel(Codel { target, interval, ..Codel::DEFAULT })),
        PipeConfigError::CodelTimes { target, interval }
    );
    let good = red(false, percent("10%"));
    assert_eq!(
        refused(Queue::Red(Red { max: bytes(5_000), ..good })),
        PipeConfigError::RedThresholds { min: bytes(5_000), max: bytes(5_000) }
    );
    assert_eq!(
        refused(Queue::Red(Red { max_share: Ppm::ZERO, ..good })),
        PipeConfigError::RedShare
    );
    assert_eq!(refused(Queue::Red(Red { weight: 0, ..good })), PipeConfigError::RedWeight(0));
    assert_eq!(refused(Queue::Red(Red { weight: 25, ..good })), PipeConfigError::RedWeight(25));
}

#[test]
fn a_queue_counts_packets_if_asked() {
    let limit = QueueLimit { bytes: None, packets: Some(3) };
    let mut lab = Lab::new(line(Queue::DropTail(limit)));
    lab.send_evenly(5, SimDuration::ZERO, 1_000);
    lab.send(at(us(1_500)), 1_000);
    lab.send(at(us(1_500)), 1_000);
    lab.settle();
    assert_eq!(lab.lost(DropReason::QueueFull), [4, 5, 7]);
}
