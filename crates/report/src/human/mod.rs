//! Tables for a terminal: what ran, what failed, how to repeat it, and a line that sums up.

mod details;
mod discovery;
mod found;
mod loads;

use std::collections::BTreeMap;

use anstyle::Style;

use crate::profiles;
use crate::table::{Align, Cell, Table};
use crate::text::{
    ALARM, Color, GOOD, HEADER, PLAIN, QUIET, WARN, clean, count, nanos, path_style, span,
    verdict_style,
};
use crate::timeline;
use crate::{
    Agreement, CandidateRecord, DiscoveryFailure, Path, Report, RunRecord, Summary, Times, Verdict,
};

/// Up to this many records get a row each; more are counted by scenario.
const ROWS_MAX: usize = 40;

/// How much of a report is rendered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// What happened, on a few lines a run.
    #[default]
    Brief,
    /// What it cost, too: pipes, bytes on the wire, relays; and who came to know whose addresses.
    Full,
}

/// Renders the report: a table of its runs, every failure in full, the summary line.
///
/// With more than 40 records the table has a row for each scenario, and one
/// for each record that did not pass. What events did to a session stands below, a line each, and
/// the details if they are wanted; then how soon calls became links, if hosts looked for each other.
#[must_use]
pub fn render(report: &Report, detail: Detail, color: Color) -> String {
    let mut out = String::new();
    if report.runs.len() <= ROWS_MAX {
        section(&mut out, &run_table(&report.runs, color));
        section(&mut out, &timeline::render(&report.runs, color));
        if detail == Detail::Full {
            section(&mut out, &details::render(&report.runs, color));
        }
    } else {
        section(&mut out, &scenario_table(&report.runs, color));
        let not_passed = report.runs.iter().filter(|record| record.verdict != Verdict::Pass);
        section(&mut out, &run_table(not_passed.clone(), color));
        section(&mut out, &timeline::render(not_passed.clone().take(ROWS_MAX), color));
        if detail == Detail::Full {
            section(&mut out, &details::render(not_passed.take(ROWS_MAX), color));
        }
    }
    section(&mut out, &discovery::render(&report.runs, color));
    section(&mut out, &failures(&report.runs, color));
    if let Some(caution) = profiles::caution(&report.runs) {
        out += &format!("{}\n", color.paint(WARN, &clean(&caution)));
    }
    out.push_str(&summary_line(report, color));
    out
}

fn section(out: &mut String, text: &str) {
    if !text.is_empty() {
        out.push_str(text);
        out.push('\n');
    }
}

/// Renders one row for each record, or nothing if there are none.
fn run_table<'a>(records: impl IntoIterator<Item = &'a RunRecord> + Clone, color: Color) -> String {
    let mut seeds = records.clone().into_iter().map(|record| record.seed);
    let Some(first_seed) = seeds.next() else {
        return String::new();
    };
    let several_seeds = seeds.any(|seed| seed != first_seed);
    let [load, goodput, done, delay, lost, again, rtt, bottleneck] = loads::TITLES;
    let mut table = Table::new([
        ("scenario", Align::Left),
        ("case", Align::Left),
        ("seed", Align::Right),
        ("session", Align::Left),
        ("path", Align::Left),
        ("agent", Align::Left),
        ("oracle", Align::Left),
        ("gather", Align::Right),
        ("connect", Align::Right),
        load,
        goodput,
        done,
        delay,
        lost,
        again,
        rtt,
        bottleneck,
        ("verdict", Align::Left),
    ]);
    for record in records {
        // Each load and direction has a row; the first one is that of the session as well.
        for (row, cells) in loads::rows(record).into_iter().enumerate() {
            let first = |cell: Cell| if row == 0 { cell } else { Cell::plain("") };
            let [load, goodput, done, delay, lost, again, rtt, bottleneck] = cells;
            let seed = if several_seeds { record.seed.to_string() } else { String::new() };
            let agent = if record.agent == record.path { path_style(record.agent) } else { ALARM };
            table.push([
                first(Cell::plain(&record.scenario)),
                first(Cell::plain(&record.case.to_string())),
                first(Cell::plain(&seed)),
                first(Cell::plain(&record.session)),
                first(Cell::new(path_style(record.path), record.path.as_str())),
                first(Cell::new(agent, record.agent.as_str())),
                first(oracle_cell(record)),
                first(Cell::plain(&nanos(record.gather_ns))),
                first(Cell::plain(&nanos(record.connect_ns))),
                load,
                goodput,
                done,
                delay,
                lost,
                again,
                rtt,
                bottleneck,
                first(Cell::new(verdict_style(record.verdict), record.verdict.as_str())),
            ]);
        }
    }
    table.render(0, color)
}

fn oracle_cell(record: &RunRecord) -> Cell {
    let style = match (record.oracle.path(), record.oracle_agrees()) {
        (Some(predicted), Some(true)) => path_style(predicted),
        (Some(_), _) => ALARM,
        (None, _) => QUIET,
    };
    Cell::new(style, record.oracle.as_str())
}

