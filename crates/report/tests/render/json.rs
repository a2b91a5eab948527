use std::io;

use natbed_report::{Report, RunRecord, Summary, json};
use serde_json::Value;

use crate::fixture::{error, full, nat_matrix, seen_as};

fn keys(value: &Value) -> Vec<&str> {
    let object = value.as_object().expect("an object");
    let mut keys: Vec<_> = object.keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn every_promised_key_is_there_also_where_there_is_nothing_to_say() {
    let promised = [
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
        "tasks_left",
        "packets",
    ];
    let report = Report::new("0.1.0", vec![full(), error()]);
    let value: Value = serde_json::from_str(&json::render(&report)).unwrap();
    assert_eq!(keys(&value), ["natbed", "runs", "schema", "summary"]);
    assert_eq!(value["schema"], 1);
    assert_eq!(
        keys(&value["summary"]),
        ["direct", "error", "fail", "lan", "none", "pass", "relay"]
    );
    for run in value["runs"].as_array().unwrap() {
        for key in promised {
            assert!(run.get(key).is_some(), "{key} is missing");
        }
        assert_eq!(keys(&run["packets"]), ["delivered", "dropped", "sent"]);
    }
    let error = &value["runs"][1];
    for key in ["witness", "local", "remote", "gather_ns", "connect_ns", "load", "expect"] {
        assert!(error[key].is_null(), "{key}: {}", error[key]);
    }
    let local = &value["runs"][0]["local"];
    assert_eq!(keys(local), ["address", "candidate"]);
}

#[test]
fn one_run_a_line_with_keys_in_the_promised_order() {
    insta::assert_snapshot!(json::render(&Report::new("0.1.0", vec![full(), error()])));
    assert_eq!(
        json::render(&Report::new("0.1.0", Vec::new())),
        "{\"schema\":1,\"natbed\":\"0.1.0\",\"runs\":[\n],\"summary\":{\"pass\":0,\"fail\":0,\
         \"error\":0,\"lan\":0,\"direct\":0,\"relay\":0,\"none\":0}}\n"
    );
}

#[test]
fn what_is_written_reads_back_the_same() {
    let report = Report::new("0.1.0", vec![full(), error()]);
    assert_eq!(serde_json::from_str::<Report>(&json::render(&report)).unwrap(), report);
}

#[test]
fn a_reader_ignores_keys_that_join_later() {
    let line = serde_json::to_string(&full()).unwrap();
    let line = line.replacen('{', r#"{"later":[1,{"a":null}],"#, 1);
    assert_eq!(serde_json::from_str::<RunRecord>(&line).unwrap(), full());
}

#[test]
fn json_lines_are_the_records_alone_one_a_line() {
    let records = [full(), error()];
    let mut out = Vec::new();
    for record in &records {
        json::write_line(&mut out, record).unwrap();
    }
    let text = String::from_utf8(out).unwrap();
    let read: Vec<RunRecord> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(read, records);
    assert!(text.ends_with('\n'));
}

#[test]
fn a_broken_pipe_is_an_error_not_a_panic() {
    struct Broken;
    impl io::Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let error = json::write_line(Broken, &full()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
}

#[test]
fn the_summary_counts_verdicts_and_the_network_s_word() {
    let mut runs = nat_matrix();
    runs.push(seen_as(natbed_report::Path::Relay, full()));
    runs.push(error());
    let expected = Summary { pass: 81, fail: 1, error: 1, lan: 0, direct: 42, relay: 40, none: 1 };
    assert_eq!(Report::new("0.1.0", runs).summary, expected);
}

#[test]
fn an_echo_load_is_counted_each_way_and_together() {
    let value = serde_json::to_value(full()).unwrap();
    let echo = &value["load"]["echo"];
    assert_eq!([&echo["sent"], &echo["received"], &echo["lost"]], [6, 5, 1]);
    assert_eq!(echo["loss_ppm"], 166_667);
    assert_eq!([&echo["rtt_min_ns"], &echo["rtt_p50_ns"]], [40_000_000, 41_000_000]);
    assert_eq!([&echo["rtt_p95_ns"], &echo["rtt_max_ns"]], [56_000_000, 56_000_000]);
    let bob = &echo["directions"][1];
    assert_eq!([&bob["from"], &bob["to"]], ["bob", "alice"]);
    assert_eq!([&bob["lost"], &bob["loss_ppm"], &bob["rtt_max_ns"]], [1, 333_333, 44_000_000]);
}

#[test]
fn the_axes_of_a_case_keep_their_order() {
    let line = serde_json::to_string(&full()).unwrap();
    assert!(line.contains(r#""case":{"nat":"EIM/APDF","first":"bob"},"seed":7"#), "{line}");
}
