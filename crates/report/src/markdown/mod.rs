//! Markdown that is published: matrices of NATs and of devices, claims about throughput, discovery.

mod claims;
mod device_matrix;
mod discovery;
mod nat_matrix;

pub use claims::{Claim, claims};
pub use discovery::discovery;

use crate::grid::{Grid, PathStats, letter, meaning};
use crate::text::{clean, count, seeds, span, width};
use crate::{Agreement, Report, profiles};

/// Renders the page of a matrix: how it was made, its outcomes, counts and notes.
///
/// A matrix whose first two axes name profiles becomes a device matrix, which says how far each
/// profile can be trusted; any other one a NAT matrix, with times to connect.
///
/// `command` is the command line that makes the page. The bytes depend on the
/// report and the command alone, so that a committed page can be checked for
/// being current. `None` if the report is not a grid ([`Grid::new`]).
#[must_use]
pub fn matrix(report: &Report, command: &str) -> Option<String> {
    let grid = Grid::new(&report.runs)?;
    Some(match device_matrix::Devices::of(&grid, report) {
        Some(devices) => device_matrix::render(&grid, &devices, report, command),
        None => nat_matrix::render(&grid, report, command),
    })
}

/// Says which runs a page is made of, by which command, and which profiles in it are unverified.
fn origin(report: &Report, command: &str) -> String {
    let scenario = report.runs.first().map_or("", |record| &record.scenario);
    let runs = count(report.runs.len() as u64, "run");
    provenance(report, &format!("{runs} of the scenario {}", escape(scenario)), command)
}

/// Says of `what` a page is made, with which seeds, and which profiles in it are unverified.
fn provenance(report: &Report, what: &str, command: &str) -> String {
    let mut out = format!(
        "{what} with {}, made by natbed {}:\n\n    {}\n\n",
        seeds(&report.runs),
        escape(&report.natbed),
        clean(command),
    );
    if let Some(caution) = profiles::caution(&report.runs) {
        out += &format!("**Caution:** {}.\n\n", escape(&caution));
    }
    out
}

/// Says how often the oracle was right.
fn agreement(report: &Report) -> String {
    let Agreement { agree, predicted, open } = Agreement::of(&report.runs);
    let open = if open > 0 { format!(" It leaves {open} open.") } else { String::new() };
    format!(
        "\n{agree} of {predicted} outcomes are what the oracle predicts: the closed-form rule that \
         knows nothing but the two NATs.{open}\n\n"
    )
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
