//! Records made by hand.

use std::collections::BTreeMap;

use natbed_report::{
    CandidateRecord, Case, EchoRecord, EchoSamples, LoadRecord, PacketCounts, Path, PayloadCounts,
    Prediction, RunRecord, StateRecord, Verdict,
};

pub(crate) const MS: u64 = 1_000_000;

/// A passing record with everything in it: a direct path between two homes.
pub(crate) fn full() -> RunRecord {
    RunRecord {
        scenario: "two-homes".to_owned(),
        case: case(&[("nat", "EIM/APDF"), ("first", "bob")]),
        seed: 7,
        session: "call".to_owned(),
        stack: "webrtc-ice".to_owned(),
        path: Path::Direct,
        witness: Some(Path::Direct),
        agent: Path::Direct,
        oracle: Prediction::Direct,
        oracle_reason: "both mappings are endpoint-independent".to_owned(),
        local: Some(CandidateRecord {
            candidate: "host".to_owned(),
            address: "192.168.1.2:50000".to_owned(),
        }),
        remote: Some(CandidateRecord {
            candidate: "srflx".to_owned(),
            address: "203.0.113.7:50000".to_owned(),
        }),
        gather_ns: Some(81 * MS + 250_000),
        connect_ns: Some(1_294 * MS),
        states: BTreeMap::from([
            ("alice".to_owned(), states(&[(0, "checking"), (1_290 * MS, "connected")])),
            ("bob".to_owned(), states(&[(500 * MS, "checking"), (1_294 * MS, "connected")])),
        ]),
        timeline: Vec::new(),
        restarts: Vec::new(),
        discovery: None,
        load: Some(LoadRecord::Echo(EchoRecord::evaluate(vec![
            echo("alice", "bob", 3, &[56 * MS, 40 * MS, 41 * MS]),
            echo("bob", "alice", 3, &[40 * MS, 44 * MS]),
        ]))),
        loads: BTreeMap::new(),
        bottleneck: None,
        pipes: Vec::new(),
        wire: Vec::new(),
        relays: Vec::new(),
        ledger: Vec::new(),
        payload: PayloadCounts { lan: 0, direct: 11, relay: 0 },
        expect: Some(serde_json::json!({"path": "direct", "connect_within": "5s"})),
        verdict: Verdict::Pass,
        reasons: Vec::new(),
        trace_hash: "00c0ffee5eed0042".to_owned(),
        events: 1234,
        virtual_ns: 7_000 * MS,
        tasks_left: 0,
        packets: PacketCounts {
            sent: 120,
            delivered: 117,
            dropped: BTreeMap::from([("nat-filtered".to_owned(), 3)]),
        },
        nat: BTreeMap::from([("bob-home".to_owned(), "eim apdf ports=preserve".to_owned())]),
        profiles: Vec::new(),
        repeat: "natbed run scenarios/two-homes.yaml --filter bob --seed 7".to_owned(),
    }
}

/// A record in error: nothing was observed.
pub(crate) fn error() -> RunRecord {
    RunRecord {
        case: Case::default(),
        path: Path::None,
        witness: None,
        agent: Path::None,
        local: None,
        remote: None,
        gather_ns: None,
        connect_ns: None,
        states: BTreeMap::new(),
        load: None,
        payload: PayloadCounts::default(),
        expect: None,
        verdict: Verdict::Error,
        reasons: vec!["more than 1000000 events".to_owned()],
        packets: PacketCounts::default(),
        nat: BTreeMap::new(),
        ..full()
    }
}

/// A passing record as the oracle predicts it.
pub(crate) fn passing(scenario: &str, labels: &[(&str, &str)], path: Path) -> RunRecord {
    RunRecord {
        scenario: scenario.to_owned(),
        case: case(labels),
        seed: 1,
        path,
        witness: Some(path),
        agent: path,
        oracle: path.into(),
        repeat: format!("natbed run scenarios/{scenario}.yaml --seed 1"),
        load: None,
        ..full()
    }
}

/// `record` failing because the network saw `path`.
pub(crate) fn seen_as(path: Path, mut record: RunRecord) -> RunRecord {
    record.reasons = vec![format!("expected path {}, the network saw {path}", record.path)];
    record.verdict = Verdict::Fail;
    record.path = path;
    record.witness = Some(path);
    record
}

/// The published matrix in shape and outcome: nine NAT classes for each of two hosts.
pub(crate) fn nat_matrix() -> Vec<RunRecord> {
    let mappings = ["EIM", "ADM", "APDM"];
    let filterings = ["EIF", "ADF", "APDF"];
    let class = |index: usize| (mappings[index / 3], filterings[index % 3]);
    let pairs = (0..9).flat_map(|a| (0..9).map(move |b| (a, b)));
    let record = |(a, b): (usize, usize)| {
        let (alice, bob) = (class(a), class(b));
        let apdf = |(_, filtering)| filtering == "APDF";
        let direct = match (alice.0, bob.0) {
            ("EIM", "EIM") => true,
            ("EIM", _) => !apdf(alice),
            (_, "EIM") => !apdf(bob),
            ("APDM", "APDM") => false,
            _ => !apdf(alice) && !apdf(bob) && (alice.1 == "EIF" || bob.1 == "EIF"),
        };
        let (path, wait) = if direct { (Path::Direct, 162) } else { (Path::Relay, 1_290) };
        let label = |(mapping, filtering): (&str, &str)| format!("{mapping}/{filtering}");
        let labels = [("alice", label(alice)), ("bob", label(bob))];
        let labels = labels.each_ref().map(|(axis, label)| (*axis, label.as_str()));
        let connect_ns = Some((wait + 3 * a as u64 + b as u64) * MS);
        RunRecord { connect_ns, ..passing("nat-matrix", &labels, path) }
    };
    pairs.map(record).collect()
}

pub(crate) fn case(labels: &[(&str, &str)]) -> Case {
    labels.iter().map(|&(axis, label)| (axis.to_owned(), label.to_owned())).collect()
}

fn states(entered: &[(u64, &str)]) -> Vec<StateRecord> {
    entered.iter().map(|&(at_ns, state)| StateRecord { at_ns, state: state.to_owned() }).collect()
}

fn echo(from: &str, to: &str, sent: u64, round_trips_ns: &[u64]) -> EchoSamples {
    let (from, to) = (from.to_owned(), to.to_owned());
    EchoSamples { from, to, sent, round_trips_ns: round_trips_ns.to_vec() }
}

/// Makes colour visible in snapshots: the escape byte prints as `␛`.
pub(crate) fn visible(text: &str) -> String {
    text.replace('\u{1b}', "␛")
}

/// Takes the colour away again, and with it the blank end of a coloured block.
pub(crate) fn uncoloured(text: &str) -> String {
    let mut plain = String::new();
    for line in text.lines() {
        let mut parts = line.split('\u{1b}');
        let mut uncoloured = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (code, rest) = part.split_once('m').expect("an escape sequence that sets a style");
            assert!(code.starts_with('['), "{code:?}");
            uncoloured += rest;
        }
        plain += uncoloured.trim_end();
        plain.push('\n');
    }
    plain
}
