use natbed_report::grid::Grid;
use natbed_report::{Color, Path, Prediction, RunRecord};
use proptest::prelude::*;

use crate::fixture::{case, full, nat_matrix, passing, seen_as, uncoloured, visible};

fn draw(records: &[RunRecord]) -> String {
    Grid::new(records).expect("a grid").render(Color::Never)
}

#[test]
fn the_nat_matrix_is_nine_by_nine() {
    insta::assert_snapshot!(draw(&nat_matrix()));
}

#[test]
fn cells_are_told_apart_by_letter_and_by_colour() {
    let runs = nat_matrix();
    let coloured = Grid::new(&runs).unwrap().render(Color::Always);
    insta::assert_snapshot!(visible(&coloured));
    assert_eq!(uncoloured(&coloured), draw(&runs));
}

#[test]
fn failures_and_surprises_and_gaps_are_marked() {
    let mut runs = nat_matrix();
    runs[0] = seen_as(Path::Relay, runs[0].clone());
    runs[80].oracle = Prediction::Direct;
    runs.remove(40);
    insta::assert_snapshot!(draw(&runs));
}

#[test]
fn further_axes_and_seeds_are_folded() {
    let record = |a, b, first, seed, path| RunRecord {
        seed,
        ..passing("fold", &[("a", a), ("b", b), ("first", first)], path)
    };
    let runs = [
        record("x", "p", "a", 1, Path::Direct),
        record("x", "p", "b", 1, Path::Direct),
        record("x", "q", "a", 1, Path::Direct),
        record("x", "q", "b", 2, Path::Relay),
        record("y", "p", "a", 1, Path::Lan),
        record("y", "q", "a", 3, Path::None),
    ];
    insta::assert_snapshot!("folded", draw(&runs));
}

#[test]
fn wide_labels_are_numbered() {
    let profiles = [
        "linux-masquerade",
        "linux-masquerade-random",
        "linux-masquerade-wan-input-accept",
        "rfc4787-recommended",
        "rfc6888-cgn",
    ];
    let matrix = |columns: &[&str]| -> Vec<RunRecord> {
        let pairs = profiles.iter().flat_map(|&a| columns.iter().map(move |&b| (a, b)));
        pairs.map(|(a, b)| passing("pairs", &[("a", a), ("b", b)], Path::Direct)).collect()
    };
    insta::assert_snapshot!("numbered_square", draw(&matrix(&profiles)));
    insta::assert_snapshot!("numbered_with_key", draw(&matrix(&profiles[1..])));
}

#[test]
fn a_report_that_is_no_grid_is_none() {
    let one_axis = passing("x", &[("a", "1")], Path::Lan);
    let other_scenario = passing("y", &[("a", "1"), ("b", "1")], Path::Lan);
    let other_axes = passing("y", &[("a", "1"), ("c", "1")], Path::Lan);
    assert!(Grid::new(&[]).is_none());
    assert!(Grid::new(&[one_axis]).is_none());
    assert!(Grid::new(&[full(), other_scenario.clone()]).is_none());
    assert!(Grid::new(&[other_scenario, other_axes]).is_none());
    let columns = |number: u32| -> Vec<RunRecord> {
        let label =
            |column: u32| passing("y", &[("a", "1"), ("b", &column.to_string())], Path::Lan);
        (0..number).map(label).collect()
    };
    assert!(Grid::new(&columns(24)).is_some());
    assert!(Grid::new(&columns(25)).is_none());
}

#[test]
fn labels_cannot_break_the_grid() {
    let evil = passing("e\nvil", &[("a\u{1b}[2J", "x\ny"), ("b\u{7}", "p/\u{202e}/\0")], Path::Lan);
    insta::assert_snapshot!("hostile_labels", draw(&[evil]));
}

proptest! {
    #[test]
    fn no_line_is_wider_than_a_hundred_columns(
        rows in prop::collection::vec(".{0,60}", 1..5),
        columns in prop::collection::vec(".{0,60}", 1..25),
        axes in (".{0,120}", ".{0,120}"),
    ) {
        prop_assume!(axes.0 != axes.1);
        let mut runs = Vec::new();
        for row in &rows {
            for column in &columns {
                let case = case(&[(&axes.0, row), (&axes.1, column)]);
                runs.push(RunRecord { case, ..full() });
            }
        }
        let text = draw(&runs);
        for line in text.lines() {
            let width = unicode_width::UnicodeWidthStr::width(line);
            prop_assert!(width <= 100, "{width} columns: {line}");
        }
    }
}
