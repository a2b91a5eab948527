//! Axes, what is put in their place, and the cases that come of them.

use crate::marked::{HOSTS, SESSIONS, assert_errors, invalid, scenario, valid};
use natbed_nat::{Filtering, Mapping};
use natbed_scenario::{ExpectedPath, Path, Scenario, SeedRange};
use natbed_units::SimDuration;

const WORLD: &str = "\
lans:
  home:
    subnet: 192.168.${net}.0/24
    gateway:
      nat: ${nat}
      uplink: { delay: \"${delay}ms\" }
hosts:
  a: { lan: home }
  b: { internet: 198.51.100.2 }
  turn: { internet: 198.51.100.9, serve: { turn: { users: { u: p } } } }
sessions:
  call:
    between: \"${roles}\"
    turn: ${turn}
    start: { \"${late}\": 500ms }
    expect: ${expect}
seeds: 3..5
";

const MATRIX: &str = "\
matrix:
  nat: [linux-masquerade, { mapping: apdm, filtering: eif }]
  roles: [[a, b], [b, a]]
  late: [a, b]
  net: [1, 77]
  delay: [5]
  turn: { with: [turn], without: [] }
  expect: { any: { path: direct }, late: { connect_within: 9s } }
";

fn document() -> String {
    scenario(&format!("{WORLD}{MATRIX}"))
}

#[test]
fn the_first_axis_changes_slowest() {
    let document = valid(&document());
    assert_eq!(document.case_count(), 2 * 2 * 2 * 2 * 2 * 2);
    assert_eq!(document.seeds(), SeedRange { first: 3, last: 5 });
    let axes: Vec<_> =
        document.axes().iter().map(|axis| (&*axis.name, axis.labels.len())).collect();
    let expected = [("nat", 2), ("roles", 2), ("late", 2), ("net", 2), ("delay", 1), ("turn", 2)];
    assert_eq!(axes[..6], expected);
    let labels = |case: usize| -> Vec<String> {
        document.case(case).labels.into_iter().map(|(_, label)| label).collect()
    };
    assert_eq!(labels(0), ["linux-masquerade", "[a, b]", "a", "1", "5", "with", "any"]);
    assert_eq!(labels(1), ["linux-masquerade", "[a, b]", "a", "1", "5", "with", "late"]);
    assert_eq!(labels(4), ["linux-masquerade", "[a, b]", "a", "77", "5", "with", "any"]);
    assert_eq!(
        labels(63),
        ["{mapping: apdm, filtering: eif}", "[b, a]", "b", "77", "5", "without", "late"]
    );
    let cases: Vec<_> = document.cases().map(|case| case.labels).collect();
    let labels: Vec<_> = (0..document.case_count()).map(|case| document.labels(case)).collect();
    assert_eq!(cases, labels);
    let mut distinct = cases.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!((cases.len(), distinct.len()), (64, 64));
}

#[test]
fn values_of_every_type_are_put_in_place() {
    let document = valid(&document());
    let parts = |scenario: &Scenario| {
        let gateway = scenario.lans[0].gateway.clone().unwrap();
        let session = scenario.sessions[0].clone();
        (
            scenario.lans[0].subnet.to_string(),
            gateway.nat.unwrap(),
            gateway.uplink.up.delay,
            session.between.map(|host| host.0),
            session.turn.len(),
            session.start.map(|start| start.as_nanos() / 1_000_000),
            session.expect.unwrap(),
        )
    };
    let (subnet, nat, delay, between, turn, start, expect) = parts(&document.case(0).scenario);
    assert_eq!(subnet, "192.168.1.0/24");
    assert_eq!(nat.profile.as_ref().map(|profile| &*profile.name), Some("linux-masquerade"));
    assert_eq!(delay, SimDuration::from_millis(5));
    assert_eq!((between, turn, start), ([0, 1], 1, [500, 0]));
    assert_eq!((expect.path, expect.line), (Some(ExpectedPath::Is(Path::Direct)), 18));

    let (subnet, nat, _, between, turn, start, expect) = parts(&document.case(63).scenario);
    assert_eq!(subnet, "192.168.77.0/24");
    assert_eq!(nat.profile, None);
    assert_eq!(nat.nat().unwrap().mapping, Mapping::AddressAndPortDependent);
    assert_eq!(nat.nat().unwrap().filtering, Filtering::EndpointIndependent);
    assert_eq!((between, turn, start), ([1, 0], 0, [500, 0]));
    assert_eq!((expect.path, expect.connect_within), (None, Some(SimDuration::from_secs(9))));
}

#[test]
fn the_oracle_is_an_expected_path() {
    let document = valid(&scenario(&format!(
        "{HOSTS}sessions: {{ call: {{ between: [a, b], expect: {{ path: \"${{oracle}}\" }} }} }}\n"
    )));
    let expect = document.case(0).scenario.sessions[0].expect.clone().unwrap();
    assert_eq!(expect.path, Some(ExpectedPath::Oracle));
    assert_errors(
        &scenario(&format!("{HOSTS}{SESSIONS}horizon: «${{oracle}}»\n")),
        &["`${oracle}` stands only as the whole `expect.path`"],
    );
}

#[test]
fn references_and_axes_that_are_wrong() {
    let with = |part: &str, matrix: &str| {
        scenario(&format!("{HOSTS}{SESSIONS}{part}\nmatrix:\n{matrix}\n"))
    };
    let long = "0".repeat(100);
    let rows = [
        (
            with("horizon: «${tiem}»", "  «time»: [1min]"),
            &["unknown axis `tiem`", "the axis `time` is not used"][..],
        ),
        (
            with("horizon: «${time»", "  «time»: [1min]"),
            &["`${` without its `}`", "the axis `time` is not used"],
        ),
        (with("horizon: «x${time}»", "  time: [1, [2]]"), &["`time` is not text in every case"]),
        (
            with("horizon: ${time}", "  time: [1min, «2»]"),
            &[
                "`2` is not a duration: expected one of the units h, min, s, ms, us, ns, like `20ms`",
            ],
        ),
        (with("", "  «time»: [1min]"), &["the axis `time` is not used"]),
        (with("horizon: ${time}", "  «time»: []"), &["the axis `time` has no values"]),
        (
            with("horizon: ${time}", "  time: «1min»"),
            &["expected a list of values, or values by label, found text"],
        ),
        (with("horizon: ${time}", "  time: [1min, «1min»]"), &["the axis `time` has `1min` twice"]),
        (
            with("horizon: ${time}", "  time: { a: 1min, b: «\"${time}\"» }"),
            &["the value of an axis cannot refer to an axis"],
        ),
        (with("horizon: 1min", "  «oracle»: [1min]"), &["`oracle` is not a name for an axis"]),
        (with("description: \"${time}\"", "  «time»: [1min]"), &["the axis `time` is not used"]),
        (
            with("internet: { delay: \"${time}\" }", &format!("  time: [1s, «{long}1s»]")),
            &["this value is too long to be its own label"],
        ),
        (with("horizon: 1min", "  «- a»"), &["expected a mapping for axes by name, found a list"]),
    ];
    for (marked, messages) in rows {
        assert_errors(&marked, messages);
    }
}

#[test]
fn an_error_says_in_which_cases_it_is() {
    let text = scenario(&format!(
        "{HOSTS}sessions:\n  call:\n    between: [a, \"${{b}}\"]\n    hold: ${{hold}}\n\
         matrix: {{ b: [b, c], hold: [1s, 2s, 3h] }}\n"
    ));
    let diagnostics = invalid(&text);
    let found: Vec<_> = diagnostics
        .as_slice()
        .iter()
        .map(|found| (found.line, &*found.message, found.note.as_deref().unwrap()))
        .collect();
    assert_eq!(
        found,
        [
            (5, "the session `call` cannot end in time", "in 2 of 6 cases, first in b=b hold=3h"),
            (8, "unknown host `c`", "in 3 of 6 cases, first in b=c hold=1s"),
        ]
    );
    let all = invalid(&text.replace("[b, c]", "[c, d]"));
    assert_eq!(all.as_slice()[0].note.as_deref(), Some("in 2 of 6 cases, first in b=c hold=3h"));
}

#[test]
fn keys_that_become_the_same_are_errors() {
    let diagnostics = invalid(&scenario(&format!(
        "{HOSTS}sessions: {{ call: {{ between: [a, b], start: {{ a: 1s, \"${{late}}\": 2s }} }} }}\n\
         matrix: {{ late: [a, b] }}\n"
    )));
    let [found] = diagnostics.as_slice() else { panic!("{diagnostics}") };
    assert_eq!(found.message, "the key `a` is used twice");
    assert_eq!(found.note.as_deref(), Some("in 1 of 2 cases, first in late=a"));
}

#[test]
fn ten_thousand_cases_load() {
    let axis = |name: &str| {
        let values: Vec<String> = (1..=100).map(|value| value.to_string()).collect();
        format!("  {name}: [{}]\n", values.join(", "))
    };
    let text = scenario(&format!(
        "{HOSTS}sessions:\n  call:\n    between: [a, b]\n    hold: ${{hold}}s\n    \
         start: {{ a: \"${{start}}ms\" }}\nmatrix:\n{}{}",
        axis("hold"),
        axis("start")
    ));
    let document = valid(&text);
    assert_eq!(document.case_count(), 10_000);
    let last = document.case(9_999);
    assert_eq!(last.labels, [("hold".into(), "100".into()), ("start".into(), "100".into())]);
    assert_eq!(last.scenario.sessions[0].hold, SimDuration::from_secs(100));
}

#[test]
fn too_many_cases_are_refused_before_any_is_made() {
    let values: Vec<String> = (0..200).map(|value| format!("{value}s")).collect();
    let text = scenario(&format!(
        "{HOSTS}sessions: {{ call: {{ between: [a, b], hold: \"${{h}}\", start: {{ a: \"${{s}}\" }} }} }}\n\
         «matrix»: {{ h: [{0}], s: [{0}] }}\n",
        values.join(", ")
    ));
    assert_errors(&text, &["the matrix has more than 20000 cases"]);
    let axes: Vec<String> = (0..9).map(|axis| format!("a{axis}: [1]")).collect();
    let diagnostics =
        invalid(&scenario(&format!("{HOSTS}{SESSIONS}matrix: {{ {} }}\n", axes.join(", "))));
    assert!(diagnostics.to_string().contains("there may be at most 8 axes"), "{diagnostics}");
}

#[test]
fn the_values_of_all_cases_together_are_limited() {
    let values: Vec<String> = (0..20_000).map(|value| format!("{value}")).collect();
    let hosts: String = (0..300).map(|host| format!("  h{host}: {{ lan: l }}\n")).collect();
    let diagnostics = invalid(&scenario(&format!(
        "lans: {{ l: {{ subnet: 10.0.0.0/16 }} }}\nhosts:\n{hosts}sessions:\n  \
         call: {{ between: [h0, h1], hold: \"${{h}}ns\" }}\nmatrix: {{ h: [{}] }}\n",
        values.join(", ")
    )));
    let [found] = diagnostics.as_slice() else { panic!("{diagnostics}") };
    assert_eq!(found.message, "the 20000 cases of the matrix have too many values");
}

#[test]
fn documents_can_be_shared_between_threads() {
    fn assert_shared<T: Send + Sync>(_: &T) {}
    assert_shared(&valid(&document()));
}
