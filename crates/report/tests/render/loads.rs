//! Transfers and calls: what they came to, what they cost, and who came to know of them.

use std::collections::BTreeMap;

use natbed_report::human::{self, Detail};
use natbed_report::{
    BottleneckRecord, CallDirection, CallRecord, CarriedRecord, Color, LedgerRecord, LedgerRole,
    LoadRecord, OutageRecord, Path, PipeRecord, RelayRecord, Report, RunRecord, SeriesRecord,
    TransferDirection, TransferRecord, Verdict, WireRecord, json,
};
use serde_json::Value;

use crate::fixture::{MS, full, passing};

fn bottleneck() -> BottleneckRecord {
    BottleneckRecord { pipe: "alice-home up".to_owned(), utilisation_ppm: 987_654 }
}

/// A file from alice to bob that has arrived.
fn file() -> TransferDirection {
    TransferDirection {
        from: "alice".to_owned(),
        to: "bob".to_owned(),
        offered_bytes: Some(10_000_000),
        bytes: 10_000_000,
        goodput_bps: Some(18_765_432),
        started_at_ns: Some(1_300 * MS),
        connected_ns: Some(80 * MS),
        first_byte_ns: Some(81 * MS),
        last_byte_ns: Some(4_263 * MS),
        completed_ns: Some(4_263 * MS),
        datagrams: 7_812,
        retransmitted: 94,
        retransmitted_bytes: 126_900,
        retransmitted_ppm: 12_033,
        rtt_ns: Some(81 * MS),
        delay_p50_ns: Some(60 * MS),
        delay_p95_ns: Some(112 * MS),
        delay_p99_ns: Some(118 * MS),
        delay_max_ns: Some(120 * MS),
        failure: None,
        series: None,
    }
}

fn call(from: &str, to: &str) -> CallDirection {
    CallDirection {
        from: from.to_owned(),
        to: to.to_owned(),
        started_at_ns: Some(1_300 * MS),
        sent: 4_166,
        received: 4_150,
        lost: 16,
        loss_ppm: 3_841,
        bytes: 4_980_000,
        goodput_bps: Some(3_984_637),
        delay_p50_ns: Some(41 * MS),
        delay_p95_ns: Some(52 * MS),
        delay_p99_ns: Some(90 * MS),
        delay_max_ns: Some(301 * MS),
        jitter_ns: Some(1_200_000),
        jitter_max_ns: Some(9 * MS),
        freezes: 1,
        frozen_ns: 250 * MS,
        outages: vec![OutageRecord { at_ns: 5_000 * MS, until_ns: 5_250 * MS }],
        ..CallDirection::default()
    }
}

/// A file through a relay, with everything in it.
fn relayed() -> RunRecord {
    let ledger = |node: &str, role, saw: &[(&str, &[&str])], datagrams| LedgerRecord {
        node: node.to_owned(),
        role,
        saw: saw
            .iter()
            .map(|(host, at)| ((*host).to_owned(), at.iter().map(|a| (*a).to_owned()).collect()))
            .collect(),
        payload_datagrams: datagrams,
        payload_bytes: datagrams * 1_400,
    };
    let (alice, bob) =
        (("alice", &["203.0.113.7"][..]), ("bob", &["192.168.1.77", "203.0.113.9"][..]));
    RunRecord {
        load: Some(LoadRecord::Quic(TransferRecord {
            directions: vec![file()],
            bottleneck: Some(bottleneck()),
        })),
        bottleneck: Some(bottleneck()),
        pipes: vec![
            PipeRecord {
                pipe: "alice-home up".to_owned(),
                rate_bps: Some(20_000_000),
                packets: 7_906,
                bytes: 11_384_000,
                dropped: BTreeMap::from([("queue-full".to_owned(), 94)]),
                queued_p50_ns: 31 * MS,
                queued_p95_ns: 84 * MS,
                queued_p99_ns: 90 * MS,
                queued_max_ns: 91 * MS,
                utilisation_ppm: Some(987_654),
                ..PipeRecord::default()
            },
            PipeRecord { pipe: "bob up".to_owned(), packets: 3_900, ..PipeRecord::default() },
        ],
        wire: vec![WireRecord {
            from: "alice".to_owned(),
            to: "bob".to_owned(),
            datagrams: 7_812,
            delivered: 7_718,
            lost: BTreeMap::from([("queue-full".to_owned(), 94)]),
            wire: 11_384_000,
            ip: 156_240,
            udp: 62_496,
            channel_data: 31_248,
            shim: 124_992,
            transport: 11_009_024,
            application: 10_000_000,
            ..WireRecord::default()
        }],
        relays: vec![RelayRecord {
            host: "turn".to_owned(),
            received: CarriedRecord { datagrams: 11_600, bytes: 12_000_000, payload: 11_500_000 },
            sent: CarriedRecord { datagrams: 11_600, bytes: 12_000_000, payload: 11_500_000 },
            sessions: 1,
            peak_sessions: 1,
        }],
        ledger: vec![
            ledger("alice", LedgerRole::Peer, &[bob], 3_900),
            ledger("bob", LedgerRole::Peer, &[alice], 7_718),
            ledger("turn", LedgerRole::Relay, &[alice, bob], 11_618),
            ledger("stun", LedgerRole::Stun, &[alice], 0),
            ledger("rendezvous", LedgerRole::Rendezvous, &[alice, bob], 0),
        ],
        ..passing("own-turn", &[], Path::Relay)
    }
}

