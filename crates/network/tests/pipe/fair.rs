//! FQ-CoDel: flows take turns.

use std::collections::BTreeMap;

use natbed_network::{Codel, FqCodel, PipeConfig, PipeConfigError, Queue, QueueLimit};
use natbed_packet::{Body, DropReason, Packet};
use natbed_units::{SimDuration, SimTime};

use crate::lab::{Lab, at, bytes, flow, ms, rate, us};

/// A megabyte per second.
fn line(fq: FqCodel) -> PipeConfig {
    let queue = Queue::FqCodel(fq);
    PipeConfig { queue, ..PipeConfig::with_rate(rate("8mbit"), ms(1), bytes(10_000)) }
}

fn port(packet: &Packet) -> u16 {
    match &packet.body {
        Body::Udp(udp) => udp.source_port,
        other => panic!("no datagram: {other:?}"),
    }
}

/// Bytes delivered of each flow.
fn goodput(lab: &Lab) -> BTreeMap<u16, u64> {
    let mut bytes = BTreeMap::new();
    for arrival in &lab.notes().delivered {
        *bytes.entry(port(&arrival.packet)).or_default() += arrival.packet.wire_len().bytes();
    }
    bytes
}

#[test]
fn flows_get_equal_shares_whatever_they_send() {
    let mut lab = Lab::new(line(FqCodel::DEFAULT));
    // Four flows: one sends three times the line, one as much as the line, in small packets, and two
    // 0.6 of it each.
    let mut events: Vec<(u64, u16, u64)> = Vec::new();
    for (port, gap, length) in
        [(1, 500, 1_500), (2, 300, 300), (3, 1_667, 1_000), (4, 1_667, 1_000)]
    {
        events.extend((0..10_000_000 / gap).map(|n| (n * gap, port, length)));
    }
    events.sort_unstable();
    for (time, port, length) in events {
        lab.send_packet(at(us(time)), flow(port, length));
    }
    lab.run_until(at(SimDuration::from_secs(10)));
    let shares = goodput(&lab);
    let total: u64 = shares.values().sum();
    assert!((9_900_000..=10_000_000).contains(&total), "{total}");
    for (port, bytes) in &shares {
        let share = *bytes as f64 / total as f64;
        assert!((share - 0.25).abs() < 0.01, "flow {port} has {share} of the line");
    }
}

/// A sparse flow waits for the packet on the line, and for one of the other flow while that is new
/// as well.
#[test]
fn a_sparse_flow_does_not_wait_for_a_full_queue() {
    let limit = QueueLimit { bytes: None, packets: Some(1_000) };
    let fifo = Queue::DropTail(limit);
    let fair = FqCodel { codel: Codel { limit, ..Codel::DEFAULT }, ..FqCodel::DEFAULT };
    let longest_wait = |pipe| {
        let mut lab = Lab::new(pipe);
        let mut sparse = Vec::new();
        for n in 0..3_000_u64 {
            // Twice the line, and a small packet in every 20 ms.
            lab.send_packet(at(us(500) * n), flow(1, 1_000));
            if n % 40 == 0 {
                lab.send_packet(lab.now, flow(2, 100));
                sparse.push(lab.counters().sent());
            }
        }
        lab.settle();
        let waits = lab.notes().waits.iter().filter(|(_, id, _)| sparse.contains(id));
        let waits: Vec<_> = waits.map(|(.., wait)| wait.as_nanos()).collect();
        assert!(waits.len() > 20);
        waits.into_iter().max().unwrap()
    };
    assert!(longest_wait(PipeConfig { queue: fifo, ..line(fair) }) > 500_000_000);
    let wait = longest_wait(line(fair));
    assert!(wait <= 2_000_000, "{wait}");
}

#[test]
fn the_fattest_flow_pays_for_a_full_queue() {
    let limit = QueueLimit { bytes: None, packets: Some(20) };
    let fair = FqCodel { codel: Codel { limit, ..Codel::DEFAULT }, ..FqCodel::DEFAULT };
    let mut lab = Lab::new(line(fair));
    for _ in 0..19 {
        lab.send_packet(SimTime::ZERO, flow(1, 1_000));
    }
    for _ in 0..5 {
        lab.send_packet(SimTime::ZERO, flow(2, 1_000));
    }
    // From the head of the first flow, behind the packet on the line.
    assert_eq!(lab.lost(DropReason::QueueFull), [2, 3, 4, 5]);
    lab.settle();
    assert_eq!(goodput(&lab), BTreeMap::from([(1, 15_000), (2, 5_000)]));
}

#[test]
fn turns_are_a_quantum_long() {
    let fair = FqCodel { quantum: bytes(3_000), ..FqCodel::DEFAULT };
    let mut lab = Lab::new(line(fair));
    for port in [1, 2] {
        for _ in 0..9 {
            lab.send_packet(SimTime::ZERO, flow(port, 1_000));
        }
    }
    lab.settle();
    let ports: Vec<_> = lab.notes().delivered.iter().map(|a| port(&a.packet)).collect();
    // The first packet was on the line before there was a queue; it has used a third of a turn.
    let expected = [1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2];
    assert_eq!(ports, expected);
}

#[test]
fn another_seed_tells_flows_apart_in_another_way() {
    // Eight flows in two queues: who shares with whom is a matter of the seed.
    let order = |seed| {
        let mut lab = Lab::with_seed(seed, line(FqCodel { flows: 2, ..FqCodel::DEFAULT }));
        for _ in 0..3 {
            for port in 0..8 {
                lab.send_packet(SimTime::ZERO, flow(port, 1_400));
            }
        }
        lab.settle();
        lab.notes().delivered.iter().map(|a| port(&a.packet)).collect::<Vec<_>>()
    };
    assert_eq!(order(1), order(1));
    assert!((2..10).any(|seed| order(seed) != order(1)));
}

#[test]
fn fair_queues_that_cannot_be_are_refused() {
    let refused = |fq| line(fq).validate().unwrap_err();
    let default = FqCodel::DEFAULT;
    assert_eq!(refused(FqCodel { flows: 0, ..default }), PipeConfigError::Flows(0));
    assert_eq!(refused(FqCodel { flows: 65_537, ..default }), PipeConfigError::Flows(65_537));
    let quantum = bytes(63);
    assert_eq!(refused(FqCodel { quantum, ..default }), PipeConfigError::Quantum(quantum));
}
