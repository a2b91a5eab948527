//! `natbed` alone: the NAT matrix as a grid, each cell as the published rule says.

use std::collections::BTreeMap;

use natbed_report::{Path, Prediction};

use crate::support::{EVERYTHING, natbed};

/// Made outside of natbed, cell by cell: the closed form and a brute-force solver agree on it.
const PUBLISHED: &str = include_str!("../../../crates/nat/tests/data/outcome-matrix.csv");
const CLASSES: [&str; 9] = [
    "EIM/EIF",
    "EIM/ADF",
    "EIM/APDF",
    "ADM/EIF",
    "ADM/ADF",
    "ADM/APDF",
    "APDM/EIF",
    "APDM/ADF",
    "APDM/APDF",
];

/// The published outcome of each ordered pair of classes.
fn published() -> BTreeMap<(String, String), String> {
    let mut lines = PUBLISHED.lines();
    assert!(
        lines.next().unwrap().starts_with("a_mapping,a_filtering,b_mapping,b_filtering,expected,")
    );
    let cells = lines.map(|line| {
        let fields: Vec<_> = line.split(',').collect();
        let class = |at: usize| format!("{}/{}", fields[at], fields[at + 1]);
        ((class(0), class(2)), fields[4].to_owned())
    });
    let cells: BTreeMap<_, _> = cells.collect();
    assert_eq!(cells.len(), 81);
    cells
}

#[test]
fn the_grid_shows_what_the_rule_says_and_the_lines_below_sum_it_up() {
    let ended = natbed("", &[]).with_code(0);
    assert_eq!(ended.stderr, "");
    assert!(!ended.stdout.contains('\u{1b}'), "no escape codes where there is no terminal");
    let published = published();
    for row in CLASSES {
        let line = ended.stdout.lines().find(|line| line.trim_start().starts_with(row));
        let line = line.unwrap_or_else(|| panic!("no row {row} in:\n{}", ended.stdout));
        let letters: Vec<_> = line.split_whitespace().skip(1).collect();
        let expected =
            CLASSES.map(|column| match &*published[&(row.to_owned(), column.to_owned())] {
                "direct" => "D",
                "relay" => "R",
                other => panic!("{other}"),
            });
        assert_eq!(letters, expected, "the row {row} of:\n{}", ended.stdout);
    }
    for said in [
        "nat-matrix  81 runs, seed 1\n",
        " 42/42 ",
        " 39/39 ",
        "81 passed, 0 failed, 0 errors - 0 lan, 42 direct, 39 relay, 0 none - \
         81/81 agree with the oracle\n",
        "\nNext:\n  natbed run scenarios ",
    ] {
        assert!(ended.stdout.contains(said), "no {said:?} in:\n{}", ended.stdout);
    }
}

#[test]
fn witness_agent_and_oracle_say_of_each_cell_what_the_rule_says() {
    let published = published();
    let report = EVERYTHING.ended.report();
    let runs: Vec<_> = report.runs.iter().filter(|run| run.scenario == "nat-matrix").collect();
    assert_eq!(runs.len(), 81);
    for run in runs {
        let labels: Vec<_> = run.case.iter().collect();
        let [("alice", a), ("bob", b)] = labels[..] else { panic!("{labels:?}") };
        let expected = published[&(a.to_owned(), b.to_owned())].as_str();
        assert_eq!(run.path.as_str(), expected, "{a} {b}");
        assert_eq!(run.oracle, Prediction::from(run.path), "{a} {b}");
        assert_eq!((run.witness, run.agent), (Some(run.path), run.path), "{a} {b}");
        // A relay passes each datagram, whatever its other end is called; a direct path has none.
        let relayed = [&run.local, &run.remote]
            .map(|end| end.as_ref().unwrap().address.starts_with("203.0.113.10:"));
        assert_eq!(relayed.contains(&true), run.path == Path::Relay, "{a} {b}");
    }
}

#[test]
fn colour_is_used_when_it_is_asked_for() {
    let output = crate::support::program()
        .args(["run", "scenarios/same-lan.yaml"])
        .env("CLICOLOR_FORCE", "1")
        .output();
    let stdout = String::from_utf8(output.unwrap().stdout).unwrap();
    assert!(stdout.contains("\u{1b}["), "{stdout}");
}
