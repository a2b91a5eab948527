//! Pipes that change while packets are in them.

use std::sync::Arc;

use natbed_network::{
    Attachment, Codel, Distribution, Fate, FqCodel, HostConfig, InterfaceConfig, InternetConfig,
    Jitter, Limits, Line, LinkConfig, Loss, Network, PipeConfig, PipeConfigError, Queue,
    QueueLimit, Red, Shaper,
};
use natbed_packet::{DropReason, Packet};
use natbed_units::trace::Trace;
use natbed_units::{Ppm, Seed, SimDuration, SimTime};
use proptest::prelude::*;

use crate::lab::{Lab, at, bytes, flow, ip, ms, packet, percent, rate, us};

/// One byte per microsecond.
fn slow() -> PipeConfig {
    PipeConfig::with_rate(rate("8mbit"), ms(1), bytes(10_000))
}

/// Arrival in milliseconds and number of each packet.
fn out(lab: &Lab) -> Vec<(f64, u64)> {
    lab.arrivals().iter().map(|&(at, id)| (at as f64 / 1e6, id)).collect()
}

/// An engine from the start, or only when something changes.
fn both(check: impl Fn(PipeConfig)) {
    check(slow());
    check(PipeConfig { loss: Loss::Pattern(Arc::new([Fate::Keep])), ..slow() });
}

#[test]
fn the_rest_of_a_packet_goes_at_the_new_rate_and_so_do_those_behind_it() {
    both(|pipe| {
        let mut lab = Lab::new(pipe.clone());
        lab.send_evenly(4, SimDuration::ZERO, 1_000);
        // The second packet has sent 500 bytes; the rest of it takes a tenth of the time from now.
        lab.set(at(us(1_500)), PipeConfig { line: Line::Rate(rate("80mbit")), ..pipe });
        lab.send(lab.now, 1_000);
        lab.settle();
        let expected = [(2.0, 1), (2.55, 2), (2.65, 3), (2.75, 4), (2.85, 5)];
        assert_eq!(out(&lab), expected);
        // Each wait is told once: by the plain pipe at entry, by the engine when the line is free.
        let mut ids: Vec<_> = lab.notes().waits.iter().map(|(_, id, _)| *id).collect();
        ids.sort_unstable();
        assert_eq!(ids, [1, 2, 3, 4, 5]);
    });
}

#[test]
fn a_line_becomes_unlimited_and_limited_again() {
    both(|pipe| {
        let mut lab = Lab::new(pipe.clone());
        lab.send_evenly(3, SimDuration::ZERO, 1_000);
        lab.set(at(us(500)), PipeConfig { line: Line::Unlimited, ..pipe.clone() });
        lab.send(at(us(600)), 1_000);
        lab.set(at(us(700)), pipe);
        lab.send_evenly(2, SimDuration::ZERO, 1_000);
        lab.settle();
        let expected = [(1.5, 1), (1.5, 2), (1.5, 3), (1.6, 4), (2.7, 5), (3.7, 6)];
        assert_eq!(out(&lab), expected);
    });
}

#[test]
fn a_shorter_delay_lets_nobody_overtake() {
    both(|pipe| {
        let far = PipeConfig { delay: ms(20), ..pipe.clone() };
        let mut lab = Lab::new(far);
        lab.send(SimTime::ZERO, 1_000);
        lab.set(at(ms(2)), pipe);
        lab.send(at(ms(2)), 1_000);
        lab.send(at(ms(30)), 1_000);
        lab.settle();
        assert_eq!(out(&lab), [(21.0, 1), (21.0, 2), (32.0, 3)]);
    });
}

#[test]
fn a_longer_delay_is_for_what_leaves_the_line_later() {
    both(|pipe| {
        let mut lab = Lab::new(pipe.clone());
        lab.send_evenly(3, SimDuration::ZERO, 1_000);
        lab.set(at(us(1_500)), PipeConfig { delay: ms(10), ..pipe });
        lab.settle();
        assert_eq!(out(&lab), [(2.0, 1), (12.0, 2), (13.0, 3)]);
    });
}

#[test]
fn what_waits_stays_even_if_the_queue_is_too_short_now() {
    both(|pipe| {
        let mut lab = Lab::new(pipe.clone());
        lab.send_evenly(5, SimDuration::ZERO, 1_000);
        lab.set(at(us(100)), PipeConfig { queue: Queue::drop_tail(bytes(1_500)), ..pipe });
        lab.send(at(us(200)), 1_000);
        lab.settle();
        assert_eq!(lab.lost(DropReason::QueueFull), [6]);
        assert_eq!(out(&lab).len(), 5);
    });
}

