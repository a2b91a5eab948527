//! How soon calls became links, by scenario and case, and which of them were missed.

use super::ROWS_MAX;
use crate::discovery::tally::{Scenario, Tally, by_scenario};
use crate::table::{Align, Cell, Table};
use crate::text::{
    ALARM, BAD, Color, GOOD, HEADER, PLAIN, QUIET, clean, compact_bytes, count, shorten, span,
};
use crate::{RunRecord, Times, TrafficRecord};

/// Up to this many cases of a scenario have a row each; more are taken together.
const CASES_MAX: usize = 12;

/// The columns that scenarios and cases get, so that the other ones fit a terminal beside them.
const NAME_WIDTH_MAX: usize = 31;

/// A scenario, or a case below its scenario, and what its calls came to.
struct Row<'a> {
    /// Its cleaned name, short enough for a table.
    short: String,
    /// The cleaned names of the scenario and the case in full.
    title: [String; 2],
    /// `None` for a scenario above its cases.
    tally: Option<Tally<'a>>,
}

/// Renders the phases, the counts and the missed calls; nothing if no record has a discovery.
pub(super) fn render(records: &[RunRecord], color: Color) -> String {
    let rows = rows(&by_scenario(records));
    if rows.is_empty() {
        return String::new();
    }
    let mut out = color.paint(HEADER, "from call to link");
    out += ": virtual time since the call, of bootstrap since its node went online\n";
    out += &phase_table(&rows).render(0, color);
    out.push('\n');
    out += &count_table(&rows).render(0, color);
    let misses = misses(&rows, color);
    if !misses.is_empty() {
        out.push('\n');
        out += &misses;
    }
    out
}

fn rows<'a>(scenarios: &[Scenario<'a>]) -> Vec<Row<'a>> {
    let has_few = |scenario: &Scenario<'_>| scenario.cases.len() <= CASES_MAX;
    let cases = scenarios.iter().filter(|scenario| has_few(scenario));
    let are_few = cases.map(|scenario| scenario.cases.len()).sum::<usize>() <= ROWS_MAX;
    let mut rows = Vec::new();
    let mut push = |short: &str, title: [&str; 2], tally| {
        let short = shorten(short, NAME_WIDTH_MAX).into_owned();
        rows.push(Row { short, title: title.map(str::to_owned), tally });
    };
    for scenario in scenarios {
        let name = clean(scenario.name);
        match &scenario.cases[..] {
            [(case, _)] if case.is_empty() => push(&name, [&name, ""], Some(scenario.tally())),
            cases if are_few && has_few(scenario) => {
                push(&name, [&name, ""], None);
                for (case, calls) in cases {
                    let case = clean(case);
                    push(&format!("  {case}"), [&name, &case], Some(Tally::of(calls)));
                }
            }
            cases => {
                let number = count(cases.len() as u64, "case");
                // The number must not be what is cut off.
                let room = NAME_WIDTH_MAX - number.len() - 2;
                let short = format!("{}, {number}", shorten(&name, room));
                push(&short, [&name, ""], Some(scenario.tally()));
            }
        }
    }
    rows
}

/// A row for the medians, and one below it for the 95th percentiles where there are several calls.
fn phase_table(rows: &[Row<'_>]) -> Table {
    let mut table = Table::new([
        ("scenario", Align::Left),
        ("", Align::Left),
        ("boot-\nstrap", Align::Right),
        ("offer\nstored", Align::Right),
        ("offer\nseen", Align::Right),
        ("answer\nseen", Align::Right),
        ("candidates\nknown", Align::Right),
        ("connected", Align::Right),
        ("first\npayload", Align::Right),
    ]);
    for Row { short, tally, .. } in rows {
        let Some(tally) = tally else {
            table.push_head(Cell::plain(short));
            continue;
        };
        let mut push = |name: &str, percentile: &str, of: fn(Times) -> _| {
            let times = tally.phases.map(|times| Cell::plain(&span(times.map(of))));
            let head = [Cell::plain(name), Cell::new(QUIET, percentile)];
            table.push(head.into_iter().chain(times));
        };
        let is_one = tally.calls == 1;
        push(short, if is_one { "" } else { "p50" }, |times| times.p50);
        if !is_one {
            push("", "p95", |times| times.p95);
        }
    }
    table
}

fn count_table(rows: &[Row<'_>]) -> Table {
    let mut table = Table::new([
        ("scenario", Align::Left),
        ("calls", Align::Right),
        ("found\nby lan", Align::Right),
        ("found\nby dht", Align::Right),
        ("missed", Align::Right),
        ("linked", Align::Right),
        ("sent\na peer", Align::Right),
        ("data-\ngrams", Align::Right),
        ("received\na peer", Align::Right),
        ("data-\ngrams", Align::Right),
    ]);
    for Row { short, tally, .. } in rows {
        let Some(tally) = tally else {
            table.push_head(Cell::plain(short));
            continue;
        };
        let [sent, received] = [tally.sent, tally.received].map(|traffic| {
            let show = |of: fn(TrafficRecord) -> String| traffic.map_or_else(|| "-".to_owned(), of);
            let bytes = show(|traffic| compact_bytes(traffic.bytes));
            [bytes, show(|traffic| traffic.datagrams.to_string())].map(|text| Cell::plain(&text))
        });
        let counts = [
            Cell::plain(short),
            Cell::plain(&tally.calls.to_string()),
            Cell::count(GOOD, tally.by_lan),
            Cell::count(GOOD, tally.by_dht),
            Cell::count(BAD, tally.missed),
            Cell::count(PLAIN, tally.linked),
        ];
        table.push(counts.into_iter().chain(sent).chain(received));
    }
    table
}

/// For each row and cause: how many calls, and the evidence of the first one, never shortened.
fn misses(rows: &[Row<'_>], color: Color) -> String {
    let mut out = String::new();
    for Row { title: [scenario, case], tally, .. } in rows {
        let Some(tally) = tally else { continue };
        for miss in &tally.misses {
            out += &color.paint(ALARM, "MISSED");
            out += &format!(" {}", color.paint(HEADER, scenario));
            if !case.is_empty() {
                out += &format!(" {case}");
            }
            let calls = count(tally.calls, "call");
            out += &format!(": {} of {calls}, {}\n", miss.calls, miss.word());
            let record = miss.first.record;
            let mut place = format!("session {}, seed {}", clean(&record.session), record.seed);
            if case.is_empty() && !record.case.is_empty() {
                place = format!("{}, {place}", clean(&record.case.to_string()));
            }
            let first = if miss.calls > 1 { "first in " } else { "" };
            let reason = miss.first.discovery.failure_reason.as_deref();
            let reason = reason.map_or_else(String::new, |reason| format!(": {}", clean(reason)));
            out += &format!("       {first}{place}{reason}\n");
        }
    }
    out
}
