use natbed_report::{Path, ProfileRecord, Report, RunRecord, markdown};

use crate::fixture::{full, nat_matrix, passing, seen_as};

const COMMAND: &str = "natbed run scenarios/nat-matrix.yaml --out md=reports/nat-matrix.md";

#[test]
fn the_published_nat_matrix() {
    let report = Report::new("0.1.0", nat_matrix());
    insta::assert_snapshot!(markdown::matrix(&report, COMMAND).unwrap());
}

#[test]
fn failures_and_gaps_show_in_the_published_matrix() {
    let mut runs = nat_matrix();
    runs.truncate(20);
    runs[3] = seen_as(Path::None, RunRecord { connect_ns: None, ..runs[3].clone() });
    let report = Report::new("0.1.0", runs);
    let page = markdown::matrix(&report, COMMAND).unwrap();
    let row = |start: &str| page.lines().find(|line| line.starts_with(start)).unwrap();
    let cells = |start: &str| -> Vec<String> {
        row(start).split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    assert_eq!(cells("| **EIM/EIF**")[4..=6], ["D 164ms", "**-**!", "D 166ms"]);
    assert_eq!(cells("| **EIM/APDF**")[2..=5], ["D 168ms", "D 169ms", "", ""]);
    assert!(page.contains("19 of 20 outcomes are what the oracle predicts"), "{page}");
}

#[test]
fn a_report_that_is_no_grid_has_no_page() {
    let report = Report::new("0.1.0", vec![passing("same-lan", &[], Path::Lan)]);
    assert_eq!(markdown::matrix(&report, COMMAND), None);
}

#[test]
fn labels_cannot_break_the_page() {
    let evil = "|x|\n# y <b> `*_[z](u)\u{1b}";
    let labels = [(evil.to_owned(), evil.to_owned()), ("b".to_owned(), evil.to_owned())];
    let record =
        RunRecord { scenario: evil.to_owned(), case: labels.into_iter().collect(), ..full() };
    let page = markdown::matrix(&Report::new(evil, vec![record]), evil).unwrap();
    let row = page.lines().find(|line| line.starts_with("| **")).unwrap();
    assert_eq!(row.replace(r"\|", "").matches('|').count(), 3, "{row}");
    assert!(row.contains(r"\|x\|\\n# y \<b\> \`\*\_\[z\](u)\\u{1b}"), "{row}");
    assert_eq!(page.lines().filter(|line| line.starts_with('#')).count(), 2, "{page}");
    assert!(page.chars().all(|c| c == '\n' || !c.is_control()), "{page:?}");
}

/// Three devices against each other, one of them from memory.
fn devices() -> Vec<RunRecord> {
    let status = [("box", "measured"), ("phone", "unverified"), ("carrier_nat", "secondary")];
    let profile = |(name, status): (&str, &str)| ProfileRecord {
        name: name.to_owned(),
        status: status.to_owned(),
    };
    let pairs = status.iter().flat_map(|a| status.iter().map(move |b| (*a, *b)));
    pairs
        .map(|(a, b)| {
            let is_direct = a.0 == "box" || b.0 == "box";
            let path = if is_direct { Path::Direct } else { Path::Relay };
            let labels = [("alice", a.0), ("bob", b.0)];
            let profiles = vec![profile(a), profile(b)];
            RunRecord { profiles, ..passing("device-pairs", &labels, path) }
        })
        .collect()
}

#[test]
fn a_matrix_of_profiles_is_a_device_matrix_and_marks_what_is_unverified() {
    let mut runs = devices();
    runs[4] = seen_as(Path::None, runs[4].clone());
    insta::assert_snapshot!(markdown::matrix(&Report::new("0.1.0", runs), COMMAND).unwrap());
}

#[test]
fn a_matrix_with_other_labels_is_none_of_devices_but_says_what_is_unverified() {
    let mut runs = nat_matrix();
    runs[0].profiles = devices()[4].profiles.clone();
    let page = markdown::matrix(&Report::new("0.1.0", runs), COMMAND).unwrap();
    assert!(page.starts_with("# NAT matrix\n"), "{page}");
    let caution = "\n**Caution:** made with unverified profiles: phone (unverified).\n";
    assert!(page.contains(caution), "{page}");
}

#[test]
fn devices_of_two_kinds_head_their_columns_by_name() {
    let mut runs = devices();
    runs.retain(|run| run.case.iter().any(|(axis, label)| axis == "alice" && label == "box"));
    let page = markdown::matrix(&Report::new("0.1.0", runs), COMMAND).unwrap();
    let head = page.lines().find(|line| line.starts_with("| #")).unwrap();
    let cells: Vec<_> = head.split('|').map(str::trim).collect();
    assert_eq!(cells[2..6], [r"alice \\ bob", "box", "phone \u{2020}", "carrier\\_nat \u{2021}"]);
}
