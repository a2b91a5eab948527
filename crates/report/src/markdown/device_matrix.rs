//! The device matrix: pairs of profiles, and how far each profile can be trusted.

use std::collections::BTreeMap;

use super::{agreement, escape, origin, path_table, table};
use crate::grid::{Cell, Grid};
use crate::{Path, ProfileRecord, Report};

/// The profiles that a matrix is of, by name.
pub(super) struct Devices<'a>(BTreeMap<&'a str, &'a ProfileRecord>);

impl<'a> Devices<'a> {
    /// `None` if a row or a column is not named after a profile that its runs used.
    pub(super) fn of(grid: &Grid<'_>, report: &'a Report) -> Option<Self> {
        let profiles = report.runs.iter().flat_map(|record| &record.profiles);
        let devices: BTreeMap<_, _> =
            profiles.map(|profile| (profile.name.as_str(), profile)).collect();
        let mut labels = grid.rows().iter().chain(grid.columns());
        labels.all(|label| devices.contains_key(label)).then_some(Self(devices))
    }

    fn status(&self, label: &str) -> &str {
        self.0.get(label).map_or("", |profile| &profile.status)
    }

    /// The name with the mark of its status.
    fn name(&self, label: &str) -> String {
        let mark = match self.status(label) {
            "unverified" => " \u{2020}",
            "secondary" => " \u{2021}",
            _ => "",
        };
        format!("{}{mark}", escape(label))
    }
}

pub(super) fn render(
    grid: &Grid<'_>,
    devices: &Devices<'_>,
    report: &Report,
    command: &str,
) -> String {
    let [row_axis, column_axis] = grid.axes().map(escape);
    let mut out = format!(
        "# Device matrix\n\n\
         Two peers, each behind a device that people have: do they get a direct path or a relay?\n\
         Rows are **{row_axis}**, columns **{column_axis}**.\n",
    );
    out += &origin(report, command);
    out += &outcome_table(grid, devices, &format!("{row_axis} \\\\ {column_axis}"));
    out.push('\n');
    out += &path_table(grid);
    out += &agreement(report);
    out += "## How far each device gets\n\n";
    out += &reach_table(grid, devices);
    out.push('\n');
    out += NOTES;
    out
}

const NOTES: &str = "\
## Notes

- **D** direct, end to end; **R** through a relay; **-** no connection; **L** never left the LAN; `*` several of these.
- The path is what the simulated network saw the payload take, not what an agent reports.
- `!` marks an outcome that the scenario does not expect or the oracle does not predict.
- \u{2020} unverified: the profile is from memory or from a third party's preset, not to be taken for the device.
- \u{2021} secondary: the profile was read in a text that quotes the original.
- `natbed nat show NAME` prints every property of a profile and where it comes from.
";

/// Rows by number and name; columns by number where they are the same, by name where not.
fn outcome_table(grid: &Grid<'_>, devices: &Devices<'_>, corner: &str) -> String {
    let is_square = grid.rows() == grid.columns();
    let mut head = vec!["#".to_owned(), corner.to_owned()];
    head.extend(grid.columns().iter().enumerate().map(|(column, label)| {
        if is_square { (column + 1).to_string() } else { devices.name(label) }
    }));
    let mut rows = vec![head];
    for (row, label) in grid.rows().iter().enumerate() {
        let mut cells = vec![(row + 1).to_string(), devices.name(label)];
        cells.extend(
            (0..grid.columns().len())
                .map(|column| grid.cell(row, column).map_or_else(String::new, outcome)),
        );
        rows.push(cells);
    }
    table(&rows)
}

/// The letter of the path, bold if it is not the best one.
fn outcome(cell: &Cell) -> String {
    let letter = escape(&cell.letter().to_string());
    let alarm = if cell.alarm { "!" } else { "" };
    match cell.path {
        Some(Path::Lan | Path::Direct) => format!("{letter}{alarm}"),
        _ => format!("**{letter}**{alarm}"),
    }
}

/// For each row, with how many columns it is direct, relayed or not connected.
fn reach_table(grid: &Grid<'_>, devices: &Devices<'_>) -> String {
    let titles = ["#", "profile", "status", "direct", "relay", "none", "several"];
    let mut rows = vec![titles.map(str::to_owned).to_vec()];
    for (row, label) in grid.rows().iter().enumerate() {
        let cells = || (0..grid.columns().len()).filter_map(|column| grid.cell(row, column));
        let number = |is_wanted: fn(Option<Path>) -> bool| {
            cells().filter(|cell| is_wanted(cell.path)).count().to_string()
        };
        rows.push(vec![
            (row + 1).to_string(),
            devices.name(label),
            escape(devices.status(label)),
            number(|path| matches!(path, Some(Path::Lan | Path::Direct))),
            number(|path| path == Some(Path::Relay)),
            number(|path| path == Some(Path::None)),
            number(|path| path.is_none()),
        ]);
    }
    table(&rows)
}