/// Renders one row for each scenario, in the order of first appearance.
fn scenario_table(records: &[RunRecord], color: Color) -> String {
    let mut table = Table::new([
        ("scenario", Align::Left),
        ("runs", Align::Right),
        ("passed", Align::Right),
        ("failed", Align::Right),
        ("errors", Align::Right),
        ("lan", Align::Right),
        ("direct", Align::Right),
        ("relay", Align::Right),
        ("none", Align::Right),
        ("oracle", Align::Right),
        ("connect p50", Align::Right),
        ("p95", Align::Right),
        ("max", Align::Right),
    ]);
    for (scenario, records) in by_scenario(records) {
        let summary = Summary::of(records.iter().copied());
        let agreement = Agreement::of(records.iter().copied());
        let times = Times::of(records.iter().filter_map(|record| record.connect_ns));
        let path = |path| Cell::count(path_style(path), summary.path(path));
        table.push([
            Cell::plain(scenario),
            Cell::plain(&records.len().to_string()),
            Cell::count(GOOD, summary.pass),
            Cell::count(ALARM, summary.fail),
            Cell::count(ALARM, summary.error),
            path(Path::Lan),
            path(Path::Direct),
            path(Path::Relay),
            path(Path::None),
            Cell::new(
                if agreement.is_full() { PLAIN } else { ALARM },
                &format!("{}/{}", agreement.agree, agreement.predicted),
            ),
            Cell::plain(&span(times.map(|times| times.p50))),
            Cell::plain(&span(times.map(|times| times.p95))),
            Cell::plain(&span(times.map(|times| times.max))),
        ]);
    }
    table.render(0, color)
}

fn by_scenario(records: &[RunRecord]) -> Vec<(&str, Vec<&RunRecord>)> {
    let mut groups: Vec<(&str, Vec<&RunRecord>)> = Vec::new();
    let mut index = BTreeMap::new();
    for record in records {
        let group = *index.entry(record.scenario.as_str()).or_insert_with(|| {
            groups.push((&record.scenario, Vec::new()));
            groups.len() - 1
        });
        groups[group].1.push(record);
    }
    groups
}

/// Renders each record that did not pass: where, why, what was seen, and the command that repeats it.
///
/// Nothing if all passed. Reasons are printed as they are and never shortened.
#[must_use]
pub fn failures(records: &[RunRecord], color: Color) -> String {
    let mut out = String::new();
    for record in records.iter().filter(|record| record.verdict != Verdict::Pass) {
        let word = format!("{:5}", record.verdict.as_str().to_uppercase());
        out += &color.paint(verdict_style(record.verdict), &word);
        out += &format!(" {}", color.paint(HEADER, &clean(&record.scenario)));
        for (axis, label) in record.case.iter() {
            out += &format!(" {}={}", clean(axis), clean(label));
        }
        out += &format!(", session {}, seed {}\n", clean(&record.session), record.seed);
        for reason in &record.reasons {
            out += &format!("      {}\n", clean(reason));
        }
        if record.verdict == Verdict::Fail {
            out += &format!(
                "      path {}, agent {}, oracle {}: {}\n",
                record.path,
                record.agent,
                record.oracle,
                clean(&record.oracle_reason),
            );
        }
        if let Some((failure, reason)) = missed(record) {
            out += &format!("      {failure}: {}\n", clean(reason));
        }
        if let (Some(local), Some(remote)) = (&record.local, &record.remote) {
            out += &format!("      pair {} - {}\n", candidate(local), candidate(remote));
        }
        out += &format!("      repeat: {}\n", color.paint(HEADER, &clean(&record.repeat)));
    }
    out
}

/// Why a call was missed, unless the verdict says it already.
fn missed(record: &RunRecord) -> Option<(DiscoveryFailure, &str)> {
    let discovery = record.discovery.as_ref()?;
    let (failure, reason) = discovery.failure.zip(discovery.failure_reason.as_deref())?;
    (!record.reasons.iter().any(|said| said.contains(reason))).then_some((failure, reason))
}

fn candidate(candidate: &CandidateRecord) -> String {
    format!("{} {}", clean(&candidate.candidate), clean(&candidate.address))
}

/// Renders the counts of verdicts and paths, and how often the oracle was right, as one line.
#[must_use]
pub fn summary_line(report: &Report, color: Color) -> String {
    let summary = &report.summary;
    let when = |condition: bool, style: Style| if condition { style } else { PLAIN };
    let clear = summary.fail == 0 && summary.error == 0;
    let verdicts = [
        color.paint(when(clear, GOOD), &format!("{} passed", summary.pass)),
        color.paint(when(summary.fail > 0, ALARM), &format!("{} failed", summary.fail)),
        color.paint(when(summary.error > 0, ALARM), &count(summary.error, "error")),
    ];
    let paths = Path::ALL.map(|path| {
        let number = summary.path(path);
        color.paint(when(number > 0, path_style(path)), &format!("{number} {path}"))
    });
    let Agreement { agree, predicted, open } = Agreement::of(&report.runs);
    let style = if agree == predicted { GOOD } else { ALARM };
    let oracle = color.paint(style, &format!("{agree}/{predicted} agree with the oracle"));
    let open = if open > 0 { format!(", {open} open") } else { String::new() };
    format!("{} - {} - {oracle}{open}\n", verdicts.join(", "), paths.join(", "))
}
