//! A run that does not meet its expectation fails with its reason and the command that repeats it.

use std::path::Path;
use std::process::Command;

use natbed_report::{RunRecord, Verdict};

use crate::support::{Ended, Folder, natbed, neighbours, repository};

/// Runs a scenario that must fail and returns its only record.
fn failing(name: &str, text: &str) -> RunRecord {
    let folder = Folder::new(name);
    let path = folder.write("failing.yaml", text);
    let report = natbed("run --format json", &[&path]).with_code(100).report();
    assert_eq!((report.summary.fail, report.runs.len()), (1, 1), "{report:#?}");
    assert_eq!(report.runs[0].verdict, Verdict::Fail);
    report.runs[0].clone()
}

/// A session of neighbours in which only the expectation is wrong fails for that reason alone.
#[track_caller]
fn assert_reasons(name: &str, expect: &str, reasons: &[&str]) {
    let record = failing(name, &neighbours(&format!("expect: {{ {expect} }}")));
    assert_eq!(record.reasons, reasons);
}

#[test]
fn another_path() {
    assert_reasons("expect_path", "path: direct", &["path: expected direct, the network saw lan"]);
}

#[test]
fn too_late_a_connection() {
    let record = failing("expect_within", &neighbours("expect: { connect_within: 50ms }"));
    let [reason] = &record.reasons[..] else { panic!("{:?}", record.reasons) };
    let took = natbed_units::SimDuration::from_nanos(record.connect_ns.unwrap());
    let expected = format!("connect_within: expected a connection within 50ms, took {took}");
    assert_eq!(*reason, expected);
}

#[test]
fn no_connection_at_all() {
    let text = "natbed: 1\nname: cut\ninternet: none\n\
         lans: { home: { subnet: 192.168.1.0/24 } }\n\
         hosts: { alice: { lan: home }, bob: { lan: home } }\n\
         events: [{ at: 0s, link_down: bob }]\n\
         sessions: { call: { between: [alice, bob], expect: { connect_within: 5s } } }\n";
    let record = failing("expect_connection", text);
    let [reason] = &record.reasons[..] else { panic!("{:?}", record.reasons) };
    assert_eq!(
        reason,
        "connect_within: expected a connection within 5s, there was none; \
         controlling: no candidate pair worked; controlled: no candidate pair worked"
    );
    assert_eq!((record.connect_ns, record.load), (None, None));
}

#[test]
fn states_that_were_not_entered_in_this_order() {
    assert_reasons(
        "expect_states",
        "states: [connected, disconnected]",
        &[
            "states: expected the controlling agent to enter connected, disconnected; \
             it entered checking, connected",
            "states: expected the controlled agent to enter connected, disconnected; \
             it entered checking, connected",
        ],
    );
}

#[test]
fn another_state_at_the_end() {
    assert_reasons(
        "expect_final_state",
        "final_state: failed",
        &[
            "final_state: expected the controlling agent to end failed, it ended connected",
            "final_state: expected the controlled agent to end failed, it ended connected",
        ],
    );
}

#[test]
fn lost_echoes() {
    // Alice's link is down for the last part of the load; nothing else is affected.
    let text = "natbed: 1\nname: lossy\ninternet: none\n\
         lans: { home: { subnet: 192.168.1.0/24 } }\n\
         hosts: { alice: { lan: home }, bob: { lan: home } }\n\
         events: [{ at: 550ms, link_down: alice }]\n\
         sessions:\n  call:\n    between: [alice, bob]\n    \
         load: { echo: { count: 10, interval: 100ms } }\n    \
         expect: { path: lan, loss: { at_most: 10% } }\n";
    let record = failing("expect_loss", text);
    assert_eq!(record.reasons, ["loss: expected at most 10%, 10 of 20 echoes were lost"]);
}

#[test]
fn slow_round_trips() {
    // On a link of 1 ms, an echo takes four times that.
    let slow = |expect: &str| {
        neighbours(&format!("expect: {{ {expect} }}"))
            .replace("192.168.1.0/24", "192.168.1.0/24, link: { delay: 1ms }")
    };
    for key in ["rtt_p50", "rtt_p95"] {
        let record =
            failing(&format!("expect_{key}"), &slow(&format!("{key}: {{ at_most: 3ms }}")));
        assert_eq!(record.reasons, [format!("{key}: expected at most 3ms, measured 4ms")]);
    }
}

