//! Markdown that is published: the NAT matrix.

use crate::grid::{Cell, Grid, PathStats, letter, meaning};
use crate::text::{clean, count, seeds, span, width};
use crate::{Agreement, Path, Report, compact_duration};

/// Renders the NAT matrix: how it was made, outcomes and times to connect, counts and notes.
///
/// `command` is the command line that makes the page. The bytes depend on the
/// report and the command alone, so that a committed page can be checked for
/// being current. `None` if the report is not a grid ([`Grid::new`]).
#[must_use]
pub fn nat_matrix(report: &Report, command: &str) -> Option<String> {
    let grid = Grid::new(&report.runs)?;
    let first = report.runs.first()?;
    let agreement = Agreement::of(&report.runs);
    let [row_axis, column_axis] = grid.axes().map(escape);
    let mut out = format!(
        "# NAT matrix\n\n\
         Two peers, each behind a NAT: do they get a direct path or a relay, and how soon?\n\
         Rows are **{row_axis}**, columns **{column_axis}**: the mapping and filtering of each NAT \
         (RFC 4787).\n\
         {} of the scenario {} with {}, made by natbed {}:\n\n    {}\n\n",
        count(report.runs.len() as u64, "run"),
        escape(&first.scenario),
        seeds(&report.runs),
        escape(&report.natbed),
        clean(command),
    );
    out += &outcome_table(&grid, &format!("{row_axis} \\\\ {column_axis}"));
    out.push('\n');
    out += &path_table(&grid);
    out += &format!(
        "\n{} of {} outcomes are what the oracle predicts: the closed-form rule that knows nothing \
         but the two NATs.\n\n",
        agreement.agree, agreement.predicted,
    );
    out += NOTES;
    Some(out)
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

fn path_table(grid: &Grid<'_>) -> String {
    let titles = ["path", "meaning", "runs", "oracle agrees", "connect p50", "p95", "max"];
    let mut rows = vec![titles.map(str::to_owned).to_vec()];
    rows.extend(grid.paths().map(|PathStats { path, runs, agreement, times }| {
        vec![
            format!("**{}** {path}", letter(path)),
            meaning(path).to_owned(),
            runs.to_string(),
            format!("{}/{}", agreement.agree, agreement.predicted),
            span(times.map(|times| times.p50)),
            span(times.map(|times| times.p95)),
            span(times.map(|times| times.max)),
        ]
    }));
    table(&rows)
}

/// Renders a table from escaped cells, its columns aligned in the source too.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let wide: Vec<usize> = (0..columns)
        .map(|column| rows.iter().map(|row| width(&row[column])).max().unwrap_or(0).max(3))
        .collect();
    let mut out = String::new();
    for (index, row) in rows.iter().enumerate() {
        for (cell, wide) in row.iter().zip(&wide) {
            out += &format!("| {cell}{:1$} ", "", wide - width(cell));
        }
        out += "|\n";
        if index == 0 {
            out.extend(wide.iter().map(|&wide| format!("|{}", "-".repeat(wide + 2))));
            out += "|\n";
        }
    }
    out
}

/// Escapes what Markdown, or a terminal that shows its source, would interpret inside a line.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in clean(text).chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '&' | '|' | '~' | '$') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}