/// A call both ways beside a file, in one session.
fn several() -> RunRecord {
    let call = CallRecord {
        directions: vec![call("alice", "bob"), call("bob", "alice")],
        bottleneck: Some(bottleneck()),
    };
    let file = TransferRecord { directions: vec![file()], bottleneck: Some(bottleneck()) };
    RunRecord {
        load: Some(LoadRecord::Datagrams(call.clone())),
        loads: BTreeMap::from([
            ("call".to_owned(), LoadRecord::Datagrams(call)),
            ("file".to_owned(), LoadRecord::Sctp(file)),
        ]),
        ..passing("bufferbloat", &[("queue", "fq-codel")], Path::Direct)
    }
}

/// A file of which not everything arrived.
fn unfinished() -> RunRecord {
    let direction = TransferDirection {
        bytes: 4_300_000,
        goodput_bps: Some(12_345_678),
        completed_ns: None,
        failure: Some("alice: timed out".to_owned()),
        ..file()
    };
    let record = TransferRecord { directions: vec![direction], bottleneck: None };
    RunRecord {
        load: Some(LoadRecord::Tcp(record)),
        verdict: Verdict::Fail,
        reasons: vec!["aborted: alice: timed out; 4.30MB of 10MB had arrived".to_owned()],
        ..passing("relay-dies", &[], Path::Relay)
    }
}

fn report() -> Report {
    Report::new("0.1.0", vec![full(), relayed(), several(), unfinished()])
}

#[test]
fn loads_have_a_row_for_each_direction() {
    insta::assert_snapshot!(human::render(&report(), Detail::Brief, Color::Never));
}

#[test]
fn details_are_what_it_cost_and_who_came_to_know() {
    insta::assert_snapshot!(human::render(&report(), Detail::Full, Color::Never));
}

#[test]
fn every_kind_reads_back_the_same_and_says_what_it_is() {
    let report = report();
    assert_eq!(serde_json::from_str::<Report>(&json::render(&report)).unwrap(), report);
    let value = serde_json::to_value(&report.runs).unwrap();
    let kinds = ["echo", "quic", "datagrams", "tcp"];
    for (run, kind) in value.as_array().unwrap().iter().zip(kinds) {
        let kinds: Vec<_> = run["load"].as_object().unwrap().keys().collect();
        assert_eq!(kinds, [kind]);
    }
    assert!(value[2]["loads"]["file"]["sctp"].is_object());
}

#[test]
fn what_costs_nothing_to_say_is_left_out_and_absent_measurements_are_null() {
    let of = |record: &RunRecord| serde_json::to_value(record).unwrap();
    let echo = of(&full());
    for key in ["loads", "bottleneck", "pipes", "wire", "relays"] {
        assert!(echo.get(key).is_none(), "{key}");
    }
    assert!(echo["ledger"].is_array());
    let unfinished = of(&unfinished());
    let direction = &unfinished["load"]["tcp"]["directions"][0];
    assert_eq!(direction.get("completed_ns"), Some(&Value::Null));
    assert_eq!(direction.get("series"), None);
}

#[test]
fn a_series_is_there_when_it_was_asked_for() {
    let series = SeriesRecord { start_at_ns: MS, interval_ns: 100 * MS, bytes: vec![1, 0, 3] };
    let direction = TransferDirection { series: Some(series), ..file() };
    let value = serde_json::to_value(direction).unwrap();
    assert_eq!(value["series"]["bytes"], serde_json::json!([1, 0, 3]));
}
