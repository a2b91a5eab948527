//! The NAT matrix: pairs of mapping and filtering behaviours, with times to connect.

use super::{agreement, escape, origin, path_table, table};
use crate::grid::{Cell, Grid};
use crate::{Path, Report, compact_duration};

pub(super) fn render(grid: &Grid<'_>, report: &Report, command: &str) -> String {
    let [row_axis, column_axis] = grid.axes().map(escape);
    let mut out = format!(
        "# NAT matrix\n\n\
         Two peers, each behind a NAT: do they get a direct path or a relay, and how soon?\n\
         Rows are **{row_axis}**, columns **{column_axis}**: the mapping and filtering of each NAT \
         (RFC 4787).\n",
    );
    out += &origin(report, command);
    out += &outcome_table(grid, &format!("{row_axis} \\\\ {column_axis}"));
    out.push('\n');
    out += &path_table(grid);
    out += &agreement(report);
    out += NOTES;
    out
}

const NOTES: &str = "\
## Notes

- **Mapping**: endpoint-independent (EIM), address-dependent (ADM), address and port-dependent (APDM).
- **Filtering**: endpoint-independent (EIF), address-dependent (ADF), address and port-dependent (APDF).
- The path is what the simulated network saw the payload take, not what an agent reports.
- Times are virtual: from the start of the session until both agents report a connection.
- `!` marks an outcome that the scenario does not expect or the oracle does not predict.
";

fn outcome_table(grid: &Grid<'_>, corner: &str) -> String {
    let mut rows = vec![vec![corner.to_owned()]];
    rows[0].extend(grid.columns().iter().map(|label| escape(label)));
    for (row, label) in grid.rows().iter().enumerate() {
        let cells = (0..grid.columns().len())
            .map(|column| grid.cell(row, column).map_or_else(String::new, outcome));
        rows.push([format!("**{}**", escape(label))].into_iter().chain(cells).collect());
    }
    table(&rows)
}

/// The letter of the path, bold if it is not the best one, then the median time to connect.
fn outcome(cell: &Cell) -> String {
    let mut out = escape(&cell.letter().to_string());
    if !matches!(cell.path, Some(Path::Lan | Path::Direct)) {
        out = format!("**{out}**");
    }
    if cell.alarm {
        out.push('!');
    }
    if let Some(times) = cell.connect {
        out += &format!(" {}", compact_duration(times.p50));
    }
    out
}