#[test]
fn all_kinds_of_queues_take_over_from_each_other_in_order() {
    let limit = QueueLimit { bytes: Some(bytes(100_000)), packets: None };
    let (min, max) = (bytes(50_000), bytes(100_000));
    let max_share = percent("10%");
    let queues = [
        Queue::DropTail(limit),
        Queue::Codel(Codel { limit, ..Codel::DEFAULT }),
        Queue::FqCodel(FqCodel::DEFAULT),
        Queue::Red(Red { min, max, max_share, weight: 9, ecn: false, limit }),
        Queue::FqCodel(FqCodel { flows: 7, ..FqCodel::DEFAULT }),
        Queue::DropTail(limit),
    ];
    let mut lab = Lab::new(slow());
    for port in 0..20 {
        lab.send_packet(SimTime::ZERO, flow(port % 3, 400));
    }
    for (n, queue) in (1..).zip(queues) {
        lab.set(at(us(100) * n), PipeConfig { queue, ..slow() });
    }
    lab.settle();
    // One flow after the other would be another order: it is the old one again in the end.
    let expected: Vec<_> = (1..=20).map(|n| (1.0 + 0.4 * n as f64, n)).collect();
    for ((found, id), (time, n)) in out(&lab).iter().zip(&expected) {
        assert!((found - time).abs() < 1e-9 && id == n, "{found} {id}");
    }
}

#[test]
fn a_bucket_keeps_what_is_in_it() {
    let shaper = |text, burst| {
        let shaper = Shaper { rate: rate(text), burst: bytes(burst), peak: None };
        PipeConfig { line: Line::Shaper(shaper), ..slow() }
    };
    let mut lab = Lab::new(shaper("8mbit", 2_000));
    lab.send_evenly(4, SimDuration::ZERO, 1_000);
    // The third has waited for 500 of its bytes: the other 500 come twice as fast.
    lab.set(at(us(500)), shaper("16mbit", 3_000));
    lab.settle();
    assert_eq!(out(&lab), [(1.0, 1), (1.0, 2), (1.75, 3), (2.25, 4)]);
    // Full again; but what is poured into a smaller bucket is lost.
    lab.set(at(ms(50)), shaper("8mbit", 1_500));
    lab.send_evenly(2, SimDuration::ZERO, 1_000);
    lab.settle();
    assert_eq!(out(&lab)[4..], [(51.0, 5), (51.5, 6)]);
}

#[test]
fn a_trace_takes_over_what_is_left_of_a_packet() {
    let trace = Line::Trace(Arc::new(Trace::parse("1\n2\n3\n4\n").unwrap()));
    let mut lab = Lab::new(slow());
    lab.send_evenly(2, SimDuration::ZERO, 1_500);
    lab.set(at(us(1_000)), PipeConfig { line: trace, ..slow() });
    lab.settle();
    // 500 bytes at 2 ms, where 1000 of the second go as well; 500 at 3 ms.
    assert_eq!(out(&lab), [(3.0, 1), (4.0, 2)]);
}

#[test]
fn rules_of_loss_go_on_only_if_they_stay() {
    let pattern = Loss::Pattern(Arc::new([Fate::Keep, Fate::Keep, Fate::Drop]));
    let list = Loss::List(Arc::new([2]));
    let pipe =
        |loss: &Loss, delay| PipeConfig { loss: loss.clone(), ..PipeConfig::with_delay(delay) };
    let mut lab = Lab::new(pipe(&pattern, ms(1)));
    lab.send_evenly(4, us(1), 100);
    lab.set(lab.now, pipe(&pattern, ms(2)));
    lab.send_evenly(2, us(1), 100);
    lab.set(lab.now, pipe(&list, ms(2)));
    lab.send_evenly(3, us(1), 100);
    lab.settle();
    assert_eq!(lab.lost(DropReason::LostOnTheWire), [3, 6, 8]);
}

#[test]
fn a_pipe_that_cannot_be_changes_nothing() {
    let mut lab = Lab::new(slow());
    let no_rate = PipeConfig { line: Line::Rate(rate("0bit")), ..slow() };
    let refused = lab.network.set_pipe(lab.now, lab.pipe, no_rate);
    assert_eq!(refused, Err(PipeConfigError::ZeroRate));
    assert_eq!(lab.network.pipe_config(lab.pipe), slow());
}

