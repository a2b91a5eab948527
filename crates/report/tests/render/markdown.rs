use natbed_report::{Path, Report, RunRecord, markdown};

use crate::fixture::{full, nat_matrix, passing, seen_as};

const COMMAND: &str = "natbed run scenarios/nat-matrix.yaml --out md=reports/nat-matrix.md";

#[test]
fn the_published_nat_matrix() {
    let report = Report::new("0.1.0", nat_matrix());
    insta::assert_snapshot!(markdown::nat_matrix(&report, COMMAND).unwrap());
}

#[test]
fn failures_and_gaps_show_in_the_published_matrix() {
    let mut runs = nat_matrix();
    runs.truncate(20);
    runs[3] = seen_as(Path::None, RunRecord { connect_ns: None, ..runs[3].clone() });
    let report = Report::new("0.1.0", runs);
    let page = markdown::nat_matrix(&report, COMMAND).unwrap();
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
    assert_eq!(markdown::nat_matrix(&report, COMMAND), None);
}

#[test]
fn labels_cannot_break_the_page() {
    let evil = "|x|\n# y <b> `*_[z](u)\u{1b}";
    let labels = [(evil.to_owned(), evil.to_owned()), ("b".to_owned(), evil.to_owned())];
    let record =
        RunRecord { scenario: evil.to_owned(), case: labels.into_iter().collect(), ..full() };
    let page = markdown::nat_matrix(&Report::new(evil, vec![record]), evil).unwrap();
    let row = page.lines().find(|line| line.starts_with("| **")).unwrap();
    assert_eq!(row.replace(r"\|", "").matches('|').count(), 3, "{row}");
    assert!(row.contains(r"\|x\|\\n# y \<b\> \`\*\_\[z\](u)\\u{1b}"), "{row}");
    assert_eq!(page.lines().filter(|line| line.starts_with('#')).count(), 2, "{page}");
    assert!(page.chars().all(|c| c == '\n' || !c.is_control()), "{page:?}");
}
