//! The machine-readable forms: every key in every record, counts that count, several at once.

use std::fs;

use natbed_report::{Report, RunRecord, Summary};
use serde_json::Value;

use crate::support::{EVERYTHING, Folder, natbed, shipped};

/// The keys of a record that version 1 of the schema promises.
const PROMISED: [&str; 22] = [
    "scenario",
    "case",
    "seed",
    "session",
    "stack",
    "path",
    "witness",
    "agent",
    "oracle",
    "local",
    "remote",
    "gather_ns",
    "connect_ns",
    "load",
    "expect",
    "verdict",
    "reasons",
    "trace_hash",
    "events",
    "virtual_ns",
    "packets",
    "repeat",
];

#[test]
fn every_scenario_passes_and_every_promised_key_is_in_every_record() {
    let ended = EVERYTHING.ended.clone().with_code(0);
    assert_eq!(ended.stderr, "");
    let value: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(value["schema"], 1);
    assert_eq!(value["natbed"], env!("CARGO_PKG_VERSION"));
    let runs = value["runs"].as_array().unwrap();
    for run in runs {
        let record = run.as_object().unwrap();
        for key in PROMISED {
            assert!(record.contains_key(key), "no {key} in {run}");
        }
        assert_eq!(run["verdict"], "pass", "{run}");
        assert_eq!(run["reasons"], Value::Array(Vec::new()), "{run}");
        let end_of_pair = |key: &str| match &run[key] {
            Value::Null => None,
            end => Some((end["candidate"].as_str().unwrap(), end["address"].as_str().unwrap())),
        };
        for (candidate, address) in
            [end_of_pair("local"), end_of_pair("remote")].into_iter().flatten()
        {
            assert!(["host", "srflx", "prflx", "relay"].contains(&candidate), "{run}");
            assert!(address.parse::<std::net::SocketAddr>().is_ok(), "{run}");
        }
        let hash = run["trace_hash"].as_str().unwrap();
        let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        assert!(hash.len() == 16 && hash.chars().all(is_hex), "{run}");
    }
    let listed = natbed(&format!("list {}", shipped()), &[]).with_code(0).stdout;
    let mut names: Vec<_> = ended.report().runs.iter().map(crate::support::case_name).collect();
    names.dedup(); // the sessions of one run
    assert_eq!(
        names,
        listed.lines().collect::<Vec<_>>(),
        "what is listed is what is run, in order"
    );
}

#[test]
fn what_is_absent_is_null() {
    let report: Value = serde_json::from_str(&EVERYTHING.ended.stdout).unwrap();
    let find = |scenario: &str| {
        let mut runs = report["runs"].as_array().unwrap().iter();
        runs.find(|run| run["scenario"] == scenario).unwrap()
    };
    let blocked = find("udp-blocked");
    for key in ["witness", "local", "remote", "connect_ns", "load"] {
        assert!(blocked[key].is_null(), "{key}: {blocked}");
    }
    assert_eq!((&blocked["path"], &blocked["agent"]), (&"none".into(), &"none".into()));
    assert!(blocked["gather_ns"].is_u64(), "gathering ended, with what there was: {blocked}");
    let call = find("two-homes");
    for key in ["witness", "local", "remote", "connect_ns", "load", "expect", "gather_ns"] {
        assert!(!call[key].is_null(), "{key}: {call}");
    }
    assert_eq!(call["expect"], serde_json::json!({ "path": "relay", "connect_within": "5s" }));
}

#[test]
fn a_session_that_expects_nothing_has_a_null_there() {
    let folder = Folder::new("expects_nothing");
    let path = folder.write("lan.yaml", &crate::support::neighbours("stack: webrtc-ice"));
    let ended = natbed("run --format json", &[&path]).with_code(0);
    let value: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(value["runs"][0].get("expect"), Some(&Value::Null));
}

#[test]
fn the_summary_counts_the_records() {
    let report = EVERYTHING.ended.report();
    let count = |key: &str, word: &str| {
        let word_of = |run: &RunRecord| serde_json::to_value(run).unwrap()[key].clone();
        report.runs.iter().filter(|run| word_of(run) == word).count() as u64
    };
    let counted = Summary {
        pass: count("verdict", "pass"),
        fail: count("verdict", "fail"),
        error: count("verdict", "error"),
        lan: count("path", "lan"),
        direct: count("path", "direct"),
        relay: count("path", "relay"),
        none: count("path", "none"),
    };
    assert_eq!(report.summary, counted);
    assert_eq!(counted.pass, report.runs.len() as u64);
    assert!([counted.lan, counted.direct, counted.relay, counted.none].iter().all(|n| *n > 0));
}

#[test]
fn agents_leave_no_task_behind_in_any_scenario() {
    for run in EVERYTHING.ended.report().runs {
        assert_eq!(run.tasks_left, 0, "{}", crate::support::case_name(&run));
    }
}

#[test]
fn all_forms_at_once_have_the_same_records() {
    assert_eq!(EVERYTHING.json_file, EVERYTHING.ended.stdout);
    let from_lines: Vec<RunRecord> =
        EVERYTHING.jsonl_file.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(from_lines, EVERYTHING.ended.report().runs);

    let folder = Folder::new("all_forms");
    let outputs: Vec<_> = ["json", "jsonl", "md"]
        .map(|form| format!("--out {form}={}", folder.file(form).display()))
        .to_vec();
    let arguments =
        format!("run scenarios/hairpin.yaml --format jsonl --seed 3..4 {}", outputs.join(" "));
    let ended = natbed(&arguments, &[]).with_code(0);
    let read = |form| fs::read_to_string(folder.file(form)).unwrap();
    assert_eq!(read("jsonl"), ended.stdout);
    let report: Report = serde_json::from_str(&read("json")).unwrap();
    let lines: Vec<RunRecord> =
        ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((report.runs.len(), &report.runs), (12, &lines));
    let page = read("md");
    for said in ["# NAT matrix\n", "12 runs of the scenario hairpin with seeds 3..4", "**R**"] {
        assert!(page.contains(said), "no {said:?} in:\n{page}");
    }
}
