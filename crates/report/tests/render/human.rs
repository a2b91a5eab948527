use natbed_report::human::Detail;
use natbed_report::{Color, Path, Prediction, Report, RunRecord, Verdict, human};

use crate::fixture::{error, full, nat_matrix, passing, seen_as, uncoloured, visible};

fn mixed() -> Report {
    let relay = passing("late-start", &[], Path::Relay);
    let open = RunRecord {
        oracle: Prediction::Open,
        oracle_reason: "the WAN side accepts".to_owned(),
        ..passing("wan-accept", &[], Path::None)
    };
    let disagreeing = RunRecord {
        agent: Path::Relay,
        reasons: vec!["the agent says relay, the network saw direct".to_owned()],
        verdict: Verdict::Fail,
        ..full()
    };
    Report::new(
        "0.1.0",
        vec![full(), passing("same-lan", &[], Path::Lan), relay, open, disagreeing, error()],
    )
}

#[test]
fn few_runs_have_a_row_each() {
    insta::assert_snapshot!(human::render(&mixed(), Detail::Brief, Color::Never));
}

#[test]
fn colour_tells_paths_and_verdicts_apart() {
    let coloured = human::render(&mixed(), Detail::Brief, Color::Always);
    insta::assert_snapshot!(visible(&coloured));
    assert_eq!(uncoloured(&coloured), human::render(&mixed(), Detail::Brief, Color::Never));
}

#[test]
fn many_runs_are_counted_by_scenario_and_failures_shown_in_full() {
    let mut runs = nat_matrix();
    runs[80] = seen_as(Path::None, runs[80].clone());
    runs.push(passing("same-lan", &[], Path::Lan));
    insta::assert_snapshot!(human::render(
        &Report::new("0.1.0", runs),
        Detail::Brief,
        Color::Never
    ));
}

#[test]
fn forty_runs_have_rows_forty_one_are_counted() {
    let runs = |number: usize| {
        let report = Report::new("0.1.0", vec![passing("same-lan", &[], Path::Lan); number]);
        human::render(&report, Detail::Brief, Color::Never)
    };
    assert_eq!(runs(40).lines().filter(|line| line.starts_with("same-lan")).count(), 40);
    assert_eq!(runs(41).lines().filter(|line| line.starts_with("same-lan")).count(), 1);
}

#[test]
fn seeds_are_a_column_only_if_there_are_several() {
    let mut second = passing("same-lan", &[], Path::Lan);
    let one = Report::new("0.1.0", vec![second.clone()]);
    second.seed = 12;
    let two = Report::new("0.1.0", vec![one.runs[0].clone(), second]);
    let header = |report: &Report| {
        human::render(report, Detail::Brief, Color::Never)
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    let without = "scenario  session  path  agent  oracle  gather  connect  verdict";
    assert_eq!(header(&one), without);
    assert_eq!(header(&two), without.replace("session", "seed  session"));
}

#[test]
fn the_summary_is_one_line() {
    let line = |runs| human::summary_line(&Report::new("0.1.0", runs), Color::Never);
    assert_eq!(
        line(nat_matrix()),
        "81 passed, 0 failed, 0 errors - 0 lan, 42 direct, 39 relay, 0 none - \
         81/81 agree with the oracle\n"
    );
    assert_eq!(
        line(mixed().runs),
        "4 passed, 1 failed, 1 error - 1 lan, 2 direct, 1 relay, 2 none - \
         4/5 agree with the oracle, 1 open\n"
    );
    assert_eq!(
        line(Vec::new()),
        "0 passed, 0 failed, 0 errors - 0 lan, 0 direct, 0 relay, 0 none - \
         0/0 agree with the oracle\n"
    );
}

#[test]
fn nothing_from_outside_reaches_the_terminal_raw() {
    let evil = "a\u{1b}]0;owned\u{7}\nb\u{202e}|\t";
    let record = RunRecord {
        scenario: evil.to_owned(),
        case: [(evil.to_owned(), evil.to_owned())].into_iter().collect(),
        session: evil.to_owned(),
        oracle_reason: evil.to_owned(),
        reasons: vec![evil.to_owned()],
        repeat: evil.to_owned(),
        verdict: Verdict::Fail,
        ..full()
    };
    let text = human::render(&Report::new("0.1.0", vec![record]), Detail::Brief, Color::Never);
    assert!(text.chars().all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'), "{text:?}");
    assert_eq!(text.lines().count(), 10, "{text}");
    assert!(text.contains(r"repeat: a\u{1b}]0;owned\u{7}\nb\u{202e}|\t"), "{text}");
}
