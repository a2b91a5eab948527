//! `--pcap`: what is written is what a real dissector reads.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::support::{Folder, natbed, repository};

/// Runs tshark on a capture; `None`, with a note, where there is no tshark.
///
/// With `NATBED_REQUIRE_PEERS=1`, as in continuous integration, it must be there.
fn tshark(capture: &Path, arguments: &[&str]) -> Option<String> {
    #[allow(clippy::disallowed_methods)] // about the machine that tests, not about a run
    let is_required = std::env::var("NATBED_REQUIRE_PEERS").is_ok_and(|value| value == "1");
    let output = match Command::new("tshark").arg("-r").arg(capture).args(arguments).output() {
        Ok(output) => output,
        Err(error) => {
            assert!(!is_required, "tshark does not start: {error}");
            println!("skipped: tshark does not start: {error}");
            return None;
        }
    };
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    // It ends with success also for a file that is cut short, and says so there.
    assert!(!stderr.contains("appears to") && !stderr.contains("cut short"), "{stderr}");
    Some(String::from_utf8(output.stdout).unwrap())
}

/// Writes the capture of a shipped scenario and holds it against what the run reported.
fn assert_readable(scenario: &str, name: &str, loss: &str) {
    let folder = Folder::new(&format!("captured_{scenario}"));
    let file = repository().join(format!("scenarios/{scenario}.yaml"));
    let arguments = format!("run --format json --seed 5 --pcap {}", folder.path().display());
    let report = natbed(&arguments, &[&file]).with_code(0).report();
    assert_eq!(report.runs[0].path.as_str(), name);
    let capture = folder.file(&format!("{scenario}-seed5.pcapng"));
    assert!(capture.exists());

    let Some(malformed) =
        tshark(&capture, &["-Y", "_ws.malformed || _ws.expert.severity == error"])
    else {
        return;
    };
    assert_eq!(malformed, "", "tshark has nothing to complain about");

    let fields = |filter: &str, names: &[&str]| {
        let mut arguments = vec!["-Y", filter, "-T", "fields"];
        arguments.extend(names.iter().flat_map(|name| ["-e", name]));
        tshark(&capture, &arguments).unwrap()
    };
    // RFC 8489, RFC 8656: Binding for checks, Allocate for the relay.
    let methods = fields("stun", &["stun.type.method"]);
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for method in methods.split_whitespace() {
        *seen.entry(method).or_default() += 1;
    }
    for method in ["0x0001", "0x0003"] {
        assert!(seen.get(method).is_some_and(|count| *count >= 4), "{method}: {seen:?}");
    }

    let bad_sums = fields("ip.checksum.status == 0 || udp.checksum.status == 0", &["frame.number"]);
    assert_eq!(bad_sums, "", "checksums");
    let comments = fields("frame.comment", &["frame.comment"]);
    for comment in ["(new mapping)", "nat ", loss] {
        assert!(comments.contains(comment), "no {comment:?} in the comments:\n{comments}");
    }
    let interfaces = fields("frame", &["frame.interface_name"]);
    assert!(interfaces.lines().any(|name| name == "turn"), "{:?}", interfaces.lines().next());
    // The first packet leaves at the epoch of every run, to the nanosecond.
    let times = fields("frame.number == 1", &["frame.time_epoch"]);
    assert!(times.starts_with("17356896"), "{times}");
}

#[test]
fn tshark_reads_a_direct_call() {
    assert_readable(
        "carrier-nat-phone",
        "direct",
        "refused: port-closed (RFC 1122 section 4.1.3.1)",
    );
}

#[test]
fn tshark_reads_a_relayed_call() {
    assert_readable("two-homes", "relay", "dropped: nat-filtered (RFC 4787 section 5)");
}

#[test]
fn every_run_has_a_capture_of_its_own_and_is_the_same_with_it() {
    let folder = Folder::new("captured_runs");
    let arguments = format!(
        "run scenarios/turn-absent.yaml --format json --seed 1..2 --pcap {}",
        folder.file("deep/er").display()
    );
    let with = natbed(&arguments, &[]).with_code(0).report();
    let without = natbed("run scenarios/turn-absent.yaml --format json --seed 1..2", &[]);
    assert_eq!(with, without.with_code(0).report(), "a capture changes nothing");
    let mut names: Vec<_> = std::fs::read_dir(folder.file("deep/er"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    let expected = ["apdm-seed1", "apdm-seed2", "eim-seed1", "eim-seed2"]
        .map(|name| format!("turn-absent_bob={name}.pcapng"));
    assert_eq!(names, expected);
}
