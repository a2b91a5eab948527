//! `natbed nat conformance` as its user meets it.

use std::process::{Command, Output};

use serde_json::Value;

fn conformance(arguments: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_natbed"));
    command.args(["nat", "conformance"]).args(arguments.split_whitespace());
    command.output().expect("the program was built")
}

/// What it prints; it must end with that exit code.
#[track_caller]
fn printed(arguments: &str, code: i32) -> String {
    let Output { status, stdout, stderr } = conformance(arguments);
    let stderr = String::from_utf8(stderr).expect("natbed prints UTF-8");
    assert_eq!(status.code(), Some(code), "{arguments}: {stderr}");
    String::from_utf8(stdout).expect("natbed prints UTF-8")
}

#[test]
fn it_says_what_was_seen() {
    let text = printed("linux-masquerade --rfc 4787", 0);
    for line in [
        "linux-masquerade (measured)",
        "RFC 4787: UDP",
        "  REQ-3              MUST NOT    violated       Two internal endpoints never share",
        "    192.168.1.2:40000 and 192.168.1.3:40000 are both 198.18.0.1:40000 outside",
        "    a flow seen one way only ends after 30s",
    ] {
        assert!(text.contains(line), "no {line:?} in:\n{text}");
    }
    assert!(!text.contains("RFC 5382"));
}

#[test]
fn only_strictness_makes_violations_fail() {
    printed("linux-masquerade --rfc 4787 --strict", 100);
    printed("rfc4787-recommended --rfc 4787 --rfc 5382 --rfc 5508 --rfc 7857 --strict", 0);
    printed("ipv6-cpe-rfc6092-default --strict", 0);
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (arguments, code) in [
        ("", 2),
        ("linux-masquerade --all", 2),
        ("linux-masquerade --rfc 791", 2),
        ("linux-masquerde", 2),
        ("linux-masquerade --rfc 6092", 4),
    ] {
        assert_eq!(printed(arguments, code), "", "{arguments}");
    }
}

#[test]
fn programs_get_one_object() {
    let text = printed("linux-masquerade fritzbox --rfc 5382 --format json", 0);
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["schema"], 1);
    let boxes = value["boxes"].as_array().unwrap();
    let names: Vec<_> = boxes.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["linux-masquerade", "fritzbox"]);
    for one in boxes {
        let lines = one["requirements"].as_array().unwrap();
        for outcome in ["met", "violated", "not_applicable"] {
            let count = lines.iter().filter(|line| line["outcome"] == outcome).count();
            assert_eq!(one[outcome], count, "{outcome}");
        }
        let unsaid = lines.iter().filter(|line| line["outcome"] == "met");
        assert!(unsaid.clone().count() > 0 && unsaid.clone().all(|line| line["seen"].is_null()));
    }
}

/// Every line of a table has as many cells as its head, and two runs print the same.
#[test]
fn tables_are_whole_and_the_same_each_time() {
    let arguments = "linux-masquerade android-hotspot ipv6-cpe-rfc6092-default --rfc 4787 \
                     --rfc 5382 --rfc 6092 --format md";
    let text = printed(arguments, 0);
    assert_eq!(printed(arguments, 0), text);
    for (head, count) in [("## RFC 4787: UDP", 2), ("## RFC 5382: TCP", 2), ("## RFC 6092", 1)] {
        let table = &text[text.find(head).unwrap()..];
        let table: Vec<_> =
            table.lines().skip(1).skip_while(|line| line.is_empty()).take(count + 2).collect();
        let cells = |line: &str| line.matches('|').count();
        assert!(table.iter().all(|line| cells(line) == cells(table[0])), "{table:#?}");
    }
    assert!(text.contains("| linux-masquerade | + |"), "{text}");
    assert!(text.contains("| android-hotspot* | + |"), "nobody has verified it");
}
