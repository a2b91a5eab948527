//! Matrices near the limit are checked and listed without being run.

use crate::support::{Folder, natbed};

/// A matrix of 10 x 10 x 10 x 10 cases over two homes.
fn ten_thousand() -> String {
    let axis = |name: &str| {
        let values: Vec<_> = (1..=10).map(|n| format!("{n}ms")).collect();
        format!("  {name}: [{}]\n", values.join(", "))
    };
    let home = |name: &str, axis: &str| {
        format!(
            "  {name}: {{ subnet: 192.168.1.0/24, gateway: {{ nat: linux-masquerade, \
             uplink: {{ delay: \"${{{axis}}}\" }} }} }}\n"
        )
    };
    format!(
        "natbed: 1\nname: large\nmatrix:\n{}{}{}{}lans:\n{}{}\
         hosts:\n  alice: {{ lan: alice-home, uplink: {{ delay: \"${{alice}}\" }} }}\n  \
         bob: {{ lan: bob-home, uplink: {{ delay: \"${{bob}}\" }} }}\n\
         sessions: {{ call: {{ between: [alice, bob], expect: {{ path: none }} }} }}\n",
        axis("alice-line"),
        axis("bob-line"),
        axis("alice"),
        axis("bob"),
        home("alice-home", "alice-line"),
        home("bob-home", "bob-line"),
    )
}

#[test]
fn ten_thousand_cases_are_checked_and_listed() {
    let folder = Folder::new("ten_thousand");
    let path = folder.write("large.yaml", &ten_thousand());
    let checked = natbed("check", &[&path]).with_code(0);
    assert!(checked.stdout.contains("large (10000 cases"), "{}", checked.stdout);

    let listed = natbed("list", &[&path]).with_code(0).stdout;
    let names: Vec<_> = listed.lines().collect();
    assert_eq!(names.len(), 10_000);
    assert_eq!(names[0], "large/alice-line=1ms,bob-line=1ms,alice=1ms,bob=1ms");
    assert_eq!(names[1], "large/alice-line=1ms,bob-line=1ms,alice=1ms,bob=2ms");
    assert_eq!(names[9_999], "large/alice-line=10ms,bob-line=10ms,alice=10ms,bob=10ms");
    let filtered = natbed(&format!("list {} --filter {}", path.display(), names[7_777]), &[]);
    assert_eq!(filtered.with_code(0).stdout, format!("{}\n", names[7_777]));
}

#[test]
fn one_case_of_ten_thousand_is_run() {
    let folder = Folder::new("one_of_ten_thousand");
    let path = folder.write("large.yaml", &ten_thousand());
    let filter = "large/alice-line=3ms,bob-line=4ms,alice=2ms,bob=5ms";
    let report = natbed(&format!("run --format json --filter {filter}"), &[&path]);
    let report = report.with_code(0).report();
    assert_eq!(report.runs.len(), 1);
    assert_eq!(crate::support::case_name(&report.runs[0]), filter);
}
