//! Queues by themselves, without a network around them.

use std::collections::VecDeque;

use natbed_units::{ByteCount, Ppm, SimDuration, SimTime};

use super::{Pushed, QueueState, Surroundings, Waiting};
use crate::pipe::config::{Codel, FqCodel, Queue, QueueLimit, Red};
use crate::slab::Slot;

const ROOMY: QueueLimit = QueueLimit { bytes: None, packets: Some(100_000) };

fn at(millis: u64) -> Surroundings {
    let now = SimTime::ZERO + SimDuration::from_millis(millis);
    Surroundings { now, on_line: (0, 0), full_packet: 1_500, rate: 8_000_000 }
}

fn waiting(n: u32, millis: u64) -> Waiting {
    Waiting {
        slot: Slot::for_test(n),
        length: 1_000,
        arrived: at(millis).now,
        order: n.into(),
        flow: u64::from(n % 2) << 63,
        is_ect: false,
        is_known: false,
    }
}

fn push(queue: &mut QueueState, packet: Waiting, millis: u64) -> (Pushed, Vec<Slot>) {
    let mut dropped = VecDeque::new();
    let pushed = queue.push(packet, at(millis), || u32::MAX, &mut dropped);
    (pushed, dropped.into())
}

/// The packet given out at a time, and those dropped for it.
fn pop(queue: &mut QueueState, millis: u64) -> (Option<u64>, usize) {
    let mut dropped = VecDeque::new();
    let taken = queue.pop(at(millis), &mut dropped);
    (taken.map(|taken| taken.packet.order), dropped.len())
}

/// RFC 8289 section 5.3: from the first packet that has waited too long an interval passes, then one
/// is dropped, and the next after 100, 70.7, 57.7 ms.
#[test]
fn codel_step_by_step() {
    let mut queue = QueueState::new(&Queue::Codel(Codel { limit: ROOMY, ..Codel::DEFAULT }));
    for n in 0..1_000 {
        push(&mut queue, waiting(n, 0), 0);
    }
    assert_eq!(pop(&mut queue, 4), (Some(0), 0), "below the target");
    assert_eq!(pop(&mut queue, 10), (Some(1), 0), "above it: the interval begins");
    assert_eq!(pop(&mut queue, 109), (Some(2), 0), "it is not over");
    assert_eq!(pop(&mut queue, 110), (Some(4), 1), "one is dropped");
    assert_eq!(pop(&mut queue, 209), (Some(5), 0));
    assert_eq!(pop(&mut queue, 210), (Some(7), 1), "100 ms / sqrt(1) later");
    assert_eq!(pop(&mut queue, 280), (Some(8), 0));
    assert_eq!(pop(&mut queue, 281), (Some(10), 1), "100 ms / sqrt(2) later: 70.7 ms");
    assert_eq!(pop(&mut queue, 338), (Some(11), 0));
    assert_eq!(pop(&mut queue, 339), (Some(13), 1), "100 ms / sqrt(3) later: 57.7 ms");
    // A line that was slow to ask again makes up for what it missed: 50, 44.7 and 40.8 ms.
    assert_eq!(pop(&mut queue, 480), (Some(17), 3));
}

/// A queue that gets short leaves the dropping state; one that grows again soon after goes on with
/// the count it had reached.
#[test]
fn codel_remembers_its_pace_for_a_while() {
    let mut queue = QueueState::new(&Queue::Codel(Codel { limit: ROOMY, ..Codel::DEFAULT }));
    let mut order = 0;
    let mut fill = |queue: &mut QueueState, millis, count: u32| {
        for _ in 0..count {
            order += 1;
            push(queue, waiting(order, millis), millis);
        }
    };
    fill(&mut queue, 0, 2_000);
    let mut drops = 0;
    for millis in 10..1_000 {
        drops += pop(&mut queue, millis).1;
    }
    assert!(drops > 20, "{drops}");
    // Empty it; then overload begins anew.
    while pop(&mut queue, 1_000).0.is_some() {}
    fill(&mut queue, 1_001, 2_000);
    let again: usize = (1_010..1_210).map(|millis| pop(&mut queue, millis).1).sum();
    assert!(again > 5, "at once at a high pace: {again}");
    while pop(&mut queue, 1_300).0.is_some() {}
    fill(&mut queue, 9_000, 2_000);
    let later: usize = (9_010..9_210).map(|millis| pop(&mut queue, millis).1).sum();
    assert!(later <= 2, "all is forgotten: {later}");
}

#[test]
fn flows_take_turns_and_new_ones_go_first() {
    let fair = FqCodel {
        quantum: ByteCount::new(1_000),
        codel: Codel { limit: ROOMY, ..Codel::DEFAULT },
        ..FqCodel::DEFAULT
    };
    let mut queue = QueueState::new(&Queue::FqCodel(fair));
    // Two flows: the even and the odd numbers.
    for n in [0, 2, 4, 6, 1, 3] {
        push(&mut queue, waiting(n, 0), 0);
    }
    let order: Vec<_> = std::iter::from_fn(|| pop(&mut queue, 1).0).collect();
    assert_eq!(order, [0, 1, 2, 3, 4, 6]);
}

#[test]
fn the_average_of_red_follows_slowly_and_fades_while_nothing_comes() {
    let red = Red {
        min: ByteCount::new(10_000),
        max: ByteCount::new(30_000),
        // Nothing is dropped below the upper threshold.
        max_share: Ppm::new(1).unwrap(),
        weight: 3,
        ecn: false,
        limit: ROOMY,
    };
    let mut queue = QueueState::new(&Queue::Red(red));
    // An eighth of the way with each packet, which finds those before it.
    let mut average = 0.0;
    for (millis, fades) in [(0, 1.0), (10, 0.875_f64.powi(6))] {
        // Ten milliseconds are the time of 6 packets of 1500 bytes and a part.
        average *= fades;
        for n in 0.. {
            if n > 0 {
                average += (f64::from(n) * 1_000.0 - average) / 8.0;
            }
            let is_over = push(&mut queue, waiting(n, millis), millis).0 == Pushed::Early;
            assert_eq!(is_over, average >= 30_000.0, "packet {n}, average {average}");
            if is_over {
                break;
            }
        }
        while pop(&mut queue, 0).0.is_some() {}
    }
}

#[test]
fn a_queue_gives_out_in_order_what_another_kind_held() {
    let flow = |slot: Slot| if slot == Slot::for_test(3) { 0 } else { 1 << 63 };
    let mut queue = QueueState::new(&Queue::DropTail(ROOMY));
    for n in 0..5 {
        push(&mut queue, waiting(n, 0), 0);
    }
    queue.set_config(&Queue::FqCodel(FqCodel::DEFAULT), flow);
    queue.set_config(&Queue::Codel(Codel::DEFAULT), flow);
    let order: Vec<_> = std::iter::from_fn(|| pop(&mut queue, 1).0).collect();
    assert_eq!(order, [0, 1, 2, 3, 4]);
}