#[test]
fn what_the_oracle_leaves_open_cannot_be_expected_of_it() {
    let text = std::fs::read_to_string(repository().join("scenarios/late-start.yaml")).unwrap();
    let text = text.replace("late: [500ms, 2s, 5s]", "late: [5s]");
    let text = text.replace(
        "{ alice-calls: [alice, bob], bob-calls: [bob, alice] }",
        "{ alice-calls: [alice, bob] }",
    );
    let record = failing("expect_open", &text.replace("path: direct", "path: \"${oracle}\""));
    let [reason] = &record.reasons[..] else { panic!("{:?}", record.reasons) };
    let start = "path: expected what the oracle predicts, which is open: ";
    assert!(reason.starts_with(start), "{reason}");
}

#[test]
fn several_expectations_give_several_reasons() {
    let expect = "expect: { path: direct, connect_within: 1ms, rtt_p50: { at_most: 1us } }";
    let record = failing("expect_several", &neighbours(expect));
    let starts: Vec<_> = record
        .reasons
        .iter()
        .filter_map(|reason| reason.split_once(':'))
        .map(|(key, _)| key)
        .collect();
    assert_eq!(starts, ["path", "connect_within", "rtt_p50"]);
}

/// Runs a command line as it was printed, in a shell that finds this `natbed` by that name.
fn shell(command: &str) -> Ended {
    let binary = Path::new(env!("CARGO_BIN_EXE_natbed"));
    let output = Command::new("/bin/sh")
        .args(["-c", command])
        .current_dir(repository())
        .env("PATH", binary.parent().unwrap())
        .output();
    output.unwrap().into()
}

#[test]
fn the_command_that_repeats_a_failure_repeats_it() {
    // One expectation of a shipped scenario is changed, in a file whose name a shell must quote.
    let folder = Folder::new("repeat it");
    let shipped = repository().join("scenarios/hairpin.yaml");
    let text = std::fs::read_to_string(shipped).unwrap();
    let expected = "path: \"${oracle}\", connect_within: 5s";
    assert!(text.contains(expected));
    let path = folder.write("it's changed.yaml", &text.replace(expected, "path: direct"));

    let human = natbed("run --seed 7..8 --filter hairpin=external", &[&path]).with_code(100);
    let json = natbed("run --seed 7..8 --filter hairpin=external --format json", &[&path])
        .with_code(100)
        .report();
    // EIM is direct through the hairpin, APDM is not: 2 of 4 runs fail.
    assert_eq!((json.summary.pass, json.summary.fail), (2, 2));
    let failed: Vec<_> = json.runs.iter().filter(|run| run.verdict == Verdict::Fail).collect();
    for (record, seed) in failed.iter().zip(7..) {
        assert_eq!(record.seed, seed);
        assert_eq!(record.reasons, ["path: expected direct, the network saw relay"]);
        let title =
            format!("FAIL  hairpin hairpin=external mapping=apdm, session call, seed {seed}\n");
        let repeat = format!("      repeat: {}\n", record.repeat);
        let said = [&title, "      path: expected direct, the network saw relay\n", &repeat];
        for line in said {
            assert!(human.stdout.contains(line), "no {line:?} in:\n{}", human.stdout);
        }
        let again = shell(&format!("{} --format json", record.repeat)).with_code(100).report();
        assert_eq!(again.runs, [(*record).clone()], "the same run, to the trace hash");
        assert_eq!(again.runs[0].trace_hash, record.trace_hash);
    }
}

#[test]
fn fail_fast_stops_at_the_first_failure() {
    let folder = Folder::new("fail_fast");
    let path = folder.write("lan.yaml", &neighbours("expect: { path: direct }"));
    let report = natbed("run --format json --seed 1..50 --jobs 2 --fail-fast", &[&path])
        .with_code(100)
        .report();
    assert!((1..10).contains(&report.runs.len()), "{} runs", report.runs.len());
    let seeds: Vec<_> = report.runs.iter().map(|run| run.seed).collect();
    assert_eq!(seeds, (1..=seeds.len() as u64).collect::<Vec<_>>(), "a gapless beginning");
}