#[test]
fn a_pipe_is_asked_for_without_the_delay_of_the_core() {
    let mut network = Network::new(Seed::new(1), Limits::default(), ());
    network.set_internet(InternetConfig { delay: ms(20) });
    let interface = |address| InterfaceConfig {
        address: ip(address),
        attachment: Attachment::Internet,
        link: LinkConfig::symmetric(PipeConfig::with_delay(ms(1))),
    };
    let host = |name: &str, address| HostConfig {
        name: name.into(),
        interfaces: vec![interface(address)],
        firewall: None,
    };
    let alice = network.add_host(host("alice", "10.0.0.1")).unwrap();
    network.add_host(host("bob", "10.0.0.2")).unwrap();
    let up = network.host_links(alice).next().unwrap().up();
    assert_eq!(network.pipe_config(up), PipeConfig::with_delay(ms(1)));
    network.set_pipe(SimTime::ZERO, up, PipeConfig::with_delay(ms(5))).unwrap();
    assert_eq!(network.pipe_config(up), PipeConfig::with_delay(ms(5)));
    network.send(SimTime::ZERO, alice, packet(100));
    while let Some(due) = network.poll_timeout() {
        network.handle_timeout(due);
        if network.poll_delivery().is_some() {
            assert_eq!(due, at(ms(26)));
        }
    }
}

#[test]
fn another_mtu_holds_at_once() {
    let mut lab = Lab::new(slow());
    let cut = Packet { dont_fragment: false, ..packet(1_400) };
    lab.send_packet(SimTime::ZERO, cut.clone());
    lab.set(at(us(1)), PipeConfig { mtu: Some(bytes(700)), ..slow() });
    lab.send_packet(lab.now, cut);
    lab.settle();
    assert_eq!((lab.counters().made(), lab.counters().delivered()), (2, 2));
}

fn pipes() -> impl Strategy<Value = PipeConfig> {
    let line = prop_oneof![
        Just(Line::Unlimited),
        (1_u64..40).prop_map(|n| Line::Rate(rate(&format!("{n}mbit")))),
        (1_u64..40, 1_500_u64..9_000, any::<bool>()).prop_map(|(n, burst, peak)| {
            let peak = peak.then(|| rate("40mbit"));
            Line::Shaper(Shaper { rate: rate(&format!("{n}mbit")), burst: bytes(burst), peak })
        }),
        Just(Line::Trace(Arc::new(Trace::parse("1\n1\n4\n").unwrap()))),
    ];
    let limit = QueueLimit { bytes: Some(bytes(5_000)), packets: Some(9) };
    let queue = prop_oneof![
        Just(Queue::DropTail(limit)),
        Just(Queue::Codel(Codel { limit, ..Codel::DEFAULT })),
        Just(Queue::FqCodel(FqCodel { flows: 4, ..FqCodel::DEFAULT })),
    ];
    let jitter = prop::option::of(any::<bool>().prop_map(|reorder| Jitter {
        spread: us(700),
        distribution: Distribution::Uniform,
        correlation: Ppm::ZERO,
        reorder,
    }));
    (line, queue, jitter, 0_u64..4).prop_map(|(line, queue, jitter, delay)| PipeConfig {
        line,
        queue,
        jitter,
        ..PipeConfig::with_delay(ms(delay))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever changes into whatever: no packet is lost track of, none stays behind, and without
    /// reordering and fair queues none overtakes.
    #[test]
    fn changes_lose_nothing(
        first in pipes(),
        acts in prop::collection::vec(
            (0_u64..2_000, prop::option::weighted(0.15, pipes()), 0_u16..3, 40_u64..1_500),
            1..80,
        ),
    ) {
        let is_orderly = |pipe: &PipeConfig| {
            !matches!(pipe.queue, Queue::FqCodel(_)) && pipe.jitter.is_none_or(|j| !j.reorder)
        };
        let mut in_order = is_orderly(&first);
        let mut lab = Lab::new(first);
        for (gap, change, port, length) in acts {
            let now = lab.now + us(gap);
            match change {
                Some(pipe) => {
                    in_order &= is_orderly(&pipe);
                    lab.set(now, pipe.clone());
                    prop_assert_eq!(lab.network.pipe_config(lab.pipe), pipe);
                }
                None => lab.send_packet(now, flow(port, length)),
            }
        }
        lab.settle();
        prop_assert_eq!(lab.network.packets_in_flight(), 0);
        let dropped: u64 = lab.counters().dropped().values().sum();
        prop_assert_eq!(lab.counters().sent(), lab.counters().delivered() + dropped);
        if in_order {
            let ids: Vec<_> = lab.arrivals().iter().map(|(_, id)| *id).collect();
            prop_assert!(ids.is_sorted(), "{:?}", ids);
        }
        // Each wait at most once.
        let mut waits: Vec<_> = lab.notes().waits.iter().map(|(_, id, _)| *id).collect();
        let count = waits.len();
        waits.sort_unstable();
        waits.dedup();
        prop_assert_eq!(waits.len(), count);
    }
}
